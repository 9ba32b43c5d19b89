/* tensor.h - arrays with a type and a shape, owned or borrowed, and the way to and from DLPack, the struct by which NumPy, PyTorch, JAX
 * and CuPy hand arrays over without a copy. */
#ifndef PIGEON_TENSOR_H
#define PIGEON_TENSOR_H
#include "pigeon/model.h"
#ifdef __cplusplus
extern "C" {
#endif
typedef struct pgn_tensor {              /* contiguous, row-major, the machine's byte order */
    char *name;                          /* of a member of a bundle; else NULL */
    pgn_dtype dtype; int rank; int64_t extent[PGN_MAX_RANK], n;
    void *data;                          /* 64-byte aligned when libpigeon made it */
    int device;                          /* 0 host memory, 1 CUDA */
    void *owner; void (*release)(void *owner);       /* who gives data back; release NULL: free(data) */
} pgn_tensor;
typedef struct pgn_bundle { int n; pgn_tensor *tensor; } pgn_bundle;

size_t pgn_dtype_size(pgn_dtype t);
const char *pgn_dtype_name(pgn_dtype t);
/* Host memory, all zero. */
pgn_status pgn_tensor_new(pgn_dtype dtype, int rank, const int64_t *extent, pgn_tensor *t, pgn_error *e);
/* Fills t as `init NAME(arg, ..)` says; t->name is the parameter's dotted name. Element k depends on the seed, the name and k only. */
pgn_status pgn_tensor_init(const pgn_tensor *t, const char *init, const double *arg, int n_arg, int64_t seed, pgn_error *e);
void pgn_tensor_free(pgn_tensor *t);
void pgn_bundle_free(pgn_bundle *b);
const pgn_tensor *pgn_bundle_find(const pgn_bundle *b, const char *name);      /* NULL: there is none */

/* ---- DLPack, version 0.x and the tensor part of 1.x: the same layout as DLTensor and DLManagedTensor, so a pointer can be cast ------ */
typedef struct pgn_dl_tensor {
    void *data;
    struct { int32_t type, id; } device;                 /* 1 host, 2 CUDA, 3 pinned host, 13 CUDA managed */
    int32_t ndim;
    struct { uint8_t code, bits; uint16_t lanes; } dtype;
    int64_t *shape, *strides;                            /* in elements; strides NULL: row-major */
    uint64_t byte_offset;
} pgn_dl_tensor;
typedef struct pgn_dl_managed { pgn_dl_tensor tensor; void *manager; void (*deleter)(struct pgn_dl_managed *self); } pgn_dl_managed;

/* A view of the other library's memory; it must live as long as the view.  Not row-major and contiguous: PGN_E_UNSUPPORTED. */
pgn_status pgn_tensor_from_dlpack(const pgn_dl_tensor *from, pgn_tensor *view, pgn_error *e);
/* Takes *from over: pgn_tensor_free() calls its deleter.  On failure it stays the caller's. */
pgn_status pgn_tensor_take_dlpack(pgn_dl_managed *from, pgn_tensor *t, pgn_error *e);
/* Moves *t into a new managed tensor, whose deleter frees it; *t is empty after that. */
pgn_status pgn_tensor_to_dlpack(pgn_tensor *t, pgn_dl_managed **to, pgn_error *e);
#ifdef __cplusplus
}
#endif
#endif
