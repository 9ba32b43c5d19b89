/* pending.c - node kinds that code generation does not have yet; each file that brings one takes its function away here. */
#include "lower/lower.h"
static bool missing(Lower *l, Node *n) {
    Diag *d = diag_error(l->cx, D_UNSUPPORTED, n->loc, "`%s` can't be compiled yet", node_kind_name(n->kind));
    diag_help(d, "run it with --executor interp");
    return false;
}
bool lower_transform(Lower *l, Node *n) { return missing(l, n); }
bool lower_select(Lower *l, Node *n) { return missing(l, n); }
bool lower_factor(Lower *l, Node *n) { return missing(l, n); }
bool lower_iterate(Lower *l, Node *n) { return missing(l, n); }
bool lower_derive(Lower *l, Node *n) { return missing(l, n); }
