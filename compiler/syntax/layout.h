/* layout.h - text of expressions with the places where a long line may break; private to syntax/. */
#ifndef PIGEON_LAYOUT_H
#define PIGEON_LAYOUT_H
#include "syntax/ast.h"

typedef struct Break { size_t at; int rank; } Break;      /* a line may begin at byte `at`; a smaller rank breaks first */
typedef enum Spacing { LOOSE, TIGHT_PRODUCT, TIGHT } Spacing;   /* a * b + c,  a*b + c,  a*b+c */
typedef struct Layout {
    Context *cx;
    Writer w;                /* the flat text */
    VEC(Break) brk;
    int depth;               /* of brackets */
    Spacing spacing;
    bool guard;              /* inside the then-part of an if: the next `else` is the if's */
    bool list;               /* inside the value of a const: tuples are [lists] */
} Layout;
void layout_init(Layout *l, Context *cx);
void layout_text(Layout *l, const char *s);
void layout_comma(Layout *l);                             /* ", " and a break */
void layout_space(Layout *l, int rank);                   /* " " and a break */
void layout_expr(Layout *l, const Expr *e, int precedence, Spacing spacing);
enum { PREC_ANY = 0, PREC_ADD = 9, PREC_PRODUCT = 10, PREC_POSTFIX = 13 };
#endif
