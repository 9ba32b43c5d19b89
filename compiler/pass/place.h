/* place.h - where an expression's rows go, chosen by cost: the same choice for whole values (compact), for subexpressions (hoist) and
 * for what linear fusion makes. */
#ifndef PIGEON_PLACE_H
#define PIGEON_PLACE_H
#include "pass/keys.h"
#include "ir/schedule.h"

typedef struct Choice {
    Program *p;
    int n_idx; Index *idx[MOST_AXES]; X *expr;             /* expr depends on these indices at most */
    int n; Group group[MOST_AXES];                         /* those of its keys, and one without keys for each index that isn't used */
    Place place[MOST_AXES], second[MOST_AXES];             /* chosen; the runner-up */
    Estimate before, cost, second_cost;
} Choice;
typedef struct Placed { int rank; Index *own[MOST_AXES]; X *at[MOST_AXES], *expr; bool ok, compact, full; } Placed;

Choice choice_of(Program *p, int n, Index *const *idx, X *expr);       /* all at the base */
/* The cheapest places for a value that `readers` read at all of its indices; stored: it has to be stored at the base as well. False when
 * that is not under `percent` of the time at the base, where everything stays then. */
bool choose_rows(Sizes *s, Choice *c, int readers, bool stored, bool unique, int percent);
/* Rows as commands say them: false when one of them fits no group of keys (the others stay at the base), or would read out of range. */
bool choice_set(Choice *c, const RowsBy *at, int n);
/* The rows chosen, as commands say them; the number of groups that have moved. */
int choice_rows(const Choice *c, RowsBy *at);
/* What the rows could be: "by (g.etype, g.src)", or NULL when they depend on the indices themselves. */
const char *choice_possible(const Choice *c);
Placed place_rows(Program *p, const Choice *c, Trials *trial);              /* own axes and the expression over them; at: how to read it */
const char *choice_text(Program *p, const Choice *c, const Place *place);
/* The indices that e depends on, those of graphs and sequences before plain dims, each in order of appearance; -1: more than max. */
int x_free_indices(X *e, Index **idx, int max);
#endif
