/* query.c - small questions about expressions; see query.h. */
#include "pass/query.h"
#include "pass/pass.h"
#include <string.h>

/* between i32 and i64, which hold every position */
static bool keeps_position(const X *e) {
    return e->k == X_CAST && dtype_is_int(e->dt) && dtype_is_int(e->u.cast.arg->dt) && dtype_bytes(e->dt) >= 4 && dtype_bytes(e->u.cast.arg->dt) >= 4 &&
           (dtype_bytes(e->dt) >= dtype_bytes(e->u.cast.arg->dt) || e->u.cast.arg->space);
}
Index *position_index(const X *e) {
    while (keeps_position(e)) e = e->u.cast.arg;
    return e->k == X_INDEX ? e->u.index : NULL;
}
bool x_is_cheap(const X *e) { return e->k == X_OP ? scalar_info[e->u.op.op].cost == 1 : e->k != X_REDUCE; }
bool x_uses_any(const X *e, Index *const *idx, int n) {
    for (int k = 0; k < n; k++) if (x_uses_index(e, idx[k])) return true;
    return false;
}
X *x_plain_subscripts(Arena *a, X *e) {
    if (e->k != X_READ) return e;
    int n = e->u.read.v->rank;
    X **idx = NULL;
    for (int k = 0; k < n; k++) {
        X *i = e->u.read.idx[k];
        while (keeps_position(i) && i->space == i->u.cast.arg->space) i = i->u.cast.arg;
        if (i == e->u.read.idx[k]) continue;
        if (!idx) idx = NEWN(a, X *, n), memcpy(idx, e->u.read.idx, sizeof *idx * (size_t)n);
        idx[k] = i;
    }
    if (!idx) return e;
    X *r = NEW(a, X);
    *r = *e, r->u.read.idx = idx;
    return r;
}
X *x_plain(Arena *a, X *e) {
    /* i32(i64(src(e))) */
    if (keeps_position(e) && keeps_position(e->u.cast.arg) && e->u.cast.arg->u.cast.arg->dt == e->dt && e->space == e->u.cast.arg->u.cast.arg->space) return e->u.cast.arg->u.cast.arg;
    return x_plain_subscripts(a, e);
}
static X *plain(X *e, void *data) { return x_plain(data, e); }
X *x_at(Program *p, X *e, int n, Index *const *idx, X *const *at) {
    X **to = NEWN(p->arena, X *, n + 1);
    for (int k = 0; k < n; k++) to[k] = x_cast(p->arena, at[k], DT_I64);
    return x_map(p->arena, x_substitute(p, e, n, (Index **)idx, to), plain, p->arena);
}
typedef struct Safe { Index *const *idx; int n; bool ok; } Safe;
static bool safe(X *e, void *data) {
    Safe *s = data;
    if (e->k == X_READ) for (int k = 0; k < e->u.read.v->rank; k++)
        if (e->u.read.bnd[k] == BND_NONE && !e->u.read.idx[k]->space && x_uses_any(e->u.read.idx[k], s->idx, s->n)) s->ok = false;
    return s->ok;
}
bool x_is_zero(const X *e) {
    return e->k == X_INT ? !e->u.i : e->k == X_REAL ? e->u.c.re == 0 : e->k == X_COMPLEX && e->u.c.re == 0 && e->u.c.im == 0;
}
bool x_is_safe(X *e, Index *const *idx, int n) {
    Safe s = { idx, n, true };
    x_walk(e, safe, &s);
    return s.ok;
}
static int factors(X *e, X **f, int n, int max) {
    if (n < max - 1 && e->k == X_OP && e->u.op.op == OP_MUL) {
        n = factors(e->u.op.arg[0], f, n, max - 1);
        return factors(e->u.op.arg[1], f, n, max);
    }
    f[n] = e;
    return n + 1;
}
int x_factors(X *e, X **f, int max) { return factors(e, f, 0, max); }
static X *one(Arena *a, Dtype dt) {
    return dtype_is_complex(dt) ? x_complex(a, 1, 0, dt) : dtype_is_float(dt) ? x_real(a, 1, dt) : x_int(a, 1, dt);
}
X *x_product(Arena *a, X *const *f, int n, Dtype dt) {
    if (!n) return one(a, dt);
    X *r = f[0];
    for (int k = 1; k < n; k++) r = x_op(a, OP_MUL, r, f[k]);
    return r;
}
/* ---- laws ------------------------------------------------------------------------------------------------- */
typedef struct Laws { Rule *const *rule; int n; bool fired; } Laws;
/* The first that applies, then all from the first again, until none does. */
static X *apply(Program *p, X *e, void *data) {
    Laws *l = data;
    for (int k = 0; k < l->n; k++) {
        X *r = l->rule[k](p, e);
        if (!r || r->dt != e->dt || (r->space != e->space && r->k == X_INDEX)) continue;          /* an index is of its own space */
        if (r->space != e->space || r->loc.file < 0) {
            X *c = NEW(p->arena, X);
            *c = *r, c->space = e->space;
            if (c->loc.file < 0) c->loc = e->loc;
            r = c;
        }
        e = r, k = -1, l->fired = true;
    }
    return e;
}
enum { MOST_ROUNDS = 16 };
Program *program_apply_rules(Program *p, Rule *const *rule, int n) {
    Laws l = { rule, n, true };
    for (int k = 0; k < MOST_ROUNDS && l.fired; k++) {         /* what a rule has made is looked at in the next round */
        l.fired = false;
        p = program_rewrite(p, &(Rewrite){ .data = &l, .expr = apply });
    }
    return p;
}

typedef struct Replace { Program *p; int n; X *const *what, *const *with; } Replace;
/* The whole before its parts: a key may have another one in it, as f(e, g(e)) has g(e). */
static X *replace(X *e, void *data) {
    Replace *r = data;
    for (int k = 0; k < r->n; k++) if (x_equal(e, r->what[k])) return x_cast(r->p->arena, r->with[k], e->dt);
    X *made = x_plain(r->p->arena, x_map_operands(r->p->arena, e, replace, r));
    for (int k = 0; k < r->n; k++) if (x_equal(made, r->what[k])) return x_cast(r->p->arena, r->with[k], made->dt);
    return made;
}
X *x_replace(Program *p, X *e, int n, X *const *what, X *const *with) {
    Replace r = { p, n, what, with };
    return n ? replace(e, &r) : e;
}
