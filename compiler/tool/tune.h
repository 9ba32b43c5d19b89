/* tune.h - the search for a schedule: tune.c runs it, moves.c says what may be tried next. */
#ifndef PIGEON_TOOL_TUNE_H
#define PIGEON_TOOL_TUNE_H
#include "tool/exec.h"
#include "ir/schedule.h"
#include "pass/cost.h"

/* A schedule that is near another: its commands, a line each. The first `own` lines are what is new in it. */
typedef struct Move { const char *what; Words line; int own; } Move;
typedef VEC(Move) Moves;
/* source: the program as sema made it. made: after the passes, with what was decided. Both are only looked at: the moves are in `a`. Those
 * that leave more to the compiler come first. */
void moves_near(Arena *a, Program *source, Program *made, Moves *to);
/* explain.c: the decisions as a schedule; what all equations are estimated to cost */
void explain_print(Writer *w, Options *o, const Program *p);
Estimate explain_total(Program *p);
double explain_time(Program *p);                                /* the same as a time, with what kernels take to begin */
#endif
