/* derive.c - spaces made from maps, in bind: a call counts the elements and gives the space's size symbol its value; then buffers over
 * the space can be had.
 *
 *     space P = unique(src, etype)   ->   P, first, pair = unique(src, etype);  P.src[p] = src[first[p]];  P.etype[p] = etype[first[p]]
 *     join                           ->   Q = join_count(keys);  Q.e, Q.f = join(keys)
 *     filter                         ->   F = filter_count(mask);  F.e = filter(mask) */
#include "lower/lower.h"

static Buf *plan_buf(Lower *l, const char *name, Ext *count, Loc loc) {
    Buf *b = buf_new(l, name, DT_I32, count, BUF_PLAN, loc);
    host_alloc(l, b);
    return b;
}
static LH *keyed_call(Lower *l, Node *n, RtCall c, int n_arg, Ext *const *arg) {
    LH *h = host_call(l, c, n->loc, n_arg, arg);
    for (int side = 0; side <= (n->u.derive.kind == DV_JOIN); side++)
        for (int k = 0; k < n->u.derive.n; k++) vec_add(l->a, h->buf, l->place[(side ? n->u.derive.key2 : n->u.derive.key)[k]->id].buf);
    return h;
}
/* back[p] = key[first[p]] */
static void map_back(Lower *l, Node *n, Value *back, Value *key, Buf *first) {
    Buf *to = value_buf(l, back);
    const char *what = arena_printf(l->a, "%s[p] = %s[first[p]]", back->name, key->name);
    Build b = build_start(l, kernel_new(l, back->name, what, n->u.derive.space->extent, n->loc));
    LX *p = lx_var(l->a, b.k->item), *at = lx_cast(l->a, lx_load(l->a, first, p, NULL), DT_I64);
    store(&b, to, p, lx_load(l->a, l->place[key->id].buf, let(&b, at, "at"), NULL));
    kernel_add(l, &b, MAP_FLAT);
}
static void lower_unique(Lower *l, Node *n) {
    int keys = n->u.derive.n;
    Ext *domain = n->u.derive.key[0]->axis[0]->extent, *arg[] = { domain, ext_const(l->a, keys), ext_const(l->a, n->u.derive.cut) };
    bool back = false;
    for (int k = 0; k < keys; k++) back |= value_is_used(l, n->result[k]);
    Buf *first = back ? plan_buf(l, arena_printf(l->a, "%s_first", plain_name(l, n->u.derive.space->name)), domain, n->loc) : NULL;
    Buf *pair = value_buf(l, n->result[keys]);
    LH *h = keyed_call(l, n, RT_UNIQUE, 3, arg);
    vec_add(l->a, h->buf, first);
    vec_add(l->a, h->buf, pair);
    h->result = n->u.derive.space->extent->sym;
    for (int k = 0; k < keys; k++) if (value_is_used(l, n->result[k])) map_back(l, n, n->result[k], n->u.derive.key[k], first);
}
/* A count, then what is counted. */
static void lower_counted(Lower *l, Node *n, RtCall count, RtCall fill, int n_arg, Ext *const *arg) {
    keyed_call(l, n, count, n_arg, arg)->result = n->u.derive.space->extent->sym;
    Buf *to[2];
    for (int k = 0; k < n->n_result; k++) to[k] = value_buf(l, n->result[k]);
    LH *h = keyed_call(l, n, fill, n_arg, arg);
    for (int k = 0; k < n->n_result; k++) vec_add(l->a, h->buf, to[k]);
}
/* The unique space that e counts combinations of, and by which map of its own; NULL: it is no such count. */
static Node *counts(const X *e, int *key, X **row) {
    X *map;
    Index *p;
    if (e->k != X_REDUCE || e->u.reduce.op != R_SUM || e->u.reduce.n != 1 || e->u.reduce.n_cond != 1 || e->u.reduce.acc != DT_I64 || e->dt != DT_I64) return NULL;
    if (e->u.reduce.body->k != X_INT || e->u.reduce.body->u.i != 1 || !reduce_fibre(e, 0, &p, &map, row)) return NULL;
    while (map->k == X_CAST) map = map->u.cast.arg;
    Node *u = map->k == X_READ ? map->u.read.v->node : NULL;
    if (!u || u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || u->u.derive.n != 2 || u->u.derive.cut || u->u.derive.space != p->space || map->u.read.idx[0]->k != X_INDEX) return NULL;
    *key = map->u.read.v->result;
    return *key < 2 ? u : NULL;
}
/* count(p: P.f(p) = r), with P = unique(f, g): counted without making P */
Buf *distinct_of(Lower *l, const X *e, X **row) {
    int k;
    Node *u = counts(e, &k, row);
    if (!u) return NULL;
    for (int j = 0; j < l->distinct.n; j++) if (l->distinct.at[j].unique == u && l->distinct.at[j].key == k) return l->distinct.at[j].count;
    Value *one = u->u.derive.key[k], *other = u->u.derive.key[1 - k];
    if (!need_value(l, one) || !need_value(l, other)) return NULL;
    HostBlock *save = l->host;
    l->host = &l->u->bind;
    Buf *to = buf_new(l, arena_printf(l->a, "%s_count", plain_name(l, u->result[k]->name)), DT_I64, one->target->extent, BUF_PLAN, e->loc);
    host_alloc(l, to);
    LH *h = host_call(l, RT_DISTINCT, e->loc, 3, (Ext *[]){ count_of(l, one), one->target->extent, other->target->extent });
    vec_add(l->a, h->buf, l->place[one->id].buf);
    vec_add(l->a, h->buf, l->place[other->id].buf);
    vec_add(l->a, h->buf, to);
    l->host = save;
    vec_add(l->a, l->distinct, (Distinct){ u, k, to });
    return to;
}
/* Whether nothing but such counts needs the space and its maps */
typedef struct Needs { const Node *unique; bool other; } Needs;
static bool ext_uses(const Ext *e, const Sym *y) { return e->op == EXT_SYM ? e->sym == y : e->op != EXT_CONST && (ext_uses(e->a, y) || ext_uses(e->b, y)); }
static bool see_need(X *e, void *data) {
    Needs *n = data;
    int key;
    X *row;
    if (counts(e, &key, &row) == n->unique) { x_walk(row, see_need, n); return false; }
    const Space *s = n->unique->u.derive.space;
    n->other |= (e->k == X_READ && e->u.read.v->node == n->unique) || e->space == s || (e->k == X_EXT && ext_uses(e->u.ext, s->extent->sym));
    for (int k = 0; e->k == X_REDUCE && k < e->u.reduce.n; k++) n->other |= e->u.reduce.idx[k]->space == s;
    return !n->other;
}
static void see_needs(X *e, void *data) { x_walk(e, see_need, data); }
static void see_operand(Value *v, void *data) { Needs *n = data; n->other |= v->node == n->unique; }
bool only_counted(const Lower *l, Node *u) {
    Needs n = { .unique = u };
    if (u->u.derive.kind != DV_UNIQUE || u->u.derive.n != 2) return false;
    for (int k = 0; k < l->p->node.n && !n.other; k++) {
        Node *node = l->p->node.at[k];
        if (node == u) continue;
        for (int j = 0; j < node->n_result; j++) for (int a = 0; a < node->result[j]->rank; a++) n.other |= ext_uses(node->result[j]->axis[a]->extent, u->u.derive.space->extent->sym);
        if (node->kind == N_COMPUTE) node_each_expr(node, see_needs, &n); else node_each_use(node, see_operand, &n);
    }
    for (int k = 0; k < l->p->output.n; k++) n.other |= l->p->output.at[k].value->node == u;
    for (int k = 0; k < l->p->check.n; k++) n.other |= ext_uses(l->p->check.at[k].a, u->u.derive.space->extent->sym) || ext_uses(l->p->check.at[k].b, u->u.derive.space->extent->sym);
    return !n.other;
}
bool lower_derive(Lower *l, Node *n) {
    for (int k = 0; k < n->u.derive.n; k++)
        if (!need_value(l, n->u.derive.key[k]) || (n->u.derive.kind == DV_JOIN && !need_value(l, n->u.derive.key2[k]))) return false;
    Ext *left = n->u.derive.key[0]->axis[0]->extent;
    switch (n->u.derive.kind) {
    case DV_UNIQUE: lower_unique(l, n); return true;
    case DV_JOIN: {
        Ext *arg[] = { left, n->u.derive.key2[0]->axis[0]->extent, ext_const(l->a, n->u.derive.n) };
        lower_counted(l, n, RT_JOIN_COUNT, RT_JOIN, 3, arg);
        return true;
    }
    case DV_FILTER:
        lower_counted(l, n, RT_FILTER_COUNT, RT_FILTER, 1, &left);
        part_order(l, n->result[0]);
        return true;
    }
    return false;
}
