/* fft.h - complex FFT of any length, in f64, on LANES lines at once (internal to libpigeon). */
#ifndef PIGEON_FFT_H
#define PIGEON_FFT_H
#include "internal.h"
enum { LANES = 4 };
typedef double Lane __attribute__((vector_size(8 * LANES)));
typedef struct Fft Fft;
HIDDEN Fft *fft_new(const pgn_options *memory, int64_t n);       /* NULL: no memory */
HIDDEN void fft_free(Fft *f);
HIDDEN size_t fft_spare(const Fft *f);                   /* Lanes that fft_run() needs besides its data */
/* re, im[n] become sums of x[n] exp(-2 pi i f n / N), in place. */
HIDDEN void fft_run(const Fft *f, Lane *re, Lane *im, Lane *spare);
HIDDEN bool fft_is_smooth(int64_t n);                    /* no need of Bluestein's method */
HIDDEN void fft_root(int64_t t, int64_t n, double *c, double *s);      /* exp(2 pi i t / n), 0 <= t < n, correct to the last bit or so */
#endif
