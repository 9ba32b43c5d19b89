/* pieces.h - sums along something long, cut in pieces (pieces.c), and those of outer products, block by block (outer.c). */
#ifndef PIGEON_LOWER_PIECES_H
#define PIGEON_LOWER_PIECES_H
#include "lower/tile.h"
/* The one sum of an equation that goes along something long: all of it, or a fibre f(g(p)) = r of few r, an axis of the result, or of few pairs (r, s). */
typedef struct Long {
    const X *sum; Dtype acc;
    int n_key, key[2]; MapChain map[2]; /* axes of the result that choose the fibre, and what a row's are */
    int along;                          /* which index of the sum is cut; -1: all of them, as one */
} Long;
bool long_sum(Lower *l, const Node *n, Long *s);
bool long_key(const Long *s, int axis);                    /* is it one of the keys? */
/* A kernel by pieces: `rows` positions in pieces of `length`; sums: what begins in a piece, rest: what began in one before */
typedef struct Work { Lower *l; Node *n; const Long *s; int lane_axis; Ext *rows, *length, *pieces; Rows *fibre; Buf *sums, *rest; bool whole; } Work;
bool pieces_open(Work *w);
LX *pieces_place(Build *b, const Work *w, LX *piece);      /* where an element is: in sums (piece NULL) or in rest */
void pieces_bind(Build *b, const Work *w, LX *at);         /* position `at` of the fibres' order, as the indices of the sum */
typedef struct Part { LX *lo, *hi, *begins, *piece; } Part;      /* rows of one sum in a piece; begins: no piece before has some */
void pieces_walk(Build *b, const Work *w, LX *piece, void (*each)(Build *b, const Work *w, const Part *part, void *data), void *data);
void pieces_merge(const Work *w);                          /* adds what waits, and computes the equation around the sum */
bool pieces_plan(Lower *l, Node *n, Long *s);              /* a sum with few results, without tiles */
bool pieces_lower(Lower *l, Node *n, const Long *s);

/* outer.c: a tiled equation that is a sum of outer products along something long: left (by the tile's axis) times right (by the lanes) */
typedef struct Outer {
    Long s;
    int axis;                           /* of the result: the tile's */
    X *left, *right;
    int64_t n_i, n_j, side, padded, lanes, block;    /* sizes; what an item adds up: side x lanes, `block` rows at a time; side with its last tile whole */
} Outer;
bool outer_plan(TilePlan *p, int axis, Outer *o);
bool outer_lower(TilePlan *p, const Outer *o);
#endif
