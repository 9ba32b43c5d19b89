/* compact.h - values that have moved: what reads one reads the new one instead. Shared by the passes that move values. */
#ifndef PIGEON_COMPACT_H
#define PIGEON_COMPACT_H
#include "pass/pass.h"

/* old[idx] is `read` now; or old's axes[k], read at unique's key[k] of one index, are one axis of `to` (narrow.c); or it hasn't moved. */
typedef struct Move { Index **idx; X *read; Node *unique; Value *to; int n_axis, axis[8], key[8]; } Move;
typedef struct Moved { Program *p; int n; Move *to; int *reads, *others; } Moved;      /* by value id; readers in expressions, other uses */
Moved moved_new(Program *p);
void moved_to(Moved *m, Node *n, X *read);
void moved_follow(Moved *m, Node *n);                      /* rewrites the node's expressions; in dependence order */
#endif
