/* narrow.c - a value defined for all of its rows, but read at f(e), g(e) only, is computed for the combinations that occur.
 *
 *     n[v,r] = count(e: dst(e) = v and etype(e) = r);  c[e] = 1 / n[dst(e), etype(e)]
 *     ->  space P = unique(dst, etype);  n'[p] = count(e: P.pair(e) = p);  c[e] = 1 / n'[P.pair(e)]
 *
 * Law: what nobody reads need not be computed. All reads must apply the same maps to one index of the same space (or be at the rows of
 * unique(those maps) already), each map on an axis of its own; other axes stay. That all maps of e have the values of row p is the same as
 * pair(e) = p. */
#include "pass/keys.h"
#include "pass/narrow.h"
#include "pass/query.h"
#include "ir/schedule.h"
#include <string.h>

enum { WORTH_PERCENT = 80 };
typedef struct Readers { const Value *v; Arena *a; VEC(X *) read; } Readers;
static bool collect(X *e, void *data) {
    Readers *r = data;
    if (e->k == X_READ && e->u.read.v == r->v) vec_add(r->a, r->read, e);
    return true;
}
static void collect_expr(X *e, void *data) { x_walk(e, collect, data); }

/* f(e), with e an index: f, else NULL */
static Value *map_at_index(const X *sub, Index **base) {
    while (sub->k == X_CAST && dtype_is_int(sub->dt) && sub->u.cast.arg->space) sub = sub->u.cast.arg;
    if (sub->k != X_READ || !sub->u.read.v->target || sub->u.read.v->rank != 1 || sub->u.read.bnd[0] != BND_NONE) return NULL;
    *base = position_index(sub->u.read.idx[0]);
    return *base ? sub->u.read.v : NULL;
}
/* The maps of a read, as maps of the domain: ways back from the rows of combinations are the maps that these are made of. */
typedef struct Asked { int n, axis[MOST_KEYS]; Value *map[MOST_KEYS]; Index *base; Space *domain; const Node *unique; } Asked;
static Asked asked_by(const X *read) {
    Asked best = { 0 };
    int rank = read->u.read.v->rank;
    for (int k = 0; k < rank; k++) if (read->u.read.bnd[k] != BND_NONE) return best;
    for (int first = 0; first < rank; first++) {
        Index *base, *other;
        if (!map_at_index(read->u.read.idx[first], &base)) continue;
        Asked a = { .base = base, .domain = base->space };
        for (int k = 0; k < rank && a.n < MOST_KEYS; k++) {
            Value *f = map_at_index(read->u.read.idx[k], &other);
            if (!f || other != base) continue;
            a.axis[a.n] = k, a.map[a.n++] = f;
        }
        if (a.n > best.n) best = a;
    }
    const Node *u = best.n ? best.map[0]->node : NULL;
    if (!u || u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || u->u.derive.space != best.domain || u->u.derive.n != best.n) return best;
    for (int k = 0; k < best.n; k++) if (best.map[k]->node != u || best.map[k]->result >= u->u.derive.n) return best;
    for (int k = 0; k < best.n; k++) best.map[k] = u->u.derive.key[best.map[k]->result];
    best.unique = u, best.domain = u->u.derive.key[0]->axis[0];
    return best;
}
static bool same_question(const Asked *a, const Asked *b) {
    if (a->n != b->n || a->domain != b->domain) return false;
    for (int k = 0; k < a->n; k++) if (a->axis[k] != b->axis[k] || a->map[k] != b->map[k]) return false;
    return true;
}
X *narrow_read(Program *p, const Move *to, const X *read) {
    Asked a = asked_by(read);
    X *sub[MOST_AXES], *base = a.n ? x_index(p->arena, a.base) : NULL;
    int n = 0;
    if (a.n != to->n_axis || (a.unique && a.unique != to->unique)) return NULL;
    for (int k = 0; k < a.n; k++) if (a.axis[k] != to->axis[k] || a.map[k] != to->unique->u.derive.key[to->key[k]]) return NULL;
    for (int k = 0; k < read->u.read.v->rank; k++) {
        bool keyed = false;
        for (int j = 0; j < a.n; j++) keyed |= a.axis[j] == k;
        if (!keyed) sub[n++] = read->u.read.idx[k];
        else if (k == a.axis[0]) sub[n++] = a.unique ? base : x_read(p->arena, to->unique->result[a.n], &base, NULL, NULL);
    }
    X *r = x_read(p->arena, to->to, sub, NULL, NULL);
    r->loc = read->loc;
    return r;
}

/* dst(e) = P.dst(p) and etype(e) = P.etype(p)  ->  pair(e) = p */
typedef struct Fibre { Program *p; const Node *unique; Index *row; } Fibre;
static X *fibre_of_pair(X *e, void *data) {
    Fibre *f = data;
    const Node *u = f->unique;
    if (e->k != X_REDUCE) return e;
    Arena *a = f->p->arena;
    for (int b = 0; b < e->u.reduce.n; b++) {
        int at[MOST_KEYS], n = 0;
        for (int k = 0; k < u->u.derive.n; k++) for (int c = 0; c < e->u.reduce.n_cond; c++) {
            X *cond = e->u.reduce.cond[c];
            bool found = false;
            for (int side = 0; side < 2 && cond->k == X_OP && cond->u.op.op == OP_EQ; side++) {
                Index *i = NULL, *row = NULL;
                Value *map = map_at_index(cond->u.op.arg[side], &i), *back = map_at_index(cond->u.op.arg[1 - side], &row);
                found |= map == u->u.derive.key[k] && back == u->result[k] && i == e->u.reduce.idx[b] && row == f->row;
            }
            if (found) { at[n++] = c; break; }
        }
        if (n < u->u.derive.n) continue;
        X **cond = NEWN(a, X *, e->u.reduce.n_cond + 1), *i = x_index(a, e->u.reduce.idx[b]), *pair = x_read(a, u->result[n], &i, NULL, NULL);
        int m = 0;
        cond[m++] = x_op(a, OP_EQ, pair, x_cast(a, x_index(a, f->row), pair->dt));
        for (int c = 0; c < e->u.reduce.n_cond; c++) {
            bool gone = false;
            for (int k = 0; k < n; k++) gone |= at[k] == c;
            if (!gone) cond[m++] = e->u.reduce.cond[c];
        }
        X *r = NEW(a, X);
        *r = *e;
        r->u.reduce.n_cond = m, r->u.reduce.cond = cond;
        return r;
    }
    return e;
}
typedef struct Rewritten { int rank; Index *own[MOST_AXES]; X *expr; Node *unique; } Rewritten;
static Rewritten restricted(Program *p, const Node *n, const Asked *a, X *const *key, Trials *trial) {
    Rewritten r = { .unique = unique_node(p, a->n, key, a->base, trial) };
    Index *row = program_index(p, "p", r.unique->u.derive.space);
    X *at[MOST_AXES], *xrow = x_index(p->arena, row);
    int rank = n->result[0]->rank;
    for (int k = 0; k < rank; k++) {
        int of = -1;
        for (int j = 0; j < a->n; j++) if (a->axis[j] == k) of = j;
        if (of < 0) {
            r.own[r.rank] = program_index(p, n->u.compute.idx[k]->name, n->u.compute.idx[k]->space);
            at[k] = x_index(p->arena, r.own[r.rank++]);
            continue;
        }
        if (!of) r.own[r.rank++] = row;
        at[k] = x_read(p->arena, r.unique->result[key_place(r.unique, key[of])], &xrow, NULL, NULL);
    }
    Fibre f = { p, r.unique, row };
    r.expr = x_map(p->arena, x_at(p, n->u.compute.expr, rank, n->u.compute.idx, at), fibre_of_pair, &f);
    return r;
}
static double product(Sizes *s, Index *const *idx, int n) {
    double t = 1;
    for (int k = 0; k < n; k++) t *= size_space(s, idx[k]->space);
    return t;
}
/* A command  compact LABEL by (the maps that readers apply) */
static Command *said(Program *p, const char *label, int n, X *const *key) {
    for (int k = p->schedule.n - 1; k >= 0; k--) {
        Command *c = p->schedule.at[k];
        int found = 0;
        if (c->verb != V_COMPACT || c->refused || c->rows.key.n != n || schedule_is_done(c, label)) continue;
        for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) found += schedule_same(c->rows.key.at[j], key_text(p, key[i]));
        if (found == n) return c;
    }
    return NULL;
}
bool restrict_rows(Moved *m, Sizes *s, Node *n, const char *label) {
    Program *p = m->p;
    Value *v = n->result[0];
    if (n->kind != N_COMPUTE || v->target || v->structural || !v->rank || v->rank > MOST_AXES || m->others[v->id]) return false;
    Readers r = { .v = v, .a = p->arena };
    for (int k = 0; k < p->node.n; k++) if (p->node.at[k] != n) node_each_expr(p->node.at[k], collect_expr, &r);
    if (!r.read.n) return false;
    Asked a = asked_by(r.read.at[0]);
    if (!a.n) return false;
    for (int k = 1; k < r.read.n; k++) { Asked b = asked_by(r.read.at[k]); if (!same_question(&a, &b)) return false; }
    /* as keys of an index of the domain */
    X *key[MOST_KEYS], *base;
    if (a.unique) a.base = program_index(p, "e", a.domain);
    base = x_index(p->arena, a.base);
    for (int k = 0; k < a.n; k++) {
        key[k] = x_read(p->arena, a.map[k], &base, NULL, NULL);
        if (!key_is_structural(key[k])) return false;
        for (int j = 0; j < k; j++) if (a.map[j] == a.map[k]) return false;
    }
    Trials trial = { 0 };
    Rewritten w = restricted(p, n, &a, key, &trial);
    double all = product(s, n->u.compute.idx, v->rank), rows = product(s, w.own, w.rank), asked = rows * size_space(s, a.domain) / (size_space(s, w.unique->u.derive.space) + 1);
    Estimate before = estimate_add(estimate_equation(s, v->rank, n->u.compute.idx, n->u.compute.expr, true), estimate_read(p, asked * m->reads[v->id], all, v->dt));
    Estimate after = estimate_add(estimate_equation(s, w.rank, w.own, w.expr, true), estimate_read(p, asked * m->reads[v->id], rows, v->dt));
    Command *say = said(p, label, a.n, key);
    if (say) schedule_done(say, label);
    else if (schedule_only(p) || schedule_keeps(p, label)) return false;
    if (!say && (rows >= all || estimate_time(p, after) * 100 > estimate_time(p, before) * WORTH_PERCENT)) return false;
    w = restricted(p, n, &a, key, NULL);
    Value *to = program_equation(p, v->name, w.rank, w.own, w.expr, n->loc);
    to->storage = STORE_COMPACT, to->loc = v->loc;
    Move *move = &m->to[v->id];
    *move = (Move){ .unique = w.unique, .to = to, .n_axis = a.n };
    for (int k = 0; k < a.n; k++) move->axis[k] = a.axis[k], move->key[k] = key_place(w.unique, key[k]);
    Command *command = command_new(p->arena, V_COMPACT, label);
    command->rows.unique = true;
    for (int k = 0; k < a.n; k++) vec_add(p->arena, command->rows.key, key_text(p, key[k]));
    vec_add(p->arena, p->decision, (Decision){ "compact", arena_printf(p->arena, "%s: only the rows that are read, %s", v->name, unique_name(s, a.n, key)),
        "all its readers apply the same maps", before, after, "all rows", before, n->loc, command });
    return true;
}
