/* factor.c - adjoints of factorisations, by formula, as contractions, masks and further factorisations over the same batch.
 *
 * <a, b> = Re sum(conj(a) b); y' is the cotangent of y, H the conjugate transpose, o the product by elements.
 *
 *     solve      A x = b         b' = A^-H x',   A' = -b' x^H
 *     inverse    B = A^-1        A' = -B^H B' B^H
 *     logdet                     A' = y' A^-H
 *     lstsq      x = A+ b        b' = A+^H x',   A' = (b - A x)(A+ b')^H + (A+^H x)(x' - A^H b')^H - b' x^H      (Golub, Pereyra 1973)
 *     cholesky   A = L L^H       A' = L^-H h(L^H L') L^-1,  h: half the diagonal and the lower half, and its mirror image
 *     qr         A = [X Y], X = Q R1    X' = (Q1' + Q m(R1 R1'^H - Q1'^H Q)) R1^-H,  Q1' = Q' + Y R2'^H,  Y' = Q R2',  m: mirrors the lower half
 *     eigh       A = V w V^H     A' = V (diag(w') + F o V^H V1') V^H,                F_ij = 1 / (w_j - w_i), 0 on the diagonal
 *     eig        A V = V w       A' = V^-H (diag(w') + conj(F) o V^H V1') V^H
 *     svd        A = U s V^H     A' = U M V^H + (1 - U U^H) U1' V^H / s + U / s V'^H (1 - V V^H),
 *                                M = diag(s' + i Im(U^H U1') / s) + (K + K^H) s + s (J + J^H), K = F o U^H U1', J = F o V^H V', F_ij = 1 / (s_j^2 - s_i^2)
 *
 * Phases are fixed by a leading component that is real (interp/dense.h), which takes part: a column v of V or U with the leading component l
 * has  V1' = V' - i Im(v^H v') / v_l at l, and for eig, whose columns have length 1, less Re(v^H v') v.  Only the lower half of what cholesky
 * and eigh are given is read, so only it has a derivative.  Equal eigenvalues or singular values divide by 0: their vectors have none. */
#include "diff/inside.h"
#include <string.h>

typedef struct Adjoint { Diff *d; Arena *a; Node *n; int batch; } Adjoint;
/* A matrix of the batch, or its conjugate transpose; a vector counts as one column, whose index is not looked at. */
typedef struct Mat { Value *v; bool h; } Mat;
/* One element of a matrix that is being made: its batch, and rows and columns by fresh indices. */
typedef struct Cell { Index *idx[8]; int n; X *i, *j; } Cell;

static Cell cell(Adjoint *f, Space *rows, Space *cols) {
    Cell c = { .n = f->batch };
    for (int k = 0; k < f->batch; k++) c.idx[k] = program_index(f->d->p, "b", f->n->u.factor.in[0]->axis[k]);
    if (rows) c.idx[c.n] = program_index(f->d->p, "i", rows), c.i = x_index(f->a, c.idx[c.n++]);
    if (cols) c.idx[c.n] = program_index(f->d->p, "j", cols), c.j = x_index(f->a, c.idx[c.n++]);
    return c;
}
static Value *done(Adjoint *f, Cell *c, X *x) { return diff_compute(f->d->p, NULL, c->idx, c->n, x, f->n->loc); }
static X *conjugate(Adjoint *f, X *x) { return dtype_is_complex(x->dt) ? x_op(f->a, OP_CONJ, x, NULL) : x; }
static X *imaginary(Adjoint *f, X *x) { return x_op(f->a, OP_COMPLEX, dx_number(f->a, 0, x->dt), x); }
/* a op b, real numbers as complex ones where the other is. */
static X *of(Adjoint *f, ScalarOp op, X *p, X *q) {
    if (dtype_is_complex(p->dt) != dtype_is_complex(q->dt)) return x_op(f->a, op, x_cast(f->a, p, dtype_complex_of(p->dt)), x_cast(f->a, q, dtype_complex_of(q->dt)));
    return x_op(f->a, op, p, q);
}
static X *times(Adjoint *f, X *p, X *q) { return of(f, OP_MUL, p, q); }
static X *plus(Adjoint *f, X *p, X *q) { return !p ? q : !q ? p : of(f, OP_ADD, p, q); }
static X *negative(Adjoint *f, X *p) { return x_op(f->a, OP_NEG, p, NULL); }
static bool is_column(const Adjoint *f, Mat m) { return m.v->rank == f->batch + 1; }
static Space *rows_of(const Adjoint *f, Mat m) { return m.v->axis[f->batch + (m.h && !is_column(f, m))]; }
static Space *cols_of(const Adjoint *f, Mat m) { return is_column(f, m) ? NULL : m.v->axis[f->batch + !m.h]; }
static X *at(Adjoint *f, const Cell *c, Mat m, X *i, X *j) {
    X *idx[8] = { NULL };
    for (int k = 0; k < f->batch; k++) idx[k] = x_index(f->a, c->idx[k]);
    idx[f->batch] = m.h && !is_column(f, m) ? j : i;
    if (!is_column(f, m)) idx[f->batch + 1] = m.h ? i : j;
    X *x = x_read(f->a, m.v, idx, NULL, NULL);
    return m.h ? conjugate(f, x) : x;
}
/* The vector v at i. */
static X *of_vector(Adjoint *f, const Cell *c, Value *v, X *i) { return at(f, c, (Mat){ v, false }, i, NULL); }
static X *sum(Adjoint *f, Index *k, X *x) { return x_reduce(f->a, R_SUM, 1, &k, 0, NULL, x, NULL, x->dt); }
/* (P Q)_ij; of a column P and the transpose of one, their product. */
static X *dot(Adjoint *f, const Cell *c, Mat p, X *i, Mat q, X *j) {
    Space *over = cols_of(f, p);
    if (!over) return times(f, at(f, c, p, i, NULL), at(f, c, q, j, NULL));
    Index *k = program_index(f->d->p, "k", over);
    X *at_k = x_index(f->a, k);
    return sum(f, k, times(f, at(f, c, p, i, at_k), at(f, c, q, at_k, j)));
}
static Value *product(Adjoint *f, Mat p, Mat q) {
    Cell c = cell(f, rows_of(f, p), cols_of(f, q));
    return done(f, &c, dot(f, &c, p, c.i, q, c.j));
}
/* The solution of A x = b, a matrix or a column; NULL b: the inverse. */
static Value *solved(Adjoint *f, FactorKind kind, Mat a, Mat b) {
    Program *p = f->d->p;
    Mat in[2] = { a, b };
    for (int k = 0; k < 2; k++) {          /* operands of a node are values */
        if (!in[k].v || !in[k].h) continue;
        Cell c = cell(f, rows_of(f, in[k]), cols_of(f, in[k]));
        in[k] = (Mat){ done(f, &c, at(f, &c, in[k], c.i, c.j)), false };
    }
    Node *n = program_node(p, N_FACTOR, f->n->loc);
    n->u.factor.kind = kind, n->u.factor.n_in = b.v ? 2 : 1;
    Space *axis[8];
    int rank = 0;
    for (; rank < f->batch; rank++) axis[rank] = a.v->axis[rank];
    axis[rank++] = cols_of(f, a);
    Space *cols = b.v ? cols_of(f, b) : rows_of(f, a);
    if (cols) axis[rank++] = cols;
    n->u.factor.in[0] = in[0].v, n->u.factor.in[1] = in[1].v;
    Value *v = program_value(p, n, NULL, a.v->dt, rank, axis);
    v->loc = f->n->loc;
    vec_add(p->arena, p->node, n);
    return v;
}
static X *equal(Adjoint *f, X *i, X *j) { return x_op(f->a, OP_EQ, x_cast(f->a, i, DT_I64), x_cast(f->a, j, DT_I64)); }
static X *below(Adjoint *f, X *i, X *j) { return x_op(f->a, OP_GT, x_cast(f->a, i, DT_I64), x_cast(f->a, j, DT_I64)); }
static X *zero_of(Adjoint *f, const X *like) { return dx_number(f->a, 0, like->dt); }
/* x as a number of type dt. */
static X *as_type(Adjoint *f, X *x, Dtype dt) {
    if (dtype_is_complex(x->dt) && !dtype_is_complex(dt)) x = x_op(f->a, OP_RE, x, NULL);
    return x_cast(f->a, x, dt);
}
/* below the diagonal lo, on it mid, above hi */
static X *by_place(Adjoint *f, Cell *c, X *lo, X *mid, X *hi) { return x_if(f->a, below(f, c->i, c->j), lo, x_if(f->a, equal(f, c->i, c->j), as_type(f, mid, lo->dt), hi)); }
/* The Hermitian matrix whose lower half m has, half of its diagonal where asked. */
static Value *mirrored(Adjoint *f, Value *m, bool half) {
    Cell c = cell(f, m->axis[f->batch], m->axis[f->batch]);
    X *lo = at(f, &c, (Mat){ m, false }, c.i, c.j), *hi = conjugate(f, at(f, &c, (Mat){ m, false }, c.j, c.i)), *mid = lo;
    if (dtype_is_complex(lo->dt)) mid = x_op(f->a, OP_RE, mid, NULL);
    if (half) mid = times(f, dx_number(f->a, 0.5, mid->dt), mid);
    return done(f, &c, by_place(f, &c, lo, mid, hi));
}
/* What a function of a Hermitian matrix, of which it reads the lower half, gives to that half, from its derivative without that. */
static Value *lower_half(Adjoint *f, Value *whole) {
    Space *s = f->n->u.factor.in[0]->axis[f->batch], *t = f->n->u.factor.in[0]->axis[f->batch + 1];
    Cell c = cell(f, s, t);
    Mat w = { whole, false };
    X *j = s == t ? c.j : diff_position(f->a, c.j, s), *x = at(f, &c, w, c.i, j), *mid = x;
    if (dtype_is_complex(x->dt)) mid = x_op(f->a, OP_RE, mid, NULL);
    return done(f, &c, by_place(f, &c, times(f, dx_number(f->a, 2, x->dt), x), mid, zero_of(f, x)));
}

/* ---- systems of equations ---------------------------------------------------------------------------------------------------------- */
static void solve_back(Adjoint *f, Value *x, Value *bar, Value **to) {
    Value *a = f->n->u.factor.in[0];
    Value *b = to[1] = solved(f, F_SOLVE, (Mat){ a, true }, (Mat){ bar, false });
    Cell c = cell(f, a->axis[f->batch], a->axis[f->batch + 1]);
    to[0] = done(f, &c, negative(f, dot(f, &c, (Mat){ b, false }, c.i, (Mat){ x, true }, c.j)));
}
static void lstsq_back(Adjoint *f, Value *x, Value *bar, Value **to) {
    Value *a = f->n->u.factor.in[0], *b = f->n->u.factor.in[1];
    Mat A = { a, false }, AH = { a, true };
    Value *y = to[1] = solved(f, F_LSTSQ, AH, (Mat){ bar, false });
    int64_t m, n;
    bool known = ext_is_const(rows_of(f, A)->extent, &m) && ext_is_const(cols_of(f, A)->extent, &n), square = ext_equal(rows_of(f, A)->extent, cols_of(f, A)->extent);
    Value *left = NULL, *z = NULL, *w = NULL, *right = NULL;
    if (!square && !(known && m < n)) {    /* what is left of b, 0 for wide matrices */
        Cell c = cell(f, rows_of(f, A), cols_of(f, (Mat){ b, false }));
        left = done(f, &c, plus(f, at(f, &c, (Mat){ b, false }, c.i, c.j), negative(f, dot(f, &c, A, c.i, (Mat){ x, false }, c.j))));
        z = solved(f, F_LSTSQ, A, (Mat){ y, false });
    }
    if (!square && !(known && m > n)) {    /* the part of x' that no b gives, 0 for tall matrices */
        Cell c = cell(f, cols_of(f, A), cols_of(f, (Mat){ bar, false }));
        right = done(f, &c, plus(f, at(f, &c, (Mat){ bar, false }, c.i, c.j), negative(f, dot(f, &c, AH, c.i, (Mat){ y, false }, c.j))));
        w = solved(f, F_LSTSQ, AH, (Mat){ x, false });
    }
    Cell c = cell(f, rows_of(f, A), cols_of(f, A));
    X *all = negative(f, dot(f, &c, (Mat){ y, false }, c.i, (Mat){ x, true }, c.j));
    if (left) all = plus(f, all, dot(f, &c, (Mat){ left, false }, c.i, (Mat){ z, true }, c.j));
    if (right) all = plus(f, all, dot(f, &c, (Mat){ w, false }, c.i, (Mat){ right, true }, c.j));
    to[0] = done(f, &c, all);
}
static Value *inverse_back(Adjoint *f, Value *b, Value *bar) {
    Mat t = { product(f, (Mat){ b, true }, (Mat){ bar, false }), false };
    Value *a = f->n->u.factor.in[0];
    Cell c = cell(f, a->axis[f->batch], a->axis[f->batch + 1]);
    return done(f, &c, negative(f, dot(f, &c, t, c.i, (Mat){ b, true }, c.j)));
}
static Value *logdet_back(Adjoint *f, Value *bar) {
    Value *a = f->n->u.factor.in[0], *b = solved(f, F_INVERSE, (Mat){ a, false }, (Mat){ NULL, false });
    Cell c = cell(f, a->axis[f->batch], a->axis[f->batch + 1]);
    return done(f, &c, as_type(f, times(f, diff_read(f->d->p, bar, c.idx), at(f, &c, (Mat){ b, true }, c.i, c.j)), a->dt));
}

/* ---- triangles ---------------------------------------------------------------------------------------------------------------------- */
static Value *cholesky_back(Adjoint *f, Value *l, Value *bar) {
    Cell c = cell(f, l->axis[f->batch], l->axis[f->batch + 1]);
    X *x = at(f, &c, (Mat){ bar, false }, c.i, c.j);
    Value *lower = done(f, &c, x_if(f->a, below(f, c.j, c.i), zero_of(f, x), x));                /* the upper half is 0 whatever A is */
    Value *h = mirrored(f, product(f, (Mat){ l, true }, (Mat){ lower, false }), false);
    Cell e = cell(f, h->axis[f->batch], h->axis[f->batch + 1]);
    x = at(f, &e, (Mat){ h, false }, e.i, e.j);
    h = done(f, &e, times(f, dx_number(f->a, 0.5, x->dt), x));
    Value *t = solved(f, F_SOLVE, (Mat){ l, true }, (Mat){ h, false });
    return lower_half(f, solved(f, F_SOLVE, (Mat){ l, true }, (Mat){ t, true }));
}
static Value *qr_back(Adjoint *f, Value **result, Value **bar) {
    Value *a = f->n->u.factor.in[0], *q = result[0], *r = result[1];
    Space *rows = a->axis[f->batch], *cols = a->axis[f->batch + 1], *s = r->axis[f->batch];
    X *size = x_ext(f->a, s->extent);
    Mat A = { a, false }, Q = { q, false }, R = { r, false };
    /* R1: the first columns of R */
    Cell c = cell(f, s, s);
    Mat R1 = { done(f, &c, at(f, &c, R, c.i, diff_position(f->a, c.j, cols))), false };
    Value *q1 = bar[0], *m = NULL;
    if (bar[1] && !ext_equal(s->extent, cols->extent)) {
        Cell e = cell(f, rows, s);
        Index *k = program_index(f->d->p, "k", cols);
        X *at_k = x_index(f->a, k), *more = x_op(f->a, OP_GE, x_cast(f->a, at_k, DT_I64), size);
        X *x = times(f, at(f, &e, A, e.i, at_k), conjugate(f, at(f, &e, (Mat){ bar[1], false }, e.j, at_k)));
        x = x_reduce(f->a, R_SUM, 1, &k, 1, &more, x, NULL, x->dt);
        q1 = done(f, &e, plus(f, bar[0] ? at(f, &e, (Mat){ bar[0], false }, e.i, e.j) : NULL, x));
    }
    Cell e = cell(f, s, s);
    X *x = NULL;
    if (bar[1]) {                          /* below the diagonal R is 0 whatever A is; the diagonal is real */
        Cell g = cell(f, s, s);
        X *y = at(f, &g, (Mat){ bar[1], false }, g.i, diff_position(f->a, g.j, cols)), *real = dtype_is_complex(y->dt) ? x_op(f->a, OP_RE, y, NULL) : y;
        Value *upper = done(f, &g, by_place(f, &g, zero_of(f, y), real, y));
        x = dot(f, &e, R1, e.i, (Mat){ upper, true }, e.j);
    }
    if (q1) x = plus(f, x, negative(f, dot(f, &e, (Mat){ q1, true }, e.i, Q, e.j)));
    m = mirrored(f, done(f, &e, x), false);
    Cell t = cell(f, rows, s);
    x = plus(f, q1 ? at(f, &t, (Mat){ q1, false }, t.i, t.j) : NULL, dot(f, &t, Q, t.i, (Mat){ m, false }, t.j));
    Mat X1 = { solved(f, F_SOLVE, R1, (Mat){ done(f, &t, x), true }), true };
    Cell g = cell(f, rows, cols);
    x = at(f, &g, X1, g.i, diff_position(f->a, g.j, s));
    if (bar[1] && !ext_equal(s->extent, cols->extent)) x = x_if(f->a, x_op(f->a, OP_LT, x_cast(f->a, g.j, DT_I64), size), x, dot(f, &g, Q, g.i, (Mat){ bar[1], false }, g.j));
    else if (!ext_equal(s->extent, cols->extent)) x = x_if(f->a, x_op(f->a, OP_LT, x_cast(f->a, g.j, DT_I64), size), x, zero_of(f, x));
    return done(f, &g, x);
}

/* ---- eigenvalues and singular values ------------------------------------------------------------------------------------------------ */
/* v^H v' of each column; other: and of the columns of other */
static Value *along(Adjoint *f, Value *v, Value *bar, Value *w, Value *w_bar) {
    Cell c = cell(f, v->axis[f->batch + 1], NULL);
    X *x = bar ? dot(f, &c, (Mat){ v, true }, c.i, (Mat){ bar, false }, c.i) : NULL;
    if (w_bar) x = plus(f, x, dot(f, &c, (Mat){ w, true }, c.i, (Mat){ w_bar, false }, c.i));
    return done(f, &c, x);
}
/* bar with what the rule of the leading component takes; g: v^H v' of each column; length: columns are kept at length 1 */
static Value *fixed_phase(Adjoint *f, Value *v, Value *bar, Value *g, bool length) {
    Arena *a = f->a;
    if (!dtype_is_complex(v->dt)) return bar;
    Space *rows = v->axis[f->batch], *cols = v->axis[f->batch + 1];
    Mat V = { v, false };
    Cell c = cell(f, cols, NULL);
    Index *k = program_index(f->d->p, "k", rows), *q = program_index(f->d->p, "k", rows);
    X *most = x_reduce(a, R_MAX, 1, &k, 0, NULL, x_op(a, OP_ABS, at(f, &c, V, x_index(a, k), c.i), NULL), dx_number(a, 0, dtype_real_of(v->dt)), dtype_real_of(v->dt));
    Value *largest = done(f, &c, most);
    Cell e = cell(f, cols, NULL);
    X *near = x_op(a, OP_GE, x_op(a, OP_ABS, at(f, &e, V, x_index(a, q), e.i), NULL), x_op(a, OP_MUL, of_vector(f, &e, largest, e.i), dx_number(a, 1 - 1e-6, largest->dt)));
    Value *leading = done(f, &e, x_reduce(a, R_MIN, 1, &q, 1, &near, x_cast(a, x_index(a, q), DT_I64), x_int(a, 0, DT_I64), DT_I64));
    Cell t = cell(f, rows, cols);
    X *l = of_vector(f, &t, leading, t.j), *x = bar ? at(f, &t, (Mat){ bar, false }, t.i, t.j) : dx_number(a, 0, v->dt), *h = of_vector(f, &t, g, t.j);
    if (length) x = plus(f, x, negative(f, times(f, x_op(a, OP_RE, h, NULL), at(f, &t, V, t.i, t.j))));
    X *turn = x_op(a, OP_DIV, x_op(a, OP_IM, h, NULL), x_op(a, OP_RE, at(f, &t, V, t.i, t.j), NULL));
    return done(f, &t, x_if(a, equal(f, t.i, l), plus(f, x, negative(f, imaginary(f, turn))), x));
}
/* The value at row i, column j of P^H Q over 1 / (w_j - w_i), off the diagonal; the squares of w where asked, the conjugate of the quotient. */
static X *divided(Adjoint *f, Cell *c, X *i, X *j, Value *inner, Value *w, bool squares) {
    X *p = of_vector(f, c, w, j), *q = of_vector(f, c, w, i), *d = of(f, OP_SUB, p, q), *x = at(f, c, (Mat){ inner, false }, i, j);
    if (squares) d = times(f, d, of(f, OP_ADD, p, q));
    return x_if(f->a, equal(f, i, j), zero_of(f, x), of(f, OP_DIV, x, conjugate(f, d)));
}
static Value *eigen_back(Adjoint *f, Value **result, Value **bar) {
    Value *w = result[0], *v = result[1], *a = f->n->u.factor.in[0], *inner = NULL;
    bool general = f->n->u.factor.kind == F_EIG;
    Space *s = a->axis[f->batch], *r = w->axis[f->batch];
    if (bar[1]) {
        Value *fixed = fixed_phase(f, v, bar[1], dtype_is_complex(v->dt) ? along(f, v, bar[1], NULL, NULL) : NULL, general);
        inner = product(f, (Mat){ v, true }, (Mat){ fixed, false });
    }
    Cell c = cell(f, r, r);
    X *off = inner ? divided(f, &c, c.i, c.j, inner, w, false) : dx_number(f->a, 0, v->dt);
    X *x = bar[0] ? x_if(f->a, equal(f, c.i, c.j), as_type(f, of_vector(f, &c, bar[0], c.i), v->dt), off) : off;
    Mat m = { product(f, (Mat){ done(f, &c, x), false }, (Mat){ v, true }), false };
    if (!general) {
        Value *whole = product(f, (Mat){ v, false }, m);
        Cell e = cell(f, s, s);            /* its Hermitian part */
        X *y = plus(f, at(f, &e, (Mat){ whole, false }, e.i, e.j), at(f, &e, (Mat){ whole, true }, e.i, e.j));
        return lower_half(f, done(f, &e, times(f, dx_number(f->a, 0.5, y->dt), y)));
    }
    Cell e = cell(f, s, s), g = cell(f, s, s);         /* V over the axes of A: a system of equations is square */
    Mat V = { done(f, &e, at(f, &e, (Mat){ v, false }, e.i, diff_position(f->a, e.j, r))), false };
    Mat M = { done(f, &g, at(f, &g, m, diff_position(f->a, g.i, r), g.j)), false };
    Mat y = { solved(f, F_SOLVE, (Mat){ V.v, true }, M), false };
    Cell t = cell(f, s, a->axis[f->batch + 1]);
    return done(f, &t, as_type(f, at(f, &t, y, t.i, s == a->axis[f->batch + 1] ? t.j : diff_position(f->a, t.j, s)), a->dt));
}
/* (w' - v v^H w') / s  for the columns w' of a cotangent: what leads out of the space of v's columns */
static Value *outward(Adjoint *f, Value *v, Value *bar, Value *inner, Value *s) {
    Cell c = cell(f, v->axis[f->batch], v->axis[f->batch + 1]);
    X *x = plus(f, at(f, &c, (Mat){ bar, false }, c.i, c.j), negative(f, dot(f, &c, (Mat){ v, false }, c.i, (Mat){ inner, false }, c.j)));
    return done(f, &c, of(f, OP_DIV, x, of_vector(f, &c, s, c.j)));
}
static Value *svd_back(Adjoint *f, Value **result, Value **bar) {
    Value *u = result[0], *s = result[1], *v = result[2], *a = f->n->u.factor.in[0], *u_bar = bar[0], *u_in = NULL, *v_in = NULL, *over = NULL;
    bool complex_ = dtype_is_complex(a->dt);
    if (complex_ && (bar[0] || bar[2])) u_bar = fixed_phase(f, u, bar[0], along(f, u, bar[0], v, bar[2]), false);
    if (u_bar) u_in = product(f, (Mat){ u, true }, (Mat){ u_bar, false });
    if (bar[2]) v_in = product(f, (Mat){ v, true }, (Mat){ bar[2], false });
    Space *r = s->axis[f->batch];
    Cell c = cell(f, r, r);
    X *off = NULL, *on = bar[1] ? as_type(f, of_vector(f, &c, bar[1], c.i), a->dt) : NULL;
    if (u_in) off = times(f, plus(f, divided(f, &c, c.i, c.j, u_in, s, true), conjugate(f, divided(f, &c, c.j, c.i, u_in, s, true))), of_vector(f, &c, s, c.j));
    if (v_in) off = plus(f, off, times(f, of_vector(f, &c, s, c.i), plus(f, divided(f, &c, c.i, c.j, v_in, s, true), conjugate(f, divided(f, &c, c.j, c.i, v_in, s, true)))));
    if (complex_ && u_in) on = plus(f, on, imaginary(f, x_op(f->a, OP_DIV, x_op(f->a, OP_IM, at(f, &c, (Mat){ u_in, false }, c.i, c.i), NULL), of_vector(f, &c, s, c.i))));
    X *none = dx_number(f->a, 0, a->dt);
    Mat m = { done(f, &c, x_if(f->a, equal(f, c.i, c.j), on ? on : none, off ? off : none)), false };
    m.v = product(f, m, (Mat){ v, true });
    if (u_bar && !ext_equal(r->extent, u->axis[f->batch]->extent)) over = outward(f, u, u_bar, u_in, s);
    Value *across = bar[2] && !ext_equal(r->extent, v->axis[f->batch]->extent) ? outward(f, v, bar[2], v_in, s) : NULL;
    Cell e = cell(f, a->axis[f->batch], a->axis[f->batch + 1]);
    X *x = dot(f, &e, (Mat){ u, false }, e.i, m, e.j);
    if (over) x = plus(f, x, dot(f, &e, (Mat){ over, false }, e.i, (Mat){ v, true }, e.j));
    if (across) x = plus(f, x, dot(f, &e, (Mat){ u, false }, e.i, (Mat){ across, true }, e.j));
    return done(f, &e, x);
}

static Value **factor_adjoint(Diff *d, Node *n) {
    Arena *a = d->p->arena;
    for (int k = 0; k < d->factor.n; k++) if (d->factor.at[k] == n) return d->factor_adjoint.at[k];
    Value **to = NEWN(a, Value *, 2), *bar[3] = { NULL };
    bool any = false;
    for (int k = 0; k < n->n_result; k++) any |= (bar[k] = diff_value(d, n->result[k])) != NULL;
    vec_add(a, d->factor, n);
    vec_add(a, d->factor_adjoint, to);
    Adjoint f = { d, a, n, n->u.factor.in[0]->rank - 2 };
    if (any && !d->failed) switch (n->u.factor.kind) {
    case F_SOLVE: solve_back(&f, n->result[0], bar[0], to); break;
    case F_LSTSQ: lstsq_back(&f, n->result[0], bar[0], to); break;
    case F_INVERSE: to[0] = inverse_back(&f, n->result[0], bar[0]); break;
    case F_LOGDET: to[0] = logdet_back(&f, bar[0]); break;
    case F_CHOLESKY: to[0] = cholesky_back(&f, n->result[0], bar[0]); break;
    case F_QR: to[0] = qr_back(&f, n->result, bar); break;
    case F_EIGH: case F_EIG: to[0] = eigen_back(&f, n->result, bar); break;
    case F_SVD: to[0] = svd_back(&f, n->result, bar); break;
    }
    return to;
}
X *factor_back(Diff *d, Node *n, const Value *wanted, Index **u) {
    Value **to = factor_adjoint(d, n);
    X *all = NULL;
    for (int k = 0; k < n->u.factor.n_in && !d->failed; k++) if (to[k] && n->u.factor.in[k] == wanted) all = dx_add(d->p->arena, all, diff_read(d->p, to[k], u));
    return all;
}
