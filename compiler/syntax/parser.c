/* parser.c - words to the syntax tree, by recursive descent over the word array of lexer.c.  After an error the parser goes on at the next
 * statement, so every statement of a file is looked at.  The depth of brackets is bounded by the lexer, that of operators here. */
#include "syntax/lexer.h"
#include <string.h>

typedef struct Parser {
    Context *cx; Arena *a; Tokens t; int p, errors, depth; bool bad;
    int level;                                                   /* of calls of expr, negation, unary and head */
} Parser;
/* What walks a tree recurses; these bounds keep it, and the parser itself, far from the end of the stack. */
enum { MAX_LEVEL = 400, MAX_HEIGHT = 1000, MAX_ERRORS = 100 };

static Token *peek(Parser *p) { return &p->t.at[p->p]; }
static Token *ahead(Parser *p, int n) { int k = p->p + n; return &p->t.at[k < p->t.n ? k : p->t.n - 1]; }
static Token *next(Parser *p) { Token *t = peek(p); if (t->kind != T_END) p->p++; return t; }
static bool tok(const Token *t, const char *s) { return (t->kind == T_OP || t->kind == T_NAME) && !strcmp(t->s, s); }
static bool at(Parser *p, const char *s) { return tok(peek(p), s); }
static bool accept(Parser *p, const char *s) { if (!at(p, s)) return false; next(p); return true; }
static const char *shown(Parser *p, const Token *t) {
    return t->kind == T_END || t->kind == T_TERM ? (t->kind == T_END ? "the end of the file" : "the end of the line") : arena_printf(p->a, "`%s`", t->s);
}
static void fail(Parser *p, const char *expected) {
    if (!p->bad) diag_error(p->cx, D_SYNTAX, peek(p)->loc, "expected %s, found %s", expected, shown(p, peek(p)));
    p->bad = true;
    p->errors++;
}
static bool expect(Parser *p, const char *s, const char *what) {
    if (accept(p, s)) return true;
    fail(p, arena_printf(p->a, "`%s` %s", s, what));
    return false;
}
static Name name(Parser *p, const char *what) {
    Token *t = peek(p);
    if (t->kind != T_NAME) { fail(p, what); return (Name){ "?", t->loc }; }
    next(p);
    return (Name){ t->s, t->loc };
}
static Expr *expr(Parser *p);
static Expr *product(Parser *p);
static Expr *infix(Parser *p, int k);
static Expr *binary(Parser *p, int op, Expr *a, Expr *b);
static Expr *make(Parser *p, ExprKind k, Loc loc) {
    Expr *e = NEW(p->a, Expr);
    e->kind = k, e->loc = loc;
    return e;
}
static void too_deep(Parser *p, Loc loc) {
    if (!p->bad) diag_help(diag_error(p->cx, D_NESTING, loc, "this expression is nested too deeply"), "name parts of the expression by equations of their own");
    p->bad = true;
    p->errors++;
}
static bool enter(Parser *p) {
    if (++p->level <= MAX_LEVEL) return true;
    too_deep(p, peek(p)->loc);
    return false;
}
static void under(Parser *p, Expr *e, const Expr *part) {           /* part is in e: its height counts */
    if (part && part->height >= e->height && (e->height = part->height + 1) > MAX_HEIGHT) too_deep(p, part->loc);
}
static void operand(Parser *p, Expr *e, Expr *part) {
    vec_add(p->a, e->arg, part);
    under(p, e, part);
}
static bool in_list(const char *s, const char *list) {       /* " sum prod " */
    size_t n = strlen(s);
    for (const char *q = list; (q = strstr(q, s)); q += n) if (q[-1] == ' ' && q[n] == ' ') return true;
    return false;
}
#define REDUCTIONS " sum prod min max mean count any all logsumexp argmin argmax "
#define SOFTMAXES " softmax log_softmax "
#define TRANSFORMS " fft ifft dct idct dst idst "
#define FACTORS " cholesky solve lstsq logdet inverse qr svd eigh eig "
#define SELECTS " top sort sort_down cumsum cumprod cummax "
#define DTYPES " f64 f32 f16 bf16 i64 i32 i8 u8 bool c64 c128 "
#define NO_OPERAND " then else and or mod by where keep of until init frozen max over wrt "

static bool starts_operand(const Token *t) {
    if (t->kind == T_NAME) return !in_list(t->s, NO_OPERAND);
    return t->kind == T_INT || t->kind == T_REAL || t->kind == T_IMAG || tok(t, "(");
}
/* NAME ( ... ) operand: a prefix operator; NAME ( ... ) alone is a call. */
static bool is_head(Parser *p) {
    Token *t = peek(p), *o = ahead(p, 1);
    if (t->kind != T_NAME || !tok(o, "(") || o->match < 0) return false;
    if (!strcmp(t->s, "count")) return true;
    if (!in_list(t->s, REDUCTIONS) && !in_list(t->s, SOFTMAXES) && !in_list(t->s, TRANSFORMS) && !in_list(t->s, FACTORS) && !in_list(t->s, SELECTS)) return false;
    return starts_operand(&p->t.at[o->match + 1]);
}

static void binders(Parser *p, Expr *e, bool by) {
    while (!at(p, ")") && !p->bad) {
        Binder b = { name(p, "an index"), NULL };
        vec_add(p->a, e->bind, b);
        if (by && at(p, "by")) {
            next(p);
            do { Expr *key = expr(p); operand(p, e, key); } while (accept(p, ","));
            break;
        }
        if (accept(p, ":")) under(p, e, e->bind.at[e->bind.n - 1].cond = expr(p));
        if (!accept(p, ",")) break;
        /* what follows a condition and is no further index is a further condition: sum(p, d: 2*p + d = x, d > 0) */
        while (e->bind.at[e->bind.n - 1].cond && !p->bad &&
               !(peek(p)->kind == T_NAME && (tok(ahead(p, 1), ",") || tok(ahead(p, 1), ")") || tok(ahead(p, 1), ":")))) {
            Binder *last = &e->bind.at[e->bind.n - 1];
            under(p, e, last->cond = binary(p, B_AND, last->cond, expr(p)));
            if (!accept(p, ",")) { expect(p, ")", "after the indices"); return; }
        }
    }
    expect(p, ")", "after the indices");
}

/* a reduction, softmax, transform, factorisation or selection with its body */
static Expr *head(Parser *p) {
    Token *t = next(p);
    ExprKind k = in_list(t->s, REDUCTIONS) ? E_REDUCE : in_list(t->s, SOFTMAXES) ? E_SOFTMAX : in_list(t->s, TRANSFORMS) ? E_TRANSFORM
               : in_list(t->s, FACTORS) ? E_FACTOR : E_SELECT;
    Expr *e = make(p, k, t->loc);
    e->name = (Name){ t->s, t->loc };
    next(p);
    if (k == E_TRANSFORM) {
        do { Name n = name(p, "an index"); vec_add(p->a, e->from, n); } while (accept(p, ","));
        expect(p, "->", "between the axes of a transform");
        do { Name n = name(p, "an index"); vec_add(p->a, e->to, n); } while (accept(p, ","));
        expect(p, ")", "after the axes");
    } else {
        vec_add(p->a, e->arg, (Expr *)NULL);                   /* the body; softmax keys follow it */
        binders(p, e, k == E_SOFTMAX);
    }
    if (at(p, "acc") && ahead(p, 1)->kind == T_NAME && in_list(ahead(p, 1)->s, DTYPES)) { next(p); e->dtype = next(p)->s; }
    if (k == E_REDUCE && !strcmp(t->s, "count")) {
        e->arg.n = 0;
    } else {
        Expr *body = enter(p) ? product(p) : make(p, E_INT, peek(p)->loc);
        p->level--;
        if (k == E_TRANSFORM) operand(p, e, body); else under(p, e, e->arg.at[0] = body);
        while (k == E_FACTOR && (!strcmp(t->s, "solve") || !strcmp(t->s, "lstsq")) && e->arg.n < 2 && accept(p, ",")) { Expr *b = product(p); operand(p, e, b); }
        if (k == E_REDUCE && in_list(t->s, " min max argmin argmax ") && at(p, "else") && !p->depth) { next(p); under(p, e, e->other = product(p)); }
        e->loc = loc_join(e->loc, body->loc);
    }
    return e;
}

static EdgeRule edge_word(const char *s) {
    return !strcmp(s, "periodic") ? EDGE_PERIODIC : !strcmp(s, "zero") ? EDGE_ZERO : !strcmp(s, "reflect") ? EDGE_REFLECT
         : !strcmp(s, "replicate") ? EDGE_REPLICATE : EDGE_DEFAULT;
}
static Expr *range_after(Parser *p, Expr *e) {
    if (!at(p, "..")) return e;
    next(p);
    Expr *r = make(p, E_RANGE, e->loc);
    operand(p, r, e);
    Expr *hi = infix(p, 0);
    operand(p, r, hi);
    r->loc = loc_join(e->loc, hi->loc);
    return r;
}
static Expr *range_or_expr(Parser *p) { return range_after(p, expr(p)); }
static Expr *postfix(Parser *p) {
    Token *t = next(p);
    Expr *e = NULL;
    switch (t->kind) {
    case T_INT: e = make(p, E_INT, t->loc); e->i = t->i, e->spelling = t->s; return e;
    case T_REAL: e = make(p, E_REAL, t->loc); e->r = t->r, e->spelling = t->s; return e;
    case T_IMAG: e = make(p, E_IMAG, t->loc); e->r = t->r, e->spelling = t->s; return e;
    case T_STRING: e = make(p, E_STRING, t->loc); e->spelling = t->s; return e;
    case T_NAME:
        if (!strcmp(t->s, "true") || !strcmp(t->s, "false")) { e = make(p, E_BOOL, t->loc); e->i = t->s[0] == 't'; return e; }
        e = make(p, E_NAME, t->loc);
        e->name = (Name){ t->s, t->loc };
        break;
    case T_OP:
        if (tok(t, "(")) {
            int depth = p->depth;
            p->depth = 0;
            e = range_or_expr(p);
            if (at(p, ",")) {
                Expr *u = make(p, E_TUPLE, t->loc);
                operand(p, u, e);
                while (accept(p, ",")) { Expr *x = range_or_expr(p); operand(p, u, x); }
                e = u;
            }
            p->depth = depth;
            Loc end = peek(p)->loc;
            expect(p, ")", "");
            if (e->kind != E_TUPLE) e->parens = true;
            e->loc = loc_join(t->loc, end);
            break;
        }
        if (tok(t, "[")) {                                         /* a list of numbers: const k[3] = [1, 2, 1] */
            e = make(p, E_TUPLE, t->loc);
            while (!at(p, "]") && !p->bad) { Expr *x = expr(p); operand(p, e, x); if (!accept(p, ",")) break; }
            expect(p, "]", "after the list");
            return e;
        }
        /* fall through */
    case T_END: case T_TERM:
        p->p -= t->kind != T_END;
        fail(p, "an expression");
        return make(p, E_INT, t->loc);
    }
    for (;;) {
        if (at(p, "[")) {
            Expr *s = make(p, E_SUBSCRIPT, e->loc);
            int depth = p->depth;
            p->depth = 0;
            next(p);
            operand(p, s, e);
            while (!at(p, "]") && !p->bad) {
                Subscript u = { .loc = peek(p)->loc };
                u.e = expr(p);
                u.loc = u.e->loc;
                if (u.e->kind == E_BINARY && u.e->op == B_MOD && !u.e->parens) u.edge = EDGE_PERIODIC, u.other = u.e->arg.at[1], u.e = u.e->arg.at[0];
                else if (at(p, "else")) { next(p); u.edge = EDGE_ELSE; u.other = expr(p); }
                else if (peek(p)->kind == T_NAME && edge_word(peek(p)->s) != EDGE_DEFAULT) u.edge = edge_word(next(p)->s);
                vec_add(p->a, s->sub, u);
                under(p, s, u.e);
                under(p, s, u.other);
                if (!accept(p, ",")) break;
            }
            Loc end = peek(p)->loc;
            expect(p, "]", "after the subscripts");
            p->depth = depth;
            s->loc = loc_join(e->loc, end);
            e = s;
        } else if (at(p, "(") && (e->kind == E_NAME || e->kind == E_CALL)) {
            Expr *c = make(p, E_CALL, e->loc);
            int depth = p->depth;
            p->depth = 0;
            bool wrt = e->kind == E_NAME && in_list(e->name.s, " grad vjp jvp ");
            next(p);
            operand(p, c, e);
            while (!at(p, ")") && !p->bad) {
                NamedArg g = { { NULL, peek(p)->loc }, NULL };
                if (peek(p)->kind == T_NAME && tok(ahead(p, 1), "=")) { g.name = name(p, "a name"); next(p); }
                g.value = range_or_expr(p);
                vec_add(p->a, c->call, g);
                under(p, c, g.value);
                if (wrt && accept(p, "wrt")) { Expr *w = expr(p); operand(p, c, w); c->kind = E_WRT; c->name = e->name; }
                if (!accept(p, ",")) break;
            }
            Loc end = peek(p)->loc;
            expect(p, ")", "after the arguments");
            p->depth = depth;
            c->loc = loc_join(e->loc, end);
            e = c;
        } else if (at(p, "'") && e->kind == E_NAME) {
            next(p);
            Expr *q = make(p, E_PRIME, e->loc);
            q->name = e->name;
            e = q;
        } else return e;
    }
}
static Expr *binary(Parser *p, int op, Expr *a, Expr *b) {
    Expr *e = make(p, E_BINARY, loc_join(a->loc, b->loc));
    e->op = op;
    operand(p, e, a);
    operand(p, e, b);
    return e;
}
static Expr *unary(Parser *p);
static Expr *unary_inside(Parser *p) {
    if (at(p, "-") || at(p, "~")) {
        Token *t = next(p);
        Expr *e = make(p, E_UNARY, t->loc);
        e->op = tok(t, "-") ? U_NEG : U_BITNOT;
        Expr *x = is_head(p) ? head(p) : unary(p);
        operand(p, e, x);
        e->loc = loc_join(t->loc, x->loc);
        return e;
    }
    Expr *e = postfix(p);
    if (accept(p, "**")) return binary(p, B_POW, e, unary(p));
    return e;
}
static Expr *unary(Parser *p) {
    Expr *e = enter(p) ? unary_inside(p) : make(p, E_INT, peek(p)->loc);
    p->level--;
    return e;
}
static Expr *product(Parser *p) {
    if (is_head(p)) return head(p);
    Expr *e = unary(p);
    while (!p->bad) {
        int op = at(p, "*") ? B_MUL : at(p, "/") ? B_DIV : at(p, "//") ? B_FLOORDIV : at(p, "mod") ? B_MOD : -1;
        if (op < 0) return e;
        next(p);
        if (is_head(p)) return binary(p, op, e, head(p));          /* a reduction takes in the rest of the product */
        e = binary(p, op, e, unary(p));
    }
    return e;
}
static const struct Level { const char *op[6]; int code[6]; } level[] = {
    { { "|" }, { B_BITOR } }, { { "^" }, { B_BITXOR } }, { { "&" }, { B_BITAND } }, { { "<<", ">>" }, { B_SHL, B_SHR } }, { { "+", "-" }, { B_ADD, B_SUB } },
};
static Expr *infix(Parser *p, int k) {
    if (k == 5) return product(p);
    Expr *e = infix(p, k + 1);
    for (;;) {
        int j = 0;
        while (j < 6 && level[k].op[j] && !at(p, level[k].op[j])) j++;
        if (p->bad || j == 6 || !level[k].op[j]) return e;
        next(p);
        e = binary(p, level[k].code[j], e, infix(p, k + 1));
    }
}
static Expr *comparison(Parser *p) {
    static const struct { const char *s; BinOp op; } c[] = { { "=", B_EQ }, { "==", B_EQ }, { "!=", B_NE }, { "<", B_LT }, { "<=", B_LE }, { ">", B_GT }, { ">=", B_GE } };
    Expr *e = infix(p, 0);
    for (size_t k = 0; k < 7; k++) if (at(p, c[k].s)) { next(p); return binary(p, c[k].op, e, infix(p, 0)); }
    return e;
}
static Expr *negation(Parser *p) {
    if (!at(p, "not")) return comparison(p);
    Token *t = next(p);
    Expr *e = make(p, E_UNARY, t->loc), *x = enter(p) ? negation(p) : e;
    p->level--;
    if (p->bad) return e;
    e->op = U_NOT;
    operand(p, e, x);
    e->loc = loc_join(t->loc, x->loc);
    return e;
}
static Expr *expr_inside(Parser *p) {
    if (at(p, "if")) {
        Token *t = next(p);
        Expr *e = make(p, E_IF, t->loc);
        Expr *c = expr(p);
        expect(p, "then", "after the condition");
        p->depth++;                                                 /* the next `else` is this if's */
        Expr *a = expr(p);
        p->depth--;
        expect(p, "else", "(an `if` has both branches)");
        Expr *b = expr(p);
        operand(p, e, c);
        operand(p, e, a);
        operand(p, e, b);
        e->loc = loc_join(t->loc, b->loc);
        return e;
    }
    Expr *e = negation(p);
    while (at(p, "and") && !p->bad) { next(p); e = binary(p, B_AND, e, negation(p)); }
    if (at(p, "or") && !p->bad) {
        next(p);
        Expr *r = negation(p);
        while (at(p, "and") && !p->bad) { next(p); r = binary(p, B_AND, r, negation(p)); }
        e = binary(p, B_OR, e, r);
        while (at(p, "or") && !p->bad) {
            next(p);
            r = negation(p);
            while (at(p, "and") && !p->bad) { next(p); r = binary(p, B_AND, r, negation(p)); }
            e = binary(p, B_OR, e, r);
        }
    }
    return e;
}

static Expr *expr(Parser *p) {
    Expr *e = enter(p) ? expr_inside(p) : make(p, E_INT, peek(p)->loc);
    p->level--;
    return e;
}

/* ---- statements ------------------------------------------------------------------------------------------- */
static void axes(Parser *p, Decl *d) {
    if (!accept(p, "[")) return;
    while (!at(p, "]") && !p->bad) { Expr *e = range_or_expr(p); vec_add(p->a, d->axis, e); if (!accept(p, ",")) break; }
    expect(p, "]", "after the dimensions");
}
static const char *dtype(Parser *p) {
    Token *t = peek(p);
    if (t->kind == T_NAME && in_list(t->s, DTYPES)) { next(p); return t->s; }
    fail(p, "a type (f32, f64, i32, bool, c64, ...)");
    return NULL;
}
static void map_decl(Parser *p, Decl *d) {                        /* after the word map */
    d->is_map = true;
    d->name = name(p, "the map's name");
    d->loc = d->name.loc;
    if (accept(p, "[")) {
        while (!at(p, "]") && !p->bad) { Name n = name(p, "an index"); vec_add(p->a, d->index, n); if (!accept(p, ",")) break; }
        expect(p, "]", "after the indices");
    }
    expect(p, ":", "before the map's spaces");
    do { Expr *e = range_or_expr(p); vec_add(p->a, d->from, e); } while (accept(p, ","));
    expect(p, "->", "before the map's target");
    d->to = range_after(p, infix(p, 0));                                       /* not a comparison: `=` begins the value */
    if (accept(p, "=")) d->value = expr(p);
}
static void decl_list(Parser *p, Stmt *s, StmtKind k) {
    do {
        Decl d = { 0 };
        if (at(p, "map")) { next(p); map_decl(p, &d); vec_add(p->a, s->decl, d); continue; }
        d.name = name(p, "a name");
        d.loc = d.name.loc;
        if (k == S_INPUT || k == S_PARAM || k == S_CONST) axes(p, &d);
        if ((k == S_INPUT || k == S_PARAM || k == S_CONST) && accept(p, ":")) d.dtype = dtype(p);
        if (k == S_PARAM)
            for (;;) {
                if (at(p, "init")) {
                    next(p);
                    d.init = postfix(p);
                } else if (at(p, "frozen")) { next(p); d.frozen = true; }
                else break;
            }
        if (k == S_GRID && peek(p)->kind == T_NAME) { s->edge = edge_word(peek(p)->s); if (s->edge == EDGE_DEFAULT) fail(p, "periodic, zero, reflect or replicate"); next(p); }
        if ((k == S_DIM || k == S_SEQ || k == S_GRID || k == S_CONST || k == S_STATE) && accept(p, "=")) d.init = expr(p);
        vec_add(p->a, s->decl, d);
    } while (!p->bad && accept(p, ","));
}
static Stmt *statement(Parser *p);
static void block(Parser *p, Stmt *s) {
    expect(p, "{", "before the body");
    while (!at(p, "}") && peek(p)->kind != T_END && !p->bad && p->errors <= MAX_ERRORS) {
        if (peek(p)->kind == T_TERM) { next(p); continue; }
        Stmt *b = statement(p);
        if (b) vec_add(p->a, s->body, b);
    }
    if (p->errors <= MAX_ERRORS) expect(p, "}", "after the body");
}
static void equation(Parser *p, Stmt *s) {
    s->kind = S_EQUATION;
    do {
        Expr *l = postfix(p);
        vec_add(p->a, s->lhs, l);
    } while (!p->bad && accept(p, ","));
    if (accept(p, ":")) s->dtype = dtype(p);
    if (p->bad) return;
    if (!expect(p, "=", "in an equation")) return;
    Expr *r = expr(p);
    vec_add(p->a, s->rhs, r);
}
static void index_stmt(Parser *p, Stmt *s) {
    int first = 0;
    do {
        Name n = name(p, "an index name");
        vec_add(p->a, s->index, n);
        vec_add(p->a, s->expr, (Expr *)NULL);
        if (accept(p, ":")) {
            Expr *e = range_or_expr(p);
            for (; first < s->index.n; first++) s->expr.at[first] = e;
        }
    } while (!p->bad && accept(p, ","));
    if (first < s->index.n) fail(p, "`:` and the space of the index");
}
static void modes_stmt(Parser *p, Stmt *s) {
    do {
        Name n = name(p, "a name for the frequencies"), w = { intern(p->cx, "signed"), n.loc };
        expect(p, "of", "and a grid");
        Expr *g = expr(p), *lo = NULL, *hi = NULL;
        if (accept(p, "keep")) {
            hi = expr(p);
            if (accept(p, "..")) lo = hi, hi = expr(p);
        }
        if (peek(p)->kind == T_NAME && in_list(peek(p)->s, " signed half cosine sine ")) { w.s = next(p)->s; }
        vec_add(p->a, s->index, n);
        vec_add(p->a, s->expr, g);
        vec_add(p->a, s->lo, lo);
        vec_add(p->a, s->hi, hi);
        vec_add(p->a, s->word, w);
    } while (!p->bad && accept(p, ","));
}
static void space_stmt(Parser *p, Stmt *s) {
    s->name = name(p, "the space's name");
    expect(p, "=", "and unique(..), join(..) or filter(..)");
    Name w = name(p, "unique, join or filter");
    vec_add(p->a, s->word, w);
    expect(p, "(", "");
    if (!strcmp(w.s, "unique")) {
        do { Expr *e = postfix(p); vec_add(p->a, s->expr, e); } while (!p->bad && accept(p, ","));
    } else {
        do {
            Binder b = { name(p, "an index"), NULL };
            expect(p, ":", "and its space");
            b.cond = range_or_expr(p);
            vec_add(p->a, s->bind, b);
        } while (!p->bad && accept(p, ","));
        expect(p, "where", "and a condition");
        s->cond = expr(p);
    }
    expect(p, ")", "");
}
static void graph_stmt(Parser *p, Stmt *s) {
    s->name = name(p, "the graph's name");
    Name w = { NULL, peek(p)->loc };
    if (accept(p, "over")) { w.s = intern(p->cx, "over"); Expr *e = expr(p); vec_add(p->a, s->expr, e); }
    else if (accept(p, ":")) {
        w.s = intern(p->cx, "bipartite");
        Expr *e = expr(p);
        vec_add(p->a, s->expr, e);
        expect(p, "->", "between the node spaces");
        e = expr(p);
        vec_add(p->a, s->expr, e);
    } else if (accept(p, "=")) {
        w = name(p, "reverse(..), self_loops(..) or a graph");
        if (accept(p, "(")) { Expr *e = expr(p); vec_add(p->a, s->expr, e); expect(p, ")", ""); }
        else {
            Expr *e = make(p, E_NAME, w.loc);
            e->name = w;
            vec_add(p->a, s->expr, e);
            w.s = intern(p->cx, "where");
            expect(p, "where", "and a condition");
            s->cond = expr(p);
        }
    } else w.s = intern(p->cx, "given");
    vec_add(p->a, s->word, w);
}
static void skip_braces(Parser *p, Stmt *s) {
    while (!at(p, "{") && peek(p)->kind != T_END && peek(p)->kind != T_TERM) next(p);
    if (!at(p, "{")) { fail(p, "`{`"); return; }
    int m = peek(p)->match;
    s->text = "";
    p->p = m + 1;
}
static bool starts_statement(Parser *p) {                          /* a keyword, not a tensor of that name */
    return !tok(ahead(p, 1), "=") && !tok(ahead(p, 1), "[") && !tok(ahead(p, 1), "(") && !tok(ahead(p, 1), ",");
}
static Stmt *statement(Parser *p) {
    Token *t = peek(p);
    Stmt *s = NEW(p->a, Stmt);
    s->comment = t->comment, s->blank_before = t->blank, s->loc = t->loc;
    static const struct { const char *word; StmtKind k; } word[] = {
        { "dim", S_DIM }, { "seq", S_SEQ }, { "grid", S_GRID }, { "graph", S_GRAPH }, { "space", S_SPACE }, { "modes", S_MODES }, { "index", S_INDEX },
        { "input", S_INPUT }, { "param", S_PARAM }, { "const", S_CONST }, { "map", S_MAP }, { "let", S_LET }, { "output", S_OUTPUT },
        { "repeat", S_REPEAT }, { "iterate", S_ITERATE }, { "schedule", S_SCHEDULE }, { "state", S_STATE } };
    int k = -1;
    if (t->kind == T_NAME && starts_statement(p)) for (size_t j = 0; j < sizeof word / sizeof *word; j++) if (!strcmp(t->s, word[j].word)) k = (int)j;
    if (k < 0) equation(p, s);
    else {
        next(p);
        switch (s->kind = word[k].k) {
        case S_DIM: case S_SEQ: case S_GRID: case S_INPUT: case S_PARAM: case S_CONST: case S_STATE: decl_list(p, s, s->kind); break;
        case S_MAP: { do { if (at(p, "map")) next(p); Decl d = { 0 }; map_decl(p, &d); vec_add(p->a, s->decl, d); } while (!p->bad && accept(p, ",")); break; }
        case S_GRAPH: graph_stmt(p, s); break;
        case S_SPACE: space_stmt(p, s); break;
        case S_MODES: modes_stmt(p, s); break;
        case S_INDEX: index_stmt(p, s); break;
        case S_OUTPUT:
            s->is_output = true;
            if (peek(p)->kind == T_NAME && (ahead(p, 1)->kind == T_TERM || ahead(p, 1)->kind == T_END || tok(ahead(p, 1), "}"))) {
                Expr *l = postfix(p);                              /* the equation stands elsewhere */
                vec_add(p->a, s->lhs, l);
            } else { equation(p, s); s->kind = S_OUTPUT; }
            break;
        case S_LET:
            s->name = name(p, "the function's name");
            expect(p, "(", "and the arguments");
            while (!at(p, ")") && !p->bad) { Name n = name(p, "an argument"); vec_add(p->a, s->index, n); if (!accept(p, ",")) break; }
            expect(p, ")", "after the arguments");
            expect(p, "=", "and the value");
            { Expr *e = expr(p); vec_add(p->a, s->rhs, e); }
            break;
        case S_REPEAT: {
            s->name = name(p, "the counter");
            expect(p, ":", "and its range");
            Expr *e = range_or_expr(p);
            if (e->kind != E_RANGE) { fail(p, "a range such as 0..L"); break; }
            vec_add(p->a, s->rhs, e->arg.at[0]);
            s->count = e->arg.at[1];
            block(p, s);
            break;
        }
        case S_ITERATE:
            do {
                Expr *l = postfix(p);
                vec_add(p->a, s->lhs, l);
                expect(p, "=", "and the start value");
                Expr *r = expr(p);
                vec_add(p->a, s->rhs, r);
            } while (!p->bad && accept(p, ","));
            expect(p, "until", "and the test that ends the iteration");
            s->cond = expr(p);
            expect(p, "max", "and the largest number of rounds");
            s->count = expr(p);
            block(p, s);
            break;
        case S_SCHEDULE: skip_braces(p, s); break;
        case S_EQUATION: break;
        }
    }
    s->loc = loc_join(s->loc, p->p ? p->t.at[p->p - 1].loc : s->loc);
    if (!p->bad) {
        Token *e = peek(p);
        if (e->kind == T_TERM) { s->tail_comment = e->tail; next(p); }
        else if (e->kind != T_END && !at(p, "}") && !(p->p && tok(&p->t.at[p->p - 1], "}"))) fail(p, "the end of the statement");
    }
    if (p->bad) {                                                    /* go on behind this statement */
        p->bad = false;
        while (peek(p)->kind != T_TERM && peek(p)->kind != T_END && !at(p, "}")) {
            int m = peek(p)->match;
            if (m > p->p) p->p = m;
            next(p);
        }
        if (peek(p)->kind == T_TERM) next(p);
        return NULL;
    }
    return s;
}

static void model_arg(Parser *p, Model *m) {
    ModelArg g = { .name = name(p, "an argument"), .kind = A_VALUE };
    g.loc = g.name.loc;
    const char *w = g.name.s;
    if (!strcmp(w, "graph") && peek(p)->kind == T_NAME) {           /* graph g: users -> items;  graph b over a */
        g.kind = A_GRAPH;
        g.name = name(p, "the graph's name");
        if (accept(p, "over")) g.over = name(p, "a graph");
        else if (accept(p, ":")) { g.from = expr(p); expect(p, "->", "between the node spaces"); g.to = expr(p); }
    } else if (accept(p, ":")) {
        Name k = name(p, "graph, dim, seq or grid");
        if (!strcmp(k.s, "graph")) {
            g.kind = A_GRAPH;
            if (accept(p, "over")) g.over = name(p, "a graph");
            else if (peek(p)->kind == T_NAME) { g.from = expr(p); expect(p, "->", "between the node spaces"); g.to = expr(p); }
        } else if (!strcmp(k.s, "dim")) g.kind = A_DIM;
        else if (!strcmp(k.s, "seq")) g.kind = A_SEQ;
        else if (!strcmp(k.s, "grid")) {
            g.kind = A_GRID;
            if (peek(p)->kind == T_NAME) { g.edge = edge_word(peek(p)->s); if (g.edge == EDGE_DEFAULT) fail(p, "periodic, zero, reflect or replicate"); next(p); }
        } else { p->p--; fail(p, "graph, dim, seq or grid"); }
    }
    if (accept(p, "=")) g.value = expr(p);
    vec_add(p->a, m->arg, g);
}
static Model *model(Parser *p, int file) {
    Model *m = NEW(p->a, Model);
    m->comment = peek(p)->comment;
    m->is_update = at(p, "update");
    m->loc = next(p)->loc;
    m->file = file;
    m->name = name(p, "the model's name");
    expect(p, "(", "and the arguments");
    while (!at(p, ")") && !p->bad) { model_arg(p, m); if (!accept(p, ",") && !accept(p, ";")) break; }
    expect(p, ")", "after the arguments");
    m->loc = loc_join(m->loc, p->t.at[p->p - 1].loc);
    if (!p->bad) {
        Stmt s = { 0 };
        block(p, &s);
        for (int k = 0; k < s.body.n; k++) vec_add(p->a, m->body, s.body.at[k]);
    }
    if (p->bad) {
        p->bad = false;
        while (peek(p)->kind != T_END && !at(p, "model") && !at(p, "update")) next(p);
    }
    return m;
}

File *parse_file(Context *cx, int source) {
    Parser p = { .cx = cx, .a = cx->arena };
    if (!lex(cx, source, &p.t)) return NULL;
    File *f = NEW(cx->arena, File);
    f->source = source;
    while (peek(&p)->kind != T_END) {
        if (p.errors > MAX_ERRORS) {
            diag_error(cx, D_SYNTAX, peek(&p)->loc, "so many errors: the rest of the file was not read");
            break;
        }
        if (peek(&p)->kind == T_TERM) { next(&p); continue; }
        if (at(&p, "use") && ahead(&p, 1)->kind == T_STRING) {
            Token *t = next(&p), *s = next(&p);
            Use u = { s->s, loc_join(t->loc, s->loc) };
            vec_add(cx->arena, f->use, u);
        } else if ((at(&p, "model") || at(&p, "update")) && ahead(&p, 1)->kind == T_NAME) {
            Model *m = model(&p, source);
            vec_add(cx->arena, f->model, m);
        } else if (at(&p, "}")) { fail(&p, "a model"); p.bad = false; next(&p); }
        else {
            Stmt *s = statement(&p);
            if (s && s->kind != S_LET && s->kind != S_CONST && s->kind != S_DIM && s->kind != S_SCHEDULE) {
                diag_help(diag_error(cx, D_SYNTAX, s->loc, "this belongs inside a model"), "a file has use, let, const, dim, schedule, model and update at its top");
                p.errors++;
            } else if (s) vec_add(cx->arena, f->top, s);
        }
    }
    f->end_comment = peek(&p)->comment;
    return p.errors ? NULL : f;
}
