/* transform.c - a transform becomes one call of the runtime per axis, over (outer, n, inner).
 *
 *     V[b, k, l] = fft(x, z -> k, l) u[b, x, z]     ->     t = dft of u along z (real to complex);  V = dft of t along x
 *
 * Forward, axes that keep the data real (cosine, sine) come first, then the half axis, then the signed ones from the last to the first: each
 * call works on as little as possible.  Inverse, the other way round: the half axis takes the real part once the signed ones are done.
 * What lies between two calls is a work buffer; complex numbers are pairs there as everywhere. */
#include "lower/lower.h"
#include <string.h>

static int rank_of(ModesFamily f) {                        /* place of an axis in the forward order */
    switch (f) {
    case MODES_COSINE: case MODES_SINE: return 0;
    case MODES_HALF: return 1;
    case MODES_SIGNED: return 2;
    }
    return 2;
}
static Space *modes_of(const Node *n, int axis) {
    return (n->u.transform.kind == TR_INVERSE ? n->u.transform.in : n->result[0])->axis[axis];
}
static int axis_order(const Node *n, int *order) {
    int count = n->u.transform.n;
    bool inverse = n->u.transform.kind == TR_INVERSE;
    for (int k = 0; k < count; k++) order[k] = n->u.transform.axis[k];
    for (int k = 1; k < count; k++)                        /* few axes: by insertion; forward, a later axis precedes its equals */
        for (int j = k; j > 0; j--) {
            int p = rank_of(modes_of(n, order[j - 1])->family), q = rank_of(modes_of(n, order[j])->family);
            if (inverse ? q <= p : q > p) break;
            int t = order[j - 1]; order[j - 1] = order[j], order[j] = t;
        }
    return count;
}
/* Element type between two calls. */
static Dtype next_type(Dtype now, ModesFamily f, bool inverse) {
    if (f == MODES_COSINE || f == MODES_SINE) return now;
    return f == MODES_HALF && inverse ? dtype_real_of(now) : dtype_complex_of(now);
}

bool lower_transform(Lower *l, Node *n) {
    Value *in = n->u.transform.in, *out = n->result[0];
    if (!need_value(l, in)) return false;
    bool inverse = n->u.transform.kind == TR_INVERSE;
    int order[4], count = axis_order(n, order), rank = in->rank;
    Space *axis[8];
    memcpy(axis, in->axis, sizeof *axis * (size_t)rank);
    Buf *from = l->place[in->id].buf;
    Dtype dt = in->dt;
    for (int t = 0; t < count; t++) {
        int at = order[t];
        Space *modes = modes_of(n, at), *to_space = out->axis[at];
        Ext *outer = product_of(l, axis, 0, at), *inner = product_of(l, axis, at + 1, rank), *n_in = axis[at]->extent, *n_out = to_space->extent;
        bool last = t == count - 1;
        Dtype to_type = last ? out->dt : next_type(dt, modes->family, inverse);
        axis[at] = to_space;
        Buf *to = last ? value_buf(l, out)
                       : buf_new(l, arena_printf(l->a, "%s_%s", plain_name(l, out->name), modes->name), to_type, product_of(l, axis, 0, rank), BUF_WORK, n->loc);
        Ext *arg[] = { ext_const(l->a, dt), ext_const(l->a, to_type), ext_const(l->a, modes->family), ext_const(l->a, inverse), outer, n_in, inner, n_out,
                       inverse ? n_out : n_in, modes->n0, modes->f0, modes->f1 };
        LH *h = host_call(l, RT_DFT, n->loc, sizeof arg / sizeof *arg, arg);
        vec_add(l->a, h->buf, from);
        vec_add(l->a, h->buf, to);
        from = to, dt = to_type;
    }
    return true;
}
