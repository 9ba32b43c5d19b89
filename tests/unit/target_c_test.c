/* target_c_test.c - the C and CUDA printers: units built by hand through loop.h are printed, compiled by the system's C compiler (CUDA
 * text with the shim), loaded, run by libpigeon and compared with plain loops here.  Device memory of the shim is host memory, so one
 * set of arrays serves both. */
#include "target/c/c.h"
#include "pigeon/model.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* keeps what generated code calls in a statically linked program */
void *const target_c_test_symbols[] = {
#define RTCALL(id, function, what) (void *)function,
#include "loop/rtcall.def"
#undef RTCALL
    (void *)pgn_env_alloc, (void *)pgn_env_launch, (void *)pgn_env_fail, (void *)pgn_env_call_staged, (void *)pgn_env_read_flag,
};

static int passed, failed;
static void check(bool ok, const char *what) {
    if (ok) passed++;
    else { failed++; printf("FAILED %s\n", what); }
}
static void near(const char *what, const float *got, const double *want, int n, double tolerance) {
    double worst = 0;
    for (int k = 0; k < n; k++) { double d = fabs(got[k] - want[k]); if (!(d <= worst)) worst = d; }
    if (!(worst <= tolerance)) printf("%s: off by %g\n", what, worst);
    check(worst <= tolerance, what);
}

/* ---- building units -------------------------------------------------------------------------------------------- */
static Context *cx;
static Arena *A;
static Unit *unit;
static Kernel *kernel;
static Block *at;                                       /* where statements go */

static void begin_unit(const char *name) {
    unit = NEW(A, Unit);
    unit->cx = cx, unit->arena = A, unit->name = name;
    unit->signature = arena_printf(A, "model %s() /* of a test */", name);
}
static Ext *dim(const char *name, SymKind kind) {
    Sym *s = NEW(A, Sym);
    *s = (Sym){ unit->sym.n, name, kind, -1, NO_LOC };
    vec_add(A, unit->sym, s);
    return ext_sym(A, s);
}
static Buf *buffer(const char *name, Dtype dt, Ext *count, BufRole role) {
    Buf *b = NEW(A, Buf);
    *b = (Buf){ .id = unit->buf.n, .name = name, .dt = dt, .count = count, .role = role, .iface = -1, .loc = NO_LOC };
    vec_add(A, unit->buf, b);
    IfaceItem it = { .name = name, .dt = dt, .rank = 1, .extent = { count }, .buf = b };
    if (role == BUF_INPUT) { b->iface = unit->input.n; vec_add(A, unit->input, it); vec_add(A, unit->input_structural, false); }
    if (role == BUF_PARAM) { b->iface = unit->param.n; vec_add(A, unit->param, it); }
    if (role == BUF_OUTPUT) { b->iface = unit->output.n; vec_add(A, unit->output, it); }
    return b;
}
static Var *var(const char *name, Dtype dt, bool mutable_) {
    static int id;
    Var *v = NEW(A, Var);
    *v = (Var){ .id = id++, .name = name, .dt = dt, .mutable_ = mutable_ };
    return v;
}
static LX *begin_kernel(const char *name, const char *what, Ext *extent, KernelMap map) {
    kernel = NEW(A, Kernel);
    *kernel = (Kernel){ .id = unit->kernel.n, .name = name, .what = what, .item = var("item", DT_I64, false), .extent = extent, .map = map, .loc = NO_LOC, .work = 100 };
    vec_add(A, unit->kernel, kernel);
    at = &kernel->body;
    return lx_var(A, kernel->item);
}
static LS *statement(LSKind k) { LS *s = NEW(A, LS); s->k = k; s->loc = NO_LOC; vec_add(A, *at, s); return s; }
static LX *let(const char *name, LX *x) { LS *s = statement(LS_LET); s->var = var(name, x->dt, false), s->x = x; return lx_var(A, s->var); }
static LX *variable(const char *name, LX *x) { LS *s = statement(LS_VAR); s->var = var(name, x->dt, true), s->x = x; return lx_var(A, s->var); }
static void set(LX *v, LX *x) { LS *s = statement(LS_SET); s->var = v->var, s->x = x; }
static void store(Buf *b, LX *index, LX *x, LX *guard) { LS *s = statement(LS_STORE); s->buf = b, s->index = index, s->x = x, s->guard = guard; }
static LX *loop(const char *name, LX *lo, LX *hi, LoopKind kind, Block **outer) {
    LS *s = statement(LS_FOR);
    s->var = var(name, DT_I64, false), s->lo = lo, s->hi = hi, s->loop = kind;
    *outer = at;
    at = &s->body;
    return lx_var(A, s->var);
}
static void reduces(Block *outer, LX *v, ScalarOp op) { LaneReduce r = { v->var, op }; vec_add(A, outer->at[outer->n - 1]->red, r); }
static LH *step(HostBlock *b, LHKind k) { LH *h = NEW(A, LH); h->k = k; h->loc = NO_LOC; vec_add(A, *b, h); return h; }
static void launch(HostBlock *b) { step(b, LH_KERNEL)->kernel = kernel; }
static LX *I(int64_t v) { return lx_int(A, v); }
static LX *F(double v) { return lx_real(A, v, DT_F32); }
static LX *size(Ext *e) { return lx_size(A, e); }
static LX *op(ScalarOp o, LX *p, LX *q) { return lx_op(A, o, p, q); }
static LX *add(LX *p, LX *q) { return op(OP_ADD, p, q); }
static LX *mul(LX *p, LX *q) { return op(OP_MUL, p, q); }
static LX *load(Buf *b, LX *i) { return lx_load(A, b, i, NULL); }
static LX *cast(LX *x, Dtype dt) { return lx_cast(A, x, dt); }

/* ---- text to code ------------------------------------------------------------------------------------------------ */
static char folder[] = "/tmp/target_c_test-XXXXXX";
static bool write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    if (!f) return false;
    bool ok = fputs(text, f) >= 0;
    return !fclose(f) && ok;
}
static bool compile(const char *source, const char *object, const char *flags) {
    const char *cc = getenv("CC");
    char *command = arena_printf(A, "%s -std=gnu11 -O1 -Wall -Wextra -Wno-unused-function -Wno-unused-variable -Werror %s -I%s -o %s %s -lm", cc && *cc ? cc : "cc", flags, TEST_INCLUDE, object, source);
    return system(command) == 0;
}
static const pgn_model *build(bool cuda, void **handle) {
    Writer w;
    writer_init(&w, A);
    target_c_prologue(&w, cuda);
    if (cuda) target_cuda_print(unit, &w); else target_c_print(unit, &w);
    const char *kind = cuda ? "cuda" : "c", *source = arena_printf(A, "%s/%s_%s.c", folder, unit->name, kind), *object = arena_printf(A, "%s/%s_%s.so", folder, unit->name, kind);
    *handle = NULL;
    if (write_text(source, w.at) && compile(source, object, cuda ? "-shared -fPIC -DPGN_CUDA_SHIM" : "-shared -fPIC")) *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    if (!*handle) { printf("%s (%s) can't be compiled or loaded: %s\n", unit->name, kind, dlerror()); return NULL; }
    return dlsym(*handle, arena_printf(A, "%s_model", unit->name));
}
/* Prints, compiles, binds and runs the unit in both dialects; `compare` looks at the outputs. */
static void both(const int64_t *sizes, const pgn_graph_view *graph, const void **in, const void **param, void **out, void (*compare)(const char *dialect)) {
    loop_finish(unit);
    for (int cuda = 0; cuda < 2; cuda++) {
        const char *name = arena_printf(A, "%s in %s", unit->name, cuda ? "CUDA on the shim" : "C");
        void *handle;
        const pgn_model *m = build(cuda, &handle);
        check(m != NULL, name);
        if (!m) continue;
        pgn_plan *plan = NULL;
        pgn_error e = { 0 };
        if (pgn_model_plan(m, graph, sizes, NULL, &(pgn_options){ .threads = 1 }, &plan, &e)) { printf("%s: %s\n", name, e.message); check(false, name); continue; }
        void *work = malloc(pgn_plan_workspace_size(plan) + 1);
        if (pgn_model_forward(plan, in, param, out, work, NULL, &e)) { printf("%s: %s\n", name, e.message); check(false, name); }
        else compare(name);
        free(work);
        pgn_plan_free(plan);
        dlclose(handle);
    }
    Writer h;
    writer_init(&h, A);
    target_header_print(unit, &h);
    const char *source = arena_printf(A, "%s/%s.h", folder, unit->name), *user = arena_printf(A, "%s/%s_user.c", folder, unit->name);
    check(write_text(source, h.at) && write_text(user, arena_printf(A, "#include \"%s.h\"\nint main(void) { return 0; }\n", unit->name)) &&
          compile(user, "/dev/null", "-c -pedantic -Wno-unused-const-variable"), arena_printf(A, "header of %s in C", unit->name));
}

/* ---- matrix product: one thread per element, and lanes over the sum; bf16, f16 and i8 in memory ---------------------------- */
enum { M = 7, K = 150, N = 5 };
static float mm_x[M * K], mm_w[K * N], mm_y[M * N], mm_z[M * N], mm_b[M * N];
static int8_t mm_q[M * K];
static double mm_want[M * N], mm_want_z[M * N];
static void mm_compare(const char *name) {
    near(arena_printf(A, "%s: flat", name), mm_y, mm_want, M * N, 1e-4);
    near(arena_printf(A, "%s: lanes", name), mm_z, mm_want_z, M * N, 1e-2);
    near(arena_printf(A, "%s: bf16", name), mm_b, mm_want, M * N, 0.05);
}
static void test_mm(void) {
    begin_unit("mm");
    Ext *m = dim("m", SYM_DIM), *k = dim("in", SYM_DIM), *n = dim("n", SYM_DIM), *mn = ext_op(A, EXT_MUL, m, n);
    Buf *x = buffer("x", DT_F32, ext_op(A, EXT_MUL, m, k), BUF_INPUT), *q = buffer("q", DT_I8, ext_op(A, EXT_MUL, m, k), BUF_INPUT), *w = buffer("w", DT_F32, ext_op(A, EXT_MUL, k, n), BUF_PARAM);
    Buf *y = buffer("y", DT_F32, mn, BUF_OUTPUT), *z = buffer("z", DT_F32, mn, BUF_OUTPUT), *b = buffer("b", DT_F32, mn, BUF_OUTPUT);
    Buf *half = buffer("half", DT_BF16, mn, BUF_WORK), *small = buffer("small", DT_F16, mn, BUF_WORK);
    Block *up;
    LX *item = begin_kernel("y", "y[i, j] = sum(k) x[i, k] * w[k, j]", mn, MAP_FLAT);
    LX *i = let("i", op(OP_FLOORDIV, item, size(n))), *j = let("j", op(OP_MOD, item, size(n))), *acc = variable("acc", F(0));
    LX *kk = loop("k", I(0), size(k), LOOP_SERIAL, &up);
    set(acc, add(acc, mul(load(x, add(mul(i, size(k)), kk)), load(w, add(mul(kk, size(n)), j)))));
    at = up;
    store(y, item, acc, NULL);
    store(half, item, acc, NULL);
    launch(&unit->run);
    item = begin_kernel("z", "z[i, j] = sum(k) q[i, k] * w[k, j]", mn, MAP_BLOCKED);
    i = let("i", op(OP_FLOORDIV, item, size(n))), j = let("j", op(OP_MOD, item, size(n))), acc = variable("acc", F(1));
    kk = loop("k", I(0), size(k), LOOP_LANE, &up);
    reduces(up, acc, OP_ADD);
    set(acc, add(acc, mul(cast(load(q, add(mul(i, size(k)), kk)), DT_F32), load(w, add(mul(kk, size(n)), j)))));
    at = up;
    store(small, item, op(OP_SUB, acc, F(1)), NULL);
    store(z, item, load(small, item), NULL);
    launch(&unit->run);
    item = begin_kernel("b", "b[i, j] = half[i, j]", mn, MAP_FLAT);
    store(b, item, load(half, item), NULL);
    launch(&unit->run);
    for (int a = 0; a < M * K; a++) mm_x[a] = (float)sin(a) / 4, mm_q[a] = (int8_t)(a * 37 % 11 - 5);
    for (int a = 0; a < K * N; a++) mm_w[a] = (float)cos(a * 3) / 8;
    for (int r = 0; r < M; r++) for (int c = 0; c < N; c++) for (int s = 0; s < K; s++) {
        mm_want[r * N + c] += (double)mm_x[r * K + s] * mm_w[s * N + c];
        mm_want_z[r * N + c] += (double)mm_q[r * K + s] * mm_w[s * N + c];
    }
    both((int64_t[]){ M, K, N }, NULL, (const void *[]){ mm_x, mm_q }, (const void *[]){ mm_w }, (void *[]){ mm_y, mm_z, mm_b }, mm_compare);
}

/* ---- sums over fibres of a graph, with a bind that builds row pointers ------------------------------------------------------ */
enum { NODES = 6, EDGES = 9, D = 40 };
static const int32_t gs_src[EDGES] = { 0, 1, 2, 3, 4, 5, 0, 2, 4 }, gs_dst[EDGES] = { 3, 3, 0, 1, 1, 1, 0, 3, 5 };
static float gs_x[NODES * D], gs_y[NODES * D], gs_a[EDGES], gs_s[NODES];
static double gs_want[NODES * D], gs_want_a[EDGES], gs_want_s[NODES];
static void gs_compare(const char *name) {
    near(arena_printf(A, "%s: fibre sum", name), gs_y, gs_want, NODES * D, 1e-5);
    near(arena_printf(A, "%s: softmax over fibres", name), gs_a, gs_want_a, EDGES, 1e-6);
    near(arena_printf(A, "%s: its denominators", name), gs_s, gs_want_s, NODES, 1e-5);
}
static void test_graph(void) {
    begin_unit("gs");
    Ext *v = dim("g.nodes", SYM_GRAPH), *e = dim("g.edges", SYM_GRAPH), *d = dim("d", SYM_DIM);
    Buf *src = buffer("src", DT_I32, e, BUF_GRAPH), *dst = buffer("dst", DT_I32, e, BUF_GRAPH);
    IfaceGraph g = { "g", 0, 0, 1, -1, -1, src, dst, NULL, NULL };
    vec_add(A, unit->graph, g);
    src->iface = dst->iface = 0;
    Buf *row = buffer("row", DT_I64, ext_op(A, EXT_ADD, v, ext_const(A, 1)), BUF_PLAN), *edge = buffer("edge", DT_I32, e, BUF_PLAN);
    Buf *x = buffer("x", DT_F32, ext_op(A, EXT_MUL, v, d), BUF_INPUT), *y = buffer("y", DT_F32, ext_op(A, EXT_MUL, v, d), BUF_OUTPUT);
    Buf *a = buffer("a", DT_F32, e, BUF_OUTPUT), *s = buffer("s", DT_F32, v, BUF_OUTPUT);
    step(&unit->bind, LH_ALLOC)->dst = row;
    step(&unit->bind, LH_ALLOC)->dst = edge;
    LH *h = step(&unit->bind, LH_CALL);
    h->call = RT_FIBRE;
    vec_add(A, h->arg, e); vec_add(A, h->arg, ext_const(A, 1)); vec_add(A, h->arg, v);
    vec_add(A, h->buf, dst); vec_add(A, h->buf, row); vec_add(A, h->buf, edge);
    h = step(&unit->run, LH_CHECK);
    h->a = ext_const(A, 0), h->b = d, h->rel = '<', h->message = "d is \"0\"";
    Block *up, *up2;
    LX *item = begin_kernel("y", "y[v, j] = sum(e: dst(e) = v) x[src(e), j]  (x[., j+1] too where there is one)", v, MAP_BLOCKED);
    LX *j = loop("j", I(0), size(d), LOOP_LANE, &up), *acc = variable("acc", F(0));
    LX *r = loop("r", load(row, item), load(row, add(item, I(1))), LOOP_SERIAL, &up2);
    LX *u = let("u", cast(load(src, cast(load(edge, r), DT_I64)), DT_I64)), *next = add(add(mul(u, size(d)), j), I(1));
    set(acc, add(acc, load(x, add(mul(u, size(d)), j))));
    set(acc, add(acc, lx_load(A, x, next, op(OP_LT, add(j, I(1)), size(d)))));
    at = up2;
    store(y, add(mul(item, size(d)), j), acc, NULL);
    at = up;
    launch(&unit->run);
    /* everything at block level too: maximum, exponentials in place, their sum by thread 0, division */
    item = begin_kernel("a", "a[e] = softmax(e by dst(e)) x[src(e), 0]", v, MAP_BLOCKED);
    LX *lo = let("first", load(row, item)), *hi = let("last", load(row, add(item, I(1)))), *most = variable("most", F(-INFINITY));
    r = loop("r", lo, hi, LOOP_LANE, &up);
    reduces(up, most, OP_MAX);
    LX *ed = let("e", cast(load(edge, r), DT_I64));
    set(most, op(OP_MAX, most, load(x, mul(cast(load(src, ed), DT_I64), size(d)))));
    at = up;
    r = loop("r", lo, hi, LOOP_LANE, &up);
    ed = let("e", cast(load(edge, r), DT_I64));
    store(a, ed, op(OP_EXP, op(OP_SUB, load(x, mul(cast(load(src, ed), DT_I64), size(d))), most), NULL), NULL);
    at = up;
    LX *sum = variable("sum", F(0));
    r = loop("r", lo, hi, LOOP_SERIAL, &up);
    set(sum, add(sum, load(a, cast(load(edge, r), DT_I64))));
    at = up;
    store(s, item, sum, op(OP_LT, lo, hi));
    store(s, item, F(0), op(OP_GE, lo, hi));
    r = loop("r", lo, hi, LOOP_LANE, &up);
    ed = let("e", cast(load(edge, r), DT_I64));
    store(a, ed, op(OP_DIV, load(a, ed), load(s, item)), NULL);
    at = up;
    launch(&unit->run);
    for (int k = 0; k < NODES * D; k++) gs_x[k] = (float)sin(k * 2);
    for (int k = 0; k < EDGES; k++) for (int c = 0; c < D; c++) {
        const float *from = &gs_x[gs_src[k] * D + c];
        gs_want[gs_dst[k] * D + c] += from[0] + (c + 1 < D ? from[1] : 0);
    }
    double top[NODES];
    for (int k = 0; k < NODES; k++) top[k] = -INFINITY;
    for (int k = 0; k < EDGES; k++) top[gs_dst[k]] = fmax(top[gs_dst[k]], gs_x[gs_src[k] * D]);
    for (int k = 0; k < EDGES; k++) gs_want_s[gs_dst[k]] += gs_want_a[k] = exp(gs_x[gs_src[k] * D] - top[gs_dst[k]]);
    for (int k = 0; k < EDGES; k++) gs_want_a[k] /= gs_want_s[gs_dst[k]];
    pgn_graph_view view = { NODES, NODES, EDGES, 1, 1, gs_src, gs_dst, NULL, NULL };
    both((int64_t[]){ -1, -1, D }, &view, (const void *[]){ gs_x }, NULL, (void *[]){ gs_y, gs_a, gs_s }, gs_compare);
}

/* ---- integers, conversions, reductions of every kind ---------------------------------------------------------------------- */
enum { OPS = 22, VALUES = 12 };
static const int64_t in_v[VALUES] = { 0, 1, -1, 2, -7, 13, 63, -64, INT64_MIN, INT64_MAX, 4294967296, -2147483648LL };
static int64_t in_out[VALUES * VALUES * OPS], in_want[VALUES * VALUES * OPS], in_red[8], in_red_want[8];
static const float in_f[VALUES] = { 0, -0.0f, 65519.9f, 65520, 1e-7f, 6e-8f, 2.98e-8f, 3.1e-8f, 1.0009765f, -3e38f, INFINITY, NAN };
static float in_half[VALUES], in_real[3];
static const double in_half_want[VALUES] = { 0, 0, 65504, INFINITY, 0x1p-23, 0x1p-24, 0, 0x1p-24, 1.0009765625, -INFINITY, INFINITY, NAN };
static uint8_t in_flag[2];
static void in_compare(const char *name) {
    int bad = 0;
    for (int k = 0; k < VALUES * VALUES * OPS; k++) if (in_out[k] != in_want[k] && !bad++)
        printf("op %d of %" PRId64 ", %" PRId64 ": %" PRId64 ", not %" PRId64 "\n", k % OPS, in_v[k / OPS / VALUES], in_v[k / OPS % VALUES], in_out[k], in_want[k]);
    check(!bad, arena_printf(A, "%s: integer functions", name));
    for (int k = 0; k < VALUES; k++) check(in_half[k] == in_half_want[k] || (isnan(in_half[k]) && isnan(in_half_want[k])), arena_printf(A, "%s: half %d is %g", name, k, in_half[k]));
    for (int k = 0; k < 8; k++) { if (in_red[k] != in_red_want[k]) printf("%d: %" PRId64 ", not %" PRId64 "\n", k, in_red[k], in_red_want[k]); check(in_red[k] == in_red_want[k], arena_printf(A, "%s: reduction %d", name, k)); }
    check(!in_flag[0] && in_flag[1], arena_printf(A, "%s: and, or", name));
    check(in_real[0] == -3e38f && isinf(in_real[1]) && in_real[2] == 24.0f, arena_printf(A, "%s: min, max, product", name));
    memset(in_out, 0, sizeof in_out);
    memset(in_red, 0, sizeof in_red);
}
static void test_integers(void) {
    static const ScalarOp ops[] = { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD, OP_MIN, OP_MAX, OP_BITAND, OP_BITOR, OP_BITXOR, OP_SHL, OP_SHR, OP_LT, OP_EQ };
    begin_unit("ints");
    Ext *n = dim("long", SYM_DIM), *nn = ext_op(A, EXT_MUL, n, n);
    Buf *v = buffer("v", DT_I64, n, BUF_INPUT), *f = buffer("f", DT_F32, n, BUF_INPUT), *out = buffer("out", DT_I64, ext_op(A, EXT_MUL, nn, ext_const(A, OPS)), BUF_OUTPUT);
    Buf *half = buffer("h", DT_F32, n, BUF_OUTPUT), *red = buffer("red", DT_I64, ext_const(A, 8), BUF_OUTPUT), *flag = buffer("flag", DT_BOOL, ext_const(A, 2), BUF_OUTPUT), *real = buffer("real", DT_F32, ext_const(A, 3), BUF_OUTPUT);
    Buf *h16 = buffer("h16", DT_F16, n, BUF_WORK), *table = buffer("table", DT_I8, ext_const(A, 4), BUF_CONST);
    table->data = (const double[]){ 1, 2, 3, 4 };
    LX *item = begin_kernel("out", "all functions of a pair", nn, MAP_FLAT);
    LX *p = let("p", load(v, op(OP_FLOORDIV, item, size(n)))), *q = let("q", load(v, op(OP_MOD, item, size(n)))), *to = let("to", mul(item, I(OPS)));
    LX *p32 = let("p32", cast(p, DT_I32)), *q32 = let("q32", cast(q, DT_I32));
    int k = 0;
    for (; k < 15; k++) store(out, add(to, I(k)), cast(op(ops[k], p, q), DT_I64), NULL);
    static const ScalarOp narrow[] = { OP_MUL, OP_FLOORDIV, OP_MOD, OP_SHL };
    for (int j = 0; j < 4; j++, k++) store(out, add(to, I(k)), cast(op(narrow[j], p32, q32), DT_I64), NULL);
    store(out, add(to, I(k++)), op(OP_NEG, p, NULL), NULL);
    store(out, add(to, I(k++)), op(OP_POPCOUNT, p, NULL), NULL);
    store(out, add(to, I(k++)), lx_select(A, op(OP_OR, op(OP_AND, op(OP_LT, p, q), op(OP_GT, p, I(0))), op(OP_NOT, op(OP_EQ, q, I(INT64_MIN)), NULL)), op(OP_ABS, p, NULL), op(OP_SIGN, q, NULL)), NULL);
    launch(&unit->run);
    item = begin_kernel("h16", "h16[i] = f[i]", n, MAP_FLAT);
    store(h16, item, load(f, item), NULL);
    launch(&unit->run);
    item = begin_kernel("h", "h[i] = h16[i]", n, MAP_FLAT);
    store(half, item, load(h16, item), NULL);
    launch(&unit->run);
    item = begin_kernel("red", "reductions", ext_const(A, 1), MAP_BLOCKED);
    Block *up;
    static const ScalarOp kinds[] = { OP_ADD, OP_MUL, OP_MIN, OP_MAX };
    for (int wide = 0; wide < 2; wide++) for (int j = 0; j < 4; j++) {
        LX *start = j == 1 ? I(3) : I(0);
        LX *r = variable("r", wide ? start : cast(start, DT_I32)), *i = loop("i", I(0), size(n), LOOP_LANE, &up), *x = load(v, i);
        if (j == 1) x = op(OP_BITOR, x, I(1));
        reduces(up, r, kinds[j]);
        set(r, op(kinds[j], r, wide ? x : cast(x, DT_I32)));
        at = up;
        store(red, I(4 * wide + j), cast(r, DT_I64), NULL);
    }
    LX *all = variable("all", lx_bool(A, true)), *any = variable("any", lx_bool(A, false)), *least = variable("least", F(NAN)), *most = variable("most", F(NAN)), *prod = variable("prod", F(1));
    LX *i = loop("i", I(0), size(n), LOOP_LANE, &up);
    reduces(up, all, OP_AND); reduces(up, any, OP_OR); reduces(up, least, OP_MIN); reduces(up, most, OP_MAX);
    set(all, op(OP_AND, all, op(OP_GT, load(v, i), I(0))));
    set(any, op(OP_OR, any, op(OP_EQ, load(v, i), I(13))));
    set(least, op(OP_MIN, least, lx_select(A, op(OP_EQ, load(f, i), F(-INFINITY)), F(0), load(f, i))));
    set(most, op(OP_MAX, most, load(f, i)));
    at = up;
    i = loop("i", I(0), I(4), LOOP_LANE, &up);
    reduces(up, prod, OP_MUL);
    set(prod, mul(prod, cast(load(table, i), DT_F32)));
    at = up;
    store(flag, I(0), all, NULL); store(flag, I(1), any, NULL);
    store(real, I(0), least, NULL); store(real, I(1), most, NULL); store(real, I(2), prod, NULL);
    launch(&unit->run);
    /* the same by the folder of loop.c, which is checked elsewhere */
    for (int a = 0; a < VALUES * VALUES; a++) {
        int64_t *w = &in_want[a * OPS], x = in_v[a / VALUES], y = in_v[a % VALUES], x32 = (int32_t)x, y32 = (int32_t)y;
        LX *cp = I(x), *cq = I(y), *dp = cast(cp, DT_I32), *dq = cast(cq, DT_I32);
        int c = 0;
        for (; c < 15; c++) w[c] = ops[c] == OP_SHL ? (int64_t)((uint64_t)x << (y & 63)) : ops[c] == OP_SHR ? x >> (y & 63) : op(ops[c], cp, cq)->i;
        for (int j = 0; j < 4; j++, c++) w[c] = narrow[j] == OP_SHL ? (int32_t)((uint32_t)x32 << (y32 & 31)) : op(narrow[j], dp, dq)->i;
        w[c++] = op(OP_NEG, cp, NULL)->i;
        w[c++] = __builtin_popcountll((uint64_t)x);
        w[c++] = (x < y && x > 0) || y != INT64_MIN ? op(OP_ABS, cp, NULL)->i : (y > 0) - (y < 0);
    }
    for (int wide = 0; wide < 2; wide++) for (int j = 0; j < 4; j++) {
        LX *r = j == 1 ? I(3) : I(0);
        if (!wide) r = cast(r, DT_I32);
        for (int a = 0; a < VALUES; a++) { LX *x = I(j == 1 ? in_v[a] | 1 : in_v[a]); r = op(kinds[j], r, wide ? x : cast(x, DT_I32)); }
        in_red_want[4 * wide + j] = r->i;
    }
    both((int64_t[]){ VALUES }, NULL, (const void *[]){ in_v, in_f }, NULL, (void *[]){ in_out, in_half, in_red, in_flag, in_real }, in_compare);
}

/* ---- rounds with a flag, copies, a recurrence at block level -------------------------------------------------------------- */
enum { W = 100 };
static float it_x[W], it_y[W], it_s[W];
static double it_want[W], it_want_s[W];
static void it_compare(const char *name) {
    near(arena_printf(A, "%s: rounds", name), it_y, it_want, W, 1e-6);
    near(arena_printf(A, "%s: block-level recurrence", name), it_s, it_want_s, W, 1e-5);
}
static void test_rounds(void) {
    begin_unit("rounds");
    Ext *n = dim("w", SYM_DIM);
    Buf *x = buffer("x", DT_F32, n, BUF_INPUT), *y = buffer("y", DT_F32, n, BUF_OUTPUT), *s = buffer("s", DT_F32, n, BUF_OUTPUT), *next = buffer("next", DT_F32, n, BUF_WORK), *stop = buffer("stop", DT_BOOL, ext_const(A, 1), BUF_WORK);
    LH *c = step(&unit->run, LH_COPY);
    c->dst = y, c->src = x;
    LH *l = step(&unit->run, LH_LOOP);
    l->src = stop, l->max = 50;
    LX *item = begin_kernel("stop", "stop = y[0] < 0.1", ext_const(A, 1), MAP_FLAT);
    store(stop, item, op(OP_LT, load(y, I(0)), F(0.1)), NULL);
    launch(&l->head);
    item = begin_kernel("next", "next[i] = y[i] / 2", n, MAP_FLAT);
    store(next, item, op(OP_DIV, load(y, item), F(2)), NULL);
    launch(&l->body);
    c = step(&l->body, LH_COPY);
    c->dst = y, c->src = next;
    /* neighbours of the round before: wrong unless the threads of a block wait for each other */
    Block *up, *up2;
    begin_kernel("s", "s[i] at t+1 = s[i] / 2 + s[(i + 1) mod w] / 4", ext_const(A, 1), MAP_BLOCKED);
    LX *i = loop("i", I(0), size(n), LOOP_LANE, &up);
    store(s, i, load(x, i), NULL);
    at = up;
    loop("t", I(0), I(9), LOOP_SERIAL, &up2);
    i = loop("i", I(0), size(n), LOOP_LANE, &up);
    store(next, i, add(mul(load(s, i), F(0.5)), mul(load(s, op(OP_MOD, add(i, I(1)), size(n))), F(0.25))), NULL);
    at = up;
    i = loop("i", I(0), size(n), LOOP_LANE, &up);
    store(s, i, load(next, i), NULL);
    at = up2;
    launch(&unit->run);
    double a[W], b[W];
    for (int k = 0; k < W; k++) it_x[k] = (float)(1 + 0.01 * k), it_want[k] = it_x[k], a[k] = it_x[k];
    while (!(it_want[0] < 0.1f)) for (int k = 0; k < W; k++) it_want[k] /= 2;
    for (int t = 0; t < 9; t++) { for (int k = 0; k < W; k++) b[k] = a[k] / 2 + a[(k + 1) % W] / 4; memcpy(a, b, sizeof a); }
    memcpy(it_want_s, a, sizeof a);
    both((int64_t[]){ W }, NULL, (const void *[]){ it_x }, NULL, (void *[]){ it_y, it_s }, it_compare);
}

/* ---- the shim by itself ----------------------------------------------------------------------------------------------------- */
static void test_shim(void) {
    static const char text[] =
        "#include \"pigeon/cuda_kernel.h\"\n"
        "static __global__ void diverge(int64_t n) { if (threadIdx.x < (unsigned)n) __syncthreads(); }\n"
        "static __global__ void two(int64_t n) { if (threadIdx.x < (unsigned)n)\n __syncthreads();\n else\n __syncthreads(); }\n"
        "static __global__ void turn(int64_t n, float *x) {\n"
        "  __shared__ float tile[256];\n"
        "  tile[threadIdx.x] = (float)threadIdx.x; __syncthreads();\n"
        "  x[blockIdx.x * blockDim.x + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x] + pgn_block_add_f32(1.0f) + __shfl_down_sync(~0u, (float)threadIdx.x, 1);\n"
        "  (void)n; }\n"
        "int run(float *x) {\n"
        "  void *buf_[1] = { x }, **b = buf_; struct { void **buf; } e = { b }, *env = &e;\n"
        "  PGN_LAUNCH(diverge, 1, 3, 64, NULL, PGN_SIZE(10)); if (cudaGetLastError() == cudaSuccess) return 1;\n"
        "  PGN_LAUNCH(two, 1, 3, 64, NULL, PGN_SIZE(10)); if (cudaGetLastError() == cudaSuccess) return 2;\n"
        "  PGN_LAUNCH(diverge, 1, 3, 64, NULL, PGN_SIZE(64)); if (cudaGetLastError() != cudaSuccess) return 3;\n"
        "  PGN_LAUNCH(turn, 1, 2, 96, NULL, PGN_SIZE(10), PGN_BUF(float, 0)); if (cudaGetLastError() != cudaSuccess) return 4;\n"
        "  return 0; }\n";
    const char *source = arena_printf(A, "%s/shim.c", folder), *object = arena_printf(A, "%s/shim.so", folder);
    void *h = write_text(source, text) && compile(source, object, "-shared -fPIC -DPGN_CUDA_SHIM") ? dlopen(object, RTLD_NOW) : NULL;
    check(h != NULL, "the shim compiles");
    if (!h) return;
    union { void *p; int (*f)(float *); } run = { dlsym(h, "run") };
    float x[192];
    int r = run.f(x);
    if (r) printf("step %d\n", r);
    check(r == 0, "divergent barriers are errors, common ones are not");
    bool ok = true;
    for (int k = 0; k < 192; k++) { int t = k % 96; ok &= x[k] == (float)(95 - t) + 96 + (float)(t % 32 == 31 ? t : t + 1); }
    check(ok, "shared memory, block sums, shuffles");
    dlclose(h);
}

int main(int argc, char **argv) {
    cx = context_new();
    A = cx->arena;
    bool keep = argc > 1 && !strcmp(argv[1], "--keep");
    if (!mkdtemp(folder)) { perror(folder); return 1; }
    test_mm();
    test_graph();
    test_integers();
    test_rounds();
    test_shim();
    if (keep) printf("texts are in %s\n", folder);
    else if (system(arena_printf(A, "rm -rf %s", folder))) printf("%s stays\n", folder);
    printf("%d passed, %d failed\n", passed, failed);
    context_free(cx);
    return failed != 0;
}
