/* interface.c - what the caller sees: graphs, inputs, parameters, outputs; and the buffers of what comes from outside. */
#include "lower/lower.h"
#include <string.h>

/* The source line of a place, for comments in generated text: spaces shortened, comment dropped. */
const char *source_line(Lower *l, Loc loc, const char *otherwise) {
    if (loc.file < 0 || loc.file >= l->cx->source.n || loc.line < 1) return otherwise;
    const Source *s = &l->cx->source.at[loc.file];
    const char *at = s->text, *end = s->text + s->length;
    for (int line = 1; line < loc.line && at < end; at++) line += *at == '\n';
    char *text = NEWN(l->a, char, 124);
    int n = 0;
    for (; at < end && *at != '\n' && *at != '#' && *at != '{' && n < 120; at++) {
        bool space = *at == ' ' || *at == '\t' || *at == '\r';
        if (!space) text[n++] = *at; else if (n && text[n - 1] != ' ') text[n++] = ' ';
    }
    while (n && text[n - 1] == ' ') n--;
    text[n] = 0;
    return n ? text : otherwise;
}

IfaceItem iface_item(Lower *l, const char *name, const Value *v) {
    IfaceItem item = { .name = name, .dt = v->dt, .rank = v->rank, .target = v->target ? v->target->extent : NULL };
    (void)l;
    for (int k = 0; k < v->rank; k++) item.extent[k] = v->axis[k]->extent;
    return item;
}
static int symbol_of(const Space *s) { return s && s->extent->op == EXT_SYM ? s->extent->sym->id : -1; }
static bool fits(Lower *l, const Value *v) {
    if (v->rank <= 8) return true;
    Diag *d = diag_error(l->cx, D_UNSUPPORTED, v->loc, "`%s` has %d dimensions; compiled code has at most 8", v->name, v->rank);
    diag_help(d, "join axes to a product: `(a, b)` is one axis");
    return false;
}

/* Inputs and parameters stand in the interface whether something reads them or not; a buffer has only what is read. */
bool lower_source(Lower *l, Node *n) {
    Value *v = n->result[0];
    Place *pl = &l->place[v->id];
    if (!fits(l, v)) return false;
    if (n->kind == N_CONST) {
        pl->buf = buf_new(l, v->name, v->dt, count_of(l, v), BUF_CONST, v->loc);
        pl->buf->data = n->u.constant.data;
        return true;
    }
    if (n->kind == N_INPUT && n->u.input.role) {
        pl->buf = graph_map(l, v);
        return true;
    }
    bool input = n->kind == N_INPUT;
    int many = input ? l->p->input.n : l->p->param.n;
    for (int k = 0; k < many; k++) {
        if ((input ? l->p->input.at : l->p->param.at)[k] != v) continue;
        IfaceItem *item = &(input ? l->u->input.at : l->u->param.at)[k];
        item->buf = pl->buf = buf_new(l, v->name, v->dt, count_of(l, v), input ? BUF_INPUT : BUF_PARAM, v->loc);
        pl->buf->iface = k;
    }
    return true;
}
bool lower_interface(Lower *l) {
    Program *p = l->p;
    for (int k = 0; k < p->node.n; k++) for (int j = 0; j < p->node.at[k]->n_result; j++) if (!fits(l, p->node.at[k]->result[j])) return false;
    for (int k = 0; k < p->graph.n; k++) {
        const Graph *g = p->graph.at[k];
        if (!g->given) continue;
        vec_add(l->a, l->u->graph, (IfaceGraph){ .name = g->name, .sym_src_nodes = symbol_of(g->src_nodes), .sym_dst_nodes = symbol_of(g->dst_nodes),
                .sym_edges = symbol_of(g->edges), .sym_ntypes = symbol_of(g->ntypes), .sym_etypes = symbol_of(g->etypes) });
    }
    for (int k = 0; k < p->input.n; k++) {
        vec_add(l->a, l->u->input, iface_item(l, p->input.at[k]->name, p->input.at[k]));
        vec_add(l->a, l->u->input_structural, in_bind(p->input.at[k]));
    }
    for (int k = 0; k < p->param.n; k++) {
        Value *v = p->param.at[k];
        IfaceItem item = iface_item(l, v->name, v);
        item.init = v->node->u.param.init, item.n_init_arg = v->node->u.param.n_init_arg, item.frozen = v->node->u.param.frozen;
        memcpy(item.init_arg, v->node->u.param.init_arg, sizeof item.init_arg);
        vec_add(l->a, l->u->param, item);
    }
    /* all of them have a buffer: that is where targets find the type and the number of elements */
    for (int k = 0; k < p->input.n; k++) if (!need_value(l, p->input.at[k])) return false;
    for (int k = 0; k < p->param.n; k++) if (!need_value(l, p->param.at[k])) return false;
    return true;
}
