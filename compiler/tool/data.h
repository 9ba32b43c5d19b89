/* data.h - the arrays of one `pigeonc run`: where each comes from, in the types that the model declares, and what sizes follow. */
#ifndef PIGEON_TOOL_DATA_H
#define PIGEON_TOOL_DATA_H
#include "interp/interp.h"
#include "pigeon/io.h"
#include "tool/tool.h"

typedef struct RunData {
    int64_t *size;                         /* per symbol of the program; -1 unknown (SYM_DATA) */
    pgn_tensor *input, *param;             /* in the program's order; in the declared types */
    pgn_graph_view *graph;                 /* given graphs, in the program's order */
    VEC(void *) owned;                     /* memory of all these */
    uint64_t bytes;                        /* of what data_memory() gave */
    VEC(pgn_bundle) archive;
} RunData;
/* Loads, converts, generates; infers the dims. false after diagnostics that name both sides of a contradiction. */
bool data_load(Options *o, Program *p, RunData *d);
void data_free(RunData *d);
/* Whether the sizes are what the program counts on; compiled code asks too, but can't say where in the program. */
bool data_sizes_hold(Options *o, const Program *p, const RunData *d);
/* The same for the interpreter: f64 and i64. false after D_OUT_OF_MEMORY. */
bool data_widen(Options *o, Program *p, RunData *d, InterpArgs *args);
/* Memory that lives as long as d; NULL after D_OUT_OF_MEMORY. */
void *data_memory(Options *o, RunData *d, Loc loc, const char *name, int64_t n, size_t size);
/* Writes outputs as --out and --outputs ask. */
bool data_save(Options *o, Program *p, RunData *d, const pgn_tensor *output);

/* stats.c: the program's estimates count on these sizes and graphs, unless --graph-stats says others or they are small */
void stats_learn(Options *o, Program *p, const RunData *d);

/* element.c: one number of a typed array. part 0: the real part, 1: the imaginary part; *whole of an integer array */
double element_get(const pgn_tensor *t, int64_t k, int part, int64_t *whole);
void element_put(pgn_tensor *t, int64_t k, double re, double im, int64_t whole);
static inline bool dtype_is_whole(int t) { return t >= PGN_I64 && t <= PGN_BOOL; }
void tensor_from_array(const Array *from, pgn_tensor *to);          /* to->data is there, as large as it must be */
#endif
