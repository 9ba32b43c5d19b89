/* dft_f32.c - transforms of f32 with the instructions that every processor of the architecture has. */
#define REAL float
#define W 4
#if defined(__aarch64__)
#define BLOCK 12
#else
#define BLOCK 4
#endif
#define NAME pgn_lanes_f32
#define NAME_TEXT "base"
#include "dft_lanes.h"
