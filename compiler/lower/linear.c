/* linear.c - see linear.h. Products count as linear when one factor is a constant; casts between integers are looked through only where
 * they can't change the value (positions fit every integer type that they are cast to). */
#include "lower/linear.h"

static bool uses_any(const X *x, int n, Index *const *idx) {
    for (int k = 0; k < n; k++) if (x_uses_index(x, idx[k])) return true;
    return false;
}
static bool add(Arena *a, X *x, int64_t times, int n, Index *const *idx, Linear *l) {
    int64_t v;
    switch (x->k) {
    case X_INT: return !__builtin_mul_overflow(x->u.i, times, &v) && !__builtin_add_overflow(l->constant, v, &l->constant);
    case X_INDEX:
        for (int k = 0; k < n; k++) if (idx[k] == x->u.index) return !__builtin_add_overflow(l->coef[k], times, &l->coef[k]);
        break;
    case X_CAST:
        if (!dtype_is_int(x->dt) || !dtype_is_int(x->u.cast.arg->dt) || (dtype_bytes(x->dt) < dtype_bytes(x->u.cast.arg->dt) && (!x->u.cast.arg->space || dtype_bytes(x->dt) < 4))) break;
        if (uses_any(x, n, idx)) return add(a, x->u.cast.arg, times, n, idx, l);
        break;
    case X_OP:
        if (!dtype_is_int(x->dt) || !uses_any(x, n, idx)) break;
        if (x->u.op.op == OP_ADD) return add(a, x->u.op.arg[0], times, n, idx, l) && add(a, x->u.op.arg[1], times, n, idx, l);
        if (x->u.op.op == OP_SUB) return add(a, x->u.op.arg[0], times, n, idx, l) && add(a, x->u.op.arg[1], -times, n, idx, l);
        if (x->u.op.op == OP_NEG) return add(a, x->u.op.arg[0], -times, n, idx, l);
        if (x->u.op.op == OP_MUL)
            for (int k = 0; k < 2; k++) {
                X *c = x->u.op.arg[k];
                if (c->k == X_CAST && c->u.cast.arg->k == X_INT) c = c->u.cast.arg;
                if (c->k == X_INT && !__builtin_mul_overflow(times, c->u.i, &v)) return add(a, x->u.op.arg[1 - k], v, n, idx, l);
            }
        return false;
    default: break;
    }
    if (!dtype_is_int(x->dt) || uses_any(x, n, idx)) return false;
    X *t = x_cast(a, x, DT_I64);
    bool minus = times < 0;
    if (times != 1 && times != -1) t = x_op(a, OP_MUL, t, x_int(a, minus ? -times : times, DT_I64));
    if (l->rest) l->rest = x_op(a, minus ? OP_SUB : OP_ADD, l->rest, t);
    else l->rest = minus ? x_op(a, OP_NEG, t, NULL) : t;
    return true;
}
bool linear_of(Arena *a, X *x, int n, Index *const *idx, Linear *l) {
    *l = (Linear){ .constant = 0 };
    return n <= 16 && add(a, x, 1, n, idx, l);
}
bool linear_difference(Arena *a, X *left, X *right, int n, Index *const *idx, Linear *l) {
    *l = (Linear){ .constant = 0 };
    return n <= 16 && dtype_is_int(left->dt) && add(a, left, 1, n, idx, l) && add(a, right, -1, n, idx, l);
}
X *linear_solve(Arena *a, const Linear *l, int n, Index *const *idx, int k) {
    X *plus = NULL, *minus = NULL;                          /* result = plus - minus */
    for (int j = 0; j < n; j++) {
        if (j == k || !l->coef[j]) continue;
        int64_t c = l->coef[j] < 0 ? -l->coef[j] : l->coef[j];
        X *t = x_index(a, idx[j]), **side = l->coef[j] < 0 ? &plus : &minus;
        if (c != 1) t = x_op(a, OP_MUL, t, x_int(a, c, DT_I64));
        *side = *side ? x_op(a, OP_ADD, *side, t) : t;
    }
    if (l->rest) {
        if (l->rest->k == X_OP && l->rest->u.op.op == OP_NEG) plus = plus ? x_op(a, OP_ADD, plus, l->rest->u.op.arg[0]) : l->rest->u.op.arg[0];
        else minus = minus ? x_op(a, OP_ADD, minus, l->rest) : l->rest;
    }
    X *r = plus;
    if (minus) r = r ? x_op(a, OP_SUB, r, minus) : x_op(a, OP_NEG, minus, NULL);
    if (l->constant || !r) r = r ? x_op(a, OP_SUB, r, x_int(a, l->constant, DT_I64)) : x_int(a, -l->constant, DT_I64);
    return r;
}
