/* reduce.h - how a reduction is iterated: one Axis per bound index, in the order of the loops. */
#ifndef PIGEON_LOWER_REDUCE_H
#define PIGEON_LOWER_REDUCE_H
#include "lower/lower.h"
typedef enum AxisMode { AX_ALL, AX_ROWS, AX_SOLVE } AxisMode;
typedef struct AxisBound { bool upper; X *at; int64_t coef; } AxisBound;     /* coef * i <= at  (upper)  or  coef * i >= at;  coef > 0 */
typedef struct Axis {
    Index *index;
    AxisMode mode;
    X *key; Rows *rows;                 /* AX_ROWS: the positions that the maps send to key */
    X *equals; int64_t coef;            /* AX_SOLVE: coef * index = equals */
    VEC(AxisBound) bound;               /* AX_ALL: cut the range */
    VEC(X *) guard;                     /* conditions that are known from here on */
} Axis;
typedef struct Order { int n; Axis axis[16]; VEC(X *) first; } Order;        /* first: conditions without bound indices */
bool reduce_order(Lower *l, const X *reduce, Order *o);
#endif
