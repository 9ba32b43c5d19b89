/* dft.h - a transform along one axis: its plan, and the lanes that run it (internal to libpigeon).
 *
 * Lines of the axis are worked on in tiles: a vector of `width` lines for the real parts, another for the imaginary ones (or for `width`
 * more lines, when the data is real).  dft_lanes.h is compiled for f32 and f64 and for each instruction set; dft.c makes plans. */
#ifndef PIGEON_DFT_H
#define PIGEON_DFT_H
#include "internal.h"
#include <stdatomic.h>

enum { DFT_SIGNED, DFT_HALF, DFT_COSINE, DFT_SINE };       /* ModesFamily of compiler/ir/ir.h */

/* An FFT of any length: stages of a mixed radix, or Bluestein's convolution for lengths with a large prime. Tables are pairs of the
 * element type. */
enum { FFT_LARGEST = 31 };
typedef struct Fft {
    const pgn_options *memory;
    int64_t n;
    int n_stage, radix[64];
    void *root;                           /* exp(-2 pi i t / n) */
    struct Fft *conv; int64_t m;          /* Bluestein: the FFT of length m >= 2n-1 */
    void *chirp, *kernel;                 /* exp(-pi i t^2 / n); FFT of its conjugate, wrapped, divided by m */
} Fft;

/* What a frequency is made of.  direct: rows c (cosine) and s (sine, -1: none) of the products, sign of the sine.  Else its place in the
 * FFT, and what its number is multiplied by. */
typedef struct DftMode { int64_t place, c, s; int sign; double scale, twist_re, twist_im; } DftMode;
/* One symmetry: sums of the panel's elements first, first + step, .. give `rows` numbers from row y on; table: blocks of results, within a
 * block by summand, then by result. */
typedef struct DftClass { int64_t first, length, rows, y; int step; void *table; } DftClass;

typedef struct Dft {
    const pgn_options *memory;
    struct Dft *next;
    int64_t key[8];
    const struct Lanes *lanes;
    bool f64, inverse, pair, direct;      /* pair: real data, two lines in one complex number */
    int family, fold;                     /* fold: 0, 1, 2 symmetries used */
    int64_t n, modes, n_row;              /* n: points */
    DftMode *mode;
    int n_class; DftClass class_[4];
    Fft *fft;
} Dft;
/* One call. Elements lie at (o * n + j) * inner + i. */
typedef struct DftJob {
    const Dft *d;
    const void *in; void *out;
    int64_t outer, inner, n_in, n_out;
    bool z_in, z_out;                     /* complex elements */
    int64_t per_outer, tiles;             /* tiles per outer index; 0: tiles run over all lines */
    atomic_int failed;
} DftJob;
typedef struct Lanes {
    const char *name;
    int width, block;                     /* lines in a vector; results of a product that fit in registers */
    void (*run)(DftJob *j, int64_t lo, int64_t hi);
    void (*fft)(const Fft *f, void *z, void *spare);       /* z: n pairs of vectors */
    size_t (*spare)(const Fft *f);        /* pairs of vectors that fft needs besides */
} Lanes;
HIDDEN extern const Lanes pgn_lanes_f32, pgn_lanes_f64, pgn_lanes_f32_avx2, pgn_lanes_f64_avx2, pgn_lanes_f32_avx512, pgn_lanes_f64_avx512;

HIDDEN Fft *pgn_fft_new(const pgn_options *o, int64_t n, bool f64);              /* NULL: no memory */
HIDDEN void pgn_fft_free(Fft *f);
HIDDEN bool pgn_fft_is_smooth(int64_t n);                  /* no need of Bluestein's method */
HIDDEN void pgn_fft_root(int64_t t, int64_t n, double *c, double *s);      /* exp(2 pi i t / n), 0 <= t < n, correct to the last bit or so */
HIDDEN void pgn_dft_free(Dft *list);                       /* all plans of a list */
#endif
