/* ir.h - the inter-operator IR: a program is a list of nodes over typed index spaces, in dependence order.
 *
 * Domains are in the types, operators are equations.  A Value has a dtype and a list of Spaces, one per axis; a Node
 * produces one or more Values; there are ten kinds of node (NodeKind) and no more.  What other compilers call GEMM,
 * gather, segment-sum, softmax or convolution is a property of a compute, answered by the predicates at the end.
 *
 * Everything is immutable once its program is built: a pass makes a new Program.  Ids are dense and in order of creation,
 * and nothing is ever ordered by address, so equal input gives equal bytes.
 *
 * Indices.  Inside expressions an Index counts positions 0..extent-1 of its space; sema has already added what the
 * surface adds (the -1 of `index d: -1..1`, the offset of a part of a sum axis, m*size(dk)+p of a product axis). */
#ifndef PIGEON_IR_H
#define PIGEON_IR_H
#include "base/base.h"
#include "base/dtype.h"

typedef struct Sym Sym;
typedef struct Ext Ext;
typedef struct Space Space;
typedef struct Index Index;
typedef struct Value Value;
typedef struct Node Node;
typedef struct Graph Graph;
typedef struct Program Program;
typedef struct X X;

/* ---- sizes -------------------------------------------------------------------------------------------- */
typedef enum SymKind {
    SYM_DIM,      /* a dim, seq or grid of the model; at least 1 */
    SYM_GRAPH,    /* a count of a graph: nodes, edges, ntypes, etypes; may be 0 */
    SYM_DATA      /* the extent of a space that a DERIVE node finds when the structure is bound; may be 0 */
} SymKind;
struct Sym { int id; const char *name; SymKind kind; int64_t fixed; /* -1: known at run time only */ Loc loc; };

typedef enum ExtOp { EXT_CONST, EXT_SYM, EXT_ADD, EXT_SUB, EXT_MUL, EXT_FLOORDIV, EXT_CEILDIV, EXT_MOD, EXT_MIN, EXT_MAX } ExtOp;
struct Ext { ExtOp op; int64_t value; Sym *sym; Ext *a, *b; };       /* folded by ext_op(): constants are EXT_CONST */
Ext *ext_const(Arena *a, int64_t v);
Ext *ext_sym(Arena *a, Sym *s);                                      /* EXT_CONST when the symbol is fixed */
Ext *ext_op(Arena *a, ExtOp op, Ext *x, Ext *y);
bool ext_is_const(const Ext *e, int64_t *v);
bool ext_equal(const Ext *a, const Ext *b);                          /* same after folding; false means "not known equal" */
int64_t ext_eval(const Ext *e, const int64_t *size);                 /* size[sym->id]; overflow gives -1 */
bool ext_may_be_zero(const Ext *e);                                  /* it depends on sizes of graphs or data, which may be 0 */
bool ext_is_known(const Ext *e, const int64_t *size);                /* no size in it is -1, not found yet */
const char *ext_text(Arena *a, const Ext *e);                        /* "(in + 2*out)" */

/* ---- spaces ------------------------------------------------------------------------------------------- */
typedef enum SpaceKind {
    SP_DIM, SP_RANGE,                       /* in;  -1..1 */
    SP_PRODUCT, SP_SUM,                     /* (heads, dk);  in + out */
    SP_NODES, SP_EDGES, SP_NTYPES, SP_ETYPES,
    SP_SEQ, SP_GRID,
    SP_MODES,                               /* frequencies of a grid */
    SP_DERIVED                              /* unique, join, filter: the extent is a SYM_DATA */
} SpaceKind;
typedef enum Boundary { BND_NONE, BND_ZERO, BND_PERIODIC, BND_REFLECT, BND_REPLICATE, BND_ELSE } Boundary;
typedef enum ModesFamily { MODES_SIGNED, MODES_HALF, MODES_COSINE, MODES_SINE } ModesFamily;
struct Space {
    int id;
    const char *name;                       /* as a person reads it: "in", "g.nodes", "(heads, dk)", "X/2" */
    SpaceKind kind;
    Ext *extent;
    int64_t lo;                             /* SP_RANGE: value of position 0 */
    Boundary boundary;                      /* SP_GRID */
    Space *part[8]; int n_part;             /* SP_PRODUCT, SP_SUM: its parts;  SP_MODES: [0] the grid */
    Graph *graph;                           /* SP_NODES .. SP_ETYPES */
    ModesFamily family;                     /* SP_MODES: position p holds frequency  p < n0 ? f0 + p : f1 + (p - n0) */
    Ext *n0, *f0, *f1;
    Loc loc;
};
bool space_may_be_empty(const Space *s);    /* graph, derived: yes; dims, ranges, grids: no */

struct Index { int id; const char *name; Space *space; };

/* ---- values and nodes ----------------------------------------------------------------------------------- */
typedef enum StorageKind { STORE_WHOLE, STORE_COMPACT, STORE_FULL, STORE_FUSED } StorageKind;
struct Value {
    int id;
    const char *name;                       /* dotted name in the source, or "%12" for one the compiler made */
    Dtype dt;
    int rank;
    Space **axis;
    Space *target;                          /* a map: its values are positions of this space (dt is i32); else NULL */
    StorageKind storage;                    /* chosen by passes; never changes meaning */
    bool structural;                        /* known when the structure is bound: graph maps, maps that spaces or fibres need, and
                                             * what is computed from those alone (set by the structure pass) */
    int again;                              /* > 0: computed again, for recomputation number so: never the same as an equal value that isn't */
    Node *node; int result;                 /* its producer and place there */
    Loc loc;
};

typedef enum NodeKind { N_INPUT, N_PARAM, N_CONST, N_COMPUTE, N_RECUR, N_TRANSFORM, N_SELECT, N_FACTOR, N_ITERATE, N_DERIVE } NodeKind;
typedef enum TransformKind { TR_FORWARD, TR_INVERSE } TransformKind;
typedef enum SelectKind { SEL_TOP, SEL_SORT } SelectKind;
typedef enum FactorKind { F_CHOLESKY, F_SOLVE, F_LSTSQ, F_LOGDET, F_INVERSE, F_QR, F_SVD, F_EIGH, F_EIG } FactorKind;
typedef enum DeriveKind { DV_UNIQUE, DV_JOIN, DV_FILTER } DeriveKind;

/* One member of a recurrence.  For t in order (T.first..T.last, or backwards), for each member in list order, for all other
 * indices: member[idx] = expr.  Reads of members inside the group have a time subscript  t + c  or  t - d  with d an index of a
 * range; what lies before the first element (after the last, reversed) is 0 unless `before` gives it. A member may be read by
 * other members of the same step if it precedes them in the list. */
typedef struct Before { int64_t offset; /* -1: one before the first */ Index **idx; /* idx[time_axis] is NULL */ X *expr; } Before;
typedef struct Member {
    Value *value;
    Index **idx;                            /* rank of them; idx[time_axis] is the group's time index */
    int time_axis;
    X *expr;
    VEC(Before) before;
} Member;

struct Node {
    int id;
    NodeKind kind;
    Loc loc;
    int n_result; Value **result;
    union {
        struct { Graph *graph; const char *role; } input;    /* role of a graph's map: "src" "dst" "etype" "ntype"; else NULL */
        struct { const char *init; double init_arg[4]; int n_init_arg; bool frozen; } param;
        struct { const double *data; int64_t n; } constant;  /* row-major; complex: re, im pairs */
        struct {
            Index **idx;                    /* one per axis of the result */
            X *expr;
            bool check_range;               /* a computed map without clamp/mod: a value outside the target is a run-time error */
        } compute;
        struct { Index *time; bool reverse; VEC(Member) member; } recur;            /* result[k] is member[k].value */
        struct { TransformKind kind; Value *in; int n; int axis[4]; } transform;    /* axis[k] of in (a grid / modes) becomes axis[k]
                                             * of the result (modes / a grid); the families are in the spaces. Last of the axes is
                                             * the half one if there is one. f32 f64 c64 c128; signed and half axes give complex
                                             * numbers forward and take them inverse, where a half one gives reals */
        struct { SelectKind kind; Value *in; int axis; bool descending; } select;   /* result[0] map into the space of axis, result[1]
                                             * the values; that axis becomes the k places (TOP) or keeps its space (SORT). Stable. */
        struct { FactorKind kind; int n_in; Value *in[2]; } factor;                 /* acts on the last two axes (last one of a vector
                                             * right-hand side); all axes before are batch */
        struct {                            /* carried[k] starts as init[k]; while not until and rounds < max: carried = next */
            int n; Value **init; Value **carried; Value **next;    /* carried[] are the values inside; result[] the last ones */
            VEC(Node *) body;               /* nodes run every round, in order; may read carried[] and anything before the iterate */
            Value *until;                   /* rank 0 bool, computed in body from carried[]; tested before each round */
            int64_t max;
            bool implicit;                  /* what is carried ends where the body maps it to itself: derivatives are those of the solution */
        } iterate;
        struct {                            /* all operands are structural maps from one domain (JOIN: from two) */
            DeriveKind kind; Space *space;  /* the space that is made; its extent is a SYM_DATA */
            int n; Value *key[8];           /* UNIQUE: the maps; JOIN: keys of the left domain; FILTER: [0] a bool over the domain */
            Value *key2[8];                 /* JOIN: keys of the right domain, pairwise equal in target */
            int64_t cut;                    /* UNIQUE, > 0: a combination with more elements than this is cut into pieces of so many, in the order
                                             * of the domain, and each has a row. Which element is in which piece is no matter: passes alone make it */
        } derive;                           /* results: UNIQUE: one map back per key (space -> target), then pair: domain -> space.
                                             * Order: lexicographic in the keys. JOIN: left: space -> A, right: space -> B, ordered by
                                             * left then right. FILTER: space -> domain, in order. */
    } u;
};

/* ---- scalar expressions ----------------------------------------------------------------------------------- */
typedef enum ScalarOp {
#define SCALAR(id, ...) OP_##id,
#include "base/scalar.def"
#undef SCALAR
    OP_COUNT
} ScalarOp;
typedef enum ScalarClass { ARITH, FLOAT, REAL, INT, CMP, LOGIC, PART } ScalarClass;
typedef enum ScalarDomain { EVERYWHERE, NOT_NEGATIVE, POSITIVE, DIVISOR, SOMEWHERE } ScalarDomain;
typedef struct ScalarInfo { const char *name; int arity; ScalarClass class_; const char *c32, *c64, *llvm; int cost; ScalarDomain defined; } ScalarInfo;
extern const ScalarInfo scalar_info[OP_COUNT];

typedef enum ReduceOp { R_SUM, R_PROD, R_MIN, R_MAX, R_ANY, R_ALL, R_LOGSUMEXP, R_ARGMIN, R_ARGMAX } ReduceOp;
extern const char *const reduce_name[];      /* "sum" ... */

typedef enum XKind { X_INT, X_REAL, X_COMPLEX, X_INDEX, X_EXT, X_READ, X_OP, X_CAST, X_BITCAST, X_IF, X_REDUCE } XKind;
struct X {
    XKind k;
    Dtype dt;                               /* of the value; indices and extents are i64 */
    Space *space;                           /* not NULL: an integer that is a position of this space (an index, a map read) */
    Loc loc;
    union {
        int64_t i;                          /* X_INT (and bool constants: 0, 1) */
        struct { double re, im; } c;        /* X_REAL, X_COMPLEX */
        Index *index;                       /* X_INDEX */
        Ext *ext;                           /* X_EXT */
        struct { Value *v; X **idx; Boundary *bnd; X **other; } read;     /* v->rank of each; other[k] for BND_ELSE. An out-of-range
                                             * subscript under BND_ZERO/ELSE makes the whole read 0/other */
        struct { ScalarOp op; int n; X *arg[3]; } op;
        struct { X *arg; } cast;            /* X_CAST: C conversion (real to int truncates; to bool: != 0; real to complex);
                                             * X_BITCAST: same width */
        struct { X *cond, *then, *other; } if_;      /* only the chosen branch exists */
        struct {
            ReduceOp op;
            int n; Index **idx;             /* bound here; ranges over the product of their spaces */
            int n_cond; X **cond;           /* conjunction; NULL cond array when none */
            X *body;
            X *other;                       /* value over nothing; NULL: the neutral element (sum 0, prod 1, any false, all true,
                                             * logsumexp -inf); min, max, argmin, argmax: NULL only when it can't be empty */
            Dtype acc;                      /* accumulates in */
        } reduce;
    } u;
};
/* Constructors; they type-check with assert (sema has diagnosed users' mistakes before) and fold nothing. */
X *x_int(Arena *a, int64_t v, Dtype dt);
X *x_real(Arena *a, double v, Dtype dt);
X *x_complex(Arena *a, double re, double im, Dtype dt);
X *x_index(Arena *a, Index *i);
X *x_ext(Arena *a, Ext *e);                            /* an extent, the literal where it is known */
X *x_size(Arena *a, Ext *e);                           /* the same, but never a literal, which takes the type of what stands beside it */
X *x_read(Arena *a, Value *v, X **idx, const Boundary *bnd /* NULL: all none */, X **other /* NULL */);
X *x_op(Arena *a, ScalarOp op, X *p, X *q /* NULL */);
X *x_cast(Arena *a, X *p, Dtype dt);                       /* p itself when it has that type */
X *x_bitcast(Arena *a, X *p, Dtype dt);
X *x_if(Arena *a, X *c, X *t, X *e);
X *x_reduce(Arena *a, ReduceOp op, int n, Index **idx, int n_cond, X **cond, X *body, X *other, Dtype acc);
/* A copy with indices replaced: from[k] by to[k]; bound indices are renewed (fresh ids from p). */
X *x_substitute(Program *p, X *e, int n, Index **from, X **to);
/* What b gives to a read of v at idx, before the first element of axis t: the other subscripts are where their rules put them, and
 * where one of those says what lies beyond, that counts. */
X *x_before_first(Program *p, const Value *v, int t, const Before *b, X **idx, const Boundary *bnd, X **other);
bool x_uses_index(const X *e, const Index *i);
bool x_reads(X *e, const Value *v);                        /* v is read in it */
bool x_equal(const X *a, const X *b);                      /* same up to names of bound indices */
/* Calls f on e and everything in it, parents first; f returning false skips the children. */
void x_walk(X *e, bool (*f)(X *e, void *data), void *data);
bool x_walk_if(X *e, bool (*f)(X *, void *), void *d, int *branch);    /* the parts of an `if`, *branch one more in the two of which one is chosen; false: x_walk need not go on */
/* Rebuilds e bottom-up: f gets each node with rebuilt children and returns its replacement. */
X *x_map(Arena *a, X *e, X *(*f)(X *e, void *data), void *data);
/* Replaces the operands of e by what f gives for each; e itself when none changes. */
X *x_map_operands(Arena *a, X *e, X *(*f)(X *e, void *data), void *data);

/* ---- programs --------------------------------------------------------------------------------------------- */
struct Graph {
    int id;
    const char *name;
    Space *src_nodes, *dst_nodes, *edges, *ntypes, *etypes;          /* src_nodes == dst_nodes unless bipartite */
    Value *src, *dst, *etype, *ntype;                                /* N_INPUT maps, or computed ones for derived graphs */
    bool given;                                                      /* comes from the caller (not reverse, filter, ...) */
};
typedef struct Output { const char *name; Value *value; } Output;
/* An extent as it is likely to be: what cost estimates use where a size is known at run time only. The name is a symbol's, or
 * "unique(f, g)" for the number of combinations that occur of maps f and g, whether the program has that space or not. */
typedef struct About { const char *name; double count; } About;
/* What a pass decided, for people: pass, what became of what, why, the estimates before and after, the runner-up and its estimate; and the
 * command of a schedule that asks for the same (ir/schedule.h). what == NULL: the command belongs to the decision before. */
typedef struct Estimate { double flops, bytes; } Estimate;
typedef struct Decision { const char *pass, *what, *why; Estimate before, after; const char *runner_up; Estimate runner; Loc loc; struct Command *command; } Decision;
typedef struct Check { Ext *a; int rel; /* '<' '=' 'L' (<=) */ Ext *b; const char *message; Loc loc; } Check;   /* tested when sizes are bound */
bool check_holds(const Check *c, const int64_t *size);       /* also when a size in it is not known yet */
const char *check_text(Arena *a, const Check *c, const int64_t *size);      /* what is wrong, and the sizes */
struct Program {
    Context *cx;
    Arena *arena;
    const char *name;                       /* the model's name */
    bool is_part;                           /* a step or the gradients of that model: the name says what a call does */
    Loc loc;
    VEC(Sym *) sym;
    VEC(Space *) space;
    VEC(Graph *) graph;
    VEC(Node *) node;                       /* in dependence order */
    VEC(Value *) input, param;              /* interface, in order of declaration; graph maps are not in it */
    VEC(Output) output;
    VEC(Check) check;
    VEC(About) about;
    VEC(struct Command *) schedule;         /* what is to be decided so: ir/schedule.h */
    VEC(Decision) decision;                 /* of all passes so far, in order; not part of the text */
    const char *later;                      /* while a pass runs: the passes after it, "compact,dce": estimates count on them */
    int n_value, n_index, n_node;           /* next dense ids */
    int again;                              /* Value.again of what is made now: a pass sets it to that of the equation at hand, then to 0 */
};
Program *program_new(Context *cx, const char *name);
Sym *program_sym(Program *p, const char *name, SymKind kind, Loc loc);
Space *program_space(Program *p, SpaceKind kind, const char *name, Ext *extent);
Index *program_index(Program *p, const char *name, Space *s);
Node *program_node(Program *p, NodeKind kind, Loc loc);              /* not yet in p->node: vec_add it where it belongs */
Value *program_value(Program *p, Node *n, const char *name, Dtype dt, int rank, Space **axis);   /* appended to n's results */
const char *node_kind_name(NodeKind k);

/* ---- text (print.c, read.c): program_read(program_print(p)) prints the same bytes ------------------------------ */
void program_print(const Program *p, Writer *w);
Program *program_read(Context *cx, int source);                      /* NULL after diagnostics; never crashes on any text */

/* ---- verify.c: everything this header promises; false after diagnostics with id D_IR_INVALID -------------------- */
bool program_verify(Program *p, const char *after);

/* ---- query.c: predicates ------------------------------------------------------------------------------------- */
/* A condition of a reduction that names a fibre: `map chain of bound index = value free of bound indices`. */
bool reduce_fibre(const X *reduce, int cond, Index **bound, X **map_side, X **value_side);
const X *x_uncast(const X *e);                                       /* without casts to whole numbers around it */
bool is_filter_map(const Value *v);                                  /* the way back F.e of a filtered space */
/* The map of which another, of a filtered space, is a part: dst of  m[f] = dst[F.e[f]];  NULL: it is none. */
Value *map_filtered(const Value *map);
bool compute_is_pointwise(const Node *n);
bool compute_is_contraction(const Node *n);                          /* sum of a product of reads */
/* `of` but for one slice of its first axis:  if i = at then x else of[i, ..]. */
bool compute_updates_slice(const Node *n, const Value *of, X **at, X **x);
bool x_has_reduce(X *x);
bool x_in_range(X *x);                                               /* all its reads are in range whatever `if`s and conditions it stands in */
/* Reads of `v` in a node's expressions (members, iterate bodies included). */
bool node_reads(const Node *n, const Value *v);
void node_each_expr(Node *n, void (*f)(X *e, void *data), void *data);
/* Every value that a node reads: operands, reads in expressions; of an iterate also what its body reads. */
void node_each_use(const Node *n, void (*f)(Value *v, void *data), void *data);
#endif
