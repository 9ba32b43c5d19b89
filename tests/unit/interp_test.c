/* interp_test.c - the reference interpreter on small programs, compared with numbers made by hand. Prints what differs; 0 when nothing does. */
#include "interp/interp.h"
#include "ir/ir.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Test { Context *cx; Program *p; Arena *a; int64_t size[32]; Array in[8]; InterpGraph g; Array out[8]; bool ok; } Test;
static int failures;
static Test t;

static void begin(const char *name) {
    memset(&t, 0, sizeof t);
    t.cx = context_new();
    t.a = t.cx->arena;
    t.p = program_new(t.cx, name);
}
static Space *dim(const char *name, int64_t n) {
    Sym *s = program_sym(t.p, name, SYM_DIM, NO_LOC);
    t.size[s->id] = n;
    return program_space(t.p, SP_DIM, name, ext_sym(t.a, s));
}
static Space *data_space(const char *name) { return program_space(t.p, SP_DERIVED, name, ext_sym(t.a, program_sym(t.p, name, SYM_DATA, NO_LOC))); }
static Value *input(const char *name, Dtype dt, int rank, Space **axis, Space *target, const double *data) {
    Node *n = program_node(t.p, N_INPUT, NO_LOC);
    Value *v = program_value(t.p, n, name, dt, rank, axis);
    v->target = target;
    vec_add(t.a, t.p->node, n);
    Array *a = &t.in[t.p->input.n];
    vec_add(t.a, t.p->input, v);
    a->dt = dt, a->rank = rank, a->n = 1;
    for (int k = 0; k < rank; k++) a->n *= a->extent[k] = ext_eval(axis[k]->extent, t.size);
    bool c = dtype_is_complex(dt);
    if (dtype_is_float(dt) || c) a->re = NEWN(t.a, double, a->n + 1); else a->i = NEWN(t.a, int64_t, a->n + 1);
    if (c) a->im = NEWN(t.a, double, a->n + 1);
    for (int64_t k = 0; k < a->n; k++) {
        if (c) a->re[k] = data[2 * k], a->im[k] = data[2 * k + 1];
        else if (a->re) a->re[k] = data[k];
        else a->i[k] = (int64_t)data[k];
    }
    return v;
}
#define IX(name, s) program_index(t.p, name, s)
static X *at(Index *i) { return x_index(t.a, i); }
static X *num(int64_t v) { return x_int(t.a, v, DT_I64); }
static X *op(ScalarOp o, X *a, X *b) { return x_op(t.a, o, a, b); }
static X *read1(Value *v, X *i) { return x_read(t.a, v, &i, NULL, NULL); }
static X *read2(Value *v, X *i, X *j) { X *s[] = { i, j }; return x_read(t.a, v, s, NULL, NULL); }
static X *edge(Value *v, X *i, Boundary b) { return x_read(t.a, v, &i, &b, NULL); }
static X *wide(X *e) { return x_cast(t.a, e, DT_I64); }
static X *reduce(ReduceOp o, int n, Index **idx, int nc, X **c, X *body, X *other) { return x_reduce(t.a, o, n, idx, nc, c, body, other, body->dt); }
static Node *compute_node(const char *name, Dtype dt, int rank, Index **idx, X *e, Space *target) {
    Space *axis[8];
    for (int k = 0; k < rank; k++) axis[k] = idx[k]->space;
    Node *n = program_node(t.p, N_COMPUTE, NO_LOC);
    Value *v = program_value(t.p, n, name, dt, rank, axis);
    v->target = target;
    n->u.compute.idx = NEWN(t.a, Index *, rank + 1);
    if (rank) memcpy(n->u.compute.idx, idx, sizeof *idx * (size_t)rank);
    n->u.compute.expr = e;
    return n;
}
static Value *compute(const char *name, Dtype dt, int rank, Index **idx, X *e) {
    Node *n = compute_node(name, dt, rank, idx, e, NULL);
    vec_add(t.a, t.p->node, n);
    return n->result[0];
}
static void output(Value *v) { vec_add(t.a, t.p->output, (Output){ v->name, v }); }
static void run(void) {
    InterpArgs args = { .size = t.size, .graph = &t.g, .input = t.in };
    int64_t sizes[32];
    t.ok = interp_run_watched(t.p, &args, t.out, t.a, &(InterpWatch){ .size_out = sizes });
    if (t.ok) memcpy(t.size, sizes, sizeof(int64_t) * (size_t)t.p->sym.n);
}
static void expect(int k, int n, const double *want) {
    const Array *a = &t.out[k];
    if (!t.ok) { printf("%s: the run failed: %s\n", t.p->name, t.cx->diag.n ? t.cx->diag.at[0]->text : "no diagnostic"); failures++; return; }
    bool c = a->im != NULL;
    if (a->n * (c ? 2 : 1) != n) { printf("%s: output %d has %lld elements\n", t.p->name, k, (long long)a->n); failures++; return; }
    for (int j = 0; j < n; j++) {
        double v = a->i ? (double)a->i[j] : c ? j % 2 ? a->im[j / 2] : a->re[j / 2] : a->re[j];
        if (v == want[j] || fabs(v - want[j]) <= 1e-9 * (1 + fabs(want[j]))) continue;
        printf("%s: output %d element %d is %.12g, not %.12g\n", t.p->name, k, j, v, want[j]);
        failures++;
        return;
    }
}
#define EXPECT(k, ...) expect(k, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })
static void expect_failure(const char *word) {
    const char *s = t.cx->diag.n ? t.cx->diag.at[0]->text : "";
    if (t.ok || !strstr(s, word)) { printf("%s: no failure about `%s`: %s\n", t.p->name, word, s); failures++; }
}
static void finish(void) { context_free(t.cx); }
#define D(...) (double[]){ __VA_ARGS__ }
#define S(...) (Space *[]){ __VA_ARGS__ }
#define I_(...) (Index *[]){ __VA_ARGS__ }
#define C_(...) (X *[]){ __VA_ARGS__ }

static void contractions(void) {
    begin("matmul");
    Space *m = dim("m", 2), *k = dim("k", 3), *n = dim("n", 2);
    Value *a = input("a", DT_F32, 2, S(m, k), NULL, D(1, 2, 3, 4, 5, 6)), *b = input("b", DT_F32, 2, S(k, n), NULL, D(1, 0, 0, 1, 2, 2));
    Index *i = IX("i", m), *j = IX("j", n), *q = IX("q", k);
    output(compute("y", DT_F32, 2, I_(i, j), reduce(R_SUM, 1, I_(q), 0, NULL, op(OP_MUL, read2(a, at(i), at(q)), read2(b, at(q), at(j))), NULL)));
    run(); EXPECT(0, 7, 8, 16, 17); finish();

    begin("logsumexp, argmax, min, all");
    m = dim("m", 2), k = dim("k", 3);
    a = input("a", DT_F64, 2, S(m, k), NULL, D(1000, 1000, -INFINITY, 3, 7, 7));
    i = IX("i", m), q = IX("q", k);
    output(compute("l", DT_F64, 1, I_(i), reduce(R_LOGSUMEXP, 1, I_(q), 0, NULL, read2(a, at(i), at(q)), NULL)));
    q = IX("q", k);
    output(compute("p", DT_I64, 1, I_(i), reduce(R_ARGMAX, 1, I_(q), 0, NULL, read2(a, at(i), at(q)), NULL)));
    q = IX("q", k);
    output(compute("c", DT_BOOL, 1, I_(i), reduce(R_ALL, 1, I_(q), 0, NULL, op(OP_GT, read2(a, at(i), at(q)), x_real(t.a, 0, DT_F64)), NULL)));
    q = IX("q", k);
    output(compute("e", DT_F64, 1, I_(i), reduce(R_LOGSUMEXP, 1, I_(q), 1, C_(op(OP_LT, at(q), num(0))), read2(a, at(i), at(q)), NULL)));
    run(); EXPECT(0, 1000 + log(2), 7 + log(2 + exp(-4))); EXPECT(1, 0, 1); EXPECT(2, 0, 1); EXPECT(3, -INFINITY, -INFINITY); finish();
}
static void fibres(void) {
    begin("fibres");
    Space *v = dim("v", 4), *e = dim("e", 5), *r = dim("r", 2);
    Value *dst = input("dst", DT_I32, 1, S(e), v, D(2, 0, 2, 2, 3)), *ty = input("ty", DT_I32, 1, S(e), r, D(0, 1, 1, 0, 1)), *x = input("x", DT_F64, 1, S(e), NULL, D(1, 2, 4, 8, 16));
    Index *w = IX("w", v), *f = IX("f", e), *q = IX("q", r), *g = IX("g", e);
    output(compute("s", DT_F64, 1, I_(w), reduce(R_SUM, 1, I_(f), 1, C_(op(OP_EQ, wide(read1(dst, at(f))), at(w))), read1(x, at(f)), NULL)));
    output(compute("u", DT_F64, 2, I_(w, q), reduce(R_SUM, 1, I_(f), 2, C_(op(OP_EQ, read1(dst, at(f)), x_cast(t.a, at(w), DT_I32)), op(OP_EQ, wide(read1(ty, at(f))), at(q))), read1(x, at(f)), NULL)));
    output(compute("m", DT_F64, 1, I_(w), reduce(R_MAX, 1, I_(f), 1, C_(op(OP_EQ, wide(read1(dst, at(f))), at(w))), read1(x, at(f)), x_real(t.a, -5, DT_F64))));
    output(compute("pairs", DT_I64, 1, I_(w), reduce(R_SUM, 2, I_(f, g), 2, C_(op(OP_EQ, wide(read1(dst, at(f))), at(w)), op(OP_EQ, read1(dst, at(g)), read1(dst, at(f)))), num(1), NULL)));
    output(compute("n", DT_F64, 1, I_(f), reduce(R_SUM, 1, I_(g), 1, C_(op(OP_EQ, read1(dst, at(g)), read1(dst, at(f)))), read1(x, at(g)), NULL)));
    /* the same fibre as an arbitrary condition: dst not >, not < */
    output(compute("s2", DT_F64, 1, I_(w), reduce(R_SUM, 1, I_(f), 1, C_(op(OP_NOT, op(OP_NE, wide(read1(dst, at(f))), at(w)), NULL)), read1(x, at(f)), NULL)));
    run();
    EXPECT(0, 2, 0, 13, 16); EXPECT(1, 0, 2, 0, 0, 9, 4, 0, 16); EXPECT(2, 2, -5, 8, 16); EXPECT(3, 1, 0, 9, 1); EXPECT(4, 13, 2, 13, 13, 16); EXPECT(5, 2, 0, 13, 16);
    finish();

    begin("range of a map");
    v = dim("v", 2), e = dim("e", 3);
    output(input("f", DT_I32, 1, S(e), v, D(0, 1, 2)));
    run(); expect_failure("`f` is 2 at [2]"); finish();
}
static void linear_conditions(void) {
    begin("affine");
    Space *c = dim("c", 3), *x = dim("x", 6), *d = program_space(t.p, SP_RANGE, "0..2", ext_const(t.a, 3));
    Value *z = input("z", DT_F64, 1, S(c), NULL, D(1, 2, 3)), *w = input("w", DT_F64, 1, S(d), NULL, D(1, 10, 100));
    Index *i = IX("x", x), *p = IX("c", c), *q = IX("d", d);
    X *cond = op(OP_EQ, op(OP_ADD, op(OP_MUL, num(2), at(p)), at(q)), at(i));
    output(compute("y", DT_F64, 1, I_(i), reduce(R_SUM, 2, I_(p, q), 1, &cond, op(OP_MUL, read1(w, at(q)), read1(z, at(p))), NULL)));
    output(compute("first", DT_I64, 1, I_(i), reduce(R_ARGMAX, 2, I_(p, q), 1, &cond, num(1), num(-1))));
    run(); EXPECT(0, 1, 10, 102, 20, 203, 30); EXPECT(1, 0, 0, 0, 1, 1, 2); finish();

    begin("windows");
    Space *s = dim("T", 5);
    Value *u = input("u", DT_F64, 1, S(s), NULL, D(1, 2, 4, 8, 16));
    Index *a = IX("t", s), *b = IX("s", s);
    output(compute("prefix", DT_F64, 1, I_(a), reduce(R_SUM, 1, I_(b), 1, C_(op(OP_LE, at(b), at(a))), read1(u, at(b)), NULL)));
    output(compute("window", DT_F64, 1, I_(a), reduce(R_SUM, 1, I_(b), 2, C_(op(OP_LT, op(OP_SUB, at(a), num(2)), at(b)), op(OP_LE, at(b), at(a))), read1(u, at(b)), NULL)));
    output(compute("half", DT_F64, 1, I_(a), reduce(R_SUM, 1, I_(b), 1, C_(op(OP_GE, at(a), op(OP_MUL, num(2), at(b)))), read1(u, at(b)), NULL)));
    output(compute("after", DT_F64, 1, I_(a), reduce(R_SUM, 1, I_(b), 1, C_(op(OP_GT, op(OP_NEG, at(a), NULL), op(OP_SUB, num(0), at(b)))), read1(u, at(b)), NULL)));
    run(); EXPECT(0, 1, 3, 7, 15, 31); EXPECT(1, 1, 3, 6, 12, 24); EXPECT(2, 1, 1, 3, 3, 7); EXPECT(3, 30, 28, 24, 16, 0); finish();
}
static void boundaries(void) {
    begin("boundaries");
    Space *x = dim("x", 3), *w = dim("w", 9);
    Value *u = input("u", DT_F64, 1, S(x), NULL, D(1, 2, 3));
    Index *i = IX("i", w);
    X *k = op(OP_SUB, at(i), num(3)), *other = x_real(t.a, -1, DT_F64);
    Boundary b = BND_ELSE;
    output(compute("p", DT_F64, 1, I_(i), edge(u, k, BND_PERIODIC)));
    output(compute("r", DT_F64, 1, I_(i), edge(u, k, BND_REFLECT)));
    output(compute("c", DT_F64, 1, I_(i), edge(u, k, BND_REPLICATE)));
    output(compute("z", DT_F64, 1, I_(i), edge(u, k, BND_ZERO)));
    output(compute("e", DT_F64, 1, I_(i), x_read(t.a, u, &k, &b, &other)));
    run();
    EXPECT(0, 1, 2, 3, 1, 2, 3, 1, 2, 3); EXPECT(1, 2, 3, 2, 1, 2, 3, 2, 1, 2); EXPECT(2, 1, 1, 1, 1, 2, 3, 3, 3, 3); EXPECT(3, 0, 0, 0, 1, 2, 3, 0, 0, 0);
    EXPECT(4, -1, -1, -1, 1, 2, 3, -1, -1, -1); finish();

    begin("unguarded");
    x = dim("x", 3);
    u = input("u", DT_F64, 1, S(x), NULL, D(1, 2, 3));
    i = IX("i", x);
    output(compute("y", DT_F64, 1, I_(i), read1(u, op(OP_ADD, at(i), num(1)))));
    run(); expect_failure("`u` is read at position 3"); finish();
}
static void scalars(void) {
    begin("integers");
    Space *n = dim("n", 4);
    Value *a = input("a", DT_I8, 1, S(n), NULL, D(-7, 127, -128, 5)), *b = input("b", DT_I8, 1, S(n), NULL, D(2, 1, -1, 0));
    Index *i = IX("i", n);
    static const ScalarOp list[] = { OP_ADD, OP_DIV, OP_FLOORDIV, OP_MOD, OP_SHR };
    for (int k = 0; k < 5; k++) output(compute("y", DT_I8, 1, I_(i), op(list[k], read1(a, at(i)), read1(b, at(i)))));
    output(compute("l", DT_F64, 1, I_(i), x_if(t.a, op(OP_LT, at(i), num(4)), x_real(t.a, 1, DT_F64), read1(input("none", DT_F64, 1, S(n), NULL, D(0, 0, 0, 0)), num(9)))));
    run();
    EXPECT(0, -5, -128, 127, 5); EXPECT(1, -3, 127, -128, 0); EXPECT(2, -4, 127, -128, 0); EXPECT(3, 1, 0, 0, 0); EXPECT(4, -2, 63, -1, 5); EXPECT(5, 1, 1, 1, 1);
    finish();

    begin("casts and bits");
    n = dim("n", 3);
    a = input("a", DT_F32, 1, S(n), NULL, D(1.5, -2.75, 300));
    i = IX("i", n);
    output(compute("b", DT_I32, 1, I_(i), x_bitcast(t.a, read1(a, at(i)), DT_I32)));
    output(compute("t", DT_I32, 1, I_(i), x_cast(t.a, read1(a, at(i)), DT_I32)));
    output(compute("u", DT_U8, 1, I_(i), x_cast(t.a, wide(x_cast(t.a, read1(a, at(i)), DT_I32)), DT_U8)));
    output(compute("z", DT_C64, 1, I_(i), op(OP_MUL, op(OP_COMPLEX, read1(a, at(i)), x_real(t.a, 1, DT_F32)), x_complex(t.a, 0, 1, DT_C64))));
    run(); EXPECT(0, 0x3fc00000, (int32_t)0xc0300000, 0x43960000); EXPECT(1, 1, -2, 300); EXPECT(2, 1, 254, 44); EXPECT(3, -1, 1.5, -1, -2.75, -1, 300); finish();
}
/* s[b, t] = 0.5 * s[b, t-1] + x[b, t], from s0, forward or backward; and r[t] of two members */
static void recurrence(bool reverse) {
    begin(reverse ? "recurrence from the end" : "recurrence");
    Space *b = dim("b", 2), *s = dim("T", 3);
    Value *x = input("x", DT_F64, 2, S(b, s), NULL, D(1, 2, 3, 4, 5, 6)), *s0 = input("s0", DT_F64, 1, S(b), NULL, D(8, 16));
    Node *n = program_node(t.p, N_RECUR, NO_LOC);
    Index *time = IX("t", s), *i = IX("b", b), *j = IX("b", b), *i2 = IX("b", b);
    n->u.recur.time = time, n->u.recur.reverse = reverse;
    Value *v = program_value(t.p, n, "s", DT_F64, 2, S(b, s)), *w = program_value(t.p, n, "w", DT_F64, 2, S(b, s));
    X *before[] = { at(i), op(reverse ? OP_ADD : OP_SUB, at(time), num(1)) }, *before2[] = { at(i2), before[1] };
    Boundary zero[] = { BND_NONE, BND_ZERO };
    Member m = { .value = v, .idx = NEWN(t.a, Index *, 2), .time_axis = 1 }, m2 = { .value = w, .idx = NEWN(t.a, Index *, 2), .time_axis = 1 };
    m.idx[0] = i, m.idx[1] = time, m2.idx[0] = i2, m2.idx[1] = time;
    m.expr = op(OP_ADD, op(OP_MUL, x_real(t.a, 0.5, DT_F64), x_read(t.a, v, before, zero, NULL)), read2(x, at(i), at(time)));
    m2.expr = op(OP_ADD, read2(v, at(i2), at(time)), x_read(t.a, w, before2, zero, NULL));
    Before q = { .offset = -1, .idx = NEWN(t.a, Index *, 2), .expr = read1(s0, at(j)) };
    q.idx[0] = j;
    vec_add(t.a, m.before, q);
    vec_add(t.a, n->u.recur.member, m);
    vec_add(t.a, n->u.recur.member, m2);
    vec_add(t.a, t.p->node, n);
    output(v);
    output(w);
    run();
    if (reverse) { EXPECT(0, 3.75, 5.5, 7, 10, 12, 14); EXPECT(1, 16.25, 12.5, 7, 36, 26, 14); }
    else { EXPECT(0, 5, 4.5, 5.25, 12, 11, 11.5); EXPECT(1, 5, 9.5, 14.75, 12, 23, 34.5); }
    finish();
}
static Space *modes(Space *grid, ModesFamily f, int64_t n0, int64_t f0, int64_t n1, int64_t f1) {
    Space *s = program_space(t.p, SP_MODES, "k", ext_const(t.a, n0 + n1));
    s->family = f, s->part[0] = grid, s->n_part = 1;
    s->n0 = ext_const(t.a, n0), s->f0 = ext_const(t.a, f0), s->f1 = ext_const(t.a, f1);
    return s;
}
static Value *transform(TransformKind kind, Value *in, Dtype dt, int n, const int *axis, Space **to) {
    Node *x = program_node(t.p, N_TRANSFORM, NO_LOC);
    Value *v = program_value(t.p, x, "transformed", dt, in->rank, to);
    x->u.transform.kind = kind, x->u.transform.in = in, x->u.transform.n = n;
    memcpy(x->u.transform.axis, axis, sizeof(int) * (size_t)n);
    vec_add(t.a, t.p->node, x);
    return v;
}
static void transforms(int64_t n, ModesFamily f) {
    char name[64];
    snprintf(name, sizeof name, "transform of %d points, family %d", (int)n, f);
    begin(name);
    Space *g = dim("X", n), *b = dim("b", 2), *k;
    double x[64];
    for (int j = 0; j < 2 * n; j++) x[j] = sin(3.7 * j) + j % 3;
    g->kind = SP_GRID;
    switch (f) {
    case MODES_SIGNED: k = modes(g, f, (n + 1) / 2, 0, n / 2, -(n / 2)); break;
    case MODES_HALF: k = modes(g, f, n / 2 + 1, 0, 0, 0); break;
    case MODES_COSINE: k = modes(g, f, n, 0, 0, 0); break;
    default: k = modes(g, f, n, 1, 0, 0); break;
    }
    Value *u = input("u", DT_F64, 2, S(b, g), NULL, x);
    bool real = f >= MODES_COSINE;
    Value *U = transform(TR_FORWARD, u, real ? DT_F64 : DT_C128, 1, (int[]){ 1 }, S(b, k));
    output(transform(TR_INVERSE, U, f == MODES_SIGNED ? DT_C128 : DT_F64, 1, (int[]){ 1 }, S(b, g)));
    run();
    double want[128];
    for (int j = 0; j < 2 * n; j++) { if (f == MODES_SIGNED) want[2 * j] = x[j], want[2 * j + 1] = 0; else want[j] = x[j]; }
    expect(0, (int)(f == MODES_SIGNED ? 4 * n : 2 * n), want);
    finish();
}
static void transform_2d(void) {
    begin("fft of a plane, half");
    Space *g = dim("X", 3), *h = dim("Z", 4), *k = modes(g, MODES_SIGNED, 2, 0, 1, -1), *l = modes(h, MODES_HALF, 3, 0, 0, 0);
    double x[12];
    for (int j = 0; j < 12; j++) x[j] = j * j % 7;
    Value *u = input("u", DT_F32, 2, S(g, h), NULL, x), *U = transform(TR_FORWARD, u, DT_C64, 2, (int[]){ 0, 1 }, S(k, l));
    output(transform(TR_INVERSE, U, DT_F32, 2, (int[]){ 0, 1 }, S(g, h)));
    run(); expect(0, 12, x); finish();
}
static void selection(void) {
    begin("top and sort");
    Space *b = dim("b", 2), *m = dim("m", 4), *r = program_space(t.p, SP_RANGE, "0..1", ext_const(t.a, 2));
    Value *s = input("s", DT_F64, 2, S(b, m), NULL, D(3, 9, 9, 1, 4, 4, 4, 5));
    for (int k = 0; k < 2; k++) {
        Node *n = program_node(t.p, N_SELECT, NO_LOC);
        program_value(t.p, n, "pick", DT_I32, 2, S(b, k ? m : r))->target = m;
        program_value(t.p, n, "val", DT_F64, 2, S(b, k ? m : r));
        n->u.select.kind = k ? SEL_SORT : SEL_TOP, n->u.select.in = s, n->u.select.axis = 1, n->u.select.descending = !k;
        vec_add(t.a, t.p->node, n);
        output(n->result[0]);
        output(n->result[1]);
    }
    run(); EXPECT(0, 1, 2, 3, 0); EXPECT(1, 9, 9, 5, 4); EXPECT(2, 3, 0, 1, 2, 0, 1, 2, 3); EXPECT(3, 1, 3, 9, 9, 4, 4, 4, 5); finish();
}
static Node *factor(FactorKind kind, Value *a, Value *b) {
    Node *n = program_node(t.p, N_FACTOR, NO_LOC);
    n->u.factor.kind = kind, n->u.factor.in[0] = a, n->u.factor.in[1] = b, n->u.factor.n_in = b ? 2 : 1;
    vec_add(t.a, t.p->node, n);
    return n;
}
static Value *result(Node *n, Dtype dt, int rank, Space **axis) { Value *v = program_value(t.p, n, NULL, dt, rank, axis); output(v); return v; }
static void factors(void) {
    begin("cholesky, solve, inverse, logdet, eigh");
    Space *d = dim("d", 2);
    Value *a = input("a", DT_F64, 2, S(d, d), NULL, D(4, 2, 2, 5)), *y = input("y", DT_F64, 1, S(d), NULL, D(8, 12));
    result(factor(F_CHOLESKY, a, NULL), DT_F64, 2, S(d, d));
    result(factor(F_SOLVE, a, y), DT_F64, 1, S(d));
    result(factor(F_INVERSE, a, NULL), DT_F64, 2, S(d, d));
    result(factor(F_LOGDET, a, NULL), DT_F64, 0, NULL);
    Value *h = input("h", DT_F64, 2, S(d, d), NULL, D(2, 1, 1, 2));
    Node *n = factor(F_EIGH, h, NULL);
    result(n, DT_F64, 1, S(d));
    result(n, DT_F64, 2, S(d, d));
    Value *q = input("q", DT_F64, 2, S(d, d), NULL, D(0, -1, 1, 0));
    n = factor(F_EIG, q, NULL);
    result(n, DT_C128, 1, S(d));
    run();
    double s = sqrt(0.5);
    EXPECT(0, 2, 0, 1, 2); EXPECT(1, 1, 2); EXPECT(2, 5 / 16., -2 / 16., -2 / 16., 4 / 16.); EXPECT(3, log(16)); EXPECT(4, 1, 3); EXPECT(5, s, s, -s, s); EXPECT(6, 0, -1, 0, 1);
    finish();

    begin("indefinite");
    d = dim("d", 2);
    Space *b = dim("b", 2);
    a = input("a", DT_F64, 3, S(b, d, d), NULL, D(1, 0, 0, 1, 1, 2, 2, 1));
    result(factor(F_CHOLESKY, a, NULL), DT_F64, 3, S(b, d, d));
    run(); expect_failure("matrix [1] of `a` is not positive definite"); finish();

    for (int wide = 0; wide < 2; wide++) {       /* A = Q R = U diag(s) V^T again, and lstsq of a full-rank system */
        begin(wide ? "qr, svd, lstsq wide" : "qr, svd, lstsq tall");
        Space *m = dim("m", wide ? 3 : 4), *c = dim("n", wide ? 4 : 3), *r = wide ? m : c;
        double A[12];
        for (int k = 0; k < 12; k++) A[k] = sin(k * k + 1.0) + (k % 5 == 0);
        a = input("a", DT_F64, 2, S(m, c), NULL, A);
        Node *f = factor(F_QR, a, NULL), *g = factor(F_SVD, a, NULL);
        Value *Q = program_value(t.p, f, "Q", DT_F64, 2, S(m, r)), *R = program_value(t.p, f, "R", DT_F64, 2, S(r, c));
        Value *U = program_value(t.p, g, "U", DT_F64, 2, S(m, r)), *w = program_value(t.p, g, "s", DT_F64, 1, S(r)), *V = program_value(t.p, g, "V", DT_F64, 2, S(c, r));
        Index *i = IX("i", m), *j = IX("j", c), *k = IX("k", r), *l = IX("l", r), *i2 = IX("i2", m);
        output(compute("qr", DT_F64, 2, I_(i, j), reduce(R_SUM, 1, I_(k), 0, NULL, op(OP_MUL, read2(Q, at(i), at(k)), read2(R, at(k), at(j))), NULL)));
        output(compute("usv", DT_F64, 2, I_(i, j), reduce(R_SUM, 1, I_(k), 0, NULL, op(OP_MUL, op(OP_MUL, read2(U, at(i), at(k)), read1(w, at(k))), read2(V, at(j), at(k))), NULL)));
        output(compute("qq", DT_F64, 2, I_(k, l), reduce(R_SUM, 1, I_(i2), 0, NULL, op(OP_MUL, read2(Q, at(i2), at(k)), read2(Q, at(i2), at(l))), NULL)));
        output(compute("uu", DT_F64, 2, I_(k, l), reduce(R_SUM, 1, I_(i2), 0, NULL, op(OP_MUL, read2(U, at(i2), at(k)), read2(U, at(i2), at(l))), NULL)));
        /* b = A x0; tall: x = x0; wide: A x = b */
        Value *x0 = input("x0", DT_F64, 1, S(c), NULL, D(1, -2, 3, 0.5));
        Value *y0 = compute("y0", DT_F64, 1, I_(i), reduce(R_SUM, 1, I_(j), 0, NULL, op(OP_MUL, read2(a, at(i), at(j)), read1(x0, at(j))), NULL));
        Node *ls = factor(F_LSTSQ, a, y0);
        Value *x = program_value(t.p, ls, "x", DT_F64, 1, S(c));
        output(compute("gap", DT_F64, 1, I_(i), op(OP_SUB, reduce(R_SUM, 1, I_(j), 0, NULL, op(OP_MUL, read2(a, at(i), at(j)), read1(x, at(j))), NULL), read1(y0, at(i)))));
        run();
        expect(0, 12, A); expect(1, 12, A); EXPECT(2, 1, 0, 0, 0, 1, 0, 0, 0, 1); EXPECT(3, 1, 0, 0, 0, 1, 0, 0, 0, 1);
        if (wide) EXPECT(4, 0, 0, 0); else EXPECT(4, 0, 0, 0, 0);
        finish();
    }
    begin("eig");                                /* A V = V diag(w) */
    d = dim("d", 5);
    double A[50];
    for (int k = 0; k < 25; k++) A[2 * k] = sin(k * k + 1.0), A[2 * k + 1] = cos(3.0 * k);
    a = input("a", DT_C128, 2, S(d, d), NULL, A);
    n = factor(F_EIG, a, NULL);
    Value *w = program_value(t.p, n, "w", DT_C128, 1, S(d)), *V = program_value(t.p, n, "V", DT_C128, 2, S(d, d));
    Index *i = IX("i", d), *j = IX("j", d), *k = IX("k", d);
    X *gap = op(OP_SUB, reduce(R_SUM, 1, I_(j), 0, NULL, op(OP_MUL, read2(a, at(i), at(j)), read2(V, at(j), at(k))), NULL), op(OP_MUL, read2(V, at(i), at(k)), read1(w, at(k))));
    output(compute("gap", DT_F64, 2, I_(i, k), op(OP_ABS, gap, NULL)));
    run();
    expect(0, 25, (double[25]){ 0 });
    finish();
}
static void derived(void) {
    begin("unique, join, filter");
    Space *v = dim("v", 3), *e = dim("e", 5);
    Value *f = input("f", DT_I32, 1, S(e), v, D(2, 0, 2, 1, 0)), *g = input("g", DT_I32, 1, S(e), v, D(1, 1, 1, 0, 2)), *mask = input("mask", DT_BOOL, 1, S(e), NULL, D(1, 0, 0, 1, 1));
    Space *p = data_space("P"), *q = data_space("Q"), *w = data_space("W");
    Node *n = program_node(t.p, N_DERIVE, NO_LOC);
    n->u.derive.kind = DV_UNIQUE, n->u.derive.space = p, n->u.derive.n = 2, n->u.derive.key[0] = f, n->u.derive.key[1] = g;
    result(n, DT_I32, 1, S(p)); result(n, DT_I32, 1, S(p)); result(n, DT_I32, 1, S(e));
    vec_add(t.a, t.p->node, n);
    n = program_node(t.p, N_DERIVE, NO_LOC);
    n->u.derive.kind = DV_JOIN, n->u.derive.space = q, n->u.derive.n = 1, n->u.derive.key[0] = f, n->u.derive.key2[0] = g;
    result(n, DT_I32, 1, S(q)); result(n, DT_I32, 1, S(q));
    vec_add(t.a, t.p->node, n);
    n = program_node(t.p, N_DERIVE, NO_LOC);
    n->u.derive.kind = DV_FILTER, n->u.derive.space = w, n->u.derive.n = 1, n->u.derive.key[0] = mask;
    result(n, DT_I32, 1, S(w));
    vec_add(t.a, t.p->node, n);
    run();
    EXPECT(0, 0, 0, 1, 2); EXPECT(1, 1, 2, 0, 1); EXPECT(2, 3, 0, 3, 2, 1);
    EXPECT(3, 0, 1, 2, 3, 3, 3, 4); EXPECT(4, 4, 3, 4, 0, 1, 2, 3); EXPECT(5, 0, 3, 4);
    if (t.ok && t.size[q->extent->sym->id] != 7) printf("join has %d pairs\n", (int)t.size[q->extent->sym->id]), failures++;
    finish();
}
static void iteration(void) {
    begin("iterate");                            /* Newton's square root; x, y swapped as well */
    Value *a = input("a", DT_F64, 0, NULL, NULL, D(2)), *one = input("one", DT_F64, 0, NULL, NULL, D(1)), *seven = input("seven", DT_F64, 0, NULL, NULL, D(7));
    Node *n = program_node(t.p, N_ITERATE, NO_LOC);
    Value *r[4];
    for (int k = 0; k < 4; k++) { r[k] = program_value(t.p, n, "r", k == 3 ? DT_I64 : DT_F64, 0, NULL); output(r[k]); }
    Node *c = program_node(t.p, N_ITERATE, NO_LOC);
    Value **cv = NEWN(t.a, Value *, 4), **init = NEWN(t.a, Value *, 4), **next = NEWN(t.a, Value *, 4);
    for (int k = 0; k < 4; k++) cv[k] = program_value(t.p, c, "c", k == 3 ? DT_I64 : DT_F64, 0, NULL);
    Value *zero = input("zero", DT_I64, 0, NULL, NULL, D(0));
    init[0] = one, init[1] = one, init[2] = seven, init[3] = zero;
    X *x = x_read(t.a, cv[0], NULL, NULL, NULL), *A = x_read(t.a, a, NULL, NULL, NULL);
    Node *step = compute_node("x'", DT_F64, 0, NULL, op(OP_MUL, x_real(t.a, 0.5, DT_F64), op(OP_ADD, x, op(OP_DIV, A, x))), NULL);
    Node *count = compute_node("n'", DT_I64, 0, NULL, op(OP_ADD, x_read(t.a, cv[3], NULL, NULL, NULL), num(1)), NULL);
    Node *res = compute_node("gap", DT_F64, 0, NULL, op(OP_ABS, op(OP_SUB, op(OP_MUL, x, x), A), NULL), NULL);
    Node *stop = compute_node("stop", DT_BOOL, 0, NULL, op(OP_LT, x_read(t.a, res->result[0], NULL, NULL, NULL), x_real(t.a, 1e-12, DT_F64)), NULL);
    next[0] = step->result[0], next[1] = cv[2], next[2] = cv[1], next[3] = count->result[0];
    n->u.iterate.n = 4, n->u.iterate.init = init, n->u.iterate.carried = cv, n->u.iterate.next = next, n->u.iterate.until = stop->result[0], n->u.iterate.max = 50;
    Node *body[] = { step, count, res, stop };
    for (int k = 0; k < 4; k++) vec_add(t.a, n->u.iterate.body, body[k]);
    vec_add(t.a, t.p->node, n);
    run(); EXPECT(0, sqrt(2)); EXPECT(1, 7); EXPECT(2, 1); EXPECT(3, 5); finish();
}
int main(void) {
    contractions();
    fibres();
    linear_conditions();
    boundaries();
    scalars();
    recurrence(false);
    recurrence(true);
    static const int64_t points[] = { 1, 2, 5, 6, 7, 8 };
    for (int k = 0; k < 6; k++) for (int f = 0; f < 4; f++) transforms(points[k], (ModesFamily)f);
    transform_2d();
    selection();
    factors();
    derived();
    iteration();
    if (!failures) printf("1 passed, 0 failed\n");
    return failures != 0;
}
