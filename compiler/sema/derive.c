/* derive.c - spaces and graphs that are made from maps when the structure is bound.
 *
 *     space P = unique(src, etype)                              maps back P.src, P.etype, and P.pair: edges -> P
 *     space Q = join(e: g.edges, f: g.edges where dst(e) = src(f))      Q.e, Q.f
 *     space F = filter(e: g.edges where etype(e) = 3)           F.e
 *     graph r = reverse(g);  graph s = self_loops(g);  graph f = g where etype = 3
 *
 * A space is made when it is first named; the maps that it needs are declared then, if their turn has not come.  Joins are by equal
 * keys only; what remains of a condition filters the result. */
#include "sema/scope.h"
#include <string.h>

static bool structural_value(Value *v);
static bool data_read(X *x, void *d) {
    bool *data = d;
    if (x->k == X_READ && !structural_value(x->u.read.v)) *data = true;
    return !*data;
}
/* Known when graphs and maps are: graph maps, input maps, constants, and what is computed from those. */
static bool structural_value(Value *v) {
    switch (v->node->kind) {
    case N_INPUT: return v->target != NULL;
    case N_CONST: case N_DERIVE: return true;
    case N_COMPUTE: return is_structural(v->node->u.compute.expr);
    case N_PARAM: case N_RECUR: case N_TRANSFORM: case N_SELECT: case N_FACTOR: case N_ITERATE: return false;
    }
    return false;
}
bool is_structural(X *x) {
    bool data = false;
    x_walk(x, data_read, &data);
    return !data;
}
static bool refuse_data(Env *e, X *x, Loc at, const char *what) {
    if (is_structural(x)) return false;
    diag_help(diag_error(e->s->cx, D_STRUCTURE_FROM_DATA, at, "%s depends on values that are known only when the model runs", what), "derived spaces are made from graphs, maps and constants");
    return true;
}
static Space *derived(Sema *s, const char *name, Loc loc) {
    Space *r = program_space(s->p, SP_DERIVED, name, ext_sym(s->a, program_sym(s->p, name, SYM_DATA, loc)));
    r->loc = loc;
    return r;
}
static Value *map_result(Sema *s, Node *n, const char *name, Space *from, Space *to) {
    Value *v = program_value(s->p, n, name, DT_I32, 1, &from);
    v->target = to, v->structural = true;
    return v;
}
static void add_map(Sema *s, Scope *c, const char *name, Value *v, Loc loc) {
    Def *d = NEW(s->a, Def);
    *d = (Def){ .name = intern(s->cx, name), .loc = loc, .scope = c, .state = 2, .value = v };
    Bind b = { .name = d->name, .kind = v ? B_DEF : B_POISON, .loc = loc, .def = d };
    vec_add(s->a, c->bind, b);
}
static void need_maps(Env *e, Expr *x, int depth);
/* A map by name; a declared one whose turn has not come is declared now. */
static Value *map_named(Env *e, Expr *x) {
    Sema *s = e->s;
    if (x->kind != E_NAME) { diag_error(s->cx, D_NOT_A_MAP, x->loc, "`%s` is not the name of a map", expr_text(s->cx, x)); return NULL; }
    const char *f = x->name.s, *dot = strrchr(f, '.'), *role = dot ? dot + 1 : f;
    Bind *b = scope_find(e->scope, f);
    if (!b) {
        Graph *g = NULL;
        int count = 0;
        if (dot) { Bind *q = scope_find(e->scope, intern_n(s->cx, f, (size_t)(dot - f))); if (q && q->kind == B_GRAPH) g = q->graph, count = 1; }
        else for (Scope *c = e->scope; c && !count; c = c->up) for (int j = 0; j < c->bind.n; j++) if (c->bind.at[j].kind == B_GRAPH) g = c->bind.at[j].graph, count++;
        if (count == 1) {
            Value *v = !strcmp(role, "src") ? g->src : !strcmp(role, "dst") ? g->dst : !strcmp(role, "etype") ? g->etype : !strcmp(role, "ntype") ? g->ntype : NULL;
            if (v) return v;
        }
        for (Scope *c = e->scope; c; c = c->up) for (int k = 0; k < c->n_body; k++) for (int j = 0; j < c->body[k]->decl.n; j++) {
            Stmt *st = c->body[k];
            Decl *d = &st->decl.at[j];
            if (!d->is_map || d->name.s != f || (st->kind != S_INPUT && st->kind != S_MAP)) continue;
            add_array(s, c, d, S_MAP, c->entry);
            need_maps(&(Env){ .s = s, .scope = c }, d->value, 0);
            for (int q = 0; q < c->bind.n; q++) if (c->bind.at[q].name == f) c->bind.at[q].declared = d, b = &c->bind.at[q];
        }
    }
    if (!b) { unknown_name(e, x->name); return NULL; }
    Value *v = b->kind == B_DEF ? def_value(s, b->def) : NULL;
    if (b->kind == B_POISON || (b->kind == B_DEF && !v)) return NULL;
    if (!v || !v->target || v->rank != 1) { diag_note(diag_error(s->cx, D_NOT_A_MAP, x->loc, "`%s` is not a map of one index", f), b->loc, "it is declared here"); return NULL; }
    return v;
}
/* declares the maps that a condition applies */
static void need_maps(Env *e, Expr *x, int depth) {
    if (!x || depth > 200) return;
    if (x->kind == E_CALL && x->arg.n && x->arg.at[0]->kind == E_NAME && !scope_find(e->scope, x->arg.at[0]->name.s)) {
        const char *f = x->arg.at[0]->name.s;
        for (Scope *c = e->scope; c; c = c->up) for (int k = 0; k < c->n_body; k++) for (int j = 0; j < c->body[k]->decl.n; j++) {
            Stmt *st = c->body[k];
            if (st->decl.at[j].is_map && st->decl.at[j].name.s == f && (st->kind == S_INPUT || st->kind == S_MAP)) { (void)map_named(e, x->arg.at[0]); return need_maps(e, x->call.n ? x->call.at[0].value : NULL, depth + 1); }
        }
    }
    for (int k = 0; k < x->arg.n; k++) need_maps(e, x->arg.at[k], depth + 1);
    for (int k = 0; k < x->call.n; k++) need_maps(e, x->call.at[k].value, depth + 1);
}
static Node *make_unique(Sema *s, Space *p, Value **key, int n, const char *const *back, const char *pair, Loc at) {
    Node *node = program_node(s->p, N_DERIVE, at);
    node->u.derive.kind = DV_UNIQUE, node->u.derive.space = p, node->u.derive.n = n;
    for (int k = 0; k < n; k++) {
        node->u.derive.key[k] = key[k];
        map_result(s, node, back ? back[k] : NULL, p, key[k]->target);
    }
    map_result(s, node, pair, key[0]->axis[0], p);
    vec_add(s->a, s->p->node, node);
    return node;
}
/* For softmax over several keys: the map into their combinations; the same keys share one space. */
Value *unique_pair(Env *e, Value **key, int n, Loc at) {
    Sema *s = e->s;
    for (int k = 0; k < s->unique.n; k++) {
        Unique *u = &s->unique.at[k];
        bool same = u->n == n;
        for (int j = 0; j < n && same; j++) same = u->key[j] == key[j];
        if (same) return u->pair;
    }
    const char *name = "unique(";
    for (int k = 0; k < n; k++) name = arena_printf(s->a, "%s%s%s", name, k ? ", " : "", key[k]->name);
    Space *p = derived(s, intern(s->cx, arena_printf(s->a, "%s)", name)), at);
    Node *node = make_unique(s, p, key, n, NULL, NULL, at);
    Unique u = { .n = n, .pair = node->result[n] };
    memcpy(u.key, key, sizeof *key * (size_t)n);
    vec_add(s->a, s->unique, u);
    return u.pair;
}
/* FILTER of `domain` by a condition on index i: the map space -> domain */
static Value *make_filter(Env *e, Space *p, Index *i, X *cond, const char *name, Loc at) {
    Sema *s = e->s;
    Value *keep = materialise(e, cond, &i, 1, NULL, at);
    if (!keep) return NULL;
    Node *node = program_node(s->p, N_DERIVE, at);
    node->u.derive.kind = DV_FILTER, node->u.derive.space = p, node->u.derive.n = 1, node->u.derive.key[0] = keep;
    Value *v = map_result(s, node, name, p, i->space);
    vec_add(s->a, s->p->node, node);
    return v;
}
static X *both(Arena *a, X **c, int n) {
    X *r = c[0];
    for (int k = 1; k < n; k++) r = x_op(a, OP_AND, r, c[k]);
    return r;
}
static Space *make_join(Env *e, Stmt *st, const char *name, const char *full) {
    Sema *s = e->s;
    Arena *a = s->a;
    if (st->bind.n != 2) { diag_help(diag_error(s->cx, D_WRONG_ARITY, st->loc, "join takes two indices"), "space Q = join(e: A, f: B where dst(e) = src(f)); one index is filter(e: A where ..)"); return NULL; }
    Env in = *e;
    Index *i[2];
    for (int k = 0; k < 2; k++) {
        Space *sp = space_of(e, st->bind.at[k].cond);
        if (!sp) return NULL;
        i[k] = program_index(s->p, st->bind.at[k].index.s, sp);
        push_index(&in, i[k]->name, i[k]);
    }
    need_maps(e, st->cond, 0);
    X *c = type_expr(&in, st->cond), *part[16], *rest[16];
    if (!c) return NULL;
    if (c->dt != DT_BOOL) { diag_error(s->cx, D_TYPE_MISMATCH, st->cond->loc, "a condition is true or false, this is %s", dtype_name(c->dt)); return NULL; }
    if (refuse_data(e, c, st->cond->loc, "this condition")) return NULL;
    int n = 0, m = 0;
    conjunction(a, c, part, &n, 16);
    Node *node = program_node(s->p, N_DERIVE, st->loc);
    node->u.derive.kind = DV_JOIN;
    for (int k = 0; k < n; k++) {
        X *l = part[k]->k == X_OP && part[k]->u.op.op == OP_EQ ? part[k]->u.op.arg[0] : NULL, *r = l ? part[k]->u.op.arg[1] : NULL;
        if (l && x_uses_index(l, i[1])) { X *t = l; l = r, r = t; }
        bool key = l && dtype_is_int(l->dt) && x_uses_index(l, i[0]) && !x_uses_index(l, i[1]) && x_uses_index(r, i[1]) && !x_uses_index(r, i[0]) && node->u.derive.n < 8;
        Space *to = key ? l->space : NULL;
        if (!key || !to || to != r->space) { rest[m++] = part[k]; continue; }
        X *side[2] = { l, r };
        Value *v[2];
        for (int q = 0; q < 2; q++) {
            while (side[q]->k == X_CAST && side[q]->space) side[q] = side[q]->u.cast.arg;
            bool plain = side[q]->k == X_READ && side[q]->u.read.v->rank == 1 && side[q]->u.read.idx[0]->k == X_INDEX;
            v[q] = plain ? side[q]->u.read.v : materialise(e, x_cast(a, side[q], DT_I32), &i[q], 1, NULL, st->loc);
            if (!v[q]) return NULL;
            if (!plain) v[q]->target = to, v[q]->structural = true;
        }
        node->u.derive.key[node->u.derive.n] = v[0], node->u.derive.key2[node->u.derive.n++] = v[1];
    }
    if (!node->u.derive.n) {
        diag_help(diag_error(s->cx, D_BAD_DECLARATION, st->cond->loc, "this join has no key: no map of `%s` equals a map of `%s`", i[0]->name, i[1]->name), "joins are made from equal keys, never by trying all pairs: dst(%s) = src(%s)", i[0]->name, i[1]->name);
        return NULL;
    }
    Space *p = derived(s, m ? intern(s->cx, arena_printf(s->a, "%s.all", full)) : full, st->loc);
    node->u.derive.space = p;
    const char *side_name[2];
    for (int k = 0; k < 2; k++) side_name[k] = intern(s->cx, arena_printf(a, "%s.%s", full, i[k]->name));
    for (int k = 0; k < 2; k++) map_result(s, node, m ? NULL : side_name[k], p, i[k]->space);
    vec_add(a, s->p->node, node);
    Value *side[2] = { node->result[0], node->result[1] };
    if (m) {                                                     /* what is no key filters the pairs */
        Index *q = program_index(s->p, "q", p);
        X *at = x_index(a, q), *to[2];
        for (int k = 0; k < 2; k++) to[k] = x_read(a, side[k], &at, NULL, NULL);
        Space *f = derived(s, full, st->loc);
        Value *up = make_filter(e, f, q, x_substitute(s->p, both(a, rest, m), 2, i, to), NULL, st->loc);
        if (!up) return NULL;
        for (int k = 0; k < 2; k++) {
            Index *w = program_index(s->p, "q", f);
            X *here = x_index(a, w), *there = x_read(a, up, &here, NULL, NULL);
            Value *v = materialise(e, x_read(a, side[k], &there, NULL, NULL), &w, 1, side_name[k], st->loc);
            if (!v) return NULL;
            v->target = i[k]->space, v->structural = true;
            side[k] = v;
        }
        p = f;
    }
    for (int k = 0; k < 2; k++) add_map(s, e->scope, arena_printf(a, "%s.%s", name, i[k]->name), side[k], st->loc);
    return p;
}
Space *derive_space(Sema *s, Bind *b) {
    Stmt *st = b->let;
    Scope *c = b->scope;
    Env e = env_of(s, c);
    const char *name = b->name, *full = dotted(s, c, name), *w = st->word.n ? st->word.at[0].s : "";
    b->kind = B_POISON;                                          /* until it is made: a space is not made from itself */
    Space *r = NULL;
    if (!strcmp(w, "unique")) {
        Value *key[8];
        const char *back[8] = { NULL }, *own[8];
        int n = 0;
        bool ok = st->expr.n > 0 && st->expr.n <= 8;
        if (!ok) diag_error(s->cx, D_WRONG_ARITY, st->loc, "unique takes one to eight maps");
        for (int k = 0; k < st->expr.n && ok; k++) {
            Expr *x = st->expr.at[k];
            if (!(key[n] = map_named(&e, x))) { ok = false; break; }
            if (!structural_value(key[n])) { diag_help(diag_error(s->cx, D_STRUCTURE_FROM_DATA, x->loc, "map `%s` is computed from values that are known only when the model runs", key[n]->name), "derived spaces are made from graphs and input maps"); ok = false; break; }
            if (n && key[n]->axis[0] != key[0]->axis[0]) { diag_help(diag_error(s->cx, D_SPACE_MISMATCH, x->loc, "`%s` is a map of `%s`, `%s` one of `%s`", key[n]->name, key[n]->axis[0]->name, key[0]->name, key[0]->axis[0]->name), "unique takes maps of one space; name their composition by a map of its own"); ok = false; break; }
            const char *dot = strrchr(x->name.s, '.');
            own[n] = arena_printf(s->a, "%s.%s", name, dot ? dot + 1 : x->name.s);
            back[n] = intern(s->cx, arena_printf(s->a, "%s.%s", full, dot ? dot + 1 : x->name.s));
            n++;
        }
        if (ok) {
            r = derived(s, full, st->loc);
            Node *node = make_unique(s, r, key, n, back, intern(s->cx, arena_printf(s->a, "%s.pair", full)), st->loc);
            for (int k = 0; k < n; k++) add_map(s, c, own[k], node->result[k], st->loc);
            add_map(s, c, arena_printf(s->a, "%s.pair", name), node->result[n], st->loc);
        }
    } else if (!strcmp(w, "join")) r = make_join(&e, st, name, full);
    else if (!strcmp(w, "filter") && st->bind.n == 1) {
        Space *domain = space_of(&e, st->bind.at[0].cond);
        Env in = e;
        Index *i = domain ? program_index(s->p, st->bind.at[0].index.s, domain) : NULL;
        if (i) push_index(&in, i->name, i);
        if (i) need_maps(&e, st->cond, 0);
        X *x = i ? type_expr(&in, st->cond) : NULL;
        if (x && x->dt != DT_BOOL) diag_error(s->cx, D_TYPE_MISMATCH, st->cond->loc, "a condition is true or false, this is %s", dtype_name(x->dt));
        else if (x && !refuse_data(&e, x, st->cond->loc, "this condition")) {
            Space *p = derived(s, full, st->loc);
            Value *v = make_filter(&e, p, i, x, intern(s->cx, arena_printf(s->a, "%s.%s", full, i->name)), st->loc);
            if (v) { add_map(s, c, arena_printf(s->a, "%s.%s", name, i->name), v, st->loc); r = p; }
        }
    } else {
        static const char *const known[] = { "unique", "join", "filter" };
        const char *near = did_you_mean(s->cx, w, known, 3);
        diag_help(diag_error(s->cx, D_BAD_DECLARATION, st->loc, "a space is unique(maps), join(two indices where ..) or filter(an index where ..)"), near ? "did you mean `%s`?" : "see the manual", near ? near : "");
    }
    for (int k = 0; k < c->bind.n; k++) if (c->bind.at[k].name == name && c->bind.at[k].let == st) c->bind.at[k].space = r, c->bind.at[k].kind = r ? B_SPACE : B_POISON;
    return r;
}

/* ---- graphs --------------------------------------------------------------------------------------------------- */
static Value *edge_map(Env *e, Space *edges, X *x, Index *i, Space *to, const char *name, Loc at) {
    Value *v = materialise(e, x_cast(e->s->a, x, DT_I32), &i, 1, name, at);
    (void)edges;
    if (v) v->target = to, v->structural = true;
    return v;
}
static const char *part_name(Sema *s, const char *full, const char *what) { return intern(s->cx, arena_printf(s->a, "%s.%s", full, what)); }
void derive_graph(Sema *s, Scope *c, Stmt *st) {
    Env e = env_of(s, c);
    Arena *a = s->a;
    const char *w = st->word.n && st->word.at[0].s ? st->word.at[0].s : "given";
    if (!strcmp(w, "given") || !strcmp(w, "over") || !strcmp(w, "bipartite")) {
        if (!c->entry) { diag_help(diag_error(s->cx, D_BAD_DECLARATION, st->loc, "graph `%s` of a called model is an argument", st->name.s), "model %s(%s: graph)", c->model->name.s, st->name.s); scope_add(s, c, st->name, B_POISON); return; }
        ModelArg m = { .name = st->name, .kind = A_GRAPH, .loc = st->loc };
        if (!strcmp(w, "over") && st->expr.n && st->expr.at[0]->kind == E_NAME) m.over = st->expr.at[0]->name;
        if (!strcmp(w, "bipartite") && st->expr.n == 2) m.from = st->expr.at[0], m.to = st->expr.at[1];
        add_graph(s, c, &m);
        return;
    }
    Bind *q = st->expr.n && st->expr.at[0]->kind == E_NAME ? scope_find(c, st->expr.at[0]->name.s) : NULL;
    if (!q || q->kind != B_GRAPH) {
        if (!q && st->expr.n && st->expr.at[0]->kind == E_NAME) unknown_name(&e, st->expr.at[0]->name);
        else if (!q || q->kind != B_POISON) diag_help(diag_error(s->cx, D_BAD_DECLARATION, st->loc, "`%s` is made from a graph", st->name.s), "reverse(g), self_loops(g), or g where etype = 3");
        scope_add(s, c, st->name, B_POISON);
        return;
    }
    Graph *g = q->graph, *r = NEW(a, Graph);
    const char *full = dotted(s, c, st->name.s);
    *r = *g;
    r->id = s->p->graph.n, r->name = full, r->given = false;
    if (!strcmp(w, "reverse")) {
        r->src_nodes = g->dst_nodes, r->dst_nodes = g->src_nodes, r->src = g->dst, r->dst = g->src;
    } else if (!strcmp(w, "self_loops")) {
        if (g->src_nodes != g->dst_nodes) { diag_help(diag_error(s->cx, D_BAD_DECLARATION, st->loc, "`%s` goes between two node spaces: there are no loops", g->name), "take a graph over one node space"); scope_add(s, c, st->name, B_POISON); return; }
        r->edges = program_space(s->p, SP_EDGES, part_name(s, full, "edges"), ext_op(a, EXT_ADD, g->edges->extent, g->src_nodes->extent));
        r->etypes = program_space(s->p, SP_ETYPES, part_name(s, full, "etypes"), ext_op(a, EXT_ADD, g->etypes->extent, ext_const(a, 1)));
        r->edges->graph = r->etypes->graph = r, r->edges->loc = r->etypes->loc = st->loc;
        static const char *const role[] = { "src", "dst", "etype" };
        for (int k = 0; k < 3; k++) {                            /* the given edges first, then a loop per node */
            Index *i = program_index(s->p, "e", r->edges);
            X *z = x_index(a, i), *n = x_ext(a, g->edges->extent);
            Value *old = k == 0 ? g->src : k == 1 ? g->dst : g->etype;
            X *there = x_op(a, OP_MIN, z, x_op(a, OP_SUB, n, x_int(a, 1, DT_I64)));      /* a plain number, that is an edge of g */
            X *given = x_read(a, old, &there, NULL, NULL), *loop = k < 2 ? x_op(a, OP_SUB, z, n) : x_ext(a, g->etypes->extent);
            Value *v = edge_map(&e, r->edges, x_if(a, x_op(a, OP_LT, z, n), x_cast(a, given, DT_I64), loop), i, k < 2 ? g->src_nodes : r->etypes, part_name(s, full, role[k]), st->loc);
            if (!v) return;
            if (k == 0) r->src = v; else if (k == 1) r->dst = v; else r->etype = v;
        }
    } else if (!strcmp(w, "where")) {
        Env in = e;
        Index *i = program_index(s->p, "e", g->edges);
        X *z = x_index(a, i);
        Value *m[3] = { g->src, g->dst, g->etype };
        static const char *const role[] = { "src", "dst", "etype" };
        for (int k = 0; k < 3; k++) {
            Local *l = NEW(a, Local);
            *l = (Local){ intern(s->cx, role[k]), NULL, x_read(a, m[k], &z, NULL, NULL), in.local };
            in.local = l;
        }
        X *x = type_expr(&in, st->cond);
        if (x && x->dt != DT_BOOL) { diag_error(s->cx, D_TYPE_MISMATCH, st->cond->loc, "a condition is true or false, this is %s", dtype_name(x->dt)); x = NULL; }
        if (!x || refuse_data(&e, x, st->cond->loc, "this condition")) { scope_add(s, c, st->name, B_POISON); return; }
        Space *edges = derived(s, part_name(s, full, "edges"), st->loc);
        Value *up = make_filter(&e, edges, i, x, NULL, st->loc);
        if (!up) { scope_add(s, c, st->name, B_POISON); return; }
        r->edges = edges;
        for (int k = 0; k < 3; k++) {
            Index *j = program_index(s->p, "e", edges);
            X *here = x_index(a, j), *there = x_read(a, up, &here, NULL, NULL);
            Value *v = edge_map(&e, edges, x_read(a, m[k], &there, NULL, NULL), j, m[k]->target, part_name(s, full, role[k]), st->loc);
            if (!v) return;
            if (k == 0) r->src = v; else if (k == 1) r->dst = v; else r->etype = v;
        }
    } else {
        static const char *const known[] = { "reverse", "self_loops" };
        const char *near = did_you_mean(s->cx, w, known, 2);
        diag_help(diag_error(s->cx, D_BAD_DECLARATION, st->loc, "`%s` makes no graph", w), near ? "did you mean `%s`?" : "reverse(g), self_loops(g), or g where etype = 3", near ? near : "");
        scope_add(s, c, st->name, B_POISON);
        return;
    }
    vec_add(a, s->p->graph, r);
    Bind *b = scope_add(s, c, st->name, B_GRAPH);
    if (b->kind == B_GRAPH && !b->graph) b->graph = r;
}
