/* derivative.c - grad(L wrt W), vjp(y, c wrt x), jvp(y wrt x, v): the operands are whole tensors, and so is the result. */
#include "diff/diff.h"
#include "sema/scope.h"
#include <string.h>

/* A tensor by name, or a number without indices by its expression. */
static Value *operand(Env *e, Expr *x) {
    if (x->kind == E_NAME || x->kind == E_WRT || x->kind == E_PRIME) return tensor_value(e, x);
    X *r = as_number(e, type_expr(e, x));
    Index *i[8];
    if (!r) return NULL;
    if (free_indices(e, r, i, 8)) {
        diag_help(diag_error(e->s->cx, D_NOT_A_TENSOR, x->loc, "`%s` is one element, a derivative is of whole tensors", expr_text(e->s->cx, x)), "name it by an equation of its own");
        return NULL;
    }
    return materialise(e, r, NULL, 0, NULL, x->loc);
}
static bool same_axes(Env *e, Value *v, Value *like, Expr *x) {
    bool same = v->rank == like->rank && v->dt == like->dt;
    for (int k = 0; same && k < v->rank; k++) same = v->axis[k] == like->axis[k];
    if (!same) diag_note(diag_error(e->s->cx, D_SPACE_MISMATCH, x->loc, "`%s` must have the dimensions and the type of `%s`", expr_text(e->s->cx, x), like->name), like->loc, "it is here");
    return same;
}
static Diff *diff_of(Sema *s, Value *y, Value *seed) {
    for (int k = 0; k < s->asked.n; k++) if (s->asked.at[k].y == y && s->asked.at[k].seed == seed) return s->asked.at[k].diff;
    Diff *d = diff_new(s->p, y, seed);
    vec_add(s->a, s->asked, (Asked){ y, seed, d });
    return d;
}
Value *derivative(Env *e, Expr *x) {
    Sema *s = e->s;
    bool vjp = !strcmp(x->name.s, "vjp"), jvp = !strcmp(x->name.s, "jvp");
    int want = vjp || jvp ? 2 : 1;
    Expr *by = x->arg.n > 1 ? x->arg.at[1] : NULL;
    if (x->call.n != want || x->arg.n != 2) {
        diag_help(diag_error(s->cx, D_WRONG_ARITY, x->loc, "`%s` is not what `%s` takes", expr_text(s->cx, x), x->name.s), vjp ? "vjp(y, c wrt x)" : jvp ? "jvp(y wrt x, v)" : "grad(loss wrt W)");
        return NULL;
    }
    Value *y = operand(e, x->call.at[0].value), *w = y ? operand(e, by) : NULL, *other = w && want > 1 ? operand(e, x->call.at[1].value) : NULL;
    if (!y || !w || (want > 1 && !other)) return NULL;
    if (s->recur && (y->node == s->recur || w->node == s->recur)) {
        diag_error(s->cx, D_BAD_RECURRENCE, x->loc, "a derivative is of whole tensors, this one is of the recurrence that is being defined");
        return NULL;
    }
    if (want == 1 && y->rank) {
        diag_help(diag_error(s->cx, D_WRONG_RANK, x->call.at[0].value->loc, "`%s` has %d dimension%s; `grad` is of one number", y->name, y->rank, y->rank == 1 ? "" : "s"), "vjp(%s, c wrt %s) takes a weight for each element", y->name, w->name);
        return NULL;
    }
    if (vjp && !same_axes(e, other, y, x->call.at[1].value)) return NULL;
    if (jvp && !same_axes(e, other, w, x->call.at[1].value)) return NULL;
    int errors = s->cx->n_errors;
    Value *r = jvp ? diff_tangent(s->p, y, w, other, x->loc) : diff_adjoint(diff_of(s, y, vjp ? other : NULL), w, x->loc);
    if (!r && s->cx->n_errors == errors) diag_error(s->cx, D_NO_DERIVATIVE, x->loc, "this derivative does not exist, for the reason given elsewhere");
    return r;
}
