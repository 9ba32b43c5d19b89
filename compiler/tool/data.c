/* data.c - arrays for a run.  An array comes from an archive, a file, or is generated, and is kept in the type that the model declares;
 * each one that is read tells the sizes of its dimensions, and two that disagree are both named. */
#include "tool/load.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x) { x += 0x9e3779b97f4a7c15u; x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u; x = (x ^ x >> 27) * 0x94d049bb133111ebu; return x ^ x >> 31; }
/* The k-th number of a stream: the same wherever and in whatever order it is asked for. */
double uniform(uint64_t seed, uint64_t k) { return (double)(mix(mix(seed) ^ k) >> 11) * 0x1p-53; }
static double normal(uint64_t seed, uint64_t k) {
    double u = 1 - uniform(seed, 2 * k), v = uniform(seed, 2 * k + 1);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}
static uint64_t name_seed(const char *s) { uint64_t h = 1469598103934665603u; for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u; return h; }

void *data_memory(Options *o, RunData *d, Loc loc, const char *name, int64_t n, size_t size) {
    bool fits = n >= 0 && (uint64_t)n < SIZE_MAX / 2 / size && d->bytes + (uint64_t)n * size <= machine_memory();
    void *m = fits ? malloc((size_t)n * size + 64) : NULL;
    if (m) { vec_add(o->cx->arena, d->owned, m); d->bytes += (uint64_t)n * size; }
    else diag_error(o->cx, D_OUT_OF_MEMORY, loc, "`%s`: memory for %" PRId64 " elements of %zu bytes can't be had", name, n, size);
    return m;
}
void data_free(RunData *d) {
    for (int k = 0; k < d->owned.n; k++) free(d->owned.at[k]);
    for (int k = 0; k < d->archive.n; k++) pgn_bundle_free(&d->archive.at[k]);
    d->owned.n = d->archive.n = 0, d->bytes = 0;
}
Diag *refuse(Load *l, DiagId id, Loc loc, const char *fmt, ...) {
    va_list ap;
    char text[1024];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->bad = true;
    return diag_error(l->o->cx, id, loc, "%s", text);
}
static void *memory(Load *l, const Value *v, int64_t n, size_t size) {
    void *m = data_memory(l->o, l->d, v->loc, v->name, n, size);
    if (!m) l->bad = true;
    return m;
}

/* ---- sizes --------------------------------------------------------------------------------------------------- */
static void learn(Load *l, Sym *s, int64_t n, const char *from) {
    int64_t *slot = &l->d->size[s->id];
    const char *what = s->fixed >= 0 ? "-D or the model" : l->who[s->id];
    if (*slot < 0 && n >= 0) { *slot = n; l->who[s->id] = from; return; }
    if (*slot == n) return;
    refuse(l, D_SIZE_CONFLICT, s->loc, "`%s` is %" PRId64 " by %s, but %" PRId64 " by %s", s->name, *slot, what, n, from);
}
static bool known(const Ext *e, const int64_t *size) {
    return e->op == EXT_CONST || (e->op == EXT_SYM ? size[e->sym->id] >= 0 : known(e->a, size) && known(e->b, size));
}
void learn_extent(Load *l, const Ext *e, int64_t n, const char *from, Loc at) {
    if (e->op == EXT_SYM) { learn(l, e->sym, n, from); return; }
    if (known(e, l->d->size)) {
        int64_t want = ext_eval(e, l->d->size);
        if (want != n) { refuse(l, D_SIZE_CONFLICT, at, "a dimension of %" PRId64 " is needed, but %s has %" PRId64, want, from, n); }
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
const pgn_tensor *in_bundle(const pgn_bundle *b, const char *name) {
    for (int k = 0; b && k < b->n; k++) if (!strcmp(b->tensor[k].name, name)) return &b->tensor[k];
    return NULL;
}
static const char *source_of(Options *o, const char *name, bool *own) {
    const char *any = NULL;
    *own = false;
    for (int k = 0; k < o->in.n; k++) {
        if (!strcmp(o->in.at[k].name, name)) { *own = true; return o->in.at[k].value; }
        if (!strcmp(o->in.at[k].name, "*")) any = o->in.at[k].value;
    }
    return any;
}
bool failed(Load *l, const pgn_error *e) {
    refuse(l, e->status == PGN_E_IO ? D_FILE_NOT_FOUND : e->status == PGN_E_MEMORY ? D_OUT_OF_MEMORY : D_BAD_INPUT_FILE, NO_LOC, "%s", e->message);
    return false;
}
bool ends_with(const char *s, const char *end) { size_t n = strlen(s), m = strlen(end); return n >= m && !strcmp(s + n - m, end); }
const pgn_bundle *read_archive(Load *l, const char *path) {
    pgn_bundle b;
    pgn_error e;
    if (ends_with(path, ".safetensors") ? pgn_safetensors_read(path, &b, &e) : pgn_npz_read(path, &b, &e)) { failed(l, &e); return NULL; }
    vec_add(l->o->cx->arena, l->d->archive, b);
    pgn_bundle *kept = NEW(l->o->cx->arena, pgn_bundle);       /* the list of archives may move */
    *kept = b;
    return kept;
}
/* Whether an array of that kind may stand for v: integers for integers, and reals from integers. */
static bool kind_fits(Load *l, const Value *v, const pgn_tensor *t, const char *from) {
    bool whole = dtype_is_whole((int)v->dt), complex = t->dtype == PGN_C64 || t->dtype == PGN_C128;
    if (t->rank != v->rank) {
        refuse(l, D_BAD_INPUT_FILE, v->loc, "`%s` has %d dimension%s, %s has %d", v->name, v->rank, v->rank == 1 ? "" : "s", from, t->rank);
        return false;
    }
    if (whole != dtype_is_whole(t->dtype) && !(v->dt != DT_BOOL && !whole && dtype_is_whole(t->dtype))) {
        const char *is = v->target ? "a map (integers)" : dtype_name(v->dt);
        diag_help(refuse(l, D_BAD_INPUT_FILE, v->loc, "`%s` is %s, %s holds %s", v->name, is, from, pgn_dtype_name(t->dtype)), "convert the array: numbers are not rounded silently");
        return false;
    }
    if (!complex || dtype_is_complex(v->dt)) return true;
    refuse(l, D_BAD_INPUT_FILE, v->loc, "`%s` is %s, %s holds complex numbers", v->name, dtype_name(v->dt), from);
    return false;
}
/* t stays where it is when it has the declared type, else it is converted. */
static void from_tensor(Load *l, const Value *v, const pgn_tensor *t, const char *from, pgn_tensor *out) {
    if (!kind_fits(l, v, t, from)) return;
    for (int k = 0; k < v->rank; k++) learn_extent(l, v->axis[k]->extent, t->extent[k], from, v->loc);
    *out = *t;
    out->name = NULL, out->dtype = (pgn_dtype)v->dt;
    if (t->dtype == out->dtype || !(out->data = memory(l, v, t->n, dtype_bytes(v->dt)))) return;
    int64_t hi = v->dt == DT_I32 ? INT32_MAX : v->dt == DT_I8 ? 127 : v->dt == DT_U8 ? 255 : v->dt == DT_BOOL ? 1 : INT64_MAX;
    int64_t lo = v->dt == DT_I32 ? INT32_MIN : v->dt == DT_I8 ? -128 : v->dt == DT_U8 || v->dt == DT_BOOL ? 0 : INT64_MIN;
    for (int64_t k = 0; k < t->n; k++) {
        int64_t i = 0;
        double re = element_get(t, k, 0, &i), im = dtype_is_complex(v->dt) ? element_get(t, k, 1, &i) : 0;
        if (dtype_is_whole((int)v->dt) && (i < lo || i > hi)) {
            refuse(l, D_BAD_INPUT_VALUE, v->loc, "`%s`: %" PRId64 " at position %" PRId64 " of %s does not fit %s", v->name, i, k, from,
                   dtype_name(v->dt));
            return;
        }
        element_put(out, k, re, im, i);
    }
}
/* Arrays that a file gives; what is generated comes later, when all sizes are known. */
static bool from_file(Load *l, const Value *v, pgn_tensor *out) {
    const pgn_tensor *t = in_bundle(l->archive, v->name);
    bool own;
    const char *src = source_of(l->o, v->name, &own);
    if (t && !own) { from_tensor(l, v, t, arena_printf(l->o->cx->arena, "`%s` of %s", v->name, l->o->inputs), out); return true; }
    if (!own || !strncmp(src, "random:", 7) || !strcmp(src, "zero") || !strcmp(src, "one")) return false;
    pgn_tensor f;
    pgn_error e;
    if (pgn_npy_read(src, &f, &e)) return failed(l, &e);
    vec_add(l->o->cx->arena, l->d->owned, f.data);
    free(f.name);
    from_tensor(l, v, &f, src, out);
    return true;
}

/* ---- generated arrays -------------------------------------------------------------------------------------------- */
/* How numbers are drawn: constant, or a normal distribution. */
typedef struct Draw { bool random; double constant; } Draw;
static bool shape_from_sizes(Load *l, const Value *v, pgn_tensor *t) {
    *t = (pgn_tensor){ .dtype = (pgn_dtype)v->dt, .rank = v->rank, .n = 1 };
    for (int k = 0; k < v->rank; k++) {
        t->extent[k] = ext_eval(v->axis[k]->extent, l->d->size);
        if (!ext_is_known(v->axis[k]->extent, l->d->size)) {
            Diag *d = refuse(l, D_DIM_UNKNOWN, v->loc, "`%s` can't be generated: the size of `%s` is known only when the model runs", v->name, v->axis[k]->name);
            diag_help(d, "--in %s=FILE.npy", v->name);
            return false;
        }
        if (t->extent[k] >= 0 && !__builtin_mul_overflow(t->n, t->extent[k], &t->n) && t->n <= (int64_t)1 << 30) continue;
        refuse(l, D_OUT_OF_MEMORY, v->loc, "`%s` is too large to generate", v->name);
        return false;
    }
    return (t->data = memory(l, v, t->n, dtype_bytes(v->dt))) != NULL;
}
static void generated(Load *l, const Value *v, pgn_tensor *out) {
    bool own, param = v->node->kind == N_PARAM;
    const char *src = source_of(l->o, v->name, &own);
    if (!own && !param && !v->rank && v->dt == DT_I64 && (!strcmp(v->name, "seed") || !strcmp(v->name, "step"))) {      /* what the language calls so */
        if (shape_from_sizes(l, v, out)) element_put(out, 0, 0, 0, v->name[1] == 'e' ? l->o->seed : l->o->step);
        return;
    }
    if (!src && !param) {
        diag_help(refuse(l, D_MISSING_INPUT, v->loc, "%s `%s` is not given", v->target ? "map" : "input", v->name),
                  "--in %s=FILE.npy, or random:SEED, zero, one; or --inputs FILE.npz", v->name);
        return;
    }
    bool random = src && !strncmp(src, "random:", 7), one = src && !strcmp(src, "one");
    if (src && !random && !one && strcmp(src, "zero")) {
        diag_help(refuse(l, D_USAGE, NO_LOC, "`%s` is no source for all arrays", src), "--in '*=random:1', zero or one");
        return;
    }
    if (!shape_from_sizes(l, v, out)) return;
    char *end = NULL;
    errno = 0;
    uint64_t seed = name_seed(v->name), chosen = random ? strtoull(src + 7, &end, 10) : 0;
    if (random && (!isdigit((unsigned char)src[7]) || *end || errno)) {
        diag_help(refuse(l, D_USAGE, NO_LOC, "`%s`: what follows random: is a whole number", src), "--in %s=random:1", own ? v->name : "'*'");
        return;
    }
    if (param && (!src || random)) {                                    /* the model says how its parameters begin */
        pgn_error e = { 0 };
        out->name = (char *)(uintptr_t)v->name;
        if (pgn_tensor_init(out, v->node->u.param.init, v->node->u.param.init_arg, v->node->u.param.n_init_arg, random ? (int64_t)chosen : l->o->seed, &e)) failed(l, &e);
        out->name = NULL;
        return;
    }
    if (random) seed ^= mix(chosen);
    Draw draw = { random, one };
    bool whole = dtype_is_whole((int)v->dt);
    int64_t limit = v->target ? ext_eval(v->target->extent, l->d->size) : v->dt == DT_BOOL ? 2 : 8;
    if (v->target && limit < 1 && out->n) {
        refuse(l, D_MISSING_INPUT, v->loc, "map `%s` has no possible value: `%s` is empty", v->name, v->target->name);
        return;
    }
    for (int64_t k = 0; k < out->n; k++) {
        if (whole) {
            int64_t i = draw.random ? (int64_t)(uniform(seed, (uint64_t)k) * (double)limit) : (int64_t)draw.constant;
            element_put(out, k, 0, 0, v->target && i >= limit ? limit - 1 : i);
            continue;
        }
        double re = draw.random ? normal(seed, (uint64_t)k) : draw.constant;
        element_put(out, k, re, draw.random && dtype_is_complex(v->dt) ? (double)(float)normal(seed ^ 77, (uint64_t)k) : 0, 0);
    }
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */
static int find_output(const Program *p, const char *name) {              /* its place from 1; 0: none */
    for (int k = 0; k < p->output.n; k++) if (!strcmp(p->output.at[k].name, name)) return k + 1;
    return 0;
}
static void known_names(Load *l) {                                     /* a name that the model does not have is a mistake */
    Options *o = l->o;
    Program *p = l->p;
    const char **names = NEWN(o->cx->arena, const char *, p->input.n + p->param.n + 1);
    int n = 0;
    for (int j = 0; j < p->input.n; j++) names[n++] = p->input.at[j]->name;
    for (int j = 0; j < p->param.n; j++) names[n++] = p->param.at[j]->name;
    for (int k = 0; k < o->in.n; k++) {
        bool found = !strcmp(o->in.at[k].name, "*");
        for (int j = 0; j < n; j++) found |= !strcmp(names[j], o->in.at[k].name);
        if (found) continue;
        const char *near = did_you_mean(o->cx, o->in.at[k].name, names, n);
        Diag *g = refuse(l, D_UNKNOWN_ARGUMENT, NO_LOC, "model `%s` has no input or parameter `%s`", p->name, o->in.at[k].name);
        if (near) diag_help(g, "did you mean `%s`?", near);
    }
    for (int k = 0; k < o->graph.n; k++) {
        bool found = false;
        for (int j = 0; j < p->graph.n; j++) found |= p->graph.at[j]->given && !strcmp(p->graph.at[j]->name, o->graph.at[k].name);
        if (found) continue;
        refuse(l, D_UNKNOWN_ARGUMENT, NO_LOC, "model `%s` has no graph `%s`", p->name, o->graph.at[k].name);
    }
    for (int k = 0; k < o->out.n; k++)
        if (!find_output(p, o->out.at[k].name)) refuse(l, D_UNKNOWN_ARGUMENT, NO_LOC, "model `%s` has no output `%s`", p->name, o->out.at[k].name);
}
/* A file that has some of the parameters was meant to have them all. */
static void missing_parameters(Load *l, const bool *given) {
    const Program *p = l->p;
    int found = 0, n = l->archive ? l->archive->n : 0;
    const char **name = NEWN(l->o->cx->arena, const char *, n + 1);
    for (int k = 0; k < n; k++) name[k] = l->archive->tensor[k].name;
    for (int k = 0; k < p->param.n; k++) found += l->archive && in_bundle(l->archive, p->param.at[k]->name);
    for (int k = 0; k < p->param.n && found; k++) {
        const Value *v = p->param.at[k];
        bool own;
        if (given[k] || source_of(l->o, v->name, &own)) continue;
        const char *near = did_you_mean(l->o->cx, v->name, name, n);
        Diag *g = diag_warning(l->o->cx, D_MISSING_INPUT, v->loc, "parameter `%s` is not in %s: it begins as the model says", v->name, l->o->inputs);
        if (near) diag_help(g, "did you mean `%s`, which is there?", near);
    }
}
bool data_load(Options *o, Program *p, RunData *d) {
    Arena *a = o->cx->arena;
    *d = (RunData){ .size = NEWN(a, int64_t, p->sym.n + 1), .input = NEWN(a, pgn_tensor, p->input.n + 1),
                    .param = NEWN(a, pgn_tensor, p->param.n + 1), .graph = NEWN(a, pgn_graph_view, p->graph.n + 1) };
    Load l = { .o = o, .p = p, .d = d, .least = NEWN(a, Least, p->graph.n + 1), .who = NEWN(a, const char *, p->sym.n + 1) };
    for (int k = 0; k < p->sym.n; k++) d->size[k] = p->sym.at[k]->fixed;
    if (o->inputs && !(l.archive = read_archive(&l, o->inputs))) return false;
    known_names(&l);
    for (int k = 0; k < p->graph.n; k++) if (p->graph.at[k]->given) { load_graph(&l, p->graph.at[k], &d->graph[l.n_graph], &l.least[l.n_graph]); l.n_graph++; }
    bool *done = NEWN(a, bool, p->input.n + p->param.n + 1);
    for (int k = 0; k < p->input.n; k++) done[k] = from_file(&l, p->input.at[k], &d->input[k]);
    for (int k = 0; k < p->param.n; k++) done[p->input.n + k] = from_file(&l, p->param.at[k], &d->param[k]);
    if (!l.bad) missing_parameters(&l, done + p->input.n);
    for (int k = 0; k < l.n_graph && !l.bad; k++) settle_graph(&l, k);
    if (!l.bad) for (int k = 0; k < p->sym.n; k++) if (p->sym.at[k]->kind != SYM_DATA && d->size[k] < 0) {
        diag_help(refuse(&l, D_DIM_UNKNOWN, p->sym.at[k]->loc, "size `%s` follows from no array", p->sym.at[k]->name), "-D %s=VALUE", p->sym.at[k]->name);
    }
    for (int k = 0; k < p->input.n && !l.bad; k++) if (!done[k]) generated(&l, p->input.at[k], &d->input[k]);
    for (int k = 0; k < p->param.n && !l.bad; k++) if (!done[p->input.n + k]) generated(&l, p->param.at[k], &d->param[k]);
    return !l.bad;
}

bool data_sizes_hold(Options *o, const Program *p, const RunData *d) {
    for (int k = 0; k < p->check.n; k++) {
        const Check *c = &p->check.at[k];
        if (check_holds(c, d->size)) continue;
        diag_help(diag_error(o->cx, D_RUN_FAILED, c->loc, "%s", check_text(o->cx->arena, c, d->size)), "choose other sizes: they come from the arrays, from -D and from the model");
        return false;
    }
    return true;
}

/* ---- for the interpreter -------------------------------------------------------------------------------------------- */
static bool widen(Options *o, RunData *d, const Value *v, const pgn_tensor *t, Array *out) {
    *out = (Array){ .dt = v->dt, .rank = t->rank, .n = t->n };
    memcpy(out->extent, t->extent, sizeof out->extent);
    bool whole = dtype_is_whole(t->dtype), complex = dtype_is_complex(v->dt);
    if (t->dtype == PGN_F64) { out->re = t->data; return true; }         /* is what it wants */
    if (t->dtype == PGN_I64) { out->i = t->data; return true; }
    double *m = data_memory(o, d, v->loc, v->name, t->n, complex ? 16 : 8);
    if (!m) return false;
    if (whole) out->i = (int64_t *)(void *)m; else out->re = m;
    if (complex) out->im = m + t->n;
    for (int64_t k = 0; k < t->n; k++) {
        if (whole) element_get(t, k, 0, &out->i[k]);
        else out->re[k] = element_get(t, k, 0, NULL);
        if (complex) out->im[k] = element_get(t, k, 1, NULL);
    }
    return true;
}
static const int64_t *widen_ids(Options *o, RunData *d, const Graph *g, const int32_t *from, int64_t n) {
    int64_t *m = data_memory(o, d, g->edges->loc, g->name, n, sizeof *m);
    for (int64_t k = 0; m && k < n; k++) m[k] = from[k];
    return m;
}
bool data_widen(Options *o, Program *p, RunData *d, InterpArgs *args) {
    Arena *a = o->cx->arena;
    Array *input = NEWN(a, Array, p->input.n + 1), *param = NEWN(a, Array, p->param.n + 1);
    InterpGraph *graph = NEWN(a, InterpGraph, p->graph.n + 1);
    *args = (InterpArgs){ .size = d->size, .graph = graph, .input = input, .param = param };
    for (int k = 0; k < p->input.n; k++) if (!widen(o, d, p->input.at[k], &d->input[k], &input[k])) return false;
    for (int k = 0; k < p->param.n; k++) if (!widen(o, d, p->param.at[k], &d->param[k], &param[k])) return false;
    for (int k = 0, n = 0; k < p->graph.n; k++) {
        const Graph *g = p->graph.at[k];
        if (!g->given) continue;
        const pgn_graph_view *v = &d->graph[n];
        graph[n] = (InterpGraph){ v->src_nodes, v->dst_nodes, v->edges, v->ntypes, v->etypes, widen_ids(o, d, g, v->src, v->edges),
                                  widen_ids(o, d, g, v->dst, v->edges), widen_ids(o, d, g, v->etype, v->edges), widen_ids(o, d, g, v->ntype, v->dst_nodes) };
        if (!graph[n].src || !graph[n].dst || !graph[n].etype || !graph[n].ntype) return false;
        n++;
    }
    args->bytes = d->bytes;
    return true;
}

/* NumPy has no bf16: it is written as f32. */
static const pgn_tensor *writable(Options *o, RunData *d, const pgn_tensor *t, bool numpy) {
    if (t->dtype != PGN_BF16 || !numpy) return t;
    pgn_tensor *wide = NEW(o->cx->arena, pgn_tensor);
    *wide = *t;
    wide->dtype = PGN_F32;
    if (!(wide->data = data_memory(o, d, NO_LOC, t->name, t->n, sizeof(float)))) return NULL;
    for (int64_t k = 0; k < t->n; k++) element_put(wide, k, element_get(t, k, 0, NULL), 0, 0);
    return wide;
}
bool data_save(Options *o, Program *p, RunData *d, const pgn_tensor *output) {
    int n = p->output.n;
    pgn_error e;
    for (int k = 0; k < o->out.n; k++) {
        const pgn_tensor *t = writable(o, d, &output[find_output(p, o->out.at[k].name) - 1], true);      /* names were checked before the run */
        if (!t) return false;
        if (pgn_npy_write(o->out.at[k].value, t, &e)) { diag_error(o->cx, D_WRITE_FAILED, NO_LOC, "%s", e.message); return false; }
    }
    if (!o->outputs) return true;
    bool numpy = !ends_with(o->outputs, ".safetensors");
    pgn_tensor *t = NEWN(o->cx->arena, pgn_tensor, n + 1);
    for (int k = 0; k < n; k++) {
        const pgn_tensor *w = writable(o, d, &output[k], numpy);
        if (!w) return false;
        t[k] = *w;
    }
    if (!(numpy ? pgn_npz_write(o->outputs, t, n, &e) : pgn_safetensors_write(o->outputs, t, n, &e))) return true;
    diag_error(o->cx, D_WRITE_FAILED, NO_LOC, "%s", e.message);
    return false;
}
