/* internal.h - what the files of libpigeon share and nobody else sees: error texts, memory, parallel loops, checked sizes. */
#ifndef PIGEON_INTERNAL_H
#define PIGEON_INTERNAL_H
#include "pigeon/model.h"
#define HIDDEN __attribute__((visibility("hidden")))
#define FORMAT(a, b) __attribute__((format(printf, a, b)))
enum { PGN_ALIGN = 64 };

/* Sets *e (NULL is fine) and returns st. */
HIDDEN pgn_status pgn_error_set(pgn_error *e, pgn_status st, const char *fmt, ...) FORMAT(3, 4);
HIDDEN size_t pgn_size_of(int dtype);                    /* bytes of one element, 0 for no dtype */
/* First position whose value is outside 0..extent-1; -1 when there is none. */
HIDDEN int64_t pgn_find_outside(const int32_t *v, int64_t n, int64_t extent);

/* Memory of a plan and of what works for it: the caller's functions if he gave some.  Aligned to PGN_ALIGN; NULL: there is none. */
HIDDEN void *pgn_alloc(const pgn_options *o, size_t n, size_t size);
HIDDEN void *pgn_alloc_zero(const pgn_options *o, size_t n, size_t size);
HIDDEN void pgn_release(const pgn_options *o, void *p);

/* *m becomes the variant of it that this processor runs (cpu.c). */
HIDDEN pgn_status pgn_model_fit(const pgn_model **m, pgn_error *e);

/* *m becomes its program for such a graph, which is returned (choose.c). */
HIDDEN int pgn_model_choose(const pgn_model **m, const pgn_graph_view *graphs, const pgn_options *o);
HIDDEN int pgn_choice_at(const pgn_choice *c, const double *x);

typedef struct Pool Pool;
HIDDEN Pool *pgn_pool_new(const pgn_options *o);         /* o->threads of them, 0: all processors; NULL: no memory. Threads start at the first use */
HIDDEN void pgn_pool_free(Pool *p);
/* body over [0, n) in chunks; which thread runs a chunk, and how large it is, must not matter to body. */
HIDDEN void pgn_pool_run(Pool *p, int64_t n, int64_t grain, void (*body)(void *arg, int64_t lo, int64_t hi), void *arg);

/* A plan's options: env->options always points at the `given` of one of these (or is NULL: then everything runs in the caller). */
typedef struct PlanOptions {
    pgn_options given;
    Pool *pool;
    struct Dft *_Atomic dft;              /* plans of transforms, dft.c */
    int dft_method, dft_lanes;            /* for tests and measurements, 0: chosen; method 1 direct, 2 FFT; lanes 1 base, 2 AVX2, 3 AVX-512 */
} PlanOptions;
/* Items cost about `work` operations each; small loops run in the caller. */
HIDDEN void pgn_parallel(const pgn_options *o, int64_t n, int64_t work, void (*body)(void *arg, int64_t lo, int64_t hi), void *arg);
#endif
