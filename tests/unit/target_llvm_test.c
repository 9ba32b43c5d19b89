/* target_llvm_test.c - the LLVM target: every scalar function and conversion, all kinds of loops and host steps (values by loop_run.c), and
 * what the artifacts look like. */
#define _GNU_SOURCE                    /* memmem */
#include "loop_run.h"
#include <stdlib.h>
#include <string.h>

/* ---- every scalar function ------------------------------------------------------------------------------------------ */
static double ulps_of(ScalarOp op, Dtype dt) {
    switch ((int)op) {
    case OP_RSQRT: return 1;
    case OP_EXP: case OP_LOG: case OP_EXP2: return 1.5;
    case OP_EXPM1: case OP_LOG1P: case OP_LOG2: case OP_SIN: case OP_COS: case OP_ERF: case OP_POW: case OP_SIGMOID: return 2.5;
    case OP_TANH: case OP_TAN: return 3.5;
    case OP_LGAMMA: return dt == DT_F32 ? 1e4 : 1e3;                            /* relative error grows near its zeros */
    }
    return *scalar_info[op].llvm == '@' ? 4 : 0;                                /* libm's */
}
static bool takes(ScalarOp op, Dtype dt) {
    bool real = dtype_is_float(dt);
    switch (scalar_info[op].class_) {
    case ARITH: return dt != DT_BOOL && op != OP_CONJ;
    case FLOAT: return real;
    case REAL: return real && op != OP_COMPLEX;
    case INT: return dtype_is_int(dt);
    case CMP: return true;
    case LOGIC: return dt == DT_BOOL;
    case PART: return op == OP_ABS && dt != DT_BOOL;
    }
    return false;
}
static void scalars(Dtype dt, Fill how, int64_t n) {
    Writer w;
    writer_init(&w, cx->arena);
    const char *t = dtype_name(dt);
    double ulps[OP_COUNT];
    int n_out = 0;
    put(&w, "(unit ops_%s \"every function of %s\" (sym n dim) (buf x %s n input 0) (buf y %s n input 1) (input x %s (n) x) (input y %s (n) y)\n", t, t, t, t, t, t);
    Writer kernels, run;
    writer_init(&kernels, cx->arena), writer_init(&run, cx->arena);
    for (int op = 0; op < OP_COUNT; op++) {
        if (!takes((ScalarOp)op, dt) || (op == OP_THREEFRY && dt != DT_I64)) continue;
        const char *f = scalar_info[op].name, *out = scalar_info[op].class_ == CMP || scalar_info[op].class_ == LOGIC ? "bool" : t;
        put(&w, "(buf o_%s %s n output %d) (output o_%s %s (n) o_%s)\n", f, out, n_out, f, out, f);
        put(&kernels, "(kernel k_%s \"%s\" v n flat 1000000 (store o_%s v (%s (load x v)%s)))\n", f, f, f, f, scalar_info[op].arity == 2 ? " (load y v)" : "");
        put(&run, " (launch k_%s)", f);
        ulps[n_out++] = ulps_of((ScalarOp)op, dt);
    }
    put(&w, "%s(run%s))", kernels.at, run.at);
    run_unit(arena_printf(cx->arena, "functions of %s", t), w.at, &(Sizes){ .dim = { n } }, 1, how, ulps, 0);
}
static void conversions(void) {
    static const Dtype reg[] = { DT_F64, DT_F32, DT_I64, DT_I32, DT_BOOL }, mem[] = { DT_F64, DT_F32, DT_F16, DT_BF16, DT_I64, DT_I32, DT_I8, DT_U8, DT_BOOL };
    Writer w, run;
    for (int from = 0; from < 9; from++) {
        writer_init(&w, cx->arena), writer_init(&run, cx->arena);
        const char *t = dtype_name(mem[from]);
        put(&w, "(unit cast_%s \"%s to everything\" (sym n dim) (buf x %s n input 0) (input x %s (n) x)\n", t, t, t, t);
        int out = 0;
        for (int to = 0; to < 9; to++) {
            Dtype in = register_type(mem[from]), r = register_type(mem[to]);
            const char *o = dtype_name(mem[to]);
            put(&w, "(buf o_%s %s n output %d) (output o_%s %s (n) o_%s)\n", o, o, out++, o, o, o);
            if (in == r) put(&run, "(kernel k_%s \"copy\" v n flat 1000000 (store o_%s v (load x v)))\n", o, o);
            else put(&run, "(kernel k_%s \"cast\" v n flat 1000000 (store o_%s v (cast %s (load x v))))\n", o, o, dtype_name(r));
        }
        for (int k = 0; k < 5; k++) {                          /* patterns of bits there and back */
            Dtype in = register_type(mem[from]);
            if (reg[k] == in || dtype_bytes(reg[k]) != dtype_bytes(in) || in == DT_BOOL) continue;
            put(&w, "(buf bits %s n output %d) (output bits %s (n) bits)\n", dtype_name(reg[k]), out++, dtype_name(reg[k]));
            put(&run, "(kernel k_bits \"bits\" v n flat 1000000 (store bits v (bitcast %s %s)))\n", dtype_name(reg[k]),
                dtype_is_float(in) ? arena_printf(cx->arena, "(select (eq (load x v) (load x v)) (load x v) (%s 0))", dtype_name(in)) : "(load x v)");      /* NaN has many */
        }
        put(&w, "%s(run", run.at);
        for (int to = 0; to < 9; to++) put(&w, " (launch k_%s)", dtype_name(mem[to]));
        put(&w, strstr(run.at, "k_bits") ? " (launch k_bits)))" : "))");
        run_unit(arena_printf(cx->arena, "from %s", t), w.at, &(Sizes){ .dim = { dtype_bytes(mem[from]) == 2 ? 65536 : 2503 } }, 1, SPECIAL, NULL, 0);
    }
}
/* ---- loops: the texts of tests/loop; the first line of each says what numbers to fill in and how many ulps are allowed ------------- */
static void loops(const char *path) {
    static const int64_t widths[] = { 1, 2, 3, 4, 5, 6, 8, 9, 10, 16, 17, 18, 32, 33, 34, 50, 64, 65, 66, 99, 129, 194, 195, 258, 300 };
    enum { N = sizeof widths / sizeof *widths, NODES = 23, EDGES = 90 };
    static int32_t src[EDGES], dst[EDGES];
    for (int k = 0; k < EDGES; k++) src[k] = (int32_t)(random_bits() % 7), dst[k] = (int32_t)(random_bits() % NODES % (k % 3 ? 3 : NODES));
    Sizes s[N];
    for (int k = 0; k < N; k++) s[k] = (Sizes){ .dim = { widths[k], 3 }, .graph = { NODES, NODES, k % 2 ? EDGES : k / 2, 0, 0, src, dst, NULL, NULL } };
    char how[20];
    double ulp;
    int source = source_read(cx, path, NO_LOC);
    const char *text = source < 0 ? NULL : cx->source.at[source].text, *name = strrchr(path, '/') + 1;
    if (!text || sscanf(text, "; %19s %lf", how, &ulp) != 2) { expect(false, path); return; }
    run_unit(name, text, s, strstr(text, "(graph ") ? 8 : N, !strcmp(how, "small") ? SMALL : !strcmp(how, "reals") ? REALS : SPECIAL, NULL, ulp);
}

/* ---- what comes out ------------------------------------------------------------------------------------------------------- */
static bool emit(Unit *u, LlvmOptions o, LlvmOutput kind, const char **data, size_t *size) {
    const void *p;
    bool ok = target_llvm_emit(cx, &u, 1, &o, kind, &p, size);
    if (!ok) diag_print_all(cx, stdout, DIAG_TEXT, false);
    *data = p;
    return ok;
}
static bool contains(const char *data, size_t n, const char *word) { return memmem(data, n, word, strlen(word)) != NULL; }
/* The hottest loop of a register-blocked product: as many accumulators as the shape allows, none of them in memory. */
static void accumulators_stay(Unit *u, const char *cpu, const char *register_, int products) {
    const char *text;
    size_t n;
    if (!emit(u, (LlvmOptions){ .opt = 3, .cpu = cpu, .triple = "x86_64-linux-gnu" }, LLVM_ASSEMBLY, &text, &n)) { expect(false, cpu); return; }
    int best = 0;
    for (const char *at = text; (at = strstr(at, "\n.L"));) {              /* from each label to the jump back to it */
        const char *colon = strchr(++at, ':'), *end;
        char back[80];
        snprintf(back, sizeof back, "%.*s\n", (int)(colon - at), at);
        for (end = colon; *end && strncmp(end, "\n.L", 3); end = strchr(end + 1, '\n') ? strchr(end + 1, '\n') : end + strlen(end)) {}
        const char *jump = memmem(colon, (size_t)(end - colon), back, strlen(back));
        if (!jump) continue;
        int fused = 0;
        bool stack = false, seen[32] = { false };               /* by number of the accumulator: the last operand */
        for (const char *l = colon; l && l < jump; l = strchr(l + 1, '\n')) {
            const char *eol = strchr(l + 1, '\n');
            size_t len = eol ? (size_t)(eol - l) : strlen(l);
            int r = -1;
            for (const char *q = l; memmem(l, len, "vfmadd231", 9) && q < l + len; q++) if (!strncmp(q, register_, 4)) r = atoi(q + 4);
            if (r >= 0 && r < 32 && !seen[r]) seen[r] = true, fused++;
            stack |= memmem(l, len, "(%rsp)", 6) && memmem(l, len, register_, 4);
        }
        if (!stack && fused > best) best = fused;
    }
    if (best < products) printf("%s: a loop without spills has %d accumulators\n", cpu, best);
    expect(best >= products, arena_printf(cx->arena, "accumulators in registers for %s", cpu));
}
static void artifacts(const char *folder) {
    int source = source_read(cx, arena_printf(cx->arena, "%s/blocked_gemm.loop", folder), NO_LOC);
    Unit *u = source < 0 ? NULL : unit_of("blocked_gemm", cx->source.at[source].text);
    if (!u) { expect(false, "blocked_gemm.loop"); return; }
    const char *a, *b, *ir;
    size_t na, nb, n;
    static const char *const cpus[] = { "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4" };
    for (int k = 0; k < 4; k++) {
        LlvmOptions o = { .opt = 2, .cpu = cpus[k], .triple = "x86_64-linux-gnu", .debug = k % 2 };
        expect(emit(u, o, LLVM_OBJECT, &a, &na) && emit(u, o, LLVM_OBJECT, &b, &nb) && na == nb && !memcmp(a, b, na), "the same bytes twice");
        expect(na > 20 && !memcmp(a, "\177ELF", 4) && a[18] == 62, "an object for x86-64");
        expect(contains(a, na, ".debug_line") == (k % 2), "line tables with -g only");
    }
    for (int opt = 0; opt < 4; opt += 3) {
        expect(emit(u, (LlvmOptions){ .opt = opt, .cpu = "neoverse-n1", .triple = "aarch64-linux-gnu" }, LLVM_OBJECT, &a, &na) && na > 20 && a[18] == (char)183, "an object for AArch64");
        expect(emit(u, (LlvmOptions){ .opt = opt, .triple = "aarch64-linux-gnu" }, LLVM_ASSEMBLY, &a, &na) && contains(a, na, "fmla") && contains(a, na, ".4s"), "NEON code");
    }
    expect(emit(u, (LlvmOptions){ .opt = 0, .cpu = "x86-64" , .triple = "x86_64-linux-gnu" }, LLVM_IR, &ir, &n) && contains(ir, n, "@blocked_gemm.y"), "IR");
    accumulators_stay(u, "x86-64-v4", "%zmm", 24);
    accumulators_stay(u, "x86-64-v3", "%ymm", 12);
    int errors = cx->n_errors;
    const void *p;
    expect(!target_llvm_emit(cx, &u, 1, &(LlvmOptions){ .cpu = "pentium-9", .triple = "x86_64-linux-gnu" }, LLVM_OBJECT, &p, &n) && cx->n_errors == errors + 1, "an unknown CPU is refused");
    expect(!target_llvm_emit(cx, &u, 1, &(LlvmOptions){ .triple = "vax-dec-vms" }, LLVM_OBJECT, &p, &n) && cx->n_errors == errors + 2, "an unknown target is refused");
    expect(!target_llvm_jit(cx, &u, 1, &(LlvmOptions){ .triple = "aarch64-linux-gnu" }) && cx->n_errors == errors + 3, "another machine's code does not run here");
    expect(target_llvm_known_target("aarch64-linux-gnu") && !target_llvm_known_target("vax-dec-vms"), "known targets");
}

int main(int argc, char **argv) {
    cx = context_new();
    choose_setups();
    const char *only = argc > 1 ? argv[1] : NULL;
    static const Dtype reg[] = { DT_F64, DT_F32, DT_I64, DT_I32, DT_BOOL };
    static const char *const texts[] = { "lanes", "reduce", "nest", "branch", "access", "round", "sums", "constant", "power", "host", "blocked_gemm" };
    for (int k = 0; !only && k < 5; k++) scalars(reg[k], SPECIAL, k < 2 ? 6001 : 1201);
    if (!only) conversions();
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) if (!only || !strcmp(only, texts[k])) loops(arena_printf(cx->arena, "%s/%s.loop", TEST_UNITS, texts[k]));
    if (!only) artifacts(TEST_UNITS);
    printf("%d passed, %d failed\n", counts.passed, counts.failed);
    context_free(cx);
    return counts.failed != 0;
}
