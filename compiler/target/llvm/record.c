/* record.c - the `const pgn_model` record of one unit: the constant data, the lists of its interface, and pointers to its functions.
 * The struct types below are those of pigeon/model.h, member by member; the assertions notice when that header changes. */
#include "target/llvm/emit.h"
#include "pigeon/model.h"
#include <math.h>
#include <string.h>

_Static_assert(sizeof(pgn_buffer) == 32 && offsetof(pgn_buffer, iface) == 10 && offsetof(pgn_buffer, data) == 16 && offsetof(pgn_buffer, last) == 28, "pgn_buffer");
_Static_assert(sizeof(pgn_symbol) == 24 && offsetof(pgn_symbol, fixed) == 16, "pgn_symbol");
_Static_assert(sizeof(pgn_argument) == 88 && offsetof(pgn_argument, symbol) == 20 && offsetof(pgn_argument, init) == 40 &&
               offsetof(pgn_argument, n_init_arg) == 80, "pgn_argument");
_Static_assert(sizeof(pgn_graph_argument) == 40 && offsetof(pgn_graph_argument, src) == 20, "pgn_graph_argument");
_Static_assert(sizeof(pgn_model) == 184 && offsetof(pgn_model, symbol) == 48 && offsetof(pgn_model, extent) == 96 &&
               offsetof(pgn_model, dev) == 136 && offsetof(pgn_model, n_variant) == 160 && offsetof(pgn_model, choice) == 168 && offsetof(pgn_model, limit) == 176, "pgn_model");
_Static_assert(sizeof(pgn_choice) == 56 && offsetof(pgn_choice, at) == 32 && offsetof(pgn_choice, model) == 48, "pgn_choice");
_Static_assert((int)PGN_ROLE_WORK == (int)BUF_WORK && (int)PGN_ROLE_OUTPUT == (int)BUF_OUTPUT && (int)PGN_C128 == (int)DT_C128, "shared numbers");

static LV constant_global(Mod *m, LV value, const char *name) {
    LV g = LLVMAddGlobal(m->mod, LLVMTypeOf(value), name);
    LLVMSetInitializer(g, value);
    LLVMSetGlobalConstant(g, true);
    LLVMSetLinkage(g, LLVMPrivateLinkage);
    return g;
}
static LV text(Mod *m, const char *s) {
    if (!s) return LLVMConstNull(m->ptr);
    LV g = constant_global(m, LLVMConstStringInContext(m->c, s, (unsigned)strlen(s), false), "s");
    LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(g, 1);
    return g;
}
static LV i8_of(Mod *m, int v) { return LLVMConstInt(m->i8, (uint64_t)v, true); }
static LV i16_of(Mod *m, int v) { return LLVMConstInt(m->i16, (uint64_t)(int64_t)v, true); }
static LV i32_of(Mod *m, int v) { return LLVMConstInt(m->i32, (uint64_t)(int64_t)v, true); }
static LV record(Mod *m, LV *field, int n) { return LLVMConstStructInContext(m->c, field, (unsigned)n, false); }
static LV list(Mod *m, LV *item, int n, const char *what) {
    if (!n) return LLVMConstNull(m->ptr);
    return constant_global(m, LLVMConstArray(LLVMTypeOf(item[0]), item, (unsigned)n), arena_printf(m->a, "%s.%s", m->u->name, what));
}

/* f16 and bf16 constants, rounded once from the double. */
static uint16_t small_float(double v, int mantissa, int min_exponent, int max_exponent) {
    uint16_t sign = signbit(v) ? 0x8000 : 0, infinity = (uint16_t)(((1u << (15 - mantissa)) - 1) << mantissa);
    if (isnan(v)) return infinity | (uint16_t)(1u << (mantissa - 1));
    double a = fabs(v);
    if (isinf(a)) return sign | infinity;
    if (a == 0) return sign;
    int e;
    frexp(a, &e);
    e--;
    if (e < min_exponent) return sign | (uint16_t)rint(ldexp(a, mantissa - min_exponent));
    uint32_t bits = (uint32_t)(e - min_exponent + 1) << mantissa;
    bits += (uint32_t)rint(ldexp(a, mantissa - e)) - (1u << mantissa);        /* a carry goes on into the exponent */
    return e > max_exponent || bits >= infinity ? sign | infinity : sign | (uint16_t)bits;
}
static LV element(Mod *m, Dtype dt, double v) {
    switch (dt) {
    case DT_F64: return LLVMConstReal(m->f64, v);
    case DT_F32: return LLVMConstReal(m->f32, (double)(float)v);
    case DT_F16: return LLVMConstInt(m->i16, small_float(v, 10, -14, 15), false);
    case DT_BF16: return LLVMConstInt(m->i16, small_float(v, 7, -126, 127), false);
    case DT_BOOL: return LLVMConstInt(m->i8, v != 0, false);
    case DT_I64: case DT_I32: case DT_I8: case DT_U8: return LLVMConstInt(memory_type(m, dt), (uint64_t)(int64_t)v, true);
    case DT_C64: case DT_C128: case DT_NONE: break;
    }
    return LLVMConstInt(m->i8, 0, false);
}
static void constant_data(Mod *m) {
    for (int k = 0; k < m->u->buf.n; k++) {
        Buf *b = m->u->buf.at[k];
        int64_t n;
        if (b->role != BUF_CONST) continue;
        if (!ext_is_const(b->count, &n) || n < 0 || (n && !b->data)) {
            diag_error(m->cx, D_INTERNAL, b->loc, "the constant `%s` has no data of a known size", b->name);
            continue;
        }
        LV *e = NEWN(m->a, LV, n + 1);
        for (int64_t j = 0; j < n; j++) e[j] = element(m, b->dt, b->data[j]);
        m->const_data[k] = constant_global(m, LLVMConstArray(memory_type(m, b->dt), e, (unsigned)n), arena_printf(m->a, "%s.%s", m->u->name, b->name));
        LLVMSetAlignment(m->const_data[k], 64);
    }
}

static LV argument(Mod *m, const IfaceItem *it, bool structural) {
    LV symbol[PGN_MAX_RANK], init[4];
    for (int k = 0; k < PGN_MAX_RANK; k++) symbol[k] = i16_of(m, k < it->rank && it->extent[k]->op == EXT_SYM ? it->extent[k]->sym->id : -1);
    for (int k = 0; k < 4; k++) init[k] = LLVMConstReal(m->f64, it->init_arg[k]);
    LV f[] = { text(m, it->name), i8_of(m, it->dt), i8_of(m, it->rank), i8_of(m, structural), i8_of(m, it->frozen), i32_of(m, it->buf ? it->buf->id : -1),
               i32_of(m, it->target != NULL), LLVMConstArray(m->i16, symbol, PGN_MAX_RANK), text(m, it->init), LLVMConstArray(m->f64, init, 4),
               i32_of(m, it->n_init_arg) };
    return record(m, f, sizeof f / sizeof *f);
}
static LV arguments(Mod *m, const IfaceItem *at, int n, const bool *structural, const char *what) {
    LV *item = NEWN(m->a, LV, n + 1);
    for (int k = 0; k < n; k++) item[k] = argument(m, &at[k], structural && structural[k]);
    return list(m, item, n, what);
}
static int id_of(const Buf *b) { return b ? b->id : -1; }
static const char *source_path(Mod *m) {
    for (int k = 0; k < m->u->kernel.n; k++) {
        int f = m->u->kernel.at[k]->loc.file;
        if (f >= 0 && f < m->cx->source.n) return m->cx->source.at[f].path;
    }
    return m->cx->source.n ? m->cx->source.at[0].path : "";
}

static LV floats(Mod *m, const float *v, int n, const char *what) {
    LV *e = NEWN(m->a, LV, n + 1);
    for (int k = 0; k < n; k++) e[k] = LLVMConstReal(m->f32, (double)v[k]);
    return list(m, e, n, what);
}
/* other: the records of the programs but the first */
LV module_choice(Mod *m, const Choice *c, LV *other) {
    LV n_point[PGN_CHOICE_AXES];
    int points = 1, coordinates = 0;
    for (int k = 0; k < PGN_CHOICE_AXES; k++) n_point[k] = i32_of(m, c->n_point[k]), points *= c->n_point[k], coordinates += c->n_point[k];
    LV f[] = { i32_of(m, c->graph), i32_of(m, c->n), LLVMConstArray(m->i32, n_point, PGN_CHOICE_AXES), floats(m, c->at, coordinates, "kinds"), floats(m, c->time, c->n * points, "times"),
               list(m, other, c->n - 1, "programs") };
    return constant_global(m, record(m, f, sizeof f / sizeof *f), arena_printf(m->a, "%s.choice", m->u->name));
}
LV module_model(Mod *m, LV *kernels, const char *needs, LV *variant, int n_variant, LV choice) {
    Unit *u = m->u;
    constant_data(m);
    for (int k = 0; k < u->kernel.n; k++) kernels[k] = kernel_function(m, u->kernel.at[k]);
    LLVMSetCurrentDebugLocation2(m->b, NULL);
    LV extent = host_extent(m, arena_printf(m->a, "%s.extent", u->name)), count = host_count(m, arena_printf(m->a, "%s.count", u->name));
    LV bind = host_procedure(m, arena_printf(m->a, "%s.bind", u->name), &u->bind, kernels);
    LV run = host_procedure(m, arena_printf(m->a, "%s.run", u->name), &u->run, kernels);

    LV *symbol = NEWN(m->a, LV, u->sym.n + 1), *buffer = NEWN(m->a, LV, u->buf.n + 1), *graph = NEWN(m->a, LV, u->graph.n + 1);
    for (int k = 0; k < u->sym.n; k++) {
        LV f[] = { text(m, u->sym.at[k]->name), i8_of(m, u->sym.at[k]->kind), int64_of(m, u->sym.at[k]->fixed) };
        symbol[k] = record(m, f, 3);
    }
    for (int k = 0; k < u->buf.n; k++) {
        Buf *b = u->buf.at[k];
        LV f[] = { text(m, b->name), i8_of(m, b->dt), i8_of(m, b->role == BUF_LOCAL ? PGN_ROLE_CONST : (int)b->role), i16_of(m, b->iface), m->const_data[k] ? m->const_data[k] : LLVMConstNull(m->ptr),
                   i32_of(m, b->role == BUF_WORK ? b->first : 0), i32_of(m, b->role == BUF_WORK ? b->last : 0) };
        buffer[k] = record(m, f, 7);
    }
    for (int k = 0; k < u->graph.n; k++) {
        IfaceGraph *g = &u->graph.at[k];
        LV f[] = { text(m, g->name), i16_of(m, g->sym_src_nodes), i16_of(m, g->sym_dst_nodes), i16_of(m, g->sym_edges), i16_of(m, g->sym_ntypes),
                   i16_of(m, g->sym_etypes), i32_of(m, id_of(g->src)), i32_of(m, id_of(g->dst)), i32_of(m, id_of(g->etype)), i32_of(m, id_of(g->ntype)) };
        graph[k] = record(m, f, 10);
    }
    LV f[] = { i32_of(m, PGN_ABI), text(m, u->name), text(m, source_path(m)), i32_of(m, u->sym.n), i32_of(m, u->buf.n), i32_of(m, u->graph.n),
               i32_of(m, u->input.n), i32_of(m, u->param.n), i32_of(m, u->output.n), list(m, symbol, u->sym.n, "symbols"),
               list(m, buffer, u->buf.n, "buffers"), list(m, graph, u->graph.n, "graphs"),
               arguments(m, u->input.at, u->input.n, u->input_structural.n == u->input.n ? u->input_structural.at : NULL, "inputs"),
               arguments(m, u->param.at, u->param.n, NULL, "params"), arguments(m, u->output.at, u->output.n, NULL, "outputs"),
               extent, count, bind, run, i32_of(m, 0), LLVMConstNull(m->ptr), text(m, needs), list(m, variant, n_variant > 0 ? n_variant : 0, "variants"),
               i32_of(m, n_variant > 0 ? n_variant : 0), choice ? choice : LLVMConstNull(m->ptr), int64_of(m, u->limit) };
    LV value = record(m, f, sizeof f / sizeof *f);
    LV g = LLVMAddGlobal(m->mod, LLVMTypeOf(value), arena_printf(m->a, "%s_model", u->name));
    LLVMSetInitializer(g, value);
    LLVMSetGlobalConstant(g, true);
    if (n_variant < 0) LLVMSetLinkage(g, LLVMInternalLinkage);
    if (m->o->launch) {
        LV all = LLVMConstArray(m->ptr, kernels, (unsigned)u->kernel.n);
        LLVMSetInitializer(LLVMAddGlobal(m->mod, LLVMTypeOf(all), arena_printf(m->a, "%s_kernels", u->name)), all);
    }
    return g;
}
