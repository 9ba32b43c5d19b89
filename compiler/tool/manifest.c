/* manifest.c - the interface of an artifact as JSON, for bindings and tools: what each model takes and gives, sizes as expressions
 * over its dims. */
#include "tool/tool.h"
#include "pigeon/model.h"
#include <inttypes.h>

void put_json(Writer *w, const char *s) {
    put_raw(w, "\"", 1);
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') put_raw(w, "\\", 1);
        if (c < 0x20) put_raw(w, arena_printf(w->arena, "\\u%04x", c), 6);
        else put_raw(w, s, 1);
    }
    put_raw(w, "\"", 1);
}
static void put_field(Writer *w, const char *name, const char *text) {
    put(w, ", \"%s\": ", name);
    put_json(w, text);
}
static void put_item(Writer *w, const IfaceItem *a, bool structural) {
    put(w, "{\"name\": ");
    put_json(w, a->name);
    put_field(w, "type", dtype_name(a->dt));
    put(w, ", \"shape\": [");
    for (int k = 0; k < a->rank; k++) { put(w, k ? ", " : ""); put_json(w, ext_text(w->arena, a->extent[k])); }
    put(w, "]");
    if (a->target) put_field(w, "below", ext_text(w->arena, a->target));
    if (structural) put(w, ", \"structural\": true");
    if (a->init) {
        put_field(w, "init", a->init);
        if (a->n_init_arg) put(w, ", \"init_arguments\": [");
        for (int k = 0; k < a->n_init_arg; k++) put(w, "%s%.17g", k ? ", " : "", a->init_arg[k]);
        if (a->n_init_arg) put(w, "]");
    }
    if (a->frozen) put(w, ", \"frozen\": true");
    put(w, "}");
}
static void put_items(Writer *w, const char *what, const IfaceItem *item, int n, const bool *structural) {
    put(w, ",\n\"%s\": [", what);
    w->indent++;
    for (int k = 0; k < n; k++) { put(w, k ? ",\n" : "\n"); put_item(w, &item[k], structural && structural[k]); }
    w->indent--;
    put(w, n ? "\n]" : "]");
}
static void put_graphs(Writer *w, const Unit *u) {
    put(w, ",\n\"graphs\": [");
    w->indent++;
    for (int k = 0; k < u->graph.n; k++) {
        const IfaceGraph *g = &u->graph.at[k];
        const struct { const char *name; int sym; } size[] = { { "src_nodes", g->sym_src_nodes }, { "dst_nodes", g->sym_dst_nodes },
            { "edges", g->sym_edges }, { "ntypes", g->sym_ntypes }, { "etypes", g->sym_etypes } };
        const struct { const char *name; const Buf *buf; } map[] = { { "src", g->src }, { "dst", g->dst }, { "etype", g->etype }, { "ntype", g->ntype } };
        put(w, "%s{\"name\": ", k ? ",\n" : "\n");
        put_json(w, g->name);
        for (int j = 0; j < 5; j++) if (size[j].sym >= 0) put_field(w, size[j].name, u->sym.at[size[j].sym]->name);
        put(w, ", \"reads\": [");
        for (int j = 0, any = 0; j < 4; j++) if (map[j].buf) put(w, "%s\"%s\"", any++ ? ", " : "", map[j].name);
        put(w, "]}");
    }
    w->indent--;
    put(w, u->graph.n ? "\n]" : "]");
}
static void put_model(Writer *w, const Unit *u) {
    put(w, "{\"name\": ");
    put_json(w, u->name);
    put(w, ",\n\"signature\": ");
    put_json(w, u->signature);
    put(w, ",\n\"symbol\": ");
    put_json(w, arena_printf(w->arena, "%s_model", u->name));
    put(w, ",\n\"dims\": [");
    for (int k = 0, any = 0; k < u->sym.n; k++) {
        const Sym *s = u->sym.at[k];
        if (s->kind != SYM_DIM) continue;
        put(w, any++ ? ", " : "");
        put(w, "{\"name\": ");
        put_json(w, s->name);
        if (s->fixed >= 0) put(w, ", \"fixed\": %" PRId64 "}", s->fixed); else put(w, "}");
    }
    put(w, "]");
    put_graphs(w, u);
    put_items(w, "inputs", u->input.at, u->input.n, u->input_structural.n == u->input.n ? u->input_structural.at : NULL);
    put_items(w, "params", u->param.at, u->param.n, NULL);
    put_items(w, "outputs", u->output.at, u->output.n, NULL);
    put(w, "}");
}
void manifest_print(Writer *w, const Options *o, Unit *const *u, int n) {
    put(w, "{\"abi\": %d, \"pigeon\": \"%s\", \"target\": ", PGN_ABI, PACKAGE_VERSION);
    put_json(w, o->target ? o->target->name : "cpu");
    put(w, ", \"models\": [\n");
    for (int k = 0; k < n; k++) { put_model(w, u[k]); put(w, k + 1 < n ? ",\n" : "\n"); }
    put(w, "]}\n");
}
