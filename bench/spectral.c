/* spectral.c - how long the transforms of a Fourier neural operator take: ns per grid point, f32, one line per call.
 *
 *     spectral [--threads N] [--f64]
 *
 * 1d: forward half and its inverse, lines of n points.  2d: half along the last axis, signed (2m frequencies) along the other, and back.
 * Medians of at least 7 runs of at least 20 ms together; a run is one call of pgn_rt_dft() as generated code makes it. */
#include "internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIGNED, HALF };
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec; }
static int ascending(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }
static pgn_error error;
static double call(pgn_env *env, const int64_t *ints, void *in, void *out) {
    void *of[] = { in, out };
    double t[1000];
    int n = 0;
    for (double total = 0; n < 1000 && (n < 7 || total < 0.02); total += t[n++]) {
        double start = now();
        if (pgn_rt_dft(env, ints, of, NULL)) { fprintf(stderr, "spectral: %s\n", error.message); exit(1); }
        t[n] = now() - start;
    }
    qsort(t, (size_t)n, sizeof *t, ascending);
    return t[n / 2];
}
/* forward and inverse of one axis; returns ns per grid point of the whole field */
static void axis(pgn_env *env, bool f64, int family, int64_t outer, int64_t n, int64_t inner, int64_t m, double points, double *forward, double *inverse) {
    size_t one = f64 ? 8 : 4, a = (size_t)(outer * n * inner) * (family == HALF ? 1 : 2), b = (size_t)(outer * inner) * 2 * (size_t)(family == HALF ? m : 2 * m);
    void *x = malloc(a * one), *y = malloc(b * one);
    if (!x || !y) { fprintf(stderr, "spectral: no memory\n"); exit(1); }
    for (size_t k = 0; k < a; k++) { double v = (double)(k * 2654435761u % 1000003) / 1000003 - 0.5; if (f64) ((double *)x)[k] = v; else ((float *)x)[k] = (float)v; }
    memset(y, 0, b * one);
    int real = f64 ? PGN_F64 : PGN_F32, z = f64 ? PGN_C128 : PGN_C64, from = family == HALF ? real : z;
    int64_t k = family == HALF ? m : 2 * m, f1 = family == HALF ? 0 : -m;
    *forward = 1e9 * call(env, (const int64_t[]){ from, z, family, 0, outer, n, inner, k, n, m, 0, f1 }, x, y) / points;
    *inverse = 1e9 * call(env, (const int64_t[]){ z, from, family, 1, outer, k, inner, n, n, m, 0, f1 }, y, x) / points;
    free(x);
    free(y);
}
int main(int argc, char **argv) {
    bool f64 = false;
    PlanOptions o = { .given = { .threads = 1 } };
    for (int k = 1; k < argc; k++) {
        if (!strcmp(argv[k], "--f64")) f64 = true;
        else if (!strcmp(argv[k], "--threads") && k + 1 < argc) o.given.threads = atoi(argv[++k]);
        else { fprintf(stderr, "usage: spectral [--threads N] [--f64]\n"); return 2; }
    }
    o.pool = pgn_pool_new(o.given.threads);
    pgn_env env = { .error = &error, .options = &o.given };
    printf("%s, %d thread%s, ns per grid point\n\n", f64 ? "f64" : "f32", o.given.threads, o.given.threads == 1 ? "" : "s");
    printf("    n     m   lines   forward  inverse          2d: channels   half    signed   signed'  half'   all\n");
    static const int size[] = { 64, 85, 128, 256, 421, 512, 1024 };
    for (size_t s = 0; s < sizeof size / sizeof *size; s++) for (int m = 12; m <= 16; m += 4) {
        int64_t n = size[s], lines = 512, channels = n < 200 ? 64 : n < 600 ? 8 : 2;
        double t[6];
        axis(&env, f64, HALF, lines, n, 1, m, (double)(lines * n), &t[0], &t[1]);
        double points = (double)(channels * n * n);
        axis(&env, f64, HALF, channels * n, n, 1, m, points, &t[2], &t[5]);
        axis(&env, f64, SIGNED, channels, n, m, m, points, &t[3], &t[4]);
        printf("%5lld %5d   %5lld   %7.3f  %7.3f            %8lld     %6.3f   %6.3f   %6.3f   %6.3f  %6.3f\n", (long long)n, m, (long long)lines, t[0], t[1], (long long)channels, t[2], t[3], t[4], t[5], t[2] + t[3] + t[4] + t[5]);
        fflush(stdout);
    }
    pgn_pool_free(o.pool);
    return 0;
}
