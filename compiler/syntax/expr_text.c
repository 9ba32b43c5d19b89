/* expr_text.c - an expression as text: as written when it stands on one line, else set anew on one line.
 *
 * The setter knows the precedences of the parser and puts parentheses where the tree needs them or where they were written.  Two
 * things besides precedence need them: a reduction with an `else` in the then-part of an `if`, and a reduction on the left of `*`;
 * a tree that came from the parser has the second kind already. */
#include "syntax/layout.h"
#include <string.h>

static const struct { const char *text; int precedence; } binary[] = {
    [B_OR] = { "or", 1 },      [B_AND] = { "and", 2 },   [B_EQ] = { "=", 4 },      [B_NE] = { "!=", 4 },    [B_LT] = { "<", 4 },
    [B_LE] = { "<=", 4 },      [B_GT] = { ">", 4 },      [B_GE] = { ">=", 4 },     [B_BITOR] = { "|", 5 },  [B_BITXOR] = { "^", 6 },
    [B_BITAND] = { "&", 7 },   [B_SHL] = { "<<", 8 },    [B_SHR] = { ">>", 8 },    [B_ADD] = { "+", 9 },    [B_SUB] = { "-", 9 },
    [B_MUL] = { "*", 10 },     [B_DIV] = { "/", 10 },    [B_FLOORDIV] = { "//", 10 }, [B_MOD] = { "mod", 10 }, [B_POW] = { "**", 12 },
};

void layout_init(Layout *l, Context *cx) {
    *l = (Layout){ .cx = cx };
    writer_init(&l->w, cx->arena);
}
void layout_text(Layout *l, const char *s) { put_raw(&l->w, s, strlen(s)); }
static void may_break(Layout *l, int rank) {
    Break b = { l->w.n, 16 * l->depth + rank };
    vec_add(l->cx->arena, l->brk, b);
}
void layout_comma(Layout *l) { layout_text(l, ", "); may_break(l, 12); }
void layout_space(Layout *l, int rank) { layout_text(l, " "); may_break(l, rank); }

static void open(Layout *l, const char *s) { layout_text(l, s); l->depth++; }
static void close(Layout *l, const char *s) { layout_text(l, s); l->depth--; }
static void names(Layout *l, const Name *n, int count) {
    for (int k = 0; k < count; k++) {
        if (k) layout_comma(l);
        layout_text(l, n[k].s);
    }
}

static bool is_quantifier(const Expr *e) { return e->kind == E_REDUCE && (!strcmp(e->name.s, "any") || !strcmp(e->name.s, "all")); }
static int precedence_of(const Expr *e) {
    switch (e->kind) {
    case E_BINARY: return binary[e->op].precedence;
    case E_UNARY: return e->op == U_NOT ? 3 : 11;
    case E_IF: case E_RANGE: return 0;
    case E_REDUCE: return is_quantifier(e) ? 3 : e->arg.n ? 10 : 13;        /* count(..) has no body */
    case E_SOFTMAX: case E_TRANSFORM: case E_FACTOR: case E_SELECT: return 10;
    case E_INT: case E_REAL: case E_IMAG: case E_BOOL: case E_STRING: case E_NAME: case E_SUBSCRIPT: case E_CALL: case E_TUPLE: case E_WRT:
    case E_PRIME: return 13;
    }
    return 13;
}
static bool is_head(const Expr *e) { return precedence_of(e) == 10 && e->kind != E_BINARY; }

static void subscripts(Layout *l, const Expr *e) {
    bool guard = l->guard;
    l->guard = false;
    open(l, "[");
    for (int k = 0; k < e->sub.n; k++) {
        const Subscript *u = &e->sub.at[k];
        bool modulo = u->edge == EDGE_PERIODIC && u->other;
        if (k) layout_comma(l);
        layout_expr(l, u->e, modulo ? PREC_PRODUCT : PREC_ANY, TIGHT);
        switch (u->edge) {
        case EDGE_DEFAULT: break;
        case EDGE_ELSE: layout_text(l, " else "); layout_expr(l, u->other, PREC_ANY, TIGHT); break;
        case EDGE_ZERO: layout_text(l, " zero"); break;
        case EDGE_PERIODIC:
            layout_text(l, modulo ? " mod " : " periodic");
            if (modulo) layout_expr(l, u->other, PREC_PRODUCT + 1, TIGHT);
            break;
        case EDGE_REFLECT: layout_text(l, " reflect"); break;
        case EDGE_REPLICATE: layout_text(l, " replicate"); break;
        }
    }
    close(l, "]");
    l->guard = guard;
}
static bool starts_after(Loc a, Loc b) { return a.line != b.line ? a.line > b.line : a.col > b.col; }
static void arguments(Layout *l, const Expr *e) {
    bool guard = l->guard;
    Spacing spacing = l->spacing;
    int wrt = 1;                                          /* `wrt` parts follow the argument before them */
    l->guard = false;
    layout_expr(l, e->arg.at[0], PREC_POSTFIX, spacing);
    open(l, "(");
    for (int k = 0; k < e->call.n; k++) {
        if (k) layout_comma(l);
        if (e->call.at[k].name.s) { layout_text(l, e->call.at[k].name.s); layout_text(l, " = "); }
        layout_expr(l, e->call.at[k].value, PREC_ANY, spacing);
        bool last = k + 1 == e->call.n;
        for (; e->kind == E_WRT && wrt < e->arg.n && (last || !starts_after(e->arg.at[wrt]->loc, e->call.at[k + 1].value->loc)); wrt++) {
            layout_text(l, " wrt ");
            layout_expr(l, e->arg.at[wrt], PREC_ANY, spacing);
        }
    }
    close(l, ")");
    l->guard = guard;
}
static void head(Layout *l, const Expr *e) {
    Spacing spacing = l->spacing;
    layout_text(l, e->name.s);
    open(l, "(");
    if (e->kind == E_TRANSFORM) {
        names(l, e->from.at, e->from.n);
        layout_text(l, " -> ");
        names(l, e->to.at, e->to.n);
    }
    for (int k = 0; k < e->bind.n; k++) {
        if (k) layout_comma(l);
        layout_text(l, e->bind.at[k].index.s);
        if (e->bind.at[k].cond) {
            layout_text(l, ": ");
            layout_expr(l, e->bind.at[k].cond, PREC_ANY, TIGHT_PRODUCT);
        }
    }
    for (int k = 1; e->kind == E_SOFTMAX && k < e->arg.n; k++) {
        if (k > 1) layout_comma(l); else layout_text(l, " by ");
        layout_expr(l, e->arg.at[k], PREC_ANY, TIGHT_PRODUCT);
    }
    close(l, ")");
    if (e->dtype) { layout_text(l, " acc "); layout_text(l, e->dtype); }
    int bodies = e->kind == E_SOFTMAX && e->arg.n ? 1 : e->arg.n;
    for (int k = 0; k < bodies; k++) {
        if (k) layout_comma(l); else layout_text(l, " ");
        layout_expr(l, e->arg.at[k], is_quantifier(e) ? 3 : PREC_PRODUCT, spacing);
    }
    if (e->other) {
        layout_space(l, 9);
        layout_text(l, "else ");
        layout_expr(l, e->other, PREC_PRODUCT, spacing);
    }
}
static void operation(Layout *l, const Expr *e) {
    Spacing spacing = l->spacing;
    int p = binary[e->op].precedence;
    bool pow = e->op == B_POW, compare = p == 4;
    bool tight = pow || (spacing == TIGHT && (e->op == B_ADD || e->op == B_SUB)) || (spacing != LOOSE && (e->op == B_MUL || e->op == B_DIV || e->op == B_FLOORDIV));
    layout_expr(l, e->arg.at[0], pow || compare ? p + 1 : p, spacing);
    if (!tight) layout_space(l, p);
    layout_text(l, binary[e->op].text);
    if (!tight) layout_text(l, " ");
    /* a reduction may stand on the right of a product and takes in what follows */
    const Expr *r = e->arg.at[1];
    layout_expr(l, r, pow ? 11 : p == PREC_PRODUCT && is_head(r) ? p : p + 1, spacing);
}

void layout_expr(Layout *l, const Expr *e, int precedence, Spacing spacing) {
    Spacing before = l->spacing;
    bool guard = l->guard, list = l->list, tuple = e->kind == E_TUPLE;
    bool parens = !tuple && (e->parens || precedence_of(e) < precedence || (l->guard && e->kind == E_REDUCE && e->other));
    l->spacing = spacing;
    if (parens) { open(l, "("); l->guard = false; }
    switch (e->kind) {
    case E_INT: case E_REAL: case E_IMAG: layout_text(l, e->spelling ? e->spelling : "0"); break;
    case E_BOOL: layout_text(l, e->i ? "true" : "false"); break;
    case E_STRING: layout_text(l, "\""); layout_text(l, e->spelling); layout_text(l, "\""); break;
    case E_NAME: layout_text(l, e->name.s); break;
    case E_PRIME: layout_text(l, e->name.s); layout_text(l, "'"); break;
    case E_SUBSCRIPT: layout_expr(l, e->arg.at[0], PREC_POSTFIX, spacing); subscripts(l, e); break;
    case E_CALL: case E_WRT: arguments(l, e); break;
    case E_UNARY:
        layout_text(l, e->op == U_NOT ? "not " : e->op == U_NEG ? "-" : "~");
        layout_expr(l, e->arg.at[0], e->op == U_NOT ? 3 : is_head(e->arg.at[0]) ? 10 : 11, spacing);
        break;
    case E_BINARY: operation(l, e); break;
    case E_IF:
        layout_text(l, "if ");
        layout_expr(l, e->arg.at[0], PREC_ANY, spacing);
        layout_space(l, 0);
        layout_text(l, "then ");
        l->guard = true;
        layout_expr(l, e->arg.at[1], PREC_ANY, spacing);
        l->guard = guard && !parens;
        layout_space(l, 0);
        layout_text(l, "else ");
        layout_expr(l, e->arg.at[2], PREC_ANY, spacing);
        break;
    case E_REDUCE: case E_SOFTMAX: case E_TRANSFORM: case E_FACTOR: case E_SELECT: head(l, e); break;
    case E_TUPLE:
        l->guard = false;
        open(l, list || e->arg.n < 2 ? "[" : "(");
        for (int k = 0; k < e->arg.n; k++) {
            if (k) layout_comma(l);
            layout_expr(l, e->arg.at[k], PREC_ANY, spacing);
        }
        close(l, list || e->arg.n < 2 ? "]" : ")");
        break;
    case E_RANGE:
        layout_expr(l, e->arg.at[0], PREC_ADD, TIGHT);
        layout_text(l, "..");
        layout_expr(l, e->arg.at[1], PREC_ADD, TIGHT);
        break;
    }
    if (parens) close(l, ")");
    l->spacing = before;
    l->guard = guard;
}

const char *expr_text(Context *cx, const Expr *e) {
    if (e->kind == E_NAME && !e->parens) return e->name.s;
    if (e->loc.file >= 0 && e->loc.line == e->loc.end_line && e->loc.end_col > e->loc.col) {
        const char *p = cx->source.at[e->loc.file].text;
        for (int k = 1; k < e->loc.line && p; k++) if ((p = strchr(p, '\n'))) p++;
        if (p && strcspn(p, "\n") + 1 >= (size_t)e->loc.end_col) return arena_strndup(cx->arena, p + e->loc.col - 1, (size_t)(e->loc.end_col - e->loc.col));
    }
    Layout l;
    layout_init(&l, cx);
    layout_expr(&l, e, PREC_ANY, LOOSE);
    layout_text(&l, "");
    return arena_strndup(cx->arena, l.w.at ? l.w.at : "", l.w.n);
}
