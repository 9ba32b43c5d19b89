/* verify.h - what verify.c (programs, nodes) and verify_x.c (expressions) share; private to ir/. */
#ifndef PIGEON_IR_VERIFY_H
#define PIGEON_IR_VERIFY_H
#include "ir/ir.h"
enum { MOST_REPORTS = 20 };
typedef struct Verifier {
    Program *p;
    const char *after;
    int reports;
    const Value **known;                      /* by id: defined before this place, and the same object */
    VEC(const Index *) scope;
    const Node *recur; int member;            /* inside member `member` of recur; NULL elsewhere */
    Loc loc;                                  /* of the node; expressions with a place of their own use that */
} Verifier;
void invalid(Verifier *v, Loc loc, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool verify_ext(Verifier *v, const Ext *e, Loc loc);
bool verify_space(Verifier *v, const Space *s, Loc loc);     /* belongs to the program */
bool verify_known(Verifier *v, const Value *x, Loc loc);     /* defined before */
void verify_x(Verifier *v, const X *e);
#endif
