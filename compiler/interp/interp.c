/* interp.c - one run: sizes and checks, inputs, nodes in order, outputs. Memory of values is malloc'ed so that its lack is a diagnostic. */
#include "interp/inside.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void fail(Interp *I, DiagId id, Loc loc, const char *fmt, ...) {
    if (I->failed) return;                       /* what follows the first failure is its consequence */
    I->failed = true;
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_error(I->p->cx, id, loc, "%s", text);
}
void *run_alloc(Interp *I, size_t n, size_t bytes) {
    size_t all;
    void *q = !__builtin_mul_overflow(n ? n : 1, bytes, &all) && all <= I->most && I->bytes <= I->most - all ? calloc(1, all) : NULL;
    if (!q) { fail(I, D_OUT_OF_MEMORY, I->p->loc, "%zu elements of %zu bytes can't be had", n, bytes); return NULL; }
    vec_add(I->book, I->owned, ((Owned){ q, all }));
    I->bytes += all;
    return q;
}
void run_free_to(Interp *I, int mark) {
    while (I->owned.n > mark) { Owned *q = &I->owned.at[--I->owned.n]; I->bytes -= q->bytes; free(q->at); }
}
const char *value_text(Interp *I, const Value *v) { return *v->name == '%' ? "what is computed here" : arena_printf(I->book, "`%s`", v->name); }
bool array_shape(Interp *I, const Value *v, Array *a) {
    a->dt = v->dt, a->rank = v->rank, a->n = 1;
    if (v->rank > 8) { fail(I, D_UNSUPPORTED, v->loc, "%s has %d dimensions; 8 are possible", value_text(I, v), v->rank); return false; }
    for (int k = 0; k < v->rank; k++) {
        int64_t n = ext_eval(v->axis[k]->extent, I->size);
        if (n < 0) { fail(I, D_RUN_FAILED, v->loc, "dimension %d of %s, `%s`, has no size here", k + 1, value_text(I, v), v->axis[k]->name); return false; }
        a->extent[k] = n;
        if (__builtin_mul_overflow(a->n, n, &a->n) || a->n > INT64_MAX / 16) { fail(I, D_OUT_OF_MEMORY, v->loc, "%s has too many elements", value_text(I, v)); return false; }
    }
    return true;
}
Array *value_alloc(Interp *I, Value *v) {
    Array *a = &I->val[v->id], old = *a;
    if (!array_shape(I, v, a)) return NULL;
    if (old.n == a->n && old.dt == a->dt && (old.re || old.i)) return a;    /* another round of an iteration */
    size_t n = (size_t)a->n;
    a->re = a->im = NULL, a->i = NULL;
    switch (class_of(v->dt)) {
    case IS_INT: if (!(a->i = run_alloc(I, n, sizeof *a->i))) return NULL; break;
    case IS_COMPLEX: if (!(a->im = run_alloc(I, n, sizeof *a->im))) return NULL; /* fall through */
    case IS_REAL: if (!(a->re = run_alloc(I, n, sizeof *a->re))) return NULL; break;
    }
    return a;
}
const char *position_text(Interp *I, const Array *a, int64_t at) {
    const char *s = "";
    for (int k = a->rank - 1; k >= 0; k--) {
        s = arena_printf(I->book, "%" PRId64 "%s%s", at % a->extent[k], *s ? ", " : "", s);
        at /= a->extent[k];
    }
    return arena_printf(I->book, "[%s]", s);
}
bool check_targets(Interp *I, const Value *v) {
    const Array *a = &I->val[v->id];
    if (!v->target || !a->i) return true;
    int64_t n = ext_eval(v->target->extent, I->size);
    for (int64_t k = 0; k < a->n; k++)
        if (a->i[k] < 0 || a->i[k] >= n) {
            fail(I, D_RUN_FAILED, v->loc, "%s is %" PRId64 " at %s, but `%s` has the positions 0..%" PRId64, value_text(I, v), a->i[k], position_text(I, a, k), v->target->name, n - 1);
            return false;
        }
    return true;
}

/* ---- sizes ------------------------------------------------------------------------------------------------ */
static bool bind_sizes(Interp *I) {
    for (int k = 0; k < I->p->sym.n; k++) {
        Sym *s = I->p->sym.at[k];
        I->size[s->id] = s->fixed >= 0 ? s->fixed : s->kind == SYM_DATA ? -1 : I->args->size[s->id];
        if (s->kind == SYM_DATA) continue;
        int64_t least = s->kind == SYM_DIM;
        if (I->size[s->id] < least) { fail(I, D_RUN_FAILED, s->loc, "`%s` is %" PRId64 "; it is at least %" PRId64, s->name, I->size[s->id], least); return false; }
    }
    return true;
}
/* Those whose sizes are known by now, each once: before anything reads by them. */
static bool run_checks(Interp *I, bool *done) {
    for (int k = 0; k < I->p->check.n; k++) {
        const Check *c = &I->p->check.at[k];
        if (done[k] || !ext_is_known(c->a, I->size) || !ext_is_known(c->b, I->size)) continue;
        done[k] = true;
        if (check_holds(c, I->size)) continue;
        fail(I, D_RUN_FAILED, c->loc, "%s", check_text(I->book, c, I->size));
        return false;
    }
    return true;
}

/* ---- sources: inputs, parameters, constants ------------------------------------------------------------------ */
static bool take(Interp *I, Value *v, const Array *from) {
    Array *a = &I->val[v->id], want = { 0 };
    if (!array_shape(I, v, &want)) return false;
    bool same = from->rank == want.rank;
    for (int k = 0; same && k < want.rank; k++) same = from->extent[k] == want.extent[k];
    if (!same) { fail(I, D_RUN_FAILED, v->loc, "the array given for `%s` has another shape than its dimensions say", v->name); return false; }
    Class c = class_of(v->dt);
    if (c == IS_INT ? from->i != NULL : from->re && (c == IS_REAL || from->im)) {
        *a = want;
        a->re = c == IS_INT ? NULL : from->re, a->im = c == IS_COMPLEX ? from->im : NULL, a->i = c == IS_INT ? from->i : NULL;
        if (c == IS_INT) for (int64_t k = 0; k < a->n; k++) if (wrap(a->i[k], v->dt) != a->i[k]) {
            fail(I, D_RUN_FAILED, v->loc, "`%s` is %" PRId64 " at %s, which is no %s", v->name, a->i[k], position_text(I, a, k), dtype_name(v->dt));
            return false;
        }
        return check_targets(I, v);
    }
    if (!(a = value_alloc(I, v))) return false;
    for (int64_t k = 0; k < a->n; k++) {
        double x = from->i ? (double)from->i[k] : from->re ? from->re[k] : 0;
        if (a->i) a->i[k] = wrap((int64_t)x, v->dt); else a->re[k] = x;
    }
    return check_targets(I, v);
}
static bool take_graph_map(Interp *I, Node *n) {
    int place = 0;
    for (int k = 0; k < I->p->graph.n && I->p->graph.at[k] != n->u.input.graph; k++) place += I->p->graph.at[k]->given;
    const InterpGraph *g = &I->args->graph[place];
    const char *role = n->u.input.role;
    const int64_t *from = !strcmp(role, "src") ? g->src : !strcmp(role, "dst") ? g->dst : !strcmp(role, "etype") ? g->etype : g->ntype;
    Array *a = value_alloc(I, n->result[0]);
    if (!a) return false;
    int64_t have = !strcmp(role, "ntype") ? g->dst_nodes : g->edges;
    if (have < g->src_nodes && !strcmp(role, "ntype") && a->n == g->src_nodes) have = g->src_nodes;
    if (a->n > have) { fail(I, D_RUN_FAILED, n->loc, "`%s` has %" PRId64 " elements, the graph that was given %" PRId64, n->result[0]->name, a->n, have); return false; }
    for (int64_t k = 0; k < a->n; k++) a->i[k] = from ? from[k] : 0;
    return check_targets(I, n->result[0]);
}
static bool run_source(Interp *I, Node *n) {
    Value *v = n->result[0];
    if (n->kind == N_CONST) {
        Array *a = value_alloc(I, v);
        if (!a) return false;
        for (int64_t k = 0; k < a->n; k++) {
            if (k >= n->u.constant.n) { fail(I, D_INTERNAL, n->loc, "constant `%s` has too few elements", v->name); return false; }
            if (a->i) a->i[k] = (int64_t)n->u.constant.data[k];
            else if (a->im) a->re[k] = n->u.constant.data[2 * k], a->im[k] = n->u.constant.data[2 * k + 1];
            else a->re[k] = n->u.constant.data[k];
        }
        return check_targets(I, v);
    }
    if (n->kind == N_INPUT && n->u.input.role) return take_graph_map(I, n);
    bool input = n->kind == N_INPUT;
    int m = input ? I->p->input.n : I->p->param.n;
    for (int k = 0; k < m; k++) if ((input ? I->p->input.at : I->p->param.at)[k] == v) return take(I, v, &(input ? I->args->input : I->args->param)[k]);
    fail(I, D_INTERNAL, n->loc, "`%s` is no argument of the model", v->name);
    return false;
}

/* ---- equations ----------------------------------------------------------------------------------------------- */
/* Runs f over all settings of idx[] (but `fixed`), row-major; at is the flat position, the fixed axis included. */
static void sweep(Interp *I, const Op *op, Array *a, Index **idx, int fixed, int64_t fixed_at) {
    int64_t stride[8], at = 0, left = 1;
    for (int k = a->rank - 1; k >= 0; k--) {
        stride[k] = k == a->rank - 1 ? 1 : stride[k + 1] * a->extent[k + 1];
        if (k != fixed) left *= a->extent[k], I->ix[idx[k]->id] = 0;
    }
    if (fixed >= 0) at = stride[fixed] * fixed_at, I->ix[idx[fixed]->id] = fixed_at;
    for (; left > 0 && !I->failed; left--) {
        eval_store(I, op, a, at);
        for (int k = a->rank - 1; k >= 0; k--) {
            if (k == fixed) continue;
            int64_t *i = &I->ix[idx[k]->id];
            at += stride[k];
            if (++*i < a->extent[k]) break;
            at -= stride[k] * a->extent[k];
            *i = 0;
        }
    }
}
static bool known_indices(Interp *I, Node *n, Index **idx, int rank) {
    for (int k = 0; k < rank; k++) if (idx[k] && (idx[k]->id < 0 || idx[k]->id >= I->p->n_index)) {
        fail(I, D_INTERNAL, n->loc, "index `%s` is not of this program", idx[k]->name);
        return false;
    }
    return true;
}
static bool run_compute(Interp *I, Node *n) {
    Value *v = n->result[0];
    Array *a = value_alloc(I, v);
    if (!a || !known_indices(I, n, n->u.compute.idx, v->rank)) return false;
    int mark = I->owned.n;
    Op *op = compile(I, n->u.compute.expr);
    if (op) sweep(I, op, a, n->u.compute.idx, -1, 0);
    run_free_to(I, mark);
    return op && !I->failed && (!n->u.compute.check_range || check_targets(I, v));
}
static bool run_recur(Interp *I, Node *n) {
    int count = n->u.recur.member.n;
    Group g = { .node = n, .n = count, .member = NEWN(I->arena, MemberRun, count + 1), .reverse = n->u.recur.reverse };
    for (int k = 0; k < count; k++) {
        Member *m = &n->u.recur.member.at[k];
        Array *a = value_alloc(I, m->value);
        if (!a || !known_indices(I, n, m->idx, m->value->rank)) return false;
        if (a->re) memset(a->re, 0, sizeof *a->re * (size_t)a->n);
        if (a->im) memset(a->im, 0, sizeof *a->im * (size_t)a->n);
        if (a->i) memset(a->i, 0, sizeof *a->i * (size_t)a->n);
        g.member[k].m = m;
    }
    int mark = I->owned.n;
    I->group = &g;
    bool ok = true;
    for (int k = 0; k < count && ok; k++) {
        MemberRun *r = &g.member[k];
        r->before = NEWN(I->arena, BeforeRun, r->m->before.n + 1);
        for (int j = 0; j < r->m->before.n && ok; j++) {
            Before *b = &r->m->before.at[j];
            r->before[j] = (BeforeRun){ b->offset, compile(I, b->expr) };
            ok = r->before[j].op && known_indices(I, n, b->idx, r->m->value->rank);
        }
        r->n_before = r->m->before.n;
    }
    for (int k = 0; k < count && ok; k++) ok = (g.member[k].op = compile(I, g.member[k].m->expr)) != NULL;
    int64_t steps = ok ? ext_eval(n->u.recur.time->space->extent, I->size) : 0;
    for (int64_t s = 0; s < steps && !I->failed; s++)
        for (int k = 0; k < count && !I->failed; k++) {
            Member *m = g.member[k].m;
            I->step++;
            sweep(I, g.member[k].op, &I->val[m->value->id], m->idx, m->time_axis, g.reverse ? steps - 1 - s : s);
        }
    I->group = NULL;
    run_free_to(I, mark);
    return ok && !I->failed;
}

/* ---- iteration ------------------------------------------------------------------------------------------------ */
static bool run_node(Interp *I, Node *n);
static void copy_data(Array *to, const Array *from) {
    size_t n = (size_t)from->n;
    if (to->re && from->re) memcpy(to->re, from->re, n * sizeof *to->re);
    if (to->im && from->im) memcpy(to->im, from->im, n * sizeof *to->im);
    if (to->i && from->i) memcpy(to->i, from->i, n * sizeof *to->i);
}
static bool same_shape(Interp *I, Node *n, const Array *a, const Array *b) {
    if (a->n == b->n && class_of(a->dt) == class_of(b->dt)) return true;
    fail(I, D_INTERNAL, n->loc, "a carried tensor changes its shape");
    return false;
}
static bool run_iterate(Interp *I, Node *n) {
    int count = n->u.iterate.n, nb = n->u.iterate.body.n;
    /* nodes that the test needs run before it, the others only when there is another round */
    bool *early = calloc((size_t)nb + 1, 1);
    Array *next = calloc((size_t)count + 1, sizeof *next);
    bool ok = early && next;
    if (!ok) fail(I, D_OUT_OF_MEMORY, n->loc, "an iteration's memory can't be had");
    for (int k = nb - 1; ok && k >= 0; k--) {
        Node *b = n->u.iterate.body.at[k];
        for (int r = 0; r < b->n_result && n->u.iterate.until; r++) {
            early[k] |= b->result[r] == n->u.iterate.until;
            for (int j = k + 1; j < nb; j++) early[k] |= early[j] && node_reads(n->u.iterate.body.at[j], b->result[r]);
        }
    }
    for (int k = 0; k < count && ok; k++) {
        Array *a = value_alloc(I, n->u.iterate.carried[k]);
        const Array *from = &I->val[n->u.iterate.init[k]->id];
        if ((ok = a && same_shape(I, n, a, from))) copy_data(a, from);
        if (!ok) break;
        next[k] = *a;
        if (a->re && !(next[k].re = run_alloc(I, (size_t)a->n, sizeof(double)))) ok = false;
        if (a->im && !(next[k].im = run_alloc(I, (size_t)a->n, sizeof(double)))) ok = false;
        if (a->i && !(next[k].i = run_alloc(I, (size_t)a->n, sizeof(int64_t)))) ok = false;
    }
    for (int64_t round = 0; ok && round < n->u.iterate.max; round++) {
        for (int k = 0; k < nb && ok; k++) if (early[k]) ok = run_node(I, n->u.iterate.body.at[k]);
        if (!ok || (n->u.iterate.until && I->val[n->u.iterate.until->id].i[0])) break;
        for (int k = 0; k < nb && ok; k++) if (!early[k]) ok = run_node(I, n->u.iterate.body.at[k]);
        for (int k = 0; k < count && ok; k++) if ((ok = same_shape(I, n, &next[k], &I->val[n->u.iterate.next[k]->id]))) copy_data(&next[k], &I->val[n->u.iterate.next[k]->id]);
        for (int k = 0; k < count && ok; k++) copy_data(&I->val[n->u.iterate.carried[k]->id], &next[k]);
    }
    for (int k = 0; k < count && ok; k++) {
        Array *a = value_alloc(I, n->result[k]);
        if ((ok = a && same_shape(I, n, a, &I->val[n->u.iterate.carried[k]->id]))) copy_data(a, &I->val[n->u.iterate.carried[k]->id]);
    }
    free(early);
    free(next);
    return ok;
}

static bool run_node(Interp *I, Node *n) {
    Arena *outer = I->arena;
    I->arena = arena_new();
    bool ok = false;
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_CONST: ok = run_source(I, n); break;
    case N_COMPUTE: ok = run_compute(I, n); break;
    case N_RECUR: ok = run_recur(I, n); break;
    case N_TRANSFORM: ok = run_transform(I, n); break;
    case N_SELECT: ok = run_select(I, n); break;
    case N_FACTOR: ok = run_factor(I, n); break;
    case N_ITERATE: ok = run_iterate(I, n); break;
    case N_DERIVE: ok = run_derive(I, n); break;
    }
    arena_free(I->arena);
    I->arena = outer;
    return ok && !I->failed;
}

static bool give(Interp *I, const Output *o, Array *to, Arena *arena) {
    const Array *from = &I->val[o->value->id];
    if (!from->re && !from->i) { fail(I, D_INTERNAL, o->value->loc, "output `%s` has no value", o->name); return false; }
    *to = *from;
    size_t n = (size_t)from->n;
    uint64_t more = (from->im ? 2 : 1) * sizeof(double) * (uint64_t)n;
    if (more > I->most || I->bytes > I->most - more) { fail(I, D_OUT_OF_MEMORY, o->value->loc, "`%s`: memory for %zu elements can't be had", o->name, n); return false; }
    I->bytes += more;
    if (from->re) to->re = arena_alloc(arena, (n + 1) * sizeof(double));
    if (from->im) to->im = arena_alloc(arena, (n + 1) * sizeof(double));
    if (from->i) to->i = arena_alloc(arena, (n + 1) * sizeof(int64_t));
    copy_data(to, from);
    return true;
}
bool interp_run_watched(Program *p, const InterpArgs *args, Array *output, Arena *arena, const InterpWatch *watch) {
    Interp I = { .p = p, .args = args, .book = arena_new(), .most = machine_memory() };
    I.most -= args->bytes < I.most ? args->bytes : I.most;
    I.size = calloc((size_t)p->sym.n + 1, sizeof *I.size);
    I.val = calloc((size_t)p->n_value + 1, sizeof *I.val);
    I.ix = calloc((size_t)p->n_index + 1, sizeof *I.ix);
    bool *checked = calloc((size_t)p->check.n + 1, sizeof *checked);
    if (!I.size || !I.val || !I.ix || !checked) fail(&I, D_OUT_OF_MEMORY, p->loc, "the interpreter's tables can't be had");
    bool ok = !I.failed && bind_sizes(&I) && run_checks(&I, checked);
    for (int k = 0; k < p->node.n && ok; k++) {
        ok = run_node(&I, p->node.at[k]) && run_checks(&I, checked);
        if (ok && watch->progress) watch->progress(watch->user, k + 1, p->node.n);
    }
    for (int k = 0; k < p->output.n && ok; k++) ok = give(&I, &p->output.at[k], &output[k], arena);
    if (ok && watch->size_out) memcpy(watch->size_out, I.size, sizeof *I.size * (size_t)p->sym.n);
    run_free_to(&I, 0);
    free(I.size), free(I.val), free(I.ix), free(checked);
    arena_free(I.book);
    return ok;
}
bool interp_run(Program *p, const InterpArgs *args, Array *output, Arena *arena) {
    return interp_run_watched(p, args, output, arena, &(InterpWatch){ 0 });
}
