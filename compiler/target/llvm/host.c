/* host.c - a model's host procedures: bind and run (steps over launches, copies, runtime calls), extent() and count().
 * Sizes and buffer pointers are read from the environment at each step: bind changes both. */
#include "target/llvm/emit.h"
#include "pigeon/model.h"
#include <string.h>

typedef struct Host { Mod *m; LV fn, env, *kernels, status; LLVMBuilderRef entry_b; LLVMBasicBlockRef fail; } Host;

static const char *const rt_name[RT_COUNT] = {
#define RTCALL(id, function, what) [RT_##id] = #function,
#include "loop/rtcall.def"
#undef RTCALL
};
static LV declare(Mod *m, const char *name, LT ret, LT *arg, int n, LT *type) {
    *type = LLVMFunctionType(ret, arg, (unsigned)n, false);
    LV f = LLVMGetNamedFunction(m->mod, name);
    return f ? f : LLVMAddFunction(m->mod, name, *type);
}
static LV call(Mod *m, const char *name, LV *arg, int n) {          /* i32 name(arg..) */
    LT at[8], type;
    for (int k = 0; k < n; k++) at[k] = LLVMTypeOf(arg[k]);
    LV f = declare(m, name, m->i32, at, n, &type);
    return LLVMBuildCall2(m->b, type, f, arg, (unsigned)n, "");
}
static LV table(Host *h, bool sizes) {
    Mod *m = h->m;
    LV off = int64_of(m, sizes ? (int64_t)offsetof(struct pgn_env, size) : (int64_t)offsetof(struct pgn_env, buf));
    return LLVMBuildLoad2(m->b, m->ptr, LLVMBuildInBoundsGEP2(m->b, m->i8, h->env, &off, 1, ""), sizes ? "size" : "buf");
}
static LV size_cell(Host *h, int symbol) {
    LV k = int64_of(h->m, symbol);
    return LLVMBuildInBoundsGEP2(h->m->b, h->m->i64, table(h, true), &k, 1, "");
}
static LV size_now(void *data, int symbol) {
    Host *h = data;
    return LLVMBuildLoad2(h->m->b, h->m->i64, size_cell(h, symbol), h->m->u->sym.at[symbol]->name);
}
static LV buffer_now(Host *h, const Buf *b) {
    if (!b) return LLVMConstNull(h->m->ptr);
    LV k = int64_of(h->m, b->id);
    return LLVMBuildLoad2(h->m->b, h->m->ptr, LLVMBuildInBoundsGEP2(h->m->b, h->m->ptr, table(h, false), &k, 1, ""), b->name);
}
static LLVMBasicBlockRef block(Host *h, const char *name) { return LLVMAppendBasicBlockInContext(h->m->c, h->fn, name); }
/* Leaves with `st` unless it is PGN_OK. */
static void propagate(Host *h, LV st) {
    Mod *m = h->m;
    LLVMBasicBlockRef next = block(h, "next");
    LLVMBuildStore(m->b, st, h->status);
    LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntEQ, st, LLVMConstInt(m->i32, PGN_OK, false), ""), next, h->fail);
    LLVMPositionBuilderAtEnd(m->b, next);
}
static LV local(Host *h, LT t, const char *name) {
    LLVMPositionBuilderBefore(h->entry_b, LLVMGetBasicBlockTerminator(LLVMGetEntryBasicBlock(h->fn)));
    return LLVMBuildAlloca(h->entry_b, t, name);
}
static LV cell(Mod *m, LV array, LT t, int k) {
    LV at = int64_of(m, k);
    return LLVMBuildInBoundsGEP2(m->b, t, array, &at, 1, "");
}
static void steps(Host *h, HostBlock *b);

static void step(Host *h, LH *s) {
    Mod *m = h->m;
    switch (s->k) {
    case LH_ALLOC: {
        LV arg[] = { h->env, LLVMConstInt(m->i32, (uint64_t)s->dst->id, false) };
        propagate(h, call(m, "pgn_env_alloc", arg, 2));
        return;
    }
    case LH_KERNEL: {
        LV arg[] = { h->env, NULL, extent_value(m, s->kernel->extent, size_now, h, NULL), int64_of(m, s->kernel->work) };
        for (int k = 0; k < m->u->kernel.n; k++) if (m->u->kernel.at[k] == s->kernel) arg[1] = h->kernels[k];
        propagate(h, call(m, "pgn_env_launch", arg, 4));
        return;
    }
    case LH_CALL: {
        LT ints = LLVMArrayType(m->i64, (unsigned)s->arg.n + 1), ptrs = LLVMArrayType(m->ptr, (unsigned)s->buf.n + 1);
        LV i = local(h, ints, "ints"), p = local(h, ptrs, "buffers");
        for (int k = 0; k < s->arg.n; k++) LLVMBuildStore(m->b, extent_value(m, s->arg.at[k], size_now, h, NULL), cell(m, i, m->i64, k));
        for (int k = 0; k < s->buf.n; k++) LLVMBuildStore(m->b, buffer_now(h, s->buf.at[k]), cell(m, p, m->ptr, k));
        LV arg[] = { h->env, i, p, s->result ? size_cell(h, s->result->id) : local(h, m->i64, "unused") };
        propagate(h, call(m, rt_name[s->call], arg, 4));
        return;
    }
    case LH_COPY: {
        LV n = LLVMBuildMul(m->b, extent_value(m, s->dst->count, size_now, h, NULL), int64_of(m, (int64_t)dtype_bytes(s->dst->dt)), "");
        LLVMBuildMemCpy(m->b, buffer_now(h, s->dst), 1, buffer_now(h, s->src), 1, n);
        return;
    }
    case LH_CHECK: {
        LV a = extent_value(m, s->a, size_now, h, NULL), b = extent_value(m, s->b, size_now, h, NULL);
        LLVMBasicBlockRef bad = block(h, "check.fails"), good = block(h, "next");
        LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, s->rel == '=' ? LLVMIntEQ : s->rel == '<' ? LLVMIntSLT : LLVMIntSLE, a, b, ""), good, bad);
        LLVMPositionBuilderAtEnd(m->b, bad);
        const char *why = s->message ? s->message : "sizes don't fit";
        LV arg[] = { h->env, LLVMConstInt(m->i32, PGN_E_SIZE, false), LLVMBuildGlobalStringPtr(m->b, why, "message") };
        LLVMBuildStore(m->b, call(m, "pgn_env_fail", arg, 3), h->status);
        LLVMBuildBr(m->b, h->fail);
        LLVMPositionBuilderAtEnd(m->b, good);
        return;
    }
    case LH_LOOP: {
        LV round = local(h, m->i64, "round");
        LLVMBasicBlockRef head = block(h, "rounds"), test = block(h, "rounds.test"), body = block(h, "round"), done = block(h, "rounds.done");
        LLVMBuildStore(m->b, int64_of(m, 0), round);
        LLVMBuildBr(m->b, head);
        LLVMPositionBuilderAtEnd(m->b, head);
        LV r = LLVMBuildLoad2(m->b, m->i64, round, "");
        LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntSLT, r, int64_of(m, s->max), ""), test, done);
        LLVMPositionBuilderAtEnd(m->b, test);
        steps(h, &s->head);
        LV flag = LLVMBuildLoad2(m->b, m->i8, buffer_now(h, s->src), "until");
        LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntNE, flag, LLVMConstInt(m->i8, 0, false), ""), done, body);
        LLVMPositionBuilderAtEnd(m->b, body);
        steps(h, &s->body);
        LLVMBuildStore(m->b, LLVMBuildAdd(m->b, LLVMBuildLoad2(m->b, m->i64, round, ""), int64_of(m, 1), ""), round);
        LLVMBuildBr(m->b, head);
        LLVMPositionBuilderAtEnd(m->b, done);
        return;
    }
    }
}
static void steps(Host *h, HostBlock *b) { for (int k = 0; k < b->n; k++) step(h, b->at[k]); }

LV host_procedure(Mod *m, const char *name, HostBlock *b, LV *kernels) {
    LT type = LLVMFunctionType(m->i32, &m->ptr, 1, false);
    Host h = { .m = m, .kernels = kernels, .fn = LLVMAddFunction(m->mod, name, type), .entry_b = LLVMCreateBuilderInContext(m->c) };
    LLVMSetLinkage(h.fn, LLVMInternalLinkage);
    add_attribute(m, h.fn, "nounwind");
    h.env = LLVMGetParam(h.fn, 0);
    LLVMBasicBlockRef entry = block(&h, "entry"), start = block(&h, "start");
    h.fail = block(&h, "leave");
    LLVMPositionBuilderAtEnd(m->b, entry);
    h.status = LLVMBuildAlloca(m->b, m->i32, "status");
    LLVMBuildBr(m->b, start);
    LLVMPositionBuilderAtEnd(m->b, start);
    steps(&h, b);
    LLVMBuildRet(m->b, LLVMConstInt(m->i32, PGN_OK, false));
    LLVMPositionBuilderAtEnd(m->b, h.fail);
    LLVMBuildRet(m->b, LLVMBuildLoad2(m->b, m->i32, h.status, ""));
    LLVMDisposeBuilder(h.entry_b);
    return h.fn;
}

/* ---- sizes of axes and buffers: -1 when there is no such axis or the number overflows ------------------------------ */
typedef struct Distinct { const Ext *size; LLVMBasicBlockRef at; } Distinct;
typedef struct Sizes { Mod *m; LV fn, size; VEC(Distinct) done; } Sizes;
static LV size_of_argument(void *data, int symbol) {
    Sizes *s = data;
    return LLVMBuildLoad2(s->m->b, s->m->i64, cell(s->m, s->size, s->m->i64, symbol), s->m->u->sym.at[symbol]->name);
}
/* The block that returns e. Many axes and buffers have the same size: it is computed in one place. */
static LLVMBasicBlockRef returns(Sizes *s, const Ext *e) {
    Mod *m = s->m;
    for (int k = 0; k < s->done.n; k++) if (ext_equal(s->done.at[k].size, e)) return s->done.at[k].at;
    LLVMBasicBlockRef b = LLVMAppendBasicBlockInContext(m->c, s->fn, "size");
    vec_add(m->a, s->done, ((Distinct){ e, b }));
    LLVMPositionBuilderAtEnd(m->b, b);
    LV bad = LLVMConstInt(m->i1, 0, false), v = extent_value(m, e, size_of_argument, s, &bad);
    LLVMBuildRet(m->b, LLVMBuildSelect(m->b, bad, int64_of(m, -1), v, ""));
    return b;
}
static LV sizes_function(Mod *m, const char *name, int n_int, LLVMBasicBlockRef *none) {
    LT arg[4] = { m->ptr, m->i32, m->i32, m->i32 }, type = LLVMFunctionType(m->i64, arg, (unsigned)n_int + 1, false);
    LV fn = LLVMAddFunction(m->mod, name, type);
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    add_attribute(m, fn, "nounwind");
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(m->c, fn, "entry");
    *none = LLVMAppendBasicBlockInContext(m->c, fn, "none");
    LLVMPositionBuilderAtEnd(m->b, *none);
    LLVMBuildRet(m->b, int64_of(m, -1));
    LLVMPositionBuilderAtEnd(m->b, entry);
    return fn;
}
static void on(Mod *m, LV sw, int v, LLVMBasicBlockRef to) { LLVMAddCase(sw, LLVMConstInt(m->i32, (uint64_t)v, false), to); }
static LV switch_at(Sizes *s, int argument, int cases, LLVMBasicBlockRef none) {
    return LLVMBuildSwitch(s->m->b, LLVMGetParam(s->fn, (unsigned)argument), none, (unsigned)cases);
}
static LV inner_switch(Sizes *s, LV sw, int v, int argument, int cases, LLVMBasicBlockRef none) {
    LLVMBasicBlockRef b = LLVMAppendBasicBlockInContext(s->m->c, s->fn, "case");
    on(s->m, sw, v, b);
    LLVMPositionBuilderAtEnd(s->m->b, b);
    return switch_at(s, argument, cases, none);
}
LV host_count(Mod *m, const char *name) {
    LLVMBasicBlockRef none;
    LV fn = sizes_function(m, name, 1, &none);
    Sizes s = { .m = m, .fn = fn, .size = LLVMGetParam(fn, 0) };
    LV by_buffer = switch_at(&s, 1, m->u->buf.n, none);
    for (int k = 0; k < m->u->buf.n; k++) on(m, by_buffer, k, returns(&s, m->u->buf.at[k]->count));
    return fn;
}
LV host_extent(Mod *m, const char *name) {
    LLVMBasicBlockRef none;
    LV fn = sizes_function(m, name, 3, &none);
    Sizes s = { .m = m, .fn = fn, .size = LLVMGetParam(fn, 0) };
    LV by_role = switch_at(&s, 1, 3, none);
    Unit *u = m->u;
    struct { int role, n; IfaceItem *at; } of[] = { { PGN_ROLE_INPUT, u->input.n, u->input.at }, { PGN_ROLE_PARAM, u->param.n, u->param.at },
                                                    { PGN_ROLE_OUTPUT, u->output.n, u->output.at } };
    for (int r = 0; r < 3; r++) {
        LV by_item = inner_switch(&s, by_role, of[r].role, 2, of[r].n, none);
        for (int k = 0; k < of[r].n; k++) {
            IfaceItem *it = &of[r].at[k];
            LV by_axis = inner_switch(&s, by_item, k, 3, it->rank + 1, none);
            for (int x = 0; x < it->rank; x++) on(m, by_axis, x, returns(&s, it->extent[x]));
            if (it->target) on(m, by_axis, it->rank, returns(&s, it->target));
        }
    }
    return fn;
}
