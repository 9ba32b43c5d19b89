/* dft_test.c - libpigeon's transforms: all families, lengths, methods and lanes against the sums that define them. */
#include "runtime.h"
#include <complex.h>
#include <math.h>
#include <stdlib.h>

enum { SIGNED = DFT_SIGNED, HALF = DFT_HALF, COSINE = DFT_COSINE, SINE = DFT_SINE };
static PlanOptions forced;                /* how the transforms are done */
/* other: real data for the signed family, complex data for the rest, where that goes. */
static void test_dft_of(bool other, bool f64, int family, bool inverse, int outer, int points, int inner, int64_t n0, int64_t f0, int64_t f1, int modes) {
    int cin = family == SIGNED || (family == HALF && inverse) ? 2 : 1, cout = family == SIGNED || (family == HALF && !inverse) ? 2 : 1;
    if (other && inverse && family <= HALF) return;
    if (other) cin = 3 - cin, cout = 2;
    int n_in = inverse ? modes : points, n_out = inverse ? points : modes;
    size_t a = (size_t)outer * n_in * inner * cin, b = (size_t)outer * n_out * inner * cout, one = f64 ? 8 : 4;
    int from = cin == 2 ? f64 ? PGN_C128 : PGN_C64 : f64 ? PGN_F64 : PGN_F32, to = cout == 2 ? f64 ? PGN_C128 : PGN_C64 : f64 ? PGN_F64 : PGN_F32;
    void *in = malloc(a * one + (a == 0)), *out = malloc(b * one + (b == 0));
    for (size_t k = 0; k < a; k++) { if (f64) ((double *)in)[k] = uniform(); else ((float *)in)[k] = (float)uniform(); }
    pgn_env e = { .error = &err, .options = &forced.given };
    bool ok = pgn_rt_dft(&e, INTS(from, to, family, inverse, outer, n_in, inner, n_out, points, n0, f0, f1), BUFS(in, out), NULL) == PGN_OK;
    pgn_dft_free(atomic_exchange(&forced.dft, NULL));
    double worst = 0;
    int64_t turns = 4 * (int64_t)points;
    double complex *unit = malloc(sizeof *unit * (size_t)turns);             /* e^(i pi m / 2 points) */
    for (int64_t m = 0; m < turns; m++) unit[m] = cexp(I * M_PI * (double)m / (2.0 * points));
    for (int o = 0; o < outer; o++) for (int q = 0; q < n_out; q++) for (int i = 0; i < inner; i++) {
        double complex s = 0;
        for (int p = 0; p < n_in; p++) {
            int64_t k = inverse ? p : q, x = inverse ? q : p, f = k < n0 ? f0 + k : f1 + (k - n0);
            size_t at = (((size_t)o * n_in + p) * inner + i) * cin;
            double complex v = f64 ? ((double *)in)[at] : ((float *)in)[at];
            if (cin == 2) v += I * (f64 ? ((double *)in)[at + 1] : ((float *)in)[at + 1]);
            double complex half = unit[((f * (2 * x + 1)) % turns + turns) % turns], whole = unit[((inverse ? 4 : -4) * f * x % turns + turns) % turns];
            if (family == COSINE) v *= creal(half) * (inverse ? 1 : (f == 0 ? 1.0 : 2.0) / points);
            else if (family == SINE) v *= cimag(half) * (inverse ? 1 : (f == points ? 1.0 : 2.0) / points);
            else {
                v *= whole;
                if (!inverse) v /= points;
                else if (family == HALF) v = creal(v) * (f == 0 || 2 * f == points ? 1 : 2);
            }
            s += v;
        }
        size_t at = (((size_t)o * n_out + q) * inner + i) * cout;
        double re = f64 ? ((double *)out)[at] : ((float *)out)[at], im = cout == 2 ? f64 ? ((double *)out)[at + 1] : ((float *)out)[at + 1] : 0;
        worst = fmax(worst, cabs(s - (re + I * im)));
        if (isnan(re) || isnan(im)) worst = 1e9;
    }
    double limit = (f64 ? 1e-14 : 2e-6) * (inverse ? 4 * modes : 4);
    CHECK(ok && worst <= limit);
    if (!(worst <= limit)) printf("    method %d lanes %d f64 %d family %d inverse %d outer %d points %d inner %d modes %d: %g\n", forced.dft_method, forced.dft_lanes, f64, family, inverse, outer, points, inner, modes, worst);
    free(unit);
    free(in);
    free(out);
}
static void test_dft(bool f64, int family, bool inverse, int outer, int points, int inner, int64_t n0, int64_t f0, int64_t f1, int modes) {
    for (int other = 0; other < 2; other++) test_dft_of(other, f64, family, inverse, outer, points, inner, n0, f0, f1, modes);
}
static void test_dfts(void) {
    forced.given.threads = 1;
    int lengths[] = { 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 25, 30, 31, 37, 49, 64, 74, 97, 100, 101, 128, 210, 262, 360, 509 };
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int N = lengths[k], h = N / 2;
        for (int inverse = 0; inverse < 2; inverse++) for (int f64 = 0; f64 < 2; f64++) {
            static const int inners[] = { 1, 2, 3, 5, 1, 8, 12, 16, 17, 40 };
            int inner = inners[random_bits() % 10], outer = 1 + (int)(random_bits() % (inner < 3 ? 40 : 3));
            forced.dft_method = (int)(random_bits() % 3), forced.dft_lanes = (int)(random_bits() % 4);
            if (N > 128 && forced.dft_method == 1) forced.dft_method = 0;
            test_dft(f64, SIGNED, inverse, outer, N, inner, N - h, 0, -h, N);           /* all, FFT order */
            test_dft(f64, SIGNED, inverse, outer, N, inner, N, -h, 0, N);
            test_dft(f64, HALF, inverse, outer, N, inner, h + 1, 0, 0, h + 1);
            test_dft(f64, COSINE, inverse, outer, N, inner, N, 0, 0, N);
            test_dft(f64, SINE, inverse, outer, N, inner, N, 1, 0, N);
            int keep = N < 6 ? 1 : 3;
            test_dft(f64, SIGNED, inverse, outer, N, inner, keep, 0, -keep, N < 6 ? 1 : 2 * keep);
            test_dft(f64, HALF, inverse, outer, N, inner, keep, 0, 0, keep);
            test_dft(f64, COSINE, inverse, outer, N, inner, keep, 0, 0, keep);
            test_dft(f64, SINE, inverse, outer, N, inner, keep, 1, 0, keep);
        }
    }
    for (forced.dft_method = 0; forced.dft_method < 3; forced.dft_method++) for (forced.dft_lanes = 0; forced.dft_lanes < 4; forced.dft_lanes++) for (int f64 = 0; f64 < 2; f64++) {
        for (int inverse = 0; inverse < 2; inverse++) {
            test_dft(f64, HALF, inverse, 70, 64, 1, 12, 0, 0, 12);
            test_dft(f64, HALF, inverse, 3, 20, 37, 4, 0, 0, 4);
            test_dft(f64, SIGNED, inverse, 37, 36, 1, 7, 0, -7, 14);
            test_dft(f64, SIGNED, inverse, 2, 24, 12, 5, 0, -5, 10);
            test_dft(f64, SIGNED, inverse, 2, 24, 12, 5, -3, 0, 5);
            test_dft(f64, COSINE, inverse, 35, 17, 1, 9, 0, 0, 9);
            test_dft(f64, SINE, inverse, 3, 18, 19, 9, 1, 0, 9);
        }
    }
    forced.dft_method = forced.dft_lanes = 0;
    test_dft(true, HALF, true, 2, 8, 3, 12, 0, 0, 12);                                   /* frequencies beyond the grid's */
    CHECK(pgn_rt_dft(&env, INTS(PGN_C128, PGN_C128, 0, 0, 0, 8, 1, 8, 8, 8, 0, 0), BUFS(NULL, NULL), NULL) == PGN_OK);
    CHECK(pgn_rt_dft(&env, INTS(PGN_C128, PGN_C128, 0, 0, 1, 8, 1, 8, 9, 8, 0, 0), BUFS(NULL, NULL), NULL) == PGN_E_SIZE);
}
int main(void) {
    test_dfts();
    return summary();
}
