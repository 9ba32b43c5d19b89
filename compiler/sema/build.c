/* build.c - one model as a program: its arguments become symbols, spaces and graphs; then everything that its outputs need. */
#include "diff/diff.h"
#include "sema/scope.h"
#include "ir/schedule.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const Fixed *fixed(Sema *s, const char *name) {
    for (int k = 0; k < s->n_fixed; k++) if (!strcmp(s->fixed[k].name, name)) { s->fixed_used[k] = true; return &s->fixed[k]; }
    return NULL;
}
static Value *graph_map(Sema *s, Graph *g, const char *role, Space *from, Space *to, Loc loc) {
    Node *n = program_node(s->p, N_INPUT, loc);
    n->u.input.graph = g, n->u.input.role = role;
    Value *v = program_value(s->p, n, intern(s->cx, arena_printf(s->a, "%s.%s", g->name, role)), DT_I32, 1, &from);
    v->target = to, v->structural = true;
    vec_add(s->a, s->p->node, n);
    return v;
}
static Space *graph_space(Sema *s, Graph *g, const char *what, SpaceKind k, Loc loc) {
    const char *name = intern(s->cx, arena_printf(s->a, "%s.%s", g->name, what));
    Space *r = program_space(s->p, k, name, ext_sym(s->a, program_sym(s->p, name, SYM_GRAPH, loc)));
    r->graph = g, r->loc = loc;
    return r;
}
void add_graph(Sema *s, Scope *c, ModelArg *m) {
    Graph *g = NEW(s->a, Graph);
    Bind *over = m->over.s ? scope_find(c, m->over.s) : NULL;
    if (m->over.s && (!over || over->kind != B_GRAPH)) diag_error(s->cx, D_UNKNOWN_NAME, m->over.loc, "`%s` is no graph declared before", m->over.s);
    g->id = s->p->graph.n, g->name = m->name.s, g->given = true;
    if (over && over->kind == B_GRAPH) g->src_nodes = over->graph->src_nodes, g->dst_nodes = over->graph->dst_nodes, g->ntypes = over->graph->ntypes;
    else if (m->from) {
        g->src_nodes = graph_space(s, g, m->from->kind == E_NAME ? m->from->name.s : "sources", SP_NODES, m->loc);
        g->dst_nodes = graph_space(s, g, m->to->kind == E_NAME ? m->to->name.s : "targets", SP_NODES, m->loc);
    } else g->src_nodes = g->dst_nodes = graph_space(s, g, "nodes", SP_NODES, m->loc);
    g->edges = graph_space(s, g, "edges", SP_EDGES, m->loc);
    if (!g->ntypes) g->ntypes = graph_space(s, g, "ntypes", SP_NTYPES, m->loc);
    g->etypes = graph_space(s, g, "etypes", SP_ETYPES, m->loc);
    g->src = graph_map(s, g, "src", g->edges, g->src_nodes, m->loc);
    g->dst = graph_map(s, g, "dst", g->edges, g->dst_nodes, m->loc);
    g->etype = graph_map(s, g, "etype", g->edges, g->etypes, m->loc);
    g->ntype = over && over->kind == B_GRAPH ? over->graph->ntype : graph_map(s, g, "ntype", g->dst_nodes, g->ntypes, m->loc);
    vec_add(s->a, s->p->graph, g);
    scope_add(s, c, m->name, B_GRAPH)->graph = g;
}
/* A file is read and parsed once, by whatever paths and however many models use it: its place among the sources, -1 after diagnostics or, if `probe`, when there is none. */
static int source_of(Context *cx, const char *path, Loc from, bool probe) {
    struct stat st;
    bool there = !stat(path, &st);
    if (!there && probe) return -1;
    for (int k = 0; there && k < cx->source.n; k++) {
        const Source *have = &cx->source.at[k];
        if (have->inode && have->inode == (uint64_t)st.st_ino && have->device == (uint64_t)st.st_dev) return k;
    }
    return source_read(cx, path, from);
}
static File *tree_of(Context *cx, const char *path, Loc from, bool probe) {
    int source = source_of(cx, path, from, probe);
    if (source < 0) return NULL;
    if (cx->source.at[source].tree) return cx->source.at[source].tree;
    File *f = parse_used(cx, source);
    if (!f) f = NEW(cx->arena, File), f->source = source;      /* said once */
    return cx->source.at[source].tree = f;
}
static bool is_loaded(const Sema *s, const File *f) {
    for (int k = 0; k < s->file.n; k++) if (s->file.at[k] == f) return true;
    return false;
}
/* f and what it uses, each once: files may use each other in a circle. */
static void load(Sema *s, File *f) {
    if (is_loaded(s, f)) return;
    vec_add(s->a, s->file, f);
    for (int k = 0; k < f->use.n; k++) {
        Use *u = &f->use.at[k];
        if (!u->file) {                                          /* beside the file that uses it, else in the library */
            const char *own = s->cx->source.at[f->source].path, *slash = strrchr(own, '/');
            u->file = tree_of(s->cx, slash ? arena_printf(s->a, "%.*s/%s", (int)(slash - own), own, u->path) : u->path, u->loc, true);
            if (!u->file) u->file = tree_of(s->cx, arena_printf(s->a, "%s/%s", s->cx->std_dir, u->path), u->loc, false);
            if (!u->file) u->file = NEW(s->a, File), u->file->source = f->source;
        }
        load(s, u->file);
    }
}
static void add_lets(Sema *s, Scope *c, File *f);
/* May the text declare a model or an update of that name?  Parsing the whole library for one word takes longer than all the rest. */
static bool may_declare(const Source *src, const char *name) {
    size_t n = strlen(name);
    for (const char *at = src->text; (at = strstr(at, name)); at += n) if (at > src->text && (at[-1] == ' ' || at[-1] == '\t')) return true;
    return false;
}
/* A model of the standard library that the file calls without importing it. */
Model *std_model(Sema *s, const char *name) {
    static const char *const file[] = { "dense", "norm", "attention", "position", "conv", "recurrent", "graph", "operator", "sequence", "mixer", "loss", "optim" };
    for (size_t k = 0; k < sizeof file / sizeof *file; k++) {
        const char *path = arena_printf(s->a, "%s/std/%s.pgn", s->cx->std_dir, file[k]);
        int source = source_of(s->cx, path, NO_LOC, true);
        if (source < 0 || !may_declare(&s->cx->source.at[source], name)) continue;
        File *f = tree_of(s->cx, path, NO_LOC, true);
        int from = s->file.n;
        load(s, f);
        for (int j = from; s->top && j < s->file.n; j++) add_lets(s, s->top, s->file.at[j]);
        Model *m = find_model(s, f, name);
        if (m) return m;
    }
    return NULL;
}
static void add_lets(Sema *s, Scope *c, File *f) {
    for (int k = 0; f && k < f->top.n; k++) {
        Stmt *st = f->top.at[k];
        if (st->kind == S_LET) { bool have = false; for (int j = 0; j < c->bind.n; j++) have |= c->bind.at[j].name == st->name.s; if (!have) { Bind *b = scope_add(s, c, st->name, B_LET); b->let = st, b->scope = c; } }
        else if (st->kind == S_CONST || st->kind == S_DIM) declare_body(s, c, &f->top.at[k], 1, false);   /* a place that stays: the scope keeps it */
    }
}
/* The training step and the gradients of a model are programs of their own, with schedules of their own. */
static bool is_part_of(const char *name, const char *model) {
    size_t n = strlen(model);
    return !strncmp(name, model, n) && (!strcmp(name + n, "_step") || !strcmp(name + n, "_backward"));
}
/* The commands of a block: it was kept as text. */
static void add_schedule(Sema *s, const File *f, const Stmt *st, bool inside) {
    const Source *src = &s->cx->source.at[f->source];
    const char *from = src->text, *to;
    for (int line = 1; line < st->loc.line; line++) from = strchr(from, '\n') + 1;
    to = from;
    for (int line = st->loc.line; line < st->loc.end_line; line++) to = strchr(to, '\n') + 1;
    from += st->loc.col - 1, to += st->loc.end_col - 1;
    ScheduleFile *blocks = schedule_parse(s->cx, from, (size_t)(to - from), st->loc, false);
    for (int k = 0; blocks && k < blocks->schedule.n; k++) {
        const Schedule *b = blocks->schedule.at[k];
        bool mine = b->name && !strcmp(b->name, s->p->name);
        if (mine || (inside && !s->p->is_part)) for (int j = 0; j < b->command.n; j++) vec_add(s->a, s->p->schedule, b->command.at[j]);
        else if (inside && !b->name) continue;                             /* the model's, not its step's */
        else if (!b->name) diag_help(diag_error(s->cx, D_SCHEDULE_SYNTAX, b->loc, "a schedule outside of the models says which one it is for"), "schedule %s { .. }", s->p->name);
        else {
            bool found = false;
            const char *names[256];
            int n = sema_entries((File *)f, names, 256);
            for (int j = 0; j < n; j++) found |= !strcmp(names[j], b->name) || is_part_of(b->name, names[j]);
            const char *near = did_you_mean(s->cx, b->name, names, n);
            Diag *d = found ? NULL : diag_error(s->cx, D_SCHEDULE_STALE, b->loc, "the schedule is for model `%s`, which this file does not have", b->name);
            if (d && near) diag_help(d, "did you mean `%s`?", near);
        }
    }
}
static void add_schedules(Sema *s, const File *f, const Model *m) {
    for (int k = 0; k < f->top.n; k++) if (f->top.at[k]->kind == S_SCHEDULE) add_schedule(s, f, f->top.at[k], false);
    for (int k = 0; k < m->body.n; k++) if (m->body.at[k]->kind == S_SCHEDULE) add_schedule(s, f, m->body.at[k], true);
}
static Program *build(Context *cx, File *f, Model *m, const Fixed *fix, int n_fix, Dtype real, bool all) {
    Sema sema = { .cx = cx, .a = cx->arena, .real = real, .fixed = fix, .n_fixed = n_fix }, *s = &sema;
    int errors = cx->n_errors;
    s->fixed_used = NEWN(s->a, bool, n_fix + 1);
    s->p = program_new(cx, m->name.s);
    const Fixed *mode = fixed(s, "training");                    /* -D training=1: as in a training step */
    if (mode) s->training = strcmp(mode->value, "0") && strcmp(mode->value, "false"), s->gradients = !strcmp(mode->value, "gradients");
    s->p->loc = m->loc;
    cx->source.at[f->source].tree = f;                           /* a file that it uses may use it */
    const char *prelude = intern(cx, "std/prelude.pgn");
    if (m->is_update && !all) { diag_help(diag_error(cx, D_NOT_A_MODEL, m->loc, "`%s` is an update, not a model", m->name.s), "apply it in a model: u = %s(...)(p = ..., g = ...)", m->name.s); return NULL; }
    if (m->is_update && !(m = update_model(s, m, 2, false, m->loc))) return NULL;          /* checked for a matrix */
    Scope *top = NEW(s->a, Scope), *c = NEW(s->a, Scope);
    *top = (Scope){ .file = f, .prefix = "", .model = m };
    *c = (Scope){ .up = top, .file = f, .prefix = "", .model = m };
    s->top = top;
    add_lets(s, top, f);
    add_lets(s, top, tree_of(cx, arena_printf(s->a, "%s/%s", cx->std_dir, prelude), NO_LOC, false));
    load(s, f);
    for (int k = 1; k < s->file.n; k++) add_lets(s, top, s->file.at[k]);
    for (int k = 0; k < m->arg.n; k++) {
        ModelArg *g = &m->arg.at[k];
        const Fixed *fx = fixed(s, g->name.s);
        if (g->kind == A_GRAPH) { add_graph(s, c, g); continue; }
        if (g->kind == A_VALUE) {
            Bind *b = scope_add(s, c, g->name, B_CONST);
            b->expr = g->value, b->scope = top;
            if (fx && (fx->value[0] == '_' || isalpha((unsigned char)fx->value[0]))) {                  /* -D act=gelu: a function */
                b->expr = NEW(s->a, Expr);
                *b->expr = (Expr){ .kind = E_NAME, .loc = g->loc, .name = { intern(cx, fx->value), g->loc } };
            } else if (fx) { char *end; Expr *x = NEW(s->a, Expr); double v = strtod(fx->value, &end); *x = (Expr){ .kind = strpbrk(fx->value, ".eE") ? E_REAL : E_INT, .loc = g->loc, .r = v, .i = (int64_t)v };
                if (*end) diag_error(cx, D_USAGE, NO_LOC, "-D %s=%s: not a number", fx->name, fx->value); else b->expr = x; }
            if (!b->expr && all) b->kind = B_POISON;                 /* the caller gives it */
            else if (!b->expr) { diag_help(diag_error(cx, D_MISSING_ARGUMENT, g->loc, "constant `%s` has no value", g->name.s), "-D %s=VALUE", g->name.s); b->kind = B_POISON; }
            else if (b->expr->kind == E_NAME) bind_function(b, scope_find(top, b->expr->name.s));
            continue;
        }
        Env e = env_of(s, c);
        Ext *size = !fx && g->value ? extent_of(&e, g->value) : NULL;        /* the default may name the sizes before it */
        int64_t v = -1;
        if (size && ext_is_const(size, &v) && (v < 1 || v >= INT32_MAX)) { diag_error(cx, D_DIM_OVERFLOW, g->value->loc, "a size of %lld is not between 1 and 2147483646", (long long)v); size = NULL; }
        if (!size || ext_is_const(size, &v)) {
            Sym *y = program_sym(s->p, g->name.s, SYM_DIM, g->loc);
            if (size) y->fixed = v;
            if (fx) {
                char *end;
                y->fixed = strtoll(fx->value, &end, 10);
                if (*end || !*fx->value || y->fixed < 1 || y->fixed >= INT32_MAX) { diag_error(cx, D_DIM_OVERFLOW, NO_LOC, "-D %s=%s: a size is between 1 and 2147483646", fx->name, fx->value); y->fixed = 1; }
            }
            size = ext_sym(s->a, y);
        }
        Space *sp = program_space(s->p, g->kind == A_DIM ? SP_DIM : g->kind == A_SEQ ? SP_SEQ : SP_GRID, g->name.s, size);
        sp->loc = g->loc;
        sp->boundary = boundary_of(g->edge);
        scope_add(s, c, g->name, B_SPACE)->space = sp;
    }
    for (int k = 0; !all && k < n_fix; k++) if (!s->fixed_used[k]) {
        const char *names[64];
        int n = 0;
        for (; n < m->arg.n && n < 64; n++) names[n] = m->arg.at[n].name.s;
        const char *near = did_you_mean(cx, fix[k].name, names, n);
        Diag *d = diag_error(cx, D_USAGE, NO_LOC, "-D %s: model `%s` has no such argument", fix[k].name, m->name.s);
        if (near) diag_help(d, "did you mean `%s`?", near);
    }
    vec_add(s->a, s->active, m);
    declare_body(s, c, m->body.at, m->body.n, true);
    order_scope(s, c);
    order_elaborate(s, c, true);                                 /* used or not: a program has no unchecked corner */
    for (int k = 0; k < c->output.n; k++) {
        Bind *b = scope_find(c, c->output.at[k]);
        if (!b) { Env e = env_of(s, c); undefined_output(&e, (Name){ c->output.at[k], c->output_at.at[k] }); continue; }
        Env e = env_of(s, c);
        Expr x = { .kind = E_NAME, .loc = b->loc, .name = { b->name, b->loc } };
        Value *v = b->kind == B_DEF || b->kind == B_LAYER ? tensor_value(&e, &x) : NULL;
        if (v) vec_add(s->a, s->p->output, (Output){ c->output.at[k], v });
    }
    if (s->training && cx->n_errors == errors && has_optimize(m->body.at, m->body.n)) {
        s->p->name = intern(cx, arena_printf(s->a, "%s_%s", m->name.s, s->gradients ? "backward" : "step")), s->p->is_part = true;
        run_optimize(s, c, m->body.at, m->body.n);
    }
    program_add_implied(s);
    if (!c->output.n) diag_help(diag_error(cx, D_UNDEFINED_TENSOR, m->loc, "model `%s` has no output", m->name.s), "output y[...] = ...");
    check_sizes(s);
    if (cx->n_errors == errors) diff_finish(s->p);
    if (cx->n_errors == errors) {
        schedule_name_apart(s->p);
        add_schedules(s, f, m);
        schedule_check(s->p);
    }
    return cx->n_errors > errors ? NULL : s->p;
}

int sema_entries(File *f, const char **names, int max) {
    int n = 0;
    for (int k = 0; k < f->model.n && n < max; k++) if (!f->model.at[k]->is_update) names[n++] = f->model.at[k]->name.s;
    return n;
}
bool sema_trains(const File *f, const char *model) {
    for (int k = 0; k < f->model.n; k++) if (f->model.at[k]->name.s == model) return !f->model.at[k]->is_update && has_optimize(f->model.at[k]->body.at, f->model.at[k]->body.n);
    return false;
}
Program *sema_build(Context *cx, File *f, const char *model, const Fixed *fix, int n_fix, Dtype real) {
    const char *names[256];
    int n = sema_entries(f, names, 256);
    for (int k = 0; k < f->model.n; k++) if (model ? f->model.at[k]->name.s == model : k == f->model.n - 1) return build(cx, f, f->model.at[k], fix, n_fix, real, false);
    Loc at = { f->source, 1, 1, 1, 2 };
    if (!model) { diag_error(cx, D_NOT_A_MODEL, at, "this file has no model"); return NULL; }
    const char *near = did_you_mean(cx, model, names, n);
    Diag *d = diag_error(cx, D_NOT_A_MODEL, NO_LOC, "this file has no model `%s`", model);
    if (near) diag_help(d, "did you mean `%s`?", near);
    return NULL;
}
bool sema_check_file(Context *cx, File *f) {
    static const Fixed training = { "training", "1" };
    bool ok = true;
    for (int k = 0; k < f->model.n; k++) {
        Model *m = f->model.at[k];
        bool fine = build(cx, f, m, NULL, 0, DT_F32, true) != NULL;
        if (fine && !m->is_update && has_optimize(m->body.at, m->body.n)) fine = build(cx, f, m, &training, 1, DT_F32, true) != NULL;      /* its training step too */
        ok &= fine;
    }
    return ok;
}
