/* sizes.c - arithmetic of dims: `dim c = 7 // n`, `d = n * n`.  A size is a number from 1 to 2^31 - 2, and no divisor is 0; where that depends on sizes
 * that are not known yet it is tested when they are bound. */
#include "sema/scope.h"
#include <string.h>

enum { BITS = 62 };                                          /* so many positions a product of spaces may have, in bits */

static bool has_symbol(const Ext *e) { return e->op == EXT_SYM || (e->op != EXT_CONST && (has_symbol(e->a) || has_symbol(e->b))); }
/* A part of numbers alone that could not be computed */
static bool is_hopeless(const Ext *e) { return e->op != EXT_CONST && e->op != EXT_SYM && (!has_symbol(e) || is_hopeless(e->a) || is_hopeless(e->b)); }
static bool has_op(const Ext *e, const ExtOp *op, int n) {
    for (int k = 0; k < n; k++) if (e->op == op[k]) return true;
    return e->op != EXT_CONST && e->op != EXT_SYM && (has_op(e->a, op, n) || has_op(e->b, op, n));
}
static void must(Sema *s, const Space *r, Ext *a, int rel, Ext *b, const char *what) {
    vec_add(s->a, s->p->check, ((Check){ a, rel, b, arena_printf(s->a, "the size of `%s`, %s, %s", r->name, ext_text(s->a, r->extent), what), r->loc }));
}
static void divisors(Sema *s, const Space *r, const Ext *e) {
    int64_t n;
    if (e->op == EXT_CONST || e->op == EXT_SYM) return;
    if ((e->op == EXT_FLOORDIV || e->op == EXT_CEILDIV || e->op == EXT_MOD) && !ext_is_const(e->b, &n)) must(s, r, ext_const(s->a, 0), '<', e->b, "has a divisor that is not positive");
    divisors(s, r, e->a);
    divisors(s, r, e->b);
}
/* Part by part: what there is so far must leave room for the next one. */
static void product(Sema *s, const Space *r) {
    Ext *all = r->part[0]->extent;
    for (int k = 1; k < r->n_part; k++) {
        Ext *n = r->part[k]->extent, *room = ext_op(s->a, EXT_FLOORDIV, ext_const(s->a, (int64_t)1 << BITS), ext_op(s->a, EXT_MAX, n, ext_const(s->a, 1)));
        must(s, r, all, 'L', room, "is too large");
        all = ext_op(s->a, EXT_MUL, all, n);
    }
}
void check_sizes(Sema *s) {
    Program *p = s->p;
    int n = p->check.n;
    const Check *were = p->check.at;
    memset(&p->check, 0, sizeof p->check);                   /* these stand first: the others count on sizes */
    static const ExtOp falls[] = { EXT_SUB, EXT_FLOORDIV, EXT_MOD }, rises[] = { EXT_ADD, EXT_MUL };
    for (int k = 0; k < s->p->space.n; k++) {
        const Space *r = s->p->space.at[k];
        const Ext *e = r->extent;
        if (e->op == EXT_CONST || e->op == EXT_SYM) continue;
        bool told = false;                                   /* of a part already */
        for (int j = 0; j < r->n_part; j++) told |= is_hopeless(r->part[j]->extent);
        if (told) continue;
        if (is_hopeless(e)) { diag_error(s->cx, D_DIM_OVERFLOW, r->loc, "the size of `%s`, %s, can't be computed: it overflows, or a divisor is 0", r->name, ext_text(s->a, e)); continue; }
        if (r->kind == SP_PRODUCT) { product(s, r); continue; }
        divisors(s, r, e);
        if (r->kind == SP_SUM) { must(s, r, r->extent, '<', ext_const(s->a, INT32_MAX), "is too large"); continue; }
        bool large = has_op(e, rises, 2);                    /* compiled code wraps: what is too large may be negative there */
        if (large || has_op(e, falls, 3)) must(s, r, ext_const(s->a, 0), ext_may_be_zero(e) ? 'L' : '<', r->extent, large ? "is not positive, or too large" : "is not positive");
        if (large) must(s, r, r->extent, '<', ext_const(s->a, INT32_MAX), "is too large");
    }
    for (int k = 0; k < n; k++) vec_add(s->a, p->check, were[k]);
}
