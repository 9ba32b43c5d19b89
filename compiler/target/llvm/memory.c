/* memory.c - loads and stores, in scalar code and in lane loops (see emit.h for Val).
 *
 * Loads whose guard is false read a cell of zeros instead of branching.  In a lane loop: uniform index: one scalar load; consecutive: one vector
 * load; in steps of two: whole vectors of which half the elements are taken; anything else: a gather.  A pair of stores side by side, such as the
 * parts of a complex number, is one vector store. */
#include "target/llvm/emit.h"

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
    LV offsets = lane_steps(g, g->m->i64, i.stride);
    return LLVMBuildGEP2(g->m->b, memory_type(g->m, b->dt), address(g, b, i.v), &offsets, 1, "");
}
static LV alignment(Gen *g, const Buf *b) { return LLVMConstInt(g->m->i32, dtype_bytes(b->dt), false); }

static LV load_vector(Gen *g, const Buf *b, LV index, int lanes, LV mask) {
    Mod *m = g->m;
    LT vt = LLVMVectorType(memory_type(m, b->dt), (unsigned)lanes);
    LV v;
    if (!mask) {
        v = LLVMBuildLoad2(m->b, vt, element_address(g, b, index), b->name);
        LLVMSetAlignment(v, (unsigned)dtype_bytes(b->dt));
    } else {
        LV arg[] = { address(g, b, index), alignment(g, b), mask, LLVMConstNull(vt) };
        LT over[] = { vt, m->ptr };
        v = call_overloaded(m, "llvm.masked.load", over, 2, arg, 4);
    }
    return mark(g, v, b);
}
static void store_vector(Gen *g, const Buf *b, LV index, LV v, LV mask) {
    Mod *m = g->m;
    LV s, two[2];
    if (!mask) {
        LV p = element_address(g, b, index);
        if (stream_out(g, b, v, p, two)) {
            mark(g, two[0], b), mark(g, two[1], b);
            return;
        }
        s = LLVMBuildStore(m->b, v, p);
        LLVMSetAlignment(s, (unsigned)dtype_bytes(b->dt));
    } else {
        LV arg[] = { v, address(g, b, index), alignment(g, b), mask };
        LT over[] = { LLVMTypeOf(v), m->ptr };
        s = call_overloaded(m, "llvm.masked.store", over, 2, arg, 4);
    }
    mark(g, s, b);
}
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
/* ---- in steps of two ------------------------------------------------------------------------------------------------ */
static LV picked(Gen *g, LV a, LV b, int first, int step) {    /* elements first, first + step, .. of both together */
    LV at[MAX_LANES];
    for (int k = 0; k < g->width; k++) at[k] = LLVMConstInt(g->m->i32, (uint64_t)(first + step * k), false);
    return LLVMBuildShuffleVector(g->m->b, a, b ? b : LLVMGetPoison(LLVMTypeOf(a)), LLVMConstVector(at, (unsigned)g->width), "");
}
/* Two vectors, one for every second element, as one of twice the width; or its mask. */
static LV interleaved(Gen *g, LV even, LV odd) {
    LV at[2 * MAX_LANES];
    for (int k = 0; k < 2 * g->width; k++) at[k] = LLVMConstInt(g->m->i32, (uint64_t)(k / 2 + k % 2 * g->width), false);
    return LLVMBuildShuffleVector(g->m->b, even, odd, LLVMConstVector(at, (unsigned)(2 * g->width)), "");
}
static bool ext_even(const Ext *e) { return e->op == EXT_CONST ? e->value % 2 == 0 : e->op == EXT_MUL && (ext_even(e->a) || ext_even(e->b)); }
/* Elements base, base + 2, ..  Where base is 2 * x or 2 * x + 1 and the buffer holds pairs, whole pairs are read, so the two parts of complex numbers
 * come from the same load; elsewhere nothing after the last element is touched. */
static LV load_twice(Gen *g, const LX *e, LV base, LV mask) {
    Mod *m = g->m;
    const Buf *b = e->buf;
    const LX *i = e->index;
    int w = g->width;
    bool odd = i->k == LX_OP && i->op == OP_ADD && i->arg[1]->k == LX_INT && i->arg[1]->i == 1 && known_even(g, i->arg[0]);
    if ((odd || known_even(g, i)) && ext_even(b->count)) {
        LV first = odd ? gen_expr(g, i->arg[0]).v : base, v = load_vector(g, b, first, 2 * w, mask ? interleaved(g, mask, mask) : NULL);
        return picked(g, v, NULL, odd, 2);
    }
    LV wide = mask ? interleaved(g, mask, LLVMConstNull(LLVMTypeOf(mask))) : NULL;
    LV lo = load_vector(g, b, base, w, wide ? picked(g, wide, NULL, 0, 1) : NULL);
    LV hi = load_vector(g, b, LLVMBuildAdd(m->b, base, int64_of(m, w - 1), ""), w, wide ? picked(g, wide, NULL, w - 1, 1) : NULL), at[MAX_LANES];
    for (int k = 0; k < w; k++) at[k] = LLVMConstInt(m->i32, (uint64_t)(2 * k < w ? 2 * k : 2 * k + 1), false);      /* element j of hi is j + w - 1 */
    return LLVMBuildShuffleVector(m->b, lo, hi, LLVMConstVector(at, (unsigned)w), "");
}
Val gen_load(Gen *g, const LX *e) {
    Mod *m = g->m;
    const Buf *b = e->buf;
    Val i = gen_expr(g, e->index), guard = e->arg[0] ? gen_expr(g, e->arg[0]) : uniform(NULL);
    if (is_uniform(i)) return load_uniform(g, b, i.v, guard);
    LV mask = mask_of(g), v;
    if (guard.v) mask = both(g, mask, spread(g, guard));
    if (i.lanes == 1 && i.stride == 1) v = load_vector(g, b, i.v, g->width, mask);
    else if (i.lanes == 1 && i.stride == 2) v = load_twice(g, e, i.v, mask);
    else {
        LT vt = LLVMVectorType(memory_type(m, b->dt), (unsigned)g->width);
        LV arg[] = { addresses(g, b, i), alignment(g, b), mask ? mask : all_true(g), LLVMConstNull(vt) };
        LT over[] = { vt, LLVMTypeOf(arg[0]) };
        v = mark(g, call_overloaded(m, "llvm.masked.gather", over, 2, arg, 4), b);
    }
    return vector(g, widen(m, v, b->dt));
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
    LV mask = mask_of(g), v = narrow(m, spread(g, x), b->dt);
    LLVMBasicBlockRef done = guard.v && guard.lanes == 1 ? only_if(g, guard.v) : NULL;
    if (guard.lanes > 1) mask = both(g, mask, guard.v);
    if (i.lanes == 1 && i.stride == 1) store_vector(g, b, i.v, v, mask);
    else {                                                   /* lanes that meet: the last one wins, as in the scalar loop */
        LV arg[] = { v, addresses(g, b, i), alignment(g, b), mask ? mask : all_true(g) };
        LT over[] = { LLVMTypeOf(v), LLVMTypeOf(arg[1]) };
        mark(g, call_overloaded(m, "llvm.masked.scatter", over, 2, arg, 4), b);
    }
    end_if(g, done);
}

/* ---- pairs stored side by side ------------------------------------------------------------------------------------- */
static const Var *name_in(const LX *e) { return e->k == LX_VAR ? e->var : NULL; }
bool stores_pair(const Block *b, int k) {
    if (k + 1 >= b->n) return false;
    const LS *s = b->at[k], *t = b->at[k + 1];
    if (s->k != LS_STORE || t->k != LS_STORE || s->buf != t->buf || s->guard || t->guard || !name_in(s->index)) return false;
    const LX *i = t->index;
    if (i->k != LX_OP || i->op != OP_ADD || name_in(i->arg[0]) != s->index->var || i->arg[1]->k != LX_INT || i->arg[1]->i != 1) return false;
    return t->x->k == LX_VAR || t->x->k == LX_REAL || t->x->k == LX_INT;       /* reads nothing that the first may have written */
}
bool gen_store_pair(Gen *g, const LS *s, const LS *t) {
    Val i = gen_expr(g, s->index);
    if (i.lanes > 1 || i.stride != 2) return false;
    LV mask = mask_of(g), x = narrow(g->m, spread(g, gen_expr(g, s->x)), s->buf->dt), y = narrow(g->m, spread(g, gen_expr(g, t->x)), t->buf->dt);
    store_vector(g, s->buf, i.v, interleaved(g, x, y), mask ? interleaved(g, mask, mask) : NULL);
    return true;
}
