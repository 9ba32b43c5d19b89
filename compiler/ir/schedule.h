/* schedule.h - what becomes of which value, as commands: written by a person, or what the compiler chose, in the same language.
 *
 *     schedule rgat for cpu {
 *       recompute z in s                  # multiplied out where s reads it
 *       compact z by (src, etype)         # one row per combination that occurs
 *       order y: e by (g.dst, g.etype) compact, i
 *       tile z 6 x 64                     # six rows, 64 lanes
 *     }
 *
 * A schedule never changes the meaning. Passes and lowering ask it before they ask the cost model (schedule_find); what they could not do as
 * it says is an error with the reason (schedule_refuse, schedule_finish). Commands are shared by all copies of a program. */
#ifndef PIGEON_SCHEDULE_H
#define PIGEON_SCHEDULE_H
#include "base/base.h"

typedef struct Program Program;
typedef enum Verb {
#define VERB(id, name, form, what) V_##id,
#include "ir/schedule.def"
#undef VERB
    V_COUNT
} Verb;
typedef struct VerbRow { const char *name, *form, *what; } VerbRow;
extern const VerbRow verb_row[V_COUNT];

typedef VEC(const char *) NameList;
/* Rows by these maps: one per combination that occurs, or one per element of the full product. */
typedef struct RowsBy { bool unique; NameList key; } RowsBy;
/* A sum is taken: over this index of the term, perhaps grouped; its result stays in its place, or is a value with rows `at`. */
typedef struct OrderStep { const char *index; bool grouped, inside; RowsBy by; VEC(RowsBy) at; } OrderStep;
typedef struct Command Command;
struct Command {
    Verb verb;
    Loc loc;
    const char *target;                    /* "cpu", "cuda"; NULL: any */
    NameList name, in;
    bool *done;                            /* per name: obeyed */
    bool refused, early, by_option;        /* early: before sums are reordered; by_option: no text of the user says it */
    RowsBy rows;                           /* COMPACT FULL */
    VEC(RowsBy) at;                        /* APART */
    VEC(OrderStep) step;                   /* ORDER */
    int n_number; int64_t number[2];       /* ORDER: term, variant; APART: part; TILE: rows, lanes; PREFETCH: rows ahead; SIDES: 0, or none */
};
typedef struct Schedule { const char *name, *target; Loc loc; VEC(Command *) command; } Schedule;
typedef struct ScheduleFile { VEC(Schedule *) schedule; } ScheduleFile;

/* grammar/schedule.y: `n` bytes of source file `file` from `at` on; fixed: all places are `at` itself. NULL after diagnostics. */
ScheduleFile *schedule_parse(Context *cx, const char *text, size_t n, Loc at, bool fixed);
void command_print(const Command *c, Writer *w);           /* one line without its end; reads back as the same command */
Command *command_new(Arena *a, Verb v, const char *name);
void command_numbers(Command *c, int n, int64_t first, int64_t second);
void rows_by_print(const RowsBy *r, Writer *w);

/* schedule.c */
const char *const *schedule_names(Program *p);             /* by value id: its name; of several with one name the k-th is NAME~k */
void schedule_name_apart(Program *p);                      /* gives all values these names: derivatives of one tensor by several have one name, and passes remove some */
bool schedule_check(Program *p);                           /* after sema: names, maps and combinations of commands; false after diagnostics */
/* The command of this kind for a value, or NULL. The last one given counts. */
Command *schedule_find(const Program *p, Verb v, const char *name);
bool schedule_only(const Program *p);                      /* nothing but what commands say is to be decided */
/* A command asks for an equation of its own: to be stored, to have rows that it doesn't have yet, or to be fused as it is. */
bool schedule_keeps(const Program *p, const char *name);
bool schedule_fuses(const Program *p, const char *name);   /* into the kernel of another */
bool schedule_unfused(const Program *p, const char *name); /* a kernel of its own: STORE by name or by `*` */
/* Whether NAME written by a person (src, g.src) is the map or index `full` (g.src). */
bool schedule_same(const char *written, const char *full);
void schedule_done(Command *c, const char *name);
bool schedule_is_done(const Command *c, const char *name);
void schedule_refuse(const Program *p, Command *c, const char *fmt, ...) PRINTF_LIKE(3, 4);     /* once for each command */
bool schedule_finish(const Program *p, bool lowered);      /* all that was not done is said; false when there is any */
#endif
