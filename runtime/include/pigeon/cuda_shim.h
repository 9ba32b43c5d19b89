/* cuda_shim.h - a GPU played by the CPU, for testing generated CUDA text where there is none.
 *
 * Blocks run one after the other.  The threads of a block are fibers: each runs until it waits (at __syncthreads, or at a shuffle for
 * its warp), then the next one; when all have come to the same barrier they go on.  Threads that wait at different barriers, or for
 * one that has ended, can never go on: that is reported as a launch failure instead of hanging.  Kernels without barriers need no
 * fibers and run as plain loops.  Shared memory is static storage of the OS thread.  Device memory is host memory. */
#ifndef PIGEON_CUDA_SHIM_H
#define PIGEON_CUDA_SHIM_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#endif

#define __global__
#define __device__
#define __host__
#define __shared__ static _Thread_local
#define PGN_LAUNCH(kernel, barriers, blocks, threads, stream, ...)                                             \
    do {                                                                                                        \
        const pgn_shim_word words_[] = { __VA_ARGS__ };                                                         \
        (void)(stream);                                                                                         \
        pgn_shim_launch((void (*)(void))(kernel), barriers, blocks, threads, words_, (int)(sizeof words_ / sizeof *words_)); \
    } while (0)
#define PGN_BUF(T, id) { .p = env->buf[id] }
#define PGN_SIZE(n) { .i = (n) }
typedef union pgn_shim_word { void *p; int64_t i; uint64_t u; } pgn_shim_word;

typedef struct pgn_shim_uint3 { unsigned x, y, z; } pgn_shim_uint3;
static _Thread_local pgn_shim_uint3 threadIdx, blockIdx, blockDim, gridDim;

/* ---- the part of the CUDA runtime that artifacts use ---------------------------------------------------------------------- */
typedef int cudaError_t;
typedef void *cudaStream_t;
enum { cudaSuccess = 0, cudaErrorMemoryAllocation = 2, cudaErrorLaunchFailure = 719 };
enum { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
static _Thread_local cudaError_t pgn_shim_error;
static inline cudaError_t cudaGetLastError(void) { cudaError_t e = pgn_shim_error; pgn_shim_error = cudaSuccess; return e; }
static inline const char *cudaGetErrorString(cudaError_t e) {
    return e == cudaSuccess ? "no error" : e == cudaErrorMemoryAllocation ? "out of memory" : "launch failure: the threads of a block wait at different barriers";
}
static inline cudaError_t cudaMalloc(void **p, size_t n) {
    *p = aligned_alloc(256, (n + 256) / 256 * 256);
    return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}
static inline cudaError_t cudaFree(void *p) { free(p); return cudaSuccess; }
static inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n, int kind, cudaStream_t s) {
    (void)kind, (void)s;
    if (n) memmove(to, from, n);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamSynchronize(cudaStream_t s) { (void)s; return cudaSuccess; }

/* ---- fibers ------------------------------------------------------------------------------------------------------------------ */
enum { PGN_SHIM_STACK = 1 << 15, PGN_SHIM_THREADS = 1024, PGN_SHIM_WORDS = 128 };
enum { PGN_SHIM_READY, PGN_SHIM_AT_BARRIER, PGN_SHIM_AT_SHUFFLE, PGN_SHIM_DONE };
typedef struct pgn_shim_fiber {
    void *sp;                              /* its stack pointer while it does not run */
    int state, site;                       /* what it waits for; which barrier (a line number) */
    int shuffles;                          /* parity says which of the two slots the next shuffle uses */
    uint64_t slot[2];
} pgn_shim_fiber;
typedef struct pgn_shim_block {
    void *scheduler_sp;
    void (*kernel)(void);
    const pgn_shim_word *word; int n_word;
    unsigned n, running;
    char *stack;
    pgn_shim_fiber *fiber;
#if !defined(__x86_64__) && !defined(__aarch64__)
    ucontext_t scheduler, *context;
#endif
} pgn_shim_block;
static _Thread_local pgn_shim_block *pgn_shim_current;

/* A launch knows its arguments as 64-bit words only.  Pointers and int64_t are passed alike by the calling conventions of the machines
 * the shim is for, and surplus words are ignored. */
#define PGN_SHIM_4(k) w[k].u, w[k + 1].u, w[k + 2].u, w[k + 3].u
#define PGN_SHIM_16(k) PGN_SHIM_4(k), PGN_SHIM_4(k + 4), PGN_SHIM_4(k + 8), PGN_SHIM_4(k + 12)
#define PGN_SHIM_T4 uint64_t, uint64_t, uint64_t, uint64_t
#define PGN_SHIM_T16 PGN_SHIM_T4, PGN_SHIM_T4, PGN_SHIM_T4, PGN_SHIM_T4
static void pgn_shim_call(void (*kernel)(void), const pgn_shim_word *w, int n) {
    if (n <= 4) ((void (*)(PGN_SHIM_T4))kernel)(PGN_SHIM_4(0));
    else if (n <= 16) ((void (*)(PGN_SHIM_T16))kernel)(PGN_SHIM_16(0));
    else if (n <= 64) ((void (*)(PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16))kernel)(PGN_SHIM_16(0), PGN_SHIM_16(16), PGN_SHIM_16(32), PGN_SHIM_16(48));
    else ((void (*)(PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16, PGN_SHIM_T16))kernel)(
        PGN_SHIM_16(0), PGN_SHIM_16(16), PGN_SHIM_16(32), PGN_SHIM_16(48), PGN_SHIM_16(64), PGN_SHIM_16(80), PGN_SHIM_16(96), PGN_SHIM_16(112));
}

/* pgn_shim_switch(save, to): stores the stack pointer in *save and goes on where `to` was stored; callee-saved registers are kept. */
#if defined(__x86_64__)
extern void pgn_shim_switch(void **save, void *to) __attribute__((visibility("hidden")));
__asm__(".text\n.p2align 4\n.type pgn_shim_switch,@function\npgn_shim_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n  ret\n"
        ".size pgn_shim_switch, .-pgn_shim_switch\n");
static void *pgn_shim_first(char *top, void (*entry)(void)) {     /* a stack that pgn_shim_switch enters `entry` with */
    void **sp = (void **)(void *)top - 2;                           /* at entry the stack pointer is 8 below a multiple of 16 */
    *sp = (void *)(uintptr_t)entry;
    for (int k = 0; k < 6; k++) *--sp = NULL;
    return sp;
}
#elif defined(__aarch64__)
extern void pgn_shim_switch(void **save, void *to) __attribute__((visibility("hidden")));
__asm__(".text\n.p2align 4\n.type pgn_shim_switch,%function\npgn_shim_switch:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
        "  ldp x19, x20, [sp]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n  ret\n"
        ".size pgn_shim_switch, .-pgn_shim_switch\n");
static void *pgn_shim_first(char *top, void (*entry)(void)) {
    void **sp = (void **)(void *)(top - 160);
    memset(sp, 0, 160);
    sp[11] = (void *)(uintptr_t)entry;
    return sp;
}
#endif

static void pgn_shim_leave(void) {                                  /* from the running fiber to the scheduler */
    pgn_shim_block *b = pgn_shim_current;
#if defined(__x86_64__) || defined(__aarch64__)
    pgn_shim_switch(&b->fiber[b->running].sp, b->scheduler_sp);
#else
    swapcontext(&b->context[b->running], &b->scheduler);
#endif
}
static void pgn_shim_enter(pgn_shim_block *b, unsigned t) {
    b->running = t;
    threadIdx.x = t;
#if defined(__x86_64__) || defined(__aarch64__)
    pgn_shim_switch(&b->scheduler_sp, b->fiber[t].sp);
#else
    swapcontext(&b->scheduler, &b->context[t]);
#endif
}
static void pgn_shim_main(void) {                                   /* where every fiber starts; never returns */
    pgn_shim_block *b = pgn_shim_current;
    pgn_shim_call(b->kernel, b->word, b->n_word);
    b->fiber[b->running].state = PGN_SHIM_DONE;
    for (;;) pgn_shim_leave();
}
static void pgn_shim_wait(int state, int site) {
    pgn_shim_fiber *f = &pgn_shim_current->fiber[pgn_shim_current->running];
    f->state = state;
    f->site = site;
    pgn_shim_leave();
}
#define __syncthreads() pgn_shim_wait(PGN_SHIM_AT_BARRIER, __LINE__)
#define __syncwarp(...) pgn_shim_wait(PGN_SHIM_AT_SHUFFLE, __LINE__)

/* The value of `lane`'s v among the 32 threads of the warp; its own where there is no such lane. Two slots are enough: nobody is two
 * shuffles ahead of another thread of its warp. */
static void pgn_shim_shuffle(void *v, size_t size, unsigned lane, int site) {
    pgn_shim_block *b = pgn_shim_current;
    unsigned me = b->running, from = (me & ~31u) + lane;
    int side = b->fiber[me].shuffles++ & 1;
    memcpy(&b->fiber[me].slot[side], v, size);
    pgn_shim_wait(PGN_SHIM_AT_SHUFFLE, site);
    if (lane < 32 && from < b->n) memcpy(v, &b->fiber[from].slot[side], size);
}
#define PGN_SHIM_SHUFFLE(v, lane) __extension__({ __typeof__(v) v_ = (v); pgn_shim_shuffle(&v_, sizeof v_, lane, __LINE__); v_; })
#define __shfl_sync(mask, v, lane) PGN_SHIM_SHUFFLE(v, (unsigned)(lane) & 31u)
#define __shfl_xor_sync(mask, v, d) PGN_SHIM_SHUFFLE(v, (threadIdx.x & 31u) ^ (unsigned)(d))
#define __shfl_down_sync(mask, v, d) PGN_SHIM_SHUFFLE(v, (threadIdx.x & 31u) + (unsigned)(d))
#define __shfl_up_sync(mask, v, d) PGN_SHIM_SHUFFLE(v, (threadIdx.x & 31u) - (unsigned)(d))
#define atomicAdd(p, v) __extension__({ __typeof__(p) p_ = (p); __typeof__(*p_) old_ = *p_; *p_ = old_ + (v); old_; })

/* All threads of fiber[lo..hi) that wait in `state` go on if nobody is missing; false when some are and can't come. */
static bool pgn_shim_release(pgn_shim_block *b, unsigned lo, unsigned hi, int state) {
    for (unsigned t = lo; t < hi; t++) if (b->fiber[t].state != state || b->fiber[t].site != b->fiber[lo].site) return false;
    for (unsigned t = lo; t < hi; t++) b->fiber[t].state = PGN_SHIM_READY;
    return true;
}
static bool pgn_shim_run_block(pgn_shim_block *b) {
    for (unsigned t = 0; t < b->n; t++) {
        char *top = b->stack + (size_t)(t + 1) * PGN_SHIM_STACK;
        b->fiber[t].state = PGN_SHIM_READY;
        b->fiber[t].shuffles = 0;
#if defined(__x86_64__) || defined(__aarch64__)
        b->fiber[t].sp = pgn_shim_first(top, pgn_shim_main);
#else
        getcontext(&b->context[t]);
        b->context[t].uc_stack.ss_sp = top - PGN_SHIM_STACK;
        b->context[t].uc_stack.ss_size = PGN_SHIM_STACK;
        b->context[t].uc_link = NULL;
        makecontext(&b->context[t], pgn_shim_main, 0);
#endif
    }
    for (;;) {
        bool moved = false, done = true;
        for (unsigned w = 0; w < b->n; w += 32) {                   /* a warp runs until its threads have ended or meet the other warps */
            unsigned end = w + 32 < b->n ? w + 32 : b->n;
            do {
                for (unsigned t = w; t < end; t++) if (b->fiber[t].state == PGN_SHIM_READY) { moved = true; pgn_shim_enter(b, t); }
            } while (pgn_shim_release(b, w, end, PGN_SHIM_AT_SHUFFLE));
            for (unsigned t = w; t < end; t++) done &= b->fiber[t].state == PGN_SHIM_DONE;
        }
        if (done) return true;
        if (!pgn_shim_release(b, 0, b->n, PGN_SHIM_AT_BARRIER) || !moved) return false;
    }
}
static void pgn_shim_launch(void (*kernel)(void), int barriers, unsigned blocks, unsigned threads, const pgn_shim_word *word, int n_word) {
    pgn_shim_word all[PGN_SHIM_WORDS];
    pgn_shim_block b, *outer = pgn_shim_current;
    if (n_word > PGN_SHIM_WORDS || threads > PGN_SHIM_THREADS) { pgn_shim_error = cudaErrorLaunchFailure; return; }
    memset(all, 0, sizeof all);
    memcpy(all, word, sizeof *word * (size_t)n_word);
    memset(&threadIdx, 0, sizeof threadIdx);
    memset(&blockIdx, 0, sizeof blockIdx);
    blockDim = (pgn_shim_uint3){ threads, 1, 1 };
    gridDim = (pgn_shim_uint3){ blocks, 1, 1 };
    if (!barriers) {
        for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
            for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) pgn_shim_call(kernel, all, n_word);
        return;
    }
    memset(&b, 0, sizeof b);
    b.kernel = kernel, b.word = all, b.n_word = n_word, b.n = threads;
    b.stack = aligned_alloc(64, (size_t)threads * PGN_SHIM_STACK);
    b.fiber = calloc(threads, sizeof *b.fiber);
#if !defined(__x86_64__) && !defined(__aarch64__)
    b.context = calloc(threads, sizeof *b.context);
    if (!b.context) { free(b.fiber); b.fiber = NULL; }
#endif
    pgn_shim_current = &b;
    if (!b.stack || !b.fiber) pgn_shim_error = cudaErrorMemoryAllocation;
    else for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
        if (!pgn_shim_run_block(&b)) { pgn_shim_error = cudaErrorLaunchFailure; break; }
    pgn_shim_current = outer;
    free(b.stack);
    free(b.fiber);
#if !defined(__x86_64__) && !defined(__aarch64__)
    free(b.context);
#endif
}
#endif
