/* keys.h - how an expression depends on its free indices: by themselves, or through maps only.
 *
 *     sum(i) h[src(e), i] * W[etype(e), i, j]      j by itself; e through the keys src(e), etype(e)
 *
 * A key is a read of a map whose subscripts are indices or keys: src(e), ntype(src(e)), neighbour(v, k). A value may then have its
 * rows elsewhere than over e (enum Place): over the target of the one key, over all pairs of targets, over the combinations that
 * occur, unique(src, etype); what reads it at e reads row src(e), rows src(e), etype(e), row pair(e). */
#ifndef PIGEON_KEYS_H
#define PIGEON_KEYS_H
#include "pass/cost.h"
#include "pass/pass.h"

enum { MOST_KEYS = 8, MOST_AXES = 8 };
/* Indices that appear in keys only, and those keys. What is a function of another key, ntype(src(e)) of src(e) or etype(e) of
 * pair(e), is none. */
typedef struct Group { int n_base, n; Index *base[MOST_KEYS]; X *key[MOST_KEYS]; } Group;
typedef struct Keys { VEC(Group) group; VEC(Index *) bare; } Keys;
Keys keys_of(Program *p, X *e);
bool key_follows(const X *key, int n, X *const *on);       /* key is a function of those: made of them, or the way back from a pair */
bool keys_cover(X *e, const Index *i, int n, X *const *key);       /* e depends on i through these keys only */
bool keys_determine(int n, X *const *key, const Index *i);  /* all ways back from i, a row of combinations: one group per row */
bool key_is_structural(const X *key);                       /* may be known when structure is bound */

typedef enum Place { AT_BASE, AT_TARGETS, AT_UNIQUE } Place;
/* Where the rows of one group are. own: the new axes; at: what a reader that knows the base subscripts them with. */
typedef struct Rows { Place place; int n; Index *own[MOST_KEYS]; X *at[MOST_KEYS]; Node *unique; } Rows;
double rows_count(Sizes *s, const Group *g, Place place);
bool rows_possible(const Group *g, Place place);
/* Spaces that estimates need: they don't enter the program. NULL where one of these is meant: for good. */
typedef struct Trials { VEC(Node *) unique; } Trials;
Rows rows_make(Program *p, const Group *g, Place place, Trials *trial);    /* makes the unique space and its maps when there are none yet */
X *rows_apply(Program *p, const Group *g, const Rows *r, X *e);    /* e in terms of the new axes */
Value *map_of_key(Program *p, X *key, Index *base, Trials *trial);    /* a key as a map of its base: itself, or one computed for it, found or made */
Node *unique_node(Program *p, int n, X *const *key, Index *base, Trials *trial);      /* found or made; key order is its own: key_place() */
Node *pieces_node(Program *p, Value *f, int64_t most);       /* the fibres of map f in pieces of at most so many elements: found or made */
int key_place(const Node *unique, const X *key);            /* which of its keys */
#endif
