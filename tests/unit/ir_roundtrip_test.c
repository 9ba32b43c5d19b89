/* ir_roundtrip.c - programs made by the API, and units made from text: print, read and print again gives the same bytes; the verifier
 * takes them, the passes keep them valid, and broken ones are refused with a diagnostic. */
#include "ir/ir.h"
#include "loop/loop.h"
#include "pass/pass.h"
#include <string.h>

static int failures;
static void expect(bool ok, const char *what) { if (!ok) { printf("FAILED: %s\n", what); failures++; } }
static Value *in(Program *p, NodeKind k, const char *name, Dtype dt, int rank, Space **axis) {
    Node *n = program_node(p, k, NO_LOC);
    vec_add(p->arena, p->node, n);
    Value *v = program_value(p, n, name, dt, rank, axis);
    if (k == N_INPUT) vec_add(p->arena, p->input, v); else if (k == N_PARAM) { n->u.param.init = "glorot"; vec_add(p->arena, p->param, v); }
    return v;
}
static Value *equation(Program *p, const char *name, Dtype dt, int rank, Index **idx, X *e) {
    Node *n = program_node(p, N_COMPUTE, NO_LOC);
    Space *axis[8];
    for (int k = 0; k < rank; k++) axis[k] = idx[k]->space;
    n->u.compute.idx = NEWN(p->arena, Index *, rank + 1);
    memcpy(n->u.compute.idx, idx, sizeof *idx * (size_t)rank);
    n->u.compute.expr = e;
    vec_add(p->arena, p->node, n);
    return program_value(p, n, name, dt, rank, axis);
}
static X *at(Program *p, Value *v, X *i, X *j) { X *idx[] = { i, j }; return x_read(p->arena, v, idx, NULL, NULL); }

static Program *build(Context *cx) {
    Program *p = program_new(cx, "all");
    Arena *a = p->arena;
    Space *n = program_space(p, SP_DIM, "n", ext_sym(a, program_sym(p, "n", SYM_DIM, NO_LOC)));
    Space *pair = program_space(p, SP_PRODUCT, "(n, n)", ext_op(a, EXT_MUL, n->extent, n->extent));
    pair->part[0] = pair->part[1] = n, pair->n_part = 2;
    Space *t = program_space(p, SP_SEQ, "T", ext_sym(a, program_sym(p, "T", SYM_DIM, NO_LOC)));
    Space *g = program_space(p, SP_GRID, "X", ext_sym(a, program_sym(p, "X", SYM_DIM, NO_LOC)));
    g->boundary = BND_PERIODIC;
    Space *m = program_space(p, SP_MODES, "k", ext_const(a, 3));
    m->part[0] = g, m->n_part = 1, m->family = MODES_HALF, m->n0 = ext_const(a, 3), m->f0 = m->f1 = ext_const(a, 0);
    Space *b = program_space(p, SP_DIM, "B", ext_sym(a, program_sym(p, "B", SYM_DIM, NO_LOC)));
    Space *four = program_space(p, SP_RANGE, "0..3", ext_const(a, 4));
    Space *u = program_space(p, SP_DERIVED, "U", ext_sym(a, program_sym(p, "U", SYM_DATA, NO_LOC)));
    Value *x = in(p, N_INPUT, "x", DT_F32, 2, (Space *[]){ b, n }), *s = in(p, N_INPUT, "s", DT_F32, 2, (Space *[]){ b, t });
    Value *w = in(p, N_PARAM, "W", DT_F32, 2, (Space *[]){ n, n }), *c = in(p, N_CONST, "c", DT_F32, 1, (Space *[]){ four });
    Value *f = in(p, N_INPUT, "f", DT_I32, 1, (Space *[]){ b }), *grid = in(p, N_INPUT, "u", DT_F32, 1, (Space *[]){ g });
    f->target = n;
    static const double data[] = { 1, 0.1, -1e30, 4 };
    c->node->u.constant.data = data, c->node->u.constant.n = 4;
    Index *i = program_index(p, "i", b), *j = program_index(p, "j", n), *k = program_index(p, "j", n), *q = program_index(p, "e", b);
    X *sum = x_reduce(a, R_SUM, 1, &k, 0, NULL, x_op(a, OP_MUL, at(p, x, x_index(a, i), x_index(a, k)), at(p, w, x_index(a, k), x_index(a, j))), NULL, DT_F64);
    sum->u.reduce.acc = DT_F32;
    Value *y = equation(p, "y", DT_F32, 2, (Index *[]){ i, j }, x_op(a, OP_ADD, sum, x_real(a, 0, DT_F32)));
    X *is = x_op(a, OP_EQ, x_cast(a, at(p, f, x_index(a, q), NULL), DT_I64), x_index(a, j));
    Value *z = equation(p, "z", DT_F32, 1, (Index *[]){ j }, x_reduce(a, R_MAX, 1, &q, 1, &is, at(p, y, x_index(a, q), x_index(a, j)), x_real(a, 0, DT_F32), DT_F32));
    Node *r = program_node(p, N_RECUR, NO_LOC);
    Index *time = program_index(p, "t", t), *ib = program_index(p, "i", b), *i0 = program_index(p, "i", b);
    Member h = { .value = program_value(p, r, "h", DT_F32, 2, (Space *[]){ b, t }), .time_axis = 1, .idx = NEWN(a, Index *, 2) };
    h.idx[0] = ib, h.idx[1] = time;
    X *back[] = { x_index(a, ib), x_op(a, OP_SUB, x_index(a, time), x_int(a, 1, DT_I64)) };
    h.expr = x_op(a, OP_ADD, x_read(a, h.value, back, (Boundary[]){ BND_NONE, BND_ZERO }, NULL), at(p, s, x_index(a, ib), x_index(a, time)));
    Before first = { -1, NEWN(a, Index *, 2), x_real(a, 0.5, DT_F32) };
    first.idx[0] = i0;
    vec_add(a, h.before, first);
    r->u.recur.time = time;
    vec_add(a, r->u.recur.member, h);
    vec_add(a, p->node, r);
    Node *tr = program_node(p, N_TRANSFORM, NO_LOC);
    tr->u.transform.in = grid, tr->u.transform.n = 1;
    Value *spec = program_value(p, tr, "spec", DT_C64, 1, &m);
    vec_add(a, p->node, tr);
    Node *se = program_node(p, N_SELECT, NO_LOC);
    se->u.select.in = x, se->u.select.axis = 1, se->u.select.descending = true;
    program_value(p, se, "pick", DT_I32, 2, (Space *[]){ b, four })->target = n;
    Value *best = program_value(p, se, "best", DT_F32, 2, (Space *[]){ b, four });
    vec_add(a, p->node, se);
    Node *fa = program_node(p, N_FACTOR, NO_LOC);
    fa->u.factor.kind = F_CHOLESKY, fa->u.factor.n_in = 1, fa->u.factor.in[0] = w;
    Value *l = program_value(p, fa, "L", DT_F32, 2, (Space *[]){ n, n });
    vec_add(a, p->node, fa);
    Node *de = program_node(p, N_DERIVE, NO_LOC);
    de->u.derive.space = u, de->u.derive.n = 1, de->u.derive.key[0] = f;
    Value *uf = program_value(p, de, "U.f", DT_I32, 1, &u);
    uf->target = n;
    program_value(p, de, "U.pair", DT_I32, 1, &b)->target = u;
    vec_add(a, p->node, de);
    Node *it = program_node(p, N_ITERATE, NO_LOC), outside = { .loc = NO_LOC }, *body = program_node(p, N_COMPUTE, NO_LOC), *stop = program_node(p, N_COMPUTE, NO_LOC);
    Value *cz = program_value(p, &outside, "z", DT_F32, 1, &n), *nz = program_value(p, body, "z'", DT_F32, 1, &n), *un = program_value(p, stop, NULL, DT_BOOL, 0, NULL);
    cz->node = it;
    Index *bi = program_index(p, "i", n), *bk = program_index(p, "i", n);
    body->u.compute.idx = NEWN(a, Index *, 1), body->u.compute.idx[0] = bi;
    body->u.compute.expr = x_op(a, OP_MUL, at(p, cz, x_index(a, bi), NULL), x_real(a, 0.5, DT_F32));
    stop->u.compute.expr = x_op(a, OP_LT, x_reduce(a, R_SUM, 1, &bk, 0, NULL, at(p, cz, x_index(a, bk), NULL), NULL, DT_F32), x_real(a, 1e-3, DT_F32));
    it->u.iterate.n = 1, it->u.iterate.max = 20, it->u.iterate.implicit = true, it->u.iterate.until = un;
    it->u.iterate.init = NEWN(a, Value *, 1), it->u.iterate.carried = NEWN(a, Value *, 1), it->u.iterate.next = NEWN(a, Value *, 1);
    it->u.iterate.init[0] = z, it->u.iterate.carried[0] = cz, it->u.iterate.next[0] = nz;
    vec_add(a, it->u.iterate.body, body);
    vec_add(a, it->u.iterate.body, stop);
    Value *last = program_value(p, it, "z", DT_F32, 1, &n);
    vec_add(a, p->node, it);
    Value *out[] = { y, h.value, spec, best, l, last, uf };
    for (size_t o = 0; o < sizeof out / sizeof *out; o++) vec_add(a, p->output, (Output){ out[o]->name, out[o] });
    vec_add(a, p->check, (Check){ ext_const(a, 3), 'L', g->extent, "grid `X` \"holds\" k", NO_LOC });
    return p;
}
static const char *text_of(Program *p) { Writer w; writer_init(&w, p->arena); program_print(p, &w); return w.at; }
static void round_trip(Context *cx, Program *p, const char *what) {
    const char *one = text_of(p);
    Program *q = program_read(cx, source_from_text(cx, what, one, strlen(one)));
    expect(q && program_verify(q, "read"), what);
    expect(q && !strcmp(one, text_of(q)), what);
}
static const char unit_text[] =
    "(unit m \"model m\" (sym n dim) (buf x f32 n input 0 read-only) (buf y f32 n output 0) (buf k f32 2 const (data 1 2))\n"
    " (input x f32 (n) x) (output y f32 (n) y)\n"
    " (kernel ky \"y\" v n blocked 7 (var acc f32 (f32 0)) (for i lane 0 (size n) (red (add acc)) (set acc (add acc (load x i (lt i v)))))\n"
    "  (if (gt acc (f32 1)) (then (store y v acc)) (else (comment \"none\") (store y v (cast f32 v) true))) (barrier))\n"
    " (bind (check < 0 n \"n\")) (run (launch ky)))";
static void units(Context *cx) {
    Unit *u = unit_read(cx, source_from_text(cx, "unit", unit_text, strlen(unit_text)));
    expect(u && unit_verify(u, "read"), "unit is valid");
    if (!u) return;
    Writer w, v;
    writer_init(&w, cx->arena), writer_init(&v, cx->arena);
    unit_print(u, &w);
    Unit *again = unit_read(cx, source_from_text(cx, "unit again", w.at, w.n));
    if (again) unit_print(again, &v);
    expect(again && v.n == w.n && !memcmp(v.at, w.at, w.n), "unit prints the same");
}
/* Every prefix of a text, and every text with one byte changed, is read or refused, and never crashes. */
static void damaged(const char *text, bool unit) {
    size_t n = strlen(text), step = n / 400 + 1;
    for (size_t k = 0; k < 2 * n; k += step) {
        Context *cx = context_new();
        char *copy = arena_strndup(cx->arena, text, k < n ? k : n);
        if (k >= n) copy[k - n] = "()x9\"_- "[k % 8];
        int s = source_from_text(cx, "damaged", copy, strlen(copy));
        if (unit) { Unit *u = unit_read(cx, s); if (u) unit_verify(u, "read"); else expect(cx->n_errors > 0, "a refusal has a diagnostic"); }
        else { Program *p = program_read(cx, s); if (p) program_verify(p, "read"); else expect(cx->n_errors > 0, "a refusal has a diagnostic"); }
        context_free(cx);
    }
}
int main(void) {
    Context *cx = context_new();
    Program *p = build(cx);
    expect(program_verify(p, "build"), "the program is valid");
    round_trip(cx, p, "all kinds of nodes");
    Program *q = pass_run(p, pass_default(2), NULL, NULL);
    expect(q != NULL, "passes");
    if (q) round_trip(cx, q, "after the passes");
    units(cx);
    if (failures) diag_print_all(cx, stdout, DIAG_TEXT, false);
    p->node.at[6]->u.compute.expr = x_index(cx->arena, program_index(p, "stray", p->space.at[0]));      /* unbound, and i64 */
    expect(!program_verify(p, "damage"), "an unbound index is refused");
    expect(!pass_run(build(cx), "simplfy", NULL, NULL), "an unknown pass is refused");
    damaged(text_of(build(cx)), false);
    damaged(unit_text, true);
    if (!failures) printf("1 passed, 0 failed\n");
    context_free(cx);
    return failures != 0;
}
