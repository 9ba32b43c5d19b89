/* load.h - what data.c and graph.c share while the arrays of a run are loaded. */
#ifndef PIGEON_TOOL_LOAD_H
#define PIGEON_TOOL_LOAD_H
#include "tool/data.h"

/* Of a given graph: counts that must be at least this much, as ids name them; what is not said elsewhere is exactly that. */
typedef struct Least { Graph *graph; const char *from; int64_t src_nodes, dst_nodes, ntypes, etypes; } Least;
typedef struct Load { Options *o; Program *p; RunData *d; const pgn_bundle *archive; Least *least; int n_graph; const char **who; bool bad; } Load;

/* data.c */
double uniform(uint64_t seed, uint64_t k);                               /* in 0..1 */
void learn_extent(Load *l, const Ext *e, int64_t n, const char *from, Loc at);
const pgn_tensor *in_bundle(const pgn_bundle *b, const char *name);      /* NULL when there is none */
const pgn_bundle *read_archive(Load *l, const char *path);               /* NULL after a diagnostic */
bool ends_with(const char *s, const char *end);
Diag *refuse(Load *l, DiagId id, Loc loc, const char *fmt, ...) PRINTF_LIKE(4, 5);      /* an error; l->bad is set */
bool failed(Load *l, const pgn_error *e);                                /* false */
/* graph.c: the arrays of a graph; later, when all arrays have told their sizes, its counts */
void load_graph(Load *l, Graph *g, pgn_graph_view *v, Least *least);
void settle_graph(Load *l, int at);
#endif
