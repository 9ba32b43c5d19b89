/* dft.c - one axis of a Fourier, cosine or sine transform of any length, with any set of kept frequencies: plans, and the call.
 *
 *     signed, half   forward  X_f = 1/N sum_n x_n exp(-2 pi i f n / N)        inverse  x_n = sum_f X_f exp(2 pi i f n / N), half: its real part,
 *                                                                             f = 0 and f = N/2 once, all others twice
 *     cosine, sine   forward  X_f = c_f/N sum_n x_n cos(pi f (n + 1/2) / N), c_f = 1 once, else 2        inverse  x_n = sum_f X_f cos(..)
 *
 * Few frequencies are matrix products, after the panel has been folded by the symmetries of the matrix:
 *     cos(2 pi f n / N) = cos(2 pi f (N-n) / N), sin the other sign:     S_n = x_n + x_(N-n), D_n = x_n - x_(N-n); cosines of S, sines of D
 *     when 4 divides N, again n against N/2 - n by the parity of f:      a quarter of the work each, so half of what one fold leaves
 *     cos(pi f (n + 1/2) / N) against N-1-n: even f of S, odd f of D (sine: the other way round)
 * Many frequencies are an FFT.  A plan depends on the axis alone; a model's plan keeps those of its calls. */
#include "dft.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- which lanes ------------------------------------------------------------------------------------------------------ */
static const Lanes *lanes_for(const PlanOptions *o, bool f64, int64_t lines) {
    const Lanes *of[3] = { f64 ? &pgn_lanes_f64 : &pgn_lanes_f32, NULL, NULL };
    int most = 0;
#if defined(__x86_64__)
    of[1] = f64 ? &pgn_lanes_f64_avx2 : &pgn_lanes_f32_avx2, of[2] = f64 ? &pgn_lanes_f64_avx512 : &pgn_lanes_f32_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) most = 1;
    if (most && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) most = 2;
#endif
    int wanted = o ? o->dft_lanes : 0;
    if (wanted > 0 && wanted - 1 < most) most = wanted - 1;
    while (!wanted && most > 0 && lines <= of[most - 1]->width) most--;      /* idle lanes cost as much as busy ones */
    return of[most];
}

/* ---- plans ----------------------------------------------------------------------------------------------------------------- */
static bool is_table(const Dft *d) { return d->family == DFT_COSINE || d->family == DFT_SINE; }
static void set(const Dft *d, void *t, int64_t at, double v) { if (d->f64) ((double *)t)[at] = v; else ((float *)t)[at] = (float)v; }
static int64_t mod(int64_t a, int64_t n) { a %= n; return a < 0 ? a + n : a; }
static void fill_modes(Dft *d, int64_t n0, int64_t f0, int64_t f1) {
    int64_t N = d->n;
    for (int64_t k = 0; k < d->modes; k++) {
        DftMode *m = &d->mode[k];
        int64_t f = k < n0 ? f0 + k : f1 + (k - n0);
        m->place = mod(f, N), m->c = mod(f, 4 * N), m->s = -1;                /* c: for now the frequency of the matrix */
        m->scale = d->inverse ? 1 : 1 / (double)N, m->twist_re = 1, m->twist_im = 0;
        if (d->family == DFT_HALF && d->inverse) m->scale = f == 0 || 2 * f == N ? 1 : 2;
        if (!is_table(d)) continue;
        if (!d->inverse && f != (d->family == DFT_COSINE ? 0 : N)) m->scale *= 2;
        pgn_fft_root(m->c, 4 * N, &m->twist_re, &m->twist_im);                /* exp(i pi f / 2N) */
        if (d->family == DFT_SINE) { double t = m->twist_re; m->twist_re = m->twist_im, m->twist_im = -t; }     /* sin = Re(-i exp) */
        if (!d->inverse) m->twist_im = -m->twist_im;                          /* conjugate: the FFT's sign is minus */
    }
}
/* A row of the folded matrix: which class it is in, its frequency, sine or cosine; value at position n. */
typedef struct Row { int class_; bool sine; int64_t f; double scale; } Row;
typedef struct Roots { int64_t n; double *at; } Roots;          /* exp(2 pi i t / n) */
static double value(const Dft *d, const Roots *r, const Row *row, int64_t n) {
    int64_t t = is_table(d) ? (int64_t)((unsigned __int128)row->f * (uint64_t)(2 * n + 1) % (uint64_t)r->n) : (int64_t)((unsigned __int128)row->f * (uint64_t)n % (uint64_t)r->n);
    return row->scale * r->at[2 * t + row->sine];
}
/* Rows for all modes; equal ones are shared. Mode k's number is that of rows c and s. */
static int64_t add_row(Row *row, int64_t *n, int64_t *slot, Row r) {
    if (*slot < 0) row[*slot = (*n)++] = r;
    return *slot;
}
static int64_t make_rows(Dft *d, Row *row, int64_t *cosine, int64_t *sine) {
    int64_t N = d->n, n = 0, period = is_table(d) ? 4 * N : N;
    for (int64_t k = 0; k < period; k++) cosine[k] = sine[k] = -1;
    for (int64_t k = 0; k < d->modes; k++) {
        DftMode *m = &d->mode[k];
        double scale = d->inverse ? 1 : m->scale;
        if (is_table(d)) {
            bool s = d->family == DFT_SINE, odd = m->c & 1;
            m->c = add_row(row, &n, &cosine[m->c], (Row){ odd != s, s, m->c, scale });
            continue;
        }
        int64_t f = m->place, g = f ? N - f : 0, c = f < g ? f : g;
        int quarter = d->fold == 2 ? c & 1 : 0;
        m->c = add_row(row, &n, &cosine[c], (Row){ d->fold == 2 ? quarter : 0, false, c, scale });
        m->sign = f == c ? 1 : -1;
        if (c && 2 * c != N) m->s = add_row(row, &n, &sine[c], (Row){ d->fold == 2 ? 3 - quarter : 1, true, c, scale });
    }
    return n;
}
/* Positions of each class: element first + step j of the panel holds what is folded onto position from + j. */
static void make_classes(Dft *d, int64_t from[4]) {
    int64_t N = d->n;
    DftClass *c = d->class_;
    from[0] = from[1] = from[2] = from[3] = 0;
    if (is_table(d)) {
        c[0] = (DftClass){ .first = 0, .step = 1, .length = (N + 1) / 2 };
        c[1] = (DftClass){ .first = N - 1, .step = -1, .length = N / 2 };
        d->n_class = 2;
    } else if (d->fold == 1) {
        c[0] = (DftClass){ .first = 0, .step = 1, .length = N / 2 + 1 };
        c[1] = (DftClass){ .first = N - 1, .step = -1, .length = (N - 1) / 2 };
        from[1] = 1;
        d->n_class = 2;
    } else {
        c[0] = (DftClass){ .first = 0, .step = 1, .length = N / 4 + 1 };                   /* cosines, even f */
        c[1] = (DftClass){ .first = N / 2, .step = -1, .length = N / 4 };                  /* cosines, odd f */
        c[2] = (DftClass){ .first = N - 1, .step = -1, .length = N / 4 };                  /* sines, odd f */
        c[3] = (DftClass){ .first = N / 2 + 1, .step = 1, .length = N / 4 - 1 };           /* sines, even f */
        from[2] = from[3] = 1;
        d->n_class = 4;
    }
}
static bool make_tables(Dft *d, Row *row, int64_t *number, const Roots *roots) {
    int64_t from[4], y = 0;
    make_classes(d, from);
    for (int k = 0; k < d->n_class; k++) {
        DftClass *c = &d->class_[k];
        c->y = y;
        for (int64_t q = 0; q < d->n_row; q++) if (row[q].class_ == k) number[q] = y++;
        c->rows = y - c->y;
        int64_t results = d->inverse ? c->length : c->rows, sums = d->inverse ? c->rows : c->length;
        if (!(c->table = pgn_alloc(d->memory, (size_t)(results * sums), d->f64 ? 8 : 4))) return false;
    }
    for (int64_t k = 0; k < d->modes; k++) {
        DftMode *m = &d->mode[k];
        m->c = number[m->c];
        if (m->s >= 0) m->s = number[m->s];
    }
    for (int64_t q = 0; q < d->n_row; q++) {
        DftClass *c = &d->class_[row[q].class_];
        int64_t here = number[q] - c->y, block = d->lanes->block;
        int64_t results = d->inverse ? c->length : c->rows, sums = d->inverse ? c->rows : c->length, blocks = (results + block - 1) / block;
        for (int64_t b = 0; b < blocks; b++) {                                /* the division of dft_lanes.h */
            int64_t lo = results * b / blocks, hi = results * (b + 1) / blocks;
            if (!d->inverse && (here < lo || here >= hi)) continue;
            if (d->inverse) for (int64_t i = lo; i < hi; i++) set(d, c->table, sums * lo + here * (hi - lo) + (i - lo), value(d, roots, &row[q], from[row[q].class_] + i));
            else for (int64_t i = 0; i < sums; i++) set(d, c->table, sums * lo + i * (hi - lo) + (here - lo), value(d, roots, &row[q], from[row[q].class_] + i));
        }
    }
    return true;
}
static bool plan_direct(Dft *d) {
    int64_t N = d->n, period = is_table(d) ? 4 * N : N;
    size_t rows = 2 * (size_t)d->modes + 1;
    d->fold = !is_table(d) && N % 4 == 0 ? 2 : 1;
    const pgn_options *o = d->memory;
    Roots r = { period, pgn_alloc(o, 2 * (size_t)period, sizeof(double)) };
    Row *row = pgn_alloc(o, rows, sizeof *row);
    int64_t *slot = pgn_alloc(o, 2 * (size_t)period, sizeof *slot), *number = pgn_alloc(o, rows, sizeof *number);
    bool ok = r.at && row && slot && number;
    if (ok) {
        for (int64_t t = 0; t < period; t++) pgn_fft_root(t, period, &r.at[2 * t], &r.at[2 * t + 1]);
        d->n_row = make_rows(d, row, slot, slot + period);
        ok = make_tables(d, row, number, &r);
    }
    void *all[] = { r.at, row, slot, number };
    for (int k = 0; k < 4; k++) pgn_release(o, all[k]);
    return ok;
}
/* Cost of one tile in multiply-adds of vectors, fitted to bench/spectral.c: a product is what it is; a stage of an FFT about 6 per point
 * (larger radices r: 4 r), and 1.4 times that once the panel and its copy leave the first cache; Bluestein's method two FFTs of more than
 * twice the length. */
static double cost_direct(const Dft *d) {
    double rows = is_table(d) ? (double)d->modes : 2 * (double)(d->family == DFT_SIGNED && !d->pair ? d->modes / 2 + 1 : d->modes);
    double products = rows * (double)d->n / (!is_table(d) && d->n % 4 == 0 ? 4 : 2);
    return products * (products * (d->f64 ? 8 : 4) > 8e6 ? 6 : 2);             /* a table that has to come from memory for every tile */
}
static double cost_fft(const Dft *d, int64_t n) {
    if (pgn_fft_is_smooth(n)) {
        double each = is_table(d) ? 4 : 0;
        for (int64_t m = n; m > 1;) {
            int p = m % 4 == 0 ? 4 : 2;
            while (m % p) p++;
            each += p <= 4 ? 6 : p == 5 ? 7 : 4 * p;
            m /= p;
        }
        bool large = 4 * (double)n * d->lanes->width * (d->f64 ? 8 : 4) > 80000;
        return each * (large ? 1.4 : 1) * (double)n;
    }
    int64_t m = 1;
    while (m < 2 * n - 1) m *= 2;
    return 2 * cost_fft(d, m) + 12 * (double)m;
}
static Dft *plan_new(const pgn_options *o, const int64_t *key, const Lanes *lanes, int64_t n0, int64_t f0, int64_t f1) {
    Dft *d = pgn_alloc_zero(o, 1, sizeof *d);
    if (!d) return NULL;
    memcpy(d->key, key, sizeof d->key);
    d->memory = o, d->lanes = lanes;
    d->f64 = key[0] & 1, d->pair = key[0] >> 1 & 1, d->inverse = key[0] >> 2 & 1, d->family = (int)(key[0] >> 3 & 3), d->n = key[1], d->modes = key[2];
    int method = o ? ((const PlanOptions *)(const void *)o)->dft_method : 0;
    d->direct = method ? method == 1 : cost_direct(d) <= cost_fft(d, d->n);
    bool ok = (d->mode = pgn_alloc(o, (size_t)d->modes + 1, sizeof *d->mode)) != NULL;
    if (ok) fill_modes(d, n0, f0, f1);
    ok = ok && (d->direct ? plan_direct(d) : (d->fft = pgn_fft_new(o, d->n, d->f64)) != NULL);
    if (ok) return d;
    pgn_dft_free(d);
    return NULL;
}
void pgn_dft_free(Dft *d) {
    while (d) {
        Dft *next = d->next;
        for (int k = 0; k < d->n_class; k++) pgn_release(d->memory, d->class_[k].table);
        pgn_fft_free(d->fft);
        pgn_release(d->memory, d->mode);
        pgn_release(d->memory, d);
        d = next;
    }
}
/* The plan for this axis: from the model's plan, where a list keeps them (entries are never changed or taken out, so readers need no lock),
 * or made now. *own: the caller frees it. */
static const Dft *plan_for(const pgn_options *o, const int64_t *key, const Lanes *lanes, int64_t n0, int64_t f0, int64_t f1, Dft **own) {
    PlanOptions *p = (PlanOptions *)(void *)o;
    Dft *first = o ? atomic_load(&p->dft) : NULL;
    *own = NULL;
    for (Dft *d = first; d; d = d->next) if (!memcmp(d->key, key, sizeof d->key)) return d;
    Dft *d = plan_new(o, key, lanes, n0, f0, f1);
    if (!d) return NULL;
    if (!o) return *own = d;
    do d->next = first; while (!atomic_compare_exchange_weak(&p->dft, &first, d));
    return d;
}

/* ---- the call -------------------------------------------------------------------------------------------------------------- */
static void body(void *arg, int64_t lo, int64_t hi) { DftJob *j = arg; j->d->lanes->run(j, lo, hi); }
pgn_status pgn_rt_dft(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    DftJob j = { .in = buffers[0], .out = buffers[1], .outer = ints[4], .n_in = ints[5], .inner = ints[6], .n_out = ints[7] };
    int from = (int)ints[0], to = (int)ints[1], family = (int)ints[2];
    bool inverse = ints[3] != 0, table = family == DFT_COSINE || family == DFT_SINE, f64 = from == PGN_F64 || from == PGN_C128;
    if (family < DFT_SIGNED || family > DFT_SINE) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "a transform of unknown family %d", family);
    j.z_in = from == PGN_C64 || from == PGN_C128, j.z_out = to == PGN_C64 || to == PGN_C128;
    bool known = (f64 || from == PGN_F32 || from == PGN_C64) && to == (j.z_out ? f64 ? PGN_C128 : PGN_C64 : f64 ? PGN_F64 : PGN_F32);
    if (!known || (table ? j.z_in != j.z_out : inverse ? !j.z_in || j.z_out != (family == DFT_SIGNED) : !j.z_out))
        return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "a transform of family %d from element type %d to %d", family, from, to);
    int64_t lines, points = ints[8], modes = inverse ? j.n_in : j.n_out, grid = inverse ? j.n_out : j.n_in;
    if (j.outer < 0 || j.inner < 0 || modes < 0 || points < 0 || __builtin_mul_overflow(j.outer, j.inner, &lines) || grid != points || points > INT32_MAX || modes > INT32_MAX)
        return pgn_error_set(env->error, PGN_E_SIZE, "a transform of %" PRId64 " points cannot be taken over an axis of %" PRId64, points, grid);
    if (!lines || !points) return PGN_OK;
    bool pair = inverse ? !j.z_out : !j.z_in;
    const Lanes *lanes = lanes_for((const PlanOptions *)(const void *)env->options, f64, pair ? (lines + 1) / 2 : lines);
    int64_t key[8] = { f64 | pair << 1 | inverse << 2 | family << 3 | lanes->width << 8, points, modes, ints[9], ints[10], ints[11] };
    Dft *own;
    const Dft *d = j.d = plan_for(env->options, key, lanes, ints[9], ints[10], ints[11], &own);
    if (d) {
        int64_t w = lanes->width;
        if (j.inner > 1 && 2 * j.inner >= w) j.per_outer = (j.inner + w - 1) / w;
        int64_t groups = j.per_outer ? j.outer * j.per_outer : (lines + w - 1) / w;
        double work = 4 * (double)points + (d->direct ? cost_direct(d) : cost_fft(d, points));
        pgn_parallel(env->options, pair ? (groups + 1) / 2 : groups, work > 1e15 ? (int64_t)1e15 : (int64_t)work, body, &j);
    }
    pgn_dft_free(own);
    if (!d || atomic_load(&j.failed)) return pgn_error_set(env->error, PGN_E_MEMORY, "no memory for a transform of %" PRId64 " points", points);
    return PGN_OK;
}
