/* graph.h - typed graphs as lists of edges (COO), checked, and their rows: edges by destination, by source and by type. */
#ifndef PIGEON_GRAPH_H
#define PIGEON_GRAPH_H
#include "pigeon/model.h"
#ifdef __cplusplus
extern "C" {
#endif
typedef struct pgn_graph {               /* what the readers of io.h make; numbers in order of first appearance */
    int64_t nodes, edges, etypes, ntypes;
    int32_t *src, *dst, *etype, *ntype;  /* ntype NULL: all 0 */
    char **node_name, **etype_name;      /* NULL when the file has only numbers; each list is one block of memory */
    bool bipartite;                      /* sources have numbers and names of their own; `nodes`, `node_name` are of the destinations */
    int64_t src_nodes;
    char **src_name;
} pgn_graph;
void pgn_graph_free(pgn_graph *g);
pgn_graph_view pgn_graph_as_view(const pgn_graph *g);    /* what pgn_model_plan() takes; borrows the arrays */
/* Counts 0..2^31-1, no list missing, every value in its range (etype and ntype may be NULL). `name` is for the message. */
pgn_status pgn_graph_check(const pgn_graph_view *g, const char *name, pgn_error *e);

/* Row v of `in` are edge[start[v]] .. edge[start[v+1]-1]: the edges that arrive at v; within a row by type, then in the list's order. */
typedef struct pgn_rows { int64_t n; int64_t *start; int32_t *edge; } pgn_rows;
typedef struct pgn_graph_index { pgn_rows in, out, type; } pgn_graph_index;    /* type: empty for a graph without types */
/* Checks, then builds in time linear in nodes, edges and types.  `options` (may be NULL): threads and the parallel loop. */
pgn_status pgn_graph_index_build(const pgn_graph_view *g, const pgn_options *options, pgn_graph_index *index, pgn_error *e);
void pgn_graph_index_free(pgn_graph_index *index);
#ifdef __cplusplus
}
#endif
#endif
