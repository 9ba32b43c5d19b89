/* inside.h - what the files of diff/ share. */
#ifndef PIGEON_DIFF_INSIDE_H
#define PIGEON_DIFF_INSIDE_H
#include "diff/diff.h"

/* One value as seen from y. */
typedef struct Seen { bool leads, asked; Value *adjoint; VEC(Node *) reader; } Seen;
/* What the derivative is of: y with these weights, NULL: ones. Several roots count together. */
typedef struct Root { Value *y, *seed; } Root;
struct Diff {
    Program *p;
    VEC(Root) root;
    Seen *seen; int n;                     /* by id of a value; those made later lead nowhere */
    VEC(Node *) recur; VEC(Value **) recur_adjoint;       /* of the members of a recurrence, by member */
    VEC(Node *) factor; VEC(Value **) factor_adjoint;     /* of the operands of a factorisation */
    VEC(Node *) iterate; VEC(struct Given *) iterate_adjoint;       /* of what an iterate begins with and reads */
    int *under; Value **copy;              /* checkpoint.c, by id: the number of the checkpoint that a value is under, 0: none; what is read instead. NULL: no checkpoints */
    bool failed;                           /* a diagnosis was given */
};

/* The reductions around a place in an expression, and the indices of the equation itself at the bottom. around: what holds where the reduction
 * stands, which may be what its conditions are readable by; NULL: nothing. */
typedef struct Frame { const struct Frame *up; int n; Index **idx; int n_cond; X **cond, *around; } Frame;
/* A read of the wanted value and its cotangent there, which counts only where the guard holds (NULL: everywhere). */
typedef struct Term { X *read, *guard, *x; const Frame *frame; } Term;
typedef VEC(Term) Terms;

/* back.c: the terms of `wanted` in e, whose own cotangent is x. root: what e's value can be read from, or NULL.
 * own: the recurrence that e is part of; its reductions stay where they are. */
void back(Diff *d, X *e, X *x, const Frame *frame, const Value *wanted, X *root, bool in_recur, Terms *out);
/* Gives reductions that a derivative will need once per element a value of their own, in place. */
void outline(Program *p, Node *n);

/* clone.c: the nodes again, with results of their own; `to` says by id what is read instead, and receives the new results */
Node *clone_node(Program *p, const Node *n, Value **to);

/* checkpoint.c */
bool has_checkpoint(X *e);
void checkpoint_begin(Diff *d);            /* when the ways to the roots are known */
void checkpoint_finish(Diff *d, int from); /* nodes from that number on are on the way back */

/* chunk.c: recurrences under checkpoints go piece by piece; before the ways are found */
void chunk_recurrences(Diff *d);
int iterate_carry(Program *p, Node *n, const char *name, Value *init);     /* iterate.c: one more carried value without a next one; its place among them */

/* gather.c: terms that read the same element become one */
void terms_merge(Arena *a, Terms *t);
X *tidy_subscripts(Arena *a, X *e);        /* the subscripts in e without casts */
/* In how many ways its read may hit an element, by the rules of its axes' edges */
int term_ways(const Term *t);
/* back.c: what a term gives, where the many ways would repeat it, becomes a value */
void term_share(Program *p, Term *t);
/* What a term adds to element u[0], u[1], .. of the value that it reads; NULL: nothing */
X *gather(Program *p, const Term *t, Index **u);
/* The same with some subscripts of u given: at[k] in place of u[k]. */
X *gather_at(Program *p, const Term *t, X **at);

/* partial.c: de/d(argument k), NULL: zero. false after a diagnosis: there is none. r: e's value */
bool partial(Diff *d, X *e, int k, X *r, X **out);
X *dx_add(Arena *a, X *p, X *q);           /* with the neutral elements left out */
X *dx_sub(Arena *a, X *p, X *q);
X *dx_mul(Arena *a, X *p, X *q);
X *dx_div(Arena *a, X *p, X *q);
X *dx_and(Arena *a, X *p, X *q);           /* q is looked at where p holds only; NULL: true */
bool dx_is(const X *x, double v);           /* that constant */
X *dx_number(Arena *a, double v, Dtype dt);
bool dx_flows(Dtype dt);                   /* numbers that have derivatives */

/* recur.c, node.c, factor.c */
Value *diff_value(Diff *d, Value *v);                       /* the adjoint, NULL: zero, or failed */
X *diff_external(Diff *d, Value *v, Index **u);                /* what all but v's own node give to it */
Value **recur_adjoint(Diff *d, Node *n);                   /* per member, NULL where there is none */
void recur_terms(Diff *d, Node *n, const Value *wanted, Terms *out);
X *node_contribution(Diff *d, Node *n, const Value *wanted, Index **u);        /* transforms, selections, factorisations */
bool diff_is_root(const Diff *d, const Value *v);
void diff_begin(Diff *d);                                   /* finds the ways to the roots among the nodes of p */
X *iterate_back(Diff *d, Node *n, const Value *wanted, Index **u);
X *factor_back(Diff *d, Node *n, const Value *wanted, Index **u);
Value *diff_compute(Program *p, const char *name, Index **idx, int n, X *e, Loc loc);       /* a new node at the end */
X *diff_position(Arena *a, X *v, const Space *s);            /* v, a position of another space, as one of s: it is known to be in range */
X *diff_read(Program *p, Value *v, Index **idx);
bool diff_refuse(Diff *d, Loc loc, const char *what);       /* false: no derivative of that */
#endif
