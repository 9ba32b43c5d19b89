/* apart.c - edges taken apart by type; see apart.h.
 *
 *     few[r] = 3 * count(p: P.type(p) = r) < 2 * count(q: Q.type(q) = r)         P = unique(type, from), Q = unique(type, end)
 *     A = filter(e: few[type(e)]),  B = filter(e: not few[type(e)]) */
#include "pass/apart.h"
#include "pass/query.h"
#include <string.h>

X *x_read_at(Program *p, Value *map, Index *i) { return x_read(p->arena, map, (X *[]){ x_index(p->arena, i) }, NULL, NULL); }
Value *x_map_at(X *e, const Index *i) {
    const X *m = x_uncast(e);
    return m->k == X_READ && m->u.read.v->rank == 1 && m->u.read.bnd[0] == BND_NONE && position_index(m->u.read.idx[0]) == i ? m->u.read.v : NULL;
}

/* ---- the two parts ------------------------------------------------------------------------------------------------- */
static X *count_of_type(Program *p, const Node *unique, const X *type, Index *r) {
    Arena *a = p->arena;
    Index *q = program_index(p, "p", unique->u.derive.space);
    X *is = x_op(a, OP_EQ, x_read_at(p, unique->result[key_place(unique, type)], q), x_cast(a, x_index(a, r), DT_I32));
    return x_reduce(a, R_SUM, 1, &q, 1, &is, x_int(a, 1, DT_I64), NULL, DT_I64);
}
/* A name that no space has: maps of several spaces may have one name */
static const char *fresh(Program *p, const char *name) {
    const char *own = name;
    for (int k = 0, times = 1; k < p->space.n; k++) if (!strcmp(p->space.at[k]->name, own)) own = arena_printf(p->arena, "%s~%d", name, ++times), k = -1;
    return intern(p->cx, own);
}
static Value *edges_where(Program *p, const char *name, Index *e, X *keep) {
    Loc loc = e->space->loc;
    Value *mask = program_equation(p, arena_printf(p->arena, "%s.where", name), 1, &e, keep, loc);
    Space *space = program_space(p, SP_DERIVED, name, ext_sym(p->arena, program_sym(p, name, SYM_DATA, loc)));
    space->loc = loc;
    Node *n = program_node(p, N_DERIVE, loc);
    n->u.derive.kind = DV_FILTER, n->u.derive.space = space, n->u.derive.n = 1, n->u.derive.key[0] = mask;
    vec_add(p->arena, p->node, n);
    Value *v = program_value(p, n, intern(p->cx, arena_printf(p->arena, "%s.e", name)), DT_I32, 1, &space);
    v->target = e->space, v->structural = true;
    return v;
}
static Apart take_apart(Program *p, const Ends *m) {
    Arena *a = p->arena;
    Apart made = { .type = m->type, .end = m->end, .from = m->from };
    const char *type = m->type->name, *from = m->from->name, *end = m->end->name;
    X *key = x_read_at(p, m->type, m->e), *pair[2][2] = { { key, x_read_at(p, m->from, m->e) }, { key, x_read_at(p, m->end, m->e) } }, *count[2];
    Index *r = program_index(p, "r", m->type->target);
    for (int k = 0; k < 2; k++) count[k] = x_op(a, OP_MUL, count_of_type(p, unique_node(p, 2, pair[k], m->e, NULL), key, r), x_int(a, k ? 2 : 3, DT_I64));
    Value *few = program_equation(p, intern(p->cx, arena_printf(a, "few(%s, %s, %s)", type, from, end)), 1, &r, x_op(a, OP_LT, count[0], count[1]), m->e->space->loc);
    for (int k = 0; k < 2; k++) {
        Index *e = program_index(p, m->e->name, m->e->space);
        X *at = x_read_at(p, m->type, e), *is = x_read(a, few, &at, NULL, NULL);
        const char *name = k ? arena_printf(a, "side(%s, %s, %s)", type, end, from) : arena_printf(a, "side(%s, %s, %s)", type, from, end);
        made.side[k] = edges_where(p, fresh(p, name), e, k ? x_op(a, OP_NOT, is, NULL) : is);
    }
    return made;
}
Side apart_side(Aparts *a, const Ends *m, bool few) {
    Value *e = NULL;
    for (int k = 0; k < a->made.n && !e; k++) {
        const Apart *one = &a->made.at[k];
        if (one->type != m->type) continue;
        if (one->end == m->end && one->from == m->from) e = one->side[!few];
        else if (one->end == m->from && one->from == m->end) e = one->side[few];
    }
    if (!e) {
        vec_add(a->p->arena, a->made, take_apart(a->p, m));
        e = a->made.at[a->made.n - 1].side[!few];
    }
    return (Side){ e, program_index(a->p, m->e->name, e->axis[0]) };
}

/* ---- what is over edges, over some of them --------------------------------------------------------------------------- */
X *apart_expr(Program *p, const Ends *m, const Side *s, X *e) {
    X *at = x_read_at(p, s->e, s->i);
    return x_at(p, e, 1, (Index **)(uintptr_t)&m->e, &at);
}
typedef struct Maps { Program *p; const Side *s; } Maps;
static X *own_map(X *e, void *data) {
    const Maps *m = data;
    if (e->k != X_READ || e->u.read.v->rank != 1 || !e->u.read.v->target || e->u.read.bnd[0] != BND_NONE || x_map_at(e->u.read.idx[0], m->s->i) != m->s->e || !key_is_structural(e)) return e;
    return x_read_at(m->p, map_of_key(m->p, e, m->s->i, NULL), m->s->i);
}
X *apart_own_maps(Program *p, const Side *s, X *e) { return x_map(p->arena, e, own_map, &(Maps){ p, s }); }
Rows apart_rows(Program *p, const Ends *m, const Side *s, Value *end, Group *by) {
    *by = (Group){ .n_base = 1, .base = { s->i }, .n = 2, .key = { apart_expr(p, m, s, x_read_at(p, m->type, m->e)), apart_expr(p, m, s, x_read_at(p, end, m->e)) } };
    return rows_make(p, by, AT_UNIQUE, NULL);
}
