/* linear.c - linear fusion: contractions, gathers and fibre sums are linear maps, so chains of them may be reordered.
 *
 *     weight times weight first   s[e] = sum(j) z[e,j]*al[etype(e),j], z[e,j] = sum(i) h[src(e),i]*W[etype(e),i,j]
 *                                 ->  wa[r,i] = sum(j) W[r,i,j]*al[r,j];  s[e] = sum(i) h[src(e),i]*wa[etype(e),i]
 *     aggregate first             y[v,j] = sum(e: dst(e) = v) c[e] * sum(i) h[src(e),i]*W[i,j]
 *                                 ->  t[v,i] = sum(e: dst(e) = v) c[e]*h[src(e),i];  y[v,j] = sum(i) t[v,i]*W[i,j]
 *
 * No model is known here. Every linear part of an equation becomes a sum of terms (term.h), each is summed in the cheapest order
 * (plan.h). An equation that is itself a sum of terms may be multiplied out in those that read it: in all of them, when it is needed no
 * more; in some; or in none, by the estimates of everything concerned. What isn't linear, like the function between the two weights of
 * GATv2, is a factor that nothing is drawn out of. */
#include "pass/plan.h"
#include "pass/query.h"
#include "pass/hoist.h"
#include <math.h>
#include <string.h>

enum { WORTH_PERCENT = 95, MOST_EXPANDED = 4 };
typedef struct Linear {
    Program *p;
    Sizes sizes;
    int n;                                 /* values of the program as it came */
    X **was;                               /* by value id: the equation as it came */
    bool *source;                          /* by value id: an equation that may be multiplied out in its readers */
    bool **open;                           /* by value id of the reader: which of those are */
    bool *known;                           /* by value id: is there for everybody to read */
    VEC(Node *) *reader;                   /* by value id */
    bool compact;
    const char *const *label;              /* by value id: its name in schedules */
} Linear;
typedef struct Run { Linear *l; Planner pl; const bool *open; bool trial; VEC(Index *) around; } Run;

static X *expand(Value *v, Index ***idx, void *data) {
    Run *r = data;
    if (v->id >= r->l->n || !r->open || !r->open[v->id]) return NULL;
    *idx = v->node->u.compute.idx;
    return r->l->was[v->id];
}
static X *rewrite(X *e, void *data);
/* Factors that no sum is drawn out of may have sums of their own inside. */
static void rewrite_factors(Run *r, Term *t) { for (int k = 0; k < t->n; k++) t->factor[k] = rewrite(t->factor[k], r); }
static X *rewrite_terms(Run *r, X *e) {
    Terms t = { .p = r->l->p, .expand = expand, .data = r };
    if (!terms_of(&t, e) || !t.sums) return NULL;
    Arena *a = t.p->arena;
    X *sum = NULL, *done[MOST_TERMS] = { NULL };
    for (int n_bound = MOST_BOUND; n_bound >= 0; n_bound--) for (int k = 0; k < t.n; k++) {       /* the larger may make what others read */
        if (t.term[k].n_bound != n_bound) continue;
        Term one = t.term[k];
        one.minus = false;
        for (int j = 0; j < one.n_bound; j++) vec_add(a, r->around, one.bound[j]);
        rewrite_factors(r, &one);
        r->around.n -= one.n_bound;
        r->pl.around.n = 0;
        for (int j = 0; j < r->around.n; j++) vec_add(a, r->pl.around, r->around.at[j]);
        done[k] = plan_term(&r->pl, &one, t.dt, r->trial);
    }
    for (int pass = 0; pass < 2; pass++) for (int k = 0; k < t.n; k++) {
        if (t.term[k].minus != (pass == 1)) continue;
        sum = sum ? x_op(a, pass ? OP_SUB : OP_ADD, sum, done[k]) : pass ? x_op(a, OP_NEG, done[k], NULL) : done[k];
    }
    if (sum) sum->loc = e->loc;
    return sum;
}
static X *rewrite(X *e, void *data) {
    Run *r = data;
    Terms t = { .p = r->l->p, .expand = expand, .data = r };
    if (terms_open(&t, e)) {
        X *x = rewrite_terms(r, e);
        if (x) return x;
    }
    int n = r->around.n;
    if (e->k == X_REDUCE) for (int k = 0; k < e->u.reduce.n; k++) vec_add(r->l->p->arena, r->around, e->u.reduce.idx[k]);
    X *x = x_map_operands(r->l->p->arena, e, rewrite, r);
    r->around.n = n;
    return x;
}
/* ---- one equation ------------------------------------------------------------------------------------------------ */
typedef struct Result { double time; Estimate cost; X *expr; bool same; } Result;
static bool eligible(const Node *n) {
    if (n->kind != N_COMPUTE || n->u.compute.check_range || n->result[0]->rank > MOST_AXES) return false;
    return (dtype_is_float(n->result[0]->dt) || dtype_is_complex(n->result[0]->dt)) && !n->result[0]->structural;
}
static double time_of(Linear *l, Node *n, X *e, bool stored, Estimate *cost) {
    *cost = estimate_equation(&l->sizes, n->result[0]->rank, n->u.compute.idx, e, stored);
    return estimate_time(l->p, *cost);
}
/* What the equation costs by itself where its rows may be compact. */
static double time_placed(Linear *l, Node *n, X *e, Estimate *cost) {
    double t = time_of(l, n, e, true, cost);
    if (!n->result[0]->rank) return t;
    Choice c = choice_of(l->p, n->result[0]->rank, n->u.compute.idx, e);
    if (c.n && choose_rows(&l->sizes, &c, 1, false, l->compact, 90)) { *cost = c.cost; return fmin(t, estimate_time(l->p, c.cost)); }
    return t;
}
static void knows_program(Linear *l, Planner *pl, const Node *but) {
    for (int k = 0; k < l->p->node.n; k++) {
        Node *n = l->p->node.at[k];
        if (!eligible(n) || n == but || n->result[0]->id >= l->n || !l->source[n->result[0]->id] || !l->known[n->result[0]->id]) continue;
        X *at[MOST_AXES];
        for (int j = 0; j < n->result[0]->rank; j++) at[j] = x_index(l->p->arena, n->u.compute.idx[j]);
        planner_knows(pl, n->result[0]->rank, n->u.compute.idx, l->was[n->result[0]->id], x_read(l->p->arena, n->result[0], at, NULL, NULL), n->id);
    }
}
/* The equation of n with `open` multiplied out and its terms planned, or as it is when that isn't cheaper. */
static Result equation(Linear *l, Run *r, Node *n, const bool *open) {
    X *was = l->was[n->result[0]->id];
    Result now = { .expr = was, .same = true };
    now.time = time_placed(l, n, was, &now.cost);
    int made = r->pl.made.n;
    r->open = open, r->around.n = 0, r->pl.name = n->result[0]->name, r->pl.loc = n->loc, r->pl.order = n->id, r->pl.time = 0, r->pl.cost = (Estimate){ 0 };
    l->p->again = n->result[0]->again;
    for (int k = 0; k < n->result[0]->rank; k++) vec_add(l->p->arena, r->around, n->u.compute.idx[k]);
    bool trial = r->trial, said = false, opened = false;
    r->pl.label = l->label[n->result[0]->id], r->pl.term = 0;
    for (int k = 0; k < l->p->schedule.n; k++) said |= l->p->schedule.at[k]->verb == V_ORDER && !strcmp(l->p->schedule.at[k]->name.at[0], r->pl.label);
    for (int k = 0; open && k < l->n; k++) opened |= open[k];
    if (schedule_only(l->p) && !said && !opened) return now;
    r->trial = true;
    Result then = { .expr = rewrite(was, r) };
    then.time = time_placed(l, n, then.expr, &then.cost) + r->pl.time;
    then.cost = estimate_add(then.cost, r->pl.cost);
    r->trial = trial;
    if (then.expr == was || (!opened && !said && then.time * 100 > now.time * WORTH_PERCENT)) { r->pl.made.n = made; return now; }
    if (trial) return then;
    r->pl.made.n = made, r->pl.term = 0;                    /* once more, for good */
    then.expr = rewrite(was, r);
    return then;
}

/* ---- which equations are multiplied out ------------------------------------------------------------------------------ */
typedef struct Reads { const Linear *l; const Value *v; bool found; } Reads;
static bool reads(X *e, void *data) {
    Reads *r = data;
    if (e->k == X_READ && e->u.read.v == r->v) r->found = true;
    /* what was made in a trial stands for its equation */
    else if (e->k == X_READ && e->u.read.v->id >= r->l->n && e->u.read.v->node->kind == N_COMPUTE) x_walk(e->u.read.v->node->u.compute.expr, reads, r);
    return !r->found;
}
static Run start(Linear *l, const Node *but, bool trial) {
    Run r = { .l = l, .trial = trial };
    r.pl = (Planner){ .p = l->p, .sizes = &l->sizes, .compact = l->compact };
    knows_program(l, &r.pl, but);
    return r;
}
static bool *with(Linear *l, const Node *c, const Node *z) {
    bool *o = NEWN(l->p->arena, bool, l->n + 1);
    int zi = z->result[0]->id;
    if (l->open[c->result[0]->id]) memcpy(o, l->open[c->result[0]->id], sizeof *o * (size_t)l->n);
    if (l->open[zi]) for (int k = 0; k < l->n; k++) o[k] |= l->open[zi][k];
    o[zi] = true;
    return o;
}
/* A command says in which readers z is multiplied out; true when z itself is needed no more. */
static bool said_readers(Linear *l, Command *say, Node *z, bool *const *open, bool *better, bool possible) {
    int n = l->reader[z->result[0]->id].n;
    bool all = true;
    for (int k = 0; k < n; k++) {
        better[k] = !say->in.n && open[k];
        for (int j = 0; j < say->in.n; j++) if (open[k]) better[k] |= !strcmp(say->in.at[j], l->label[l->reader[z->result[0]->id].at[k]->result[0]->id]);
        all &= better[k];
    }
    for (int j = 0; j < say->in.n; j++) {
        bool reads_it = false;
        for (int k = 0; k < n; k++) reads_it |= better[k] && !strcmp(say->in.at[j], l->label[l->reader[z->result[0]->id].at[k]->result[0]->id]);
        if (!reads_it) schedule_refuse(l->p, say, "`%s` is no equation over numbers that reads `%s`", say->in.at[j], l->label[z->result[0]->id]);
    }
    return all && possible;
}
static void consider(Linear *l, Node *z) {
    int zi = z->result[0]->id, n = l->reader[zi].n;
    if (!l->source[zi] || !n || n > 16) return;
    Command *say = schedule_find(l->p, V_RECOMPUTE, l->label[zi]);
    if (!say && (schedule_only(l->p) || schedule_keeps(l->p, l->label[zi]))) return;
    Run keep = start(l, NULL, true), gone = start(l, z, true);
    double t_keep, t_mixed, t_gone = 0;
    Estimate e_keep, e_mixed, e_gone = { 0 };
    const char *in = NULL;
    bool *open[16], better[16], any = false, possible = l->known[zi];
    Result own = equation(l, &keep, z, l->open[zi]);
    t_keep = t_mixed = own.time, e_keep = e_mixed = own.cost;
    for (int k = 0; k < n; k++) {
        Node *c = l->reader[zi].at[k];
        if (!eligible(c)) { possible = false, better[k] = false, open[k] = NULL; continue; }
        open[k] = with(l, c, z);
        Run one = start(l, NULL, true);
        Result a = equation(l, &keep, c, l->open[c->result[0]->id]), b = equation(l, &one, c, open[k]), d = equation(l, &gone, c, open[k]);
        Reads r = { .l = l, .v = z->result[0] };
        x_walk(d.expr, reads, &r);
        possible = possible && !r.found && !d.same;
        better[k] = b.time * 100 < a.time * WORTH_PERCENT && !b.same;
        any |= better[k];
        t_keep += a.time, t_mixed += better[k] ? b.time : a.time, t_gone += d.time;
        e_keep = estimate_add(e_keep, a.cost), e_mixed = estimate_add(e_mixed, better[k] ? b.cost : a.cost), e_gone = estimate_add(e_gone, d.cost);
    }
    for (int k = 0; k < l->p->output.n; k++) possible = possible && l->p->output.at[k].value != z->result[0];
    bool all = possible && t_gone < t_mixed && t_gone * 100 < t_keep * WORTH_PERCENT;
    if (say) all = said_readers(l, say, z, open, better, possible);
    else if (!all && !(any && t_mixed * 100 < t_keep * WORTH_PERCENT)) return;
    Command *command = command_new(l->p->arena, V_RECOMPUTE, l->label[zi]);
    for (int k = 0; k < n; k++) if (all || better[k]) {
        const Value *c = l->reader[zi].at[k]->result[0];
        l->open[c->id] = open[k];
        in = in ? arena_printf(l->p->arena, "%s, %s", in, c->name) : c->name;
        vec_add(l->p->arena, command->in, l->label[c->id]);
    }
    if (!in) return;
    if (all) l->known[zi] = false;
    if (say) schedule_done(say, l->label[zi]);
    const char *kept = "it stays an equation that all read", *some = "it is multiplied out where that pays, and stays for the others";
    bool other = any && all;                               /* both ways of doing it would pay */
    vec_add(l->p->arena, l->p->decision, (Decision){ "linear", arena_printf(l->p->arena, "%s is multiplied out in %s%s", z->result[0]->name, in, all ? " and needed no more" : ""),
        "the sums of both can be taken in a cheaper order", e_keep, all ? e_gone : e_mixed, other ? some : kept, other ? e_mixed : e_keep, z->loc, command });
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */
typedef struct Reader { Linear *l; Node *n; bool other; } Reader;
static void note_reader(Value *v, void *data) {
    Reader *r = data;
    if (v->id >= r->l->n) return;
    for (int k = 0; k < r->l->reader[v->id].n; k++) if (r->l->reader[v->id].at[k] == r->n) return;
    vec_add(r->l->p->arena, r->l->reader[v->id], r->n);
}
static bool is_source(Linear *l, Node *n) {
    if (!eligible(n)) return false;
    Terms t = { .p = l->p, .whole = true };
    return terms_open(&t, n->u.compute.expr) && terms_of(&t, n->u.compute.expr) && t.sums && t.n <= MOST_EXPANDED;
}
/* The orders as commands; where only a change of form was made, the one that says that there is one. */
static void commit_orders(Linear *l, Run *r, const Node *n, bool plain, int from) {
    if (r->pl.chosen.n == from && !plain) {
        Command *c = command_new(l->p->arena, V_ORDER, l->label[n->result[0]->id]);
        command_numbers(c, 2, 1, 1);
        vec_add(l->p->arena, r->pl.chosen, c);
    }
    for (int k = from; k < r->pl.chosen.n; k++) vec_add(l->p->arena, l->p->decision, (Decision){ .pass = "linear", .loc = n->loc, .command = r->pl.chosen.at[k] });
}
static void commit(Linear *l, Run *r, Node *n) {
    const bool *open = l->open[n->result[0]->id];
    int notes = r->pl.note.n, orders = r->pl.chosen.n;
    Run direct = start(l, n, true);
    direct.pl.direct = true;
    Result written = equation(l, &direct, n, open), now = equation(l, r, n, open);
    n->u.compute.expr = now.expr;
    commit_orders(l, r, n, now.same || open, orders);
    if (r->pl.note.n == notes || now.time >= written.time) return;      /* nothing made for it, or what is read was there already */
    const char *what = n->result[0]->name;
    for (int k = notes; k < r->pl.note.n; k++) what = arena_printf(l->p->arena, "%s%s %s", what, k == notes ? ":" : ";", r->pl.note.at[k]);
    vec_add(l->p->arena, l->p->decision, (Decision){ "linear", what, "the cheapest order of summation that was tried", written.cost, now.cost, "as written", written.cost, n->loc, NULL });
}
static bool follows(const char *list, const char *pass) {
    size_t n = strlen(pass);
    for (const char *s = list ? list : ""; *s; s += strcspn(s, ","), s += *s == ',') if (!strncmp(s, pass, n) && (!s[n] || s[n] == ',')) return true;
    return false;
}
bool linear_source(Program *p, Node *n) {
    Linear l = { .p = p };
    return is_source(&l, n);
}
Program *pass_linear(Program *p) {
    bool compact = follows(p->later, "compact");
    Program *q = program_plain(pass_dce(p));
    Arena *a = q->arena;
    Linear lin = { .p = q, .sizes = { .p = q }, .n = q->n_value, .compact = compact }, *l = &lin;
    l->label = schedule_names(q);
    l->was = NEWN(a, X *, l->n + 1), l->source = NEWN(a, bool, l->n + 1), l->open = NEWN(a, bool *, l->n + 1), l->known = NEWN(a, bool, l->n + 1);
    l->reader = arena_alloc(a, sizeof *l->reader * (size_t)(l->n + 1));
    int n = q->node.n;
    for (int k = 0; k < n; k++) {
        Node *node = q->node.at[k];
        Reader r = { .l = l, .n = node };
        node_each_use(node, note_reader, &r);
        if (node->kind != N_COMPUTE) continue;
        l->was[node->result[0]->id] = node->u.compute.expr;
        l->known[node->result[0]->id] = true;
        l->source[node->result[0]->id] = is_source(l, node);
    }
    for (int k = 0; k < n; k++) if (q->node.at[k]->kind == N_COMPUTE) consider(l, q->node.at[k]);
    Run run = start(l, NULL, false);
    for (int k = 0; k < n; k++) if (eligible(q->node.at[k]) && l->known[q->node.at[k]->result[0]->id]) commit(l, &run, q->node.at[k]);
    q->again = 0;
    for (int k = 0; k < n; k++) if (q->node.at[k]->kind != N_COMPUTE || l->known[q->node.at[k]->result[0]->id]) hoist(q, &l->sizes, q->node.at[k], false, "linear", q->node.at[k]->n_result ? l->label[q->node.at[k]->result[0]->id] : "");
    program_sort(q);
    return pass_dce(q);
}
