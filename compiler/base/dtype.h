/* dtype.h - element types of the language, shared by the typed equations and both IR levels. */
#ifndef PIGEON_DTYPE_H
#define PIGEON_DTYPE_H
#include <stdbool.h>
#include <stddef.h>
typedef enum Dtype { DT_NONE, DT_F64, DT_F32, DT_F16, DT_BF16, DT_I64, DT_I32, DT_I8, DT_U8, DT_BOOL, DT_C64, DT_C128 } Dtype;
const char *dtype_name(Dtype t);                 /* "f32" */
Dtype dtype_from_name(const char *s);            /* DT_NONE if it is none */
size_t dtype_bytes(Dtype t);                     /* bool is one byte, c64 eight */
static inline bool dtype_is_complex(Dtype t) { return t == DT_C64 || t == DT_C128; }
static inline bool dtype_is_float(Dtype t) { return t >= DT_F64 && t <= DT_BF16; }
static inline bool dtype_is_int(Dtype t) { return t >= DT_I64 && t <= DT_U8; }
static inline Dtype dtype_real_of(Dtype t) { return t == DT_C64 ? DT_F32 : t == DT_C128 ? DT_F64 : t; }
static inline Dtype dtype_complex_of(Dtype t) { return t == DT_F64 || t == DT_C128 ? DT_C128 : DT_C64; }
#endif
