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
    const char *profile;                   /* --profile: what profile_print() says */
    size_t workspace;
    bool verified; double *worst, *tolerance; bool ok;       /* per output: largest error over the output's scale */
} RunResult;
bool artifact_run(Options *o, Program *p, const Artifact *a, RunData *d, RunResult *r);
/* The same in steps, for what is run many times or beside another: bound and run once, once more, let go. */
typedef struct Launch {
    const pgn_model *model; pgn_plan *plan;
    const char *executor;
    const void **input, **param; void **output, *work;
    VEC(void *) device;                    /* memory on the device */
    size_t sync;                           /* the first byte of an output, if there is one */
    pgn_error error;
} Launch;
bool launch_begin(Options *o, Program *p, const Artifact *a, RunData *d, RunResult *r, Launch *l);    /* launch_end() in any case */
bool launch_once(Options *o, Launch *l);
void launch_end(Launch *l);
bool interp_result(Options *o, Program *p, RunData *d, RunResult *r);
/* false after D_VERIFY_FAILED. p: the program that both were made from */
bool verify_result(Options *o, Program *p, const pgn_tensor *want, RunResult *r);
/* profile.c, --profile: code whose launches are timed calls profile_launch() in place of pgn_env_launch(); `kernels` has the addresses of the unit's kernels */
bool profile_fits(Options *o);             /* are the kernels of all executors timed? false after a diagnostic */
void *profile_launch(void);
void profile_model(Context *cx, const Unit *u, const pgn_model *model, const void *kernels);
void profile_reset(const pgn_model *model);
const char *profile_text(Context *cx, const pgn_model *model, double seconds, int64_t runs, bool json);     /* seconds: all that the runs took */
/* run --check-grad; an exit code */
int command_check_grad(Options *o, Program *p, RunData *d);
#endif
