/* compact.h - values that have moved: what reads one reads the new one instead. Shared by the passes that move values. */
#ifndef PIGEON_COMPACT_H
#define PIGEON_COMPACT_H
#include "pass/pass.h"

typedef struct Move { Index **idx; X *read; } Move;        /* old[idx] is `read` now; NULL: it hasn't moved */
typedef struct Moved { Program *p; int n; Move *to; int *reads, *others; } Moved;      /* by value id; readers in expressions, other uses */
Moved moved_new(Program *p);
void moved_to(Moved *m, Node *n, X *read);
void moved_follow(Moved *m, Node *n);                      /* rewrites the node's expressions; in dependence order */
#endif
