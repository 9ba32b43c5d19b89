/* lexer.h - the words of a .pgn file as an array; private to syntax/ and grammar/pigeon.y.  The kind of a word is its token of the grammar. */
#ifndef PIGEON_LEXER_H
#define PIGEON_LEXER_H
#include "syntax/ast.h"
typedef struct Token {
    int kind;                 /* PIGEON_..., see grammar/pigeon.y; a word reported as wrong is PIGEON_BAD: the parser drops its statement */
    Loc loc;
    const char *s;            /* interned: the name, the operator, the spelling of a number, the content of a string */
    int64_t i; double r;
    int match;                /* of a bracket: the place of its partner, -1 if it has none */
    int inside;               /* the place of the innermost bracket around it, -1 if there is none */
} Token;
typedef VEC(Token) Tokens;

/* lexer.c: always ends in PIGEON_END; brackets are paired, what was wrong with them is reported and mended.  Returns the number of errors,
 * -1 if there is nothing to go on with. */
int lex(Context *cx, int source, Tokens *out);
/* words.c: which names are keywords where they stand. */
void words_classify(Context *cx, Tokens *t);
const char *words_near_keyword(Context *cx, const char *s);    /* the word that begins a statement and that `s` is or was meant to be, or NULL */
bool words_is_dtype(const char *s);
bool words_in(const char *s, const char *list);                /* is s in " a list of words "? */
#endif
