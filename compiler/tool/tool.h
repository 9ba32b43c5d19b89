/* tool.h - pigeonc: options, and one function per command. Only this folder prints and decides exit codes. */
#ifndef PIGEON_TOOL_H
#define PIGEON_TOOL_H
#include "config.h"
#include "base/base.h"
#include "ir/ir.h"
#include "sema/sema.h"

typedef enum { EXIT_OK = 0, EXIT_DIAGNOSED = 1, EXIT_USAGE = 2, EXIT_MISSING = 3, EXIT_INTERNAL = 70 } ExitCode;
typedef struct Pair { const char *name, *value; } Pair;        /* --in x=FILE */
typedef struct Options {
    Context *cx;
    char command;                          /* R run, K check, F fmt, I ir, O opt */
    VEC(const char *) file;
    const char *model, *inputs, *outputs, *std_dir, *output, *passes;
    VEC(Fixed) define;
    VEC(Pair) in, graph, out;
    Dtype real;
    bool time, json, color, check_only;
    DiagFormat diag_format;
    double phase_start;                    /* --time */
} Options;

/* options.c: 0, or the exit code when the run ends here (help, usage error) */
int options_parse(Context *cx, int argc, char **argv, Options *o, bool *done);
void options_help(FILE *out, char command);
/* front.c: files to programs */
File *front_parse(Options *o, const char *path);
Program *front_program(Options *o, File *f, const char *model);
void phase_begin(Options *o);                                       /* --time */
void phase_end(Options *o, const char *what);
const char *home_std(Context *cx);                                  /* the folder that has std/ */
/* run.c, front.c, main.c */
int command_run(Options *o);
int command_check(Options *o);
int command_fmt(Options *o);
int command_ir(Options *o);
int command_opt(Options *o);
int command_print(const char *what);
#endif
