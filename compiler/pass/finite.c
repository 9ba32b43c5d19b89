/* finite.c - what surely is a number, overflow aside, when inputs and parameters are: no quotient by what may be 0, no logarithm.
 *
 *     1 / (1 + exp(-x)), h[v,i] * W[i,j], if n = 0 then 0 else 1 / n     are;     1 / degree[v], log(x), rsqrt(x)     are not
 *
 * A sum over nothing is 0, so  sum(e: dst(e) = v) c[v] * x[e] = c[v] * sum(e: dst(e) = v) x[e]  needs c[v] to be a number even where
 * v has no edges. Definitions are followed to a fixed depth; beyond it the answer is no. */
#include "pass/query.h"

enum { DEEPEST = 12 };
typedef struct Known { const X *nonzero[8]; int n; int depth; } Known;      /* integers that a condition around says are not 0 */
static bool is_number(const X *e, Known k);

static bool nonnegative(const X *e) {
    switch (e->k) {
    case X_INT: return e->u.i >= 0;
    case X_REAL: return e->u.c.re >= 0;
    case X_INDEX: return true;
    case X_OP:
        switch (e->u.op.op) {
        case OP_EXP: case OP_EXP2: case OP_SQRT: case OP_SIGMOID: return true;
        case OP_ABS: return dtype_is_float(e->dt) || dtype_is_complex(e->u.op.arg[0]->dt);
        case OP_MUL: return dtype_is_float(e->dt) && (x_equal(e->u.op.arg[0], e->u.op.arg[1]) || (nonnegative(e->u.op.arg[0]) && nonnegative(e->u.op.arg[1])));
        case OP_ADD: return dtype_is_float(e->dt) && nonnegative(e->u.op.arg[0]) && nonnegative(e->u.op.arg[1]);
        case OP_MAX: return nonnegative(e->u.op.arg[0]) || nonnegative(e->u.op.arg[1]);
        case OP_MIN: return nonnegative(e->u.op.arg[0]) && nonnegative(e->u.op.arg[1]);
        default: return false;
        }
    case X_CAST: return dtype_is_float(e->dt) && nonnegative(e->u.cast.arg);
    case X_EXT: case X_COMPLEX: case X_READ: case X_BITCAST: case X_IF: case X_REDUCE: return false;
    }
    return false;
}
static bool positive_size(const Ext *e) {
    switch (e->op) {
    case EXT_CONST: return e->value > 0;
    case EXT_SYM: return e->sym->kind == SYM_DIM;
    case EXT_ADD: case EXT_MUL: case EXT_MIN: return positive_size(e->a) && positive_size(e->b);
    case EXT_MAX: return positive_size(e->a) || positive_size(e->b);
    case EXT_SUB: case EXT_FLOORDIV: case EXT_CEILDIV: case EXT_MOD: return false;
    }
    return false;
}
static bool nonzero(const X *e, Known k) {
    for (int j = 0; j < k.n; j++) if (x_equal(k.nonzero[j], e)) return true;
    switch (e->k) {
    case X_INT: return e->u.i != 0;
    case X_REAL: return e->u.c.re != 0;
    case X_COMPLEX: return e->u.c.re != 0 || e->u.c.im != 0;
    case X_EXT: return positive_size(e->u.ext);
    case X_CAST: return dtype_bytes(e->dt) >= 4 && dtype_is_int(e->u.cast.arg->dt) && nonzero(e->u.cast.arg, k);
    case X_OP:
        switch (e->u.op.op) {
        case OP_ADD: return nonnegative(e->u.op.arg[0]) && nonnegative(e->u.op.arg[1]) && (nonzero(e->u.op.arg[0], k) || nonzero(e->u.op.arg[1], k)) && dtype_is_float(e->dt);
        case OP_MUL: return dtype_is_float(e->dt) && nonzero(e->u.op.arg[0], k) && nonzero(e->u.op.arg[1], k);
        case OP_MAX: return (nonnegative(e->u.op.arg[0]) && nonzero(e->u.op.arg[0], k)) || (nonnegative(e->u.op.arg[1]) && nonzero(e->u.op.arg[1], k));
        case OP_NEG: case OP_SQRT: return nonzero(e->u.op.arg[0], k);
        default: return false;
        }
    case X_INDEX: case X_READ: case X_BITCAST: case X_IF: case X_REDUCE: return false;
    }
    return false;
}
/* What a condition being false, or true, says is not 0. */
static Known learn(const X *c, bool holds, Known k) {
    if (c->k != X_OP || k.n == 8) return k;
    if (c->u.op.op == OP_NOT) return learn(c->u.op.arg[0], !holds, k);
    const X *a = c->u.op.arg[0], *b = c->u.op.arg[1];
    bool differ = holds ? c->u.op.op == OP_NE : c->u.op.op == OP_EQ, greater = holds && c->u.op.op == OP_GT;
    if ((differ || greater) && x_is_zero(b)) k.nonzero[k.n++] = a;
    else if (differ && x_is_zero(a)) k.nonzero[k.n++] = b;
    return k;
}
static bool is_number(const X *e, Known k) {
    if (!dtype_is_float(e->dt) && !dtype_is_complex(e->dt)) return true;
    switch (e->k) {
    case X_REAL: return e->u.c.re - e->u.c.re == 0;
    case X_COMPLEX: return e->u.c.re - e->u.c.re == 0 && e->u.c.im - e->u.c.im == 0;
    case X_INT: case X_INDEX: case X_EXT: return true;
    case X_BITCAST: return false;
    case X_CAST: return is_number(e->u.cast.arg, k);
    case X_IF: return is_number(e->u.if_.then, learn(e->u.if_.cond, true, k)) && is_number(e->u.if_.other, learn(e->u.if_.cond, false, k));
    case X_REDUCE:
        if (e->u.reduce.op != R_SUM && e->u.reduce.op != R_PROD && !e->u.reduce.other) return false;
        return is_number(e->u.reduce.body, (Known){ .depth = k.depth }) && (!e->u.reduce.other || is_number(e->u.reduce.other, k));
    case X_READ:
        for (int j = 0; j < e->u.read.v->rank; j++) if (e->u.read.other[j] && !is_number(e->u.read.other[j], k)) return false;
        switch (e->u.read.v->node->kind) {
        case N_INPUT: case N_PARAM: return true;
        case N_COMPUTE: return k.depth < DEEPEST && is_number(e->u.read.v->node->u.compute.expr, (Known){ .depth = k.depth + 1 });
        case N_CONST: case N_RECUR: case N_TRANSFORM: case N_SELECT: case N_FACTOR: case N_ITERATE: case N_DERIVE: return false;
        }
        return false;
    case X_OP:
        for (int j = 0; j < e->u.op.n; j++) if (!is_number(e->u.op.arg[j], k)) return false;
        switch (scalar_info[e->u.op.op].defined) {
        case EVERYWHERE: return true;
        case NOT_NEGATIVE: return nonnegative(e->u.op.arg[0]);
        case POSITIVE: return nonnegative(e->u.op.arg[0]) && nonzero(e->u.op.arg[0], k);
        case DIVISOR: return nonzero(e->u.op.arg[1], k);
        case SOMEWHERE: return false;
        }
    }
    return false;
}
bool x_is_finite(const X *e) { return is_number(e, (Known){ 0 }); }
