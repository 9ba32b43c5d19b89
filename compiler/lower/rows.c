/* rows.c - the positions of a space grouped by a map, as the fibres of reductions need them: start (one more than there are groups) and
 * items. A chain f(g(e)) is first written out as one map. Made once when all maps are structural, else before each run of the kernel
 * that asks; shared by everything that asks for the same chain. Positions that stand in the order of the map need no items. Two chains
 * into R and S group by their pairs, r * |S| + s. */
#include "lower/lower.h"

bool in_order(const Space *s, const Value *map) {
    return map->node->kind == N_DERIVE && map->node->u.derive.kind == DV_UNIQUE && map->node->u.derive.space == s && map->result == 0;
}

static LX *chain_at(Build *b, int n, Value *const *map, LX *at) {
    Lower *l = b->l;
    for (int j = n - 1; j >= 0; j--) at = let(b, lx_cast(l->a, lx_load(l->a, l->place[map[j]->id].buf, at, NULL), DT_I64), map[j]->name);
    return at;
}
static Buf *composed(Lower *l, int n, int split, Value *const *map, bool bind) {
    Value *inner = map[n - 1];
    if (n == 1) return l->place[inner->id].buf;
    const char *name = "rows_of";
    for (int k = 0; k < n; k++) name = arena_printf(l->a, "%s_%s", name, map[k]->name);
    Ext *count = count_of(l, inner);
    Buf *to = buf_new(l, name, DT_I32, count, bind ? BUF_PLAN : BUF_WORK, inner->loc);
    if (bind) host_alloc(l, to);
    Kernel *k = kernel_new(l, name, name, count, inner->loc);
    Build b = build_start(l, k);
    LX *at = chain_at(&b, n - split, map + split, lx_var(l->a, k->item));
    if (split) at = lop(&b, OP_ADD, lop(&b, OP_MUL, chain_at(&b, split, map, lx_var(l->a, k->item)), lx_size(l->a, map[split]->target->extent)), at);
    store(&b, to, lx_var(l->a, k->item), lx_cast(l->a, at, DT_I32));
    kernel_add(l, &b, MAP_FLAT);
    return to;
}
Buf *map_of(Lower *l, const MapChain *c) {
    bool bind = true;
    for (int k = 0; k < c->n; k++) {
        if (!need_value(l, c->map[k])) return NULL;
        bind &= in_bind(c->map[k]);
    }
    HostBlock *save = l->host;
    if (bind) l->host = &l->u->bind;
    Buf *to = composed(l, c->n, 0, c->map, bind);
    l->host = save;
    return to;
}
static Rows *find(Lower *l, int n, int split, Value *const *map) {
    for (int k = 0; k < l->rows.n; k++) {
        Rows *r = l->rows.at[k];
        bool same = r->n == n && r->split == split && (r->made_in == &l->u->bind || r->made_in == &l->u->run || r->made_in == l->host);
        for (int j = 0; j < n && same; j++) same = r->map[j] == map[j];
        if (same) return r;
    }
    return NULL;
}
/* A map of all edges from a chain that begins with some of them: dst of dst(F.e(f)). */
static const Value *of_all(int n, Value *const *map) { return n == 2 && is_filter_map(map[1]) ? map[0] : n == 1 ? map_filtered(map[0]) : NULL; }
/* Whether the map never falls: of edges to the combinations of what they are numbered by, in the same order of keys. */
bool map_rises(Lower *l, const Value *map) {
    const Node *n = map->node;
    const Numbering *part = part_by_type(l, map->axis[0]);
    if (part && map_filtered(map)) return map_filtered(map) == part->then;
    for (int k = 0; k < l->numbering.n; k++) if (l->numbering.at[k]->by == map) return true;
    if (n->kind != N_DERIVE || n->u.derive.kind != DV_UNIQUE || map != n->result[n->u.derive.n]) return false;
    if (part && n->u.derive.n == 2 && map_filtered(n->u.derive.key[0]) == part->then && map_filtered(n->u.derive.key[1]) == part->by) return true;
    for (int k = 0; k < l->numbering.n; k++) {
        const Numbering *by = l->numbering.at[k];
        if (by->by == n->u.derive.key[0]) return n->u.derive.n == 1 || (n->u.derive.n == 2 && n->u.derive.key[1] == by->then);
    }
    return n->u.derive.n == 1 && map_rises(l, n->u.derive.key[0]);       /* pieces of combinations */
}
/* Whether a chain of maps never falls: some edges stand in the order of all, or in that of their types. */
static bool chain_rises(Lower *l, int n, Value *const *map) {
    const Numbering *part = part_by_type(l, map[n - 1]->axis[0]);
    const Value *all = of_all(n, map);
    if (part && all) return all == part->then;
    return (n == 1 && map_rises(l, map[0])) || (all && map_rises(l, all));
}
static Rows *rows_by(Lower *l, int n, int split, Value *const *map) {
    bool bind = true;
    for (int k = 0; k < n; k++) {
        if (!need_value(l, map[k])) return NULL;
        bind &= in_bind(map[k]);
    }
    Rows *r = find(l, n, split, map);
    if (r) return r;
    HostBlock *save = l->host;
    if (bind) l->host = &l->u->bind;
    Arena *a = l->a;
    r = NEW(a, Rows);
    r->n = n, r->split = split, r->made_in = l->host, r->count = count_of(l, map[n - 1]);
    const char *name = "";
    for (int k = 0; k < n; k++) r->map[k] = map[k], name = arena_printf(a, "%s_%s", name, map[k]->name);
    Ext *groups = map[0]->target->extent, *items = r->count;
    if (split) groups = ext_op(a, EXT_MUL, groups, map[split]->target->extent);
    r->key = composed(l, n, split, map, bind);
    BufRole role = bind ? BUF_PLAN : BUF_WORK;
    r->start = buf_new(l, arena_printf(a, "start%s", name), DT_I64, ext_op(a, EXT_ADD, groups, ext_const(a, 1)), role, map[0]->loc);
    r->items = n == 1 && in_order(map[0]->axis[0], map[0]) ? NULL : buf_new(l, arena_printf(a, "items%s", name), DT_I32, items, role, map[0]->loc);
    if (bind) host_alloc(l, r->start);
    if (bind && r->items) host_alloc(l, r->items);
    LH *h = host_call(l, RT_FIBRE, map[0]->loc, 3, (Ext *[]){ items, ext_const(a, 1), groups });
    vec_add(a, h->buf, r->key);
    vec_add(a, h->buf, r->start);
    vec_add(a, h->buf, r->items);
    if (!split && chain_rises(l, n, map)) r->items = NULL;   /* each stands at its own number */
    l->host = save;
    vec_add(a, l->rows, r);
    return r;
}
Rows *rows_of(Lower *l, int n, Value *const *map) { return rows_by(l, n, 0, map); }
Rows *rows_of_pairs(Lower *l, const MapChain *first, const MapChain *second) {
    Value *map[8];                                           /* a chain has four at most */
    for (int k = 0; k < first->n + second->n; k++) map[k] = k < first->n ? first->map[k] : second->map[k - first->n];
    return rows_by(l, first->n + second->n, first->n, map);
}
