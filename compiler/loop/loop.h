/* loop.h - the intra-operator IR: structured loops over buffers.  lower/ makes it, the targets only print it.
 *
 * A Unit is one model, lowered: size symbols, buffers, kernels, and two host procedures, `bind` (once per structure: builds
 * fibres and derived spaces, always on the CPU) and `run` (every call).  Complex numbers don't exist here: a c64 buffer is f32 pairs
 * (re, im) and lowering has split every complex expression in two.  Registers hold f64, f32, i64, i32 and bool; i8, u8, f16 and bf16
 * exist only in buffers (L_LOAD widens to i32 / f32, L_STORE narrows: integers wrap, floats round to nearest even). */
#ifndef PIGEON_LOOP_H
#define PIGEON_LOOP_H
#include "ir/ir.h"

typedef struct LX LX;
typedef struct LS LS;

typedef enum BufRole { BUF_GRAPH, BUF_INPUT, BUF_PARAM, BUF_OUTPUT,   /* the caller's; `iface` is its place in that list */
                       BUF_CONST,                                   /* data in the artifact */
                       BUF_PLAN,                                    /* made by bind, kept in the plan */
                       BUF_WORK,                                    /* in the workspace of a run */
                       BUF_LOCAL } BufRole;                         /* of a kernel's own, one per item; its count is a constant */
typedef struct Buf {
    int id;
    const char *name;                  /* unique, a C identifier */
    Dtype dt;                          /* element type in memory; complex never (see above) */
    Ext *count;                        /* elements; over unit->sym. 0 is allowed: then the pointer may not be read */
    BufRole role; int iface;
    const Value *of;                   /* whose elements it holds, or NULL. Not part of the text */
    const double *data;                /* BUF_CONST */
    bool read_only;                    /* never written by a kernel of run */
    int first, last;                   /* BUF_WORK: the steps of run between which it is in use; filled by loop_finish() */
    Loc loc;
} Buf;

typedef struct Var { int id; const char *name; Dtype dt; bool mutable_; int reads; } Var;     /* name is unique in its kernel, a C identifier; reads: loop_finish()'s */

typedef enum LXKind { LX_INT, LX_REAL, LX_VAR, LX_SIZE, LX_LOAD, LX_OP, LX_CAST, LX_BITCAST, LX_SELECT } LXKind;
struct LX {
    LXKind k;
    Dtype dt;                          /* f64 f32 i64 i32 bool */
    int64_t i; double r;               /* LX_INT (bool too), LX_REAL */
    Var *var; Ext *size;               /* LX_VAR, LX_SIZE (i64) */
    Buf *buf; LX *index;               /* LX_LOAD buf[index] (index i64); */
    ScalarOp op; int n; LX *arg[3];    /* LX_OP; LX_CAST and LX_BITCAST arg[0]; LX_SELECT cond, then, else (both sides are total);
                                        * LX_LOAD: arg[0] guard (bool) or NULL: when false nothing is read and the value is 0 */
};

typedef enum LoopKind {
    LOOP_SERIAL,
    LOOP_LANE        /* iterations are independent but for `red`: CPU vector lanes; CUDA threads of the block */
} LoopKind;
typedef struct LaneReduce { Var *var; ScalarOp op; } LaneReduce;     /* ADD MUL MIN MAX AND OR; var is a mutable of the enclosing body */
typedef enum LSKind { LS_FOR, LS_LET, LS_VAR, LS_SET, LS_STORE, LS_IF, LS_BARRIER, LS_BREAK_IF, LS_PREFETCH, LS_COMMENT } LSKind;
typedef VEC(LS *) Block;
struct LS {
    LSKind k;
    Loc loc;
    Var *var; LX *x;                   /* LET VAR SET: var, value;  STORE: x value;  IF: x condition;  FOR: var */
    LX *lo, *hi; LoopKind loop;        /* FOR var in lo..hi (hi exclusive), step 1 */
    VEC(LaneReduce) red; int width;    /* LOOP_LANE; width > 0: so many lanes at once serve the body best */
    int unroll;                        /* LOOP_SERIAL: > 0: so many rounds at a time */
    Block body, other;                 /* FOR, IF */
    Buf *buf; LX *index;               /* STORE buf[index] = x, if guard;  PREFETCH: buf[index] will be read soon, in all lanes */
    LX *guard;
    const char *text;                  /* COMMENT */
};

/* A kernel is a parallel loop over item 0..extent-1; items are independent. All its buffers are distinct (no aliasing).
 * FLAT: no LANE loop inside a CUDA thread's work: one thread per item.  BLOCKED: one block per item, LANE loops over its threads. */
typedef enum KernelMap { MAP_FLAT, MAP_BLOCKED } KernelMap;
typedef struct Kernel {
    int id;
    const char *name;                  /* C identifier, says which tensors: "y", "softmax_a" */
    const char *what;                  /* one line for the reader: the equation */
    Var *item; Ext *extent;
    KernelMap map;
    Block body;
    VEC(Buf *) buf;                    /* used, in order of first use; filled by loop_finish() */
    VEC(bool) writes, reads;
    Loc loc;
    int64_t work;                      /* rough operations per item, for the grain of the parallel loop; negative: a thread takes so many items at a time, or more */
} Kernel;

/* Calls into libpigeon that host procedures make: one row each in rtcall.def. */
typedef enum RtCall {
#define RTCALL(id, function, what) RT_##id,
#include "loop/rtcall.def"
#undef RTCALL
    RT_COUNT
} RtCall;
typedef enum LHKind {
    LH_ALLOC,       /* bind: gives BUF_PLAN buf its memory (its count is known by now) */
    LH_KERNEL,      /* launch and wait (in stream order) */
    LH_CALL,        /* st = call(env, ints, buffers (NULL: that result is not wanted)); gives `result` its value */
    LH_COPY,        /* dst = src, same type and count */
    LH_CHECK,       /* sizes: fail with `message` unless a rel b */
    LH_LOOP         /* rounds: before each, read flag[0] (bool buffer); stop when true or after `max` rounds; body */
} LHKind;
typedef struct LH LH;
typedef VEC(LH *) HostBlock;
struct LH {
    LHKind k;
    Loc loc;
    Kernel *kernel;
    Buf *dst, *src;                    /* ALLOC: dst; COPY; LOOP: src = flag */
    RtCall call;
    VEC(Ext *) arg; VEC(Buf *) buf; Sym *result;
    Ext *a, *b; int rel; const char *message;
    int64_t max; HostBlock body, head; /* LOOP: head computes the flag, then the test, then body */
};

typedef struct IfaceItem { const char *name; Dtype dt; int rank; Ext *extent[8]; Ext *target; Buf *buf; const char *init; double init_arg[4]; int n_init_arg; bool frozen; } IfaceItem;
typedef struct IfaceGraph { const char *name; int sym_src_nodes, sym_dst_nodes, sym_edges, sym_ntypes, sym_etypes; /* sym ids; -1 none */
                            Buf *src, *dst, *etype, *ntype; /* NULL when unused */ } IfaceGraph;
/* Units for other kinds of graphs, and their estimated times (pgn_choice of pigeon/model.h); n - 1 units beside the one that has it. Not part of the text. */
typedef struct Choice { int graph, n, n_point[5]; float *at, *time; struct Unit **unit; } Choice;
typedef struct Unit {
    Context *cx; Arena *arena;
    const char *name; const char *signature;      /* the model's head line, for comments */
    bool is_part;                                 /* Program.is_part */
    VEC(Sym *) sym;                               /* program's, same ids */
    VEC(Buf *) buf;
    VEC(Kernel *) kernel;
    HostBlock bind, run;
    VEC(IfaceGraph) graph;
    VEC(IfaceItem) input, param, output;
    VEC(bool) input_structural;                   /* inputs (maps) that bind needs: given at plan time, not at run time */
    Choice *choice;                               /* NULL: there is one program only */
    int64_t limit;                                /* of the workspace of a run, in bytes; 0: none. Not part of the text */
} Unit;

/* loop.c: constructors fold constants */
LX *lx_int(Arena *a, int64_t v); LX *lx_bool(Arena *a, bool v); LX *lx_real(Arena *a, double v, Dtype dt);
LX *lx_var(Arena *a, Var *v); LX *lx_size(Arena *a, Ext *e);
LX *lx_load(Arena *a, Buf *b, LX *index, LX *guard);
LX *lx_op(Arena *a, ScalarOp op, LX *p, LX *q); LX *lx_cast(Arena *a, LX *p, Dtype dt); LX *lx_bitcast(Arena *a, LX *p, Dtype dt);
LX *lx_select(Arena *a, LX *c, LX *t, LX *e);
Dtype register_type(Dtype memory);                /* i8 u8 -> i32; f16 bf16 -> f32; the rest itself */
int64_t loop_size(const Unit *u);                  /* statements and operations of all kernels: what compiling them costs */
void loop_lifetimes(Unit *u);                      /* Buf.first/last alone, after steps have moved */
void loop_finish(Unit *u);                        /* drops what nothing reads, fills Kernel.buf/writes and Buf.first/last, makes names unique C identifiers */
/* print.c / read.c / verify.c */
void unit_print(const Unit *u, Writer *w);
Unit *unit_read(Context *cx, int source);
bool unit_verify(Unit *u, const char *after);
/* lower/ */
typedef struct Machine { int vector_bytes, registers; } Machine;     /* of the vector unit that register tiles are made for */
/* NULL after diagnostics. machine NULL: no register tiles (text for people, GPUs). */
Unit *lower_program(Program *p, const Machine *machine);
/* The same with a workspace of at most `limit` bytes, with the sizes that estimates count on where they are not known: what waits for late readers is computed
 * again, in *p, which is another program then. *least: the bytes of the smallest that was found, which is what is given back when none fits. */
Unit *lower_within(Program **p, const Machine *machine, double limit, double *least);
#endif
