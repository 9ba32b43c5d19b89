/* subgraph.h - a part of a graph's edges in each training step; see subgraph.c. */
#ifndef PIGEON_TOOL_SUBGRAPH_H
#define PIGEON_TOOL_SUBGRAPH_H
#include "tool/data.h"

typedef struct Subgraph {
    Program *p; Sym *sym; int at;                            /* the graph: its number of edges, its place in RunData.graph */
    pgn_graph_view whole; pgn_tensor *input;                 /* as they were loaded */
    int64_t keep, *pick; int32_t *src, *dst, *etype, *seen, *slot;     /* keep: 0: all */
} Subgraph;
/* false after a diagnostic: no such graph, tensors that can't be taken apart, no memory. */
bool subgraph_begin(Options *o, Program *p, RunData *d, const char *graph, int64_t keep, Subgraph *s);
/* d gets these edges (NULL: all of them) and their rows of inputs; of those that arrive at one node at most `keep`, drawn by the key. */
void subgraph_take(Subgraph *s, RunData *d, const int64_t *edge, int64_t n, int64_t key);
#endif
