/* factor.c - factorisations of a batch of small matrices, by LAPACK.
 *
 * Computed in f64 (complex: pairs of f64) whatever the data; results go to a staging area first, so that a matrix that can't be factored
 * leaves every output as it was.  Phases that a factorisation leaves free are fixed, as the reference interpreter fixes them: the diagonal
 * of R is >= 0; the leading component of every column of U and of every eigenvector (the first whose magnitude is within 1e-6 of the
 * largest) is real and positive; eigenvalues ascend by (re, im). */
#include "internal.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { CHOLESKY, SOLVE, LSTSQ, LOGDET, INVERSE, QR, SVD, EIGH, EIG };     /* FactorKind of compiler/ir/ir.h */

/* LAPACK's Fortran symbols; numbers are passed by address, the lengths of the character arguments come last. */
typedef double D;
typedef const int I;
void dpotrf_(const char *, I *, D *, I *, int *, size_t), zpotrf_(const char *, I *, D *, I *, int *, size_t);
void dgesv_(I *, I *, D *, I *, int *, D *, I *, int *), zgesv_(I *, I *, D *, I *, int *, D *, I *, int *);
void dgetrf_(I *, I *, D *, I *, int *, int *), zgetrf_(I *, I *, D *, I *, int *, int *);
void dgels_(const char *, I *, I *, I *, D *, I *, D *, I *, D *, I *, int *, size_t), zgels_(const char *, I *, I *, I *, D *, I *, D *, I *, D *, I *, int *, size_t);
void dgeqrf_(I *, I *, D *, I *, D *, D *, I *, int *), zgeqrf_(I *, I *, D *, I *, D *, D *, I *, int *);
void dorgqr_(I *, I *, I *, D *, I *, const D *, D *, I *, int *), zungqr_(I *, I *, I *, D *, I *, const D *, D *, I *, int *);
void dgesdd_(const char *, I *, I *, D *, I *, D *, D *, I *, D *, I *, D *, I *, int *, int *, size_t);
void zgesdd_(const char *, I *, I *, D *, I *, D *, D *, I *, D *, I *, D *, I *, D *, int *, int *, size_t);
void dsyevd_(const char *, const char *, I *, D *, I *, D *, D *, I *, int *, I *, int *, size_t, size_t);
void zheevd_(const char *, const char *, I *, D *, I *, D *, D *, I *, D *, I *, int *, I *, int *, size_t, size_t);
void zgeev_(const char *, const char *, I *, D *, I *, D *, D *, I *, D *, I *, D *, I *, D *, int *, size_t, size_t);

typedef struct Factor {
    const pgn_options *memory;
    int kind, m, n, nrhs, r;              /* r: min(m, n); nrhs of a logdet: reals per result */
    int64_t batch;
    bool f64, z;                          /* z: complex data */
    int n_in, n_out;
    const void *in[2];
    char *out[3];                         /* staging */
    int64_t each_in[2], each_out[3];      /* doubles (floats) per matrix */
    atomic_llong failed;                  /* smallest batch index that failed; INT64_MAX: none */
    atomic_int no_memory;
} Factor;
typedef struct Room {                     /* one thread's: matrices are column-major, complex ones pairs */
    D *a, *b, *u, *v, *s, *tau, *work, *rwork;
    int *pivot, *iwork, lwork, liwork, lrwork;
} Room;

static double get(const Factor *f, int which, int64_t at) { return f->f64 ? ((const double *)f->in[which])[at] : (double)((const float *)f->in[which])[at]; }
static void put(const Factor *f, int which, int64_t at, double v) { if (f->f64) ((double *)(void *)f->out[which])[at] = v; else ((float *)(void *)f->out[which])[at] = (float)v; }

/* row-major rows x cols of operand `which` into column-major with leading dimension ld; false: not all finite (of a Cholesky: in the lower
 * half, it reads no other) */
static bool load(const Factor *f, int which, int64_t b, int rows, int cols, int ld, D *to, bool widen) {
    int c = f->z ? 2 : 1, w = f->z || widen ? 2 : 1;
    int64_t at = b * f->each_in[which];
    bool finite = true;
    for (int i = 0; i < rows; i++) for (int j = 0; j < cols; j++) for (int p = 0; p < w; p++) {
        double v = p < c ? get(f, which, at++) : 0;
        finite &= isfinite(v) || (f->kind == CHOLESKY && j > i);
        to[((size_t)j * ld + i) * w + p] = v;
    }
    return finite;
}
/* column-major, w doubles per element, to row-major rows x cols of result `which` */
static void store(const Factor *f, int which, int64_t b, int rows, int cols, int ld, const D *from, int w) {
    int64_t at = b * f->each_out[which];
    for (int i = 0; i < rows; i++) for (int j = 0; j < cols; j++) for (int p = 0; p < w; p++) put(f, which, at++, from[((size_t)j * ld + i) * w + p]);
}
static double magnitude(const D *x, int w) { return w == 2 ? hypot(x[0], x[1]) : fabs(*x); }
static void scale(D *x, int count, int w, const D *by) {
    for (int k = 0; k < count; k++, x += w) {
        if (w == 1) { *x *= by[0]; continue; }
        D r = x[0] * by[0] - x[1] * by[1];
        x[1] = x[0] * by[1] + x[1] * by[0], x[0] = r;
    }
}
/* what makes the leading component of a column real and positive */
static void leading_phase(const D *x, int count, int w, D *by) {
    double most = 0;
    for (int k = 0; k < count; k++) most = fmax(most, magnitude(x + (size_t)k * w, w));
    by[0] = 1, by[1] = 0;
    for (int k = 0; k < count && most > 0; k++) {
        const D *z = x + (size_t)k * w;
        double a = magnitude(z, w);
        if (a < most * (1 - 1e-6)) continue;
        by[0] = z[0] / a;
        if (w == 2) by[1] = -z[1] / a;
        return;
    }
}
/* One call of LAPACK; lwork = -1 asks for the sizes of its scratch arrays, which it leaves in work[0], rwork[0], iwork[0]. */
static int call(const Factor *f, Room *r, int lwork) {
    int info = 0, m = f->m, n = f->n, k = f->r, nrhs = f->nrhs, l = m > n ? m : n, lr = lwork < 0 ? -1 : r->lrwork, li = lwork < 0 ? -1 : r->liwork;
    switch (f->kind) {
    case CHOLESKY: if (lwork >= 0) (f->z ? zpotrf_ : dpotrf_)("L", &n, r->a, &n, &info, 1); break;
    case INVERSE: nrhs = n;               /* fall through */
    case SOLVE: if (lwork >= 0) (f->z ? zgesv_ : dgesv_)(&n, &nrhs, r->a, &n, r->pivot, r->b, &n, &info); break;
    case LOGDET: if (lwork >= 0) (f->z ? zgetrf_ : dgetrf_)(&n, &n, r->a, &n, r->pivot, &info); break;
    case LSTSQ: (f->z ? zgels_ : dgels_)("N", &m, &n, &nrhs, r->a, &m, r->b, &l, r->work, &lwork, &info, 1); break;
    case QR:
        if (lwork < 0) {
            (f->z ? zungqr_ : dorgqr_)(&m, &k, &k, r->a, &m, r->tau, r->work, &lwork, &info);
            D other = r->work[0];
            (f->z ? zgeqrf_ : dgeqrf_)(&m, &n, r->a, &m, r->tau, r->work, &lwork, &info);
            r->work[0] = fmax(r->work[0], other);
        } else (f->z ? zgeqrf_ : dgeqrf_)(&m, &n, r->a, &m, r->tau, r->work, &lwork, &info);
        break;
    case SVD:
        if (f->z) zgesdd_("S", &m, &n, r->a, &m, r->s, r->u, &m, r->v, &k, r->work, &lwork, r->rwork, r->iwork, &info, 1);
        else dgesdd_("S", &m, &n, r->a, &m, r->s, r->u, &m, r->v, &k, r->work, &lwork, r->iwork, &info, 1);
        break;
    case EIGH:
        if (f->z) zheevd_("V", "L", &n, r->a, &n, r->s, r->work, &lwork, r->rwork, &lr, r->iwork, &li, &info, 1, 1);
        else dsyevd_("V", "L", &n, r->a, &n, r->s, r->work, &lwork, r->iwork, &li, &info, 1, 1);
        break;
    case EIG: zgeev_("N", "V", &n, r->a, &n, r->s, r->u, &n, r->v, &n, r->work, &lwork, r->rwork, &info, 1, 1); break;
    }
    return info;
}
static void room_free(const Factor *f, Room *r) {
    void *all[] = { r->a, r->b, r->u, r->v, r->s, r->tau, r->work, r->rwork, r->pivot, r->iwork };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) pgn_release(f->memory, all[k]);
}
static D *doubles(const Factor *f, size_t n) { return pgn_alloc(f->memory, n + 8, sizeof(D)); }
static bool room_new(const Factor *f, Room *r) {
    *r = (Room){ .lwork = 0 };
    size_t m = (size_t)f->m, n = (size_t)f->n, l = m > n ? m : n, k = m < n ? m : n, rhs = f->kind == INVERSE ? n : (size_t)f->nrhs;
    int first_i[8];
    D first[8] = { 0 }, first_r[8] = { 0 };
    memset(first_i, 0, sizeof first_i);
    r->a = doubles(f, 2 * l * l);
    if (f->kind == SOLVE || f->kind == INVERSE || f->kind == LSTSQ) r->b = doubles(f, 2 * l * rhs); else r->b = doubles(f, 0);
    if (f->kind == QR || f->kind == SVD) r->u = doubles(f, 2 * m * l); else r->u = doubles(f, 0);
    if (f->kind == SVD || f->kind == EIG) r->v = doubles(f, 2 * l * n); else r->v = doubles(f, 0);
    r->s = doubles(f, 2 * l);
    r->tau = doubles(f, 2 * l);
    r->pivot = pgn_alloc(f->memory, l + 8, sizeof(int));
    if (!r->a || !r->b || !r->u || !r->v || !r->s || !r->tau || !r->pivot) return false;
    r->work = first, r->rwork = first_r, r->iwork = first_i;
    call(f, r, -1);
    r->work = r->rwork = NULL, r->iwork = NULL;
    double want = first[0] + 16;
    if (!(want < INT_MAX)) return false;
    r->lwork = (int)want;
    r->liwork = f->kind == EIGH ? first_i[0] + 8 : (int)(8 * k);
    r->lrwork = f->kind == EIGH ? (int)first_r[0] + 8 : 8;
    size_t real = f->kind == SVD ? k * fmax(5 * (double)k + 7, 2 * (double)l + 2 * (double)k + 1) : 2 * n;
    if (f->kind == EIGH) real = (size_t)r->lrwork;
    r->work = doubles(f, 2 * (size_t)r->lwork);
    r->rwork = doubles(f, real + 8);
    r->iwork = pgn_alloc(f->memory, (size_t)r->liwork + 8, sizeof(int));
    return r->work && r->rwork && r->iwork;
}
/* Eigenvalues ascending by (re, im); real parts of conjugate pairs are equal only up to rounding. */
static void sort_eig(int n, D *w, D *v, double near) {
    for (int j = 0; j < n; j++) {
        int best = j;
        for (int k = j + 1; k < n; k++) {
            double d = w[2 * k] - w[2 * best];
            if (d < -near || (d <= near && w[2 * k + 1] < w[2 * best + 1])) best = k;
        }
        for (int p = 0; p < 2 && best != j; p++) { D t = w[2 * j + p]; w[2 * j + p] = w[2 * best + p]; w[2 * best + p] = t; }
        for (size_t i = 0; best != j && i < 2 * (size_t)n; i++) { D *x = &v[2 * (size_t)n * (size_t)j + i], *y = &v[2 * (size_t)n * (size_t)best + i], t = *x; *x = *y; *y = t; }
    }
}
static bool one(const Factor *f, Room *r, int64_t b) {
    int m = f->m, n = f->n, k = f->r, w = f->z ? 2 : 1, l = m > n ? m : n, info = 0;
    D by[2];
    if (!load(f, 0, b, m, n, m, r->a, f->kind == EIG)) return false;
    switch (f->kind) {
    case CHOLESKY:
        if (call(f, r, 0)) return false;
        for (int j = 0; j < n; j++) memset(r->a + (size_t)j * n * w, 0, (size_t)j * w * sizeof(D));
        store(f, 0, b, n, n, n, r->a, w);
        return true;
    case SOLVE: case INVERSE:
        if (f->kind == SOLVE) load(f, 1, b, n, f->nrhs, n, r->b, false);
        else { memset(r->b, 0, (size_t)n * n * w * sizeof(D)); for (int j = 0; j < n; j++) r->b[((size_t)j * n + j) * w] = 1; }
        if (call(f, r, 0)) return false;
        store(f, 0, b, n, f->kind == SOLVE ? f->nrhs : n, n, r->b, w);
        return true;
    case LOGDET: {
        if (call(f, r, 0)) return false;
        D sum[2] = { 0, 0 };              /* log |det|; the argument only when it is asked for */
        for (int j = 0; j < n; j++) {
            const D *x = r->a + ((size_t)j * n + j) * w;
            sum[0] += log(magnitude(x, w));
            sum[1] += (w == 2 ? atan2(x[1], x[0]) : x[0] < 0 ? M_PI : 0) + (r->pivot[j] != j + 1 ? M_PI : 0);
        }
        sum[1] = remainder(sum[1], 2 * M_PI);
        store(f, 0, b, 1, 1, 1, sum, f->nrhs);
        return true;
    }
    case LSTSQ: {
        load(f, 1, b, m, f->nrhs, l, r->b, false);
        if (call(f, r, r->lwork)) return false;
        double most = 0;                  /* the triangle that is left on the diagonal shows the rank */
        for (int j = 0; j < k; j++) most = fmax(most, magnitude(r->a + ((size_t)j * m + j) * w, w));
        for (int j = 0; j < k; j++) if (!(magnitude(r->a + ((size_t)j * m + j) * w, w) > most * 1e-14 * l)) return false;
        store(f, 0, b, n, f->nrhs, l, r->b, w);
        return true;
    }
    case QR:
        if (call(f, r, r->lwork)) return false;
        memset(r->u, 0, (size_t)k * n * w * sizeof(D));                       /* R, k x n */
        for (int j = 0; j < n; j++) memcpy(r->u + (size_t)j * k * w, r->a + (size_t)j * m * w, (size_t)(j + 1 < k ? j + 1 : k) * w * sizeof(D));
        (f->z ? zungqr_ : dorgqr_)(&m, &k, &k, r->a, &m, r->tau, r->work, &r->lwork, &info);
        if (info) return false;
        for (int i = 0; i < k; i++) {
            D *d = r->u + ((size_t)i * k + i) * w;
            double a = magnitude(d, w);
            if (a == 0) continue;
            D f0[2] = { d[0] / a, w == 2 ? d[1] / a : 0 }, back[2] = { f0[0], -f0[1] };
            for (int j = i; j < n; j++) scale(r->u + ((size_t)j * k + i) * w, 1, w, back);
            d[0] = a;
            if (w == 2) d[1] = 0;
            scale(r->a + (size_t)i * m * w, m, w, f0);
        }
        store(f, 0, b, m, k, m, r->a, w);
        store(f, 1, b, k, n, k, r->u, w);
        return true;
    case SVD: {
        if (call(f, r, r->lwork)) return false;
        D *v = r->a;                      /* V, n x k, from V^H, k x n */
        for (int i = 0; i < k; i++) for (int j = 0; j < n; j++) for (int p = 0; p < w; p++) v[((size_t)i * n + j) * w + p] = (p ? -1 : 1) * r->v[((size_t)j * k + i) * w + p];
        for (int j = 0; j < k; j++) {
            leading_phase(r->u + (size_t)j * m * w, m, w, by);
            scale(r->u + (size_t)j * m * w, m, w, by);
            scale(v + (size_t)j * n * w, n, w, by);
        }
        store(f, 0, b, m, k, m, r->u, w);
        store(f, 1, b, k, 1, k, r->s, 1);
        store(f, 2, b, n, k, n, v, w);
        return true;
    }
    case EIGH: case EIG: {
        double norm = 0;
        if (f->kind == EIG) w = 2;
        for (size_t i = 0; i < (size_t)n * n * w; i++) norm = hypot(norm, r->a[i]);
        if (call(f, r, r->lwork)) return false;
        D *v = f->kind == EIGH ? r->a : r->v;
        if (f->kind == EIG) sort_eig(n, r->s, v, 1e-12 * norm);
        for (int j = 0; j < n; j++) { leading_phase(v + (size_t)j * n * w, n, w, by); scale(v + (size_t)j * n * w, n, w, by); }
        store(f, 0, b, n, 1, n, r->s, f->kind == EIGH ? 1 : 2);
        store(f, 1, b, n, n, n, v, w);
        return true;
    }
    }
    return false;
}
static void body(void *arg, int64_t lo, int64_t hi) {
    Factor *f = arg;
    Room r;
    if (!room_new(f, &r)) atomic_store(&f->no_memory, 1);
    else for (int64_t b = lo; b < hi; b++) {
        if (one(f, &r, b)) continue;
        long long seen = atomic_load(&f->failed);
        while (b < seen && !atomic_compare_exchange_weak(&f->failed, &seen, b)) { }
        break;
    }
    room_free(f, &r);
}
/* Matrices without elements: the determinant of nothing is 1, the shortest solution of no equations is 0. */
static pgn_status nothing(int kind, int t, int64_t batch, int64_t n, int64_t k, void *const *buffers) {
    size_t real = t == PGN_F64 || t == PGN_C128 ? 8 : 4, one = real * (t == PGN_C64 || t == PGN_C128 ? 2 : 1);
    if (kind == LOGDET && batch > 0) memset(buffers[1], 0, (size_t)batch * (size_t)k * real);
    if (kind == LSTSQ && batch > 0 && n > 0) memset(buffers[2], 0, (size_t)batch * (size_t)n * (size_t)k * one);
    return PGN_OK;
}
/* "`A`, line 12: ": the matrix's tensor and the place of the equation, as far as they are known. */
static const char *where(const pgn_env *env, int64_t buffer, int64_t line, char *to, size_t n) {
    const pgn_model *m = env->model;
    const char *name = m && buffer >= 0 && buffer < m->n_buffer ? m->buffer[buffer].name : NULL;
    char at[32] = "";
    if (line > 0) snprintf(at, sizeof at, "line %" PRId64, line);
    snprintf(to, n, "%s%s%s%s%s%s", name ? "`" : "", name ? name : "", name ? "`" : "", name && *at ? ", " : "", at, name || *at ? ": " : "");
    return to;
}
pgn_status pgn_rt_factor(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    static const char *const name[] = { "cholesky", "solve", "lstsq", "logdet", "inverse", "qr", "svd", "eigh", "eig" };
    static const char *const why[] = { "is not positive definite", "is singular", "has not full rank", "is singular", "is singular" };
    int64_t batch = ints[2], M = ints[3], N = ints[4], K = ints[5] < 1 ? 1 : ints[5], bytes = 0;
    int t = (int)ints[1];
    if (ints[0] < CHOLESKY || ints[0] > EIG) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "factorisation %" PRId64 " is unknown", ints[0]);
    int kind = (int)ints[0];
    if (t != PGN_F32 && t != PGN_F64 && t != PGN_C64 && t != PGN_C128) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "%s: matrices of element type %d can't be factored", name[kind], t);
    if (kind == LOGDET && K > 2) return pgn_error_set(env->error, PGN_E_SIZE, "logdet: %" PRId64 " numbers per result", K);
    if (batch <= 0 || M <= 0 || N <= 0) return nothing(kind, t, batch, N, K, buffers);
    int64_t top = M > N ? M : N;
    if (top > 30000 || K > INT32_MAX / top) return pgn_error_set(env->error, PGN_E_SIZE, "%s: a %" PRId64 " x %" PRId64 " matrix is too large", name[kind], M, N);
    if (M != N && kind != LSTSQ && kind != QR && kind != SVD) return pgn_error_set(env->error, PGN_E_SIZE, "%s: a %" PRId64 " x %" PRId64 " matrix is not square", name[kind], M, N);
    Factor f = { .memory = env->options, .kind = kind, .m = (int)M, .n = (int)N, .nrhs = (int)K, .r = (int)(M < N ? M : N), .batch = batch, .f64 = t == PGN_F64 || t == PGN_C128, .z = t == PGN_C64 || t == PGN_C128, .n_in = 1, .n_out = 1 };
    int64_t c = f.z ? 2 : 1, r = f.r;
    f.each_in[0] = c * M * N;
    switch (kind) {
    case SOLVE: case LSTSQ: f.n_in = 2, f.each_in[1] = c * M * K, f.each_out[0] = c * N * K; break;
    case LOGDET: f.each_out[0] = K; break;
    case QR: f.n_out = 2, f.each_out[0] = c * M * r, f.each_out[1] = c * r * N; break;
    case SVD: f.n_out = 3, f.each_out[0] = c * M * r, f.each_out[1] = r, f.each_out[2] = c * N * r; break;
    case EIGH: f.n_out = 2, f.each_out[0] = N, f.each_out[1] = c * N * N; break;
    case EIG: f.n_out = 2, f.each_out[0] = 2 * N, f.each_out[1] = 2 * N * N; break;
    default: f.each_out[0] = c * N * N;
    }
    for (int k = 0; k < f.n_in; k++) f.in[k] = buffers[k];
    int64_t one_value = f.f64 ? 8 : 4, at[4] = { 0 };
    for (int k = 0; k < f.n_out; k++) { at[k] = bytes; if (__builtin_mul_overflow(batch * one_value, f.each_out[k], &at[3]) || __builtin_add_overflow(bytes, at[3], &bytes)) return pgn_error_set(env->error, PGN_E_SIZE, "%s: the batch is too large", name[kind]); }
    char *stage = pgn_alloc(env->options, (size_t)bytes + 1, 1);
    if (!stage) return pgn_error_set(env->error, PGN_E_MEMORY, "%s: no memory for %" PRId64 " bytes of results", name[kind], bytes);
    for (int k = 0; k < f.n_out; k++) f.out[k] = stage + at[k];
    atomic_init(&f.failed, INT64_MAX);
    pgn_parallel(env->options, batch, top * r * r * 4, body, &f);
    pgn_status st = PGN_OK;
    char place[160];
    long long bad = atomic_load(&f.failed);
    if (atomic_load(&f.no_memory)) st = pgn_error_set(env->error, PGN_E_MEMORY, "%s: no memory for a %" PRId64 " x %" PRId64 " matrix", name[kind], M, N);
    else if (bad != INT64_MAX)
        st = pgn_error_set(env->error, PGN_E_SINGULAR, "%s%s: the matrix of batch index %lld (of %" PRId64 ") %s", where(env, ints[6], ints[7], place, sizeof place), name[kind], bad, batch,
                           kind < QR ? why[kind] : "has elements that are not finite, or the method does not converge");
    else for (int k = 0; k < f.n_out; k++) if (buffers[f.n_in + k]) memcpy(buffers[f.n_in + k], f.out[k], (size_t)(batch * one_value * f.each_out[k]));
    pgn_release(env->options, stage);
    return st;
}
