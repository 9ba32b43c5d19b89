/* data.h - the arrays of one `pigeonc run`: where each comes from, what sizes follow from them. */
#ifndef PIGEON_TOOL_DATA_H
#define PIGEON_TOOL_DATA_H
#include "interp/interp.h"
#include "tool/tool.h"

typedef struct Tensor {                    /* in the type that the model declares, row-major */
    const char *name, *from;               /* dotted name; what the user said: "a.npz", "random:1" */
    Dtype dt;
    int rank;
    int64_t extent[8], n;
    void *data;                            /* NULL until filled */
} Tensor;
typedef struct GraphData { int64_t src_nodes, dst_nodes, edges, ntypes, etypes; int32_t *src, *dst, *etype, *ntype; const char *from; } GraphData;
typedef struct RunData {
    int64_t *size;                         /* per symbol of the program; -1 unknown */
    Tensor *input, *param;                 /* in the program's order */
    GraphData *graph;                      /* given graphs, in the program's order; others are left empty */
} RunData;

/* Loads, converts, generates; infers the dims. false after diagnostics that name both sides of a contradiction. */
bool data_load(Options *o, Program *p, RunData *d);
/* A tensor as the interpreter wants it. */
void tensor_to_array(Arena *a, const Tensor *t, Array *out);
/* element k of a tensor as a real (part 1: the imaginary part) */
double tensor_at(const Tensor *t, int64_t k, int part);
/* Writes outputs as --out and --outputs ask. */
bool data_save(Options *o, const Tensor *output, int n);
double half_to_double(uint16_t h);
double bf16_to_double(uint16_t h);
#endif
