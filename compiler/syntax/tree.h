/* tree.h - what the actions of grammar/pigeon.y build the tree with; private to syntax/ and that file. */
#ifndef PIGEON_TREE_H
#define PIGEON_TREE_H
#include "syntax/lexer.h"

typedef struct Reader {
    Context *cx; Arena *a;
    Tokens t; int p, at;                  /* the words; the next one to read, the last one read */
    File *file;
    int errors;
    bool after_stray;                     /* the last word was `{` where no body can begin */
    bool used;                            /* bodies of models are passed over */
    int unread;                           /* the `{` of the last one that was */
    bool begun; int begin, end;                       /* when one body is read: its braces; else 0 */
    void *body;                           /* Stmts of that body */
} Reader;
typedef VEC(Expr *) Exprs;
typedef VEC(NamedArg) Args;
typedef VEC(Subscript) Subs;
typedef VEC(Name) Names;
typedef VEC(Stmt *) Stmts;
typedef VEC(Decl) Decls;
typedef VEC(ModelArg) ModelArgs;
typedef VEC(Binder) Binders;
struct Unread { Tokens t; int at; File *file; };     /* the words of a file and the place of a body's `{` */
typedef struct Keep { Expr *lo, *hi; Token *family; } Keep;

/* A list of one and of one more; NULL is the empty list.  VECs of one element type have one layout, whatever their struct is called. */
#define LIST(r, T, ...) tree_list_##T((r), NULL, __VA_ARGS__)
#define MORE(r, T, list, ...) tree_list_##T((r), (list), __VA_ARGS__)
#define TAKE(field, list) do { if (list) memcpy(&(field), (list), sizeof (field)); } while (0)
Exprs *tree_list_Exprs(Reader *r, Exprs *list, Expr *e);
Args *tree_list_Args(Reader *r, Args *list, NamedArg a);
Subs *tree_list_Subs(Reader *r, Subs *list, Subscript s);
Names *tree_list_Names(Reader *r, Names *list, const Token *t);
Stmts *tree_list_Stmts(Reader *r, Stmts *list, Stmt *s);
Decls *tree_list_Decls(Reader *r, Decls *list, Decl d);
ModelArgs *tree_list_ModelArgs(Reader *r, ModelArgs *list, ModelArg a);
Binders *tree_list_Binders(Reader *r, Binders *list, Binder b);

Diag *tree_error(Reader *r, Loc at, const char *fmt, ...) PRINTF_LIKE(3, 4);
Name tree_name(const Token *t);
EdgeRule tree_edge(const Token *t);
const char *tree_dtype(Reader *r, const Token *t);

Expr *tree_leaf(Reader *r, ExprKind k, const Token *t);
Expr *tree_unary(Reader *r, UnOp op, Loc at, Expr *a);
Expr *tree_binary(Reader *r, BinOp op, Expr *a, Expr *b);
Expr *tree_product(Reader *r, const Token *op, Expr *a, Expr *b);
Expr *tree_compare(Reader *r, const Token *op, Expr *a, Expr *b);
Expr *tree_of(Reader *r, ExprKind k, Loc at, Exprs *part);        /* if, tuple, range */
Expr *tree_parens(Expr *e, Loc at);
Expr *tree_subscript(Reader *r, Expr *base, Subs *subs, Loc at);
Subscript tree_sub(Reader *r, Expr *e, EdgeRule edge, Expr *other);
Expr *tree_call(Reader *r, Expr *callee, Args *args, Loc at);
Expr *tree_wrt(Reader *r, Token *word, Args *before, Expr *wrt, Args *behind, Loc at);
Expr *tree_head(Reader *r, ExprKind k, Token *word, Binders *items, const Token *acc, Expr *body, Loc at);
Expr *tree_extra(Reader *r, Expr *e, Exprs *part);               /* keys of a softmax, right sides of solve */
Expr *tree_else(Reader *r, Expr *e, Expr *other);
Expr *tree_transform(Reader *r, Token *word, Names *from, Names *to, const Token *acc, Expr *body, Loc at);
Binder tree_binder(Reader *r, Expr *index, Expr *cond);

Stmt *tree_stmt(Reader *r, StmtKind k, Loc at);
Stmt *tree_decls(Reader *r, StmtKind k, Decls *d, Loc at);
Stmt *tree_equation(Reader *r, Exprs *lhs, const Token *dtype, Expr *rhs, Loc at);
Stmt *tree_index(Reader *r, Stmt *s, Names *names, Expr *space);
Stmt *tree_modes(Reader *r, Stmt *s, const Token *name, Expr *grid, Keep keep, Loc at);
Stmt *tree_space(Reader *r, const Token *name, const Token *form, Exprs *maps, Binders *of, Expr *cond, Loc at);
Stmt *tree_graph(Reader *r, const Token *name, const char *word, Loc word_at, Expr *a, Expr *b, Loc at);
void tree_model(Reader *r, bool is_update, const Token *name, ModelArgs *args, Stmts *body, Loc at);
void tree_top(Reader *r, Stmt *s);
void tree_finish(Reader *r);                                     /* what can be said when the whole file is read */
#endif
