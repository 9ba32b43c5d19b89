/* query.h - what passes ask of expressions, and how they put one expression inside another. */
#ifndef PIGEON_PASS_QUERY_H
#define PIGEON_PASS_QUERY_H
#include "ir/ir.h"

Index *position_index(const X *e);            /* the index that e is, casts between integers aside, or NULL */
bool x_is_cheap(const X *e);                  /* an operation of one or two cycles: no division, no function */
bool x_is_zero(const X *e);                   /* the number 0 itself */
/* Whether e reads, outside of what binds them, any of these indices. */
bool x_uses_any(const X *e, Index *const *idx, int n);
/* e with idx[k] replaced by the position at[k], of any integer type. Subscripts stay plain: h[src(e)], not h[i64(src(e))]. */
X *x_at(Program *p, X *e, int n, Index *const *idx, X *const *at);
X *x_replace(Program *p, X *e, int n, X *const *what, X *const *with);      /* every subexpression equal to what[k] by with[k] */
X *x_plain_subscripts(Arena *a, X *e);        /* one read: no casts that keep the number around its subscripts */
X *x_plain(Arena *a, X *e);                   /* the same, and no two casts of a position that undo each other */
/* Whether the reads in e stay in range for any value of these indices: no sum of positions among the subscripts that depend on them. */
bool x_is_safe(X *e, Index *const *idx, int n);
/* Factors of a product, in order; at most max are found, the last one takes the rest. */
int x_factors(X *e, X **factor, int max);
X *x_product(Arena *a, X *const *factor, int n, Dtype dt);          /* 1 when n = 0 */
X *x_back_from_pair(Program *p, X *e);        /* P.src(P.pair(e)) as src(e), else NULL */
/* A law as code: what e becomes, of the same dtype, or NULL where it doesn't apply. */
typedef X *Rule(Program *p, X *e);
/* Every expression, children first, by all rules until none applies: each must take something away or move it outwards. */
Program *program_apply_rules(Program *p, Rule *const *rule, int n);

/* finite.c: what surely is a number when inputs and parameters are, overflow aside. Moving such a factor out of a sum that may be over
 * nothing changes nothing; others (1/degree of a node without edges) would turn 0 into NaN. */
bool x_is_finite(const X *e);
#endif
