/* tree.c - the actions of grammar/pigeon.y: nodes of the syntax tree, and what the grammar leaves to them: types have known names, indices of a
 * reduction are names, expressions are not higher than what walks them can recurse. */
#include "syntax/tree.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_HEIGHT = 1000 };

#define LIST_OF(T, Item, what)                                     \
    T *tree_list_##T(Reader *r, T *list, Item) {                   \
        if (!list) list = NEW(r->a, T);                            \
        vec_add(r->a, *list, what);                                \
        return list;                                               \
    }
LIST_OF(Exprs, Expr *e, e)
LIST_OF(Args, NamedArg a, a)
LIST_OF(Subs, Subscript s, s)
LIST_OF(Names, const Token *t, tree_name(t))
LIST_OF(Stmts, Stmt *s, s)
LIST_OF(Decls, Decl d, d)
LIST_OF(ModelArgs, ModelArg a, a)
LIST_OF(Binders, Binder b, b)

Diag *tree_error(Reader *r, Loc at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->errors++;
    return diag_error(r->cx, D_SYNTAX, at, "%s", text);
}
Name tree_name(const Token *t) { return (Name){ t->s, t->loc }; }
EdgeRule tree_edge(const Token *t) {
    return !strcmp(t->s, "periodic") ? EDGE_PERIODIC : !strcmp(t->s, "zero") ? EDGE_ZERO : !strcmp(t->s, "reflect") ? EDGE_REFLECT : EDGE_REPLICATE;
}
const char *tree_dtype(Reader *r, const Token *t) {
    static const char *const known[] = { "f64", "f32", "f16", "bf16", "i64", "i32", "i8", "u8", "bool", "c64", "c128" };
    if (words_is_dtype(t->s)) return t->s;
    Diag *d = tree_error(r, t->loc, "`%s` is no type", t->s);
    const char *near = did_you_mean(r->cx, t->s, known, sizeof known / sizeof *known);
    if (near) diag_help(d, "did you mean `%s`?", near);
    else diag_help(d, "types are f64, f32, f16, bf16, i64, i32, i8, u8, bool, c64 and c128");
    return NULL;
}

/* ---- expressions ------------------------------------------------------------------------------------------- */
static Expr *make(Reader *r, ExprKind k, Loc at) {
    Expr *e = NEW(r->a, Expr);
    e->kind = k, e->loc = at;
    return e;
}
static void under(Reader *r, Expr *e, const Expr *part) {           /* part is in e: its height counts */
    if (!part || part->height < e->height || (e->height = part->height + 1) != MAX_HEIGHT) return;
    r->errors++;
    diag_help(diag_error(r->cx, D_NESTING, part->loc, "this expression is nested too deeply"), "name parts of the expression by equations of their own");
}
static void add(Reader *r, Expr *e, Expr *part) {
    vec_add(r->a, e->arg, part);
    under(r, e, part);
}
Expr *tree_leaf(Reader *r, ExprKind k, const Token *t) {
    Expr *e = make(r, k, t->loc);
    switch (k) {
    case E_INT: e->i = t->i, e->spelling = t->s; break;
    case E_REAL: case E_IMAG: e->r = t->r, e->spelling = t->s; break;
    case E_STRING: e->spelling = t->s; break;
    case E_BOOL: e->i = t->s[0] == 't'; break;
    case E_NAME: case E_PRIME: case E_SUBSCRIPT: case E_CALL: case E_UNARY: case E_BINARY: case E_IF: case E_REDUCE: case E_SOFTMAX: case E_TUPLE: case E_RANGE:
    case E_TRANSFORM: case E_FACTOR: case E_SELECT: case E_WRT: e->name = tree_name(t); break;
    }
    return e;
}
Expr *tree_unary(Reader *r, UnOp op, Loc at, Expr *a) {
    Expr *e = make(r, E_UNARY, loc_join(at, a->loc));
    e->op = op;
    add(r, e, a);
    return e;
}
Expr *tree_binary(Reader *r, BinOp op, Expr *a, Expr *b) {
    Expr *e = make(r, E_BINARY, loc_join(a->loc, b->loc));
    e->op = op;
    add(r, e, a);
    add(r, e, b);
    return e;
}
Expr *tree_product(Reader *r, const Token *op, Expr *a, Expr *b) {
    return tree_binary(r, op->s[0] == '*' ? B_MUL : op->s[0] == 'm' ? B_MOD : op->s[1] ? B_FLOORDIV : B_DIV, a, b);
}
Expr *tree_compare(Reader *r, const Token *op, Expr *a, Expr *b) {
    bool equal = op->s[1] == '=';
    return tree_binary(r, op->s[0] == '<' ? equal ? B_LE : B_LT : op->s[0] == '>' ? equal ? B_GE : B_GT : op->s[0] == '!' ? B_NE : B_EQ, a, b);
}
Expr *tree_of(Reader *r, ExprKind k, Loc at, Exprs *part) {
    Expr *e = make(r, k, at);
    for (int j = 0; part && j < part->n; j++) add(r, e, part->at[j]);
    return e;
}
Expr *tree_parens(Expr *e, Loc at) {
    e->parens = true, e->loc = at;
    return e;
}
Subscript tree_sub(Reader *r, Expr *e, EdgeRule edge, Expr *other) {
    (void)r;
    Subscript u = { .e = e, .edge = edge, .other = other, .loc = e->loc };
    if (edge == EDGE_DEFAULT && e->kind == E_BINARY && e->op == B_MOD && !e->parens) u.edge = EDGE_PERIODIC, u.other = e->arg.at[1], u.e = e->arg.at[0];
    return u;
}
Expr *tree_subscript(Reader *r, Expr *base, Subs *subs, Loc at) {
    Expr *e = make(r, E_SUBSCRIPT, at);
    add(r, e, base);
    TAKE(e->sub, subs);
    for (int k = 0; k < e->sub.n; k++) {
        under(r, e, e->sub.at[k].e);
        under(r, e, e->sub.at[k].other);
    }
    return e;
}
Expr *tree_call(Reader *r, Expr *callee, Args *args, Loc at) {
    Expr *e = make(r, E_CALL, at);
    add(r, e, callee);
    TAKE(e->call, args);
    for (int k = 0; k < e->call.n; k++) under(r, e, e->call.at[k].value);
    return e;
}
Expr *tree_wrt(Reader *r, Token *word, Args *before, Expr *wrt, Args *behind, Loc at) {
    for (int k = 0; behind && k < behind->n; k++) before = MORE(r, Args, before, behind->at[k]);
    Expr *e = tree_call(r, tree_leaf(r, E_NAME, word), before, at);
    e->kind = E_WRT, e->name = tree_name(word);
    add(r, e, wrt);
    return e;
}
Binder tree_binder(Reader *r, Expr *index, Expr *cond) {
    (void)r;
    /* a further condition, sum(p, d: 2*p + d = x, d > 0), comes as a binder without a name; tree_head joins it to the one before */
    return index->kind == E_NAME && !index->parens ? (Binder){ index->name, cond } : (Binder){ { NULL, index->loc }, cond ? NULL : index };
}
Expr *tree_head(Reader *r, ExprKind k, Token *word, Binders *items, const Token *acc, Expr *body, Loc at) {
    Expr *e = make(r, k, at);
    e->name = tree_name(word);
    e->dtype = acc ? tree_dtype(r, acc) : NULL;
    if (body) add(r, e, body);
    for (int j = 0; items && j < items->n; j++) {
        Binder b = items->at[j], *last = e->bind.n ? &e->bind.at[e->bind.n - 1] : NULL;
        if (b.index.s) vec_add(r->a, e->bind, b);
        else if (last && last->cond && b.cond) last->cond = tree_binary(r, B_AND, last->cond, b.cond);
        else diag_help(tree_error(r, b.index.loc, "expected an index, found an expression"), "conditions follow a colon: %s(i: i < 3)", word->s);
        if (e->bind.n) under(r, e, e->bind.at[e->bind.n - 1].cond);
    }
    return e;
}
Expr *tree_extra(Reader *r, Expr *e, Exprs *part) {
    for (int j = 0; part && j < part->n; j++) add(r, e, part->at[j]);
    return e;
}
Expr *tree_else(Reader *r, Expr *e, Expr *other) {
    e->other = other;
    under(r, e, other);
    return e;
}
Expr *tree_transform(Reader *r, Token *word, Names *from, Names *to, const Token *acc, Expr *body, Loc at) {
    Expr *e = tree_head(r, E_TRANSFORM, word, NULL, acc, body, at);
    TAKE(e->from, from);
    TAKE(e->to, to);
    return e;
}

/* ---- statements -------------------------------------------------------------------------------------------- */
Stmt *tree_stmt(Reader *r, StmtKind k, Loc at) {
    Stmt *s = NEW(r->a, Stmt);
    s->kind = k, s->loc = at;
    return s;
}
Stmt *tree_decls(Reader *r, StmtKind k, Decls *d, Loc at) {
    Stmt *s = tree_stmt(r, k, at);
    TAKE(s->decl, d);
    return s;
}
Stmt *tree_equation(Reader *r, Exprs *lhs, const Token *dtype, Expr *rhs, Loc at) {
    Stmt *s = tree_stmt(r, S_EQUATION, at);
    TAKE(s->lhs, lhs);
    s->dtype = dtype ? tree_dtype(r, dtype) : NULL;
    vec_add(r->a, s->rhs, rhs);
    return s;
}
Stmt *tree_index(Reader *r, Stmt *s, Names *names, Expr *space) {
    if (!s) s = tree_stmt(r, S_INDEX, space->loc);
    for (int k = 0; k < names->n; k++) {
        vec_add(r->a, s->index, names->at[k]);
        vec_add(r->a, s->expr, space);
    }
    return s;
}
Stmt *tree_modes(Reader *r, Stmt *s, const Token *name, Expr *grid, Keep keep, Loc at) {
    if (!s) s = tree_stmt(r, S_MODES, at);
    Name family = { keep.family ? keep.family->s : intern(r->cx, "signed"), name->loc };
    vec_add(r->a, s->index, tree_name(name));
    vec_add(r->a, s->expr, grid);
    vec_add(r->a, s->lo, keep.lo);
    vec_add(r->a, s->hi, keep.hi);
    vec_add(r->a, s->word, family);
    return s;
}
Stmt *tree_space(Reader *r, const Token *name, const Token *form, Exprs *maps, Binders *of, Expr *cond, Loc at) {
    Stmt *s = tree_stmt(r, S_SPACE, at);
    s->name = tree_name(name);
    s->cond = cond;
    vec_add(r->a, s->word, tree_name(form));
    TAKE(s->expr, maps);
    TAKE(s->bind, of);
    bool unique = !strcmp(form->s, "unique"), known = unique || !strcmp(form->s, "join") || !strcmp(form->s, "filter");
    if (known && unique != (maps != NULL))
        diag_help(tree_error(r, form->loc, unique ? "unique takes maps" : "`%s` takes indices with their spaces, and a condition", form->s), unique ? "space P = unique(f, g)"
                  : "space Q = %s(e: g.edges where ...)", form->s);
    return s;
}
Stmt *tree_graph(Reader *r, const Token *name, const char *word, Loc word_at, Expr *a, Expr *b, Loc at) {
    Stmt *s = tree_stmt(r, S_GRAPH, at);
    Name w = { intern(r->cx, word), word_at };
    s->name = tree_name(name);
    vec_add(r->a, s->word, w);
    if (a) vec_add(r->a, s->expr, a);
    if (b) vec_add(r->a, s->expr, b);
    return s;
}
void tree_model(Reader *r, bool is_update, const Token *name, ModelArgs *args, Stmts *body, Loc at) {
    Model *m = NEW(r->a, Model);
    m->name = tree_name(name);
    m->is_update = is_update;
    m->loc = at;
    m->file = r->file->source;
    TAKE(m->arg, args);
    TAKE(m->body, body);
    if (r->unread) {
        m->unread = NEW(r->a, struct Unread);
        *m->unread = (struct Unread){ .at = r->unread, .file = r->file };
        memcpy(&m->unread->t, &r->t, sizeof r->t);
        r->unread = 0;
    }
    vec_add(r->a, r->file->model, m);
}
/* A file names each model, and each constant, size and function at its top, once. */
static int by_name(const void *pa, const void *pb) {
    const Name *a = pa, *b = pb;
    if (a->s != b->s) return (uintptr_t)a->s < (uintptr_t)b->s ? -1 : 1;
    return a->loc.line != b->loc.line ? a->loc.line - b->loc.line : a->loc.col - b->loc.col;
}
static void once(Reader *r, Names *n, const char *what) {
    if (n->n) qsort(n->at, (size_t)n->n, sizeof *n->at, by_name);
    for (int k = 1; k < n->n; k++) if (n->at[k].s == n->at[k - 1].s) {
        diag_note(diag_error(r->cx, D_DUPLICATE_NAME, n->at[k].loc, "%s `%s` is declared already", what, n->at[k].s), n->at[k - 1].loc, "here");
        r->errors++;
    }
}
void tree_finish(Reader *r) {
    Names model = { 0 }, top = { 0 };
    for (int k = 0; k < r->file->model.n; k++) vec_add(r->a, model, r->file->model.at[k]->name);
    for (int k = 0; k < r->file->top.n; k++) {
        const Stmt *s = r->file->top.at[k];
        if (s->kind == S_LET) vec_add(r->a, top, s->name);
        for (int j = 0; j < s->decl.n; j++) vec_add(r->a, top, s->decl.at[j].name);
    }
    once(r, &model, "model");
    once(r, &top, "name");
}
void tree_top(Reader *r, Stmt *s) {
    if (!s) return;                                                 /* its head was wrong */
    if (s->kind == S_LET || s->kind == S_CONST || s->kind == S_DIM || s->kind == S_SCHEDULE) { vec_add(r->a, r->file->top, s); return; }
    diag_help(tree_error(r, s->loc, "this belongs inside a model"), "a file has use, let, const, dim, schedule, model and update at its top");
}
