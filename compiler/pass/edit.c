/* edit.c - a program that a pass has copied and changes: equations added, nodes put back in dependence order. */
#include "pass/pass.h"
#include <string.h>

Program *program_copy(Program *p) { return program_rewrite(p, &(Rewrite){ 0 }); }
Value *program_equation(Program *p, const char *name, int rank, Index *const *idx, X *expr, Loc loc) {
    Node *n = program_node(p, N_COMPUTE, loc);
    Space **axis = NEWN(p->arena, Space *, rank + 1);
    n->u.compute.idx = NEWN(p->arena, Index *, rank + 1);
    for (int k = 0; k < rank; k++) axis[k] = idx[k]->space, n->u.compute.idx[k] = idx[k];
    n->u.compute.expr = expr;
    vec_add(p->arena, p->node, n);
    return program_value(p, n, name, expr->dt, rank, axis);
}

/* Depth first with a stack of its own: programs may be long chains. A node waits for what it reads and for the spaces it ranges over. */
typedef struct Sort {
    Program *p;
    Node **maker;                          /* by value id: the top-level node */
    Node **of_space;                       /* by symbol id: the DERIVE that finds it */
    signed char *state;                    /* by node id: 0 untouched, 1 waiting, 2 placed */
    VEC(Node *) stack, order;
} Sort;
static void wait_node(Sort *s, Node *n) { if (n && !s->state[n->id]) vec_add(s->p->arena, s->stack, n); }
static void wait_value(Value *v, void *data) { Sort *s = data; wait_node(s, s->maker[v->id]); }
static void wait_ext(Sort *s, const Ext *e) {
    if (!e || e->op == EXT_CONST) return;
    if (e->op == EXT_SYM) { wait_node(s, s->of_space[e->sym->id]); return; }
    wait_ext(s, e->a);
    wait_ext(s, e->b);
}
static bool wait_x(X *e, void *data) {
    Sort *s = data;
    if (e->k == X_EXT) wait_ext(s, e->u.ext);
    if (e->k == X_REDUCE) for (int k = 0; k < e->u.reduce.n; k++) wait_ext(s, e->u.reduce.idx[k]->space->extent);
    return true;
}
static void wait_expr(X *e, void *data) { x_walk(e, wait_x, data); }
static void needs(Sort *s, Node *n) {
    node_each_use(n, wait_value, s);
    node_each_expr(n, wait_expr, s);
    if (n->kind == N_DERIVE) return;
    for (int k = 0; k < n->n_result; k++) for (int j = 0; j < n->result[k]->rank; j++) wait_ext(s, n->result[k]->axis[j]->extent);
}
static void made_in(Sort *s, Node *n, Node *top) {
    for (int k = 0; k < n->n_result; k++) s->maker[n->result[k]->id] = top;
    if (n->kind != N_ITERATE) return;
    for (int k = 0; k < n->u.iterate.n; k++) s->maker[n->u.iterate.carried[k]->id] = top;
    for (int k = 0; k < n->u.iterate.body.n; k++) made_in(s, n->u.iterate.body.at[k], top);
}
void program_sort(Program *p) {
    Arena *a = p->arena;
    Sort sort = { .p = p, .maker = NEWN(a, Node *, p->n_value + 1), .of_space = NEWN(a, Node *, p->sym.n + 1), .state = NEWN(a, signed char, p->n_node + 1) }, *s = &sort;
    for (int k = 0; k < p->node.n; k++) {
        Node *n = p->node.at[k];
        made_in(s, n, n);
        if (n->kind == N_DERIVE && n->u.derive.space->extent->op == EXT_SYM) s->of_space[n->u.derive.space->extent->sym->id] = n;
    }
    for (int k = 0; k < p->node.n; k++) {
        wait_node(s, p->node.at[k]);
        while (s->stack.n) {
            Node *n = s->stack.at[s->stack.n - 1];
            if (s->state[n->id] == 0) {
                int from = s->stack.n;
                s->state[n->id] = 1;
                needs(s, n);
                /* what was pushed last is placed first: turn round, so that operands come in the order they are read in */
                for (int i = from, j = s->stack.n - 1; i < j; i++, j--) { Node *t = s->stack.at[i]; s->stack.at[i] = s->stack.at[j], s->stack.at[j] = t; }
                continue;
            }
            s->stack.n--;
            if (s->state[n->id] == 1) {
                s->state[n->id] = 2;
                vec_add(a, s->order, n);
            }
        }
    }
    if (p->node.n) memcpy(p->node.at, s->order.at, sizeof *p->node.at * (size_t)p->node.n);
}
