/* syntax_test.c - the formatter keeps the tree: for every .pgn file of the tests, examples and the standard library, the tree of the formatted
 * text is that of the file, formatting again changes nothing, and no comment is lost.  Run it in the source folder; files may be named. */
#include "syntax/ast.h"
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static void exprs(Writer *w, Expr *const *e, int n);
static void expr(Writer *w, const Expr *e) {
    if (!e) { put(w, " -"); return; }
    put(w, " (%d", (int)e->kind);
    if (e->kind == E_INT || e->kind == E_REAL || e->kind == E_IMAG || e->kind == E_BOOL) put(w, " %lld %.17g", (long long)e->i, e->r);
    if (e->spelling) put(w, " `%s`", e->spelling);
    if (e->name.s) put(w, " %s", e->name.s);
    if (e->kind == E_UNARY || e->kind == E_BINARY) put(w, " op%d", e->op);
    exprs(w, e->arg.at, e->arg.n);
    for (int k = 0; k < e->call.n; k++) { put(w, " {%s", e->call.at[k].name.s ? e->call.at[k].name.s : ""); expr(w, e->call.at[k].value); put(w, "}"); }
    for (int k = 0; k < e->sub.n; k++) { put(w, " [%d", (int)e->sub.at[k].edge); expr(w, e->sub.at[k].e); expr(w, e->sub.at[k].other); put(w, "]"); }
    for (int k = 0; k < e->bind.n; k++) { put(w, " <%s", e->bind.at[k].index.s); expr(w, e->bind.at[k].cond); put(w, ">"); }
    for (int k = 0; k < e->from.n; k++) put(w, " from %s", e->from.at[k].s);
    for (int k = 0; k < e->to.n; k++) put(w, " to %s", e->to.at[k].s);
    expr(w, e->other);
    put(w, " %s)", e->dtype ? e->dtype : "");
}
static void exprs(Writer *w, Expr *const *e, int n) {
    put(w, " %d:", n);
    for (int k = 0; k < n; k++) expr(w, e[k]);
}
static void names(Writer *w, const Name *n, int count) {
    put(w, " %d:", count);
    for (int k = 0; k < count; k++) put(w, " %s", n[k].s ? n[k].s : "-");
}
static void stmts(Writer *w, Stmt *const *s, int n) {
    for (int k = 0; k < n; k++) {
        const Stmt *q = s[k];
        put(w, "\n(stmt %d %s %d %s", (int)q->kind, q->name.s ? q->name.s : "-", q->is_output, q->dtype ? q->dtype : "-");
        for (int j = 0; j < q->decl.n; j++) {
            const Decl *d = &q->decl.at[j];
            put(w, "\n  decl %s %s %d %d %d", d->name.s, d->dtype ? d->dtype : "-", d->frozen, d->is_map, (int)d->edge);
            exprs(w, d->axis.at, d->axis.n);
            expr(w, d->init);
            exprs(w, d->from.at, d->from.n);
            expr(w, d->to);
            expr(w, d->value);
            names(w, d->index.at, d->index.n);
        }
        names(w, q->index.at, q->index.n);
        exprs(w, q->expr.at, q->expr.n);
        exprs(w, q->lo.at, q->lo.n);
        exprs(w, q->hi.at, q->hi.n);
        names(w, q->word.at, q->word.n);
        for (int j = 0; j < q->bind.n; j++) { put(w, " <%s", q->bind.at[j].index.s); expr(w, q->bind.at[j].cond); }
        expr(w, q->cond);
        expr(w, q->count);
        exprs(w, q->lhs.at, q->lhs.n);
        exprs(w, q->rhs.at, q->rhs.n);
        stmts(w, q->body.at, q->body.n);
        put(w, ")");
    }
}
static void file(Writer *w, const File *f) {
    for (int k = 0; k < f->use.n; k++) put(w, "use %s\n", f->use.at[k].path);
    stmts(w, f->top.at, f->top.n);
    for (int k = 0; k < f->model.n; k++) {
        const Model *m = f->model.at[k];
        put(w, "\nmodel %s %d", m->name.s, m->is_update);
        for (int j = 0; j < m->arg.n; j++) {
            const ModelArg *g = &m->arg.at[j];
            put(w, "\n  arg %s %d %d %s", g->name.s, (int)g->kind, (int)g->edge, g->over.s ? g->over.s : "-");
            expr(w, g->from);
            expr(w, g->to);
            expr(w, g->value);
        }
        stmts(w, m->body.at, m->body.n);
    }
    put(w, "\n");
}
/* The letters of all comments, in order up to moves inside one statement: their number and a sum that order does not change. */
static unsigned long comments(const char *s) {
    unsigned long sum = 0;
    bool in = false, string = false;
    for (; *s; s++) {
        if (*s == '\n') in = string = false;
        else if (in) sum += (unsigned char)*s > ' ' ? (unsigned long)(unsigned char)*s * 1000003 + 1 : 0;
        else if (*s == '"') string = !string;
        else if (*s == '#' && !string) in = true, sum += 7919;
    }
    return sum;
}
static const char *check(const char *path) {
    static char why[512];
    Context *cx = context_new();
    Writer tree[2], text[2];
    int source = source_read(cx, path, NO_LOC);
    const char *result = NULL;
    for (int k = 0; k < 2 && source >= 0; k++) {
        File *f = parse_file(cx, source);
        if (!f) { result = k ? "the formatted text does not parse" : "does not parse"; break; }
        writer_init(&tree[k], cx->arena);
        writer_init(&text[k], cx->arena);
        file(&tree[k], f);
        format_file(cx, f, &text[k]);
        put(&text[k], "%s", "");
        put_raw(&text[k], "", 0);
        if (!k) source = source_from_text(cx, "formatted", text[0].at, text[0].n);
    }
    if (source < 0) result = "can't be read";
    if (!result && strcmp(tree[0].at, tree[1].at)) result = "the formatted text has another tree";
    if (!result && strcmp(text[0].at, text[1].at)) result = "formatting twice differs";
    if (!result && comments(cx->source.at[0].text) != comments(text[0].at)) result = "a comment was lost";
    for (const char *s = result ? NULL : text[0].at; s && *s; s += strcspn(s, "\n"), s += *s == '\n')
        if (strcspn(s, "\n") > 0 && s[strcspn(s, "\n") - 1] == ' ') result = "a line ends in a blank";
    if (result) {
        snprintf(why, sizeof why, "%s", result);
        diag_print_all(cx, stdout, DIAG_TEXT, false);
        if (getenv("SHOW") && source >= 0 && cx->source.n > 1) fputs(text[0].at, stdout);
    }
    context_free(cx);
    return result ? why : NULL;
}

int main(int argc, char **argv) {
    int passed = 0, failed = 0;
    static const char *const pattern[] = { "tests/syntax/*.pgn", "tests/values/*.pgn", "lib/std/*.pgn", "examples/*/*.pgn" };
    for (size_t k = 0; k < (argc > 1 ? 1 : sizeof pattern / sizeof *pattern); k++) {
        glob_t g = { 0 };
        if (argc == 1 && glob(pattern[k], 0, NULL, &g)) continue;
        char **path = argc > 1 ? argv + 1 : g.gl_pathv;
        size_t n = argc > 1 ? (size_t)argc - 1 : g.gl_pathc;
        for (size_t j = 0; j < n; j++) {
            const char *why = check(path[j]);
            if (why) failed++, printf("FAILED %s: %s\n", path[j], why);
            else passed++;
        }
        if (argc == 1) globfree(&g);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
