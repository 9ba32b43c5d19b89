/* reduce.c - reductions, softmax, prefix scans and transforms: what binds indices, and what becomes nodes of its own. */
#include "sema/scope.h"
#include <string.h>

/* The declared index `n`, as a fresh one, in scope from here on. */
Index *bind_index(Env *e, Name n) {
    Bind *b = scope_find(e->scope, n.s);
    if (!b || b->kind != B_INDEX) {
        if (!b) unknown_name(e, n);
        else if (b->kind != B_POISON) diag_note(diag_error(e->s->cx, D_UNBOUND_INDEX, n.loc, "`%s` is not an index", n.s), b->loc, "it is declared here");
        return NULL;
    }
    Index *i = program_index(e->s->p, n.s, b->space);
    push_index(e, n.s, i);
    return i;
}
void conjunction(Arena *a, X *x, X **out, int *n, int max) {
    if (x->k == X_OP && x->u.op.op == OP_AND) { conjunction(a, x->u.op.arg[0], out, n, max); conjunction(a, x->u.op.arg[1], out, n, max); }
    else if (*n < max) out[(*n)++] = x;
    else out[max - 1] = x_op(a, OP_AND, out[max - 1], x);
}
/* Binds the indices of a head and types its conditions. */
static bool open_head(Env *e, Expr *x, Index **idx, int *n, X **cond, int *n_cond) {
    bool ok = true;
    *n = *n_cond = 0;
    if (x->bind.n > 16) { diag_error(e->s->cx, D_UNSUPPORTED, x->loc, "`%s` binds more than 16 indices", x->name.s); return false; }
    for (int k = 0; k < x->bind.n; k++) { if ((idx[*n] = bind_index(e, x->bind.at[k].index))) ++*n; else ok = false; }
    for (int k = 0; k < x->bind.n && ok; k++) if (x->bind.at[k].cond) {
        X *c = type_expr(e, x->bind.at[k].cond);
        if (!c) ok = false;
        else if (c->dt != DT_BOOL) { diag_error(e->s->cx, D_TYPE_MISMATCH, x->bind.at[k].cond->loc, "a condition is true or false, this is %s", dtype_name(c->dt)); ok = false; }
        else conjunction(e->s->a, c, cond, n_cond, 16);
    }
    return ok;
}
/* whether condition c surely holds when index i equals w */
static bool holds(Program *p, X *c, Index *i, Index *w) {
    X *to = x_index(p->arena, w);
    c = x_substitute(p, c, 1, &i, &to);
    if (c->k != X_OP || scalar_info[c->u.op.op].class_ != CMP) return false;
    ScalarOp op = c->u.op.op;
    X *l = c->u.op.arg[0], *r = c->u.op.arg[1];
    if (op == OP_GT || op == OP_GE) { X *t = l; l = r, r = t; op = op == OP_GT ? OP_LT : OP_LE; }
    if (x_equal(l, r)) return op == OP_EQ || op == OP_LE;
    if (l->k == X_OP && l->u.op.op == OP_SUB && x_equal(l->u.op.arg[0], r) && l->u.op.arg[1]->k == X_INT)
        return op == OP_LT ? l->u.op.arg[1]->u.i > 0 : op == OP_LE && l->u.op.arg[1]->u.i >= 0;
    return false;
}
static bool never_empty(Env *e, Index **idx, int n, X **cond, int n_cond) {
    for (int k = 0; k < n; k++) if (!n_cond && space_may_be_empty(idx[k]->space)) return false;
    if (!n_cond) return true;
    if (n != 1) return false;
    for (Local *l = e->local; l; l = l->up) {
        if (!l->index || l->index == idx[0] || l->index->space != idx[0]->space) continue;
        bool all = true;
        for (int k = 0; k < n_cond; k++) all &= holds(e->s->p, cond[k], idx[0], l->index);
        if (all) return true;
    }
    return false;
}
static X *count_of(Env *e, Index **idx, int n, X **cond, int n_cond) {
    Arena *a = e->s->a;
    if (!n_cond) {
        Ext *x = idx[0]->space->extent;
        for (int k = 1; k < n; k++) x = ext_op(a, EXT_MUL, x, idx[k]->space->extent);
        return x_size(a, x);
    }
    X *c = x_reduce(a, R_SUM, n, idx, n_cond, cond, x_int(a, 1, DT_I64), NULL, DT_I64);
    return x_substitute(e->s->p, c, 0, NULL, NULL);           /* with indices of its own */
}
X *type_reduce(Env *outer, Expr *x) {
    Env env = *outer, *e = &env;
    Sema *s = e->s;
    Index *idx[16];
    X *cond[16];
    int n, n_cond;
    if (!open_head(e, x, idx, &n, cond, &n_cond)) return NULL;
    const char *w = x->name.s;
    X *r;
    if (!strcmp(w, "count")) {
        r = count_of(e, idx, n, cond, n_cond);
        r->loc = x->loc;
        return r;
    }
    X *body = as_number(e, type_expr(e, x->arg.at[0]));
    if (!body) return NULL;
    for (int k = 0; k < n; k++) {
        bool used = x_uses_index(body, idx[k]);
        for (int j = 0; j < n_cond; j++) used |= x_uses_index(cond[j], idx[k]);
        if (!used) diag_help(diag_warning(s->cx, D_UNUSED_INDEX, x->bind.at[k].index.loc, "`%s` binds `%s`, but nothing in it depends on `%s`", w, idx[k]->name, idx[k]->name), "leave `%s` out, or write size(..) * ...", idx[k]->name);
    }
    static const struct { const char *w; ReduceOp op; } op[] = { { "sum", R_SUM }, { "prod", R_PROD }, { "min", R_MIN }, { "max", R_MAX }, { "any", R_ANY }, { "all", R_ALL },
        { "logsumexp", R_LOGSUMEXP }, { "argmin", R_ARGMIN }, { "argmax", R_ARGMAX }, { "mean", R_SUM } };
    ReduceOp o = R_SUM;
    for (size_t k = 0; k < sizeof op / sizeof *op; k++) if (!strcmp(op[k].w, w)) o = op[k].op;
    if (o == R_ANY || o == R_ALL) { if (body->dt != DT_BOOL) { diag_error(s->cx, D_TYPE_MISMATCH, x->arg.at[0]->loc, "`%s` takes true or false, this is %s", w, dtype_name(body->dt)); return NULL; } }
    else if (body->dt == DT_BOOL) { diag_help(diag_error(s->cx, D_TYPE_MISMATCH, x->arg.at[0]->loc, "`%s` takes numbers, this is bool", w), "count(i: condition) counts"); return NULL; }
    if (o == R_LOGSUMEXP || !strcmp(w, "mean")) { if (dtype_is_int(body->dt)) body = coerce(e, body, s->real, x->loc); }
    if (dtype_is_complex(body->dt) && o != R_SUM && o != R_PROD) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "`%s` has no meaning for complex numbers", w); return NULL; }
    if ((o == R_ARGMIN || o == R_ARGMAX) && n != 1) { diag_error(s->cx, D_WRONG_ARITY, x->loc, "`%s` binds one index", w); return NULL; }
    Dtype acc = x->dtype ? dtype_from_name(x->dtype) : body->dt == DT_F16 || body->dt == DT_BF16 ? DT_F32 : body->dt;
    if (x->dtype && (dtype_is_float(acc) != dtype_is_float(body->dt) || dtype_is_complex(acc) != dtype_is_complex(body->dt))) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "%s does not accumulate in %s", dtype_name(body->dt), x->dtype); return NULL; }
    X *other = NULL;
    bool extreme = o == R_MIN || o == R_MAX || o == R_ARGMIN || o == R_ARGMAX;
    if (x->other) {
        if (!(other = type_expr(outer, x->other))) return NULL;
        if (o != R_ARGMIN && o != R_ARGMAX) other = as_number(e, other);
        if (!(other = coerce(e, other, o == R_ARGMIN || o == R_ARGMAX ? DT_I64 : body->dt, x->other->loc))) return NULL;
    } else if (extreme && !never_empty(e, idx, n, cond, n_cond)) {
        diag_help(diag_note(diag_error(s->cx, D_EMPTY_FIBRE, x->loc, "`%s` may have nothing to choose from", w), idx[0]->space->loc, "`%s` ranges over `%s`%s", idx[0]->name, idx[0]->space->name,
                  n_cond ? " under conditions that nothing may meet" : ", which may be empty"), "say what it is then: %s(...) ... else 0", w);
        return NULL;
    }
    r = x_reduce(s->a, o, n, idx, n_cond, cond, body, other, acc);
    r->loc = x->loc;
    if (other && other->space != r->space) r->space = NULL;
    if (strcmp(w, "mean")) return r;
    X *c = count_of(e, idx, n, cond, n_cond), *zero = x_int(s->a, 0, DT_I64);
    X *q = x_op(s->a, OP_DIV, r, x_cast(s->a, c, body->dt));
    return n_cond || space_may_be_empty(idx[0]->space) ? x_if(s->a, x_op(s->a, OP_EQ, c, zero), coerce(e, zero, body->dt, x->loc), q) : q;
}

/* Reads v at the indices it was materialised over, with index `from` read at `at` instead. */
static X *read_at(Env *e, Value *v, Index **idx, int n, Index *from, X *at) {
    X *to[16];
    for (int k = 0; k < n; k++) to[k] = idx[k] == from ? at : x_index(e->s->a, idx[k]);
    return x_read(e->s->a, v, to, NULL, NULL);
}
/* softmax: score, maximum of the fibre, exp of the difference, its sum, quotient; each a tensor, so the cost is linear. */
X *type_softmax(Env *e, Expr *x) {
    Sema *s = e->s;
    Arena *a = s->a;
    if (x->bind.n != 1) { diag_error(s->cx, D_WRONG_ARITY, x->loc, "softmax normalises over one index"); return NULL; }
    Name name = x->bind.at[0].index;
    Index *i = local_index(e, name.s);
    if (!i) {
        diag_help(diag_error(s->cx, D_UNBOUND_INDEX, name.loc, "softmax gives the weight at the current `%s`, but `%s` is not on the left", name.s, name.s), "y[.., %s] = softmax(%s) ...", name.s, name.s);
        return NULL;
    }
    X *body = as_number(e, type_expr(e, x->arg.at[0])), *cond[16], *key[8];
    int n_cond = 0, n_key = 0;
    if (!body) return NULL;
    if (dtype_is_int(body->dt) && !(body = coerce(e, body, s->real, x->loc))) return NULL;
    if (!is_real(body)) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "softmax takes reals, this is %s", dtype_name(body->dt)); return NULL; }
    if (x->bind.at[0].cond) {
        X *c = type_expr(e, x->bind.at[0].cond);
        if (!c) return NULL;
        if (c->dt != DT_BOOL) { diag_error(s->cx, D_TYPE_MISMATCH, x->bind.at[0].cond->loc, "a condition is true or false"); return NULL; }
        conjunction(a, c, cond, &n_cond, 16);
    }
    for (int k = 1; k < x->arg.n && n_key < 8; k++) {
        X *q = type_expr(e, x->arg.at[k]);
        if (!q) return NULL;
        if (!q->space || q->k != X_READ) { diag_error(s->cx, D_NOT_A_MAP, x->arg.at[k]->loc, "softmax is grouped by maps of `%s`", name.s); return NULL; }
        key[n_key++] = q;
    }
    if (n_key > 1) {                                            /* one row per combination of keys that occurs, when that is known beforehand */
        Value *map[8];
        bool known = true;
        for (int k = 0; k < n_key && known; k++) {
            Index *own[2];
            known = is_structural(key[k]) && free_indices(e, key[k], own, 2) == 1 && own[0] == i;
            if (!known) break;
            bool plain = key[k]->u.read.v->rank == 1 && key[k]->u.read.idx[0]->k == X_INDEX;
            if (plain) map[k] = key[k]->u.read.v;
            else if ((map[k] = materialise(e, x_cast(a, key[k], DT_I32), &i, 1, NULL, x->loc))) map[k]->target = key[k]->space;
            else return NULL;
        }
        Value *pair = known ? unique_pair(e, map, n_key, x->loc) : NULL;
        X *at = x_index(a, i);
        if (pair) key[0] = x_read(a, pair, &at, NULL, NULL), n_key = 1;
    }
    /* everything that score or conditions depend on; the softmax index is among them */
    X *all = x_op(a, OP_ADD, body, x_cast(a, x_index(a, i), body->dt));
    for (int k = 0; k < n_cond; k++) all = x_op(a, OP_ADD, all, x_cast(a, x_cast(a, cond[k], DT_I64), body->dt));
    Index *idx[16], *rest[16], *mx_idx[24];
    int n = free_indices(e, all, idx, 16), m = 0;
    for (int k = 0; k < n; k++) if (idx[k] != i) rest[m++] = idx[k];
    Value *score = materialise(e, body, idx, n, NULL, x->loc);
    if (!score) return NULL;
    Index *j = program_index(s->p, i->name, i->space);
    X *xj = x_index(a, j), *sub[24];
    int n_mx = 0, n_c2 = 0;
    X *c2[24];
    for (int k = 0; k < n_key; k++) {                           /* one more axis per key: the fibre it names */
        Index *u = program_index(s->p, "u", key[k]->space);
        mx_idx[n_mx++] = u;
        c2[n_c2++] = x_op(a, OP_EQ, x_substitute(s->p, key[k], 1, &i, &xj), x_cast(a, x_index(a, u), key[k]->dt));
    }
    for (int k = 0; k < m; k++) mx_idx[n_mx++] = rest[k];        /* behind the keys: one walk over a fibre serves all heads */
    for (int k = 0; k < n_cond; k++) c2[n_c2++] = x_substitute(s->p, cond[k], 1, &i, &xj);
    X *zero = x_real(a, 0, body->dt);
    X *mx = x_reduce(a, R_MAX, 1, &j, n_c2, c2, read_at(e, score, idx, n, i, xj), zero, body->dt);
    Value *vm = materialise(e, mx, mx_idx, n_mx, NULL, x->loc);
    if (!vm) return NULL;
    for (int k = 0; k < n_key; k++) sub[k] = key[k];
    for (int k = 0; k < m; k++) sub[n_key + k] = x_index(a, rest[k]);
    X *top = x_op(a, OP_STOP, x_read(a, vm, sub, NULL, NULL), NULL);         /* the quotient doesn't depend on it */
    X *here = x_op(a, OP_SUB, read_at(e, score, idx, n, i, x_index(a, i)), top);
    X *ex = x_op(a, OP_EXP, here, NULL);
    for (int k = n_cond - 1; k >= 0; k--) ex = x_if(a, cond[k], ex, zero);
    Value *ve = materialise(e, ex, idx, n, NULL, x->loc);
    if (!ve) return NULL;
    Index *j2 = program_index(s->p, i->name, i->space);
    X *xj2 = x_index(a, j2);
    X *c3[24];
    for (int k = 0; k < n_c2; k++) c3[k] = x_substitute(s->p, c2[k], 1, &j, &xj2);
    X *den = x_reduce(a, R_SUM, 1, &j2, n_c2, c3, read_at(e, ve, idx, n, i, xj2), NULL, body->dt);
    Value *vd = materialise(e, den, mx_idx, n_mx, NULL, x->loc);
    if (!vd) return NULL;
    X *d = x_read(a, vd, sub, NULL, NULL), *r;
    if (!strcmp(x->name.s, "log_softmax")) r = x_op(a, OP_SUB, here, x_op(a, OP_LOG, d, NULL));
    else r = x_op(a, OP_DIV, read_at(e, ve, idx, n, i, x_index(a, i)), d);
    if (n_cond) { X *c = cond[0]; for (int k = 1; k < n_cond; k++) c = x_op(a, OP_AND, c, cond[k]); r = x_if(a, c, r, zero); }
    r->loc = x->loc;
    return r;
}

/* cumsum, cumprod, cummax at the current index: a recurrence. */
X *type_scan(Env *e, Expr *x) {
    Sema *s = e->s;
    Arena *a = s->a;
    bool sum = !strcmp(x->name.s, "cumsum"), prod = !strcmp(x->name.s, "cumprod");
    if (!sum && !prod && strcmp(x->name.s, "cummax")) {
        diag_help(diag_error(s->cx, D_BAD_SELECTION, x->loc, "`%s` gives places and values, so it is the whole right side of an equation with two left sides", x->name.s), "p[.., r], y[.., r] = %s(m) ...", x->name.s);
        return NULL;
    }
    Index *t = x->bind.n == 1 ? local_index(e, x->bind.at[0].index.s) : NULL;
    if (!t) { diag_error(s->cx, D_UNBOUND_INDEX, x->loc, "`%s` takes one index of the left side", x->name.s); return NULL; }
    X *body = type_expr(e, x->arg.at[0]);
    if (!body) return NULL;
    if (in_step(e, body, x->loc)) return NULL;
    body = as_number(e, body);
    if (body->dt == DT_BOOL || (dtype_is_complex(body->dt) && !sum && !prod)) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "`%s` does not take %s", x->name.s, dtype_name(body->dt)); return NULL; }
    Index *idx[16], *own[16];
    int n = free_indices(e, x_op(a, OP_EQ, x_cast(a, body, DT_C128), x_cast(a, x_index(a, t), DT_C128)), idx, 16), ta = 0;
    if (n > 8) { diag_error(s->cx, D_UNSUPPORTED, x->loc, "`%s` depends on %d indices; a tensor has at most 8", x->name.s, n); return NULL; }
    Node *node = program_node(s->p, N_RECUR, x->loc);
    Space *axis[16];
    X *to[16], *back[16], *now[16];
    for (int k = 0; k < n; k++) {
        own[k] = program_index(s->p, idx[k]->name, idx[k]->space);
        axis[k] = idx[k]->space, to[k] = now[k] = back[k] = x_index(a, own[k]);
        if (idx[k] == t) ta = k;
    }
    back[ta] = x_op(a, OP_SUB, back[ta], x_int(a, 1, DT_I64));
    Value *v = program_value(s->p, node, NULL, body->dt, n, axis);
    X *b = x_substitute(s->p, body, n, idx, to), *prev = x_read(a, v, back, NULL, NULL);
    X *first = x_op(a, OP_EQ, now[ta], x_int(a, 0, DT_I64));
    Member m = { .value = v, .time_axis = ta, .expr = x_if(a, first, b, x_op(a, sum ? OP_ADD : prod ? OP_MUL : OP_MAX, prev, b)) };
    m.idx = NEWN(a, Index *, n + 1);
    memcpy(m.idx, own, sizeof *own * (size_t)n);
    node->u.recur.time = own[ta];
    vec_add(a, node->u.recur.member, m);
    vec_add(a, s->p->node, node);
    for (int k = 0; k < n; k++) to[k] = x_index(a, idx[k]);
    return x_read(a, v, to, NULL, NULL);
}

/* The axes of what is transformed: those of the tensor when it is just read, else the transformed ones behind the others. */
static int transform_axes(Env *e, X *body, Index *const *from, int n, Index **idx) {
    int m = 0, left = n, free_n = free_indices(e, body, idx, 12);
    bool plain = body->k == X_READ && body->u.read.v->rank == free_n;
    for (int k = 0; k < free_n; k++) {
        bool own = false;
        for (int j = 0; j < n; j++) own |= idx[k] == from[j];
        left -= own;
        plain = plain && body->u.read.idx[k]->k == X_INDEX && body->u.read.bnd[k] == BND_NONE;
        if (!own) idx[m++] = idx[k];
    }
    if (plain && !left) {
        for (int k = 0; k < free_n; k++) idx[k] = body->u.read.idx[k]->u.index;
        return free_n;
    }
    for (int k = 0; k < n; k++) idx[m++] = from[k];
    return m;
}
/* fft(x, z -> k, l) body: the body as a tensor, its transform as a node, read at the frequencies. */
X *type_transform(Env *e, Expr *x) {
    Sema *s = e->s;
    Arena *a = s->a;
    const char *w = x->name.s;
    bool inverse = w[0] == 'i', cosine = strstr(w, "dct"), sine = strstr(w, "dst");
    int n = x->from.n;
    if (n != x->to.n || n > 4) { diag_error(s->cx, D_BAD_TRANSFORM, x->loc, "`%s` takes %d ax%s to %d", w, n, n == 1 ? "is" : "es", x->to.n); return NULL; }
    Env in = *e;
    Index *from[4], *to[4];
    bool half = false;
    for (int k = 0; k < n; k++) {
        if (!(from[k] = bind_index(&in, x->from.at[k]))) return NULL;
        to[k] = local_index(e, x->to.at[k].s);
        if (!to[k]) { diag_help(diag_error(s->cx, D_UNBOUND_INDEX, x->to.at[k].loc, "`%s` is neither on the left nor bound here", x->to.at[k].s), "the result of a transform is read at `%s`", x->to.at[k].s); return NULL; }
        Space *grid = inverse ? to[k]->space : from[k]->space, *modes = inverse ? from[k]->space : to[k]->space;
        if (modes->kind != SP_MODES) { diag_error(s->cx, D_BAD_TRANSFORM, x->loc, "`%s` is not an index of frequencies (declared by modes)", inverse ? x->from.at[k].s : x->to.at[k].s); return NULL; }
        if (grid->kind != SP_GRID || (!inverse && modes->part[0] != grid)) {
            diag_error(s->cx, D_BAD_TRANSFORM, x->loc, "`%s` ranges over `%s`, but the frequencies are of `%s`", inverse ? x->to.at[k].s : x->from.at[k].s, grid->name, modes->part[0]->name);
            return NULL;
        }
        bool fits = cosine ? modes->family == MODES_COSINE : sine ? modes->family == MODES_SINE : modes->family <= MODES_HALF;
        if (!fits) { diag_error(s->cx, D_BAD_TRANSFORM, x->loc, "`%s` does not go with these frequencies", w); return NULL; }
        if (modes->family == MODES_HALF) {
            if (k != n - 1) { diag_error(s->cx, D_BAD_TRANSFORM, x->loc, "the half axis is the last one"); return NULL; }
            half = true;
        }
    }
    X *body = type_expr(&in, x->arg.at[0]);
    if (!body) return NULL;
    if (body->dt == DT_BOOL) { diag_error(s->cx, D_TYPE_MISMATCH, x->arg.at[0]->loc, "`%s` takes numbers, this is bool", w); return NULL; }
    if (dtype_is_int(body->dt) && !(body = coerce(e, body, s->real, x->loc))) return NULL;
    if ((body->dt == DT_F16 || body->dt == DT_BF16) && !(body = coerce(e, body, DT_F32, x->loc))) return NULL;
    bool table = cosine || sine;
    if ((table || (half && !inverse)) && dtype_is_complex(body->dt)) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "`%s` along a %s axis takes reals", w, table ? "cosine or sine" : "half"); return NULL; }
    Dtype ct = dtype_complex_of(body->dt), rt = dtype_real_of(body->dt);
    if (inverse && !table && !(body = coerce(e, body, ct, x->loc))) return NULL;
    Index *idx[16];
    int m = transform_axes(&in, body, from, n, idx);
    Value *v = materialise(&in, body, idx, m, NULL, x->loc);
    if (!v) return NULL;
    Node *node = program_node(s->p, N_TRANSFORM, x->loc);
    node->u.transform.kind = inverse ? TR_INVERSE : TR_FORWARD;
    node->u.transform.in = v, node->u.transform.n = n;
    Space *axis[16];
    X *at[16];
    for (int k = 0; k < m; k++) axis[k] = idx[k]->space, at[k] = x_index(a, idx[k]);
    for (int k = 0; k < n; k++) {
        int here = 0;
        while (idx[here] != from[k]) here++;
        node->u.transform.axis[k] = here, axis[here] = to[k]->space, at[here] = x_index(a, to[k]);
        if (!inverse) continue;
        Space *f = from[k]->space;                               /* the target grid holds these frequencies too */
        Ext *need = f->family == MODES_SIGNED ? f->extent : f->family == MODES_HALF ? ext_op(a, EXT_SUB, ext_op(a, EXT_MUL, ext_const(a, 2), f->extent), ext_const(a, 2)) : f->extent;
        if (f->part[0] != to[k]->space) vec_add(a, s->p->check, (Check){ need, 'L', to[k]->space->extent, arena_printf(a, "grid `%s` can't hold the frequencies `%s`", to[k]->space->name, f->name), x->loc });
    }
    Value *r = program_value(s->p, node, NULL, table ? body->dt : inverse && half ? rt : ct, m, axis);
    vec_add(a, s->p->node, node);
    X *res = x_read(a, r, at, NULL, NULL);
    res->loc = x->loc;
    return res;
}
