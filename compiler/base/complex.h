/* complex.h - C's complex numbers: CMPLX also where the C library offers it to GCC only, and no I, which is a name here. */
#ifndef PIGEON_BASE_COMPLEX_H
#define PIGEON_BASE_COMPLEX_H
#include <complex.h>
#undef I
#ifndef CMPLX
#define CMPLX(re, im) __builtin_complex((double)(re), (double)(im))
#endif
#endif
