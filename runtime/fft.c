/* fft.c - plans of FFTs: the radices of a length and its tables of roots of unity, or the tables of Bluestein's convolution. */
#include "dft.h"
#include <math.h>
#include <string.h>

void pgn_fft_root(int64_t t, int64_t n, double *c, double *s) {
    int64_t e = 8 * t / n;                              /* octant; t <= 2^33, no overflow */
    int64_t q = (e + 1) / 2;                            /* nearest quarter turn */
    double a = (double)(4 * t - q * n) / (double)n * 1.57079632679489661923, x = cos(a), y = sin(a);
    switch (q & 3) {
    case 0: *c = x, *s = y; break;
    case 1: *c = -y, *s = x; break;
    case 2: *c = -x, *s = -y; break;
    case 3: *c = y, *s = -x; break;
    }
}
static int factorise(int64_t n, int *radix) {
    int k = 0;
    while (n % 4 == 0) radix[k++] = 4, n /= 4;
    for (int p = 2; p <= FFT_LARGEST; p++) while (n % p == 0) radix[k++] = p, n /= p;
    return n == 1 ? k : -1;
}
bool pgn_fft_is_smooth(int64_t n) { int radix[64]; return factorise(n, radix) >= 0; }
void pgn_fft_free(Fft *f) {
    if (!f) return;
    pgn_fft_free(f->conv);
    void *all[] = { f->root, f->chirp, f->kernel, f };
    const pgn_options *o = f->memory;
    for (int k = 0; k < 4; k++) pgn_release(o, all[k]);
}
static void *table(const Fft *f, size_t n, bool f64) { return pgn_alloc(f->memory, n, f64 ? sizeof(double) : sizeof(float)); }
static void set(void *t, int64_t at, double v, bool f64) { if (f64) ((double *)t)[at] = v; else ((float *)t)[at] = (float)v; }
/* The kernel is transformed in f64 by the first lane. */
static bool bluestein(Fft *f, bool f64) {
    for (f->m = 1; f->m < 2 * f->n - 1;) f->m *= 2;
    const Lanes *l = &pgn_lanes_f64;
    size_t m = (size_t)f->m, w = (size_t)l->width;
    f->conv = pgn_fft_new(f->memory, f->m, f64);
    Fft *exact = pgn_fft_new(f->memory, f->m, true);
    f->chirp = table(f, 2 * (size_t)f->n, f64);
    f->kernel = table(f, 2 * m, f64);
    double *z = exact ? pgn_alloc(f->memory, 2 * (m + l->spare(exact)) * w, sizeof *z) : NULL;
    bool ok = f->conv && f->chirp && f->kernel && z;
    if (ok) memset(z, 0, 2 * m * w * sizeof *z);
    for (int64_t t = 0; ok && t < f->n; t++) {
        double c, s;
        pgn_fft_root((int64_t)((__int128)t * t % (2 * f->n)), 2 * f->n, &c, &s);
        set(f->chirp, 2 * t, c, f64), set(f->chirp, 2 * t + 1, -s, f64);
        size_t at[2] = { (size_t)t, t ? m - (size_t)t : 0 };
        for (int k = 0; k < 2; k++) z[2 * at[k] * w] = c, z[(2 * at[k] + 1) * w] = s;
    }
    if (ok) {
        l->fft(exact, z, z + 2 * m * w);
        for (size_t t = 0; t < 2 * m; t++) set(f->kernel, (int64_t)t, z[t * w] / (double)m, f64);
    }
    pgn_release(f->memory, z);
    pgn_fft_free(exact);
    return ok;
}
Fft *pgn_fft_new(const pgn_options *o, int64_t n, bool f64) {
    Fft *f = pgn_alloc_zero(o, 1, sizeof *f);
    if (!f) return NULL;
    f->memory = o, f->n = n;
    f->n_stage = factorise(n, f->radix);
    bool ok;
    if (f->n_stage >= 0) {
        ok = (f->root = table(f, 2 * (size_t)n, f64)) != NULL;
        for (int64_t t = 0; ok && t < n; t++) { double c, s; pgn_fft_root(t, n, &c, &s); set(f->root, 2 * t, c, f64), set(f->root, 2 * t + 1, -s, f64); }
    } else ok = bluestein(f, f64);
    if (ok) return f;
    pgn_fft_free(f);
    return NULL;
}
