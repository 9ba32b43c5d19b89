/* print_x.c - names, sizes and scalar expressions as list expressions; see text.h for the form. */
#include "ir/text.h"
#include <string.h>

const char *const ext_op_name[] = { "const", "sym", "+", "-", "*", "//", "ceildiv", "mod", "min", "max" };
const char *const sym_kind_name[] = { "dim", "graph", "data" };
const char *const space_kind_name[] = { "dim", "range", "product", "sum", "nodes", "edges", "ntypes", "etypes", "seq", "grid", "modes", "derived" };
const char *const boundary_name[] = { "none", "zero", "periodic", "reflect", "replicate", "else" };
const char *const family_name[] = { "signed", "half", "cosine", "sine" };
const char *const storage_name[] = { "whole", "compact", "full", "fused" };
const char *const select_name[] = { "top", "sort" };
const char *const factor_name[] = { "cholesky", "solve", "lstsq", "logdet", "inverse", "qr", "svd", "eigh", "eig" };
const char *const derive_name[] = { "unique", "join", "filter" };

/* ---- names ---------------------------------------------------------------------------------------------- */
void **names_slot(Names *t, const char *name, bool make) {
    if (make && 2 * (t->n + 1) > t->cap) {
        Names old = *t;
        t->cap = old.cap ? 2 * old.cap : 64;
        t->slot = NEWN(t->arena, struct NamesSlot, t->cap);
        t->n = 0;
        for (int k = 0; k < old.cap; k++) if (old.slot[k].name) *names_slot(t, old.slot[k].name, true) = old.slot[k].data;
    }
    if (!t->cap) return NULL;
    uint32_t h = 2166136261u;
    for (const char *c = name; *c; c++) h = (h ^ (unsigned char)*c) * 16777619u;
    uint32_t k = h & (uint32_t)(t->cap - 1);
    for (; t->slot[k].name; k = (k + 1) & (uint32_t)(t->cap - 1)) if (!strcmp(t->slot[k].name, name)) return &t->slot[k].data;
    if (!make) return NULL;
    t->n++;
    t->slot[k].name = name;
    return &t->slot[k].data;
}
const char *names_unique(Names *t, Context *cx, const char *name, void *data) {
    if (!name) name = "";
    const char *label = name;
    for (int k = 2; names_slot(t, label, false); k++) label = intern(cx, arena_printf(t->arena, "%s~%d", name, k));
    *names_slot(t, label, true) = data;
    return label;
}
void put_name(Writer *w, const char *s) {
    bool plain = *s && !strchr("0123456789+-.", *s) && !strpbrk(s, " \t\r\n\f()\";#\\") && strcmp(s, "true") && strcmp(s, "false") && strcmp(s, "_");
    for (const char *c = s; *c; c++) if ((unsigned char)*c < 32 || *c == 127) plain = false;
    if (plain) put(w, "%s", s); else sexp_put_string(w, s);
}
void print_value_name(Printer *t, const Value *v) {
    if (!v) { put(t->w, "_"); return; }
    const char *label = v->id >= 0 && v->id < t->p->n_value ? t->value_label[v->id] : NULL;
    put_name(t->w, label ? label : v->name);
}
void print_space_name(Printer *t, const Space *s) {
    if (!s) { put(t->w, "_"); return; }
    bool own = s->id >= 0 && s->id < t->p->space.n && t->p->space.at[s->id] == s;
    put_name(t->w, own ? t->space_label[s->id] : s->name);
}
void print_bind(Printer *t, const Index *i) {
    const char *label = i->name;
    for (int k = 2, j = 0; j < t->bound.n; j++)
        if (!strcmp(t->bound.at[j].label, label)) label = arena_printf(t->arena, "%s~%d", i->name, k++), j = -1;
    Bound b = { i, label };
    vec_add(t->arena, t->bound, b);
    put(t->w, "(");
    put_name(t->w, label);
    put(t->w, " ");
    print_space_name(t, i->space);
    put(t->w, ")");
}

/* ---- sizes and expressions ------------------------------------------------------------------------------ */
void print_ext(Printer *t, const Ext *e) {
    switch (e->op) {
    case EXT_CONST: put(t->w, "%lld", (long long)e->value); return;
    case EXT_SYM: put_name(t->w, e->sym->id < t->p->sym.n ? t->sym_label[e->sym->id] : e->sym->name); return;
    case EXT_ADD: case EXT_SUB: case EXT_MUL: case EXT_FLOORDIV: case EXT_CEILDIV: case EXT_MOD: case EXT_MIN: case EXT_MAX: break;
    }
    put(t->w, "(%s ", ext_op_name[e->op]);
    print_ext(t, e->a);
    put(t->w, " ");
    print_ext(t, e->b);
    put(t->w, ")");
}
/* The dtype and space that the constructor gives; what differs is written around the expression. */
static void natural(const X *e, Dtype *dt, Space **space) {
    *dt = e->dt, *space = NULL;
    switch (e->k) {
    case X_INT: case X_REAL: case X_COMPLEX: case X_BITCAST: return;
    case X_INDEX: *dt = DT_I64, *space = e->u.index->space; return;
    case X_EXT: *dt = DT_I64; return;
    case X_READ: *dt = e->u.read.v->dt, *space = e->u.read.v->target; return;
    case X_OP: {
        Dtype d = e->u.op.arg[0]->dt;
        ScalarClass c = scalar_info[e->u.op.op].class_;
        *dt = c == CMP || c == LOGIC ? DT_BOOL : c == PART ? dtype_real_of(d) : e->u.op.op == OP_COMPLEX ? dtype_complex_of(d) : d;
        return;
    }
    case X_CAST: *space = dtype_is_int(e->dt) && dtype_is_int(e->u.cast.arg->dt) ? e->u.cast.arg->space : NULL; return;
    case X_IF: *dt = e->u.if_.then->dt, *space = e->u.if_.then->space == e->u.if_.other->space ? e->u.if_.then->space : NULL; return;
    case X_REDUCE: {
        ReduceOp o = e->u.reduce.op;
        bool arg = o == R_ARGMIN || o == R_ARGMAX;
        *dt = arg ? DT_I64 : o == R_ANY || o == R_ALL ? DT_BOOL : e->u.reduce.body->dt;
        *space = arg ? e->u.reduce.idx[0]->space : NULL;
        return;
    }
    }
}
static bool is_leaf(const X *e) { return e->k == X_INT || e->k == X_REAL || e->k == X_COMPLEX || e->k == X_INDEX || e->k == X_EXT; }
/* Small expressions stay on their line; large operands begin lines of their own. */
static int weight(const X *e, int limit) {
    if (limit <= 0 || is_leaf(e)) return 1;
    int n = 1;
    switch (e->k) {
    case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: break;
    case X_READ: for (int k = 0; k < e->u.read.v->rank; k++) n += weight(e->u.read.idx[k], limit - n); break;
    case X_OP: for (int k = 0; k < e->u.op.n; k++) n += weight(e->u.op.arg[k], limit - n); break;
    case X_CAST: case X_BITCAST: n += weight(e->u.cast.arg, limit - n); break;
    case X_IF: n += weight(e->u.if_.cond, limit - n); n += weight(e->u.if_.then, limit - n); n += weight(e->u.if_.other, limit - n); break;
    case X_REDUCE:
        n += 6 + weight(e->u.reduce.body, limit - n);
        for (int k = 0; k < e->u.reduce.n_cond; k++) n += weight(e->u.reduce.cond[k], limit - n);
        break;
    }
    return n;
}
static void operand(Printer *t, const X *e, bool own_line) {
    put(t->w, own_line ? "\n" : " ");
    print_expr(t, e);
}
static void inner(Printer *t, const X *e) {
    Writer *w = t->w;
    bool lines = weight(e, 24) > 20;
    w->indent++;
    switch (e->k) {
    case X_INT:
        if (e->dt == DT_BOOL) put(w, e->u.i ? "true" : "false");
        else if (e->dt == DT_I64) put(w, "%lld", (long long)e->u.i);
        else put(w, "(%s %lld)", dtype_name(e->dt), (long long)e->u.i);
        break;
    case X_REAL: put(w, "(%s ", dtype_name(e->dt)); sexp_put_real(w, e->u.c.re); put(w, ")"); break;
    case X_COMPLEX:
        put(w, "(%s ", dtype_name(e->dt));
        sexp_put_real(w, e->u.c.re);
        put(w, " ");
        sexp_put_real(w, e->u.c.im);
        put(w, ")");
        break;
    case X_INDEX: {
        const char *label = e->u.index->name;
        for (int k = t->bound.n - 1; k >= 0; k--) if (t->bound.at[k].index == e->u.index) { label = t->bound.at[k].label; break; }
        put_name(w, label);
        break;
    }
    case X_EXT: put(w, "(size "); print_ext(t, e->u.ext); put(w, ")"); break;
    case X_READ:
        put(w, "(read ");
        print_value_name(t, e->u.read.v);
        for (int k = 0; k < e->u.read.v->rank; k++) {
            Boundary b = e->u.read.bnd[k];
            put(w, " ");
            if (b != BND_NONE) put(w, "(beyond %s ", boundary_name[b]);
            print_expr(t, e->u.read.idx[k]);
            if (b == BND_ELSE && e->u.read.other[k]) put(w, " "), print_expr(t, e->u.read.other[k]);
            if (b != BND_NONE) put(w, ")");
        }
        put(w, ")");
        break;
    case X_OP:
        put(w, "(%s", scalar_info[e->u.op.op].name);
        for (int k = 0; k < e->u.op.n; k++) operand(t, e->u.op.arg[k], lines);
        put(w, ")");
        break;
    case X_CAST: case X_BITCAST:
        put(w, "(%s %s ", e->k == X_CAST ? "cast" : "bitcast", dtype_name(e->dt));
        print_expr(t, e->u.cast.arg);
        put(w, ")");
        break;
    case X_IF:
        put(w, "(if");
        operand(t, e->u.if_.cond, false);
        operand(t, e->u.if_.then, lines);
        operand(t, e->u.if_.other, lines);
        put(w, ")");
        break;
    case X_REDUCE: {
        int depth = t->bound.n;
        put(w, "(reduce %s %s", reduce_name[e->u.reduce.op], dtype_name(e->u.reduce.acc));
        if (e->u.reduce.other) { put(w, " (else "); print_expr(t, e->u.reduce.other); put(w, ")"); }
        put(w, " (idx");
        for (int k = 0; k < e->u.reduce.n; k++) put(w, " "), print_bind(t, e->u.reduce.idx[k]);
        put(w, ")");
        if (e->u.reduce.n_cond) {
            put(w, " (where");
            for (int k = 0; k < e->u.reduce.n_cond; k++) put(w, " "), print_expr(t, e->u.reduce.cond[k]);
            put(w, ")");
        }
        operand(t, e->u.reduce.body, lines);
        put(w, ")");
        t->bound.n = depth;
        break;
    }
    }
    w->indent--;
}
void print_expr(Printer *t, const X *e) {
    Dtype dt;
    Space *space;
    natural(e, &dt, &space);
    if (dt == e->dt && space == e->space) { inner(t, e); return; }
    put(t->w, "(as %s ", dtype_name(e->dt));
    print_space_name(t, e->space);
    put(t->w, " ");
    inner(t, e);
    put(t->w, ")");
}
