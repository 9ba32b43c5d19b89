/* runtime_test.c - libpigeon's numeric half: plans, parallel loops, derived structure, sorting, factorisations; its transforms are in dft_test.c.
 * Each is compared with the plainest way to compute the same. */
#include "runtime.h"
#include <complex.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- structure ------------------------------------------------------------------------------------------------ */
static void test_fibre(int n, int extent, int span) {
    int32_t *k0 = malloc(4 * (size_t)n + 4), *k1 = malloc(4 * (size_t)n + 4), *k2 = malloc(4 * (size_t)n + 4), *items = malloc(4 * (size_t)n + 4);
    int64_t *row = malloc(8 * (size_t)extent + 8);
    for (int i = 0; i < n; i++) k0[i] = (int32_t)(random_bits() % (uint64_t)extent), k1[i] = (int32_t)(random_bits() % (uint64_t)span), k2[i] = (int32_t)(random_bits() % 3);
    for (int keys = 1; keys <= 3; keys++) {
        void *b[5] = { k0, k1, k2 };
        b[keys] = row, b[keys + 1] = items;
        bool ok = pgn_rt_fibre(&env, INTS(n, keys, extent), b, NULL) == PGN_OK && row[0] == 0 && row[extent] == n;
        for (int v = 0; v < extent && ok; v++) for (int64_t p = row[v]; p < row[v + 1] && ok; p++) {
            int i = items[p];
            ok = i >= 0 && i < n && k0[i] == v;
            if (!ok || p == row[v]) continue;
            int j = items[p - 1], c = 0;
            if (keys > 1 && !c) c = (k1[j] > k1[i]) - (k1[j] < k1[i]);
            if (keys > 2 && !c) c = (k2[j] > k2[i]) - (k2[j] < k2[i]);
            ok = c < 0 || (c == 0 && j < i);
        }
        CHECK(ok);
    }
    /* combinations: lexicographic, first ones, and pair leads back */
    int32_t *first = malloc(4 * (size_t)n + 4), *pair = malloc(4 * (size_t)n + 4);
    int64_t count = -1;
    bool ok = pgn_rt_unique(&env, INTS(n, 2, 0), BUFS(k0, k1, first, pair), &count) == PGN_OK && (n ? count >= 1 : count == 0);
    for (int i = 0; i < n && ok; i++) { int r = first[pair[i]]; ok = k0[r] == k0[i] && k1[r] == k1[i] && r <= i; }
    for (int64_t p = 1; p < count && ok; p++) { int a = first[p - 1], b = first[p]; ok = k0[a] < k0[b] || (k0[a] == k0[b] && k1[a] < k1[b]); }
    CHECK(ok);
    /* how many of them begin with each value */
    int64_t *met = malloc(8 * (size_t)extent + 8), *begin = calloc((size_t)extent + 1, 8);
    for (int64_t p = 0; p < count; p++) begin[k0[first[p]]]++;
    ok = pgn_rt_distinct(&env, INTS(n, extent, INT32_MAX), BUFS(k0, k1, met), NULL) == PGN_OK;
    for (int v = 0; v < extent && ok; v++) ok = met[v] == begin[v];
    CHECK(ok);
    CHECK(!n || pgn_rt_distinct(&env, INTS(n, k0[0], INT32_MAX), BUFS(k0, k1, met), NULL) == PGN_E_RANGE);
    free(k0); free(k1); free(k2); free(items); free(row); free(first); free(pair); free(met); free(begin);
}
static void test_join(int na, int nb, int span, int keys) {
    int32_t *k[4];
    for (int j = 0; j < 4; j++) { int n = j < keys ? na : nb; k[j] = malloc(4 * (size_t)(na > nb ? na : nb) + 4); for (int i = 0; i < n; i++) k[j][i] = (int32_t)(random_bits() % (uint64_t)span); }
    void *b[6] = { k[0], k[1], k[2], k[3] };
    int64_t count = -1, want = 0;
    bool ok = pgn_rt_join_count(&env, INTS(na, nb, keys), b, &count) == PGN_OK;
    int32_t *left = malloc(4 * (size_t)count + 4), *right = malloc(4 * (size_t)count + 4);
    b[2 * keys] = left, b[2 * keys + 1] = right;
    ok = ok && pgn_rt_join(&env, INTS(na, nb, keys), b, NULL) == PGN_OK;
    for (int i = 0; i < na && ok; i++) for (int j = 0; j < nb && ok; j++) {
        bool match = true;
        for (int q = 0; q < keys; q++) match = match && ((int32_t *)b[q])[i] == ((int32_t *)b[keys + q])[j];
        if (match) { ok = want < count && left[want] == i && right[want] == j; want++; }
    }
    CHECK(ok && want == count);
    for (int j = 0; j < 4; j++) free(k[j]);
    free(left); free(right);
}
static void test_structure(void) {
    int sizes[] = { 0, 1, 2, 17, 1000, 20000 };
    for (int i = 0; i < 6; i++) { test_fibre(sizes[i], 1, 5); test_fibre(sizes[i], 37, 2000000000); test_fibre(sizes[i], 5000, 40); }
    int64_t row[1] = { 7 };
    CHECK(pgn_rt_fibre(&env, INTS(0, 1, 0), BUFS(NULL, row, NULL), NULL) == PGN_OK && row[0] == 0);
    CHECK(pgn_rt_fibre(&env, INTS(1, 1, 0), BUFS((int32_t[]){ 0 }, row, (int32_t[]){ 0 }), NULL) == PGN_E_RANGE);
    test_join(0, 5, 3, 1); test_join(5, 0, 3, 1); test_join(1, 1, 1, 1); test_join(50, 60, 7, 1); test_join(50, 60, 4, 2); test_join(9, 8, 3, 0); test_join(300, 200, 1000000000, 1);
    int64_t many;
    int32_t *zero = calloc(70000, 4);
    CHECK(pgn_rt_join_count(&env, INTS(70000, 70000, 1), BUFS(zero, zero), &many) == PGN_E_SIZE);
    free(zero);
    unsigned char mask[5] = { 0, 1, 1, 0, 1 };
    int32_t at[3];
    CHECK(pgn_rt_filter_count(&env, INTS(5), BUFS(mask), &many) == PGN_OK && many == 3);
    CHECK(pgn_rt_filter(&env, INTS(5), BUFS(mask, at), NULL) == PGN_OK && at[0] == 1 && at[1] == 2 && at[2] == 4);
    CHECK(pgn_rt_check_range(&env, INTS(3, 5, -1), BUFS(at), NULL) == PGN_OK);
    CHECK(pgn_rt_check_range(&env, INTS(3, 4, -1), BUFS(at), NULL) == PGN_E_RANGE && strstr(err.message, "value 4 at position 2"));
    CHECK(pgn_rt_check_range(&env, INTS(0, 0, -1), BUFS(NULL), NULL) == PGN_OK);
}

/* ---- sorting ------------------------------------------------------------------------------------------------------ */
static void test_sort(int outer, int n, int inner, int k, bool down) {
    size_t a = (size_t)outer * n * inner, b = (size_t)outer * k * inner;
    double *in = malloc(8 * a + 8), *value = malloc(8 * b + 8);
    int32_t *at = malloc(4 * b + 4);
    for (size_t i = 0; i < a; i++) { int64_t r = (int64_t)(random_bits() % 23); in[i] = r == 0 ? NAN : r == 1 ? -INFINITY : r == 2 ? INFINITY : r == 3 ? -0.0 : r == 4 ? 0.0 : (double)(r - 12); }
    bool ok = pgn_rt_sort(&env, INTS(PGN_F64, outer, n, inner, k, down), BUFS(in, at, value), NULL) == PGN_OK;
    for (int o = 0; o < outer; o++) for (int i = 0; i < inner; i++) {
        bool *used = calloc((size_t)n, 1);
        for (int r = 0; r < k; r++) {
            int best = -1;
            for (int j = 0; j < n; j++) if (!used[j]) {
                if (best < 0) { best = j; continue; }
                double x = in[((size_t)o * n + j) * inner + i], y = in[((size_t)o * n + best) * inner + i];
                if ((isnan(y) && !isnan(x)) || (down ? x > y : x < y)) best = j;
            }
            used[best] = true;
            size_t to = ((size_t)o * k + r) * inner + i;
            ok = ok && at[to] == best && !memcmp(&value[to], &in[((size_t)o * n + best) * inner + i], 8);
        }
        free(used);
    }
    CHECK(ok);
    free(in); free(value); free(at);
}
static void test_sorts(void) {
    for (int down = 0; down < 2; down++) { test_sort(1, 1, 1, 1, down); test_sort(3, 16, 2, 16, down); test_sort(2, 17, 3, 5, down); test_sort(2, 333, 1, 333, down); test_sort(2, 333, 2, 4, down); test_sort(1, 100, 1, 1, down); }
    int32_t at[4];
    int64_t big[4] = { INT64_MAX, INT64_MIN, 0, INT64_MAX }, big_out[4];
    CHECK(pgn_rt_sort(&env, INTS(PGN_I64, 1, 4, 1, 4, 1), BUFS(big, at, big_out), NULL) == PGN_OK && at[0] == 0 && at[1] == 3 && at[2] == 2 && at[3] == 1);
    int8_t small[4] = { -1, 5, -128, 5 }, small_out[4];
    CHECK(pgn_rt_sort(&env, INTS(PGN_I8, 1, 4, 1, 4, 0), BUFS(small, at, small_out), NULL) == PGN_OK && at[0] == 2 && at[1] == 0 && at[2] == 1 && at[3] == 3 && small_out[3] == 5);
    uint16_t half[3] = { 0x7e00, 0x3c00, 0xbc00 }, half_out[3];                        /* NaN, 1, -1 */
    CHECK(pgn_rt_sort(&env, INTS(PGN_F16, 1, 3, 1, 3, 0), BUFS(half, at, half_out), NULL) == PGN_OK && at[0] == 2 && at[1] == 1 && at[2] == 0);
    CHECK(pgn_rt_sort(&env, INTS(PGN_F16, 1, 3, 1, 3, 1), BUFS(half, at, half_out), NULL) == PGN_OK && at[0] == 1 && at[1] == 2 && at[2] == 0);
    CHECK(pgn_rt_sort(&env, INTS(PGN_F32, 1, 2, 1, 3, 0), BUFS(half, at, half_out), NULL) == PGN_E_SIZE);
    CHECK(pgn_rt_sort(&env, INTS(PGN_C64, 1, 1, 1, 1, 0), BUFS(half, at, half_out), NULL) == PGN_E_UNSUPPORTED);
    CHECK(pgn_rt_sort(&env, INTS(PGN_F32, 0, 0, 1, 3, 0), BUFS(NULL, NULL, NULL), NULL) == PGN_OK);
}

/* ---- factorisations --------------------------------------------------------------------------------------------------- */
enum { CHOLESKY, SOLVE, LSTSQ, LOGDET, INVERSE, QR, SVD, EIGH, EIG };
typedef double complex Z;
static void fill(Z *a, size_t n, bool z) { for (size_t k = 0; k < n; k++) a[k] = uniform() + (z ? I * uniform() : 0); }
static void *pack(const Z *a, size_t n, int dtype) {
    char *p = malloc(n * 16 + 16);
    for (size_t k = 0; k < n; k++) switch (dtype) {
    case PGN_F32: ((float *)p)[k] = (float)creal(a[k]); break;
    case PGN_F64: ((double *)p)[k] = creal(a[k]); break;
    case PGN_C64: ((float *)p)[2 * k] = (float)creal(a[k]), ((float *)p)[2 * k + 1] = (float)cimag(a[k]); break;
    default: ((double *)p)[2 * k] = creal(a[k]), ((double *)p)[2 * k + 1] = cimag(a[k]);
    }
    return p;
}
static Z at(const void *p, size_t k, int dtype) {
    switch (dtype) {
    case PGN_F32: return ((const float *)p)[k];
    case PGN_F64: return ((const double *)p)[k];
    case PGN_C64: return ((const float *)p)[2 * k] + I * ((const float *)p)[2 * k + 1];
    default: return ((const double *)p)[2 * k] + I * ((const double *)p)[2 * k + 1];
    }
}
static double product_error(const void *a, bool ah, const void *b, bool bh, const double *mid, const Z *want, int m, int k, int n, int dt, size_t oa, size_t ob) {
    double worst = 0;
    for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) {
        Z s = 0;
        for (int p = 0; p < k; p++) {
            Z x = ah ? conj(at(a, oa + (size_t)p * m + i, dt)) : at(a, oa + (size_t)i * k + p, dt), y = bh ? conj(at(b, ob + (size_t)j * k + p, dt)) : at(b, ob + (size_t)p * n + j, dt);
            s += x * y * (mid ? mid[p] : 1);
        }
        worst = fmax(worst, cabs(s - (want ? want[(size_t)i * n + j] : i == j)));
    }
    return worst;
}
static bool leads(const void *v, size_t from, int rows, int cols, int dt) {
    for (int c = 0; c < cols; c++) {
        double most = 0;
        for (int i = 0; i < rows; i++) most = fmax(most, cabs(at(v, from + (size_t)i * cols + c, dt)));
        for (int i = 0; i < rows; i++) { Z x = at(v, from + (size_t)i * cols + c, dt); if (cabs(x) < most * (1 - 1e-6)) continue; if (!(creal(x) > 0) || fabs(cimag(x)) > 1e-5 * most) return false; break; }
    }
    return true;
}
static void test_factor(int dt, int batch, int m, int n) {
    bool z = dt == PGN_C64 || dt == PGN_C128, f64 = dt == PGN_F64 || dt == PGN_C128;
    int real = f64 ? PGN_F64 : PGN_F32, cplx = f64 ? PGN_C128 : PGN_C64, r = m < n ? m : n, nrhs = 3;
    double eps = (f64 ? 1e-11 : 2e-3) ;
    size_t mn = (size_t)m * n, bn = (size_t)batch * mn;
    Z *A = malloc(bn * sizeof *A), *S = malloc(bn * sizeof *S), *Y = malloc(sizeof *Y * (size_t)batch * m * nrhs);
    fill(A, bn, z);
    for (int b = 0; b < batch && m == n; b++) for (int i = 0; i < m; i++) A[(size_t)b * mn + (size_t)i * n + i] += 3;
    fill(Y, (size_t)batch * m * nrhs, z);
    void *a = pack(A, bn, dt), *y = pack(Y, (size_t)batch * m * nrhs, dt);
    size_t big = (size_t)batch * (size_t)(m + n) * (size_t)(m + n + nrhs) * 16 + 64;
    void *o1 = malloc(big), *o2 = malloc(big), *o3 = malloc(big);
    bool ok;
    if (m == n) {
        /* hermitian, positive definite */
        for (int b = 0; b < batch; b++) for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) {
            Z s = i == j ? 0.5 : 0;
            for (int p = 0; p < n; p++) s += A[(size_t)b * mn + (size_t)i * n + p] * conj(A[(size_t)b * mn + (size_t)j * n + p]);
            S[(size_t)b * mn + (size_t)i * n + j] = s;
        }
        void *s = pack(S, bn, dt);
        ok = pgn_rt_factor(&env, INTS(CHOLESKY, dt, batch, n, n, 1, -1, 0), BUFS(s, o1), NULL) == PGN_OK;
        for (int b = 0; b < batch && ok; b++) {
            ok = product_error(o1, false, o1, true, NULL, S + b * mn, n, n, n, dt, b * mn, b * mn) < eps * 20 * n;
            for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) ok = ok && at(o1, b * mn + (size_t)i * n + j, dt) == 0;
        }
        CHECK(ok);
        ok = pgn_rt_factor(&env, INTS(EIGH, dt, batch, n, n, 1, -1, 0), BUFS(s, o1, o2), NULL) == PGN_OK;
        for (int b = 0; b < batch && ok; b++) {
            double w[64];
            for (int i = 0; i < n; i++) { w[i] = creal(at(o1, (size_t)b * n + i, real)); ok = ok && (!i || w[i] >= w[i - 1]); }
            Z *V = malloc(sizeof *V * mn);
            for (size_t i = 0; i < mn; i++) V[i] = at(o2, b * mn + i, dt);
            for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) {      /* S V = V w */
                Z t = 0;
                for (int p = 0; p < n; p++) t += S[b * mn + (size_t)i * n + p] * V[(size_t)p * n + j];
                ok = ok && cabs(t - V[(size_t)i * n + j] * w[j]) < eps * 20 * n;
            }
            ok = ok && leads(o2, b * mn, n, n, dt);
            free(V);
        }
        CHECK(ok);
        free(s);
        ok = pgn_rt_factor(&env, INTS(SOLVE, dt, batch, n, n, nrhs, -1, 0), BUFS(a, y, o1), NULL) == PGN_OK;
        for (int b = 0; b < batch && ok; b++) ok = product_error(a, false, o1, false, NULL, Y + (size_t)b * n * nrhs, n, n, nrhs, dt, b * mn, (size_t)b * n * nrhs) < eps * 20 * n;
        CHECK(ok);
        ok = pgn_rt_factor(&env, INTS(INVERSE, dt, batch, n, n, 1, -1, 0), BUFS(a, o2), NULL) == PGN_OK;
        for (int b = 0; b < batch && ok; b++) ok = product_error(a, false, o2, false, NULL, NULL, n, n, n, dt, b * mn, b * mn) < eps * 20 * n;
        CHECK(ok);
        ok = pgn_rt_factor(&env, INTS(EIG, dt, batch, n, n, 1, -1, 0), BUFS(a, o1, o2), NULL) == PGN_OK;
        for (int b = 0; b < batch && ok; b++) {
            for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) {
                Z t = 0, w = at(o1, (size_t)b * n + j, cplx);
                for (int p = 0; p < n; p++) t += A[b * mn + (size_t)i * n + p] * at(o2, b * mn + (size_t)p * n + j, cplx);
                ok = ok && cabs(t - w * at(o2, b * mn + (size_t)i * n + j, cplx)) < eps * 20 * n;
                if (j) ok = ok && creal(at(o1, (size_t)b * n + j - 1, cplx)) <= creal(w) + 1e-5;
            }
            ok = ok && leads(o2, b * mn, n, n, cplx);
        }
        CHECK(ok);
        /* the product of the eigenvalues is the determinant */
        ok = pgn_rt_factor(&env, INTS(LOGDET, dt, batch, n, n, z ? 2 : 1, -1, 0), BUFS(a, o3), NULL) == PGN_OK;
        for (int b = 0; b < batch && ok; b++) { Z d = 1; for (int j = 0; j < n; j++) d *= at(o1, (size_t)b * n + j, cplx); Z e = at(o3, (size_t)b, dt); ok = fabs(log(cabs(d)) - creal(e)) < eps * n && (!z || cabs(cexp(e) - d) < eps * 100 * cabs(d)); }
        CHECK(ok);
    }
    ok = pgn_rt_factor(&env, INTS(QR, dt, batch, m, n, 1, -1, 0), BUFS(a, o1, o2), NULL) == PGN_OK;
    for (int b = 0; b < batch && ok; b++) {
        size_t q = (size_t)b * m * r, R = (size_t)b * r * n;
        ok = product_error(o1, false, o2, false, NULL, A + b * mn, m, r, n, dt, q, R) < eps * n && product_error(o1, true, o1, false, NULL, NULL, r, m, r, dt, q, q) < eps * n;
        for (int i = 0; i < r; i++) { ok = ok && creal(at(o2, R + (size_t)i * n + i, dt)) >= 0 && cimag(at(o2, R + (size_t)i * n + i, dt)) == 0; for (int j = 0; j < i; j++) ok = ok && at(o2, R + (size_t)i * n + j, dt) == 0; }
    }
    CHECK(ok);
    ok = pgn_rt_factor(&env, INTS(SVD, dt, batch, m, n, 1, -1, 0), BUFS(a, o1, o2, o3), NULL) == PGN_OK;
    for (int b = 0; b < batch && ok; b++) {
        double s[64];
        for (int i = 0; i < r; i++) { s[i] = creal(at(o2, (size_t)b * r + i, real)); ok = ok && s[i] >= 0 && (!i || s[i] <= s[i - 1]); }
        ok = ok && product_error(o1, false, o3, true, s, A + b * mn, m, r, n, dt, (size_t)b * m * r, (size_t)b * n * r) < eps * n && leads(o1, (size_t)b * m * r, m, r, dt);
    }
    CHECK(ok);
    ok = pgn_rt_factor(&env, INTS(LSTSQ, dt, batch, m, n, nrhs, -1, 0), BUFS(a, y, o1), NULL) == PGN_OK;
    for (int b = 0; b < batch && ok; b++) for (int c = 0; c < nrhs; c++) {
        Z res[64];
        for (int i = 0; i < m; i++) { res[i] = -Y[((size_t)b * m + i) * nrhs + c]; for (int j = 0; j < n; j++) res[i] += A[b * mn + (size_t)i * n + j] * at(o1, ((size_t)b * n + j) * nrhs + c, dt); }
        for (int j = 0; j < n; j++) { Z g = 0; for (int i = 0; i < m; i++) g += conj(A[b * mn + (size_t)i * n + j]) * res[i]; ok = ok && cabs(g) < eps * 100 * m; }      /* normal equations */
    }
    CHECK(ok);
    free(A); free(S); free(Y); free(a); free(y); free(o1); free(o2); free(o3);
}
static void test_factors(void) {
    for (int t = 0; t < 4; t++) {
        int dt = (int[]){ PGN_F32, PGN_F64, PGN_C64, PGN_C128 }[t];
        test_factor(dt, 1, 1, 1); test_factor(dt, 3, 2, 2); test_factor(dt, 2, 7, 7); test_factor(dt, 2, 5, 3); test_factor(dt, 2, 3, 6); test_factor(dt, 1, 20, 20);
    }
    double bad[12] = { 1, 0, 0, 1, 1, 2, 2, 1, 1, 2, 2, 4 }, out[12];
    for (int k = 0; k < 12; k++) out[k] = 77;
    CHECK(pgn_rt_factor(&env, INTS(CHOLESKY, PGN_F64, 3, 2, 2, 1, -1, 0), BUFS(bad, out), NULL) == PGN_E_SINGULAR && strstr(err.message, "batch index 1") && out[0] == 77);
    CHECK(pgn_rt_factor(&env, INTS(INVERSE, PGN_F64, 3, 2, 2, 1, -1, 0), BUFS(bad, out), NULL) == PGN_E_SINGULAR && strstr(err.message, "batch index 2") && out[0] == 77);
    CHECK(pgn_rt_factor(&env, INTS(LSTSQ, PGN_F64, 1, 2, 2, 1, -1, 0), BUFS(bad + 8, bad, out), NULL) == PGN_E_SINGULAR);
    bad[0] = NAN;
    CHECK(pgn_rt_factor(&env, INTS(SVD, PGN_F64, 1, 2, 2, 1, -1, 0), BUFS(bad, out, out, out), NULL) == PGN_E_SINGULAR);
    CHECK(pgn_rt_factor(&env, INTS(SVD, PGN_I32, 1, 2, 2, 1, -1, 0), BUFS(bad, out, out, out), NULL) == PGN_E_UNSUPPORTED);
    CHECK(pgn_rt_factor(&env, INTS(SOLVE, PGN_F64, 0, 2, 2, 1, -1, 0), BUFS(NULL, NULL, NULL), NULL) == PGN_OK);
}

/* ---- a model, as a target would emit it: y[v] = scale * sum(e: dst(e) = v) x[pick(src(e))], through a fibre ------------ */
enum { S_D, S_NODES, S_EDGES, S_TYPES };
enum { B_SRC, B_DST, B_X, B_PICK, B_Y, B_ROW, B_ITEM, B_TMP, B_SCALE, B_COUNT };
static int64_t extent(const int64_t *s, int role, int k, int axis) {
    if (role == PGN_ROLE_INPUT && k == 1) return axis == 0 ? s[S_NODES] : s[S_D];
    return role == PGN_ROLE_INPUT ? s[S_D] : s[S_NODES];
}
static int64_t count(const int64_t *s, int b) {
    switch (b) {
    case B_SRC: case B_DST: case B_ITEM: return s[S_EDGES];
    case B_X: return s[S_D] > ((int64_t)1 << 40) ? -1 : s[S_D];
    case B_ROW: return s[S_NODES] + 1;
    case B_SCALE: return 1;
    }
    return s[S_NODES];
}
static atomic_int calls;
static void gather(const pgn_env *e, int64_t lo, int64_t hi) {
    const float *x = e->buf[B_X], *scale = e->buf[B_SCALE];
    const int32_t *pick = e->buf[B_PICK], *src = e->buf[B_SRC], *item = e->buf[B_ITEM];
    const int64_t *row = e->buf[B_ROW];
    float *tmp = e->buf[B_TMP];
    atomic_fetch_add(&calls, 1);
    for (int64_t v = lo; v < hi; v++) { float s = 0; for (int64_t p = row[v]; p < row[v + 1]; p++) s += x[pick[src[item[p]]]]; tmp[v] = s * scale[0]; }
}
static void copy(const pgn_env *e, int64_t lo, int64_t hi) { if (hi > lo) memcpy((float *)e->buf[B_Y] + lo, (float *)e->buf[B_TMP] + lo, sizeof(float) * (size_t)(hi - lo)); }
static pgn_status bind(pgn_env *e) {
    pgn_status st = pgn_env_alloc(e, B_ROW);
    if (!st) st = pgn_env_alloc(e, B_ITEM);
    if (!st) st = pgn_rt_fibre(e, INTS(e->size[S_EDGES], 1, e->size[S_NODES]), BUFS(e->buf[B_DST], e->buf[B_ROW], e->buf[B_ITEM]), NULL);
    return st;
}
static pgn_status run(pgn_env *e) {
    pgn_status st = pgn_env_launch(e, gather, e->size[S_NODES], 100);
    return st ? st : pgn_env_launch(e, copy, e->size[S_NODES], 1);
}
static const float two = 2;
static const pgn_symbol symbols[] = { { "d", 0, -1 }, { "nodes", 1, -1 }, { "edges", 1, -1 }, { "etypes", 1, -1 } };
static const pgn_buffer buffers[] = { { "src", PGN_I32, PGN_ROLE_GRAPH, 0, NULL, 0, 0 }, { "dst", PGN_I32, PGN_ROLE_GRAPH, 0, NULL, 0, 0 }, { "x", PGN_F32, PGN_ROLE_INPUT, 0, NULL, 0, 0 }, { "pick", PGN_I32, PGN_ROLE_INPUT, 1, NULL, 0, 0 },
    { "y", PGN_F32, PGN_ROLE_OUTPUT, 0, NULL, 0, 0 }, { "row", PGN_I64, PGN_ROLE_PLAN, 0, NULL, 0, 0 }, { "item", PGN_I32, PGN_ROLE_PLAN, 0, NULL, 0, 0 }, { "tmp", PGN_F32, PGN_ROLE_WORK, 0, NULL, 0, 0 }, { "scale", PGN_F32, PGN_ROLE_CONST, 0, &two, 0, 0 } };
static const pgn_graph_argument graphs[] = { { "g", S_NODES, S_NODES, S_EDGES, -1, S_TYPES, B_SRC, B_DST, -1, -1 } };
static const pgn_argument inputs[] = { { .name = "x", .dtype = PGN_F32, .rank = 1, .buffer = B_X, .symbol = { S_D } }, { .name = "pick", .dtype = PGN_I32, .rank = 1, .buffer = B_PICK, .is_map = 1, .symbol = { S_NODES } } };
static const pgn_argument outputs[] = { { .name = "y", .dtype = PGN_F32, .rank = 1, .buffer = B_Y, .symbol = { S_NODES } } };
static const pgn_model model = { PGN_ABI, "m", "m.pgn", 4, B_COUNT, 1, 2, 0, 1, symbols, buffers, graphs, inputs, NULL, outputs, extent, count, bind, run, 0, NULL, NULL, NULL, 0, NULL, 0 };
static void serial_for(void *user, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) { (void)grain; ++*(int *)user; body(arg, 0, n / 2); body(arg, n / 2, n); }
/* an allocator that counts what lives, and gives nothing from the `limit`th call on */
typedef struct Memory { atomic_int live, calls, limit; } Memory;
static void *limited_alloc(void *user, size_t bytes, size_t align) {
    Memory *m = user;
    if (atomic_fetch_add(&m->calls, 1) >= m->limit) return NULL;
    void *p = aligned_alloc(align, bytes);
    if (p) { memset(p, 0xa5, bytes); atomic_fetch_add(&m->live, 1); }
    return p;
}
static void limited_free(void *user, void *p) { if (p) atomic_fetch_sub(&((Memory *)user)->live, 1); free(p); }

static void test_plan(void) {
    enum { V = 5000, E = 40000, D = 64 };
    int32_t *src = malloc(4 * E), *dst = malloc(4 * E), *pick = malloc(4 * V);
    float *x = malloc(4 * D), *y = malloc(4 * V), *y1 = malloc(4 * V);
    for (int k = 0; k < E; k++) src[k] = (int32_t)(random_bits() % V), dst[k] = (int32_t)(random_bits() % V);
    for (int k = 0; k < V; k++) pick[k] = (int32_t)(random_bits() % D);
    for (int k = 0; k < D; k++) x[k] = (float)uniform();
    int64_t sizes[4] = { D, -1, -1, -1 };
    pgn_graph_view g = { V, V, E, 0, 1, src, dst, NULL, NULL };
    const void *in[] = { x, pick };
    void *out[] = { y };
    pgn_plan *p;
    for (int threads = 0; threads <= 4; threads++) {
        pgn_options o = { .threads = threads };
        CHECK(pgn_model_plan(&model, &g, sizes, NULL, &o, &p, &err) == PGN_OK);
        CHECK(pgn_plan_sizes(p)[S_EDGES] == E && pgn_plan_workspace_size(p) >= 4 * V);
        void *ws = malloc(pgn_plan_workspace_size(p));
        for (int again = 0; again < 50; again++) CHECK(pgn_model_forward(p, in, NULL, out, ws, NULL, &err) == PGN_OK);
        if (threads == 0) memcpy(y1, y, 4 * V); else CHECK(!memcmp(y, y1, 4 * V));
        pick[4321] = D;
        memset(y, 1, 4 * V);
        CHECK(pgn_model_forward(p, in, NULL, out, ws, NULL, &err) == PGN_E_RANGE && strstr(err.message, "`pick`") && strstr(err.message, "value 64 at position 4321") && *(int *)y == 0x01010101);
        pick[4321] = 0;
        CHECK(pgn_model_forward(p, (const void *[]){ NULL, pick }, NULL, out, ws, NULL, &err) == PGN_E_ARGUMENT && strstr(err.message, "`x`"));
        CHECK(pgn_model_forward(p, in, NULL, (void *[]){ x }, ws, NULL, &err) == PGN_E_ARGUMENT && strstr(err.message, "overlaps"));
        CHECK(pgn_model_forward(p, in, NULL, (void *[]){ (char *)y + 1 }, ws, NULL, &err) == PGN_E_ARGUMENT && strstr(err.message, "aligned"));
        CHECK(pgn_model_forward(p, in, NULL, out, NULL, NULL, &err) == PGN_E_ARGUMENT);
        CHECK(pgn_model_forward(p, NULL, NULL, out, ws, NULL, NULL) == PGN_E_ARGUMENT);
        pick[4321] = 1;
        pgn_model_forward(p, in, NULL, (void *[]){ y1 }, ws, NULL, &err);
        free(ws);
        pgn_plan_free(p);
    }
    double want = 0;
    for (int k = 0; k < E; k++) if (dst[k] == 17) want += 2.0 * x[pick[src[k]]];
    CHECK(fabs(want - y1[17]) < 1e-4);
    int count_for = 0;
    pgn_options own = { .parallel_for = serial_for, .user = &count_for };
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, &own, &p, &err) == PGN_OK);
    void *ws = malloc(pgn_plan_workspace_size(p));
    CHECK(pgn_model_forward(p, in, NULL, out, ws, NULL, &err) == PGN_OK && count_for >= 1 && !memcmp(y, y1, 4 * V));
    free(ws);
    pgn_plan_free(p);
    own = (pgn_options){ .alloc = limited_alloc };
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, &own, &p, &err) == PGN_E_ARGUMENT && strstr(err.message, "`free`"));
    for (int limit = 0;; limit++) {                     /* memory ends at every place, once */
        Memory m = { .limit = limit };
        own = (pgn_options){ .threads = 2, .alloc = limited_alloc, .free = limited_free, .user = &m };
        pgn_status st = pgn_model_plan(&model, &g, sizes, NULL, &own, &p, &err);
        if (st == PGN_OK) { CHECK(limit > 8 && m.live > 0); pgn_plan_free(p); CHECK(m.live == 0); break; }
        CHECK(st == PGN_E_MEMORY && p == NULL && m.live == 0 && strstr(err.message, "no memory"));
    }
    int live[2];
    for (int k = 0; k < 2; k++) {                       /* the threads' memory is the caller's too */
        Memory m = { .limit = 1000 };
        own = (pgn_options){ .threads = 1 + k, .alloc = limited_alloc, .free = limited_free, .user = &m };
        CHECK(pgn_model_plan(&model, &g, sizes, NULL, &own, &p, &err) == PGN_OK);
        live[k] = m.live;
        pgn_plan_free(p);
    }
    CHECK(live[1] == live[0] + 1);
    /* mistakes of the caller */
    sizes[S_D] = 0;
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, NULL, &p, &err) == PGN_E_SIZE && strstr(err.message, "`d` is 0"));
    sizes[S_D] = (int64_t)1 << 60;
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, NULL, &p, &err) == PGN_E_SIZE && strstr(err.message, "`x`"));
    sizes[S_D] = D;
    CHECK(pgn_model_plan(&model, NULL, sizes, NULL, NULL, &p, &err) == PGN_E_ARGUMENT);
    dst[3] = -1;
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, NULL, &p, &err) == PGN_E_RANGE && strstr(err.message, "`g.dst`") && strstr(err.message, "value -1 at position 3"));
    dst[3] = 0;
    g.edges = -4;
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, NULL, &p, &err) == PGN_E_SIZE);
    g.edges = (int64_t)1 << 31;
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, NULL, &p, &err) == PGN_E_SIZE);
    g.edges = E, g.src = NULL;
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, NULL, &p, &err) == PGN_E_ARGUMENT && strstr(err.message, "`src`"));
    pgn_model old = model;
    old.abi = 99;
    CHECK(pgn_model_plan(&old, &g, sizes, NULL, NULL, &p, &err) == PGN_E_ABI);
    /* nothing in the graph */
    g = (pgn_graph_view){ 0 };
    CHECK(pgn_model_plan(&model, &g, sizes, NULL, NULL, &p, &err) == PGN_OK);
    CHECK(pgn_model_forward(p, (const void *[]){ x, NULL }, NULL, (void *[]){ NULL }, NULL, NULL, &err) == PGN_OK);
    pgn_plan_free(p);
    pgn_plan_free(NULL);
    CHECK(!strcmp(pgn_status_name(PGN_E_SINGULAR), "singular") && !strcmp(pgn_status_name((pgn_status)99), "unknown"));
    free(src); free(dst); free(pick); free(x); free(y); free(y1);
}
/* ---- two threads with one plan, each with memory of its own ------------------------------------------------------------------ */
typedef struct Caller { const pgn_plan *plan; const void *const *in; const float *want; int n, wrong; } Caller;
static void *call_often(void *arg) {
    Caller *c = arg;
    float *y = malloc(sizeof *y * (size_t)c->n);
    void *ws = malloc(pgn_plan_workspace_size(c->plan));        /* exactly: a sanitizer sees a byte beyond */
    pgn_error own;
    for (int k = 0; k < 200; k++) {
        memset(y, 0, sizeof *y * (size_t)c->n);
        if (pgn_model_forward(c->plan, c->in, NULL, (void *[]){ y }, ws, NULL, &own) || memcmp(y, c->want, sizeof *y * (size_t)c->n)) c->wrong++;
    }
    free(ws);
    free(y);
    return NULL;
}
static void test_two_threads(void) {
    enum { V = 3000, E = 20000, D = 16 };
    static int32_t src[E], dst[E], pick[V];
    static float x[D], want[V];
    for (int k = 0; k < E; k++) src[k] = (int32_t)(random_bits() % V), dst[k] = (int32_t)(random_bits() % V);
    for (int k = 0; k < V; k++) pick[k] = (int32_t)(random_bits() % D);
    for (int k = 0; k < D; k++) x[k] = (float)uniform();
    const void *in[] = { x, pick };
    pgn_graph_view g = { V, V, E, 0, 1, src, dst, NULL, NULL };
    pgn_options o = { .threads = 3 };
    pgn_plan *p;
    CHECK(pgn_model_plan(&model, &g, (const int64_t[]){ D, -1, -1, -1 }, NULL, &o, &p, &err) == PGN_OK);
    void *ws = malloc(pgn_plan_workspace_size(p));
    CHECK(pgn_model_forward(p, in, NULL, (void *[]){ want }, ws, NULL, &err) == PGN_OK);
    free(ws);
    pthread_t t[3];
    Caller c[3];
    for (int k = 0; k < 3; k++) { c[k] = (Caller){ p, in, want, V, 0 }; CHECK(!pthread_create(&t[k], NULL, call_often, &c[k])); }
    for (int k = 0; k < 3; k++) { pthread_join(t[k], NULL); CHECK(c[k].wrong == 0); }
    pgn_plan_free(p);
}

/* ---- host calls when memory ends: at every place, once; what they should have written is as it was ------------------------------ */
static pgn_status host_call(int which, pgn_env *e, void *out) {
    enum { N = 3000 };
    static int32_t key[2][N];
    static double x[256];
    int64_t result;
    char *o = out;
    for (int k = 0; k < N; k++) key[0][k] = k * 7 % 100, key[1][k] = k * 31 % 70001;
    for (int k = 0; k < 256; k++) x[k] = k % 17 ? 1.0 / (k + 3) : 4;
    switch (which) {
    case 0: return pgn_rt_fibre(e, INTS(N, 2, 100), BUFS(key[0], key[1], o, o + 4096), NULL);
    case 1: {
        pgn_status st = pgn_rt_unique(e, INTS(N, 2, 0), BUFS(key[0], key[1], o, o + 16384), &result);
        return st ? st : pgn_rt_distinct(e, INTS(N, 100, 70001), BUFS(key[0], key[1], o), NULL);
    }
    case 2: return pgn_rt_join(e, INTS(50, 60, 1), BUFS(key[0], key[0], o, o + 16384), NULL);
    case 3: return pgn_rt_dft(e, INTS(PGN_C128, PGN_C128, DFT_SIGNED, 0, 1, 101, 1, 101, 101, 101, 0, 0), BUFS(x, o), NULL);
    case 4: return pgn_rt_sort(e, INTS(PGN_F64, 1, 256, 1, 256, 0), BUFS(x, o, o + 4096), NULL);
    default: return pgn_rt_factor(e, INTS(which - 5, PGN_F64, 1, 16, 16, 1, -1, 0), which == 5 + SOLVE || which == 5 + LSTSQ ? BUFS(x, x, o) : BUFS(x, o, o + 4096, o + 8192), NULL);
    }
}
static void test_memory(void) {
    enum { ROOM = 65536 };
    char *out = malloc(ROOM);
    for (int which = 0; which <= 5 + EIG; which++) for (int limit = 0;; limit++) {
        Memory m = { .limit = limit };
        PlanOptions o = { .given = { .threads = 1, .alloc = limited_alloc, .free = limited_free, .user = &m } };
        pgn_env e = { .error = &err, .options = &o.given };
        memset(out, 0x5a, ROOM);
        pgn_status st = host_call(which, &e, out);
        bool same = true;
        for (int k = 0; k < ROOM; k++) same = same && out[k] == 0x5a;
        pgn_dft_free(atomic_load(&o.dft));
        CHECK(m.live == 0);
        if (st == PGN_OK) { CHECK(limit > 0 && !same); break; }
        bool numeric = st == PGN_E_SINGULAR && which == 5 + CHOLESKY;          /* the matrix isn't symmetric: no matter here */
        CHECK(st == PGN_E_MEMORY || numeric);
        CHECK(which < 3 || same);                       /* rows of bind are thrown away with the plan */
        if (numeric || limit > 100) { CHECK(numeric); break; }
    }
    free(out);
}
/* Two axes, three programs: one flat, one falling along the first, one along the second. */
static void test_choice(void) {
    static const float at[] = { 10, 20, /**/ 0, 0, 0, /**/ 0, 2, 8 };
    static const float time[] = { 5, 5, 5, 5, 5, 5, /**/ 9, 9, 9, 1, 1, 1, /**/ 9, 6, 1, 9, 6, 1 };
    const pgn_choice c = { .n = 3, .n_point = { 2, 1, 1, 1, 3 }, .at = at, .time = time };
    const struct { double edges, repeats; int best; } row[] = { { 10, 0, 0 }, { 20, 0, 1 }, { 12, 8, 2 }, { 0, -5, 0 }, { 99, 0, 1 }, { 10, 99, 2 }, { 16, 0, 1 }, { 14, 0, 0 }, { 10, 3, 0 }, { 10, 3.5, 2 } };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        double x[PGN_CHOICE_AXES] = { row[k].edges, 7, 7, 7, row[k].repeats };
        CHECK(pgn_choice_at(&c, x) == row[k].best);
    }
}
int main(void) {
    test_structure();
    test_choice();
    test_sorts();
    test_factors();
    test_plan();
    test_two_threads();
    test_memory();
    return summary();
}
