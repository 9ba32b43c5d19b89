/* io.h - arrays in files: .npy, .npz, and triples as tab-separated text.  No function prints or exits; what went wrong is in pgn_error. */
#ifndef PIGEON_IO_H
#define PIGEON_IO_H
#include "pigeon/model.h"
#ifdef __cplusplus
extern "C" {
#endif
typedef struct pgn_tensor {              /* contiguous, row-major, little-endian */
    char *name;                          /* of a member of an .npz, without .npy; else NULL */
    pgn_dtype dtype; int rank; int64_t extent[PGN_MAX_RANK], n;
    void *data;
} pgn_tensor;
typedef struct pgn_bundle { int n; pgn_tensor *tensor; } pgn_bundle;
typedef struct pgn_graph {               /* typed COO; ids in order of first appearance */
    int64_t nodes, edges, etypes;
    int32_t *src, *dst, *etype;
} pgn_graph;

size_t pgn_dtype_size(pgn_dtype t);
const char *pgn_dtype_name(pgn_dtype t);
void pgn_tensor_free(pgn_tensor *t);
void pgn_bundle_free(pgn_bundle *b);
void pgn_graph_free(pgn_graph *g);
/* Fortran order and big-endian numbers are converted; f16 stays f16.  PGN_E_IO: can't be read; PGN_E_FORMAT: damaged or of another kind. */
pgn_status pgn_npy_read(const char *path, pgn_tensor *t, pgn_error *e);
/* Members stored or deflated; duplicate names, lying lengths and bad checksums are PGN_E_FORMAT. */
pgn_status pgn_npz_read(const char *path, pgn_bundle *b, pgn_error *e);
/* Written to a temporary name, then renamed: the file is whole or as it was. */
pgn_status pgn_npy_write(const char *path, const pgn_tensor *t, pgn_error *e);
pgn_status pgn_npz_write(const char *path, const pgn_tensor *t, int n, pgn_error *e);
/* Lines `head TAB relation TAB tail`, gzip or plain.  inverse: every edge also backwards, under a type of its own (r + number of types). */
pgn_status pgn_triples_read(const char *path, bool inverse, pgn_graph *g, pgn_error *e);
const char *pgn_status_name(pgn_status st);
#ifdef __cplusplus
}
#endif
#endif
