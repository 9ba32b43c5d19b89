/* fft.c - Stockham FFT of mixed radix, and Bluestein's convolution for lengths with a large prime factor.
 *
 * A stage of radix r turns length n at stride s into r times the stride; the data goes to and fro between two arrays, so there is no bit
 * reversal.  Roots of unity come from one table of the whole length. */
#include "fft.h"
#include <math.h>
#include <string.h>

enum { LARGEST = 31 };
struct Fft {
    const pgn_options *memory;
    int64_t n;
    int n_stage, radix[64];
    double *root;                         /* exp(-2 pi i t / n), pairs */
    Fft *conv; int64_t m;                 /* Bluestein: the FFT of length m >= 2n-1 */
    double *chirp, *kernel;               /* exp(-pi i t^2 / n); FFT of its conjugate, wrapped, divided by m */
};
void fft_root(int64_t t, int64_t n, double *c, double *s) {
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
    for (int p = 2; p <= LARGEST; p++) while (n % p == 0) radix[k++] = p, n /= p;
    return n == 1 ? k : -1;
}
bool fft_is_smooth(int64_t n) { int radix[64]; return factorise(n, radix) >= 0; }
void fft_free(Fft *f) {
    if (!f) return;
    fft_free(f->conv);
    pgn_release(f->memory, f->root);
    pgn_release(f->memory, f->chirp);
    pgn_release(f->memory, f->kernel);
    pgn_release(f->memory, f);
}
static bool bluestein(Fft *f) {
    for (f->m = 1; f->m < 2 * f->n - 1;) f->m *= 2;
    f->conv = fft_new(f->memory, f->m);
    f->chirp = pgn_alloc(f->memory, 2 * (size_t)f->n, sizeof *f->chirp);
    f->kernel = pgn_alloc(f->memory, 2 * (size_t)f->m, sizeof *f->kernel);
    size_t m = (size_t)f->m, spare = f->conv ? fft_spare(f->conv) : 0;
    Lane *re = pgn_alloc(f->memory, 2 * m + spare, sizeof *re), *im = re ? re + m : NULL;
    if (!f->conv || !f->chirp || !f->kernel || !re) { pgn_release(f->memory, re); return false; }
    memset(re, 0, 2 * m * sizeof *re);
    for (int64_t t = 0; t < f->n; t++) {
        double c, s;
        fft_root((int64_t)((__int128)t * t % (2 * f->n)), 2 * f->n, &c, &s);
        f->chirp[2 * t] = c, f->chirp[2 * t + 1] = -s;
        re[t][0] = c, im[t][0] = s;
        if (t) re[f->m - t][0] = c, im[f->m - t][0] = s;
    }
    fft_run(f->conv, re, im, im + m);
    for (int64_t t = 0; t < f->m; t++) f->kernel[2 * t] = re[t][0] / (double)f->m, f->kernel[2 * t + 1] = im[t][0] / (double)f->m;
    pgn_release(f->memory, re);
    return true;
}
Fft *fft_new(const pgn_options *memory, int64_t n) {
    Fft *f = pgn_alloc_zero(memory, 1, sizeof *f);
    if (!f) return NULL;
    f->memory = memory;
    f->n = n;
    f->n_stage = factorise(n, f->radix);
    bool ok;
    if (f->n_stage >= 0) {
        ok = (f->root = pgn_alloc(memory, 2 * (size_t)n, sizeof *f->root)) != NULL;
        for (int64_t t = 0; ok && t < n; t++) { double c, s; fft_root(t, n, &c, &s); f->root[2 * t] = c, f->root[2 * t + 1] = -s; }
    } else ok = bluestein(f);
    if (ok) return f;
    fft_free(f);
    return NULL;
}
size_t fft_spare(const Fft *f) { return f->conv ? 2 * (size_t)f->m + fft_spare(f->conv) : 2 * (size_t)f->n; }

/* y = w^t * (re, im) */
#define TURN(k, xr, xi) do { double c_ = w[2 * ((k) * p * s)], s_ = w[2 * ((k) * p * s) + 1]; \
        yr[q + s * (r * p + (k))] = (xr) * c_ - (xi) * s_; yi[q + s * (r * p + (k))] = (xr) * s_ + (xi) * c_; } while (0)
#define IN(j) (q + s * (p + m * (j)))
static void stage(const double *w, int r, int64_t m, int64_t s, const Lane *xr, const Lane *xi, Lane *yr, Lane *yi, const double *root_r) {
    static const double s3 = 0.86602540378443864676, c51 = 0.30901699437494742410, c52 = -0.80901699437494742410, s51 = 0.95105651629515357212, s52 = 0.58778525229247312917;
    for (int64_t p = 0; p < m; p++) for (int64_t q = 0; q < s; q++) {
        switch (r) {
        case 2: {
            Lane ar = xr[IN(0)], ai = xi[IN(0)], br = xr[IN(1)], bi = xi[IN(1)];
            TURN(0, ar + br, ai + bi);
            TURN(1, ar - br, ai - bi);
            break;
        }
        case 3: {
            Lane ar = xr[IN(0)], ai = xi[IN(0)], br = xr[IN(1)], bi = xi[IN(1)], cr = xr[IN(2)], ci = xi[IN(2)];
            Lane tr = br + cr, ti = bi + ci, ur = ar - 0.5 * tr, ui = ai - 0.5 * ti, vr = s3 * (bi - ci), vi = s3 * (cr - br);
            TURN(0, ar + tr, ai + ti);
            TURN(1, ur + vr, ui + vi);
            TURN(2, ur - vr, ui - vi);
            break;
        }
        case 4: {
            Lane ar = xr[IN(0)], ai = xi[IN(0)], br = xr[IN(1)], bi = xi[IN(1)], cr = xr[IN(2)], ci = xi[IN(2)], dr = xr[IN(3)], di = xi[IN(3)];
            Lane er = ar + cr, ei = ai + ci, fr = ar - cr, fi = ai - ci, gr = br + dr, gi = bi + di, hr = bi - di, hi = dr - br;     /* h = -i (b - d) */
            TURN(0, er + gr, ei + gi);
            TURN(1, fr + hr, fi + hi);
            TURN(2, er - gr, ei - gi);
            TURN(3, fr - hr, fi - hi);
            break;
        }
        case 5: {
            Lane ar = xr[IN(0)], ai = xi[IN(0)], br = xr[IN(1)], bi = xi[IN(1)], cr = xr[IN(2)], ci = xi[IN(2)], dr = xr[IN(3)], di = xi[IN(3)], er = xr[IN(4)], ei = xi[IN(4)];
            Lane b1r = br + er, b1i = bi + ei, b2r = cr + dr, b2i = ci + di, d1r = br - er, d1i = bi - ei, d2r = cr - dr, d2i = ci - di;
            Lane u1r = ar + c51 * b1r + c52 * b2r, u1i = ai + c51 * b1i + c52 * b2i, u2r = ar + c52 * b1r + c51 * b2r, u2i = ai + c52 * b1i + c51 * b2i;
            Lane v1r = s51 * d1i + s52 * d2i, v1i = -(s51 * d1r + s52 * d2r), v2r = s52 * d1i - s51 * d2i, v2i = -(s52 * d1r - s51 * d2r);
            TURN(0, ar + b1r + b2r, ai + b1i + b2i);
            TURN(1, u1r + v1r, u1i + v1i);
            TURN(2, u2r + v2r, u2i + v2i);
            TURN(3, u2r - v2r, u2i - v2i);
            TURN(4, u1r - v1r, u1i - v1i);
            break;
        }
        default: {
            Lane ar[LARGEST], ai[LARGEST];
            for (int j = 0; j < r; j++) ar[j] = xr[IN(j)], ai[j] = xi[IN(j)];
            for (int k = 0; k < r; k++) {
                Lane sr = ar[0], si = ai[0];
                for (int j = 1, t = k; j < r; j++) {
                    sr += ar[j] * root_r[2 * t] - ai[j] * root_r[2 * t + 1];
                    si += ar[j] * root_r[2 * t + 1] + ai[j] * root_r[2 * t];
                    if ((t += k) >= r) t -= r;
                }
                TURN(k, sr, si);
            }
        }
        }
    }
}
void fft_run(const Fft *f, Lane *re, Lane *im, Lane *spare) {
    if (f->conv) {
        size_t m = (size_t)f->m;
        Lane *zr = spare, *zi = spare + m;
        for (int64_t t = 0; t < f->n; t++) {
            double c = f->chirp[2 * t], s = f->chirp[2 * t + 1];
            zr[t] = re[t] * c - im[t] * s, zi[t] = re[t] * s + im[t] * c;
        }
        memset(zr + f->n, 0, (m - (size_t)f->n) * sizeof *zr);
        memset(zi + f->n, 0, (m - (size_t)f->n) * sizeof *zi);
        fft_run(f->conv, zr, zi, spare + 2 * m);
        for (size_t t = 0; t < m; t++) {
            double c = f->kernel[2 * t], s = f->kernel[2 * t + 1];
            Lane r = zr[t] * c - zi[t] * s;
            zi[t] = zr[t] * s + zi[t] * c, zr[t] = r;
        }
        fft_run(f->conv, zi, zr, spare + 2 * m);        /* parts exchanged: the inverse */
        for (int64_t t = 0; t < f->n; t++) {
            double c = f->chirp[2 * t], s = f->chirp[2 * t + 1];
            re[t] = zr[t] * c - zi[t] * s, im[t] = zr[t] * s + zi[t] * c;
        }
        return;
    }
    Lane *xr = re, *xi = im, *yr = spare, *yi = spare + f->n;
    int64_t n = f->n, s = 1;
    for (int k = 0; k < f->n_stage; k++) {
        int r = f->radix[k];
        double root[2 * LARGEST];
        if (r > 5) for (int t = 0; t < r; t++) root[2 * t] = f->root[2 * (f->n / r * t)], root[2 * t + 1] = f->root[2 * (f->n / r * t) + 1];
        n /= r;
        stage(f->root, r, n, s, xr, xi, yr, yi, root);
        s *= r;
        Lane *t = xr; xr = yr, yr = t;
        t = xi; xi = yi, yi = t;
    }
    if (xr != re) { memcpy(re, xr, (size_t)f->n * sizeof *re); memcpy(im, xi, (size_t)f->n * sizeof *im); }
}
