/* dft.c - one axis of a Fourier, cosine or sine transform of any length, with any set of kept frequencies.
 *
 * Lines of the axis are worked on in batches of four lanes (four complex lines, or eight real ones: line 2k in the real, line 2k+1 in the
 * imaginary part).  Everything is computed in f64 whatever the data.  A batch goes through
 *   - a sum over a table of roots of unity when few frequencies are kept,
 *   - else a Stockham FFT of radices 4, 2, 3, 5 and small primes (fft.c), or Bluestein's convolution when the length has a large prime.
 * Cosine and sine transforms are real transforms of the reordered line x0 x2 x4 .. x5 x3 x1 with a twist by a quarter sample.
 * Lines are independent and batches don't depend on the number of threads, so neither do the bits of the result. */
#include "fft.h"
#include "internal.h"
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { SIGNED, HALF, COSINE, SINE };
typedef struct Dft {
    const pgn_options *memory;
    bool f64, inverse, real, direct;
    int family;
    int64_t n_in, n_out, inner, outer, points, modes;
    const void *in;
    void *out;
    Fft *fft;                             /* NULL when direct */
    double *root;                         /* direct: exp(2 pi i t / points), pairs */
    int64_t *freq;                        /* of every mode */
    int64_t *place;                       /* freq mod points */
    double *twist;                        /* of every mode, pairs: what its number is multiplied by */
    atomic_int failed;
} Dft;

static inline double get(const Dft *d, int64_t at) { return d->f64 ? ((const double *)d->in)[at] : (double)((const float *)d->in)[at]; }
static inline void put(const Dft *d, int64_t at, double v) { if (d->f64) ((double *)d->out)[at] = v; else ((float *)d->out)[at] = (float)v; }

/* where the lines of a batch begin, in elements; lanes behind the last line repeat it */
static int begin(const Dft *d, int64_t batch, int64_t n, int64_t *base) {
    int width = d->real ? 2 * LANES : LANES, used = 0;
    int64_t lines = d->outer * d->inner;
    for (int l = 0; l < width; l++) {
        int64_t line = batch * width + l;
        if (line < lines) used++; else line = lines - 1;
        base[l] = line / d->inner * n * d->inner + line % d->inner;
    }
    return used;
}
/* grid position that slot n of the reordered line holds, and the sign that the sine transform gives it */
static inline int64_t reorder(const Dft *d, int64_t n, double *sign) {
    *sign = 1;
    if (d->family != COSINE && d->family != SINE) return n;
    if (2 * n < d->points) return 2 * n;
    if (d->family == SINE) *sign = -1;
    return 2 * (d->points - 1 - n) + 1;
}
/* Sums of re[n] and im[n] (separately) times conj(root^(f n)): s[0] + i s[1] and s[2] + i s[3]. */
static void direct_sum(const Dft *d, const Lane *re, const Lane *im, int64_t f, Lane s[4]) {
    Lane a = { 0 }, b = { 0 }, p = { 0 }, q = { 0 };
    for (int64_t n = 0, t = 0; n < d->points; n++) {
        double c = d->root[2 * t], w = d->root[2 * t + 1];
        a += re[n] * c, b -= re[n] * w, p += im[n] * c, q -= im[n] * w;
        if ((t += f) >= d->points) t -= d->points;
    }
    s[0] = a, s[1] = b, s[2] = p, s[3] = q;
}
static void forward(const Dft *d, int64_t batch, Lane *re, Lane *im, Lane *spare) {
    int64_t from[2 * LANES], to[2 * LANES], pair = d->real ? 1 : 2, N = d->points;
    begin(d, batch, d->n_in, from);
    int used = begin(d, batch, d->n_out, to);
    for (int64_t n = 0; n < N; n++) {
        double sign;
        int64_t at = reorder(d, n, &sign) * d->inner;
        for (int l = 0; l < LANES; l++) {
            if (d->real) re[n][l] = sign * get(d, from[l] + at), im[n][l] = sign * get(d, from[l + LANES] + at);
            else re[n][l] = get(d, pair * (from[l] + at)), im[n][l] = get(d, pair * (from[l] + at) + 1);
        }
    }
    if (!d->direct) fft_run(d->fft, re, im, spare);
    for (int64_t k = 0; k < d->modes; k++) {
        int64_t f = d->place[k], g = f ? N - f : 0;
        double tr = d->twist[2 * k], ti = d->twist[2 * k + 1];
        Lane s[4];
        if (d->direct) {
            direct_sum(d, re, im, f, s);
            if (!d->real) { Lane r = s[0] - s[3], i = s[1] + s[2]; s[0] = r, s[1] = i; }
        } else if (d->real) {                           /* Z = X + iY of two real lines */
            s[0] = (re[f] + re[g]) * 0.5, s[1] = (im[f] - im[g]) * 0.5;
            s[2] = (im[f] + im[g]) * 0.5, s[3] = (re[g] - re[f]) * 0.5;
        } else s[0] = re[f], s[1] = im[f];
        for (int l = 0; l < used; l++) {
            int h = d->real && l >= LANES, lane = l - h * LANES;
            double x = s[2 * h][lane], y = s[2 * h + 1][lane], r = x * tr - y * ti, i = x * ti + y * tr;
            int64_t at = to[l] + k * d->inner;
            if (d->family == COSINE || d->family == SINE) put(d, at, r);
            else put(d, 2 * at, r), put(d, 2 * at + 1, i);
        }
    }
}
static void inverse(const Dft *d, int64_t batch, Lane *re, Lane *im, Lane *spare) {
    int64_t from[2 * LANES], to[2 * LANES], N = d->points;
    begin(d, batch, d->n_in, from);
    int used = begin(d, batch, d->n_out, to);
    memset(re, 0, (size_t)N * sizeof *re);
    memset(im, 0, (size_t)N * sizeof *im);
    for (int64_t k = 0; k < d->modes; k++) {
        int64_t f = d->place[k], g = f ? N - f : 0;
        double tr = d->twist[2 * k], ti = d->twist[2 * k + 1];
        Lane a[4] = { { 0 } };                          /* two complex numbers; the second only for real lines */
        for (int l = 0; l < (d->real ? 2 * LANES : LANES); l++) {
            int h = d->real && l >= LANES, lane = l - h * LANES;
            int64_t at = from[l] + k * d->inner;
            double x, y = 0;
            if (d->family == COSINE || d->family == SINE) x = get(d, at);
            else x = get(d, 2 * at), y = get(d, 2 * at + 1);
            a[2 * h][lane] = x * tr - y * ti, a[2 * h + 1][lane] = x * ti + y * tr;
        }
        if (d->direct) {
            for (int64_t n = 0, t = 0; n < N; n++) {
                double c = d->root[2 * t], w = d->root[2 * t + 1];
                re[n] += a[0] * c - a[1] * w;
                if (d->real) im[n] += a[2] * c - a[3] * w; else im[n] += a[0] * w + a[1] * c;
                if ((t += f) >= N) t -= N;
            }
        } else if (d->real) {                           /* made symmetric, so that line 1 comes out real and line 2 imaginary */
            re[f] += (a[0] - a[3]) * 0.5, im[f] += (a[1] + a[2]) * 0.5;
            re[g] += (a[0] + a[3]) * 0.5, im[g] += (a[2] - a[1]) * 0.5;
        } else re[f] += a[0], im[f] += a[1];
    }
    if (!d->direct) fft_run(d->fft, im, re, spare);     /* exchanged parts: the other sign in the exponent */
    for (int64_t n = 0; n < N; n++) {
        double sign;
        int64_t at = reorder(d, n, &sign) * d->inner;
        for (int l = 0; l < used; l++) {
            if (!d->real) put(d, 2 * (to[l] + at), re[n][l]), put(d, 2 * (to[l] + at) + 1, im[n][l]);
            else put(d, to[l] + at, sign * (l < LANES ? re[n][l] : im[n][l - LANES]));
        }
    }
}
static void body(void *arg, int64_t lo, int64_t hi) {
    Dft *d = arg;
    size_t n = (size_t)d->points, spare = d->direct ? 0 : fft_spare(d->fft);
    Lane *re = pgn_alloc(d->memory, 2 * n + spare, sizeof *re);
    if (!re) { atomic_store(&d->failed, 1); return; }
    for (int64_t b = lo; b < hi; b++) if (d->inverse) inverse(d, b, re, re + n, re + 2 * n); else forward(d, b, re, re + n, re + 2 * n);
    pgn_release(d->memory, re);
}
/* What each kept frequency is multiplied by: 1/N forward, multiplicities, the quarter-sample twist. */
static void fill_modes(Dft *d, int64_t n0, int64_t f0, int64_t f1) {
    int64_t N = d->points;
    for (int64_t k = 0; k < d->modes; k++) {
        int64_t f = k < n0 ? f0 + k : f1 + (k - n0);
        d->freq[k] = f;
        d->place[k] = ((f % N) + N) % N;
        double c = 1, s = 0, scale = d->inverse ? 1 : 1 / (double)N;
        if (d->family == HALF && d->inverse) scale = f == 0 || 2 * f == N ? 1 : 2;
        if (d->family == COSINE || d->family == SINE) {
            fft_root(((f % (4 * N)) + 4 * N) % (4 * N), 4 * N, &c, &s);       /* exp(i pi f / 2N) */
            if (d->family == SINE) { double t = c; c = s, s = -t; }           /* sin = Re(-i exp) */
            if (!d->inverse) {
                s = -s;                                                       /* conjugate: the FFT's sign is minus */
                if (f != (d->family == COSINE ? 0 : N)) scale *= 2;
            }
        }
        d->twist[2 * k] = c * scale, d->twist[2 * k + 1] = s * scale;
    }
}
pgn_status pgn_rt_dft(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    Dft d = { .memory = env->options, .family = (int)ints[2], .inverse = ints[3] != 0, .outer = ints[4], .n_in = ints[5], .inner = ints[6], .n_out = ints[7],
              .points = ints[8], .in = buffers[0], .out = buffers[1] };
    int from = (int)ints[0], to = (int)ints[1];
    bool complex_in = from == PGN_C64 || from == PGN_C128, complex_out = to == PGN_C64 || to == PGN_C128, table = d.family == COSINE || d.family == SINE;
    d.f64 = from == PGN_F64 || from == PGN_C128;
    if (d.family < SIGNED || d.family > SINE) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "a transform of unknown family %d", d.family);
    bool known = (d.f64 || from == PGN_F32 || from == PGN_C64) && to == (complex_out ? d.f64 ? PGN_C128 : PGN_C64 : d.f64 ? PGN_F64 : PGN_F32);
    if (!known || (table ? complex_in != complex_out : d.inverse ? !complex_in || complex_out != (d.family == SIGNED) : !complex_out))
        return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "a transform of family %d from element type %d to %d", d.family, from, to);
    d.real = d.inverse ? !complex_out : !complex_in;
    if (table && complex_in) d.real = true, d.inner *= 2;
    d.modes = d.inverse ? d.n_in : d.n_out;
    int64_t lines, grid = d.inverse ? d.n_out : d.n_in;
    if (d.outer < 0 || d.inner < 0 || d.modes < 0 || d.points < 0 || __builtin_mul_overflow(d.outer, d.inner, &lines) || grid != d.points || d.points > INT32_MAX)
        return pgn_error_set(env->error, PGN_E_SIZE, "a transform of %" PRId64 " points cannot be taken over an axis of %" PRId64, d.points, grid);
    if (!lines || !d.points) return PGN_OK;
    double levels = log2((double)d.points) + 1;
    d.direct = 4.0 * (double)d.modes <= (fft_is_smooth(d.points) ? 6 : 60) * levels;
    pgn_status st = PGN_OK;
    d.freq = pgn_alloc(d.memory, (size_t)d.modes + 1, sizeof *d.freq);
    d.place = pgn_alloc(d.memory, (size_t)d.modes + 1, sizeof *d.place);
    d.twist = pgn_alloc(d.memory, 2 * ((size_t)d.modes + 1), sizeof *d.twist);
    if (d.direct) d.root = pgn_alloc(d.memory, 2 * (size_t)d.points, sizeof *d.root); else d.fft = fft_new(d.memory, d.points);
    if (!d.freq || !d.place || !d.twist || !(d.direct ? d.root != NULL : d.fft != NULL)) atomic_store(&d.failed, 1);
    else {
        for (int64_t t = 0; d.direct && t < d.points; t++) fft_root(t, d.points, &d.root[2 * t], &d.root[2 * t + 1]);
        fill_modes(&d, ints[9], ints[10], ints[11]);
        int width = d.real ? 2 * LANES : LANES;
        double work = (double)d.points * LANES * (d.direct ? 4 * (double)d.modes : 12 * levels);
        pgn_parallel(env->options, (lines + width - 1) / width, work > 1e15 ? (int64_t)1e15 : (int64_t)work, body, &d);
    }
    if (atomic_load(&d.failed)) st = pgn_error_set(env->error, PGN_E_MEMORY, "no memory for a transform of %" PRId64 " points", d.points);
    pgn_release(d.memory, d.freq);
    pgn_release(d.memory, d.place);
    pgn_release(d.memory, d.twist);
    pgn_release(d.memory, d.root);
    fft_free(d.fft);
    return st;
}
