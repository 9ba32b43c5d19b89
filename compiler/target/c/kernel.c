/* kernel.c - kernels.  In C: a function over a range of items.  In CUDA: a __global__ function, FLAT (one thread per item) or BLOCKED
 * (one block per item, LANE loops spread over its threads).
 *
 * Block level of a BLOCKED kernel: every thread computes the scalars, thread 0 alone stores them.  A barrier is printed before a
 * statement that touches a buffer which another thread may have touched since the last one (reads after writes, writes after either);
 * LS_BARRIER adds to that, and a reduction at the end of a LANE loop is a meeting by itself.  Conditions at block level are the same in
 * every thread, so barriers inside of them are met by all. */
#include "target/c/print.h"
#include <string.h>

enum { FLAT_THREADS = 256, BLOCK_THREADS = 128, MOST_THREADS = 256 };

/* ---- what statements touch -------------------------------------------------------------------------------------- */
static void expr_reads(const LX *e, bool *read) {
    if (!e) return;
    if (e->k == LX_LOAD) read[e->buf->id] = true;
    expr_reads(e->index, read);
    for (int k = 0; k < 3; k++) expr_reads(e->arg[k], read);
}
static void head_touches(const LS *s, bool *read, bool *written) {       /* all but the statements inside */
    expr_reads(s->x, read);
    expr_reads(s->lo, read);
    expr_reads(s->hi, read);
    expr_reads(s->index, read);
    expr_reads(s->guard, read);
    if (s->k == LS_STORE) written[s->buf->id] = true;
}
static void block_touches(const Block *b, bool *read, bool *written) {
    for (int k = 0; k < b->n; k++) {
        head_touches(b->at[k], read, written);
        block_touches(&b->at[k]->body, read, written);
        block_touches(&b->at[k]->other, read, written);
    }
}
static size_t buffers(const Printer *p) {
    int n = 0;
    for (int k = 0; k < p->u->buf.n; k++) if (p->u->buf.at[k]->id >= n) n = p->u->buf.at[k]->id + 1;
    return (size_t)n + 1;
}
static void forget(Printer *p) {
    memset(p->read, 0, buffers(p));
    memset(p->written, 0, buffers(p));
    memset(p->by_first, 0, buffers(p));
}
static void barrier(Printer *p) {
    put(p->w, "__syncthreads();\n");
    p->meets[kernel_at(p->u, p->kernel)] = true;
    forget(p);
}
/* `scalar`: the writes are thread 0's, which is not in its own way. */
static void meet_before(Printer *p, const bool *read, const bool *written, bool scalar) {
    bool clash = false;
    for (size_t k = 0; k < buffers(p); k++)
        clash |= (read[k] && (p->written[k] || p->by_first[k])) || (written[k] && (p->read[k] || p->written[k] || (p->by_first[k] && !scalar)));
    if (clash) barrier(p);
}
static void remember(Printer *p, const bool *read, const bool *written, bool scalar) {
    bool *w = scalar ? p->by_first : p->written;
    for (size_t k = 0; k < buffers(p); k++) p->read[k] |= read[k], w[k] |= written[k];
}

/* ---- sizes a kernel uses ---------------------------------------------------------------------------------------------- */
static bool name_taken(const Printer *p, const Block *b, const char *name) {
    for (int k = 0; k < b->n; k++) {
        const LS *s = b->at[k];
        if (s->var && !strcmp(var_name(p, s->var), name)) return true;
        if (name_taken(p, &s->body, name) || name_taken(p, &s->other, name)) return true;
    }
    return false;
}
static void add_size(Printer *p, const Ext *e) {
    for (int k = 0; k < p->size.n; k++) if (ext_equal(p->size.at[k].size, e)) return;
    const Kernel *kn = p->kernel;
    const char *name = e->op == EXT_SYM ? c_name(p->arena, e->sym->name) : arena_printf(p->arena, "size%d_", p->size.n);
    bool taken = !strcmp(name, var_name(p, kn->item)) || name_taken(p, &kn->body, name);
    for (int k = 0; k < kn->buf.n; k++) taken |= !strcmp(name, c_name(p->arena, kn->buf.at[k]->name));
    for (int k = 0; k < p->size.n; k++) taken |= !strcmp(name, p->size.at[k].name);
    if (taken) name = arena_printf(p->arena, "size%d_", p->size.n);
    vec_add(p->arena, p->size, (SizeName){ e, name });
}
static void expr_sizes(Printer *p, const LX *e) {
    if (!e) return;
    if (e->k == LX_SIZE && e->size->op != EXT_CONST) add_size(p, e->size);
    expr_sizes(p, e->index);
    for (int k = 0; k < 3; k++) expr_sizes(p, e->arg[k]);
}
static void block_sizes(Printer *p, const Block *b) {
    for (int k = 0; k < b->n; k++) {
        const LS *s = b->at[k];
        expr_sizes(p, s->x);
        expr_sizes(p, s->lo);
        expr_sizes(p, s->hi);
        expr_sizes(p, s->index);
        expr_sizes(p, s->guard);
        block_sizes(p, &s->body);
        block_sizes(p, &s->other);
    }
}

/* ---- statements ---------------------------------------------------------------------------------------------------------- */
static void print_block(Printer *p, const Block *b);
static void print_level(Printer *p, const Block *b);

static void put_stored(Printer *p, const LS *s) {
    Writer *w = p->w;
    switch (s->buf->dt) {
    case DT_F16: put(w, "pgn_to_f16("); put_expr(p, s->x, 0); put(w, ")"); return;
    case DT_BF16: put(w, "pgn_to_bf16("); put_expr(p, s->x, 0); put(w, ")"); return;
    case DT_I8: put(w, "(int8_t)("); put_expr(p, s->x, 0); put(w, ")"); return;
    case DT_U8: put(w, "(uint8_t)("); put_expr(p, s->x, 0); put(w, ")"); return;
    case DT_F64: case DT_F32: case DT_I64: case DT_I32: case DT_BOOL: case DT_C64: case DT_C128: case DT_NONE: break;
    }
    put_expr(p, s->x, 0);
}
static void print_store(Printer *p, const LS *s, bool one_thread) {
    Writer *w = p->w;
    if (one_thread && s->guard) { put(w, "if (threadIdx.x == 0 && ("); put_expr(p, s->guard, 0); put(w, ")) "); }
    else if (one_thread) put(w, "if (threadIdx.x == 0) ");
    else if (s->guard) { put(w, "if ("); put_expr(p, s->guard, 0); put(w, ") "); }
    put(w, "%s[", c_name(p->arena, s->buf->name));
    put_expr(p, s->index, 0);
    put(w, "] = ");
    put_stored(p, s);
    put(w, ";\n");
}
static void print_set(Printer *p, const LS *s) {
    Writer *w = p->w;
    const LX *x = s->x;
    bool on_self = x->k == LX_OP && x->n == 2 && x->arg[0]->k == LX_VAR && x->arg[0]->var == s->var && dtype_is_float(x->dt);
    put(w, "%s ", var_name(p, s->var));
    if (on_self && (x->op == OP_ADD || x->op == OP_SUB || x->op == OP_MUL || x->op == OP_DIV)) {
        put(w, "%c= ", x->op == OP_ADD ? '+' : x->op == OP_SUB ? '-' : x->op == OP_MUL ? '*' : '/');
        put_expr(p, x->arg[1], 0);
    } else {
        put(w, "= ");
        put_expr(p, x, 0);
    }
    put(w, ";\n");
}
/* A bound that is more than arithmetic on variables and sizes is evaluated once. */
static bool simple_bound(const LX *e) {
    return e->k == LX_INT || e->k == LX_SIZE || (e->k == LX_VAR && !e->var->mutable_) ||
           (e->k == LX_OP && (e->op == OP_ADD || e->op == OP_SUB) && simple_bound(e->arg[0]) && simple_bound(e->arg[1]));
}
static void print_for_head(Printer *p, const LS *s, bool spread) {
    Writer *w = p->w;
    const char *v = var_name(p, s->var), *type = c_type(s->var->dt);
    bool hoist = !simple_bound(s->hi);
    if (hoist) {
        put(w, "const %s %s_end_ = ", type, v);
        put_expr(p, s->hi, 0);
        put(w, ";\n");
    }
    if (s->loop == LOOP_LANE && !p->on_device) put(w, "PGN_LANES ");
    if (s->unroll) put(w, "PGN_UNROLL(%d) ", s->unroll);
    put(w, "for (%s %s = ", type, v);
    bool zero = s->lo->k == LX_INT && s->lo->i == 0;
    if (!spread || !zero) put_expr(p, s->lo, spread ? 6 : 0);
    if (spread) put(w, zero ? "threadIdx.x" : " + threadIdx.x");
    put(w, "; %s < ", v);
    if (hoist) put(w, "%s_end_", v); else put_expr(p, s->hi, 7);
    if (spread) put(w, "; %s += blockDim.x) {\n", v); else put(w, "; %s++) {\n", v);
    w->indent++;
    add_fact(p, s->var, s->lo, true);
}
/* An innermost loop whose rounds read what others wrote.  Such loops gain nothing from vectors, and gcc 12 gets guarded reads in them wrong
 * (-O3 -mavx2 -fno-trapping-math: groups of masked loads), so the text keeps its vectorizer away. */
static bool in_order(const Printer *p, const LS *s) {
    bool both = false;
    if (s->loop == LOOP_LANE || p->on_device) return false;
    for (int k = 0; k < s->body.n; k++) if (s->body.at[k]->k == LS_FOR) return false;
    bool *read = NEWN(p->arena, bool, buffers(p)), *written = NEWN(p->arena, bool, buffers(p));
    block_touches(&s->body, read, written);
    for (size_t k = 0; k < buffers(p); k++) both |= read[k] && written[k];
    return both;
}
static void end_braces(Printer *p) {
    p->w->indent--;
    put(p->w, "}\n");
}
/* Declarations, assignments and the like: the same at every level. */
static void print_simple(Printer *p, const LS *s, bool one_thread) {
    Writer *w = p->w;
    switch (s->k) {
    case LS_LET: case LS_VAR:
        put(w, "%s%s %s = ", s->k == LS_LET ? "const " : "", c_type(s->var->dt), var_name(p, s->var));
        put_expr(p, s->x, 0);
        put(w, ";\n");
        if (s->k == LS_LET) add_fact(p, s->var, s->x, false);
        return;
    case LS_SET: print_set(p, s); return;
    case LS_STORE: print_store(p, s, one_thread); return;
    case LS_BREAK_IF: put(w, "if ("); put_expr(p, s->x, 0); put(w, ") break;\n"); return;
    case LS_PREFETCH: put(w, "PGN_PREFETCH(&%s[", c_name(p->arena, s->buf->name)), put_expr(p, s->index, 0), put(w, "]);\n"); return;
    case LS_COMMENT: put(w, "/* "); put_comment(w, s->text); put(w, " */\n"); return;
    case LS_FOR: case LS_IF: case LS_BARRIER: return;
    }
}
/* Inside one thread: C, FLAT kernels, bodies of LANE loops. */
static void print_block(Printer *p, const Block *b) {
    for (int k = 0; k < b->n; k++) {
        const LS *s = b->at[k];
        switch (s->k) {
        case LS_FOR:
            print_for_head(p, s, false);
            if (in_order(p, s)) put(p->w, "PGN_IN_ORDER;\n");
            print_block(p, &s->body);
            end_braces(p);
            break;
        case LS_IF:
            put(p->w, "if (");
            put_expr(p, s->x, 0);
            put(p->w, ") {\n");
            p->w->indent++;
            print_block(p, &s->body);
            if (s->other.n) {
                p->w->indent--;
                put(p->w, "} else {\n");
                p->w->indent++;
                print_block(p, &s->other);
            }
            end_braces(p);
            break;
        case LS_LET: case LS_VAR: case LS_SET: case LS_STORE: case LS_BREAK_IF: case LS_PREFETCH: case LS_COMMENT: print_simple(p, s, false); break;
        case LS_BARRIER: break;                            /* one thread has nobody to wait for */
        }
    }
}

/* ---- block level ------------------------------------------------------------------------------------------------------------ */
static const char *neutral(ScalarOp op, Dtype dt) {
    bool wide = dt == DT_I64;
    switch (op) {
    case OP_ADD: return dt == DT_F32 ? "0.0f" : dt == DT_F64 ? "0.0" : "0";
    case OP_MUL: return dt == DT_F32 ? "1.0f" : dt == DT_F64 ? "1.0" : "1";
    case OP_MIN: return dtype_is_float(dt) ? "NAN" : wide ? "INT64_MAX" : "INT32_MAX";   /* the minimum of a NaN and x is x */
    case OP_MAX: return dtype_is_float(dt) ? "NAN" : wide ? "INT64_MIN" : "INT32_MIN";
    case OP_AND: return "true";
    default: return "false";
    }
}
static void print_lanes(Printer *p, const LS *s) {
    Writer *w = p->w;
    for (int k = 0; k < s->red.n; k++) {                   /* each thread has a part, which starts from nothing */
        const Var *v = s->red.at[k].var;
        put(w, "const %s %s_%d_before_ = %s;\n", c_type(v->dt), var_name(p, v), s->var->id, var_name(p, v));
        put(w, "%s = %s;\n", var_name(p, v), neutral(s->red.at[k].op, v->dt));
    }
    print_for_head(p, s, true);
    print_block(p, &s->body);
    end_braces(p);
    for (int k = 0; k < s->red.n; k++) {
        const LaneReduce *r = &s->red.at[k];
        Var before = *r->var;
        before.name = arena_printf(p->arena, "%s_%d_before_", var_name(p, r->var), s->var->id);
        LX parts[3] = { { .k = LX_VAR, .dt = r->var->dt, .var = &before }, { .k = LX_VAR, .dt = r->var->dt, .var = r->var } };
        LX both = { .k = LX_OP, .dt = r->var->dt, .op = r->op, .n = 2, .arg = { &parts[0], &parts[1] } };
        put(w, "%s = pgn_block_%s_%s(%s);\n", var_name(p, r->var), scalar_info[r->op].name, dtype_name(r->var->dt), var_name(p, r->var));
        put(w, "%s = ", var_name(p, r->var));
        put_expr(p, &both, 0);
        put(w, ";\n");
    }
    if (s->red.n) {
        p->meets[kernel_at(p->u, p->kernel)] = true;
        forget(p);
    }
}
static bool *copy(Printer *p, const bool *from) { bool *r = NEWN(p->arena, bool, buffers(p)); memcpy(r, from, buffers(p)); return r; }

static void print_branches(Printer *p, const LS *s) {
    bool *r0 = copy(p, p->read), *w0 = copy(p, p->written), *f0 = copy(p, p->by_first), *none = NEWN(p->arena, bool, buffers(p));
    put(p->w, "if (");
    put_expr(p, s->x, 0);
    put(p->w, ") {\n");
    p->w->indent++;
    print_level(p, &s->body);
    bool *r1 = copy(p, p->read), *w1 = copy(p, p->written), *f1 = copy(p, p->by_first);
    memcpy(p->read, r0, buffers(p));
    memcpy(p->written, w0, buffers(p));
    memcpy(p->by_first, f0, buffers(p));
    if (s->other.n) {
        p->w->indent--;
        put(p->w, "} else {\n");
        p->w->indent++;
        print_level(p, &s->other);
    }
    end_braces(p);
    remember(p, r1, w1, false);
    remember(p, none, f1, true);
}
static void print_level(Printer *p, const Block *b) {
    for (int k = 0; k < b->n; k++) {
        const LS *s = b->at[k];
        bool *read = NEWN(p->arena, bool, buffers(p)), *written = NEWN(p->arena, bool, buffers(p));
        head_touches(s, read, written);
        switch (s->k) {
        case LS_FOR:
            block_touches(&s->body, read, written);
            meet_before(p, read, written, false);
            remember(p, read, written, false);              /* SERIAL: the round before has touched all of it */
            if (s->loop == LOOP_LANE) { print_lanes(p, s); break; }
            print_for_head(p, s, false);
            print_level(p, &s->body);
            end_braces(p);
            remember(p, read, written, false);
            break;
        case LS_IF:
            meet_before(p, read, written, false);
            remember(p, read, written, false);
            print_branches(p, s);
            break;
        case LS_BARRIER: barrier(p); break;
        case LS_LET: case LS_VAR: case LS_SET: case LS_STORE: case LS_BREAK_IF: case LS_PREFETCH: case LS_COMMENT:
            meet_before(p, read, written, true);
            remember(p, read, written, true);
            print_simple(p, s, true);
            break;
        }
    }
}
/* LANE loops of known length need no more threads than they have iterations. */
static void lane_extent(const Block *b, int64_t *most) {
    for (int k = 0; k < b->n; k++) {
        const LS *s = b->at[k];
        if (s->k == LS_FOR && s->loop == LOOP_LANE) {
            int64_t n = s->lo->k == LX_INT && s->hi->k == LX_INT ? s->hi->i - s->lo->i : BLOCK_THREADS;
            if (n > *most) *most = n;
        } else {
            lane_extent(&s->body, most);
            lane_extent(&s->other, most);
        }
    }
}
int block_threads(const Kernel *k) {
    if (k->map == MAP_FLAT) return FLAT_THREADS;
    int64_t most = 32;
    lane_extent(&k->body, &most);
    return most >= MOST_THREADS ? MOST_THREADS : (int)((most + 31) / 32 * 32);
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------------ */
static void print_doc(Printer *p, const Kernel *k) {
    const char *where = place(p, k->loc);
    put(p->w, "/* ");
    put_comment(p->w, k->what ? k->what : k->name);
    put(p->w, "%s%s%s */\n", *where ? "  (" : "", where, *where ? ")" : "");
}
void print_kernel(Printer *p, const Kernel *k, bool on_device) {
    Writer *w = p->w;
    const Dialect *d = p->d;
    const char *item = var_name(p, k->item);
    p->kernel = k, p->on_device = on_device;
    p->fact.n = p->size.n = 0;
    block_sizes(p, &k->body);
    add_fact(p, k->item, NULL, true);
    put(w, "\n");
    print_doc(p, k);
    put(w, on_device ? "static __global__ void %s(int64_t items_" : "static void %s(const pgn_env *env, int64_t lo, int64_t hi", kernel_name(p, k, on_device));
    w->indent += 4;
    for (int j = 0; on_device && j < k->buf.n; j++) if (k->buf.at[j]->role != BUF_LOCAL)
        put(w, ",%s%s%s *%s %s", j % 3 ? " " : "\n", k->writes.at[j] ? "" : "const ", c_memory_type(k->buf.at[j]->dt), d->restrict_, c_name(p->arena, k->buf.at[j]->name));
    for (int j = 0; on_device && j < p->size.n; j++) put(w, ",%sint64_t %s", j % 5 ? " " : "\n", p->size.at[j].name);
    w->indent -= 4;
    put(w, ") {\n");
    w->indent++;
    for (int j = 0; !on_device && j < k->buf.n; j++) {
        const Buf *b = k->buf.at[j];
        if (b->role == BUF_LOCAL) continue;
        const char *type = arena_printf(p->arena, "%s%s *", k->writes.at[j] ? "" : "const ", c_memory_type(b->dt));
        put(w, "%s%s %s = ", type, d->restrict_, c_name(p->arena, b->name));
        if (d->cast) put(w, "(%s)", type);
        put(w, "env->buf[%d];\n", b->id);
    }
    for (int j = 0; j < k->buf.n; j++) {
        const Buf *b = k->buf.at[j];
        if (b->role != BUF_LOCAL) continue;
        put(w, "%s%s %s[", on_device && k->map == MAP_BLOCKED ? "__shared__ " : "", c_memory_type(b->dt), c_name(p->arena, b->name));
        put_ext(p, b->count, 0);
        put(w, "];\n");
    }
    bool sizes = false;
    for (int j = 0; !on_device && j < p->size.n; j++) sizes |= p->size.at[j].size->op != EXT_SYM;
    if (sizes) put(w, "const int64_t *size = env->size;\n");
    for (int j = 0; !on_device && j < p->size.n; j++) {
        const Ext *e = p->size.at[j].size;
        put(w, "const int64_t %s = ", p->size.at[j].name);
        if (e->op == EXT_SYM) put(w, "env->size[%d]", e->sym->id); else put_ext(p, e, 0);
        put(w, ";\n");
    }
    if (!on_device) put(w, "for (int64_t %s = lo; %s < hi; %s++) {\n", item, item, item);
    else if (k->map == MAP_BLOCKED) put(w, "for (int64_t %s = blockIdx.x; %s < items_; %s += gridDim.x) {\n", item, item, item);
    else put(w, "for (int64_t %s = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; %s < items_; %s += (int64_t)gridDim.x * blockDim.x) {\n", item, item, item);
    w->indent++;
    if (on_device && k->map == MAP_BLOCKED) {
        p->read = NEWN(p->arena, bool, buffers(p));
        p->written = NEWN(p->arena, bool, buffers(p));
        p->by_first = NEWN(p->arena, bool, buffers(p));
        print_level(p, &k->body);
    } else print_block(p, &k->body);
    end_braces(p);
    end_braces(p);
}
