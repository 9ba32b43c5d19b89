/* plan.h - the order of summation of one term: which bound index is summed out first, over which factors, with which rows in between.
 *
 *     sum(e, i: dst(e) = v) c[e] * h[src(e),i] * W[etype(e),i,j]
 *     i first:                  z[e,j] = sum(i) h[src(e),i] * W[etype(e),i,j];        sum(e: dst(e) = v) c[e] * z[e,j]
 *     e first, by (dst, etype): t[p,i] = sum(e: pair(e) = p) c[e] * h[src(e),i];      sum(p, i: P.dst(p) = v) t[p,i] * W[P.etype(p),i,j]
 *
 * Laws. A factor that doesn't depend on an index leaves the sum over it. A sum over e is a sum over the values k of keys of e of the sums
 * over the e with keys k; what depends on e through these keys only leaves the inner one. What may be no number (1/degree) never leaves a
 * sum that may be over nothing. Each inner sum is a value of its own, whose rows are placed by cost (place.h), or stays where it is. */
#ifndef PIGEON_PLAN_H
#define PIGEON_PLAN_H
#include "pass/place.h"
#include "pass/term.h"

/* expr over idx is there already: read it so; order: the node that makes it, -1 for what plans have made */
typedef struct Made { X *expr; int n; Index *idx[MOST_AXES]; X *read; int order, again; } Made;
typedef struct Planner {
    Program *p;
    Sizes *sizes;
    bool compact;                          /* rows of combinations that occur may be made */
    bool direct;                           /* nothing is reordered: what the terms cost as they are written */
    VEC(Index *) around;                   /* indices that the term stands under: of the equation, of reductions around */
    VEC(Made) made;                        /* equations of the program, and what plans have made */
    Trials trials;
    const char *name; Loc loc;             /* of the equation that is planned, for what is made for it */
    int order;                             /* of the node that is planned: it reads earlier ones only */
    int budget;
    double time; Estimate cost;            /* of everything made since they were set to 0 */
    VEC(const char *) note;                /* one line for each value made */
    const char *label; int term;           /* of the equation in schedules; which of its terms is planned */
    VEC(Command *) chosen;                 /* the orders taken for good */
} Planner;
void planner_knows(Planner *pl, int n, Index *const *idx, X *expr, X *read, int order);
/* The term, planned; values that it needs are made when `trial` is false. Costs of what is made are added up in the planner. */
X *plan_term(Planner *pl, const Term *t, Dtype dt, bool trial);
#endif
