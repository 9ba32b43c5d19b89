/* factor.c - factorisations of a batch of matrices: takes them out, calls dense.c, puts the results back.
 * A matrix that has no such factorisation is a diagnostic with the batch index. logdet is log |det|, of complex results the complex logarithm. */
#include "interp/dense.h"
#include "interp/inside.h"
#include "ir/text.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void take_out(const Array *a, int64_t from, int64_t n, Z *to) {
    for (int64_t k = 0; k < n; k++) to[k] = CMPLX(a->re[from + k], a->im ? a->im[from + k] : 0);
}
static void put_back(Array *a, int64_t at, int64_t n, const Z *from) {
    for (int64_t k = 0; k < n; k++) { a->re[at + k] = creal(from[k]); if (a->im) a->im[at + k] = cimag(from[k]); }
}
/* What the model calls an operand: that of which it is a copy, row by row. */
static const char *matrix_name(const Value *v) {
    while (*v->name == '%' && v->node->kind == N_COMPUTE && v->node->u.compute.expr->k == X_READ && v->node->u.compute.expr->u.read.v->rank == v->rank) {
        const X *e = v->node->u.compute.expr;
        for (int k = 0; k < v->rank; k++) {
            const X *i = e->u.read.idx[k];
            while (i->k == X_CAST) i = i->u.cast.arg;
            if (i->k != X_INDEX || i->u.index != v->node->u.compute.idx[k]) return v->name;
        }
        v = e->u.read.v;
    }
    return v->name;
}
static const char *what_failed(FactorKind k) {
    switch (k) {
    case F_CHOLESKY: return "is not positive definite";
    case F_SOLVE: case F_LOGDET: case F_INVERSE: return "is singular";
    case F_LSTSQ: return "has not full rank";
    case F_QR: case F_SVD: case F_EIGH: case F_EIG: break;
    }
    return "has elements that are not finite, or does not converge";
}
bool run_factor(Interp *I, Node *n) {
    FactorKind kind = n->u.factor.kind;
    const Array *a = &I->val[n->u.factor.in[0]->id], *rhs = n->u.factor.n_in > 1 ? &I->val[n->u.factor.in[1]->id] : NULL;
    Array *r[3] = { 0 };
    for (int k = 0; k < n->n_result && k < 3; k++) if (!(r[k] = value_alloc(I, n->result[k]))) return false;
    if (a->rank < 2 || !a->re || !r[0]) { fail(I, D_INTERNAL, n->loc, "a factorisation of what is no matrix of reals"); return false; }
    int64_t m = a->extent[a->rank - 2], c = a->extent[a->rank - 1], p = m < c ? m : c, l = m > c ? m : c, batch = 1, k = 1;
    for (int d = 0; d < a->rank - 2; d++) batch *= a->extent[d];
    if (rhs && rhs->rank == a->rank) k = rhs->extent[rhs->rank - 1];
    if (l > 20000) { fail(I, D_OUT_OF_MEMORY, n->loc, "%s: matrices of %" PRId64 " rows are too large for the reference interpreter", factor_name[n->u.factor.kind], l); return false; }
    /* elements of each result per matrix */
    int64_t each[3] = { m * c, 0, 0 };
    int results = 1;
    bool square = true;
    switch (kind) {
    case F_CHOLESKY: case F_INVERSE: break;
    case F_SOLVE: case F_LSTSQ: each[0] = c * k, square = kind == F_SOLVE; break;
    case F_LOGDET: each[0] = 1; break;
    case F_QR: each[0] = m * p, each[1] = p * c, results = 2, square = false; break;
    case F_SVD: each[0] = m * p, each[1] = p, each[2] = c * p, results = 3, square = false; break;
    case F_EIGH: case F_EIG: each[0] = c, each[1] = m * c, results = 2; break;
    }
    bool fits = !square || m == c;
    for (int j = 0; j < results; j++) fits &= !r[j] || (r[j]->re && r[j]->n == batch * each[j]);
    if (kind == F_SOLVE || kind == F_LSTSQ) fits &= rhs && rhs->re && rhs->n == batch * m * k;
    if (!fits) { fail(I, D_INTERNAL, n->loc, "`%s`: the results of a factorisation have other shapes than its matrices", n->result[0]->name); return false; }
    int mark = I->owned.n;
    size_t ll = (size_t)l * (size_t)l + 1;
    Z *A = run_alloc(I, ll, sizeof *A), *B = run_alloc(I, (size_t)(l * k + 1), sizeof *B), *X = run_alloc(I, (size_t)(l * k + 1), sizeof *X);
    Z *U = run_alloc(I, ll, sizeof *U), *V = run_alloc(I, ll, sizeof *V), *work = run_alloc(I, 4 * ll, sizeof *work), *w = run_alloc(I, (size_t)l + 1, sizeof *w);
    double *s = run_alloc(I, (size_t)l + 1, sizeof *s);
    int *row = run_alloc(I, (size_t)l + 1, sizeof *row);
    for (int64_t b = 0; b < batch && !I->failed; b++) {
        int M = (int)m, C = (int)c;
        bool ok = true;
        take_out(a, b * m * c, m * c, A);
        switch (kind) {
        case F_CHOLESKY: if ((ok = dense_cholesky(C, A))) put_back(r[0], b * each[0], each[0], A); break;
        case F_SOLVE:
            take_out(rhs, b * m * k, m * k, B);
            if ((ok = dense_lu(C, A, row))) { dense_lu_solve(C, A, row, (int)k, B); put_back(r[0], b * each[0], each[0], B); }
            break;
        case F_INVERSE:
            if (!(ok = dense_lu(C, A, row))) break;
            for (int64_t q = 0; q < c * c; q++) U[q] = q % (c + 1) == 0;
            dense_lu_solve(C, A, row, C, U);
            put_back(r[0], b * each[0], each[0], U);
            break;
        case F_LOGDET: {
            if (!(ok = dense_lu(C, A, row))) break;
            double size = 0, turn = 0;
            for (int j = 0; j < C; j++) {
                size += log(cabs(A[j * C + j]));
                turn += carg(A[j * C + j]) + (row[j] != j ? M_PI : 0);
            }
            *w = CMPLX(size, r[0]->im ? remainder(turn, 2 * M_PI) : 0);
            put_back(r[0], b, 1, w);
            break;
        }
        case F_LSTSQ:
            take_out(rhs, b * m * k, m * k, B);
            if ((ok = dense_lstsq(M, C, A, (int)k, B, X, work))) put_back(r[0], b * each[0], each[0], X);
            break;
        case F_QR:
            dense_qr(M, C, A, U, V, work);
            put_back(r[0], b * each[0], each[0], U);
            if (r[1]) put_back(r[1], b * each[1], each[1], V);
            break;
        case F_SVD:
            if (!(ok = dense_svd(M, C, A, U, s, V, work))) break;
            for (int64_t j = 0; j < p; j++) w[j] = s[j];
            put_back(r[0], b * each[0], each[0], U);
            if (r[1]) put_back(r[1], b * each[1], each[1], w);
            if (r[2]) put_back(r[2], b * each[2], each[2], V);
            break;
        case F_EIGH: case F_EIG:
            if (!(ok = kind == F_EIGH ? dense_eigh(C, A, s, V, work) : dense_eig(C, A, w, V, work))) break;
            for (int64_t j = 0; j < c && kind == F_EIGH; j++) w[j] = s[j];
            put_back(r[0], b * each[0], each[0], w);
            if (r[1]) put_back(r[1], b * each[1], each[1], V);
            break;
        }
        if (ok) continue;
        Array head = *a;
        head.rank -= 2;
        const char *of = matrix_name(n->u.factor.in[0]), *which = head.rank ? arena_printf(I->book, "matrix %s", position_text(I, &head, b)) : "the matrix";
        if (*of == '%') fail(I, D_RUN_FAILED, n->loc, "%s: %s %s", factor_name[kind], which, what_failed(kind));
        else fail(I, D_RUN_FAILED, n->loc, "%s: %s%s`%s` %s", factor_name[kind], head.rank ? which : "", head.rank ? " of " : "", of, what_failed(kind));
    }
    run_free_to(I, mark);
    return !I->failed;
}
