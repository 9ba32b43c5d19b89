/* random.c - random numbers in expressions, and the run-time inputs that choose them.
 *
 *     keep[n, i] = random.bernoulli(0.9, n, i)      x[n, i] = random.normal(n, i)      map other[e, k]: g.edges, negs -> g.nodes = clamp(random.int(size(g.nodes), e, k))
 *
 * A number is  threefry(stream, position):  position counts the elements of the indices' spaces in row-major order, and
 * stream = threefry(threefry(seed, step), occurrence)  is one number for the whole equation.  `seed` and `step` are inputs of the program
 * (i64, rank 0) that exist when something reads them.  The occurrence is a hash of the tensor's dotted name and of the place of this call
 * among the random calls of its equation, so edits elsewhere in the file change nothing.  Integers that are no indices select streams. */
#include "sema/scope.h"
#include <math.h>
#include <string.h>

Value *program_input_of(Sema *s, const char *name, Loc at) {
    for (int k = 0; k < s->implied.n; k++) if (!strcmp(s->implied.at[k]->result[0]->name, name)) return s->implied.at[k]->result[0];
    Node *n = program_node(s->p, N_INPUT, at);
    vec_add(s->a, s->implied, n);
    return program_value(s->p, n, intern(s->cx, name), DT_I64, 0, NULL);
}
/* The inputs that something reads come before all nodes; they are the first of the interface. */
void program_add_implied(Sema *s) {
    Program *p = s->p;
    int n = 0;
    Node **all = NEWN(s->a, Node *, s->implied.n + p->node.n + 1);
    Value **input = NEWN(s->a, Value *, s->implied.n + p->input.n + 1);
    for (int k = 0; k < s->implied.n; k++) {
        bool read = false;
        for (int j = 0; j < p->node.n && !read; j++) read = node_reads(p->node.at[j], s->implied.at[k]->result[0]);
        if (read) input[n] = s->implied.at[k]->result[0], all[n++] = s->implied.at[k];
    }
    if (!n) return;
    memcpy(all + n, p->node.at, sizeof *all * (size_t)p->node.n);
    if (p->input.n) memcpy(input + n, p->input.at, sizeof *input * (size_t)p->input.n);
    int n_node = n + p->node.n, n_input = n + p->input.n;
    p->node.n = p->input.n = 0;
    for (int k = 0; k < n_node; k++) vec_add(s->a, p->node, all[k]);
    for (int k = 0; k < n_input; k++) vec_add(s->a, p->input, input[k]);
}

/* Which of the random calls of this equation x is; one that is typed again keeps its number. Those of a `let` are new at each call. */
static int64_t occurrence(Env *e, const Expr *x) {
    Sema *s = e->s;
    const char *of = s->defining ? s->defining : "";
    int count = 0;
    for (int k = 0; k < s->drawn.n; k++) {
        const Drawn *d = &s->drawn.at[k];
        if (strcmp(d->of, of)) continue;
        if (d->x == x && d->scope == e->scope && !s->active_let.n) { count = d->count; goto found; }
        if (d->count >= count) count = d->count + 1;
    }
    vec_add(s->a, s->drawn, (Drawn){ x, e->scope, of, count });
found:;
    uint64_t h = 1469598103934665603u;                               /* FNV-1a of the name, then of the place */
    for (const char *q = of; *q; q++) h = (h ^ (unsigned char)*q) * 1099511628211u;
    for (int b = 0; b < 4; b++) h = (h ^ (unsigned)(count >> 8 * b & 255)) * 1099511628211u;
    return (int64_t)h;
}
static X *i64_of(Sema *s, int64_t v) { return x_int(s->a, v, DT_I64); }
static X *threefry(Sema *s, X *key, X *counter) { return x_op(s->a, OP_THREEFRY, key, counter); }
/* 64 random bits at the indices arg[0..n) */
static X *bits(Env *e, Expr *x, X **arg, int n) {
    Sema *s = e->s;
    Arena *a = s->a;
    X *key = threefry(s, x_read(a, program_input_of(s, "seed", x->loc), NULL, NULL, NULL), x_read(a, program_input_of(s, "step", x->loc), NULL, NULL, NULL)), *at = NULL;
    key = threefry(s, key, i64_of(s, occurrence(e, x)));
    for (int k = 0; k < n; k++) if (!arg[k]->space) key = threefry(s, key, x_cast(a, arg[k], DT_I64));
    for (int k = 0; k < n; k++) if (arg[k]->space) {
        X *i = x_cast(a, arg[k], DT_I64);
        at = at ? x_op(a, OP_ADD, x_op(a, OP_MUL, at, x_ext(a, arg[k]->space->extent)), i) : i;
    }
    return threefry(s, key, at ? at : i64_of(s, 0));
}
static X *high(Sema *s, X *b, int n) {                               /* the n highest bits, as an integer from 0 */
    return x_op(s->a, OP_BITAND, x_op(s->a, OP_SHR, b, i64_of(s, 64 - n)), i64_of(s, ((int64_t)1 << n) - 1));
}
static X *uniform(Sema *s, X *b) {                                   /* every bit of it fits the type: 0 <= u < 1 */
    int n = s->real == DT_F64 ? 53 : 24;
    return x_op(s->a, OP_MUL, x_cast(s->a, high(s, b, n), s->real), x_real(s->a, ldexp(1, -n), s->real));
}
static X *normal(Sema *s, X *b) {                                    /* Box and Muller 1958, in f64 */
    Arena *a = s->a;
    X *one = x_real(a, 1, DT_F64), *part = x_real(a, 0x1p-32, DT_F64);
    X *u = x_op(a, OP_MUL, x_op(a, OP_ADD, x_cast(a, high(s, b, 32), DT_F64), one), part);              /* 0 < u <= 1 */
    X *v = x_op(a, OP_MUL, x_cast(a, x_op(a, OP_BITAND, b, i64_of(s, 0xffffffff)), DT_F64), x_real(a, 2 * 3.14159265358979323846 * 0x1p-32, DT_F64));
    X *r = x_op(a, OP_SQRT, x_op(a, OP_MUL, x_real(a, -2, DT_F64), x_op(a, OP_LOG, u, NULL)), NULL);
    return x_cast(a, x_op(a, OP_MUL, r, x_op(a, OP_COS, v, NULL)), s->real);
}
static const struct { const char *name; int lead; const char *form; } draw[] = {
    { "random.bits", 0, "random.bits(i, j)" }, { "random.uniform", 0, "random.uniform(i, j)" }, { "random.normal", 0, "random.normal(i, j)" },
    { "random.int", 1, "random.int(below, i, j)" }, { "random.bernoulli", 1, "random.bernoulli(p, i, j)" } };
enum { N_DRAW = sizeof draw / sizeof *draw };
bool is_random(const char *f) { return !strncmp(f, "random.", 7); }
X *type_random(Env *e, Expr *x, X **arg, int n) {
    Sema *s = e->s;
    const char *f = x->arg.at[0]->name.s, *name[N_DRAW];
    int which = -1;
    for (int k = 0; k < N_DRAW; k++) { name[k] = draw[k].name; if (!strcmp(f, draw[k].name)) which = k; }
    if (which < 0) {
        const char *near = did_you_mean(s->cx, f, name, N_DRAW);
        diag_help(diag_error(s->cx, D_UNKNOWN_NAME, x->loc, "there is no distribution `%s`", f), near ? "did you mean `%s`?" : "random.uniform, normal, int, bernoulli, bits", near);
        return NULL;
    }
    if (n < draw[which].lead) { diag_help(diag_error(s->cx, D_WRONG_ARITY, x->loc, "`%s` takes more than %d argument%s", f, n, n == 1 ? "" : "s"), "%s", draw[which].form); return NULL; }
    for (int k = draw[which].lead; k < n; k++) if (!dtype_is_int(arg[k]->dt) || arg[k]->dt == DT_BOOL) {
        diag_help(diag_error(s->cx, D_TYPE_MISMATCH, x->call.at[k].value->loc, "a random number is drawn for indices and integers, this is %s", dtype_name(arg[k]->dt)), "%s", draw[which].form);
        return NULL;
    }
    X *b = bits(e, x, arg + draw[which].lead, n - draw[which].lead), *first = n ? as_number(e, arg[0]) : NULL;
    switch (which) {
    case 0: return b;
    case 1: return uniform(s, b);
    case 2: return normal(s, b);
    case 3:
        if (!(first = coerce(e, first, DT_I64, x->call.at[0].value->loc))) return NULL;
        return x_op(s->a, OP_SHR, x_op(s->a, OP_MUL, high(s, b, 32), first), i64_of(s, 32));
    default:
        if (!(first = coerce(e, first, s->real, x->call.at[0].value->loc))) return NULL;
        return x_op(s->a, OP_LT, uniform(s, b), first);
    }
}
