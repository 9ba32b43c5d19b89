/* interp.h - the reference interpreter: a program of the inter-operator IR run by plain loops in f64, c128 and i64.
 *
 * It defines the meaning that every target is compared with, so it shares no code with lowering or the runtime.
 * Reals are f64 whatever the declared type; integers wrap to theirs; a real becomes an integer by truncation, saturating at
 * the type's ends, NaN as 0 (C leaves those open).  Factorisations follow the conventions stated in dense.h. */
#ifndef PIGEON_INTERP_H
#define PIGEON_INTERP_H
#include "ir/ir.h"

typedef struct Array {                  /* row-major */
    Dtype dt;
    int rank;
    int64_t extent[8], n;
    double *re, *im;                    /* im: complex only, else NULL */
    int64_t *i;                         /* integers, bool, maps: instead of re */
} Array;
typedef struct InterpGraph {            /* in the order of the program's given graphs */
    int64_t src_nodes, dst_nodes, edges, ntypes, etypes;
    const int64_t *src, *dst, *etype, *ntype;      /* etype, ntype: NULL means all 0 */
} InterpGraph;
typedef struct InterpArgs {
    const int64_t *size;                /* per symbol: dims and counts of graphs; those of SYM_DATA are ignored */
    const InterpGraph *graph;
    const Array *input, *param;         /* in the order of p->input, p->param */
    uint64_t bytes;                     /* memory that all these take, and the run can't have */
} InterpArgs;

/* Fills output[0 .. p->output.n), allocated in arena.
 * false after a diagnostic in p->cx: D_RUN_FAILED with the tensor and the position, D_OUT_OF_MEMORY, D_INTERNAL. */
bool interp_run(Program *p, const InterpArgs *a, Array *output, Arena *arena);

/* The same, observed. */
typedef struct InterpWatch {
    int64_t *size_out;                  /* gets all symbols, those of SYM_DATA included; may be NULL */
    void (*progress)(void *user, int done, int nodes);      /* after each node; may be NULL */
    void *user;
} InterpWatch;
bool interp_run_watched(Program *p, const InterpArgs *a, Array *output, Arena *arena, const InterpWatch *w);
#endif
