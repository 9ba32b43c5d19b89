/* eval.h - the reference interpreter: the meaning of the inter-operator IR, in f64, c128 and i64, by plain loops. */
#ifndef PIGEON_EVAL_H
#define PIGEON_EVAL_H
#include "ir/ir.h"
typedef struct Array {                 /* row-major; reals in re, complex in re and im, integers, bools and maps in i */
    Dtype dt; int rank; int64_t extent[8], n;
    double *re, *im; int64_t *i;
} Array;
typedef struct InterpGraph { int64_t src_nodes, dst_nodes, edges, ntypes, etypes; const int64_t *src, *dst, *etype, *ntype; } InterpGraph;
typedef struct InterpArgs {
    const int64_t *size;               /* per symbol */
    const InterpGraph *graph;          /* the given graphs, in the program's order */
    const Array *input, *param;        /* in the program's order */
} InterpArgs;
/* false after a diagnostic. Outputs live in `arena`. */
bool interp_run(Program *p, const InterpArgs *args, Array *output, Arena *arena);
#endif
