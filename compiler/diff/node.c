/* node.c - adjoints of the nodes that are no equations: transforms become transforms the other way, selections scatter. */
#include "diff/inside.h"
#include <string.h>

/* ---- transforms ------------------------------------------------------------------------------------------------------------- */
static Value *transformed(Diff *d, TransformKind kind, Value *in, const Node *like, Dtype dt, Space **axis) {
    Program *p = d->p;
    Node *n = program_node(p, N_TRANSFORM, like->loc);
    n->u.transform.kind = kind, n->u.transform.in = in, n->u.transform.n = like->u.transform.n;
    memcpy(n->u.transform.axis, like->u.transform.axis, sizeof n->u.transform.axis);
    Value *v = program_value(p, n, NULL, dt, in->rank, axis);
    v->loc = like->loc;
    vec_add(p->arena, p->node, n);
    return v;
}
/* The axes of an inverse's operand, their frequencies as those of the grid that it went to. */
static Space **frequencies(Diff *d, const Node *n) {
    const Value *in = n->u.transform.in;
    Space **axis = NEWN(d->p->arena, Space *, in->rank + 1);
    memcpy(axis, in->axis, sizeof *axis * (size_t)in->rank);
    for (int k = 0; k < n->u.transform.n; k++) {
        int at = n->u.transform.axis[k];
        Space *modes = in->axis[at], *grid = n->result[0]->axis[at];
        if (modes->part[0] == grid) continue;
        Space *own = program_space(d->p, SP_MODES, modes->name, modes->extent);
        own->family = modes->family, own->n0 = modes->n0, own->f0 = modes->f0, own->f1 = modes->f1, own->loc = modes->loc;
        own->part[0] = grid, own->n_part = 1;
        axis[at] = own;
    }
    return axis;
}
static X *real_ext(Arena *a, Ext *e, Dtype dt) { return x_cast(a, x_ext(a, e), dtype_real_of(dt)); }
/* How often frequency position i counts: half spectra 1 for the first and the last of an even number of points, else 2; cosines and
 * sines have the same factors in their forward transform. NULL: once each. */
static X *counts(Arena *a, const Space *modes, Ext *points, Index *i, Dtype dt) {
    if (modes->family == MODES_SIGNED) return NULL;
    X *p = x_index(a, i), *f = x_cast(a, p, DT_I64), *zero = x_int(a, 0, DT_I64);
    if (modes->f0) f = x_op(a, OP_ADD, f, x_ext(a, modes->f0));
    X *n = x_ext(a, points), *nyquist = x_op(a, OP_EQ, x_op(a, OP_MUL, f, x_int(a, 2, DT_I64)), n), *first = x_op(a, OP_EQ, f, zero);
    X *once = modes->family == MODES_HALF ? x_op(a, OP_OR, first, nyquist) : modes->family == MODES_COSINE ? first : x_op(a, OP_EQ, f, n);
    return x_if(a, once, dx_number(a, 1, dtype_real_of(dt)), dx_number(a, 2, dtype_real_of(dt)));
}
static X *scaled(Arena *a, X *x, X *factor, bool divide) { return !factor ? x : x_op(a, divide ? OP_DIV : OP_MUL, x, x_cast(a, factor, x->dt)); }
/* With M the multiplicities of frequencies and N the number of points:  forward F = C E / N, inverse I = Re E* M (half), E* (others),
 * C the factors of cosines and sines.  So F* y = I (y / M) / N for halves, I (C y) / N; and I* y = N M F y for halves, N F y / C. */
static X *transform_back(Diff *d, Node *n, Index **u) {
    Arena *a = d->p->arena;
    Value *in = n->u.transform.in, *bar = diff_value(d, n->result[0]);
    bool inverse = n->u.transform.kind == TR_INVERSE;
    if (!bar) return NULL;
    X *points = NULL;
    for (int k = 0; k < n->u.transform.n; k++) {
        X *e = real_ext(a, (inverse ? n->result[0] : in)->axis[n->u.transform.axis[k]]->extent, in->dt);
        points = points ? dx_mul(a, points, e) : e;
    }
    Index **w = NEWN(a, Index *, in->rank + 1), **at = inverse ? u : w;
    for (int k = 0; k < in->rank; k++) w[k] = program_index(d->p, "w", bar->axis[k]);
    X *factor[4] = { NULL };
    bool half[4];
    for (int k = 0; k < n->u.transform.n; k++) {
        int axis = n->u.transform.axis[k];
        const Space *modes = (inverse ? in : n->result[0])->axis[axis];
        factor[k] = counts(a, modes, (inverse ? n->result[0] : in)->axis[axis]->extent, at[axis], in->dt);
        half[k] = modes->family == MODES_HALF;
    }
    if (!inverse) {
        X *y = diff_read(d->p, bar, w);
        for (int k = 0; k < n->u.transform.n; k++) y = scaled(a, y, factor[k], half[k]);
        Value *ready = diff_compute(d->p, NULL, w, in->rank, y, n->loc), *r;
        bool any_half = false;
        for (int k = 0; k < n->u.transform.n; k++) any_half |= half[k];
        Dtype dt = any_half ? dtype_real_of(bar->dt) : bar->dt;
        r = transformed(d, TR_INVERSE, ready, n, dt, in->axis);
        X *x = diff_read(d->p, r, u);
        if (dtype_is_complex(dt) && !dtype_is_complex(in->dt)) x = x_op(a, OP_RE, x, NULL);
        return scaled(a, x_cast(a, x, in->dt), points, true);
    }
    Value *r = transformed(d, TR_FORWARD, bar, n, in->dt, frequencies(d, n));
    X *at_u[8] = { NULL };
    for (int k = 0; k < in->rank; k++) at_u[k] = r->axis[k] == in->axis[k] ? x_index(a, u[k]) : diff_position(a, x_index(a, u[k]), r->axis[k]);
    X *x = scaled(a, x_read(a, r, at_u, NULL, NULL), points, false);
    for (int k = 0; k < n->u.transform.n; k++) x = scaled(a, x, factor[k], !half[k]);
    return x;
}

/* ---- selections: each value goes back to where the map says it came from ----------------------------------------------------------- */
static X *select_back(Diff *d, Node *n, Index **u) {
    Program *p = d->p;
    Arena *a = p->arena;
    Value *in = n->u.select.in, *bar = n->n_result > 1 ? diff_value(d, n->result[1]) : NULL;
    if (!bar) return NULL;
    Frame *f = NEW(a, Frame);
    Index **w = NEWN(a, Index *, in->rank + 1);
    X *at[8] = { NULL };
    for (int k = 0; k < in->rank; k++) w[k] = program_index(p, "w", bar->axis[k]), at[k] = x_index(a, w[k]);
    at[n->u.select.axis] = x_cast(a, diff_read(p, n->result[0], w), DT_I64);
    *f = (Frame){ NULL, in->rank, w, 0, NULL, NULL };
    Term t = { x_read(a, in, at, NULL, NULL), NULL, diff_read(p, bar, w), f };
    return gather(p, &t, u);
}

X *node_contribution(Diff *d, Node *n, const Value *wanted, Index **u) {
    switch (n->kind) {
    case N_TRANSFORM: return transform_back(d, n, u);
    case N_SELECT: return select_back(d, n, u);
    case N_FACTOR: return factor_back(d, n, wanted, u);
    case N_ITERATE: return iterate_back(d, n, wanted, u);
    case N_INPUT: case N_PARAM: case N_CONST: case N_COMPUTE: case N_RECUR: case N_DERIVE: break;
    }
    return NULL;
}
