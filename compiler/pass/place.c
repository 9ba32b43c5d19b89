/* place.c - the places of rows, chosen by estimates; see place.h. */
#include "pass/place.h"
#include "pass/query.h"
#include <string.h>

typedef struct Free { int n, n_bound; Index *idx[64], *bound[256]; bool many; } Free;
static bool look(X *e, void *data) {
    Free *f = data;
    if (e->k == X_REDUCE) for (int k = 0; k < e->u.reduce.n; k++) { if (f->n_bound < 256) f->bound[f->n_bound++] = e->u.reduce.idx[k]; else f->many = true; }
    if (e->k != X_INDEX) return true;
    for (int k = 0; k < f->n; k++) if (f->idx[k] == e->u.index) return true;
    if (f->n < 64) f->idx[f->n++] = e->u.index; else f->many = true;
    return true;
}
int x_free_indices(X *e, Index **idx, int max) {
    Free f = { 0 };
    int n = 0;
    x_walk(e, look, &f);
    if (f.many) return -1;
    for (int pass = 0; pass < 2; pass++) for (int k = 0; k < f.n; k++) {
        bool bound = false, first = f.idx[k]->space->kind >= SP_NODES && f.idx[k]->space->kind != SP_MODES;
        for (int j = 0; j < f.n_bound; j++) bound |= f.bound[j] == f.idx[k];
        if (bound || first == pass) continue;
        if (n == max) return -1;
        idx[n++] = f.idx[k];
    }
    return n;
}

/* ---- the choice -------------------------------------------------------------------------------------------- */
Choice choice_of(Program *p, int n, Index *const *idx, X *expr) {
    Choice c = { .p = p, .n_idx = n, .expr = expr };
    memcpy(c.idx, idx, sizeof *idx * (size_t)n);
    Keys keys = keys_of(p, expr);
    for (int k = 0; k < keys.group.n && c.n < MOST_AXES; k++) {
        bool own = true;                                   /* an index bound around the equation is none of its axes: its keys stay */
        for (int j = 0; j < keys.group.at[k].n_base; j++) {
            bool found = false;
            for (int i = 0; i < n; i++) found |= idx[i] == keys.group.at[k].base[j];
            own &= found;
        }
        if (own) c.group[c.n++] = keys.group.at[k];
    }
    for (int k = 0; k < n && c.n < MOST_AXES; k++) if (!x_uses_index(expr, idx[k])) c.group[c.n++] = (Group){ .n_base = 1, .base = { idx[k] } };
    return c;
}
Placed place_rows(Program *p, const Choice *c, Trials *trial) {
    Placed b = { .expr = c->expr, .ok = true };
    bool done[MOST_AXES] = { false };
    for (int k = 0; k < c->n_idx; k++) {                   /* axes stay in their order; a group stands at its first index */
        int of = -1;
        for (int g = 0; g < c->n; g++) for (int j = 0; j < c->group[g].n_base; j++) if (c->group[g].base[j] == c->idx[k]) of = g;
        if (of >= 0 && done[of]) continue;
        Group self = { .n_base = 1, .base = { c->idx[k] } };
        const Group *g = of < 0 ? &self : &c->group[of];
        if (of >= 0) done[of] = true;
        Rows r = rows_make(p, g, of < 0 ? AT_BASE : c->place[of], trial);
        b.expr = rows_apply(p, g, &r, b.expr);
        b.compact |= r.place == AT_UNIQUE, b.full |= r.place == AT_TARGETS && r.n > 1;
        for (int j = 0; j < r.n; j++) {
            if (b.rank == MOST_AXES) { b.ok = false; return b; }
            b.own[b.rank] = r.own[j], b.at[b.rank++] = r.at[j];
        }
        /* rows without a member are computed too: there subscripts that are sums could leave their axis */
        if (r.place == AT_TARGETS && !x_is_safe(b.expr, r.own, r.n)) { b.ok = false; return b; }
    }
    return b;
}
static double product(Sizes *s, Index *const *idx, int n) {
    double t = 1;
    for (int k = 0; k < n; k++) t *= size_space(s, idx[k]->space);
    return t;
}
/* Computing and storing the rows, and reading them where they are needed. */
static Estimate cost_of(Sizes *s, const Choice *c, const Placed *b, int readers, bool stored) {
    Dtype dt = c->expr->dt;
    double all = product(s, c->idx, c->n_idx), rows = product(s, b->own, b->rank);
    Estimate e = estimate_equation(s, b->rank, b->own, b->expr, true), r = estimate_read(s->p, all * readers, rows, dt);
    for (int k = 0; k < b->rank; k++) if (!position_index(b->at[k])) r.bytes += 4 * readers * product(s, c->idx, 1);
    if (stored) r.bytes += all * (double)dtype_bytes(dt);
    return estimate_add(e, r);
}
bool choose_rows(Sizes *s, Choice *c, int readers, bool stored, bool unique, int percent) {
    Trials trial = { 0 };
    Placed b = place_rows(c->p, c, &trial);
    bool changed = false, second = false;
    c->before = c->cost = c->second_cost = cost_of(s, c, &b, readers, stored);
    for (int g = 0; g < c->n; g++) {
        Place first = AT_BASE, was[MOST_AXES];
        for (Place at = AT_TARGETS; at <= AT_UNIQUE; at++) {
            if ((at == AT_UNIQUE && (!c->group[g].n || !unique)) || !rows_possible(&c->group[g], at)) continue;
            /* when most combinations occur, the full product needs no map to be made */
            if (at == AT_UNIQUE && rows_count(s, &c->group[g], AT_UNIQUE) > (c->group[g].n == 1 ? 0.5 : 0.9) * rows_count(s, &c->group[g], AT_TARGETS)) continue;
            memcpy(was, c->place, sizeof was);
            was[g] = first;
            c->place[g] = at;
            if (!(b = place_rows(c->p, c, &trial)).ok) continue;
            Estimate e = cost_of(s, c, &b, readers, stored);
            if (estimate_time(s->p, e) < estimate_time(s->p, c->cost)) {
                memcpy(c->second, was, sizeof was);
                c->second_cost = c->cost, c->cost = e, first = at, changed = second = true;
            } else if (!second || estimate_time(s->p, e) < estimate_time(s->p, c->second_cost)) {
                memcpy(c->second, c->place, sizeof was);
                c->second_cost = e, second = true;
            }
        }
        c->place[g] = first;
    }
    if (changed && estimate_time(s->p, c->cost) * 100 < estimate_time(s->p, c->before) * percent) return true;
    for (int g = 0; g < c->n; g++) c->place[g] = AT_BASE;
    c->cost = c->before;
    return false;
}
/* ---- the choice as commands say it ------------------------------------------------------------------------- */
static NameList group_names(Program *p, const Group *g) {
    NameList n = { 0 };
    for (int k = 0; k < g->n; k++) vec_add(p->arena, n, key_text(p, g->key[k]));
    if (!g->n) vec_add(p->arena, n, g->base[0]->name);      /* one row for all of an index that isn't used */
    return n;
}
static bool same_rows(Program *p, const Group *g, const RowsBy *r) {
    NameList n = group_names(p, g);
    bool taken[MOST_KEYS] = { false };
    if (n.n != r->key.n || (r->unique && !g->n)) return false;
    for (int k = 0; k < r->key.n; k++) {
        int j = 0;
        while (j < n.n && (taken[j] || !schedule_same(r->key.at[k], n.at[j]))) j++;
        if (j == n.n) return false;
        taken[j] = true;
    }
    return true;
}
bool choice_set(Choice *c, const RowsBy *at, int n) {
    bool ok = true, taken[MOST_AXES] = { false };
    for (int g = 0; g < c->n; g++) c->place[g] = AT_BASE;
    for (int k = 0; k < n; k++) {
        int g = 0;
        Place to = at[k].unique ? AT_UNIQUE : AT_TARGETS;
        while (g < c->n && (taken[g] || !same_rows(c->p, &c->group[g], &at[k]) || !rows_possible(&c->group[g], to))) g++;
        if (g == c->n) { ok = false; continue; }
        c->place[g] = to, taken[g] = true;
    }
    if (!ok) return false;
    Trials trial = { 0 };
    return place_rows(c->p, c, &trial).ok;
}
int choice_rows(const Choice *c, RowsBy *at) {
    int n = 0;
    for (int g = 0; g < c->n; g++) if (c->place[g] != AT_BASE) at[n++] = (RowsBy){ c->place[g] == AT_UNIQUE, group_names(c->p, &c->group[g]) };
    return n;
}
const char *choice_possible(const Choice *c) {
    const char *r = NULL;
    for (int g = 0; g < c->n; g++) {
        NameList n = group_names(c->p, &c->group[g]);
        const char *t = "by (";
        for (int k = 0; k < n.n; k++) t = arena_printf(c->p->arena, "%s%s%s", t, k ? ", " : "", n.at[k]);
        r = r ? arena_printf(c->p->arena, "%s, %s)", r, t) : arena_printf(c->p->arena, "%s)", t);
    }
    return r;
}
const char *choice_text(Program *p, const Choice *c, const Place *at) {
    const char *r = NULL;
    Sizes s = { .p = p };
    for (int k = 0; k < c->n; k++) {
        const Group *g = &c->group[k];
        const char *t = NULL;
        switch (at[k]) {
        case AT_BASE: continue;
        case AT_TARGETS:
            if (!g->n) t = arena_printf(p->arena, "one row for all of %s", g->base[0]->space->name);
            else if (g->n == 1) t = arena_printf(p->arena, "one row per element of %s", g->key[0]->space->name);
            else {
                t = "one row per element of the full product";
                for (int j = 0; j < g->n; j++) t = arena_printf(p->arena, "%s%s%s", t, j ? " x " : " ", g->key[j]->space->name);
            }
            break;
        case AT_UNIQUE: t = arena_printf(p->arena, "one row per combination that occurs, %s", unique_name(&s, g->n, g->key)); break;
        }
        r = r ? arena_printf(p->arena, "%s; %s", r, t) : t;
    }
    return r ? r : "rows as they are";
}
