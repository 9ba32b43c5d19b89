/* expr.c - expressions in scalar code and in lane loops (see emit.h for Val); loads and stores are memory.c's. */
#include "target/llvm/emit.h"

LV lane_steps(Gen *g, LT t, int64_t stride) {              /* 0, stride, 2 stride, .. */
    LV at[MAX_LANES];
    for (int k = 0; k < g->width; k++) at[k] = LLVMConstInt(t, (uint64_t)(k * stride), true);
    return LLVMConstVector(at, (unsigned)g->width);
}
LV spread(Gen *g, Val v) {
    if (v.lanes > 1 || g->width == 1) return v.v;
    LV all = splat(g->m, v.v, g->width);
    return v.stride ? LLVMBuildAdd(g->m->b, all, lane_steps(g, LLVMTypeOf(v.v), v.stride), "") : all;
}
LV gen_scalar(Gen *g, const LX *e) { return gen_expr(g, e).v; }

/* ---- sizes -------------------------------------------------------------------------------------------------------- */
static LV size_of(void *data, int symbol) {
    Gen *g = data;
    Mod *m = g->m;
    LV at = int64_of(m, symbol);
    if (!g->size[symbol])
        g->size[symbol] = LLVMBuildLoad2(m->b, m->i64, LLVMBuildInBoundsGEP2(m->b, m->i64, g->size_table, &at, 1, ""), m->u->sym.at[symbol]->name);
    return g->size[symbol];
}
LV extent_in_entry(Gen *g, const Ext *e) {
    for (int k = 0; k < g->extent.n; k++) if (ext_equal(g->extent.at[k].e, e)) return g->extent.at[k].v;
    LLVMBuilderRef here = g->m->b;                           /* computed in the entry block, once */
    LLVMPositionBuilderBefore(g->entry_b, LLVMGetBasicBlockTerminator(g->entry));
    g->m->b = g->entry_b;
    LV v = extent_value(g->m, e, size_of, g, NULL);
    g->m->b = here;
    vec_add(g->m->a, g->extent, (Computed){ e, v });
    return v;
}
static bool ext_nonnegative(const Ext *e) {
    if (e->op == EXT_CONST) return e->value >= 0;
    return e->op == EXT_SYM || (e->op != EXT_SUB && ext_nonnegative(e->a) && ext_nonnegative(e->b));
}
static bool nonnegative(Gen *g, const LX *e, int depth) {
    if (depth > 8) return false;
    switch (e->k) {
    case LX_INT: return e->i >= 0;
    case LX_SIZE: return ext_nonnegative(e->size);
    case LX_VAR: { MapEntry *k = map_find(&g->known, e->var); return k && k->u.i & NONNEGATIVE; }
    case LX_CAST: return e->dt == DT_I64 && e->arg[0]->dt == DT_I32 && nonnegative(g, e->arg[0], depth + 1);
    case LX_SELECT: return nonnegative(g, e->arg[1], depth + 1) && nonnegative(g, e->arg[2], depth + 1);
    case LX_OP:
        switch (e->op) {
        case OP_ADD: case OP_MUL: case OP_DIV: case OP_FLOORDIV: case OP_MOD: case OP_MIN:
            return e->dt == DT_I64 && nonnegative(g, e->arg[0], depth + 1) && nonnegative(g, e->arg[1], depth + 1);
        case OP_MAX: case OP_BITAND: return nonnegative(g, e->arg[0], depth + 1) || nonnegative(g, e->arg[1], depth + 1);
        case OP_SHR: return nonnegative(g, e->arg[0], depth + 1);
        default: return false;
        }
    case LX_REAL: case LX_LOAD: case LX_BITCAST: return false;
    }
    return false;
}
bool known_nonnegative(Gen *g, const LX *e) { return dtype_is_int(e->dt) && nonnegative(g, e, 0); }
bool known_even(Gen *g, const LX *e) {
    if (e->k == LX_INT) return e->i % 2 == 0;
    if (e->k == LX_VAR) { MapEntry *k = map_find(&g->known, e->var); return k && k->u.i & EVEN; }
    return e->k == LX_OP && e->op == OP_MUL && e->dt == DT_I64 && (known_even(g, e->arg[0]) || known_even(g, e->arg[1]));
}

/* ---- operations ------------------------------------------------------------------------------------------------------ */
static Val wrap(Gen *g, bool one, LV v) { return one ? uniform(v) : vector(g, v); }
static bool is_mul(const LX *e) { return e->k == LX_OP && e->op == OP_MUL; }

/* p * q + r with one rounding where the machine has it: decided by the form of the expression alone, hence alike in vector
 * and scalar code. */
static bool gen_fused(Gen *g, const LX *e, Val *out) {
    if (!dtype_is_float(e->dt) || (e->op != OP_ADD && e->op != OP_SUB)) return false;
    const LX *a = e->arg[0], *b = e->arg[1];
    bool right = is_mul(b);
    if (!right && !is_mul(a)) return false;
    const LX *product = right ? b : a, *rest = right ? a : b;
    Val p = gen_expr(g, product->arg[0]), q = gen_expr(g, product->arg[1]), r = gen_expr(g, rest);
    bool one = is_uniform(p) && is_uniform(q) && is_uniform(r);
    LV pv = one ? p.v : spread(g, p), qv = one ? q.v : spread(g, q), rv = one ? r.v : spread(g, r);
    if (e->op == OP_SUB && right) pv = LLVMBuildFNeg(g->m->b, pv, "");
    if (e->op == OP_SUB && !right) rv = LLVMBuildFNeg(g->m->b, rv, "");
    *out = wrap(g, one, fused(g->m, pv, qv, rv));
    return true;
}
static Val gen_op(Gen *g, const LX *e) {
    Val r;
    if (gen_fused(g, e, &r)) return r;
    Val a = gen_expr(g, e->arg[0]), b = e->n > 1 ? gen_expr(g, e->arg[1]) : uniform(NULL);
    Dtype dt = register_type(e->arg[0]->dt);
    bool nonneg = (e->op == OP_DIV || e->op == OP_FLOORDIV || e->op == OP_MOD) && known_nonnegative(g, e->arg[0]) && known_nonnegative(g, e->arg[1]);
    if (a.lanes == 1 && b.lanes == 1) {
        int64_t stride = 0;
        bool keeps = a.stride == 0 && b.stride == 0;
        if (!keeps && (e->op == OP_ADD || e->op == OP_SUB || e->op == OP_NEG)) {
            keeps = true;
            stride = e->op == OP_ADD ? a.stride + b.stride : e->op == OP_SUB ? a.stride - b.stride : -a.stride;
        } else if (!keeps && e->op == OP_MUL) {
            const LX *c = b.stride ? e->arg[0] : e->arg[1];
            keeps = c->k == LX_INT && c->i > -(1 << 24) && c->i < 1 << 24;
            stride = keeps ? (a.stride + b.stride) * c->i : 0;
        }
        keeps = keeps && stride > -((int64_t)1 << 32) && stride < (int64_t)1 << 32;
        if (keeps) return (Val){ scalar_op(g->m, e->op, dt, a.v, b.v, nonneg), 1, stride };
    }
    return vector(g, scalar_op(g->m, e->op, dt, spread(g, a), b.v ? spread(g, b) : NULL, nonneg));
}
static Val gen_select(Gen *g, const LX *e) {
    Val c = gen_expr(g, e->arg[0]), a = gen_expr(g, e->arg[1]), b = gen_expr(g, e->arg[2]);
    if (c.lanes == 1 && a.lanes == 1 && b.lanes == 1 && a.stride == b.stride) return (Val){ LLVMBuildSelect(g->m->b, c.v, a.v, b.v, ""), 1, a.stride };
    return vector(g, LLVMBuildSelect(g->m->b, c.v, spread(g, a), spread(g, b), ""));
}
static Val gen_cast(Gen *g, const LX *e) {
    Val a = gen_expr(g, e->arg[0]);
    Dtype from = register_type(e->arg[0]->dt);
    bool narrows = from == DT_I64 && e->dt == DT_I32, of_var = from == DT_I32 && e->dt == DT_I64 && e->arg[0]->k == LX_VAR;
    if (is_uniform(a) || (a.lanes == 1 && (narrows || of_var || from == e->dt))) return (Val){ scalar_cast(g->m, a.v, from, e->dt), 1, a.stride };
    return vector(g, scalar_cast(g->m, spread(g, a), from, e->dt));
}
static Val gen_var(Gen *g, const LX *e) {
    Slot *s = slot_of(g, e->var);
    if (!s->memory) return s->val;
    return (Val){ LLVMBuildLoad2(g->m->b, s->type, s->val.v, e->var->name), s->val.lanes, 0 };
}
static Val fresh(Gen *g, const LX *e) {
    Mod *m = g->m;
    switch (e->k) {
    case LX_INT: return uniform(LLVMConstInt(register_llvm(m, e->dt), (uint64_t)e->i, true));
    case LX_REAL: return uniform(LLVMConstReal(register_llvm(m, e->dt), e->r));
    case LX_VAR: return gen_var(g, e);
    case LX_SIZE: return uniform(extent_in_entry(g, e->size));
    case LX_LOAD: return gen_load(g, e);
    case LX_OP: return gen_op(g, e);
    case LX_CAST: return gen_cast(g, e);
    case LX_BITCAST: {
        Val a = gen_expr(g, e->arg[0]);
        if (!is_uniform(a)) a = vector(g, spread(g, a));
        return (Val){ LLVMBuildBitCast(m->b, a.v, like_type(a.v, register_llvm(m, e->dt)), ""), a.lanes, 0 };
    }
    case LX_SELECT: return gen_select(g, e);
    }
    return uniform(LLVMConstNull(register_llvm(m, e->dt)));
}
Val gen_expr(Gen *g, const LX *e) {
    if (e->k == LX_INT || e->k == LX_REAL || e->k == LX_VAR || e->k == LX_SIZE) return fresh(g, e);
    MapEntry *seen = map_find(&g->memo, e);                  /* expressions are DAGs: each node once per statement */
    if (seen && seen->epoch == g->epoch) return (Val){ seen->u.p, seen->lanes, seen->extra };
    Val v = fresh(g, e);
    seen = map_add(&g->memo, e);
    seen->epoch = g->epoch, seen->u.p = v.v, seen->lanes = v.lanes, seen->extra = v.stride;
    return v;
}
