/* loop_run.h - compiles a unit of the loop IR in this process for every x86 level that this processor has (elsewhere: generic) and at
 * several levels of optimisation, runs it by libpigeon and compares with loop_eval.c. */
#ifndef PIGEON_LOOP_RUN_H
#define PIGEON_LOOP_RUN_H
#include "loop_eval.h"
#include "pigeon/kernel.h"
#include "target/llvm/llvm.h"
typedef enum Fill { SMALL, REALS, SPECIAL } Fill;               /* whole numbers of a few bits; -4..4; everything with a corner */
typedef struct Sizes { int64_t dim[8]; pgn_graph_view graph; } Sizes;
typedef struct Counts { int passed, failed; } Counts;
extern Context *cx;
extern Counts counts;
void expect(bool ok, const char *what);
void choose_setups(void);
bool has_cpu(const char *cpu);
Unit *unit_of(const char *name, const char *text);              /* read and verified, or NULL and a failure */
uint64_t random_bits(void);
/* Checks: values within `ulps` (per output; NULL: `ulp` for all) of the evaluator's, the same bits at every level of optimisation and
 * for any cut of the items into pieces, nothing written behind an output. */
void run_unit(const char *name, const char *text, const Sizes *sizes, int n_sizes, Fill how, const double *ulps, double ulp);
#endif
