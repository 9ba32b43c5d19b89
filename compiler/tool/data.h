/* data.h - the arrays of one `pigeonc run`: where each comes from, and what sizes follow from them. */
#ifndef PIGEON_TOOL_DATA_H
#define PIGEON_TOOL_DATA_H
#include "interp/interp.h"
#include "pigeon/io.h"
#include "tool/tool.h"

typedef struct RunData {
    int64_t *size;                         /* per symbol of the program; -1 unknown */
    Array *input, *param;                  /* in the program's order */
    InterpGraph *graph;                    /* given graphs, in the program's order */
} RunData;
/* Loads, converts, generates; infers the dims. false after diagnostics that name both sides of a contradiction. */
bool data_load(Options *o, Program *p, RunData *d);
/* Writes outputs as --out and --outputs ask, in the types that the model declares. */
bool data_save(Options *o, Program *p, const Array *output);
#endif
