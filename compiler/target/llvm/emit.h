/* emit.h - private to target/llvm: the state of one module and of one function being printed.
 *
 * A Val is a value of the loop IR inside a lane loop of `width` lanes (width 1: ordinary scalar code).  It is a vector (lanes ==
 * width), or a scalar that stands for all lanes: lane number l then has  v + stride * l .  So the index  base + lane  stays one
 * scalar with stride 1, and a load at it is one vector load. */
#ifndef PIGEON_TARGET_LLVM_EMIT_H
#define PIGEON_TARGET_LLVM_EMIT_H
#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/TargetMachine.h>
#include "target/llvm/llvm.h"

typedef LLVMValueRef LV;
typedef LLVMTypeRef LT;
#define MAX_LANES 256                 /* four 512-bit registers of the smallest elements */

/* ---- machine.c: what the code is made for ----------------------------------------------------------------- */
typedef struct Target {
    LLVMTargetMachineRef tm;
    LLVMTargetDataRef layout;
    char *triple;                      /* LLVM's to dispose */
    int vector_bits;                   /* of one register; 0: no vectors */
    int n_vector_registers;
    bool masked_memory;                /* masked loads and stores of 32- and 64-bit elements are single instructions */
    bool masked_bytes;                 /* of 8- and 16-bit elements too */
    bool half;                         /* f16 conversions are instructions */
    bool min_number;                   /* so are min and max that prefer a number to a NaN */
    bool streams;                      /* stores that don't fetch the line are worth a branch */
} Target;
bool machine_open(Context *cx, const LlvmOptions *o, Target *m);      /* false after a diagnostic */
void machine_close(Target *m);
/* Verifies, optimises and prints.  *out is LLVM's memory buffer. */
bool machine_emit(Context *cx, Target *m, LLVMModuleRef mod, int opt, LlvmOutput kind, LLVMMemoryBufferRef *out);

/* ---- a map from the loop IR's nodes to what was made of them; never iterated, so addresses don't order anything --- */
typedef struct MapEntry { const void *key; int epoch; union { void *p; int64_t i; } u; int64_t extra; int lanes; } MapEntry;
typedef struct Map { Arena *a; MapEntry *at; size_t n, cap; } Map;
MapEntry *map_find(Map *m, const void *key);                 /* NULL when absent */
MapEntry *map_add(Map *m, const void *key);                  /* found or new */

/* ---- module.c ---------------------------------------------------------------------------------------------- */
typedef struct Mod {
    Context *cx; Arena *a;
    const LlvmOptions *o; const Target *machine;
    LLVMContextRef c; LLVMModuleRef mod; LLVMBuilderRef b;
    LT i1, i8, i16, i32, i64, f32, f64, f16, ptr, void_;
    LV zero_cell;                      /* eight zero bytes: where a load with a false guard reads */
    LV *const_data;                    /* per buffer of the unit being emitted: its global, or NULL */
    Unit *u;
    LLVMDIBuilderRef di; LLVMMetadataRef *di_file; LLVMMetadataRef di_unit;      /* debug only */
    unsigned md_scope, md_noalias, md_loop, md_nontemporal;
} Mod;
/* The module of n units in each set, with a machine for each; NULL after a diagnostic. */
LLVMModuleRef module_of(Context *cx, const LlvmSet *set, int n_set, int n, const LlvmOptions *o, const Target *m, LLVMContextRef c);
/* record.c: the pgn_model of m->u, internal unless it has the variants, which are its other sets */
LV module_model(Mod *m, LV *kernels, const char *needs, LV *variant, int n_variant, LV choice);
LV module_choice(Mod *m, const Choice *c, LV *other);           /* a pgn_choice */
LT memory_type(Mod *m, Dtype dt);                            /* element in a buffer */
LT register_llvm(Mod *m, Dtype dt);                          /* i1 for bool */
LV int64_of(Mod *m, int64_t v);
void add_attribute(Mod *m, LV fn, const char *name);
/* Value of an extent; size(data, symbol) gives symbols. *bad collects "overflowed" as an i1 unless bad is NULL. */
LV extent_value(Mod *m, const Ext *e, LV (*size)(void *data, int symbol), void *data, LV *bad);

/* ---- host.c: bind, run, extent, count ----------------------------------------------------------------------- */
LV host_procedure(Mod *m, const char *name, HostBlock *block, LV *kernels);
LV host_extent(Mod *m, const char *name);
LV host_count(Mod *m, const char *name);

/* ---- kernel.c ------------------------------------------------------------------------------------------------ */
typedef struct Val { LV v; int lanes; int64_t stride; } Val;
typedef struct Slot {                  /* a variable of the kernel */
    bool memory;                       /* v is an alloca of `type` */
    Val val; LT type;
    bool outer;                        /* a lane loop's reduction: assignments in the masked tail must respect the tail mask */
} Slot;
enum { NONNEGATIVE = 1, EVEN = 2 };    /* Gen.known */
typedef struct Computed { const Ext *e; LV v; } Computed;
typedef struct Gen {
    Mod *m; Kernel *k;
    LV fn, env, size_table; LLVMBasicBlockRef entry; LLVMBuilderRef entry_b;
    LLVMBasicBlockRef leave;           /* where break-if goes */
    LV *buffer;                        /* per buffer id: its pointer, or NULL */
    LLVMMetadataRef *own, *others;     /* per buffer id: alias scope lists */
    LV *size;                          /* per symbol id */
    LV *large;                         /* per buffer id: whether it goes past the caches; made when asked for */
    bool streamed;
    VEC(Computed) extent;
    Map slot, memo, known /* facts about integer variables */; int epoch;
    int width; LV tail, cond;          /* masks <width x i1>, NULL: all lanes */
    bool in_lanes;                     /* inside a lane loop that became vectors: one in it is serial */
    Map *varies;                       /* study.c's findings for that loop; NULL in scalar code */
    LLVMMetadataRef scope;             /* debug */
} Gen;
LV kernel_function(Mod *m, Kernel *k);
Slot *slot_of(Gen *g, const Var *v);
LV entry_alloca(Gen *g, LT t, const char *name);
LV mask_of(Gen *g);                                          /* tail and cond; NULL: all lanes */
LLVMBasicBlockRef new_block(Gen *g, const char *name);
void gen_block(Gen *g, const Block *b);

/* ---- lane.c: lane loops ---------------------------------------------------------------------------------------- */
/* Emits `for var in lo..hi` as vectors; false (and nothing emitted) when its body can't be. */
bool gen_lanes(Gen *g, const LS *loop, LV lo, LV hi, int64_t constant /* extent, or -1 */);

/* ---- expr.c ---------------------------------------------------------------------------------------------------- */
Val gen_expr(Gen *g, const LX *e);
LV gen_scalar(Gen *g, const LX *e);                          /* a uniform expression */
LV extent_in_entry(Gen *g, const Ext *e);                    /* computed in the entry block, once */
LV spread(Gen *g, Val v);                                    /* as a vector of g->width lanes (width 1: the scalar) */
bool known_nonnegative(Gen *g, const LX *e);
bool known_even(Gen *g, const LX *e);
LV lane_steps(Gen *g, LT t, int64_t stride);                 /* 0, stride, 2 stride, .. */
static inline Val uniform(LV v) { return (Val){ v, 1, 0 }; }
static inline Val vector(Gen *g, LV v) { return (Val){ v, g->width, 0 }; }
static inline bool is_uniform(Val v) { return v.lanes == 1 && !v.stride; }

/* ---- memory.c -------------------------------------------------------------------------------------------------- */
Val gen_load(Gen *g, const LX *e);
void gen_store(Gen *g, const LS *s);
void gen_prefetch(Gen *g, const LS *s);
bool stores_pair(const Block *b, int k);                     /* statements k and k + 1 store at i and i + 1 of one buffer */
bool gen_store_pair(Gen *g, const LS *s, const LS *t);       /* false, and nothing emitted: not in steps of two */

/* ---- stream.c: stores past the caches -------------------------------------------------------------------------- */
bool may_stream(const Target *t, const Kernel *k, const Buf *b);
bool stream_out(Gen *g, const Buf *b, LV v, LV p, LV store[2]);      /* false, and nothing emitted: an ordinary store */
void stream_end(Gen *g);                                     /* of the kernel */

/* ---- scalar.c, math.c: operations on scalars or vectors of one type ------------------------------------------------ */
LV scalar_op(Mod *m, ScalarOp op, Dtype dt, LV a, LV b, bool nonneg);
LV scalar_cast(Mod *m, LV v, Dtype from, Dtype to);
LV widen(Mod *m, LV v, Dtype memory);                        /* element as loaded -> register */
LV narrow(Mod *m, LV v, Dtype memory);
LV fused(Mod *m, LV a, LV b, LV c);                          /* a * b + c, fused where the machine does */
LV call_intrinsic(Mod *m, const char *name, LT overload, LV *arg, int n);
LV call_overloaded(Mod *m, const char *name, LT *overload, int n_overload, LV *arg, int n);
bool math_has(ScalarOp op, Dtype dt);                        /* whether there is an own function */
LV math_op(Mod *m, ScalarOp op, Dtype dt, LV x, LV y);
bool simple_exponent(double y);                              /* x to that power is a few instructions */
LV simple_power(Mod *m, Dtype dt, LV x, double y);
LV call_libm(Mod *m, const char *name, Dtype dt, LV a, LV b);      /* lane by lane */
LV like_int(Mod *m, LV shape, LT element, int64_t v);        /* constant of the shape of a value */
LV like_real(LV shape, double v);
LT like_type(LV shape, LT element);
LV splat(Mod *m, LV scalar, int lanes);
#endif
