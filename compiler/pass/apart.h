/* apart.h - the edges of a graph in two parts, by type: those of types that meet clearly fewer nodes at one end, and the others. */
#ifndef PIGEON_PASS_APART_H
#define PIGEON_PASS_APART_H
#include "pass/keys.h"

/* An index over edges and three of their maps */
typedef struct Ends { Index *e; Value *type, *from, *end; } Ends;
typedef struct Apart { Value *type, *from, *end, *side[2]; } Apart;
typedef struct Aparts { Program *p; VEC(Apart) made; } Aparts;
/* Some of the edges: a map from them to all, and an index over them */
typedef struct Side { Value *e; Index *i; } Side;

/* few: edges of types that meet clearly fewer `from` than `end`; else the others. What has been taken apart the other way round is left so: then
 * few are those whose types do not meet clearly fewer `end`. */
Side apart_side(Aparts *a, const Ends *m, bool few);
X *apart_expr(Program *p, const Ends *m, const Side *s, X *e);       /* e of some of the edges: src(A.e(a)) where e has src(e) */
X *apart_own_maps(Program *p, const Side *s, X *e);                  /* ... which is a map of its own for each */
Rows apart_rows(Program *p, const Ends *m, const Side *s, Value *end, Group *by);     /* the pairs of a type and an end that some of the edges have */
X *x_read_at(Program *p, Value *map, Index *i);
Value *x_map_at(X *e, const Index *i);                      /* the map that e reads at the index i, or NULL */
#endif
