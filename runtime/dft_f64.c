/* dft_f64.c - transforms of f64 with the instructions that every processor of the architecture has. */
#define REAL double
#define W 2
#if defined(__aarch64__)
#define BLOCK 12
#else
#define BLOCK 4
#endif
#define NAME pgn_lanes_f64
#define NAME_TEXT "base"
#include "dft_lanes.h"
