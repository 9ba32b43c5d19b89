/* dft_lanes.h - the arithmetic of transforms on vectors of lines.  Included once by each dft_TYPE_SET.c, which defines REAL, W (lines in a
 * vector), BLOCK (results of a product held in registers), NAME and the instructions (TARGET).
 *
 * A tile is loaded into a panel: two vectors per element, the real and the imaginary parts of W lines, or W real lines and W more.  Then
 *   - direct: the panel is folded by the symmetries of cosine and sine (sums and differences of opposite elements, in place), which leaves
 *     up to four small matrices whose products give the kept frequencies; the inverse does the same steps backwards;
 *   - else a Stockham FFT of radices 4, 2, 3, 5 and small primes, or Bluestein's convolution.  Cosine and sine transforms are real
 *     transforms of the reordered line x0 x2 x4 .. x5 x3 x1 with a twist by a quarter sample.
 * Lanes never mix, so a line's result does not depend on its neighbours. */
#include "dft.h"
#include <string.h>

#define DO_PRAGMA(x) _Pragma(#x)
#define PRAGMA(x) DO_PRAGMA(x)
#if defined(__clang__)
#define UNROLL PRAGMA(clang loop unroll(full))
#ifdef TARGET
PRAGMA(clang attribute push(__attribute__((target(TARGET))), apply_to = function))
#endif
#else
#define UNROLL PRAGMA(GCC unroll 16)
#ifdef TARGET
PRAGMA(GCC target(TARGET))
#endif
#endif
#define INLINE static inline __attribute__((always_inline))
typedef REAL V __attribute__((vector_size(W * sizeof(REAL))));

/* ---- vectors ------------------------------------------------------------------------------------------------------- */
#if W == 2
#define EACH(M) M(0), M(1)
#elif W == 4
#define EACH(M) M(0), M(1), M(2), M(3)
#elif W == 8
#define EACH(M) M(0), M(1), M(2), M(3), M(4), M(5), M(6), M(7)
#elif W == 16
#define EACH(M) M(0), M(1), M(2), M(3), M(4), M(5), M(6), M(7), M(8), M(9), M(10), M(11), M(12), M(13), M(14), M(15)
#endif
#if defined(__clang__)
#define SHUFFLE(x, y, M) __builtin_shufflevector(x, y, EACH(M))
#else
typedef __typeof__(__builtin_choose_expr(sizeof(REAL) == 4, 0, 0ll)) LaneNumber;
typedef LaneNumber LaneNumbers __attribute__((vector_size(W * sizeof(REAL))));
#define SHUFFLE(x, y, M) __builtin_shuffle(x, y, (LaneNumbers){ EACH(M) })
#endif
#define EVEN(k) (2 * (k))
#define ODD(k) (2 * (k) + 1)
#define ZIP_LOW(k) ((k) / 2 + ((k) & 1) * W)
#define ZIP_HIGH(k) ((k) / 2 + ((k) & 1) * W + W / 2)
#define LOW_1(k) ((k) & 1 ? W + (k) - 1 : (k))
#define HIGH_1(k) ((k) & 1 ? W + (k) : (k) + 1)
#define LOW_2(k) ((k) & 2 ? W + (k) - 2 : (k))
#define HIGH_2(k) ((k) & 2 ? W + (k) : (k) + 2)
#define LOW_4(k) ((k) & 4 ? W + (k) - 4 : (k))
#define HIGH_4(k) ((k) & 4 ? W + (k) : (k) + 4)
#define LOW_8(k) ((k) & 8 ? W + (k) - 8 : (k))
#define HIGH_8(k) ((k) & 8 ? W + (k) : (k) + 8)
#define SWAP_BLOCKS(s) UNROLL for (int k = 0; k < W; k++) if (!(k & s)) { V x = r[k], y = r[k + s]; r[k] = SHUFFLE(x, y, LOW_##s); r[k + s] = SHUFFLE(x, y, HIGH_##s); }
INLINE void transpose(V *r) {
    SWAP_BLOCKS(1)
#if W > 2
    SWAP_BLOCKS(2)
#endif
#if W > 4
    SWAP_BLOCKS(4)
#endif
#if W > 8
    SWAP_BLOCKS(8)
#endif
}
INLINE V get(const REAL *p) { V v; memcpy(&v, p, sizeof v); return v; }
INLINE void put(REAL *p, V v) { memcpy(p, &v, sizeof v); }
/* the first n elements, in pieces of constant size */
INLINE void put_some(REAL *p, V v, int n) {
    REAL t[W];
    memcpy(t, &v, sizeof v);
    const REAL *s = t;
    if (n >= W) { memcpy(p, s, sizeof t); return; }
#if W > 8
    if (n & 8) { memcpy(p, s, 8 * sizeof *p); p += 8, s += 8; }
#endif
#if W > 4
    if (n & 4) { memcpy(p, s, 4 * sizeof *p); p += 4, s += 4; }
#endif
#if W > 2
    if (n & 2) { memcpy(p, s, 2 * sizeof *p); p += 2, s += 2; }
#endif
    if (n & 1) *p = *s;
}
INLINE V get_some(const REAL *p, int n) {
    REAL t[W] = { 0 };
    for (int k = 0; k < n; k++) t[k] = p[k];
    return get(t);
}

/* ---- memory and panels ------------------------------------------------------------------------------------------------ */
typedef struct Group { int64_t line, base; int used; } Group;        /* W lines; base: of the first one, in elements (lines side by side) */
INLINE Group group_at(const DftJob *j, int64_t g, int64_t n) {
    int64_t groups = j->per_outer ? j->outer * j->per_outer : (j->outer * j->inner + W - 1) / W;
    Group q = { 0, 0, 0 };
    bool behind = g >= groups;                             /* the second one of the last tile: repeats it and is not written */
    if (behind) g = groups - 1;
    int64_t left;
    if (j->per_outer) {
        int64_t o = g / j->per_outer, i = g % j->per_outer * W;
        q.line = o * j->inner + i, q.base = o * n * j->inner + i, left = j->inner - i;
    } else q.line = g * W, q.base = q.line * n, left = j->outer * j->inner - q.line;
    q.used = behind ? -1 : left < W ? (int)left : W;
    return q;
}
/* `count` reals of each of W rows that lie `stride` apart: the vectors at to, to + step, .. */
static void load_rows(const REAL *p, int64_t stride, int used, int64_t count, V *to, int64_t step) {
    const REAL *row[W];
    for (int k = 0; k < W; k++) row[k] = p + stride * (k < used ? k : used - 1);
    int64_t e = 0;
    V r[W];
    for (; e + W <= count; e += W) {
        UNROLL for (int k = 0; k < W; k++) r[k] = get(row[k] + e);
        transpose(r);
        UNROLL for (int k = 0; k < W; k++) to[(e + k) * step] = r[k];
    }
    for (; e < count; e++) {
        REAL t[W];
        for (int k = 0; k < W; k++) t[k] = row[k][e];
        to[e * step] = get(t);
    }
}
static void store_rows(REAL *p, int64_t stride, int used, int64_t count, const V *from, int64_t step) {
    int64_t e = 0;
    V r[W];
    for (; e + W <= count; e += W) {
        UNROLL for (int k = 0; k < W; k++) r[k] = from[(e + k) * step];
        transpose(r);
        if (used == W) { UNROLL for (int k = 0; k < W; k++) put(p + stride * k + e, r[k]); }
        else for (int k = 0; k < used; k++) put(p + stride * k + e, r[k]);
    }
    for (; e < count; e++) for (int k = 0; k < used; k++) p[stride * k + e] = from[e * step][k];
}
/* where line k of a group that is neither rows nor side by side begins */
INLINE int64_t begin(const DftJob *j, Group q, int k, int64_t n) {
    int64_t line = q.line + (k < q.used ? k : q.used > 0 ? q.used - 1 : 0);
    return line / j->inner * n * j->inner + line % j->inner;
}
/* Elements of group g: real ones at to[0], to[2], ..; complex ones as pairs of vectors. */
static void load(const DftJob *j, int64_t g, V *to) {
    const REAL *in = j->in;
    int64_t n = j->n_in, inner = j->inner, c = j->z_in ? 2 : 1;
    Group q = group_at(j, g, n);
    if (inner == 1) { load_rows(in + q.base * c, n * c, q.used < 1 ? 1 : q.used, n * c, to, j->z_in ? 1 : 2); return; }
    if (j->per_outer) {
        const REAL *p = in + q.base * c, *end = in + j->outer * n * inner * c;
        int used = q.used < 0 ? 1 : q.used;
        for (int64_t e = 0; e < n; e++, p += inner * c, to += 2) {
            bool whole = p + W * c <= end;                  /* what lies behind the line's neighbours is in bounds, and goes nowhere */
            if (!j->z_in) { *to = whole ? get(p) : get_some(p, used); continue; }
            V x = whole ? get(p) : get_some(p, 2 * used < W ? 2 * used : W), y = whole ? get(p + W) : 2 * used > W ? get_some(p + W, 2 * used - W) : x;
            to[0] = SHUFFLE(x, y, EVEN), to[1] = SHUFFLE(x, y, ODD);
        }
        return;
    }
    for (int k = 0; k < W; k++) {
        const REAL *p = in + begin(j, q, k, n) * c;
        for (int64_t e = 0; e < n; e++) for (int64_t h = 0; h < c; h++) to[2 * e + h][k] = p[e * inner * c + h];
    }
}
static void store(const DftJob *j, int64_t g, const V *from) {
    REAL *out = j->out;
    int64_t n = j->n_out, inner = j->inner, c = j->z_out ? 2 : 1;
    Group q = group_at(j, g, n);
    if (q.used < 0) return;
    if (inner == 1) { store_rows(out + q.base * c, n * c, q.used, n * c, from, j->z_out ? 1 : 2); return; }
    if (j->per_outer) {
        REAL *p = out + q.base * c;
        for (int64_t e = 0; e < n; e++, p += inner * c, from += 2) {
            if (!j->z_out) { put_some(p, *from, q.used); continue; }
            put_some(p, SHUFFLE(from[0], from[1], ZIP_LOW), 2 * q.used < W ? 2 * q.used : W);
            if (2 * q.used > W) put_some(p + W, SHUFFLE(from[0], from[1], ZIP_HIGH), 2 * q.used - W);
        }
        return;
    }
    for (int k = 0; k < q.used; k++) {
        REAL *p = out + begin(j, q, k, n) * c;
        for (int64_t e = 0; e < n; e++) for (int64_t h = 0; h < c; h++) p[e * inner * c + h] = from[2 * e + h][k];
    }
}

/* ---- direct ------------------------------------------------------------------------------------------------------------- */
INLINE void opposite(V *x, V *y) {
    V a = x[0], b = x[1];
    x[0] = a + y[0], x[1] = b + y[1];
    y[0] = a - y[0], y[1] = b - y[1];
}
/* Sums and differences of opposite elements, in place: dft.c says where they are.  Twice is twice as much, so unfolding is the same
 * steps in the other order. */
static void fold_ends(const Dft *d, V *z) {
    int64_t n = d->n;
    if (d->family == DFT_COSINE || d->family == DFT_SINE) for (int64_t k = 0; k < n / 2; k++) opposite(z + 2 * k, z + 2 * (n - 1 - k));
    else for (int64_t k = 1; 2 * k < n; k++) opposite(z + 2 * k, z + 2 * (n - k));
}
static void fold_quarters(const Dft *d, V *z) {
    int64_t n = d->n;
    if (d->fold < 2) return;
    opposite(z, z + n);
    for (int64_t k = 1; k < n / 4; k++) opposite(z + 2 * k, z + 2 * (n / 2 - k)), opposite(z + 2 * (n - k), z + 2 * (n / 2 + k));
}
/* b results, each a sum of n pairs times the table */
INLINE void product_block(int b, const REAL *t, int64_t n, const V *x, int64_t step, V *y, int64_t to) {
    V re[BLOCK], im[BLOCK];
    UNROLL for (int i = 0; i < b; i++) re[i] = im[i] = (V){ 0 };
    for (int64_t k = 0; k < n; k++, x += step, t += b) {
        V p = x[0], q = x[1];
        UNROLL for (int i = 0; i < b; i++) re[i] += t[i] * p, im[i] += t[i] * q;
    }
    UNROLL for (int i = 0; i < b; i++) y[to * i] = re[i], y[to * i + 1] = im[i];
}
static void product(const REAL *t, int64_t results, int64_t n, const V *x, int64_t step, V *y, int64_t to) {
    int64_t blocks = (results + BLOCK - 1) / BLOCK;
    for (int64_t k = 0; k < blocks; k++) {
        int64_t from = results * k / blocks, b = results * (k + 1) / blocks - from;
        switch (b) {
#define CASE(B) case B: product_block(B, t, n, x, step, y + to * from, to); break;
        CASE(1) CASE(2) CASE(3) CASE(4)
#if BLOCK > 4
        CASE(5) CASE(6)
#endif
#if BLOCK > 6
        CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif
#undef CASE
        }
        t += b * n;
    }
}
static void forward_direct(const Dft *d, V *z, V *y, V *a, V *b) {
    fold_ends(d, z);
    fold_quarters(d, z);
    for (int k = 0; k < d->n_class; k++) {
        const DftClass *c = &d->class_[k];
        product(c->table, c->rows, c->length, z + 2 * c->first, 2 * c->step, y + 2 * c->y, 2);
    }
    for (int64_t k = 0; k < d->modes; k++) {
        const DftMode *m = &d->mode[k];
        V zero = { 0 }, re = y[2 * m->c], im = y[2 * m->c + 1], sr = zero, si = zero;
        if (m->s >= 0) sr = y[2 * m->s] * (REAL)m->sign, si = y[2 * m->s + 1] * (REAL)m->sign;
        if (d->family == DFT_COSINE || d->family == DFT_SINE) a[2 * k] = re, a[2 * k + 1] = im;
        else if (d->pair) a[2 * k] = re, a[2 * k + 1] = -sr, b[2 * k] = im, b[2 * k + 1] = -si;
        else a[2 * k] = re + si, a[2 * k + 1] = im - sr;
    }
}
static void inverse_direct(const Dft *d, V *z, V *y, const V *a, const V *b) {
    memset(y, 0, 2 * (size_t)d->n_row * sizeof *y);
    for (int64_t k = 0; k < d->modes; k++) {
        const DftMode *m = &d->mode[k];
        V *c = y + 2 * m->c, *s = m->s >= 0 ? y + 2 * m->s : NULL;
        REAL w = (REAL)m->scale, u = (REAL)(m->scale * m->sign);
        if (d->family == DFT_COSINE || d->family == DFT_SINE || !d->pair) c[0] += w * a[2 * k], c[1] += w * a[2 * k + 1];
        else c[0] += w * a[2 * k], c[1] += w * b[2 * k];
        if (!s) continue;
        if (d->pair) s[0] -= u * a[2 * k + 1], s[1] -= u * b[2 * k + 1];
        else s[0] -= u * a[2 * k + 1], s[1] += u * a[2 * k];
    }
    for (int k = 0; k < d->n_class; k++) {
        const DftClass *c = &d->class_[k];
        product(c->table, c->length, c->rows, y + 2 * c->y, 2, z + 2 * c->first, 2 * c->step);
    }
    fold_quarters(d, z);
    fold_ends(d, z);
}

/* ---- FFT ------------------------------------------------------------------------------------------------------------------- */
/* A stage of radix r turns length r m at stride s into length m at stride r s; the data goes to and fro between two arrays, so there is no
 * bit reversal. */
#define IN(j) V x##j##r = x[2 * (q + s * (p + m * (j)))], x##j##i = x[2 * (q + s * (p + m * (j))) + 1]
#define OUT(k, re, im) do { V re_ = (re), im_ = (im), *y_ = y + 2 * (q + s * (r * p + (k))); \
        if (k) y_[0] = re_ * t[2 * (k)] - im_ * t[2 * (k) + 1], y_[1] = re_ * t[2 * (k) + 1] + im_ * t[2 * (k)]; else y_[0] = re_, y_[1] = im_; } while (0)
#define STAGE(R) static void stage_##R(const REAL *w, int64_t m, int64_t s, const V *x, V *y) { \
        const int r = R; \
        for (int64_t p = 0; p < m; p++) { \
            REAL t[2 * R]; \
            for (int k = 1; k < R; k++) t[2 * k] = w[2 * k * p * s], t[2 * k + 1] = w[2 * k * p * s + 1]; \
            for (int64_t q = 0; q < s; q++) { BUTTERFLY_##R } \
        } \
    }
#define BUTTERFLY_2 IN(0); IN(1); \
        OUT(0, x0r + x1r, x0i + x1i); OUT(1, x0r - x1r, x0i - x1i);
#define BUTTERFLY_3 IN(0); IN(1); IN(2); \
        const REAL s3 = (REAL)0.86602540378443864676; \
        V tr = x1r + x2r, ti = x1i + x2i, ur = x0r - (REAL)0.5 * tr, ui = x0i - (REAL)0.5 * ti, vr = s3 * (x1i - x2i), vi = s3 * (x2r - x1r); \
        OUT(0, x0r + tr, x0i + ti); OUT(1, ur + vr, ui + vi); OUT(2, ur - vr, ui - vi);
#define BUTTERFLY_4 IN(0); IN(1); IN(2); IN(3); \
        V er = x0r + x2r, ei = x0i + x2i, fr = x0r - x2r, fi = x0i - x2i, gr = x1r + x3r, gi = x1i + x3i, hr = x1i - x3i, hi = x3r - x1r;     /* h = -i (x1 - x3) */ \
        OUT(0, er + gr, ei + gi); OUT(1, fr + hr, fi + hi); OUT(2, er - gr, ei - gi); OUT(3, fr - hr, fi - hi);
#define BUTTERFLY_5 IN(0); IN(1); IN(2); IN(3); IN(4); \
        const REAL c1 = (REAL)0.30901699437494742410, c2 = (REAL)-0.80901699437494742410, s1 = (REAL)0.95105651629515357212, s2 = (REAL)0.58778525229247312917; \
        V b1r = x1r + x4r, b1i = x1i + x4i, b2r = x2r + x3r, b2i = x2i + x3i, d1r = x1r - x4r, d1i = x1i - x4i, d2r = x2r - x3r, d2i = x2i - x3i; \
        V u1r = x0r + c1 * b1r + c2 * b2r, u1i = x0i + c1 * b1i + c2 * b2i, u2r = x0r + c2 * b1r + c1 * b2r, u2i = x0i + c2 * b1i + c1 * b2i; \
        V v1r = s1 * d1i + s2 * d2i, v1i = -(s1 * d1r + s2 * d2r), v2r = s2 * d1i - s1 * d2i, v2i = s1 * d2r - s2 * d1r; \
        OUT(0, x0r + b1r + b2r, x0i + b1i + b2i); OUT(1, u1r + v1r, u1i + v1i); OUT(2, u2r + v2r, u2i + v2i); OUT(3, u2r - v2r, u2i - v2i); OUT(4, u1r - v1r, u1i - v1i);
STAGE(2)
STAGE(3)
STAGE(4)
STAGE(5)
static void stage_any(int r, const REAL *w, int64_t m, int64_t s, const V *x, V *y, const REAL *root) {
    for (int64_t p = 0; p < m; p++) for (int64_t q = 0; q < s; q++) {
        V a[2 * FFT_LARGEST];
        for (int j = 0; j < r; j++) a[2 * j] = x[2 * (q + s * (p + m * j))], a[2 * j + 1] = x[2 * (q + s * (p + m * j)) + 1];
        for (int k = 0; k < r; k++) {
            V re = a[0], im = a[1];
            for (int j = 1, t = k; j < r; j++) {
                re += a[2 * j] * root[2 * t] - a[2 * j + 1] * root[2 * t + 1];
                im += a[2 * j] * root[2 * t + 1] + a[2 * j + 1] * root[2 * t];
                if ((t += k) >= r) t -= r;
            }
            REAL c = w[2 * k * p * s], sn = w[2 * k * p * s + 1];
            V *to = y + 2 * (q + s * (r * p + k));
            to[0] = re * c - im * sn, to[1] = re * sn + im * c;
        }
    }
}
static size_t fft_spare(const Fft *f) { return f->conv ? (size_t)f->m + fft_spare(f->conv) : (size_t)f->n; }
static void exchange(V *z, int64_t n) { for (int64_t k = 0; k < n; k++) { V t = z[2 * k]; z[2 * k] = z[2 * k + 1], z[2 * k + 1] = t; } }
static void times(V *z, const REAL *w, int64_t n) {
    for (int64_t k = 0; k < n; k++) { V re = z[2 * k], im = z[2 * k + 1]; z[2 * k] = re * w[2 * k] - im * w[2 * k + 1], z[2 * k + 1] = re * w[2 * k + 1] + im * w[2 * k]; }
}
/* z[n] becomes the sums of z[j] exp(-2 pi i f j / n), in place */
static void fft(const Fft *f, void *panel, void *room) {
    V *z = panel, *spare = room;
    if (f->conv) {
        memcpy(spare, z, 2 * (size_t)f->n * sizeof *z);
        times(spare, f->chirp, f->n);
        memset(spare + 2 * f->n, 0, 2 * (size_t)(f->m - f->n) * sizeof *z);
        fft(f->conv, spare, spare + 2 * f->m);
        times(spare, f->kernel, f->m);
        exchange(spare, f->m);                             /* parts exchanged: the inverse */
        fft(f->conv, spare, spare + 2 * f->m);
        exchange(spare, f->m);
        memcpy(z, spare, 2 * (size_t)f->n * sizeof *z);
        times(z, f->chirp, f->n);
        return;
    }
    V *x = z, *y = spare;
    const REAL *w = f->root;
    int64_t n = f->n, s = 1;
    for (int k = 0; k < f->n_stage; k++) {
        int r = f->radix[k];
        n /= r;
        switch (r) {
        case 2: stage_2(w, n, s, x, y); break;
        case 3: stage_3(w, n, s, x, y); break;
        case 4: stage_4(w, n, s, x, y); break;
        case 5: stage_5(w, n, s, x, y); break;
        default: {
            REAL root[2 * FFT_LARGEST];
            for (int t = 0; t < r; t++) root[2 * t] = w[2 * (f->n / r * t)], root[2 * t + 1] = w[2 * (f->n / r * t) + 1];
            stage_any(r, w, n, s, x, y, root);
        }
        }
        s *= r;
        V *t = x; x = y, y = t;
    }
    if (x != z) memcpy(z, x, 2 * (size_t)f->n * sizeof *z);
}
/* grid position that slot k of the reordered line holds, and the sign that the sine transform gives it */
INLINE int64_t reorder(const Dft *d, int64_t k, REAL *sign) {
    *sign = 1;
    if (2 * k < d->n) return 2 * k;
    if (d->family == DFT_SINE) *sign = -1;
    return 2 * (d->n - 1 - k) + 1;
}
static void forward_fft(const Dft *d, V *z, V *spare, V *a, V *b) {
    bool table = d->family == DFT_COSINE || d->family == DFT_SINE;
    if (table) {
        for (int64_t k = 0; k < d->n; k++) { REAL sign; int64_t at = reorder(d, k, &sign); spare[2 * k] = sign * z[2 * at], spare[2 * k + 1] = sign * z[2 * at + 1]; }
        memcpy(z, spare, 2 * (size_t)d->n * sizeof *z);
    }
    fft(d->fft, z, spare);
    for (int64_t k = 0; k < d->modes; k++) {
        const DftMode *m = &d->mode[k];
        const V *f = z + 2 * m->place, *g = z + 2 * (m->place ? d->n - m->place : 0);
        REAL c = (REAL)(m->scale * m->twist_re), s = (REAL)(m->scale * m->twist_im), h = c / 2, u = s / 2;
        if (table) {                                        /* Z = X + iY of two real lines; real parts of X and Y times the twist */
            a[2 * k] = h * (f[0] + g[0]) - u * (f[1] - g[1]);
            a[2 * k + 1] = h * (f[1] + g[1]) - u * (g[0] - f[0]);
        } else if (d->pair) {
            a[2 * k] = h * (f[0] + g[0]), a[2 * k + 1] = h * (f[1] - g[1]);
            b[2 * k] = h * (f[1] + g[1]), b[2 * k + 1] = h * (g[0] - f[0]);
        } else a[2 * k] = c * f[0], a[2 * k + 1] = c * f[1];
    }
}
static void inverse_fft(const Dft *d, V *z, V *spare, const V *a, const V *b) {
    bool table = d->family == DFT_COSINE || d->family == DFT_SINE;
    memset(z, 0, 2 * (size_t)d->n * sizeof *z);
    for (int64_t k = 0; k < d->modes; k++) {
        const DftMode *m = &d->mode[k];
        V *f = z + 2 * m->place, *g = z + 2 * (m->place ? d->n - m->place : 0);
        REAL c = (REAL)(m->scale * m->twist_re), s = (REAL)(m->scale * m->twist_im), h = c / 2, u = s / 2;
        V pr, pi, qr, qi;                                   /* halves of the numbers of two real lines */
        if (table) pr = h * a[2 * k], pi = u * a[2 * k], qr = h * a[2 * k + 1], qi = u * a[2 * k + 1];
        else if (d->pair) pr = h * a[2 * k], pi = h * a[2 * k + 1], qr = h * b[2 * k], qi = h * b[2 * k + 1];
        else { f[0] += c * a[2 * k], f[1] += c * a[2 * k + 1]; continue; }
        f[0] += pr - qi, f[1] += pi + qr;                   /* made symmetric, so that the first comes out real and the second imaginary */
        g[0] += pr + qi, g[1] += qr - pi;
    }
    exchange(z, d->n);                                      /* the other sign in the exponent */
    fft(d->fft, z, spare);
    exchange(z, d->n);
    if (!table) return;
    for (int64_t k = 0; k < d->n; k++) { REAL sign; int64_t at = reorder(d, k, &sign); spare[2 * at] = sign * z[2 * k], spare[2 * at + 1] = sign * z[2 * k + 1]; }
    memcpy(z, spare, 2 * (size_t)d->n * sizeof *z);
}

/* ---- tiles --------------------------------------------------------------------------------------------------------------- */
static void run(DftJob *j, int64_t lo, int64_t hi) {
    const Dft *d = j->d;
    size_t n = (size_t)d->n, modes = (size_t)d->modes, y = (size_t)d->n_row, spare = d->fft ? fft_spare(d->fft) : 0;
    V *z = pgn_alloc(d->memory, 2 * (n + y + 2 * modes + spare), sizeof *z);
    if (!z) { atomic_store(&j->failed, 1); return; }
    V *rows = z + 2 * n, *a = rows + 2 * y, *b = a + 2 * modes, *room = b + 2 * modes;
    for (int64_t t = lo; t < hi; t++) {
        int64_t g = d->pair ? 2 * t : t;
        V *in = d->inverse ? a : z, *out = d->inverse ? z : a;       /* one panel, or two of complex numbers for pairs of real lines */
        load(j, g, in);
        if (d->pair) load(j, g + 1, j->z_in ? b : in + 1);
        if (d->inverse) { if (d->direct) inverse_direct(d, z, rows, a, b); else inverse_fft(d, z, room, a, b); }
        else if (d->direct) forward_direct(d, z, rows, a, b);
        else forward_fft(d, z, room, a, b);
        store(j, g, out);
        if (d->pair) store(j, g + 1, j->z_out ? b : out + 1);
    }
    pgn_release(d->memory, z);
}
const Lanes NAME = { NAME_TEXT, W, BLOCK, run, fft, fft_spare };
#if defined(__clang__) && defined(TARGET)
#pragma clang attribute pop
#endif
