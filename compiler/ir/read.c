/* read.c - a program from its text: names are resolved in order, so a value is read after the node that makes it. The form is checked
 * here (D_IR_SYNTAX), the meaning by program_verify(). Graphs name their maps before these exist; they are filled in at the end. */
#include "ir/text.h"
#include "ir/schedule.h"
#include <string.h>

static bool enter(IrReader *r, Names *t, const Sexp *s, const char *name, void *data) {
    void **slot = names_slot(t, name, true);
    if (*slot) { read_error(r, s, "`%.100s` is defined twice", name); return false; }
    *slot = data;
    return true;
}
/* Item k of a list, or NULL after a diagnostic. */
static const Sexp *item(IrReader *r, const Sexp *s, int k, const char *what) {
    return s->kind == SX_LIST && k < s->item.n ? s->item.at[k] : read_error(r, s, "%s is missing here", what);
}
/* The list (head ...) among the items from `from` on. */
static const Sexp *part(const Sexp *s, int from, const char *head) {
    for (int k = from; k < s->item.n; k++) if (!strcmp(sexp_head(s->item.at[k]), head)) return s->item.at[k];
    return NULL;
}
static bool has(const Sexp *s, int from, const char *atom) {
    for (int k = from; k < s->item.n; k++) if (sexp_is(s->item.at[k], atom)) return true;
    return false;
}
static bool integer(IrReader *r, const Sexp *s, int64_t *v) {
    if (sexp_int(s, v)) return true;
    read_error(r, s, "an integer is expected here");
    return false;
}

/* ---- declarations --------------------------------------------------------------------------------------- */
static bool read_sym(IrReader *r, const Sexp *s) {
    int kind;
    int64_t fixed = -1;
    const Sexp *n = item(r, s, 1, "a name"), *k = item(r, s, 2, "a kind of size");
    if (!n || !k || !read_word(r, k, sym_kind_name, N_SYM_KINDS, "a kind of size", &kind)) return false;
    if (!name_of(n)) { read_error(r, n, "a name is expected here"); return false; }
    if (s->item.n > 3 && !integer(r, s->item.at[3], &fixed)) return false;
    Sym *y = program_sym(r->p, name_of(n), (SymKind)kind, s->loc);
    y->fixed = fixed < 0 ? -1 : fixed;
    return enter(r, &r->sym, n, y->name, y);
}
static bool open_space(IrReader *r, const Sexp *s) {
    int kind;
    const Sexp *n = item(r, s, 1, "a name"), *k = item(r, s, 2, "a kind of space"), *e = item(r, s, 3, "an extent");
    if (!n || !k || !e || !read_word(r, k, space_kind_name, N_SPACE_KINDS, "a kind of space", &kind)) return false;
    Ext *extent = read_ext(r, e);
    if (!name_of(n)) read_error(r, n, "a name is expected here");
    if (!extent || !name_of(n)) return false;
    Space *p = program_space(r->p, (SpaceKind)kind, name_of(n), extent);
    p->loc = s->loc;
    return enter(r, &r->space, n, p->name, p);
}
static bool fill_space(IrReader *r, const Sexp *s, Space *p) {
    int word;
    for (int k = 4; k < s->item.n; k++) {
        const Sexp *u = s->item.at[k];
        const char *head = sexp_head(u);
        int n = u->kind == SX_LIST ? u->item.n : 0;
        if (!strcmp(head, "lo") && n == 2) {
            if (!integer(r, u->item.at[1], &p->lo)) return false;
        } else if (!strcmp(head, "boundary") && n == 2) {
            if (!read_word(r, u->item.at[1], boundary_name, N_BOUNDARIES, "a boundary rule", &word)) return false;
            p->boundary = (Boundary)word;
        } else if (!strcmp(head, "parts") && n <= 9) {
            for (int j = 1; j < n; j++) if (!(p->part[p->n_part = j - 1] = read_space_name(r, u->item.at[j]))) return false;
            p->n_part = n - 1;
        } else if (!strcmp(head, "graph") && n == 2) {
            void **g = name_of(u->item.at[1]) ? names_slot(&r->graph, name_of(u->item.at[1]), false) : NULL;
            if (!g) { read_error(r, u, "a graph is expected here"); return false; }
            p->graph = *g;
        } else if (!strcmp(head, "family") && n == 5) {
            if (!read_word(r, u->item.at[1], family_name, N_FAMILIES, "a family of modes", &word)) return false;
            p->family = (ModesFamily)word;
            if (!(p->n0 = read_ext(r, u->item.at[2])) || !(p->f0 = read_ext(r, u->item.at[3])) || !(p->f1 = read_ext(r, u->item.at[4]))) return false;
        } else { read_error(r, u, "no property of a space"); return false; }
    }
    return true;
}
static bool open_graph(IrReader *r, const Sexp *s) {
    const Sexp *n = item(r, s, 1, "a name");
    if (!n) return false;
    if (!name_of(n)) { read_error(r, n, "a name is expected here"); return false; }
    Graph *g = NEW(r->arena, Graph);
    g->id = r->p->graph.n, g->name = name_of(n), g->given = has(s, 2, "given");
    vec_add(r->arena, r->p->graph, g);
    return enter(r, &r->graph, n, g->name, g);
}
static bool fill_graph(IrReader *r, const Sexp *s, Graph *g, bool maps) {
    const Sexp *u = part(s, 2, maps ? "maps" : "spaces");
    Space **space[5] = { &g->src_nodes, &g->dst_nodes, &g->edges, &g->ntypes, &g->etypes };
    Value **map[4] = { &g->src, &g->dst, &g->etype, &g->ntype };
    int n = maps ? 4 : 5;
    if (!u || u->item.n != n + 1) { read_error(r, u ? u : s, "a graph has (spaces src dst edges ntypes etypes) and (maps src dst etype ntype)"); return false; }
    for (int k = 0; k < n; k++) {
        if (sexp_is(u->item.at[k + 1], "_")) continue;
        if (maps ? !(*map[k] = read_value_name(r, u->item.at[k + 1])) : !(*space[k] = read_space_name(r, u->item.at[k + 1]))) return false;
    }
    return true;
}
static bool read_check(IrReader *r, const Sexp *s) {
    static const char *const rel[] = { "<", "=", "<=" };
    int word;
    Check c = { .loc = s->loc };
    if (s->item.n != 5 || !name_of(s->item.at[4])) { read_error(r, s, "(check relation a b \"message\") is expected here"); return false; }
    if (!read_word(r, s->item.at[1], rel, 3, "one of < = <=", &word)) return false;
    c.rel = "<=L"[word], c.rel = word == 2 ? 'L' : c.rel;
    c.message = name_of(s->item.at[4]);
    if (!(c.a = read_ext(r, s->item.at[2])) || !(c.b = read_ext(r, s->item.at[3]))) return false;
    vec_add(r->arena, r->p->check, c);
    return true;
}
static bool read_about(IrReader *r, const Sexp *s) {
    About b = { 0 };
    if (s->item.n != 3 || !(b.name = name_of(s->item.at[1])) || !sexp_real(s->item.at[2], &b.count) || !(b.count >= 0)) { read_error(r, s, "(about name count) is expected here"); return false; }
    vec_add(r->arena, r->p->about, b);
    return true;
}
/* (schedule "store z")  or, for one kind of target,  (schedule cpu "store z") */
static bool read_schedule(IrReader *r, const Sexp *s) {
    const Sexp *text = s->item.at[s->item.n - 1], *target = s->item.n == 3 ? s->item.at[1] : NULL;
    if (s->item.n < 2 || s->item.n > 3 || text->kind != SX_STRING || (target && target->kind != SX_ATOM)) { read_error(r, s, "(schedule \"command\") is expected here"); return false; }
    ScheduleFile *f = schedule_parse(r->cx, text->s, strlen(text->s), text->loc, true);
    if (!f) return false;
    if (f->schedule.n != 1 || f->schedule.at[0]->command.n != 1) { read_error(r, s, "one command is expected here"); return false; }
    Command *c = f->schedule.at[0]->command.at[0];
    if (target) c->target = target->s;
    vec_add(r->arena, r->p->schedule, c);
    return true;
}

/* ---- nodes ---------------------------------------------------------------------------------------------- */
static Value *read_result(IrReader *r, const Sexp *s, Node *n) {
    const char *name;
    int word;
    if (s->kind != SX_LIST || s->item.n < 3 || !(name = name_of(s->item.at[0])) || s->item.at[2]->kind != SX_LIST)
        return read_error(r, s, "a result, (name dtype (spaces)), is expected here");
    Dtype dt = read_dtype(r, s->item.at[1]);
    const Sexp *a = s->item.at[2];
    Space **axis = NEWN(r->arena, Space *, a->item.n + 1);
    for (int k = 0; k < a->item.n; k++) if (!(axis[k] = read_space_name(r, a->item.at[k]))) return NULL;
    if (dt == DT_NONE) return NULL;
    Value *v = program_value(r->p, n, name, dt, a->item.n, axis);
    v->loc = s->loc;
    for (int k = 3; k < s->item.n; k++) {
        const Sexp *u = s->item.at[k];
        if (sexp_is(u, "structural")) v->structural = true;
        else if (!strcmp(sexp_head(u), "to") && u->item.n == 2) {
            if (!(v->target = read_space_name(r, u->item.at[1]))) return NULL;
        } else if (!strcmp(sexp_head(u), "store") && u->item.n == 2) {
            if (!read_word(r, u->item.at[1], storage_name, N_STORAGES, "a kind of storage", &word)) return NULL;
            v->storage = (StorageKind)word;
        } else if (!strcmp(sexp_head(u), "again") && u->item.n == 2) {
            int64_t k;
            if (!integer(r, u->item.at[1], &k) || k < 0 || k > INT32_MAX) return read_error(r, u, "(again K): the number of a recomputation");
            v->again = (int)k;
        } else return read_error(r, u, "no property of a result");
    }
    return enter(r, &r->value, s, v->name, v) ? v : NULL;
}
/* (idx (i I) ..): one per axis; the axis `*time` is written `time` (when time is not NULL) and has index t. */
static Index **read_indices(IrReader *r, const Sexp *s, int rank, int *time, Index *t) {
    if (s->item.n != rank + 1) return read_error(r, s, "(idx ..) with %d indices is expected here", rank);
    Index **idx = NEWN(r->arena, Index *, rank + 1);
    if (time) *time = -1;
    for (int k = 0; k < rank; k++) {
        if (time && sexp_is(s->item.at[k + 1], "time")) {
            if (*time >= 0) return read_error(r, s, "a member has one time axis");
            *time = k, idx[k] = t;
        } else if (!(idx[k] = read_bind(r, s->item.at[k + 1]))) return NULL;
    }
    if (time && *time < 0) return read_error(r, s, "a member has a time axis");
    return idx;
}
static bool read_member(IrReader *r, const Sexp *s, Node *n, Member *m) {
    int depth = r->bound.n;
    const Sexp *x = part(s, 1, "idx");
    if (!x) { read_error(r, s, "(idx ..) is missing here"); return false; }
    if (!(m->idx = read_indices(r, x, m->value->rank, &m->time_axis, n->u.recur.time))) return false;
    const Sexp *e = item(r, s, 3, "an expression");
    if (!e || !(m->expr = read_expr(r, e))) return false;
    r->bound.n = depth;
    for (int k = 4; k < s->item.n; k++) {
        const Sexp *u = s->item.at[k];
        Before b = { 0 };
        int time;
        if (strcmp(sexp_head(u), "before") || u->item.n != 4 || strcmp(sexp_head(u->item.at[2]), "idx")) { read_error(r, u, "(before offset (idx ..) expression) is expected here"); return false; }
        if (!integer(r, u->item.at[1], &b.offset) || !(b.idx = read_indices(r, u->item.at[2], m->value->rank, &time, NULL))) return false;
        if (time != m->time_axis) { read_error(r, u, "the time axis is not the member's"); return false; }
        if (!(b.expr = read_expr(r, u->item.at[3]))) return false;
        r->bound.n = depth;
        vec_add(r->arena, m->before, b);
    }
    return true;
}
static bool read_recur(IrReader *r, const Sexp *s, Node *n) {
    const Sexp *t = item(r, s, 1, "(time sequence)");
    int depth = r->bound.n, first = 2 + has(s, 2, "reverse");
    if (!t || !(n->u.recur.time = read_bind(r, t))) return false;
    n->u.recur.reverse = first == 3;
    for (int k = first; k < s->item.n; k++) {            /* all values first: members read each other */
        const Sexp *u = s->item.at[k];
        Member m = { .time_axis = -1 };
        const Sexp *v = strcmp(sexp_head(u), "member") ? read_error(r, u, "(member result (idx ..) expression) is expected here") : item(r, u, 1, "a result");
        if (!v || !(m.value = read_result(r, v, n))) return false;
        vec_add(r->arena, n->u.recur.member, m);
    }
    for (int k = first; k < s->item.n; k++) if (!read_member(r, s->item.at[k], n, &n->u.recur.member.at[k - first])) return false;
    r->bound.n = depth;
    return true;
}
static bool read_values(IrReader *r, const Sexp *s, const char *what, Value **v, int max, int *n) {
    if (!s || s->item.n - 1 > max) { if (s) read_error(r, s, "%s: at most %d", what, max); return false; }
    *n = s->item.n - 1;
    for (int k = 0; k < *n; k++) if (!(v[k] = read_value_name(r, s->item.at[k + 1]))) return false;
    return true;
}
static Node *read_node(IrReader *r, const Sexp *s);
static bool read_iterate(IrReader *r, const Sexp *s, Node *n) {
    const Sexp *max = part(s, 1, "max"), *body = part(s, 1, "body"), *until = part(s, 1, "until"), *implicit = part(s, 1, "implicit");
    VEC(const Sexp *) carry = { 0 };
    for (int k = 1; k < s->item.n; k++) if (!strcmp(sexp_head(s->item.at[k]), "carry")) vec_add(r->arena, carry, s->item.at[k]);
    if (!max || max->item.n != 2 || !body || !until || until->item.n != 2 || carry.n + 4 + (implicit != NULL) != s->item.n) {
        read_error(r, s, "(iterate (max n) [(implicit)] (carry inside init next result).. (body nodes..) (until value)) is expected here");
        return false;
    }
    int m = n->u.iterate.n = carry.n;
    n->u.iterate.implicit = implicit != NULL;
    n->u.iterate.init = NEWN(r->arena, Value *, m + 1);
    n->u.iterate.carried = NEWN(r->arena, Value *, m + 1);
    n->u.iterate.next = NEWN(r->arena, Value *, m + 1);
    if (!integer(r, max->item.at[1], &n->u.iterate.max)) return false;
    for (int k = 0; k < m; k++) {
        if (carry.at[k]->item.n != 5) { read_error(r, carry.at[k], "(carry inside init next result) is expected here"); return false; }
        Node outside = { .loc = s->loc };                /* carried values are none of the node's results */
        if (!(n->u.iterate.carried[k] = read_result(r, carry.at[k]->item.at[1], &outside))) return false;
        n->u.iterate.carried[k]->node = n, n->u.iterate.carried[k]->result = k;
        if (!(n->u.iterate.init[k] = read_value_name(r, carry.at[k]->item.at[2]))) return false;
    }
    for (int k = 1; k < body->item.n; k++) {
        Node *inner = read_node(r, body->item.at[k]);
        if (!inner) return false;
        vec_add(r->arena, n->u.iterate.body, inner);
    }
    if (!(n->u.iterate.until = read_value_name(r, until->item.at[1]))) return false;
    for (int k = 0; k < m; k++) {
        if (!(n->u.iterate.next[k] = read_value_name(r, carry.at[k]->item.at[3]))) return false;
        if (!read_result(r, carry.at[k]->item.at[4], n)) return false;
    }
    return true;
}
static bool read_const(IrReader *r, const Sexp *s, Node *n) {
    const Sexp *d = part(s, 2, "data");
    if (!d) { read_error(r, s, "(data numbers..) is missing here"); return false; }
    double *at = NEWN(r->arena, double, d->item.n);
    for (int k = 1; k < d->item.n; k++) if (!sexp_real(d->item.at[k], &at[k - 1])) { read_error(r, d->item.at[k], "a number is expected here"); return false; }
    n->u.constant.data = at, n->u.constant.n = d->item.n - 1;
    return true;
}
/* All results from item k on that have the form of one; the number of items used. */
static int read_results(IrReader *r, const Sexp *s, int k, int n, Node *node) {
    for (int j = 0; j < n || (n < 0 && k + j < s->item.n); j++) {
        const Sexp *u = item(r, s, k + j, "a result");
        if (!u || !read_result(r, u, node)) return -1;
    }
    return node->n_result;
}
static bool read_body(IrReader *r, const Sexp *s, Node *n) {
    int word;
    const Sexp *u;
    switch (n->kind) {
    case N_INPUT:
        if (read_results(r, s, 1, 1, n) < 0) return false;
        if (!(u = part(s, 2, "graph"))) return true;
        void **g = u->item.n == 3 && name_of(u->item.at[1]) && name_of(u->item.at[2]) ? names_slot(&r->graph, name_of(u->item.at[1]), false) : NULL;
        if (!g) { read_error(r, u, "(graph name role) is expected here"); return false; }
        n->u.input.graph = *g, n->u.input.role = sexp_is(u->item.at[2], "_") ? NULL : name_of(u->item.at[2]);
        return true;
    case N_PARAM:
        if (read_results(r, s, 1, 1, n) < 0) return false;
        n->u.param.frozen = has(s, 2, "frozen");
        if (!(u = part(s, 2, "init"))) return true;
        if (u->item.n < 2 || u->item.n > 6 || !name_of(u->item.at[1])) { read_error(r, u, "(init name up to four numbers) is expected here"); return false; }
        n->u.param.init = name_of(u->item.at[1]), n->u.param.n_init_arg = u->item.n - 2;
        for (int k = 2; k < u->item.n; k++) if (!sexp_real(u->item.at[k], &n->u.param.init_arg[k - 2])) { read_error(r, u->item.at[k], "a number is expected here"); return false; }
        return true;
    case N_CONST: return read_results(r, s, 1, 1, n) >= 0 && read_const(r, s, n);
    case N_COMPUTE: {
        int depth = r->bound.n;
        if (read_results(r, s, 1, 1, n) < 0) return false;
        if (!(u = part(s, 2, "idx")) || s->item.n < 4) { read_error(r, s, "(compute result (idx ..) [check-range] expression) is expected here"); return false; }
        if (!(n->u.compute.idx = read_indices(r, u, n->result[0]->rank, NULL, NULL))) return false;
        n->u.compute.check_range = sexp_is(s->item.at[3], "check-range");
        if (s->item.n != 4 + n->u.compute.check_range) { read_error(r, s, "a compute has one expression"); return false; }
        n->u.compute.expr = read_expr(r, s->item.at[s->item.n - 1]);
        r->bound.n = depth;
        return n->u.compute.expr != NULL;
    }
    case N_RECUR: return read_recur(r, s, n);
    case N_TRANSFORM: {
        static const char *const way[] = { "forward", "inverse" };
        const Sexp *k = item(r, s, 1, "forward or inverse"), *in = item(r, s, 3, "a value"), *a = part(s, 4, "axes");
        if (!k || !in || !read_word(r, k, way, 2, "forward or inverse", &word) || read_results(r, s, 2, 1, n) < 0) return false;
        n->u.transform.kind = (TransformKind)word;
        if (!a || a->item.n < 2 || a->item.n > 5) { read_error(r, a ? a : s, "(axes ..) with one to four axes is expected here"); return false; }
        n->u.transform.n = a->item.n - 1;
        for (int j = 0; j < n->u.transform.n; j++) {
            int64_t v;
            if (!integer(r, a->item.at[j + 1], &v)) return false;
            if (v < 0 || v > 1000) { read_error(r, a, "an axis that no value has"); return false; }
            n->u.transform.axis[j] = (int)v;
        }
        return (n->u.transform.in = read_value_name(r, in)) != NULL;
    }
    case N_SELECT: {
        const Sexp *k = item(r, s, 1, "top or sort"), *a = part(s, 2, "axis");
        if (!k || !read_word(r, k, select_name, N_SELECTS, "top or sort", &word)) return false;
        n->u.select.kind = (SelectKind)word, n->u.select.descending = s->item.n > 2 && sexp_is(s->item.at[2], "down");
        int first = 2 + n->u.select.descending;
        int64_t axis;
        const Sexp *in = item(r, s, first + 2, "a value");
        if (!in || read_results(r, s, first, 2, n) < 0 || !(n->u.select.in = read_value_name(r, in))) return false;
        if (!a || a->item.n != 2) { read_error(r, s, "(axis n) is missing here"); return false; }
        if (!integer(r, a->item.at[1], &axis)) return false;
        if (axis < 0 || axis > 1000) { read_error(r, a, "an axis that no value has"); return false; }
        n->u.select.axis = (int)axis;
        return true;
    }
    case N_FACTOR: {
        const Sexp *k = item(r, s, 1, "a factorisation"), *of = part(s, 2, "of");
        if (!k || !read_word(r, k, factor_name, N_FACTORS, "a factorisation", &word)) return false;
        n->u.factor.kind = (FactorKind)word;
        if (!of || of != s->item.at[s->item.n - 1]) { read_error(r, s, "(of values..) is missing at the end"); return false; }
        return read_results(r, s, 2, s->item.n - 3, n) >= 0 && read_values(r, of, "operands", n->u.factor.in, 2, &n->u.factor.n_in);
    }
    case N_ITERATE: return read_iterate(r, s, n);
    case N_DERIVE: {
        const Sexp *k = item(r, s, 1, "unique, join or filter"), *p = item(r, s, 2, "a space"), *keys = part(s, 3, "keys"), *keys2 = part(s, 3, "keys2"), *cut = part(s, 3, "cut");
        int m = 0;
        if (!k || !p || !read_word(r, k, derive_name, N_DERIVES, "unique, join or filter", &word) || !(n->u.derive.space = read_space_name(r, p))) return false;
        n->u.derive.kind = (DeriveKind)word;
        if (!keys || (word == DV_JOIN) != (keys2 != NULL)) { read_error(r, s, "(keys ..), and (keys2 ..) of a join, is expected here"); return false; }
        if (!read_values(r, keys, "keys", n->u.derive.key, 8, &n->u.derive.n) || (keys2 && !read_values(r, keys2, "keys", n->u.derive.key2, 8, &m))) return false;
        if (keys2 && m != n->u.derive.n) { read_error(r, keys2, "a join has as many keys on both sides"); return false; }
        if (cut && (cut->item.n != 2 || !integer(r, cut->item.at[1], &n->u.derive.cut) || n->u.derive.cut < 1 || n->u.derive.cut > 1 << 30 || word != DV_UNIQUE)) { read_error(r, cut, "(cut N) of unique, with N from 1 to 2^30, is expected here"); return false; }
        return read_results(r, s, 4 + (keys2 != NULL) + (cut != NULL), -1, n) >= 0;
    }
    }
    return false;
}
static Node *read_node(IrReader *r, const Sexp *s) {
    const char *kinds[10];
    int kind;
    for (int k = 0; k < 10; k++) kinds[k] = node_kind_name((NodeKind)k);
    if (s->kind != SX_LIST || !s->item.n) return read_error(r, s, "a node is expected here");
    if (!read_word(r, s->item.at[0], kinds, 10, "a kind of node", &kind)) return NULL;
    Node *n = program_node(r->p, (NodeKind)kind, s->loc);
    return read_body(r, s, n) ? n : NULL;
}

/* ---- the program ---------------------------------------------------------------------------------------- */
static bool read_interface(IrReader *r, const Sexp *s, bool param) {
    for (int k = 1; k < s->item.n; k++) {
        Value *v = read_value_name(r, s->item.at[k]);
        if (!v) return false;
        if (param) vec_add(r->arena, r->p->param, v); else vec_add(r->arena, r->p->input, v);
    }
    return true;
}
static bool read_form(IrReader *r, const Sexp *s) {
    const char *head = sexp_head(s);
    if (!strcmp(head, "sym") || !strcmp(head, "space") || !strcmp(head, "graph")) return true;         /* done before */
    if (!strcmp(head, "check")) return read_check(r, s);
    if (!strcmp(head, "about")) return read_about(r, s);
    if (!strcmp(head, "schedule")) return read_schedule(r, s);
    if (!strcmp(head, "inputs")) return read_interface(r, s, false);
    if (!strcmp(head, "params")) return read_interface(r, s, true);
    if (!strcmp(head, "output")) {
        Output o = { 0 };
        if (s->item.n != 3 || !(o.name = name_of(s->item.at[1]))) { read_error(r, s, "(output name value) is expected here"); return false; }
        if (!(o.value = read_value_name(r, s->item.at[2]))) return false;
        vec_add(r->arena, r->p->output, o);
        return true;
    }
    Node *n = read_node(r, s);
    if (n) vec_add(r->arena, r->p->node, n);
    return n != NULL;
}
Program *program_read(Context *cx, int source) {
    Sexp *text = sexp_parse(cx, source);
    if (!text) return NULL;
    if (text->item.n != 1 || strcmp(sexp_head(text->item.at[0]), "program") || text->item.at[0]->item.n < 2 || !name_of(text->item.at[0]->item.at[1])) {
        diag_error(cx, D_IR_SYNTAX, text->item.n > 1 ? text->item.at[1]->loc : text->loc, "the text is not one (program name ..)");
        return NULL;
    }
    const Sexp *s = text->item.at[0];
    Program *p = program_new(cx, name_of(s->item.at[1]));
    IrReader r = { .cx = cx, .p = p, .arena = p->arena };
    r.sym.arena = r.space.arena = r.graph.arena = r.value.arena = p->arena;
    p->loc = s->loc;
    int spaces = 0, graphs = 0;
    bool ok = true;
#define EACH(word) for (int k = 2; ok && k < s->item.n; k++) if (!strcmp(sexp_head(s->item.at[k]), word))
    EACH("sym") ok = read_sym(&r, s->item.at[k]);
    EACH("graph") ok = open_graph(&r, s->item.at[k]);
    EACH("space") ok = open_space(&r, s->item.at[k]);
    EACH("space") ok = fill_space(&r, s->item.at[k], p->space.at[spaces++]);
    EACH("graph") ok = fill_graph(&r, s->item.at[k], p->graph.at[graphs++], false);
    for (int k = 2; ok && k < s->item.n; k++) ok = read_form(&r, s->item.at[k]);
    graphs = 0;
    EACH("graph") ok = fill_graph(&r, s->item.at[k], p->graph.at[graphs++], true);
#undef EACH
    return ok ? p : NULL;
}
