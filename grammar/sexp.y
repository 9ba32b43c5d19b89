/* sexp.y - the IR text of both levels is a sequence of list expressions; what they mean is decided in ir/read.c and loop/read.c. */
%define api.pure full
%define api.prefix {sexp_yy}
%define api.location.type {Loc}
%locations
%expect 0
%parse-param { struct SexpReader *r } { void *scanner }
%lex-param { void *scanner }
%code requires {
#include "ir/sexp.h"
struct SexpReader;
}
%code {
#include "ir/sexp_reader.h"
#define YYMAXDEPTH (1 << 20)
#define YYLLOC_DEFAULT(cur, rhs, n) \
    ((cur) = (n) ? loc_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) : (Loc){ YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end_line, \
             YYRHSLOC(rhs, 0).end_col, YYRHSLOC(rhs, 0).end_line, YYRHSLOC(rhs, 0).end_col })
int sexp_yylex(SEXP_YYSTYPE *value, Loc *loc, void *scanner);
static void sexp_yyerror(Loc *loc, struct SexpReader *r, void *scanner, const char *text) {
    (void)scanner, (void)text;
    sexp_error(r, loc, r->depth ? "a list is not closed at the end of the text" : "a `)` that closes nothing");
}
}
%initial-action { @$ = (Loc){ r->file, 1, 1, 1, 1 }; }
%union { Sexp *node; }
%token SEXP_OPEN "(" SEXP_CLOSE ")" SEXP_BAD "a bad word"
%token <node> SEXP_WORD "a word"
%type <node> item items list
%%
text: items                  { r->result = $1; $1->loc = @1; }
items: %empty                { $$ = sexp_list(r, @$); }
    | items item             { $$ = sexp_append(r, $1, $2); }
item: SEXP_WORD | list
list: open items close       { sexp_leave(r); $$ = $2; $$->loc = @$; }
open: SEXP_OPEN              { if (!sexp_enter(r, @1)) YYABORT; }
close: SEXP_CLOSE
%%
