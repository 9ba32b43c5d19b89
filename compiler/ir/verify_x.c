/* verify_x.c - scalar expressions: scopes of indices, dtypes, the space of every subscript that has one, boundaries, and what a
 * recurrence may read of itself. */
#include "ir/verify.h"
#include <string.h>

static Loc place(const Verifier *v, const X *e) { return e->loc.file >= 0 ? e->loc : v->loc; }
static bool number(Dtype t) { return t != DT_NONE && t != DT_BOOL; }
static bool real(Dtype t) { return dtype_is_float(t); }
static bool is_bool(Dtype t) { return t == DT_BOOL; }

/* Which values an integer expression takes, as  time * t + [lo, hi]; false when that is not known. */
typedef struct Reach { int64_t time, lo, hi; } Reach;
static bool reach(const X *e, const Index *t, Reach *r) {
    const int64_t most = (int64_t)1 << 40;
    Reach p, q;
    int64_t n;
    switch (e->k) {
    case X_INT: *r = (Reach){ 0, e->u.i, e->u.i }; return e->u.i < most && e->u.i > -most;
    case X_INDEX:
        if (e->u.index == t) { *r = (Reach){ 1, 0, 0 }; return true; }
        if (!ext_is_const(e->u.index->space->extent, &n) || n < 1 || n > most) return false;
        *r = (Reach){ 0, 0, n - 1 };
        return true;
    case X_CAST: return dtype_is_int(e->dt) && reach(e->u.cast.arg, t, r);
    case X_OP:
        if (e->u.op.op != OP_ADD && e->u.op.op != OP_SUB && e->u.op.op != OP_NEG) return false;
        if (!reach(e->u.op.arg[0], t, &p)) return false;
        if (e->u.op.op == OP_NEG) { *r = (Reach){ -p.time, -p.hi, -p.lo }; return true; }
        if (!reach(e->u.op.arg[1], t, &q)) return false;
        *r = e->u.op.op == OP_ADD ? (Reach){ p.time + q.time, p.lo + q.lo, p.hi + q.hi } : (Reach){ p.time - q.time, p.lo - q.hi, p.hi - q.lo };
        return r->lo > -most && r->hi < most;
    case X_REAL: case X_COMPLEX: case X_EXT: case X_READ: case X_BITCAST: case X_IF: case X_REDUCE: return false;
    }
    return false;
}
/* A read of a member inside its own group: earlier elements, or this one of a member that precedes. */
static void own_read(Verifier *v, const X *e) {
    const Node *n = v->recur;
    const Value *x = e->u.read.v;
    int which = -1;
    for (int k = 0; k < n->u.recur.member.n; k++) if (n->u.recur.member.at[k].value == x) which = k;
    if (which < 0) { invalid(v, place(v, e), "`%s` is read inside the recurrence that makes it, but is none of its members", x->name); return; }
    int axis = n->u.recur.member.at[which].time_axis;
    Reach r;
    if (axis < 0 || axis >= x->rank || !reach(e->u.read.idx[axis], n->u.recur.time, &r) || r.time != 1) {
        invalid(v, place(v, e), "`%s` is read inside its own recurrence at a time that is not `%s` and a known distance", x->name, n->u.recur.time->name);
        return;
    }
    int64_t nearest = n->u.recur.reverse ? -r.lo : r.hi;
    if (nearest > 0 || (nearest == 0 && which >= v->member))
        invalid(v, place(v, e), "`%s` is read inside its own recurrence before it is known", x->name);
}
/* A position of the first part of a sum axis is a position of the axis. */
static bool same_position(const Space *axis, const Space *of) {
    for (; axis; axis = (axis->kind == SP_SUM || axis->kind == SP_PRODUCT) && axis->n_part ? axis->part[0] : NULL) {
        if (axis == of) return true;
        if (axis->kind == SP_PRODUCT && axis->n_part > 1) return false;
    }
    return false;
}
static void read(Verifier *v, const X *e) {
    const Value *x = e->u.read.v;
    if (!x) { invalid(v, place(v, e), "a read of nothing"); return; }
    if (v->recur && x->node == v->recur) {
        for (int k = 0; k < x->rank; k++) if (!e->u.read.idx[k]) { invalid(v, place(v, e), "subscript %d of `%s` is missing", k + 1, x->name); return; }
        own_read(v, e);
    } else if (!verify_known(v, x, place(v, e))) return;
    if (e->dt != x->dt) invalid(v, place(v, e), "a read of `%s` is %s, the value is %s", x->name, dtype_name(e->dt), dtype_name(x->dt));
    for (int k = 0; k < x->rank; k++) {
        const X *i = e->u.read.idx[k];
        Boundary b = e->u.read.bnd[k];
        if (!i) { invalid(v, place(v, e), "subscript %d of `%s` is missing", k + 1, x->name); continue; }
        verify_x(v, i);
        if (!dtype_is_int(i->dt)) invalid(v, place(v, i), "subscript %d of `%s` is %s, not an integer", k + 1, x->name, dtype_name(i->dt));
        else if (i->space && !same_position(x->axis[k], i->space) && !(b != BND_NONE && i->space->kind == SP_RANGE))
            invalid(v, place(v, i), "subscript %d of `%s` is a position of `%s`, the axis is `%s`", k + 1, x->name, i->space->name, x->axis[k]->name);
        if ((unsigned)b > BND_ELSE) invalid(v, place(v, e), "subscript %d of `%s` has no boundary rule that exists", k + 1, x->name);
        if ((b == BND_ELSE) != (e->u.read.other[k] != NULL)) invalid(v, place(v, e), "subscript %d of `%s`: a value beyond the edge goes with the rule `else`, and only with it", k + 1, x->name);
        else if (b == BND_ELSE) {
            verify_x(v, e->u.read.other[k]);
            if (e->u.read.other[k]->dt != x->dt) invalid(v, place(v, e), "the value beyond the edge is %s, `%s` is %s", dtype_name(e->u.read.other[k]->dt), x->name, dtype_name(x->dt));
        }
    }
}
static void op(Verifier *v, const X *e) {
    if ((unsigned)e->u.op.op >= OP_COUNT) { invalid(v, place(v, e), "an operation that does not exist"); return; }
    const ScalarInfo *s = &scalar_info[e->u.op.op];
    if (e->u.op.n != s->arity) { invalid(v, place(v, e), "`%s` has %d arguments", s->name, e->u.op.n); return; }
    for (int k = 0; k < s->arity; k++) {
        if (!e->u.op.arg[k]) { invalid(v, place(v, e), "argument %d of `%s` is missing", k + 1, s->name); return; }
        verify_x(v, e->u.op.arg[k]);
    }
    Dtype t = e->u.op.arg[0]->dt, want = t;
    if (s->arity == 2 && e->u.op.arg[1]->dt != t) invalid(v, place(v, e), "`%s` of %s and %s", s->name, dtype_name(t), dtype_name(e->u.op.arg[1]->dt));
    bool ok = true;
    switch (s->class_) {
    case ARITH: ok = number(t); break;
    case FLOAT: ok = real(t) || dtype_is_complex(t); break;
    case REAL: ok = real(t); break;
    case INT: ok = e->u.op.op == OP_THREEFRY ? t == DT_I64 : dtype_is_int(t); break;
    case CMP: ok = t != DT_NONE && (!dtype_is_complex(t) || e->u.op.op == OP_EQ || e->u.op.op == OP_NE), want = DT_BOOL; break;
    case LOGIC: ok = is_bool(t), want = DT_BOOL; break;
    case PART: ok = number(t), want = dtype_real_of(t); break;
    }
    if (e->u.op.op == OP_COMPLEX) want = dtype_complex_of(t);
    if (!ok) invalid(v, place(v, e), "`%s` does not take %s", s->name, dtype_name(t));
    else if (e->dt != want) invalid(v, place(v, e), "`%s` of %s gives %s, not %s", s->name, dtype_name(t), dtype_name(want), dtype_name(e->dt));
}
static void reduce(Verifier *v, const X *e) {
    int depth = v->scope.n;
    const X *body = e->u.reduce.body;
    if (e->u.reduce.other) verify_x(v, e->u.reduce.other);
    if (e->u.reduce.n < 1 || e->u.reduce.n > 16 || !body) { invalid(v, place(v, e), "a reduction binds one to sixteen indices and has a body"); return; }
    for (int k = 0; k < e->u.reduce.n; k++) {
        const Index *i = e->u.reduce.idx[k];
        verify_space(v, i->space, place(v, e));
        for (int j = 0; j < v->scope.n; j++) if (v->scope.at[j] == i) invalid(v, place(v, e), "index `%s` is bound where it is bound already", i->name);
        vec_add(v->p->arena, v->scope, i);
    }
    for (int k = 0; k < e->u.reduce.n_cond; k++) {
        verify_x(v, e->u.reduce.cond[k]);
        if (e->u.reduce.cond[k]->dt != DT_BOOL) invalid(v, place(v, e->u.reduce.cond[k]), "a condition is bool, this is %s", dtype_name(e->u.reduce.cond[k]->dt));
    }
    verify_x(v, body);
    v->scope.n = depth;
    ReduceOp o = e->u.reduce.op;
    Dtype t = body->dt, acc = e->u.reduce.acc, want = t;
    bool ok = true;
    switch (o) {
    case R_SUM: case R_PROD: ok = number(t); break;
    case R_MIN: case R_MAX: ok = number(t) && !dtype_is_complex(t); break;
    case R_ARGMIN: case R_ARGMAX: ok = number(t) && !dtype_is_complex(t) && e->u.reduce.n == 1, want = DT_I64; break;
    case R_ANY: case R_ALL: ok = is_bool(t); break;
    case R_LOGSUMEXP: ok = real(t); break;
    }
    if ((unsigned)o > R_ARGMAX) { invalid(v, place(v, e), "a reduction that does not exist"); return; }
    if (!ok) invalid(v, place(v, e), "`%s` does not reduce %s", reduce_name[o], dtype_name(t));
    else if (e->dt != want) invalid(v, place(v, e), "`%s` of %s gives %s, not %s", reduce_name[o], dtype_name(t), dtype_name(want), dtype_name(e->dt));
    else if (acc == DT_NONE || dtype_is_float(acc) != dtype_is_float(t) || dtype_is_complex(acc) != dtype_is_complex(t) || is_bool(acc) != is_bool(t))
        invalid(v, place(v, e), "`%s` of %s accumulates in %s", reduce_name[o], dtype_name(t), acc == DT_NONE ? "nothing" : dtype_name(acc));
    if (e->u.reduce.other && e->u.reduce.other->dt != e->dt) invalid(v, place(v, e), "over nothing `%s` gives %s, else %s", reduce_name[o], dtype_name(e->u.reduce.other->dt), dtype_name(e->dt));
}
void verify_x(Verifier *v, const X *e) {
    if (v->reports >= MOST_REPORTS) return;
    if (e->dt == DT_NONE) { invalid(v, place(v, e), "an expression without a dtype"); return; }
    if (e->space && !dtype_is_int(e->dt)) invalid(v, place(v, e), "a position of `%s` is an integer, this is %s", e->space->name, dtype_name(e->dt));
    if (e->space) verify_space(v, e->space, place(v, e));
    switch (e->k) {
    case X_INT: if (!dtype_is_int(e->dt) && !is_bool(e->dt)) invalid(v, place(v, e), "an integer constant of %s", dtype_name(e->dt)); return;
    case X_REAL: if (!real(e->dt)) invalid(v, place(v, e), "a real constant of %s", dtype_name(e->dt)); return;
    case X_COMPLEX: if (!dtype_is_complex(e->dt)) invalid(v, place(v, e), "a complex constant of %s", dtype_name(e->dt)); return;
    case X_INDEX:
        if (e->dt != DT_I64 || e->space != e->u.index->space) invalid(v, place(v, e), "index `%s` is not an i64 position of its space", e->u.index->name);
        for (int k = v->scope.n - 1; k >= 0; k--) if (v->scope.at[k] == e->u.index) return;
        invalid(v, place(v, e), "index `%s` is not bound here", e->u.index->name);
        return;
    case X_EXT:
        verify_ext(v, e->u.ext, place(v, e));
        if (e->dt != DT_I64) invalid(v, place(v, e), "a size is i64, not %s", dtype_name(e->dt));
        return;
    case X_READ: read(v, e); return;
    case X_OP: op(v, e); return;
    case X_CAST:
        verify_x(v, e->u.cast.arg);
        if (dtype_is_complex(e->u.cast.arg->dt) && !dtype_is_complex(e->dt)) invalid(v, place(v, e), "%s is not cast to %s", dtype_name(e->u.cast.arg->dt), dtype_name(e->dt));
        return;
    case X_BITCAST:
        verify_x(v, e->u.cast.arg);
        if (dtype_bytes(e->u.cast.arg->dt) != dtype_bytes(e->dt)) invalid(v, place(v, e), "a bitcast from %s to %s changes the width", dtype_name(e->u.cast.arg->dt), dtype_name(e->dt));
        return;
    case X_IF:
        verify_x(v, e->u.if_.cond), verify_x(v, e->u.if_.then), verify_x(v, e->u.if_.other);
        if (e->u.if_.cond->dt != DT_BOOL || e->u.if_.then->dt != e->dt || e->u.if_.other->dt != e->dt)
            invalid(v, place(v, e), "if %s then %s else %s gives %s", dtype_name(e->u.if_.cond->dt), dtype_name(e->u.if_.then->dt), dtype_name(e->u.if_.other->dt), dtype_name(e->dt));
        return;
    case X_REDUCE: reduce(v, e); return;
    }
    invalid(v, place(v, e), "an expression of no kind");
}
