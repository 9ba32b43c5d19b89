/* sexp.h - list expressions, the text form of both IR levels: atoms, "strings" and (lists), each with its place. */
#ifndef PIGEON_SEXP_H
#define PIGEON_SEXP_H
#include "base/base.h"
typedef enum SexpKind { SX_ATOM, SX_STRING, SX_LIST } SexpKind;
typedef struct Sexp Sexp;
struct Sexp {
    SexpKind kind;
    Loc loc;
    const char *s;                     /* atom, string: interned */
    VEC(Sexp *) item;                  /* list */
};
/* The whole text as one list; NULL after a diagnostic D_IR_SYNTAX. Lists nest at most 2000 deep. */
Sexp *sexp_parse(Context *cx, int source);
bool sexp_is(const Sexp *s, const char *atom);              /* that atom */
const char *sexp_head(const Sexp *s);                       /* first atom of a list, or "" */
/* Writes s between double quotes, so that the scanner gives it back: \" \\ \n and \xx for other controls. */
void sexp_put_string(Writer *w, const char *s);
void sexp_put_real(Writer *w, double v);                    /* shortest text that reads back the same; inf, -inf, nan */
bool sexp_int(const Sexp *s, int64_t *v);
bool sexp_real(const Sexp *s, double *v);
#endif
