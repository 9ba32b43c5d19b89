/* read_x.c - names, sizes and scalar expressions from list expressions. What a constructor of x.c asserts is checked here first,
 * so that no text reaches an assert; what remains is the verifier's. */
#include "ir/text.h"
#include <string.h>

void *read_error(IrReader *r, const Sexp *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char text[400];
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_error(r->cx, D_IR_SYNTAX, s->loc, "%s", text);
    return NULL;
}
const char *name_of(const Sexp *s) { return s->kind == SX_LIST ? NULL : s->s; }
bool read_word(IrReader *r, const Sexp *s, const char *const *names, int n, const char *what, int *found) {
    if (s->kind == SX_ATOM)
        for (int k = 0; k < n; k++) if (!strcmp(names[k], s->s)) { *found = k; return true; }
    Diag *d = diag_error(r->cx, D_IR_SYNTAX, s->loc, "%s is expected here", what);
    const char *near = s->kind == SX_ATOM ? did_you_mean(r->cx, s->s, names, n) : NULL;
    if (near) diag_help(d, "did you mean `%s`?", near);
    return false;
}
Dtype read_dtype(IrReader *r, const Sexp *s) {
    Dtype t = s->kind == SX_ATOM ? dtype_from_name(s->s) : DT_NONE;
    if (t == DT_NONE) read_error(r, s, "a dtype is expected here");
    return t;
}
static void *named(IrReader *r, Names *t, const Sexp *s, const char *what) {
    const char *name = name_of(s);
    if (!name) return read_error(r, s, "the name of a %s is expected here", what);
    void **slot = names_slot(t, name, false);
    return slot && *slot ? *slot : read_error(r, s, "`%.100s` is no %s", name, what);
}
Value *read_value_name(IrReader *r, const Sexp *s) { return named(r, &r->value, s, "value"); }
Space *read_space_name(IrReader *r, const Sexp *s) { return named(r, &r->space, s, "space"); }

Ext *read_ext(IrReader *r, const Sexp *s) {
    int64_t v;
    int op;
    if (sexp_int(s, &v)) return ext_const(r->arena, v);
    Ext *e = NEW(r->arena, Ext);                   /* made by hand: text must not change by folding */
    if (s->kind != SX_LIST) {
        e->op = EXT_SYM;
        return (e->sym = named(r, &r->sym, s, "size")) ? e : NULL;
    }
    if (s->item.n != 3) return read_error(r, s, "a size is a number, a name, or an operator with two sizes");
    if (!read_word(r, s->item.at[0], ext_op_name + 2, N_EXT_OPS - 2, "an operator of sizes", &op)) return NULL;
    e->op = (ExtOp)(op + 2);
    return (e->a = read_ext(r, s->item.at[1])) && (e->b = read_ext(r, s->item.at[2])) ? e : NULL;
}

Index *read_bind(IrReader *r, const Sexp *s) {
    const char *name;
    if (s->kind != SX_LIST || s->item.n != 2 || !(name = name_of(s->item.at[0]))) return read_error(r, s, "(index space) is expected here");
    Space *space = read_space_name(r, s->item.at[1]);
    if (!space) return NULL;
    Index *i = program_index(r->p, name, space);
    vec_add(r->arena, r->bound, (Scoped){ name, i });
    return i;
}

static X *number(IrReader *r, const Sexp *s, Dtype dt) {
    int64_t v;
    double re, im;
    if (dtype_is_int(dt) || dt == DT_BOOL) {
        if (s->item.n != 2 || !sexp_int(s->item.at[1], &v)) return read_error(r, s, "an integer is expected here");
        return x_int(r->arena, v, dt);
    }
    bool cplx = dtype_is_complex(dt);
    if (s->item.n != 2 + cplx || !sexp_real(s->item.at[1], &re) || (cplx && !sexp_real(s->item.at[2], &im)))
        return read_error(r, s, cplx ? "two numbers are expected here" : "a number is expected here");
    return cplx ? x_complex(r->arena, re, im, dt) : x_real(r->arena, re, dt);
}
static X *read_of_value(IrReader *r, const Sexp *s) {
    Value *v = s->item.n > 1 ? read_value_name(r, s->item.at[1]) : read_error(r, s, "(read value subscripts..) is expected here");
    if (!v) return NULL;
    if (s->item.n != 2 + v->rank) return read_error(r, s, "`%.100s` has %d axes, %d subscripts are given", v->name, v->rank, s->item.n - 2);
    X **idx = NEWN(r->arena, X *, v->rank + 1), **other = NEWN(r->arena, X *, v->rank + 1);
    Boundary *bnd = NEWN(r->arena, Boundary, v->rank + 1);
    for (int k = 0; k < v->rank; k++) {
        const Sexp *u = s->item.at[2 + k];
        int b = BND_NONE;
        if (!strcmp(sexp_head(u), "beyond")) {
            if (u->item.n < 3 || !read_word(r, u->item.at[1], boundary_name + 1, N_BOUNDARIES - 1, "a boundary rule", &b))
                return u->item.n < 3 ? read_error(r, u, "(beyond rule subscript) is expected here") : NULL;
            b++;
            if (u->item.n != (b == BND_ELSE ? 4 : 3)) return read_error(r, u, "(beyond rule subscript), and the value for `else`, is expected here");
            if (b == BND_ELSE && !(other[k] = read_expr(r, u->item.at[3]))) return NULL;
            u = u->item.at[2];
        }
        bnd[k] = (Boundary)b;
        if (!(idx[k] = read_expr(r, u))) return NULL;
    }
    return x_read(r->arena, v, idx, bnd, other);
}
static X *reduction(IrReader *r, const Sexp *s) {
    int op, n = s->item.n, k = 3, depth = r->bound.n;
    if (n < 5) return read_error(r, s, "(reduce op dtype [(else x)] (idx ..) [(where ..)] body) is expected here");
    if (!read_word(r, s->item.at[1], reduce_name, N_REDUCES, "a reduction", &op)) return NULL;
    Dtype acc = read_dtype(r, s->item.at[2]);
    if (acc == DT_NONE) return NULL;
    X *other = NULL;
    if (!strcmp(sexp_head(s->item.at[k]), "else")) {
        if (s->item.at[k]->item.n != 2) return read_error(r, s->item.at[k], "(else value) is expected here");
        if (!(other = read_expr(r, s->item.at[k]->item.at[1]))) return NULL;
        k++;
    }
    const Sexp *b = k < n ? s->item.at[k++] : s, *w = NULL;
    if (strcmp(sexp_head(b), "idx") || b->item.n < 2 || b->item.n > 17) return read_error(r, b, "(idx (index space)..) with 1 to 16 indices is expected here");
    int m = b->item.n - 1;
    Index **idx = NEWN(r->arena, Index *, m);
    for (int j = 0; j < m; j++) if (!(idx[j] = read_bind(r, b->item.at[j + 1]))) return NULL;
    if (k < n && !strcmp(sexp_head(s->item.at[k]), "where")) w = s->item.at[k++];
    int n_cond = w ? w->item.n - 1 : 0;
    X **cond = NEWN(r->arena, X *, n_cond + 1);
    for (int j = 0; j < n_cond; j++) if (!(cond[j] = read_expr(r, w->item.at[j + 1]))) return NULL;
    if (k != n - 1) return read_error(r, s, "a reduction has one body");
    X *body = read_expr(r, s->item.at[k]);
    r->bound.n = depth;
    return body ? x_reduce(r->arena, (ReduceOp)op, m, idx, n_cond, cond, body, other, acc) : NULL;
}
static X *leaf(IrReader *r, const Sexp *s) {
    int64_t v;
    if (sexp_int(s, &v)) return x_int(r->arena, v, DT_I64);
    if (sexp_is(s, "true") || sexp_is(s, "false")) return x_int(r->arena, sexp_is(s, "true"), DT_BOOL);
    for (int k = r->bound.n - 1; k >= 0; k--) if (!strcmp(r->bound.at[k].name, s->s)) return x_index(r->arena, r->bound.at[k].index);
    return read_error(r, s, "`%.100s` is no index bound here", s->s);
}
static X *list(IrReader *r, const Sexp *s) {
    const char *head = sexp_head(s);
    int n = s->item.n - 1;
    Dtype dt = dtype_from_name(head);
    if (dt != DT_NONE) return number(r, s, dt);
    if (!strcmp(head, "read")) return read_of_value(r, s);
    if (!strcmp(head, "reduce")) return reduction(r, s);
    if (!strcmp(head, "size")) {
        Ext *e = n == 1 ? read_ext(r, s->item.at[1]) : read_error(r, s, "(size extent) is expected here");
        return e ? x_size(r->arena, e) : NULL;
    }
    if (!strcmp(head, "cast") || !strcmp(head, "bitcast")) {
        if (n != 2) return read_error(r, s, "(%s dtype value) is expected here", head);
        if ((dt = read_dtype(r, s->item.at[1])) == DT_NONE) return NULL;
        X *p = read_expr(r, s->item.at[2]);
        return !p ? NULL : *head == 'c' ? x_cast(r->arena, p, dt) : x_bitcast(r->arena, p, dt);
    }
    if (!strcmp(head, "as")) {
        if (n != 3) return read_error(r, s, "(as dtype space value) is expected here");
        if ((dt = read_dtype(r, s->item.at[1])) == DT_NONE) return NULL;
        Space *space = NULL;
        if (!sexp_is(s->item.at[2], "_") && !(space = read_space_name(r, s->item.at[2]))) return NULL;
        X *p = read_expr(r, s->item.at[3]);
        if (!p) return NULL;
        X *c = NEW(r->arena, X);
        *c = *p, c->dt = dt, c->space = space;
        return c;
    }
    if (!strcmp(head, "if")) {
        X *c, *t, *e;
        if (n != 3) return read_error(r, s, "(if condition value value) is expected here");
        if (!(c = read_expr(r, s->item.at[1])) || !(t = read_expr(r, s->item.at[2])) || !(e = read_expr(r, s->item.at[3]))) return NULL;
        if (c->dt != DT_BOOL) return read_error(r, s->item.at[1], "a condition is bool, this is %s", dtype_name(c->dt));
        if (t->dt != e->dt) return read_error(r, s, "the branches are %s and %s", dtype_name(t->dt), dtype_name(e->dt));
        return x_if(r->arena, c, t, e);
    }
    const char *ops[OP_COUNT];
    for (int k = 0; k < OP_COUNT; k++) {
        ops[k] = scalar_info[k].name;
        if (strcmp(ops[k], head)) continue;
        if (n != scalar_info[k].arity) return read_error(r, s, "`%s` has %d argument%s", head, scalar_info[k].arity, scalar_info[k].arity == 1 ? "" : "s");
        X *p = read_expr(r, s->item.at[1]), *q = NULL;
        if (!p || (n == 2 && !(q = read_expr(r, s->item.at[2])))) return NULL;
        return x_op(r->arena, (ScalarOp)k, p, q);
    }
    Diag *d = diag_error(r->cx, D_IR_SYNTAX, s->loc, "an expression is expected here%s%.60s%s", *head ? "; `" : "", head, *head ? "` is no operation" : "");
    const char *near = did_you_mean(r->cx, head, ops, OP_COUNT);
    if (near) diag_help(d, "did you mean `%s`?", near);
    return NULL;
}
X *read_expr(IrReader *r, const Sexp *s) {
    X *e = s->kind == SX_LIST ? list(r, s) : leaf(r, s);
    if (e) e->loc = s->loc;
    return e;
}
