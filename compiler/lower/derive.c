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
    case DV_FILTER: lower_counted(l, n, RT_FILTER_COUNT, RT_FILTER, 1, &left); return true;
    }
    return false;
}
