/* loop.c - building the loop IR: expression constructors that fold constants, register types, and the finishing of a unit
 * (which buffers a kernel touches, names that are unique C identifiers).
 *
 * Folding follows the registers' semantics: i32 and i64 wrap, division by zero gives 0, f32 rounds after each operation.
 * Only what every target computes alike is folded: no transcendental functions. */
#include "ir/scalar.h"
#include "loop/loop.h"
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

static LX *make(Arena *a, LXKind k, Dtype dt) {
    LX *e = NEW(a, LX);
    e->k = k, e->dt = dt;
    return e;
}
LX *lx_int(Arena *a, int64_t v) { LX *e = make(a, LX_INT, DT_I64); e->i = v; return e; }
LX *lx_bool(Arena *a, bool v) { LX *e = make(a, LX_INT, DT_BOOL); e->i = v; return e; }
LX *lx_real(Arena *a, double v, Dtype dt) { LX *e = make(a, LX_REAL, dt); e->r = dt == DT_F32 ? (double)(float)v : v; return e; }
LX *lx_var(Arena *a, Var *v) { LX *e = make(a, LX_VAR, v->dt); e->var = v; return e; }
LX *lx_size(Arena *a, Ext *s) {
    int64_t v;
    if (ext_is_const(s, &v)) return lx_int(a, v);
    LX *e = make(a, LX_SIZE, DT_I64);
    e->size = s;
    return e;
}
Dtype register_type(Dtype t) {
    switch (t) {
    case DT_I8: case DT_U8: return DT_I32;
    case DT_F16: case DT_BF16: return DT_F32;
    case DT_C64: return DT_F32;
    case DT_C128: return DT_F64;
    case DT_NONE: case DT_F64: case DT_F32: case DT_I64: case DT_I32: case DT_BOOL: break;
    }
    return t;
}
static LX *int_of(Arena *a, int64_t v, Dtype dt) {
    LX *e = make(a, LX_INT, dt);
    e->i = dt == DT_BOOL ? v != 0 : dt == DT_I32 ? (int32_t)(uint32_t)(uint64_t)v : v;
    return e;
}
static bool is_int(const LX *e, int64_t v) { return e->k == LX_INT && e->i == v; }
static bool is_true(const LX *e) { return e->k == LX_INT && e->dt == DT_BOOL && e->i; }

LX *lx_load(Arena *a, Buf *b, LX *index, LX *guard) {
    Dtype dt = register_type(b->dt);
    assert(index->dt == DT_I64);
    if (guard && is_true(guard)) guard = NULL;
    if (guard && is_int(guard, 0)) return dtype_is_float(dt) ? lx_real(a, 0, dt) : int_of(a, 0, dt);
    LX *e = make(a, LX_LOAD, dt);
    e->buf = b, e->index = index, e->arg[0] = guard, e->n = guard != NULL;
    return e;
}

static bool same(const LX *p, const LX *q) {       /* known equal; only the cheap cases matter to folding */
    if (p == q) return true;
    if (p->k != q->k || p->dt != q->dt) return false;
    return (p->k == LX_INT && p->i == q->i) || (p->k == LX_VAR && p->var == q->var && !p->var->mutable_) ||
           (p->k == LX_SIZE && ext_equal(p->size, q->size));
}
/* Arithmetic, which f64 and a rounding do as f32 would; functions are left to the target. */
static bool folds(ScalarOp op) { return op == OP_NEG || op == OP_ADD || op == OP_SUB || op == OP_MUL || op == OP_DIV || op == OP_ABS; }
/* Laws that hold for every value of the type; NULL when none applies. */
static LX *by_law(Arena *a, ScalarOp op, LX *p, LX *q, Dtype dt) {
    bool ints = dtype_is_int(dt);
    switch (op) {
    case OP_ADD:
        if (ints && is_int(p, 0)) return q;
        if (ints && is_int(q, 0)) return p;
        if (ints && q->k == LX_INT && p->k == LX_OP && p->op == OP_ADD && p->arg[1]->k == LX_INT)      /* (x + 1) + 2 */
            return lx_op(a, OP_ADD, p->arg[0], int_of(a, (int64_t)((uint64_t)p->arg[1]->i + (uint64_t)q->i), dt));
        return NULL;
    case OP_SUB:
        if (ints && is_int(q, 0)) return p;
        return ints && same(p, q) ? int_of(a, 0, dt) : NULL;
    case OP_MUL:
        if (is_int(p, 1) || (p->k == LX_REAL && p->r == 1)) return q;
        if (is_int(q, 1) || (q->k == LX_REAL && q->r == 1)) return p;
        return ints && (is_int(p, 0) || is_int(q, 0)) ? int_of(a, 0, dt) : NULL;
    case OP_DIV: case OP_FLOORDIV:
        return is_int(q, 1) || (q->k == LX_REAL && q->r == 1 && op == OP_DIV) ? p : NULL;
    case OP_MOD: return is_int(q, 1) ? int_of(a, 0, dt) : NULL;
    case OP_AND:
        if (is_int(p, 0) || is_int(q, 0)) return lx_bool(a, false);
        return is_int(p, 1) ? q : is_int(q, 1) ? p : NULL;
    case OP_OR:
        if (is_int(p, 1) || is_int(q, 1)) return lx_bool(a, true);
        return is_int(p, 0) ? q : is_int(q, 0) ? p : NULL;
    case OP_NOT: return p->k == LX_OP && p->op == OP_NOT ? p->arg[0] : NULL;
    case OP_EQ: case OP_LE: case OP_GE: return !dtype_is_float(p->dt) && same(p, q) ? lx_bool(a, true) : NULL;
    case OP_NE: case OP_LT: case OP_GT: return !dtype_is_float(p->dt) && same(p, q) ? lx_bool(a, false) : NULL;
    case OP_MIN: case OP_MAX: return ints && same(p, q) ? p : NULL;
    default: return NULL;
    }
}
LX *lx_op(Arena *a, ScalarOp op, LX *p, LX *q) {
    const ScalarInfo *s = &scalar_info[op];
    assert((s->arity == 2) == (q != NULL));
    assert(!q || p->dt == q->dt);
    Dtype dt = s->class_ == CMP || s->class_ == LOGIC ? DT_BOOL : p->dt;
    bool is = true;
    if (p->k == LX_INT && (!q || q->k == LX_INT)) {
        int64_t r = scalar_int(op, p->i, q ? q->i : 0, dt, &is);
        if (is) return int_of(a, r, dt);
    }
    if (p->k == LX_REAL && (!q || q->k == LX_REAL) && (dt == DT_BOOL || folds(op))) {
        double r = scalar_real(op, p->r, q ? q->r : 0, &is);
        if (is) return dt == DT_BOOL ? lx_bool(a, r != 0) : lx_real(a, r, dt);
    }
    LX *law = by_law(a, op, p, q, dt);
    if (law) return law;
    LX *e = make(a, LX_OP, dt);
    e->op = op, e->n = s->arity, e->arg[0] = p, e->arg[1] = q;
    return e;
}
LX *lx_cast(Arena *a, LX *p, Dtype dt) {
    assert(dt == register_type(dt) || dt == DT_I8 || dt == DT_U8 || dt == DT_F16 || dt == DT_BF16);
    if (p->dt == dt) return p;
    if (p->k == LX_INT && (dt == DT_I64 || dt == DT_I32 || dt == DT_BOOL)) return int_of(a, p->i, dt);
    if (p->k == LX_INT && (dt == DT_F64 || dt == DT_F32)) {
        LX *e = make(a, LX_REAL, dt);
        e->r = dt == DT_F32 ? (double)(float)p->i : (double)p->i;
        return e;
    }
    if (p->k == LX_REAL && (dt == DT_F64 || dt == DT_F32)) return lx_real(a, p->r, dt);
    if (p->k == LX_CAST && dt == DT_I32 && p->dt == DT_I64 && p->arg[0]->dt == DT_I32) return p->arg[0];
    LX *e = make(a, LX_CAST, dt);
    e->arg[0] = p, e->n = 1;
    return e;
}
LX *lx_bitcast(Arena *a, LX *p, Dtype dt) {
    if (p->dt == dt) return p;
    if (p->k == LX_BITCAST && p->arg[0]->dt == dt) return p->arg[0];
    LX *e = make(a, LX_BITCAST, dt);
    e->arg[0] = p, e->n = 1;
    return e;
}
LX *lx_select(Arena *a, LX *c, LX *t, LX *f) {
    assert(c->dt == DT_BOOL && t->dt == f->dt);
    if (c->k == LX_INT) return c->i ? t : f;
    if (same(t, f)) return t;
    LX *e = make(a, LX_SELECT, t->dt);
    e->n = 3, e->arg[0] = c, e->arg[1] = t, e->arg[2] = f;
    return e;
}

/* ---- size ------------------------------------------------------------------------------------------------ */
static int64_t size_of(const LX *e) {
    if (!e) return 0;
    int64_t n = 1 + size_of(e->index);
    for (int j = 0; j < (e->k == LX_LOAD ? 1 : e->n); j++) n += size_of(e->arg[j]);
    return n;
}
static int64_t block_size(const Block *b) {
    int64_t n = b->n;
    for (int j = 0; j < b->n; j++) {
        const LS *s = b->at[j];
        n += size_of(s->x) + size_of(s->lo) + size_of(s->hi) + size_of(s->index) + size_of(s->guard) + block_size(&s->body) + block_size(&s->other);
    }
    return n;
}
int64_t loop_size(const Unit *u) {
    int64_t n = 0;
    for (int k = 0; k < u->kernel.n; k++) n += block_size(&u->kernel.at[k]->body);
    return n;
}

/* ---- finishing ------------------------------------------------------------------------------------------ */
/* Variables that nothing reads go, with what only they read: first all reads are counted, then blocks are gone through from their end, so that a
 * reader has gone before what it reads is met. */
static void count_reads(const LX *e, int by) {
    if (!e) return;
    if (e->k == LX_VAR) e->var->reads += by;
    count_reads(e->index, by);
    for (int j = 0; j < (e->k == LX_LOAD ? 1 : e->n); j++) count_reads(e->arg[j], by);      /* of a load: the guard */
}
static void statement_reads(const LS *s, int by) {
    count_reads(s->x, by);
    count_reads(s->lo, by);
    count_reads(s->hi, by);
    count_reads(s->index, by);
    count_reads(s->guard, by);
    for (int j = 0; j < s->red.n; j++) s->red.at[j].var->reads += by;
}
static void count_block(const Block *b, bool clear) {
    for (int j = 0; j < b->n; j++) {
        LS *s = b->at[j];
        if (clear && s->var) s->var->reads = 0;
        if (!clear) statement_reads(s, 1);
        count_block(&s->body, clear);
        count_block(&s->other, clear);
    }
}
static bool only_comments(const Block *b) {
    for (int j = 0; j < b->n; j++) if (b->at[j]->k != LS_COMMENT) return false;
    return true;
}
static bool drop_unread(Block *b) {
    bool dropped = false;
    int keep = b->n;
    for (int j = b->n; j-- > 0; ) {
        LS *s = b->at[j];
        if (s->other.n) dropped |= drop_unread(&s->other);
        if (s->body.n) dropped |= drop_unread(&s->body);
        bool names = s->k == LS_LET || s->k == LS_VAR || s->k == LS_SET, holds = s->k == LS_IF || (s->k == LS_FOR && !s->red.n);
        if ((names && !s->var->reads) || (holds && only_comments(&s->body) && only_comments(&s->other))) statement_reads(s, -1), dropped = true;
        else b->at[--keep] = s;
    }
    memmove(b->at, b->at + keep, sizeof *b->at * (size_t)(b->n - keep));
    b->n -= keep;
    return dropped;
}
static void use(Unit *u, Kernel *k, Buf *b, bool writes) {
    for (int j = 0; j < k->buf.n; j++) if (k->buf.at[j] == b) { (writes ? k->writes.at : k->reads.at)[j] = true; return; }
    vec_add(u->arena, k->buf, b);
    vec_add(u->arena, k->writes, writes);
    vec_add(u->arena, k->reads, !writes);
}
static void use_expr(Unit *u, Kernel *k, const LX *e) {
    if (!e) return;
    if (e->k == LX_LOAD) {
        use(u, k, e->buf, false);
        use_expr(u, k, e->index);
        use_expr(u, k, e->arg[0]);
        return;
    }
    for (int j = 0; j < e->n; j++) use_expr(u, k, e->arg[j]);
}
static void use_block(Unit *u, Kernel *k, const Block *b) {
    for (int j = 0; j < b->n; j++) {
        LS *s = b->at[j];
        use_expr(u, k, s->x);
        use_expr(u, k, s->lo);
        use_expr(u, k, s->hi);
        use_expr(u, k, s->index);
        use_expr(u, k, s->guard);
        if (s->k == LS_STORE || s->k == LS_PREFETCH) use(u, k, s->buf, s->k == LS_STORE);
        use_block(u, k, &s->body);
        use_block(u, k, &s->other);
    }
}

/* A set of names: finds a free spelling for each. Names that C, C++, CUDA or the runtime already use are taken from the start. */
typedef struct Slot { const char *s; int next; } Slot;
typedef struct Names { Arena *a; Slot *slot; size_t n, cap; } Names;
static Slot *slot_of(Names *t, const char *s) {
    if (2 * (t->n + 1) > t->cap) {
        Names old = *t;
        t->cap = old.cap ? 2 * old.cap : 256;
        t->slot = NEWN(t->a, Slot, t->cap);
        t->n = 0;
        for (size_t k = 0; k < old.cap; k++) if (old.slot[k].s) { int next = old.slot[k].next; slot_of(t, old.slot[k].s)->next = next; }
    }
    uint64_t h = 1469598103934665603u;
    for (const char *c = s; *c; c++) h = (h ^ (unsigned char)*c) * 1099511628211u;
    size_t p = h & (t->cap - 1);
    for (; t->slot[p].s; p = (p + 1) & (t->cap - 1)) if (!strcmp(t->slot[p].s, s)) return &t->slot[p];
    t->slot[p] = (Slot){ s, 0 };
    t->n++;
    return &t->slot[p];
}
static const char *const reserved[] = {
    "asm", "auto", "bool", "break", "case", "catch", "char", "class", "const", "continue", "default", "delete", "do", "double", "else",
    "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "int32_t", "int64_t", "long",
    "mutable", "namespace", "new", "operator", "private", "protected", "public", "register", "restrict", "return", "short", "signed",
    "size_t", "sizeof", "static", "struct", "switch", "template", "this", "throw", "true", "try", "typedef", "typename", "uint32_t",
    "uint64_t", "uint8_t", "union", "unsigned", "using", "virtual", "void", "volatile", "while", "env", "lo", "hi", "main", "NULL",
    "blockIdx", "threadIdx", "blockDim", "gridDim", "isnan", "isinf", "INFINITY", "NAN", "abs", "min", "max", "half", "complex", "I", "errno", "y0", "y1", "yn", "j0", "j1", "jn", "gamma", "log", "exp", "sin", "cos", "tan", "pow",
    "round", "floor", "ceil", "sqrt", "index", "div", "signal", "time", "rand", "free", "malloc", "item0", "item1"
};
static void names_init(Names *t, Arena *a) {
    *t = (Names){ .a = a };
    for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++) slot_of(t, reserved[k])->next = 1;
}
static const char *free_name(Names *t, const char *want) {
    char *s = arena_strndup(t->a, want && *want ? want : "v", strlen(want && *want ? want : "v"));
    for (char *c = s; *c; c++) if (!isalnum((unsigned char)*c)) *c = '_';
    if (isdigit((unsigned char)*s) || *s == '_' || !strncmp(s, "pgn_", 4)) s = arena_printf(t->a, "v%s%s", isdigit((unsigned char)*s) ? "" : "_", *s == '_' ? s + 1 : s);
    if (s[strlen(s) - 1] == '_') s = arena_printf(t->a, "%sx", s);         /* keeps  a_  and  a__1  from meeting */
    Slot *e = slot_of(t, s);
    if (!e->next) { e->next = 1; return s; }
    for (;;) {
        char *next = arena_printf(t->a, "%s_%d", s, slot_of(t, s)->next++);
        Slot *f = slot_of(t, next);
        if (!f->next) { f->next = 1; return next; }
    }
}
static void name_block(Names *t, Block *b) {
    for (int j = 0; j < b->n; j++) {
        LS *s = b->at[j];
        if (s->k == LS_FOR || s->k == LS_LET || s->k == LS_VAR) s->var->name = free_name(t, s->var->name);
        name_block(t, &s->body);
        name_block(t, &s->other);
    }
}
/* When each buffer is in use: a loop of the host is one step, what it touches lives through all of it. */
static void touch(Buf *b, int step) {
    if (!b) return;
    if (b->first < 0) b->first = step;
    b->last = step;
}
static void touch_block(const HostBlock *h, int step) {
    for (int k = 0; k < h->n; k++) {
        const LH *s = h->at[k];
        int now = step < 0 ? k : step;
        if (s->kernel) for (int j = 0; j < s->kernel->buf.n; j++) touch(s->kernel->buf.at[j], now);
        for (int j = 0; j < s->buf.n; j++) touch(s->buf.at[j], now);
        touch(s->dst, now);
        touch(s->src, now);
        touch_block(&s->head, now);
        touch_block(&s->body, now);
    }
}
void loop_lifetimes(Unit *u) {
    for (int k = 0; k < u->buf.n; k++) u->buf.at[k]->first = -1, u->buf.at[k]->last = -1;
    touch_block(&u->run, -1);
    for (int k = 0; k < u->buf.n; k++) if (u->buf.at[k]->first < 0) u->buf.at[k]->first = u->buf.at[k]->last = 0;
}
void loop_finish(Unit *u) {
    Names global;
    names_init(&global, u->arena);
    for (int k = 0; k < u->buf.n; k++) u->buf.at[k]->name = free_name(&global, u->buf.at[k]->name);
    for (int k = 0; k < u->kernel.n; k++) {
        Kernel *kn = u->kernel.at[k];
        kn->name = free_name(&global, kn->name);
    }
    for (int k = 0; k < u->kernel.n; k++) {
        Kernel *kn = u->kernel.at[k];
        count_block(&kn->body, true);
        count_block(&kn->body, false);
        while (drop_unread(&kn->body)) { }                         /* again for what was set in a loop for its own next round */
        kn->buf.n = kn->writes.n = kn->reads.n = 0;
        use_block(u, kn, &kn->body);
        /* a kernel's variables avoid the buffers' names too: targets print both in one function */
        Names local;
        names_init(&local, u->arena);
        for (int j = 0; j < kn->buf.n; j++) slot_of(&local, kn->buf.at[j]->name)->next = 1;
        for (int j = 0; j < u->sym.n; j++) slot_of(&local, u->sym.at[j]->name)->next = 1;
        kn->item->name = free_name(&local, kn->item->name);
        name_block(&local, &kn->body);
    }
    loop_lifetimes(u);
}
