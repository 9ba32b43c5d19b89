/* choose.c - which of a model's programs suits the graph that it is bound to: the one with the least time in the compiler's table of estimates, read
 * between its points, or the one that PIGEON_VARIANT numbers.  The table is over logarithms of counts of the graph; only those that it depends on are counted.  Equal graphs choose equally. */
#include "internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many pairs (a[k], b[k]) there are: k in the order of a, then each b is stamped with the last a that it was met with. -1: no memory */
static int64_t pairs(const pgn_options *o, int64_t n, const int32_t *a, int64_t na, const int32_t *b, int64_t nb) {
    int64_t *start = pgn_alloc_zero(o, (size_t)na + 2, sizeof *start), found = -1;
    int32_t *order = pgn_alloc(o, (size_t)n + 1, sizeof *order), *stamp = pgn_alloc_zero(o, (size_t)nb + 1, sizeof *stamp);
    if (start && order && stamp) {
        for (int64_t k = 0; k < n; k++) start[a[k] + 2]++;
        for (int64_t k = 2; k < na + 2; k++) start[k] += start[k - 1];
        for (int64_t k = 0; k < n; k++) order[start[a[k] + 1]++] = b[k];
        found = 0;
        int64_t at = 0;
        for (int64_t t = 0; t < na; t++) for (; at < start[t + 1]; at++) if (stamp[order[at]] != t + 1) found++, stamp[order[at]] = (int32_t)(t + 1);
    }
    pgn_release(o, start), pgn_release(o, order), pgn_release(o, stamp);
    return found;
}
static bool all_inside(const int32_t *v, int64_t n, int64_t extent) { return v && extent > 0 && pgn_find_outside(v, n, extent) < 0; }
/* The coordinates of a graph; false: it can't be told, or binding will refuse the graph. */
static bool measure(const pgn_choice *c, const pgn_graph_view *g, const pgn_options *o, double *x) {
    int64_t m = g->edges, nodes = g->dst_nodes > 0 ? g->dst_nodes : g->src_nodes;
    if (m < 1 || m > INT32_MAX || nodes < 1) return false;
    memset(x, 0, sizeof *x * PGN_CHOICE_AXES);
    x[0] = log2((double)m), x[1] = log2((double)m / (double)nodes);
    if (g->etypes > 0) x[2] = log2((double)m / (double)g->etypes);
    for (int k = 3; k < PGN_CHOICE_AXES; k++) {
        if (c->n_point[k] < 2) continue;
        const int32_t *end = k == 3 ? g->src : g->dst;
        int64_t n = k == 3 ? g->src_nodes : nodes;
        if (!all_inside(g->etype, m, g->etypes) || !all_inside(end, m, n)) return false;
        int64_t p = pairs(o, m, g->etype, g->etypes, end, n);
        if (p < 1) return false;
        x[k] = log2((double)m / (double)p);
    }
    return true;
}
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
