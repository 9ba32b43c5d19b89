/* plan.c - all orders of summation of a term are tried, within a budget, and the cheapest is taken; see plan.h. */
#include "pass/plan.h"
#include "pass/query.h"
#include <math.h>
#include <string.h>

enum { MOST_VARIANTS = 5, MOST_STEPS = 8, MOST_WAYS = 40, BUDGET = 300, MOST_STAGED = 1024, WORTH_PERCENT = 90 };
static const double launch = 1e5;          /* a value of its own costs at least this, in operations */

/* One sum is taken: over bound index number `bound`, grouped in way number `way` (0: not), its rows at `place`; or it stays inside.
 * say: a schedule says so; said: as a schedule would say it. */
typedef struct Step { int bound, way; bool inside; Place place[MOST_AXES]; const OrderStep *say; OrderStep said; } Step;
typedef struct Plan { int n; Step step[MOST_STEPS]; double time; Estimate cost; } Plan;
/* Keys by which a sum over an index may be grouped, and where those groups are. */
typedef struct Way { int n; X *key[MOST_KEYS]; Place place; } Way;

void planner_knows(Planner *pl, int n, Index *const *idx, X *expr, X *read, int order) {
    Made m = { .expr = expr, .n = n, .read = read, .order = order, .again = read->u.read.v->again };
    memcpy(m.idx, idx, sizeof *idx * (size_t)n);
    vec_add(pl->p->arena, pl->made, m);
}

/* ---- ways to group ------------------------------------------------------------------------------------------ */
static bool add_key(Way *w, X *key) {
    if (key_follows(key, w->n, w->key)) return true;
    for (int k = 0; k < w->n; k++) if (key_follows(w->key[k], 1, &key)) w->key[k--] = w->key[--w->n];
    if (w->n == MOST_KEYS) return false;
    w->key[w->n++] = key;
    return true;
}
static bool add_keys(Way *w, const Way *of) {
    for (int k = 0; k < of->n; k++) if (!add_key(w, of->key[k])) return false;
    return true;
}
static bool same_keys(const Way *a, const Way *b) {
    if (a->n != b->n || a->place != b->place) return false;
    for (int k = 0; k < a->n; k++) {
        bool found = false;
        for (int j = 0; j < b->n; j++) found |= x_equal(a->key[k], b->key[j]);
        if (!found) return false;
    }
    return true;
}
/* The keys through which e depends on i; false when it depends on it in another way as well. */
static bool keys_through(Program *p, X *e, const Index *i, Way *w) {
    Keys k = keys_of(p, e);
    *w = (Way){ 0 };
    for (int g = 0; g < k.group.n; g++) for (int b = 0; b < k.group.at[g].n_base; b++) if (k.group.at[g].base[b] == i) {
        if (k.group.at[g].n_base != 1) return false;
        for (int j = 0; j < k.group.at[g].n; j++) w->key[w->n++] = k.group.at[g].key[j];
        return true;
    }
    return false;
}
/* A condition  key = value  where the value doesn't depend on i */
static X *keyed(Program *p, X *cond, const Index *i) {
    if (cond->k != X_OP || cond->u.op.op != OP_EQ) return NULL;
    for (int side = 0; side < 2; side++) {
        X *key = cond->u.op.arg[side];
        Way w;
        if (x_uses_index(cond->u.op.arg[1 - side], i) || !keys_through(p, key, i, &w) || w.n != 1) continue;
        if (x_equal(w.key[0], key)) return key;
    }
    return NULL;
}
/* Way 0 is not to group. Others have the keys of conditions and of some of the factors, which then stay outside of the inner sum. */
static int ways(Planner *pl, const Term *t, const Index *b, Way *way) {
    Way cond = { 0 }, of[4];
    int n = 1, m = 0;
    way[0] = (Way){ 0 };
    for (int k = 0; k < t->n_cond; k++) {
        X *key = x_uses_index(t->cond[k], b) ? keyed(pl->p, t->cond[k], b) : NULL;
        if (key && !add_key(&cond, key)) return n;
    }
    for (int k = 0; k < t->n && m < 4; k++) if (x_uses_index(t->factor[k], b) && keys_through(pl->p, t->factor[k], b, &of[m])) m++;
    for (int set = 1; set < 1 << m; set++) {
        Way w = cond;
        bool ok = true;
        for (int k = 0; k < m; k++) if (set >> k & 1) ok = ok && add_keys(&w, &of[k]);
        for (Place at = AT_TARGETS; ok && at <= AT_UNIQUE && n < MOST_WAYS; at++) {
            Group g = { .n_base = 1, .base = { (Index *)b }, .n = w.n };
            memcpy(g.key, w.key, sizeof w.key);
            w.place = at;
            bool have = rows_count(pl->sizes, &g, at) > 0.9 * size_space(pl->sizes, b->space) || keys_determine(w.n, w.key, b);
            for (int k = 1; k < n; k++) have |= same_keys(&way[k], &w);
            if (!have && (at == AT_TARGETS || (pl->compact && w.n > 1 && rows_possible(&g, at)))) way[n++] = w;
        }
    }
    return n;
}

/* ---- taking a sum ---------------------------------------------------------------------------------------------- */
typedef struct Split { bool inner[MOST_FACTORS], inner_cond[MOST_BOUND]; int n; } Split;
/* Which factors and conditions go into the inner sum over b. */
static Split split(Planner *pl, const Term *t, const Index *b, const Way *w) {
    Split s = { .n = 0 };
    bool by_rows = w->n && w->place == AT_UNIQUE, may_be_empty = bound_may_be_empty(t, b);
    for (int k = 0; k < t->n; k++) {
        bool uses = x_uses_index(t->factor[k], b), covered = uses && w->n && keys_cover(t->factor[k], b, w->n, w->key);
        /* rows that occur have members; others may have none, and their sum is 0 whatever stands beside it */
        bool stays = (!uses || covered) && (by_rows || !may_be_empty || x_is_finite(t->factor[k]));
        s.inner[k] = !stays;
        s.n += !stays && uses;
    }
    for (int k = 0; k < t->n_cond; k++) {
        X *key = w->n ? keyed(pl->p, t->cond[k], b) : NULL;
        bool grouped = key && key_follows(key, w->n, w->key);
        s.inner_cond[k] = x_uses_index(t->cond[k], b) && !grouped;
    }
    return s;
}
/* Whether a and b are equal when the indices of a, from[], stand for others: these are found. */
typedef struct Match { int n; Index *const *from; X *to[MOST_AXES]; } Match;
typedef struct Bound { const Index *a, *b; const struct Bound *up; } Bound;
/* a stands for the position b, the same wherever it is met; b is free of what is bound inside */
static bool match_position(X *b, Match *m, int k, const Bound *up) {
    if (b->space != m->from[k]->space) return false;
    if (m->to[k]) return x_equal(m->to[k], b);
    for (; up; up = up->up) if (x_uses_index(b, up->b)) return false;
    m->to[k] = b;
    return true;
}
static bool match(const X *a, X *b, Match *m, const Bound *up) {
    const Index *i = position_index(a);
    for (int k = 0; i && k < m->n; k++) if (m->from[k] == i) return (a->k == X_INDEX || a->dt == b->dt) && match_position(b, m, k, up);
    if (a->k != b->k || a->dt != b->dt) return false;
    if (a->k == X_INDEX) {
        for (; up; up = up->up) if (up->a == a->u.index || up->b == b->u.index) return up->a == a->u.index && up->b == b->u.index;
        return a->u.index == b->u.index;
    }
    switch (a->k) {
    case X_INT: case X_REAL: case X_COMPLEX: case X_EXT: return x_equal(a, b);
    case X_INDEX: return false;
    case X_READ:
        if (a->u.read.v != b->u.read.v) return false;
        for (int k = 0; k < a->u.read.v->rank; k++) {
            if (a->u.read.bnd[k] != b->u.read.bnd[k] || !match(a->u.read.idx[k], b->u.read.idx[k], m, up)) return false;
            if (a->u.read.other[k] && !match(a->u.read.other[k], b->u.read.other[k], m, up)) return false;
        }
        return true;
    case X_OP:
        if (a->u.op.op != b->u.op.op) return false;
        for (int k = 0; k < a->u.op.n; k++) if (!match(a->u.op.arg[k], b->u.op.arg[k], m, up)) return false;
        return true;
    case X_CAST: case X_BITCAST: return match(a->u.cast.arg, b->u.cast.arg, m, up);
    case X_IF: return match(a->u.if_.cond, b->u.if_.cond, m, up) && match(a->u.if_.then, b->u.if_.then, m, up) && match(a->u.if_.other, b->u.if_.other, m, up);
    case X_REDUCE: {
        int n = a->u.reduce.n, c = a->u.reduce.n_cond;
        if (a->u.reduce.op != b->u.reduce.op || n != b->u.reduce.n || c != b->u.reduce.n_cond || a->u.reduce.acc != b->u.reduce.acc || a->u.reduce.other || b->u.reduce.other || n > 16) return false;
        Bound here[16];
        for (int k = 0; k < n; k++) {
            if (a->u.reduce.idx[k]->space != b->u.reduce.idx[k]->space) return false;
            here[k] = (Bound){ a->u.reduce.idx[k], b->u.reduce.idx[k], k ? &here[k - 1] : up };
        }
        for (int k = 0; k < c; k++) if (!match(a->u.reduce.cond[k], b->u.reduce.cond[k], m, &here[n - 1])) return false;
        return match(a->u.reduce.body, b->u.reduce.body, m, &here[n - 1]);
    }
    }
    return false;
}
static X *find_made(Planner *pl, X *e) {
    for (int k = 0; k < pl->made.n; k++) {
        const Made *d = &pl->made.at[k];
        Match m = { .n = d->n, .from = d->idx };
        if (d->order >= pl->order || d->again != pl->p->again || !match(d->expr, e, &m, NULL)) continue;
        bool all = true;
        for (int j = 0; j < d->n; j++) all &= m.to[j] != NULL;
        if (all) return x_at(pl->p, d->read, d->n, d->idx, m.to);
    }
    return NULL;
}
/* How often the innermost loop of a term runs, all loops around it included. */
static double all_loops(Planner *pl, const Term *t) {
    Term loose = *t;
    Index *idx[MOST_AXES];
    double r = 1;
    loose.n_bound = loose.n_cond = 0;
    int n = x_free_indices(term_expr(pl->p, &loose, t->factor[0]->dt), idx, MOST_AXES);
    for (int k = 0; k < n; k++) r *= size_space(pl->sizes, idx[k]->space);
    for (int k = 0; k < t->n_cond; k++) for (int j = 0; j < t->n_bound; j++) {
        X *key = keyed(pl->p, t->cond[k], t->bound[j]);
        Index *value = key ? position_index(t->cond[k]->u.op.arg[t->cond[k]->u.op.arg[0] == key]) : NULL;
        for (int q = 0; value && q < n; q++) if (idx[q] == value) { r /= fmax(1, size_space(pl->sizes, key->space)); break; }
    }
    return r;
}
/* What a sum over the elements of one place has is read place by place: lower/tile.c computes such rows in the kernel that reads them, where they are
 * of a known length, so that they are neither stored nor loaded. */
static double row_bytes(Planner *pl, const Placed *b, Dtype dt) {
    int64_t row = 1, n;
    for (int k = 1; k < b->rank; k++) {
        if (!ext_is_const(b->own[k]->space->extent, &n) || n > MOST_STAGED) return 0;
        row *= n;
        if (row > MOST_STAGED) return 0;
    }
    return b->rank > 1 ? size_space(pl->sizes, b->own[0]->space) * (double)row * dtype_bytes(dt) : 0;
}
/* The inner sum as something to multiply with: a value of its own, one that is there already, or the sum itself.  When `whole`,
 * its loops are those of the whole term: only what is there already is worth anything. */
static X *inner_value(Planner *pl, X *sum, Step *s, bool tiled, bool whole, bool trial) {
    Program *p = pl->p;
    Index *idx[MOST_AXES];
    int n = x_free_indices(sum, idx, MOST_AXES);
    X *there = find_made(pl, sum);
    if (there) { s->inside = false; return there; }
    if (whole) return NULL;
    if (s->inside) return sum;
    if (n < 0) return NULL;
    Choice c = choice_of(p, n, idx, sum);
    if (s->say && (s->say->at.n || schedule_only(p))) {
        if (!choice_set(&c, s->say->at.at, s->say->at.n)) return NULL;
    } else if (trial || s->say) {
        choose_rows(pl->sizes, &c, 1, false, pl->compact, WORTH_PERCENT);
        memcpy(s->place, c.place, sizeof s->place);
    } else memcpy(c.place, s->place, sizeof c.place);
    if (!trial) {
        RowsBy at[MOST_AXES];
        int n_at = choice_rows(&c, at);
        for (int k = 0; k < n_at; k++) vec_add(p->arena, s->said.at, at[k]);
    }
    Placed b = place_rows(p, &c, trial ? &pl->trials : NULL);
    if (!b.ok) return NULL;
    Estimate cost = estimate_equation(pl->sizes, b.rank, b.own, b.expr, true);
    if (tiled && !b.compact && !b.full) cost.bytes = fmax(0, cost.bytes - 2 * row_bytes(pl, &b, sum->dt));
    pl->cost = estimate_add(pl->cost, cost);
    pl->time += estimate_time(pl->p, cost) + launch;
    Value *v = program_equation(p, trial ? pl->name : intern(p->cx, arena_printf(p->arena, "%s.t", pl->name)), b.rank, b.own, b.expr, pl->loc);
    if (trial) p->node.n--;
    v->storage = b.compact ? STORE_COMPACT : b.full ? STORE_FULL : STORE_WHOLE;
    X *read = x_read(p->arena, v, b.at, NULL, NULL);
    X *own[MOST_AXES];
    for (int k = 0; k < b.rank; k++) own[k] = x_index(p->arena, b.own[k]);
    planner_knows(pl, b.rank, b.own, b.expr, x_read(p->arena, v, own, NULL, NULL), -1);
    planner_knows(pl, n, idx, sum, read, -1);
    if (!trial) {
        const char *over = "";
        for (int k = 0; k < b.rank; k++) over = arena_printf(p->arena, "%s%s%s", over, k ? ", " : "", b.own[k]->space->name);
        const char *by = "";
        for (int k = 0; k < sum->u.reduce.n; k++) by = arena_printf(p->arena, "%s%s%s", by, k ? ", " : "", sum->u.reduce.idx[k]->space->name);
        vec_add(p->arena, pl->note, (const char *)arena_printf(p->arena, "%s[%s] is summed over %s first", v->name, over, by));
    }
    return read;
}
/* Whether an inner sum of all factors runs as often as the whole term where that stands: no map leads to fewer rows, every index around is in it. */
static bool whole_term(Planner *pl, X *sum) {
    for (int k = 0; k < pl->around.n; k++) if (!x_uses_index(sum, pl->around.at[k])) return false;
    return !keys_of(pl->p, sum).group.n;
}
/* Takes one sum of t; what is left is in *rest. false: not possible. */
static bool take(Planner *pl, const Term *t, Step *s, bool trial, Term *rest) {
    Program *p = pl->p;
    Arena *a = p->arena;
    Way way[MOST_WAYS];
    Index *b = t->bound[s->bound];
    if (trial && pl->budget-- <= 0) return false;
    int n = ways(pl, t, b, way);
    if (s->way >= n) return false;
    const Way *w = &way[s->way];
    Split in = split(pl, t, b, w);
    if (!in.n) return false;
    Term inner = { .n_bound = 1, .bound = { b } };
    *rest = (Term){ .minus = t->minus };
    Group g = { .n_base = 1, .base = { b }, .n = w->n };
    Rows rows = { 0 };
    memcpy(g.key, w->key, sizeof w->key);
    if (w->n) rows = rows_make(p, &g, w->place, trial ? &pl->trials : NULL);
    for (int k = 0; k < rows.n; k++)
        inner.cond[inner.n_cond++] = x_op(a, OP_EQ, rows.at[k], x_cast(a, x_index(a, rows.own[k]), rows.at[k]->dt)), rest->bound[rest->n_bound++] = rows.own[k];
    for (int k = 0; k < t->n_bound; k++) if (t->bound[k] != b) { if (rest->n_bound == MOST_BOUND) return false; rest->bound[rest->n_bound++] = t->bound[k]; }
    for (int k = 0; k < t->n_cond; k++) {
        if (in.inner_cond[k]) { if (inner.n_cond == MOST_BOUND) return false; inner.cond[inner.n_cond++] = t->cond[k]; }
        else rest->cond[rest->n_cond++] = w->n && x_uses_index(t->cond[k], b) ? rows_apply(p, &g, &rows, t->cond[k]) : t->cond[k];
    }
    int at = -1;
    for (int k = 0; k < t->n; k++) {
        if (in.inner[k]) { if (at < 0) at = rest->n, rest->n++; inner.factor[inner.n++] = t->factor[k]; }
        else rest->factor[rest->n++] = w->n && x_uses_index(t->factor[k], b) ? rows_apply(p, &g, &rows, t->factor[k]) : t->factor[k];
    }
    /* left inside, it must be no less often needed than the loops around it run */
    if (s->inside && w->n) return false;
    Dtype dt = t->factor[0]->dt;
    X *sum = term_expr(p, &inner, dt);
    bool tiled = false;                                    /* the rows meet a table that is theirs and lies across the result: lower/tile.c */
    for (int k = 0; k < rest->n && rows.n == 1; k++) for (int j = 0; j < pl->around.n && k != at; j++)
        tiled |= x_uses_index(rest->factor[k], rows.own[0]) && x_uses_index(rest->factor[k], pl->around.at[j]) && !x_uses_index(sum, pl->around.at[j]);
    X *f = sum->k == X_REDUCE ? inner_value(pl, sum, s, tiled, inner.n == t->n && !rest->n_cond && whole_term(pl, sum), trial) : NULL;
    if (!f) return false;
    rest->factor[at] = f;
    if (s->inside) {
        Index *idx[MOST_AXES];
        int m = x_free_indices(sum, idx, MOST_AXES);
        double own = 1;
        for (int k = 0; k < m; k++) own *= size_space(pl->sizes, idx[k]->space);
        if (own < 0.999 * all_loops(pl, rest)) return false;
    }
    term_solve(p, rest);
    return true;
}

/* ---- the search ------------------------------------------------------------------------------------------------ */
static void search(Planner *pl, const Term *t, Dtype dt, Plan *now, Plan *best) {
    int made = pl->made.n;
    double time = pl->time;
    Estimate cost = pl->cost, direct = estimate_equation(pl->sizes, pl->around.n, pl->around.at, term_expr(pl->p, t, dt), false);
    if (time + estimate_time(pl->p, direct) < best->time) {
        *best = *now;
        best->time = time + estimate_time(pl->p, direct), best->cost = estimate_add(cost, direct);
    }
    if (now->n == MOST_STEPS) return;
    for (int b = 0; b < t->n_bound; b++) {
        Way way[MOST_WAYS];
        int n = ways(pl, t, t->bound[b], way);
        for (int w = 0; w < n; w++) for (int inside = 0; inside <= !w; inside++) {
            Step *s = &now->step[now->n];
            Term rest;
            *s = (Step){ .bound = b, .way = w, .inside = inside };
            if (take(pl, t, s, true, &rest) && pl->time < best->time) {
                now->n++;
                search(pl, &rest, dt, now, best);
                now->n--;
            }
            pl->made.n = made, pl->time = time, pl->cost = cost;
        }
    }
}
/* What a condition says is equal may be written either way in the factors: c[dst(e)] is c[v] where dst(e) = v. Variant 0 is as given. */
static int variants(Planner *pl, const Term *t, Term *v) {
    int n = 1;
    v[0] = *t;
    for (int c = 0; c < t->n_cond; c++) for (int side = 0; side < 2 && t->cond[c]->k == X_OP && t->cond[c]->u.op.op == OP_EQ; side++) {
        X *from = t->cond[c]->u.op.arg[side], *to = t->cond[c]->u.op.arg[1 - side];
        Index *i = position_index(from);
        bool changed = false;
        if (n == MOST_VARIANTS || !from->space || from->space != to->space || (!i && from->k != X_READ)) continue;
        v[n] = *t;
        for (int k = 0; k < t->n; k++) {
            X *f = t->factor[k];
            v[n].factor[k] = i ? x_uses_index(f, i) ? x_at(pl->p, f, 1, &i, &to) : f : x_replace(pl->p, f, 1, &from, &to);
            changed |= !x_equal(v[n].factor[k], f);
        }
        n += changed;
    }
    return n;
}
/* ---- as schedules say it ------------------------------------------------------------------------------------------- */
/* A bound index by name; the second of its name is NAME~2. */
static const char *bound_label(Planner *pl, const Term *t, int b) {
    int times = 1;
    for (int k = 0; k < b; k++) times += t->bound[k]->name == t->bound[b]->name;
    return times == 1 ? t->bound[b]->name : intern(pl->p->cx, arena_printf(pl->p->arena, "%s~%d", t->bound[b]->name, times));
}
static void say_step(Planner *pl, const Term *t, Step *s) {
    Way way[MOST_WAYS];
    s->said = (OrderStep){ .index = bound_label(pl, t, s->bound), .grouped = s->way > 0 };
    if (!s->way) return;
    ways(pl, t, t->bound[s->bound], way);
    s->said.by.unique = way[s->way].place == AT_UNIQUE;
    for (int k = 0; k < way[s->way].n; k++) vec_add(pl->p->arena, s->said.by.key, key_text(pl->p, way[s->way].key[k]));
}
static bool hear_step(Planner *pl, const Term *t, const OrderStep *say, Step *s) {
    Way way[MOST_WAYS];
    *s = (Step){ .say = say, .inside = say->inside };
    while (s->bound < t->n_bound && strcmp(bound_label(pl, t, s->bound), say->index)) s->bound++;
    if (s->bound == t->n_bound) return false;
    if (!say->grouped) return true;
    int n = ways(pl, t, t->bound[s->bound], way);
    for (int w = 1; w < n; w++) {
        int found = 0;
        for (int k = 0; k < way[w].n; k++) for (int j = 0; j < say->by.key.n; j++) found += schedule_same(say->by.key.at[j], key_text(pl->p, way[w].key[k]));
        if (found == way[w].n && way[w].n == say->by.key.n && say->by.unique == (way[w].place == AT_UNIQUE)) { s->way = w; return true; }
    }
    return false;
}
static Command *order_said(const Planner *pl, int term) {
    for (int k = pl->p->schedule.n - 1; k >= 0; k--) {
        Command *c = pl->p->schedule.at[k];
        if (c->verb == V_ORDER && c->number[0] == term && !strcmp(c->name.at[0], pl->label)) return c;
    }
    return NULL;
}
static X *follow(Planner *pl, const Term *given, Dtype dt, Command *say, bool trial) {
    Term v[MOST_VARIANTS], t, rest;
    int n = variants(pl, given, v);
    if (say->number[1] < 1 || say->number[1] > n) {
        if (!trial) schedule_refuse(pl->p, say, "the term can be written in %d way%s only", n, n == 1 ? "" : "s");
        return NULL;
    }
    t = v[say->number[1] - 1];
    pl->budget = BUDGET;
    for (int k = 0; k < say->step.n; k++) {
        Step s;
        if (!hear_step(pl, &t, &say->step.at[k], &s) || !take(pl, &t, &s, trial, &rest)) {
            const char *names = "";
            for (int b = 0; b < t.n_bound; b++) names = arena_printf(pl->p->arena, "%s%s%s", names, b ? ", " : "", bound_label(pl, &t, b));
            if (!trial) schedule_refuse(pl->p, say, t.n_bound ? "the sum over `%s` can't be taken so; what is summed over is %s" : "no sum is left for `%s`%s", say->step.at[k].index, names);
            return NULL;
        }
        t = rest;
    }
    if (!trial) schedule_done(say, pl->label);
    return term_expr(pl->p, &t, dt);
}
X *plan_term(Planner *pl, const Term *given, Dtype dt, bool trial) {
    int term = ++pl->term;
    Plan now = { 0 }, best = { .time = INFINITY };
    Term v[MOST_VARIANTS], t, rest;
    Planner before = *pl;
    if (pl->direct) return term_expr(pl->p, given, dt);
    Command *say = order_said(pl, term);
    if (say) {
        X *x = follow(pl, given, dt, say, trial);
        if (x) { if (!trial) vec_add(pl->p->arena, pl->chosen, say); return x; }
        pl->time = before.time, pl->cost = before.cost, pl->made.n = before.made.n;
    }
    if (schedule_only(pl->p)) return term_expr(pl->p, given, dt);
    int n = variants(pl, given, v), chosen = 0;
    pl->time = 0, pl->cost = (Estimate){ 0 };
    for (int k = 0; k < n; k++) {
        double time = best.time;
        pl->budget = BUDGET;
        search(pl, &v[k], dt, &now, &best);
        if (best.time < time) chosen = k;
    }
    t = v[chosen];
    pl->time = before.time, pl->cost = before.cost, pl->made.n = before.made.n, pl->budget = BUDGET;
    Command *taken = command_new(pl->p->arena, V_ORDER, pl->label);
    command_numbers(taken, 2, term, chosen + 1);
    for (int k = 0; k < best.n; k++) {
        if (!trial) say_step(pl, &t, &best.step[k]);
        if (!take(pl, &t, &best.step[k], trial, &rest)) break;
        best.step[k].said.inside = best.step[k].inside;
        vec_add(pl->p->arena, taken->step, best.step[k].said);
        t = rest;
    }
    if (!trial && (taken->step.n || chosen)) vec_add(pl->p->arena, pl->chosen, taken);
    return term_expr(pl->p, &t, dt);
}
