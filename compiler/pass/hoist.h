/* hoist.h - parts of equations as equations of their own; see hoist.c. */
#ifndef PIGEON_HOIST_H
#define PIGEON_HOIST_H
#include "pass/cost.h"
/* Takes parts out of n's expression as long as that pays; unique: rows of combinations that occur may be made. */
void hoist(Program *p, Sizes *s, Node *n, bool unique, const char *pass, const char *label /* of n in schedules */);
#endif
