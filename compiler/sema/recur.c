/* recur.c - recurrences: groups of tensors that read each other's (or their own) earlier elements along one ordered space.
 *
 *     S[b, T.first-1, i] = S0[b, i]             the element before the first; 0 when no equation gives it
 *     S[b, t, i] = a[b, t] * S[b, t-1, i] + k[b, t, i]
 * becomes  recur t { S[b, t, i] = ... } with one member.  Groups are the strongly connected parts of "is read by" (order.c). */
#include "sema/scope.h"
#include <string.h>

enum { MAX_MEMBERS = 64 };
static bool reads(const Expr *x, const char *name) {
    if (!x) return false;
    if (x->kind == E_NAME && x->name.s == name) return true;
    bool r = reads(x->other, name);
    for (int k = 0; k < x->arg.n && !r; k++) r = reads(x->arg.at[k], name);
    for (int k = 0; k < x->call.n && !r; k++) r = reads(x->call.at[k].value, name);
    for (int k = 0; k < x->sub.n && !r; k++) r = reads(x->sub.at[k].e, name) || reads(x->sub.at[k].other, name);
    for (int k = 0; k < x->bind.n && !r; k++) r = reads(x->bind.at[k].cond, name);
    return r;
}
/* Where x has name[.., time, ..] */
static Expr *read_at(Expr *x, const char *name, const char *time) {
    if (!x) return NULL;
    if (x->kind == E_SUBSCRIPT && x->arg.at[0]->kind == E_NAME && x->arg.at[0]->name.s == name)
        for (int k = 0; k < x->sub.n; k++) if (x->sub.at[k].e->kind == E_NAME && x->sub.at[k].e->name.s == time) return x;
    Expr *r = read_at(x->other, name, time);
    for (int k = 0; k < x->arg.n && !r; k++) r = read_at(x->arg.at[k], name, time);
    for (int k = 0; k < x->call.n && !r; k++) r = read_at(x->call.at[k].value, name, time);
    for (int k = 0; k < x->sub.n && !r; k++) r = read_at(x->sub.at[k].e, name, time);
    for (int k = 0; k < x->bind.n && !r; k++) r = read_at(x->bind.at[k].cond, name, time);
    return r;
}
/* The way round, as a person follows it: a -> b -> a, with each equation that takes a step of it. */
static void cycle_error(Sema *s, Def **member, int n, bool one_step, const char *time) {
    Def *way[65], *d = member[0];
    int m = 0, from = 0;
    for (bool again = false; !again && m < 64; ) {
        way[m++] = d;
        Def *next = NULL;
        for (int q = 0; q < d->eq.n && !next; q++) {
            for (int j = 0; j < n && !next && d->eq.at[q]->rhs.n; j++) if (member[j] != d && reads(d->eq.at[q]->rhs.at[0], member[j]->name)) next = member[j];
        }
        d = next ? next : d;                                         /* only itself */
        for (int k = 0; k < m; k++) if (way[k] == d) from = k, again = true;
    }
    if (one_step && m - from == 1) {                                 /* of a tensor in parts it is another part, not the element itself */
        Def *w = way[from];
        int parts = 0;
        Expr *at = NULL;
        for (int q = 0; q < w->eq.n; q++) {
            Expr *here = w->eq.at[q]->rhs.n ? read_at(w->eq.at[q]->rhs.at[0], w->name, time) : NULL;
            parts += read_at(w->eq.at[q]->lhs.at[0], w->name, time) != NULL;
            if (!at) at = here;
        }
        if (parts > 1 && at) {
            diag_help(diag_error(s->cx, D_CYCLE, at->loc, "within one step of `%s`: `%s` reads `%s`, but all parts of `%s` are computed together", time, w->name, expr_text(s->cx, at), w->name),
                      "give that part an equation under a name of its own, read that name here, and define the part by it");
            return;
        }
    }
    const char *text = "";
    for (int k = from; k < m; k++) text = arena_printf(s->a, "%s`%s` -> ", text, way[k]->name);
    text = arena_printf(s->a, "%s`%s`", text, way[from]->name);
    Diag *g = one_step ? diag_error(s->cx, D_CYCLE, way[from]->loc, "within one step of `%s`: %s", time, text)
                       : diag_error(s->cx, D_CYCLE, way[from]->loc, m - from == 1 ? "`%s` depends on itself: %s" : "`%s` is needed for itself: %s", way[from]->name, text);
    for (int k = from + 1; k < m; k++) diag_note(g, way[k]->loc, "`%s` is read by `%s`, and defined here", way[k]->name, way[k - 1]->name);
    diag_help(g, "a circle is allowed only through the previous element: %s[.., t-1, ..]", way[from]->name);
}
/* Whether x is `t - c` (reversed: `t + c`) with c > 0 surely, or t itself. */
static bool earlier(const X *x, const Index *t, bool reverse) {
    if (x->k == X_INDEX) return x->u.index == t;
    if (x->k != X_OP || x->u.op.n != 2 || x->u.op.arg[0]->k != X_INDEX || x->u.op.arg[0]->u.index != t) return false;
    const X *c = x->u.op.arg[1];
    bool sub = x->u.op.op == OP_SUB;
    if (!sub && x->u.op.op != OP_ADD) return false;
    if (c->k == X_INT) return sub != reverse ? c->u.i > 0 : c->u.i < 0;
    /* a range index: it is written as position + lo */
    if (sub == reverse || c->k != X_OP || c->u.op.op != OP_ADD || c->u.op.arg[1]->k != X_INT || c->u.op.arg[1]->u.i < 1) return false;
    return c->u.op.arg[0]->k == X_INDEX && c->u.op.arg[0]->u.index->space->kind == SP_RANGE;
}
typedef struct Places { Sema *s; Node *node; bool bad; } Places;
static bool check_place(X *x, void *d) {
    Places *p = d;
    if (x->k != X_READ || x->u.read.v->node != p->node || p->bad) return true;
    Node *n = p->node;
    Member *m = &n->u.recur.member.at[x->u.read.v->result];
    Boundary b = x->u.read.bnd[m->time_axis];
    if (!earlier(x->u.read.idx[m->time_axis], n->u.recur.time, n->u.recur.reverse)) {
        diag_help(diag_error(p->s->cx, D_BAD_RECURRENCE, x->loc, "this does not read `%s` at an earlier element", m->value->name),
                  n->u.recur.reverse ? "the recurrence runs from the last element: it reads `%s+1`, `%s+2`, or `%s+d` with d from 1 on" : "it reads `%s-1`, `%s-2`, or `%s-d` with d from 1 on",
                  n->u.recur.time->name, n->u.recur.time->name, n->u.recur.time->name);
        p->bad = true;
    } else if (b == BND_PERIODIC || b == BND_REFLECT || b == BND_REPLICATE) {
        diag_error(p->s->cx, D_BAD_RECURRENCE, x->loc, "what lies before the first element of a recurrence is 0, or what an equation for it says");
        p->bad = true;
    }
    return true;
}
/* `t - c`, `t + c`: the index name and the sign */
static const char *shifted(Expr *x, int *sign) {
    if (x->kind != E_BINARY || (x->op != B_ADD && x->op != B_SUB) || x->arg.at[0]->kind != E_NAME) return NULL;
    *sign = x->op == B_SUB ? -1 : 1;
    return x->arg.at[0]->name.s;
}
typedef struct Shift { Scope *c; int group; const char *name; int sign; int axis; Loc loc; bool same_step; Def *dep[MAX_MEMBERS]; int n_dep; } Shift;
static void find_shift(Expr *x, Shift *f) {
    if (!x) return;
    Bind *of = x->kind == E_SUBSCRIPT && x->arg.at[0]->kind == E_NAME ? scope_find(f->c, x->arg.at[0]->name.s) : NULL;
    Def *d = of && of->kind == B_DEF ? of->def : NULL;
    if (d && d->scope == f->c && d->group == f->group) {
        bool moved = false;
        for (int any = 0; any < 2 && !moved; any++)          /* along a sequence, if along one, whatever other subscripts do */
            for (int j = 0; j < x->sub.n; j++) {
                int sign;
                const char *n = shifted(x->sub.at[j].e, &sign);
                Bind *b = n ? scope_find(f->c, n) : NULL;
                if (!b || b->kind != B_INDEX || (f->name ? n != f->name : b->space->kind == SP_GRID || (!any && b->space->kind != SP_SEQ))) continue;
                moved = true;
                if (!f->name) f->name = n, f->sign = sign, f->axis = j, f->loc = x->loc;
            }
        for (int k = 0; k < f->n_dep; k++) moved |= f->dep[k] == d;
        if (!moved && f->n_dep < MAX_MEMBERS) f->dep[f->n_dep++] = d;
    }
    for (int k = 0; k < x->arg.n; k++) find_shift(x->arg.at[k], f);
    for (int k = 0; k < x->call.n; k++) find_shift(x->call.at[k].value, f);
    for (int k = 0; k < x->sub.n; k++) find_shift(x->sub.at[k].e, f);
    for (int k = 0; k < x->bind.n; k++) find_shift(x->bind.at[k].cond, f);
    find_shift(x->other, f);
}
/* T.first-1: how far before the first element (0: it is no such subscript) */
static int64_t before_first(Expr *x, bool *last) {
    if (x->kind != E_BINARY || x->arg.at[0]->kind != E_NAME || x->arg.at[1]->kind != E_INT) return 0;
    const char *dot = strrchr(x->arg.at[0]->name.s, '.');
    if (!dot) return 0;
    *last = !strcmp(dot, ".last");
    if (x->op == B_SUB && !strcmp(dot, ".first")) return -x->arg.at[1]->i;
    if (x->op == B_ADD && *last) return x->arg.at[1]->i;
    return 0;
}
/* Circles that were meant as recurrences: x[p] = x[p-1] on a grid, x[t+1] = x[t]. */
static Expr *moved_along(Scope *c, Expr *x, const Def *d, SpaceKind kind) {
    if (!x) return NULL;
    if (x->kind == E_SUBSCRIPT && x->arg.at[0]->kind == E_NAME && x->arg.at[0]->name.s == d->name)
        for (int j = 0; j < x->sub.n; j++) {
            int sign;
            const char *i = shifted(x->sub.at[j].e, &sign);
            Bind *b = i ? scope_find(c, i) : NULL;
            if (b && b->kind == B_INDEX && b->space && b->space->kind == kind) return x->sub.at[j].e;
        }
    Expr *r = NULL;
    for (int k = 0; k < x->arg.n && !r; k++) r = moved_along(c, x->arg.at[k], d, kind);
    for (int k = 0; k < x->call.n && !r; k++) r = moved_along(c, x->call.at[k].value, d, kind);
    return r;
}
static bool no_order(Sema *s, Scope *c, Def **member, int n) {
    for (int k = 0; k < n; k++) for (int q = 0; q < member[k]->eq.n; q++) {
        Stmt *st = member[k]->eq.at[q];
        Expr *left = moved_along(c, st->lhs.at[0], member[k], SP_SEQ), *right = st->rhs.n ? moved_along(c, st->rhs.at[0], member[k], SP_GRID) : NULL;
        if (left) {
            diag_help(diag_error(s->cx, D_BAD_RECURRENCE, left->loc, "the left side of a recurrence is the current element, not `%s`", expr_text(s->cx, left)), "%s[.., %s, ..] = ... %s[.., %s-1, ..]", member[k]->name,
                      left->arg.at[0]->name.s, member[k]->name, left->arg.at[0]->name.s);
            return true;
        }
        if (right) {
            const char *i = right->arg.at[0]->name.s;
            diag_help(diag_error(s->cx, D_BAD_RECURRENCE, right->loc, "`%s` ranges over grid `%s`, which has no order to run along", i, scope_find(c, i)->space->name), "declare the space as an ordered one: seq, or T: seq as an argument");
            return true;
        }
    }
    return false;
}
/* Whether `part` is the first parts of a sum axis, not all of them. */
static bool first_parts(const Space *axis, const Space *part) {
    if (axis->kind != SP_SUM || part == axis) return false;
    if (part == axis->part[0]) return true;
    bool same = part->kind == SP_SUM && part->n_part < axis->n_part;
    for (int k = 0; same && k < part->n_part; k++) same = part->part[k] == axis->part[k];
    return same;
}
/* What stands before the first element: the equations for T.first-1, those for T.first-2, ... */
static bool before_elements(Sema *s, Scope *c, Def *m, Member *w, bool reverse) {
    Stmt **eq = NEWN(s->a, Stmt *, m->eq.n + 1);
    bool *done = NEWN(s->a, bool, m->eq.n + 1);
    for (int q = 0; q < m->eq.n; q++) {
        Expr *l = m->eq.at[q]->lhs.at[0];
        int64_t off = 0;
        int n = 0;
        if (l->kind != E_SUBSCRIPT || l->sub.n != w->value->rank) { diag_error(s->cx, D_WRONG_RANK, l->loc, "`%s` has %d subscripts here, and %d elsewhere", m->name, l->sub.n, w->value->rank); return false; }
        if (done[q]) continue;
        for (int o = q; o < m->eq.n; o++) {
            Expr *lo = m->eq.at[o]->lhs.at[0];
            bool last = false;
            if (done[o] || lo->kind != E_SUBSCRIPT || lo->sub.n != w->value->rank) continue;
            int64_t at = before_first(lo->sub.at[w->time_axis].e, &last);
            for (int j = 0; j < lo->sub.n; j++) {
                bool other;
                if (j == w->time_axis || !before_first(lo->sub.at[j].e, &other)) continue;
                diag_error(s->cx, D_BAD_RECURRENCE, lo->sub.at[j].loc, "the recurrence does not go along dimension %d of `%s`", j + 1, m->name);
                return false;
            }
            const char *of = at ? lo->sub.at[w->time_axis].e->arg.at[0]->name.s : NULL;
            Bind *along = of ? scope_find(c, intern_n(s->cx, of, (size_t)(strrchr(of, '.') - of))) : NULL;
            if (at && (!along || along->kind != B_SPACE || along->space != w->value->axis[w->time_axis])) {
                diag_error(s->cx, D_BAD_RECURRENCE, lo->sub.at[w->time_axis].loc, "`%s` goes along `%s`, not along the space of `%s`", m->name, w->value->axis[w->time_axis]->name, of);
                return false;
            }
            if (at && last != reverse) { diag_error(s->cx, D_BAD_RECURRENCE, lo->loc, "this recurrence runs from the %s", last ? "first element" : "last element"); return false; }
            if (!at || (n && at != off)) continue;
            off = at, eq[n++] = m->eq.at[o], done[o] = true;
        }
        if (!n) continue;
        Parts r;
        if (!parts_find(s, c, arena_printf(s->a, "%s` before the first element of `%s", m->name, w->value->axis[w->time_axis]->name), eq, n, w->time_axis, &r)) return false;
        r.want = w->value->dt;
        Before b = { .offset = reverse ? -off : off, .idx = NEWN(s->a, Index *, r.rank + 1) };
        Env e = env_of(s, c);
        for (int j = 0; j < r.rank; j++) {
            if (j == w->time_axis) continue;
            Expr *u = eq[0]->lhs.at[0]->sub.at[j].e;
            if (first_parts(w->value->axis[j], r.axis[j])) r.axis[j] = w->value->axis[j], r.plain = false;      /* the others are missing, as parts_join says */
            if (r.axis[j] != w->value->axis[j]) { diag_error(s->cx, D_SPACE_MISMATCH, u->loc, "`%s` stands for dimension %d of `%s`, which is `%s`", expr_text(s->cx, u), j + 1, m->name, w->value->axis[j]->name); return false; }
            b.idx[j] = r.plain ? left_index(&e, u, m->name) : program_index(s->p, arena_printf(s->a, "z%d", j), r.axis[j]);
            if (!b.idx[j]) return false;
        }
        X *x = parts_join(s, c, &r, b.idx);
        if (!x || !(b.expr = coerce(&e, as_number(&e, x), w->value->dt, r.at))) return false;
        vec_add(s->a, w->before, b);
    }
    return true;
}
/* The equation that names the type; NULL: none does. */
static Stmt *typed_by(const Parts *r) {
    for (int q = 0; q < r->n_eq; q++) if (r->eq[q]->dtype) return r->eq[q];
    return NULL;
}
bool recur_elaborate(Sema *s, Def *d) {
    Scope *c = d->scope;
    Arena *a = s->a;
    Def *member[MAX_MEMBERS] = { d };
    int n = 0, all = 0;
    for (int k = 0; k < c->def.n; k++) if (c->def.at[k]->group == d->group && all++ < MAX_MEMBERS) member[n++] = c->def.at[k];
    for (int k = 0; k < n; k++) member[k]->state = 1;
    Node *outer = s->recur;
    if (all > n) { diag_error(s->cx, D_UNSUPPORTED, d->loc, "`%s` and %d others are one recurrence; at most %d tensors are", d->name, all - 1, MAX_MEMBERS); goto failed; }
    Shift f = { .c = c, .group = d->group };
    for (int k = 0; k < n; k++) for (int q = 0; q < member[k]->eq.n; q++) if (member[k]->eq.at[q]->rhs.n) find_shift(member[k]->eq.at[q]->rhs.at[0], &f);
    Bind *tb = f.name ? scope_find(c, f.name) : NULL;
    if (!tb) {
        if (!no_order(s, c, member, n)) cycle_error(s, member, n, false, NULL);
        goto failed;
    }
    if (tb->space && tb->space->kind != SP_SEQ) {
        diag_help(diag_error(s->cx, D_BAD_RECURRENCE, f.loc, "`%s` ranges over `%s`, which has no order to run along", f.name, tb->space->name), "declare the space as an ordered one: seq, or T: seq as an argument");
        goto failed;
    }
    /* order inside one step: a member reads others of the same step only if they precede it */
    Def *order[MAX_MEMBERS];
    int done = 0;
    bool placed[MAX_MEMBERS] = { false };
    while (done < n) {
        int before = done;
        for (int k = 0; k < n; k++) {
            if (placed[k]) continue;
            Shift g = { .c = c, .group = d->group, .name = f.name };
            for (int q = 0; q < member[k]->eq.n; q++) if (member[k]->eq.at[q]->rhs.n) find_shift(member[k]->eq.at[q]->rhs.at[0], &g);
            bool ready = true;
            for (int j = 0; j < g.n_dep; j++) { bool have = false; for (int q = 0; q < done; q++) have |= order[q] == g.dep[j]; ready &= have; }
            if (ready) placed[k] = true, order[done++] = member[k];
        }
        if (done == before) {
            Def *left[MAX_MEMBERS];
            int m = 0;
            for (int k = 0; k < n; k++) if (!placed[k]) left[m++] = member[k];
            cycle_error(s, left, m, true, f.name);
            goto failed;
        }
    }
    Node *node = program_node(s->p, N_RECUR, d->loc);
    Index *time = program_index(s->p, f.name, tb->space);
    node->u.recur.time = time, node->u.recur.reverse = f.sign > 0;
    Parts parts[MAX_MEMBERS];
    for (int k = 0; k < n; k++) {                                /* the values first: members read each other */
        Def *m = order[k];
        VEC(Stmt *) main = { 0 };
        bool last;
        for (int q = 0; q < m->eq.n; q++) {
            Expr *l = m->eq.at[q]->lhs.at[0];
            bool init = false;
            for (int j = 0; j < l->sub.n; j++) init |= before_first(l->sub.at[j].e, &last) != 0;
            if (!init) vec_add(a, main, m->eq.at[q]);
        }
        if (!main.n || main.at[0]->lhs.at[0]->kind != E_SUBSCRIPT) { diag_error(s->cx, D_BAD_RECURRENCE, m->loc, "`%s` has no equation at `%s`", m->name, f.name); goto failed; }
        Parts *r = &parts[k];
        if (!parts_find(s, c, m->name, main.at, main.n, -1, r)) goto failed;
        Expr *l = main.at[0]->lhs.at[0];
        Member w = { .time_axis = -1, .idx = NEWN(a, Index *, l->sub.n + 1) };
        Env e = env_of(s, c);
        for (int j = 0; j < r->rank; j++) {
            Expr *u = l->sub.at[j].e;
            if (u->kind == E_NAME && u->name.s == f.name) w.idx[j] = time, w.time_axis = j;
            else w.idx[j] = r->plain ? left_index(&e, u, m->name) : program_index(s->p, arena_printf(a, "z%d", j), r->axis[j]);
            if (!w.idx[j]) goto failed;
        }
        if (w.time_axis < 0) { diag_note(diag_error(s->cx, D_BAD_RECURRENCE, l->loc, "`%s` is part of a recurrence along `%s` but has no such subscript", m->name, f.name), f.loc, "the recurrence is here"); goto failed; }
        if (r->axis[w.time_axis] != tb->space) { diag_error(s->cx, D_BAD_RECURRENCE, l->sub.at[w.time_axis].loc, "`%s` can't have parts along `%s`, the way of its recurrence", m->name, tb->space->name); goto failed; }
        const char *type = typed_by(r) ? typed_by(r)->dtype : NULL;
        Dtype dt = type ? dtype_from_name(type) : s->real;
        const char *name = dotted(s, c, m->name);
        m->value = w.value = program_value(s->p, node, name, dt, r->rank, r->axis);
        w.value->loc = m->loc;
        vec_add(a, node->u.recur.member, w);
    }
    int tries = 0;
    Env plain = env_of(s, c);
retype:
    for (int k = 0; k < n; k++) node->u.recur.member.at[k].before.n = 0;
    for (int k = 0; k < n; k++) {
        Def *m = order[k];
        s->defining = dotted(s, c, m->name);
        Member *w = &node->u.recur.member.at[k];
        s->recur = node;
        X *x = parts_join(s, c, &parts[k], w->idx);
        s->recur = outer;
        Stmt *typed = typed_by(&parts[k]);
        if (x && !typed && x->dt != w->value->dt && (x->dt == DT_BOOL || dtype_is_complex(x->dt)) && tries++ < 2 * n) {
            w->value->dt = x->dt;                                /* its readers see the type only now */
            goto retype;
        }
        Places places = { s, node, false };
        if (x) x_walk(x, check_place, &places);
        if (places.bad || !x || !(w->expr = coerce(&plain, as_number(&plain, x), w->value->dt, typed ? typed->loc : parts[k].at))) goto failed;
        if (!before_elements(s, c, m, w, node->u.recur.reverse)) goto failed;
        member[k]->state = 2;
    }
    for (int k = 0; k < n; k++) member[k]->state = 2;
    vec_add(a, s->p->node, node);
    return true;
failed:
    s->recur = outer;
    for (int k = 0; k < c->def.n; k++) if (c->def.at[k]->group == d->group) c->def.at[k]->state = 2, c->def.at[k]->value = NULL;
    return false;
}
