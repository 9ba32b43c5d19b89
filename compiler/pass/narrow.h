/* narrow.h - values that are defined for more rows than are read; see narrow.c. */
#ifndef PIGEON_NARROW_H
#define PIGEON_NARROW_H
#include "pass/compact.h"
#include "pass/cost.h"
/* Restricts n's value to the rows that its readers ask for, when that pays; true when it has moved. */
bool restrict_rows(Moved *m, Sizes *s, Node *n, const char *label /* in schedules */);
/* A read of a value that has been restricted, or NULL when its subscripts are none of those that were known. */
X *narrow_read(Program *p, const Move *to, const X *read);
#endif
