/* forward.c - a copy of a whole tensor is the tensor itself.
 *
 *     %2[b,x] = u[b,x];  %3 = fft %2 along x;  U[b,k] = %3[b,k]     ->     U = fft u along x
 *
 * Law: an equation  t[i, j] = s[i, j]  over the same spaces, of the same type and target, has s's elements in s's order.  Copies remain that
 * keep something apart: the test of an iterate, which its body must compute, and an output that is an input, a recurrence's state (stored as
 * it runs) or another output.  A tensor that only the compiler named takes the copy's name. */
#include "pass/pass.h"
#include "pass/query.h"

typedef struct Forward { bool *keep; /* by old value id */ } Forward;
static void keep_tests(Forward *f, const Node *n) {
    if (n->kind != N_ITERATE) return;
    f->keep[n->u.iterate.until->id] = true;
    for (int k = 0; k < n->u.iterate.body.n; k++) keep_tests(f, n->u.iterate.body.at[k]);
}
static bool is_copy(const Node *n) {
    const Value *v = n->result[0];
    const X *e = n->u.compute.expr;
    if (e->k != X_READ || n->u.compute.check_range) return false;
    const Value *s = e->u.read.v;
    bool same = s->rank == v->rank && s->dt == v->dt && s->target == v->target && s->storage == v->storage;
    for (int k = 0; k < v->rank && same; k++) same = s->axis[k] == v->axis[k] && e->u.read.bnd[k] == BND_NONE && position_index(e->u.read.idx[k]) == n->u.compute.idx[k];
    return same;
}
static Value *source(Program *to, Node *copy, const Node *old, void *data) {
    const Forward *f = data;
    const Value *v = old->result[0];
    (void)to;
    if (f->keep[v->id] || !is_copy(copy)) return NULL;
    Value *s = copy->u.compute.expr->u.read.v;
    if (*s->name == '%') s->name = v->name, s->loc = v->loc;
    return s;
}
/* What an output is a copy of, through copies of copies. */
static const Value *origin(const Value *v) {
    while (v->node->kind == N_COMPUTE && is_copy(v->node)) v = v->node->u.compute.expr->u.read.v;
    return v;
}
Program *pass_forward(Program *p) {
    Forward f = { NEWN(p->arena, bool, p->n_value + 1) };
    bool *taken = NEWN(p->arena, bool, p->n_value + 1);
    for (int k = 0; k < p->node.n; k++) keep_tests(&f, p->node.at[k]);
    for (int k = 0; k < p->output.n; k++) {
        const Value *v = p->output.at[k].value, *s = origin(v);
        NodeKind kind = s->node->kind;
        if (kind == N_INPUT || kind == N_PARAM || kind == N_CONST || kind == N_RECUR || taken[s->id]) f.keep[v->id] = true;
        taken[s->id] = true;
    }
    return program_rewrite(p, &(Rewrite){ .data = &f, .merge = source, .in_bodies = true });
}
