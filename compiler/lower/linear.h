/* linear.h - linear forms of integer expressions in the bound indices of a reduction. */
#ifndef PIGEON_LINEAR_H
#define PIGEON_LINEAR_H
#include "ir/ir.h"
/*  sum coef[k] * idx[k] + rest + constant;  rest (NULL: 0) is i64 and free of idx[]. */
typedef struct Linear { int64_t coef[16], constant; X *rest; } Linear;
bool linear_of(Arena *a, X *x, int n, Index *const *idx, Linear *l);
/* left - right */
bool linear_difference(Arena *a, X *left, X *right, int n, Index *const *idx, Linear *l);
/* The form without idx[k], negated: what  coef[k] * idx[k]  equals. The other indices stay as they are. */
X *linear_solve(Arena *a, const Linear *l, int n, Index *const *idx, int k);
#endif
