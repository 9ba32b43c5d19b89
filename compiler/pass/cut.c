/* cut.c - long fibres are cut into pieces, so that no single one of them is much of the work: pieces are computed beside each other, and put
 * together in their order, whatever the number of threads.
 *
 *     m[v] = max(e: dst(e) = v) s[e]
 *     ->  t[p] = max(e: P.pair(e) = p) s[e];  m[v] = max(p: P.dst(p) = v) t[p]            P: the fibres of dst in pieces of 4096
 *
 * Law. Sums, products, extrema, any, all and logsumexp over a fibre are those over its pieces' results. What the terms read at v they read at
 * P.dst(p). A table of one row per piece is written and read once more, so this is done where a fibre is known to have half as much again as
 * a core's share of all elements, (about "longest(g.dst)" ..), or where a schedule says so: split m 4096. */
#include "pass/keys.h"
#include "pass/place.h"
#include "pass/query.h"
#include <string.h>

enum { PIECE = 4096, CORES = 16 };         /* of the machine that objects are for */

typedef struct Cutting {
    Program *p;
    Sizes sizes;
    Node *node;
    const char *label;
    int64_t asked;                         /* elements of a piece, as a command says; 0: none does */
    const char *maps; int64_t piece;       /* what was cut in this node */
    int n;
} Cutting;

static const X *plain(const X *e) {
    while (e->k == X_CAST) e = e->u.cast.arg;
    return e;
}
/* The longest fibre of map f over its domain, as lines say; 0: nothing is known. */
static double longest(Cutting *c, const Value *f) {
    const char *of = f->name;
    const Node *u = f->node;
    if (u->kind == N_DERIVE && u->u.derive.kind == DV_UNIQUE && !u->u.derive.cut && f == u->result[u->u.derive.n]) {
        X read[MOST_KEYS] = { 0 }, *key[MOST_KEYS];
        for (int k = 0; k < u->u.derive.n; k++) read[k] = (X){ .k = X_READ, .u.read.v = u->u.derive.key[k], .space = u->u.derive.key[k]->target }, key[k] = &read[k];
        const char *name = unique_name(&c->sizes, u->u.derive.n, key);          /* unique(g.etype, g.dst) */
        of = arena_printf(c->p->arena, "%.*s", (int)strlen(name) - 8, name + 7);
    }
    return told(c->p, arena_printf(c->p->arena, "longest(%s)", of), 0);
}
/* With other conditions a piece may be over nothing, which extrema have no value for. */
static bool may_be_cut(const X *e) {
    ReduceOp op = e->u.reduce.op;
    return op != R_ARGMIN && op != R_ARGMAX && (e->u.reduce.n_cond == 1 || (op != R_MIN && op != R_MAX));
}
/* The place of the condition f(e) = value whose map f is known when graphs are bound; -1: none. */
static int fibre_of(const X *e, Index **q, Value **f, X **value) {
    for (int k = 0; k < e->u.reduce.n_cond; k++) {
        X *map;
        if (!reduce_fibre(e, k, q, &map, value)) continue;
        const X *m = plain(map);
        if (m->k != X_READ || m->u.read.v->rank != 1 || plain(m->u.read.idx[0])->k != X_INDEX || !key_is_structural(m)) continue;
        *f = m->u.read.v;
        return k;
    }
    return -1;
}
static X *any_number(Arena *a, Dtype dt) { return dtype_is_int(dt) || dt == DT_BOOL ? x_int(a, 0, dt) : x_real(a, 0, dt); }

/* A reduction along a fibre, as one over the results of its pieces; e itself where it isn't one, or where a table of these would be too large. */
static X *cut(X *e, void *data) {
    Cutting *c = data;
    Program *p = c->p;
    Arena *a = p->arena;
    Index *q, *free[MOST_AXES];
    X *value;
    Value *of;
    if (e->k != X_REDUCE || e->dt != e->u.reduce.acc || !may_be_cut(e) || !x_in_range(e)) return e;      /* it is computed outside of what it stands in */
    int tied = fibre_of(e, &q, &of, &value);
    if (tied < 0) return e;
    double share = size_space(&c->sizes, q->space) / told(p, "machine.cores", CORES), most = longest(c, of);
    int64_t piece = c->asked ? c->asked : PIECE;
    if (of->node->kind == N_DERIVE && of->node->u.derive.cut) return e;
    if (!c->asked && (schedule_only(p) || most <= 2 * PIECE || most < 1.5 * share)) return e;
    int n = x_free_indices(e, free, MOST_AXES), rank = 1;
    Index *v = position_index(value), *axis[MOST_AXES];
    X *to[MOST_AXES], *at[MOST_AXES];
    for (int k = 0; k < n; k++) {                                    /* t's axes beside the pieces: plain dims, of the equation or of reductions around */
        bool used = x_uses_index(e->u.reduce.body, free[k]);
        for (int j = 0; j < e->u.reduce.n_cond; j++) used |= j != tied && x_uses_index(e->u.reduce.cond[j], free[k]);
        if (free[k] == v || !used) continue;
        if (free[k]->space->kind >= SP_NODES || rank == MOST_AXES) return e;
        axis[rank] = program_index(p, free[k]->name, free[k]->space);
        to[rank - 1] = x_index(a, axis[rank]), at[rank] = x_index(a, free[k]), free[rank - 1] = free[k];
        rank++;
    }
    if (n < 0) return e;
    Node *pieces = pieces_node(p, of, piece);
    Index *row = program_index(p, "p", pieces->u.derive.space);
    axis[0] = program_index(p, "p", pieces->u.derive.space);
    X *own = x_index(a, axis[0]), *back = x_read(a, pieces->result[0], &own, NULL, NULL), *piece_of = x_read(a, pieces->result[1], (X *[]){ x_index(a, q) }, NULL, NULL);
    X **cond = NEWN(a, X *, e->u.reduce.n_cond), *body = v ? x_at(p, e->u.reduce.body, 1, &v, &back) : e->u.reduce.body;
    for (int k = 0; k < e->u.reduce.n_cond; k++) cond[k] = k == tied ? x_op(a, OP_EQ, piece_of, x_cast(a, own, DT_I32)) : v ? x_at(p, e->u.reduce.cond[k], 1, &v, &back) : e->u.reduce.cond[k];
    X *other = e->u.reduce.other ? any_number(a, e->dt) : NULL;      /* a piece is never empty */
    X *part = x_reduce(a, e->u.reduce.op, e->u.reduce.n, e->u.reduce.idx, e->u.reduce.n_cond, cond, body, other, e->u.reduce.acc);
    Value *t = program_equation(p, arena_printf(a, "%s.pieces", c->label), rank, axis, x_substitute(p, part, rank - 1, free, to), c->node->loc);
    at[0] = x_index(a, row);
    X *there = x_op(a, OP_EQ, x_cast(a, x_read(a, pieces->result[0], at, NULL, NULL), value->dt), value);
    c->maps = c->n++ ? arena_printf(a, "%s and %s", c->maps, of->name) : of->name, c->piece = piece;
    return x_reduce(a, e->u.reduce.op, 1, &row, 1, &there, x_read(a, t, at, NULL, NULL), e->u.reduce.other, e->u.reduce.acc);
}
Program *pass_cut(Program *p) {
    Program *q = program_copy(p);
    const char *const *label = schedule_names(q);
    Cutting c = { .p = q, .sizes = { .p = q } };
    int n = q->node.n;
    for (int k = 0; k < n; k++) {
        Node *node = c.node = q->node.at[k];
        if (node->kind != N_COMPUTE || node->result[0]->structural) continue;
        c.label = label[node->result[0]->id], c.n = 0;
        Command *command = schedule_find(q, V_SPLIT, c.label);
        c.asked = command ? command->number[0] : 0;
        q->again = node->result[0]->again;
        X *x = x_map(q->arena, node->u.compute.expr, cut, &c);
        q->again = 0;
        if (!c.n) continue;
        node->u.compute.expr = x;
        if (command) schedule_done(command, c.label);
        else command_numbers(command = command_new(q->arena, V_SPLIT, c.label), 1, c.piece, 0);
        vec_add(q->arena, q->decision, (Decision){ .pass = "cut", .what = arena_printf(q->arena, "fibres of %s in %s are cut into pieces of %lld", c.maps, c.label, (long long)c.piece),
            .why = c.asked ? "the schedule says so" : "the longest has more of all elements than a core should", .loc = node->loc, .command = command });
    }
    program_sort(q);
    return q;
}
