/* loop_eval.h - runs a unit of the loop IR by walking it, for comparison with what the targets make of it.
 *
 * One statement at a time, one lane after the other, no vectors and no fused operations.  Functions of reals are computed in the next
 * wider type and rounded once.  Every access is checked against the buffer's size. */
#ifndef PIGEON_LOOP_EVAL_H
#define PIGEON_LOOP_EVAL_H
#include "loop/loop.h"
#include "pigeon/model.h"
/* Binds and runs.  The pointers of all buffers by id, in u->arena (those of the caller are copies), or NULL and a message. */
void **loop_eval(Unit *u, const int64_t *dims, const pgn_graph_view *graph, const void *const *inputs, const void *const *params, const char **message);
int64_t loop_eval_count(const Buf *b, const int64_t *size);
/* The sizes of the last loop_eval(). */
extern int64_t *loop_eval_sizes;
/* What `op` gives, the number kept in an f64 or i64 register. */
double loop_eval_real(ScalarOp op, Dtype dt, double x, double y);
#endif
