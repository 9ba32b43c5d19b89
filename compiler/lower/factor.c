/* factor.c - a factorisation becomes one call of the runtime over a batch of matrices.  The call carries the matrix's buffer and the line of
 * the equation, so that a matrix that has no such factorisation is named. */
#include "lower/lower.h"
#include <string.h>

bool lower_factor(Lower *l, Node *n) {
    Value *a = n->u.factor.in[0], *rhs = n->u.factor.n_in > 1 ? n->u.factor.in[1] : NULL;
    if (!need_value(l, a) || (rhs && !need_value(l, rhs))) return false;
    int batch = a->rank - 2;
    Ext *one = ext_const(l->a, 1), *columns = rhs && rhs->rank == a->rank ? rhs->axis[rhs->rank - 1]->extent : one;
    if (n->u.factor.kind == F_LOGDET && dtype_is_complex(n->result[0]->dt)) columns = ext_const(l->a, 2);
    const Buf *from = l->place[a->id].buf;
    bool named = *a->name != '%' || strcmp(from->name, plain_name(l, a->name));          /* a name that the model has */
    Ext *arg[] = { ext_const(l->a, n->u.factor.kind), ext_const(l->a, a->dt), product_of(l, a->axis, 0, batch), a->axis[batch]->extent, a->axis[batch + 1]->extent,
                   columns, ext_const(l->a, named ? from->id : -1), ext_const(l->a, n->loc.file >= 0 ? n->loc.line : 0) };
    LH *h = host_call(l, RT_FACTOR, n->loc, sizeof arg / sizeof *arg, arg);
    vec_add(l->a, h->buf, l->place[a->id].buf);
    if (rhs) vec_add(l->a, h->buf, l->place[rhs->id].buf);
    for (int k = 0; k < n->n_result; k++) vec_add(l->a, h->buf, value_is_used(l, n->result[k]) ? value_buf(l, n->result[k]) : NULL);
    return true;
}
