/* header.c - the header that goes with an artifact: typed structs for what a model takes and gives, inline functions over libpigeon.
 *
 * Struct members stand in the order of the model's lists.  The functions copy them into the plain arrays that pgn_model_*() takes, so
 * that a pointer type is never read as another one. */
#include "target/c/print.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

typedef struct Field { const char *name; int at; } Field;
typedef VEC(Field) Fields;

/* A C identifier that is new in its struct. */
static const char *member(Arena *a, Fields *have, const char *name, int at) {
    const char *s = c_name(a, name), *base = s;
    for (int k = 2, again = 1; again; k++) {
        again = 0;
        for (int j = 0; j < have->n; j++) again |= !strcmp(have->at[j].name, s);
        if (again) s = arena_printf(a, "%s_%d_", base, k);
    }
    vec_add(a, *have, (Field){ s, at });
    return s;
}
static void put_shape(Writer *w, const IfaceItem *item) {
    put(w, "/* ");
    put_comment(w, item->name);
    if (item->rank) put(w, "[");
    for (int j = 0; j < item->rank; j++) {
        put(w, "%s", j ? ", " : "");
        put_comment(w, ext_text(w->arena, item->extent[j]));
    }
    put(w, "%s %s", item->rank ? "]" : "", dtype_name(item->dt));
    if (dtype_is_complex(item->dt)) put(w, " (re, im pairs)");
    if (item->dt == DT_F16 || item->dt == DT_BF16) put(w, " (as bits)");
    if (item->target) { put(w, ", values below "); put_comment(w, ext_text(w->arena, item->target)); }
    if (item->init) {
        put(w, ", init ");
        put_comment(w, item->init);
        for (int j = 0; j < item->n_init_arg; j++) { put(w, j ? ", " : "("); put_real(w, item->init_arg[j], DT_F64); }
        put(w, item->n_init_arg ? ")" : "");
    }
    put(w, "%s */\n", item->frozen ? ", frozen" : "");
}
static void begin(Writer *w, const char *doc) { put(w, "\n/* %s */\ntypedef struct {\n", doc); w->indent++; }
static void end(Writer *w, const char *unit, const char *what, bool empty) {
    if (empty) put(w, "char unused;\n");
    w->indent--;
    put(w, "} %s_%s;\n", unit, what);
}
static Fields print_list(Writer *w, const Unit *u, const char *what, const char *doc, const IfaceItem *item, int n, bool constant, const bool *skip) {
    Fields m = { 0 };
    begin(w, doc);
    for (int k = 0; k < n; k++) {
        if (skip && skip[k]) continue;
        put(w, "%s%s *%s;  ", constant ? "const " : "", c_interface_type(item[k].dt), member(w->arena, &m, item[k].name, k));
        put_shape(w, &item[k]);
    }
    end(w, u->name, what, !m.n);
    return m;
}
/* `const void *a_inputs[] = { inputs->x, NULL, .. }`: place k of the list, NULL for one that is given elsewhere */
static void print_array(Writer *w, const char *qualifier, const char *array, const char *from, const Fields *m, int n) {
    put(w, "%svoid *%s[] = { ", qualifier, array);
    for (int k = 0, j = 0; k < n; k++) {
        put(w, k ? ", " : "");
        if (j < m->n && m->at[j].at == k) put(w, "%s->%s", from, m->at[j++].name); else put(w, "NULL");
    }
    put(w, "%s };\n", n ? "" : "NULL");
}

void target_header_print(const Unit *u, Writer *w) {
    Arena *a = w->arena;
    const char *name = u->name, *call = u->is_part ? name : arena_printf(a, "%s_forward", name);
    char *guard = arena_printf(a, "PIGEON_MODEL_%s_H", name);
    for (char *c = guard; *c; c++) *c = (char)toupper((unsigned char)*c);
    guard = arena_printf(a, "%s_%s", guard, name);         /* `A` and `a` are two models */
    bool *structural = NEWN(a, bool, u->input.n + 1);
    int n_structural = 0;
    for (int k = 0; k < u->input.n && k < u->input_structural.n; k++) n_structural += structural[k] = u->input_structural.at[k];

    put(w, "#ifndef %s\n#define %s\n/* ", guard, guard);
    put_comment(w, u->signature ? u->signature : name);
    put(w, "\n *\n * Made by pigeonc; don't edit. Link with the model's object file and libpigeon.\n");
    put(w, " *   1. %s_plan       binds the model to sizes%s; once per structure\n", name, u->graph.n ? " and a graph" : "");
    if (u->param.n) put(w, " *      %s_init       fills parameters as the model says they begin, where no file gives them\n", name);
    put(w, " *   2. %-*s computes; every call. Needs %s_workspace_size() bytes of memory\n", (int)strlen(name) + 11, call, name);
    put(w, " *   3. %s_destroy    frees the plan\n", name);
    put(w, " * Arrays are contiguous, last axis fastest. Functions return PGN_OK or a status and fill *error (may be NULL).\n");
    put(w, " * One plan may serve several threads at once, each with its own workspace. */\n");
    put(w, "#include <pigeon/model.h>\n#if PGN_ABI != 4\n#error \"this header was made for another version of libpigeon: compile the model again\"\n#endif\n");
    put(w, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\nextern const pgn_model %s_model;\n", name);

    Fields dims = { 0 }, graphs = { 0 }, maps = { 0 };
    begin(w, "Sizes that the caller chooses, each at least 1.");
    for (int k = 0; k < u->sym.n; k++) {
        const Sym *s = u->sym.at[k];
        if (s->kind == SYM_DIM && s->fixed < 0) put(w, "int64_t %s;\n", member(a, &dims, s->name, k));
    }
    end(w, name, "sizes", !dims.n);

    begin(w, "What the model's structure depends on. Host memory; the plan keeps its own copy.");
    for (int k = 0; k < u->graph.n; k++) {
        const IfaceGraph *g = &u->graph.at[k];
        const char *used[] = { g->src ? " src" : "", g->dst ? " dst" : "", g->etype ? " etype" : "", g->ntype ? " ntype" : "" };
        put(w, "pgn_graph_view %s;  /* the model reads:%s%s%s%s */\n", member(a, &graphs, g->name, k), used[0], used[1], used[2], used[3]);
    }
    for (int k = 0; k < u->input.n; k++) if (structural[k]) {
        for (int j = 0; !maps.n && j < graphs.n; j++) vec_add(a, maps, (Field){ graphs.at[j].name, -1 });   /* one struct, one set of names */
        put(w, "const %s *%s;  ", c_interface_type(u->input.at[k].dt), member(a, &maps, u->input.at[k].name, k));
        put_shape(w, &u->input.at[k]);
    }
    end(w, name, "structure", !u->graph.n && !n_structural);
    Fields given = { 0 };
    for (int j = 0; j < maps.n; j++) if (maps.at[j].at >= 0) vec_add(a, given, maps.at[j]);

    Fields in = print_list(w, u, "inputs", "Inputs of every call.", u->input.at, u->input.n, true, structural);
    Fields params = print_list(w, u, "params", "Parameters.", u->param.at, u->param.n, true, NULL);
    Fields out = print_list(w, u, "outputs", "Results; the caller's memory.", u->output.at, u->output.n, false, NULL);

    put(w, "\n/* `options` may be NULL. On success *plan must be given to %s_destroy() in the end. */\n", name);
    put(w, "static inline pgn_status %s_plan(const %s_structure *structure, const %s_sizes *sizes, const pgn_options *options,\n", name, name, name);
    put(w, "                                 pgn_plan **plan, pgn_error *error) {\n");
    w->indent++;
    put(w, "const int64_t size_of[] = { ");
    for (int k = 0, j = 0; k < u->sym.n; k++) {
        put(w, k ? ", " : "");
        if (j < dims.n && dims.at[j].at == k) put(w, "sizes->%s", dims.at[j++].name); else put(w, "-1");
    }
    put(w, "%s };\n", u->sym.n ? "" : "-1");
    if (u->graph.n) {
        put(w, "const pgn_graph_view graphs[] = { ");
        for (int k = 0; k < graphs.n; k++) put(w, "%sstructure->%s", k ? ", " : "", graphs.at[k].name);
        put(w, " };\n");
    }
    if (n_structural) print_array(w, "const ", "maps", "structure", &given, u->input.n);
    put(w, "(void)structure, (void)sizes;\n");
    put(w, "return pgn_model_plan(&%s_model, %s, size_of, %s, options, plan, error);\n", name, u->graph.n ? "graphs" : "NULL", n_structural ? "maps" : "NULL");
    w->indent--;
    put(w, "}\n\n/* Bytes that %s() needs as its workspace. */\n", call);
    put(w, "static inline size_t %s_workspace_size(const pgn_plan *plan) { return pgn_plan_workspace_size(plan); }\n", name);
    put(w, "\n/* `stream` is the CUDA stream of an artifact for a GPU, else NULL. On failure the outputs are as they were. */\n");
    put(w, "static inline pgn_status %s(const pgn_plan *plan, const %s_inputs *inputs, const %s_params *params,\n", call, name, name);
    put(w, "                                    const %s_outputs *outputs, void *workspace, void *stream, pgn_error *error) {\n", name);
    w->indent++;
    print_array(w, "const ", "in_of", "inputs", &in, u->input.n);
    print_array(w, "const ", "param_of", "params", &params, u->param.n);
    print_array(w, "", "out_of", "outputs", &out, u->output.n);
    put(w, "(void)inputs, (void)params, (void)outputs;\n");
    put(w, "return pgn_model_forward(plan, in_of, param_of, out_of, workspace, stream, error);\n");
    w->indent--;
    if (u->param.n) {
        put(w, "}\n\n/* The same numbers for the same seed everywhere: those of `pigeonc run --seed`. The arrays are written, const or not. */\n");
        put(w, "static inline pgn_status %s_init(const pgn_plan *plan, int64_t seed, const %s_params *params, pgn_error *error) {\n", name, name);
        w->indent++;
        print_array(w, "const ", "param_of", "params", &params, u->param.n);
        put(w, "void *to[sizeof param_of / sizeof *param_of];\nfor (size_t k = 0; k < sizeof to / sizeof *to; k++) to[k] = (void *)(uintptr_t)param_of[k];\n");
        put(w, "return pgn_model_init(plan, &%s_model, seed, to, error);\n", name);
        w->indent--;
    }
    put(w, "}\nstatic inline void %s_destroy(pgn_plan *plan) { pgn_plan_free(plan); }\n", name);
    put(w, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
