/* llvm.h - units of the loop IR to machine code through LLVM.  Everything that touches LLVM is in this folder, and only
 * LLVM's C API is used (versions 15 to 20); this header shows none of its types.
 *
 * The emitted module defines, for each unit, the record `const pgn_model <name>_model` of pigeon/model.h.  Everything else in
 * it is internal.  It calls the runtime (pgn_env_*, pgn_rt_*) and libm, and is position-independent.
 * Two calls in two threads don't meet, given two Contexts. */
#ifndef PIGEON_TARGET_LLVM_H
#define PIGEON_TARGET_LLVM_H
#include "loop/loop.h"

typedef struct LlvmOptions {
    int opt;                  /* 0..3 */
    const char *cpu;          /* "native", "generic", "x86-64", "x86-64-v3", "x86-64-v4", "neoverse-n1", ..; NULL: generic */
    const char *triple;       /* NULL: this machine */
    const char *needs;        /* what the record says that the processor must be: "cpu:avx2"; NULL: nothing, or what native is */
    bool debug;               /* -g: lines of the .pgn source */
    void *launch;             /* a JIT's: what is called in place of pgn_env_launch; then <name>_kernels is an array of the unit's kernels. NULL: itself */
} LlvmOptions;
typedef enum { LLVM_OBJECT, LLVM_ASSEMBLY, LLVM_IR } LlvmOutput;

/* The bytes are in cx->arena.  false after a diagnostic. */
bool target_llvm_emit(Context *cx, Unit **units, int n, const LlvmOptions *o, LlvmOutput kind, const void **data, size_t *size);
/* The same n models lowered for several processors (o->cpu and o->needs are not read), the most general first: its records list the
 * others, and the runtime takes the last one that fits. */
typedef struct LlvmSet { const char *cpu, *needs; Unit **units; } LlvmSet;
bool target_llvm_emit_sets(Context *cx, const LlvmSet *set, int n_set, int n, const LlvmOptions *o, LlvmOutput kind, const void **data, size_t *size);

/* The same code, made in this process.  The runtime that is linked into the process, and the
 * symbols that it exports (libm), are visible to it.  NULL after a diagnostic;
 * o->triple must be NULL. */
typedef struct LlvmJit LlvmJit;
LlvmJit *target_llvm_jit(Context *cx, Unit **units, int n, const LlvmOptions *o);
/* Tells a JIT of one more symbol; to be called before any lookup. */
bool target_llvm_jit_define(LlvmJit *j, const char *name, void *address);
const void *target_llvm_jit_symbol(LlvmJit *j, const char *name);      /* NULL when there is none or it can't be linked (a diagnostic) */
void target_llvm_jit_free(LlvmJit *j);

/* All of it, in a module that is loaded at run time. */
typedef struct LlvmTarget {
    const char *version;      /* of Pigeon */
    bool (*machine)(Context *cx, const LlvmOptions *o, Machine *m);
    bool (*emit_sets)(Context *cx, const LlvmSet *set, int n_set, int n, const LlvmOptions *o, LlvmOutput kind, const void **data, size_t *size);
    LlvmJit *(*jit)(Context *cx, Unit **units, int n, const LlvmOptions *o);
    const void *(*jit_symbol)(LlvmJit *j, const char *name);
    void (*jit_free)(LlvmJit *j);
} LlvmTarget;
extern const LlvmTarget pigeon_llvm;

/* What lower_program() makes register tiles for. */
bool target_llvm_machine(Context *cx, const LlvmOptions *o, Machine *m);
bool target_llvm_known_target(const char *triple);
const char *target_llvm_version(void);
#endif
