/* rows.c - some rows of arrays: those of a batch, or of the edges that a training step sees. */
#include "tool/rows.h"
#include <string.h>

static bool uses(const Ext *e, const Sym *sym) { return e && (e->op == EXT_SYM ? e->sym == sym : e->op != EXT_CONST && (uses(e->a, sym) || uses(e->b, sym))); }
static bool is_along(const Value *v, int axis, const Sym *sym) { return v->axis[axis]->extent->op == EXT_SYM && v->axis[axis]->extent->sym == sym; }
bool rows_any(const Value *v, const Sym *sym) {
    for (int k = 0; k < v->rank; k++) if (is_along(v, k, sym)) return true;
    return false;
}
bool rows_refuse(Options *o, const Value *v, const char *what, const char *rows) {
    diag_help(diag_error(o->cx, D_USAGE, v->loc, "%s `%s` has a row for each %s, and a step sees others than the one before", what, v->name, rows),
              "give it as an input, or train on all at once");
    return false;
}
bool rows_can(Options *o, const Program *p, const Sym *sym, const char *rows) {
    for (int k = 0; k < p->param.n; k++) for (int j = 0; j < p->param.at[k]->rank; j++)
        if (uses(p->param.at[k]->axis[j]->extent, sym)) return rows_refuse(o, p->param.at[k], "parameter", rows);
    for (int k = 0; k < p->input.n; k++) for (int j = 0; j < p->input.at[k]->rank; j++) {
        const Value *v = p->input.at[k];
        if (is_along(v, j, sym) || !uses(v->axis[j]->extent, sym)) continue;
        diag_help(diag_error(o->cx, D_USAGE, v->loc, "dimension %d of input `%s` has %s elements, which can't be taken in parts", j + 1, v->name, ext_text(o->cx->arena, v->axis[j]->extent)),
                  "give `%s` as a dimension of its own", sym->name);
        return false;
    }
    return true;
}

typedef struct Take { const pgn_tensor *from; const bool *along; int last; const int64_t *pick; int64_t n; size_t inner; } Take;
static char *take(const Take *t, int axis, int64_t row, char *to) {      /* row: among the positions of all axes before */
    if (axis > t->last) {
        memcpy(to, (const char *)t->from->data + (size_t)row * t->inner, t->inner);
        return to + t->inner;
    }
    int64_t extent = t->from->extent[axis], n = t->along[axis] ? t->n : extent;
    for (int64_t k = 0; k < n; k++) to = take(t, axis + 1, row * extent + (t->along[axis] ? t->pick[k] : k), to);
    return to;
}
int64_t rows_elements(const Value *v, const Sym *sym, const pgn_tensor *from, int64_t n) {
    int64_t all = 1;
    for (int k = 0; k < from->rank; k++) all *= is_along(v, k, sym) ? n : from->extent[k];
    return all;
}
void rows_take(const Value *v, const Sym *sym, const pgn_tensor *from, const int64_t *pick, int64_t n, pgn_tensor *to) {
    bool along[8] = { false };
    Take t = { .from = from, .along = along, .last = -1, .pick = pick, .n = n, .inner = pgn_dtype_size(from->dtype) };
    for (int k = 0; k < from->rank; k++) {
        if ((along[k] = is_along(v, k, sym))) t.last = k;
        to->extent[k] = along[k] ? n : from->extent[k];
    }
    for (int k = t.last + 1; k < from->rank; k++) t.inner *= (size_t)from->extent[k];
    if ((to->n = rows_elements(v, sym, from, n))) take(&t, 0, 0, to->data);
}
