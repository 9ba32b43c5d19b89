/* recur.c - recurrences: groups of tensors that read each other's (or their own) earlier elements along one ordered space.
 *
 *     S[b, T.first-1, i] = S0[b, i]             the element before the first; 0 when no equation gives it
 *     S[b, t, i] = a[b, t] * S[b, t-1, i] + k[b, t, i]
 * becomes  recur t { S[b, t, i] = ... } with one member.  Groups are the strongly connected parts of "is read by". */
#include "sema/scope.h"
#include <string.h>

typedef struct Reads { Scope *c; VEC(Def *) d; Arena *a; } Reads;
static void reads(Expr *x, Reads *r) {
    if (!x) return;
    if (x->kind == E_NAME || x->kind == E_SUBSCRIPT) {
        Expr *b = x->kind == E_NAME ? x : x->arg.at[0];
        if (b->kind == E_NAME) for (int k = 0; k < r->c->def.n; k++) if (r->c->def.at[k]->name == b->name.s) vec_add(r->a, r->d, r->c->def.at[k]);
    }
    for (int k = 0; k < x->arg.n; k++) reads(x->arg.at[k], r);
    for (int k = 0; k < x->call.n; k++) reads(x->call.at[k].value, r);
    for (int k = 0; k < x->sub.n; k++) { reads(x->sub.at[k].e, r); reads(x->sub.at[k].other, r); }
    for (int k = 0; k < x->bind.n; k++) reads(x->bind.at[k].cond, r);
    reads(x->other, r);
}
typedef struct Walk { Sema *s; Scope *c; int clock, groups; VEC(Def *) stack; } Walk;
static void visit(Walk *w, Def *d) {
    d->mark = d->low = ++w->clock;
    d->on_stack = true;
    vec_add(w->s->a, w->stack, d);
    Reads r = { .c = w->c, .a = w->s->a };
    for (int k = 0; k < d->eq.n; k++) if (d->eq.at[k]->rhs.n) reads(d->eq.at[k]->rhs.at[0], &r);
    bool self = false;
    for (int k = 0; k < r.d.n; k++) {
        Def *o = r.d.at[k];
        self |= o == d;
        if (!o->mark) { visit(w, o); if (o->low < d->low) d->low = o->low; }
        else if (o->on_stack && o->mark < d->low) d->low = o->mark;
    }
    if (d->low != d->mark) return;
    int first = w->stack.n;
    while (w->stack.at[--first] != d) { }
    bool group = w->stack.n - first > 1 || (self && !d->repeat);
    if (group) w->groups++;
    for (int k = first; k < w->stack.n; k++) { w->stack.at[k]->on_stack = false; if (group) w->stack.at[k]->group = w->groups; }
    w->stack.n = first;
}
void recur_groups(Sema *s, Scope *c) {
    Walk w = { .s = s, .c = c };
    for (int k = 0; k < c->def.n; k++) if (!c->def.at[k]->mark && !c->def.at[k]->repeat) visit(&w, c->def.at[k]);
}

/* The way round, as a person follows it: a -> b -> a, with each equation that takes a step of it. */
static void cycle_error(Sema *s, Scope *c, Def **member, int n, bool one_step, const char *time) {
    Def *way[65], *d = member[0];
    int m = 0, from = 0;
    for (bool again = false; !again && m < 64; ) {
        way[m++] = d;
        Def *next = NULL;
        for (int q = 0; q < d->eq.n && !next; q++) {
            if (!d->eq.at[q]->rhs.n) continue;
            Reads r = { .c = c, .a = s->a };
            reads(d->eq.at[q]->rhs.at[0], &r);
            for (int k = 0; k < r.d.n && !next; k++) for (int j = 0; j < n; j++) if (r.d.at[k] == member[j]) next = member[j];
        }
        if (!next) break;
        d = next;
        for (int k = 0; k < m; k++) if (way[k] == d) from = k, again = true;
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
typedef struct Shift { Scope *c; int group; const char *name; int sign; int axis; Loc loc; bool same_step; Def *dep[64]; int n_dep; } Shift;
static void find_shift(Expr *x, Shift *f) {
    if (!x) return;
    if (x->kind == E_SUBSCRIPT && x->arg.at[0]->kind == E_NAME)
        for (int k = 0; k < f->c->def.n; k++) {
            Def *d = f->c->def.at[k];
            if (d->name != x->arg.at[0]->name.s || d->group != f->group) continue;
            bool moved = false;
            for (int j = 0; j < x->sub.n; j++) {
                int sign;
                const char *n = shifted(x->sub.at[j].e, &sign);
                Bind *b = n ? scope_find(f->c, n) : NULL;
                if (!b || b->kind != B_INDEX || (f->name ? n != f->name : b->space->kind == SP_GRID)) continue;
                moved = true;
                if (!f->name) f->name = n, f->sign = sign, f->axis = j, f->loc = x->loc;
            }
            if (!moved && f->n_dep < 64) f->dep[f->n_dep++] = d;
        }
    for (int k = 0; k < x->arg.n; k++) find_shift(x->arg.at[k], f);
    for (int k = 0; k < x->call.n; k++) find_shift(x->call.at[k].value, f);
    for (int k = 0; k < x->sub.n; k++) find_shift(x->sub.at[k].e, f);
    for (int k = 0; k < x->bind.n; k++) find_shift(x->bind.at[k].cond, f);
    find_shift(x->other, f);
}
/* T.first-1: how far before the first element (0: it is no such subscript) */
static int64_t before_first(Scope *c, Expr *x, bool *last) {
    (void)c;
    if (x->kind != E_BINARY || x->arg.at[0]->kind != E_NAME || x->arg.at[1]->kind != E_INT) return 0;
    const char *dot = strrchr(x->arg.at[0]->name.s, '.');
    if (!dot) return 0;
    *last = !strcmp(dot, ".last");
    if (x->op == B_SUB && !strcmp(dot, ".first")) return -x->arg.at[1]->i;
    if (x->op == B_ADD && *last) return x->arg.at[1]->i;
    return 0;
}
bool recur_elaborate(Sema *s, Def *d) {
    Scope *c = d->scope;
    Arena *a = s->a;
    Def *member[64] = { d };
    int n = 0;
    for (int k = 0; k < c->def.n && n < 64; k++) if (c->def.at[k]->group == d->group) member[n++] = c->def.at[k];
    for (int k = 0; k < n; k++) member[k]->state = 1;
    Node *outer = s->recur;
    Shift f = { .c = c, .group = d->group };
    for (int k = 0; k < n; k++) for (int q = 0; q < member[k]->eq.n; q++) if (member[k]->eq.at[q]->rhs.n) find_shift(member[k]->eq.at[q]->rhs.at[0], &f);
    Bind *tb = f.name ? scope_find(c, f.name) : NULL;
    if (!tb) {
        cycle_error(s, c, member, n, false, NULL);
        goto failed;
    }
    if (tb->space && tb->space->kind != SP_SEQ) {
        diag_help(diag_error(s->cx, D_BAD_RECURRENCE, f.loc, "`%s` ranges over `%s`, which has no order to run along", f.name, tb->space->name), "declare the space as an ordered one: seq, or T: seq as an argument");
        goto failed;
    }
    /* order inside one step: a member reads others of the same step only if they precede it */
    Def *order[64];
    int done = 0;
    bool placed[64] = { false };
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
            Def *left[64];
            int m = 0;
            for (int k = 0; k < n; k++) if (!placed[k]) left[m++] = member[k];
            cycle_error(s, c, left, m, true, f.name);
            goto failed;
        }
    }
    Node *node = program_node(s->p, N_RECUR, d->loc);
    Index *time = program_index(s->p, f.name, tb->space);
    node->u.recur.time = time, node->u.recur.reverse = f.sign > 0;
    Env env[64];
    for (int k = 0; k < n; k++) {                                /* the values first: members read each other */
        Def *m = order[k];
        Stmt *main = NULL;
        bool last;
        for (int q = 0; q < m->eq.n; q++) {
            Expr *l = m->eq.at[q]->lhs.at[0];
            bool init = false;
            for (int j = 0; j < l->sub.n; j++) init |= before_first(c, l->sub.at[j].e, &last) != 0;
            if (!init) { if (main) { diag_note(diag_error(s->cx, D_PART_OVERLAP, m->eq.at[q]->loc, "`%s` is defined already", m->name), main->loc, "here"); goto failed; } main = m->eq.at[q]; }
        }
        if (!main || main->lhs.at[0]->kind != E_SUBSCRIPT) { diag_error(s->cx, D_BAD_RECURRENCE, m->loc, "`%s` has no equation at `%s`", m->name, f.name); goto failed; }
        Expr *l = main->lhs.at[0];
        Member w = { .time_axis = -1, .idx = NEWN(a, Index *, l->sub.n + 1) };
        Space *axis[16];
        env[k] = env_of(s, c);
        for (int j = 0; j < l->sub.n && j < 8; j++) {
            Expr *u = l->sub.at[j].e;
            Bind *b = u->kind == E_NAME ? scope_find(c, u->name.s) : NULL;
            if (!b || b->kind != B_INDEX) { diag_error(s->cx, D_BAD_RECURRENCE, u->loc, "the left side of a recurrence has plain indices, `%s` is none", expr_text(s->cx, u)); goto failed; }
            if (u->name.s == f.name) w.idx[j] = time, w.time_axis = j; else w.idx[j] = program_index(s->p, u->name.s, b->space);
            push_index(&env[k], u->name.s, w.idx[j]);
            axis[j] = b->space;
        }
        if (w.time_axis < 0) { diag_note(diag_error(s->cx, D_BAD_RECURRENCE, l->loc, "`%s` is part of a recurrence along `%s` but has no such subscript", m->name, f.name), f.loc, "the recurrence is here"); goto failed; }
        Dtype dt = main->dtype ? dtype_from_name(main->dtype) : s->real;
        if (l->sub.n > 8) { diag_error(s->cx, D_WRONG_RANK, l->loc, "`%s` has more than 8 dimensions", m->name); goto failed; }
        const char *name = dotted(s, c, m->name);
        m->value = w.value = program_value(s->p, node, name, dt, l->sub.n, axis);
        w.value->loc = m->loc;
        vec_add(a, node->u.recur.member, w);
    }
    int tries = 0;
retype:
    for (int k = 0; k < n; k++) node->u.recur.member.at[k].before.n = 0;
    for (int k = 0; k < n; k++) {
        Def *m = order[k];
        for (int q = 0; q < m->eq.n; q++) {
            Stmt *st = m->eq.at[q];
            Expr *l = st->lhs.at[0];
            bool last = false;
            int64_t off = 0;
            if (l->kind != E_SUBSCRIPT || l->sub.n != node->u.recur.member.at[k].value->rank) { diag_error(s->cx, D_WRONG_RANK, l->loc, "`%s` has %d subscripts here, and %d elsewhere", m->name, l->sub.n, node->u.recur.member.at[k].value->rank); goto failed; }
            for (int j = 0; j < l->sub.n; j++) { int64_t o = before_first(c, l->sub.at[j].e, &last); if (o) off = o; }
            Member *w = &node->u.recur.member.at[k];
            if (!off) {
                s->recur = node;
                X *x = as_number(&env[k], type_expr(&env[k], st->rhs.at[0]));
                s->recur = outer;
                if (x && !st->dtype && x->dt != w->value->dt && (x->dt == DT_BOOL || dtype_is_complex(x->dt)) && tries++ < 2 * n) {
                    w->value->dt = x->dt;                        /* its readers see the type only now */
                    goto retype;
                }
                Places places = { s, node, false };
                if (x) x_walk(x, check_place, &places);
                if (places.bad) goto failed;
                if (!x || !(x = coerce(&env[k], x, w->value->dt, st->loc))) goto failed;
                w->expr = x;
                continue;
            }
            Env e = env_of(s, c);
            Before b = { .offset = last ? -off : off, .idx = NEWN(a, Index *, l->sub.n + 1) };
            if (last != node->u.recur.reverse) { diag_error(s->cx, D_BAD_RECURRENCE, l->loc, "this recurrence runs from the %s", last ? "first element" : "last element"); goto failed; }
            for (int j = 0; j < l->sub.n; j++) {
                if (j == w->time_axis) continue;
                Expr *u = l->sub.at[j].e;
                Bind *ub = u->kind == E_NAME ? scope_find(c, u->name.s) : NULL;
                if (!ub || ub->kind != B_INDEX || ub->space != w->value->axis[j]) { diag_error(s->cx, D_SPACE_MISMATCH, u->loc, "dimension %d of `%s` is `%s`", j + 1, m->name, w->value->axis[j]->name); goto failed; }
                b.idx[j] = program_index(s->p, u->name.s, ub->space);
                push_index(&e, u->name.s, b.idx[j]);
            }
            X *x = as_number(&e, type_expr(&e, st->rhs.at[0]));
            if (!x || !(x = coerce(&e, x, w->value->dt, st->loc))) goto failed;
            b.expr = x;
            vec_add(a, w->before, b);
        }
        member[k]->state = 2;
    }
    for (int k = 0; k < n; k++) member[k]->state = 2;
    vec_add(a, s->p->node, node);
    return true;
failed:
    s->recur = outer;
    for (int k = 0; k < n; k++) member[k]->state = 2, member[k]->value = NULL;
    return false;
}
