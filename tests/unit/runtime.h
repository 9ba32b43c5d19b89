/* runtime.h - what the tests of libpigeon's numeric half share: random numbers, and an environment to call it in. */
#ifndef PIGEON_TESTS_RUNTIME_H
#define PIGEON_TESTS_RUNTIME_H
#include "check.h"
#include "dft.h"

static uint64_t seed = 1;
static uint64_t random_bits(void) { seed += 0x9e3779b97f4a7c15u; uint64_t z = seed; z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u; z = (z ^ z >> 27) * 0x94d049bb133111ebu; return z ^ z >> 31; }
static double uniform(void) { return (double)(random_bits() >> 11) / 4503599627370496.0 - 1; }
static pgn_error err;
static pgn_env env = { .error = &err };
#define INTS(...) (const int64_t[]){ __VA_ARGS__ }
#define BUFS(...) (void *const[]){ __VA_ARGS__ }
#endif
