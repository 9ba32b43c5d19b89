/* tile.h - register tiles: what tile.c finds out about an equation, and the parts of a kernel that is made of tiles. */
#ifndef PIGEON_LOWER_TILE_H
#define PIGEON_LOWER_TILE_H
#include "lower/lower.h"
enum { MOST_STAGED = 4 };
typedef struct TilePlan {
    Lower *l; Node *n;
    X *expr;                            /* of one element */
    X *before;                          /* a part of the equation that is computed in a kernel before, or NULL */
    const Index *lane; int lane_axis;   /* across the lanes; -1: lane is an index of the sum */
    Tile tile;
    int width;                          /* lanes at once */
    int sums, alone;                    /* reductions that depend on the lane: whose loops the rows share; all */
    bool shared, walk;                  /* found: a vector that rows share; a fibre that they share */
    int n_staged; Value *staged[MOST_STAGED];
} TilePlan;
bool has_few_values(const Space *s);                        /* so that many rows have the same one */
bool tile_pays(TilePlan *p, const Index *index, int n, const MapChain *uniform);     /* rows along `index` share vectors, if they share these maps */
bool tile_uniform(TilePlan *p, Index *index);               /* finds maps of `index` that make it pay: one, or two with few values */
/* The keys of rows that share what is uniform: their arrays from key[n] on; how many combinations there may be; false after a diagnostic */
typedef struct TileKeys { int n; Buf *key[3]; Ext *groups; bool bind; } TileKeys;
bool tile_keys(TilePlan *p, TileKeys *k);
Buf *tile_order(Lower *l, const char *name, Ext *n, const TileKeys *k, Ext *extent0, Loc loc);       /* items by these keys */
int tile_walk(const TilePlan *p, Tile *t, int *width);      /* the axis of an equation whose few positions go along a fibre together, or 0; the width of the lanes then */
bool tile_size(TilePlan *p, const Space *rows);             /* rows and width; false: too few */
void tile_stage(TilePlan *p);                               /* finds equations that only this one reads, row by row, and takes them in */
bool tile_need(TilePlan *p);                                /* lowers what the tile reads */
/* A tile: rows first..end-1 (at most tile.rows) of items (NULL: the positions themselves); the staged values of its rows are computed.
 * Rows beyond the end repeat the last one; guarded: they are not kept, so their staged values are whatever is there, at places that are known. */
void tile_open(Build *b, TilePlan *p, LX *first, LX *end, Buf *items, bool guarded);
void tile_prefetch(Build *b, TilePlan *p, LX *first, LX *n, Buf *items);      /* asks for the rows that a later tile reads through maps */
/* ahead.c: when the tile that begins at `next` has another key than the one at `first`, its matrices are asked for */
void prefetch_weights(Build *b, const TilePlan *p, Buf *key, LX *first, LX *next, LX *n, Buf *items);
Buf *tile_list(Lower *l, const char *name, Ext *n, int rows, int n_keys, Buf *const *key, Ext *groups, Ext *extent0, Buf *items, Buf **first, bool bind, Loc loc);
/* tile.c, push.c: NULL when it doesn't pay, else the plan; then the kernel */
bool tile_plan(Lower *l, Node *n, TilePlan *p, int *axis);
bool tile_lower(TilePlan *p, int axis);
bool push_plan(Lower *l, Node *n, TilePlan *p);
bool push_lower(TilePlan *p);
bool lower_part(Lower *l, Node *n, const TilePlan *whole);  /* compute.c: the kernel of a part, with the whole's tiles; what it reads is there */
#endif
