/* verify.c - everything that loop.h promises: types of registers, scopes of variables, who may write which buffer, what lanes share,
 * and that host procedures name things of the unit. D_IR_INVALID with the place of the statement. */
#include "loop/loop.h"
#include <ctype.h>
#include <string.h>

enum { MOST_REPORTS = 20, MOST_LOCAL = 1 << 14 };
typedef struct Scoped { const Var *var; int lane; } Scoped;      /* lane: lane loops around its declaration */
typedef struct Checker {
    Unit *u;
    const char *after;
    int reports;
    const Kernel *kernel;
    Loc loc;
    VEC(Scoped) scope;
    int lane;                                                    /* lane loops around this place */
    bool in_loop, lane_innermost;                                /* for break-if */
    VEC(const LaneReduce *) red;
    bool *stored;                                                /* by buffer id, in this kernel */
} Checker;

static void PRINTF_LIKE(3, 4) invalid(Checker *v, Loc loc, const char *fmt, ...) {
    if (v->reports++ >= MOST_REPORTS) return;
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (v->kernel) diag_error(v->u->cx, D_IR_INVALID, loc.file >= 0 ? loc : v->kernel->loc, "after %s: kernel `%s`: %s", v->after, v->kernel->name, text);
    else diag_error(v->u->cx, D_IR_INVALID, loc, "after %s: %s", v->after, text);
}
static bool size(Checker *v, const Ext *e) {
    if (!e) { invalid(v, v->loc, "a size is missing"); return false; }
    if (e->op == EXT_CONST) return true;
    if (e->op != EXT_SYM) return size(v, e->a) && size(v, e->b);
    if (e->sym->id >= 0 && e->sym->id < v->u->sym.n && v->u->sym.at[e->sym->id] == e->sym) return true;
    invalid(v, v->loc, "the size `%s` is not the unit's", e->sym->name);
    return false;
}
static bool buffer(Checker *v, const Buf *b) {
    if (b && b->id >= 0 && b->id < v->u->buf.n && v->u->buf.at[b->id] == b) return true;
    invalid(v, v->loc, "the buffer `%s` is not the unit's", b ? b->name : "?");
    return false;
}
static bool is_register(Dtype t) { return t == DT_F64 || t == DT_F32 || t == DT_I64 || t == DT_I32 || t == DT_BOOL; }
static bool is_real(Dtype t) { return t == DT_F64 || t == DT_F32; }
static bool is_int(Dtype t) { return t == DT_I64 || t == DT_I32; }

static void operation(Checker *v, const LX *e) {
    const ScalarInfo *s = &scalar_info[e->op];
    if ((unsigned)e->op >= OP_COUNT || e->n != s->arity) { invalid(v, v->loc, "an operation that does not exist, or with other arguments"); return; }
    Dtype t = e->arg[0]->dt, want = t;
    bool ok = true;
    if (e->n == 2 && e->arg[1]->dt != t) invalid(v, v->loc, "`%s` of %s and %s", s->name, dtype_name(t), dtype_name(e->arg[1]->dt));
    switch (s->class_) {
    case ARITH: ok = t != DT_BOOL && e->op != OP_CONJ; break;
    case FLOAT: ok = is_real(t); break;
    case REAL: ok = is_real(t) && e->op != OP_COMPLEX; break;
    case INT: ok = e->op == OP_THREEFRY ? t == DT_I64 : is_int(t); break;
    case CMP: want = DT_BOOL; break;
    case LOGIC: ok = t == DT_BOOL, want = DT_BOOL; break;
    case PART: ok = e->op == OP_ABS && t != DT_BOOL; break;      /* complex numbers don't exist here */
    }
    if (!ok) invalid(v, v->loc, "`%s` does not take %s", s->name, dtype_name(t));
    else if (e->dt != want) invalid(v, v->loc, "`%s` of %s gives %s, not %s", s->name, dtype_name(t), dtype_name(want), dtype_name(e->dt));
}
static void expr(Checker *v, const LX *e) {
    if (!e) { invalid(v, v->loc, "an expression is missing"); return; }
    if (v->reports >= MOST_REPORTS) return;
    if (!is_register(e->dt)) { invalid(v, v->loc, "a register of %s", e->dt == DT_NONE ? "no dtype" : dtype_name(e->dt)); return; }
    switch (e->k) {
    case LX_INT: if (is_real(e->dt)) invalid(v, v->loc, "an integer constant of %s", dtype_name(e->dt)); return;
    case LX_REAL: if (!is_real(e->dt)) invalid(v, v->loc, "a real constant of %s", dtype_name(e->dt)); return;
    case LX_VAR:
        for (int k = v->scope.n - 1; k >= 0; k--) if (v->scope.at[k].var == e->var) {
            if (e->dt != e->var->dt) invalid(v, v->loc, "`%s` is %s, not %s", e->var->name, dtype_name(e->var->dt), dtype_name(e->dt));
            return;
        }
        invalid(v, v->loc, "`%s` is not in scope", e->var->name);
        return;
    case LX_SIZE: size(v, e->size); if (e->dt != DT_I64) invalid(v, v->loc, "a size is i64"); return;
    case LX_LOAD:
        if (!buffer(v, e->buf)) return;
        expr(v, e->index);
        if (e->index && e->index->dt != DT_I64) invalid(v, v->loc, "a load of `%s` at %s", e->buf->name, dtype_name(e->index->dt));
        if (e->arg[0]) { expr(v, e->arg[0]); if (e->arg[0]->dt != DT_BOOL) invalid(v, v->loc, "a guard is bool"); }
        if (e->dt != register_type(e->buf->dt)) invalid(v, v->loc, "a load of `%s` gives %s, not %s", e->buf->name, dtype_name(register_type(e->buf->dt)), dtype_name(e->dt));
        return;
    case LX_OP: case LX_CAST: case LX_BITCAST: case LX_SELECT: break;
    }
    for (int k = 0; k < e->n; k++) {
        if (!e->arg[k]) { invalid(v, v->loc, "an argument is missing"); return; }
        expr(v, e->arg[k]);
    }
    if (e->k == LX_OP) { operation(v, e); return; }
    if (e->n != (e->k == LX_SELECT ? 3 : 1)) { invalid(v, v->loc, "a cast or selection with %d arguments", e->n); return; }
    if (e->k == LX_BITCAST && dtype_bytes(e->dt) != dtype_bytes(e->arg[0]->dt)) invalid(v, v->loc, "a bitcast from %s to %s changes the width", dtype_name(e->arg[0]->dt), dtype_name(e->dt));
    if (e->k == LX_SELECT && (e->arg[0]->dt != DT_BOOL || e->arg[1]->dt != e->dt || e->arg[2]->dt != e->dt))
        invalid(v, v->loc, "select of %s, %s, %s gives %s", dtype_name(e->arg[0]->dt), dtype_name(e->arg[1]->dt), dtype_name(e->arg[2]->dt), dtype_name(e->dt));
}
static void typed(Checker *v, const LX *e, Dtype t, const char *what) {
    expr(v, e);
    if (e && e->dt != t) invalid(v, v->loc, "%s is %s, it should be %s", what, dtype_name(e->dt), dtype_name(t));
}

/* ---- statements ----------------------------------------------------------------------------------------- */
static void declare(Checker *v, const Var *x, bool mutable_) {
    if (!is_register(x->dt) || x->mutable_ != mutable_) invalid(v, v->loc, "the variable `%s` has no register type, or is not as mutable as its statement says", x->name);
    for (int k = 0; k < v->scope.n; k++) {
        if (v->scope.at[k].var == x) { invalid(v, v->loc, "`%s` is declared twice", x->name); break; }
        if (!strcmp(v->scope.at[k].var->name, x->name)) { invalid(v, v->loc, "two variables have the name `%s`", x->name); break; }
    }
    vec_add(v->u->arena, v->scope, (Scoped){ x, v->lane });
}
static void block(Checker *v, const Block *b);
static void loop(Checker *v, const LS *s) {
    int depth = v->scope.n, reds = v->red.n;
    bool in_loop = v->in_loop, innermost = v->lane_innermost;
    typed(v, s->lo, DT_I64, "the beginning of a loop");
    typed(v, s->hi, DT_I64, "the end of a loop");
    if (s->var->dt != DT_I64) invalid(v, v->loc, "the loop variable `%s` is %s, not i64", s->var->name, dtype_name(s->var->dt));
    if (s->red.n && s->loop != LOOP_LANE) invalid(v, v->loc, "a serial loop has no reductions");
    if (s->unroll && s->loop == LOOP_LANE) invalid(v, v->loc, "a loop over lanes is not unrolled");
    for (int k = 0; k < s->red.n; k++) {
        const LaneReduce *r = &s->red.at[k];
        bool found = false;
        for (int j = 0; j < v->scope.n; j++) found = found || v->scope.at[j].var == r->var;
        bool op = r->op == OP_ADD || r->op == OP_MUL || r->op == OP_MIN || r->op == OP_MAX || r->op == OP_AND || r->op == OP_OR;
        if (!found || !r->var->mutable_ || !op) invalid(v, v->loc, "`%s` is reduced over lanes but is no mutable variable in scope, or the operation does not reduce", r->var->name);
        vec_add(v->u->arena, v->red, r);
    }
    v->lane += s->loop == LOOP_LANE;
    v->in_loop = true, v->lane_innermost = s->loop == LOOP_LANE;
    declare(v, s->var, false);
    block(v, &s->body);
    v->lane -= s->loop == LOOP_LANE;
    v->in_loop = in_loop, v->lane_innermost = innermost;
    v->scope.n = depth, v->red.n = reds;
}
static void set(Checker *v, const LS *s) {
    typed(v, s->x, s->var->dt, s->var->name);
    for (int k = v->scope.n - 1; k >= 0; k--) {
        if (v->scope.at[k].var != s->var) continue;
        if (!s->var->mutable_) invalid(v, v->loc, "`%s` is set but not mutable", s->var->name);
        if (v->scope.at[k].lane == v->lane) return;
        for (int j = 0; j < v->red.n; j++) if (v->red.at[j]->var == s->var) return;
        invalid(v, v->loc, "`%s` is set by all lanes of a loop that does not reduce it", s->var->name);
        return;
    }
    invalid(v, v->loc, "`%s` is not in scope", s->var->name);
}
static void statement(Checker *v, const LS *s) {
    v->loc = s->loc;
    switch (s->k) {
    case LS_FOR: loop(v, s); return;
    case LS_LET: case LS_VAR:
        typed(v, s->x, s->var->dt, s->var->name);
        declare(v, s->var, s->k == LS_VAR);
        return;
    case LS_SET: set(v, s); return;
    case LS_STORE:
        if (!buffer(v, s->buf)) return;
        typed(v, s->index, DT_I64, "the index of a store");
        typed(v, s->x, register_type(s->buf->dt), s->buf->name);
        if (s->guard) typed(v, s->guard, DT_BOOL, "a guard");
        if (s->buf->role == BUF_GRAPH || s->buf->role == BUF_INPUT || s->buf->role == BUF_PARAM || s->buf->role == BUF_CONST)
            invalid(v, v->loc, "`%s` is written, but is given", s->buf->name);
        v->stored[s->buf->id] = true;
        return;
    case LS_IF:
        typed(v, s->x, DT_BOOL, "a condition");
        block(v, &s->body);
        block(v, &s->other);
        return;
    case LS_BARRIER: if (v->lane || v->kernel->map != MAP_BLOCKED) invalid(v, v->loc, "a barrier stands in a blocked kernel, outside lane loops"); return;
    case LS_BREAK_IF:
        typed(v, s->x, DT_BOOL, "a condition");
        if (!v->in_loop || v->lane_innermost) invalid(v, v->loc, "break-if leaves a serial loop, and there is none");
        return;
    case LS_PREFETCH: if (buffer(v, s->buf)) typed(v, s->index, DT_I64, "the index of a prefetch"); return;
    case LS_COMMENT: return;
    }
    invalid(v, v->loc, "a statement of no kind");
}
static void block(Checker *v, const Block *b) {
    int depth = v->scope.n;
    for (int k = 0; k < b->n && v->reports < MOST_REPORTS; k++) statement(v, b->at[k]);
    v->scope.n = depth;
}
static bool identifier(const char *s) {
    if (!s || (!isalpha((unsigned char)*s) && *s != '_')) return false;
    for (; *s; s++) if (!isalnum((unsigned char)*s) && *s != '_') return false;
    return true;
}
static void kernel(Checker *v, const Kernel *k) {
    v->kernel = k, v->loc = k->loc;
    v->scope.n = v->red.n = v->lane = 0;
    v->in_loop = v->lane_innermost = false;
    for (int j = 0; j < v->u->buf.n; j++) v->stored[j] = false;
    if (!identifier(k->name)) invalid(v, k->loc, "its name is no C identifier");
    size(v, k->extent);
    if (k->item->dt != DT_I64) invalid(v, k->loc, "the item is i64");
    declare(v, k->item, false);
    block(v, &k->body);
    for (int j = 0; j < v->u->buf.n; j++) {
        if (!v->stored[j]) continue;
        bool listed = false;
        for (int i = 0; i < k->buf.n; i++) listed = listed || (k->buf.at[i] == v->u->buf.at[j] && k->writes.at[i]);
        if (!listed) invalid(v, k->loc, "`%s` is written, but not among the kernel's buffers: loop_finish() was not called", v->u->buf.at[j]->name);
    }
    v->kernel = NULL;
}
static void host_block(Checker *v, const HostBlock *b, bool bind) {
    for (int k = 0; k < b->n && v->reports < MOST_REPORTS; k++) {
        const LH *h = b->at[k];
        v->loc = h->loc;
        switch (h->k) {
        case LH_ALLOC: if (buffer(v, h->dst) && (!bind || h->dst->role != BUF_PLAN)) invalid(v, h->loc, "`%s` is given memory, but not by bind, or it is none of the plan's", h->dst->name); break;
        case LH_KERNEL: {
            bool found = false;
            for (int j = 0; j < v->u->kernel.n; j++) found = found || v->u->kernel.at[j] == h->kernel;
            if (!found) { invalid(v, h->loc, "a kernel is launched that is not the unit's"); break; }
            for (int j = 0; !bind && j < h->kernel->buf.n; j++)
                if (h->kernel->writes.at[j] && h->kernel->buf.at[j]->read_only) invalid(v, h->loc, "`%s` is written by kernel `%s` but only read by run", h->kernel->buf.at[j]->name, h->kernel->name);
            break;
        }
        case LH_CALL:
            if ((unsigned)h->call >= RT_COUNT) invalid(v, h->loc, "a call of no function");
            for (int j = 0; j < h->arg.n; j++) size(v, h->arg.at[j]);
            for (int j = 0; j < h->buf.n; j++) if (h->buf.at[j]) buffer(v, h->buf.at[j]);
            if (h->result && (h->result->id < 0 || h->result->id >= v->u->sym.n || v->u->sym.at[h->result->id] != h->result || h->result->kind != SYM_DATA || !bind))
                invalid(v, h->loc, "`%s` is found by a call, but not in bind, or is no size of a derived space", h->result->name);
            break;
        case LH_COPY:
            if (!buffer(v, h->dst) || !buffer(v, h->src)) break;
            if (h->dst == h->src || h->dst->dt != h->src->dt || !ext_equal(h->dst->count, h->src->count)) invalid(v, h->loc, "`%s` is copied to `%s`, which is of another type or size", h->src->name, h->dst->name);
            break;
        case LH_CHECK: if (size(v, h->a) && size(v, h->b) && h->rel != '<' && h->rel != '=' && h->rel != 'L') invalid(v, h->loc, "a check of no relation"); break;
        case LH_LOOP:
            if (buffer(v, h->src) && h->src->dt != DT_BOOL) invalid(v, h->loc, "the flag `%s` of a loop is %s, not bool", h->src->name, dtype_name(h->src->dt));
            if (h->max < 0) invalid(v, h->loc, "a loop of %lld rounds", (long long)h->max);
            host_block(v, &h->head, bind);
            host_block(v, &h->body, bind);
            break;
        }
    }
}
static void buffers(Checker *v) {
    for (int k = 0; k < v->u->buf.n; k++) {
        const Buf *b = v->u->buf.at[k];
        v->loc = b->loc;
        if (b->id != k || b->dt == DT_NONE || dtype_is_complex(b->dt) || !identifier(b->name)) invalid(v, b->loc, "the buffer `%s` is not at its place, has no real dtype, or its name is no C identifier", b->name);
        if ((b->role == BUF_CONST) != (b->data != NULL)) {
            int64_t n;
            if (!(ext_is_const(b->count, &n) && n == 0)) invalid(v, b->loc, "the buffer `%s` has data and is no constant, or the other way round", b->name);
        }
        int64_t count;
        if (size(v, b->count) && b->role == BUF_LOCAL && (!ext_is_const(b->count, &count) || count < 1 || count > MOST_LOCAL)) invalid(v, b->loc, "the local buffer `%s` has no constant size, or more than %d elements", b->name, MOST_LOCAL);
    }
}
bool unit_verify(Unit *u, const char *after) {
    Checker checker = { .u = u, .after = after ? after : "?", .loc = NO_LOC, .stored = NEWN(u->arena, bool, u->buf.n + 1) }, *v = &checker;
    for (int k = 0; k < u->sym.n; k++) if (u->sym.at[k]->id != k) invalid(v, u->sym.at[k]->loc, "the size `%s` is not at its place", u->sym.at[k]->name);
    if (v->reports) return false;
    buffers(v);
    for (int k = 0; k < u->kernel.n && v->reports < MOST_REPORTS; k++) kernel(v, u->kernel.at[k]);
    v->loc = NO_LOC;
    for (int list = 0; list < 3; list++) {
        int n = list == 0 ? u->input.n : list == 1 ? u->param.n : u->output.n;
        for (int k = 0; k < n; k++) {
            const IfaceItem *i = list == 0 ? &u->input.at[k] : list == 1 ? &u->param.at[k] : &u->output.at[k];
            for (int j = 0; j < i->rank; j++) size(v, i->extent[j]);
            if (i->target) size(v, i->target);
            if (i->buf) buffer(v, i->buf);
        }
    }
    host_block(v, &u->bind, true);
    host_block(v, &u->run, false);
    return !v->reports;
}
