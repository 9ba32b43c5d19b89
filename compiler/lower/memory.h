/* memory.h - what a run keeps, and for how long; see memory.c and recompute.c. */
#ifndef PIGEON_LOWER_MEMORY_H
#define PIGEON_LOWER_MEMORY_H
#include "loop/loop.h"
#include "pass/cost.h"

void memory_order(Program *p, Unit *u);                    /* steps of the run to where they need the least memory */
double memory_workspace(Program *p, const Unit *u);        /* bytes, with the sizes of estimates where they are not known */
bool memory_touches(const LH *step, const Buf *b);
int memory_peak(Program *p, const Unit *u);                /* the step of the run at which most is in use */
/* recompute.c */
void memory_explain(Program *p, Unit *u);                  /* what waits for late readers, as decisions */
#endif
