/* sexp_reader.h - between grammar/sexp.l, grammar/sexp.y and sexp.c; private to them. */
#ifndef PIGEON_SEXP_READER_H
#define PIGEON_SEXP_READER_H
#include "ir/sexp.h"
typedef struct SexpReader { Context *cx; int file, line, col, depth; bool failed; Sexp *result; } SexpReader;
void sexp_advance(SexpReader *r, Loc *loc, const char *text, size_t n);
void sexp_error(SexpReader *r, const Loc *loc, const char *what);
Sexp *sexp_atom(SexpReader *r, const Loc *loc, const char *text, size_t n);
Sexp *sexp_string(SexpReader *r, const Loc *loc, const char *text, size_t n);      /* NULL after an error */
Sexp *sexp_list(SexpReader *r, Loc loc);
Sexp *sexp_append(SexpReader *r, Sexp *list, Sexp *item);
bool sexp_enter(SexpReader *r, Loc loc);
void sexp_leave(SexpReader *r);
#endif
