/* expr_text.c - an expression as its source text, for messages. */
#include "syntax/ast.h"
#include <string.h>

const char *expr_text(Context *cx, const Expr *e) {
    if (e->loc.file < 0 || e->loc.line != e->loc.end_line) return e->name.s ? e->name.s : "this expression";
    const char *p = cx->source.at[e->loc.file].text;
    for (int k = 1; k < e->loc.line && p; k++) if ((p = strchr(p, '\n'))) p++;
    if (!p) return "this expression";
    return arena_strndup(cx->arena, p + e->loc.col - 1, (size_t)(e->loc.end_col - e->loc.col));
}
