/* cost.c - estimates: sizes of spaces, rows of derived ones, operations and bytes of equations. See cost.h.
 *
 * Sizes come from what is fixed, else from the program's (about ..) lines, else from magnitudes that are usual: many more edges than
 * nodes, more nodes than types. A loop runs once per element of its indices; a condition f(e) = v among them divides by the size of
 * the map's target, others halve. Cheap operations on fewer indices than their loops are taken to be done outside of the others, sums and
 * functions are not: they are worth an equation of their own. */
#include "pass/cost.h"
#include "pass/query.h"
#include <math.h>
#include <string.h>

static const double FEWER = 0.58;          /* of the pairs at one end, when each type takes the better one and nothing is known: WordNet; fb15k-237 0.43, wn18rr 0.64 */

/* ---- sizes ---------------------------------------------------------------------------------------------- */
static const About *about(const Program *p, const char *name) {
    for (int k = 0; k < p->about.n; k++) if (!strcmp(p->about.at[k].name, name)) return &p->about.at[k];
    return NULL;
}
static double usual(const Program *p, const Sym *y) {
    for (int k = 0; k < p->space.n; k++) {
        const Space *s = p->space.at[k];
        if (s->extent->op != EXT_SYM || s->extent->sym != y) continue;
        switch (s->kind) {
        case SP_NODES: return 20000;
        case SP_EDGES: return 400000;
        case SP_NTYPES: return 4;
        case SP_ETYPES: return 100;
        case SP_SEQ: return 1024;
        case SP_GRID: return 128;
        case SP_DIM: case SP_RANGE: case SP_PRODUCT: case SP_SUM: case SP_MODES: case SP_DERIVED: return 64;
        }
    }
    return 64;
}
/* Rows of the map f: its axis; of pairs of maps, a fraction of the domain that is smaller the fewer values there are. */
static double combinations(double domain, double values, int n_keys, bool both_ends) {
    if (!(domain > 0) || !(values > 0)) return 0;
    double fill = exp(-domain / values), distinct = values * (1 - fill);          /* were they thrown at random */
    double skew = n_keys < 2 ? 0 : both_ends ? 0.05 : n_keys == 2 ? 0.5 : 0.1;    /* real graphs repeat (node, type) pairs, hardly edges */
    return fmin(domain, distinct * (1 - skew * fill));
}
static bool has_both_ends(const Program *p, int n, Value *const *map) {
    for (int g = 0; g < p->graph.n; g++) {
        bool src = false, dst = false;
        for (int k = 0; k < n; k++) src |= map[k] && map[k] == p->graph.at[g]->src, dst |= map[k] && map[k] == p->graph.at[g]->dst;
        if (src && dst) return true;
    }
    return false;
}
static double size_derived(Sizes *s, const Node *n) {
    double domain = size_space(s, n->u.derive.key[0]->axis[0]), values = 1;
    switch (n->u.derive.kind) {
    case DV_UNIQUE: {
        X read[8] = { 0 }, *key[8];
        for (int k = 0; k < n->u.derive.n; k++) read[k] = (X){ .k = X_READ, .u.read.v = n->u.derive.key[k] }, key[k] = &read[k];
        double rows = size_unique(s, n->u.derive.key[0]->axis[0], n->u.derive.n, key);
        return n->u.derive.cut ? fmin(domain, rows + domain / (double)n->u.derive.cut) : rows;
    }
    case DV_JOIN:
        for (int k = 0; k < n->u.derive.n; k++) values *= fmax(1, size_space(s, n->u.derive.key[k]->target));
        return domain * size_space(s, n->u.derive.key2[0]->axis[0]) / values;
    case DV_FILTER: return domain / 2;
    }
    return domain;
}
static double size_sym(Sizes *s, const Sym *y) {
    while (s->sym.n <= y->id) vec_add(s->p->arena, s->sym, -1);
    if (s->sym.at[y->id] >= 0) return s->sym.at[y->id];
    const About *a = about(s->p, y->name);
    double v = y->fixed >= 0 ? (double)y->fixed : a ? a->count : -1;
    if (v < 0 && y->kind == SYM_DATA) for (int k = 0; k < s->p->node.n && v < 0; k++) {
        const Node *n = s->p->node.at[k];
        if (n->kind == N_DERIVE && n->u.derive.space->extent->op == EXT_SYM && n->u.derive.space->extent->sym == y) v = size_derived(s, n);
    }
    return s->sym.at[y->id] = v < 0 ? usual(s->p, y) : v;
}
double size_ext(Sizes *s, const Ext *e) {
    double x, y;
    if (e->op == EXT_CONST) return (double)e->value;
    if (e->op == EXT_SYM) return size_sym(s, e->sym);
    x = size_ext(s, e->a), y = size_ext(s, e->b);
    switch (e->op) {
    case EXT_ADD: return x + y;
    case EXT_SUB: return fmax(0, x - y);
    case EXT_MUL: return x * y;
    case EXT_FLOORDIV: return y > 0 ? floor(x / y) : 0;
    case EXT_CEILDIV: return y > 0 ? ceil(x / y) : 0;
    case EXT_MOD: return y > 0 ? fmod(x, y) : 0;
    case EXT_MIN: return fmin(x, y);
    case EXT_MAX: return fmax(x, y);
    case EXT_CONST: case EXT_SYM: break;
    }
    return 0;
}
double size_space(Sizes *s, const Space *of) { return size_ext(s, of->extent); }

const char *key_text(Program *p, const X *key) {
    while (key->k == X_CAST) key = key->u.cast.arg;
    if (key->k != X_READ || !key->u.read.v->rank || !key->u.read.idx) return key->k == X_READ ? key->u.read.v->name : "";
    const char *in = key_text(p, key->u.read.idx[0]);
    return *in ? arena_printf(p->arena, "%s(%s)", key->u.read.v->name, in) : key->u.read.v->name;
}
/* Few values first: rows are then in segments of one type. Equal ones by name, so that the order doesn't depend on the reader. */
static int key_order(Sizes *s, const X *a, const X *b) {
    double x = size_space(s, a->space), y = size_space(s, b->space);
    return x != y ? x < y ? -1 : 1 : strcmp(a->u.read.v->name, b->u.read.v->name);
}
void keys_sort(Sizes *s, int n, X *const *key, X **sorted) {
    for (int k = 0; k < n; k++) {
        int at = k;
        for (; at > 0 && key_order(s, key[k], sorted[at - 1]) < 0; at--) sorted[at] = sorted[at - 1];
        sorted[at] = key[k];
    }
}
const char *unique_name(Sizes *s, int n, X *const *key) {
    X *sorted[8];
    const char *r = "unique(";
    keys_sort(s, n, key, sorted);
    for (int k = 0; k < n; k++) r = arena_printf(s->p->arena, "%s%s%s", r, k ? ", " : "", key_text(s->p, sorted[k]));
    return intern(s->p->cx, arena_printf(s->p->arena, "%s)", r));
}
/* The (about "unique(f, g)" ..) of these keys, in whatever order it names them. */
static const About *about_unique(Sizes *s, int n, X *const *key) {
    for (int k = 0; k < s->p->about.n; k++) {
        const char *c = s->p->about.at[k].name;
        int found = 0, parts = 0, depth = 0;
        if (strncmp(c, "unique(", 7)) continue;
        for (const char *part = c += 7; *c; c++) {
            depth += (*c == '(') - (*c == ')');
            if (depth > 0 || (depth == 0 && *c != ',')) continue;
            parts++;
            for (int j = 0; j < n; j++) { const char *name = key_text(s->p, key[j]); found += strlen(name) == (size_t)(c - part) && !strncmp(name, part, (size_t)(c - part)); }
            if (depth < 0) break;
            for (part = c + 1; *part == ' '; part++) {}
        }
        if (parts == n && found == n) return &s->p->about.at[k];
    }
    return NULL;
}
/* The keys with pairs of other derived spaces taken apart: the rows of unique(pair, dst) are those of unique(src, etype, dst). */
static int atoms(const X *key, Value **map, int n, int max) {
    const Value *v = key->u.read.v;
    const Node *u = v->node;
    if (u->kind == N_DERIVE && u->u.derive.kind == DV_UNIQUE && v == u->result[u->u.derive.n]) {
        for (int k = 0; k < u->u.derive.n; k++) {
            X one = { .k = X_READ, .u.read.v = u->u.derive.key[k] };
            n = atoms(&one, map, n, max);
        }
        return n;
    }
    for (int k = 0; k < n; k++) if (map[k] == v) return n;
    if (n < max) map[n++] = key->u.read.v;
    return n;
}
static const About *about_fewest(const Program *p, const char *type, const char *a, const char *b) {
    const About *f = about(p, arena_printf(p->arena, "fewest(%s, %s, %s)", type, a, b));
    return f ? f : about(p, arena_printf(p->arena, "fewest(%s, %s, %s)", type, b, a));
}
double size_fewest(Sizes *s, const Value *type, const Value *a, const Value *b) {
    const About *f = about_fewest(s->p, type->name, a->name, b->name);
    X t = { .k = X_READ, .u.read.v = (Value *)(uintptr_t)type }, x = { .k = X_READ, .u.read.v = (Value *)(uintptr_t)a }, y = { .k = X_READ, .u.read.v = (Value *)(uintptr_t)b };
    return f ? f->count : FEWER * fmin(size_unique(s, type->axis[0], 2, (X *[]){ &t, &x }), size_unique(s, type->axis[0], 2, (X *[]){ &t, &y }));
}
/* The map of all edges that a key of some of them is a part of: dst of dst(F.e(f)), written so or a map computed so */
static const Value *map_of_all(const X *key) {
    const X *at = key->u.read.idx && key->u.read.v->rank == 1 ? key->u.read.idx[0] : NULL;
    while (at && at->k == X_CAST) at = at->u.cast.arg;
    return at && at->k == X_READ && is_filter_map(at->u.read.v) ? key->u.read.v : map_filtered(key->u.read.v);
}
/* The pairs of one of the two sides that sides.c takes edges apart into, by its own keys; -1: it is no such space. */
static double size_side(Sizes *s, const Space *domain, int n, X *const *key) {
    if (n != 2 || strncmp(domain->name, "side(", 5)) return -1;
    const Value *m[2] = { map_of_all(key[0]), map_of_all(key[1]) };
    for (int k = 0; k < 2 && m[0] && m[1]; k++) {
        const char *own = arena_printf(s->p->arena, "side(%s, %s, ", m[k]->name, m[1 - k]->name);
        if (strncmp(domain->name, own, strlen(own))) continue;
        for (int g = 0; g < s->p->node.n; g++) for (int j = 0; j < s->p->node.at[g]->n_result; j++) {       /* the map of the other end */
            const Value *v = s->p->node.at[g]->result[j];
            if (v->target && v->axis[0] == m[k]->axis[0] && !strcmp(domain->name + strlen(own), arena_printf(s->p->arena, "%s)", v->name))) return size_fewest(s, m[k], m[1 - k], v) / 2;
        }
    }
    return -1;
}
double size_unique(Sizes *s, const Space *domain, int n, X *const *key) {
    double side = size_side(s, domain, n, key);
    if (side >= 0) return side;
    Value *map[16];
    double values = 1;
    int m = 0;
    for (int k = 0; k < n && k < 8; k++) m = atoms(key[k], map, m, 16);
    for (int k = 0; k < m; k++) values *= size_space(s, map[k]->target);
    const About *a = about_unique(s, n, key);
    return a ? a->count : combinations(size_space(s, domain), values, m, has_both_ends(s->p, m, map));
}

/* ---- estimates ------------------------------------------------------------------------------------------- */
Estimate estimate_add(Estimate a, Estimate b) { return (Estimate){ a.flops + b.flops, a.bytes + b.bytes }; }
/* The machine that the program is for: what (about "machine.l2" ..) lines say of it, else one that is usual. */
typedef struct Rates { double l1, l2, l3, flops_per_byte, far; } Rates;
double told(const Program *p, const char *name, double otherwise) { const About *a = about(p, name); return a && a->count > 0 ? a->count : otherwise; }
static Rates rates_of(const Program *p) {
    double gemm = told(p, "machine.gemm", 0), copy = told(p, "machine.copy", 0), gather = told(p, "machine.gather", 0);
    Rates m = { told(p, "machine.l1", 32e3), told(p, "machine.l2", 1e6), told(p, "machine.l3", 32e6), 8, 1 };
    if (gemm > 0 && copy > 0) m.flops_per_byte = fmin(64, fmax(2, gemm / copy));
    if (gather > 0 && copy > 0) m.far = fmin(4, fmax(1, copy / gather));
    return m;
}
double estimate_time(const Program *p, Estimate e) {
    double b = rates_of(p).flops_per_byte * e.bytes;
    return fmax(e.flops, b) + 0.1 * fmin(e.flops, b);
}
const char *estimate_text(Arena *a, Estimate e) {
    static const struct { double unit; const char *prefix; } row[] = { { 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" }, { 1, "" } };
    int f = 0, b = 0;
    while (f < 4 && e.flops < row[f].unit) f++;
    while (b < 4 && e.bytes < row[b].unit) b++;
    return arena_printf(a, "%.3g %sflop, %.3g %sB", e.flops / row[f].unit, row[f].prefix, e.bytes / row[b].unit, row[b].prefix);
}
/* The part of a byte's time that reading it again takes, when so many bytes were read in between: caches of three sizes */
static double again(const Rates *m, double bytes) { return bytes <= m->l1 ? 0 : bytes <= m->l2 ? 0.1 : bytes <= m->l3 ? 0.3 : m->far; }
/* The same for a row of a table that is read anywhere: what a cache has of it */
static double somewhere(const Rates *m, double bytes) {
    double l1 = fmin(1, m->l1 / bytes), l2 = fmin(1, m->l2 / bytes), l3 = fmin(1, m->l3 / bytes);
    return 0.1 * fmax(0, l2 - l1) + 0.3 * fmax(0, l3 - l2) + m->far * (1 - l3);
}
static double table(const Rates *m, double times, double count, double width) {
    return fmin(times, count) * width + (times > count ? (times - count) * width * somewhere(m, count * width) : 0);
}
Estimate estimate_read(const Program *p, double times, double count, Dtype dt) {
    Rates m = rates_of(p);
    return (Estimate){ 0, table(&m, times, count, (double)dtype_bytes(dt)) };
}

enum { LANES = 16, MERGE = 192, WALK = 20 };          /* lanes of a wide vector; their merging, and a step of a walk, in operations that a core could do meanwhile */
typedef uint64_t Set;                       /* of loops */
typedef struct Loop { const Index *i; double size; } Loop;
typedef struct Tie { Set loops; double divide; } Tie;
typedef struct Walk { Sizes *s; Rates m; VEC(Loop) loop; VEC(Tie) tie; VEC(const X *) seen; int n_result; Set rows; const X *root; Estimate sum; } Walk;

static double times(const Walk *w, Set set) {
    double t = 1;
    for (int k = 0; k < w->loop.n && k < 64; k++) if (set >> k & 1) t *= w->loop.at[k].size;
    for (int k = 0; k < w->tie.n; k++) if (w->tie.at[k].loops && !(w->tie.at[k].loops & ~set)) t /= fmax(1, w->tie.at[k].divide);
    return t;
}
static Set open_loops(const Walk *w) { return w->loop.n >= 64 ? ~(Set)0 : ((Set)1 << w->loop.n) - 1; }
/* What stands twice in an equation is read, or computed, once. */
static bool seen(Walk *w, const X *e) {
    for (int k = 0; k < w->seen.n; k++) if (x_equal(w->seen.at[k], e)) return true;
    vec_add(w->s->p->arena, w->seen, e);
    return false;
}
/* Loops over elements of graphs and sequences are outside of those over plain dims, else they stand as written. */
static bool is_inside(const Walk *w, int inner, int outer) {
    bool in = w->loop.at[inner].i->space->kind >= SP_NODES, out = w->loop.at[outer].i->space->kind >= SP_NODES;
    return in != out ? out : inner > outer;
}
/* Bytes of the reads of a table whose subscripts use the loops of `set`: each element once; again what the set's own loops repeat, a
 * table in between; again for each loop around that the subscripts don't use: in between what the loops inside of it read, or all, when
 * a condition gives these another range each time. */
static double traffic(const Walk *w, Set set, double count, double width) {
    double visits = fmin(times(w, set), times(w, open_loops(w))), bytes = table(&w->m, visits, count, width);
    Set used = set;
    for (int k = w->loop.n - 1; k >= 0; k--) {
        Set inner = 0;
        if (k >= 64 || set >> k & 1) continue;
        for (int j = 0; j < w->loop.n && j < 64; j++) if ((set >> j & 1) && is_inside(w, j, k)) inner |= (Set)1 << j;
        if (!inner) continue;
        bool tied = false;
        for (int t = 0; t < w->tie.n; t++) tied |= (w->tie.at[t].loops >> k & 1) && (w->tie.at[t].loops & inner);
        used |= (Set)1 << k;
        double all = times(w, used), between = tied ? count : fmin(count, times(w, inner));
        if (all > visits) bytes += (all - visits) * width * again(&w->m, between * width), visits = all;
    }
    return bytes;
}
/* Rows of combinations with the node where an edge arrives: compiled code numbers edges by it and then by type (lower/number.c), so a row is met
 * by all its edges in turn. */
static bool follows_edges(const Walk *w, const X *sub) {
    while (sub->k == X_CAST) sub = sub->u.cast.arg;
    if (sub->k != X_READ || sub->u.read.v->rank != 1) return false;
    const Value *v = sub->u.read.v;
    const Node *n = v->node;
    if (n->kind != N_DERIVE || n->u.derive.kind != DV_UNIQUE || v != n->result[n->u.derive.n]) return false;
    for (int g = 0; g < w->s->p->graph.n; g++) {
        const Value *dst = w->s->p->graph.at[g]->dst;
        if (!w->s->p->graph.at[g]->given) continue;
        for (int k = 0; k < n->u.derive.n; k++) if (n->u.derive.key[k] == dst) return true;
    }
    return false;
}
static Set walk(Walk *w, const X *e);
static Set uses(const Walk *w, const X *e) {
    Set set = 0;
    for (int k = 0; k < w->loop.n && k < 64; k++) if (x_uses_index(e, w->loop.at[k].i)) set |= (Set)1 << k;
    return set;
}
static Set read(Walk *w, const X *e) {
    const Value *v = e->u.read.v;
    Set set = 0;
    double count = 1;
    int dims = 0;
    /* the matrix of the type of a row, many rows per type, used along the last axis of the result: done type by type (lower/tile.c, push.c) */
    const Index *last = w->n_result > 1 ? w->loop.at[w->n_result - 1].i : NULL;
    bool typed = false, ordered = false, lanes = false, chosen = false;         /* where it stands last or not: turn.c */
    const Index *beside = w->n_result > 2 ? w->loop.at[w->n_result - 2].i : NULL;
    for (int k = 0; k < v->rank && last; k++) {
        double wide = size_space(w->s, last->space) * (k && beside && position_index(e->u.read.idx[k - 1]) == beside ? size_space(w->s, beside->space) : 1);
        lanes |= position_index(e->u.read.idx[k]) == last && wide >= LANES / 2;
    }
    for (int k = 0; k < v->rank; k++) {
        Set sub = walk(w, e->u.read.idx[k]);
        if (e->u.read.other[k]) sub |= walk(w, e->u.read.other[k]);
        count *= size_space(w->s, v->axis[k]);
        ordered |= follows_edges(w, e->u.read.idx[k]);
        chosen |= sub && !position_index(e->u.read.idx[k]) && e->u.read.idx[k]->space;
        if (position_index(e->u.read.idx[k])) dims++;
        else if (lanes && e->u.read.idx[k]->space && sub && !(sub & ~w->rows) && 16 * size_space(w->s, v->axis[k]) <= times(w, sub)) typed = true;
        else dims++;
        set |= sub;
    }
    if (seen(w, e)) return set;
    if (lanes && chosen && !typed && dims >= 3) w->sum.flops += 2 * times(w, open_loops(w));       /* a matrix for each term: a step loads its vector, no other row uses it */
    double width = (double)dtype_bytes(v->dt);
    w->sum.bytes += ordered || (typed && dims >= 2) ? fmin(times(w, set), count) * width : traffic(w, set, count, width);
    return set;
}
static bool is_summand(const X *root, const X *e) {
    return root == e || (root->k == X_OP && root->u.op.op == OP_ADD && (is_summand(root->u.op.arg[0], e) || is_summand(root->u.op.arg[1], e)));
}
/* sum(q: M(q) = v) ..: its terms are computed where the q are and added to the rows v, so that the q are rows as well (lower/push.c) */
static Set pushed_rows(const Walk *w, const X *e, int first) {
    Index *q;
    X *value;
    if (e->u.reduce.op != R_SUM || e->u.reduce.n_cond != 1 || !is_summand(w->root, e) || !reduce_fibre(e, 0, &q, NULL, &value)) return 0;
    bool to_row = false;
    for (int k = 0; k < w->n_result - 1; k++) to_row |= position_index(value) == w->loop.at[k].i;
    for (int k = 0; to_row && k < e->u.reduce.n && first + k < 64; k++) if (e->u.reduce.idx[k] == q) return (Set)1 << (first + k);
    return 0;
}
/* The sums that an equation adds up: over plain dims, by fibres with sums or several indices inside */
static void count_sums(X *e, int *plain, int *pushed) {
    if (e->k == X_OP && e->u.op.op == OP_ADD) count_sums(e->u.op.arg[0], plain, pushed), count_sums(e->u.op.arg[1], plain, pushed);
    if (e->k != X_REDUCE) return;
    if (!e->u.reduce.n_cond) ++*plain; else if (e->u.reduce.n > 1 || x_has_reduce(e->u.reduce.body)) ++*pushed;
}
/* sum(j) x[u, j] * W[j, i] + sum(e: src(e) = u) y[dst(e), i]: the first sum's tiles hold a few vectors of i, so the fibre is walked for each of these;
 * not where all is added to rows as it comes (lower/push.c) */
static bool beside_tiles(const Walk *w, const X *e) {
    int plain = 0, pushed = 0;
    if (!e->u.reduce.n_cond || e->u.reduce.n > 1 || !is_summand(w->root, e)) return false;
    count_sums((X *)(uintptr_t)w->root, &plain, &pushed);
    return plain && !pushed;
}
/* The lanes that a sum's result has: its last axis, or the last two where everything is read by both (lower/merge.c). */
typedef struct Beside { const Index *outer, *inner; bool both; } Beside;
static bool see_beside(X *e, void *data) {
    Beside *b = data;
    if (e->k != X_READ) return b->both;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        const Index *i = position_index(e->u.read.idx[k]), *next = k + 1 < e->u.read.v->rank ? position_index(e->u.read.idx[k + 1]) : NULL;
        if (i == b->outer && next == b->inner) { k++; continue; }
        if (x_uses_index(e->u.read.idx[k], b->outer) || x_uses_index(e->u.read.idx[k], b->inner)) b->both = false;
    }
    return false;
}
static double lanes_of(const Walk *w, const X *e) {
    const Index *inner = w->n_result ? w->loop.at[w->n_result - 1].i : NULL, *outer = w->n_result > 1 ? w->loop.at[w->n_result - 2].i : NULL;
    if (!inner || inner->space->kind >= SP_NODES || !x_uses_index(e, inner)) return 0;
    double n = size_space(w->s, inner->space);
    Beside b = { outer, inner, outer && outer->space->kind < SP_NODES };
    if (b.both) x_walk(e->u.reduce.body, see_beside, &b);
    return b.both ? n * size_space(w->s, outer->space) : n;
}
/* A sum over dims whose lanes lie along it and those around it, as the result has too few: nothing is shared, so each step loads its operands,
 * and lanes are merged in the end. The loops of these sums; 0: it is no such sum */
static Set along_itself(const Walk *w, const X *e, double lanes) {
    Set sums = 0;
    double n = 1;
    for (int k = w->n_result; k < w->loop.n && k < 64; k++) if (w->loop.at[k].i->space->kind < SP_NODES) sums |= (Set)1 << k, n *= w->loop.at[k].size;
    return !e->u.reduce.n_cond && n >= LANES && lanes < LANES ? sums : 0;
}
static Set reduce(Walk *w, const X *e) {
    int first = w->loop.n, ties = w->tie.n;
    if (seen(w, e)) return uses(w, e);
    Set bound = 0, set = 0, body;
    double tested = 1, listed = 1;          /* of several conditions one lists the elements, the others are tested one by one */
    for (int k = 0; k < e->u.reduce.n; k++) {
        if (w->loop.n < 64) bound |= (Set)1 << w->loop.n;
        vec_add(w->s->p->arena, w->loop, (Loop){ e->u.reduce.idx[k], size_space(w->s, e->u.reduce.idx[k]->space) });
    }
    for (int k = 0; k < e->u.reduce.n_cond; k++) {
        X *map = NULL;
        Estimate sum = w->sum;
        Set in = walk(w, e->u.reduce.cond[k]);
        bool fibre = reduce_fibre(e, k, NULL, &map, NULL) && map->space;
        vec_add(w->s->p->arena, w->tie, (Tie){ in, fibre ? size_space(w->s, map->space) : 2 });
        w->sum = sum;                                      /* elements of a fibre are listed; other conditions are cheap beside what they guard */
        w->sum.bytes += 4 * times(w, in);
        if (fibre) tested *= fmax(1, size_space(w->s, map->space)), listed = fmax(listed, size_space(w->s, map->space));
        set |= in;
    }
    Set rows = w->rows;
    w->rows |= pushed_rows(w, e, first);
    if (tested > listed) w->sum.flops += times(w, open_loops(w)) * tested / listed;
    body = walk(w, e->u.reduce.body);
    set |= body | bound;
    w->sum.flops += times(w, open_loops(w));               /* a sum inside of loops is done in all of them */
    double steps = times(w, open_loops(w)), lanes = lanes_of(w, e);
    Set along = along_itself(w, e, lanes);
    if (along) w->sum.flops += 3 * steps + MERGE * times(w, open_loops(w) & ~along);
    else if (lanes >= LANES / 2 && lanes < 4 * LANES) w->sum.flops += 2 * steps * LANES / lanes;     /* a step loads what its lanes share: as much work as two vectors of them */
    if (beside_tiles(w, e)) w->sum.flops += WALK * steps;
    w->loop.n = first, w->tie.n = ties, w->rows = rows;
    set &= ~bound;
    return e->u.reduce.other ? set | walk(w, e->u.reduce.other) : set;
}
static Set walk(Walk *w, const X *e) {
    Set set = 0;
    switch (e->k) {
    case X_INT: case X_REAL: case X_COMPLEX: case X_EXT: return 0;
    case X_INDEX:
        for (int k = 0; k < w->loop.n && k < 64; k++) if (w->loop.at[k].i == e->u.index) set |= (Set)1 << k;
        return set;
    case X_READ: return read(w, e);
    case X_OP:
        for (int k = 0; k < e->u.op.n; k++) set |= walk(w, e->u.op.arg[k]);
        if (scalar_info[e->u.op.op].cost <= 1) w->sum.flops += times(w, set);
        else if (!seen(w, e)) w->sum.flops += times(w, open_loops(w)) * scalar_info[e->u.op.op].cost;
        return set;
    case X_CAST: case X_BITCAST: return walk(w, e->u.cast.arg);
    case X_IF:
        set = walk(w, e->u.if_.cond) | walk(w, e->u.if_.then) | walk(w, e->u.if_.other);
        w->sum.flops += times(w, set);
        return set;
    case X_REDUCE: return reduce(w, e);
    }
    return 0;
}
Estimate estimate_equation(Sizes *s, int n, Index *const *idx, X *expr, bool stored) {
    Walk w = { .s = s, .m = rates_of(s->p), .n_result = n < 64 ? n : 63 };
    for (int k = 0; k < n; k++) vec_add(s->p->arena, w.loop, (Loop){ idx[k], size_space(s, idx[k]->space) });
    w.rows = ((Set)1 << w.n_result) - 1, w.root = expr;
    walk(&w, expr);
    if (stored) w.sum.bytes += times(&w, ((Set)1 << w.n_result) - 1) * (double)dtype_bytes(expr->dt);
    return w.sum;
}
