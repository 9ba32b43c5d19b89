/* lexer.h - the words of a .pgn file as an array; private to syntax/. */
#ifndef PIGEON_LEXER_H
#define PIGEON_LEXER_H
#include "syntax/ast.h"
typedef enum TokenKind { T_END, T_TERM /* newline or ; that ends a statement */, T_NAME, T_INT, T_REAL, T_IMAG, T_STRING, T_OP } TokenKind;
typedef struct Token {
    TokenKind kind;
    Loc loc;
    const char *s;            /* interned: the name, the operator, the spelling of a number, the content of a string */
    int64_t i; double r;
    int match;                /* of a bracket: the place of its partner, -1 if it has none */
    const char *comment;      /* comment lines that stand before it, or NULL */
    const char *tail;         /* T_TERM: the comment at the end of its line */
    bool blank;               /* an empty line stands before it */
} Token;
typedef VEC(Token) Tokens;
bool lex(Context *cx, int source, Tokens *out);    /* always ends in T_END; false when an error was reported */
#endif
