/* expr.c - scalar expressions become pure LX; loads, functions and reductions are named at the outermost level that knows their indices.
 *
 * Both sides of a select are evaluated, so everything must be total: a read that is in range only because of the `if` it stands in is
 * guarded by that condition; one that is in range anyway (an index or map value of the axis's space, or a boundary rule) is not. */
#include "lower/lower.h"
#include <math.h>
#include <string.h>

static bool find_reduce(X *e, void *data) {
    if (e->k == X_REDUCE) *(bool *)data = true;
    return !*(bool *)data;
}
bool has_reduce(X *x) { bool r = false; x_walk(x, find_reduce, &r); return r; }

/* ---- rows of a register tile ------------------------------------------------------------------------------------ */
bool map_chain(X *x, const Index *i, MapChain *c) {
    for (c->n = 0; x->k == X_READ && c->n < 4; x = x->u.read.idx[0]) {
        if (x->u.read.v->rank != 1 || !x->u.read.v->target || x->u.read.bnd[0] != BND_NONE) return false;
        c->map[c->n++] = x->u.read.v;
    }
    return c->n && x->k == X_INDEX && x->u.index == i;
}
bool same_chain(const MapChain *c, const MapChain *d) {
    bool same = c->n == d->n;
    for (int k = 0; k < c->n && same; k++) same = c->map[k] == d->map[k];
    return same;
}
typedef struct Varies { const Tile *t; bool any; } Varies;
static bool find_row(X *e, void *data) {
    Varies *v = data;
    MapChain c;
    if (e->k == X_READ && v->t->n_uniform && map_chain(e, v->t->index, &c)) for (int k = 0; k < v->t->n_uniform; k++) if (same_chain(&c, &v->t->uniform[k])) return false;
    v->any |= e->k == X_INDEX && e->u.index == v->t->index;
    return !v->any;
}
bool varies_by_row(const Tile *t, X *x) {
    Varies v = { t, false };
    x_walk(x, find_row, &v);
    return v.any;
}
int row_of(Build *b, X *x) { return b->tile && varies_by_row(b->tile, x) ? b->row : -1; }

/* ---- paths ------------------------------------------------------------------------------------------------------ */
static bool is_open(Build *b, const Level *at) {
    for (Level *v = b->level; v; v = v->up) if (v == at) return true;
    return false;
}
LX *path_guard(Build *b) {
    LX *g = NULL;
    Path *save = b->path;
    for (Path *p = save; p; p = p->up) {
        LX *c = p->lx;
        if (!is_open(b, p->at)) {
            b->path = p->up;
            c = let(b, lower_real(b, p->cond), "cond");
        }
        if (!p->taken) c = lx_op(b->l->a, OP_NOT, c, NULL);
        g = land(b, c, g);
    }
    b->path = save;
    return g;
}

/* ---- conversions ------------------------------------------------------------------------------------------------- */
Pair zero_pair(Build *b, Dtype dt) {
    Arena *a = b->l->a;
    Dtype r = register_type(dt);
    if (dtype_is_complex(dt)) return (Pair){ lx_real(a, 0, r), lx_real(a, 0, r) };
    return (Pair){ dtype_is_float(r) ? lx_real(a, 0, r) : lx_cast(a, lx_int(a, 0), r), NULL };
}
static LX *i32_of(Build *b, int64_t v) { return lx_cast(b->l->a, lx_int(b->l->a, v), DT_I32); }
LX *wrap_small(Build *b, LX *x, Dtype dt) {
    if (dt == DT_U8) return lop(b, OP_BITAND, x, i32_of(b, 255));
    if (dt == DT_I8) return lop(b, OP_SHR, lop(b, OP_SHL, x, i32_of(b, 24)), i32_of(b, 24));
    return x;
}
/* Truncation, saturating at the type's ends, NaN as 0. */
static LX *float_to_int(Build *b, LX *x, Dtype to) {
    Arena *a = b->l->a;
    Dtype r = register_type(to);
    bool wide = to == DT_I64;
    double lo = wide ? -0x1p63 : to == DT_I32 ? -0x1p31 : to == DT_I8 ? -128 : 0, top = wide ? 0x1p63 : to == DT_I32 ? 0x1p31 : to == DT_I8 ? 128 : 256;
    int64_t min = wide ? INT64_MIN : (int64_t)lo, max = wide ? INT64_MAX : (int64_t)top - 1;
    x = let(b, x, "x");
    LX *in = lop(b, OP_AND, lop(b, OP_GE, x, lx_real(a, lo, x->dt)), lop(b, OP_LT, x, lx_real(a, top, x->dt)));
    LX *y = lx_cast(a, lx_select(a, let(b, in, "fits"), x, lx_real(a, 0, x->dt)), r);      /* the conversion itself sees only what fits */
    LX *at_max = lop(b, OP_GE, x, lx_real(a, top, x->dt)), *at_min = lop(b, OP_LT, x, lx_real(a, lo, x->dt));
    return lx_select(a, at_max, lx_cast(a, lx_int(a, max), r), lx_select(a, at_min, lx_cast(a, lx_int(a, min), r), y));
}
Pair convert(Build *b, Pair p, Dtype from, Dtype to) {
    Arena *a = b->l->a;
    Dtype r = register_type(to);
    if (from == to) return p;
    if (to == DT_BOOL) {
        LX *z = zero_pair(b, dtype_real_of(from)).re, *c = lop(b, OP_NE, p.re, z);
        return (Pair){ p.im ? lop(b, OP_OR, c, lop(b, OP_NE, p.im, z)) : c, NULL };
    }
    if (dtype_is_complex(to)) return (Pair){ lx_cast(a, p.re, r), p.im ? lx_cast(a, p.im, r) : lx_real(a, 0, r) };
    if (dtype_is_float(to)) return (Pair){ lx_cast(a, p.re, r), NULL };
    if (dtype_is_float(from) || dtype_is_complex(from)) return (Pair){ float_to_int(b, p.re, to), NULL };
    return (Pair){ wrap_small(b, lx_cast(a, p.re, r), to), NULL };
}
static Pair bitcast(Build *b, Pair p, Dtype from, Dtype to, Loc loc) {
    Arena *a = b->l->a;
    if (from == to) return p;
    bool small = dtype_bytes(from) == 1 && dtype_bytes(to) == 1;
    if (small && from != DT_BOOL && to != DT_BOOL) return (Pair){ wrap_small(b, p.re, to), NULL };
    if (small) return convert(b, p, from, to);
    bool plain = dtype_bytes(from) == dtype_bytes(to) && dtype_bytes(from) >= 4 && !dtype_is_complex(from) && !dtype_is_complex(to);
    if (plain) return (Pair){ lx_bitcast(a, p.re, register_type(to)), NULL };
    diag_error(b->l->cx, D_UNSUPPORTED, loc, "the bits of %s can't be taken as %s in compiled code", dtype_name(from), dtype_name(to));
    return zero_pair(b, to);
}

/* ---- reads --------------------------------------------------------------------------------------------------------- */
LX *flat_position(Build *b, Value *v, LX *const *at, const Place *pl) {
    Arena *a = b->l->a;
    LX *flat = I64(0);
    for (int k = 0; k < v->rank; k++) {
        bool ring = pl->ring && k == pl->time;
        LX *here = ring ? let(b, lop(b, OP_MOD, at[k], I64(pl->ring)), "slot") : !k && pl->at ? let(b, lx_cast(a, lx_load(a, pl->at, at[k], NULL), DT_I64), "row") : at[k];
        LX *extent = ring ? I64(pl->ring) : lx_size(a, v->axis[k]->extent);
        flat = k ? lop(b, OP_ADD, lop(b, OP_MUL, flat, extent), here) : here;
    }
    return flat;
}
static Pair load_pair(Build *b, Value *v, LX *flat, LX *guard) {
    Buf *buf = b->l->place[v->id].buf;
    Arena *a = b->l->a;
    if (!dtype_is_complex(v->dt)) return (Pair){ lx_load(a, buf, flat, guard), NULL };
    LX *twice = let(b, lop(b, OP_MUL, flat, I64(2)), "at");
    return (Pair){ lx_load(a, buf, twice, guard), lx_load(a, buf, lop(b, OP_ADD, twice, I64(1)), guard) };
}
static Pair select_pair(Build *b, LX *c, Pair t, Pair e) {
    Arena *a = b->l->a;
    return (Pair){ lx_select(a, c, t.re, e.re), t.im ? lx_select(a, c, t.im, e.im) : NULL };
}
/* What a read of a member before its first element gives: an equation for that element, else 0 (or what the read itself says). */
static X *before_first(Build *b, X *x, Boundary *rule) {
    Group *g = b->group;
    X *val = NULL;
    for (int k = 0; g && k < g->member.n; k++) {
        GroupMember *m = &g->member.at[k];
        if (m->value != x->u.read.v || !m->given || !m->given->before.n) continue;
        Arena *a = b->l->a;
        Value *v = m->value;
        int t = m->time_axis;
        X **idx = x->u.read.idx, *first = g->reverse ? x_op(a, OP_SUB, x_ext(a, v->axis[t]->extent), x_int(a, 1, DT_I64)) : NULL;
        val = x->u.read.bnd[t] == BND_ELSE ? x->u.read.other[t] : v->dt == DT_BOOL || dtype_is_int(v->dt) ? x_int(a, 0, v->dt)
              : dtype_is_complex(v->dt) ? x_complex(a, 0, 0, v->dt) : x_real(a, 0, v->dt);
        for (int j = m->given->before.n - 1; j >= 0; j--) {
            Before *f = &m->given->before.at[j];
            X *where = x_int(a, g->reverse ? -f->offset : f->offset, DT_I64);
            if (first) where = x_op(a, OP_ADD, first, where);
            val = x_if(a, x_op(a, OP_EQ, x_cast(a, idx[t], DT_I64), where), x_before_first(b->l->p, v, t, f, idx, x->u.read.bnd, x->u.read.other), val);
        }
        *rule = BND_ELSE;
    }
    return val;
}
static bool is_member(Build *b, const Value *v) {
    for (int k = 0; b->group && k < b->group->member.n; k++) if (b->group->member.at[k].value == v) return true;
    return false;
}
/* v[.., q / n, q mod n] with n elements on the last of both axes is the place q of both together. */
static X *joined(const X *x, int k) {
    const X *p = x->u.read.idx[k], *q = x->u.read.idx[k + 1];
    while (p->k == X_CAST && dtype_is_int(p->dt)) p = p->u.cast.arg;
    while (q->k == X_CAST && dtype_is_int(q->dt)) q = q->u.cast.arg;
    bool apart = p->k == X_OP && p->u.op.op == OP_FLOORDIV && q->k == X_OP && q->u.op.op == OP_MOD && x->u.read.bnd[k] == BND_NONE && x->u.read.bnd[k + 1] == BND_NONE;
    int64_t n;
    if (!apart || !ext_is_const(x->u.read.v->axis[k + 1]->extent, &n) || !x_equal(p->u.op.arg[0], q->u.op.arg[0]) || !x_equal(p->u.op.arg[1], q->u.op.arg[1])) return NULL;
    return p->u.op.arg[1]->k == X_INT && p->u.op.arg[1]->u.i == n ? p->u.op.arg[0] : NULL;
}
static Pair lower_read(Build *b, X *x) {
    Arena *a = b->l->a;
    Value *v = x->u.read.v;
    const Place *pl = &b->l->place[v->id];
    LX *at[8], *ok[8] = { NULL }, *guard = NULL;
    X *other[8] = { NULL };
    Boundary bnd[8];
    bool plain = true;
    for (int k = 0; k < v->rank; k++) {
        LX *n = lx_size(a, v->axis[k]->extent);
        bnd[k] = x->u.read.bnd[k], other[k] = x->u.read.other[k];
        if ((bnd[k] == BND_ZERO || bnd[k] == BND_ELSE) && pl->time == k && is_member(b, v)) {      /* other rules lead to elements that are there */
            X *val = before_first(b, x, &bnd[k]);
            if (val) other[k] = val;
        }
        X *both = k + 1 < v->rank && !pl->ring ? joined(x, k) : NULL;
        if (both) {                                          /* (q / n) * n + q mod n */
            at[k] = I64(0), at[k + 1] = lower_i64(b, both), bnd[++k] = BND_NONE;
            continue;
        }
        LX *i = lower_i64(b, x->u.read.idx[k]);
        switch (bnd[k]) {
        case BND_NONE: break;
        case BND_ZERO: case BND_ELSE:
            i = let(b, i, "i");
            ok[k] = let(b, lop(b, OP_AND, lop(b, OP_GE, i, I64(0)), lop(b, OP_LT, i, n)), "inside");
            guard = land(b, guard, ok[k]);
            if (bnd[k] == BND_ELSE) plain = false;
            break;
        case BND_PERIODIC: i = lop(b, OP_MOD, i, n); break;
        case BND_REPLICATE: i = lop(b, OP_MIN, lop(b, OP_MAX, i, I64(0)), lop(b, OP_SUB, n, I64(1))); break;
        case BND_REFLECT: {
            LX *period = lop(b, OP_MUL, I64(2), lop(b, OP_SUB, n, I64(1)));
            i = let(b, lop(b, OP_MOD, i, lop(b, OP_MAX, period, I64(1))), "i");
            i = lx_select(a, lop(b, OP_LT, i, n), i, lop(b, OP_SUB, period, i));
            break;
        }
        }
        at[k] = i;
    }
    if (pl->staged) at[0] = b->tile->slot[b->row];
    if (b->path && !x_in_range(x)) guard = land(b, path_guard(b), guard);
    Pair r = load_pair(b, v, flat_position(b, v, at, pl), guard);
    if (plain) return r;                                    /* the guard makes it 0 */
    for (int k = v->rank - 1; k >= 0; k--) {
        if (!ok[k]) continue;
        Pair e = zero_pair(b, v->dt);
        if (bnd[k] == BND_ELSE && other[k])
            e = convert(b, lower_expr(b, other[k]), other[k]->dt, v->dt);      /* its own reads have rules of their own */
        r = select_pair(b, ok[k], r, e);
    }
    return r;
}

/* ---- operations ------------------------------------------------------------------------------------------------- */
static bool is_modulus(const X *x) { return x->k == X_OP && x->u.op.op == OP_ABS && dtype_is_complex(x->u.op.arg[0]->dt); }
static Pair lower_op(Build *b, X *x) {
    Arena *a = b->l->a;
    ScalarOp op = x->u.op.op;
    if (op == OP_MUL && is_modulus(x->u.op.arg[0]) && x_equal(x->u.op.arg[0], x->u.op.arg[1])) {      /* |z|^2 without the root */
        Pair z = let_pair(b, lower_expr(b, x->u.op.arg[0]->u.op.arg[0]), "z");
        return (Pair){ lop(b, OP_ADD, lop(b, OP_MUL, z.re, z.re), lop(b, OP_MUL, z.im, z.im)), NULL };
    }
    X *ax = x->u.op.arg[0], *bx = x->u.op.n > 1 ? x->u.op.arg[1] : NULL;
    Pair p = lower_expr(b, ax), q = bx ? lower_expr(b, bx) : (Pair){ NULL, NULL };
    if (op == OP_COMPLEX) return (Pair){ p.re, q.re };
    if (op == OP_STOP || op == OP_CHECKPOINT) return p;
    if (dtype_is_complex(ax->dt)) return complex_op(b, op, ax->dt, p, q);
    switch (op) {
    case OP_RE: case OP_CONJ: return p;
    case OP_IM: return zero_pair(b, x->dt);
    case OP_ARG: return (Pair){ lx_select(a, lop(b, OP_LT, p.re, lx_real(a, 0, p.re->dt)), lx_real(a, 3.14159265358979323846, p.re->dt), lx_real(a, 0, p.re->dt)), NULL };
    case OP_POPCOUNT: if (ax->dt == DT_I8) p.re = lop(b, OP_BITAND, p.re, i32_of(b, 255)); break;
    case OP_SHL: case OP_SHR: if (dtype_bytes(ax->dt) == 1) q.re = lop(b, OP_BITAND, q.re, i32_of(b, 7)); break;
    default: break;
    }
    LX *r = lop(b, op, p.re, q.re);
    return (Pair){ scalar_info[op].class_ == CMP || scalar_info[op].class_ == LOGIC ? r : wrap_small(b, r, x->dt), NULL };
}
/* if x > 0 then x else c * x, with 0 < c < 1: the larger of the two, to the bit, which is one instruction of vectors. NaN and zeros come as they are; c isn't so
 * small that it could be 0 in registers. */
static bool is_larger(const X *x) {
    const X *cond = x->u.if_.cond, *then = x->u.if_.then, *other = x->u.if_.other;
    if (!dtype_is_float(x->dt) || cond->k != X_OP || cond->u.op.op != OP_GT || !x_equal(cond->u.op.arg[0], then)) return false;
    const X *zero = cond->u.op.arg[1], *p = other->k == X_OP && other->u.op.op == OP_MUL ? other->u.op.arg[0] : NULL, *q = p ? other->u.op.arg[1] : NULL;
    if (!p || zero->k != X_REAL || zero->u.c.re != 0) return false;
    const X *c = p->k == X_REAL ? p : q;
    return c->k == X_REAL && c->u.c.re > 1e-30 && c->u.c.re < 1 && x_equal(c == p ? q : p, then);
}
static Pair lower_if(Build *b, X *x) {
    if (is_larger(x)) {
        LX *then = let(b, lower_real(b, x->u.if_.then), "x"), *other = let(b, lower_real(b, x->u.if_.other), "scaled");
        return (Pair){ lx_select(b->l->a, lop(b, OP_GT, then, other), then, other), NULL };
    }
    LX *c = let(b, lower_real(b, x->u.if_.cond), "cond");
    if (c->k == LX_INT) return lower_expr(b, c->i ? x->u.if_.then : x->u.if_.other);
    Path p = { b->path, x->u.if_.cond, true, c, b->level };
    Path *then = NEW(b->l->a, Path), *other = NEW(b->l->a, Path), *save = b->path;
    *then = p;
    p.taken = false;
    *other = p;
    b->path = then;
    Pair t = lower_expr(b, x->u.if_.then);
    b->path = other;
    Pair e = lower_expr(b, x->u.if_.other);
    b->path = save;
    return select_pair(b, c, t, e);
}
static Pair lower_raw(Build *b, X *x) {
    Arena *a = b->l->a;
    Dtype r = register_type(x->dt);
    switch (x->k) {
    case X_INT: return (Pair){ lx_cast(a, lx_int(a, x->u.i), r), NULL };
    case X_REAL: return (Pair){ lx_real(a, x->u.c.re, r), NULL };
    case X_COMPLEX: return (Pair){ lx_real(a, x->u.c.re, r), lx_real(a, x->u.c.im, r) };
    case X_INDEX: {
        LX *i = level_find(b, x->u.index);
        if (i) return (Pair){ i, NULL };
        diag_error(b->l->cx, D_INTERNAL, x->loc, "index `%s` is read where nothing binds it", x->u.index->name);
        return (Pair){ I64(0), NULL };
    }
    case X_EXT: return (Pair){ lx_size(a, x->u.ext), NULL };
    case X_READ: return lower_read(b, x);
    case X_OP: return lower_op(b, x);
    case X_CAST: return convert(b, lower_expr(b, x->u.cast.arg), x->u.cast.arg->dt, x->dt);
    case X_BITCAST: return bitcast(b, lower_expr(b, x->u.cast.arg), x->u.cast.arg->dt, x->dt, x->loc);
    case X_IF: return lower_if(b, x);
    case X_REDUCE: return lower_reduce(b, x);
    }
    return zero_pair(b, x->dt);
}
/* Worth a name of its own: computed once per setting of its indices. NULL: not. */
static const char *name_of(Build *b, const X *x) {
    (void)b;
    if (x->k == X_READ) { const char *dot = strrchr(x->u.read.v->name, '.'); return dot ? dot + 1 : x->u.read.v->name; }
    if (x->k != X_OP) return NULL;
    ScalarOp op = x->u.op.op;
    if (op == OP_DIV || op == OP_FLOORDIV || op == OP_MOD || op == OP_POPCOUNT || op == OP_THREEFRY) return scalar_info[op].name;
    return (scalar_info[op].class_ == FLOAT || (scalar_info[op].class_ == REAL && op != OP_COMPLEX)) ? scalar_info[op].name : NULL;
}
Pair lower_expr(Build *b, X *x) {
    const char *name = name_of(b, x);
    if (!name) return lower_raw(b, x);
    for (Level *v = b->level; v; v = v->up)
        for (int k = 0; k < v->memo.n; k++) if (!v->memo.at[k].path && (v->memo.at[k].row < 0 || v->memo.at[k].row == b->row) && x_equal(v->memo.at[k].x, x)) return v->memo.at[k].value;
    /* what must not or should not be computed outside its branch stays in it */
    if (b->path && (!x_in_range(x) || has_reduce(x))) return lower_raw(b, x);
    Level *save = b->level, *home = home_of(b, x);
    Path *path = b->path;
    if (!path && !x_in_range(x)) home = save;
    b->level = home, b->path = NULL;
    Pair p = let_pair(b, lower_raw(b, x), name);
    vec_add(b->l->a, home->memo, (Memo){ x, NULL, p, row_of(b, x) });
    b->level = save, b->path = path;
    return p;
}
LX *lower_real(Build *b, X *x) { return lower_expr(b, x).re; }
LX *lower_i64(Build *b, X *x) { return lx_cast(b->l->a, lower_real(b, x), DT_I64); }
