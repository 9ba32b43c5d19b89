/* kernel.h - what the text of a generated kernel calls: exact integer arithmetic, conversions of the narrow element types, sizes.
 * Everything is inline and works in C, C++ and CUDA device code.
 *
 * Conventions of generated code: integers wrap; division truncates and gives 0 for a zero divisor; pgn_mod takes the sign of the
 * divisor and pgn_floordiv rounds down; shifts use the low bits of their count; real to integer truncates and saturates, a NaN gives
 * 0; halves round to nearest even. */
#ifndef PIGEON_KERNEL_H
#define PIGEON_KERNEL_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "pigeon/model.h"
#include "pigeon/random.h"

#if defined(__CUDACC__)
#define PGN_FN static __host__ __device__ __inline__
#else
#define PGN_FN static inline
#endif

/* Before a loop whose iterations are independent of one another. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define PGN_LANES _Pragma("GCC ivdep")
#else
#define PGN_LANES
#endif

/* Before a loop, so many rounds of which are written out. */
#define PGN_TEXT_(x) #x
#if defined(__clang__) || defined(__CUDACC__)
#define PGN_UNROLL(n) _Pragma(PGN_TEXT_(unroll n))
#elif defined(__GNUC__)
#define PGN_UNROLL(n) _Pragma(PGN_TEXT_(GCC unroll n))
#else
#define PGN_UNROLL(n)
#endif

/* In a loop whose iterations depend on one another through memory. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define PGN_IN_ORDER __asm__ volatile("" ::: "memory")
#else
#define PGN_IN_ORDER ((void)0)
#endif

#if defined(__GNUC__) && !defined(__CUDACC__)
#define PGN_PREFETCH(p) __builtin_prefetch(p)
#else
#define PGN_PREFETCH(p) ((void)0)
#endif

/* The record of a model has C linkage in every language. */
#ifdef __cplusplus
#define PGN_DECLARE_MODEL(name) extern "C" const pgn_model name
#else
#define PGN_DECLARE_MODEL(name) extern const pgn_model name
#endif

/* ---- integers: one set of functions per register type --------------------------------------------------------- */
#define PGN_INTEGER(T, U, S, BITS)                                                                             \
    PGN_FN T pgn_add_##S(T a, T b) { return (T)((U)a + (U)b); }                                               \
    PGN_FN T pgn_sub_##S(T a, T b) { return (T)((U)a - (U)b); }                                               \
    PGN_FN T pgn_mul_##S(T a, T b) { return (T)((U)a * (U)b); }                                               \
    PGN_FN T pgn_neg_##S(T a) { return (T)((U)0 - (U)a); }                                                    \
    PGN_FN T pgn_abs_##S(T a) { return a < 0 ? (T)((U)0 - (U)a) : a; }                                        \
    PGN_FN T pgn_sign_##S(T a) { return (T)((a > 0) - (a < 0)); }                                             \
    PGN_FN T pgn_min_##S(T a, T b) { return a < b ? a : b; }                                                  \
    PGN_FN T pgn_max_##S(T a, T b) { return a > b ? a : b; }                                                  \
    PGN_FN T pgn_div_##S(T a, T b) { return !b ? 0 : b == -1 ? (T)((U)0 - (U)a) : a / b; }                    \
    PGN_FN T pgn_floordiv_##S(T a, T b) {                                                                     \
        if (b == 0) return 0;                                                                                  \
        if (b == -1) return (T)((U)0 - (U)a);                                                                  \
        return a / b - (a % b != 0 && (a < 0) != (b < 0));                                                     \
    }                                                                                                          \
    PGN_FN T pgn_mod_##S(T a, T b) {                                                                          \
        if (b == 0 || b == -1) return 0;                                                                       \
        T r = a % b;                                                                                           \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;                                                       \
    }                                                                                                          \
    PGN_FN T pgn_shl_##S(T a, T b) { return (T)((U)a << (b & (BITS - 1))); }                                  \
    PGN_FN T pgn_shr_##S(T a, T b) { return a >> (b & (BITS - 1)); }                                          \
    PGN_FN T pgn_popcount_##S(T a) {                                                                          \
        U u = (U)a;                                                                                            \
        T n = 0;                                                                                               \
        for (; u; u &= u - 1) n++;                                                                             \
        return n;                                                                                              \
    }
PGN_INTEGER(int32_t, uint32_t, i32, 32)
PGN_INTEGER(int64_t, uint64_t, i64, 64)
#undef PGN_INTEGER

/* ---- reals: what <math.h> has not, or not as vector code -------------------------------------------------------- */
#if defined(__CUDA_ARCH__)
#define PGN_RSQRTF(x) rsqrtf(x)
#define PGN_RSQRT(x) rsqrt(x)
#else
#define PGN_RSQRTF(x) (1.0f / sqrtf(x))
#define PGN_RSQRT(x) (1.0 / sqrt(x))
#endif
#define PGN_REAL(T, S, FMOD, SQRT, EXP, FABS)                                                                 \
    PGN_FN T pgn_min##S(T a, T b) { return a < b || b != b ? a : b; }  /* the other one of a NaN */           \
    PGN_FN T pgn_max##S(T a, T b) { return a > b || b != b ? a : b; }                                         \
    PGN_FN T pgn_sign##S(T a) { return (T)((a > 0) - (a < 0)); }                                              \
    PGN_FN T pgn_rsqrt##S(T a) { return SQRT(a); }                                                            \
    PGN_FN T pgn_sigmoid##S(T a) {                                                                            \
        T e = EXP(-FABS(a));                                                                                   \
        return (a > 0 ? 1 : e) / (1 + e);                                                                      \
    }                                                                                                          \
    PGN_FN T pgn_fmod##S(T a, T b) {                                                                          \
        T r = FMOD(a, b);                                                                                      \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;                                                       \
    }
PGN_REAL(float, f, fmodf, PGN_RSQRTF, expf, fabsf)
PGN_REAL(double, , fmod, PGN_RSQRT, exp, fabs)
#undef PGN_REAL

/* ---- conversions -------------------------------------------------------------------------------------------------- */
PGN_FN int32_t pgn_i32_from_real(double x) {
    return !(x > -2147483649.0) ? (x != x ? 0 : INT32_MIN) : x >= 2147483648.0 ? INT32_MAX : (int32_t)x;
}
PGN_FN int64_t pgn_i64_from_real(double x) {
    return !(x >= -9223372036854775808.0) ? (x != x ? 0 : INT64_MIN) : x >= 9223372036854775808.0 ? INT64_MAX : (int64_t)x;
}
PGN_FN uint32_t pgn_bits_from_f32(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }
PGN_FN float pgn_f32_from_bits(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }
PGN_FN uint64_t pgn_bits_from_f64(double x) { uint64_t u; memcpy(&u, &x, sizeof u); return u; }
PGN_FN double pgn_f64_from_bits(uint64_t u) { double x; memcpy(&x, &u, sizeof x); return x; }

PGN_FN float pgn_from_bf16(uint16_t h) { return pgn_f32_from_bits((uint32_t)h << 16); }
PGN_FN uint16_t pgn_to_bf16(float x) {
    uint32_t u = pgn_bits_from_f32(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);    /* a NaN stays one */
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}
PGN_FN float pgn_from_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, fraction = h & 0x3ffu;
    if (exponent == 31) return pgn_f32_from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent) return pgn_f32_from_bits(sign | (exponent + 112u) << 23 | fraction << 13);
    float x = (float)fraction * 5.9604644775390625e-8f;                          /* subnormal: times 2^-24, exact */
    return sign ? -x : x;
}
PGN_FN uint16_t pgn_to_f16(float x) {
    uint32_t u = pgn_bits_from_f32(x), sign = u >> 16 & 0x8000u;
    u &= 0x7fffffffu;
    if (u > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (u >> 13 & 0x3ffu));
    if (u >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);                     /* 65520 and more round to infinity */
    if (u < 0x38800000u) {                                                       /* below 2^-14: a subnormal, in steps of 2^-24 */
        if (u <= 0x33000000u) return (uint16_t)sign;                             /* up to half a step rounds to even zero */
        uint32_t shift = 126u - (u >> 23), m = (u & 0x7fffffu) | 0x800000u, half = 1u << (shift - 1u), rest = m & ((1u << shift) - 1u);
        m >>= shift;
        return (uint16_t)(sign | (m + (rest > half || (rest == half && (m & 1u)))));
    }
    u += 0xfffu + (u >> 13 & 1u);
    return (uint16_t)(sign | (u - 0x38000000u) >> 13);
}

/* ---- sizes: an overflow or a division by zero gives PGN_NO_SIZE, which stays through everything and reads -1 at the end --- */
#define PGN_NO_SIZE INT64_MIN
static inline int64_t pgn_size_add(int64_t a, int64_t b) {
    int64_t r;
    return a == PGN_NO_SIZE || b == PGN_NO_SIZE || __builtin_add_overflow(a, b, &r) ? PGN_NO_SIZE : r;
}
static inline int64_t pgn_size_sub(int64_t a, int64_t b) {
    int64_t r;
    return a == PGN_NO_SIZE || b == PGN_NO_SIZE || __builtin_sub_overflow(a, b, &r) ? PGN_NO_SIZE : r;
}
static inline int64_t pgn_size_mul(int64_t a, int64_t b) {
    int64_t r;
    return a == PGN_NO_SIZE || b == PGN_NO_SIZE || __builtin_mul_overflow(a, b, &r) ? PGN_NO_SIZE : r;
}
static inline int64_t pgn_size_floordiv(int64_t a, int64_t b) { return a == PGN_NO_SIZE || b == PGN_NO_SIZE || !b ? PGN_NO_SIZE : pgn_floordiv_i64(a, b); }
static inline int64_t pgn_size_ceildiv(int64_t a, int64_t b) { return a == PGN_NO_SIZE || b == PGN_NO_SIZE || !b ? PGN_NO_SIZE : -pgn_floordiv_i64(-a, b); }
static inline int64_t pgn_size_mod(int64_t a, int64_t b) { return a == PGN_NO_SIZE || b == PGN_NO_SIZE || !b ? PGN_NO_SIZE : pgn_mod_i64(a, b); }
static inline int64_t pgn_size_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t pgn_size_max(int64_t a, int64_t b) { return a == PGN_NO_SIZE || b == PGN_NO_SIZE ? PGN_NO_SIZE : a > b ? a : b; }
static inline int64_t pgn_size_known(int64_t n) { return n == PGN_NO_SIZE ? -1 : n; }
static inline void pgn_copy(void *to, const void *from, int64_t bytes) { if (bytes > 0) memcpy(to, from, (size_t)bytes); }
#endif
