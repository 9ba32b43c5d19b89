/* run.c - `pigeonc run`: data in, one executor, compare with the interpreter, measure, data out.
 * Outputs are written only after everything succeeded. */
#include "tool/data.h"
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- progress: a line on a terminal for what takes over two seconds ------------------------------------------ */
typedef struct Progress { pthread_t thread; pthread_mutex_t lock; pthread_cond_t stop; bool on, stopped; const char *what; } Progress;
static void *progress_main(void *arg) {
    Progress *p = arg;
    double start = now();
    pthread_mutex_lock(&p->lock);
    while (!p->stopped) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 1;
        pthread_cond_timedwait(&p->stop, &p->lock, &t);
        if (!p->stopped && now() - start > 2) fprintf(stderr, "\r%s ... %.0f s", p->what, now() - start);
    }
    pthread_mutex_unlock(&p->lock);
    if (now() - start > 2) fprintf(stderr, "\r\033[K");
    return NULL;
}
static void progress_start(Progress *p, const char *what) {
    *p = (Progress){ .what = what, .on = isatty(2) };
    if (!p->on) return;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->stop, NULL);
    p->on = pthread_create(&p->thread, NULL, progress_main, p) == 0;
}
static void progress_stop(Progress *p) {
    if (!p->on) return;
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_cond_signal(&p->stop);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
}

/* ---- executors -------------------------------------------------------------------------------------------- */
static bool run_interpreter(Options *o, Program *p, const RunData *d, Array *out, int64_t *size_out) {
    Arena *a = o->cx->arena;
    InterpArgs args = { .size = d->size };
    InterpGraph *g = NEWN(a, InterpGraph, p->graph.n + 1);
    int ng = 0;
    for (int k = 0; k < p->graph.n; k++) {
        if (!p->graph.at[k]->given) continue;
        const GraphData *s = &d->graph[k];
        InterpGraph *t = &g[ng++];
        *t = (InterpGraph){ s->src_nodes, s->dst_nodes, s->edges, s->ntypes, s->etypes, NULL, NULL, NULL, NULL };
        int64_t *all = NEWN(a, int64_t, 3 * s->edges + s->dst_nodes + 1);
        for (int64_t e = 0; e < s->edges; e++) all[e] = s->src[e], all[s->edges + e] = s->dst[e], all[2 * s->edges + e] = s->etype[e];
        for (int64_t v = 0; v < s->dst_nodes; v++) all[3 * s->edges + v] = s->ntype[v];
        t->src = all; t->dst = all + s->edges; t->etype = all + 2 * s->edges; t->ntype = all + 3 * s->edges;
    }
    Array *in = NEWN(a, Array, p->input.n + 1), *pa = NEWN(a, Array, p->param.n + 1);
    for (int k = 0; k < p->input.n; k++) tensor_to_array(a, &d->input[k], &in[k]);
    for (int k = 0; k < p->param.n; k++) tensor_to_array(a, &d->param[k], &pa[k]);
    args.graph = g; args.input = in; args.param = pa;
    Progress bar;
    progress_start(&bar, "reference interpreter");
    bool ok = interp_run(p, &args, out, a, size_out);
    progress_stop(&bar);
    return ok;
}

typedef struct Session { Artifact art; pgn_plan *plan; void *workspace; size_t workspace_size; const void **in, **param; void **out; Tensor *output; double bind_s; } Session;

static bool model_error(Options *o, Program *p, const char *what, const pgn_error *e) {
    diag_error(o->cx, D_RUN_FAILED, p->loc, "%s: %s [%s]", what, e->message, pgn_status_name(e->status));
    return false;
}
/* memory of the artifact's side: the host's, or the device's with a copy */
static void *side_alloc(const pgn_model *m, size_t n) {
    void *q = NULL;
    if (m->device) return m->dev->alloc(&q, n ? n : 64) == PGN_OK ? q : NULL;
    return posix_memalign(&q, 64, n ? n : 64) ? NULL : q;
}
static void side_free(const pgn_model *m, void *q) { if (m->device && q) m->dev->free(q); else free(q); }

static bool session_open(Options *o, Program *p, const RunData *d, Session *s) {
    const pgn_model *m = s->art.model;
    Arena *a = o->cx->arena;
    pgn_error err = { 0 };
    pgn_graph_view *g = NEWN(a, pgn_graph_view, p->graph.n + 1);
    int ng = 0;
    for (int k = 0; k < p->graph.n; k++) if (p->graph.at[k]->given) {
        const GraphData *x = &d->graph[k];
        g[ng++] = (pgn_graph_view){ x->src_nodes, x->dst_nodes, x->edges, x->ntypes, x->etypes, x->src, x->dst, x->etype, x->ntype };
    }
    const void **structural = NEWN(a, const void *, m->n_input + 1);
    for (int k = 0; k < m->n_input; k++) if (m->input[k].structural) structural[k] = d->input[k].data;
    pgn_options opt = { .threads = o->threads };
    double t = now();
    if (pgn_model_plan(m, g, d->size, structural, &opt, &s->plan, &err)) return model_error(o, p, "the model can't be bound to these sizes", &err);
    s->bind_s = now() - t;
    const int64_t *size = pgn_plan_sizes(s->plan);
    s->workspace_size = pgn_plan_workspace_size(s->plan);
    s->in = NEWN(a, const void *, m->n_input + 1);
    s->param = NEWN(a, const void *, m->n_param + 1);
    s->out = NEWN(a, void *, m->n_output + 1);
    s->output = NEWN(a, Tensor, m->n_output + 1);
    if (!(s->workspace = side_alloc(m, s->workspace_size))) {
        diag_error(o->cx, D_OUT_OF_MEMORY, p->loc, "the workspace of %zu bytes can't be had", s->workspace_size);
        return false;
    }
    for (int list = 0; list < 2; list++) {
        const Tensor *from = list ? d->param : d->input;
        const void **to = list ? s->param : s->in;
        for (int k = 0; k < (list ? m->n_param : m->n_input); k++) {
            to[k] = from[k].data;
            if (!m->device) continue;
            size_t bytes = (size_t)from[k].n * dtype_bytes(from[k].dt);
            void *q = side_alloc(m, bytes);
            if (!q || m->dev->to_device(q, from[k].data, bytes, NULL)) { diag_error(o->cx, D_OUT_OF_MEMORY, p->loc, "`%s` does not fit the device", from[k].name); return false; }
            to[k] = q;
        }
    }
    for (int k = 0; k < m->n_output; k++) {
        Tensor *y = &s->output[k];
        *y = (Tensor){ .name = p->output.at[k].name, .dt = p->output.at[k].value->dt, .rank = m->output[k].rank, .n = 1 };
        for (int j = 0; j < y->rank; j++) y->n *= y->extent[j] = m->extent(size, PGN_ROLE_OUTPUT, k, j);
        size_t bytes = (size_t)y->n * dtype_bytes(y->dt);
        y->data = malloc(bytes + 64);
        s->out[k] = m->device ? side_alloc(m, bytes) : y->data;
        if (!y->data || !s->out[k]) { diag_error(o->cx, D_OUT_OF_MEMORY, p->loc, "output `%s` of %zu bytes can't be had", y->name, bytes); return false; }
    }
    return true;
}
static bool session_forward(Options *o, Program *p, Session *s) {
    pgn_error err = { 0 };
    const pgn_model *m = s->art.model;
    if (pgn_model_forward(s->plan, s->in, s->param, s->out, s->workspace, NULL, &err)) return model_error(o, p, "the model failed", &err);
    for (int k = 0; m->device && k < m->n_output; k++)
        if (m->dev->to_host(s->output[k].data, s->out[k], (size_t)s->output[k].n * dtype_bytes(s->output[k].dt), NULL)) {
            diag_error(o->cx, D_RUN_FAILED, p->loc, "output `%s` can't be copied from the device", s->output[k].name);
            return false;
        }
    return true;
}
static void session_close(Session *s) {
    const pgn_model *m = s->art.model;
    if (m) {
        for (int k = 0; m->device && s->in && k < m->n_input; k++) side_free(m, (void *)s->in[k]);
        for (int k = 0; m->device && s->param && k < m->n_param; k++) side_free(m, (void *)s->param[k]);
        for (int k = 0; s->out && k < m->n_output; k++) { if (m->device) side_free(m, s->out[k]); free(s->output[k].data); }
        side_free(m, s->workspace);
        pgn_plan_free(s->plan);
    }
    artifact_free(&s->art);
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */
static double default_tolerance(Dtype dt) {
    switch (dt) {
    case DT_F64: case DT_C128: return 1e-9;
    case DT_F32: case DT_C64: return 1e-4;
    case DT_F16: return 1e-2;
    case DT_BF16: return 5e-2;
    default: return 0;
    }
}
static double array_at(const Array *r, int64_t k, int part) {
    if (r->i) return part ? 0 : (double)r->i[k];
    return part ? r->im ? r->im[k] : 0 : r->re[k];
}
/* The largest difference relative to the largest reference value (at least 1). */
static bool compare(Options *o, Program *p, const Tensor *y, const Array *ref, double *worst) {
    if (y->n != ref->n) { diag_error(o->cx, D_VERIFY_FAILED, p->loc, "output `%s` has %" PRId64 " elements, the interpreter's has %" PRId64, y->name, y->n, ref->n); return false; }
    double scale = 1, bad = -1;
    int64_t where = 0;
    int parts = dtype_is_complex(y->dt) ? 2 : 1;
    for (int64_t k = 0; k < y->n; k++) for (int c = 0; c < parts; c++) {
        double r = fabs(array_at(ref, k, c));
        if (isfinite(r) && r > scale) scale = r;
    }
    for (int64_t k = 0; k < y->n; k++) for (int c = 0; c < parts; c++) {
        double a = tensor_at(y, k, c), r = array_at(ref, k, c);
        double e = a == r || (isnan(a) && isnan(r)) ? 0 : isfinite(a) && isfinite(r) ? fabs(a - r) / scale : INFINITY;
        if (e > bad) bad = e, where = k;
    }
    *worst = y->n ? bad : 0;
    double tol = o->tolerance >= 0 && !dtype_is_int(y->dt) && y->dt != DT_BOOL ? o->tolerance : default_tolerance(y->dt);
    if (!y->n || bad <= tol) return true;
    int64_t rest = where;
    char place[200] = "";
    for (int j = y->rank - 1; j >= 0; j--) {
        char t[200];
        snprintf(t, sizeof t, "%" PRId64 "%s%.150s", rest % y->extent[j], *place ? ", " : "", place);
        rest /= y->extent[j];
        memcpy(place, t, sizeof t);
    }
    diag_error(o->cx, D_VERIFY_FAILED, p->loc, "output `%s` differs from the interpreter: at [%s] it is %.9g, not %.9g; %.3g of the largest value, %.3g allowed",
               y->name, place, tensor_at(y, where, 0), array_at(ref, where, 0), bad, tol);
    return false;
}

/* ---- report --------------------------------------------------------------------------------------------------- */
static int double_order(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }
static void report(Options *o, Program *p, const Tensor *y, int n, const Session *s, const double *times, int n_times, const double *worst) {
    bool j = o->json;
    if (j) printf("{\"model\": \"%s\", \"executor\": \"%s\", \"outputs\": [", p->name, o->executor);
    for (int k = 0; k < n; k++) {
        double lo = INFINITY, hi = -INFINITY, sum = 0;
        for (int64_t q = 0; q < y[k].n; q++) { double v = tensor_at(&y[k], q, 0); sum += v; if (v < lo) lo = v; if (v > hi) hi = v; }
        printf(j ? "%s{\"name\": \"%s\", \"type\": \"%s\", \"shape\": [" : "%s%s: %s[", j && k ? ", " : "", y[k].name, dtype_name(y[k].dt));
        for (int q = 0; q < y[k].rank; q++) printf("%s%" PRId64, q ? ", " : "", y[k].extent[q]);
        if (j) printf(y[k].n ? "], \"min\": %.9g, \"max\": %.9g, \"mean\": %.9g" : "]", lo, hi, sum / (double)y[k].n);
        else if (y[k].n == 1 && !y[k].rank) printf("] = %.9g", tensor_at(&y[k], 0, 0));
        else if (y[k].n) printf("]  min %.6g  mean %.6g  max %.6g", lo, sum / (double)y[k].n, hi);
        else printf("]  empty");
        if (worst) printf(j ? ", \"error\": %.3g" : "  error %.2g", worst[k]);
        printf(j ? "}" : "\n");
    }
    if (j) printf("]");
    if (s) {
        if (j) printf(", \"bind_ms\": %.4f, \"workspace_bytes\": %zu", 1e3 * s->bind_s, s->workspace_size);
        else if (n_times) printf("bind %.3f ms, workspace %.1f MB\n", 1e3 * s->bind_s, 1e-6 * (double)s->workspace_size);
    }
    if (n_times) printf(j ? ", \"runs\": %d, \"median_ms\": %.4f, \"min_ms\": %.4f" : "forward: %d runs, median %.3f ms, fastest %.3f ms\n", n_times,
                        1e3 * times[n_times / 2], 1e3 * times[0]);
    if (j) printf("}\n");
}

static void array_to_tensor(Arena *a, const char *name, const Array *r, Tensor *y) {
    *y = (Tensor){ .name = name, .dt = r->i ? DT_I64 : r->im ? DT_C128 : DT_F64, .rank = r->rank, .n = r->n };
    memcpy(y->extent, r->extent, sizeof y->extent);
    if (r->dt == DT_BOOL) {
        y->dt = DT_BOOL;
        uint8_t *q = arena_alloc(a, (size_t)r->n + 1);
        for (int64_t k = 0; k < r->n; k++) q[k] = (uint8_t)r->i[k];
        y->data = q;
    } else if (r->im) {
        double *q = arena_alloc(a, sizeof *q * 2 * (size_t)r->n + 8);
        for (int64_t k = 0; k < r->n; k++) q[2 * k] = r->re[k], q[2 * k + 1] = r->im[k];
        y->data = q;
    } else y->data = r->i ? (void *)r->i : (void *)r->re;
}

int command_run(Options *o) {
    if (!o->executor) o->executor = "cpu";
    File *f = front_parse(o, o->file.at[0]);
    if (!f) return EXIT_DIAGNOSED;
    Program *p = front_program(o, f, o->model);
    if (!p) return EXIT_DIAGNOSED;
    RunData d;
    phase_begin(o);
    if (!data_load(o, p, &d)) return EXIT_DIAGNOSED;
    phase_end(o, "load data");
    Arena *a = o->cx->arena;
    int n = p->output.n;
    Array *ref = NEWN(a, Array, n + 1);
    double *worst = NEWN(a, double, n + 1), times[1000];
    int n_times = 0;
    if (!strcmp(o->executor, "interp")) {
        double t = now();
        if (!run_interpreter(o, p, &d, ref, NULL)) return EXIT_DIAGNOSED;
        times[0] = now() - t;
        Tensor *y = NEWN(a, Tensor, n + 1);
        for (int k = 0; k < n; k++) array_to_tensor(a, p->output.at[k].name, &ref[k], &y[k]);
        if (!data_save(o, y, n)) return EXIT_DIAGNOSED;
        report(o, p, y, n, NULL, times, o->bench, NULL);
        return EXIT_OK;
    }
    phase_begin(o);
    Unit *u = lower_program(p);
    if (!u || !unit_verify(u, "lower")) return EXIT_DIAGNOSED;
    phase_end(o, "lower");
    Session s = { 0 };
    Progress bar;
    progress_start(&bar, "compiling");
    bool ok = artifact_make(o, u, o->executor, &s.art);
    progress_stop(&bar);
    phase_end(o, "generate code");
    ok = ok && session_open(o, p, &d, &s);
    phase_end(o, "bind");
    progress_start(&bar, "running");
    ok = ok && session_forward(o, p, &s);
    phase_end(o, "first run");
    double begin = now();
    while (ok && o->bench && n_times < 1000 && (n_times < 5 || now() - begin < 2)) {
        double t = now();
        ok = session_forward(o, p, &s);
        times[n_times++] = now() - t;
    }
    progress_stop(&bar);
    if (ok && o->verify) {
        ok = run_interpreter(o, p, &d, ref, NULL);
        for (int k = 0; ok && k < n; k++) ok &= compare(o, p, &s.output[k], &ref[k], &worst[k]);
    }
    qsort(times, (size_t)n_times, sizeof *times, double_order);
    ok = ok && data_save(o, s.output, n);
    if (ok) report(o, p, s.output, n, &s, times, n_times, o->verify ? worst : NULL);
    session_close(&s);
    return ok ? EXIT_OK : EXIT_DIAGNOSED;
}
