/* format.c - the canonical layout of a file (`pigeonc fmt`): two blanks per level, one statement per line, at most one empty line
 * between statements, lines of at most 120 columns broken before operators.  parse(format(f)) is the tree of f, and format is idempotent.
 *
 * Comments are taken from the source text, not from the tree, so that none is lost: a comment on lines of its own stays before what it
 * precedes, one behind a statement stays behind it, and one inside a statement moves before it.  Empty lines are looked up likewise. */
#include "syntax/layout.h"
#include <string.h>

enum { WIDTH = 120 };
typedef struct Mark { int line, col; char what; /* # { } */ const char *s; size_t n; } Mark;
typedef struct Printer {
    Context *cx;
    Writer *w;
    const Source *src;
    VEC(const char *) line;              /* line.at[k] begins line k + 1 */
    VEC(Mark) mark;                      /* comments and braces in order */
    int next;                            /* the first mark not yet dealt with */
    int last_line;                       /* the last source line that was printed; an empty line after it is kept */
    bool fresh;                          /* nothing printed yet in this block */
    bool want_gap;                       /* an empty line must come before the next thing */
} Printer;

static void scan(Printer *p) {
    const char *s = p->src->text, *end = s + p->src->length, *begin = s;
    vec_add(p->cx->arena, p->line, s);
    for (; s < end; s++) {
        if (*s == '\n') { begin = s + 1; vec_add(p->cx->arena, p->line, begin); continue; }
        Mark m = { p->line.n, (int)(s - begin) + 1, *s, s, 1 };
        if (*s == '"') {
            for (s++; s < end && *s != '"' && *s != '\n'; s++) ;
            if (s < end && *s == '\n') s--;
        } else if (*s == '#') {
            const char *e = memchr(s, '\n', (size_t)(end - s));
            if (!e) e = end;
            s = e - 1;
            while (e > m.s && (e[-1] == ' ' || e[-1] == '\t' || e[-1] == '\r')) e--;
            m.n = (size_t)(e - m.s);
            vec_add(p->cx->arena, p->mark, m);
        } else if (*s == '{' || *s == '}') vec_add(p->cx->arena, p->mark, m);
    }
}
static bool before(int line, int col, int line2, int col2) { return line != line2 ? line < line2 : col < col2; }
static bool is_blank(const Printer *p, int line) {
    if (line < 1 || line > p->line.n) return false;
    const char *s = p->line.at[line - 1];
    return s[strspn(s, " \t\r")] == '\n';
}
static void gap(Printer *p, int line) {                 /* the empty line before what stands on `line` */
    if (!p->fresh && (p->want_gap || is_blank(p, line - 1))) put(p->w, "\n");
    p->fresh = p->want_gap = false;
}
/* Prints the comments that stand before the place, each on a line of its own. */
static void comments_before(Printer *p, int line, int col) {
    for (; p->next < p->mark.n && before(p->mark.at[p->next].line, p->mark.at[p->next].col, line, col); p->next++) {
        const Mark *m = &p->mark.at[p->next];
        if (m->what != '#') continue;
        gap(p, m->line);
        put(p->w, "%.*s\n", (int)m->n, m->s);
    }
}
/* The comments inside a statement are printed before it; false when there were none. */
static bool comments_inside(Printer *p, Loc l) {
    bool any = false;
    for (; p->next < p->mark.n && before(p->mark.at[p->next].line, p->mark.at[p->next].col, l.end_line, l.end_col); p->next++) {
        const Mark *m = &p->mark.at[p->next];
        if (m->what != '#') continue;
        if (!any) gap(p, l.line);
        any = true;
        put(p->w, "%.*s\n", (int)m->n, m->s);
    }
    return any;
}
/* The comment behind what ended on `line`, unless something else (at stop) stands between, then the end of the line. */
static void finish_line(Printer *p, int line, int stop_line, int stop_col) {
    if (p->next < p->mark.n) {
        const Mark *m = &p->mark.at[p->next];
        if (m->what == '#' && m->line == line && before(m->line, m->col, stop_line, stop_col)) {
            put(p->w, "  %.*s", (int)m->n, m->s);
            p->next++;
        }
    }
    put(p->w, "\n");
}

/* Writes the flat text of l, broken where it is too long. */
static void put_layout(Printer *p, Layout *l) {
    layout_text(l, "");
    const char *text = l->w.at;
    size_t n = l->w.n, from = 0, room = (size_t)(WIDTH - 2 * p->w->indent), hang = 4;
    const char *eq = strstr(text, " = ");
    if (eq && eq - text < 40) hang = (size_t)(eq - text) + 1;         /* operators stand under the `=` */
    for (int k = 0, first = 0; n - from > room; first = k) {
        int best = -1;
        for (k = first; k < l->brk.n && l->brk.at[k].at <= from + room; k++)
            if (l->brk.at[k].at > from && (best < 0 || l->brk.at[k].rank <= l->brk.at[best].rank)) best = k;
        if (best < 0) {                                                  /* nothing fits: the next place there is */
            if (k == l->brk.n) break;
            best = k;
        }
        size_t to = l->brk.at[best].at, trim = to;
        while (trim > from && text[trim - 1] == ' ') trim--;
        put(p->w, "%.*s\n%*s", (int)(trim - from), text + from, (int)hang, "");
        from = to;
        k = best + 1;
        room = (size_t)(WIDTH - 2 * p->w->indent) - hang;
    }
    put(p->w, "%s", text + from);
}

/* ---- statements ------------------------------------------------------------------------------------------- */
static void list(Layout *l, Expr *const *e, int n, Spacing s) {
    for (int k = 0; k < n; k++) {
        if (k) layout_comma(l);
        layout_expr(l, e[k], PREC_ANY, s);
    }
}
static void names(Layout *l, const Name *n, int count) {
    for (int k = 0; k < count; k++) {
        if (k) layout_comma(l);
        layout_text(l, n[k].s);
    }
}
static const char *edge_text(EdgeRule r) {
    switch (r) {
    case EDGE_ZERO: return " zero";
    case EDGE_PERIODIC: return " periodic";
    case EDGE_REFLECT: return " reflect";
    case EDGE_REPLICATE: return " replicate";
    case EDGE_DEFAULT: case EDGE_ELSE: return "";
    }
    return "";
}
static void declaration(Layout *l, const Stmt *s, const Decl *d, bool map_word) {
    if (d->is_map && map_word) layout_text(l, "map ");
    layout_text(l, d->name.s);
    if (d->is_map) {
        if (d->index.n) { layout_text(l, "["); names(l, d->index.at, d->index.n); layout_text(l, "]"); }
        layout_text(l, ": ");
        list(l, d->from.at, d->from.n, TIGHT_PRODUCT);
        layout_text(l, " -> ");
        layout_expr(l, d->to, PREC_ANY, TIGHT_PRODUCT);
        if (d->value) { layout_text(l, " = "); layout_expr(l, d->value, PREC_ANY, LOOSE); }
        return;
    }
    if (d->axis.n) {
        layout_text(l, "[");
        l->depth++;
        list(l, d->axis.at, d->axis.n, TIGHT_PRODUCT);
        l->depth--;
        layout_text(l, "]");
    }
    if (d->dtype) { layout_text(l, ": "); layout_text(l, d->dtype); }
    if (s->kind == S_GRID) layout_text(l, edge_text(d->edge));
    if (d->init) {
        layout_text(l, s->kind == S_PARAM ? " init " : " = ");
        l->list = s->kind == S_CONST;
        layout_expr(l, d->init, s->kind == S_PARAM ? PREC_POSTFIX : PREC_ANY, s->kind == S_DIM ? TIGHT_PRODUCT : LOOSE);
        l->list = false;
    }
    if (d->frozen) layout_text(l, " frozen");
}
static void declarations(Layout *l, const Stmt *s, const char *word) {
    layout_text(l, word);
    for (int k = 0; k < s->decl.n; k++) {
        if (k) layout_comma(l);
        declaration(l, s, &s->decl.at[k], s->kind != S_MAP);
    }
}
static void indices(Layout *l, const Stmt *s) {                        /* neighbours that share a space are declared together */
    for (int k = 0; k < s->index.n; k++) {
        if (k) layout_comma(l);
        layout_text(l, s->index.at[k].s);
        if (k + 1 < s->index.n && s->expr.at[k + 1] == s->expr.at[k]) continue;
        layout_text(l, ": ");
        layout_expr(l, s->expr.at[k], PREC_ANY, TIGHT_PRODUCT);
    }
}
static void modes(Layout *l, const Stmt *s) {
    for (int k = 0; k < s->index.n; k++) {
        if (k) layout_comma(l);
        layout_text(l, s->index.at[k].s);
        layout_text(l, " of ");
        layout_expr(l, s->expr.at[k], PREC_ANY, TIGHT_PRODUCT);
        if (s->hi.at[k]) {
            layout_text(l, " keep ");
            if (s->lo.at[k]) { layout_expr(l, s->lo.at[k], PREC_ADD, TIGHT); layout_text(l, ".."); }
            layout_expr(l, s->hi.at[k], s->lo.at[k] ? PREC_ADD : PREC_ANY, TIGHT);
        }
        layout_text(l, " ");
        layout_text(l, s->word.at[k].s);
    }
}
static void space(Layout *l, const Stmt *s) {
    layout_text(l, s->name.s);
    layout_text(l, " = ");
    layout_text(l, s->word.at[0].s);
    layout_text(l, "(");
    l->depth++;
    list(l, s->expr.at, s->expr.n, TIGHT_PRODUCT);
    for (int k = 0; k < s->bind.n; k++) {
        if (k) layout_comma(l);
        layout_text(l, s->bind.at[k].index.s);
        layout_text(l, ": ");
        layout_expr(l, s->bind.at[k].cond, PREC_ANY, TIGHT_PRODUCT);
    }
    if (s->cond) { layout_space(l, 0); layout_text(l, "where "); layout_expr(l, s->cond, PREC_ANY, TIGHT_PRODUCT); }
    l->depth--;
    layout_text(l, ")");
}
static void graph(Layout *l, const Stmt *s) {
    const char *how = s->word.n ? s->word.at[0].s : "given";
    layout_text(l, s->name.s);
    if (!strcmp(how, "over")) { layout_text(l, " over "); layout_expr(l, s->expr.at[0], PREC_ANY, LOOSE); }
    else if (!strcmp(how, "bipartite")) {
        layout_text(l, ": ");
        layout_expr(l, s->expr.at[0], PREC_ANY, TIGHT_PRODUCT);
        layout_text(l, " -> ");
        layout_expr(l, s->expr.at[1], PREC_ANY, TIGHT_PRODUCT);
    } else if (!strcmp(how, "where")) {
        layout_text(l, " = ");
        layout_expr(l, s->expr.at[0], PREC_ANY, LOOSE);
        layout_text(l, " where ");
        layout_expr(l, s->cond, PREC_ANY, TIGHT_PRODUCT);
    } else if (s->expr.n) {
        layout_text(l, " = ");
        layout_text(l, how);
        layout_text(l, "(");
        layout_expr(l, s->expr.at[0], PREC_ANY, LOOSE);
        layout_text(l, ")");
    }
}
static void equation(Layout *l, const Stmt *s) {
    list(l, s->lhs.at, s->lhs.n, TIGHT);
    if (s->dtype) { layout_text(l, ": "); layout_text(l, s->dtype); }
    if (!s->rhs.n) return;
    layout_text(l, " = ");
    layout_expr(l, s->rhs.at[0], PREC_ANY, LOOSE);
}
static void iterate(Layout *l, const Stmt *s) {
    for (int k = 0; k < s->lhs.n; k++) {
        if (k) layout_comma(l);
        layout_expr(l, s->lhs.at[k], PREC_POSTFIX, TIGHT);
        layout_text(l, " = ");
        layout_expr(l, s->rhs.at[k], PREC_ANY, LOOSE);
    }
    layout_text(l, " until ");
    layout_expr(l, s->cond, PREC_ANY, LOOSE);
    layout_text(l, " max ");
    layout_expr(l, s->count, PREC_ANY, LOOSE);
    if (s->implicit) layout_text(l, " implicit");
}
static void statement_text(Layout *l, const Stmt *s) {
    switch (s->kind) {
    case S_DIM: declarations(l, s, "dim "); break;
    case S_SEQ: declarations(l, s, "seq "); break;
    case S_GRID: declarations(l, s, "grid "); break;
    case S_INPUT: declarations(l, s, "input "); break;
    case S_PARAM: declarations(l, s, "param "); break;
    case S_CONST: declarations(l, s, "const "); break;
    case S_STATE: declarations(l, s, "state "); break;
    case S_OPTIMIZE:
        layout_text(l, "optimize ");
        layout_expr(l, s->rhs.at[0], PREC_ANY, LOOSE);
        layout_text(l, " with ");
        layout_expr(l, s->rhs.at[1], PREC_ANY, LOOSE);
        for (int k = 0; k < s->expr.n; k++) { layout_text(l, k ? ", " : " over "); layout_expr(l, s->expr.at[k], PREC_ANY, LOOSE); }
        break;
    case S_MAP: declarations(l, s, "map "); break;
    case S_GRAPH: layout_text(l, "graph "); graph(l, s); break;
    case S_SPACE: layout_text(l, "space "); space(l, s); break;
    case S_MODES: layout_text(l, "modes "); modes(l, s); break;
    case S_INDEX: layout_text(l, "index "); indices(l, s); break;
    case S_OUTPUT: layout_text(l, "output "); equation(l, s); break;
    case S_EQUATION: equation(l, s); break;
    case S_LET:
        layout_text(l, "let ");
        layout_text(l, s->name.s);
        layout_text(l, "(");
        names(l, s->index.at, s->index.n);
        layout_text(l, ") = ");
        layout_expr(l, s->rhs.at[0], PREC_ANY, LOOSE);
        break;
    case S_REPEAT:
        layout_text(l, "repeat ");
        layout_text(l, s->name.s);
        layout_text(l, ": ");
        layout_expr(l, s->rhs.at[0], PREC_ADD, TIGHT);
        layout_text(l, "..");
        layout_expr(l, s->count, PREC_ADD, TIGHT);
        break;
    case S_ITERATE: layout_text(l, "iterate "); iterate(l, s); break;
    case S_SCHEDULE: break;
    }
}

/* A schedule is kept as it was written, without blanks at the ends of its lines. */
static void verbatim(Printer *p, Loc l) {
    for (int k = l.line; k <= l.end_line; k++) {
        const char *s = p->line.at[k - 1] + (k == l.line ? l.col - 1 : 0);
        size_t n = k == l.end_line ? (size_t)(l.end_col - 1 - (k == l.line ? l.col - 1 : 0)) : strcspn(s, "\n");
        while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r')) n--;
        put_raw(p->w, s, n);
        if (k < l.end_line) put_raw(p->w, "\n", 1);
    }
    while (p->next < p->mark.n && before(p->mark.at[p->next].line, p->mark.at[p->next].col, l.end_line, l.end_col)) p->next++;
}

static void block(Printer *p, Stmt *const *body, int n, Loc header);
/* `stop` is where the next thing begins: a comment behind that belongs to it. */
static void statement(Printer *p, const Stmt *s, int stop_line, int stop_col) {
    Loc l = s->loc;
    bool has_body = s->kind == S_REPEAT || s->kind == S_ITERATE;
    comments_before(p, l.line, l.col);
    if (s->kind == S_SCHEDULE) {
        gap(p, l.line);
        verbatim(p, l);
        finish_line(p, l.end_line, stop_line, stop_col);
        return;
    }
    Loc h = l;                                                        /* the part before the `{` */
    if (has_body) {
        Loc c = s->count->loc;
        h.end_line = c.end_line, h.end_col = c.end_col;
    }
    if (!comments_inside(p, h)) gap(p, l.line);
    Layout layout;
    layout_init(&layout, p->cx);
    statement_text(&layout, s);
    put_layout(p, &layout);
    if (has_body) block(p, s->body.at, s->body.n, h);
    finish_line(p, has_body ? p->last_line : l.end_line, stop_line, stop_col);
}
/* " {", the statements and "}"; the `{` is the first mark behind the header.  Comments between header and `{` move into the block. */
static void block(Printer *p, Stmt *const *body, int n, Loc header) {
    int k = p->next, depth = 0, close = 0;
    while (k < p->mark.n && (p->mark.at[k].what != '{' || before(p->mark.at[k].line, p->mark.at[k].col, header.end_line, header.end_col))) k++;
    for (close = k; close < p->mark.n; close++) {
        depth += p->mark.at[close].what == '{' ? 1 : p->mark.at[close].what == '}' ? -1 : 0;
        if (!depth) break;
    }
    int open_line = k < p->mark.n ? p->mark.at[k].line : header.end_line;
    Mark end = close < p->mark.n ? p->mark.at[close] : (Mark){ p->line.n + 1, 1, '}', "", 0 };
    put(p->w, " {");
    if (p->next == k && k < p->mark.n) p->next++;
    finish_line(p, open_line, n ? body[0]->loc.line : end.line, n ? body[0]->loc.col : end.col);
    p->w->indent++;
    p->fresh = true;
    for (int j = 0; j < n; j++)
        statement(p, body[j], j + 1 < n ? body[j + 1]->loc.line : end.line, j + 1 < n ? body[j + 1]->loc.col : end.col);
    comments_before(p, end.line, end.col);
    p->w->indent--;
    put(p->w, "}");
    while (p->next <= close && p->next < p->mark.n) p->next++;
    p->fresh = p->want_gap = false;
    p->last_line = end.line;
}

/* ---- models and files ------------------------------------------------------------------------------------- */
/* Is there a `;` between the two places?  (update lion(p, g; lr): the tree does not tell.) */
static bool semicolon_between(const Printer *p, Loc a, Loc b) {
    for (const char *s = p->line.at[a.end_line - 1] + a.end_col - 1, *e = p->line.at[b.line - 1] + b.col - 1; s < e; s++) {
        if (*s == '#') s += strcspn(s, "\n");
        else if (*s == ';') return true;
    }
    return false;
}
static void model_arg(Layout *l, const ModelArg *g) {
    layout_text(l, g->name.s);
    for (int k = 0; k < g->index.n; k++) { layout_text(l, k ? ", " : "["); layout_text(l, g->index.at[k].s); }
    if (g->index.n) layout_text(l, "]");
    switch (g->kind) {
    case A_GRAPH: layout_text(l, ": graph"); break;
    case A_DIM: layout_text(l, ": dim"); break;
    case A_SEQ: layout_text(l, ": seq"); break;
    case A_GRID: layout_text(l, ": grid"); layout_text(l, edge_text(g->edge)); break;
    case A_VALUE: break;
    }
    if (g->over.s) { layout_text(l, " over "); layout_text(l, g->over.s); }
    if (g->from) {
        layout_text(l, " ");
        layout_expr(l, g->from, PREC_ANY, TIGHT_PRODUCT);
        layout_text(l, " -> ");
        layout_expr(l, g->to, PREC_ANY, TIGHT_PRODUCT);
    }
    if (g->value) { layout_text(l, " = "); layout_expr(l, g->value, PREC_ANY, TIGHT_PRODUCT); }
}
static void model(Printer *p, const Model *m, int stop_line, int stop_col) {
    comments_before(p, m->loc.line, m->loc.col);
    if (!comments_inside(p, m->loc)) gap(p, m->loc.line);
    Layout l;
    layout_init(&l, p->cx);
    layout_text(&l, m->is_update ? "update " : "model ");
    layout_text(&l, m->name.s);
    layout_text(&l, "(");
    l.depth++;
    for (int k = 0; k < m->arg.n; k++) {
        if (k && semicolon_between(p, m->arg.at[k - 1].loc, m->arg.at[k].loc)) layout_text(&l, "; ");
        else if (k) layout_comma(&l);
        model_arg(&l, &m->arg.at[k]);
    }
    l.depth--;
    layout_text(&l, ")");
    put_layout(p, &l);
    block(p, m->body.at, m->body.n, m->loc);
    finish_line(p, p->last_line, stop_line, stop_col);
    p->want_gap = true;
}

typedef struct Item { Loc loc; const Use *use; const Stmt *stmt; const Model *model; } Item;
void format_file(Context *cx, const File *f, Writer *w) {
    Printer p = { .cx = cx, .w = w, .src = &cx->source.at[f->source], .fresh = true };
    scan(&p);
    int u = 0, m = 0, t = 0;
    VEC(Item) item = { 0 };
    while (u < f->use.n || m < f->model.n || t < f->top.n) {            /* the three lists in the order of the text */
        Item i = { NO_LOC, NULL, NULL, NULL };
        if (u < f->use.n) i = (Item){ f->use.at[u].loc, &f->use.at[u], NULL, NULL };
        if (m < f->model.n && (i.loc.file < 0 || before(f->model.at[m]->loc.line, f->model.at[m]->loc.col, i.loc.line, i.loc.col)))
            i = (Item){ f->model.at[m]->loc, NULL, NULL, f->model.at[m] };
        if (t < f->top.n && (i.loc.file < 0 || before(f->top.at[t]->loc.line, f->top.at[t]->loc.col, i.loc.line, i.loc.col)))
            i = (Item){ f->top.at[t]->loc, NULL, f->top.at[t], NULL };
        if (i.use) u++; else if (i.model) m++; else t++;
        vec_add(cx->arena, item, i);
    }
    for (int k = 0; k < item.n; k++) {
        Item *i = &item.at[k];
        int stop_line = k + 1 < item.n ? item.at[k + 1].loc.line : p.line.n + 1, stop_col = k + 1 < item.n ? item.at[k + 1].loc.col : 1;
        if (i->model) {
            p.want_gap = k > 0 && (p.want_gap || item.at[k - 1].model);
            model(&p, i->model, stop_line, stop_col);
        } else if (i->stmt) statement(&p, i->stmt, stop_line, stop_col);
        else {
            comments_before(&p, i->loc.line, i->loc.col);
            if (!comments_inside(&p, i->loc)) gap(&p, i->loc.line);
            put(w, "use \"%s\"", i->use->path);
            finish_line(&p, i->loc.end_line, stop_line, stop_col);
        }
    }
    p.want_gap = false;
    comments_before(&p, p.line.n + 1, 1);
}
