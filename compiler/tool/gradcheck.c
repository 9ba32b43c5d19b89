/* gradcheck.c - `pigeonc run --check-grad`: derivatives of a model against central differences, both by the reference interpreter in f64.
 *
 * The loss is the sum of all real and complex outputs with weights that depend on `--seed`.  Its gradient by every real or complex input and
 * parameter is compared at some elements, all of small arrays: the error is measured against the largest of 1, the gradient's own
 * largest element and the rounding of the loss. */
#include "tool/exec.h"
#include "tool/load.h"
#include "diff/diff.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_ELEMENTS = 12, LEAST_ELEMENTS = 3, ALL_ELEMENTS = 60 };
static bool flows(Dtype dt) { return dtype_is_float(dt) || dtype_is_complex(dt); }

/* x times a weight in -1..1 from 24 of the bits */
static X *weighted(Arena *a, X *bits, int from, X *x) {
    X *own = x_op(a, OP_SHR, from ? x_op(a, OP_SHL, bits, x_int(a, from, DT_I64)) : bits, x_int(a, 40, DT_I64));
    return x_op(a, OP_MUL, x_op(a, OP_MUL, x_cast(a, own, DT_F64), x_real(a, 0x1p-23, DT_F64)), x_cast(a, x, DT_F64));
}
/* sum over outputs of Re(conj(weight) * output), the weights random by seed and position */
static Value *loss_of(Program *p, int64_t seed) {
    Arena *a = p->arena;
    X *all = NULL;
    for (int k = 0; k < p->output.n; k++) {
        Value *y = p->output.at[k].value;
        if (!flows(y->dt)) continue;
        Index **i = NEWN(a, Index *, y->rank + 1);
        X *at = x_int(a, k, DT_I64), *sub[8];
        for (int j = 0; j < y->rank; j++) {
            i[j] = program_index(p, "i", y->axis[j]);
            sub[j] = x_index(a, i[j]);
            at = x_op(a, OP_ADD, x_op(a, OP_MUL, at, x_ext(a, y->axis[j]->extent)), sub[j]);
        }
        X *read = x_read(a, y, sub, NULL, NULL), *bits = x_op(a, OP_THREEFRY, x_int(a, seed, DT_I64), x_cast(a, at, DT_I64)), *e;
        if (dtype_is_complex(y->dt))
            e = x_op(a, OP_ADD, weighted(a, bits, 0, x_op(a, OP_RE, read, NULL)), weighted(a, bits, 24, x_op(a, OP_IM, read, NULL)));
        else e = weighted(a, bits, 0, read);
        X *zero = x_real(a, 0, DT_F64);         /* an infinite element has no differences */
        e = x_if(a, x_op(a, OP_LT, x_cast(a, x_op(a, OP_ABS, read, NULL), DT_F64), x_real(a, INFINITY, DT_F64)), e, zero);
        if (y->rank) e = x_reduce(a, R_SUM, y->rank, i, 0, NULL, e, NULL, DT_F64);
        all = all ? x_op(a, OP_ADD, all, e) : e;
    }
    if (!all) return NULL;
    Node *n = program_node(p, N_COMPUTE, p->loc);
    n->u.compute.idx = NEWN(a, Index *, 1);
    n->u.compute.expr = all;
    Value *v = program_value(p, n, "loss", DT_F64, 0, NULL);
    v->loc = p->loc;
    vec_add(a, p->node, n);
    return v;
}
typedef struct Trial { Program *p, *slopes; /* the loss; its derivatives */ InterpArgs args; Options *o; double worst; int elements, kinks, jumps; bool ok; } Trial;
static bool loss_at(Trial *c, double *loss) {
    Array y[1];
    Arena *memory = arena_new();
    bool ok = interp_run(c->p, &c->args, y, memory);
    if (ok) *loss = y[0].re[0];
    arena_free(memory);
    return ok;
}
/* One part of one element: (L(x + h) - L(x - h)) / 2h by Richardson's rule from two steps, for smaller and smaller h until it agrees: a
 * large one may step over a kink, a small one drowns in rounding.  *kink: at the element itself the slopes of both sides differ, or the
 * slope grows as the step gets smaller: there is a jump. */
static bool difference(Trial *c, double *x, double mine, double allowed, double *d, bool *kink) {
    static const double sizes[] = { 1e-3, 1e-4, 1e-5, 1e-6 };
    double keep = *x, here, best = INFINITY, left = 0, right = 0, apart[2] = { 0 };
    bool ok = loss_at(c, &here), jump = false;
    for (size_t q = 0; ok && q < sizeof sizes / sizeof *sizes; q++) {
        double h = sizes[q] * (fabs(keep) > 1 ? fabs(keep) : 1), slope[2], up = 0, down = 0;
        for (int k = 0; ok && k < 2; k++) {
            double step = k ? h / 2 : h;
            *x = keep + step;
            ok = loss_at(c, &up);
            *x = keep - step;
            ok = ok && loss_at(c, &down);
            *x = keep;
            slope[k] = (up - down) / (2 * step);
            right = (up - here) / step, left = (here - down) / step, apart[k] = fabs(right - left);
        }
        double now = (4 * slope[1] - slope[0]) / 3, off = fabs(now - mine), rounding = 1e-15 * fabs(here) / h;
        if (off < best) best = off, *d = now;
        jump = fabs(slope[1] - slope[0]) > 100 * allowed;
        if (off <= allowed + rounding) break;
    }
    /* of the smallest steps; a derivative between the two slopes is one of those that a kink has, where they don't come together as the step gets smaller */
    bool between = mine >= fmin(left, right) - allowed && mine <= fmax(left, right) + allowed, stays = apart[1] > allowed && apart[1] > 0.75 * apart[0];
    *kink = jump || apart[1] > 100 * allowed || (between && (stays || apart[1] > 10 * allowed));
    return ok;
}
/* Whether the derivative itself jumps at the element: beside it, on both sides, it is what differences give.  Two kinks may cancel there, as in the
 * derivative of relu(x * x) at 0. */
static bool jumps(Trial *c, int which, int64_t k, int part, double *x, double mine, double d, double allowed, bool *yes) {
    double keep = *x, step = 1e-5 * (fabs(keep) > 1 ? fabs(keep) : 1), far = 1000 * allowed;
    bool ok = true;
    *yes = fabs(mine - d) > 10 * far;
    for (int side = -1; side <= 1 && ok && *yes; side += 2) {
        Arena *memory = arena_new();
        Array *g = NEWN(memory, Array, c->slopes->output.n);
        *x = keep + side * step;
        ok = interp_run(c->slopes, &c->args, g, memory);
        if (ok) *yes = fabs((part ? g[which].im[k] : g[which].re[k]) - d) <= far;
        *x = keep;
        arena_free(memory);
    }
    return ok;
}
static bool one_array(Trial *c, int which, const Value *v, Array *x, const Array *g, int most) {
    double scale = 1;
    for (int64_t k = 0; k < g->n; k++) scale = fmax(scale, fmax(fabs(g->re[k]), g->im ? fabs(g->im[k]) : 0));
    for (int64_t q = 0; q < g->n && q < most; q++) {
        int64_t k = g->n <= most ? q : (int64_t)(uniform(17, (uint64_t)q) * (double)g->n);
        for (int part = 0; part < (g->im ? 2 : 1); part++) {
            double d = 0, mine = part ? g->im[k] : g->re[k], allowed = scale * (c->o->tolerance >= 0 ? c->o->tolerance : 1e-6);
            bool kink, jump = false;
            double *at = part ? &x->im[k] : &x->re[k];
            if (!difference(c, at, mine, allowed, &d, &kink)) return false;
            double error = fabs(mine - d);
            c->elements++;
            if (error <= allowed || (kink && ++c->kinks)) { if (error <= allowed && error / scale > c->worst) c->worst = error / scale; continue; }
            if (!jumps(c, which, k, part, at, mine, d, allowed, &jump)) return false;
            if (jump) { c->jumps++; continue; }
            diag_error(c->o->cx, D_VERIFY_FAILED, v->loc, "the derivative by `%s` at position %" PRId64 "%s is %.9g, differences give %.9g", v->name, k, part ? ", imaginary part," : "", mine, d);
            c->ok = false;
            return true;
        }
    }
    return true;
}
/* The loss, the tensors that it has derivatives by, and these. */
typedef struct Gradients { Value *loss; VEC(Value *) by, bar; VEC(bool) param; VEC(int) place; VEC(const char *) without; } Gradients;
static bool gradients(Options *o, Program *p, int64_t seed, Gradients *g) {
    Arena *a = o->cx->arena;
    *g = (Gradients){ .loss = loss_of(p, seed) };
    if (!g->loss) { diag_error(o->cx, D_NO_DERIVATIVE, p->loc, "model `%s` has no output of reals", p->name); return false; }
    Diff *diff = diff_new(p, g->loss, NULL);
    for (int k = 0; k < p->input.n + p->param.n; k++) {
        bool is_param = k >= p->input.n;
        Value *v = is_param ? p->param.at[k - p->input.n] : p->input.at[k];
        if (!flows(v->dt)) continue;
        Value *bar = diff_gradient(diff, v);
        if (o->cx->n_errors) return false;
        if (!bar) { vec_add(a, g->without, v->name); continue; }
        vec_add(a, g->by, v);
        vec_add(a, g->bar, bar);
        vec_add(a, g->param, is_param);
        vec_add(a, g->place, is_param ? k - p->input.n : k);
    }
    p->output.n = 0;
    for (int k = 0; k < g->bar.n; k++) vec_add(a, p->output, (Output){ arena_printf(a, "d.%s", g->by.at[k]->name), g->bar.at[k] });
    return true;
}
int command_check_grad(Options *o, Program *p, RunData *d) {
    Arena *a = o->cx->arena;
    Gradients of;
    for (int order = 1; order < o->grad_order; order++) {       /* the derivatives are what is differentiated next */
        if (!gradients(o, p, o->seed + order, &of)) return EXIT_DIAGNOSED;
        if (!of.bar.n) break;
    }
    if (!gradients(o, p, o->seed, &of)) return EXIT_DIAGNOSED;
    diff_finish(p);
    Trial c = { .p = p, .o = o, .ok = true };
    if (!program_verify(p, "derivatives") || !data_widen(o, p, d, &c.args)) return EXIT_DIAGNOSED;
    Array *g = NEWN(a, Array, of.bar.n + 1);
    if (of.bar.n && !interp_run(p, &c.args, g, a)) return EXIT_DIAGNOSED;
    if (!(c.slopes = front_passes(o, p, "dce"))) return EXIT_DIAGNOSED;
    p->output.n = 0;
    vec_add(a, p->output, (Output){ "loss", of.loss });
    Program *q = front_passes(o, p, "dce");
    if (!q) return EXIT_DIAGNOSED;
    c.p = q;
    int most = of.bar.n * LEAST_ELEMENTS > ALL_ELEMENTS ? LEAST_ELEMENTS : of.bar.n * MOST_ELEMENTS < ALL_ELEMENTS ? MOST_ELEMENTS : ALL_ELEMENTS / of.bar.n;
    for (int k = 0; k < of.bar.n && c.ok; k++) {
        Array *x = (Array *)(of.param.at[k] ? c.args.param : c.args.input) + of.place.at[k];
        if (!one_array(&c, k, of.by.at[k], x, &g[k], most)) return EXIT_DIAGNOSED;
    }
    if (!c.ok) return EXIT_DIAGNOSED;
    printf("derivatives by %d tensors agree with differences at %d places; largest error %.3g\n", of.bar.n, c.elements, c.worst);
    if (c.kinks) printf("%d of them at kinks, where differences tell nothing\n", c.kinks);
    if (c.jumps) printf("%d of them where the derivative jumps, and differences give what it is beside\n", c.jumps);
    if (of.without.n) { printf("no derivative by"); for (int k = 0; k < of.without.n; k++) printf(" %s", of.without.at[k]); printf("\n"); }
    return EXIT_OK;
}
