/* tables.c - the record of a model (pgn_model) and what it points to: constants, symbols, buffers, arguments, sizes as functions. And
 * the order of a whole unit's text. */
#include "target/c/print.h"
#include <inttypes.h>
#include <string.h>

/* ---- constants ---------------------------------------------------------------------------------------------------- */
static uint16_t half_bits(double v, bool brain) {
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if (brain) return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? u >> 16 | 0x40u : (u + 0x7fffu + (u >> 16 & 1u)) >> 16);
    uint32_t sign = u >> 16 & 0x8000u;
    u &= 0x7fffffffu;
    if (u > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (u >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);
    if (u <= 0x33000000u) return (uint16_t)sign;
    uint32_t shift = u < 0x38800000u ? 126u - (u >> 23) : 13u, m = u < 0x38800000u ? (u & 0x7fffffu) | 0x800000u : u - 0x38000000u;
    uint32_t half = 1u << (shift - 1u), rest = m & ((1u << shift) - 1u);
    m >>= shift;
    return (uint16_t)(sign | (m + (rest > half || (rest == half && (m & 1u)))));
}
static void put_element(Writer *w, double v, Dtype dt) {
    switch (dt) {
    case DT_F64: case DT_F32: put_real(w, v, dt); return;
    case DT_F16: case DT_BF16: put(w, "0x%04x", (unsigned)half_bits(v, dt == DT_BF16)); return;
    case DT_BOOL: put(w, v != 0 ? "1" : "0"); return;
    case DT_I64: case DT_I32: case DT_I8: case DT_U8: put_int(w, v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : (int64_t)v); return;
    case DT_C64: case DT_C128: case DT_NONE: put(w, "0"); return;
    }
}
static void print_constants(Printer *p) {
    Writer *w = p->w;
    for (int k = 0; k < p->u->buf.n; k++) {
        const Buf *b = p->u->buf.at[k];
        int64_t n;
        if (b->role != BUF_CONST || !b->data || !ext_is_const(b->count, &n)) continue;
        put(w, "\nstatic const %s %s_data_%d[%" PRId64 "] = {    /* ", c_memory_type(b->dt), p->u->name, b->id, n > 0 ? n : 1);
        put_comment(w, b->name);
        put(w, " */\n");
        w->indent++;
        for (int64_t j = 0; j < (n > 0 ? n : 1); j++) {
            put_element(w, n > 0 ? b->data[j] : 0, b->dt);
            put(w, j + 1 < n ? j % 8 == 7 ? ",\n" : ", " : "\n");
        }
        w->indent--;
        put(w, "};\n");
    }
}

/* ---- sizes as functions ---------------------------------------------------------------------------------------------- */
static void print_extents(Printer *p, const char *role, const IfaceItem *item, int n) {
    Writer *w = p->w;
    if (!n) return;
    put(w, "case %s:\n", role);
    w->indent++;
    put(w, "switch (16 * k + axis) {\n");
    for (int k = 0; k < n; k++) for (int j = 0; j <= item[k].rank; j++) {
        const Ext *e = j < item[k].rank ? item[k].extent[j] : item[k].target;
        if (!e) continue;
        put(w, "case 16 * %d + %d: return ", k, j);
        put_ext_checked(w, e);
        put(w, ";  /* ");
        put_comment(w, item[k].name);
        put(w, " */\n");
    }
    put(w, "}\nbreak;\n");
    w->indent--;
}
static void print_size_functions(Printer *p) {
    Writer *w = p->w;
    const Unit *u = p->u;
    put(w, "\n/* Extent of axis `axis` of argument `k`; for a map, axis == rank is the space its values point into. */\n");
    put(w, "static int64_t %s_extent(const int64_t *size, int role, int k, int axis) {\n", u->name);
    w->indent++;
    put(w, "(void)size, (void)k, (void)axis;\nswitch (role) {\n");
    print_extents(p, "PGN_ROLE_INPUT", u->input.at, u->input.n);
    print_extents(p, "PGN_ROLE_PARAM", u->param.at, u->param.n);
    print_extents(p, "PGN_ROLE_OUTPUT", u->output.at, u->output.n);
    put(w, "default: break;\n}\nreturn -1;\n");
    w->indent--;
    put(w, "}\n\n/* Elements of a buffer; -1 when the number overflows. */\nstatic int64_t %s_count(const int64_t *size, int buffer) {\n", u->name);
    w->indent++;
    put(w, "(void)size;\nswitch (buffer) {\n");
    for (int k = 0; k < u->buf.n; k++) {
        put(w, "case %d: return ", u->buf.at[k]->id);
        put_ext_checked(w, u->buf.at[k]->count);
        put(w, ";  /* ");
        put_comment(w, u->buf.at[k]->name);
        put(w, " */\n");
    }
    put(w, "default: break;\n}\nreturn -1;\n");
    w->indent--;
    put(w, "}\n");
}

/* ---- tables -------------------------------------------------------------------------------------------------------------- */
static const char *dtype_constant(Dtype t) {
    switch (t) {
    case DT_F64: return "PGN_F64";
    case DT_F32: return "PGN_F32";
    case DT_F16: return "PGN_F16";
    case DT_BF16: return "PGN_BF16";
    case DT_I64: return "PGN_I64";
    case DT_I32: return "PGN_I32";
    case DT_I8: return "PGN_I8";
    case DT_U8: return "PGN_U8";
    case DT_BOOL: return "PGN_BOOL";
    case DT_C64: return "PGN_C64";
    case DT_C128: return "PGN_C128";
    case DT_NONE: break;
    }
    return "0";
}
static const char *role_constant(BufRole r) {
    switch (r) {
    case BUF_GRAPH: return "PGN_ROLE_GRAPH";
    case BUF_INPUT: return "PGN_ROLE_INPUT";
    case BUF_PARAM: return "PGN_ROLE_PARAM";
    case BUF_OUTPUT: return "PGN_ROLE_OUTPUT";
    case BUF_CONST: return "PGN_ROLE_CONST";
    case BUF_PLAN: return "PGN_ROLE_PLAN";
    case BUF_LOCAL: return "PGN_ROLE_CONST";                  /* no memory of the model's */
    case BUF_WORK: break;
    }
    return "PGN_ROLE_WORK";
}
static int id_of(const Buf *b) { return b ? b->id : -1; }

static void print_arguments(Printer *p, const char *list, const IfaceItem *item, int n, const bool *structural) {
    Writer *w = p->w;
    if (!n) return;
    put(w, "\n/* name, type, rank, structural, frozen, buffer, map?, symbols, initialiser */\n");
    put(w, "static const pgn_argument %s_%s[] = {\n", p->u->name, list);
    w->indent++;
    for (int k = 0; k < n; k++) {
        const IfaceItem *a = &item[k];
        put(w, "{ ");
        put_string(w, a->name);
        put(w, ", %s, %d, %d, %d, %d, %d, { ", dtype_constant(a->dt), a->rank, structural && structural[k], a->frozen, id_of(a->buf), a->target != NULL);
        for (int j = 0; j < 8; j++) put(w, "%s%d", j ? ", " : "", j < a->rank && a->extent[j]->op == EXT_SYM ? a->extent[j]->sym->id : -1);
        put(w, " }, ");
        put_string(w, a->init);
        put(w, ", { ");
        for (int j = 0; j < 4; j++) {
            put(w, j ? ", " : "");
            put_real(w, j < a->n_init_arg ? a->init_arg[j] : 0, DT_F64);
        }
        put(w, " }, %d },\n", a->n_init_arg);
    }
    w->indent--;
    put(w, "};\n");
}
void print_tables(Printer *p) {
    Writer *w = p->w;
    const Unit *u = p->u;
    const char *name = u->name;
    if (u->sym.n) {
        put(w, "\n/* name, kind (0 dim, 1 graph, 2 found when bound), fixed value */\nstatic const pgn_symbol %s_symbols[] = {\n", name);
        w->indent++;
        for (int k = 0; k < u->sym.n; k++) {
            const Sym *s = u->sym.at[k];
            put(w, "{ ");
            put_string(w, s->name);
            put(w, ", %d, ", (int)s->kind);
            put_int(w, s->fixed);
            put(w, " },\n");
        }
        w->indent--;
        put(w, "};\n");
    }
    if (u->buf.n) {
        put(w, "\n/* name, type, role, place in its list, data, first and last step of run that uses it */\nstatic const pgn_buffer %s_buffers[] = {\n", name);
        w->indent++;
        for (int k = 0; k < u->buf.n; k++) {
            const Buf *b = u->buf.at[k];
            int64_t n;
            put(w, "{ ");
            put_string(w, b->name);
            put(w, ", %s, %s, %d, ", dtype_constant(b->dt), role_constant(b->role), b->role <= BUF_OUTPUT ? b->iface : -1);
            if (b->role == BUF_CONST && b->data && ext_is_const(b->count, &n)) put(w, "%s_data_%d", name, b->id); else put(w, "NULL");
            bool work = b->role == BUF_WORK;
            put(w, ", %d, %d },\n", work ? b->first : 0, work ? b->last : 0);
        }
        w->indent--;
        put(w, "};\n");
    }
    if (u->graph.n) {
        put(w, "\n/* name; symbols: source nodes, destination nodes, edges, node types, edge types; buffers: src, dst, etype, ntype */\n");
        put(w, "static const pgn_graph_argument %s_graphs[] = {\n", name);
        w->indent++;
        for (int k = 0; k < u->graph.n; k++) {
            const IfaceGraph *g = &u->graph.at[k];
            put(w, "{ ");
            put_string(w, g->name);
            put(w, ", %d, %d, %d, %d, %d, %d, %d, %d, %d },\n", g->sym_src_nodes, g->sym_dst_nodes, g->sym_edges, g->sym_ntypes, g->sym_etypes, id_of(g->src), id_of(g->dst), id_of(g->etype),
                id_of(g->ntype));
        }
        w->indent--;
        put(w, "};\n");
    }
    bool *structural = NEWN(p->arena, bool, u->input.n + 1);
    for (int k = 0; k < u->input_structural.n && k < u->input.n; k++) structural[k] = u->input_structural.at[k];
    print_arguments(p, "inputs", u->input.at, u->input.n, structural);
    print_arguments(p, "params", u->param.at, u->param.n, NULL);
    print_arguments(p, "outputs", u->output.at, u->output.n, NULL);
    print_size_functions(p);
    put(w, "\nPGN_DECLARE_MODEL(%s_model);\nconst pgn_model %s_model = {\n", name, name);
    w->indent++;
    put(w, "PGN_ABI, ");
    put_string(w, name);
    put(w, ", ");
    put_string(w, u->signature ? u->signature : "");
    put(w, ",\n%d, %d, %d, %d, %d, %d,\n", u->sym.n, u->buf.n, u->graph.n, u->input.n, u->param.n, u->output.n);
    struct { const char *name; int n; } table[] = { { "symbols", u->sym.n }, { "buffers", u->buf.n }, { "graphs", u->graph.n },
                                                    { "inputs", u->input.n }, { "params", u->param.n }, { "outputs", u->output.n } };
    for (int k = 0; k < 6; k++) {
        if (table[k].n) put(w, "%s_%s,", name, table[k].name); else put(w, "NULL,");
        put(w, k < 5 ? " " : "\n");
    }
    put(w, "%s_extent, %s_count, %s_bind, %s_run,\n%s\n", name, name, name, name, p->d->cuda ? "1, &pgn_cuda_device," : "0, NULL,");
    put(w, "NULL, NULL, 0, NULL, %lld\n", (long long)u->limit);
    w->indent--;
    put(w, "};\n");
}

/* ---- a unit ----------------------------------------------------------------------------------------------------------------- */
void target_c_prologue(Writer *w, bool cuda) {
    put(w, "/* Made by pigeonc from a .pgn model; don't edit.  Link with libpigeon.\n");
    if (cuda) put(w, " * nvcc compiles it for a GPU; a C compiler with -DPGN_CUDA_SHIM for the CPU, as a test. */\n#include \"pigeon/cuda_kernel.h\"\n");
    else put(w, " * C11. */\n#include \"pigeon/kernel.h\"\n");
    put(w, "#if PGN_ABI != 4\n#error \"this text was made for another version of libpigeon's headers: compile the model again\"\n#endif\n");
}
static void print_unit(const Unit *u, Writer *w, const Dialect *d) {
    Printer p = { .u = u, .w = w, .arena = w->arena, .d = d, .meets = NEWN(w->arena, bool, u->kernel.n + 1) };
    bool *in_bind = NEWN(w->arena, bool, u->kernel.n + 1), *in_run = NEWN(w->arena, bool, u->kernel.n + 1);
    mark_launched(u, &u->bind, in_bind);
    mark_launched(u, &u->run, in_run);
    put(w, "\n/* ==== ");
    put_comment(w, u->signature ? u->signature : u->name);
    put(w, " ==== */\n");
    print_constants(&p);
    for (int k = 0; k < u->kernel.n; k++) {
        bool host = in_bind[k] || (in_run[k] && !d->cuda);       /* bind always runs on the CPU */
        if (host) print_kernel(&p, u->kernel.at[k], false);
        if (in_run[k] && d->cuda) print_kernel(&p, u->kernel.at[k], true);
    }
    print_host(&p, "bind", &u->bind, false);
    print_host(&p, "run", &u->run, d->cuda);
    print_tables(&p);
}
void target_c_print(const Unit *u, Writer *w) { print_unit(u, w, &dialect_c); }
void target_cuda_print(const Unit *u, Writer *w) { print_unit(u, w, &dialect_cuda); }
