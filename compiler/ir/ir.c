/* ir.c - building programs: sizes, spaces, values, nodes. See ir.h for what they mean. */
#include "ir/ir.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* ---- sizes -------------------------------------------------------------------------------------------- */
Ext *ext_const(Arena *a, int64_t v) {
    Ext *e = NEW(a, Ext);
    e->op = EXT_CONST, e->value = v;
    return e;
}
Ext *ext_sym(Arena *a, Sym *s) {
    if (s->fixed >= 0) return ext_const(a, s->fixed);
    Ext *e = NEW(a, Ext);
    e->op = EXT_SYM, e->sym = s;
    return e;
}
/* -1 stands for "no size" (overflow, division by zero) and stays -1 through every operation but none is made of it on purpose */
#define NO_SIZE INT64_MIN
static int64_t apply(ExtOp op, int64_t x, int64_t y) {
    int64_t r;
    if (x == NO_SIZE || y == NO_SIZE) return NO_SIZE;
    switch (op) {
    case EXT_ADD: return __builtin_add_overflow(x, y, &r) ? NO_SIZE : r;
    case EXT_SUB: return __builtin_sub_overflow(x, y, &r) ? NO_SIZE : r;
    case EXT_MUL: return __builtin_mul_overflow(x, y, &r) ? NO_SIZE : r;
    case EXT_FLOORDIV: return !y ? NO_SIZE : x / y - (x % y != 0 && (x < 0) != (y < 0));
    case EXT_CEILDIV: return !y ? NO_SIZE : x / y + (x % y != 0 && (x < 0) == (y < 0));
    case EXT_MOD: return !y ? NO_SIZE : (r = x % y, r + (r && (r < 0) != (y < 0) ? y : 0));
    case EXT_MIN: return x < y ? x : y;
    case EXT_MAX: return x > y ? x : y;
    case EXT_CONST: case EXT_SYM: break;
    }
    return NO_SIZE;
}
bool ext_is_const(const Ext *e, int64_t *v) {
    if (e->op != EXT_CONST) return false;
    if (v) *v = e->value;
    return true;
}
bool ext_equal(const Ext *a, const Ext *b) {
    if (a == b) return true;
    if (a->op != b->op) return false;
    if (a->op == EXT_CONST) return a->value == b->value;
    if (a->op == EXT_SYM) return a->sym == b->sym;
    if (ext_equal(a->a, b->a) && ext_equal(a->b, b->b)) return true;
    bool either = a->op == EXT_ADD || a->op == EXT_MUL || a->op == EXT_MIN || a->op == EXT_MAX;
    return either && ext_equal(a->a, b->b) && ext_equal(a->b, b->a);
}
Ext *ext_op(Arena *a, ExtOp op, Ext *x, Ext *y) {
    int64_t v = 0, w = 0;
    bool cx = ext_is_const(x, &v), cy = ext_is_const(y, &w);
    if (cx && cy) {
        int64_t r = apply(op, v, w);
        if (r != NO_SIZE) return ext_const(a, r);
    }
    if (op == EXT_ADD && cx && !v) return y;
    if ((op == EXT_ADD || op == EXT_SUB) && cy && !w) return x;
    if (op == EXT_MUL && cx && v == 1) return y;
    if ((op == EXT_MUL || op == EXT_FLOORDIV || op == EXT_CEILDIV) && cy && w == 1) return x;
    Ext *e = NEW(a, Ext);
    e->op = op, e->a = x, e->b = y;
    return e;
}
static int64_t eval(const Ext *e, const int64_t *size) {
    if (e->op == EXT_CONST) return e->value;
    if (e->op == EXT_SYM) return size[e->sym->id];
    return apply(e->op, eval(e->a, size), eval(e->b, size));
}
bool ext_is_known(const Ext *e, const int64_t *size) {
    if (e->op == EXT_CONST) return true;
    if (e->op == EXT_SYM) return size[e->sym->id] >= 0;
    return ext_is_known(e->a, size) && ext_is_known(e->b, size);
}
int64_t ext_eval(const Ext *e, const int64_t *size) {
    int64_t r = eval(e, size);
    return r == NO_SIZE ? -1 : r;
}
bool check_holds(const Check *c, const int64_t *size) {
    if (!ext_is_known(c->a, size) || !ext_is_known(c->b, size)) return true;
    int64_t x = ext_eval(c->a, size), y = ext_eval(c->b, size);
    return c->rel == '<' ? x < y : c->rel == '=' ? x == y : x <= y;
}
static const char *with_value(Arena *a, const Ext *e, const int64_t *size) {
    int64_t n = ext_eval(e, size);
    return ext_is_const(e, NULL) ? arena_printf(a, "%" PRId64, n) : arena_printf(a, "%s is %" PRId64, ext_text(a, e), n);
}
const char *check_text(Arena *a, const Check *c, const int64_t *size) { return arena_printf(a, "%s (%s, %s)", c->message, with_value(a, c->a, size), with_value(a, c->b, size)); }
const char *ext_text(Arena *a, const Ext *e) {
    static const char *const name[] = { "", "", "+", "-", "*", "//", "ceildiv", "mod", "min", "max" };
    if (e->op == EXT_CONST) return arena_printf(a, "%lld", (long long)e->value);
    if (e->op == EXT_SYM) return e->sym->name;
    if (e->op >= EXT_CEILDIV && e->op != EXT_MOD) return arena_printf(a, "%s(%s, %s)", name[e->op], ext_text(a, e->a), ext_text(a, e->b));
    return arena_printf(a, "(%s %s %s)", ext_text(a, e->a), name[e->op], ext_text(a, e->b));
}

/* ---- spaces, nodes, values ------------------------------------------------------------------------------ */
/* A size that is made from those of graphs: dims themselves are positive, and so is what is made of them (sema/sizes.c). */
bool ext_may_be_zero(const Ext *e) {
    if (e->op == EXT_CONST) return false;
    if (e->op == EXT_SYM) return e->sym->kind != SYM_DIM;
    return ext_may_be_zero(e->a) || ext_may_be_zero(e->b);
}
bool space_may_be_empty(const Space *s) {
    int64_t n;
    if (ext_is_const(s->extent, &n)) return n <= 0;
    switch (s->kind) {
    case SP_DIM: case SP_RANGE: case SP_SEQ: case SP_GRID: case SP_MODES: return ext_may_be_zero(s->extent);
    case SP_PRODUCT:
        for (int k = 0; k < s->n_part; k++) if (space_may_be_empty(s->part[k])) return true;
        return false;
    case SP_SUM:
        for (int k = 0; k < s->n_part; k++) if (!space_may_be_empty(s->part[k])) return false;
        return true;
    case SP_NODES: case SP_EDGES: case SP_NTYPES: case SP_ETYPES: case SP_DERIVED: return true;
    }
    return true;
}
Program *program_new(Context *cx, const char *name) {
    Program *p = NEW(cx->arena, Program);
    p->cx = cx, p->arena = cx->arena, p->name = name, p->loc = NO_LOC;
    return p;
}
Sym *program_sym(Program *p, const char *name, SymKind kind, Loc loc) {
    Sym *s = NEW(p->arena, Sym);
    *s = (Sym){ p->sym.n, name, kind, -1, loc };
    vec_add(p->arena, p->sym, s);
    return s;
}
Space *program_space(Program *p, SpaceKind kind, const char *name, Ext *extent) {
    Space *s = NEW(p->arena, Space);
    s->id = p->space.n, s->kind = kind, s->name = name, s->extent = extent, s->loc = NO_LOC;
    vec_add(p->arena, p->space, s);
    return s;
}
Index *program_index(Program *p, const char *name, Space *space) {
    Index *i = NEW(p->arena, Index);
    *i = (Index){ p->n_index++, name, space };
    return i;
}
Node *program_node(Program *p, NodeKind kind, Loc loc) {
    Node *n = NEW(p->arena, Node);
    n->id = p->n_node++, n->kind = kind, n->loc = loc;
    return n;
}
Value *program_value(Program *p, Node *n, const char *name, Dtype dt, int rank, Space **axis) {
    Value *v = NEW(p->arena, Value);
    v->id = p->n_value++;
    v->name = name ? name : arena_printf(p->arena, "%%%d", v->id);
    v->dt = dt, v->rank = rank, v->node = n, v->result = n->n_result, v->loc = n->loc, v->again = p->again;
    v->axis = NEWN(p->arena, Space *, rank + 1);
    if (rank) memcpy(v->axis, axis, sizeof *axis * (size_t)rank);
    n->result = arena_grow(p->arena, n->result, sizeof(Value *) * (size_t)n->n_result, sizeof(Value *) * (size_t)(n->n_result + 1));
    n->result[n->n_result++] = v;
    return v;
}
const char *node_kind_name(NodeKind k) {
    static const char *const name[] = { "input", "param", "const", "compute", "recur", "transform", "select", "factor", "iterate", "derive" };
    return name[k];
}
const char *const reduce_name[] = { "sum", "prod", "min", "max", "any", "all", "logsumexp", "argmin", "argmax" };
