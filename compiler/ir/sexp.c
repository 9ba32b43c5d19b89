/* sexp.c - the tree of list expressions that grammar/sexp.y builds, and its atoms as numbers. */
#include "ir/sexp.h"
#include "ir/sexp_reader.h"
#include "sexp_tab.h"
#define YYSTYPE SEXP_YYSTYPE
#define YYLTYPE Loc
#include "sexp_lex.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 2000 };

void sexp_advance(SexpReader *r, Loc *loc, const char *text, size_t n) {
    loc->file = r->file, loc->line = r->line, loc->col = r->col;
    for (size_t k = 0; k < n; k++) if (text[k] == '\n') r->line++, r->col = 1; else r->col++;
    loc->end_line = r->line, loc->end_col = r->col;
}
void sexp_error(SexpReader *r, const Loc *loc, const char *what) {
    if (!r->failed) diag_error(r->cx, D_IR_SYNTAX, *loc, "%s", what);
    r->failed = true;
}
static Sexp *make(SexpReader *r, SexpKind k, Loc loc, const char *s) {
    Sexp *x = NEW(r->cx->arena, Sexp);
    x->kind = k, x->loc = loc, x->s = s;
    return x;
}
Sexp *sexp_atom(SexpReader *r, const Loc *loc, const char *text, size_t n) { return make(r, SX_ATOM, *loc, intern_n(r->cx, text, n)); }
static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }
Sexp *sexp_string(SexpReader *r, const Loc *loc, const char *text, size_t n) {
    char *s = arena_strndup(r->cx->arena, text, n), *out = s;
    for (size_t k = 1; k + 1 < n; k++) {
        if (text[k] != '\\') { *out++ = text[k]; continue; }
        char c = text[++k];
        if (c == 'n') *out++ = '\n';
        else if (c == '"' || c == '\\') *out++ = c;
        else if (k + 2 < n && hex(c) >= 0 && hex(text[k + 1]) >= 0 && hex(c) * 16 + hex(text[k + 1]) > 0) *out++ = (char)(hex(c) * 16 + hex(text[k + 1])), k++;
        else { sexp_error(r, loc, "a string has an escape that is none of \\\" \\\\ \\n and two hexadecimal digits"); return NULL; }
    }
    return make(r, SX_STRING, *loc, intern_n(r->cx, s, (size_t)(out - s)));
}
Sexp *sexp_list(SexpReader *r, Loc loc) { return make(r, SX_LIST, loc, NULL); }
Sexp *sexp_append(SexpReader *r, Sexp *list, Sexp *item) {
    vec_add(r->cx->arena, list->item, item);
    return list;
}
bool sexp_enter(SexpReader *r, Loc loc) {
    if (++r->depth <= DEEPEST) return true;
    sexp_error(r, &loc, "lists are nested more than 2000 deep");
    return false;
}
void sexp_leave(SexpReader *r) { r->depth--; }

Sexp *sexp_parse(Context *cx, int source) {
    SexpReader r = { cx, source, 1, 1, 0, false, NULL };
    yyscan_t scanner;
    const Source *s = &cx->source.at[source];
    if (s->length > INT32_MAX - 2 || sexp_yylex_init_extra(&r, &scanner)) {
        diag_error(cx, D_OUT_OF_MEMORY, (Loc){ source, 1, 1, 1, 1 }, "the IR text can't be held in memory");
        return NULL;
    }
    sexp_yy_scan_bytes(s->text, (int)s->length, scanner);
    int failed = sexp_yyparse(&r, scanner);
    sexp_yylex_destroy(scanner);
    if (failed && !r.failed) sexp_error(&r, &(Loc){ source, r.line, r.col, r.line, r.col }, "the IR text can't be read");
    return r.failed ? NULL : r.result;
}

bool sexp_is(const Sexp *s, const char *atom) { return s->kind == SX_ATOM && !strcmp(s->s, atom); }
const char *sexp_head(const Sexp *s) { return s->kind == SX_LIST && s->item.n && s->item.at[0]->kind == SX_ATOM ? s->item.at[0]->s : ""; }
void sexp_put_string(Writer *w, const char *s) {
    put(w, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') put(w, "\\%c", c);
        else if (c == '\n') put(w, "\\n");
        else if (c < 32 || c == 127) put(w, "\\%02x", c);
        else put_raw(w, s, 1);
    }
    put(w, "\"");
}
void sexp_put_real(Writer *w, double v) {
    char text[40];
    if (isnan(v)) { put(w, signbit(v) ? "-nan" : "nan"); return; }
    if (isinf(v)) { put(w, v < 0 ? "-inf" : "inf"); return; }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    put(w, "%s", text);
}
bool sexp_int(const Sexp *s, int64_t *v) {
    if (s->kind != SX_ATOM || !*s->s || strspn(s->s, "-0123456789") != strlen(s->s)) return false;
    char *end;
    errno = 0;
    long long r = strtoll(s->s, &end, 10);
    if (*end || errno || end == s->s) return false;
    *v = r;
    return true;
}
bool sexp_real(const Sexp *s, double *v) {
    if (s->kind != SX_ATOM) return false;
    if (!strcmp(s->s, "inf")) { *v = INFINITY; return true; }
    if (!strcmp(s->s, "-inf")) { *v = -INFINITY; return true; }
    if (!strcmp(s->s, "nan")) { *v = NAN; return true; }
    if (!strcmp(s->s, "-nan")) { *v = -NAN; return true; }
    if (!*s->s || strspn(s->s, "-+.eE0123456789") != strlen(s->s)) return false;
    char *end;
    *v = strtod(s->s, &end);
    return !*end && end != s->s;
}
