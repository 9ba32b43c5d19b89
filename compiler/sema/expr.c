/* expr.c - types of expressions: names to values, literals to the type of their context, implicit promotion (never narrowing). */
#include "ir/scalar.h"
#include "sema/scope.h"
#include <math.h>
#include <string.h>

bool is_real(const X *x) { return dtype_is_float(x->dt); }
static bool literal(const X *x) { return x->k == X_INT || x->k == X_REAL; }

Index *local_index(Env *e, const char *name) {
    for (Local *l = e->local; l; l = l->up) if (l->name == name) return l->index;
    return NULL;
}
void push_index(Env *e, const char *name, Index *i) {
    Local *l = NEW(e->s->a, Local);
    *l = (Local){ name, i, NULL, e->local };
    e->local = l;
}
static int rank_of(Dtype t) {
    switch (t) {
    case DT_U8: case DT_I8: return 1;
    case DT_I32: return 2;
    case DT_I64: return 3;
    case DT_F16: case DT_BF16: return 4;
    case DT_F32: return 5;
    case DT_F64: return 6;
    case DT_C64: return 7;
    case DT_C128: return 8;
    case DT_BOOL: case DT_NONE: break;
    }
    return 0;
}
/* An index of -1..1 counts positions 0..2 inside expressions; as a number it is its value. */
X *as_number(Env *e, X *x) {
    if (!x || !x->space || x->space->kind != SP_RANGE || !x->space->lo) return x;
    X *r = x_op(e->s->a, OP_ADD, x_cast(e->s->a, x, DT_I64), x_int(e->s->a, x->space->lo, DT_I64));
    r->loc = x->loc;
    return r;
}
static X *convert(Arena *a, X *x, Dtype t) {
    if (x->dt == t) return x;
    X *r;
    if (x->k == X_INT && x->dt != DT_BOOL && dtype_is_float(t)) r = x_real(a, (double)x->u.i, t);
    else if (x->k == X_INT && x->dt != DT_BOOL && dtype_is_int(t)) r = x_int(a, t == DT_U8 ? (uint8_t)x->u.i : t == DT_I8 ? (int8_t)x->u.i : t == DT_I32 ? (int32_t)x->u.i : x->u.i, t);
    else if (x->k == X_REAL && dtype_is_float(t)) r = x_real(a, x->u.c.re, t);
    else if (literal(x) && dtype_is_complex(t)) r = x_complex(a, x->k == X_INT ? (double)x->u.i : x->u.c.re, 0, t);
    else return x_cast(a, x, t);
    r->loc = x->loc;
    return r;
}
/* A literal integer of type t, or an error: it would be another number. */
static bool fits(Env *e, const X *x, Dtype t, Loc at) {
    if (x->k != X_INT || x->dt == DT_BOOL || !dtype_is_int(t) || dtype_bytes(t) >= 8) return true;
    int bits = 8 * dtype_bytes(t);
    int64_t lo = t == DT_U8 ? 0 : -((int64_t)1 << (bits - 1)), hi = t == DT_U8 ? 255 : ((int64_t)1 << (bits - 1)) - 1;
    if (x->u.i >= lo && x->u.i <= hi) return true;
    diag_help(diag_error(e->s->cx, D_OUT_OF_RANGE, x->loc.line ? x->loc : at, "%lld is no %s: these are %lld to %lld", (long long)x->u.i, dtype_name(t), (long long)lo, (long long)hi),
              "%s(...) says that it wraps; a wider type holds it", dtype_name(t));
    return false;
}
/* An integer made of literals alone. */
static bool whole_number(const X *x, int64_t *v) {
    int64_t p, q = 0;
    bool ok = true;
    if (x->k == X_INT) { *v = x->u.i; return dtype_is_int(x->dt); }
    if (x->k != X_OP || !dtype_is_int(x->dt) || !whole_number(x->u.op.arg[0], &p) || (x->u.op.n > 1 && !whole_number(x->u.op.arg[1], &q))) return false;
    *v = scalar_int(x->u.op.op, p, q, x->dt, &ok);
    return ok;
}
/* A choice among literals takes the type that is needed, as a literal does. */
static bool is_choice(const X *x, Dtype want) {
    int64_t v;
    if (x->k == X_IF) return is_choice(x->u.if_.then, want) && is_choice(x->u.if_.other, want);
    return whole_number(x, &v) || (literal(x) && dtype_is_float(x->dt) && dtype_is_float(want));
}
static X *choice(Env *e, X *x, Dtype want, Loc at) {
    Loc loc = x->loc.line ? x->loc : at;
    X *r;
    int64_t v;
    if (x->k == X_IF) {
        X *t = choice(e, x->u.if_.then, want, loc), *o = choice(e, x->u.if_.other, want, loc);
        if (!t || !o) return NULL;
        r = x_if(e->s->a, x->u.if_.cond, t, o);
    } else {
        X *n = whole_number(x, &v) ? x_int(e->s->a, v, x->dt) : x;
        if (n != x) n->loc = loc;
        if (!fits(e, n, want, at)) return NULL;
        r = convert(e->s->a, n, want);
    }
    r->loc = loc;
    return r;
}
X *coerce(Env *e, X *x, Dtype want, Loc at) {
    x = as_number(e, x);
    if (x->dt == want) return x;
    bool ok = rank_of(x->dt) && rank_of(want) && (rank_of(x->dt) <= rank_of(want) || (literal(x) && dtype_is_float(x->dt) && dtype_is_float(want)) ||
              (x->k == X_INT && dtype_is_int(want)) || (dtype_is_int(x->dt) && dtype_is_float(want)) || (dtype_is_int(x->dt) && dtype_is_int(want) && x->space));
    if (want == DT_C64 && x->dt == DT_F64) ok = literal(x);
    if (ok) return fits(e, x, want, at) ? convert(e->s->a, x, want) : NULL;
    if (rank_of(want) && is_choice(x, want)) return choice(e, x, want, at);
    Diag *d = diag_error(e->s->cx, D_TYPE_MISMATCH, at, "this is %s, where %s is needed", dtype_name(x->dt), dtype_name(want));
    if (dtype_is_int(want) && !dtype_is_int(x->dt)) diag_help(d, "say how it becomes an integer: floor, round or int");
    else if (rank_of(want)) diag_help(d, "narrowing is written out: %s(...)", dtype_name(want));
    return NULL;
}
/* The common type of two numbers that are no literals. */
Dtype wider_type(Dtype p, Dtype q) {
    if ((p == DT_F16 && q == DT_BF16) || (p == DT_BF16 && q == DT_F16)) return DT_F32;
    if ((p == DT_F64 && q == DT_C64) || (p == DT_C64 && q == DT_F64)) return DT_C128;
    return rank_of(p) > rank_of(q) ? p : q;
}
/* The common type of two operands. */
static bool unify(Env *e, X **l, X **r, Loc at) {
    X *p = *l, *q = *r;
    if (p->dt == q->dt) return true;
    if (!rank_of(p->dt) || !rank_of(q->dt)) {
        diag_error(e->s->cx, D_TYPE_MISMATCH, at, "%s and %s don't go together", dtype_name(p->dt), dtype_name(q->dt));
        return false;
    }
    Dtype t = wider_type(p->dt, q->dt);
    if (literal(p) && !literal(q) && (rank_of(q->dt) >= 4 || p->k == X_INT)) t = q->dt;
    else if (literal(q) && !literal(p) && (rank_of(p->dt) >= 4 || q->k == X_INT)) t = p->dt;
    if ((p->dt == DT_F64 && q->dt == DT_C64) || (p->dt == DT_C64 && q->dt == DT_F64)) t = literal(p) || literal(q) ? DT_C64 : DT_C128;
    if (!fits(e, p, t, at) || !fits(e, q, t, at)) return false;
    *l = convert(e->s->a, p, t);
    *r = convert(e->s->a, q, t);
    return true;
}
static X *to_float(Env *e, X *x) { return dtype_is_int(x->dt) ? convert(e->s->a, x, e->s->real) : x; }

/* An operator as it is written, or the name of a function. */
static const char *written(ScalarOp op) {
    static const char *const sign[OP_COUNT] = {
        [OP_NEG] = "-", [OP_ADD] = "+", [OP_SUB] = "-", [OP_MUL] = "*", [OP_DIV] = "/", [OP_FLOORDIV] = "//", [OP_POW] = "**", [OP_EQ] = "=", [OP_NE] = "!=", [OP_LT] = "<",
        [OP_LE] = "<=", [OP_GT] = ">", [OP_GE] = ">=", [OP_BITAND] = "&", [OP_BITOR] = "|", [OP_BITXOR] = "^", [OP_BITNOT] = "~", [OP_SHL] = "<<", [OP_SHR] = ">>" };
    return sign[op] ? sign[op] : scalar_info[op].name;
}
static X *scalar_call(Env *e, ScalarOp op, X **arg, int n, Loc at) {
    const ScalarInfo *f = &scalar_info[op];
    if (n != f->arity) {
        diag_error(e->s->cx, D_WRONG_ARITY, at, "`%s` takes %d argument%s, not %d", f->name, f->arity, f->arity == 1 ? "" : "s", n);
        return NULL;
    }
    if (n != 2 || f->class_ != CMP || arg[0]->space != arg[1]->space) for (int k = 0; k < n; k++) arg[k] = as_number(e, arg[k]);
    if (f->class_ == FLOAT || f->class_ == REAL) for (int k = 0; k < n; k++) arg[k] = to_float(e, arg[k]);
    if (op == OP_THREEFRY) for (int k = 0; k < n; k++) if (!(arg[k] = coerce(e, arg[k], DT_I64, at))) return NULL;
    if (n == 2 && !unify(e, &arg[0], &arg[1], at)) return NULL;
    Dtype t = arg[0]->dt;
    bool ok = f->class_ == LOGIC ? t == DT_BOOL : f->class_ == INT ? dtype_is_int(t) : f->class_ == REAL ? dtype_is_float(t)
            : f->class_ == CMP ? (t != DT_BOOL || op == OP_EQ || op == OP_NE) : t != DT_BOOL;
    if (dtype_is_complex(t) && (op == OP_MIN || op == OP_MAX || op == OP_SIGN || op == OP_MOD || (f->class_ == CMP && op > OP_NE))) ok = false;
    if ((op == OP_RE || op == OP_IM || op == OP_ARG || op == OP_CONJ) && dtype_is_float(t)) arg[0] = convert(e->s->a, arg[0], dtype_complex_of(t));
    if (!ok) {
        Diag *d = diag_error(e->s->cx, D_TYPE_MISMATCH, at, "`%s` does not take %s", written(op), dtype_name(t));
        if (op == OP_FLOORDIV && dtype_is_float(t)) diag_help(d, "floor(a / b) rounds a quotient of reals down, int(...) makes an integer of it");
        else if (f->class_ == INT && t != DT_BOOL) diag_help(d, "int(...) makes an integer, bitcast(i32, x) keeps the bits");
        else if (t == DT_BOOL) diag_help(d, f->class_ == INT ? "`and`, `or` and `not` are those of conditions" : "if condition then 1 else 0 is a number");
        else if (dtype_is_complex(t)) diag_help(d, "take one real number of it: re, im, abs, arg");
        return NULL;
    }
    X *r = x_op(e->s->a, op, arg[0], n == 2 ? arg[1] : NULL);
    r->loc = at;
    return r;
}
/* The reduction, transform or factorisation at the end of x, whose body takes in no more. */
static const Expr *last_head(const Expr *x) {
    while (!x->parens) {
        if (x->kind == E_BINARY) x = x->arg.at[1];
        else if (x->kind == E_UNARY) x = x->arg.at[0];
        else return x->kind == E_REDUCE || x->kind == E_SOFTMAX || x->kind == E_TRANSFORM || x->kind == E_SELECT || x->kind == E_FACTOR ? x : NULL;
    }
    return NULL;
}
static X *type_binary(Env *e, Expr *x) {
    static const ScalarOp op[] = { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD, OP_POW, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_AND, OP_OR,
                                   OP_BITAND, OP_BITOR, OP_BITXOR, OP_SHL, OP_SHR };
    Ended ended = { last_head(x->arg.at[0]), e->ended };
    Env right = *e;
    if (ended.head) right.ended = &ended;
    X *arg[2] = { type_expr(e, x->arg.at[0]), type_expr(&right, x->arg.at[1]) };
    if (!arg[0] || !arg[1]) return NULL;
    if (x->op >= B_EQ && x->op <= B_GE && arg[0]->space && arg[1]->space && arg[0]->space != arg[1]->space) {
        diag_error(e->s->cx, D_SPACE_MISMATCH, x->loc, "an index of `%s` is compared with one of `%s`", arg[0]->space->name, arg[1]->space->name);
        return NULL;
    }
    if (x->op == B_DIV && dtype_is_int(arg[0]->dt) && dtype_is_int(arg[1]->dt)) arg[0] = to_float(e, arg[0]);
    return scalar_call(e, op[x->op], arg, 2, x->loc);
}
/* Counts what is unrolled, calls of lets and models and rounds of repeats: each may double the one before. */
bool unrolled(Sema *s, Loc at) {
    enum { MOST = 1 << 17 };
    if (s->unrolled++ < MOST) return true;
    if (s->unrolled == MOST + 1) diag_help(diag_error(s->cx, D_UNSUPPORTED, at, "this unrolls into more than %d calls and rounds", MOST), "use a recurrence over a seq, or fewer rounds");
    return false;
}
/* a prelude or model `let`: its text with the arguments in place */
static X *call_let(Env *e, Bind *b, Expr *x) {
    Stmt *l = b->let;
    if (x->call.n != l->index.n) {
        diag_note(diag_error(e->s->cx, D_WRONG_ARITY, x->loc, "`%s` takes %d argument%s, not %d", b->name, l->index.n, l->index.n == 1 ? "" : "s", x->call.n), b->loc, "it is declared here");
        return NULL;
    }
    for (int k = 0; k < e->s->active_let.n; k++) if (e->s->active_let.at[k] == l) {
        diag_note(diag_error(e->s->cx, D_RECURSIVE_MODEL, x->loc, "`%s` calls itself", b->name), b->loc, "it is declared here");
        return NULL;
    }
    if (!unrolled(e->s, x->loc)) return NULL;
    Env in = env_of(e->s, b->scope);
    in.local = e->local;
    for (int k = 0; k < x->call.n; k++) {
        X *v = type_expr(e, x->call.at[k].value);
        if (!v) return NULL;
        Local *n = NEW(e->s->a, Local);
        *n = (Local){ l->index.at[k].s, NULL, v, in.local };
        in.local = n;
    }
    vec_add(e->s->a, e->s->active_let, l);
    X *r = type_expr(&in, l->rhs.at[0]);
    e->s->active_let.n--;
    return r;
}
static X *frequency(Env *e, X *k, Loc at) {
    Arena *a = e->s->a;
    Space *s = k->space;
    if (!s || s->kind != SP_MODES) { diag_error(e->s->cx, D_BAD_MODES, at, "freq takes an index of frequencies (declared by modes)"); return NULL; }
    X *lo = x_op(a, OP_ADD, x_ext(a, s->f0), k), *hi = x_op(a, OP_ADD, x_ext(a, s->f1), x_op(a, OP_SUB, k, x_ext(a, s->n0)));
    return x_if(a, x_op(a, OP_LT, k, x_ext(a, s->n0)), lo, hi);
}
static Value *graph_map(const Graph *g, int role) { return role == 0 ? g->src : role == 1 ? g->dst : role == 2 ? g->etype : g->ntype; }
static X *type_call(Env *e, Expr *x) {
    Sema *s = e->s;
    Expr *callee = x->arg.at[0];
    if (callee->kind != E_NAME) { diag_error(s->cx, D_BAD_LAYER, x->loc, "a model's result is not a number; name it by an equation: h = %s", expr_text(s->cx, x)); return NULL; }
    const char *f = callee->name.s;
    Bind *b = scope_find(e->scope, f);
    if (b && b->kind == B_FUNCTION) f = b->function, b = NULL;
    if (b && b->kind == B_POISON) return NULL;
    if (b && b->kind == B_LET) return call_let(e, b, x);
    if (!strcmp(f, "size") || !strcmp(f, "step")) {
        if (x->call.n != 1) { diag_error(s->cx, D_WRONG_ARITY, x->loc, "`%s` takes a space", f); return NULL; }
        Space *v = space_of(e, x->call.at[0].value);
        if (!v) return NULL;
        if (f[1] == 'i') return x_size(s->a, v->extent);
        int64_t every = coarse_step(s, &v);
        return x_op(s->a, OP_DIV, x_real(s->a, (double)every, s->real), convert(s->a, x_ext(s->a, v->extent), s->real));
    }
    if (!strcmp(f, "bitcast") && x->call.n == 2 && x->call.at[0].value->kind == E_NAME) {
        Dtype t = dtype_from_name(x->call.at[0].value->name.s);
        X *v = type_expr(e, x->call.at[1].value);
        if (!v) return NULL;
        if (t == DT_NONE || dtype_bytes(t) != dtype_bytes(v->dt) || dtype_is_complex(t) || dtype_is_complex(v->dt)) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "bitcast from %s needs a type of %zu bytes", dtype_name(v->dt), dtype_bytes(v->dt)); return NULL; }
        return x_bitcast(s->a, v, t);
    }
    int n = x->call.n;
    X **arg = NEWN(s->a, X *, n + 2);
    bool ok = true;
    for (int k = 0; k < n; k++) {
        if (x->call.at[k].name.s) { diag_error(s->cx, D_UNKNOWN_ARGUMENT, x->call.at[k].name.loc, "scalar functions and maps have no named arguments"); ok = false; }
        else if (!(arg[k] = type_expr(e, x->call.at[k].value))) ok = false;
    }
    if (!ok) return NULL;
    if (!b && is_random(f)) return type_random(e, x, arg, n);
    /* maps: of graphs and declared ones */
    Value *map = NULL;
    static const char *const role[] = { "src", "dst", "etype", "ntype" };
    const char *dot = strrchr(f, '.');
    Graph *g = NULL;
    for (int k = 0; k < 4 && (!b || b->kind == B_GRAPH); k++) {
        if (strcmp(dot ? dot + 1 : f, role[k])) continue;
        if (dot) { Bind *q = scope_find(e->scope, intern_n(s->cx, f, (size_t)(dot - f))); if (q && q->kind == B_GRAPH) g = q->graph; }
        else {
            int count = 0, fit = 0;
            const char *meant = NULL, *all = "";                       /* that of the index it is applied to */
            for (Scope *c = e->scope; c && !count; c = c->up) for (int j = 0; j < c->bind.n; j++) if (c->bind.at[j].kind == B_GRAPH) {
                g = c->bind.at[j].graph;
                if (n == 1 && graph_map(g, k)->axis[0] == arg[0]->space) meant = c->bind.at[j].name, fit++;
                all = arena_printf(s->a, "%s%s%s.%s", all, count++ ? ", " : "", c->bind.at[j].name, f);
            }
            if (count > 1) {
                Diag *d = diag_error(s->cx, D_UNKNOWN_NAME, callee->loc, "there are several graphs: whose `%s`?", f);
                if (fit == 1) diag_help(d, "write %s.%s(...)", meant, f); else diag_help(d, "write one of %s", all);
                return NULL;
            }
        }
        if (g) map = graph_map(g, k);
    }
    if (!map && b && b->kind == B_DEF) {
        map = def_value(s, b->def);
        if (!map) return NULL;
        if (!map->target) {
            diag_note(diag_help(diag_error(s->cx, D_NOT_A_MAP, callee->loc, "`%s` is a tensor, not a map", f), "tensors have subscripts: %s[...]", f), b->loc, "it is declared here");
            return NULL;
        }
    }
    if (map) {
        if (n != map->rank) { diag_error(s->cx, D_WRONG_ARITY, x->loc, "map `%s` takes %d argument%s, not %d", f, map->rank, map->rank == 1 ? "" : "s", n); return NULL; }
        for (int k = 0; k < n; k++) if (arg[k]->space != map->axis[k]) {
            bool literal_arg = arg[k]->k == X_INT && !arg[k]->space && arg[k]->dt != DT_BOOL;
            X *at = literal_arg ? literal_position(e, map->axis[k], arg[k], f, x->call.at[k].value->loc) : NULL;
            if (at) { arg[k] = at; continue; }
            if (literal_arg) { diag_error(s->cx, D_OUT_OF_RANGE, x->call.at[k].value->loc, "%lld is outside `%s`, argument %d of `%s`", (long long)arg[k]->u.i, map->axis[k]->name, k + 1, f); return NULL; }
            diag_error(s->cx, D_SPACE_MISMATCH, x->call.at[k].value->loc, "map `%s` takes an index of `%s`, but `%s` %s%s%s", f, map->axis[k]->name, expr_text(s->cx, x->call.at[k].value),
                       arg[k]->space ? "ranges over `" : "is a number", arg[k]->space ? arg[k]->space->name : "", arg[k]->space ? "`" : "");
            return NULL;
        }
        X *r = x_read(s->a, map, arg, NULL, NULL);
        r->loc = x->loc;
        return r;
    }
    if (!strcmp(f, "clamp") && n == 3) {
        X *lo[2] = { arg[0], arg[1] };
        X *m = scalar_call(e, OP_MAX, lo, 2, x->loc);
        if (!m) return NULL;
        X *hi[2] = { m, arg[2] };
        return scalar_call(e, OP_MIN, hi, 2, x->loc);
    }
    if (n == 1 && !strcmp(f, "freq")) return frequency(e, arg[0], x->loc);
    if (n == 1 && !strcmp(f, "coord")) {
        Space *g = arg[0]->space;
        if (!g) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "coord takes an index of a grid"); return NULL; }
        int64_t every = coarse_step(s, &g);
        X *at = convert(s->a, arg[0], s->real);
        if (every > 1) at = x_op(s->a, OP_MUL, x_real(s->a, (double)every, s->real), at);
        return x_op(s->a, OP_DIV, at, convert(s->a, x_ext(s->a, g->extent), s->real));
    }
    Dtype t = !strcmp(f, "int") ? DT_I64 : !strcmp(f, "real") ? s->real : dtype_from_name(f);
    if (t != DT_NONE && n == 1) {
        if (dtype_is_complex(arg[0]->dt) && !dtype_is_complex(t)) { diag_help(diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "a complex number does not become %s by itself", dtype_name(t)), "take re(..), im(..) or abs(..)"); return NULL; }
        X *r = convert(s->a, as_number(e, arg[0]), t);
        if (r->space) r = x_op(s->a, OP_ADD, r, x_int(s->a, 0, t));      /* a number, no longer an element of a space */
        return r;
    }
    for (int k = 0; k < OP_COUNT; k++) if (!strcmp(scalar_info[k].name, f)) return scalar_call(e, (ScalarOp)k, arg, n, x->loc);
    if (b) diag_note(diag_error(s->cx, D_NOT_A_MAP, callee->loc, "`%s` can't be called", f), b->loc, "it is declared here");
    else {
        static const struct { const char *name; int n; const char *form; } special[] = {
            { "clamp", 3, "clamp(x, low, high)" }, { "freq", 1, "freq(k)" }, { "coord", 1, "coord(x)" }, { "bitcast", 2, "bitcast(i32, x)" },
            { "int", 1, "int(x)" }, { "real", 1, "real(x)" } };
        for (size_t k = 0; k < sizeof special / sizeof *special; k++) if (!strcmp(special[k].name, f)) {
            diag_help(diag_error(s->cx, D_WRONG_ARITY, x->loc, "`%s` takes %d argument%s, not %d", f, special[k].n, special[k].n == 1 ? "" : "s", n), "%s", special[k].form);
            return NULL;
        }
        if (!strcmp(f, "pi") || !strcmp(f, "inf")) diag_error(s->cx, D_NOT_A_MAP, callee->loc, "`%s` is a number, it can't be called", f);
        else unknown_function(e, callee->name);
    }
    return NULL;
}
static X *type_name(Env *e, Expr *x) {
    Sema *s = e->s;
    const char *n = x->name.s;
    for (Local *l = e->local; l; l = l->up) if (l->name == n) {
        if (l->x) return l->x;
        X *r = x_index(s->a, l->index);
        r->loc = x->loc;
        return r;
    }
    Bind *b = scope_find(e->scope, n);
    const char *dot = strrchr(n, '.');
    if (!b && dot && (!strcmp(dot, ".first") || !strcmp(dot, ".last"))) {
        Bind *q = scope_find(e->scope, intern_n(s->cx, n, (size_t)(dot - n)));
        if (q && (q->kind == B_SPACE)) {
            X *r = dot[1] == 'f' ? x_int(s->a, 0, DT_I64) : x_ext(s->a, ext_op(s->a, EXT_SUB, q->space->extent, ext_const(s->a, 1)));
            X *c = NEW(s->a, X);
            *c = *r, c->space = q->space;
            return c;
        }
    }
    if (!b && !strcmp(n, "pi")) return x_real(s->a, M_PI, s->real);
    if (!b && !strcmp(n, "inf")) return x_real(s->a, INFINITY, s->real);
    if (!b && !strcmp(n, "training")) return x_int(s->a, s->training, DT_BOOL);
    if (!b && (!strcmp(n, "seed") || !strcmp(n, "step"))) return x_read(s->a, program_input_of(s, n, x->loc), NULL, NULL, NULL);
    if (b && b->kind == B_CONST) {
        Env up = env_of(s, b->scope);
        for (int k = 0; k < s->active_const.n; k++) if (s->active_const.at[k] == b->expr) {
            diag_note(diag_error(s->cx, D_CYCLE, x->loc, "constant `%s` is needed for itself", n), b->loc, "it is declared here");
            return NULL;
        }
        vec_add(s->a, s->active_const, b->expr);
        X *v = unrolled(s, x->loc) ? type_expr(&up, b->expr) : NULL;
        s->active_const.n--;
        return v && b->declared && b->declared->dtype ? coerce(e, v, dtype_from_name(b->declared->dtype), b->expr->loc) : v;
    }
    if (b && b->kind == B_INDEX) {
        Diag *d = diag_note(diag_error(s->cx, D_UNBOUND_INDEX, x->loc, "index `%s` is neither on the left nor bound here", n), b->loc, "it is declared here");
        diag_help(d, "bind it by a reduction, such as sum(%s), or put it on the left", n);
        for (const Ended *q = e->ended; q; q = q->up) {
            const char *over = "";
            bool here = false;
            for (int k = 0; k < q->head->bind.n; k++) over = arena_printf(s->a, "%s%s%s", over, k ? ", " : "", q->head->bind.at[k].index.s), here |= q->head->bind.at[k].index.s == n;
            for (int k = 0; k < q->head->from.n; k++) over = arena_printf(s->a, "%s%s%s", over, k ? ", " : "", q->head->from.at[k].s), here |= q->head->from.at[k].s == n;
            if (here) diag_help(d, "the body of `%s(%s)` ended at the `+` or `-` before: put the sum in parentheses", q->head->name.s, over);
        }
        return NULL;
    }
    if (b && b->kind == B_SPACE) { diag_help(diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "`%s` is a space, not a number", n), "its extent is size(%s)", n); return NULL; }
    if (b && b->kind == B_POISON) return NULL;
    Value *v = tensor_value(e, x);
    if (!v) return NULL;
    if (v->rank) { diag_error(s->cx, D_WRONG_RANK, x->loc, "`%s` has %d dimension%s: give %s subscripts", n, v->rank, v->rank == 1 ? "" : "s", v->rank == 1 ? "it" : "them"); return NULL; }
    X *r = x_read(s->a, v, NULL, NULL, NULL);
    r->loc = x->loc;
    return r;
}
static X *type_any(Env *e, Expr *x);
/* Expressions are bounded in height by the parser, but lets stand in lets. */
X *type_expr(Env *e, Expr *x) {
    enum { DEEPEST = 3000 };
    X *r = NULL;
    if (++e->s->level < DEEPEST) r = type_any(e, x);
    else diag_help(diag_error(e->s->cx, D_NESTING, x->loc, "functions or constants need each other too deeply here"), "name a part of it by an equation of its own");
    e->s->level--;
    return r;
}
static X *type_any(Env *e, Expr *x) {
    Sema *s = e->s;
    X *r = NULL;
    switch (x->kind) {
    case E_INT: r = x_int(s->a, x->i, DT_I64); break;
    case E_REAL: r = x_real(s->a, x->r, s->real); break;
    case E_IMAG: r = x_complex(s->a, 0, x->r, dtype_complex_of(s->real)); break;
    case E_BOOL: r = x_int(s->a, x->i, DT_BOOL); break;
    case E_NAME: return type_name(e, x);
    case E_SUBSCRIPT: {
        Value *v = tensor_value(e, x->arg.at[0]);
        if (!v) return NULL;
        return read_tensor(e, v, x, x->sub.at, x->sub.n, expr_text(s->cx, x->arg.at[0]));
    }
    case E_CALL: return type_call(e, x);
    case E_UNARY: {
        X *v = type_expr(e, x->arg.at[0]);
        if (!v) return NULL;
        if (x->op == U_NEG && v->k == X_INT && v->dt != DT_BOOL) { r = x_int(s->a, -v->u.i, v->dt); break; }
        if (x->op == U_NEG && v->k == X_REAL) { r = x_real(s->a, -v->u.c.re, v->dt); break; }
        return scalar_call(e, x->op == U_NEG ? OP_NEG : x->op == U_NOT ? OP_NOT : OP_BITNOT, &v, 1, x->loc);
    }
    case E_BINARY: return type_binary(e, x);
    case E_IF: {
        X *c = type_expr(e, x->arg.at[0]), *t = type_expr(e, x->arg.at[1]), *o = type_expr(e, x->arg.at[2]);
        if (!c || !t || !o) return NULL;
        if (c->dt != DT_BOOL) { diag_help(diag_error(s->cx, D_TYPE_MISMATCH, x->arg.at[0]->loc, "a condition is true or false, this is %s", dtype_name(c->dt)), "compare it: ... > 0"); return NULL; }
        if (t->space != o->space) t = as_number(e, t), o = as_number(e, o);
        if (!unify(e, &t, &o, x->loc)) return NULL;
        if (c->k == X_INT) return c->u.i ? t : o;                /* training or not: known here */
        r = x_if(s->a, c, t, o);
        break;
    }
    case E_REDUCE: return type_reduce(e, x);
    case E_SOFTMAX: return type_softmax(e, x);
    case E_TRANSFORM: return type_transform(e, x);
    case E_SELECT: return type_scan(e, x);
    case E_FACTOR: return type_factor(e, x);
    case E_WRT: {
        Value *v = derivative(e, x);
        if (!v) return NULL;
        if (v->rank) { diag_error(s->cx, D_WRONG_RANK, x->loc, "this derivative has %d dimension%s: give %s subscripts", v->rank, v->rank == 1 ? "" : "s", v->rank == 1 ? "it" : "them"); return NULL; }
        r = x_read(s->a, v, NULL, NULL, NULL);
        break;
    }
    case E_PRIME: {
        Value *v = tensor_value(e, x);
        if (!v) return NULL;
        if (v->rank) { diag_error(s->cx, D_WRONG_RANK, x->loc, "`%s'` has %d dimension%s: give %s subscripts", x->name.s, v->rank, v->rank == 1 ? "" : "s", v->rank == 1 ? "it" : "them"); return NULL; }
        r = x_read(s->a, v, NULL, NULL, NULL);
        break;
    }
    case E_STRING: case E_TUPLE: case E_RANGE:
        diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "`%s` is not a number", expr_text(s->cx, x));
        return NULL;
    }
    r->loc = x->loc;
    return r;
}

typedef struct Free { Index **at; int n, max; VEC(Index *) bound; Arena *a; } Free;
static bool free_visit(X *x, void *d) {
    Free *f = d;
    if (x->k == X_REDUCE) for (int k = 0; k < x->u.reduce.n; k++) vec_add(f->a, f->bound, x->u.reduce.idx[k]);
    if (x->k != X_INDEX) return true;
    for (int k = 0; k < f->bound.n; k++) if (f->bound.at[k] == x->u.index) return true;
    for (int k = 0; k < f->n; k++) if (f->at[k] == x->u.index) return true;
    if (f->n < f->max) f->at[f->n++] = x->u.index;
    return true;
}
/* Indices that x depends on and does not bind, in order of creation: the same for every way of writing x. */
int free_indices(Env *e, X *x, Index **out, int max) {
    Free f = { .at = out, .max = max, .a = e->s->a };
    x_walk(x, free_visit, &f);
    for (int k = 1; k < f.n; k++) for (int j = k; j > 0 && out[j - 1]->id > out[j]->id; j--) { Index *t = out[j]; out[j] = out[j - 1], out[j - 1] = t; }
    return f.n;
}
typedef struct Step { Node *n; bool found; } Step;
static bool step_read(X *x, void *d) {
    Step *s = d;
    if (x->k == X_READ && x->u.read.v->node == s->n) s->found = true;
    return !s->found;
}
/* What becomes a tensor of its own can't depend on the state of the recurrence that is being typed. */
bool in_step(Env *e, X *x, Loc loc) {
    Step s = { e->s->recur, false };
    if (s.n) x_walk(x, step_read, &s);
    if (s.found) diag_help(diag_error(e->s->cx, D_BAD_RECURRENCE, loc, "this is made for all elements at once, but depends on the state of the recurrence"), "write it by plain reductions over the state");
    return s.found;
}
/* A tensor over idx with the value of x; the indices are renewed. NULL after a diagnostic: there are too many. */
Value *materialise(Env *e, X *x, Index **idx, int n, const char *name, Loc loc) {
    Program *p = e->s->p;
    if (n > 8) { diag_help(diag_error(p->cx, D_UNSUPPORTED, loc, "what is made here depends on %d indices; a tensor has at most 8", n), "name a part of it by an equation of its own"); return NULL; }
    if (in_step(e, x, loc)) return NULL;
    Node *node = program_node(p, N_COMPUTE, loc);
    Space **axis = NEWN(e->s->a, Space *, n + 1);
    X **to = NEWN(e->s->a, X *, n + 1);
    node->u.compute.idx = NEWN(e->s->a, Index *, n + 1);
    for (int k = 0; k < n; k++) {
        axis[k] = idx[k]->space;
        node->u.compute.idx[k] = program_index(p, idx[k]->name, idx[k]->space);
        to[k] = x_index(e->s->a, node->u.compute.idx[k]);
    }
    node->u.compute.expr = x_substitute(p, x, n, idx, to);
    Value *v = program_value(p, node, name, x->dt, n, axis);
    vec_add(p->arena, p->node, node);
    return v;
}
