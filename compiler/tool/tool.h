/* tool.h - pigeonc: options, and one function per command. Only this folder prints and decides exit codes. */
#ifndef PIGEON_TOOL_H
#define PIGEON_TOOL_H
#include "config.h"
#include "base/base.h"
#include "ir/ir.h"
#include "loop/loop.h"
#include "sema/sema.h"
#include <pthread.h>

typedef enum { EXIT_OK = 0, EXIT_DIAGNOSED = 1, EXIT_USAGE = 2, EXIT_MISSING = 3, EXIT_INTERNAL = 70 } ExitCode;
typedef struct Pair { const char *name, *value; } Pair;
typedef VEC(Pair) Pairs;        /* --in x=FILE */
typedef VEC(const char *) Words;
typedef struct Options {
    Context *cx;
    int argc; char **argv;
    char command;                          /* C compile, R run, U tune, K check, F fmt, I ir, O opt, E explain, S stats, ? query */
    Words file, model, emit, executor;
    const char *inputs, *outputs, *std_dir, *output, *passes, *schedule, *why_not, *graph_stats, *print_after, *symbol_prefix, *deps_file, *deps_target, *query;
    const struct Target *target;           /* NULL: the command's own default */
    VEC(const struct Target *) target_set; /* target, and other processors that an object has code for, the most special last */
    VEC(Fixed) define;
    Pairs in, graph, out;
    Dtype real;
    int64_t seed, step;
    bool is_part;                          /* what is made now comes beside a model: its step, its gradients */
    int grad_order;                        /* 0: not given */
    const char *checkpoint, *metrics, *curve, *valid_with; Pair batch, sample; VEC(Pair) valid; int epochs, patience; bool resume;      /* train */
    double budget;                         /* tune: seconds */
    const char *schedule_text;             /* in place of --schedule */
    int64_t memory_limit;                  /* bytes of workspace; 0: none */
    int variants;                          /* 0: as many as pay */
    int opt, threads, bench;               /* bench: -1 no, 0 as many runs as fit */
    double tolerance;                      /* of --verify; -1: by type */
    bool no_linear, no_compaction, no_fusion;    /* ablation: passes are left out, equations not fused */
    bool time, profile, json, color, check_only, debug, manifest, deps, deps_phony, verify, check_grad;
    DiagFormat diag_format;
    double phase_start;                    /* --time */
} Options;

/* options.c: 0, or the exit code of a usage error */
int options_parse(Context *cx, int argc, char **argv, Options *o);
/* query.c: what pigeonc says about itself; the tables of commands and options as text */
void help_print(FILE *out, char command);  /* 0: all */
int command_query(Options *o);
typedef struct OptionRow { const char *name, *short_, *arg, *commands, *help; } OptionRow;
extern const OptionRow option_row[];
extern const int n_option;
typedef struct CommandRow { char id; const char *name, *args, *what; } CommandRow;
extern const CommandRow command_row[];
extern const int n_command;

/* target.c */
typedef enum TargetKind { TARGET_CPU, TARGET_CUDA } TargetKind;
typedef struct Target {
    const char *name; TargetKind kind;
    const char *arch;                      /* of the processor, "x86_64" or "aarch64": then an object names the target as what it needs; NULL: this machine's */
    const char *cpu, *march;               /* its name for LLVM and for a C compiler's -march; CUDA: "sm_90" */
    const char *what;
} Target;
extern const Target target_row[];
extern const int n_target;
const Target *target_find(Context *cx, const char *name);       /* NULL when there is none; any cuda:sm_N is one */
const char *target_triple(const Target *t);                     /* NULL when it is this machine's */

/* front.c: files to programs to units */
bool front_schedule(Options *o, Program *p);                    /* commands of --schedule, of the target at hand; false after diagnostics */
File *front_parse(Options *o, const char *path);
Program *front_program(Options *o, File *f, const char *model);
Program *front_passes(Options *o, Program *p, const char *passes /* NULL: none */);
const char *front_text(const Program *p);                       /* as --emit=inter prints it */
Program *front_code(Options *o, Program *p);                    /* after the passes that -O or --run choose for code */
const char *front_pipeline(const Options *o);                   /* the passes that -O or --run choose for code */
Unit *front_fit(Options *o, Program **program, const Machine *machine);        /* lower_program() within --memory-limit */
Unit *front_lower(Options *o, Program **p, const Machine *machine);      /* *p becomes the program that was lowered, with all decisions */
Unit *front_unit(Options *o, Program *p, const Machine *machine);        /* lowered and verified; machine NULL: for text and GPUs */
double now(void);                                               /* seconds */
void phase_begin(Options *o);                                   /* --time */
void phase_end(Options *o, const char *what);
const char *home_std(Context *cx);                              /* the folder that has std/ */
const char *home_include(Context *cx);                          /* the folder that has pigeon/ */
const char *home_module(Context *cx, const char *name);         /* a module of this program */
/* llvm.c */
const struct LlvmTarget *llvm_target(Context *cx);              /* loaded at the first call; NULL after a diagnostic */

/* stats.c */
bool stats_read(Options *o, Program *p);                        /* --graph-stats; false after a diagnostic */

/* machine.c */
void machine_learn(Options *o, Program *p);                     /* what this machine can do, for estimates of code that runs on it; measured once */
int machine_print(Options *o);

/* variants.c */
typedef struct Variants { bool made; int n; Program *program[3]; double gain[3]; const char *where[3]; Choice *choice; } Variants;      /* beside the usual program */
bool variants_make(Options *o, Program *source, Program *usual, Variants *v);      /* false after diagnostics */
bool variants_alike(const Unit *a, const Unit *b, int n_symbol);        /* for a caller, who knows a */

/* manifest.c */
void put_json(Writer *w, const char *text);                     /* a JSON string */
void manifest_print(Writer *w, const Options *o, Unit *const *u, int n);

/* process.c: other programs */
enum { SCRATCH_FILES = 8 };
typedef struct Scratch { const char *dir, *file[SCRATCH_FILES]; int n; } Scratch;   /* a temporary folder and what is in it; a signal that ends the process removes it */
bool scratch_begin(Context *cx, Scratch *s);
const char *scratch_file(Context *cx, Scratch *s, const char *name);              /* "dir/name", removed by scratch_end() */
void scratch_end(Scratch *s);
typedef enum ToolId { TOOL_CC, TOOL_NVCC } ToolId;
const char *tool_search(Context *cx, ToolId id);                /* the command, or NULL */
const char *tool_find(Context *cx, ToolId id);                  /* the same; NULL after a diagnostic that names the package */
/* Runs it in the scratch folder. What it says becomes a diagnostic when it fails. */
bool tool_run(Context *cx, const char *program, const Words *arguments, Scratch *s);

/* compile.c */
typedef struct EmitRow { const char *name, *extension; bool text; const char *what; } EmitRow;
extern const EmitRow emit_row[];
extern const int n_emit;

/* progress.c: a line on a terminal for what takes over two seconds */
typedef struct Progress { pthread_t thread; pthread_mutex_t lock; pthread_cond_t stop; bool on, stopped; const char *what; } Progress;
void progress_start(Progress *p, const char *what);
void progress_stop(Progress *p);

#define DEFAULT_EXECUTOR "cpu"
int command_run(Options *o);
int command_train(Options *o);
int command_check(Options *o);
int command_fmt(Options *o);
int command_ir(Options *o);
int command_opt(Options *o);
int command_explain(Options *o);
int command_tune(Options *o);
int command_stats(Options *o);
int command_compile(Options *o);
#endif
