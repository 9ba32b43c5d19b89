/* lexer.c - text to words.  Newlines end statements except inside ( ) and [ ], after a binary operator or comma, and before a line that
 * begins with one; the decision is made here, so the grammar never sees a line break that means nothing. */
#include "syntax/lexer.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const operators[] = { "..", "**", "//", "->", "==", "!=", "<=", ">=", "<<", ">>", "+", "-", "*", "/", "=", "<", ">", "(", ")", "[", "]",
                                         "{", "}", ",", ":", ";", "|", "^", "&", "~", "'" };
static bool is(const Token *t, const char *s) { return (t->kind == T_OP || t->kind == T_NAME) && !strcmp(t->s, s); }

static bool continues_after(const Token *t) {
    static const char *const w[] = { "+", "-", "*", "/", "//", "**", "=", "==", "!=", "<", "<=", ">", ">=", "(", "[", "{", ",", ":", "|", "^", "&", "~", "<<", ">>", "->", "..", "and", "or", "not", "mod", "then", "else", "if" };
    if (t->kind != T_OP && t->kind != T_NAME) return false;
    for (size_t k = 0; k < sizeof w / sizeof *w; k++) if (!strcmp(t->s, w[k])) return true;
    return false;
}
static bool continues_before(const Token *t) {
    static const char *const w[] = { "+", "-", "*", "/", "//", "**", "=", "==", "!=", "<", "<=", ">", ">=", ")", "]", ",", "|", "^", "&", "<<", ">>", "->", "..", "and", "or", "mod", "then", "else" };
    if (t->kind != T_OP && t->kind != T_NAME) return false;
    for (size_t k = 0; k < sizeof w / sizeof *w; k++) if (!strcmp(t->s, w[k])) return true;
    return false;
}

bool lex(Context *cx, int source, Tokens *out) {
    const Source *src = &cx->source.at[source];
    const char *s = src->text, *end = s + src->length, *line_start = s;
    int line = 1, depth = 0, errors = 0;
    bool newline = false, blank = false;
    const char *comment = NULL;
    VEC(int) open = { 0 };
    *out = (Tokens){ 0 };
    for (;;) {
        while (s < end && (*s == ' ' || *s == '\t' || *s == '\r')) s++;
        Loc at = { source, line, (int)(s - line_start) + 1, line, (int)(s - line_start) + 2 };
        if (s < end && *s == '#') {
            const char *from = s;
            while (s < end && *s != '\n') s++;
            size_t n = (size_t)(s - from);
            while (n && (from[n - 1] == '\r' || from[n - 1] == ' ')) n--;
            if (!newline && out->n) {                       /* behind a word: belongs to the line it ends */
                out->at[out->n - 1].tail = intern_n(cx, from, n);
            } else comment = comment ? arena_printf(cx->arena, "%s\n%.*s", comment, (int)n, from) : arena_printf(cx->arena, "%.*s", (int)n, from);
            continue;
        }
        if (s < end && *s == '\n') {
            if (newline && !comment && s[-1] == '\n') blank = true;
            s++, line++, line_start = s, newline = true;
            continue;
        }
        Token t = { .loc = at, .match = -1 };
        if (s >= end) t.kind = T_END, t.s = "end of file";
        else if (isalpha((unsigned char)*s) || *s == '_') {
            const char *from = s;
            for (;;) {
                while (isalnum((unsigned char)*s) || *s == '_') s++;
                if (*s == '.' && (isalnum((unsigned char)s[1]) || s[1] == '_')) { s++; continue; }
                break;
            }
            t.kind = T_NAME;
            t.s = intern_n(cx, from, (size_t)(s - from));
        } else if (isdigit((unsigned char)*s)) {
            const char *from = s;
            bool real = false;
            while (isdigit((unsigned char)*s)) s++;
            if (s - from == 1 && *from == '0' && (*s == 'x' || *s == 'X')) { s++; while (isxdigit((unsigned char)*s)) s++; }
            else {
                if (*s == '.' && isdigit((unsigned char)s[1])) { real = true; s++; while (isdigit((unsigned char)*s)) s++; }
                if ((*s == 'e' || *s == 'E') && (isdigit((unsigned char)s[1]) || ((s[1] == '+' || s[1] == '-') && isdigit((unsigned char)s[2])))) {
                    real = true, s += 2;
                    while (isdigit((unsigned char)*s)) s++;
                }
            }
            t.s = intern_n(cx, from, (size_t)(s - from));
            t.r = strtod(t.s, NULL);
            if (*s == 'i' && !isalnum((unsigned char)s[1])) { s++; t.kind = T_IMAG; t.s = intern_n(cx, from, (size_t)(s - from)); }
            else if (real) t.kind = T_REAL;
            else {
                errno = 0;
                t.kind = T_INT;
                t.i = (int64_t)strtoll(t.s, NULL, 0);
                if (errno) { diag_error(cx, D_LEXICAL, at, "`%s` is too large for an integer", t.s); errors++; }
            }
        } else if (*s == '"') {
            const char *from = ++s;
            while (s < end && *s != '"' && *s != '\n') s++;
            t.kind = T_STRING;
            t.s = intern_n(cx, from, (size_t)(s - from));
            if (s < end && *s == '"') s++;
            else { diag_error(cx, D_LEXICAL, at, "this string does not end"); errors++; }
        } else {
            size_t n = 0;
            for (size_t k = 0; k < sizeof operators / sizeof *operators && !n; k++)
                if (!strncmp(s, operators[k], strlen(operators[k]))) n = strlen(operators[k]), t.s = intern(cx, operators[k]);
            if (!n) {
                const char *from = s++;
                while (s < end && ((unsigned char)*s & 0xc0) == 0x80) s++;
                at.end_col = (int)(s - line_start) + 1;
                if (errors++ >= 20) continue;
                if ((unsigned char)*from > ' ' && *from != 127) diag_error(cx, D_LEXICAL, at, "no word of the language begins with `%.*s`", (int)(s - from), from);
                else diag_error(cx, D_LEXICAL, at, "the byte 0x%02x has no meaning here", (unsigned char)*from);
                continue;
            }
            t.kind = T_OP;
            s += n;
        }
        t.loc.end_col = (int)(s - line_start) + 1;
        if (t.kind == T_END) t.loc.end_col++;
        Token *last = out->n ? &out->at[out->n - 1] : NULL;
        if (newline && depth == 0 && last && last->kind != T_TERM && !continues_after(last) && !continues_before(&t) && !is(last, "}")) {
            Token term = { .kind = T_TERM, .loc = last->loc, .s = "end of line", .match = -1, .tail = last->tail };
            term.loc.line = last->loc.end_line, term.loc.col = last->loc.end_col, term.loc.end_col++;
            vec_add(cx->arena, *out, term);
        }
        t.comment = comment, t.blank = blank;
        if (is(&t, ";") && t.kind == T_OP) t.kind = depth ? T_OP : T_TERM;
        if (t.kind == T_OP && strchr("([{", t.s[0]) && !t.s[1]) {
            if (open.n >= 200) {
                diag_help(diag_error(cx, D_NESTING, t.loc, "more than 200 brackets are open here"), "name parts of the expression by equations of their own");
                return false;
            }
            vec_add(cx->arena, open, out->n);
            if (t.s[0] != '{') depth++;
        } else if (t.kind == T_OP && strchr(")]}", t.s[0]) && !t.s[1]) {
            char want = t.s[0] == ')' ? '(' : t.s[0] == ']' ? '[' : '{';
            if (open.n && out->at[open.at[open.n - 1]].s[0] == want) {
                t.match = open.at[--open.n];
                out->at[t.match].match = out->n;
                if (want != '{') depth--;
            } else {
                Token *o = open.n ? &out->at[open.at[open.n - 1]] : NULL;
                if (o) diag_note(diag_error(cx, D_SYNTAX, o->loc, "`%s` is not closed", o->s), t.loc, "`%s` stands here", t.s);
                else diag_error(cx, D_SYNTAX, t.loc, "`%s` closes nothing", t.s);
                return false;
            }
        }
        vec_add(cx->arena, *out, t);
        comment = NULL, newline = false, blank = false;
        if (t.kind == T_END) break;
    }
    if (open.n) {
        Token *o = &out->at[open.at[open.n - 1]];
        diag_error(cx, D_SYNTAX, o->loc, "`%s` is never closed", o->s);
        return false;
    }
    return !errors;
}
