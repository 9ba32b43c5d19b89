/* compact.c - a value that depends on an index through maps only gets its rows where it has fewer of them.
 *
 *     z[e,j] = sum(i) h[src(e),i] * W[etype(e),i,j]      ->      space P = unique(etype, src)
 *                                                                z'[p,j] = sum(i) h[P.src(p),i] * W[P.etype(p),i,j]
 *                                                                z[e,j] is read as z'[P.pair(e),j]
 *
 * Law: equal keys give equal values. One row per combination that occurs; or per element of the one key's target; or the full product
 * of the targets; or, when that costs no less (cost.h), one per element as before. Works down the program, so what only reads compact
 * rows is compact itself, over the same space. A value that is read at few of its rows is restricted to these (narrow.c). Parts of an
 * equation follow the same law (hoist.c). Outputs keep their rows: they are read from the compact ones at the end. */
#include "pass/place.h"
#include "pass/query.h"
#include "pass/compact.h"
#include "pass/hoist.h"
#include "pass/narrow.h"
#include <string.h>

enum { WORTH_PERCENT = 80 };                /* estimates err: a change must promise to save a fifth */

/* ---- what was moved is read elsewhere ------------------------------------------------------------------------- */
static X *follow(X *e, void *data) {
    Moved *m = data;
    Program *p = m->p;
    if (e->k != X_READ || e->u.read.v->id >= m->n) return e;
    if (m->to[e->u.read.v->id].to) { X *r = narrow_read(p, &m->to[e->u.read.v->id], e); return r ? r : e; }
    if (!m->to[e->u.read.v->id].read) return e;
    for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) return e;
    const Move *to = &m->to[e->u.read.v->id];
    return x_at(p, to->read, e->u.read.v->rank, to->idx, e->u.read.idx);
}
static X *back_from_pair(X *e, void *data) { X *r = x_back_from_pair(data, e); return r ? r : e; }
static X *followed(Moved *m, X *e) { return x_map(m->p->arena, x_map(m->p->arena, e, follow, m), back_from_pair, m->p); }
void moved_follow(Moved *m, Node *n) {
    switch (n->kind) {
    case N_COMPUTE: n->u.compute.expr = followed(m, n->u.compute.expr); return;
    case N_RECUR:
        for (int k = 0; k < n->u.recur.member.n; k++) {
            Member *r = &n->u.recur.member.at[k];
            r->expr = followed(m, r->expr);
            for (int j = 0; j < r->before.n; j++) r->before.at[j].expr = followed(m, r->before.at[j].expr);
        }
        return;
    case N_ITERATE: for (int k = 0; k < n->u.iterate.body.n; k++) moved_follow(m, n->u.iterate.body.at[k]); return;
    case N_INPUT: case N_PARAM: case N_CONST: case N_TRANSFORM: case N_SELECT: case N_FACTOR: case N_DERIVE: return;
    }
}
/* n's value is computed by v from now on, which is read as `read` at n's own indices; n becomes that read. */
void moved_to(Moved *m, Node *n, X *read) {
    int rank = n->result[0]->rank;
    Index **own = NEWN(m->p->arena, Index *, rank + 1);
    X **at = NEWN(m->p->arena, X *, rank + 1);
    for (int k = 0; k < rank; k++) own[k] = program_index(m->p, n->u.compute.idx[k]->name, n->u.compute.idx[k]->space), at[k] = x_index(m->p->arena, own[k]);
    m->to[n->result[0]->id] = (Move){ .idx = own, .read = x_at(m->p, read, rank, n->u.compute.idx, at) };
    n->u.compute.expr = read;
}
typedef struct Count { Moved *m; VEC(const X *) seen; } Count;
/* Equal reads of one node are one. */
static bool count_read(X *e, void *data) {
    Count *c = data;
    if (e->k != X_READ) return true;
    c->m->others[e->u.read.v->id]--;
    for (int k = 0; k < c->seen.n; k++) if (x_equal(c->seen.at[k], e)) return true;
    vec_add(c->m->p->arena, c->seen, e);
    c->m->reads[e->u.read.v->id]++;
    return true;
}
static void count_expr(X *e, void *data) { x_walk(e, count_read, data); }
static void count_use(Value *v, void *data) { ((Moved *)data)->others[v->id]++; }
Moved moved_new(Program *p) {
    Moved m = { .p = p, .n = p->n_value, .to = NEWN(p->arena, Move, p->n_value + 1), .reads = NEWN(p->arena, int, p->n_value + 1), .others = NEWN(p->arena, int, p->n_value + 1) };
    for (int k = 0; k < p->node.n; k++) {
        Count c = { .m = &m };
        node_each_use(p->node.at[k], count_use, &m);
        node_each_expr(p->node.at[k], count_expr, &c);
    }
    for (int k = 0; k < p->output.n; k++) m.others[p->output.at[k].value->id]++;
    return m;
}

/* ---- one value -------------------------------------------------------------------------------------------------- */
static bool eligible(const Node *n) {
    if (n->kind != N_COMPUTE || n->u.compute.check_range) return false;
    const Value *v = n->result[0];
    return v->rank && v->rank <= MOST_AXES && !v->target && !v->structural && v->storage == STORE_WHOLE && n->u.compute.expr->k != X_READ;
}
/* The rows that commands ask for: COMPACT and FULL for this name. */
static int said_rows(Program *p, const char *label, RowsBy *at, Command **by) {
    int n = 0;
    for (int k = 0; k < p->schedule.n && n < MOST_AXES; k++) {
        Command *c = p->schedule.at[k];
        if ((c->verb != V_COMPACT && c->verb != V_FULL) || c->refused || schedule_is_done(c, label)) continue;
        by[n] = c, at[n] = c->rows, at[n++].unique = c->verb == V_COMPACT;
    }
    return n;
}
/* False when the commands can't be honoured, which is said. */
static bool set_rows(Program *p, Choice *c, const char *label, int n, const RowsBy *at, Command *const *by) {
    if (choice_set(c, at, n)) { for (int k = 0; k < n; k++) schedule_done(by[k], label); return true; }
    const char *other = choice_possible(c);
    if (other) schedule_refuse(p, by[0], "the rows of `%s` could be %s only", label, other);
    else schedule_refuse(p, by[0], "`%s` depends on its indices themselves, not through maps only", label);
    for (int g = 0; g < c->n; g++) c->place[g] = AT_BASE;
    return false;
}
static void place_value(Moved *m, Sizes *s, Node *n, const char *label) {
    Program *p = m->p;
    Value *old = n->result[0];
    int readers = m->reads[old->id] + m->others[old->id];
    Choice c = choice_of(p, old->rank, n->u.compute.idx, n->u.compute.expr);
    RowsBy at[MOST_AXES];
    Command *by[MOST_AXES];
    int said = said_rows(p, label, at, by);
    if (!said && (schedule_only(p) || schedule_keeps(p, label))) return;
    bool pays = c.n && choose_rows(s, &c, readers, m->others[old->id] > 0, true, WORTH_PERCENT);
    if (said ? !set_rows(p, &c, label, said, at, by) : !pays) return;
    Placed b = place_rows(p, &c, NULL);
    Value *v = program_equation(p, old->name, b.rank, b.own, b.expr, n->loc);
    v->storage = b.compact ? STORE_COMPACT : b.full ? STORE_FULL : STORE_WHOLE;
    v->loc = old->loc;
    moved_to(m, n, x_read(p->arena, v, b.at, NULL, NULL));
    vec_add(p->arena, p->decision, (Decision){ "compact", arena_printf(p->arena, "%s: %s", old->name, choice_text(p, &c, c.place)),
        "it depends on the index through maps only", c.before, c.cost, choice_text(p, &c, c.second), c.second_cost, n->loc, NULL });
    for (int k = 0, rows = choice_rows(&c, at); k < rows; k++) {
        Command *command = command_new(p->arena, at[k].unique ? V_COMPACT : V_FULL, label);
        command->rows = at[k];
        if (!k) p->decision.at[p->decision.n - 1].command = command;
        else vec_add(p->arena, p->decision, (Decision){ .pass = "compact", .loc = n->loc, .command = command });
    }
}
/* Does any equation take the matrix of a combination's type? Then rows of a type should follow one another (lower/tile.c, push.c). */
typedef struct Typed { const Node *unique; const Index *last; bool any; } Typed;
static bool see_typed(X *e, void *data) {
    Typed *t = data;
    if (e->k != X_READ || !x_uses_index(e, t->last)) return !t->any;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        const X *sub = e->u.read.idx[k];
        while (sub->k == X_CAST) sub = sub->u.cast.arg;
        t->any |= sub->k == X_READ && sub->u.read.v->node == t->unique && sub->u.read.v->target->kind != SP_NODES;
    }
    return !t->any;
}
static bool has_typed_rows(const Program *p, const Node *unique) {
    enum { LANES = 16 };
    for (int k = 0; k < p->node.n; k++) {
        const Node *n = p->node.at[k];
        int rank = n->kind == N_COMPUTE ? n->result[0]->rank : 0;
        int64_t lanes;
        if (rank < 2 || (ext_is_const(n->result[0]->axis[rank - 1]->extent, &lanes) && lanes < LANES)) continue;
        Typed t = { unique, n->u.compute.idx[rank - 1], false };
        x_walk(n->u.compute.expr, see_typed, &t);
        if (t.any) return true;
    }
    return false;
}
/* Combinations of a node and a type are numbered by the type, so that rows of a type follow one another; where nothing is done type by type by the node, so
 * that what is read of it is read once. */
static void nodes_first(Program *p) {
    for (int k = 0; k < p->node.n; k++) {
        Node *n = p->node.at[k];
        if (n->kind != N_DERIVE || n->u.derive.kind != DV_UNIQUE || n->u.derive.n != 2 || strncmp(n->u.derive.space->name, "unique(", 7)) continue;
        Value **map = n->result, **key = n->u.derive.key;
        if (map[0]->target->kind == SP_NODES || map[1]->target->kind != SP_NODES || has_typed_rows(p, n)) continue;
        Value *other = map[0], *by = key[0];
        map[0] = map[1], map[1] = other, key[0] = key[1], key[1] = by;
        map[0]->result = 0, map[1]->result = 1;
    }
}
Program *pass_compact(Program *p) {
    Program *q = program_plain(pass_dce(p));                  /* what is dead reads nothing */
    Moved m = moved_new(q);
    Sizes s = { .p = q };
    int n = q->node.n;
    const char *const *label = schedule_names(q);
    for (int k = 0; k < n; k++) {
        moved_follow(&m, q->node.at[k]);
        const char *name = q->node.at[k]->n_result ? label[q->node.at[k]->result[0]->id] : "";
        q->again = q->node.at[k]->n_result ? q->node.at[k]->result[0]->again : 0;
        if (restrict_rows(&m, &s, q->node.at[k], name)) continue;
        if (eligible(q->node.at[k])) place_value(&m, &s, q->node.at[k], name);
        hoist(q, &s, q->node.at[k], true, "compact", name);
    }
    q->again = 0;
    program_sort(q);
    nodes_first(q);
    return program_copy(q);                                /* ids that trials have used up are dense again */
}
