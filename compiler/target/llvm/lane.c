/* lane.c - lane loops as vectors.
 *
 * The body is studied first (study.c).  Then it is emitted up to three times: for several registers at once (unroll-and-jam: a
 * uniform load serves them all, and reductions get independent accumulators), for one register, and for the rest - masked where
 * the machine has masked memory access, scalar otherwise.  Where masks cost next to nothing (AVX-512, and a body that is large or
 * has the wide loop before it), the masked one does the work of the one-register loop too, which makes less code.  Reductions are
 * combined in an order that depends only on the widths. */
#include "target/llvm/emit.h"
#include "target/llvm/study.h"
#include <math.h>

typedef struct Lanes { Gen *g; Var *var; const Block *body; Study *s; Slot *outer; LV *acc; LV pos; } Lanes;

static LV neutral(Mod *m, ScalarOp op, Dtype dt) {
    LT t = register_llvm(m, dt);
    bool real = dtype_is_float(dt);
    int64_t max = dt == DT_I32 ? INT32_MAX : INT64_MAX;
    switch (op) {
    case OP_MUL: return real ? LLVMConstReal(t, 1) : LLVMConstInt(t, 1, true);
    case OP_MIN: return real ? LLVMConstReal(t, NAN) : LLVMConstInt(t, (uint64_t)max, true);          /* min(NaN, x) is x */
    case OP_MAX: return real ? LLVMConstReal(t, NAN) : LLVMConstInt(t, (uint64_t)(-max - 1), true);
    case OP_AND: return LLVMConstInt(t, 1, false);
    case OP_BITAND: return LLVMConstAllOnes(t);
    default: return LLVMConstNull(t);  /* ADD OR BITOR BITXOR */
    }
}
static LV half_of(Mod *m, LV v, int lanes, int which) {
    LV at[MAX_LANES];
    for (int k = 0; k < lanes / 2; k++) at[k] = LLVMConstInt(m->i32, (uint64_t)(which * lanes / 2 + k), false);
    return LLVMBuildShuffleVector(m->b, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(at, (unsigned)(lanes / 2)), "");
}
static LV fold(Mod *m, ScalarOp op, Dtype dt, LV v, int from, int to) {
    for (; from > to; from /= 2) {
        LV lo = half_of(m, v, from, 0), hi = half_of(m, v, from, 1);
        v = scalar_op(m, op, dt, lo, hi, false);
    }
    return v;
}
static void body_at(Lanes *l, LV base, int width, LV tail) {
    Gen *g = l->g;
    Mod *m = g->m;
    int n_red = l->s->n_red;
    for (int k = 0; k < n_red; k++) {
        Var *v = l->s->red[k].var;
        *slot_of(g, v) = width == 1 ? l->outer[k] :
            (Slot){ .memory = true, .outer = true, .type = LLVMVectorType(register_llvm(m, v->dt), (unsigned)width), .val = { l->acc[k], width, 0 } };
    }
    g->width = width, g->tail = tail, g->varies = width > 1 ? &l->s->varies : NULL, g->in_lanes = true;
    g->epoch++;
    *slot_of(g, l->var) = (Slot){ .val = { register_type(l->var->dt) == DT_I32 ? LLVMBuildTrunc(m->b, base, m->i32, "") : base, 1, width > 1 } };
    gen_block(g, l->body);
    g->width = 1, g->tail = NULL, g->varies = NULL, g->in_lanes = false;
    g->epoch++;
    for (int k = 0; k < n_red; k++) *slot_of(g, l->s->red[k].var) = l->outer[k];
}
static void loop_at(Lanes *l, LV end, int width, bool once) {
    Gen *g = l->g;
    Mod *m = g->m;
    LLVMBasicBlockRef head = NULL, done = NULL, outer = g->leave;
    if (!once) {
        head = new_block(g, "lanes"), done = new_block(g, "lanes.done");
        LLVMBuildBr(m->b, head);
        LLVMPositionBuilderAtEnd(m->b, head);
    }
    LV base = LLVMBuildLoad2(m->b, m->i64, l->pos, l->var->name);
    if (!once) {
        LLVMBasicBlockRef inside = new_block(g, "lanes.body");
        LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntSLT, base, end, ""), inside, done);
        LLVMPositionBuilderAtEnd(m->b, inside);
        g->leave = done;
    }
    body_at(l, base, width, NULL);
    g->leave = outer;
    LLVMBuildStore(m->b, LLVMBuildNSWAdd(m->b, base, int64_of(m, width), ""), l->pos);
    if (once) return;
    LLVMBuildBr(m->b, head);
    LLVMPositionBuilderAtEnd(m->b, done);
}
/* Accumulators of `width` lanes; the wider ones before them are folded in. */
static void start_accumulators(Lanes *l, int width) {
    Gen *g = l->g;
    Mod *m = g->m;
    for (int k = 0; k < l->s->n_red; k++) {
        const LaneReduce *r = &l->s->red[k];
        Dtype dt = register_type(r->var->dt);
        LV now = entry_alloca(g, LLVMVectorType(register_llvm(m, dt), (unsigned)width), r->var->name), old = l->acc[k], v;
        if (old) {
            LT was = LLVMGetAllocatedType(old);
            v = fold(m, r->op, dt, LLVMBuildLoad2(m->b, was, old, ""), (int)LLVMGetVectorSize(was), width);
        } else v = splat(m, neutral(m, r->op, dt), width);
        LLVMBuildStore(m->b, v, now);
        l->acc[k] = now;
    }
}
/* Several accumulators fold together, each by the same additions as alone: two vectors that hold some accumulators of `lanes` lanes each, slot by slot,
 * become one that holds all of them with half the lanes. Slots are laid so that the shuffles of few lanes stay within 128 bits of f32. */
typedef struct Packed { LV v; int who[MAX_LANES]; } Packed;
static Packed pack(Mod *m, ScalarOp op, Dtype dt, const Packed *p, const Packed *q, int width, int lanes) {
    int slots = width / lanes, run = width < 4 || lanes > 4 ? slots : lanes == 4 ? 1 : 2;       /* so many slots of one, then as many of the other */
    LV at[2][MAX_LANES];
    Packed r;
    for (int s = 0; s < 2 * slots; s++) {
        int other = s / run % 2, from = s / (2 * run) * run + s % run;
        r.who[s] = other ? q->who[from] : p->who[from];
        for (int k = 0; k < lanes; k++) at[2 * k / lanes][s * lanes / 2 + k % (lanes / 2)] = LLVMConstInt(m->i32, (uint64_t)(other * width + from * lanes + k), false);
    }
    LV half[2];
    for (int k = 0; k < 2; k++) half[k] = LLVMBuildShuffleVector(m->b, p->v, q->v, LLVMConstVector(at[k], (unsigned)width), "");
    r.v = scalar_op(m, op, dt, half[0], half[1], false);
    return r;
}
/* The folds of n accumulators; an odd one keeps itself company. */
static void fold_together(Mod *m, ScalarOp op, Dtype dt, Packed *p, int n, int width, LV *to) {
    int lanes = width;
    for (; lanes > 1; lanes /= 2, n = (n + 1) / 2) for (int k = 0; k < n; k += 2) p[k / 2] = pack(m, op, dt, &p[k], &p[k + 1 < n ? k + 1 : k], width, lanes);
    for (int j = 0; j < n; j++) for (int s = 0; s < width; s++) to[p[j].who[s]] = LLVMBuildExtractElement(m->b, p[j].v, int64_of(m, s), "");
}
static void finish_accumulators(Lanes *l, int width) {
    Mod *m = l->g->m;
    int n = l->s->n_red;
    LV *sum = NEWN(m->a, LV, n + 1);
    Packed *together = NEWN(m->a, Packed, n + 1);
    for (int k = 0; k < n; k++) {
        if (sum[k]) continue;
        const LaneReduce *r = &l->s->red[k];
        Dtype dt = register_type(r->var->dt);
        int same = 0;
        for (int j = k; j < n; j++) {
            if (l->s->red[j].op != r->op || register_type(l->s->red[j].var->dt) != dt) continue;
            together[same].v = LLVMBuildLoad2(m->b, LLVMGetAllocatedType(l->acc[j]), l->acc[j], "");
            together[same++].who[0] = j;
        }
        if (same > 1) fold_together(m, r->op, dt, together, same, width, sum);
        else sum[k] = LLVMBuildExtractElement(m->b, fold(m, r->op, dt, together[0].v, width, 1), int64_of(m, 0), "");
    }
    for (int k = 0; k < n; k++) {
        LV old = LLVMBuildLoad2(m->b, l->outer[k].type, l->outer[k].val.v, "");
        LLVMBuildStore(m->b, scalar_op(m, l->s->red[k].op, register_type(l->s->red[k].var->dt), old, sum[k], false), l->outer[k].val.v);
    }
}
static LV whole(Gen *g, LV lo, LV hi, int width) {           /* end of the part that `width` divides; below lo when hi is */
    Mod *m = g->m;
    return LLVMBuildAdd(m->b, lo, LLVMBuildAnd(m->b, LLVMBuildSub(m->b, hi, lo, ""), int64_of(m, -width), ""), "");
}
/* One vector of the first hi - pos lanes, or several until hi is reached. */
static void masked_rest(Lanes *l, LV hi, int width, bool several) {
    Gen *g = l->g;
    Mod *m = g->m;
    LLVMBasicBlockRef head = new_block(g, "rest"), some = new_block(g, "rest.body"), done = new_block(g, "rest.done"), outer = g->leave;
    LLVMBuildBr(m->b, head);
    LLVMPositionBuilderAtEnd(m->b, head);
    LV base = LLVMBuildLoad2(m->b, m->i64, l->pos, "");
    LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntSLT, base, hi, ""), some, done);
    LLVMPositionBuilderAtEnd(m->b, some);
    LV number[MAX_LANES];
    for (int k = 0; k < width; k++) number[k] = LLVMConstInt(m->i32, (uint64_t)k, false);
    LV most[] = { LLVMBuildSub(m->b, hi, base, ""), int64_of(m, width) };
    LV left = LLVMBuildTrunc(m->b, call_intrinsic(m, "llvm.umin", m->i64, most, 2), m->i32, "");
    LV mask = LLVMBuildICmp(m->b, LLVMIntULT, LLVMConstVector(number, (unsigned)width), splat(m, left, width), "");
    g->leave = done;
    body_at(l, base, width, mask);
    g->leave = outer;
    LLVMBuildStore(m->b, LLVMBuildNSWAdd(m->b, base, int64_of(m, width), ""), l->pos);
    LLVMBuildBr(m->b, several ? head : done);
    LLVMPositionBuilderAtEnd(m->b, done);
}

/* ---- how wide ------------------------------------------------------------------------------------------------------------ */
enum { LARGE = 24 };                   /* operations of a body in which the making of a mask is lost */
typedef struct Shape { int width, jam; bool masked; } Shape;           /* width: lanes of a register; jam: registers at once */

static Shape shape_of(const Target *t, const Study *s, int64_t n, int wanted) {
    Shape h = { t->vector_bits / 8 / s->widest, 1, t->masked_memory && (!s->narrow || t->masked_bytes) && !s->n_slow };
    if (wanted) while (h.jam * 2 * h.width <= wanted && h.jam * 2 * h.width <= MAX_LANES) h.jam *= 2;
    else if (!s->n_slow && (s->n_inner || (s->n_red && !s->n_math))) { /* a loop inside is gone through fewer times; a quarter of the registers is left for operands, three for functions */
        int variables = s->n_vectors ? s->n_vectors : 1, kept = s->n_math ? t->n_vector_registers / 4 : t->n_vector_registers * 3 / 4;
        while (h.jam < 8 && 2 * h.jam * variables <= kept) h.jam *= 2;
    }
    else if (s->n_streams) while (!s->n_slow && h.jam * h.width * s->widest < 64) h.jam *= 2;        /* whole lines */
    if (n >= 0) {
        while (h.jam > 1 && h.jam * h.width > n) h.jam /= 2;
        while (h.width > 1 && (h.masked ? h.width / 2 >= n : h.width > n)) h.width /= 2;
    }
    return h;
}
bool gen_lanes(Gen *g, const LS *loop, LV lo, LV hi, int64_t n) {
    Mod *m = g->m;
    const Target *t = m->machine;
    int n_red = loop->red.n;
    Study s = { .a = m->a, .varies = { .a = m->a }, .seen = { .a = m->a }, .lane = loop->var, .red = loop->red.at, .n_red = n_red, .target = t, .kernel = g->k };
    if (!t->vector_bits || !study_lanes(&s, &loop->body)) return false;
    if ((s.guarded && !t->masked_memory) || (s.narrow_guarded && !t->masked_bytes)) return false;
    if (s.n_lanes && s.n_slow) return false;                 /* a loop inside has the better lanes */
    for (int k = 0; k < n_red; k++) if (!slot_of(g, s.red[k].var)->memory) return false;
    Shape h = shape_of(t, &s, n, loop->width);
    if (h.width < 2) return false;
    Lanes l = { .g = g, .var = loop->var, .body = &loop->body, .s = &s, .outer = NEWN(m->a, Slot, n_red + 1), .acc = NEWN(m->a, LV, n_red + 1) };
    for (int k = 0; k < n_red; k++) l.outer[k] = *slot_of(g, s.red[k].var);
    l.pos = entry_alloca(g, m->i64, l.var->name);
    LLVMBuildStore(m->b, lo, l.pos);
    int wide = h.jam * h.width;
    int64_t after = n < 0 || h.jam == 1 ? n : n % wide;      /* what the wide loop leaves; -1: not known */
    if (h.jam > 1) {
        start_accumulators(&l, wide);
        loop_at(&l, whole(g, lo, hi, wide), wide, n >= 0 && n / wide == 1);
    }
    start_accumulators(&l, h.width);
    bool rest = after < 0 || after % h.width, costs_nothing = h.masked && t->masked_bytes && (h.jam > 1 || s.n_ops > LARGE);
    bool several = costs_nothing && rest && (after < 0 || after > h.width);
    if (!several && (after < 0 || after >= h.width)) loop_at(&l, whole(g, lo, hi, h.width), h.width, after >= 0 && after / h.width == 1);
    if (rest && h.masked) masked_rest(&l, hi, h.width, several);
    finish_accumulators(&l, h.width);
    if (rest && !h.masked) loop_at(&l, hi, 1, false);
    return true;
}
