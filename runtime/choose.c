/* choose.c - which of a model's programs suits the graph that it is bound to: the one with the least time in the compiler's table of estimates, read
 * between its points (the usual one where that is nearly as good), or the one that PIGEON_VARIANT numbers.  The table is over logarithms of counts of the graph; only those that it depends on are counted.  Equal graphs choose equally. */
#include "internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many pairs of a type and a node there are; -1: binding will refuse the graph, or no memory */
static int64_t pairs(const pgn_options *o, const pgn_graph_view *g, const int32_t *end, int64_t nodes) {
    pgn_error error;
    pgn_env env = { .options = o, .error = &error };
    int64_t ints[] = { g->edges, g->etypes, nodes }, found = 0;
    if (!g->etype || !end || g->etypes < 1) return -1;
    int64_t *count = pgn_alloc(o, (size_t)g->etypes, sizeof *count);
    bool ok = count && pgn_rt_distinct(&env, ints, (void *[]){ (void *)(uintptr_t)g->etype, (void *)(uintptr_t)end, count }, NULL) == PGN_OK;
    for (int64_t t = 0; ok && t < g->etypes; t++) found += count[t];
    pgn_release(o, count);
    return ok ? found : -1;
}
/* The coordinates of a graph; false: it can't be told, or binding will refuse the graph. */
static bool measure(const pgn_choice *c, const pgn_graph_view *g, const pgn_options *o, double *x) {
    int64_t m = g->edges, nodes = g->dst_nodes > 0 ? g->dst_nodes : g->src_nodes;
    if (m < 1 || m > INT32_MAX || nodes < 1) return false;
    memset(x, 0, sizeof *x * PGN_CHOICE_AXES);
    x[0] = log2((double)m), x[1] = log2((double)m / (double)nodes);
    if (g->etypes > 0) x[2] = log2((double)m / (double)g->etypes);
    for (int k = 3; k < PGN_CHOICE_AXES; k++) {
        if (c->n_point[k] < 2) continue;
        int64_t p = pairs(o, g, k == 3 ? g->src : g->dst, k == 3 ? g->src_nodes : nodes);
        if (p < 1) return false;
        x[k] = log2((double)m / (double)p);
    }
    return true;
}
/* The usual program stands wherever another isn't a tenth better: so much may be wrong between points. */
#define USUAL 0.15
int pgn_choice_at(const pgn_choice *c, const double *x) {
    int lo[PGN_CHOICE_AXES], points = 1, best = 0;
    double part[PGN_CHOICE_AXES], least = INFINITY;
    const float *at = c->at;
    for (int a = 0; a < PGN_CHOICE_AXES; a++) {
        int n = c->n_point[a], k = 0;
        while (k + 2 < n && x[a] >= at[k + 1]) k++;
        double d = n > 1 ? (x[a] - at[k]) / (at[k + 1] - at[k]) : 0;
        lo[a] = k, part[a] = d < 0 ? 0 : d > 1 ? 1 : d, at += n, points *= n;
    }
    for (int v = 0; v < c->n; v++) {
        double time = 0;
        for (int corner = 0; corner < 1 << PGN_CHOICE_AXES; corner++) {
            double weight = 1;
            int place = 0;
            for (int a = 0; a < PGN_CHOICE_AXES; a++) {
                int up = corner >> a & 1;
                weight *= up ? part[a] : 1 - part[a];
                place = place * c->n_point[a] + (lo[a] + up < c->n_point[a] ? lo[a] + up : lo[a]);
            }
            if (weight > 0) time += weight * c->time[v * points + place];
        }
        if (!v) time -= USUAL;
        if (time < least) least = time, best = v;            /* the first of equal ones */
    }
    return best;
}
int pgn_model_choose(const pgn_model **m, const pgn_graph_view *graphs, const pgn_options *o) {
    const pgn_choice *c = (*m)->choice;
    const char *wanted = getenv("PIGEON_VARIANT");           /* for tests and measurements */
    double x[PGN_CHOICE_AXES];
    int best = 0;
    if (!c || !graphs || c->graph >= (*m)->n_graph) return 0;
    if (wanted && *wanted >= '0' && *wanted < '0' + c->n && !wanted[1]) best = *wanted - '0';
    else if (measure(c, &graphs[c->graph], o, x)) best = pgn_choice_at(c, x);
    if (best) *m = c->model[best - 1];
    return best;
}
