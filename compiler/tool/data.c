/* data.c - arrays for a run.  An array comes from the archive, a file, or is generated; each one that is read tells the sizes of its
 * dimensions, and two that disagree are both named. */
#include "tool/data.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Load { Options *o; Program *p; RunData *d; pgn_bundle archive; bool have_archive; const char **who; bool bad; } Load;

static uint64_t mix(uint64_t x) { x += 0x9e3779b97f4a7c15u; x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u; x = (x ^ x >> 27) * 0x94d049bb133111ebu; return x ^ x >> 31; }
/* The k-th number of a stream: the same wherever and in whatever order it is asked for. */
static double uniform(uint64_t seed, uint64_t k) { return (double)(mix(mix(seed) ^ k) >> 11) * 0x1p-53; }
static double normal(uint64_t seed, uint64_t k) {
    double u = 1 - uniform(seed, 2 * k), v = uniform(seed, 2 * k + 1);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}
static uint64_t name_seed(const char *s) { uint64_t h = 1469598103934665603u; for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u; return h; }

static double half(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? m ? NAN : INFINITY : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}
/* element k: part 0 the real part or the integer, part 1 the imaginary part */
static double element(const pgn_tensor *t, int64_t k, int part, int64_t *whole) {
    double v = 0;
    switch (t->dtype) {
    case PGN_F64: v = ((double *)t->data)[k]; break;
    case PGN_F32: v = ((float *)t->data)[k]; break;
    case PGN_F16: v = half(((uint16_t *)t->data)[k]); break;
    case PGN_BF16: break;
    case PGN_I64: *whole = ((int64_t *)t->data)[k]; return (double)*whole * !part;
    case PGN_I32: *whole = ((int32_t *)t->data)[k]; return (double)*whole * !part;
    case PGN_I8: *whole = ((int8_t *)t->data)[k]; return (double)*whole * !part;
    case PGN_U8: case PGN_BOOL: *whole = ((uint8_t *)t->data)[k]; return (double)*whole * !part;
    case PGN_C64: return ((float *)t->data)[2 * k + part];
    case PGN_C128: return ((double *)t->data)[2 * k + part];
    }
    return part ? 0 : v;
}
static bool is_whole(pgn_dtype t) { return t >= PGN_I64 && t <= PGN_BOOL; }

/* ---- sizes --------------------------------------------------------------------------------------------------- */
static void learn(Load *l, Sym *s, int64_t n, const char *from) {
    int64_t *slot = &l->d->size[s->id];
    const char *what = s->fixed >= 0 ? "-D or the model" : l->who[s->id];
    if (*slot < 0 && n >= 0) { *slot = n; l->who[s->id] = from; return; }
    if (*slot == n) return;
    diag_error(l->o->cx, D_SIZE_CONFLICT, s->loc, "`%s` is %" PRId64 " by %s, but %" PRId64 " by %s", s->name, *slot, what, n, from);
    l->bad = true;
}
static bool known(const Ext *e, const int64_t *size) {
    return e->op == EXT_CONST || (e->op == EXT_SYM ? size[e->sym->id] >= 0 : known(e->a, size) && known(e->b, size));
}
static void learn_extent(Load *l, const Ext *e, int64_t n, const char *from, Loc at) {
    if (e->op == EXT_SYM) { learn(l, e->sym, n, from); return; }
    if (known(e, l->d->size)) {
        int64_t want = ext_eval(e, l->d->size);
        if (want != n) { diag_error(l->o->cx, D_SIZE_CONFLICT, at, "a dimension of %" PRId64 " is needed, but %s has %" PRId64, want, from, n); l->bad = true; }
        return;
    }
    int64_t c;                                                         /* a sum or multiple of one unknown tells it too */
    Ext *u = e->a, *k = e->b;
    if (ext_is_const(u, &c)) { Ext *t = u; u = k; k = t; }
    if (!ext_is_const(k, &c) && known(k, l->d->size)) c = ext_eval(k, l->d->size); else if (!ext_is_const(k, &c)) return;
    if (e->op == EXT_ADD) learn_extent(l, u, n - c, from, at);
    if (e->op == EXT_SUB && k == e->b) learn_extent(l, u, n + c, from, at);
    if (e->op == EXT_MUL && c && n % c == 0) learn_extent(l, u, n / c, from, at);
}

/* ---- sources ------------------------------------------------------------------------------------------------- */
static const pgn_tensor *archived(Load *l, const char *name) {
    for (int k = 0; l->have_archive && k < l->archive.n; k++) if (!strcmp(l->archive.tensor[k].name, name)) return &l->archive.tensor[k];
    return NULL;
}
static const char *source_of(Options *o, const char *name) {
    const char *any = NULL;
    for (int k = 0; k < o->in.n; k++) {
        if (!strcmp(o->in.at[k].name, name)) return o->in.at[k].value;
        if (!strcmp(o->in.at[k].name, "*")) any = o->in.at[k].value;
    }
    return any;
}
static bool failed(Load *l, const pgn_error *e) {
    diag_error(l->o->cx, e->status == PGN_E_IO ? D_FILE_NOT_FOUND : D_BAD_INPUT_FILE, NO_LOC, "%s", e->message);
    l->bad = true;
    return false;
}
static void from_tensor(Load *l, const Value *v, const pgn_tensor *t, const char *from, Array *out) {
    Arena *a = l->o->cx->arena;
    if (t->rank != v->rank) {
        diag_error(l->o->cx, D_BAD_INPUT_FILE, v->loc, "`%s` has %d dimension%s, %s has %d", v->name, v->rank, v->rank == 1 ? "" : "s", from, t->rank);
        l->bad = true;
        return;
    }
    bool whole = dtype_is_int(v->dt) || v->dt == DT_BOOL;
    if (whole != is_whole(t->dtype) && !(v->dt != DT_BOOL && !whole && is_whole(t->dtype))) {
        diag_help(diag_error(l->o->cx, D_BAD_INPUT_FILE, v->loc, "`%s` is %s, %s holds %s", v->name, v->target ? "a map (integers)" : dtype_name(v->dt), from, pgn_dtype_name(t->dtype)), "convert the array: numbers are not rounded silently");
        l->bad = true;
        return;
    }
    if ((t->dtype == PGN_C64 || t->dtype == PGN_C128) && !dtype_is_complex(v->dt)) { diag_error(l->o->cx, D_BAD_INPUT_FILE, v->loc, "`%s` is %s, %s holds complex numbers", v->name, dtype_name(v->dt), from); l->bad = true; return; }
    for (int k = 0; k < v->rank; k++) learn_extent(l, v->axis[k]->extent, t->extent[k], from, v->loc);
    *out = (Array){ .dt = v->dt, .rank = t->rank, .n = t->n };
    memcpy(out->extent, t->extent, sizeof out->extent);
    if (whole) out->i = NEWN(a, int64_t, t->n + 1); else out->re = NEWN(a, double, t->n + 1);
    if (dtype_is_complex(v->dt)) out->im = NEWN(a, double, t->n + 1);
    for (int64_t k = 0; k < t->n; k++) {
        int64_t i = 0;
        double re = element(t, k, 0, &i);
        if (whole) {
            int64_t hi = v->dt == DT_I32 ? INT32_MAX : v->dt == DT_I8 ? 127 : v->dt == DT_U8 ? 255 : v->dt == DT_BOOL ? 1 : INT64_MAX;
            int64_t lo = v->dt == DT_I32 ? INT32_MIN : v->dt == DT_I8 ? -128 : v->dt == DT_U8 || v->dt == DT_BOOL ? 0 : INT64_MIN;
            if (i < lo || i > hi) { diag_error(l->o->cx, D_BAD_INPUT_VALUE, v->loc, "`%s`: %" PRId64 " at position %" PRId64 " of %s does not fit %s", v->name, i, k, from, dtype_name(v->dt)); l->bad = true; return; }
            out->i[k] = i;
        } else {
            out->re[k] = re;
            if (out->im) out->im[k] = element(t, k, 1, &i);
        }
    }
}
/* Arrays that a file gives; what is generated comes later, when all sizes are known. */
static bool from_file(Load *l, const Value *v, Array *out) {
    const pgn_tensor *t = archived(l, v->name);
    const char *src = source_of(l->o, v->name);
    bool own = false;
    for (int k = 0; k < l->o->in.n; k++) own |= !strcmp(l->o->in.at[k].name, v->name);
    if (t && !own) { from_tensor(l, v, t, arena_printf(l->o->cx->arena, "`%s` of %s", v->name, l->o->inputs), out); return true; }
    if (!src || !own || !strncmp(src, "random:", 7) || !strcmp(src, "zero") || !strcmp(src, "one")) return false;
    pgn_tensor f;
    pgn_error e;
    if (pgn_npy_read(src, &f, &e)) return failed(l, &e);
    from_tensor(l, v, &f, src, out);
    pgn_tensor_free(&f);
    return true;
}
static void generated(Load *l, const Value *v, Array *out) {
    Arena *a = l->o->cx->arena;
    const char *src = source_of(l->o, v->name);
    bool param = v->node->kind == N_PARAM;
    if (!src && !param) {
        diag_help(diag_error(l->o->cx, D_MISSING_INPUT, v->loc, "%s `%s` is not given", v->target ? "map" : "input", v->name), "--in %s=FILE.npy, or random:SEED, zero, one; or --inputs FILE.npz", v->name);
        l->bad = true;
        return;
    }
    *out = (Array){ .dt = v->dt, .rank = v->rank, .n = 1 };
    for (int k = 0; k < v->rank; k++) {
        out->extent[k] = ext_eval(v->axis[k]->extent, l->d->size);
        if (out->extent[k] < 0 || __builtin_mul_overflow(out->n, out->extent[k], &out->n) || out->n > (int64_t)1 << 30) { diag_error(l->o->cx, D_OUT_OF_MEMORY, v->loc, "`%s` is too large to generate", v->name); l->bad = true; return; }
    }
    uint64_t seed = name_seed(v->name);
    bool random = src && !strncmp(src, "random:", 7);
    if (random) seed ^= mix(strtoull(src + 7, NULL, 10));
    double constant = src && !strcmp(src, "one"), scale = 1, mean = 0;
    bool flat = false;
    if (param && (!src || random)) {                                   /* the model says how its parameters begin */
        const char *w = v->node->u.param.init;
        const double *arg = v->node->u.param.init_arg;
        double in = v->rank > 1 ? (double)out->extent[v->rank - 2] : 1, on = v->rank ? (double)out->extent[v->rank - 1] : 1, points = 1;
        int last = v->rank;                                             /* a stencil K[out, in, -1..1, -1..1]: its points count on both sides */
        while (last > 0 && v->axis[last - 1]->kind == SP_RANGE) points *= (double)out->extent[--last];
        if (last < v->rank) in = points * (last > 1 ? (double)out->extent[last - 1] : 1), on = points * (last > 1 ? (double)out->extent[last - 2] : 1);
        random = true;
        if (!strcmp(w, "zero")) random = false, constant = 0;
        else if (!strcmp(w, "one")) random = false, constant = 1;
        else if (!strcmp(w, "const")) random = false, constant = arg[0];
        else if (!strcmp(w, "uniform")) flat = true, mean = arg[0], scale = arg[1] - arg[0];
        else if (!strcmp(w, "normal")) mean = arg[0], scale = v->node->u.param.n_init_arg > 1 ? arg[1] : 1;
        else if (!strcmp(w, "glorot")) flat = true, scale = 2 * sqrt(6 / (in + on)), mean = -scale / 2;
        else if (!strcmp(w, "he")) scale = sqrt(2 / in);
        else if (!strcmp(w, "spectral")) scale = sqrt(2 / (in + on));
    } else if (src && !random && strcmp(src, "zero") && strcmp(src, "one")) {
        diag_help(diag_error(l->o->cx, D_USAGE, NO_LOC, "`%s` is no source for all arrays", src), "--in '*=random:1', zero or one");
        l->bad = true;
        return;
    }
    bool whole = dtype_is_int(v->dt) || v->dt == DT_BOOL;
    int64_t limit = v->target ? ext_eval(v->target->extent, l->d->size) : v->dt == DT_BOOL ? 2 : 8;
    if (v->target && limit < 1 && out->n) { diag_error(l->o->cx, D_MISSING_INPUT, v->loc, "map `%s` has no possible value: `%s` is empty", v->name, v->target->name); l->bad = true; return; }
    if (whole) out->i = NEWN(a, int64_t, out->n + 1); else out->re = NEWN(a, double, out->n + 1);
    if (dtype_is_complex(v->dt)) out->im = NEWN(a, double, out->n + 1);
    for (int64_t k = 0; k < out->n; k++) {
        if (whole) { out->i[k] = random ? (int64_t)(uniform(seed, (uint64_t)k) * (double)limit) : (int64_t)constant; if (v->target && out->i[k] >= limit) out->i[k] = limit - 1; continue; }
        double r = !random ? constant : mean + scale * (flat ? uniform(seed, (uint64_t)k) : normal(seed, (uint64_t)k));
        out->re[k] = v->dt == DT_F32 || v->dt == DT_C64 ? (double)(float)r : r;
        if (out->im) out->im[k] = random ? (double)(float)(scale * normal(seed ^ 77, (uint64_t)k)) : 0;
    }
}

/* ---- graphs --------------------------------------------------------------------------------------------------- */
static int64_t scalar_of(Load *l, const char *name) {
    const pgn_tensor *t = archived(l, name);
    int64_t v = -1;
    if (t && t->n == 1 && is_whole(t->dtype)) element(t, 0, 0, &v);
    return v;
}
static int64_t *ids(Load *l, const char *name, int64_t *n, int64_t *most) {
    const pgn_tensor *t = archived(l, name);
    *most = -1;
    if (!t) return NULL;
    if (t->rank != 1 || !is_whole(t->dtype)) { diag_error(l->o->cx, D_BAD_INPUT_FILE, NO_LOC, "`%s` of %s is not a list of integers", name, l->o->inputs); l->bad = true; return NULL; }
    int64_t *r = NEWN(l->o->cx->arena, int64_t, t->n + 1);
    *n = t->n;
    for (int64_t k = 0; k < t->n; k++) {
        element(t, k, 0, &r[k]);
        if (r[k] < 0) { diag_error(l->o->cx, D_BAD_INPUT_VALUE, NO_LOC, "`%s` has the value %" PRId64 " at position %" PRId64, name, r[k], k); l->bad = true; return NULL; }
        if (r[k] > *most) *most = r[k];
    }
    return r;
}
static void load_graph(Load *l, Graph *g, InterpGraph *out) {
    Options *o = l->o;
    Arena *a = o->cx->arena;
    const char *src = NULL;
    for (int k = 0; k < o->graph.n; k++) if (!strcmp(o->graph.at[k].name, g->name)) src = o->graph.at[k].value;
    const char *from = src ? src : o->inputs;
    if (src && !strncmp(src, "random:", 7)) {
        long long n, m, r, seed = 0;
        if (sscanf(src + 7, "%lld,%lld,%lld,%lld", &n, &m, &r, &seed) < 3 || n < 0 || m < 0 || r < 0 || (m && (!n || !r)) || n > INT32_MAX - 1 || m > INT32_MAX - 1) {
            diag_error(o->cx, D_USAGE, NO_LOC, "--graph %s=%s: random:NODES,EDGES,TYPES[,SEED] with fewer than 2^31 of each", g->name, src);
            l->bad = true;
            return;
        }
        *out = (InterpGraph){ n, n, m, 1, r, NULL, NULL, NULL, NULL };
        int64_t *all = NEWN(a, int64_t, 3 * m + n + 1);
        for (int64_t e = 0; e < m; e++) {
            all[e] = (int64_t)(uniform((uint64_t)seed, (uint64_t)(3 * e)) * (double)n), all[m + e] = (int64_t)(uniform((uint64_t)seed, (uint64_t)(3 * e + 1)) * (double)n);
            all[2 * m + e] = (int64_t)(uniform((uint64_t)seed, (uint64_t)(3 * e + 2)) * (double)r);
        }
        out->src = all, out->dst = all + m, out->etype = all + 2 * m, out->ntype = all + 3 * m;
    } else if (src && (strstr(src, ".tsv") || strstr(src, ".txt"))) {
        char *path = arena_strndup(a, src, strlen(src)), *comma = strstr(path, ",inverse");
        if (comma) *comma = 0;
        pgn_graph t;
        pgn_error e;
        if (pgn_triples_read(path, comma != NULL, &t, &e)) { failed(l, &e); return; }
        *out = (InterpGraph){ t.nodes, t.nodes, t.edges, 1, t.etypes, NULL, NULL, NULL, NULL };
        int64_t *all = NEWN(a, int64_t, 3 * t.edges + t.nodes + 1);
        for (int64_t k = 0; k < t.edges; k++) all[k] = t.src[k], all[t.edges + k] = t.dst[k], all[2 * t.edges + k] = t.etype[k];
        out->src = all, out->dst = all + t.edges, out->etype = all + 2 * t.edges, out->ntype = all + 3 * t.edges;
        pgn_graph_free(&t);
    } else if (src) {
        diag_help(diag_error(o->cx, D_USAGE, NO_LOC, "--graph %s=%s: this is no graph", g->name, src), "triples FILE.tsv or FILE.txt (.gz too), random:NODES,EDGES,TYPES,SEED; arrays of an .npz come by --inputs");
        l->bad = true;
        return;
    } else {
        int64_t m = 0, m2 = 0, m3 = 0, nt = 0, s, d, r, q;
        int64_t *gs = ids(l, arena_printf(a, "%s.src", g->name), &m, &s), *gd = ids(l, arena_printf(a, "%s.dst", g->name), &m2, &d);
        int64_t *ge = ids(l, arena_printf(a, "%s.etype", g->name), &m3, &r), *gn = ids(l, arena_printf(a, "%s.ntype", g->name), &nt, &q);
        if (l->bad) return;
        if (!gs || !gd) {
            diag_help(diag_error(o->cx, D_MISSING_INPUT, g->edges->loc, "graph `%s` is not given", g->name), "--graph %s=FILE.tsv, or --inputs FILE.npz with %s.src and %s.dst", g->name, g->name, g->name);
            l->bad = true;
            return;
        }
        if (m != m2 || (ge && m3 != m)) { diag_error(o->cx, D_SIZE_CONFLICT, g->edges->loc, "graph `%s` of %s: src, dst and etype have %" PRId64 ", %" PRId64 " and %" PRId64 " elements", g->name, from, m, m2, ge ? m3 : m); l->bad = true; return; }
        int64_t nodes = scalar_of(l, arena_printf(a, "%s.num_nodes", g->name)), nty = scalar_of(l, arena_printf(a, "%s.num_ntypes", g->name)), ety = scalar_of(l, arena_printf(a, "%s.num_etypes", g->name));
        bool two = g->src_nodes != g->dst_nodes;
        int64_t sn = two ? s + 1 : s > d ? s + 1 : d + 1, dn = two ? d + 1 : sn;
        if (gn && nt > dn) dn = nt, sn = two ? sn : nt;
        if (nodes >= 0 && !two) {
            if (nodes < sn) { diag_error(o->cx, D_BAD_INPUT_VALUE, g->edges->loc, "graph `%s` has %" PRId64 " nodes by num_nodes, but an edge names node %" PRId64, g->name, nodes, sn - 1); l->bad = true; return; }
            sn = dn = nodes;
        }
        if (ety >= 0 && r >= ety) { diag_error(o->cx, D_BAD_INPUT_VALUE, g->edges->loc, "graph `%s` has %" PRId64 " edge types by num_etypes, but an edge has type %" PRId64, g->name, ety, r); l->bad = true; return; }
        if (gn && nt != dn) { diag_error(o->cx, D_SIZE_CONFLICT, g->edges->loc, "graph `%s` has %" PRId64 " nodes, ntype has %" PRId64 " elements", g->name, dn, nt); l->bad = true; return; }
        if (!ge) ge = NEWN(a, int64_t, m + 1);
        if (!gn) gn = NEWN(a, int64_t, dn + 1);
        *out = (InterpGraph){ sn, dn, m, nty >= 0 ? nty : q >= 0 ? q + 1 : 1, ety >= 0 ? ety : r >= 0 ? r + 1 : m ? 1 : 0, gs, gd, ge, gn };
    }
    learn_extent(l, g->src_nodes->extent, out->src_nodes, from, g->edges->loc);
    learn_extent(l, g->dst_nodes->extent, out->dst_nodes, from, g->edges->loc);
    learn_extent(l, g->edges->extent, out->edges, from, g->edges->loc);
    learn_extent(l, g->ntypes->extent, out->ntypes, from, g->edges->loc);
    learn_extent(l, g->etypes->extent, out->etypes, from, g->edges->loc);
}

bool data_load(Options *o, Program *p, RunData *d) {
    Arena *a = o->cx->arena;
    Load l = { .o = o, .p = p, .d = d };
    pgn_error e;
    *d = (RunData){ NEWN(a, int64_t, p->sym.n + 1), NEWN(a, Array, p->input.n + 1), NEWN(a, Array, p->param.n + 1), NEWN(a, InterpGraph, p->graph.n + 1) };
    l.who = NEWN(a, const char *, p->sym.n + 1);
    for (int k = 0; k < p->sym.n; k++) d->size[k] = p->sym.at[k]->fixed;
    if (o->inputs) { if (pgn_npz_read(o->inputs, &l.archive, &e)) return failed(&l, &e); l.have_archive = true; }
    for (int k = 0; k < o->in.n; k++) {                                /* a name that the model does not have is a mistake */
        bool found = !strcmp(o->in.at[k].name, "*");
        const char *names[512];
        int n = 0;
        for (int j = 0; j < p->input.n && n < 512; j++) names[n++] = p->input.at[j]->name;
        for (int j = 0; j < p->param.n && n < 512; j++) names[n++] = p->param.at[j]->name;
        for (int j = 0; j < n; j++) found |= !strcmp(names[j], o->in.at[k].name);
        if (found) continue;
        const char *near = did_you_mean(o->cx, o->in.at[k].name, names, n);
        Diag *g = diag_error(o->cx, D_UNKNOWN_ARGUMENT, NO_LOC, "model `%s` has no input or parameter `%s`", p->name, o->in.at[k].name);
        if (near) diag_help(g, "did you mean `%s`?", near);
        l.bad = true;
    }
    for (int k = 0, n = 0; k < p->graph.n; k++) if (p->graph.at[k]->given) load_graph(&l, p->graph.at[k], &d->graph[n++]);
    bool *done = NEWN(a, bool, p->input.n + p->param.n + 1);
    for (int k = 0; k < p->input.n; k++) done[k] = from_file(&l, p->input.at[k], &d->input[k]);
    for (int k = 0; k < p->param.n; k++) done[p->input.n + k] = from_file(&l, p->param.at[k], &d->param[k]);
    if (!l.bad) for (int k = 0; k < p->sym.n; k++) if (p->sym.at[k]->kind != SYM_DATA && d->size[k] < 0) {
        diag_help(diag_error(o->cx, D_DIM_UNKNOWN, p->sym.at[k]->loc, "size `%s` follows from no array", p->sym.at[k]->name), "-D %s=VALUE", p->sym.at[k]->name);
        l.bad = true;
    }
    for (int k = 0; k < p->input.n && !l.bad; k++) if (!done[k]) generated(&l, p->input.at[k], &d->input[k]);
    for (int k = 0; k < p->param.n && !l.bad; k++) if (!done[p->input.n + k]) generated(&l, p->param.at[k], &d->param[k]);
    if (l.have_archive) pgn_bundle_free(&l.archive);
    return !l.bad;
}

static void to_tensor(const Value *v, const Array *r, const char *name, pgn_tensor *t) {
    *t = (pgn_tensor){ .name = (char *)name, .rank = r->rank, .n = r->n };
    memcpy(t->extent, r->extent, sizeof t->extent);
    t->dtype = v->dt == DT_F16 || v->dt == DT_BF16 ? PGN_F32 : (pgn_dtype)v->dt;
    size_t size = pgn_dtype_size(t->dtype);
    t->data = malloc((size_t)r->n * size + 16);
    for (int64_t k = 0; k < r->n; k++) switch (t->dtype) {
        case PGN_F64: ((double *)t->data)[k] = r->re[k]; break;
        case PGN_F32: ((float *)t->data)[k] = (float)r->re[k]; break;
        case PGN_I64: ((int64_t *)t->data)[k] = r->i[k]; break;
        case PGN_I32: ((int32_t *)t->data)[k] = (int32_t)r->i[k]; break;
        case PGN_I8: case PGN_U8: case PGN_BOOL: ((uint8_t *)t->data)[k] = (uint8_t)r->i[k]; break;
        case PGN_C64: ((float *)t->data)[2 * k] = (float)r->re[k], ((float *)t->data)[2 * k + 1] = (float)r->im[k]; break;
        case PGN_C128: ((double *)t->data)[2 * k] = r->re[k], ((double *)t->data)[2 * k + 1] = r->im[k]; break;
        case PGN_F16: case PGN_BF16: break;
    }
}
bool data_save(Options *o, Program *p, const Array *output) {
    int n = p->output.n;
    bool ok = true;
    pgn_error e;
    pgn_tensor *t = NEWN(o->cx->arena, pgn_tensor, n + 1);
    for (int k = 0; k < n; k++) to_tensor(p->output.at[k].value, &output[k], p->output.at[k].name, &t[k]);
    for (int k = 0; k < o->out.n && ok; k++) {
        int j = 0;
        while (j < n && strcmp(p->output.at[j].name, o->out.at[k].name)) j++;
        if (j == n) { diag_error(o->cx, D_UNKNOWN_ARGUMENT, NO_LOC, "model `%s` has no output `%s`", p->name, o->out.at[k].name); ok = false; }
        else if (pgn_npy_write(o->out.at[k].value, &t[j], &e)) { diag_error(o->cx, D_WRITE_FAILED, NO_LOC, "%s", e.message); ok = false; }
    }
    if (ok && o->outputs && pgn_npz_write(o->outputs, t, n, &e)) { diag_error(o->cx, D_WRITE_FAILED, NO_LOC, "%s", e.message); ok = false; }
    for (int k = 0; k < n; k++) free(t[k].data);
    return ok;
}
