/* print.c - a program as text: one node per group of lines, in dependence order, names kept. program_read() gives it back. */
#include "ir/text.h"
#include "ir/schedule.h"
#include <string.h>

static void result(Printer *t, const Value *v) {
    Writer *w = t->w;
    put(w, " (");
    print_value_name(t, v);
    put(w, " %s (", dtype_name(v->dt));
    for (int k = 0; k < v->rank; k++) {
        if (k) put(w, " ");
        print_space_name(t, v->axis[k]);
    }
    put(w, ")");
    if (v->target) { put(w, " (to "); print_space_name(t, v->target); put(w, ")"); }
    if (v->structural) put(w, " structural");
    if (v->storage != STORE_WHOLE) put(w, " (store %s)", storage_name[v->storage]);
    if (v->again) put(w, " (again %d)", v->again);
    put(w, ")");
}
static void results(Printer *t, const Node *n) { for (int k = 0; k < n->n_result; k++) result(t, n->result[k]); }
static void value_list(Printer *t, const char *head, Value *const *v, int n) {
    put(t->w, "%s", head);
    for (int k = 0; k < n; k++) put(t->w, " "), print_value_name(t, v[k]);
    put(t->w, ")");
}
static void indices(Printer *t, Index *const *idx, int n, int time) {
    put(t->w, " (idx");
    for (int k = 0; k < n; k++) {
        put(t->w, " ");
        if (k == time) put(t->w, "time"); else print_bind(t, idx[k]);
    }
    put(t->w, ")");
}
static void expression(Printer *t, const X *e) {
    t->w->indent++;
    put(t->w, "\n");
    print_expr(t, e);
    t->w->indent--;
}
static void member(Printer *t, const Member *m) {
    int depth = t->bound.n;
    put(t->w, "\n(member");
    result(t, m->value);
    indices(t, m->idx, m->value->rank, m->time_axis);
    expression(t, m->expr);
    t->bound.n = depth;
    for (int k = 0; k < m->before.n; k++) {
        const Before *b = &m->before.at[k];
        t->w->indent++;
        put(t->w, "\n(before %lld", (long long)b->offset);
        indices(t, b->idx, m->value->rank, m->time_axis);
        expression(t, b->expr);
        put(t->w, ")");
        t->w->indent--;
        t->bound.n = depth;
    }
    put(t->w, ")");
}
static void node(Printer *t, const Node *n) {
    Writer *w = t->w;
    int depth = t->bound.n;
    put(w, "\n(%s", node_kind_name(n->kind));
    switch (n->kind) {
    case N_INPUT:
        results(t, n);
        if (n->u.input.graph) {
            put(w, " (graph ");
            put_name(w, t->graph_label[n->u.input.graph->id]);
            put(w, " %s)", n->u.input.role ? n->u.input.role : "_");
        }
        break;
    case N_PARAM:
        results(t, n);
        if (n->u.param.init) {
            put(w, " (init ");
            put_name(w, n->u.param.init);
            for (int k = 0; k < n->u.param.n_init_arg; k++) put(w, " "), sexp_put_real(w, n->u.param.init_arg[k]);
            put(w, ")");
        }
        if (n->u.param.frozen) put(w, " frozen");
        break;
    case N_CONST:
        results(t, n);
        put(w, " (data");
        w->indent++;
        for (int64_t k = 0; k < n->u.constant.n; k++) put(w, k % 16 == 15 ? "\n" : " "), sexp_put_real(w, n->u.constant.data[k]);
        w->indent--;
        put(w, ")");
        break;
    case N_COMPUTE:
        results(t, n);
        indices(t, n->u.compute.idx, n->result[0]->rank, -1);
        if (n->u.compute.check_range) put(w, " check-range");
        expression(t, n->u.compute.expr);
        break;
    case N_RECUR:
        put(w, " ");
        print_bind(t, n->u.recur.time);
        if (n->u.recur.reverse) put(w, " reverse");
        w->indent++;
        for (int k = 0; k < n->u.recur.member.n; k++) member(t, &n->u.recur.member.at[k]);
        w->indent--;
        break;
    case N_TRANSFORM:
        put(w, " %s", n->u.transform.kind == TR_FORWARD ? "forward" : "inverse");
        results(t, n);
        put(w, " ");
        print_value_name(t, n->u.transform.in);
        put(w, " (axes");
        for (int k = 0; k < n->u.transform.n; k++) put(w, " %d", n->u.transform.axis[k]);
        put(w, ")");
        break;
    case N_SELECT:
        put(w, " %s%s", select_name[n->u.select.kind], n->u.select.descending ? " down" : "");
        results(t, n);
        put(w, " ");
        print_value_name(t, n->u.select.in);
        put(w, " (axis %d)", n->u.select.axis);
        break;
    case N_FACTOR:
        put(w, " %s", factor_name[n->u.factor.kind]);
        results(t, n);
        value_list(t, " (of", n->u.factor.in, n->u.factor.n_in);
        break;
    case N_ITERATE:
        put(w, " (max %lld)", (long long)n->u.iterate.max);
        if (n->u.iterate.implicit) put(w, " (implicit)");
        w->indent++;
        for (int k = 0; k < n->u.iterate.n; k++) {
            put(w, "\n(carry");
            result(t, n->u.iterate.carried[k]);
            put(w, " ");
            print_value_name(t, n->u.iterate.init[k]);
            put(w, " ");
            print_value_name(t, n->u.iterate.next[k]);
            result(t, n->result[k]);
            put(w, ")");
        }
        put(w, "\n(body");
        w->indent++;
        for (int k = 0; k < n->u.iterate.body.n; k++) node(t, n->u.iterate.body.at[k]);
        w->indent--;
        put(w, ")\n(until ");
        print_value_name(t, n->u.iterate.until);
        put(w, ")");
        w->indent--;
        break;
    case N_DERIVE:
        put(w, " %s ", derive_name[n->u.derive.kind]);
        print_space_name(t, n->u.derive.space);
        value_list(t, " (keys", n->u.derive.key, n->u.derive.n);
        if (n->u.derive.kind == DV_JOIN) value_list(t, " (keys2", n->u.derive.key2, n->u.derive.n);
        if (n->u.derive.cut) put(w, " (cut %lld)", (long long)n->u.derive.cut);
        results(t, n);
        break;
    }
    put(w, ")");
    t->bound.n = depth;
}
static void space(Printer *t, const Space *s) {
    Writer *w = t->w;
    put(w, "\n(space ");
    print_space_name(t, s);
    put(w, " %s ", space_kind_name[s->kind]);
    print_ext(t, s->extent);
    if (s->lo) put(w, " (lo %lld)", (long long)s->lo);
    if (s->boundary != BND_NONE) put(w, " (boundary %s)", boundary_name[s->boundary]);
    if (s->n_part) {
        put(w, " (parts");
        for (int k = 0; k < s->n_part; k++) put(w, " "), print_space_name(t, s->part[k]);
        put(w, ")");
    }
    if (s->graph) put(w, " (graph "), put_name(w, t->graph_label[s->graph->id]), put(w, ")");
    if (s->n0 && s->f0 && s->f1) {
        put(w, " (family %s ", family_name[s->family]);
        print_ext(t, s->n0);
        put(w, " ");
        print_ext(t, s->f0);
        put(w, " ");
        print_ext(t, s->f1);
        put(w, ")");
    }
    put(w, ")");
}
static void graph(Printer *t, const Graph *g) {
    Space *const part[5] = { g->src_nodes, g->dst_nodes, g->edges, g->ntypes, g->etypes };
    Value *const map[4] = { g->src, g->dst, g->etype, g->ntype };
    put(t->w, "\n(graph ");
    put_name(t->w, t->graph_label[g->id]);
    if (g->given) put(t->w, " given");
    put(t->w, " (spaces");
    for (int k = 0; k < 5; k++) put(t->w, " "), print_space_name(t, part[k]);
    put(t->w, ")");
    value_list(t, " (maps", map, 4);
    put(t->w, ")");
}
static const char *relation(int rel) { return rel == '<' ? "<" : rel == '=' ? "=" : "<="; }

/* Labels: what the caller sees first, so that it keeps its names. */
static void label(Printer *t, const Value *v) {
    if (v && v->id >= 0 && v->id < t->p->n_value && !t->value_label[v->id]) t->value_label[v->id] = names_unique(&t->value_name, t->p->cx, v->name, NULL);
}
static void label_nodes(Printer *t, Node *const *node, int n) {
    for (int k = 0; k < n; k++) {
        for (int j = 0; j < node[k]->n_result; j++) label(t, node[k]->result[j]);
        if (node[k]->kind != N_ITERATE) continue;
        for (int j = 0; j < node[k]->u.iterate.n; j++) label(t, node[k]->u.iterate.carried[j]);
        label_nodes(t, node[k]->u.iterate.body.at, node[k]->u.iterate.body.n);
    }
}
void program_print(const Program *p, Writer *w) {
    Arena *a = p->arena;
    Printer t = { .p = p, .w = w, .arena = a };
    t.sym_name.arena = t.space_name.arena = t.graph_name.arena = t.value_name.arena = a;
    t.sym_label = NEWN(a, const char *, p->sym.n + 1);
    t.space_label = NEWN(a, const char *, p->space.n + 1);
    t.graph_label = NEWN(a, const char *, p->graph.n + 1);
    t.value_label = NEWN(a, const char *, p->n_value + 1);
    for (int k = 0; k < p->sym.n; k++) t.sym_label[k] = names_unique(&t.sym_name, p->cx, p->sym.at[k]->name, NULL);
    for (int k = 0; k < p->space.n; k++) t.space_label[k] = names_unique(&t.space_name, p->cx, p->space.at[k]->name, NULL);
    for (int k = 0; k < p->graph.n; k++) t.graph_label[k] = names_unique(&t.graph_name, p->cx, p->graph.at[k]->name, NULL);
    for (int k = 0; k < p->input.n; k++) label(&t, p->input.at[k]);
    for (int k = 0; k < p->param.n; k++) label(&t, p->param.at[k]);
    label_nodes(&t, p->node.at, p->node.n);

    put(w, "(program ");
    put_name(w, p->name);
    w->indent++;
    for (int k = 0; k < p->sym.n; k++) {
        const Sym *s = p->sym.at[k];
        put(w, "\n(sym ");
        put_name(w, t.sym_label[k]);
        put(w, " %s", sym_kind_name[s->kind]);
        if (s->fixed >= 0) put(w, " %lld", (long long)s->fixed);
        put(w, ")");
    }
    for (int k = 0; k < p->about.n; k++) {
        put(w, "\n(about ");
        put_name(w, p->about.at[k].name);
        put(w, " ");
        sexp_put_real(w, p->about.at[k].count);
        put(w, ")");
    }
    for (int k = 0; k < p->schedule.n; k++) {              /* what is still to be done */
        Writer line;
        bool open = p->schedule.at[k]->verb == V_ONLY;
        for (int j = 0; j < p->schedule.at[k]->name.n; j++) open |= !p->schedule.at[k]->done[j];
        if (!open) continue;
        writer_init(&line, a);
        command_print(p->schedule.at[k], &line);
        put(w, "\n(schedule ");
        if (p->schedule.at[k]->target) put(w, "%s ", p->schedule.at[k]->target);
        sexp_put_string(w, line.at);
        put(w, ")");
    }
    for (int k = 0; k < p->space.n; k++) space(&t, p->space.at[k]);
    for (int k = 0; k < p->graph.n; k++) graph(&t, p->graph.at[k]);
    for (int k = 0; k < p->check.n; k++) {
        const Check *c = &p->check.at[k];
        put(w, "\n(check %s ", relation(c->rel));
        print_ext(&t, c->a);
        put(w, " ");
        print_ext(&t, c->b);
        put(w, " ");
        sexp_put_string(w, c->message ? c->message : "");
        put(w, ")");
    }
    for (int k = 0; k < p->node.n; k++) node(&t, p->node.at[k]);
    value_list(&t, "\n(inputs", p->input.at, p->input.n);
    value_list(&t, "\n(params", p->param.at, p->param.n);
    for (int k = 0; k < p->output.n; k++) {
        put(w, "\n(output ");
        put_name(w, p->output.at[k].name);
        put(w, " ");
        print_value_name(&t, p->output.at[k].value);
        put(w, ")");
    }
    put(w, ")\n");
    w->indent--;
}
