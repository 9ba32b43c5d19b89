/* reduce.c - reductions: the plan of their loops, tables of fibres, and the loops.
 *
 * Conditions that are linear in the bound indices and fix or bound one of them become its range; a condition `f(b, outer) = g` with
 * integers becomes a fibre of b; what is left is a guard at the first level where its indices are known.  An index waits for the
 * others of an equation that will determine it when that saves more: `sum(c, d: 2*c + d = x)` loops d and solves c. */
#include "interp/inside.h"
#include <math.h>
#include <string.h>

/* ---- linear forms ----------------------------------------------------------------------------------------------- */
typedef struct LinX { int64_t coef; X *x; Index *index; } LinX;
typedef struct Form { int64_t constant; int n; LinX t[16]; bool bad; } Form;
static bool constant_of(Interp *I, const X *e, int64_t *v) {
    if (e->k == X_INT) *v = e->u.i;
    else if (e->k == X_EXT) *v = ext_eval(e->u.ext, I->size);
    else if (e->k == X_CAST && (e->dt == DT_I64 || e->dt == DT_I32) && dtype_is_int(e->u.cast.arg->dt)) return constant_of(I, e->u.cast.arg, v);
    else return false;
    return *v > -(1 << 30) && *v < 1 << 30;
}
/* Only i64 sums of positions and of narrower integers, with coefficients below 2^30, are taken apart: these can't wrap. */
static void linear(Interp *I, X *e, int64_t coef, Form *f) {
    int64_t v;
    if (f->bad || coef > 1 << 30 || coef < -(1 << 30)) { f->bad = true; return; }
    if (constant_of(I, e, &v)) { f->constant += coef * v; return; }
    if (e->k == X_CAST && dtype_is_int(e->u.cast.arg->dt) && (e->dt == DT_I64 || (e->dt == DT_I32 && e->u.cast.arg->space))) { linear(I, e->u.cast.arg, coef, f); return; }
    if (e->k == X_OP && e->dt == DT_I64) {
        ScalarOp op = e->u.op.op;
        if (op == OP_ADD || op == OP_SUB) {
            linear(I, e->u.op.arg[0], coef, f);
            linear(I, e->u.op.arg[1], op == OP_ADD ? coef : -coef, f);
            return;
        }
        if (op == OP_NEG) { linear(I, e->u.op.arg[0], -coef, f); return; }
        if (op == OP_MUL)
            for (int k = 0; k < 2; k++) if (constant_of(I, e->u.op.arg[k], &v)) { linear(I, e->u.op.arg[1 - k], coef * v, f); return; }
    }
    if (e->dt == DT_I64 && !e->space) { f->bad = true; return; }
    Index *i = e->k == X_INDEX ? e->u.index : NULL;
    for (int k = 0; i && k < f->n; k++) if (f->t[k].index == i) { f->t[k].coef += coef; return; }
    if (f->n == 16) { f->bad = true; return; }
    f->t[f->n++] = (LinX){ coef, e, i };
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */
typedef struct Cond { X *x; unsigned uses; bool done; Form form; ScalarOp rel; bool is_linear; unsigned left, right; bool is_eq; } Cond;
typedef struct Plan { Interp *I; X *e; int n; int64_t extent[16]; Cond *cond; int n_cond; } Plan;

static unsigned uses(const Plan *p, const X *x) {
    unsigned m = 0;
    for (int k = 0; k < p->n; k++) if (x_uses_index(x, p->e->u.reduce.idx[k])) m |= 1u << k;
    return m;
}
static void add_condition(Plan *p, X *x) {
    if (x->k == X_OP && x->u.op.op == OP_AND) { add_condition(p, x->u.op.arg[0]); add_condition(p, x->u.op.arg[1]); return; }
    Cond c = { .x = x, .uses = uses(p, x) };
    if (x->k == X_OP && scalar_info[x->u.op.op].class_ == CMP && class_of(x->u.op.arg[0]->dt) == IS_INT && x->u.op.op != OP_NE) {
        c.rel = x->u.op.op;
        c.is_eq = c.rel == OP_EQ;
        c.left = uses(p, x->u.op.arg[0]), c.right = uses(p, x->u.op.arg[1]);
        linear(p->I, x->u.op.arg[0], 1, &c.form);
        linear(p->I, x->u.op.arg[1], -1, &c.form);
        c.is_linear = !c.form.bad;
    }
    p->cond = arena_grow(p->I->arena, p->cond, sizeof c * (size_t)p->n_cond, sizeof c * (size_t)(p->n_cond + 1));
    p->cond[p->n_cond++] = c;
}
/* The coefficient of bound index k in a linear condition; 0 when it is inside something that is not linear. */
static int64_t coefficient(const Plan *p, const Cond *c, int k) {
    int64_t v = 0;
    if (!c->is_linear) return 0;
    for (int j = 0; j < c->form.n; j++) {
        if (c->form.t[j].index == p->e->u.reduce.idx[k]) v = c->form.t[j].coef;
        else if (!c->form.t[j].index && x_uses_index(c->form.t[j].x, p->e->u.reduce.idx[k])) return 0;
    }
    return v;
}
/* Whether equation c gives index k its values once all other bound indices in it are set. */
static bool determines(const Plan *p, const Cond *c, int k) {
    unsigned bit = 1u << k;
    return c->is_eq && (c->uses & bit) && (coefficient(p, c, k) != 0 || !(c->left & c->right & bit));
}
static bool linear_of(Plan *p, const Cond *c, int k, Linear *l) {
    l->constant = c->form.constant, l->rel = c->rel, l->n = 0;
    l->term = NEWN(p->I->arena, Term, c->form.n + 1);
    for (int j = 0; j < c->form.n; j++) {
        const LinX *t = &c->form.t[j];
        if (t->index == p->e->u.reduce.idx[k]) { l->coef = t->coef; continue; }
        Term *to = &l->term[l->n++];
        *to = (Term){ t->coef, t->index ? t->index->id : -1, NULL };
        if (!t->index && !(to->op = compile(p->I, t->x))) return false;
    }
    return true;
}
static bool fibre_of(Plan *p, Cond *c, int k, Level *v) {
    bool left = c->left >> k & 1;
    X *map = c->x->u.op.arg[!left], *value = c->x->u.op.arg[left];
    Fibre *f = v->fibre = NEW(p->I->arena, Fibre);
    f->index = v->index, f->n = v->extent, f->changing = reads_group(p->I, map);
    free_indices_of(p->I, map, &p->e->u.reduce.idx[k], 1, &f->free_index, &f->n_free);
    f->free_value = NEWN(p->I->arena, int64_t, f->n_free + 1);
    return (f->key = compile(p->I, map)) && (v->key = compile(p->I, value));
}
static int choose_next(const Plan *p, unsigned placed) {
    int waiting = -1;
    for (int k = 0; k < p->n; k++) {
        if (placed >> k & 1) continue;
        bool now = false, wait = false;
        for (int c = 0; c < p->n_cond; c++) {
            if (!determines(p, &p->cond[c], k)) continue;
            unsigned others = p->cond[c].uses & ~placed & ~(1u << k);
            if (!others) { now = true; break; }
            bool largest = true;                 /* the later of equals is solved */
            for (int j = 0; j < p->n; j++)
                if (others >> j & 1 && determines(p, &p->cond[c], j) && (p->extent[j] > p->extent[k] || (p->extent[j] == p->extent[k] && j > k))) largest = false;
            wait |= largest;
        }
        if (now || !wait) return k;
        if (waiting < 0 || p->extent[k] < p->extent[waiting]) waiting = k;
    }
    return waiting;
}
static bool add_guard(Plan *p, X *x, Op ***list, int *n) {
    Op *o = compile(p->I, x);
    if (!o) return false;
    *list = arena_grow(p->I->arena, *list, sizeof o * (size_t)*n, sizeof o * (size_t)(*n + 1));
    (*list)[(*n)++] = o;
    return true;
}
Op *compile_reduce(Interp *I, X *e) {
    Plan p = { .I = I, .e = e, .n = e->u.reduce.n };
    if (p.n > 16) { fail(I, D_UNSUPPORTED, e->loc, "a reduction binds %d indices; 16 are possible", p.n); return NULL; }
    Op *o = NEW(I->arena, Op);
    Reduce *r = NEW(I->arena, Reduce);
    *o = (Op){ .k = O_REDUCE, .dt = e->dt, .from = e->dt, .c = class_of(e->dt), .cfrom = class_of(e->dt), .u.reduce = r };
    *r = (Reduce){ .op = e->u.reduce.op, .dt = e->dt, .acc = e->u.reduce.acc, .c = class_of(e->u.reduce.body->dt), .loc = e->loc, .n = p.n, .in_order = true };
    for (int k = 0; k < p.n; k++) {
        Index *i = e->u.reduce.idx[k];
        if (i->id < 0 || i->id >= I->p->n_index) { fail(I, D_INTERNAL, e->loc, "index `%s` is not of this program", i->name); return NULL; }
        if ((p.extent[k] = ext_eval(i->space->extent, I->size)) < 0) { fail(I, D_RUN_FAILED, e->loc, "`%s` has no size here", i->space->name); return NULL; }
    }
    for (int k = 0; k < e->u.reduce.n_cond; k++) add_condition(&p, e->u.reduce.cond[k]);
    r->level = NEWN(I->arena, Level, p.n + 1);
    unsigned placed = 0;
    for (int k = 0; k < p.n_cond; k++) if (!p.cond[k].uses) {
        if (!add_guard(&p, p.cond[k].x, &r->first, &r->n_first)) return NULL;
        p.cond[k].done = true;
    }
    for (int l = 0; l < p.n; l++) {
        int k = choose_next(&p, placed);
        Level *v = &r->level[l];
        *v = (Level){ .index = e->u.reduce.idx[k]->id, .place = k, .extent = p.extent[k] };
        if (k != l) r->in_order = false;
        placed |= 1u << k;
        v->bound = NEWN(I->arena, Linear, p.n_cond + 1);
        for (int pass = 0; pass < 2; pass++)     /* solving first: it leaves one position */
            for (int c = 0; c < p.n_cond; c++) {
                Cond *q = &p.cond[c];
                if (q->done || q->uses & ~placed || !(q->uses >> k & 1)) continue;
                if (!pass && q->is_eq && coefficient(&p, q, k) && v->mode == L_ALL) {
                    if (!linear_of(&p, q, k, &v->solve)) return NULL;
                    v->mode = L_SOLVE, q->done = true;
                } else if (pass && v->mode == L_ALL && determines(&p, q, k)) {
                    if (!fibre_of(&p, q, k, v)) return NULL;
                    v->mode = L_FIBRE, q->done = true;
                } else if (pass && !q->is_eq && coefficient(&p, q, k)) {
                    if (!linear_of(&p, q, k, &v->bound[v->n_bound++])) return NULL;
                    q->done = true;
                }
            }
        for (int c = 0; c < p.n_cond; c++) if (!p.cond[c].done && !(p.cond[c].uses & ~placed)) {
            if (!add_guard(&p, p.cond[c].x, &v->guard, &v->n_guard)) return NULL;
            p.cond[c].done = true;
        }
    }
    if (!(r->body = compile(I, e->u.reduce.body)) || (e->u.reduce.other && !(r->other = compile(I, e->u.reduce.other)))) return NULL;
    r->changing = reads_group(I, e);
    free_indices_of(I, e, NULL, 0, &r->free_index, &r->n_free);
    r->free_value = NEWN(I->arena, int64_t, r->n_free + 1);
    return o;
}

/* ---- fibres -------------------------------------------------------------------------------------------------------- */
static bool less_value(const void *data, int64_t a, int64_t b) { const Fibre *f = data; return f->value[a] < f->value[b]; }
static bool fibre_fill(Interp *I, Fibre *f) {
    bool same = f->valid && (!f->changing || f->step == I->step);
    for (int k = 0; k < f->n_free && same; k++) same = f->free_value[k] == I->ix[f->free_index[k]];
    if (same) return true;
    f->valid = false;
    size_t n = (size_t)f->n;
    if (!f->value && (!(f->value = run_alloc(I, n, sizeof(int64_t))) || !(f->item = run_alloc(I, n, sizeof(int64_t))))) return false;
    int64_t lo = INT64_MAX, hi = INT64_MIN, saved = I->ix[f->index];
    for (int64_t i = 0; i < f->n && !I->failed; i++) {
        I->ix[f->index] = i;
        int64_t v = f->value[i] = eval_int(I, f->key);
        if (v < lo) lo = v;
        if (v > hi) hi = v;
    }
    I->ix[f->index] = saved;
    if (I->failed) return false;
    f->lo = lo, f->range = 0;
    if (f->n && (uint64_t)hi - (uint64_t)lo < (uint64_t)f->n * 8 + 1024) {
        int64_t m = f->range = hi - lo + 1;
        if (f->start_cap < m + 1) {
            if (!(f->start = run_alloc(I, (size_t)(2 * m + 1), sizeof(int64_t)))) return false;
            f->start_cap = 2 * m + 1;
        }
        memset(f->start, 0, sizeof *f->start * (size_t)(m + 1));
        for (int64_t i = 0; i < f->n; i++) f->start[f->value[i] - lo + 1]++;
        for (int64_t k = 0; k < m; k++) f->start[k + 1] += f->start[k];
        for (int64_t i = 0; i < f->n; i++) f->item[f->start[f->value[i] - lo]++] = i;      /* start[k] becomes the end of k */
        memmove(f->start + 1, f->start, sizeof *f->start * (size_t)m);
        f->start[0] = 0;
    } else if (f->n) {
        int mark = I->owned.n;
        int64_t *tmp = run_alloc(I, n, sizeof(int64_t));
        if (!tmp) return false;
        for (int64_t i = 0; i < f->n; i++) f->item[i] = i;
        sort_positions(f->item, tmp, f->n, less_value, f);
        run_free_to(I, mark);
    }
    for (int k = 0; k < f->n_free; k++) f->free_value[k] = I->ix[f->free_index[k]];
    f->valid = true, f->step = I->step;
    return true;
}
static void fibre_find(const Fibre *f, int64_t v, int64_t *from, int64_t *to) {
    *from = *to = 0;
    if (f->range) {
        if (v >= f->lo && v - f->lo < f->range) *from = f->start[v - f->lo], *to = f->start[v - f->lo + 1];
        return;
    }
    int64_t a = 0, b = f->n;
    while (a < b) { int64_t m = a + (b - a) / 2; if (f->value[f->item[m]] < v) a = m + 1; else b = m; }
    *from = a;
    while (a < f->n && f->value[f->item[a]] == v) a++;
    *to = a;
}

/* ---- the loops ----------------------------------------------------------------------------------------------------- */
typedef struct Acc { int64_t count, i, arg; double max, sum; Complex z; int64_t at[16]; bool stop; } Acc;

static void take_one(Interp *I, Reduce *r, Acc *a) {
    bool first = !a->count++;
    if (r->op == R_ARGMIN || r->op == R_ARGMAX || r->op == R_MIN || r->op == R_MAX) {
        bool down = r->op == R_ARGMIN || r->op == R_MIN, better, equal;
        if (r->c == IS_INT) {
            int64_t v = eval_int(I, r->body);
            better = first || (down ? v < a->i : v > a->i), equal = !first && v == a->i;
            if (better) a->i = v;
        } else {
            double v = eval_real(I, r->body);
            better = first || (isnan(a->z.re) && !isnan(v)) || (down ? v < a->z.re : v > a->z.re), equal = !first && v == a->z.re;
            if (better) a->z.re = v;
        }
        if (equal && !r->in_order) {             /* the first in the list's order, whatever order the levels have */
            int64_t here[16];
            for (int k = 0; k < r->n; k++) here[r->level[k].place] = I->ix[r->level[k].index];
            for (int k = 0; k < r->n; k++) if (here[k] != a->at[k]) { better = here[k] < a->at[k]; break; }
        }
        if (better) for (int k = 0; k < r->n; k++) a->at[r->level[k].place] = I->ix[r->level[k].index];
        return;
    }
    if (r->op == R_LOGSUMEXP) {
        double v = eval_real(I, r->body);
        if (v == -INFINITY) return;
        if (a->sum == 0) a->max = v, a->sum = 1;
        else if (v == a->max) a->sum += 1;
        else if (v < a->max) a->sum += exp(v - a->max);
        else a->sum = a->sum * exp(a->max - v) + 1, a->max = v;
        return;
    }
    bool product = r->op == R_PROD;
    switch (r->c) {
    case IS_INT: {
        int64_t v = eval_int(I, r->body);
        if (r->op == R_ANY) a->i |= v != 0, a->stop = a->i;
        else if (r->op == R_ALL) a->i &= v != 0, a->stop = !a->i;
        else a->i = (int64_t)(product ? (uint64_t)a->i * (uint64_t)v : (uint64_t)a->i + (uint64_t)v);
        break;
    }
    case IS_REAL: {
        double v = eval_real(I, r->body);
        if (product) a->z.re *= v; else a->z.re += v;
        break;
    }
    case IS_COMPLEX: {
        Complex v = eval_complex(I, r->body), z = a->z;
        if (product) a->z = (Complex){ z.re * v.re - z.im * v.im, z.re * v.im + z.im * v.re };
        else a->z.re += v.re, a->z.im += v.im;
        break;
    }
    }
}
static int64_t rest_of(Interp *I, const Linear *l) {
    int64_t v = l->constant;
    for (int k = 0; k < l->n; k++) v += l->term[k].coef * (l->term[k].index >= 0 ? I->ix[l->term[k].index] : eval_int(I, l->term[k].op));
    return v;
}
static int64_t floor_quotient(int64_t x, int64_t y) { return x / y - (x % y != 0 && (x < 0) != (y < 0)); }
static void run_level(Interp *I, Reduce *r, int l, Acc *a) {
    if (l == r->n) { take_one(I, r, a); return; }
    Level *v = &r->level[l];
    int64_t from = 0, to = v->extent, lo = 0, hi = v->extent;
    for (int k = 0; k < v->n_bound; k++) {
        /* coef * i + rest REL 0, turned to  i <= .. or i >= .. */
        const Linear *b = &v->bound[k];
        int64_t rest = rest_of(I, b), c = b->coef;
        bool upper = b->rel == OP_LT || b->rel == OP_LE;
        if (b->rel == OP_LT) rest++; else if (b->rel == OP_GT) rest--;
        if (c < 0) c = -c, rest = -rest, upper = !upper;       /* now c > 0:  c * i + rest <= 0  or  >= 0 */
        if (upper) { int64_t m = floor_quotient(-rest, c) + 1; if (m < hi) hi = m; }
        else { int64_t m = -floor_quotient(rest, c); if (m > lo) lo = m; }
    }
    if (v->mode == L_SOLVE) {
        int64_t rest = rest_of(I, &v->solve);
        if (rest % v->solve.coef) return;
        from = -(rest / v->solve.coef), to = from + 1;
    } else if (v->mode == L_FIBRE) {
        if (!fibre_fill(I, v->fibre)) return;
        fibre_find(v->fibre, eval_int(I, v->key), &from, &to);
    } else from = lo, to = hi;
    for (int64_t k = from; k < to && !a->stop && !I->failed; k++) {
        int64_t i = v->mode == L_FIBRE ? v->fibre->item[k] : k;
        if (i < lo || i >= hi) continue;
        I->ix[v->index] = i;
        bool ok = true;
        for (int g = 0; g < v->n_guard && ok; g++) ok = eval_int(I, v->guard[g]) != 0;
        if (ok) run_level(I, r, l + 1, a);
    }
}
void reduce_run(Interp *I, Reduce *r, int64_t *i, Complex *z) {
    bool same = r->known && (!r->changing || r->step == I->step);
    for (int k = 0; k < r->n_free && same; k++) same = r->free_value[k] == I->ix[r->free_index[k]];
    if (same) { *i = r->last_i, *z = r->last; return; }
    Acc a = { .i = r->op == R_PROD || r->op == R_ALL, .z = { r->op == R_PROD, 0 }, .max = -INFINITY };
    bool ok = true;
    for (int k = 0; k < r->n_first && ok; k++) ok = eval_int(I, r->first[k]) != 0;
    if (ok) run_level(I, r, 0, &a);
    *z = (Complex){ 0, 0 }, *i = 0;
    if (!a.count && r->other) {
        Class c = r->other->c;
        if (c == IS_INT) *i = wrap(eval_int(I, r->other), r->dt); else if (c == IS_REAL) z->re = eval_real(I, r->other); else *z = eval_complex(I, r->other);
    } else switch (r->op) {
        case R_SUM: case R_PROD: *i = wrap(class_of(r->acc) == IS_INT && r->acc != DT_BOOL ? wrap(a.i, r->acc) : a.i, r->dt); *z = a.z; break;
        case R_ANY: case R_ALL: *i = a.i; break;
        case R_LOGSUMEXP: z->re = a.sum == 0 ? -INFINITY : a.max + log(a.sum); break;
        case R_MIN: case R_MAX: case R_ARGMIN: case R_ARGMAX:
            if (!a.count && !I->failed) fail(I, D_INTERNAL, r->loc, "`%s` over nothing", reduce_name[r->op]);
            *i = r->op == R_ARGMIN || r->op == R_ARGMAX ? a.at[0] : a.i, *z = a.z;
            if (isnan(z->re)) z->re = r->op == R_MIN ? INFINITY : -INFINITY;         /* NaN is passed over; there was nothing else */
            break;
    }
    for (int k = 0; k < r->n_free; k++) r->free_value[k] = I->ix[r->free_index[k]];
    r->known = true, r->step = I->step, r->last_i = *i, r->last = *z;
}
