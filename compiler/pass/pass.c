/* pass.c - the passes by name, and running a list of them with the verifier after each. */
#include "pass/pass.h"
#include <string.h>

/* In the order of the standard pipeline: simplify first, as folded expressions compare equal; dce after cse has left copies unread;
 * structure last, when it is known which conditions and keys remain. */
const Pass pass_table[] = {
    { "simplify", "algebra on scalar expressions: constants, neutral elements, double negation", pass_simplify },
    { "algebra", "laws of real numbers: constants out of sums, sums merged, common factors", pass_algebra },
    { "inline", "cheap equations become part of what reads them", pass_inline },
    { "forward", "a copy of a whole tensor is the tensor itself", pass_forward },
    { "cse", "equal equations are computed once", pass_cse },
    { "share", "what one expression computes twice becomes an equation", pass_share },
    { "linear", "contractions, gathers and fibre sums in the cheapest order", pass_linear },
    { "compact", "values that depend on an index through maps only have one row per combination", pass_compact },
    { "dce", "what no output needs is dropped", pass_dce },
    { "sides", "typed sums have their rows where each type meets fewer nodes", pass_sides },
    { "cut", "fibres that hold much of all elements are cut into pieces", pass_cut },
    { "turn", "tables that sums read down their columns are copied with the axes turned", pass_turn },
    { "structure", "finds the maps that must be known when graphs are bound", pass_structure },
};
const int n_pass = (int)(sizeof pass_table / sizeof *pass_table);
/* Level 1 keeps every rounding as it is written; from level 2 on sums may be reordered. */
const char *pass_default(int level) {
    if (level < 2) return level < 1 ? "structure" : "simplify,forward,cse,dce,structure";
    /* share before linear, so that what stands three times is planned once; after it algebra puts together what was multiplied out, and
     * inline takes away the names of what has moved */
    return "simplify,algebra,share,inline,forward,cse,linear,algebra,compact,inline,forward,simplify,cse,dce,sides,cut,turn,structure";
}

static const Pass *find(Context *cx, const char *name) {
    const char *names[sizeof pass_table / sizeof *pass_table];
    for (int k = 0; k < n_pass; k++) {
        if (!strcmp(pass_table[k].name, name)) return &pass_table[k];
        names[k] = pass_table[k].name;
    }
    Diag *d = diag_error(cx, D_USAGE, NO_LOC, "there is no pass `%s`", name);
    const char *near = did_you_mean(cx, name, names, n_pass);
    if (near) diag_help(d, "did you mean `%s`?", near);
    else {
        const char *all = names[0];
        for (int k = 1; k < n_pass; k++) all = arena_printf(cx->arena, "%s, %s", all, names[k]);
        diag_help(d, "the passes are %s", all);
    }
    return NULL;
}
Program *pass_run(Program *p, const char *list, void (*after)(Program *p, const char *pass, void *data), void *data) {
    while (p && *list) {
        size_t n = strcspn(list, ",");
        const char *name = intern_n(p->cx, list, n);
        list += n + (list[n] == ',');
        if (!n) continue;
        const Pass *pass = find(p->cx, name);
        if (!pass) return NULL;
        p->later = list;
        p = pass->run(p);
        if (!p || !program_verify(p, name)) return NULL;
        if (after) after(p, name, data);
    }
    return p;
}
