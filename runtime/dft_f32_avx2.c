/* dft_f32_avx2.c - transforms of f32 with AVX2 and FMA. */
#if defined(__x86_64__)
#define TARGET "avx2,fma"
#define REAL float
#define W 8
#define BLOCK 6
#define NAME pgn_lanes_f32_avx2
#define NAME_TEXT "avx2"
#include "dft_lanes.h"
#else
typedef int no_such_processor;            /* a file must not be empty */
#endif
