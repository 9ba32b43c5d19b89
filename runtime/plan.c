/* plan.c - a model bound to sizes and a graph (pgn_plan), and one run of it.
 *
 * A plan owns copies of the graph's maps and of structural inputs, what bind derives from them, and the layout of the workspace:
 * 64-byte aligned offsets, known before the first run.  Everything the caller says is checked here, before generated code sees it;
 * generated code trusts it.  A plan is not changed by a run but for the list of its transforms' plans, which only grows: two threads may
 * use it with two workspaces. */
#include "dft.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = PGN_ALIGN, STACK_BUFFERS = 512, STAGE = 1 << 18 };
struct pgn_plan {
    pgn_env env;                          /* first: bind's env is the plan */
    PlanOptions options;
    int64_t *size, *count;
    size_t *offset;                       /* of WORK buffers */
    bool *owned;                          /* env.buf[k] is the plan's: host memory, or the device's once `uploaded` */
    bool uploaded;
    int variant;
    size_t workspace;
};
static void *plan_memory(pgn_plan *p, size_t bytes) { return pgn_alloc(&p->options.given, bytes, 1); }
static void plan_release(pgn_plan *p, void *q) { pgn_release(&p->options.given, q); }
/* count and bytes of a buffer */
static pgn_status measure(const pgn_model *m, const int64_t *size, int buffer, int64_t *count, size_t *bytes, pgn_error *e) {
    const pgn_buffer *b = &m->buffer[buffer];
    size_t one = pgn_size_of(b->dtype);
    *count = m->count(size, buffer);
    *bytes = 0;
    if (!one) return pgn_error_set(e, PGN_E_ABI, "tensor `%s` of the model has an element type (%d) this library doesn't know", b->name, b->dtype);
    if (*count < 0 || (uint64_t)*count > (PTRDIFF_MAX - ALIGN) / one) return pgn_error_set(e, PGN_E_SIZE, "tensor `%s` is too large: its number of elements overflows with these sizes", b->name);
    *bytes = (size_t)*count * one;
    return PGN_OK;
}
static pgn_status no_memory(pgn_error *e, const char *name, size_t bytes) {
    return pgn_error_set(e, PGN_E_MEMORY, "no memory for `%s` (%zu bytes)", name, bytes);
}
int64_t pgn_find_outside(const int32_t *v, int64_t n, int64_t extent) {
    uint32_t limit = extent > INT32_MAX ? (uint32_t)INT32_MAX : extent < 0 ? 0 : (uint32_t)extent;
    bool all = extent > INT32_MAX;                      /* then only negative numbers are outside */
    for (int64_t at = 0; at < n;) {
        enum { BLOCK = 4096 };                          /* of one length, without a branch inside: it becomes vector code */
        int64_t end = n - at < BLOCK ? n : at + BLOCK;
        uint32_t bad = 0;
        if (end - at == BLOCK) for (int k = 0; k < BLOCK; k++) bad |= (uint32_t)((uint32_t)v[at + k] >= limit);
        else for (int64_t k = at; k < end; k++) bad |= (uint32_t)((uint32_t)v[k] >= limit);
        if (bad) for (int64_t k = at; k < end; k++) if (all ? v[k] < 0 : (uint32_t)v[k] >= limit) return k;
        at = end;
    }
    return -1;
}
static pgn_status outside(pgn_error *e, const char *what, const char *owner, const char *name, int64_t at, int32_t value, int64_t extent) {
    if (extent <= 0) return pgn_error_set(e, PGN_E_RANGE, "%s `%s%s`: value %d at position %" PRId64 ", but the space it points into is empty", what, owner, name, value, at);
    return pgn_error_set(e, PGN_E_RANGE, "%s `%s%s`: value %d at position %" PRId64 " is outside 0..%" PRId64, what, owner, name, value, at, extent - 1);
}

/* ---- for generated code ----------------------------------------------------------------------------------------- */
pgn_status pgn_env_alloc(pgn_env *env, int buffer) {
    pgn_plan *p = (pgn_plan *)(void *)env;
    int64_t n;
    size_t bytes;
    pgn_status st = measure(env->model, env->size, buffer, &n, &bytes, env->error);
    if (st) return st;
    if (p->owned[buffer]) plan_release(p, env->buf[buffer]);
    env->buf[buffer] = plan_memory(p, bytes);
    p->owned[buffer] = env->buf[buffer] != NULL;
    return p->owned[buffer] ? PGN_OK : no_memory(env->error, env->model->buffer[buffer].name, bytes);
}
pgn_status pgn_env_fail(pgn_env *env, pgn_status st, const char *message) { return pgn_error_set(env->error, st, "%s", message ? message : ""); }

pgn_status pgn_env_read_flag(pgn_env *env, int buffer, bool *flag) {
    const pgn_model *m = env->model;
    unsigned char c = 0;
    if (!m->device) c = *(const unsigned char *)env->buf[buffer];
    else if (m->dev->to_host(&c, env->buf[buffer], 1, env->stream)) return pgn_error_set(env->error, PGN_E_DEVICE, "`%s` can't be copied from the device", m->buffer[buffer].name);
    *flag = c != 0;
    return PGN_OK;
}
pgn_status pgn_env_call_staged(pgn_env *env, pgn_rt *f, const int64_t *ints, int n_buffer, const int *buffer, int64_t *result) {
    const pgn_model *m = env->model;
    void *host[64] = { 0 };
    int64_t count[64];
    size_t bytes[64];
    pgn_status st = PGN_OK;
    int n = 0;
    if (n_buffer > 64) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "a host call has more than 64 operands");
    for (; n < n_buffer && !st; n++) {
        int b = buffer[n];
        if (b < 0) continue;
        if ((st = measure(m, env->size, b, &count[n], &bytes[n], env->error))) break;
        if (!m->device) { host[n] = env->buf[b]; continue; }
        if (!(host[n] = pgn_alloc(env->options, bytes[n], 1))) st = no_memory(env->error, m->buffer[b].name, bytes[n]);
        else if (bytes[n] && m->dev->to_host(host[n], env->buf[b], bytes[n], env->stream)) st = pgn_error_set(env->error, PGN_E_DEVICE, "`%s` can't be copied from the device", m->buffer[b].name);
    }
    if (!st) st = f(env, ints, host, result);
    if (!m->device) return st;
    for (int k = 0; k < n; k++) {
        int b = buffer[k];
        if (b < 0 || !host[k]) continue;
        int role = m->buffer[b].role;
        if (!st && bytes[k] && (role == PGN_ROLE_OUTPUT || role == PGN_ROLE_WORK) && m->dev->to_device(env->buf[b], host[k], bytes[k], env->stream))
            st = pgn_error_set(env->error, PGN_E_DEVICE, "`%s` can't be copied to the device", m->buffer[b].name);
    }
    /* a copy may still read its source: a transfer back waits for the stream */
    unsigned char wait;
    for (int k = 0; k < n; k++) if (!st && buffer[k] >= 0 && bytes[k]) { if (m->dev->to_host(&wait, env->buf[buffer[k]], 1, env->stream)) st = pgn_error_set(env->error, PGN_E_DEVICE, "the device failed"); break; }
    for (int k = 0; k < n; k++) pgn_release(env->options, host[k]);
    return st;
}

/* ---- binding ------------------------------------------------------------------------------------------------------ */
static pgn_status set_graph_size(pgn_plan *p, const pgn_graph_argument *g, int symbol, int64_t value, const char *what, bool *known, pgn_error *e) {
    if (symbol < 0) return PGN_OK;
    const pgn_symbol *s = &p->env.model->symbol[symbol];
    if (value < 0) return pgn_error_set(e, PGN_E_SIZE, "graph `%s`: the number of %s is %" PRId64, g->name, what, value);
    if (value > INT32_MAX) return pgn_error_set(e, PGN_E_SIZE, "graph `%s`: %" PRId64 " %s, at most %d are supported", g->name, value, what, INT32_MAX);
    if (s->fixed >= 0 && s->fixed != value) return pgn_error_set(e, PGN_E_SIZE, "graph `%s` has %" PRId64 " %s, the model was compiled for %" PRId64, g->name, value, what, s->fixed);
    if (known[symbol] && p->size[symbol] != value)
        return pgn_error_set(e, PGN_E_SIZE, "graph `%s` has %" PRId64 " %s, but `%s` is already %" PRId64, g->name, value, what, s->name, p->size[symbol]);
    p->size[symbol] = value;
    known[symbol] = true;
    return PGN_OK;
}
static pgn_status bind_sizes(pgn_plan *p, const pgn_graph_view *graphs, const int64_t *sizes, bool *known, pgn_error *e) {
    const pgn_model *m = p->env.model;
    for (int k = 0; k < m->n_symbol; k++) {
        const pgn_symbol *s = &m->symbol[k];
        p->size[k] = s->fixed >= 0 ? s->fixed : 0;
        if (s->kind != 0) continue;
        int64_t given = sizes ? sizes[k] : -1;
        if (s->fixed >= 0) {                            /* 0 and -1: the caller leaves it to the model */
            if (given > 0 && given != s->fixed) return pgn_error_set(e, PGN_E_SIZE, "`%s` is %" PRId64 ", but the model was compiled for %" PRId64, s->name, given, s->fixed);
        } else if (given < 1) {
            if (!sizes || given == -1) return pgn_error_set(e, PGN_E_SIZE, "the size `%s` is not given", s->name);
            return pgn_error_set(e, PGN_E_SIZE, "the size `%s` is %" PRId64 ", it must be at least 1", s->name, given);
        } else p->size[k] = given;
    }
    if (m->n_graph && !graphs) return pgn_error_set(e, PGN_E_ARGUMENT, "the model needs a graph (`%s`)", m->graph[0].name);
    for (int k = 0; k < m->n_graph; k++) {
        const pgn_graph_argument *g = &m->graph[k];
        const pgn_graph_view *v = &graphs[k];
        pgn_status st = set_graph_size(p, g, g->src_nodes, v->src_nodes, g->src_nodes == g->dst_nodes ? "nodes" : "source nodes", known, e);
        if (!st) st = set_graph_size(p, g, g->dst_nodes, g->dst_nodes == g->src_nodes && v->dst_nodes <= 0 ? v->src_nodes : v->dst_nodes, g->src_nodes == g->dst_nodes ? "nodes" : "destination nodes", known, e);
        if (!st) st = set_graph_size(p, g, g->edges, v->edges, "edges", known, e);
        if (!st) st = set_graph_size(p, g, g->ntypes, v->ntypes, "node types", known, e);
        if (!st) st = set_graph_size(p, g, g->etypes, v->etypes, "edge types", known, e);
        if (st) return st;
    }
    return PGN_OK;
}
/* the plan's copy of a caller's host array */
static pgn_status copy_in(pgn_plan *p, int buffer, const void *from, pgn_error *e) {
    int64_t n;
    size_t bytes;
    pgn_status st = measure(p->env.model, p->size, buffer, &n, &bytes, e);
    if (st) return st;
    if (!p->owned[buffer] && !(p->owned[buffer] = (p->env.buf[buffer] = plan_memory(p, bytes)) != NULL)) return no_memory(e, p->env.model->buffer[buffer].name, bytes);
    if (bytes) memcpy(p->env.buf[buffer], from, bytes);
    return PGN_OK;
}
static pgn_status bind_graph_map(pgn_plan *p, const pgn_graph_argument *g, const char *what, int buffer, const int32_t *from, int64_t n, int64_t extent, pgn_error *e) {
    if (buffer < 0) return PGN_OK;
    int64_t count = p->env.model->count(p->size, buffer);
    if (count != n) return pgn_error_set(e, PGN_E_SIZE, "graph `%s`: `%s` should have %" PRId64 " values, not %" PRId64, g->name, what, count, n);
    if (n > 0 && !from) return pgn_error_set(e, PGN_E_ARGUMENT, "graph `%s`: the model uses `%s`, which is not given", g->name, what);
    int64_t at = pgn_find_outside(from, n, extent);
    if (at >= 0) { char owner[200]; size_t l = strlen(g->name) < 190 ? strlen(g->name) : 190; memcpy(owner, g->name, l); memcpy(owner + l, ".", 2); return outside(e, "graph map", owner, what, at, from[at], extent); }
    return copy_in(p, buffer, from, e);
}
static pgn_status bind_structure(pgn_plan *p, const pgn_graph_view *graphs, const void *const *structural, pgn_error *e) {
    const pgn_model *m = p->env.model;
    pgn_status st;
    for (int k = 0; k < m->n_graph; k++) {
        const pgn_graph_argument *g = &m->graph[k];
        const pgn_graph_view *v = &graphs[k];
        int64_t dst_nodes = g->src_nodes >= 0 && g->dst_nodes == g->src_nodes ? v->src_nodes : v->dst_nodes;
        if ((st = bind_graph_map(p, g, "src", g->src, v->src, v->edges, v->src_nodes, e)) || (st = bind_graph_map(p, g, "dst", g->dst, v->dst, v->edges, dst_nodes, e)) ||
            (st = bind_graph_map(p, g, "etype", g->etype, v->etype, v->edges, v->etypes, e)) || (st = bind_graph_map(p, g, "ntype", g->ntype, v->ntype, dst_nodes, v->ntypes, e)))
            return st;
    }
    for (int k = 0; k < m->n_input; k++) {
        const pgn_argument *a = &m->input[k];
        if (!a->structural || a->buffer < 0) continue;
        const void *from = structural ? structural[k] : NULL;
        int64_t n = m->count(p->size, a->buffer);
        if (n > 0 && !from) return pgn_error_set(e, PGN_E_ARGUMENT, "input `%s` shapes the model's structure and must be given when it is bound", a->name);
        if (n > 0 && a->is_map) {
            int64_t extent = m->extent(p->size, PGN_ROLE_INPUT, k, a->rank), at = pgn_find_outside(from, n, extent);
            if (at >= 0) return outside(e, "input map", "", a->name, at, ((const int32_t *)from)[at], extent);
        }
        if ((st = copy_in(p, a->buffer, from, e))) return st;
    }
    for (int k = 0; k < m->n_buffer; k++) if (m->buffer[k].role == PGN_ROLE_CONST) p->env.buf[k] = (void *)m->buffer[k].data;
    return PGN_OK;
}
static pgn_status check_arguments(const pgn_plan *p, pgn_error *e) {
    const pgn_model *m = p->env.model;
    for (int list = 0; list < 3; list++) {
        const pgn_argument *a = list == 0 ? m->input : list == 1 ? m->param : m->output;
        int n = list == 0 ? m->n_input : list == 1 ? m->n_param : m->n_output;
        for (int k = 0; k < n; k++) for (int j = 0; j < a[k].rank; j++)
            if (m->extent(p->size, PGN_ROLE_INPUT + (list == 0 ? 0 : list == 1 ? PGN_ROLE_PARAM - PGN_ROLE_INPUT : PGN_ROLE_OUTPUT - PGN_ROLE_INPUT), k, j) < 0)
                return pgn_error_set(e, PGN_E_SIZE, "`%s`: the size of axis %d is negative or overflows with these sizes", a[k].name, j + 1);
    }
    return PGN_OK;
}
/* Workspace: a buffer goes to the lowest place that no buffer in use at the same time covers; large ones choose first, since they are
 * hard to place later.  Equal sizes keep their order, so the layout is the same everywhere. */
typedef struct Block { size_t bytes, offset; int buffer, first, last; } Block;
static int larger(const void *a, const void *b) {
    const Block *p = a, *q = b;
    return p->bytes > q->bytes ? -1 : p->bytes < q->bytes ? 1 : p->buffer - q->buffer;
}
static int lower(const void *a, const void *b) {
    const Block *p = *(Block *const *)a, *q = *(Block *const *)b;
    return p->offset < q->offset ? -1 : p->offset > q->offset ? 1 : p->buffer - q->buffer;
}
static bool place(Block *b, int n, Block **beside) {         /* false: the offsets overflow */
    for (int k = 0; k < n; k++) {
        int m = 0;
        for (int j = 0; j < k; j++) if (b[j].first <= b[k].last && b[k].first <= b[j].last) beside[m++] = &b[j];
        qsort(beside, (size_t)m, sizeof *beside, lower);
        size_t at = 0;
        for (int j = 0; j < m; j++) {
            if (beside[j]->offset >= at && beside[j]->offset - at >= b[k].bytes) break;
            size_t end = beside[j]->offset + beside[j]->bytes;
            if (end > at) at = end;
        }
        b[k].offset = at;
        if (b[k].bytes > PTRDIFF_MAX - ALIGN - at) return false;
    }
    return true;
}
static pgn_status lay_out(pgn_plan *p, pgn_error *e) {
    const pgn_model *m = p->env.model;
    const pgn_options *o = &p->options.given;
    Block *b = pgn_alloc(o, (size_t)m->n_buffer + 1, sizeof *b), **beside = pgn_alloc(o, (size_t)m->n_buffer + 1, sizeof *beside);
    pgn_status st = b && beside ? PGN_OK : no_memory(e, "the plan", sizeof *b * (size_t)m->n_buffer);
    int n = 0;
    for (int k = 0; !st && k < m->n_buffer; k++) {
        size_t bytes;
        st = measure(m, p->size, k, &p->count[k], &bytes, e);
        if (st || m->buffer[k].role != PGN_ROLE_WORK) continue;
        b[n++] = (Block){ .bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN, .buffer = k, .first = m->buffer[k].first, .last = m->buffer[k].last };
    }
    if (!st) {
        qsort(b, (size_t)n, sizeof *b, larger);
        if (!place(b, n, beside)) st = pgn_error_set(e, PGN_E_SIZE, "the workspace is too large: its size overflows");
    }
    size_t end = 0;
    for (int k = 0; !st && k < n; k++) {
        p->offset[b[k].buffer] = b[k].offset;
        if (b[k].offset + b[k].bytes > end) end = b[k].offset + b[k].bytes;
    }
    p->workspace = end ? end + ALIGN - 1 : 0;           /* the caller's memory need not be aligned */
    if (!st && m->limit > 0 && p->workspace > (size_t)m->limit)
        st = pgn_error_set(e, PGN_E_SIZE, "with these sizes a workspace of %zu bytes is needed, more than the %" PRId64 " that `%s` was compiled for", p->workspace, m->limit, m->name);
    pgn_release(o, b);
    pgn_release(o, beside);
    return st;
}
/* Device artifacts: everything bind has left in host memory moves over. */
static pgn_status upload(pgn_plan *p, void *stream, pgn_error *e) {
    const pgn_model *m = p->env.model;
    const pgn_options *o = &p->options.given;
    void **moved = pgn_alloc_zero(o, (size_t)m->n_buffer + 1, sizeof *moved);
    pgn_status st = moved ? PGN_OK : no_memory(e, "the plan", sizeof *moved * (size_t)m->n_buffer);
    for (int k = 0; !st && k < m->n_buffer; k++) {
        size_t bytes = (size_t)p->count[k] * pgn_size_of(m->buffer[k].dtype);
        if (!p->env.buf[k] || !bytes) continue;
        if (m->dev->alloc(&moved[k], bytes)) { moved[k] = NULL; st = pgn_error_set(e, PGN_E_MEMORY, "no device memory for `%s` (%zu bytes)", m->buffer[k].name, bytes); }
        else if (m->dev->to_device(moved[k], p->env.buf[k], bytes, stream)) st = pgn_error_set(e, PGN_E_DEVICE, "`%s` can't be copied to the device", m->buffer[k].name);
    }
    char wait;
    for (int k = 0; !st && k < m->n_buffer; k++) if (moved[k]) { if (m->dev->to_host(&wait, moved[k], 1, stream)) st = pgn_error_set(e, PGN_E_DEVICE, "the device failed"); break; }
    if (st) { for (int k = 0; moved && k < m->n_buffer; k++) if (moved[k]) m->dev->free(moved[k]); pgn_release(o, moved); return st; }
    for (int k = 0; k < m->n_buffer; k++) {
        if (p->owned[k]) plan_release(p, p->env.buf[k]);
        p->env.buf[k] = moved[k];
        p->owned[k] = moved[k] != NULL;
    }
    p->uploaded = true;
    pgn_release(o, moved);
    return PGN_OK;
}
pgn_status pgn_model_plan(const pgn_model *m, const pgn_graph_view *graphs, const int64_t *sizes, const void *const *structural, const pgn_options *options, pgn_plan **plan, pgn_error *e) {
    if (e) *e = (pgn_error){ 0 };
    if (!plan) return pgn_error_set(e, PGN_E_ARGUMENT, "nowhere to put the plan");
    *plan = NULL;
    if (!m) return pgn_error_set(e, PGN_E_ARGUMENT, "no model");
    if (m->abi != PGN_ABI) return pgn_error_set(e, PGN_E_ABI, "the model was compiled for version %u of the runtime's interface, this library has version %d", m->abi, PGN_ABI);
    if (m->device && !m->dev) return pgn_error_set(e, PGN_E_ABI, "the model runs on a device but brings no memory functions");
    pgn_error own = { 0 };                              /* bind and run may always write one */
    if (!e) e = &own;
    if (options && !options->alloc != !options->free) return pgn_error_set(e, PGN_E_ARGUMENT, "options give one of `alloc` and `free` without the other");
    pgn_status fit = pgn_model_fit(&m, e);
    if (fit) return fit;
    pgn_plan *p = pgn_alloc_zero(options, 1, sizeof *p);
    if (p) {                                            /* the runtime's own calls want the threads that belong to the options of a plan */
        if (options) p->options.given = *options;
        if (p->options.given.threads != 1 && !p->options.given.parallel_for) p->options.pool = pgn_pool_new(&p->options.given);
        p->variant = pgn_model_choose(&m, graphs, &p->options.given);
    }
    size_t n_symbol = (size_t)m->n_symbol + 1, n = (size_t)m->n_buffer + 1;
    bool *known = pgn_alloc_zero(options, n_symbol, sizeof *known);
    if (p) {
        p->size = pgn_alloc_zero(options, n_symbol, sizeof *p->size);
        p->count = pgn_alloc_zero(options, n, sizeof *p->count);
        p->offset = pgn_alloc_zero(options, n, sizeof *p->offset);
        p->owned = pgn_alloc_zero(options, n, sizeof *p->owned);
        p->env = (pgn_env){ .buf = pgn_alloc_zero(options, n, sizeof(void *)), .size = p->size, .options = &p->options.given, .model = m, .error = e };
    }
    pgn_status st = PGN_OK;
    if (!p || !known || !p->size || !p->count || !p->offset || !p->owned || !p->env.buf) st = no_memory(e, "the plan", sizeof *p + n_symbol * 9 + n * (3 * sizeof(void *) + 1));
    if (!st) st = bind_sizes(p, graphs, sizes, known, e);
    if (!st) st = check_arguments(p, e);
    if (!st) st = bind_structure(p, graphs, structural, e);
    if (!st) {
        st = m->bind ? m->bind(&p->env) : PGN_OK;
        if (st && !e->status) pgn_error_set(e, st, "the model's structure can't be built (%s)", pgn_status_name(st));
    }
    if (!st) st = check_arguments(p, e);                /* again: bind has found the sizes of derived spaces */
    if (!st) st = lay_out(p, e);
    if (!st && m->device) st = upload(p, NULL, e);
    pgn_release(options, known);
    if (st) { pgn_plan_free(p); return st; }
    p->env.error = NULL;
    *plan = p;
    return PGN_OK;
}
void pgn_plan_free(pgn_plan *p) {
    if (!p) return;
    const pgn_model *m = p->env.model;
    for (int k = 0; p->env.buf && p->owned && k < m->n_buffer; k++) if (p->owned[k]) { if (p->uploaded) m->dev->free(p->env.buf[k]); else plan_release(p, p->env.buf[k]); }
    pgn_pool_free(p->options.pool);
    pgn_dft_free(atomic_load(&p->options.dft));
    const pgn_options o = p->options.given;
    void *all[] = { p->env.buf, p->size, p->count, p->offset, p->owned, p };
    for (int k = 0; k < 6; k++) pgn_release(&o, all[k]);
}
size_t pgn_plan_workspace_size(const pgn_plan *p) { return p->workspace; }
const int64_t *pgn_plan_sizes(const pgn_plan *p) { return p->size; }
int pgn_plan_variant(const pgn_plan *p) { return p->variant; }

/* ---- running --------------------------------------------------------------------------------------------------------- */
static pgn_status take(const pgn_plan *p, void **buf, const pgn_argument *a, const void *given, const char *what, pgn_error *e) {
    if (a->buffer < 0) return PGN_OK;
    const pgn_model *m = p->env.model;
    size_t one = pgn_size_of(a->dtype), align = a->dtype == PGN_C64 || a->dtype == PGN_C128 ? one / 2 : one;
    if (!given && p->count[a->buffer] > 0) return pgn_error_set(e, PGN_E_ARGUMENT, "%s `%s` is NULL", what, a->name);
    if ((uintptr_t)given % align) return pgn_error_set(e, PGN_E_ARGUMENT, "%s `%s` is not aligned to %zu bytes", what, a->name, align);
    (void)m;
    buf[a->buffer] = (void *)given;
    return PGN_OK;
}
/* Values of a map input, wherever they are. */
static pgn_status check_map(const pgn_plan *p, int k, const void *given, void *stream, pgn_error *e) {
    const pgn_model *m = p->env.model;
    const pgn_argument *a = &m->input[k];
    int64_t n = p->count[a->buffer], extent = m->extent(p->size, PGN_ROLE_INPUT, k, a->rank);
    if (!m->device) {
        int64_t at = pgn_find_outside(given, n, extent);
        return at < 0 ? PGN_OK : outside(e, "input map", "", a->name, at, ((const int32_t *)given)[at], extent);
    }
    int32_t *stage = pgn_alloc(&p->options.given, STAGE, sizeof *stage);
    if (!stage) return no_memory(e, a->name, sizeof *stage * STAGE);
    pgn_status st = PGN_OK;
    for (int64_t at = 0; !st && at < n; at += STAGE) {
        int64_t some = n - at < STAGE ? n - at : STAGE;
        if (m->dev->to_host(stage, (const int32_t *)given + at, sizeof *stage * (size_t)some, stream)) { st = pgn_error_set(e, PGN_E_DEVICE, "input `%s` can't be read from the device", a->name); break; }
        int64_t bad = pgn_find_outside(stage, some, extent);
        if (bad >= 0) st = outside(e, "input map", "", a->name, at + bad, stage[bad], extent);
    }
    pgn_release(&p->options.given, stage);
    return st;
}
static bool overlap(const void *a, size_t n, const void *b, size_t m) {
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return n && m && x < y + m && y < x + n;
}
static size_t bytes_of(const pgn_plan *p, int buffer) { return buffer < 0 ? 0 : (size_t)p->count[buffer] * pgn_size_of(p->env.model->buffer[buffer].dtype); }
/* Generated code assumes that what it writes overlaps nothing else. */
static pgn_status check_overlap(const pgn_plan *p, void **buf, char *workspace, pgn_error *e) {
    const pgn_model *m = p->env.model;
    for (int k = 0; k < m->n_output; k++) {
        int o = m->output[k].buffer;
        size_t n = bytes_of(p, o);
        if (!n) continue;
        if (overlap(buf[o], n, workspace, p->workspace ? p->workspace - (ALIGN - 1) : 0)) return pgn_error_set(e, PGN_E_ARGUMENT, "output `%s` overlaps the workspace", m->output[k].name);
        for (int j = 0; j < k; j++) if (m->output[j].buffer != o && overlap(buf[o], n, m->output[j].buffer < 0 ? NULL : buf[m->output[j].buffer], bytes_of(p, m->output[j].buffer)))
            return pgn_error_set(e, PGN_E_ARGUMENT, "outputs `%s` and `%s` overlap", m->output[j].name, m->output[k].name);
        for (int list = 0; list < 2; list++) {
            const pgn_argument *a = list ? m->param : m->input;
            for (int j = 0; j < (list ? m->n_param : m->n_input); j++)
                if (a[j].buffer >= 0 && overlap(buf[o], n, buf[a[j].buffer], bytes_of(p, a[j].buffer)))
                    return pgn_error_set(e, PGN_E_ARGUMENT, "output `%s` overlaps %s `%s`", m->output[k].name, list ? "parameter" : "input", a[j].name);
        }
    }
    return PGN_OK;
}
pgn_status pgn_model_forward(const pgn_plan *p, const void *const *inputs, const void *const *params, void *const *outputs, void *workspace, void *stream, pgn_error *e) {
    pgn_error own;
    if (!e) e = &own;
    *e = (pgn_error){ 0 };
    if (!p) return pgn_error_set(e, PGN_E_ARGUMENT, "no plan");
    const pgn_model *m = p->env.model;
    if ((m->n_input && !inputs) || (m->n_param && !params) || (m->n_output && !outputs)) return pgn_error_set(e, PGN_E_ARGUMENT, "the list of %s is NULL", m->n_input && !inputs ? "inputs" : m->n_param && !params ? "parameters" : "outputs");
    if (p->workspace && !workspace) return pgn_error_set(e, PGN_E_ARGUMENT, "the workspace is NULL, %zu bytes are needed", p->workspace);
    void *few[STACK_BUFFERS], **buf = m->n_buffer <= STACK_BUFFERS ? few : pgn_alloc(&p->options.given, (size_t)m->n_buffer, sizeof *buf);
    if (!buf) return no_memory(e, "a run", sizeof *buf * (size_t)m->n_buffer);
    memcpy(buf, p->env.buf, sizeof *buf * (size_t)m->n_buffer);
    char *base = (char *)(((uintptr_t)workspace + ALIGN - 1) / ALIGN * ALIGN);
    for (int k = 0; k < m->n_buffer; k++) if (m->buffer[k].role == PGN_ROLE_WORK) buf[k] = base + p->offset[k];
    pgn_status st = PGN_OK;
    for (int k = 0; !st && k < m->n_input; k++) if (!m->input[k].structural) st = take(p, buf, &m->input[k], inputs[k], "input", e);
    for (int k = 0; !st && k < m->n_param; k++) st = take(p, buf, &m->param[k], params[k], "parameter", e);
    for (int k = 0; !st && k < m->n_output; k++) st = take(p, buf, &m->output[k], outputs[k], "output", e);
    if (!st) st = check_overlap(p, buf, base, e);
    for (int k = 0; !st && k < m->n_input; k++) if (m->input[k].is_map && !m->input[k].structural && m->input[k].buffer >= 0) st = check_map(p, k, inputs[k], stream, e);
    if (!st) {
        pgn_env env = { .buf = buf, .size = p->size, .options = &p->options.given, .model = m, .stream = stream, .error = e };
        st = m->run(&env);
        if (st && !e->status) pgn_error_set(e, st, "the model failed (%s)", pgn_status_name(st));
    }
    if (buf != few) pgn_release(&p->options.given, buf);
    return st;
}
