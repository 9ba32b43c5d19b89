/* keys.c - keys of expressions, spaces of the combinations that occur, and moving an expression to rows elsewhere; see keys.h. */
#include "pass/keys.h"
#include "pass/query.h"
#include <string.h>

static X *plain_position(X *e) {                           /* without casts that keep a position */
    while (e->k == X_CAST && dtype_is_int(e->dt) && e->u.cast.arg->space && dtype_bytes(e->dt) >= 4) e = e->u.cast.arg;
    return e;
}
static bool among(Index *const *set, int n, const Index *i) {
    for (int k = 0; k < n; k++) if (set[k] == i) return true;
    return false;
}
static bool is_map_read(const X *e) {
    if (e->k != X_READ || !e->u.read.v->target || !e->space || !e->u.read.v->rank) return false;      /* f(i) + 0 is a number, no position */
    for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) return false;
    return true;
}
static bool is_key(const X *e) {
    if (!is_map_read(e)) return false;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        const X *i = plain_position(e->u.read.idx[k]);
        if (i->k != X_INDEX && !is_key(i)) return false;
    }
    return true;
}
/* Adds the indices that a key is made of; *n becomes MOST_KEYS + 1 when there are too many. */
static void bases(const X *key, Index **base, int *n) {
    for (int k = 0; k < key->u.read.v->rank; k++) {
        const X *i = plain_position(key->u.read.idx[k]);
        if (i->k != X_INDEX) { bases(i, base, n); continue; }
        if (*n > MOST_KEYS || among(base, *n, i->u.index)) continue;
        if (*n < MOST_KEYS) base[*n] = i->u.index;
        ++*n;
    }
}

/* ---- what an expression depends on ------------------------------------------------------------------------- */
typedef struct Walk { Program *p; VEC(X *) key; VEC(Index *) bare, bound; } Walk;
static bool look(X *e, void *data) {
    Walk *w = data;
    if (e->k == X_INDEX) {
        if (!among(w->bound.at, w->bound.n, e->u.index) && !among(w->bare.at, w->bare.n, e->u.index)) vec_add(w->p->arena, w->bare, e->u.index);
        return false;
    }
    if (is_key(e) && !x_uses_any(e, w->bound.at, w->bound.n)) {
        for (int k = 0; k < w->key.n; k++) if (x_equal(w->key.at[k], e)) return false;
        vec_add(w->p->arena, w->key, e);
        return false;
    }
    if (e->k == X_REDUCE) {                                /* bound in here; indices are bound once, so none needs to be taken back */
        for (int k = 0; k < e->u.reduce.n; k++) vec_add(w->p->arena, w->bound, e->u.reduce.idx[k]);
    }
    return true;
}
/* the way back from a pair: etype = P.etype(pair), so a key etype(c) follows from a key pair(c) */
static Value *way_back(const X *key, const X *from) {
    if (from->k != X_READ || from->u.read.v->node->kind != N_DERIVE || from->u.read.v->node->u.derive.kind != DV_UNIQUE) return NULL;
    const Node *n = from->u.read.v->node;
    if (from->u.read.v != n->result[n->u.derive.n] || key->u.read.v->rank != 1) return NULL;
    for (int k = 0; k < n->u.derive.n; k++)
        if (key->u.read.v == n->u.derive.key[k] && x_equal(plain_position(key->u.read.idx[0]), plain_position(from->u.read.idx[0]))) return n->result[k];
    return NULL;
}
static const X *only_subscript(const X *e) { return e->k == X_READ && e->u.read.v->rank == 1 ? plain_position(e->u.read.idx[0]) : NULL; }
bool key_follows(const X *key, int n, X *const *on) {
    for (int k = 0; k < n; k++) if (x_equal(key, on[k]) || way_back(key, on[k])) return true;
    bool all = is_map_read(key);                           /* ntype(src(e)) of src(e), and of pair(e); f(e, src(e)) not of src(e) alone */
    for (int k = 0; all && k < key->u.read.v->rank; k++) {
        const X *i = plain_position(key->u.read.idx[k]);
        all = is_map_read(i) && key_follows(i, n, on);
    }
    return all;
}
static void add_to_group(Program *p, Keys *r, X *key) {
    Index *base[MOST_KEYS];
    int n = 0;
    bases(key, base, &n);
    Group *to = NULL;
    for (int k = 0; k < r->group.n; k++) {                 /* groups that share an index become one */
        Group *g = &r->group.at[k];
        bool shares = false;
        for (int j = 0; j < n; j++) shares |= among(g->base, g->n_base, base[j]);
        if (!shares) continue;
        if (!to) { to = g; continue; }
        for (int j = 0; j < g->n; j++) to->key[to->n++] = g->key[j];
        for (int j = 0; j < g->n_base; j++) to->base[to->n_base++] = g->base[j];
        r->group.at[k--] = r->group.at[--r->group.n];
    }
    if (!to) {
        vec_add(p->arena, r->group, (Group){ 0 });
        to = &r->group.at[r->group.n - 1];
    }
    to->key[to->n++] = key;
    for (int j = 0; j < n; j++) if (!among(to->base, to->n_base, base[j])) to->base[to->n_base++] = base[j];
}
static void drop(Walk *w, int k) { memmove(&w->key.at[k], &w->key.at[k + 1], sizeof(X *) * (size_t)(--w->key.n - k)); }
static void make_bare(Walk *w, int k) {
    Index *base[MOST_KEYS];
    int n = 0;
    bases(w->key.at[k], base, &n);
    for (int j = 0; j < n && j < MOST_KEYS; j++) if (!among(w->bare.at, w->bare.n, base[j])) vec_add(w->p->arena, w->bare, base[j]);
    drop(w, k);
}
Keys keys_of(Program *p, X *e) {
    Walk w = { .p = p };
    Keys r = { 0 };
    Index *base[MOST_KEYS];
    int all = 0;
    x_walk(e, look, &w);
    for (int k = 0; k < w.key.n; k++) {                    /* neighbour(v, k) with v by itself elsewhere: k is by itself, too */
        int n = 0;
        bool bare = false;
        bases(w.key.at[k], base, &n);
        for (int j = 0; j < n && j < MOST_KEYS; j++) bare |= among(w.bare.at, w.bare.n, base[j]);
        if (bare) make_bare(&w, k), k = -1;
    }
    for (int k = 0; k < w.key.n; k++) {
        X *key = w.key.at[k];
        w.key.at[k] = w.key.at[w.key.n - 1];               /* the others */
        bool follows = key_follows(key, w.key.n - 1, w.key.at);
        w.key.at[k] = key;
        if (follows) drop(&w, k--);
    }
    for (int k = 0; k < w.key.n; k++) bases(w.key.at[k], base, &all);
    if (w.key.n > MOST_KEYS || all > MOST_KEYS) while (w.key.n) make_bare(&w, 0);
    for (int k = 0; k < w.key.n; k++) add_to_group(p, &r, w.key.at[k]);
    for (int k = 0; k < w.bare.n; k++) vec_add(p->arena, r.bare, w.bare.at[k]);
    return r;
}
typedef struct Cover { const Index *i; int n; X *const *key; bool ok; } Cover;
static bool covered(X *e, void *data) {
    Cover *c = data;
    if (e->k == X_INDEX && e->u.index == c->i) c->ok = false;
    if (is_key(e) && key_follows(e, c->n, c->key)) return false;
    return c->ok;
}
bool keys_cover(X *e, const Index *i, int n, X *const *key) {
    Cover c = { i, n, key, true };
    x_walk(e, covered, &c);
    return c.ok;
}
bool keys_determine(int n, X *const *key, const Index *i) {
    for (int k = 0; k < n; k++) {
        const Node *u = key[k]->u.read.v->node;
        const X *in = only_subscript(key[k]);
        if (u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || u->u.derive.cut || u->u.derive.space != i->space || !in || in->k != X_INDEX) continue;
        int found = 0;
        for (int j = 0; j < n; j++) found += key[j]->u.read.v->node == u;
        return found == u->u.derive.n;
    }
    return false;
}

/* ---- spaces ------------------------------------------------------------------------------------------------ */
typedef struct Ask { int depth; bool ok; } Ask;
static bool may_be_structural(const Value *v, int depth);
static void ask(Value *v, void *data) {
    Ask *a = data;
    a->ok = a->ok && may_be_structural(v, a->depth);
}
static bool may_be_structural(const Value *v, int depth) {
    Ask a = { depth - 1, depth > 0 };
    switch (v->node->kind) {
    case N_INPUT: return v->node->u.input.graph || v->target;
    case N_CONST: case N_DERIVE: return true;
    case N_COMPUTE:
        if (v->structural) return true;
        node_each_use(v->node, ask, &a);
        return a.ok;
    case N_PARAM: case N_RECUR: case N_TRANSFORM: case N_SELECT: case N_FACTOR: case N_ITERATE: break;
    }
    return false;
}
bool key_is_structural(const X *key) {
    const X *in = only_subscript(key);
    return in && may_be_structural(key->u.read.v, 8) && (in->k == X_INDEX || key_is_structural(in));
}
static bool all_structural(const X *key) {                 /* marked already */
    const X *in = only_subscript(key);
    return key->u.read.v->structural && (in->k == X_INDEX || all_structural(in));
}
/* A key as a map of its base: the map itself, or one computed for it. */
Value *map_of_key(Program *p, X *key, Index *base, Trials *trial) {
    const X *in = only_subscript(key);
    if (in && in->k == X_INDEX) return key->u.read.v;
    Index *own = program_index(p, base->name, base->space);
    X *at = x_index(p->arena, own), *e = x_at(p, key, 1, &base, &at);
    for (int k = 0; k < p->node.n; k++) {
        Node *n = p->node.at[k];
        if (n->kind != N_COMPUTE || n->result[0]->rank != 1 || n->result[0]->target != key->space || n->result[0]->axis[0] != base->space) continue;
        X *theirs = x_index(p->arena, n->u.compute.idx[0]);
        if (x_equal(x_at(p, key, 1, &base, &theirs), n->u.compute.expr)) return n->result[0];
    }
    Value *v = program_equation(p, key->u.read.v->name, 1, &own, e, key->loc);
    if (trial) p->node.n--;
    v->target = key->space, v->structural = all_structural(key);
    return v;
}
static Node *find_unique(Node *const *node, int count, int n, X *const *key, const Index *base) {
    for (int k = 0; k < count; k++) {
        Node *u = node[k];
        if (u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || u->u.derive.cut || u->u.derive.n != n || u->u.derive.key[0]->axis[0] != base->space) continue;
        bool all = true;
        for (int j = 0; j < n && all; j++) all = key_place(u, key[j]) >= 0;
        if (all) return u;
    }
    return NULL;
}
int key_place(const Node *u, const X *key) {
    const X *in = only_subscript(key);
    for (int k = 0; k < u->u.derive.n; k++) {
        const Value *v = u->u.derive.key[k];
        if (in && in->k == X_INDEX) { if (v == key->u.read.v) return k; continue; }
        if (v->node->kind != N_COMPUTE || v->target != key->space || v->node->u.compute.expr->k != X_READ) continue;
        /* a computed chain: the same maps, one after the other */
        const X *a = v->node->u.compute.expr, *b = key;
        while (a && b && a->k == X_READ && b->k == X_READ && a->u.read.v == b->u.read.v && only_subscript(a) && only_subscript(b)) a = only_subscript(a), b = only_subscript(b);
        if (a && b && a->k == X_INDEX && b->k == X_INDEX) return k;
    }
    return -1;
}
static Value *add_map(Program *p, Node *n, const char *name, Space *from, Space *to) {
    Value *v = program_value(p, n, name, DT_I32, 1, &from);
    v->target = to, v->structural = true;
    return v;
}
Node *unique_node(Program *p, int n, X *const *key, Index *base, Trials *trial) {
    Node *u = find_unique(p->node.at, p->node.n, n, key, base);
    if (!u && trial) u = find_unique(trial->unique.at, trial->unique.n, n, key, base);
    if (u) return u;
    Sizes s = { .p = p };
    X *order[MOST_KEYS];
    keys_sort(&s, n, key, order);
    const char *name = unique_name(&s, n, order);
    Space *space;
    if (trial) {
        space = NEW(p->arena, Space);
        *space = (Space){ .id = -1, .name = name, .kind = SP_DERIVED, .extent = ext_const(p->arena, (int64_t)size_unique(&s, base->space, n, key)) };
    } else space = program_space(p, SP_DERIVED, name, ext_sym(p->arena, program_sym(p, name, SYM_DATA, base->space->loc)));
    space->loc = base->space->loc;
    Value *map[MOST_KEYS];
    for (int k = 0; k < n; k++) map[k] = map_of_key(p, order[k], base, trial);
    u = program_node(p, N_DERIVE, base->space->loc);
    u->u.derive.kind = DV_UNIQUE, u->u.derive.space = space, u->u.derive.n = n;
    for (int k = 0; k < n; k++) {
        const char *dot = strrchr(map[k]->name, '.');
        u->u.derive.key[k] = map[k];
        add_map(p, u, intern(p->cx, arena_printf(p->arena, "%s.%s", name, dot ? dot + 1 : map[k]->name)), space, map[k]->target);
    }
    add_map(p, u, intern(p->cx, arena_printf(p->arena, "%s.pair", name)), base->space, space);
    if (trial) vec_add(p->arena, trial->unique, u); else vec_add(p->arena, p->node, u);
    return u;
}

Node *pieces_node(Program *p, Value *f, int64_t most) {
    Space *domain = f->axis[0];
    for (int k = 0; k < p->node.n; k++) {
        Node *u = p->node.at[k];
        if (u->kind == N_DERIVE && u->u.derive.kind == DV_UNIQUE && u->u.derive.cut == most && u->u.derive.n == 1 && u->u.derive.key[0] == f) return u;
    }
    const char *name = intern(p->cx, arena_printf(p->arena, "pieces(%s, %lld)", f->name, (long long)most));
    Node *u = program_node(p, N_DERIVE, domain->loc);
    Space *space = program_space(p, SP_DERIVED, name, ext_sym(p->arena, program_sym(p, name, SYM_DATA, domain->loc)));
    space->loc = domain->loc;
    u->u.derive.kind = DV_UNIQUE, u->u.derive.space = space, u->u.derive.n = 1, u->u.derive.key[0] = f, u->u.derive.cut = most;
    add_map(p, u, intern(p->cx, arena_printf(p->arena, "%s.of", name)), space, f->target);
    add_map(p, u, intern(p->cx, arena_printf(p->arena, "%s.piece", name)), domain, space);
    vec_add(p->arena, p->node, u);
    return u;
}

/* ---- rows -------------------------------------------------------------------------------------------------- */
double rows_count(Sizes *s, const Group *g, Place place) {
    double n = 1;
    switch (place) {
    case AT_BASE: for (int k = 0; k < g->n_base; k++) n *= size_space(s, g->base[k]->space); return n;
    case AT_TARGETS: for (int k = 0; k < g->n; k++) n *= size_space(s, g->key[k]->space); return n;
    case AT_UNIQUE: {
        Node *u = find_unique(s->p->node.at, s->p->node.n, g->n, g->key, g->base[0]);
        return u ? size_space(s, u->u.derive.space) : size_unique(s, g->base[0]->space, g->n, g->key);
    }
    }
    return n;
}
bool rows_possible(const Group *g, Place place) {
    if (place != AT_UNIQUE) return true;
    if (g->n_base != 1) return false;
    for (int k = 0; k < g->n; k++) if (!key_is_structural(g->key[k])) return false;
    return true;
}
Rows rows_make(Program *p, const Group *g, Place place, Trials *trial) {
    Rows r = { .place = place };
    Arena *a = p->arena;
    switch (place) {
    case AT_BASE:
        for (int k = 0; k < g->n_base; k++) r.own[r.n] = program_index(p, g->base[k]->name, g->base[k]->space), r.at[r.n++] = x_index(a, g->base[k]);
        break;
    case AT_TARGETS:
        for (int k = 0; k < g->n; k++) r.own[r.n] = program_index(p, "u", g->key[k]->space), r.at[r.n++] = g->key[k];
        break;
    case AT_UNIQUE: {
        X *base = x_index(a, g->base[0]);
        r.unique = unique_node(p, g->n, g->key, g->base[0], trial);
        r.own[0] = program_index(p, "p", r.unique->u.derive.space);
        r.at[0] = x_read(a, r.unique->result[g->n], &base, NULL, NULL);
        r.n = 1;
        break;
    }
    }
    return r;
}
X *rows_apply(Program *p, const Group *g, const Rows *r, X *e) {
    Arena *a = p->arena;
    enum { MOST = MOST_KEYS * (MOST_KEYS + 1) + 1 };
    X *what[MOST], *with[MOST], *own[MOST_KEYS];
    int n = 0;
    for (int k = 0; k < r->n; k++) own[k] = x_index(a, r->own[k]);
    if (r->place == AT_BASE) return x_at(p, e, g->n_base, g->base, own);
    if (r->place == AT_UNIQUE) what[n] = r->at[0], with[n++] = own[0];         /* the row itself, where e reads other compact rows */
    for (int k = 0; k < g->n; k++) {
        const Node *from = g->key[k]->u.read.v->node;
        what[n] = g->key[k];
        with[n++] = r->place == AT_TARGETS ? own[k] : x_read(a, r->unique->result[key_place(r->unique, g->key[k])], own, NULL, NULL);
        X *at = with[n - 1];
        if (!only_subscript(g->key[k]) || from->kind != N_DERIVE || from->u.derive.kind != DV_UNIQUE || g->key[k]->u.read.v != from->result[from->u.derive.n]) continue;
        for (int j = 0; j < from->u.derive.n; j++)         /* etype(e) where pair(e) is the key */
            what[n] = x_read(a, from->u.derive.key[j], g->key[k]->u.read.idx, NULL, NULL), with[n++] = x_read(a, from->result[j], &at, NULL, NULL);
    }
    return x_replace(p, x_substitute(p, e, 0, NULL, NULL), n, what, with);
}
