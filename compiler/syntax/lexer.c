/* lexer.c - text to words.  Newlines end statements except inside ( ) and [ ], after a binary operator or comma, and before a line that
 * begins with one; the decision is made here, so the grammar never sees a line break that means nothing.
 *
 * Brackets are paired here too.  A bracket without a partner is reported and becomes an error token, so that the parser drops one statement and
 * reads on: a line that begins a statement (`output y`) closes what is open before it, and `model f(` closes the braces. */
#include "syntax/lexer.h"
#include "grammar/pigeon_tab.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPEN = 200, MAX_BAD_WORDS = 20, MAX_ERRORS = 100 };
enum { AFTER = 1, BEFORE = 2, BOTH = 3 };        /* a statement goes on after this word at the end of a line, before it at the beginning of one */
typedef struct Mark { const char *s; int kind, joins; } Mark;
static const Mark mark[] = {                     /* longer ones first */
    { "..", PIGEON_DOTS, BOTH }, { "**", PIGEON_POW, BOTH }, { "//", PIGEON_FLOORDIV, BOTH }, { "->", PIGEON_ARROW, BOTH }, { "==", PIGEON_CMP, BOTH },
    { "!=", PIGEON_CMP, BOTH }, { "<=", PIGEON_CMP, BOTH }, { ">=", PIGEON_CMP, BOTH }, { "<<", PIGEON_SHIFT, BOTH }, { ">>", PIGEON_SHIFT, BOTH },
    { "+", PIGEON_PLUS, BOTH }, { "-", PIGEON_MINUS, BOTH }, { "*", PIGEON_STAR, BOTH }, { "/", PIGEON_SLASH, BOTH }, { "=", PIGEON_EQ, BOTH },
    { "<", PIGEON_CMP, BOTH }, { ">", PIGEON_CMP, BOTH }, { "(", PIGEON_LPAREN, AFTER }, { ")", PIGEON_RPAREN, BEFORE }, { "[", PIGEON_LBRACK, AFTER },
    { "]", PIGEON_RBRACK, BEFORE }, { "{", PIGEON_LBRACE, AFTER }, { "}", PIGEON_RBRACE, 0 }, { ",", PIGEON_COMMA, BOTH }, { ":", PIGEON_COLON, AFTER },
    { ";", PIGEON_SEMI, 0 }, { "|", PIGEON_BAR, BOTH }, { "^", PIGEON_HAT, BOTH }, { "&", PIGEON_AMP, BOTH }, { "~", PIGEON_TILDE, AFTER }, { "'", PIGEON_PRIME, 0 } };
static const Mark reserved[] = { { "and", PIGEON_AND, BOTH }, { "or", PIGEON_OR, BOTH }, { "not", PIGEON_NOT, AFTER }, { "mod", PIGEON_MOD, BOTH }, { "if", PIGEON_IF, AFTER },
                                 { "then", PIGEON_THEN, BOTH }, { "else", PIGEON_ELSE, BOTH }, { "true", PIGEON_BOOLEAN, 0 }, { "false", PIGEON_BOOLEAN, 0 } };

typedef struct Lexer {
    Context *cx;
    const char *s, *end, *line_start;
    int source, line, errors, bad;
    int depth;                                   /* of ( and [ */
    VEC(int) open;
    Tokens *out;
} Lexer;

static Loc here(const Lexer *l, const char *from, const char *to) {
    return (Loc){ l->source, l->line, (int)(from - l->line_start) + 1, l->line, (int)(to - l->line_start) + 1 };
}
static int joins(const Token *t) {
    if (t->kind == PIGEON_NAME || t->kind == PIGEON_BAD) return 0;
    for (size_t k = 0; k < sizeof mark / sizeof *mark; k++) if (mark[k].kind == t->kind) return mark[k].joins;
    for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++) if (reserved[k].kind == t->kind) return reserved[k].joins;
    return 0;
}
/* Does the text at s begin a statement, whatever stands before it: a keyword and a name?  `graph g` and `map f` may also go on a list. */
static bool begins_statement(const char *s, bool list) {
    const char *w = s;
    while (isalpha((unsigned char)*s)) s++;
    char word[12];
    size_t n = (size_t)(s - w);
    if (n < 3 || n >= sizeof word || (*s != ' ' && *s != '\t')) return false;
    memcpy(word, w, n);
    word[n] = 0;
    if (!words_in(word, list ? " dim seq grid space modes index input param const let output repeat iterate model "
                             : " dim seq grid space modes index input param const let output repeat iterate model graph map ")) return false;
    while (*s == ' ' || *s == '\t') s++;
    w = s;
    while (isalnum((unsigned char)*s) || *s == '_') s++;
    n = (size_t)(s - w);
    if (!n || n >= sizeof word) return n > 0;
    memcpy(word, w, n);
    word[n] = 0;
    return !isdigit((unsigned char)*word) && !words_in(word, " and or not mod then else by where wrt until keep of over max acc ");
}
static bool begins_model(const char *s) {
    if (strncmp(s, "model", 5) || (s[5] != ' ' && s[5] != '\t')) return false;
    for (s += 5; *s == ' ' || *s == '\t'; s++);
    if (!isalpha((unsigned char)*s)) return false;
    while (isalnum((unsigned char)*s) || *s == '_') s++;
    while (*s == ' ' || *s == '\t') s++;
    return *s == '(';
}

static void push(Lexer *l, Token t) {
    t.inside = l->open.n ? l->open.at[l->open.n - 1] : -1;
    vec_add(l->cx->arena, *l->out, t);
}
static void push_end_of_line(Lexer *l) {
    Token *last = l->out->n ? &l->out->at[l->out->n - 1] : NULL;
    if (!last || last->kind == PIGEON_TERM) return;
    Token t = { .kind = PIGEON_TERM, .loc = last->loc, .s = "end of line", .match = -1 };
    t.loc.line = last->loc.end_line, t.loc.col = last->loc.end_col, t.loc.end_col++;
    push(l, t);
}
static Token *opener(Lexer *l) { return l->open.n ? &l->out->at[l->open.at[l->open.n - 1]] : NULL; }
/* The innermost bracket is never closed: `why` stands where it should have been. */
static void drop_open(Lexer *l, Loc why, const char *what, bool say) {
    Token *o = opener(l);
    if (say) {
        Diag *d = diag_error(l->cx, D_SYNTAX, o->loc, "`%s` is never closed", o->s);
        if (what) diag_note(d, why, "%s", what);
        diag_help(d, "close it with `%s`", o->kind == PIGEON_LPAREN ? ")" : o->kind == PIGEON_LBRACK ? "]" : "}");
    }
    l->errors++;
    l->open.n--;
    if (o->kind == PIGEON_LBRACE) {                                /* as if it were closed here */
        Token t = { .kind = PIGEON_RBRACE, .loc = why, .s = "}", .match = (int)(o - l->out->at) };
        o->match = l->out->n;
        push(l, t);
    } else {
        o->kind = PIGEON_BAD;
        l->depth--;
    }
}
static void drop_parens(Lexer *l, Loc why, const char *what) {
    for (bool say = true; opener(l) && opener(l)->kind != PIGEON_LBRACE; say = false) drop_open(l, why, what, say);
}
static bool bracket(Lexer *l, Token *t) {                          /* false: too many are open */
    if (t->kind == PIGEON_LPAREN || t->kind == PIGEON_LBRACK || t->kind == PIGEON_LBRACE) {
        if (l->open.n >= MAX_OPEN) {
            diag_help(diag_error(l->cx, D_NESTING, t->loc, "more than %d brackets are open here", MAX_OPEN), "name parts of the expression by equations of their own");
            return false;
        }
        push(l, *t);
        vec_add(l->cx->arena, l->open, l->out->n - 1);
        l->depth += t->kind != PIGEON_LBRACE;
        return true;
    }
    int want = t->kind == PIGEON_RPAREN ? PIGEON_LPAREN : t->kind == PIGEON_RBRACK ? PIGEON_LBRACK : PIGEON_LBRACE, k = l->open.n - 1;
    while (k >= 0 && l->out->at[l->open.at[k]].kind != want && l->out->at[l->open.at[k]].kind != PIGEON_LBRACE) k--;
    if (k < 0 || l->out->at[l->open.at[k]].kind != want) {
        diag_help(diag_error(l->cx, D_SYNTAX, t->loc, "`%s` closes nothing", t->s), "remove it, or open the bracket before it");
        l->errors++;
        t->kind = PIGEON_BAD;
        push(l, *t);
        return true;
    }
    for (bool say = true; l->open.n - 1 > k; say = false) drop_open(l, t->loc, arena_printf(l->cx->arena, "`%s` stands here", t->s), say);
    t->match = l->open.at[--l->open.n];
    l->out->at[t->match].match = l->out->n;
    l->depth -= want != PIGEON_LBRACE;
    push(l, *t);
    return true;
}

static const char *number(Lexer *l, const char *s, Token *t) {
    const char *from = s;
    bool real = false;
    while (isdigit((unsigned char)*s)) s++;
    if (s - from == 1 && *from == '0' && (*s == 'x' || *s == 'X')) for (s++; isxdigit((unsigned char)*s); s++);
    else {
        if (*s == '.' && isdigit((unsigned char)s[1])) for (real = true, s++; isdigit((unsigned char)*s); s++);
        if ((*s == 'e' || *s == 'E') && (isdigit((unsigned char)s[1]) || ((s[1] == '+' || s[1] == '-') && isdigit((unsigned char)s[2])))) for (real = true, s += 2; isdigit((unsigned char)*s); s++);
    }
    t->s = intern_n(l->cx, from, (size_t)(s - from));
    t->r = strtod(t->s, NULL);
    t->kind = real ? PIGEON_REAL : PIGEON_INT;
    if (*s == 'i' && !isalnum((unsigned char)s[1]) && s[1] != '_') {
        t->kind = PIGEON_IMAG;
        t->s = intern_n(l->cx, from, (size_t)(++s - from));
    } else if (isalpha((unsigned char)*s) || *s == '_') {
        while (isalnum((unsigned char)*s) || *s == '_') s++;
        diag_help(diag_error(l->cx, D_LEXICAL, here(l, from, s), "`%.*s` is neither a number nor a name", (int)(s - from < 60 ? s - from : 60), from),
                  "names begin with a letter; a product is written with `*`");
        t->kind = PIGEON_BAD, l->errors++;
    } else if (!real) {
        errno = 0;
        t->i = (int64_t)strtoll(t->s, NULL, 0);
        if (errno) diag_help(diag_error(l->cx, D_LEXICAL, here(l, from, s), "`%s` is too large for an integer", t->s), "the largest is 9223372036854775807"), t->kind = PIGEON_BAD, l->errors++;
    }
    return s;
}
static const char *word(Lexer *l, const char *s, Token *t) {
    const char *from = s;
    for (;;) {
        while (isalnum((unsigned char)*s) || *s == '_') s++;
        if (*s == '.' && (isalnum((unsigned char)s[1]) || s[1] == '_')) { s++; continue; }
        break;
    }
    t->kind = PIGEON_NAME;
    t->s = intern_n(l->cx, from, (size_t)(s - from));
    for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++) if (*t->s == *reserved[k].s && !strcmp(t->s, reserved[k].s)) t->kind = reserved[k].kind;
    return s;
}
static const char *other(Lexer *l, const char *s, Token *t) {
    for (size_t k = 0; k < sizeof mark / sizeof *mark; k++) {
        if (*s != *mark[k].s) continue;
        size_t n = strlen(mark[k].s);
        if (strncmp(s, mark[k].s, n)) continue;
        t->kind = mark[k].kind;
        t->s = intern(l->cx, mark[k].s);
        return s + n;
    }
    const char *from = s++;
    while (s < l->end && ((unsigned char)*s & 0xc0) == 0x80) s++;
    t->kind = PIGEON_BAD;
    t->s = intern_n(l->cx, from, (size_t)(s - from));
    l->errors++;
    if (l->bad++ >= MAX_BAD_WORDS) return s;                        /* a binary file is no news after that */
    if ((unsigned char)*from > ' ' && *from != 127)
        diag_help(diag_error(l->cx, D_LEXICAL, here(l, from, s), "no word of the language begins with `%.*s`", (int)(s - from), from), "remove it; comments begin with #");
    else diag_help(diag_error(l->cx, D_LEXICAL, here(l, from, s), "the byte 0x%02x has no meaning here", (unsigned char)*from), "remove it");
    return s;
}

int lex(Context *cx, int source, Tokens *out) {
    const Source *src = &cx->source.at[source];
    Lexer l = { .cx = cx, .s = src->text, .end = src->text + src->length, .line_start = src->text, .source = source, .line = 1, .out = out };
    int guess = (int)(src->length / 4) + 16;                        /* words of usual text, so that the array seldom grows */
    *out = (Tokens){ .at = NEWN(cx->arena, Token, guess), .cap = guess };
    for (bool newline = false;;) {
        const char *s = l.s;
        while (s < l.end && (*s == ' ' || *s == '\t' || *s == '\r')) s++;
        if (s < l.end && *s == '#') while (s < l.end && *s != '\n') s++;
        if (s < l.end && *s == '\n') {
            l.s = l.line_start = s + 1, l.line++, newline = true;
            continue;
        }
        Token t = { .match = -1, .loc = here(&l, s, s + 1) }, *last = out->n ? &out->at[out->n - 1] : NULL;
        bool starts = newline && last && begins_statement(s, last->kind == PIGEON_COMMA || last->kind == PIGEON_LPAREN), model = newline && begins_model(s);
        if (starts && l.depth) drop_parens(&l, t.loc, "a statement begins here"), last = &out->at[out->n - 1];
        if (model && l.open.n) {
            push_end_of_line(&l);
            for (bool say = true; l.open.n; say = false) drop_open(&l, t.loc, "a model begins here", say);
            last = &out->at[out->n - 1];
        }
        if (l.errors > MAX_ERRORS && s < l.end) {
            diag_error(cx, D_SYNTAX, t.loc, "so many errors: the rest of the file was not read");
            return -1;
        }
        if (s >= l.end) {
            t.kind = PIGEON_END, t.s = "end of file", t.loc.end_col++;
            drop_parens(&l, t.loc, NULL);
            push_end_of_line(&l);
            for (bool say = true; l.open.n; say = false) drop_open(&l, t.loc, NULL, say);
            push(&l, t);
            return l.errors;
        }
        if (isalpha((unsigned char)*s) || *s == '_') l.s = word(&l, s, &t);
        else if (isdigit((unsigned char)*s)) l.s = number(&l, s, &t);
        else if (*s == '"') {
            const char *from = ++s;
            while (s < l.end && *s != '"' && *s != '\n') s++;
            t.kind = PIGEON_STRING;
            t.s = intern_n(cx, from, (size_t)(s - from));
            if (s < l.end && *s == '"') s++;
            else { diag_help(diag_error(cx, D_LEXICAL, t.loc, "this string does not end"), "close it with a `\"` on the same line"); t.kind = PIGEON_BAD; l.errors++; }
            l.s = s;
        } else l.s = other(&l, s, &t);
        t.loc.end_col = (int)(l.s - l.line_start) + 1;
        if (newline && !l.depth && last && last->kind != PIGEON_RBRACE && (starts || !(joins(last) & AFTER)) && !(joins(&t) & BEFORE)) push_end_of_line(&l);
        newline = false;
        if (t.kind == PIGEON_SEMI && !l.depth) t.kind = PIGEON_TERM;
        if (t.kind == PIGEON_LPAREN || t.kind == PIGEON_LBRACK || t.kind == PIGEON_LBRACE || t.kind == PIGEON_RPAREN || t.kind == PIGEON_RBRACK || t.kind == PIGEON_RBRACE) {
            if (!bracket(&l, &t)) return -1;
        } else push(&l, t);
    }
}
