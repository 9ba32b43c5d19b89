/* diff.h - derivatives as equations: reverse mode over the nodes of a program that is being built.
 *
 * A derivative is made of ordinary nodes, appended to the program; so it has an interpreter, passes and targets already, and it can be
 * differentiated again.  The adjoint of a value x with respect to (y, seed) is  sum over y's elements of seed * dy/dx : the sum of what
 * every node that reads x on a way to y contributes, made when it is asked for and kept, so derivatives of one y share their work and
 * what nobody asks for costs nothing.
 *
 * Conventions.  Complex numbers: dL/dRe + i dL/dIm, the conjugate of the Wirtinger derivative, as PyTorch has it.  Kinks: sign(0) = 0,
 * the first of equal maxima takes all, the branch that `if` doesn't take contributes nothing, not even a NaN.  Whatever gives integers
 * ends a way: what depends on x through integers alone has no derivative, which is an error at the place that asks. */
#ifndef PIGEON_DIFF_H
#define PIGEON_DIFF_H
#include "ir/ir.h"

typedef struct Diff Diff;
/* y must be of reals or complex numbers. seed: axes and type of y; NULL: ones. */
Diff *diff_new(Program *p, Value *y, Value *seed);
/* A value with the axes and the type of x, or NULL after a diagnosis at `at`. */
Value *diff_adjoint(Diff *d, Value *x, Loc at);
/* The same where nothing may come: NULL also when y doesn't depend on x. */
Value *diff_gradient(Diff *d, Value *x);
/* The derivative of y in a direction with the axes and type of x: a value with those of y; NULL after a diagnosis. */
Value *diff_tangent(Program *p, Value *y, Value *x, Value *direction, Loc at);
/* clone.c: q's operands and reads of v are to[v->id], where that is given; n: as many are. In place. */
void node_reads_instead(Program *p, Node *q, Value **to, int n);
/* Takes the stop() and checkpoint() marks out of all expressions, when no more derivatives will be asked for. */
void diff_finish(Program *p);
#endif
