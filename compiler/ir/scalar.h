/* scalar.h - the values of the scalar functions, the columns of base/scalar.def: for the interpreter, and wherever constants are folded. */
#ifndef PIGEON_IR_SCALAR_H
#define PIGEON_IR_SCALAR_H
#include "ir/ir.h"

typedef struct Complex { double re, im; } Complex;
/* Each leaves *is alone, or makes it false where there is no such function of this kind of number (the result is 0 then). Functions of one argument
 * take no notice of the second. Comparisons give 0 or 1, parts of complex numbers a real. */
int64_t scalar_int(ScalarOp op, int64_t m, int64_t n, Dtype t, bool *is);       /* in the type t of the arguments: wraps */
double scalar_real(ScalarOp op, double x, double y, bool *is);
Complex scalar_complex(ScalarOp op, Complex p, Complex q, bool *is);
int64_t wrap(int64_t v, Dtype t);                                       /* to the range of an integer type */
#endif
