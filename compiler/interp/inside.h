/* inside.h - what the interpreter's files share: the state of one run and compiled expressions.
 *
 * An expression is compiled once per run of its node into Ops with the sizes of this run folded in: subscripts have flat strides,
 * extents are numbers, indices are places in Interp.ix.  A reduction is planned then: each bound index becomes a Level that runs
 * over everything, over one fibre (positions grouped by the value of a map), or over the one or few positions that a linear
 * condition leaves.  Evaluation allocates nothing but the tables of fibres. */
#ifndef PIGEON_INTERP_INSIDE_H
#define PIGEON_INTERP_INSIDE_H
#include "interp/interp.h"
#include "ir/scalar.h"

typedef struct Owned { void *at; size_t bytes; } Owned;
typedef struct Interp {
    Program *p;
    const InterpArgs *args;
    int64_t *size;                      /* per symbol; -1: not found yet */
    Array *val;                         /* per value id */
    int64_t *ix;                        /* per index id: where its loop stands */
    int64_t step;                       /* counts members of recurrences: what was remembered before may be stale */
    bool failed;
    VEC(Owned) owned;                   /* freed at the end, or at the end of a node */
    uint64_t bytes, most;               /* how much that is, and may be */
    Arena *book;                        /* for the list above */
    Arena *arena;                       /* of the node that runs */
    struct Group *group;                /* the recurrence that runs, or NULL */
} Interp;

typedef enum Class { IS_INT, IS_REAL, IS_COMPLEX } Class;
static inline Class class_of(Dtype t) { return dtype_is_complex(t) ? IS_COMPLEX : dtype_is_float(t) ? IS_REAL : IS_INT; }

typedef enum OpKind { O_CONST, O_INDEX, O_READ, O_SCALAR, O_CAST, O_BITCAST, O_IF, O_REDUCE } OpKind;
typedef struct Op {
    OpKind k;
    Dtype dt, from;                     /* from: of the first argument */
    Class c, cfrom;
    ScalarOp op;
    struct Op *a[3];
    union { int64_t i; Complex z; int index; struct Read *read; struct Reduce *reduce; } u;
} Op;

typedef struct Subscript { int index; /* >= 0: just that index */ Op *e; int64_t stride, extent; Boundary bnd; Op *other; } Subscript;
typedef struct Read { Array *from; Value *v; Loc loc; int rank; Subscript sub[8]; struct MemberRun *member; } Read;

/* A linear form  sum coef * index + sum coef * op + constant,  without the index that it is solved for. */
typedef struct Term { int64_t coef; int index; /* -1: op */ Op *op; } Term;
typedef struct Linear { int64_t coef; /* of the level's index */ int64_t constant; int n; Term *term; ScalarOp rel; /* form rel 0 */ } Linear;
/* Positions of one index grouped by the value of an expression. Valid for one setting of the other indices in it. */
typedef struct Fibre {
    Op *key;
    int index;
    int64_t n;
    int n_free; int *free_index; int64_t *free_value;
    bool valid, changing;               /* changing: reads what the running recurrence writes */
    int64_t step;
    int64_t *value, *item, lo, range;   /* range > 0: start[] is a table over lo .. lo + range - 1; else items are sorted by value */
    int64_t *start; int64_t start_cap;
} Fibre;
typedef enum LevelMode { L_ALL, L_FIBRE, L_SOLVE } LevelMode;
typedef struct Level {
    LevelMode mode;
    int index, place;                   /* place: in the list of the reduction */
    int64_t extent;
    Fibre *fibre; Op *key;              /* L_FIBRE: the items where fibre = key */
    Linear solve;                       /* L_SOLVE */
    int n_bound; Linear *bound;         /* inequalities that cut the range */
    int n_guard; Op **guard;
} Level;
typedef struct Reduce {
    ReduceOp op;
    Dtype dt, acc;
    Class c;                            /* of the body */
    Loc loc;
    int n; Level *level; Op *body, *other;
    int n_first; Op **first;            /* conditions without bound indices */
    bool in_order;                      /* levels are in the order of the list */
    int n_free; int *free_index; int64_t *free_value;       /* the last result, kept while these and the data stay */
    bool known, changing;
    int64_t step, last_i; Complex last;
} Reduce;

typedef struct BeforeRun { int64_t offset; Op *op; } BeforeRun;
typedef struct MemberRun { Member *m; Op *op; int n_before; BeforeRun *before; } MemberRun;
typedef struct Group { Node *node; int n; MemberRun *member; bool reverse; } Group;

/* interp.c */
void fail(Interp *I, DiagId id, Loc loc, const char *fmt, ...) PRINTF_LIKE(4, 5);
void *run_alloc(Interp *I, size_t n, size_t bytes);        /* zeroed; NULL after D_OUT_OF_MEMORY */
void run_free_to(Interp *I, int mark);                     /* all since I->owned.n was mark */
Array *value_alloc(Interp *I, Value *v);                   /* its array, extents from the sizes; NULL after a diagnostic */
bool array_shape(Interp *I, const Value *v, Array *a);     /* extents and n */
const char *value_text(Interp *I, const Value *v);        /* quoted, or words for what has no name in the model */
const char *position_text(Interp *I, const Array *a, int64_t at);
bool check_targets(Interp *I, const Value *v);             /* a map's values are positions of its target */
/* compile.c, reduce.c: NULL after a diagnostic */
Op *compile(Interp *I, X *e);
Op *compile_reduce(Interp *I, X *e);
bool reads_group(Interp *I, X *e);                         /* a member of the recurrence that runs */
void free_indices_of(Interp *I, X *e, Index **bound, int n_bound, int **index, int *n);
/* eval.c */
int64_t eval_int(Interp *I, const Op *o);
double eval_real(Interp *I, const Op *o);
Complex eval_complex(Interp *I, const Op *o);
void eval_store(Interp *I, const Op *o, Array *to, int64_t at);
void reduce_run(Interp *I, Reduce *r, int64_t *i, Complex *z);
/* transform.c, select.c, factor.c */
bool run_transform(Interp *I, Node *n);
bool run_select(Interp *I, Node *n);
bool run_derive(Interp *I, Node *n);
bool run_factor(Interp *I, Node *n);
/* Sorts positions 0..n-1 in `at`; less(data, a, b): a strictly before b; equal ones keep their order. tmp has n places. */
void sort_positions(int64_t *at, int64_t *tmp, int64_t n, bool (*less)(const void *data, int64_t a, int64_t b), const void *data);
#endif
