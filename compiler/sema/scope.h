/* scope.h - names of one model instance; private to sema/.
 *
 * A tensor is elaborated when it is first read (Def.state), so the program comes out in dependence order; what is read while it is
 * being elaborated is a circle, unless recur.c has found the whole group first. */
#ifndef PIGEON_SCOPE_H
#define PIGEON_SCOPE_H
#include "sema/sema.h"
typedef struct Scope Scope;
typedef enum { B_SPACE, B_INDEX, B_DEF, B_GRAPH, B_LET, B_CONST, B_FUNCTION, B_LAYER, B_POISON } BindKind;
typedef struct Def {                 /* a tensor: an input or parameter (value set), or equations */
    const char *name; Loc loc; Scope *scope;
    VEC(Stmt *) eq;                  /* equations; whole-tensor assignment or call: one with lhs a name */
    Stmt *repeat;                    /* the repeat that carries it; its start value is in eq */
    Stmt *iterate;                   /* the iterate that carries it */
    Stmt *many;                      /* the equation with several left sides that gives it */
    Decl *decl;                      /* computed map */
    int state;                       /* 0 not begun, 1 under way, 2 done */
    Value *value;                    /* NULL after an error */
    int group;                       /* of a recurrence, 0: none */
    bool listed;                     /* it is in its scope's def */
} Def;
typedef struct Bind {
    const char *name; BindKind kind; Loc loc;
    Space *space; Graph *graph; Def *def; Stmt *let; Expr *expr; Scope *scope;     /* by kind; LAYER: scope of the instance (NULL: not called yet) */
    Model *model; Expr *call; const char *function;
    bool checkpoint;                 /* LAYER: y = checkpoint(layer(..)(..)) */
    bool unknown;                    /* POISON: nothing declares it, which was said */
    Decl *declared;                  /* CONST: its declaration; a map that a derived space needed before its turn */
} Bind;
struct Scope {
    Scope *up; Model *model; File *file; const char *prefix;
    const char *round;               /* inside a repeat: "0", "0.1", ...; names of layers get it */
    Stmt **body; int n_body; bool entry;
    VEC(Bind) bind;
    VEC(Def *) def;
    VEC(const char *) order; int n_needed;      /* names in the order of elaboration; those that outputs need come first */
    Arena *a; int *slot; int cap, hashed;       /* scope_find's table of bind, made when there are many */
    VEC(const char *) output; VEC(Loc) output_at;
    Loc call;
};
typedef struct Local { const char *name; Index *index; X *x; struct Local *up; } Local;     /* an index in scope, or an argument of a let */
typedef struct Unique { int n; Value *key[8]; Value *pair; } Unique;
typedef struct Drawn { const Expr *x; const Scope *scope; const char *of; int count; } Drawn;      /* a call of random.* */
typedef struct Asked { Value *y, *seed; struct Diff *diff; } Asked;                            /* derivatives of one value share their work */
typedef struct Sema {
    Context *cx; Arena *a; Program *p; Dtype real; const Fixed *fixed; int n_fixed; bool *fixed_used;
    VEC(File *) file; File *prelude; int counter; Bind *none;
    VEC(struct Calling { Expr *call; Scope *home; }) calling;     /* layers under way */
    VEC(Model *) active; VEC(Stmt *) active_let; VEC(Expr *) active_const;
    int level, unrolled;             /* of nested expressions; how many calls and rounds so far */
    Scope *top;                      /* names that every model sees */
    Node *recur;                     /* the recurrence whose members are being typed */
    const char *defining;            /* dotted name of the tensor whose equation is being typed */
    VEC(Drawn) drawn; VEC(Node *) implied;      /* random calls so far; inputs that expressions imply: seed, step */
    bool training, gradients;        /* what the word `training` says; a training program that ends with the gradients */
    VEC(Asked) asked;
    VEC(struct Unique) unique;       /* spaces that softmax over several keys has made */
    VEC(struct Special { const Model *update; int rank; bool gnorm; Model *m; }) special;      /* updates for parameters with so many axes */
} Sema;
typedef struct Ended { const Expr *head; const struct Ended *up; } Ended;                   /* a reduction whose body ended at the `+` before this place */
typedef struct Env { Sema *s; Scope *scope; Local *local; const Ended *ended; } Env;
static inline Env env_of(Sema *s, Scope *c) { return (Env){ .s = s, .scope = c }; }

/* scope.c */
Bind *scope_find(Scope *s, const char *name);
Bind *scope_add(Sema *s, Scope *c, Name n, BindKind k);
void bind_function(Bind *b, Bind *to);
void unknown_name(Env *e, Name n);                 /* no diagnostic if the name was reported before */
void unknown_function(Env *e, Name n);
void undefined_output(Env *e, Name n);
Space *space_of(Env *e, Expr *x);                  /* NULL after a diagnostic */
Ext *extent_of(Env *e, Expr *x);
Space *space_sum(Sema *s, Space **part, int n);
Space *space_product(Sema *s, Space **part, int n);
Space *space_scaled(Sema *s, Space *g, int num, int den);
int64_t coarse_step(Sema *s, Space **g);           /* of X/2: 2, and *g becomes X; 1 for others */
Space *shared_space(Sema *s, SpaceKind k, const char *name, Ext *extent, Space **part, int n);
Model *find_model(Sema *s, File *f, const char *name);
/* expr.c */
X *type_expr(Env *e, Expr *x);                     /* NULL after a diagnostic */
X *coerce(Env *e, X *x, Dtype want, Loc at);       /* implicit promotion, or NULL after a diagnostic */
Value *materialise(Env *e, X *x, Index **idx, int n, const char *name, Loc loc);
bool in_step(Env *e, X *x, Loc loc);
X *as_number(Env *e, X *x);                        /* an index as the number it stands for */
int free_indices(Env *e, X *x, Index **out, int max);
Index *local_index(Env *e, const char *name);
void push_index(Env *e, const char *name, Index *i);
bool is_real(const X *x);
bool unrolled(Sema *s, Loc at);                    /* one call or round more; false after a diagnostic: too many */
Dtype wider_type(Dtype p, Dtype q);                /* the common type of two numbers */
/* random.c */
bool is_random(const char *f);
X *type_random(Env *e, Expr *x, X **arg, int n);   /* NULL after a diagnostic */
Value *program_input_of(Sema *s, const char *name, Loc at);      /* seed, step: made when first read */
void program_add_implied(Sema *s);
/* optimize.c */
bool has_optimize(Stmt *const *body, int n);
void run_optimize(Sema *s, Scope *c, Stmt *const *body, int n);  /* the step: derivatives, updates, what comes next as outputs */
/* update.c */
Model *update_model(Sema *s, const Model *u, int rank, bool gnorm, Loc at);   /* u for a parameter with that many axes; NULL after a diagnostic */
int update_tensors(const Model *u);                 /* how many arguments are tensors: the parameter, its gradient, .. */
bool update_reads(Sema *s, const Model *u, const char *name);
/* constant.c */
bool constant_value(Env *e, Expr *x, double *re, double *im);
bool constant_list(Env *e, Expr *x, Dtype dt, double *out, int64_t *n, int64_t max);
/* subscript.c */
Boundary boundary_of(EdgeRule grid);                /* of a grid as it is declared; zero when it says nothing */
X *literal_position(Env *e, Space *axis, const X *q, const char *what, Loc at);
X *read_tensor(Env *e, Value *v, Expr *at, Subscript *sub, int n, const char *name);
/* reduce.c */
X *type_reduce(Env *e, Expr *x);
X *type_softmax(Env *e, Expr *x);
X *type_transform(Env *e, Expr *x);
X *type_scan(Env *e, Expr *x);
Index *bind_index(Env *e, Name n);
void conjunction(Arena *a, X *x, X **out, int *n, int max);
/* factor.c */
X *type_factor(Env *e, Expr *x);
bool define_many(Sema *s, Stmt *st, Scope *c);     /* the tensors of an equation with several left sides */
/* derive.c */
Space *derive_space(Sema *s, Bind *b);             /* unique, join, filter: made when first named */
void derive_graph(Sema *s, Scope *c, Stmt *st);
Value *unique_pair(Env *e, Value **key, int n, Loc at);
bool is_structural(X *x);
/* iterate.c */
void run_iterate(Sema *s, Def *d);
/* derivative.c */
Value *derivative(Env *e, Expr *x);                /* grad(L wrt W), vjp(y, c wrt x), jvp(y wrt x, v) */
/* build.c */
void add_graph(Sema *s, Scope *c, ModelArg *m);
Model *std_model(Sema *s, const char *name);
/* layer.c */
Expr *checkpointed(Expr *x);                       /* checkpoint(x), the call: x; else NULL */
Value *checkpoint_of(Sema *s, Value *v);           /* checkpoint(v) of a whole tensor */
Value *tensor_value(Env *e, Expr *x);              /* a whole tensor by name: x, h1, h1.y, h1.W */
Value *layer_output(Env *e, Bind *b, Loc at);       /* h1[v, j]: the one output of a layer */
void layer_check(Env *e, Bind *b);                   /* elaborates a called layer that nothing has read */
/* equation.c */
Value *def_value(Sema *s, Def *d);
Scope *instantiate(Env *e, Model *m, Expr *generic, Expr *args, const char *prefix, Loc at);
Value *define(Sema *s, Def *d);
const char *dotted(Sema *s, Scope *c, const char *name);
Def *equation_def(Sema *s, Scope *c, Name n);
void add_array(Sema *s, Scope *c, Decl *d, StmtKind k, bool entry);
void declare_body(Sema *s, Scope *c, Stmt **body, int n, bool entry);
/* parts.c */
typedef struct Part Part;
typedef struct Parts {               /* the equations that define one tensor together, and its axes */
    const char *name; Stmt **eq; int n_eq, rank, skip;       /* skip: the dimension that is no matter here; -1: none */
    bool plain;                      /* one equation, whose subscripts are indices */
    Part *part;                      /* of equation q, dimension k: part[q * rank + k] */
    Space **axis;
    Dtype want; Loc at;              /* the type that every part is to have (NONE: the widest of them); the right side that the type is from */
} Parts;
bool parts_find(Sema *s, Scope *c, const char *name, Stmt **eq, int n_eq, int skip, Parts *r);      /* false after a diagnostic */
X *parts_join(Sema *s, Scope *c, Parts *r, Index **idx);      /* the value at idx, from all equations; NULL after a diagnostic */
Index *left_index(Env *e, Expr *u, const char *tensor);
bool is_scaled_place(Env *e, Space *axis, Expr *x);
int leading_spaces(Env *e, Expr *x, Expr *lead[8], Expr **leaf);
/* order.c */
void check_sizes(Sema *s);                                           /* sizes.c: of all spaces; once, when they are there */
void order_scope(Sema *s, Scope *c);
void order_elaborate(Sema *s, Scope *c, bool all);
/* recur.c */
bool recur_elaborate(Sema *s, Def *d);
#endif
