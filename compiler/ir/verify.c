/* verify.c - everything that ir.h promises about programs, checked after each pass, in release builds too. A failure is a defect of
 * the pass (or of IR text that a person wrote): D_IR_INVALID with the place of the node. */
#include "ir/verify.h"
#include <string.h>

void invalid(Verifier *v, Loc loc, const char *fmt, ...) {
    if (v->reports++ >= MOST_REPORTS) return;
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_error(v->p->cx, D_IR_INVALID, loc.file >= 0 ? loc : v->loc, "after %s: %s", v->after, text);
}
bool verify_ext(Verifier *v, const Ext *e, Loc loc) {
    if (!e) { invalid(v, loc, "a size is missing"); return false; }
    if (e->op == EXT_CONST) return true;
    if (e->op != EXT_SYM) return verify_ext(v, e->a, loc) && verify_ext(v, e->b, loc);
    if (e->sym && e->sym->id >= 0 && e->sym->id < v->p->sym.n && v->p->sym.at[e->sym->id] == e->sym) return true;
    invalid(v, loc, "the size `%s` is not the program's", e->sym ? e->sym->name : "?");
    return false;
}
bool verify_space(Verifier *v, const Space *s, Loc loc) {
    if (s && s->id >= 0 && s->id < v->p->space.n && v->p->space.at[s->id] == s) return true;
    invalid(v, loc, "the space `%s` is not the program's", s ? s->name : "?");
    return false;
}
bool verify_known(Verifier *v, const Value *x, Loc loc) {
    if (x && x->id >= 0 && x->id < v->p->n_value && v->known[x->id] == x) return true;
    invalid(v, loc, "`%s` is read before the node that makes it", x ? x->name : "?");
    return false;
}
static void make_known(Verifier *v, const Value *x) {
    if (x->id < 0 || x->id >= v->p->n_value) { invalid(v, x->loc, "the id of `%s` is out of range", x->name); return; }
    if (v->known[x->id]) invalid(v, x->loc, "`%s` is made twice, or has the id of `%s`", x->name, v->known[x->id]->name);
    v->known[x->id] = x;
}
static bool value_type(Verifier *v, const Value *x) {
    bool ok = true;
    if (x->dt == DT_NONE) { invalid(v, x->loc, "`%s` has no dtype", x->name); ok = false; }
    for (int k = 0; k < x->rank; k++) if (!verify_space(v, x->axis[k], x->loc)) ok = false;
    if (x->target && x->dt != DT_I32) { invalid(v, x->loc, "the map `%s` is %s, not i32", x->name, dtype_name(x->dt)); ok = false; }
    if (x->target && !verify_space(v, x->target, x->loc)) ok = false;
    return ok;
}
static bool same_axes(const Value *a, const Value *b, int n) {
    if (a->rank < n || b->rank < n) return false;
    for (int k = 0; k < n; k++) if (a->axis[k] != b->axis[k]) return false;
    return true;
}
static bool same_type(const Value *a, const Value *b) { return a->dt == b->dt && a->rank == b->rank && a->target == b->target && same_axes(a, b, a->rank); }

/* ---- one function per kind of node ------------------------------------------------------------------------ */
static void bind(Verifier *v, const Index *i, const Space *axis, const char *of) {
    if (!i) { invalid(v, v->loc, "an index of `%s` is missing", of); return; }
    if (i->space != axis) invalid(v, v->loc, "index `%s` ranges over `%s`, the axis of `%s` is `%s`", i->name, i->space->name, of, axis->name);
    for (int k = 0; k < v->scope.n; k++) if (v->scope.at[k] == i) invalid(v, v->loc, "index `%s` stands twice on the left of `%s`", i->name, of);
    vec_add(v->p->arena, v->scope, i);
}
static void of_type(Verifier *v, const X *e, const Value *x) {
    if (e->dt != x->dt) invalid(v, v->loc, "`%s` is %s, its expression %s", x->name, dtype_name(x->dt), dtype_name(e->dt));
}
typedef struct Late { const Value *found; } Late;
static bool find_late(X *e, void *data) {
    Late *l = data;
    if (e->k == X_READ && e->u.read.v && !e->u.read.v->structural) l->found = e->u.read.v;
    return true;
}
static void compute(Verifier *v, Node *n) {
    Value *x = n->result[0];
    X *e = n->u.compute.expr;
    if (!e) { invalid(v, n->loc, "`%s` has no expression", x->name); return; }
    for (int k = 0; k < x->rank; k++) bind(v, n->u.compute.idx[k], x->axis[k], x->name);
    int before = v->reports;
    verify_x(v, e);
    of_type(v, e, x);
    if (x->target && e->space && e->space != x->target) invalid(v, n->loc, "`%s` is a map to `%s`, its expression a position of `%s`", x->name, x->target->name, e->space->name);
    if (n->u.compute.check_range && !x->target) invalid(v, n->loc, "`%s` is no map, it has no range to check", x->name);
    Late l = { NULL };
    if (x->structural && before == v->reports) x_walk(e, find_late, &l);
    if (l.found) invalid(v, n->loc, "`%s` is structural but reads `%s`, which is not", x->name, l.found->name);
}
static void recur(Verifier *v, Node *n) {
    int count = n->u.recur.member.n, depth = v->scope.n;
    Index *t = n->u.recur.time;
    if (!t || !verify_space(v, t->space, n->loc)) { if (!t) invalid(v, n->loc, "a recurrence has a time index"); return; }
    if (count != n->n_result || !count) { invalid(v, n->loc, "a recurrence has a result for each member, and at least one"); return; }
    for (int k = 0; k < count; k++) {
        Member *m = &n->u.recur.member.at[k];
        if (m->value != n->result[k]) { invalid(v, n->loc, "member %d is not result %d of its recurrence", k + 1, k + 1); return; }
        if (m->time_axis < 0 || m->time_axis >= m->value->rank) { invalid(v, n->loc, "`%s` has no time axis", m->value->name); return; }
    }
    v->recur = n;
    for (int k = 0; k < count; k++) {
        Member *m = &n->u.recur.member.at[k];
        Value *x = m->value;
        v->member = k;
        for (int j = 0; j < x->rank; j++) bind(v, m->idx[j], x->axis[j], x->name);
        if (m->idx[m->time_axis] != t) invalid(v, n->loc, "`%s` has another index than the time's on its time axis", x->name);
        if (m->expr) verify_x(v, m->expr), of_type(v, m->expr, x); else invalid(v, n->loc, "`%s` has no expression", x->name);
        v->scope.n = depth;
    }
    v->recur = NULL;                                       /* what lies before the first element reads no member */
    for (int k = 0; k < count; k++) {
        Member *m = &n->u.recur.member.at[k];
        for (int j = 0; j < m->before.n; j++) {
            Before *b = &m->before.at[j];
            if (b->offset >= 0) invalid(v, n->loc, "`%s` is given at %lld, which is not before the first element", m->value->name, (long long)b->offset);
            for (int i = 0; i < j; i++) if (m->before.at[i].offset == b->offset) invalid(v, n->loc, "`%s` is given twice at %lld", m->value->name, (long long)b->offset);
            for (int i = 0; i < m->value->rank; i++) if (i != m->time_axis) bind(v, b->idx[i], m->value->axis[i], m->value->name);
            if (b->expr) verify_x(v, b->expr), of_type(v, b->expr, m->value); else invalid(v, n->loc, "`%s` has no expression before the first element", m->value->name);
            v->scope.n = depth;
        }
    }
}
static void transform(Verifier *v, Node *n) {
    Value *in = n->u.transform.in, *out = n->result[0];
    if (!verify_known(v, in, n->loc)) return;
    if (in->rank != out->rank || n->u.transform.n < 1 || n->u.transform.n > 4) { invalid(v, n->loc, "the transform `%s` has other axes than `%s`", out->name, in->name); return; }
    bool inverse = n->u.transform.kind == TR_INVERSE, fourier = false, half = false, z = dtype_is_complex(in->dt);
    for (int k = 0; k < in->rank; k++) {
        int at = -1;
        for (int j = 0; j < n->u.transform.n; j++) if (n->u.transform.axis[j] == k) { if (at >= 0) invalid(v, n->loc, "axis %d is transformed twice", k); at = j; }
        if (at < 0) {
            if (in->axis[k] != out->axis[k]) invalid(v, n->loc, "axis %d of `%s` is `%s`, of `%s` it is `%s`", k, out->name, out->axis[k]->name, in->name, in->axis[k]->name);
            continue;
        }
        Space *grid = inverse ? out->axis[k] : in->axis[k], *modes = inverse ? in->axis[k] : out->axis[k];
        if (grid->kind != SP_GRID || modes->kind != SP_MODES) invalid(v, n->loc, "axis %d: a transform goes between a grid and its frequencies, not `%s` and `%s`", k, grid->name, modes->name);
        else if (!inverse && modes->part[0] != grid) invalid(v, n->loc, "axis %d: `%s` are not the frequencies of `%s`", k, modes->name, grid->name);
        fourier |= modes->kind == SP_MODES && modes->family <= MODES_HALF, half |= modes->kind == SP_MODES && modes->family == MODES_HALF;
        if (modes->family == MODES_HALF && at != n->u.transform.n - 1) invalid(v, n->loc, "the half axis is the last one");
    }
    /* Fourier axes make reals complex; a half axis takes them back */
    Dtype real = dtype_real_of(in->dt), want = (inverse ? z && !half : z || fourier) ? dtype_complex_of(real) : real;
    if ((real != DT_F32 && real != DT_F64) || out->dt != want || (inverse && fourier && !z)) invalid(v, n->loc, "the transform `%s` is %s, of %s", out->name, dtype_name(out->dt), dtype_name(in->dt));
    for (int j = 0; j < n->u.transform.n; j++) if (n->u.transform.axis[j] < 0 || n->u.transform.axis[j] >= in->rank) invalid(v, n->loc, "an axis that `%s` does not have", in->name);
}
static void select(Verifier *v, Node *n) {
    Value *in = n->u.select.in, *pick = n->result[0], *val = n->n_result > 1 ? n->result[1] : NULL;
    int axis = n->u.select.axis;
    if (!verify_known(v, in, n->loc)) return;
    if (!val || n->n_result != 2) { invalid(v, n->loc, "a selection gives places and values"); return; }
    if (axis < 0 || axis >= in->rank || pick->rank != in->rank || val->rank != in->rank) { invalid(v, n->loc, "the selection `%s` has other axes than `%s`", pick->name, in->name); return; }
    if (pick->target != in->axis[axis]) invalid(v, n->loc, "`%s` is not a map to `%s`", pick->name, in->axis[axis]->name);
    if (val->dt != in->dt || in->dt == DT_BOOL || dtype_is_complex(in->dt)) invalid(v, n->loc, "`%s` is %s, selected from %s", val->name, dtype_name(val->dt), dtype_name(in->dt));
    for (int k = 0; k < in->rank; k++) {
        if (pick->axis[k] != val->axis[k]) invalid(v, n->loc, "`%s` and `%s` differ in axis %d", pick->name, val->name, k);
        if (k != axis && in->axis[k] != val->axis[k]) invalid(v, n->loc, "`%s` and `%s` differ in axis %d", val->name, in->name, k);
    }
    if (n->u.select.kind == SEL_SORT && !ext_equal(val->axis[axis]->extent, in->axis[axis]->extent)) invalid(v, n->loc, "`%s` has not as many places as `%s` has values", val->name, in->name);
}
static void factor(Verifier *v, Node *n) {
    static const struct { int in, out; bool square; } form[] = { { 1, 1, true }, { 2, 1, true }, { 2, 1, false }, { 1, 1, true }, { 1, 1, true }, { 1, 2, false }, { 1, 3, false }, { 1, 2, true }, { 1, 2, true } };
    FactorKind f = n->u.factor.kind;
    if ((unsigned)f > F_EIG || n->u.factor.n_in != form[f].in || n->n_result != form[f].out) { invalid(v, n->loc, "a factorisation with other operands or results than its kind has"); return; }
    for (int k = 0; k < n->u.factor.n_in; k++) if (!verify_known(v, n->u.factor.in[k], n->loc)) return;
    Value *a = n->u.factor.in[0], *b = form[f].in == 2 ? n->u.factor.in[1] : NULL;
    int batch = a->rank - 2;
    if (batch < 0 || (!dtype_is_float(a->dt) && !dtype_is_complex(a->dt))) { invalid(v, n->loc, "`%s` is no matrix of reals or complex numbers", a->name); return; }
    if (form[f].square && !ext_equal(a->axis[batch]->extent, a->axis[batch + 1]->extent)) invalid(v, n->loc, "`%s` is not square", a->name);
    if (b && (b->dt != a->dt || (b->rank != batch + 1 && b->rank != batch + 2) || !same_axes(a, b, batch))) invalid(v, n->loc, "`%s` is no right-hand side of `%s`", b->name, a->name);
    for (int k = 0; k < n->n_result; k++) {
        Value *r = n->result[k];
        if (!same_axes(a, r, batch)) invalid(v, n->loc, "`%s` has other leading axes than `%s`", r->name, a->name);
        if (dtype_real_of(r->dt) != dtype_real_of(a->dt)) invalid(v, n->loc, "`%s` is %s, `%s` is %s", r->name, dtype_name(r->dt), a->name, dtype_name(a->dt));
    }
}
static void node(Verifier *v, Node *n);
static bool in_body(const Node *n, const Value *x) {
    for (int k = 0; k < n->u.iterate.body.n; k++)
        for (int j = 0; j < n->u.iterate.body.at[k]->n_result; j++) if (n->u.iterate.body.at[k]->result[j] == x) return true;
    return false;
}
static void forget(Verifier *v, const Value *x) { if (x->id >= 0 && x->id < v->p->n_value && v->known[x->id] == x) v->known[x->id] = NULL; }
static void iterate(Verifier *v, Node *n) {
    int m = n->u.iterate.n;
    if (m != n->n_result || m < 1) { invalid(v, n->loc, "an iteration has a result for each carried value, and at least one"); return; }
    if (n->u.iterate.max < 0) invalid(v, n->loc, "an iteration with %lld rounds", (long long)n->u.iterate.max);
    for (int k = 0; k < m; k++) {
        Value *c = n->u.iterate.carried[k], *i = n->u.iterate.init[k];
        if (!verify_known(v, i, n->loc) || !value_type(v, c)) return;
        if (!same_type(c, i) || !same_type(c, n->result[k])) invalid(v, n->loc, "`%s` begins as `%s` and ends as `%s`, which are of other types", c->name, i->name, n->result[k]->name);
    }
    for (int k = 0; k < m; k++) make_known(v, n->u.iterate.carried[k]);
    for (int k = 0; k < n->u.iterate.body.n; k++) {
        NodeKind kind = n->u.iterate.body.at[k]->kind;
        if (kind == N_INPUT || kind == N_PARAM || kind == N_DERIVE) invalid(v, n->loc, "a node of kind %s inside an iteration", node_kind_name(kind));
        node(v, n->u.iterate.body.at[k]);
    }
    Loc loc = v->loc = n->loc;
    for (int k = 0; k < m; k++) {
        Value *x = n->u.iterate.next[k];
        if (verify_known(v, x, loc) && !same_type(x, n->u.iterate.carried[k])) invalid(v, loc, "`%s` goes on as `%s`, which is of another type", n->u.iterate.carried[k]->name, x->name);
    }
    Value *u = n->u.iterate.until;
    if (verify_known(v, u, loc) && (u->rank || u->dt != DT_BOOL || !in_body(n, u))) invalid(v, loc, "the test `%s` is not a bool without axes that the body computes", u->name);
    for (int k = 0; k < m; k++) forget(v, n->u.iterate.carried[k]);
    for (int k = 0; k < n->u.iterate.body.n; k++)
        for (int j = 0; j < n->u.iterate.body.at[k]->n_result; j++) forget(v, n->u.iterate.body.at[k]->result[j]);
}
static void derive(Verifier *v, Node *n) {
    int m = n->u.derive.n;
    Space *s = n->u.derive.space;
    if (!verify_space(v, s, n->loc)) return;
    if (s->kind != SP_DERIVED || s->extent->op != EXT_SYM || s->extent->sym->kind != SYM_DATA) invalid(v, n->loc, "`%s` is not a space whose size is found when the structure is bound", s->name);
    if (m < 1 || m > 8) { invalid(v, n->loc, "`%s` has %d keys", s->name, m); return; }
    for (int side = 0; side <= (n->u.derive.kind == DV_JOIN); side++) {
        Value **key = side ? n->u.derive.key2 : n->u.derive.key;
        for (int k = 0; k < m; k++) {
            if (!verify_known(v, key[k], n->loc)) return;
            if (key[k]->rank != 1 || key[k]->axis[0] != key[0]->axis[0]) { invalid(v, n->loc, "key `%s` of `%s` is not over the one space of its side", key[k]->name, s->name); return; }
            if (n->u.derive.kind == DV_FILTER ? key[k]->dt != DT_BOOL || m != 1 : !key[k]->target) invalid(v, n->loc, "key `%s` of `%s` is not a map, or of a filter one bool", key[k]->name, s->name);
            if (side && key[k]->target != n->u.derive.key[k]->target) invalid(v, n->loc, "keys `%s` and `%s` of `%s` go to different spaces", n->u.derive.key[k]->name, key[k]->name, s->name);
        }
    }
    Space *a = n->u.derive.key[0]->axis[0], *from[9], *to[9];
    int want = 0;
    switch (n->u.derive.kind) {
    case DV_UNIQUE:
        for (int k = 0; k < m; k++, want++) from[want] = s, to[want] = n->u.derive.key[k]->target;
        from[want] = a, to[want++] = s;
        break;
    case DV_JOIN: from[0] = from[1] = s, to[0] = a, to[1] = n->u.derive.key2[0]->axis[0], want = 2; break;
    case DV_FILTER: from[0] = s, to[0] = a, want = 1; break;
    }
    if (n->n_result != want) { invalid(v, n->loc, "`%s` has %d maps, %d are given", s->name, want, n->n_result); return; }
    for (int k = 0; k < want; k++)
        if (n->result[k]->rank != 1 || n->result[k]->axis[0] != from[k] || n->result[k]->target != to[k]) invalid(v, n->loc, "`%s` is not a map from `%s` to `%s`", n->result[k]->name, from[k]->name, to[k]->name);
}
static void constant(Verifier *v, Node *n) {
    int64_t want = dtype_is_complex(n->result[0]->dt) ? 2 : 1, e;
    for (int k = 0; k < n->result[0]->rank; k++) {
        if (!ext_is_const(n->result[0]->axis[k]->extent, &e)) return;
        if (__builtin_mul_overflow(want, e, &want)) want = -1;
    }
    if (want != n->u.constant.n) invalid(v, n->loc, "`%s` has %lld numbers, its axes say %lld", n->result[0]->name, (long long)n->u.constant.n, (long long)want);
}
static void node(Verifier *v, Node *n) {
    v->loc = n->loc;
    v->scope.n = 0;
    if (n->n_result < 1) { invalid(v, n->loc, "a node without a result"); return; }
    bool ok = true;
    for (int k = 0; k < n->n_result; k++) {
        Value *x = n->result[k];
        ok = value_type(v, x) && ok;
        if (x->node != n || x->result != k) invalid(v, n->loc, "`%s` does not know the node that makes it", x->name);
    }
    if (!ok) return;
    bool one = true;
    switch (n->kind) {
    case N_INPUT: break;
    case N_PARAM: one = n->u.param.n_init_arg >= 0 && n->u.param.n_init_arg <= 4; break;
    case N_CONST: constant(v, n); break;
    case N_COMPUTE: compute(v, n); break;
    case N_RECUR: recur(v, n); break;
    case N_TRANSFORM: transform(v, n); break;
    case N_SELECT: select(v, n); break;
    case N_FACTOR: factor(v, n); break;
    case N_ITERATE: iterate(v, n); break;
    case N_DERIVE: derive(v, n); break;
    default: invalid(v, n->loc, "a node of no kind"); return;
    }
    if (n->kind <= N_COMPUTE || n->kind == N_TRANSFORM) one = one && n->n_result == 1;
    if (!one) invalid(v, n->loc, "a node of kind %s with %d results or too many arguments", node_kind_name(n->kind), n->n_result);
    for (int k = 0; k < n->n_result; k++) make_known(v, n->result[k]);
}

/* ---- programs ------------------------------------------------------------------------------------------- */
static void space(Verifier *v, Space *s) {
    if (!verify_ext(v, s->extent, s->loc)) return;
    if (s->n_part < 0 || s->n_part > 8) { invalid(v, s->loc, "`%s` has %d parts", s->name, s->n_part); return; }
    for (int k = 0; k < s->n_part; k++) if (!verify_space(v, s->part[k], s->loc)) return;
    if ((s->kind == SP_PRODUCT || s->kind == SP_SUM) && !s->n_part) invalid(v, s->loc, "`%s` has no parts", s->name);
    /* parts are older than what is made of them: so no space is part of itself */
    for (int k = 0; k < s->n_part; k++) if (s->part[k]->id >= s->id) invalid(v, s->loc, "`%s` is made of `%s`, which comes later", s->name, s->part[k]->name);
    if (s->kind == SP_MODES) {
        if (s->n_part < 1 || s->part[0]->kind != SP_GRID || !s->n0 || !s->f0 || !s->f1) invalid(v, s->loc, "the frequencies `%s` have no grid or no range", s->name);
        else if (verify_ext(v, s->n0, s->loc) && verify_ext(v, s->f0, s->loc)) verify_ext(v, s->f1, s->loc);
    }
    if (s->graph && (s->graph->id < 0 || s->graph->id >= v->p->graph.n || v->p->graph.at[s->graph->id] != s->graph)) invalid(v, s->loc, "the graph of `%s` is not the program's", s->name);
}
static void graph_map(Verifier *v, const Graph *g, const Value *x, const char *role, const Space *from, const Space *to) {
    if (!x) return;
    if (x->rank != 1 || x->axis[0] != from || x->target != to) invalid(v, x->loc, "`%s.%s` is not a map from `%s` to `%s`", g->name, role, from ? from->name : "?", to ? to->name : "?");
}
static void interface(Verifier *v, Value *x, NodeKind kind) {
    if (!verify_known(v, x, v->p->loc)) return;
    if (x->node->kind != kind || (kind == N_INPUT && x->node->u.input.graph)) invalid(v, x->loc, "`%s` is in the interface as %s but is none", x->name, node_kind_name(kind));
}
bool program_verify(Program *p, const char *after) {
    Verifier s = { .p = p, .after = after ? after : "?", .loc = p->loc }, *v = &s;
    v->known = NEWN(p->arena, const Value *, p->n_value + 1);
    for (int k = 0; k < p->sym.n; k++) if (p->sym.at[k]->id != k || p->sym.at[k]->fixed < -1) invalid(v, p->sym.at[k]->loc, "the size `%s` is not at its place", p->sym.at[k]->name);
    for (int k = 0; k < p->space.n; k++) if (p->space.at[k]->id != k) invalid(v, p->space.at[k]->loc, "the space `%s` is not at its place", p->space.at[k]->name);
    for (int k = 0; k < p->graph.n; k++) if (p->graph.at[k]->id != k) invalid(v, p->loc, "the graph `%s` is not at its place", p->graph.at[k]->name);
    if (s.reports) return false;
    for (int k = 0; k < p->space.n; k++) space(v, p->space.at[k]);
    for (int k = 0; k < p->check.n; k++) {
        const Check *c = &p->check.at[k];
        if (verify_ext(v, c->a, c->loc) && verify_ext(v, c->b, c->loc) && c->rel != '<' && c->rel != '=' && c->rel != 'L') invalid(v, c->loc, "a check of no relation");
    }
    if (s.reports) return false;
    for (int k = 0; k < p->node.n; k++) node(v, p->node.at[k]);
    v->loc = p->loc;
    for (int k = 0; k < p->graph.n; k++) {
        const Graph *g = p->graph.at[k];
        graph_map(v, g, g->src, "src", g->edges, g->src_nodes);
        graph_map(v, g, g->dst, "dst", g->edges, g->dst_nodes);
        graph_map(v, g, g->etype, "etype", g->edges, g->etypes);
        /* reversed, a graph between two node spaces has the types on the side of its sources */
        bool sources = !g->given && g->ntype && g->ntype->rank == 1 && g->ntype->axis[0] == g->src_nodes;
        graph_map(v, g, g->ntype, "ntype", sources ? g->src_nodes : g->dst_nodes, g->ntypes);
    }
    for (int k = 0; k < p->input.n; k++) interface(v, p->input.at[k], N_INPUT);
    for (int k = 0; k < p->param.n; k++) interface(v, p->param.at[k], N_PARAM);
    for (int k = 0; k < p->output.n; k++) verify_known(v, p->output.at[k].value, p->loc);
    return !s.reports;
}
