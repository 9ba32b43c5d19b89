/* lower.h - from equations to loops: what the files of this folder share.
 *
 * lower.c gives every stored value a buffer and lowers nodes on demand, so that each is computed after what it reads. A kernel is
 * made by a Build: a stack of open Levels (item, loops, conditions), each a block that statements are appended to.  Expressions
 * become pure LX; whatever is worth naming (loads, functions, reductions) becomes a statement of the outermost level that knows its
 * indices, remembered there, so that nothing is computed in a loop that does not depend on it.  Only lower_program() is called from
 * outside (loop/loop.h). */
#ifndef PIGEON_LOWER_H
#define PIGEON_LOWER_H
#include "loop/loop.h"
#include "ir/schedule.h"

/* Where a value lives. ring > 0: only that many elements of axis `time` are kept, element t at place t mod ring; at: row k is row at[k] of another
 * value's memory (divided.c). */
typedef struct Place { Buf *buf, *at; HostBlock *made_in; int time; int64_t ring; bool staged; /* rows of a tile only, in the kernel itself */ } Place;
/* Equations that one kernel computes (fuse.c), over the first one's indices; read: what they read.
 * along: a map; they are over its edges or its nodes, and the kernel walks along its fibres (walk.c): indices of an edge, its node, a head. */
typedef struct Family { VEC(Node *) node; int rank; Index **idx; VEC(X *) read; Command *command; Value *along; Index *edge, *at, *head; } Family;
/* Rows of a fibre: the positions of a space grouped by a chain of maps f(g(e)); map[0] is the outermost. count: of all positions;
 * items NULL: the positions stand in this order. */
typedef struct Rows { int n, split; Value *map[8]; /* the first `split` are the first key of two; 0: one key */ Buf *start, *items, *key; Ext *count; HostBlock *made_in; } Rows;
/* Whether a part of the edges is in the order of their types. */
typedef struct PartOrder { const Space *space; bool by_type; } PartOrder;
/* How edges are numbered (number.c): in the order of a map, where the caller's edge order[k] stands at k; by NULL: as the caller does. */
typedef struct Numbering { const Graph *g; Value *by, *then; /* then may be NULL */ Buf *order; VEC(Value *) map; VEC(Buf *) raw; /* the caller's arrays */ VEC(PartOrder) part; } Numbering;
/* How many combinations each value of one of two keys occurs in (derive.c) */
typedef struct Distinct { const Node *unique; int key; Buf *count; } Distinct;

/* A value with axes `axis` and `axis + 1` as one, over the same memory (merge.c). */
typedef struct View { Value *of; int axis; Value *view; } View;

typedef struct Lower {
    Program *p;
    Unit *u;
    Context *cx;
    Arena *a;
    Place *place;                       /* by value id */
    int8_t *state;                      /* by node id: 1 being lowered, 2 done */
    Node **pulled_into;                 /* by node id: the recurrence that computes this node as well */
    Family **family;                    /* by node id: NULL: a kernel of its own */
    bool *direct;                       /* by value id: an output that is computed in the caller's buffer */
    VEC(Rows *) rows;
    VEC(View) view;
    VEC(Numbering *) numbering;
    VEC(Distinct) distinct;
    int n_value;                        /* the program's and views */
    HostBlock *host;                    /* where steps go now */
    const Machine *machine;             /* NULL: no register tiles */
    const char *const *label;           /* by value id: its name in schedules */
} Lower;

/* ---- one kernel (build.c) ---------------------------------------------------------------------------------- */
typedef struct Pair { LX *re, *im; } Pair;                 /* im: complex only */
typedef struct BoundIndex { Index *index; LX *at; } BoundIndex;
typedef struct Path { struct Path *up; X *cond; bool taken; LX *lx; struct Level *at; } Path;    /* inside which branches of `if`s */
typedef struct Memo { X *x; Path *path; Pair value; int row; /* of the tile; -1: the same in all of them */ } Memo;
typedef enum LevelKind { LV_ITEM, LV_TIME, LV_SERIAL, LV_LANE, LV_LOOP /* of a reduction */, LV_IF } LevelKind;
typedef struct Level {
    struct Level *up;
    int depth;
    LevelKind kind;
    Block block;
    VEC(BoundIndex) bound;
    VEC(Memo) memo;
} Level;
/* A recurrence while its kernel is made. */
typedef struct GroupMember {
    Value *value; Index **idx; int time_axis; X *expr;
    Member *given;                      /* NULL: a consumer that is computed along */
    int class_of[8];                    /* per axis: the class of axes that all members share, or -1 */
    Node *node;
} GroupMember;
typedef struct Group { Node *node; Index *time; bool reverse; VEC(GroupMember) member; } Group;
/* Register tile: an axis of which a kernel handles `rows` positions at once, so that what they share is loaded once. Expressions are
 * lowered once per row (Build.row); reads of `uniform`, maps of that axis, have one value for all rows. */
enum { MOST_ROWS = 16 };
typedef struct MapChain { int n; Value *map[4]; } MapChain;          /* f(g(i)): f, g */
typedef struct Tile { Index *index; int rows; LX *at[MOST_ROWS], *slot[MOST_ROWS]; /* row of a staged value */ int n_uniform; MapChain uniform[2]; } Tile;
typedef struct Build {
    Lower *l;
    Kernel *k;
    Level *level;
    Path *path;
    Group *group;
    Tile *tile; int row;
    Family *family;                     /* whose members the kernel computes */
    bool blocked;                       /* reductions at item level may use the lanes */
} Build;

Kernel *kernel_new(Lower *l, const char *name, const char *what, Ext *extent, Loc loc);
Build build_start(Lower *l, Kernel *k);
void kernel_add(Lower *l, Build *b, KernelMap map);        /* closes the item level; the kernel and its launch */
Level *level_push(Build *b, LevelKind k);
void level_bind(Level *v, Arena *a, Index *i, LX *at);
LX *level_find(Build *b, const Index *i);
LS *level_pop_for(Build *b, Var *var, LX *lo, LX *hi, LoopKind k);
LS *level_pop_if(Build *b, LX *cond);
Level *home_of(Build *b, X *x);                            /* the outermost open level that knows the indices of x */
int depth_of(Build *b, X *x);
Var *var_new(Build *b, const char *name, Dtype dt, bool is_mutable);
LS *stmt(Build *b, LSKind k);
LX *let(Build *b, LX *x, const char *name);                /* names x unless it is a name or a number */
Pair let_pair(Build *b, Pair p, const char *name);
void set(Build *b, Var *v, LX *x);
Var *mutable_var(Build *b, const char *name, LX *init);
void store(Build *b, Buf *to, LX *at, LX *x);
void store_pair(Build *b, Buf *to, LX *at, Pair x);        /* element `at` of a value */
LX *bind_axes(Build *b, int n, Index **idx, LX *flat);     /* the indices of a flat row-major position, bound at the current level */
int64_t work_of(const Block *b);

/* short forms of the constructors */
#define I64(v) lx_int(b->l->a, (v))
LX *lop(Build *b, ScalarOp op, LX *p, LX *q);
LX *land(Build *b, LX *p, LX *q);                          /* either may be NULL: true */

/* ---- expressions (expr.c, complex.c, reduce.c) --------------------------------------------------------------- */
Pair lower_expr(Build *b, X *x);
LX *lower_real(Build *b, X *x);                            /* no complex */
LX *lower_i64(Build *b, X *x);
Pair zero_pair(Build *b, Dtype dt);
Pair convert(Build *b, Pair p, Dtype from, Dtype to);
LX *wrap_small(Build *b, LX *x, Dtype dt);                 /* i8, u8 in an i32 register */
Pair complex_op(Build *b, ScalarOp op, Dtype dt, Pair x, Pair y);
Pair lower_reduce(Build *b, X *x);
bool has_reduce(X *x);
typedef struct Run Fold;                                    /* a reduction whose loop others share */
Fold *fold_open(Build *b, X *reduce);                       /* its accumulators, here */
void fold_add(Fold *f);                                     /* in the loop */
Pair fold_close(Fold *f);
int row_of(Build *b, X *x);                                 /* the row of the tile that x belongs to, or -1 */
bool varies_by_row(const Tile *t, X *x);
bool rows_share_loops(const Tile *t, X *reduce);
bool reads_later_rows(Lower *l, const Index *item, X *expr);             /* ahead.c: rows through maps of the item */
void prefetch_later(Build *b, Index *item, X *expr, LX *next, const Tile *tile);    /* asks for those of item `next`; not what rows of the tile share */
LX *path_guard(Build *b);
LX *flat_position(Build *b, Value *v, LX *const *at, const Place *pl);

/* ---- nodes ----------------------------------------------------------------------------------------------------- */
bool need_value(Lower *l, Value *v);                       /* its node is lowered; false after a diagnostic */
bool need_expr(Lower *l, X *x);
bool step_can_fail(const LH *h);
bool in_bind(const Value *v);
bool value_is_used(Lower *l, const Value *v);              /* by any node, or as an output */
Buf *buf_new(Lower *l, const char *name, Dtype dt, Ext *count, BufRole role, Loc loc);
Buf *value_buf(Lower *l, Value *v);                        /* makes its buffer (output, plan or work) */
Ext *count_of(Lower *l, const Value *v);                   /* elements, complex ones counted once */
Ext *product_of(Lower *l, Space *const *axis, int from, int to);
LH *host_add(Lower *l, LHKind k, Loc loc);
LH *host_call(Lower *l, RtCall c, Loc loc, int n, Ext *const *arg);
void host_copy(Lower *l, Buf *dst, Buf *src, Loc loc);
void host_alloc(Lower *l, Buf *b);                         /* only for plan buffers */
bool lower_interface(Lower *l);                            /* interface.c */
bool lower_source(Lower *l, Node *n);
Buf *graph_map(Lower *l, Value *v);                        /* number.c */
IfaceItem iface_item(Lower *l, const char *name, const Value *v);
const char *source_line(Lower *l, Loc loc, const char *otherwise);
bool lower_compute(Lower *l, Node *n);
enum { SHORT = 8 };                                          /* loops with fewer rounds are not shared out to lanes */
Value *lower_view(Lower *l, const Value *v, int rank);    /* merge.c: a value over v's memory; its axes are still to be filled in */
bool divided_plan(Lower *l, const Node *n);                /* divided.c: its edges are divided in two by filters */
void divided_parts(Lower *l, const Node *n, Node *part[2]);      /* what is to be computed instead, when the operands are there */
Node *merge_axes(Lower *l, Node *n);                       /* merge.c: the equation over as few axes as can be; n itself when none merge */
bool few(const Space *s);                                  /* known to have so few elements that lanes do not pay */
Kernel *kernel_of(Lower *l, const Node *n, Ext *extent);
void finish_equation(Build *b, Value *v, Index **idx, X *expr);
bool lanes_pay(const Node *n);                             /* along the last axis of an equation */
int lane_axis(Lower *l, const Node *n, Index **inside);    /* the axis that lies across the lanes; -1: none, then perhaps an index of its sum */
void fuse_plan(Lower *l);                                  /* fuse.c */
typedef struct FusePlan { Lower *l; VEC(Family *) all; int *seen, stamp; } FusePlan;
bool fuse_depends(FusePlan *p, const Family *f, Node *n);  /* on members of f, through what is none */
bool fuse_reads_outside(Lower *l, const Family *f, const Value *v);
void walk_plan(FusePlan *p);                               /* walk.c */
bool walk_command(Lower *l, const Command *c);             /* it names sums */
void walk_lower(Lower *l, Family *f);
const Numbering *part_by_type(Lower *l, const Space *part);      /* number.c: how its edges are numbered, if they are in the order of type and row; NULL: in that of all */
void part_order(Lower *l, Value *e);                         /* which it is given; e: its way back, in the order of all */
Value *numbered_by(Lower *l, const Graph *g, Value **then);      /* number.c: the map by which edges of g are to be numbered, or NULL; then: the next one, or NULL */
bool fuse_need(Lower *l, Family *f);                       /* lowers what the members read; leaves out those that something else computes then */
void fuse_finish(Build *b, Family *f);
void fuse_done(Lower *l, const Family *f);
bool lower_recur(Lower *l, Node *n);
bool lower_transform(Lower *l, Node *n);
bool lower_select(Lower *l, Node *n);
bool lower_factor(Lower *l, Node *n);
bool lower_iterate(Lower *l, Node *n);
bool lower_derive(Lower *l, Node *n);
bool map_chain(X *x, const Index *i, MapChain *c);           /* x is a chain of maps of i */
bool same_chain(const MapChain *c, const MapChain *d);
Buf *map_of(Lower *l, const MapChain *c);                  /* f(g(e)) for every e; NULL after a diagnostic */
Buf *distinct_of(Lower *l, const X *count, X **row);        /* derive.c: what a count of combinations with one value of a map is read from, at that value; NULL: it is none */
bool only_counted(const Lower *l, Node *unique);            /* nothing but such counts needs the space */
bool in_order(const Space *s, const Value *map);           /* the positions of s come in the order of this map's values: the first key of a space of combinations */
bool map_rises(Lower *l, const Value *map);                /* its values never fall along its axis, as edges are numbered */
Rows *rows_of(Lower *l, int n, Value *const *map);         /* built in bind when the maps are known then, else before the kernel that asks */
Rows *rows_of_pairs(Lower *l, const MapChain *first, const MapChain *second);       /* by both */
/* schedule.c: what commands say of v's kernel, for code with tiles only */
Command *asked(const Lower *l, Verb v, const Value *of);
bool left_alone(const Lower *l, Verb v, const Value *of);  /* only commands count, and none of this kind names it */
bool asked_to_fuse(const Lower *l, const Value *v);        /* into the kernel of what reads it */
bool asked_to_store(const Lower *l, const Value *v);
void decided(Lower *l, Command *c, const char *what, const char *why, Loc loc);
const char *plain_name(Lower *l, const char *name);        /* "%12" -> "t12" */
#endif
