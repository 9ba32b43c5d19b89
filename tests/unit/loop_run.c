/* loop_run.c - see loop_run.h. */
#include "loop_run.h"
#include <stdlib.h>
#include <string.h>

Context *cx;
Counts counts;
void expect(bool ok, const char *what) {
    if (ok) counts.passed++;
    else { counts.failed++; printf("FAILED %s\n", what); }
}

/* ---- data --------------------------------------------------------------------------------------------------------- */
static uint64_t state;
uint64_t random_bits(void) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static double special_real(uint64_t k) {
    static const double at[] = { 0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 1e-3, -1e-3, 88, -88, 700, -700, 1e5, -1e5, 1e9, -3e9, 1e19, -1e19, 1e30, 1e-30, 1e-40, -1e-40, 1e-310,
                                 INFINITY, -INFINITY, NAN, 0.99999994, -0.9999, 3.14159265358979, 1.5707963, 16777217, 127, 128, 255, 256, 65504, 65520, 6e-8, 3e-8, 1e300 };
    return at[k % (sizeof at / sizeof *at)];
}
static int64_t special_int(uint64_t k) {
    static const int64_t at[] = { 0, 1, -1, 2, -2, 3, 7, -7, 31, 32, 63, 64, 127, 128, 255, 256, 1000003, -1000003, INT32_MAX, INT32_MIN, (int64_t)INT32_MAX + 1, INT64_MAX, INT64_MIN, 0x5555555555555555 };
    return at[k % (sizeof at / sizeof *at)];
}
/* Specials meet in all pairs: `stride` tells apart the inputs of one unit. */
static void fill(void *p, Dtype dt, int64_t n, Fill how, int64_t limit, int64_t stride) {
    for (int64_t k = 0; k < n; k++) {
        uint64_t b = random_bits(), pick = (uint64_t)(k / stride);
        double r = how == SMALL ? (double)(int64_t)(b % 17) - 8 : how == REALS ? (double)(int64_t)(b >> 11) * 0x1p-50 - 4 : k < 2000 ? special_real(pick) : k % 2 ? (double)(int64_t)(b >> 11) * 0x1p-50 - 4 : ldexp((double)(int64_t)b, (int)(b % 90) - 108);
        int64_t i = limit > 0 ? (int64_t)(b % (uint64_t)limit) : how == SPECIAL ? k < 600 ? special_int(pick) : (int64_t)b >> b % 60 : (int64_t)(b % 17) - 8;
        switch (dt) {
        case DT_F64: ((double *)p)[k] = r; break;
        case DT_F32: ((float *)p)[k] = (float)r; break;
        case DT_F16: ((uint16_t *)p)[k] = how == SPECIAL ? (uint16_t)k : pgn_to_f16((float)r); break;
        case DT_BF16: ((uint16_t *)p)[k] = how == SPECIAL ? (uint16_t)k : pgn_to_bf16((float)r); break;
        case DT_I64: ((int64_t *)p)[k] = i; break;
        case DT_I32: ((int32_t *)p)[k] = (int32_t)i; break;
        case DT_I8: case DT_U8: ((uint8_t *)p)[k] = (uint8_t)i; break;
        case DT_BOOL: ((uint8_t *)p)[k] = b & 1; break;
        case DT_NONE: case DT_C64: case DT_C128: break;
        }
    }
}

/* ---- comparison --------------------------------------------------------------------------------------------------- */
static double decoded(const void *p, Dtype dt, int64_t k, int64_t *i) {
    *i = 0;
    switch (dt) {
    case DT_F64: return ((const double *)p)[k];
    case DT_F32: return ((const float *)p)[k];
    case DT_F16: return pgn_from_f16(((const uint16_t *)p)[k]);
    case DT_BF16: return pgn_from_bf16(((const uint16_t *)p)[k]);
    case DT_I64: *i = ((const int64_t *)p)[k]; break;
    case DT_I32: *i = ((const int32_t *)p)[k]; break;
    case DT_I8: case DT_U8: case DT_BOOL: *i = ((const uint8_t *)p)[k]; break;
    case DT_NONE: case DT_C64: case DT_C128: break;
    }
    return 0;
}
/* Distance in units of the last place of `want`. */
static double ulps_between(double got, double want, Dtype dt) {
    if (got == want || (isnan(got) && isnan(want))) return 0;
    if (isnan(got) || isnan(want) || isinf(got) || isinf(want)) return INFINITY;
    int e, digits = dt == DT_F64 ? 53 : dt == DT_F32 ? 24 : dt == DT_F16 ? 11 : 8, least = dt == DT_F64 ? -1074 : dt == DT_F16 ? -24 : -149;
    frexp(want, &e);
    return fabs(got - want) / ldexp(1, e - digits > least ? e - digits : least);
}
static bool same_output(const char *name, const char *output, const void *got, const void *want, Dtype dt, int64_t n, double ulps) {
    for (int64_t k = 0; k < n; k++) {
        int64_t gi, wi;
        double g = decoded(got, dt, k, &gi), w = decoded(want, dt, k, &wi), off = ulps_between(g, w, dt);
        if (off <= ulps && gi == wi) continue;
        printf("%s: %s[%lld] of %lld: got %.17g / %lld, want %.17g / %lld (%.3g ulps)\n", name, output, (long long)k, (long long)n, g, (long long)gi, w, (long long)wi, off);
        return false;
    }
    return true;
}

/* ---- compiling and running ---------------------------------------------------------------------------------------- */
typedef struct Setup { int opt; const char *cpu; } Setup;
static Setup setups[16];
static int n_setups;
bool has_cpu(const char *cpu) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (!strcmp(cpu, "x86-64-v3")) return v3;
    if (!strcmp(cpu, "x86-64-v4")) return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return !strcmp(cpu, "x86-64") || !strcmp(cpu, "native");
#else
    return !strcmp(cpu, "generic") || !strcmp(cpu, "native");
#endif
}
void choose_setups(void) {
    static const Setup all[] = { { 0, "x86-64" }, { 2, "x86-64" }, { 0, "x86-64-v3" }, { 3, "x86-64-v3" }, { 0, "x86-64-v4" }, { 1, "x86-64-v4" }, { 2, "x86-64-v4" }, { 3, "x86-64-v4" },
                                 { 0, "generic" }, { 2, "generic" }, { 3, "generic" } };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        if (has_cpu(all[k].cpu)) setups[n_setups++] = all[k];
        else if (strcmp(all[k].cpu, "generic")) printf("skipped %s -O%d: this processor has it not\n", all[k].cpu, all[k].opt);
    }
}
Unit *unit_of(const char *name, const char *text) {
    Unit *u = unit_read(cx, source_from_text(cx, name, text, strlen(text)));
    if (u && unit_verify(u, "read")) return u;
    diag_print_all(cx, stdout, DIAG_TEXT, false);
    printf("%s can't be read\n", name);
    expect(false, name);
    return NULL;
}
/* Pieces of 1, 2, 3, .. items, last first. */
static void pieces(void *user, int64_t n, int64_t grain, void (*body)(void *arg, int64_t lo, int64_t hi), void *arg) {
    (void)user, (void)grain;
    for (int64_t step = 1; n > 0; step++) {
        int64_t lo = n > step ? n - step : 0;
        body(arg, lo, n);
        n = lo;
    }
}
typedef struct Want { void **buf; int64_t *size; const void **in, **param; const char *message; } Want;
static const void **made(Unit *u, const IfaceItem *at, int n, const Sizes *s, Fill how) {
    int64_t *size = NEWN(cx->arena, int64_t, u->sym.n + 1);
    const void **r = NEWN(cx->arena, const void *, n + 1);
    for (int k = 0; k < u->sym.n; k++) size[k] = u->sym.at[k]->kind == SYM_DIM ? s->dim[k] : 0;
    for (int k = 0; k < u->graph.n; k++) {
        const IfaceGraph *g = &u->graph.at[k];
        const int sym[] = { g->sym_src_nodes, g->sym_dst_nodes, g->sym_edges, g->sym_ntypes, g->sym_etypes };
        const int64_t count[] = { s->graph.src_nodes, s->graph.dst_nodes, s->graph.edges, s->graph.ntypes, s->graph.etypes };
        for (int j = 0; j < 5; j++) if (sym[j] >= 0) size[sym[j]] = count[j];
    }
    int64_t stride = 1;
    for (int k = 0; k < n; k++, stride *= 44) {
        int64_t count = at[k].buf ? loop_eval_count(at[k].buf, size) : 0, limit = at[k].target ? ext_eval(at[k].target, size) : 0;
        void *p = arena_alloc(cx->arena, (size_t)count * 8 + 64);
        fill(p, at[k].dt, count, how, limit, at[k].buf && dtype_bytes(at[k].dt) < 4 ? 1 : stride > 2000 ? 1 : stride);
        r[k] = p;
    }
    return r;
}
/* Runs the model; the outputs are new memory. */
static void **forward(const char *name, const pgn_model *m, const Unit *u, const Sizes *s, const Want *w, bool whole) {
    pgn_options o = { .threads = 1 };
    if (!whole) o.threads = 2, o.parallel_for = pieces;
    pgn_plan *plan = NULL;
    pgn_error e = { 0 };
    void **out = NEWN(cx->arena, void *, u->output.n + 1);
    for (int k = 0; k < u->output.n; k++) {
        size_t bytes = (size_t)loop_eval_count(u->output.at[k].buf, w->size) * dtype_bytes(u->output.at[k].buf->dt);
        out[k] = arena_alloc(cx->arena, bytes + 64);
        memset(out[k], 0xaa, bytes + 64);
    }
    if (pgn_model_plan(m, &s->graph, s->dim, w->in, &o, &plan, &e)) { printf("%s: plan: %s\n", name, e.message); return NULL; }
    void *work = malloc(pgn_plan_workspace_size(plan) + 1);
    memset(work, 0xaa, pgn_plan_workspace_size(plan));
    bool ok = !pgn_model_forward(plan, w->in, w->param, out, work, NULL, &e);
    if (!ok) printf("%s: forward: %s\n", name, e.message);
    free(work);
    pgn_plan_free(plan);
    for (int k = 0; ok && k < u->output.n; k++) {              /* nothing behind the end */
        size_t bytes = (size_t)loop_eval_count(u->output.at[k].buf, w->size) * dtype_bytes(u->output.at[k].buf->dt);
        for (int j = 0; j < 64; j++) ok &= ((uint8_t *)out[k])[bytes + (size_t)j] == 0xaa;
        if (!ok) printf("%s: writes behind the end of %s\n", name, u->output.at[k].name);
    }
    return ok ? out : NULL;
}
/* NaN has many patterns, and no rule says which one an operation gives. */
static bool same_bits(const Unit *u, const Want *w, void **a, void **b) {
    for (int k = 0; k < u->output.n; k++) {
        const Buf *o = u->output.at[k].buf;
        size_t one = dtype_bytes(o->dt);
        for (int64_t j = 0; j < loop_eval_count(o, w->size); j++) {
            if (!memcmp((char *)a[k] + (size_t)j * one, (char *)b[k] + (size_t)j * one, one)) continue;
            int64_t i;
            double p = decoded(a[k], o->dt, j, &i), q = decoded(b[k], o->dt, j, &i);
            if (isnan(p) && isnan(q)) continue;
            printf("%s[%lld]: %a and %a\n", u->output.at[k].name, (long long)j, p, q);
            return false;
        }
    }
    return true;
}
void run_unit(const char *name, const char *text, const Sizes *sizes, int n_sizes, Fill how, const double *ulps, double ulp) {
    Unit *u = unit_of(name, text);
    if (!u) return;
    Want *want = NEWN(cx->arena, Want, n_sizes);
    void ***first = NEWN(cx->arena, void **, n_sizes);
    for (int k = 0; k < n_sizes; k++) {
        Want *w = &want[k];
        w->in = made(u, u->input.at, u->input.n, &sizes[k], how), w->param = made(u, u->param.at, u->param.n, &sizes[k], how);
        w->buf = loop_eval(u, sizes[k].dim, &sizes[k].graph, w->in, w->param, &w->message);
        w->size = loop_eval_sizes;
        if (!w->buf) printf("%s: the evaluator stops: %s\n", name, w->message);
        expect(w->buf != NULL, name);
        if (!w->buf) return;
    }
    for (int c = 0; c < n_setups; c++) {
        char what[200];
        snprintf(what, sizeof what, "%s (%s -O%d)", name, setups[c].cpu, setups[c].opt);
        LlvmJit *j = target_llvm_jit(cx, &u, 1, &(LlvmOptions){ .opt = setups[c].opt, .cpu = setups[c].cpu });
        const pgn_model *m = j ? target_llvm_jit_symbol(j, arena_printf(cx->arena, "%s_model", u->name)) : NULL;
        if (!m) diag_print_all(cx, stdout, DIAG_TEXT, false), printf("%s has no code\n", what);
        expect(m != NULL, what);
        bool ok = m != NULL, pieces_agree = true, opts_agree = true;
        for (int k = 0; ok && k < n_sizes; k++) {
            void **a = forward(what, m, u, &sizes[k], &want[k], true), **b = forward(what, m, u, &sizes[k], &want[k], false);
            if (!(ok = a && b)) break;
            for (int q = 0; q < u->output.n; q++)
                ok &= same_output(what, u->output.at[q].name, a[q], want[k].buf[u->output.at[q].buf->id], u->output.at[q].buf->dt, loop_eval_count(u->output.at[q].buf, want[k].size), ulps ? ulps[q] : ulp);
            pieces_agree &= same_bits(u, &want[k], a, b);
            if (c && !strcmp(setups[c].cpu, setups[c - 1].cpu)) opts_agree &= same_bits(u, &want[k], a, first[k]); else first[k] = a;
        }
        expect(ok, what);
        expect(pieces_agree, arena_printf(cx->arena, "%s: in pieces", what));
        expect(opts_agree, arena_printf(cx->arena, "%s: the same bits at every level", what));
        target_llvm_jit_free(j);
    }
}
