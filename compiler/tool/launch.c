/* launch.c - a compiled model, or the interpreter, on the data of a run: bind, run, time, bring the outputs back. */
#include "tool/exec.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool failed(Options *o, const char *executor, const pgn_error *e) {
    DiagId id = e->status == PGN_E_MEMORY ? D_OUT_OF_MEMORY : e->status == PGN_E_ABI ? D_INTERNAL : D_RUN_FAILED;
    diag_error(o->cx, id, NO_LOC, "%s (%s, executor %s)", e->message, pgn_status_name(e->status), executor);
    return false;
}

/* ---- timing: fn() until --bench's number of runs, or about a second, is reached ------------------------------------- */
enum { LEAST_RUNS = 5, MOST_RUNS = 10000 };
static int by_value(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }
typedef bool Once(void *data);
static bool bench(Options *o, Once *fn, void *data, RunResult *r) {
    int most = o->bench ? o->bench : MOST_RUNS, n = 0;
    double *t = NEWN(o->cx->arena, double, most + 1), begin = now();
    for (; n < most; n++) {
        if (!o->bench && n >= LEAST_RUNS && now() - begin > 1) break;
        double start = now();
        if (!fn(data)) return false;
        t[n] = now() - start;
    }
    qsort(t, (size_t)n, sizeof *t, by_value);
    r->runs = n, r->least = t[0], r->median = n % 2 ? t[n / 2] : (t[n / 2 - 1] + t[n / 2]) / 2;
    return true;
}

/* ---- compiled ---------------------------------------------------------------------------------------------------------- */
static bool on_device(Options *o, Launch *l, void **p, const void *from, size_t n, const char *name) {
    if (l->model->dev->alloc(p, n ? n : 1)) { diag_error(o->cx, D_OUT_OF_MEMORY, NO_LOC, "`%s`: no device memory for %zu bytes", name, n); return false; }
    vec_add(o->cx->arena, l->device, *p);
    if (!from || !n || !l->model->dev->to_device(*p, from, n, NULL)) return true;
    diag_error(o->cx, D_RUN_FAILED, NO_LOC, "`%s` can't be copied to the device", name);
    return false;
}
static bool give(Options *o, Launch *l, const pgn_argument *arg, const pgn_tensor *t, int n, const void **to) {
    for (int k = 0; k < n; k++) {
        to[k] = t[k].data;
        if (!l->model->device || arg[k].structural || arg[k].buffer < 0) continue;
        void *p;
        if (!on_device(o, l, &p, t[k].data, (size_t)t[k].n * pgn_dtype_size(t[k].dtype), arg[k].name)) return false;
        to[k] = p;
    }
    return true;
}
static bool bind(Options *o, Program *p, Launch *l, RunData *d, RunResult *r) {
    if (!data_sizes_hold(o, p, d)) return false;
    const void **structural = NEWN(o->cx->arena, const void *, p->input.n + 1);
    for (int k = 0; k < p->input.n; k++) structural[k] = d->input[k].data;
    pgn_options options = { .threads = o->threads };
    double start = now();
    if (pgn_model_plan(l->model, d->graph, d->size, structural, &options, &l->plan, &l->error)) return failed(o, r->executor, &l->error);
    r->bind = now() - start;
    return true;
}
static bool outputs(Options *o, Program *p, Launch *l, RunData *d, RunResult *r) {
    const int64_t *size = pgn_plan_sizes(l->plan);
    r->output = NEWN(o->cx->arena, pgn_tensor, p->output.n + 1);
    l->output = NEWN(o->cx->arena, void *, p->output.n + 1);
    for (int k = 0; k < p->output.n; k++) {
        const Value *v = p->output.at[k].value;
        pgn_tensor *t = &r->output[k];
        *t = (pgn_tensor){ .name = (char *)p->output.at[k].name, .dtype = (pgn_dtype)v->dt, .rank = v->rank, .n = 1 };
        for (int j = 0; j < v->rank; j++) {
            t->extent[j] = l->model->extent(size, PGN_ROLE_OUTPUT, k, j);
            if (t->extent[j] < 0 || __builtin_mul_overflow(t->n, t->extent[j], &t->n)) t->n = -1;
        }
        if (!(l->output[k] = t->data = data_memory(o, d, v->loc, t->name, t->n, dtype_bytes(v->dt)))) return false;
        if (l->model->device && !on_device(o, l, &l->output[k], NULL, (size_t)t->n * dtype_bytes(v->dt), t->name)) return false;
        if (t->n && !l->sync) l->sync = (size_t)k + 1;
    }
    r->workspace = pgn_plan_workspace_size(l->plan);
    if (l->model->device) return on_device(o, l, &l->work, NULL, r->workspace, "the workspace");
    return (l->work = data_memory(o, d, NO_LOC, "the workspace", (int64_t)r->workspace, 1)) != NULL;
}
static bool forward(void *data) {
    Launch *l = data;
    char byte;
    if (pgn_model_forward(l->plan, l->input, l->param, l->output, l->work, NULL, &l->error)) return false;
    if (!l->model->device || !l->sync || !l->model->dev->to_host(&byte, l->output[l->sync - 1], 1, NULL)) return true;      /* waits for the device */
    l->error = (pgn_error){ PGN_E_DEVICE, "the device failed" };
    return false;
}
static bool back(Options *o, Program *p, Launch *l, RunResult *r) {
    for (int k = 0; l->model->device && k < p->output.n; k++) {
        pgn_tensor *t = &r->output[k];
        if (!t->n || !l->model->dev->to_host(t->data, l->output[k], (size_t)t->n * pgn_dtype_size(t->dtype), NULL)) continue;
        diag_error(o->cx, D_RUN_FAILED, NO_LOC, "`%s` can't be copied from the device", t->name);
        return false;
    }
    return true;
}
bool launch_once(Options *o, Launch *l) { return forward(l) || failed(o, l->executor, &l->error); }
bool launch_begin(Options *o, Program *p, const Artifact *a, RunData *d, RunResult *r, Launch *l) {
    *l = (Launch){ .model = a->model, .executor = r->executor };
    l->input = NEWN(o->cx->arena, const void *, p->input.n + 1), l->param = NEWN(o->cx->arena, const void *, p->param.n + 1);
    if (!bind(o, p, l, d, r) || !outputs(o, p, l, d, r)) return false;
    if (!give(o, l, l->model->input, d->input, p->input.n, l->input) || !give(o, l, l->model->param, d->param, p->param.n, l->param)) return false;
    double start = now();
    if (!launch_once(o, l)) return false;
    r->first = now() - start;
    return true;
}
void launch_end(Launch *l) {
    for (int k = 0; k < l->device.n; k++) l->model->dev->free(l->device.at[k]);
    pgn_plan_free(l->plan);
    l->device.n = 0, l->plan = NULL;
}
bool artifact_run(Options *o, Program *p, const Artifact *a, RunData *d, RunResult *r) {
    Launch l;
    bool ok = launch_begin(o, p, a, d, r, &l);
    if (o->profile && o->bench >= 0) profile_reset(a->model);
    double start = now();
    if (ok && o->bench >= 0 && !bench(o, forward, &l, r)) ok = failed(o, r->executor, &l.error);
    if (ok && o->profile) r->profile = profile_text(o->cx, a->model, o->bench >= 0 ? now() - start : r->first, o->bench >= 0 ? r->runs : 1, o->json);
    ok = ok && back(o, p, &l, r);
    launch_end(&l);
    return ok;
}

/* ---- interpreted ------------------------------------------------------------------------------------------------------- */
typedef struct Interpretation { Program *p; const InterpArgs *args; Array *y; Arena *memory; } Interpretation;
static bool interpret(void *data) {
    Interpretation *i = data;
    arena_free(i->memory);
    i->memory = arena_new();
    return interp_run(i->p, i->args, i->y, i->memory);
}
bool interp_result(Options *o, Program *p, RunData *d, RunResult *r) {
    InterpArgs args;
    if (!data_sizes_hold(o, p, d) || !data_widen(o, p, d, &args)) return false;
    Interpretation i = { p, &args, NEWN(o->cx->arena, Array, p->output.n + 1), NULL };
    double start = now();
    bool ok = interpret(&i);
    r->first = now() - start;
    if (ok && o->bench >= 0) ok = bench(o, interpret, &i, r);
    r->output = NEWN(o->cx->arena, pgn_tensor, p->output.n + 1);
    for (int k = 0; ok && k < p->output.n; k++) {
        const Array *y = &i.y[k];
        pgn_tensor *t = &r->output[k];
        *t = (pgn_tensor){ .name = (char *)p->output.at[k].name, .dtype = (pgn_dtype)y->dt, .rank = y->rank, .n = y->n };
        memcpy(t->extent, y->extent, sizeof t->extent);
        t->data = data_memory(o, d, p->output.at[k].value->loc, t->name, t->n, dtype_bytes(y->dt));
        if (t->data) tensor_from_array(y, t); else ok = false;
    }
    arena_free(i.memory);
    return ok;
}
