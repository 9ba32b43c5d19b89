/* dft_f32_avx512.c - transforms of f32 with AVX-512. */
#if defined(__x86_64__)
#define TARGET "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"
#define REAL float
#define W 16
#define BLOCK 12
#define NAME pgn_lanes_f32_avx512
#define NAME_TEXT "avx512"
#include "dft_lanes.h"
#else
typedef int no_such_processor;            /* a file must not be empty */
#endif
