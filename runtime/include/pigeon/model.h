/* model.h - what a compiled model looks like to the runtime and to whoever runs it: one constant record per model,
 * `m_model`, emitted by every target.  The functions m_plan(), m_forward(), .. of a generated header are thin calls of pgn_model_*(). */
#ifndef PIGEON_MODEL_H
#define PIGEON_MODEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define PGN_ABI 4

typedef enum pgn_status {                 /* stable numbers; pgn_status_name() gives the names */
    PGN_OK = 0, PGN_E_ARGUMENT = 1, PGN_E_SIZE = 2, PGN_E_RANGE = 3, PGN_E_MEMORY = 4, PGN_E_IO = 5, PGN_E_FORMAT = 6,
    PGN_E_SINGULAR = 7, PGN_E_DEVICE = 8, PGN_E_ABI = 9, PGN_E_UNSUPPORTED = 10
} pgn_status;

typedef enum pgn_dtype { PGN_F64 = 1, PGN_F32, PGN_F16, PGN_BF16, PGN_I64, PGN_I32, PGN_I8, PGN_U8, PGN_BOOL, PGN_C64, PGN_C128 } pgn_dtype;
                                          /* the numbers of compiler/base/dtype.h's Dtype */

typedef struct pgn_env pgn_env;
typedef void pgn_kernel(const pgn_env *env, int64_t lo, int64_t hi);

/* Options of a plan; zero-initialise for the defaults. */
typedef struct pgn_options {
    int threads;                          /* 0: all processors this process may use */
    /* both or neither: all memory of plans and runs; may be called by several threads at once; NULL: there is none */
    void *(*alloc)(void *user, size_t bytes, size_t align); void (*free)(void *user, void *p); void *user;
    /* calls body(arg, lo, hi) so that [0, n) is covered once; NULL: the runtime's own threads */
    void (*parallel_for)(void *user, int64_t n, int64_t grain, void (*body)(void *arg, int64_t lo, int64_t hi), void *arg);
} pgn_options;

struct pgn_env {                          /* what a kernel sees */
    void **buf;                           /* one pointer per buffer of the model */
    int64_t *size;                        /* one number per size symbol */
    const pgn_options *options;
    const struct pgn_model *model;
    void *stream;                         /* CUDA: the caller's stream */
    struct pgn_error *error;
};
typedef struct pgn_error { pgn_status status; char message[480]; } pgn_error;

typedef enum pgn_role { PGN_ROLE_GRAPH, PGN_ROLE_INPUT, PGN_ROLE_PARAM, PGN_ROLE_OUTPUT, PGN_ROLE_CONST, PGN_ROLE_PLAN, PGN_ROLE_WORK } pgn_role;
/* first, last: the steps of run between which a WORK buffer is in use; others may have its memory before and after. */
typedef struct pgn_buffer { const char *name; uint8_t dtype, role; int16_t iface; const void *data; int32_t first, last; } pgn_buffer;
typedef struct pgn_symbol { const char *name; uint8_t kind; /* 0 dim 1 graph 2 data */ int64_t fixed; /* -1 */ } pgn_symbol;
#define PGN_MAX_RANK 8
/* extent[k]: a symbol's number >= 0 when the axis is that symbol alone, else -1 (then only pgn_model.extent() knows). */
typedef struct pgn_argument {
    const char *name; uint8_t dtype, rank; uint8_t structural, frozen;
    int32_t buffer; int32_t is_map;
    int16_t symbol[PGN_MAX_RANK];
    const char *init; double init_arg[4]; int32_t n_init_arg;
} pgn_argument;
typedef struct pgn_graph_argument { const char *name; int16_t src_nodes, dst_nodes, edges, ntypes, etypes; /* symbols, -1 */
                                    int32_t src, dst, etype, ntype; /* buffers, -1 when unused */ } pgn_graph_argument;

typedef struct pgn_model {
    uint32_t abi; const char *name, *source;
    int32_t n_symbol, n_buffer, n_graph, n_input, n_param, n_output;
    const pgn_symbol *symbol;
    const pgn_buffer *buffer;
    const pgn_graph_argument *graph;
    const pgn_argument *input, *param, *output;
    /* extent of axis `axis` of argument `k` of list (PGN_ROLE_INPUT, PARAM, OUTPUT); for a map, axis == rank gives the target's */
    int64_t (*extent)(const int64_t *size, int role, int k, int axis);
    int64_t (*count)(const int64_t *size, int buffer);     /* elements of a buffer */
    pgn_status (*bind)(pgn_env *env);                      /* host memory; uses pgn_env_alloc() for PLAN buffers */
    pgn_status (*run)(pgn_env *env);
    int32_t device;                                        /* 0 host, 1 CUDA (run works on device memory) */
    const struct pgn_device *dev;                          /* CUDA artifacts: memory functions, compiled with the artifact */
    const char *needs;                                     /* the processor it was compiled for, "cpu:avx2"; NULL: any of its kind */
    const struct pgn_model *const *variant;                /* the same model for other processors, the most special last: a plan takes the last that fits */
    int32_t n_variant;
    const struct pgn_choice *choice;                       /* other programs for the same processor, for other kinds of graphs; NULL: none */
    int64_t limit;                                         /* bytes that a workspace may have at most; 0: any number */
} pgn_model;
/* The estimated time of n programs over a grid of kinds of graphs: time[v][..], log2, the last axis fastest. The axes are log2 of the number of edges, and of edges
 * for each destination node, edge type, pair (etype, src) and pair (etype, dst) that occurs; n_point[k] == 1: it doesn't depend on that. */
#define PGN_CHOICE_AXES 5
typedef struct pgn_choice {
    int32_t graph, n, n_point[PGN_CHOICE_AXES];            /* place in the list of graphs */
    const float *at, *time;                                /* the points of all axes, one after the other */
    const struct pgn_model *const *model;                  /* n - 1: program 0 is the record itself */
} pgn_choice;
typedef struct pgn_device {
    pgn_status (*alloc)(void **p, size_t n); void (*free)(void *p);
    pgn_status (*to_device)(void *dst, const void *src, size_t n, void *stream);
    pgn_status (*to_host)(void *dst, const void *src, size_t n, void *stream);   /* waits */
} pgn_device;

/* ---- for generated host code -------------------------------------------------------------------------------- */
pgn_status pgn_env_alloc(pgn_env *env, int buffer);        /* bind: memory for a PLAN buffer, count() elements */
pgn_status pgn_env_launch(const pgn_env *env, pgn_kernel *k, int64_t n, int64_t work_per_item);   /* negative: a thread takes so many items at a time, or more */
pgn_status pgn_env_fail(pgn_env *env, pgn_status st, const char *message);
typedef pgn_status pgn_rt(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result);
/* the table of compiler/loop/rtcall.def */
pgn_rt pgn_rt_fibre, pgn_rt_tiles, pgn_rt_unique, pgn_rt_distinct, pgn_rt_join_count, pgn_rt_join, pgn_rt_filter_count, pgn_rt_filter, pgn_rt_check_range,
       pgn_rt_dft, pgn_rt_sort, pgn_rt_factor;
/* CUDA host code: runs a host call on device buffers (ids; copies in and out around it). */
pgn_status pgn_env_call_staged(pgn_env *env, pgn_rt *f, const int64_t *ints, int n_buffer, const int *buffer, int64_t *result);
pgn_status pgn_env_read_flag(pgn_env *env, int buffer, bool *flag);

/* ---- for whoever runs a model --------------------------------------------------------------------------------- */
typedef struct pgn_plan pgn_plan;
/* One graph as the model wants it, host memory: ids are i32, ntype is of the destination nodes; counts and ranges are checked by pgn_model_plan(). */
typedef struct pgn_graph_view { int64_t src_nodes, dst_nodes, edges, ntypes, etypes; const int32_t *src, *dst, *etype, *ntype; } pgn_graph_view;
/* sizes[s] for every symbol (only SYM_DIM ones are read; those fixed may be -1). structural[k] for every input (NULL where it isn't). */
pgn_status pgn_model_plan(const pgn_model *m, const pgn_graph_view *graphs, const int64_t *sizes, const void *const *structural,
                          const pgn_options *options, pgn_plan **plan, pgn_error *error);
size_t pgn_plan_workspace_size(const pgn_plan *plan);
const int64_t *pgn_plan_sizes(const pgn_plan *plan);
int pgn_plan_variant(const pgn_plan *plan);                /* which program of model->choice was taken for the graph; 0: the first, or the only one */
/* Arrays are contiguous, row-major, in the declared type (device memory for a CUDA artifact), in the lists' order.
 * Checks map inputs' ranges. On failure the outputs are untouched. Two threads may use one plan with two workspaces. */
pgn_status pgn_model_forward(const pgn_plan *plan, const void *const *inputs, const void *const *params, void *const *outputs,
                             void *workspace, void *stream, pgn_error *error);
/* Fills the parameters as the model says they begin: the same numbers for the same seed on every target. */
pgn_status pgn_model_init(const pgn_plan *plan, const pgn_model *m, int64_t seed, void *const *params, pgn_error *error);
void pgn_plan_free(pgn_plan *plan);
const char *pgn_status_name(pgn_status st);
#ifdef __cplusplus
}
#endif
#endif
