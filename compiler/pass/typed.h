/* typed.h - typed sums, taken apart into factors by what they depend on an edge through: its type, one end, the other end, or itself. */
#ifndef PIGEON_PASS_TYPED_H
#define PIGEON_PASS_TYPED_H
#include "pass/apart.h"
#include "pass/term.h"

enum { MOST_PARTS = 4 };
/* A term of what is summed over the edges: f depends on the edge through its type and, when it is far, the other end; c is the rest. */
typedef struct Part { int n_c, n_f; X *c[MOST_FACTORS], *f[MOST_FACTORS]; bool far; } Part;
/* One sum, as linear has left it, in the terms of its edges:
 *     sum(e, inner: end(e) = value)  (sum of the parts c * f) * g * s        g, s depend on e through its type, only g and f have inner indices
 *     sum(e: type(e) = value)  (sum of the parts c * f) * g * s              by_type: g depends on e through its end, s through its type
 *     c * sum(outer) f * sum(inner) g * s                                    by_edge: one part; g through its type, s through its end */
typedef struct Sum {
    X *x; Node *node;                      /* where it stands */
    Node *via, *pairs;                     /* the equation over pairs that it reads: t, or z; these pairs */
    bool summed;                           /* it is t: they are summed first now */
    Ends at; X *value; bool by_type, by_edge;
    double rows;                           /* that there are now */
    int n_inner, n_counts; Index *inner[MOST_BOUND];      /* the first of them count */
    int n_outer; Index *outer[MOST_BOUND];
    int n_part; Part part[MOST_PARTS];
    int n_g, n_s; X *g[MOST_FACTORS], *s[MOST_FACTORS];
} Sum;
/* What sums are looked for in: an equation of a program, which reads values below n_value */
typedef struct Typed { Program *p; Sizes *sizes; int n_value; Node *node; } Typed;
bool typed_sum(Typed *t, X *x, Sum *m);
X *typed_product(const Typed *t, X *const *f, int n);
X *typed_edge_term(const Typed *t, const Part *p);         /* c * f */
#endif
