/* io.h - arrays and graphs in files.  No function prints or exits; what went wrong is in pgn_error: PGN_E_IO, the file can't be read or
 * written; PGN_E_FORMAT, it is damaged or of another kind; PGN_E_UNSUPPORTED; PGN_E_MEMORY, with how much.
 * Readers believe no length before they have checked it against the file: memory is that of the result and a small constant.
 * Writers write under a temporary name, then rename: the file is whole or as it was (a device or a pipe is written to directly). */
#ifndef PIGEON_IO_H
#define PIGEON_IO_H
#include "pigeon/graph.h"
#include "pigeon/tensor.h"
#ifdef __cplusplus
extern "C" {
#endif
/* ---- NumPy's .npy and .npz: Fortran order and big-endian numbers are converted, halves stay halves, two raw bytes (V2) are bf16 -------- */
pgn_status pgn_npy_read(const char *path, pgn_tensor *t, pgn_error *e);
pgn_status pgn_npy_write(const char *path, const pgn_tensor *t, pgn_error *e);
/* Members stored or deflated; names without `.npy`.  Names twice, overlapping members, lying lengths, bad checksums: PGN_E_FORMAT. */
pgn_status pgn_npz_read(const char *path, pgn_bundle *b, pgn_error *e);
pgn_status pgn_npz_write(const char *path, const pgn_tensor *t, int n, pgn_error *e);

/* ---- safetensors: the tensors must cover the file's data exactly, without overlap ------------------------------------------------------- */
pgn_status pgn_safetensors_read(const char *path, pgn_bundle *b, pgn_error *e);
/* The same tensors give the same bytes in whatever order.  The format has no c128. */
pgn_status pgn_safetensors_write(const char *path, const pgn_tensor *t, int n, pgn_error *e);

/* ---- graphs as text, gzip or plain ------------------------------------------------------------------------------------------------------- */
/* Lines `head TAB relation TAB tail`.  inverse: every edge also backwards, under a type of its own (r + number of types). */
pgn_status pgn_triples_read(const char *path, bool inverse, pgn_graph *g, pgn_error *e);
/* Lines `source destination` or `source destination type`, numbers from 0 between blanks, tabs or commas; # and % begin comments.
 * Nodes and types are as many as the largest number says. */
pgn_status pgn_edges_read(const char *path, bool inverse, pgn_graph *g, pgn_error *e);
/* The same files for a graph from one set of nodes to another: heads and tails, sources and destinations, are numbered and counted apart. */
pgn_status pgn_bipartite_triples_read(const char *path, pgn_graph *g, pgn_error *e);
pgn_status pgn_bipartite_edges_read(const char *path, pgn_graph *g, pgn_error *e);
#ifdef __cplusplus
}
#endif
#endif
