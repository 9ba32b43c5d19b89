/* pass.h - rewriting of programs. A pass takes a program and gives a new one with the same meaning; the old one stays as it was. */
#ifndef PIGEON_PASS_H
#define PIGEON_PASS_H
#include "ir/ir.h"

typedef struct Pass { const char *name, *what; Program *(*run)(Program *p); } Pass;
extern const Pass pass_table[];
extern const int n_pass;
/* Runs the passes of a list "simplify,cse,dce" in order, the verifier after each, then `after` (may be NULL), whose `pass` is the
 * name. NULL after diagnostics: an unknown name, a program that a pass refuses, or one that breaks its own rules. */
Program *pass_run(Program *p, const char *list, void (*after)(Program *p, const char *pass, void *data), void *data);
const char *pass_default(int level);      /* what -O0, -O1, -O2 .. run */

Program *pass_simplify(Program *p);       /* simplify.c */
Program *pass_algebra(Program *p);        /* algebra.c */
Program *pass_inline(Program *p);         /* inline.c */
Program *pass_forward(Program *p);        /* forward.c */
Program *pass_cse(Program *p);            /* cse.c */
uint64_t x_hash(X *e);                    /* cse.c: equal for expressions that are equal up to the names of indices */
Program *pass_share(Program *p);          /* share.c */
Program *pass_dce(Program *p);            /* dce.c */
Program *pass_linear(Program *p);         /* linear.c */
bool linear_source(Program *p, Node *n);  /* linear.c: an equation that may be multiplied out in those that read it */
Program *pass_compact(Program *p);        /* compact.c */
Program *pass_sides(Program *p);          /* sides.c */
Program *pass_cut(Program *p);            /* cut.c */
Program *pass_turn(Program *p);           /* turn.c */
Program *pass_structure(Program *p);      /* structure.c; NULL after D_STRUCTURE_FROM_DATA */

/* copy.c: the frame of a pass. Everything is copied in order, with dense ids of its own; the hooks decide what becomes of it. */
typedef struct Rewrite {
    void *data;
    X *(*expr)(Program *to, X *e, void *data);               /* each expression, children first, already the copy's; NULL: as it is */
    bool (*keep)(const Node *old, void *data);               /* NULL: all */
    /* a compute just copied: the value to use for it instead (then the copy is dropped), or NULL to keep it */
    Value *(*merge)(Program *to, Node *copy, const Node *old, void *data);
    bool in_bodies;                                          /* merge: in bodies of iterates too */
    const bool *structural;                                  /* by old value id; NULL: as they are */
    const bool *dead;                                        /* by old value id: members of a recurrence, results of an iterate to leave out */
} Rewrite;
Program *program_rewrite(Program *p, const Rewrite *how);
/* A copy of its own, that its maker may change until it is handed on: expressions replaced, nodes added anywhere, then put in order. */
Program *program_copy(Program *p);
Value *program_equation(Program *p, const char *name, int rank, Index *const *idx, X *expr, Loc loc);     /* a compute, at the end */
Program *program_plain(Program *p);       /* simplify.c: a copy in which equal positions are written alike */
void program_sort(Program *p);            /* nodes in dependence order again, otherwise as they were */
#endif
