/* kernel.c - one kernel: its function, prologue, and the statements of its body.
 *
 * Pointers of buffers, sizes and extents are computed once, in the entry block.  Mutable variables are allocas that LLVM turns
 * into registers.  Buffers of a kernel are distinct: every access carries its buffer's alias scope. */
#include "target/llvm/emit.h"
#include "target/llvm/study.h"
#include "pigeon/model.h"
#include <string.h>

LLVMBasicBlockRef new_block(Gen *g, const char *name) { return LLVMAppendBasicBlockInContext(g->m->c, g->fn, name); }
Slot *slot_of(Gen *g, const Var *v) {
    MapEntry *e = map_add(&g->slot, v);
    if (!e->u.p) e->u.p = NEW(g->m->a, Slot);
    return e->u.p;
}
LV entry_alloca(Gen *g, LT t, const char *name) {
    LLVMPositionBuilderBefore(g->entry_b, LLVMGetBasicBlockTerminator(g->entry));
    return LLVMBuildAlloca(g->entry_b, t, name);
}
LV mask_of(Gen *g) {
    if (!g->tail || !g->cond) return g->tail ? g->tail : g->cond;
    return LLVMBuildAnd(g->m->b, g->tail, g->cond, "");
}
static void gen_loc(Gen *g, Loc loc) {
    if (!g->scope || loc.file < 0 || loc.line <= 0) return;
    LLVMSetCurrentDebugLocation2(g->m->b, LLVMDIBuilderCreateDebugLocation(g->m->c, (unsigned)loc.line, (unsigned)(loc.col > 0 ? loc.col : 0), g->scope, NULL));
}
static void note_facts(Gen *g, const Var *v, const LX *x) { map_add(&g->known, v)->u.i = (known_nonnegative(g, x) ? NONNEGATIVE : 0) | (known_even(g, x) ? EVEN : 0); }

/* Rounds at a time, as the loop's own node of metadata, whose first operand is itself. */
static void mark_unroll(Mod *m, LV back, int n) {
    LLVMMetadataRef part[] = { LLVMMDStringInContext2(m->c, "llvm.loop.unroll.count", 22), LLVMValueAsMetadata(LLVMConstInt(m->i32, (uint64_t)n, false)) };
    LLVMMetadataRef self = LLVMTemporaryMDNode(m->c, NULL, 0), of[] = { self, LLVMMDNodeInContext2(m->c, part, 2) }, loop = LLVMMDNodeInContext2(m->c, of, 2);
    LLVMMetadataReplaceAllUsesWith(self, loop);
    LLVMSetMetadata(back, m->md_loop, LLVMMetadataAsValue(m->c, loop));
}
/* `for var in lo..hi` one by one */
static void serial(Gen *g, Var *var, LV lo, LV hi, const Block *body, int unroll) {
    Mod *m = g->m;
    LV at = entry_alloca(g, m->i64, var->name);
    LLVMBasicBlockRef head = new_block(g, "for"), inside = new_block(g, "for.body"), done = new_block(g, "for.done"), outer = g->leave;
    LLVMBuildStore(m->b, lo, at);
    LLVMBuildBr(m->b, head);
    LLVMPositionBuilderAtEnd(m->b, head);
    LV i = LLVMBuildLoad2(m->b, m->i64, at, var->name);
    LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntSLT, i, hi, ""), inside, done);
    LLVMPositionBuilderAtEnd(m->b, inside);
    *slot_of(g, var) = (Slot){ .val = { register_type(var->dt) == DT_I32 ? LLVMBuildTrunc(m->b, i, m->i32, "") : i, 1, 0 } };
    g->leave = done;
    gen_block(g, body);
    g->leave = outer;
    LLVMBuildStore(m->b, LLVMBuildNSWAdd(m->b, i, int64_of(m, 1), ""), at);
    LV back = LLVMBuildBr(m->b, head);
    if (unroll) mark_unroll(m, back, unroll);
    LLVMPositionBuilderAtEnd(m->b, done);
}
static LV bound(Gen *g, const LX *e) {
    LV v = gen_scalar(g, e);
    return register_type(e->dt) == DT_I64 ? v : LLVMBuildSExt(g->m->b, v, g->m->i64, "");
}
static void gen_for(Gen *g, LS *s) {
    LV lo = bound(g, s->lo), hi = bound(g, s->hi);
    map_add(&g->known, s->var)->u.i = known_nonnegative(g, s->lo) ? NONNEGATIVE : 0;
    int64_t n = s->lo->k == LX_INT && s->hi->k == LX_INT ? s->hi->i - s->lo->i : -1;
    if (n < 0 && s->hi->k == LX_OP && s->hi->op == OP_ADD && s->hi->arg[0] == s->lo && s->hi->arg[1]->k == LX_INT) n = s->hi->arg[1]->i;
    if (s->loop == LOOP_LANE && !g->in_lanes && gen_lanes(g, s, lo, hi, n)) return;
    serial(g, s->var, lo, hi, &s->body, s->unroll);
}
static void assign(Gen *g, Slot *t, Val v) {
    Mod *m = g->m;
    if (t->val.lanes == 1) {
        LLVMBuildStore(m->b, v.v, t->val.v);
        return;
    }
    LV all = spread(g, v), mask = t->outer ? mask_of(g) : g->cond;
    if (mask) all = LLVMBuildSelect(m->b, mask, all, LLVMBuildLoad2(m->b, t->type, t->val.v, ""), "");
    LLVMBuildStore(m->b, all, t->val.v);
}
static void gen_if(Gen *g, LS *s) {
    Mod *m = g->m;
    Val c = gen_expr(g, s->x);
    if (c.lanes == 1) {
        LLVMBasicBlockRef yes = new_block(g, "then"), no = s->other.n ? new_block(g, "else") : NULL, done = new_block(g, "endif");
        LLVMBuildCondBr(m->b, c.v, yes, no ? no : done);
        LLVMPositionBuilderAtEnd(m->b, yes);
        gen_block(g, &s->body);
        LLVMBuildBr(m->b, done);
        if (no) {
            LLVMPositionBuilderAtEnd(m->b, no);
            gen_block(g, &s->other);
            LLVMBuildBr(m->b, done);
        }
        LLVMPositionBuilderAtEnd(m->b, done);
        return;
    }
    /* lanes differ: both sides run, each under its mask */
    LV outer = g->cond, no = LLVMBuildNot(m->b, c.v, "");
    g->cond = outer ? LLVMBuildAnd(m->b, outer, c.v, "") : c.v;
    gen_block(g, &s->body);
    g->cond = outer ? LLVMBuildAnd(m->b, outer, no, "") : no;
    gen_block(g, &s->other);
    g->cond = outer;
}
static void gen_variable(Gen *g, LS *s) {
    Mod *m = g->m;
    bool wide = g->width > 1 && lane_class(g->varies, s->var);
    LT t = register_llvm(m, s->var->dt);
    if (wide) t = LLVMVectorType(t, (unsigned)g->width);
    Val v = gen_expr(g, s->x);
    LV at = entry_alloca(g, t, s->var->name);
    *slot_of(g, s->var) = (Slot){ .memory = true, .type = t, .val = { at, wide ? g->width : 1, 0 } };
    LLVMBuildStore(m->b, wide ? spread(g, v) : v.v, at);
}
static void statement(Gen *g, LS *s) {
    Mod *m = g->m;
    g->epoch++;
    gen_loc(g, s->loc);
    switch (s->k) {
    case LS_FOR: gen_for(g, s); return;
    case LS_LET:
        note_facts(g, s->var, s->x);
        *slot_of(g, s->var) = (Slot){ .val = gen_expr(g, s->x) };
        return;
    case LS_VAR: gen_variable(g, s); return;
    case LS_SET: assign(g, slot_of(g, s->var), gen_expr(g, s->x)); return;
    case LS_STORE: gen_store(g, s); return;
    case LS_IF: gen_if(g, s); return;
    case LS_BREAK_IF: {
        LLVMBasicBlockRef next = new_block(g, "next");
        LLVMBuildCondBr(m->b, gen_scalar(g, s->x), g->leave, next);
        LLVMPositionBuilderAtEnd(m->b, next);
        return;
    }
    case LS_PREFETCH: gen_prefetch(g, s); return;
    case LS_BARRIER: case LS_COMMENT: return;            /* one thread does all lanes */
    }
}
void gen_block(Gen *g, const Block *b) {
    for (int k = 0; k < b->n; k++) {
        if (g->width > 1 && stores_pair(b, k) && gen_store_pair(g, b->at[k], b->at[k + 1])) k++;
        else statement(g, b->at[k]);
    }
}

static bool has_lanes(const Block *b) {
    for (int k = 0; k < b->n; k++) {
        LS *s = b->at[k];
        if ((s->k == LS_FOR && s->loop == LOOP_LANE) || has_lanes(&s->body) || has_lanes(&s->other)) return true;
    }
    return false;
}
static LV table(Gen *g, size_t offset, const char *name) {
    Mod *m = g->m;
    LV off = int64_of(m, (int64_t)offset);
    return LLVMBuildLoad2(m->b, m->ptr, LLVMBuildInBoundsGEP2(m->b, m->i8, g->env, &off, 1, ""), name);
}
static LLVMMetadataRef text_node(Mod *m, const char *s, LLVMMetadataRef second) {
    LLVMMetadataRef at[2] = { LLVMMDStringInContext2(m->c, s, strlen(s)), second };
    return LLVMMDNodeInContext2(m->c, at, second ? 2 : 1);
}
static LV local_memory(Gen *g, const Buf *b, int64_t count) {
    LV at = LLVMBuildAlloca(g->m->b, LLVMArrayType(memory_type(g->m, b->dt), (unsigned)count), b->name);
    LLVMSetAlignment(at, 64);
    return at;
}
static void prologue(Gen *g) {
    Mod *m = g->m;
    Kernel *k = g->k;
    int n = m->u->buf.n, n_used = k->buf.n;
    g->buffer = NEWN(m->a, LV, n + 1), g->large = NEWN(m->a, LV, n + 1);
    g->own = NEWN(m->a, LLVMMetadataRef, n + 1), g->others = NEWN(m->a, LLVMMetadataRef, n + 1);
    LV bufs = table(g, offsetof(struct pgn_env, buf), "buffers");
    g->size_table = table(g, offsetof(struct pgn_env, size), "sizes");
    const char *fn_name = arena_printf(m->a, "%s.%s", m->u->name, k->name);
    LLVMMetadataRef domain = text_node(m, fn_name, NULL), *scope = NEWN(m->a, LLVMMetadataRef, n_used + 1), *rest = NEWN(m->a, LLVMMetadataRef, n_used + 1);
    for (int j = 0; j < n_used; j++) {
        Buf *b = k->buf.at[j];
        LV id = int64_of(m, b->id);
        scope[j] = text_node(m, arena_printf(m->a, "%s.%s", fn_name, b->name), domain);
        int64_t count;
        g->buffer[b->id] = m->const_data[b->id] ? m->const_data[b->id] : b->role == BUF_LOCAL && ext_is_const(b->count, &count) ? local_memory(g, b, count) :
                           LLVMBuildLoad2(m->b, m->ptr, LLVMBuildInBoundsGEP2(m->b, m->ptr, bufs, &id, 1, ""), b->name);
    }
    for (int j = 0; j < n_used; j++) {
        int others = 0;
        for (int l = 0; l < n_used; l++) if (l != j) rest[others++] = scope[l];
        g->own[k->buf.at[j]->id] = LLVMMDNodeInContext2(m->c, &scope[j], 1);
        g->others[k->buf.at[j]->id] = others ? LLVMMDNodeInContext2(m->c, rest, (size_t)others) : NULL;
    }
}
static void debug_function(Gen *g, const char *name) {
    Mod *m = g->m;
    if (!m->di) return;
    Loc l = g->k->loc;
    int f = l.file >= 0 && l.file < m->cx->source.n ? l.file : m->cx->source.n;
    LLVMMetadataRef file = m->di_file[f], none = NULL, type = LLVMDIBuilderCreateSubroutineType(m->di, file, &none, 1, LLVMDIFlagZero);
    unsigned line = l.line > 0 ? (unsigned)l.line : 1;
    g->scope = LLVMDIBuilderCreateFunction(m->di, file, g->k->name, strlen(g->k->name), name, strlen(name), file, line, type, true, true, line,
                                           LLVMDIFlagZero, m->o->opt > 0);
    LLVMSetSubprogram(g->fn, g->scope);
    LLVMSetCurrentDebugLocation2(m->b, LLVMDIBuilderCreateDebugLocation(m->c, line, 0, g->scope, NULL));
    LLVMSetCurrentDebugLocation2(g->entry_b, LLVMGetCurrentDebugLocation2(m->b));
}
LV kernel_function(Mod *m, Kernel *k) {
    LT arg[3] = { m->ptr, m->i64, m->i64 };
    const char *name = arena_printf(m->a, "%s.%s", m->u->name, k->name);
    Gen g = { .m = m, .k = k, .width = 1, .slot = { .a = m->a }, .memo = { .a = m->a }, .known = { .a = m->a } };
    g.fn = LLVMAddFunction(m->mod, name, LLVMFunctionType(m->void_, arg, 3, false));
    LLVMSetLinkage(g.fn, LLVMInternalLinkage);
    add_attribute(m, g.fn, "nounwind");
    if (m->machine->vector_bits > 256)           /* some processors' tuning would split what lane.c made to fit */
        LLVMAddTargetDependentFunctionAttr(g.fn, "prefer-vector-width", "512");
    g.env = LLVMGetParam(g.fn, 0);
    g.size = NEWN(m->a, LV, m->u->sym.n + 1);
    g.entry_b = LLVMCreateBuilderInContext(m->c);
    g.entry = new_block(&g, "entry");
    LLVMBasicBlockRef start = new_block(&g, "items");
    LLVMSetCurrentDebugLocation2(m->b, NULL);
    LLVMPositionBuilderAtEnd(m->b, g.entry);
    debug_function(&g, name);
    prologue(&g);
    LLVMBuildBr(m->b, start);
    LLVMPositionBuilderAtEnd(m->b, start);
    LV lo = LLVMGetParam(g.fn, 1), hi = LLVMGetParam(g.fn, 2);
    map_add(&g.known, k->item)->u.i = NONNEGATIVE;
    /* items are independent, so without lane loops inside they are the lanes */
    bool flat = k->map == MAP_FLAT && !has_lanes(&k->body);
    for (int j = 0; j < k->buf.n; j++) flat &= k->buf.at[j]->role != BUF_LOCAL;
    LS items = { .k = LS_FOR, .loc = k->loc, .var = k->item, .loop = LOOP_LANE, .body = k->body };
    if (!flat || !gen_lanes(&g, &items, lo, hi, -1)) serial(&g, k->item, lo, hi, &k->body, 0);
    stream_end(&g);
    LLVMBuildRetVoid(m->b);
    LLVMDisposeBuilder(g.entry_b);
    return g.fn;
}
