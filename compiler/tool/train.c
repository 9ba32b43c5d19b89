/* train.c - `pigeonc train`: the training step of a model, again and again.
 *
 * The step is the program that `training` makes of the model (sema/optimize.c): what comes next are outputs of their own, so a step that fails or
 * gives what is no number leaves everything as it was.  After each step arrays and their next ones are exchanged.
 *
 * A checkpoint is a safetensors file with the parameters, the states and train.step, train.seed, train.best,
 * train.since, train.sum, train.counted; it appears under its name when it is complete and on the disk.  Everything else follows from those: the rows of a batch are a permutation drawn for (seed, epoch), random numbers are drawn for
 * (seed, step).  So training that goes on from a checkpoint is the same to the bit as training that was not interrupted. */
#include "tool/exec.h"
#include "tool/rows.h"
#include "tool/subgraph.h"
#include "pigeon/random.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static void on_interrupt(int sig) { (void)sig; interrupted = 1; }

typedef struct Part {                        /* one of the two programs: the step, or the model as it is used */
    Options o; Program *p; Artifact a; RunData d; pgn_plan *plan;
    pgn_tensor *output; const void **input, **param; void **out, *work; int64_t *next;      /* next: place in param of output k, -1 */
    size_t work_size;
    bool interp;                             /* run by the reference interpreter; the compiled model tells sizes only */
    double seconds; int64_t runs;            /* so far */
    bool training;
    bool structural;                         /* a batched input is part of the structure: a plan for each batch */
} Part;
typedef struct Train {
    Options *o; Part step, valid; bool has_valid;
    Sym *batch; int64_t rows, size;          /* the axis that batches are taken from; all its rows, those of a batch */
    pgn_tensor *whole;                       /* inputs of the step with all rows */
    Subgraph part; bool by_edges, sampled;   /* edges of a graph are taken in batches; some of those that arrive at a node are */
    int64_t *order, done, seed, since; double best; FILE *metrics;       /* since: epochs that the best one is ago */
    double *sum; int64_t counted;            /* of each output that is a number, over the steps of this epoch */
    int *judged; char where[64];             /* by parameter of the step: the state that validation takes in its place, -1; what is being done, for messages */
    VEC(double) curve, curve_valid;
} Train;

static bool fail(Options *o, const pgn_error *e, const char *what) {
    diag_error(o->cx, e->status == PGN_E_MEMORY ? D_OUT_OF_MEMORY : e->status == PGN_E_IO ? D_WRITE_FAILED : D_RUN_FAILED, NO_LOC, "%s: %s", what, e->message);
    return false;
}
static size_t bytes(const pgn_tensor *t) { return (size_t)t->n * pgn_dtype_size(t->dtype); }

/* ---- programs ------------------------------------------------------------------------------------------------------------ */
static bool program_of(Part *q, File *f, const char *model, bool training) {
    Options *o = &q->o;
    Fixed mode = { "training", "1" };
    if (training) vec_add(o->cx->arena, o->define, mode);
    q->training = training;
    return (q->p = front_program(o, f, model)) != NULL;
}
/* A limit is kept for the sizes that there are, those of a batch. */
static void limit_sizes(Part *q) {
    RunData d = q->d;
    d.size = NEWN(q->o.cx->arena, int64_t, q->p->sym.n + 1);
    for (int k = 0; k < q->p->sym.n; k++) {
        bool batch = q->training && q->o.batch.name && !strcmp(q->p->sym.at[k]->name, q->o.batch.name);
        d.size[k] = batch ? strtoll(q->o.batch.value, NULL, 10) : q->d.size[k];
    }
    stats_learn(&q->o, q->p, &d);
}
static bool build(Part *q) {
    Options *o = &q->o;
    if (o->memory_limit) limit_sizes(q);
    Program *code = front_code(o, q->p);
    const char *executor = o->executor.n ? o->executor.at[0] : DEFAULT_EXECUTOR;
    if (o->executor.n > 1 || !strcmp(executor, "cuda")) {
        diag_help(diag_error(o->cx, D_USAGE, NO_LOC, o->executor.n > 1 ? "training has one executor" : "training runs on processors in this version"), "--executor cpu, c or interp");
        return false;
    }
    if ((q->interp = !strcmp(executor, "interp"))) executor = DEFAULT_EXECUTOR;
    Machine m;
    bool tiled = !strcmp(executor, "cpu");
    if (!code || (tiled && !executor_machine(o, &m))) return false;
    Unit *u = front_unit(o, code, tiled ? &m : NULL);
    return u && artifact_make(o, u, executor, &q->a);
}
static bool make_plan(Part *q, const char *what) {                                       /* and the workspace that it needs */
    const void **structural = NEWN(q->o.cx->arena, const void *, q->p->input.n + 1);
    for (int k = 0; k < q->p->input.n; k++) structural[k] = q->d.input[k].data;
    pgn_options options = { .threads = q->o.threads };
    pgn_error e = { 0 };
    pgn_plan_free(q->plan);
    q->plan = NULL;
    if (!data_sizes_hold(&q->o, q->p, &q->d)) return false;
    if (pgn_model_plan(q->a.model, q->d.graph, q->d.size, structural, &options, &q->plan, &e)) return fail(&q->o, &e, what);
    size_t need = pgn_plan_workspace_size(q->plan);
    if (q->work && need <= q->work_size) return true;
    q->work_size = q->work ? need + need / 4 : need;                   /* plans of later batches may need a little more */
    return (q->work = data_memory(&q->o, &q->d, NO_LOC, "the workspace", (int64_t)q->work_size, 1)) != NULL;
}
static bool make_room(Part *q) {
    Arena *a = q->o.cx->arena;
    Program *p = q->p;
    q->output = NEWN(a, pgn_tensor, p->output.n + 1), q->out = NEWN(a, void *, p->output.n + 1), q->next = NEWN(a, int64_t, p->output.n + 1);
    q->input = NEWN(a, const void *, p->input.n + 1), q->param = NEWN(a, const void *, p->param.n + 1);
    for (int k = 0; k < p->output.n; k++) {
        const Value *v = p->output.at[k].value;
        pgn_tensor *t = &q->output[k];
        *t = (pgn_tensor){ .name = (char *)(uintptr_t)p->output.at[k].name, .dtype = (pgn_dtype)v->dt, .rank = v->rank, .n = 1 };
        for (int j = 0; j < v->rank; j++) t->n *= t->extent[j] = q->a.model->extent(pgn_plan_sizes(q->plan), PGN_ROLE_OUTPUT, k, j);
        if (!(t->data = data_memory(&q->o, &q->d, v->loc, t->name, t->n, dtype_bytes(v->dt)))) return false;
        q->next[k] = -1;
        size_t len = strlen(t->name);
        for (int j = 0; j < p->param.n; j++) if (strlen(p->param.at[j]->name) + 5 == len && !strncmp(t->name, p->param.at[j]->name, len - 5) && !strcmp(t->name + len - 5, ".next")) q->next[k] = j;
    }
    return true;
}
static bool interpreted(Part *q) {
    RunData d = q->d;
    RunResult r = { 0 };
    memset(&d.owned, 0, sizeof d.owned), memset(&d.archive, 0, sizeof d.archive);      /* what this run needs goes with it */
    bool ok = interp_result(&q->o, q->p, &d, &r);
    for (int k = 0; ok && k < q->p->output.n; k++) memcpy(q->output[k].data, r.output[k].data, bytes(&q->output[k]));
    data_free(&d);
    return ok;
}
static bool forward(Part *q, const char *what) {
    pgn_error e = { 0 };
    if (q->interp) return interpreted(q);
    for (int k = 0; k < q->p->input.n; k++) q->input[k] = q->d.input[k].data;
    for (int k = 0; k < q->p->param.n; k++) q->param[k] = q->d.param[k].data;
    for (int k = 0; k < q->p->output.n; k++) q->out[k] = q->output[k].data;
    double start = now();
    if (pgn_model_forward(q->plan, q->input, q->param, q->out, q->work, NULL, &e)) return fail(&q->o, &e, what);
    q->seconds += now() - start, q->runs++;
    return true;
}
static void put_number(Part *q, const char *name, int64_t v) {
    for (int k = 0; k < q->p->input.n; k++) if (!strcmp(q->p->input.at[k]->name, name) && q->d.input[k].dtype == PGN_I64 && !q->d.input[k].rank) *(int64_t *)q->d.input[k].data = v;
}

/* ---- batches ------------------------------------------------------------------------------------------------------------- */
/* Fisher and Yates: the order of all rows in an epoch */
static void shuffle(Train *t, int64_t epoch) {
    int64_t key = pgn_threefry(pgn_threefry(t->seed, epoch), 0x6f72646572);
    for (int64_t k = 0; k < t->rows; k++) t->order[k] = k;
    for (int64_t k = t->rows - 1; k > 0; k--) {
        int64_t j = (int64_t)((uint64_t)pgn_threefry(key, k) % (uint64_t)(k + 1)), x = t->order[k];
        t->order[k] = t->order[j], t->order[j] = x;
    }
}
static void take_rows(Train *t, int64_t first) {
    Part *q = &t->step;
    for (int k = 0; k < q->p->input.n; k++)
        if (rows_any(q->p->input.at[k], t->batch)) rows_take(q->p->input.at[k], t->batch, &t->whole[k], t->order + first, t->size, &q->d.input[k]);
}
/* --batch g.edges=N, --sample g=K */
static bool begin_edges(Train *t) {
    Options *o = t->o;
    Arena *a = o->cx->arena;
    const char *batch = o->batch.name, *dot = batch ? strrchr(batch, '.') : NULL, *graph = o->sample.name;
    char *end = NULL;
    long long keep = graph ? strtoll(o->sample.value, &end, 10) : 0;
    t->by_edges = dot && !strcmp(dot, ".edges"), t->sampled = graph != NULL;
    if (t->sampled && (*end || end == o->sample.value || keep < 1)) { diag_help(diag_error(o->cx, D_USAGE, NO_LOC, "--sample %s=%s: not a number of edges", graph, o->sample.value), "--sample %s=10", graph); return false; }
    if (t->by_edges) {
        const char *name = arena_strndup(a, batch, (size_t)(dot - batch));
        if (graph && strcmp(graph, name)) { diag_error(o->cx, D_USAGE, NO_LOC, "--batch and --sample are about two graphs, `%s` and `%s`", name, graph); return false; }
        graph = name;
    }
    t->step.structural |= graph != NULL;
    return !graph || subgraph_begin(o, t->step.p, &t->step.d, graph, keep, &t->part);
}
static void take_edges(Train *t, int64_t first) {
    if (!t->by_edges && !t->sampled) return;
    int64_t key = pgn_threefry(pgn_threefry(t->seed, t->done), 0x6564676573);
    subgraph_take(&t->part, &t->step.d, t->by_edges ? t->order + first : NULL, t->by_edges ? t->size : t->part.whole.edges, key);
}
static bool begin_batches(Train *t) {
    Part *q = &t->step;
    Options *o = t->o;
    t->whole = NEWN(o->cx->arena, pgn_tensor, q->p->input.n + 1);
    memcpy(t->whole, q->d.input, sizeof *t->whole * (size_t)q->p->input.n);
    for (int k = 0; o->batch.name && k < q->p->sym.n; k++) if (q->p->sym.at[k]->kind == SYM_DIM && !strcmp(q->p->sym.at[k]->name, o->batch.name)) t->batch = q->p->sym.at[k];
    if (!begin_edges(t)) return false;
    if (t->by_edges) t->batch = t->part.sym;
    if (!o->batch.name) { t->rows = t->size = 1; take_edges(t, 0); return true; }
    char *end;
    t->size = strtoll(o->batch.value, &end, 10);
    if (t->batch && !*end && end != o->batch.value && t->size < 1) { diag_help(diag_error(o->cx, D_USAGE, NO_LOC, "--batch %s=%s: a step needs at least one row", o->batch.name, o->batch.value), "--batch %s=64", o->batch.name); return false; }
    if (!t->batch || *end || end == o->batch.value) { diag_help(diag_error(o->cx, D_USAGE, NO_LOC, "--batch %s=%s: not a dim of the model and a size", o->batch.name, o->batch.value), "--batch N=64"); return false; }
    t->rows = t->by_edges ? t->part.whole.edges : q->d.size[t->batch->id];
    if (t->size > t->rows) { diag_error(o->cx, D_USAGE, NO_LOC, "--batch %s=%" PRId64 ": the data have %" PRId64 " rows", o->batch.name, t->size, t->rows); return false; }
    if (!t->by_edges && !rows_can(o, q->p, t->batch, arena_printf(o->cx->arena, "element of `%s`", o->batch.name))) return false;
    if (!t->by_edges) q->d.size[t->batch->id] = t->size;
    if (!(t->order = data_memory(o, &q->d, NO_LOC, "the order of the rows", t->rows, sizeof *t->order))) return false;
    bool any = t->by_edges;
    for (int k = 0; k < q->p->input.n && !t->by_edges; k++) {
        pgn_tensor *in = &q->d.input[k];
        if (!rows_any(q->p->input.at[k], t->batch)) continue;
        if (!(in->data = data_memory(o, &q->d, NO_LOC, in->name ? in->name : "a batch", rows_elements(q->p->input.at[k], t->batch, in, t->size), pgn_dtype_size(in->dtype)))) return false;
        any = true;
        if (q->a.model->input[k].structural) q->structural = true;
    }
    if (!any) { diag_error(o->cx, D_USAGE, NO_LOC, "--batch %s=..: no input has that dim", o->batch.name); return false; }
    for (int64_t k = 0; k < t->rows; k++) t->order[k] = k;             /* the first plan is made on real rows */
    if (!t->by_edges) take_rows(t, 0);
    take_edges(t, 0);
    return true;
}
static bool take_batch(Train *t, int64_t first) {
    if (!t->batch && !t->sampled) return true;
    if (t->batch && !t->by_edges) take_rows(t, first);
    take_edges(t, first);
    snprintf(t->where, sizeof t->where, "step %" PRId64, t->done);
    return !t->step.structural || make_plan(&t->step, t->where);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------------------ */
static bool save(Train *t) {
    Part *q = &t->step;
    if (!t->o->checkpoint) return true;
    int n = q->p->param.n;
    pgn_tensor *all = NEWN(t->o->cx->arena, pgn_tensor, n + 6);
    for (int k = 0; k < n; k++) all[k] = q->d.param[k], all[k].name = (char *)(uintptr_t)q->p->param.at[k]->name;
    all[n] = (pgn_tensor){ .name = (char *)(uintptr_t)"train.step", .dtype = PGN_I64, .n = 1, .data = &t->done };
    all[n + 1] = (pgn_tensor){ .name = (char *)(uintptr_t)"train.seed", .dtype = PGN_I64, .n = 1, .data = &t->seed };
    all[n + 2] = (pgn_tensor){ .name = (char *)(uintptr_t)"train.best", .dtype = PGN_F64, .n = 1, .data = &t->best };
    all[n + 3] = (pgn_tensor){ .name = (char *)(uintptr_t)"train.since", .dtype = PGN_I64, .n = 1, .data = &t->since };
    all[n + 4] = (pgn_tensor){ .name = (char *)(uintptr_t)"train.counted", .dtype = PGN_I64, .n = 1, .data = &t->counted };
    all[n + 5] = (pgn_tensor){ .name = (char *)(uintptr_t)"train.sum", .dtype = PGN_F64, .rank = 1, .extent = { q->p->output.n }, .n = q->p->output.n, .data = t->sum };
    pgn_error e = { 0 };
    if (!pgn_safetensors_write(t->o->checkpoint, all, n + 6, &e)) return true;
    diag_help(diag_error(t->o->cx, D_WRITE_FAILED, NO_LOC, "the checkpoint of step %" PRId64 ": %s", t->done, e.message), "the one before it is as it was; make room, then go on with --resume");
    return false;
}
static bool resume(Train *t) {
    Part *q = &t->step;
    pgn_bundle b;
    pgn_error e = { 0 };
    if (!t->o->checkpoint) { diag_error(t->o->cx, D_USAGE, NO_LOC, "--resume needs --checkpoint FILE.safetensors"); return false; }
    if (access(t->o->checkpoint, F_OK)) return true;             /* nothing yet: from the beginning */
    if (pgn_safetensors_read(t->o->checkpoint, &b, &e)) { diag_error(t->o->cx, D_BAD_INPUT_FILE, NO_LOC, "%s", e.message); return false; }
    static const struct { const char *name; pgn_dtype dtype; } own[] = { { "train.step", PGN_I64 }, { "train.seed", PGN_I64 }, { "train.best", PGN_F64 }, { "train.since", PGN_I64 } };
    const pgn_tensor *at[4];
    bool ok = true;
    for (int k = 0; k < 4; k++) ok = (at[k] = pgn_bundle_find(&b, own[k].name)) && at[k]->dtype == own[k].dtype && at[k]->n == 1 && ok;
    if (!ok) diag_error(t->o->cx, D_BAD_INPUT_FILE, NO_LOC, "%s is no checkpoint of training", t->o->checkpoint);
    for (int k = 0; ok && k < q->p->param.n; k++) {
        const pgn_tensor *from = pgn_bundle_find(&b, q->p->param.at[k]->name), *to = &q->d.param[k];
        ok = from && from->dtype == to->dtype && from->rank == to->rank && !memcmp(from->extent, to->extent, sizeof *to->extent * (size_t)to->rank);
        if (ok) memcpy(to->data, from->data, bytes(to));
        else diag_error(t->o->cx, D_BAD_INPUT_FILE, NO_LOC, "%s has no `%s` of that type and size: it is of another model", t->o->checkpoint, q->p->param.at[k]->name);
    }
    if (ok) {
        void *to[] = { &t->done, &t->seed, &t->best, &t->since };
        for (int k = 0; k < 4; k++) memcpy(to[k], at[k]->data, 8);
        ok = t->done >= 0 && t->since >= 0;
        if (!ok) diag_error(t->o->cx, D_BAD_INPUT_FILE, NO_LOC, "%s is of step %" PRId64 ", which there is not", t->o->checkpoint, t->done);
        const pgn_tensor *sum = pgn_bundle_find(&b, "train.sum"), *counted = pgn_bundle_find(&b, "train.counted");
        bool both = sum && counted && sum->dtype == PGN_F64 && sum->n == q->p->output.n && counted->dtype == PGN_I64 && counted->n == 1;
        if (both) memcpy(t->sum, sum->data, bytes(sum)), memcpy(&t->counted, counted->data, 8);
    }
    pgn_bundle_free(&b);
    return ok;
}

/* ---- what is said ----------------------------------------------------------------------------------------------------------- */
static bool is_number(const Part *q, int k) { return q->next[k] < 0 && !q->output[k].rank; }
static double number(const pgn_tensor *t) { int64_t whole; return element_get(t, 0, 0, &whole); }
static void put_numbers(Writer *w, const Part *q, const double *mean) {
    bool first = true;
    for (int k = 0; k < q->p->output.n; k++) if (is_number(q, k)) {
        put(w, first ? "" : ", ");
        put_json(w, q->output[k].name);
        put(w, ": %.9g", mean ? mean[k] : number(&q->output[k]));
        first = false;
    }
}
static bool is_finite(const pgn_tensor *y) {
    if (y->dtype == PGN_F32) {                                         /* most of what a step gives: without a branch for each element */
        const uint32_t *bits = y->data, ones = 0x7f800000;             /* the exponent of what is no finite number */
        uint32_t bad = 0;
        for (int64_t j = 0; j < y->n; j++) bad |= (bits[j] & ones) == ones;
        return !bad;
    }
    int64_t whole;
    for (int64_t j = 0; j < y->n && !dtype_is_whole(y->dtype); j++)
        if (!isfinite(element_get(y, j, 0, &whole)) || (dtype_is_complex((Dtype)y->dtype) && !isfinite(element_get(y, j, 1, &whole)))) return false;
    return true;
}
static const char *first_not_finite(const Part *q) {
    for (int k = 0; k < q->p->output.n; k++) if (!is_finite(&q->output[k])) return q->output[k].name;
    return NULL;
}
static void put_line(Writer *w, const double *y, int n, double lo, double hi, const char *colour) {
    put(w, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", colour);
    for (int k = 0; k < n; k++) put(w, "%s%.1f,%.1f", k ? " " : "", 50 + 540.0 * k / (n > 1 ? n - 1 : 1), 20 + 320 * (hi - y[k]) / (hi > lo ? hi - lo : 1));
    put(w, "\"/>\n");
}
static bool draw(Train *t) {
    if (!t->o->curve || !t->curve.n) return true;
    double lo = INFINITY, hi = -INFINITY;
    for (int k = 0; k < t->curve.n; k++) lo = fmin(lo, t->curve.at[k]), hi = fmax(hi, t->curve.at[k]);
    for (int k = 0; k < t->curve_valid.n; k++) lo = fmin(lo, t->curve_valid.at[k]), hi = fmax(hi, t->curve_valid.at[k]);
    Writer w;
    writer_init(&w, t->o->cx->arena);
    put(&w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 380\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"620\" height=\"380\" fill=\"white\"/>\n");
    put(&w, "<path d=\"M50 20V340H590\" fill=\"none\" stroke=\"black\"/>\n<text x=\"4\" y=\"24\">%.4g</text><text x=\"4\" y=\"344\">%.4g</text>\n", hi, lo);
    put(&w, "<text x=\"50\" y=\"358\">1</text><text x=\"560\" y=\"358\">%d</text><text x=\"280\" y=\"372\">epoch</text>\n", t->curve.n);
    put_line(&w, t->curve.at, t->curve.n, lo, hi, "#1f77b4");
    put(&w, "<text x=\"480\" y=\"30\" fill=\"#1f77b4\">%s</text>\n", t->step.output[0].name);
    if (t->curve_valid.n) { put_line(&w, t->curve_valid.at, t->curve_valid.n, lo, hi, "#d62728"); put(&w, "<text x=\"480\" y=\"46\" fill=\"#d62728\">validation</text>\n"); }
    put(&w, "</svg>\n");
    return write_file(t->o->cx, t->o->curve, w.at, w.n, false);
}

/* ---- training --------------------------------------------------------------------------------------------------------------- */
static bool one_step(Train *t) {
    Part *q = &t->step;
    put_number(q, "step", t->done), put_number(q, "seed", t->seed);
    snprintf(t->where, sizeof t->where, "step %" PRId64, t->done);
    if (!forward(q, t->where)) return false;
    const char *bad = first_not_finite(q);
    if (bad) {
        bool saved = t->o->checkpoint && !access(t->o->checkpoint, R_OK);
        diag_help(diag_error(t->o->cx, D_DIVERGED, NO_LOC, "step %" PRId64 ": `%s` is not finite", t->done, bad), saved ? "%s has what was saved last; lower the learning rate" : "lower the learning rate, or clip the gradients%.0s", t->o->checkpoint);
        return false;
    }
    for (int k = 0; k < q->p->output.n; k++) if (q->next[k] >= 0) {
        void *old = q->d.param[q->next[k]].data;
        q->d.param[q->next[k]].data = q->output[k].data, q->output[k].data = old;
    }
    t->done++;
    return true;
}
static bool validate(Train *t) {
    Part *q = &t->valid;
    for (int k = 0; k < q->p->param.n; k++) for (int j = 0; j < t->step.p->param.n; j++)
        if (!strcmp(q->p->param.at[k]->name, t->step.p->param.at[j]->name)) q->d.param[k].data = t->step.d.param[t->judged[j] >= 0 ? t->judged[j] : j].data;
    put_number(q, "step", t->done), put_number(q, "seed", t->seed);
    snprintf(t->where, sizeof t->where, "validation after step %" PRId64, t->done);
    return forward(q, t->where);
}
static bool all_epochs(Train *t) {
    Part *q = &t->step;
    Options *o = t->o;
    Arena *a = o->cx->arena;
    int64_t per_epoch = t->rows / t->size, epochs = o->epochs > 0 ? o->epochs : 1;
    double start = now(), said = 0;
    int64_t from = t->done;
    double *sum = t->sum;
    bool ok = true, terminal = isatty(2);
    for (int64_t epoch = t->done / per_epoch; ok && epoch < epochs && !interrupted; epoch++) {
        if (t->batch) shuffle(t, epoch);
        for (int64_t b = t->done - epoch * per_epoch; ok && b < per_epoch && !interrupted; b++) {
            if (!(ok = take_batch(t, b * t->size) && one_step(t))) break;
            for (int k = 0; k < q->p->output.n; k++) if (is_number(q, k)) sum[k] += number(&q->output[k]);
            t->counted++;
            double left = (now() - start) / (double)(t->done - from) * (double)(epochs * per_epoch - t->done);
            if (terminal && now() - said > 0.5) { said = now(); fprintf(stderr, "\repoch %" PRId64 "/%" PRId64 "  step %" PRId64 "  %s %.5g  %.0f s left \033[K", epoch + 1, epochs, t->done, q->output[0].name, number(&q->output[0]), left); }
        }
        if (!ok || !t->counted || t->done % per_epoch) break;
        double *mean = NEWN(a, double, q->p->output.n + 1);
        for (int k = 0; k < q->p->output.n; k++) mean[k] = sum[k] / (double)t->counted, sum[k] = 0;
        t->counted = 0;
        if (t->has_valid && !(ok = validate(t))) break;
        double judged = t->has_valid ? number(&t->valid.output[0]) : mean[0];
        vec_add(a, t->curve, mean[0]);
        if (t->has_valid) vec_add(a, t->curve_valid, judged);
        Writer w;
        writer_init(&w, a);
        put(&w, "{\"epoch\": %" PRId64 ", \"step\": %" PRId64 ", ", epoch + 1, t->done);
        put_numbers(&w, q, mean);
        if (t->has_valid) { put(&w, ", \"valid\": {"); put_numbers(&w, &t->valid, NULL); put(&w, "}"); }
        put(&w, ", \"seconds\": %.6g}\n", now() - start);
        if (t->metrics && (fwrite(w.at, 1, w.n, t->metrics) != w.n || fflush(t->metrics))) { diag_error(o->cx, D_WRITE_FAILED, NO_LOC, "%s: the disk is full, or the file can't be written", o->metrics); ok = false; break; }
        t->since = judged < t->best ? 0 : t->since + 1;
        if (judged < t->best) t->best = judged;
        if (!(ok = save(t))) break;
        if (o->patience && t->since >= o->patience) { fprintf(stderr, "\r\033[Kno better for %d epochs: stopped after epoch %" PRId64 "\n", o->patience, epoch + 1); break; }
    }
    if (terminal) fprintf(stderr, "\r\033[K");
    if (ok && interrupted) { fprintf(stderr, "interrupted after step %" PRId64 "\n", t->done); ok = save(t); }
    return ok;
}
/* --valid-with ema: the state W.ema stands for each parameter W that has one. */
static bool find_judged(Train *t) {
    Program *p = t->step.p;
    const char *state = t->o->valid_with;
    bool any = false;
    t->judged = NEWN(t->o->cx->arena, int, p->param.n + 1);
    for (int k = 0; k < p->param.n; k++) {
        t->judged[k] = -1;
        for (int j = 0; state && j < p->param.n; j++) if (!strcmp(p->param.at[j]->name, arena_printf(t->o->cx->arena, "%s.%s", p->param.at[k]->name, state))) t->judged[k] = j, any = true;
    }
    if (!state || (any && t->has_valid)) return true;
    if (any) diag_help(diag_error(t->o->cx, D_USAGE, NO_LOC, "--valid-with needs something to judge by"), "--valid x=FILE.npy");
    else diag_help(diag_error(t->o->cx, D_USAGE, NO_LOC, "--valid-with %s: no update of the model keeps a state of that name", state), "optimize loss with adamw_ema(lr = 0.001) keeps `ema`");
    return false;
}
/* What processes that were killed have left of their checkpoints: files that writers have given a name of their own (runtime/file.c), old ones. */
static void sweep(Train *t) {
    enum { OLD = 600 };
    const char *path = t->o->checkpoint, *slash = path ? strrchr(path, '/') : NULL;
    const char *folder = slash ? arena_strndup(t->o->cx->arena, path, (size_t)(slash - path) + 1) : "./";
    DIR *d = path ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d)); ) {
        struct stat s;
        long pid;
        int end = 0;
        if (sscanf(e->d_name, ".pigeon-%ld-%*u%n", &pid, &end) != 1 || !end || e->d_name[end] || pid <= 0) continue;
        const char *name = arena_printf(t->o->cx->arena, "%s%s", folder, e->d_name);
        if (!lstat(name, &s) && S_ISREG(s.st_mode) && time(NULL) - s.st_mtime > OLD && kill((pid_t)pid, 0) && errno == ESRCH) unlink(name);
    }
    if (d) closedir(d);
}
static bool prepare(Train *t) {
    Options *o = t->o;
    File *f = front_parse(o, o->file.at[0]);
    const char *model = o->model.n ? o->model.at[0] : NULL;
    t->step.o = t->valid.o = *o;
    memset(&t->step.o.define, 0, sizeof t->step.o.define);      /* lists of their own */
    for (int k = 0; k < o->define.n; k++) vec_add(o->cx->arena, t->step.o.define, o->define.at[k]);
    if (!f || !program_of(&t->step, f, model, true)) return false;
    bool any = false;
    for (int k = 0; k < t->step.p->output.n; k++) any |= strlen(t->step.p->output.at[k].name) > 5 && !strcmp(t->step.p->output.at[k].name + strlen(t->step.p->output.at[k].name) - 5, ".next");
    if (!any) { diag_help(diag_error(o->cx, D_BAD_UPDATE, t->step.p->loc, "model `%s` does not say how it is trained", t->step.p->name), "optimize loss with adamw(lr = 0.001)"); return false; }
    t->sum = NEWN(o->cx->arena, double, t->step.p->output.n + 1);
    if (!data_load(&t->step.o, t->step.p, &t->step.d) || !build(&t->step) || !begin_batches(t) || (o->resume && !resume(t))) return false;
    sweep(t);
    if (!make_plan(&t->step, t->step.p->name) || !make_room(&t->step)) return false;
    t->has_valid = o->valid.n > 0;
    if (!find_judged(t)) return false;
    if (!t->has_valid) return true;
    memset(&t->valid.o.in, 0, sizeof t->valid.o.in);
    for (int k = 0; k < o->valid.n; k++) vec_add(o->cx->arena, t->valid.o.in, o->valid.at[k]);
    for (int k = 0; k < o->in.n; k++) {
        bool other = false;
        for (int j = 0; j < o->valid.n; j++) other |= !strcmp(o->valid.at[j].name, o->in.at[k].name);
        if (!other) vec_add(o->cx->arena, t->valid.o.in, o->in.at[k]);
    }
    return program_of(&t->valid, f, model, false) && data_load(&t->valid.o, t->valid.p, &t->valid.d) && build(&t->valid) && make_plan(&t->valid, "validation") && make_room(&t->valid);
}
int command_train(Options *o) {
    Train train = { .o = o, .seed = o->seed, .best = INFINITY }, *t = &train;
    bool ok = profile_fits(o) && prepare(t);
    if (ok && o->metrics && !(t->metrics = fopen(o->metrics, t->done ? "a" : "w"))) { diag_error(o->cx, D_WRITE_FAILED, NO_LOC, "%s can't be written", o->metrics); ok = false; }
    struct sigaction act = { .sa_handler = on_interrupt }, old;
    if (ok) {
        sigaction(SIGINT, &act, &old);
        ok = all_epochs(t);
        sigaction(SIGINT, &old, NULL);
        ok &= draw(t);
    }
    if (ok) {
        printf("step %" PRId64, t->done);
        for (int k = 0; k < t->step.p->output.n; k++) if (is_number(&t->step, k)) {
            const pgn_tensor *y = &t->step.output[k];
            int64_t whole;
            double v = element_get(y, 0, 0, &whole);
            if (dtype_is_whole((Dtype)y->dtype)) printf("  %s %" PRId64, y->name, whole); else printf("  %s %.6g", y->name, v);
        }
        printf("\n");
    }
    if (t->metrics) fclose(t->metrics);
    if (ok && o->profile) fputs(profile_text(o->cx, t->step.a.model, t->step.seconds, t->step.runs, o->json), stdout);
    Part *both[] = { &t->step, &t->valid };
    for (int k = 0; k < 2; k++) if (both[k]->p) { pgn_plan_free(both[k]->plan); artifact_free(&both[k]->a); data_free(&both[k]->d); }
    return ok && !o->cx->n_errors ? EXIT_OK : EXIT_DIAGNOSED;
}
