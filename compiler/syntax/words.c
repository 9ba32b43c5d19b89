/* words.c - which names are keywords where they stand, so that the grammar needs one word of lookahead and tensors may still be called `index`,
 * `max` or `by`.  One pass over the words, before parsing:
 *   - a word such as `by` or `keep` is a keyword only behind the end of an operand, where no name can follow;
 *   - a statement's keyword is one only where a statement begins, and not before `=`, `[`, `(` or `,`;
 *   - `sum` is an operator only when `sum(...)` has a body behind it, else the call of a function;
 *   - an `else` belongs to the last open `then` of its brackets (ELSE), else to a reduction or a subscript (OELSE);
 *   - NAME in `f(NAME = value)` is a token of its own. */
#include "syntax/lexer.h"
#include "grammar/pigeon_tab.h"
#include <string.h>

typedef struct Word { const char *s; int kind; } Word;
static const Word behind[] = {                                     /* an operand */
    { "by", PIGEON_BY }, { "of", PIGEON_OF }, { "keep", PIGEON_KEEP }, { "until", PIGEON_UNTIL }, { "max", PIGEON_MAXIMUM }, { "implicit", PIGEON_IMPLICIT }, { "init", PIGEON_INIT },
    { "frozen", PIGEON_FROZEN }, { "where", PIGEON_WHERE }, { "with", PIGEON_WITH }, { "over", PIGEON_OVER }, { "wrt", PIGEON_WRT }, { "zero", PIGEON_EDGE }, { "periodic", PIGEON_EDGE },
    { "reflect", PIGEON_EDGE }, { "replicate", PIGEON_EDGE }, { "signed", PIGEON_FAMILY }, { "half", PIGEON_FAMILY }, { "cosine", PIGEON_FAMILY }, { "sine", PIGEON_FAMILY }, { NULL, 0 } };
static const Word begins[] = {                                     /* a statement */
    { "dim", PIGEON_DIM }, { "seq", PIGEON_SEQ }, { "grid", PIGEON_GRID }, { "graph", PIGEON_GRAPH }, { "space", PIGEON_SPACE }, { "modes", PIGEON_MODES },
    { "index", PIGEON_INDEX }, { "input", PIGEON_INPUT }, { "param", PIGEON_PARAM }, { "const", PIGEON_CONST }, { "map", PIGEON_MAP }, { "let", PIGEON_LET },
    { "output", PIGEON_OUTPUT }, { "repeat", PIGEON_REPEAT }, { "iterate", PIGEON_ITERATE }, { "schedule", PIGEON_SCHEDULE }, { "state", PIGEON_STATE }, { "optimize", PIGEON_OPTIMIZE }, { NULL, 0 } };
static const Word heads[] = {                                      /* a reduction or another operator with indices and a body */
    { "sum", PIGEON_REDUCE }, { "prod", PIGEON_REDUCE }, { "mean", PIGEON_REDUCE }, { "any", PIGEON_QUANTIFIER }, { "all", PIGEON_QUANTIFIER }, { "logsumexp", PIGEON_REDUCE },
    { "min", PIGEON_REDUCEX }, { "max", PIGEON_REDUCEX }, { "argmin", PIGEON_REDUCEX }, { "argmax", PIGEON_REDUCEX }, { "count", PIGEON_COUNT },
    { "softmax", PIGEON_SOFTMAX }, { "log_softmax", PIGEON_SOFTMAX }, { "fft", PIGEON_TRANSFORM }, { "ifft", PIGEON_TRANSFORM }, { "dct", PIGEON_TRANSFORM },
    { "idct", PIGEON_TRANSFORM }, { "dst", PIGEON_TRANSFORM }, { "idst", PIGEON_TRANSFORM }, { "cholesky", PIGEON_FACTOR }, { "logdet", PIGEON_FACTOR },
    { "inverse", PIGEON_FACTOR }, { "qr", PIGEON_FACTOR }, { "svd", PIGEON_FACTOR }, { "eigh", PIGEON_FACTOR }, { "eig", PIGEON_FACTOR }, { "solve", PIGEON_FACTOR2 },
    { "lstsq", PIGEON_FACTOR2 }, { "top", PIGEON_SELECT }, { "sort", PIGEON_SELECT }, { "sort_down", PIGEON_SELECT }, { "cumsum", PIGEON_SELECT },
    { "cumprod", PIGEON_SELECT }, { "cummax", PIGEON_SELECT }, { NULL, 0 } };

static int kind_in(const Word *w, const char *s, int otherwise) {
    for (; w->s; w++) if (*w->s == *s && !strcmp(w->s, s)) return w->kind;
    return otherwise;
}
bool words_in(const char *s, const char *list) {
    size_t n = strlen(s);
    for (const char *q = list; (q = strstr(q, s)); q += n) if (q[-1] == ' ' && q[n] == ' ') return true;
    return false;
}
bool words_is_dtype(const char *s) { return words_in(s, " f64 f32 f16 bf16 i64 i32 i8 u8 bool c64 c128 "); }
const char *words_near_keyword(Context *cx, const char *s) {
    const char *word[32] = { "model", "update", "use" };
    int n = 3;
    for (const Word *w = begins; w->s; w++) word[n++] = w->s;
    for (int k = 0; k < n; k++) if (!strcmp(word[k], s)) return word[k];
    return strlen(s) < 3 ? NULL : did_you_mean(cx, s, word, n);
}

static bool is(const Token *t, const char *s) { return t->kind == PIGEON_NAME && !strcmp(t->s, s); }
static int head_kind(const Tokens *t, int k) {                     /* of the name at k, which is no keyword */
    const Token *open = &t->at[k + 1];
    int kind = kind_in(heads, t->at[k].s, PIGEON_NAME);
    if (kind == PIGEON_NAME || open->kind != PIGEON_LPAREN || open->match < 0) return PIGEON_NAME;
    const Token *body = &t->at[open->match + 1];
    bool operand = body->kind == PIGEON_NAME ? kind_in(behind, body->s, PIGEON_NAME) == PIGEON_NAME || body[1].kind == PIGEON_LBRACK || body[1].kind == PIGEON_LPAREN
                 : body->kind == PIGEON_INT || body->kind == PIGEON_REAL || body->kind == PIGEON_IMAG || body->kind == PIGEON_LPAREN || body->kind == PIGEON_BOOLEAN;
    operand |= kind == PIGEON_QUANTIFIER && (body->kind == PIGEON_NOT || body->kind == PIGEON_MINUS);
    return operand || kind == PIGEON_COUNT ? kind : PIGEON_NAME;
}

typedef struct Open { bool call, model; int then; } Open;          /* a bracket: of arguments, of a model's arguments; `then`s without `else` */
typedef struct Place { bool starts, operand, decls, top; int before; } Place;   /* what stands before a name */

static int model_word(const Token *t, int before) {                /* in a model's arguments */
    if (is(t, "graph") && t[1].kind == PIGEON_NAME && before != PIGEON_COLON) return PIGEON_GRAPH;
    if (before == PIGEON_COLON && words_in(t->s, " graph dim seq grid ")) return kind_in(begins, t->s, PIGEON_NAME);
    if (before == PIGEON_GRID) return kind_in(behind, t->s, PIGEON_NAME);
    return PIGEON_NAME;
}
static int name_kind(const Tokens *all, int k, Place p, const Open *in) {
    const Token *t = &all->at[k], *n = t + 1;
    if (p.starts) {
        if (p.top && is(t, "use") && n->kind == PIGEON_STRING) return PIGEON_USE;
        if (p.top && (is(t, "model") || is(t, "update")) && n->kind != PIGEON_EQ && n->kind != PIGEON_LBRACK) return PIGEON_MODEL;
        if (n->kind != PIGEON_EQ && n->kind != PIGEON_LBRACK && n->kind != PIGEON_LPAREN && n->kind != PIGEON_COMMA) {
            int kind = kind_in(begins, t->s, PIGEON_NAME);
            if (kind != PIGEON_NAME) return kind;
        }
    }
    if (p.decls && is(t, "map") && n->kind == PIGEON_NAME && (p.before == PIGEON_COMMA || p.before == PIGEON_INPUT || p.before == PIGEON_PARAM)) return PIGEON_MAP;
    if (in->model) {
        int kind = model_word(t, p.before);
        if (kind != PIGEON_NAME) return kind;
    }
    if (p.operand || (in->model && p.before == PIGEON_GRAPH && is(t, "over"))) return kind_in(behind, t->s, PIGEON_NAME);
    if (is(t, "acc") && p.before == PIGEON_RPAREN && n->kind == PIGEON_NAME && words_is_dtype(n->s)) return PIGEON_ACC;
    if (in->call && (p.before == PIGEON_LPAREN || p.before == PIGEON_COMMA) && n->kind == PIGEON_EQ) return PIGEON_ARGNAME;
    if (p.before == PIGEON_LET) return PIGEON_NAME;
    if ((is(t, "grad") || is(t, "vjp") || is(t, "jvp")) && n->kind == PIGEON_LPAREN) return PIGEON_GRAD;
    return head_kind(all, k);
}

void words_classify(Context *cx, Tokens *t) {
    VEC(Open) open = { 0 };
    Open outside = { 0 };
    vec_add(cx->arena, open, outside);
    Place p = { .starts = true, .top = true, .before = PIGEON_TERM };
    bool head_of_model = false, body = false;                       /* the next parenthesis holds a model's arguments; the statement has a body */
    for (int k = 0; k < t->n; k++) {
        Token *w = &t->at[k];
        Open *in = &open.at[open.n - 1];
        Place next = { .decls = p.decls, .top = p.top };
        switch (w->kind) {
        case PIGEON_TERM: next.starts = true, next.decls = head_of_model = body = false, in->then = 0; break;
        case PIGEON_LPAREN: case PIGEON_LBRACK: case PIGEON_LBRACE: {
            Open o = { w->kind == PIGEON_LPAREN && p.operand && !head_of_model, w->kind == PIGEON_LPAREN && head_of_model, 0 };
            vec_add(cx->arena, open, o);
            head_of_model = false;
            if (w->kind == PIGEON_LBRACE) next = (Place){ .starts = true };
            if (w->kind == PIGEON_LBRACE && !body) w->kind = PIGEON_STRAY;
            if (next.starts) body = false;
            break;
        }
        case PIGEON_RPAREN: case PIGEON_RBRACK: case PIGEON_RBRACE: {
            if (open.n > 1) open.n--;
            int of = w->kind == PIGEON_RPAREN && w->match > 0 ? t->at[w->match - 1].kind : PIGEON_NAME;
            if (w->kind == PIGEON_RBRACE) next = (Place){ .starts = true, .top = w->inside < 0 };
            else next.operand = of < PIGEON_REDUCE || of > PIGEON_SELECT || of == PIGEON_COUNT;   /* behind the indices of a head its body begins */
            break;
        }
        case PIGEON_INT: case PIGEON_REAL: case PIGEON_IMAG: case PIGEON_STRING: case PIGEON_BOOLEAN: case PIGEON_PRIME: next.operand = true; break;
        case PIGEON_THEN: in->then++; break;
        case PIGEON_ELSE: if (in->then) in->then--; else w->kind = PIGEON_OELSE; break;
        case PIGEON_MOD: if (!p.operand) w->kind = PIGEON_NAME, next.operand = true; break;      /* the function */
        case PIGEON_NAME:
            w->kind = name_kind(t, k, p, in);
            next.operand = w->kind == PIGEON_NAME && p.before != PIGEON_ACC;
            if (p.starts && w->kind != PIGEON_NAME) next.decls = w->kind == PIGEON_INPUT || w->kind == PIGEON_PARAM || w->kind == PIGEON_MAP;
            if (w->kind == PIGEON_MODEL) head_of_model = body = true;
            if (w->kind == PIGEON_REPEAT || w->kind == PIGEON_ITERATE || w->kind == PIGEON_SCHEDULE) body = true;
            break;
        default: break;
        }
        next.before = w->kind;
        p = next;
    }
}
