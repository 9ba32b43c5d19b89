/* variants.c - several programs for one model, where its graph is known at run time only.
 *
 * What pays depends on the graph: how many edges a type has, how often a source or a destination meets the same type again.  The passes run for a few
 * kinds of graphs beside the usual one; the programs that differ are estimated on a grid of kinds; those that are much better somewhere are kept.  The
 * artifact has all of them and the table of estimates; the runtime counts when a graph is bound, looks its place in the table up and takes the
 * program with the least time, or the usual one where that is nearly as good (runtime/choose.c). */
#include "tool/tune.h"
#include "pigeon/model.h"
#include <math.h>
#include <string.h>

enum { MOST_VARIANTS = 4, MOST_TRIED = 10, USUAL = 1, WORTH_PERCENT = 125 };
/* The axes of pgn_choice: edges, edges per destination, per type, per pair (type, source), per pair (type, destination). */
static const struct { int n; double at[3]; } axis[PGN_CHOICE_AXES] = {
    { 2, { 4e4, 4e6 } }, { 3, { 3, 20, 150 } }, { 3, { 4, 64, 4000 } }, { 3, { 1.05, 2.5, 8 } }, { 3, { 1.05, 2.5, 8 } } };
enum { POINTS = 2 * 3 * 3 * 3 * 3 };

typedef struct Kind { double edges, degree, rows, src, dst; } Kind;
static void add_about(Program *p, const char *name, double count) { vec_add(p->arena, p->about, (About){ intern(p->cx, name), fmax(1, round(count)) }); }
static void say_size(Program *p, const Space *s, double count) { if (s->extent->op == EXT_SYM && s->extent->sym->fixed < 0) add_about(p, s->extent->sym->name, count); }
/* p counts on such a graph. */
static void suppose(Program *p, const Graph *g, Kind k) {
    p->about.n = 0;
    double nodes = k.edges / k.degree, types = k.edges / k.rows;
    say_size(p, g->edges, k.edges);
    say_size(p, g->dst_nodes, nodes);
    if (g->src_nodes != g->dst_nodes) say_size(p, g->src_nodes, nodes);
    say_size(p, g->etypes, types);
    add_about(p, arena_printf(p->arena, "unique(%s, %s)", g->etype->name, g->src->name), k.edges / k.src);
    add_about(p, arena_printf(p->arena, "unique(%s, %s)", g->etype->name, g->dst->name), k.edges / k.dst);
}
static Kind kind_at(int point) {
    double v[PGN_CHOICE_AXES];
    for (int k = PGN_CHOICE_AXES - 1; k >= 0; k--) v[k] = axis[k].at[point % axis[k].n], point /= axis[k].n;
    return (Kind){ v[0], v[1], v[2], v[3], v[4] };
}
static const Graph *only_graph(const Program *p, int *place) {
    const Graph *found = NULL;
    for (int k = 0, at = 0; k < p->graph.n; k++) if (p->graph.at[k]->given) {
        if (found) return NULL;
        found = p->graph.at[k], *place = at++;
    }
    if (!found || found->edges->extent->op != EXT_SYM || found->edges->extent->sym->fixed >= 0) return NULL;
    return found->src && found->dst && found->etype ? found : NULL;
}
static double time_of(Program *p, const Graph *g, Kind k) {
    suppose(p, g, k);
    return log2(explain_time(p));
}
/* The graph's maps in another program of the same model. */
static const Graph *same_graph(const Program *p, const Graph *g) {
    for (int k = 0; k < p->graph.n; k++) if (!strcmp(p->graph.at[k]->name, g->name)) return p->graph.at[k];
    return NULL;
}

typedef struct Table { int n; Program *program[MOST_TRIED]; const char *text[MOST_TRIED]; double time[MOST_TRIED][POINTS]; } Table;
static void add_program(Table *t, Program *p, const Graph *g) {
    if (!p || t->n == MOST_TRIED) return;
    p->about.n = 0;
    const char *text = front_text(p);
    for (int k = 0; k < t->n; k++) if (!strcmp(t->text[k], text)) return;
    const Graph *own = same_graph(p, g);
    if (!own || !own->src || !own->dst || !own->etype) return;
    for (int k = 0; k < POINTS; k++) t->time[t->n][k] = time_of(p, own, kind_at(k));
    p->about.n = 0;
    t->program[t->n] = p, t->text[t->n++] = text;
}
/* Those that are kept, the usual one first; each next one takes the most time away, and much at some point. */
static int keep(const Table *t, int most, int *kept) {
    double least[POINTS];
    int n = 1;
    kept[0] = 0;
    memcpy(least, t->time[0], sizeof least);
    while (n < most) {
        int best = -1, at = 0;
        double gain = 0;
        for (int v = 1; v < t->n; v++) {
            double sum = 0, top = 0;
            for (int k = 0; k < POINTS; k++) { double d = least[k] - t->time[v][k]; if (d > 0) sum += d; if (d > top) top = d; }
            if (top > log2(WORTH_PERCENT / 100.0) && sum > gain) gain = sum, best = v;
        }
        if (best < 0) return n;
        for (int k = 0; k < POINTS; k++) least[k] = fmin(least[k], t->time[best][k]);
        for (at = n++; at > 1 && kept[at - 1] > best; at--) kept[at] = kept[at - 1];
        kept[at] = best;
    }
    return n;
}
static int winner(const Table *t, const int *kept, int n, int point) {
    int best = 0;
    for (int v = 1; v < n; v++) if (t->time[kept[v]][point] < t->time[kept[best]][point]) best = v;
    return best;
}
static int stride_of(int a) {
    int s = 1;
    for (int k = a + 1; k < PGN_CHOICE_AXES; k++) s *= axis[k].n;
    return s;
}
/* Whether who wins depends on this axis: else nothing needs to be counted for it. */
static bool matters(const Table *t, const int *kept, int n, int a) {
    int stride = stride_of(a);
    for (int k = 0; k < POINTS; k++) if (k / stride % axis[a].n && winner(t, kept, n, k) != winner(t, kept, n, k - stride)) return true;
    return false;
}
static Choice *table_of(Arena *arena, const Table *t, const int *kept, int n, int graph) {
    Choice *c = NEW(arena, Choice);
    bool used[PGN_CHOICE_AXES];
    int points = 1, coordinates = 0;
    c->graph = graph, c->n = n;
    for (int a = 0; a < PGN_CHOICE_AXES; a++) {
        used[a] = matters(t, kept, n, a);
        points *= c->n_point[a] = used[a] ? axis[a].n : 1;
        coordinates += c->n_point[a];
    }
    c->at = NEWN(arena, float, coordinates), c->time = NEWN(arena, float, n * points);
    for (int a = 0, at = 0; a < PGN_CHOICE_AXES; a++) for (int k = 0; k < c->n_point[a]; k++) c->at[at++] = (float)log2(axis[a].at[used[a] ? k : axis[a].n / 2]);
    for (int v = 0, at = 0; v < n; v++) for (int k = 0; k < POINTS; k++) {
        bool taken = true;
        for (int a = 0; a < PGN_CHOICE_AXES; a++) taken &= used[a] || k / stride_of(a) % axis[a].n == axis[a].n / 2;
        if (taken) c->time[at++] = (float)t->time[kept[v]][k];
    }
    return c;
}
bool variants_make(Options *o, Program *source, Program *usual, Variants *v) {
    static const double rows[] = { 4, 4000 }, repeats[][2] = { { 1.05, 1.05 }, { 8, 1.05 }, { 1.05, 8 }, { 8, 8 } };
    int most = o->variants ? o->variants : MOST_VARIANTS - 1, graph = 0, kept[MOST_VARIANTS];
    const Graph *g = only_graph(source, &graph);
    *v = (Variants){ .made = true };
    if (most < 2 || !g || source->schedule.n || source->about.n || o->passes || o->opt < 2) return true;
    Table *t = NEW(o->cx->arena, Table);
    add_program(t, usual, g);
    for (int r = 0; r < 2 && t->n; r++) for (int k = 0; k < 4; k++) {
        suppose(source, g, (Kind){ 4e5, 20, rows[r], repeats[k][0], repeats[k][1] });
        Program *p = front_passes(o, source, front_pipeline(o));
        source->about.n = 0;
        if (!p) return false;
        add_program(t, p, g);
    }
    int n = t->n ? keep(t, most < MOST_VARIANTS ? most : MOST_VARIANTS, kept) : 0;
    if (n < 2) return true;
    v->n = n - 1, v->choice = table_of(o->cx->arena, t, kept, n, graph);
    for (int k = 1; k < n; k++) {
        v->program[k - 1] = t->program[kept[k]];
        int best = 0;                                        /* where it wins most, for explain */
        for (int j = 0; j < POINTS; j++) if (t->time[0][j] - t->time[kept[k]][j] > t->time[0][best] - t->time[kept[k]][best]) best = j;
        Kind at = kind_at(best);
        v->gain[k - 1] = exp2(t->time[0][best] - t->time[kept[k]][best]);
        v->where[k - 1] = arena_printf(o->cx->arena, "%.0f edges, %.3g for each node, %.3g for each type; a type meets a source %.3g times and a destination %.3g times", at.edges, at.degree, at.rows, at.src, at.dst);
    }
    return true;
}

/* ---- whether a caller can tell them apart ------------------------------------------------------------------------------------ */
static bool same_items(const IfaceItem *a, const IfaceItem *b, int n) {
    for (int k = 0; k < n; k++) if (strcmp(a[k].name, b[k].name) || a[k].dt != b[k].dt || a[k].rank != b[k].rank) return false;
    return true;
}
/* The same symbols first, lists of arguments, structural inputs; and it reads no more of the graphs. */
bool variants_alike(const Unit *a, const Unit *b, int n_symbol) {
    if (a->sym.n < n_symbol || b->sym.n < n_symbol || a->input.n != b->input.n || a->param.n != b->param.n || a->output.n != b->output.n || a->graph.n != b->graph.n) return false;
    for (int k = 0; k < n_symbol; k++) if (strcmp(a->sym.at[k]->name, b->sym.at[k]->name) || a->sym.at[k]->kind != b->sym.at[k]->kind || a->sym.at[k]->fixed != b->sym.at[k]->fixed) return false;
    for (int k = n_symbol; k < a->sym.n; k++) if (a->sym.at[k]->kind == SYM_DIM) return false;
    for (int k = n_symbol; k < b->sym.n; k++) if (b->sym.at[k]->kind == SYM_DIM) return false;
    if (a->input_structural.n != b->input_structural.n || !same_items(a->input.at, b->input.at, a->input.n) || !same_items(a->param.at, b->param.at, a->param.n) || !same_items(a->output.at, b->output.at, a->output.n)) return false;
    for (int k = 0; k < a->input_structural.n; k++) if (a->input_structural.at[k] != b->input_structural.at[k]) return false;
    for (int k = 0; k < a->graph.n; k++) {
        const IfaceGraph *x = &a->graph.at[k], *y = &b->graph.at[k];
        if (strcmp(x->name, y->name) || (y->src && !x->src) || (y->dst && !x->dst) || (y->etype && !x->etype) || (y->ntype && !x->ntype)) return false;
    }
    return true;
}
