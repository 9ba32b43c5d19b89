/* stats.c - what estimates count on: sizes and numbers of combinations, from --graph-stats FILE or from the graph of a run.
 *
 *     g.nodes 14541
 *     unique(g.etype, g.src) 63020
 *
 * or the same as one JSON object.  `pigeonc stats` writes it from a graph. The lines become the program's (about ..), so code depends on the
 * file alone; a run takes its own graph's numbers and those of its machine (machine.c), unless the graph is so small that any way of computing is
 * fast. */
#include "tool/data.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 4096 /* edges */, LONG = 32 /* a fibre is told from this part of all edges on */ };

/* A name as it was said before is replaced. */
static void add_about(Program *p, const char *name, double count) {
    for (int k = 0; k < p->about.n; k++) if (!strcmp(p->about.at[k].name, name)) { p->about.at[k].count = count; return; }
    vec_add(p->arena, p->about, (About){ intern(p->cx, name), count });
}

/* ---- a file --------------------------------------------------------------------------------------------------------- */
static bool bad_line(Options *o, int source, int line, const char *what) {
    diag_help(diag_error(o->cx, D_BAD_INPUT_FILE, (Loc){ source, line, 1, line, 2 }, "%s", what), "NAME COUNT on each line, or {\"NAME\": COUNT, ..}");
    return false;
}
/* One number; what may stand behind it is checked by the caller. */
static const char *take_count(const char *s, double *count) {
    char *end;
    *count = strtod(s, &end);
    return end == s || !isfinite(*count) || *count < 0 ? NULL : end;
}
bool stats_read(Options *o, Program *p) {
    if (!o->graph_stats) return true;
    int source = source_read(o->cx, o->graph_stats, NO_LOC), line = 1;
    if (source < 0) return false;
    const char *s = o->cx->source.at[source].text;
    bool json = s[strspn(s, " \t\r\n")] == '{';
    for (s += json ? strspn(s, " \t\r\n") + 1 : 0; ; ) {
        for (; *s && strchr(json ? " \t\r\n,}" : " \t\r\n", *s); s++) line += *s == '\n';
        if (!*s) return true;
        if (*s == '#') { s += strcspn(s, "\n"); continue; }
        const char *from = s, *to, *after;
        double count;
        if (json) {
            if (*s != '"' || !(to = strchr(s + 1, '"'))) return bad_line(o, source, line, "a name in quotes is expected here");
            from++, s = to + 1 + strspn(to + 1, " \t\r\n");
            if (*s != ':') return bad_line(o, source, line, "a `:` is expected behind the name");
            s += 1 + strspn(s + 1, " \t\r\n");
            if (*s == '"') {                                  /* a text, such as the name of a machine */
                const char *end = strchr(s + 1, '"');
                if (!end) return bad_line(o, source, line, "a count is expected behind the name");
                s = end + 1;
                continue;
            }
        } else {                                             /* the count is the last word of the line: names have blanks */
            const char *end = s + strcspn(s, "\r\n");
            while (end > s && isspace((unsigned char)end[-1])) end--;
            for (s = end; s > from && !isspace((unsigned char)s[-1]); s--) { }
            for (to = s; to > from && isspace((unsigned char)to[-1]); to--) { }
        }
        if (to == from || !(after = take_count(s, &count)) || !strchr(json ? " \t\r\n,}" : " \t\r\n", *after)) return bad_line(o, source, line, "a name and a count are expected here");
        add_about(p, intern_n(o->cx, from, (size_t)(to - from)), count);
        s = after;
    }
}

/* ---- a graph ------------------------------------------------------------------------------------------------------ */
/* The places k in the order of a[k], those of one value from start[a] on; both the caller's to free, NULL without memory. O(n + na) */
static int32_t *by_key(int64_t n, const int32_t *a, int64_t na, int64_t **start) {
    int32_t *order = malloc(sizeof *order * (size_t)(n + 1));
    int64_t *at = *start = calloc((size_t)na + 2, sizeof *at);
    if (!order || !at) return order;
    for (int64_t k = 0; k < n; k++) at[a[k] + 2]++;
    for (int64_t k = 2; k < na + 2; k++) at[k] += at[k - 1];
    for (int64_t k = 0; k < n; k++) order[at[a[k] + 1]++] = (int32_t)k;
    return order;
}
/* How many pairs (a[k], b[k]) there are, and the most elements that one value of b, and one pair, has; -1: no memory. O(n + na + nb) */
typedef struct PairCounts { int64_t count, longest_b, longest; } PairCounts;
static PairCounts pairs(int64_t n, const int32_t *a, int64_t na, const int32_t *b, int64_t nb) {
    int64_t *start, *met = calloc((size_t)nb + 1, sizeof *met), *all = calloc((size_t)nb + 1, sizeof *all);
    int32_t *order = by_key(n, a, na, &start);
    PairCounts p = { -1, -1, -1 };
    if (order && start && met && all) {
        p = (PairCounts){ 0, 0, 0 };
        for (int64_t v = 0; v < na; v++) {
            for (int64_t k = start[v]; k < start[v + 1]; k++) {
                int64_t w = b[order[k]];
                p.count += !met[w];
                if (++met[w] > p.longest) p.longest = met[w];
                if (++all[w] > p.longest_b) p.longest_b = all[w];
            }
            for (int64_t k = start[v]; k < start[v + 1]; k++) met[b[order[k]]] = 0;
        }
    }
    free(start), free(order), free(met), free(all);
    return p;
}
/* The pairs of each type at the end where it meets clearly fewer nodes, as pass/sides.c takes them; -1: not known */
static double fewest(const pgn_graph_view *v) {
    pgn_error error;
    pgn_env env = { .error = &error };
    if (!v->src || !v->dst || !v->etype) return -1;
    int64_t *n = calloc((size_t)v->etypes * 2 + 1, sizeof *n), none;
    double sum = -1;
    for (int k = 0; n && k < 2; k++) {
        int64_t ints[] = { v->edges, v->etypes, k ? v->dst_nodes : v->src_nodes };
        void *buffers[] = { (void *)(uintptr_t)v->etype, (void *)(uintptr_t)(k ? v->dst : v->src), n + k * v->etypes };
        if (pgn_rt_distinct(&env, ints, buffers, &none)) { free(n); return -1; }
    }
    for (int64_t r = 0; n && r < v->etypes; r++) sum += 3 * n[r] < 2 * n[v->etypes + r] ? (double)n[r] : (double)n[v->etypes + r];
    free(n);
    return sum + 1;
}
static void learn_graph(Program *p, const Graph *g, const pgn_graph_view *v) {
    const struct { const Value *a, *b; const int32_t *at, *bt; int64_t na, nb; } pair[] = {
        { g->etype, g->src, v->etype, v->src, v->etypes, v->src_nodes }, { g->etype, g->dst, v->etype, v->dst, v->etypes, v->dst_nodes },
        { g->src, g->dst, v->src, v->dst, v->src_nodes, v->dst_nodes } };
    for (int k = 0; k < 3; k++) {
        PairCounts n = pairs(v->edges, pair[k].at, pair[k].na, pair[k].bt, pair[k].nb);
        const char *a = pair[k].a->name, *b = pair[k].b->name;
        if (n.count >= 0) add_about(p, arena_printf(p->arena, "unique(%s, %s)", a, b), (double)n.count);
        if (k == 2 || n.longest_b * LONG < v->edges || n.count < 1) continue;
        add_about(p, arena_printf(p->arena, "longest(%s)", b), (double)n.longest_b);      /* one node has much of all edges: passes may cut its fibre */
        add_about(p, arena_printf(p->arena, "longest(%s, %s)", a, b), (double)n.longest);
    }
    double few = fewest(v);
    if (few >= 0) add_about(p, arena_printf(p->arena, "fewest(%s, %s, %s)", g->etype->name, g->src->name, g->dst->name), few);
}
static void learn(Program *p, const RunData *d) {
    for (int k = 0; k < p->sym.n; k++) if (p->sym.at[k]->fixed < 0 && d->size[k] >= 0) add_about(p, p->sym.at[k]->name, (double)d->size[k]);
    for (int k = 0, at = 0; k < p->graph.n; k++) if (p->graph.at[k]->given) learn_graph(p, p->graph.at[k], &d->graph[at++]);
}
void stats_learn(Options *o, Program *p, const RunData *d) {
    int64_t most = 0;
    for (int k = 0, at = 0; k < p->graph.n; k++) if (p->graph.at[k]->given) { if (d->graph[at].edges > most) most = d->graph[at].edges; at++; }
    if (o->memory_limit) for (int k = 0; k < p->sym.n; k++) if (p->sym.at[k]->fixed < 0 && d->size[k] >= 0) add_about(p, p->sym.at[k]->name, (double)d->size[k]);
    if ((most < SMALL && o->command != 'U') || o->graph_stats) return;      /* tune: whatever it is, it is meant */
    learn(p, d);
    machine_learn(o, p);
}
int command_stats(Options *o) {
    File *f = front_parse(o, o->file.at[0]);
    Program *p = f ? front_program(o, f, o->model.n ? o->model.at[0] : NULL) : NULL;
    if (!p) return EXIT_DIAGNOSED;
    if (!o->in.n) vec_add(o->cx->arena, o->in, (Pair){ "*", "zero" });     /* only sizes and graphs are looked at */
    RunData d;
    Writer w;
    bool ok = data_load(o, p, &d);
    writer_init(&w, o->cx->arena);
    if (ok) {
        learn(p, &d);
        if (o->json) put(&w, "{");
        for (int k = 0; k < p->about.n; k++) {
            if (o->json) { put(&w, k ? ",\n " : ""); put_json(&w, p->about.at[k].name); put(&w, ": %.0f", p->about.at[k].count); }
            else put(&w, "%s %.0f\n", p->about.at[k].name, p->about.at[k].count);
        }
        if (o->json) put(&w, "}\n");
        ok = write_file(o->cx, o->output ? o->output : "-", w.n ? w.at : "", w.n, false);
    }
    data_free(&d);
    return ok ? EXIT_OK : EXIT_DIAGNOSED;
}
