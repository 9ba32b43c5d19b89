/* expr.c - expressions, loads and stores, in scalar code and in lane loops (see emit.h for Val).
 *
 * Loads whose guard is false read a cell of zeros instead of branching.  In a lane loop: uniform index: one scalar load;
 * consecutive: one vector load; anything else: a gather. */
#include "target/llvm/emit.h"

static Val uniform(LV v) { return (Val){ v, 1, 0 }; }
static bool is_uniform(Val v) { return v.lanes == 1 && !v.stride; }
static Val vector(Gen *g, LV v) { return (Val){ v, g->width, 0 }; }
static LV steps(Gen *g, LT t, int64_t stride) {              /* 0, stride, 2 stride, .. */
    LV at[MAX_LANES];
    for (int k = 0; k < g->width; k++) at[k] = LLVMConstInt(t, (uint64_t)(k * stride), true);
    return LLVMConstVector(at, (unsigned)g->width);
}
LV spread(Gen *g, Val v) {
    if (v.lanes > 1 || g->width == 1) return v.v;
    LV all = splat(g->m, v.v, g->width);
    return v.stride ? LLVMBuildAdd(g->m->b, all, steps(g, LLVMTypeOf(v.v), v.stride), "") : all;
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
static LV extent(Gen *g, const Ext *e) {
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
    case LX_VAR: { MapEntry *k = map_find(&g->known, e->var); return k && k->u.i; }
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

/* ---- memory --------------------------------------------------------------------------------------------------------- */
static LV mark(Gen *g, LV access, const Buf *b) {
    LLVMSetMetadata(access, g->m->md_scope, LLVMMetadataAsValue(g->m->c, g->own[b->id]));
    if (g->others[b->id]) LLVMSetMetadata(access, g->m->md_noalias, LLVMMetadataAsValue(g->m->c, g->others[b->id]));
    return access;
}
static LV both(Gen *g, LV a, LV b) { return a && b ? LLVMBuildAnd(g->m->b, a, b, "") : a ? a : b; }
static LV any(Gen *g, LV mask) { return call_intrinsic(g->m, "llvm.vector.reduce.or", LLVMTypeOf(mask), &mask, 1); }
static LV all_true(Gen *g) { return LLVMConstAllOnes(LLVMVectorType(g->m->i1, (unsigned)g->width)); }
static LV element_address(Gen *g, const Buf *b, LV index) { return LLVMBuildInBoundsGEP2(g->m->b, memory_type(g->m, b->dt), g->buffer[b->id], &index, 1, ""); }
/* Of masked-out lanes only the address is formed: no `inbounds` here. */
static LV address(Gen *g, const Buf *b, LV index) { return LLVMBuildGEP2(g->m->b, memory_type(g->m, b->dt), g->buffer[b->id], &index, 1, ""); }
static LV addresses(Gen *g, const Buf *b, Val i) {           /* one per lane */
    if (i.lanes > 1) return address(g, b, i.v);
    LV offsets = steps(g, g->m->i64, i.stride);
    return LLVMBuildGEP2(g->m->b, memory_type(g->m, b->dt), address(g, b, i.v), &offsets, 1, "");
}
static LV alignment(Gen *g, const Buf *b) { return LLVMConstInt(g->m->i32, dtype_bytes(b->dt), false); }

static Val load_uniform(Gen *g, const Buf *b, LV index, Val guard) {
    Mod *m = g->m;
    LV lanes = guard.lanes > 1 ? guard.v : NULL;             /* which lanes want the value */
    LV wanted = lanes || g->cond ? any(g, both(g, lanes, mask_of(g))) : NULL;
    if (!lanes) wanted = both(g, wanted, guard.v);
    LV p = wanted ? LLVMBuildSelect(m->b, wanted, address(g, b, index), m->zero_cell, "") : element_address(g, b, index);
    LV v = mark(g, LLVMBuildLoad2(m->b, memory_type(m, b->dt), p, b->name), b);
    LLVMSetAlignment(v, (unsigned)dtype_bytes(b->dt));
    v = widen(m, v, b->dt);
    if (!lanes) return uniform(v);
    LV wide = splat(m, v, g->width);
    return vector(g, LLVMBuildSelect(m->b, lanes, wide, LLVMConstNull(LLVMTypeOf(wide)), ""));
}
static Val gen_load(Gen *g, const LX *e) {
    Mod *m = g->m;
    const Buf *b = e->buf;
    Val i = gen_expr(g, e->index), guard = e->arg[0] ? gen_expr(g, e->arg[0]) : uniform(NULL);
    if (is_uniform(i)) return load_uniform(g, b, i.v, guard);
    LT vt = LLVMVectorType(memory_type(m, b->dt), (unsigned)g->width);
    LV mask = mask_of(g), v;
    if (guard.v) mask = both(g, mask, spread(g, guard));
    if (i.lanes == 1 && i.stride == 1) {
        if (!mask) {
            v = LLVMBuildLoad2(m->b, vt, element_address(g, b, i.v), b->name);
            LLVMSetAlignment(v, (unsigned)dtype_bytes(b->dt));
        } else {
            LV arg[] = { address(g, b, i.v), alignment(g, b), mask, LLVMConstNull(vt) };
            LT over[] = { vt, m->ptr };
            v = call_overloaded(m, "llvm.masked.load", over, 2, arg, 4);
        }
    } else {
        LV arg[] = { addresses(g, b, i), alignment(g, b), mask ? mask : all_true(g), LLVMConstNull(vt) };
        LT over[] = { vt, LLVMTypeOf(arg[0]) };
        v = call_overloaded(m, "llvm.masked.gather", over, 2, arg, 4);
    }
    return vector(g, widen(m, mark(g, v, b), b->dt));
}
/* What follows happens only if the condition holds, up to end_if(); NULL: always. */
static LLVMBasicBlockRef only_if(Gen *g, LV condition) {
    if (!condition) return NULL;
    LLVMBasicBlockRef yes = new_block(g, "if"), done = new_block(g, "endif");
    LLVMBuildCondBr(g->m->b, condition, yes, done);
    LLVMPositionBuilderAtEnd(g->m->b, yes);
    return done;
}
static void end_if(Gen *g, LLVMBasicBlockRef done) {
    if (!done) return;
    LLVMBuildBr(g->m->b, done);
    LLVMPositionBuilderAtEnd(g->m->b, done);
}
static void store_one(Gen *g, const Buf *b, LV index, LV value, LV guard) {
    Mod *m = g->m;
    LLVMBasicBlockRef done = only_if(g, guard);
    LV s = mark(g, LLVMBuildStore(m->b, narrow(m, value, b->dt), element_address(g, b, index)), b);
    LLVMSetAlignment(s, (unsigned)dtype_bytes(b->dt));
    end_if(g, done);
}
/* The cache lines that the lanes will read; only where they follow one another. */
void gen_prefetch(Gen *g, const LS *s) {
    enum { LINE = 64 };
    Mod *m = g->m;
    Val i = gen_expr(g, s->index);
    if (i.lanes > 1) return;
    int bytes = dtype_bytes(s->buf->dt) * (i.stride == 1 ? g->width : 1);
    LV p = address(g, s->buf, i.v);
    for (int at = 0; at < bytes; at += LINE) {
        LV off = int64_of(m, at), arg[] = { LLVMBuildGEP2(m->b, LLVMInt8TypeInContext(m->c), p, &off, 1, ""), LLVMConstInt(m->i32, 0, false),
                                            LLVMConstInt(m->i32, 3, false), LLVMConstInt(m->i32, 1, false) };
        call_intrinsic(m, "llvm.prefetch", m->ptr, arg, 4);
    }
}
void gen_store(Gen *g, const LS *s) {
    Mod *m = g->m;
    const Buf *b = s->buf;
    Val x = gen_expr(g, s->x), i = gen_expr(g, s->index), guard = s->guard ? gen_expr(g, s->guard) : uniform(NULL);
    if (g->width == 1) {
        store_one(g, b, i.v, x.v, guard.v);
        return;
    }
    if (is_uniform(i) && is_uniform(x)) {                    /* one store stands for all lanes that want it */
        LV lanes = guard.lanes > 1 ? guard.v : NULL, wanted = lanes || g->cond ? any(g, both(g, lanes, mask_of(g))) : NULL;
        store_one(g, b, i.v, x.v, lanes ? wanted : both(g, wanted, guard.v));
        return;
    }
    LV mask = mask_of(g), v = narrow(m, spread(g, x), b->dt), a;
    LLVMBasicBlockRef done = guard.v && guard.lanes == 1 ? only_if(g, guard.v) : NULL;
    if (guard.lanes > 1) mask = both(g, mask, guard.v);
    if (i.lanes == 1 && i.stride == 1) {
        if (!mask) {
            a = LLVMBuildStore(m->b, v, element_address(g, b, i.v));
            LLVMSetAlignment(a, (unsigned)dtype_bytes(b->dt));
        } else {
            LV arg[] = { v, address(g, b, i.v), alignment(g, b), mask };
            LT over[] = { LLVMTypeOf(v), m->ptr };
            a = call_overloaded(m, "llvm.masked.store", over, 2, arg, 4);
        }
    } else {                                                 /* lanes that meet: the last one wins, as in the scalar loop */
        LV arg[] = { v, addresses(g, b, i), alignment(g, b), mask ? mask : all_true(g) };
        LT over[] = { LLVMTypeOf(v), LLVMTypeOf(arg[1]) };
        a = call_overloaded(m, "llvm.masked.scatter", over, 2, arg, 4);
    }
    mark(g, a, b);
    end_if(g, done);
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
    case LX_SIZE: return uniform(extent(g, e->size));
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
