/* pigeon.y - the grammar of .pgn files over the words of compiler/syntax/lexer.c, whose kinds compiler/syntax/words.c has settled: with them it is
 * LALR(1) without a conflict.  The actions build the tree by compiler/syntax/tree.c.  After an error the parser drops the statement and reads on,
 * so that every statement of a file is looked at; a model's or repeat's body is read even when its head is wrong. */
%code requires {
#include "syntax/tree.h"
}
%code provides {
enum { PIGEON_BAD = PIGEON_PIGEON_YYerror };      /* a word that was reported: the parser only recovers */
}
%code {
#include <string.h>
enum { MAX_ERRORS = 100 };
static int pigeon_yylex(PIGEON_YYSTYPE *v, Loc *at, Reader *r);
static void pigeon_yyerror(Loc *at, Reader *r, const char *text);
#define E2(a, b) MORE(r, Exprs, LIST(r, Exprs, a), b)
#define YYLLOC_DEFAULT(c, rhs, n)                                                                          \
    do {                                                                                                   \
        if (n) (c) = loc_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n));                                         \
        else (c) = YYRHSLOC(rhs, 0), (c).line = (c).end_line, (c).col = (c).end_col;                       \
    } while (0)
}
%define api.pure full
%define api.prefix {pigeon_yy}
%define api.token.prefix {PIGEON_}
%define api.location.type {Loc}
%define parse.error custom
%define parse.lac full
%define lr.default-reduction accepting
%locations
%expect 0
%param { Reader *r }
%union {
    Token *t; Expr *e; Exprs *es; Args *args; Subs *subs; Names *names; Binders *binders; Stmts *ss; Stmt *s; Decls *ds; ModelArgs *mas;
    Decl d; NamedArg arg; Subscript sub; ModelArg ma; Binder binder; Keep keep;
}

%token END 0 "the end of the file"
%token <t> NAME "a name" ARGNAME "a name of an argument" INT "a number" REAL "a real number" IMAG "an imaginary number" STRING "a string" BOOLEAN "true or false"
%token <t> EQ "`=`" COLON "`:`" ARROW "`->`" COMMA "`,`" THEN "`then`" ELSE "`else`" RPAREN "`)`" RBRACK "`]`" LBRACE "`{`" RBRACE "`}`" SEMI "`;`"
%token <t> BY "`by`" ACC "`acc`" OF "`of`" KEEP "`keep`" UNTIL "`until`" MAXIMUM "`max`" IMPLICIT "`implicit`" INIT "`init`" FROZEN "`frozen`" WHERE "`where`" OVER "`over`" WITH "`with`" WRT "`wrt`"
%token <t> EDGE "a boundary rule" FAMILY "a family of frequencies"
%token <t> AND "`and`" OR "`or`" NOT "`not`" MOD "`mod`" IF "`if`" OELSE "`else` of a reduction or subscript" CMP "a comparison" SHIFT "a shift" POW "`**`"
%token <t> FLOORDIV "`//`" DOTS "`..`" PLUS "`+`" MINUS "`-`" STAR "`*`" SLASH "`/`" BAR "`|`" HAT "`^`" AMP "`&`" TILDE "`~`" PRIME "`'`" LPAREN "`(`" LBRACK "`[`"
%token <t> REDUCE "a reduction" QUANTIFIER "any or all" REDUCEX "min or max" COUNT "`count`" SOFTMAX "`softmax`" TRANSFORM "a transform" FACTOR "a factorisation" FACTOR2 "`solve`"
%token <t> SELECT "a selection" GRAD "a derivative"
%token <t> USE "`use`" MODEL "`model`" DIM "`dim`" SEQ "`seq`" GRID "`grid`" GRAPH "`graph`" SPACE "`space`" MODES "`modes`" INDEX "`index`"
%token <t> INPUT "`input`" PARAM "`param`" CONST "`const`" MAP "`map`" LET "`let`" OUTPUT "`output`" REPEAT "`repeat`" ITERATE "`iterate`" SCHEDULE "`schedule`"
%token <t> OPTIMIZE "`optimize`" STATE "`state`" TERM "the end of the line" STRAY "`{` that begins no body" BODY "a body"

%left BAR
%left HAT
%left AMP
%left SHIFT
%left PLUS MINUS
%precedence LOW
%precedence OELSE

%type <e> expr rexpr disj conj neg cmp arith product chain unary power tail utail head postfix callee primary target
%type <es> strings exprs rexprs posts by axes starts
%type <args> args args1
%type <arg> arg
%type <subs> subs subs1
%type <sub> sub
%type <names> names names_opt index_opt
%type <binders> items spans
%type <binder> item
%type <s> simple compound equation index_list modes_list
%type <ss> block stmts closed
%type <ds> sizes grids tensors params consts maps
%type <d> size grid tensor param const map tail_of_param
%type <keep> keep
%type <mas> margs margs1
%type <ma> marg
%type <t> mulop dtype_opt acc family edge_opt implicit_opt
%%
file: top
  | BODY block                          { r->body = $2; };      /* of one model, by model_read */
top: %empty
  | top TERM
  | top error TERM                      { yyerrok; }
  | top USE STRING TERM                 { Use u = { .path = $3->s, .loc = loc_join(@2, @3) }; vec_add(r->a, r->file->use, u); }
  | top simple TERM                     { tree_top(r, $2); }
  | top compound                        { tree_top(r, $2); }
  | top MODEL NAME LPAREN margs RPAREN block { tree_model(r, $2->s[0] == 'u', $3, $5, $7, loc_join(@2, @6)); }
  | top MODEL error block               { yyerrok; }
  | top MODEL error TERM                { yyerrok; };
margs: %empty { $$ = NULL; } | margs1;
margs1: marg                            { $$ = LIST(r, ModelArgs, $1); }
  | margs1 COMMA marg                   { $$ = MORE(r, ModelArgs, $1, $3); }
  | margs1 SEMI marg                    { for (int k = 0; k < $1->n; k++) $1->at[k].tensor = true; $$ = MORE(r, ModelArgs, $1, $3); };
marg: NAME                              { $$ = (ModelArg){ .name = tree_name($1), .kind = A_VALUE, .loc = @1 }; }
  | NAME LBRACK names RBRACK            { $$ = (ModelArg){ .name = tree_name($1), .kind = A_VALUE, .loc = @$ }; TAKE($$.index, $3); }
  | NAME EQ expr                        { $$ = (ModelArg){ .name = tree_name($1), .kind = A_VALUE, .loc = @1, .value = $3 }; }
  | NAME COLON DIM                      { $$ = (ModelArg){ .name = tree_name($1), .kind = A_DIM, .loc = @1 }; }
  | NAME COLON DIM EQ expr              { $$ = (ModelArg){ .name = tree_name($1), .kind = A_DIM, .loc = @1, .value = $5 }; }
  | NAME COLON SEQ                      { $$ = (ModelArg){ .name = tree_name($1), .kind = A_SEQ, .loc = @1 }; }
  | NAME COLON SEQ EQ expr              { $$ = (ModelArg){ .name = tree_name($1), .kind = A_SEQ, .loc = @1, .value = $5 }; }
  | NAME COLON GRID edge_opt            { $$ = (ModelArg){ .name = tree_name($1), .kind = A_GRID, .loc = @1, .edge = $4 ? tree_edge($4) : EDGE_DEFAULT }; }
  | NAME COLON GRID edge_opt EQ expr    { $$ = (ModelArg){ .name = tree_name($1), .kind = A_GRID, .loc = @1, .edge = $4 ? tree_edge($4) : EDGE_DEFAULT, .value = $6 }; }
  | NAME COLON GRAPH                    { $$ = (ModelArg){ .name = tree_name($1), .kind = A_GRAPH, .loc = @1 }; }
  | NAME COLON GRAPH OVER NAME          { $$ = (ModelArg){ .name = tree_name($1), .kind = A_GRAPH, .loc = @1, .over = tree_name($5) }; }
  | NAME COLON GRAPH expr ARROW expr    { $$ = (ModelArg){ .name = tree_name($1), .kind = A_GRAPH, .loc = @1, .from = $4, .to = $6 }; }
  | GRAPH NAME                          { $$ = (ModelArg){ .name = tree_name($2), .kind = A_GRAPH, .loc = @2 }; }
  | GRAPH NAME OVER NAME                { $$ = (ModelArg){ .name = tree_name($2), .kind = A_GRAPH, .loc = @2, .over = tree_name($4) }; }
  | GRAPH NAME COLON expr ARROW expr    { $$ = (ModelArg){ .name = tree_name($2), .kind = A_GRAPH, .loc = @2, .from = $4, .to = $6 }; };
edge_opt: %empty { $$ = NULL; } | EDGE;

/* ---- statements */
block: LBRACE stmts RBRACE              { $$ = $2; };
stmts: closed
  | closed simple                       { $$ = MORE(r, Stmts, $1, $2); }
  | closed error                        { yyerrok; };
closed: %empty                          { $$ = NULL; }
  | closed TERM
  | closed simple TERM                  { $$ = MORE(r, Stmts, $1, $2); }
  | closed compound                     { $$ = $2 ? MORE(r, Stmts, $1, $2) : $1; }
  | closed error TERM                   { yyerrok; };
compound: SCHEDULE                      { $$ = tree_stmt(r, S_SCHEDULE, @$); $$->text = ""; }
  | REPEAT NAME COLON expr DOTS expr block {
        $$ = tree_stmt(r, S_REPEAT, loc_join(@1, @7));
        $$->name = tree_name($2), $$->count = $6;
        vec_add(r->a, $$->rhs, $4);
        TAKE($$->body, $7);
    }
  | ITERATE starts UNTIL expr MAXIMUM expr implicit_opt block {
        $$ = tree_stmt(r, S_ITERATE, @$);
        for (int k = 0; k < $2->n; k += 2) { vec_add(r->a, $$->lhs, $2->at[k]); vec_add(r->a, $$->rhs, $2->at[k + 1]); }
        $$->cond = $4, $$->count = $6, $$->implicit = $7 != NULL;
        TAKE($$->body, $8);
    }
  | REPEAT error block                  { yyerrok; $$ = NULL; }
  | REPEAT error TERM                   { yyerrok; $$ = NULL; }
  | ITERATE error block                 { yyerrok; $$ = NULL; }
  | ITERATE error TERM                  { yyerrok; $$ = NULL; };
implicit_opt: %empty { $$ = NULL; } | IMPLICIT;
starts: postfix EQ expr                 { $$ = E2($1, $3); }
  | starts COMMA postfix EQ expr        { $$ = MORE(r, Exprs, MORE(r, Exprs, $1, $3), $5); };
simple: equation
  | OUTPUT equation                     { $$ = $2; $$->kind = S_OUTPUT, $$->is_output = true, $$->loc = @$; }
  | OUTPUT NAME                         { $$ = tree_stmt(r, S_OUTPUT, @$); $$->is_output = true; vec_add(r->a, $$->lhs, tree_leaf(r, E_NAME, $2)); }
  | DIM sizes                           { $$ = tree_decls(r, S_DIM, $2, @$); }
  | SEQ sizes                           { $$ = tree_decls(r, S_SEQ, $2, @$); }
  | STATE sizes                         { $$ = tree_decls(r, S_STATE, $2, @$); }
  | GRID grids                          { $$ = tree_decls(r, S_GRID, $2, @$); }
  | INPUT tensors                       { $$ = tree_decls(r, S_INPUT, $2, @$); }
  | PARAM params                        { $$ = tree_decls(r, S_PARAM, $2, @$); }
  | CONST consts                        { $$ = tree_decls(r, S_CONST, $2, @$); }
  | MAP maps                            { $$ = tree_decls(r, S_MAP, $2, @$); }
  | OPTIMIZE postfix WITH postfix       { $$ = tree_stmt(r, S_OPTIMIZE, @$); TAKE($$->rhs, E2($2, $4)); }
  | OPTIMIZE postfix WITH postfix OVER strings { $$ = tree_stmt(r, S_OPTIMIZE, @$); TAKE($$->rhs, E2($2, $4)); TAKE($$->expr, $6); }
  | INDEX index_list                    { $$ = $2; $$->loc = @$; }
  | MODES modes_list                    { $$ = $2; $$->loc = @$; }
  | LET NAME LPAREN names_opt RPAREN EQ expr { $$ = tree_stmt(r, S_LET, @$); $$->name = tree_name($2); TAKE($$->index, $4); vec_add(r->a, $$->rhs, $7); }
  | SPACE NAME EQ NAME LPAREN posts RPAREN { $$ = tree_space(r, $2, $4, $6, NULL, NULL, @$); }
  | SPACE NAME EQ NAME LPAREN spans WHERE expr RPAREN { $$ = tree_space(r, $2, $4, NULL, $6, $8, @$); }
  | GRAPH NAME                          { $$ = tree_graph(r, $2, "given", @2, NULL, NULL, @$); }
  | GRAPH NAME OVER expr                { $$ = tree_graph(r, $2, "over", @3, $4, NULL, @$); }
  | GRAPH NAME COLON expr ARROW expr    { $$ = tree_graph(r, $2, "bipartite", @3, $4, $6, @$); }
  | GRAPH NAME EQ NAME LPAREN expr RPAREN { $$ = tree_graph(r, $2, $4->s, @4, $6, NULL, @$); }
  | GRAPH NAME EQ NAME WHERE expr       { $$ = tree_graph(r, $2, "where", @4, tree_leaf(r, E_NAME, $4), NULL, @$); $$->cond = $6; };
strings: STRING { $$ = LIST(r, Exprs, tree_leaf(r, E_STRING, $1)); } | strings COMMA STRING { $$ = MORE(r, Exprs, $1, tree_leaf(r, E_STRING, $3)); };
equation: posts EQ expr                 { $$ = tree_equation(r, $1, NULL, $3, @$); }
  | posts COLON NAME EQ expr            { $$ = tree_equation(r, $1, $3, $5, @$); };
posts: postfix                          { $$ = LIST(r, Exprs, $1); }
  | posts COMMA postfix                 { $$ = MORE(r, Exprs, $1, $3); };
spans: NAME COLON rexpr                 { $$ = LIST(r, Binders, (Binder){ tree_name($1), $3 }); }
  | spans COMMA NAME COLON rexpr        { $$ = MORE(r, Binders, $1, (Binder){ tree_name($3), $5 }); };
index_list: names COLON rexpr           { $$ = tree_index(r, NULL, $1, $3); }
  | index_list COMMA names COLON rexpr  { $$ = tree_index(r, $1, $3, $5); };
modes_list: NAME OF expr keep           { $$ = tree_modes(r, NULL, $1, $3, $4, @$); }
  | modes_list COMMA NAME OF expr keep  { $$ = tree_modes(r, $1, $3, $5, $6, @$); };
keep: family                            { $$ = (Keep){ NULL, NULL, $1 }; }
  | KEEP expr family                    { $$ = (Keep){ NULL, $2, $3 }; }
  | KEEP expr DOTS expr family          { $$ = (Keep){ $2, $4, $5 }; };
family: %empty { $$ = NULL; } | FAMILY;

/* ---- what is declared */
sizes: size { $$ = LIST(r, Decls, $1); } | sizes COMMA size { $$ = MORE(r, Decls, $1, $3); };
size: NAME                              { $$ = (Decl){ .name = tree_name($1), .loc = @1 }; }
  | NAME EQ expr                        { $$ = (Decl){ .name = tree_name($1), .loc = @1, .init = $3 }; };
grids: grid { $$ = LIST(r, Decls, $1); } | grids COMMA grid { $$ = MORE(r, Decls, $1, $3); };
grid: NAME edge_opt                     { $$ = (Decl){ .name = tree_name($1), .loc = @1, .edge = $2 ? tree_edge($2) : EDGE_DEFAULT }; }
  | NAME edge_opt EQ expr               { $$ = (Decl){ .name = tree_name($1), .loc = @1, .edge = $2 ? tree_edge($2) : EDGE_DEFAULT, .init = $4 }; };
tensors: tensor { $$ = LIST(r, Decls, $1); } | tensors COMMA tensor { $$ = MORE(r, Decls, $1, $3); } | MAP map { $$ = LIST(r, Decls, $2); } | tensors COMMA MAP map { $$ = MORE(r, Decls, $1, $4); };
tensor: NAME axes dtype_opt             { $$ = (Decl){ .name = tree_name($1), .loc = @1, .dtype = $3 ? tree_dtype(r, $3) : NULL }; TAKE($$.axis, $2); };
params: param { $$ = LIST(r, Decls, $1); } | params COMMA param { $$ = MORE(r, Decls, $1, $3); } | MAP map { $$ = LIST(r, Decls, $2); } | params COMMA MAP map { $$ = MORE(r, Decls, $1, $4); };
param: tensor tail_of_param             { $$ = $1; $$.init = $2.init, $$.frozen = $2.frozen; };
tail_of_param: %empty                   { $$ = (Decl){ 0 }; }
  | tail_of_param INIT postfix          { $$ = $1; $$.init = $3; }
  | tail_of_param FROZEN                { $$ = $1; $$.frozen = true; };
consts: const { $$ = LIST(r, Decls, $1); } | consts COMMA const { $$ = MORE(r, Decls, $1, $3); };
const: tensor EQ expr                   { $$ = $1; $$.init = $3; };
maps: map { $$ = LIST(r, Decls, $1); } | maps COMMA map { $$ = MORE(r, Decls, $1, $3); } | maps COMMA MAP map { $$ = MORE(r, Decls, $1, $4); };
map: NAME index_opt COLON rexprs ARROW target { $$ = (Decl){ .name = tree_name($1), .loc = @1, .is_map = true, .to = $6 }; TAKE($$.index, $2); TAKE($$.from, $4); }
  | NAME index_opt COLON rexprs ARROW target EQ expr { $$ = (Decl){ .name = tree_name($1), .loc = @1, .is_map = true, .to = $6, .value = $8 }; TAKE($$.index, $2); TAKE($$.from, $4); };
target: arith | arith DOTS arith        { $$ = tree_of(r, E_RANGE, @$, E2($1, $3)); };      /* no comparison: `=` begins the value */
index_opt: %empty { $$ = NULL; } | LBRACK names_opt RBRACK { $$ = $2; };
axes: %empty { $$ = NULL; } | LBRACK RBRACK { $$ = NULL; } | LBRACK rexprs RBRACK { $$ = $2; };
dtype_opt: %empty { $$ = NULL; } | COLON NAME { $$ = $2; };
names_opt: %empty { $$ = NULL; } | names;
names: NAME { $$ = LIST(r, Names, $1); } | names COMMA NAME { $$ = MORE(r, Names, $1, $3); };

/* ---- expressions */
exprs: expr { $$ = LIST(r, Exprs, $1); } | exprs COMMA expr { $$ = MORE(r, Exprs, $1, $3); };
rexprs: rexpr { $$ = LIST(r, Exprs, $1); } | rexprs COMMA rexpr { $$ = MORE(r, Exprs, $1, $3); };
rexpr: expr | expr DOTS arith           { $$ = tree_of(r, E_RANGE, @$, E2($1, $3)); };
expr: disj | IF expr THEN expr ELSE expr { $$ = tree_of(r, E_IF, @$, MORE(r, Exprs, E2($2, $4), $6)); };
disj: conj | disj OR conj               { $$ = tree_binary(r, B_OR, $1, $3); };
conj: neg | conj AND neg                { $$ = tree_binary(r, B_AND, $1, $3); };
neg: cmp
  | NOT neg                             { $$ = tree_unary(r, U_NOT, @1, $2); }
  | QUANTIFIER LPAREN items RPAREN acc neg { $$ = tree_head(r, E_REDUCE, $1, $3, $5, $6, @$); };   /* takes in a comparison, ends at `and` */
cmp: arith
  | arith CMP arith                     { $$ = tree_compare(r, $2, $1, $3); }
  | arith EQ arith                      { $$ = tree_binary(r, B_EQ, $1, $3); };
arith: product
  | arith BAR arith                     { $$ = tree_binary(r, B_BITOR, $1, $3); }
  | arith HAT arith                     { $$ = tree_binary(r, B_BITXOR, $1, $3); }
  | arith AMP arith                     { $$ = tree_binary(r, B_BITAND, $1, $3); }
  | arith SHIFT arith                   { $$ = tree_binary(r, $2->s[0] == '<' ? B_SHL : B_SHR, $1, $3); }
  | arith PLUS arith                    { $$ = tree_binary(r, B_ADD, $1, $3); }
  | arith MINUS arith                   { $$ = tree_binary(r, B_SUB, $1, $3); };
mulop: STAR | SLASH | FLOORDIV | MOD;
product: chain | tail | chain mulop tail { $$ = tree_product(r, $2, $1, $3); };
chain: unary | chain mulop unary        { $$ = tree_product(r, $2, $1, $3); };
unary: power
  | MINUS unary                         { $$ = tree_unary(r, U_NEG, @1, $2); }
  | TILDE unary                         { $$ = tree_unary(r, U_BITNOT, @1, $2); };
power: postfix | postfix POW unary      { $$ = tree_binary(r, B_POW, $1, $3); };
tail: head | utail;                     /* what ends in the body of a head, which took in all factors behind it */
utail: MINUS tail                       { $$ = tree_unary(r, U_NEG, @1, $2); }
  | TILDE tail                          { $$ = tree_unary(r, U_BITNOT, @1, $2); }
  | postfix POW utail                   { $$ = tree_binary(r, B_POW, $1, $3); };
head: REDUCE LPAREN items RPAREN acc product { $$ = tree_head(r, E_REDUCE, $1, $3, $5, $6, @$); }
  | REDUCEX LPAREN items RPAREN acc product %prec LOW { $$ = tree_head(r, E_REDUCE, $1, $3, $5, $6, @$); }
  | REDUCEX LPAREN items RPAREN acc product OELSE product { $$ = tree_else(r, tree_head(r, E_REDUCE, $1, $3, $5, $6, loc_join(@1, @6)), $8); }
  | SOFTMAX LPAREN items by RPAREN acc product { $$ = tree_extra(r, tree_head(r, E_SOFTMAX, $1, $3, $6, $7, @$), $4); }
  | FACTOR LPAREN items RPAREN acc product { $$ = tree_head(r, E_FACTOR, $1, $3, $5, $6, @$); }
  | SELECT LPAREN items RPAREN acc product { $$ = tree_head(r, E_SELECT, $1, $3, $5, $6, @$); }
  | FACTOR2 LPAREN items RPAREN acc product COMMA product { $$ = tree_extra(r, tree_head(r, E_FACTOR, $1, $3, $5, $6, @$), LIST(r, Exprs, $8)); }
  | TRANSFORM LPAREN names ARROW names RPAREN acc product { $$ = tree_transform(r, $1, $3, $5, $7, $8, @$); };
acc: %empty { $$ = NULL; } | ACC NAME   { $$ = $2; };
by: %empty { $$ = NULL; } | BY exprs    { $$ = $2; };
items: item { $$ = LIST(r, Binders, $1); } | items COMMA item { $$ = MORE(r, Binders, $1, $3); };
item: expr                              { $$ = tree_binder(r, $1, NULL); }
  | NAME COLON expr                     { $$ = (Binder){ tree_name($1), $3 }; };
postfix: primary | callee
  | postfix LBRACK subs RBRACK          { $$ = tree_subscript(r, $1, $3, @$); }
  | NAME PRIME                          { $$ = tree_leaf(r, E_PRIME, $1); };
callee: NAME                            { $$ = tree_leaf(r, E_NAME, $1); }
  | callee LPAREN args RPAREN           { $$ = tree_call(r, $1, $3, @$); };
primary: INT                            { $$ = tree_leaf(r, E_INT, $1); }
  | REAL                                { $$ = tree_leaf(r, E_REAL, $1); }
  | IMAG                                { $$ = tree_leaf(r, E_IMAG, $1); }
  | STRING                              { $$ = tree_leaf(r, E_STRING, $1); }
  | BOOLEAN                             { $$ = tree_leaf(r, E_BOOL, $1); }
  | LPAREN rexpr RPAREN                 { $$ = tree_parens($2, @$); }
  | LPAREN rexpr COMMA rexprs RPAREN    { Exprs *all = LIST(r, Exprs, $2); for (int k = 0; k < $4->n; k++) all = MORE(r, Exprs, all, $4->at[k]); $$ = tree_of(r, E_TUPLE, @$, all); }
  | LBRACK exprs RBRACK                 { $$ = tree_of(r, E_TUPLE, @$, $2); }
  | COUNT LPAREN items RPAREN acc       { $$ = tree_head(r, E_REDUCE, $1, $3, $5, NULL, @$); }    /* no body: what follows is not its own */
  | GRAD LPAREN args RPAREN             { $$ = tree_call(r, tree_leaf(r, E_NAME, $1), $3, @$); }
  | GRAD LPAREN args1 WRT expr RPAREN   { $$ = tree_wrt(r, $1, $3, $5, NULL, @$); }
  | GRAD LPAREN args1 WRT expr COMMA args1 RPAREN { $$ = tree_wrt(r, $1, $3, $5, $7, @$); };
args: %empty { $$ = NULL; } | args1;
args1: arg { $$ = LIST(r, Args, $1); } | args1 COMMA arg { $$ = MORE(r, Args, $1, $3); };
arg: rexpr                              { $$ = (NamedArg){ { NULL, @1 }, $1 }; }
  | ARGNAME EQ rexpr                    { $$ = (NamedArg){ tree_name($1), $3 }; };
subs: %empty { $$ = NULL; } | subs1;
subs1: sub { $$ = LIST(r, Subs, $1); } | subs1 COMMA sub { $$ = MORE(r, Subs, $1, $3); };
sub: expr %prec LOW                     { $$ = tree_sub(r, $1, EDGE_DEFAULT, NULL); }
  | expr EDGE                           { $$ = tree_sub(r, $1, tree_edge($2), NULL); }
  | expr OELSE expr                     { $$ = tree_sub(r, $1, EDGE_ELSE, $3); };
%%

static void pigeon_yyerror(Loc *at, Reader *r, const char *text) {     /* the parser's stack is full */
    (void)text;
    r->errors++;
    diag_help(diag_error(r->cx, D_NESTING, *at, "this is nested too deeply"), "name parts of the expression by equations of their own");
}

/* What could stand here, in few words: an operand, an operator and the end of the statement stand for all their forms. */
static void expected(const yysymbol_kind_t *want, int n, char *text, size_t size) {
    bool has[YYSYMBOL_YYACCEPT] = { false };
    for (int k = 0; k < n; k++) if (want[k] < YYSYMBOL_YYACCEPT) has[want[k]] = true;
    const char *say[8];
    int said = 0;
    bool operand = has[YYSYMBOL_INT], infix = has[YYSYMBOL_AND];
    if (has[YYSYMBOL_NAME]) say[said++] = has[YYSYMBOL_MODEL] ? "a model" : has[YYSYMBOL_INPUT] ? "a statement" : operand ? "an expression" : "a name";
    if (has[YYSYMBOL_INPUT]) has[YYSYMBOL_RBRACE] = has[YYSYMBOL_TERM] = false;
    else
        for (int k = YYSYMBOL_EQ; k <= YYSYMBOL_OVER && said < 6; k++) {
            if (!has[k] || (k == YYSYMBOL_EQ && infix) || (k == YYSYMBOL_RBRACE && has[YYSYMBOL_TERM])) continue;
            if (operand && k != YYSYMBOL_RPAREN && k != YYSYMBOL_RBRACK) continue;
            say[said++] = yysymbol_name((yysymbol_kind_t)k);
        }
    if (has[YYSYMBOL_EDGE] && !said) say[said++] = "periodic, zero, reflect or replicate";
    if (has[YYSYMBOL_DOTS] && !said) say[said++] = "`..`";
    if (has[YYSYMBOL_SCHEDULE] && !said) say[said++] = "a statement";
    if (!said && infix) say[said++] = "an operator";
    if (has[YYSYMBOL_TERM] && !operand && said < 7) say[said++] = "the end of the statement";
    for (int k = YYSYMBOL_NAME; k < YYSYMBOL_YYACCEPT && !said; k++) if (has[k]) say[said++] = yysymbol_name((yysymbol_kind_t)k);
    size_t m = 0;
    for (int k = 0; k < said && m < size; k++) m += (size_t)snprintf(text + m, size - m, "%s%s", !k ? "" : k + 1 < said ? ", " : " or ", say[k]);
}
/* A word that is nearly one of those that could stand here, or nearly the keyword that its statement begins with. */
static void meant(Reader *r, Diag *d, const yysymbol_kind_t *want, int n, const Token *t) {
    static const char *const edge[] = { "periodic", "zero", "reflect", "replicate" }, *const family[] = { "signed", "half", "cosine", "sine" };
    const char *near = NULL;
    for (int k = 0; k < n && t->kind == PIGEON_NAME && !near; k++) {
        const char *name = yysymbol_name(want[k]);
        if (want[k] == YYSYMBOL_EDGE) near = did_you_mean(r->cx, t->s, edge, 4);
        else if (want[k] == YYSYMBOL_FAMILY) near = did_you_mean(r->cx, t->s, family, 4);
        else if (name[0] == '`' && name[1] >= 'a' && name[1] <= 'z') {
            name = arena_strndup(r->a, name + 1, strlen(name) - 2);
            near = did_you_mean(r->cx, t->s, &name, 1);
        }
    }
    const Token *first = t;
    while (first > r->t.at && t - first < 3 && first[-1].kind != PIGEON_TERM && first[-1].kind != PIGEON_LBRACE && first[-1].kind != PIGEON_RBRACE) first--;
    if (!near && first->kind == PIGEON_NAME && t - first < 3 && (first[1].kind == PIGEON_NAME || first[1].kind == PIGEON_STRING)) near = words_near_keyword(r->cx, first->s);
    if (near && first->inside >= 0 && !strcmp(near, first->s)) diag_help(d, "`%s` stands at the top of a file, outside models", near);
    else if (near && strcmp(near, t->s)) diag_help(d, "did you mean `%s`?", near);
}
static int yyreport_syntax_error(const yypcontext_t *c, Reader *r) {
    if (r->errors > MAX_ERRORS) return 0;
    yysymbol_kind_t want[YYNTOKENS];
    char text[512] = "something else";
    int n = yypcontext_expected_tokens(c, want, YYNTOKENS);
    if (n > 0) expected(want, n, text, sizeof text);
    const Token *t = &r->t.at[r->at], *open = t->inside < 0 ? NULL : &r->t.at[t->inside];
    Diag *d = t->kind == PIGEON_TERM || t->kind == PIGEON_END ? tree_error(r, t->loc, "expected %s, found %s", text, yysymbol_name(yypcontext_token(c)))
            : t->kind == PIGEON_STRING ? tree_error(r, t->loc, "expected %s, found a string", text) : tree_error(r, t->loc, "expected %s, found `%s`", text, t->s);
    meant(r, d, want, n, t);
    if (open && open->loc.line != t->loc.line && open->kind != PIGEON_LBRACE) diag_note(d, open->loc, "`%s` is open here", open->s);
    return 0;
}

static int pigeon_yylex(PIGEON_YYSTYPE *v, Loc *at, Reader *r) {
    Token *t = &r->t.at[r->p];
    v->t = t, *at = t->loc, r->at = r->p;
    if (r->end && r->p == r->begin && !r->begun) return r->begun = true, PIGEON_BODY;
    if (r->end && r->p > r->end) return PIGEON_END;
    if (r->errors > MAX_ERRORS && t->kind != PIGEON_END) {
        tree_error(r, t->loc, "so many errors: the rest of the file was not read");
        r->at = r->p = r->t.n - 1;
        return PIGEON_END;
    }
    if (r->after_stray) {                                          /* what stood in stray braces is passed over; the statement ends behind them */
        r->after_stray = false;
        return PIGEON_TERM;
    }
    if (t->kind != PIGEON_END) r->p++;
    if (t->kind == PIGEON_STRAY && t->match >= 0) r->p = t->match + 1, r->after_stray = true;
    if (r->used && t->kind == PIGEON_LBRACE && t->inside < 0 && t->match >= 0) r->unread = r->at, r->p = t->match;
    if (t->kind == PIGEON_SCHEDULE) {                              /* kept as text */
        const Token *b = t;
        while (b->kind != PIGEON_LBRACE && b->kind != PIGEON_TERM && b->kind != PIGEON_END) b++;
        if (b->kind != PIGEON_LBRACE || b->match < 0) {
            tree_error(r, t->loc, "a schedule without its commands in braces");
            return PIGEON_BAD;
        }
        r->p = b->match + 1;
        *at = loc_join(*at, r->t.at[b->match].loc);
    }
    return t->kind;
}

static File *parse(Context *cx, int source, bool used) {
    Reader r = { .cx = cx, .a = cx->arena, .used = used };
    int errors = lex(cx, source, &r.t);
    if (errors < 0) return NULL;
    r.used &= !errors;                                             /* mended brackets: every body is looked at */
    words_classify(cx, &r.t);
    r.file = NEW(cx->arena, File);
    r.file->source = source;
    int failed = pigeon_yyparse(&r);
    tree_finish(&r);
    return errors || failed || r.errors ? NULL : r.file;
}
File *parse_file(Context *cx, int source) { return parse(cx, source, false); }
File *parse_used(Context *cx, int source) { return parse(cx, source, true); }
bool model_read(Context *cx, Model *m) {
    struct Unread *u = m->unread;
    if (!u) return !m->broken;
    Reader r = { .cx = cx, .a = cx->arena, .file = u->file, .p = u->at, .begin = u->at, .end = u->t.at[u->at].match };
    memcpy(&r.t, &u->t, sizeof r.t);
    m->unread = NULL;
    m->broken = pigeon_yyparse(&r) || r.errors;
    Stmts *body = r.body;
    if (!m->broken) TAKE(m->body, body);
    return !m->broken;
}
