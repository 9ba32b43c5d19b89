/* ast.h - the syntax tree of a .pgn file, as written: names are unresolved, nothing is checked but the grammar.
 * Produced by grammar/pigeon.y, read by sema/ and by the formatter.  All of it lives in cx->arena. */
#ifndef PIGEON_AST_H
#define PIGEON_AST_H
#include "base/base.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;
typedef struct Name { const char *s; Loc loc; } Name;             /* s is interned; dotted names keep their dots */

typedef enum ExprKind {
    E_INT, E_REAL, E_IMAG, E_BOOL, E_STRING,   /* 3   0.5   1i   true   "a.pgn" */
    E_NAME,        /* x   g.nodes   h1.W   T.first   (a dotted path is one name) */
    E_SUBSCRIPT,   /* base[ sub, sub, ... ]; base is any postfix expression */
    E_CALL,        /* f(a, b, k = c): scalar function, model instance arguments, size(d), freq(k), coord(x), grad(..) */
    E_UNARY,       /* - not ~ */
    E_BINARY,      /* see BinOp */
    E_IF,          /* if a then b else c: arg[0..2] */
    E_REDUCE,      /* sum(i, e: dst(e) = v and etype(e) = r, j) body [else other];  any(i) x[i] < 0 */
    E_SOFTMAX,     /* softmax(e by dst(e), etype(e)) body,  softmax(s: s <= t) body: name "softmax" or "log_softmax" */
    E_TUPLE,       /* (m, p) as a subscript; (heads, dk) as an axis */
    E_RANGE,       /* -1..1 */
    E_TRANSFORM,   /* fft(x, z -> k, l) body: name is fft, ifft, ... */
    E_FACTOR,      /* cholesky(i, j) A[b,i,j];  solve(i, j) A[..], b[..]: name, index names, one or more bodies */
    E_SELECT,      /* top(4; m by score[t,m]), sort(m by x[m]), argsort(...), cumsum(t) x[t] */
    E_WRT,         /* grad(loss wrt W), vjp(y, c wrt x), jvp(y wrt x, v): arg[1] is what stands behind wrt */
    E_PRIME        /* x' (only inside iterate and update) */
} ExprKind;

typedef enum BinOp { B_ADD, B_SUB, B_MUL, B_DIV, B_FLOORDIV, B_MOD, B_POW, B_EQ, B_NE, B_LT, B_LE, B_GT, B_GE, B_AND, B_OR,
                     B_BITAND, B_BITOR, B_BITXOR, B_SHL, B_SHR } BinOp;
typedef enum UnOp { U_NEG, U_NOT, U_BITNOT } UnOp;

/* What a subscript does beyond the edge, when it says so: z[(k+i) mod d]  z[k+1 else 0]  u[x+1 periodic]  ... */
typedef enum EdgeRule { EDGE_DEFAULT, EDGE_ELSE, EDGE_ZERO, EDGE_PERIODIC, EDGE_REFLECT, EDGE_REPLICATE } EdgeRule;
typedef struct Subscript { Expr *e; EdgeRule edge; Expr *other; Loc loc; } Subscript;   /* `mod d`: EDGE_PERIODIC over e */

/* One item of a reduction's parentheses: `i`, or `e: cond` (conditions stand with the index that precedes the colon). */
typedef struct Binder { Name index; Expr *cond; } Binder;         /* cond may be NULL */
typedef struct NamedArg { Name name; Expr *value; } NamedArg;     /* name.s NULL: positional */

struct Expr {
    ExprKind kind;
    Loc loc;
    int64_t i;                      /* E_INT, E_BOOL */
    double r;                       /* E_REAL, E_IMAG */
    const char *spelling;           /* numbers as written, for the formatter */
    Name name;                      /* E_NAME; E_REDUCE/E_SOFTMAX/E_TRANSFORM/E_FACTOR/E_SELECT/E_WRT: the keyword */
    int op;                         /* BinOp or UnOp */
    VEC(Expr *) arg;                /* operands, bodies, tuple parts, range ends (lo, hi), softmax `by` keys after arg[0] = body,
                                     * E_SELECT: [0] = body, [1] = count when there is one */
    VEC(NamedArg) call;             /* E_CALL: arguments; the callee is arg[0] (an E_NAME, or an E_CALL for model(...)(...)) */
    VEC(Subscript) sub;             /* E_SUBSCRIPT: base is arg[0] */
    VEC(Binder) bind;               /* E_REDUCE, E_SOFTMAX; E_FACTOR and E_SELECT: the bound indices */
    VEC(Name) from, to;             /* E_TRANSFORM */
    Expr *other;                    /* E_REDUCE: the else part */
    const char *dtype;              /* E_REDUCE: `acc f32`; E_CALL of bitcast/convert: the type */
    int height;                     /* of the tree below; bounded by the parser, so that walks may recurse */
    bool parens;                    /* was written in parentheses (formatter) */
};

/* An axis of a declared tensor is an expression: in, g.nodes, (heads, dk), in + out, -1..1, X/2, 64 */
typedef struct Decl {               /* one name of `input a[..]: f64, b[..]`, `param W[..] init glorot frozen`, ... */
    Name name;
    VEC(Expr *) axis;
    const char *dtype;              /* NULL: default */
    Expr *init;                     /* param: init call or name; const: its value; NULL if absent */
    bool frozen;
    EdgeRule edge;                  /* of a grid */
    bool is_map;                    /* map f: A -> B  (or  map f[..]: A -> B as an input) */
    VEC(Expr *) from;               /* domain spaces of a map */
    Expr *to;                       /* target space of a map */
    Expr *value;                    /* computed map: map cell[q]: Q -> X = clamp(...) ; the out-of-range rule is in `edge` */
    VEC(Name) index;                /* computed map: its index names, if given */
    Loc loc;
} Decl;

typedef enum StmtKind {
    S_DIM,        /* dim d = 64, e = 2*d */
    S_SEQ,        /* seq T                     (also as model arguments) */
    S_GRID,       /* grid X periodic = n */
    S_GRAPH,      /* graph b over a;  graph r = reverse(a);  graph s = self_loops(a);  graph f = a where etype = 3;  graph g: users -> items */
    S_SPACE,      /* space P = unique(src, etype);  space Q = join(e: A, f: B where cond);  space R = filter(e: A where cond) */
    S_MODES,      /* modes k of X keep m signed, l of Z keep m half */
    S_INDEX,      /* index e: g.edges, i: in, d, f: -1..1 */
    S_INPUT, S_PARAM, S_CONST, S_MAP,
    S_OUTPUT,     /* output y   or   output y[v, j] = ... (then rhs is set too) */
    S_LET,        /* let f(x, y) = ... */
    S_EQUATION,   /* lhs = rhs; lhs an E_NAME or E_SUBSCRIPT; several left sides: r, val = top(...) or q[..], r[..] = qr(..) .. */
    S_REPEAT,     /* repeat l: 0..L { ... } */
    S_ITERATE,    /* iterate x, r = x0, b until cond max n { x' = ...; } */
    S_SCHEDULE,   /* schedule name for target { ... }: kept as text */
    S_OPTIMIZE,   /* optimize loss with adamw(lr = 0.01) over "h1.*": rhs is the loss and the call, expr the patterns (E_STRING) */
    S_STATE       /* state m = 0  (update programs) */
} StmtKind;

struct Stmt {
    StmtKind kind;
    Loc loc;
    VEC(Decl) decl;                 /* DIM SEQ GRID INPUT PARAM CONST MAP STATE: the names declared */
    Name name;                      /* GRAPH SPACE LET REPEAT: the name defined */
    VEC(Name) index;                /* INDEX, MODES, LET, REPEAT: names; several may share one space */
    VEC(Expr *) expr;               /* INDEX: the space of index[k] is expr[k]; MODES: the grid of index[k]; GRAPH/SPACE: operands */
    VEC(Expr *) lo, hi;             /* MODES: keep lo..hi (`keep m`: lo NULL, hi = m); NULL hi: all */
    VEC(Name) word;                 /* MODES: family of index[k]: signed half cosine sine;  GRAPH/SPACE: operator word first */
    VEC(Binder) bind;               /* SPACE join/filter */
    Expr *cond;                     /* SPACE/GRAPH where; ITERATE until */
    Expr *count;                    /* ITERATE max; REPEAT hi */
    VEC(Expr *) lhs;                /* EQUATION, OUTPUT, ITERATE (names) */
    VEC(Expr *) rhs;                /* EQUATION: one; ITERATE: start values; LET, REPEAT lo: one */
    VEC(Stmt *) body;               /* REPEAT, ITERATE */
    const char *text;               /* SCHEDULE */
    bool implicit;                  /* ITERATE */
    bool is_output;                 /* EQUATION written with `output` */
    const char *dtype;              /* EQUATION: y[..]: f64 = ... */
};

typedef enum ModelArgKind { A_GRAPH, A_DIM, A_SEQ, A_GRID, A_VALUE } ModelArgKind;   /* A_VALUE: slope = 0.2, act = relu */
typedef struct ModelArg {
    Name name;
    ModelArgKind kind;
    Expr *from, *to;                /* graph g: users -> items */
    Name over;                      /* graph b over a */
    EdgeRule edge;                  /* grid */
    Expr *value;                    /* default; for a dim too */
    bool tensor;                    /* of an update: stands before the `;` */
    VEC(Name) index;                /* update muon(p[i, j], g; lr): names of the last axes */
    Loc loc;
} ModelArg;

typedef struct Model {
    Name name;
    bool is_update;                 /* update lion(p, g; lr, ...) */
    VEC(ModelArg) arg;
    VEC(Stmt *) body;
    struct Unread *unread;          /* a body that no call has asked for yet: see model_read */
    bool broken;                    /* the body was read and is wrong, which was said */
    Loc loc;
    int file;
} Model;

typedef struct Use { const char *path; Loc loc; struct File *file; } Use;      /* file: once it was read */
typedef struct File {               /* one .pgn file; `use`d files are parsed by sema on demand */
    int source, walk;               /* walk: the last search that came through (cx->walks) */
    VEC(Use) use;
    VEC(Model *) model;
    VEC(Stmt *) top;                /* top-level let, const, dim, schedule */
} File;

/* Parses cx->source[source]; NULL after diagnostics. All syntax errors of the file are reported. */
File *parse_file(Context *cx, int source);
/* The same for a file that is `use`d: its words, brackets, heads of models and top are read, the bodies of models when something asks for them:
 * a program pays for what it names.  What is wrong inside a body that nobody names is said when the file itself is checked. */
File *parse_used(Context *cx, int source);
bool model_read(Context *cx, Model *m);         /* the body is there; false after diagnostics */
/* The canonical layout of a file: parse(format(f)) is the same tree and format is idempotent; comments stay. */
void format_file(Context *cx, const File *f, Writer *w);
/* An expression as source text, for messages. */
const char *expr_text(Context *cx, const Expr *e);
#endif
