/* term.h - linear expressions as sums of terms; a term is a sum over bound indices, under conditions, of a product of factors:
 *
 *     sum(e: dst(e) = v) c[e] * sum(i) h[src(e),i] * W[etype(e),i,j]    =    sum(e, i: dst(e) = v)  c[e] * h[src(e),i] * W[etype(e),i,j]
 *
 * Contractions, gathers, fibre sums, quotients by what doesn't depend on the sum, and means are all terms; whatever is not linear, like
 * max(.., 0), is one factor. In this form the order of summation is free. */
#ifndef PIGEON_TERM_H
#define PIGEON_TERM_H
#include "ir/ir.h"

enum { MOST_FACTORS = 16, MOST_BOUND = 12, MOST_TERMS = 8 };
typedef struct Term { bool minus; int n, n_bound, n_cond; X *factor[MOST_FACTORS], *cond[MOST_BOUND]; Index *bound[MOST_BOUND]; } Term;
typedef struct Terms {
    Program *p;
    Dtype dt;
    /* whether a read is replaced by the equation of what it reads; that equation, and its indices */
    X *(*expand)(Value *v, Index ***idx, void *data);
    void *data;
    int n; Term term[MOST_TERMS];
    bool summed;                           /* inside a sum: only there reads are replaced, elsewhere nothing could be reordered */
    bool split;                            /* right inside a sum: a + b there are two terms, sum(i) (a + b) = sum(i) a + sum(i) b */
    bool whole;                            /* never so: as few terms as there can be */
    bool sums;                             /* a sum was found */
} Terms;
bool terms_open(Terms *t, X *e);           /* whether e is linear in something summed or expanded: only then are there terms to make */
/* The terms of e; false when it is no sum of that many. */
bool terms_of(Terms *t, X *e);
void term_solve(Program *p, Term *t);      /* a bound index that an equation gives is replaced */
X *term_expr(Program *p, const Term *t, Dtype dt);         /* nested sums, each factor as far out as it may stand */
X *terms_expr(const Terms *t);
/* A sum over these indices may be over nothing: then only what is a number may stand outside of it. */
bool bound_may_be_empty(const Term *t, const Index *i);
#endif
