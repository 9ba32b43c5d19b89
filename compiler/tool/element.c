/* element.c - numbers of typed arrays, to f64 and i64 and back. */
#include "tool/data.h"
#include "pigeon/kernel.h"
#include <string.h>

double element_get(const pgn_tensor *t, int64_t k, int part, int64_t *whole) {
    switch (t->dtype) {
    case PGN_F64: return part ? 0 : ((const double *)t->data)[k];
    case PGN_F32: return part ? 0 : (double)((const float *)t->data)[k];
    case PGN_F16: return part ? 0 : (double)pgn_from_f16(((const uint16_t *)t->data)[k]);
    case PGN_BF16: return part ? 0 : (double)pgn_from_bf16(((const uint16_t *)t->data)[k]);
    case PGN_I64: *whole = ((const int64_t *)t->data)[k]; break;
    case PGN_I32: *whole = ((const int32_t *)t->data)[k]; break;
    case PGN_I8: *whole = ((const int8_t *)t->data)[k]; break;
    case PGN_U8: case PGN_BOOL: *whole = ((const uint8_t *)t->data)[k]; break;
    case PGN_C64: return (double)((const float *)t->data)[2 * k + part];
    case PGN_C128: return ((const double *)t->data)[2 * k + part];
    }
    return part ? 0 : (double)*whole;
}
void element_put(pgn_tensor *t, int64_t k, double re, double im, int64_t whole) {
    switch (t->dtype) {
    case PGN_F64: ((double *)t->data)[k] = re; break;
    case PGN_F32: ((float *)t->data)[k] = (float)re; break;
    case PGN_F16: ((uint16_t *)t->data)[k] = pgn_to_f16((float)re); break;
    case PGN_BF16: ((uint16_t *)t->data)[k] = pgn_to_bf16((float)re); break;
    case PGN_I64: ((int64_t *)t->data)[k] = whole; break;
    case PGN_I32: ((int32_t *)t->data)[k] = (int32_t)whole; break;
    case PGN_I8: ((int8_t *)t->data)[k] = (int8_t)whole; break;
    case PGN_U8: ((uint8_t *)t->data)[k] = (uint8_t)whole; break;
    case PGN_BOOL: ((uint8_t *)t->data)[k] = whole != 0; break;
    case PGN_C64: ((float *)t->data)[2 * k] = (float)re, ((float *)t->data)[2 * k + 1] = (float)im; break;
    case PGN_C128: ((double *)t->data)[2 * k] = re, ((double *)t->data)[2 * k + 1] = im; break;
    }
}
void tensor_from_array(const Array *from, pgn_tensor *to) {
    for (int64_t k = 0; k < from->n; k++) element_put(to, k, from->re ? from->re[k] : 0, from->im ? from->im[k] : 0, from->i ? from->i[k] : 0);
}
