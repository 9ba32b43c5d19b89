/* loop_eval.c - see loop_eval.h. */
#include "loop_eval.h"
#include "pigeon/kernel.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

typedef struct Reg { int64_t i; double r; } Reg;               /* bool and integers in i; f32 and f64 in r */
typedef struct Eval { Unit *u; int64_t *size, *count; void **buf; Reg *var; int n_var; bool leave; jmp_buf out; const char *message; pgn_env env; } Eval;
int64_t *loop_eval_sizes;

static void stop(Eval *x, const char *message) { x->message = message; longjmp(x->out, 1); }
int64_t loop_eval_count(const Buf *b, const int64_t *size) { return ext_eval(b->count, size); }

/* ---- operations ------------------------------------------------------------------------------------------------ */
#define NO NAN
#define PI 3.14159265358979323846264338L
static long double modulo(long double x, long double y) { long double r = fmodl(x, y); return r != 0 && (r < 0) != (y < 0) ? r + y : r; }
static long double log_gamma(long double x) { return lgammal(x); }
/* the column of the reals in long double: <tgmath.h> makes exp(x) expl(x) */
static long double real_l(ScalarOp op, long double x, long double y) {
    switch (op) {
#define SCALAR(id, name, arity, class_, c32, c64, llvm, cost, defined, of_int, of_real, of_complex, da, db) case OP_##id: return of_real;
#include "base/scalar.def"
#undef SCALAR
    case OP_COUNT: break;
    }
    return NAN;
}
double loop_eval_real(ScalarOp op, Dtype dt, double x, double y) {
    if (op == OP_MOD) {                                        /* its addition rounds once */
        double r = fmod(x, y);
        return r != 0 && (r < 0) != (y < 0) ? dt == DT_F32 ? (float)((float)r + (float)y) : r + y : r;
    }
    if (dt == DT_F64) switch ((int)op) {                         /* rounded once already */
    case OP_ADD: return x + y;
    case OP_SUB: return x - y;
    case OP_MUL: return x * y;
    case OP_DIV: return x / y;
    case OP_SQRT: return sqrt(x);
    }
    long double r = real_l(op, x, y);
    return dt == DT_F32 ? (double)(float)r : (double)r;
}
#define INTEGER(S) \
    case OP_STOP: case OP_CHECKPOINT: return a; \
    case OP_NEG: return pgn_neg_##S(a); \
    case OP_ADD: return pgn_add_##S(a, b); \
    case OP_SUB: return pgn_sub_##S(a, b); \
    case OP_MUL: return pgn_mul_##S(a, b); \
    case OP_DIV: return pgn_div_##S(a, b); \
    case OP_FLOORDIV: return pgn_floordiv_##S(a, b); \
    case OP_MOD: return pgn_mod_##S(a, b); \
    case OP_MIN: return pgn_min_##S(a, b); \
    case OP_MAX: return pgn_max_##S(a, b); \
    case OP_ABS: return pgn_abs_##S(a); \
    case OP_SIGN: return pgn_sign_##S(a); \
    case OP_BITAND: return a & b; \
    case OP_BITOR: return a | b; \
    case OP_BITXOR: return a ^ b; \
    case OP_BITNOT: return ~a; \
    case OP_SHL: return pgn_shl_##S(a, b); \
    case OP_SHR: return pgn_shr_##S(a, b); \
    case OP_THREEFRY: return pgn_threefry(a, b); \
    case OP_POPCOUNT: return pgn_popcount_##S(a);
static int64_t int64_op(ScalarOp op, int64_t a, int64_t b) { switch ((int)op) { INTEGER(i64) } return 0; }
static int64_t int32_op(ScalarOp op, int32_t a, int32_t b) { switch ((int)op) { INTEGER(i32) } return 0; }
#undef INTEGER
static bool compare(ScalarOp op, bool less, bool equal, bool more) {
    switch ((int)op) {
    case OP_EQ: return equal;
    case OP_NE: return !equal;
    case OP_LT: return less;
    case OP_LE: return less || equal;
    case OP_GT: return more;
    }
    return more || equal;
}
static Reg operation(ScalarOp op, Dtype dt, Reg a, Reg b) {
    Reg r = { 0, 0 };
    bool real = dtype_is_float(dt);
    switch (scalar_info[op].class_) {
    case CMP: r.i = real ? compare(op, a.r < b.r, a.r == b.r, a.r > b.r) : compare(op, a.i < b.i, a.i == b.i, a.i > b.i); return r;
    case LOGIC: r.i = op == OP_AND ? a.i && b.i : op == OP_OR ? a.i || b.i : !a.i; return r;
    case ARITH: case FLOAT: case REAL: case INT: case PART: break;
    }
    if (real) r.r = loop_eval_real(op, dt, a.r, b.r);
    else r.i = dt == DT_I64 ? int64_op(op, a.i, b.i) : int32_op(op, (int32_t)a.i, (int32_t)b.i);
    return r;
}
static Reg converted(Reg a, Dtype from, Dtype to) {
    Reg r = { 0, 0 };
    bool real = dtype_is_float(from);
    switch (to) {
    case DT_F64: r.r = real ? a.r : (double)a.i; break;
    case DT_F32: r.r = real ? (float)a.r : (float)a.i; break;
    case DT_I64: r.i = real ? pgn_i64_from_real(a.r) : a.i; break;
    case DT_I32: r.i = real ? pgn_i32_from_real(a.r) : (int32_t)a.i; break;
    case DT_BOOL: r.i = real ? a.r != 0 : a.i != 0; break;
    case DT_NONE: case DT_F16: case DT_BF16: case DT_I8: case DT_U8: case DT_C64: case DT_C128: break;
    }
    return r;
}
static Reg load(const void *p, Dtype dt, int64_t k) {
    Reg r = { 0, 0 };
    switch (dt) {
    case DT_F64: r.r = ((const double *)p)[k]; break;
    case DT_F32: r.r = ((const float *)p)[k]; break;
    case DT_F16: r.r = pgn_from_f16(((const uint16_t *)p)[k]); break;
    case DT_BF16: r.r = pgn_from_bf16(((const uint16_t *)p)[k]); break;
    case DT_I64: r.i = ((const int64_t *)p)[k]; break;
    case DT_I32: r.i = ((const int32_t *)p)[k]; break;
    case DT_I8: r.i = ((const int8_t *)p)[k]; break;
    case DT_U8: r.i = ((const uint8_t *)p)[k]; break;
    case DT_BOOL: r.i = ((const uint8_t *)p)[k] != 0; break;
    case DT_NONE: case DT_C64: case DT_C128: break;
    }
    return r;
}
static void store(void *p, Dtype dt, int64_t k, Reg v) {
    switch (dt) {
    case DT_F64: ((double *)p)[k] = v.r; break;
    case DT_F32: ((float *)p)[k] = (float)v.r; break;
    case DT_F16: ((uint16_t *)p)[k] = pgn_to_f16((float)v.r); break;
    case DT_BF16: ((uint16_t *)p)[k] = pgn_to_bf16((float)v.r); break;
    case DT_I64: ((int64_t *)p)[k] = v.i; break;
    case DT_I32: ((int32_t *)p)[k] = (int32_t)v.i; break;
    case DT_I8: case DT_U8: ((uint8_t *)p)[k] = (uint8_t)v.i; break;
    case DT_BOOL: ((uint8_t *)p)[k] = v.i != 0; break;
    case DT_NONE: case DT_C64: case DT_C128: break;
    }
}

/* ---- expressions and statements ---------------------------------------------------------------------------------- */
static int64_t within(Eval *x, const Buf *b, int64_t k) {
    if (k < 0 || k >= x->count[b->id]) stop(x, arena_printf(x->u->arena, "`%s`[%lld] of %lld", b->name, (long long)k, (long long)x->count[b->id]));
    return k;
}
static Reg eval(Eval *x, const LX *e) {
    Reg r = { 0, 0 };
    switch (e->k) {
    case LX_INT: r.i = e->i; return r;
    case LX_REAL: r.r = e->dt == DT_F32 ? (float)e->r : e->r; return r;
    case LX_VAR: return x->var[e->var->id];
    case LX_SIZE: r.i = ext_eval(e->size, x->size); return r;
    case LX_LOAD:
        if (e->arg[0] && !eval(x, e->arg[0]).i) return r;
        return load(x->buf[e->buf->id], e->buf->dt, within(x, e->buf, eval(x, e->index).i));
    case LX_OP: r = eval(x, e->arg[0]); return operation(e->op, e->arg[0]->dt, r, e->n > 1 ? eval(x, e->arg[1]) : r);
    case LX_CAST: return converted(eval(x, e->arg[0]), e->arg[0]->dt, e->dt);
    case LX_BITCAST: {
        Dtype from = e->arg[0]->dt;
        r = eval(x, e->arg[0]);
        int64_t bits = from == DT_F64 ? (int64_t)pgn_bits_from_f64(r.r) : from == DT_F32 ? (int32_t)pgn_bits_from_f32((float)r.r) : r.i;
        if (e->dt == DT_F64) r.r = pgn_f64_from_bits((uint64_t)bits);
        else if (e->dt == DT_F32) r.r = pgn_f32_from_bits((uint32_t)bits);
        else r.i = bits;
        return r;
    }
    case LX_SELECT: r = eval(x, e->arg[1]); { Reg other = eval(x, e->arg[2]); return eval(x, e->arg[0]).i ? r : other; }
    }
    return r;
}
static void run_block(Eval *x, const Block *b);
static void assign(Eval *x, const Var *v, Reg r) {
    if (v->id >= x->n_var) stop(x, "too many variables");
    x->var[v->id] = r;
}
static void statement(Eval *x, const LS *s) {
    switch (s->k) {
    case LS_FOR: {
        int64_t hi = eval(x, s->hi).i;
        for (int64_t k = eval(x, s->lo).i; k < hi && !x->leave; k++) {
            assign(x, s->var, (Reg){ k, 0 });
            run_block(x, &s->body);
        }
        x->leave = false;
        return;
    }
    case LS_LET: case LS_VAR: case LS_SET: assign(x, s->var, eval(x, s->x)); return;
    case LS_STORE:
        if (!s->guard || eval(x, s->guard).i) store(x->buf[s->buf->id], s->buf->dt, within(x, s->buf, eval(x, s->index).i), eval(x, s->x));
        return;
    case LS_IF: run_block(x, eval(x, s->x).i ? &s->body : &s->other); return;
    case LS_BREAK_IF: x->leave = eval(x, s->x).i; return;
    case LS_BARRIER: case LS_PREFETCH: case LS_COMMENT: return;
    }
}
static void run_block(Eval *x, const Block *b) { for (int k = 0; k < b->n && !x->leave; k++) statement(x, b->at[k]); }

/* ---- host procedures ------------------------------------------------------------------------------------------------ */
static pgn_rt *const function[RT_COUNT] = {
#define RTCALL(id, name, what) [RT_##id] = name,
#include "loop/rtcall.def"
#undef RTCALL
};
static void memory(Eval *x, const Buf *b, const void *from) {
    int64_t n = x->count[b->id] = loop_eval_count(b, x->size);
    if (n < 0) stop(x, "the size of a buffer overflows");
    size_t bytes = (size_t)n * dtype_bytes(b->dt);
    x->buf[b->id] = arena_alloc(x->u->arena, bytes + 64);
    if (from) memcpy(x->buf[b->id], from, bytes); else memset(x->buf[b->id], 0xaa, bytes + 64);
}
static void run_host(Eval *x, const HostBlock *b) {
    for (int k = 0; k < b->n; k++) {
        const LH *h = b->at[k];
        switch (h->k) {
        case LH_ALLOC: memory(x, h->dst, NULL); break;
        case LH_KERNEL: {
            int64_t n = ext_eval(h->kernel->extent, x->size);
            for (int64_t i = 0; i < n; i++) {
                assign(x, h->kernel->item, (Reg){ i, 0 });
                run_block(x, &h->kernel->body);
            }
            break;
        }
        case LH_CALL: {
            int64_t ints[64] = { 0 }, result = 0;
            void *of[64] = { 0 };
            for (int j = 0; j < h->arg.n; j++) ints[j] = ext_eval(h->arg.at[j], x->size);
            for (int j = 0; j < h->buf.n; j++) of[j] = h->buf.at[j] ? x->buf[h->buf.at[j]->id] : NULL;
            if (function[h->call](&x->env, ints, of, &result)) stop(x, arena_printf(x->u->arena, "%s", x->env.error->message));
            if (h->result) x->size[h->result->id] = result;
            break;
        }
        case LH_COPY: memcpy(x->buf[h->dst->id], x->buf[h->src->id], (size_t)x->count[h->dst->id] * dtype_bytes(h->dst->dt)); break;
        case LH_CHECK: {
            int64_t p = ext_eval(h->a, x->size), q = ext_eval(h->b, x->size);
            if (!(h->rel == '=' ? p == q : h->rel == '<' ? p < q : p <= q)) stop(x, h->message);
            break;
        }
        case LH_LOOP:
            for (int64_t r = 0; r < h->max; r++) {
                run_host(x, &h->head);
                if (*(const uint8_t *)x->buf[h->src->id]) break;
                run_host(x, &h->body);
            }
            break;
        }
    }
}
static void take(Eval *x, const Buf *b, const void *p) { if (b) memory(x, b, p); }
void **loop_eval(Unit *u, const int64_t *dims, const pgn_graph_view *graph, const void *const *inputs, const void *const *params, const char **message) {
    enum { MOST = 4096 };
    Arena *a = u->arena;
    Eval *x = NEW(a, Eval);
    pgn_error *error = NEW(a, pgn_error);
    *x = (Eval){ .u = u, .size = NEWN(a, int64_t, u->sym.n + 1), .count = NEWN(a, int64_t, u->buf.n + 1), .buf = NEWN(a, void *, u->buf.n + 1),
                 .var = NEWN(a, Reg, MOST), .n_var = MOST };
    x->env = (pgn_env){ .buf = x->buf, .size = x->size, .error = error };
    if (setjmp(x->out)) {
        *message = x->message;
        return NULL;
    }
    loop_eval_sizes = x->size;
    for (int k = 0; k < u->sym.n; k++) x->size[k] = u->sym.at[k]->fixed >= 0 ? u->sym.at[k]->fixed : u->sym.at[k]->kind == SYM_DIM ? dims[k] : 0;
    for (int k = 0; k < u->graph.n; k++) {
        const IfaceGraph *g = &u->graph.at[k];
        const int sym[] = { g->sym_src_nodes, g->sym_dst_nodes, g->sym_edges, g->sym_ntypes, g->sym_etypes };
        const int64_t n[] = { graph[k].src_nodes, graph[k].dst_nodes, graph[k].edges, graph[k].ntypes, graph[k].etypes };
        for (int j = 0; j < 5; j++) if (sym[j] >= 0) x->size[sym[j]] = n[j];
        take(x, g->src, graph[k].src), take(x, g->dst, graph[k].dst), take(x, g->etype, graph[k].etype), take(x, g->ntype, graph[k].ntype);
    }
    for (int k = 0; k < u->input.n; k++) if (u->input_structural.at[k]) take(x, u->input.at[k].buf, inputs[k]);
    for (int k = 0; k < u->buf.n; k++) {
        Buf *b = u->buf.at[k];
        if (b->role != BUF_CONST) continue;
        memory(x, b, NULL);
        for (int64_t j = 0; j < x->count[k]; j++) store(x->buf[k], b->dt, j, dtype_is_float(b->dt) ? (Reg){ 0, b->data[j] } : (Reg){ (int64_t)b->data[j], 0 });
    }
    run_host(x, &u->bind);
    for (int k = 0; k < u->buf.n; k++) if (u->buf.at[k]->role == BUF_WORK || u->buf.at[k]->role == BUF_OUTPUT) memory(x, u->buf.at[k], NULL);
    for (int k = 0; k < u->input.n; k++) if (!u->input_structural.at[k]) take(x, u->input.at[k].buf, inputs[k]);
    for (int k = 0; k < u->param.n; k++) take(x, u->param.at[k].buf, params[k]);
    run_host(x, &u->run);
    return x->buf;
}
