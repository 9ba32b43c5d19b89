/* study.c - classifies the body of a lane loop: what is uniform (the same for all lanes), consecutive (lane variable plus
 * something uniform), in steps of two or varying, and what it costs.  A body whose inner loop bounds vary, that leaves a loop on a varying
 * condition, or that assigns to a variable from outside other than its reductions, is refused. */
#include "target/llvm/study.h"

enum { UNIFORM, CONSECUTIVE, TWICE, VARYING };          /* TWICE: twice the lane variable plus something uniform */

int lane_class(Map *varies, const void *var) {
    MapEntry *e = map_find(varies, var);
    return e ? (int)e->u.i : UNIFORM;
}
static int classify(Study *s, const LX *e);
static bool is_two(const LX *e) { return e->k == LX_INT && e->i == 2; }
static int classify_op(Study *s, const LX *e) {
    int a = classify(s, e->arg[0]), b = e->n > 1 ? classify(s, e->arg[1]) : UNIFORM;
    if (!a && !b) return UNIFORM;
    if (e->op == OP_ADD && a + b <= TWICE) return a + b;
    if (e->op == OP_SUB && a <= TWICE && !b) return a;
    if (e->op == OP_MUL && a + b == CONSECUTIVE && (is_two(e->arg[0]) || is_two(e->arg[1]))) return TWICE;
    return VARYING;
}
static int classify_new(Study *s, const LX *e) {
    switch (e->k) {
    case LX_INT: case LX_REAL: case LX_SIZE: return UNIFORM;
    case LX_VAR: return lane_class(&s->varies, e->var);
    case LX_LOAD: return classify(s, e->index) || (e->arg[0] && classify(s, e->arg[0])) ? VARYING : UNIFORM;
    case LX_OP: return classify_op(s, e);
    case LX_CAST: {
        int c = classify(s, e->arg[0]);
        bool keeps = e->dt == DT_I32 || (e->dt == DT_I64 && e->arg[0]->k == LX_VAR);
        return c && !keeps ? VARYING : c;
    }
    case LX_BITCAST: return classify(s, e->arg[0]) ? VARYING : UNIFORM;
    case LX_SELECT: return classify(s, e->arg[0]) || classify(s, e->arg[1]) || classify(s, e->arg[2]) ? VARYING : UNIFORM;
    }
    return VARYING;
}
static int classify(Study *s, const LX *e) {
    if (e->k == LX_INT || e->k == LX_REAL || e->k == LX_SIZE || e->k == LX_VAR) return classify_new(s, e);
    MapEntry *k = map_find(&s->seen, e);
    if (k && k->epoch == s->epoch) return (int)k->u.i;
    int c = classify_new(s, e);
    k = map_add(&s->seen, e);
    k->epoch = s->epoch, k->u.i = c;
    return c;
}
static void raise(Study *s, const Var *v, int c) {
    MapEntry *e = map_add(&s->varies, v);
    if (c > e->u.i) e->u.i = c, s->changed = true;
}
#define DECLARED 1                     /* in MapEntry.extra: the variable lives inside the body */
static bool may_assign(Study *s, const Var *v) {
    for (int j = 0; j < s->n_red; j++) if (s->red[j].var == v) return true;
    MapEntry *e = map_find(&s->varies, v);
    return e && e->extra == DECLARED;
}
static void walk(Study *s, const Block *b, bool masked, int depth) {
    for (int k = 0; k < b->n && !s->refused; k++) {
        const LS *t = b->at[k];
        switch (t->k) {
        case LS_FOR:
            if (classify(s, t->lo) || classify(s, t->hi)) s->refused = true;
            else walk(s, &t->body, masked, depth + 1);
            break;
        case LS_LET: raise(s, t->var, classify(s, t->x)); break;
        case LS_VAR:
            map_add(&s->varies, t->var)->extra = DECLARED;
            if (classify(s, t->x)) raise(s, t->var, VARYING);
            break;
        case LS_SET:
            if (!may_assign(s, t->var)) s->refused = true;
            else if (masked || classify(s, t->x)) raise(s, t->var, VARYING);
            break;
        case LS_IF: {
            bool m = masked || classify(s, t->x);
            walk(s, &t->body, m, depth);
            walk(s, &t->other, m, depth);
            break;
        }
        case LS_BREAK_IF:
            if (!depth || masked || classify(s, t->x)) s->refused = true;
            break;
        case LS_STORE: case LS_BARRIER: case LS_PREFETCH: case LS_COMMENT: break;
        }
    }
}

/* ---- what the body costs ---------------------------------------------------------------------------------------------- */
static void element_type(Study *s, Dtype dt) {
    if (dtype_is_float(dt)) {
        int bytes = dt == DT_F64 ? 8 : 4;
        s->any_f = true;
        if (bytes > s->widest) s->widest = bytes;
    } else if (dt == DT_I64) s->any_i64 = true;
}
static void access_of(Study *s, const Buf *b, const LX *index, const LX *guard, bool masked, bool by_two) {
    int i = classify(s, index);
    bool conditional = masked || (guard && classify(s, guard)), narrow = dtype_bytes(b->dt) < 4;
    if (!i) return;
    element_type(s, register_type(b->dt));
    if (i == VARYING || (i == TWICE && !by_two)) s->n_slow++;
    if (narrow) s->narrow = true;
    if (conditional) s->guarded = true, s->narrow_guarded = s->narrow_guarded || narrow;
}
static void price_op(Study *s, const LX *e) {
    bool real = dtype_is_float(e->dt);
    s->n_ops++;
    if (e->op == OP_POW && e->arg[1]->k == LX_REAL && simple_exponent(e->arg[1]->r)) return;
    if (real && math_has(e->op, e->dt)) { s->n_math++, s->n_ops += 20; return; }
    switch (e->op) {
    case OP_DIV: if (!real) s->n_slow++; return;
    case OP_MOD: case OP_FLOORDIV: case OP_POW: s->n_slow++; return;
    case OP_THREEFRY: s->n_ops += 90; return;
    default: s->n_slow += *scalar_info[e->op].llvm == '@'; return;          /* a call of libm per lane, or one or a few instructions */
    }
}
static void price(Study *s, const LX *e, bool masked) {
    if (!e || e->k == LX_INT || e->k == LX_REAL || e->k == LX_SIZE || e->k == LX_VAR) return;
    MapEntry *k = map_add(&s->seen, e);
    if (k->extra == s->epoch + masked) return;               /* priced; under a mask it counts again, the epoch having stepped by two */
    k->extra = s->epoch + masked;
    if (e->k == LX_LOAD) {
        price(s, e->index, masked);
        price(s, e->arg[0], masked);
        access_of(s, e->buf, e->index, e->arg[0], masked, true);
        return;
    }
    for (int j = 0; j < e->n; j++) price(s, e->arg[j], masked);
    if (!classify(s, e)) return;
    if (dtype_is_float(e->dt)) element_type(s, e->dt);
    if (e->k == LX_OP) price_op(s, e);
}
static void price_block(Study *s, const Block *b, bool masked) {
    for (int k = 0; k < b->n; k++) {
        const LS *t = b->at[k];
        bool m = masked || (t->k == LS_IF && classify(s, t->x));
        if (t->k == LS_PREFETCH) continue;
        price(s, t->x, masked), price(s, t->index, masked), price(s, t->guard, masked), price(s, t->lo, masked), price(s, t->hi, masked);
        if (t->k == LS_FOR) s->n_inner++, s->n_lanes += t->loop == LOOP_LANE;
        if (t->k == LS_VAR && lane_class(&s->varies, t->var)) s->n_vectors++, element_type(s, t->var->dt);
        if (t->k == LS_STORE && !masked && !t->guard && classify(s, t->index) == CONSECUTIVE) s->n_streams += may_stream(s->target, s->kernel, t->buf);
        if (t->k == LS_STORE) access_of(s, t->buf, t->index, t->guard, masked, stores_pair(b, k) || (k && stores_pair(b, k - 1)));
        price_block(s, &t->body, m);
        price_block(s, &t->other, m);
    }
}
bool study_lanes(Study *s, const Block *body) {
    raise(s, s->lane, CONSECUTIVE);
    for (int j = 0; j < s->n_red; j++) raise(s, s->red[j].var, VARYING);
    do {                               /* classes only rise, so this ends */
        s->changed = false;
        s->epoch += 2;
        walk(s, body, false, 0);
    } while (s->changed && !s->refused);
    if (s->refused) return false;
    s->n_vectors = s->n_red;
    for (int j = 0; j < s->n_red; j++) element_type(s, s->red[j].var->dt);
    price_block(s, body, false);
    if (!s->any_f) s->widest = s->any_i64 ? 8 : 4;
    return true;
}
