/* exec.h - compiled models in this process: made by exec.c, run on data by launch.c, compared by verify.c. */
#ifndef PIGEON_TOOL_EXEC_H
#define PIGEON_TOOL_EXEC_H
#include "tool/data.h"

typedef struct Artifact { const pgn_model *model; void *handle; struct LlvmJit *jit; const char *how; } Artifact;   /* how: "on a GPU" or such */
bool executor_machine(Options *o, Machine *m);            /* that executor cpu wants units for */
bool artifact_make(Options *o, Unit *u, const char *executor, Artifact *a);
void artifact_free(Artifact *a);

/* What a run gave and took. Times in seconds. */
typedef struct RunResult {
    const char *executor, *how;
    pgn_tensor *output;                    /* as the model declares them; memory of the RunData */
    double compile, bind, first;
    int runs; double median, least;        /* --bench */
    size_t workspace;
    bool verified; double *worst, *tolerance; bool ok;       /* per output: largest error over the output's scale */
} RunResult;
bool artifact_run(Options *o, Program *p, const Artifact *a, RunData *d, RunResult *r);
bool interp_result(Options *o, Program *p, RunData *d, RunResult *r);
/* false after D_VERIFY_FAILED. p: the program that both were made from */
bool verify_result(Options *o, Program *p, const pgn_tensor *want, RunResult *r);
/* run --check-grad; an exit code */
int command_check_grad(Options *o, Program *p, RunData *d);
#endif
