/* tool.h - pigeonc: options, and one function per command. Only this folder prints and decides exit codes. */
#ifndef PIGEON_TOOL_H
#define PIGEON_TOOL_H
#include "config.h"
#include "base/base.h"
#include "ir/ir.h"
#include "loop/loop.h"
#include "pigeon/model.h"
#include "sema/sema.h"

typedef enum { EXIT_OK = 0, EXIT_DIAGNOSED = 1, EXIT_USAGE = 2, EXIT_MISSING = 3, EXIT_INTERNAL = 70 } ExitCode;
typedef struct Pair { const char *name, *value; } Pair;        /* --in x=FILE */
typedef struct Options {
    Context *cx;
    char command;                          /* C R K F O */
    VEC(const char *) file;
    const char *output, *emit, *model, *target, *depfile, *deptarget, *passes, *print_after, *inputs, *outputs, *executor, *std_dir;
    VEC(Fixed) define;
    VEC(Pair) in, graph, out;
    Dtype real;
    int opt, threads;
    bool debug, depend, phony, manifest, time, verify, bench, json, check_only, color;
    double tolerance;                      /* < 0: by dtype */
    DiagFormat diag_format;
    double phase_start;                    /* --time */
} Options;

/* options.c: 0, or the exit code when the run ends here (help, usage error) */
int options_parse(Context *cx, int argc, char **argv, Options *o, bool *done);
void options_help(FILE *out, char command);

/* front.c: files to programs and units */
File *front_parse(Options *o, const char *path);
Program *front_program(Options *o, File *f, const char *model);     /* through the passes */
void phase_begin(Options *o);                                       /* --time */
void phase_end(Options *o, const char *what);

/* compile.c, run.c, query.c */
int command_compile(Options *o);
int command_run(Options *o);
int command_check(Options *o);
int command_fmt(Options *o);
int command_opt(Options *o);
int command_print(Context *cx, const char *what);

/* exec.c: a compiled model ready to be called, however it was made */
typedef struct Artifact { const pgn_model *model; void *handle; struct LlvmJit *jit; } Artifact;
bool artifact_make(Options *o, Unit *u, const char *executor, Artifact *a);   /* cpu, c, cuda */
void artifact_free(Artifact *a);
/* where the installed or source headers and the standard library are */
const char *home_include(Context *cx);
const char *home_std(Context *cx);
#endif
