/* select.c - sorting: top, sort, and the spaces that are derived from maps (unique, join, filter). Everything is stable. */
#include "interp/inside.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

void sort_positions(int64_t *at, int64_t *tmp, int64_t n, bool (*less)(const void *data, int64_t a, int64_t b), const void *data) {
    for (int64_t w = 1; w < n; w *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * w) {
            int64_t mid = lo + w < n ? lo + w : n, hi = mid + w < n ? mid + w : n, a = lo, b = mid;
            for (int64_t k = lo; k < hi; k++) tmp[k] = a < mid && (b >= hi || !less(data, at[b], at[a])) ? at[a++] : at[b++];
        }
        memcpy(at, tmp, sizeof *at * (size_t)n);
    }
}

typedef struct Row { const Array *a; int64_t base, stride; bool descending; } Row;
/* NaN comes last either way */
static bool row_less(const void *data, int64_t p, int64_t q) {
    const Row *r = data;
    p = r->base + p * r->stride, q = r->base + q * r->stride;
    if (r->a->i) return r->descending ? r->a->i[p] > r->a->i[q] : r->a->i[p] < r->a->i[q];
    double x = r->a->re[p], y = r->a->re[q];
    if (isnan(x) || isnan(y)) return !isnan(x) && isnan(y);
    return r->descending ? x > y : x < y;
}
bool run_select(Interp *I, Node *n) {
    const Array *a = &I->val[n->u.select.in->id];
    int axis = n->u.select.axis;
    Array *pick = value_alloc(I, n->result[0]), *val = n->n_result > 1 ? value_alloc(I, n->result[1]) : NULL;
    if (!pick || I->failed) return false;
    if (axis < 0 || axis >= a->rank || pick->rank != a->rank || !pick->i || a->im) { fail(I, D_INTERNAL, n->loc, "`%s`: a selection has an axis that is none", n->result[0]->name); return false; }
    int64_t m = a->extent[axis], k = pick->extent[axis], outer = 1, inner = 1;
    if (k > m) { fail(I, D_RUN_FAILED, n->loc, "%s has %" PRId64 " places, but only %" PRId64 " elements are there to choose from", value_text(I, n->result[0]), k, m); return false; }
    for (int d = 0; d < axis; d++) outer *= a->extent[d];
    for (int d = axis + 1; d < a->rank; d++) inner *= a->extent[d];
    if (outer * k * inner != pick->n || (val && val->n != pick->n)) { fail(I, D_INTERNAL, n->loc, "`%s`: the other axes of a selection change", n->result[0]->name); return false; }
    int mark = I->owned.n;
    int64_t *at = run_alloc(I, (size_t)m, sizeof *at), *tmp = run_alloc(I, (size_t)m, sizeof *tmp);
    if (I->failed) return false;
    for (int64_t o = 0; o < outer; o++) for (int64_t i = 0; i < inner; i++) {
        Row r = { a, o * m * inner + i, inner, n->u.select.descending || n->u.select.kind == SEL_TOP };
        for (int64_t j = 0; j < m; j++) at[j] = j;
        sort_positions(at, tmp, m, row_less, &r);
        for (int64_t j = 0; j < k; j++) {
            int64_t to = (o * k + j) * inner + i, from = r.base + at[j] * inner;
            pick->i[to] = at[j];
            if (!val) continue;
            if (val->i && a->i) val->i[to] = a->i[from]; else if (val->re && a->re) val->re[to] = a->re[from];
        }
    }
    run_free_to(I, mark);
    return true;
}

/* ---- derived spaces ----------------------------------------------------------------------------------------------- */
typedef struct Keys { int n; const int64_t *key[8]; } Keys;
static int compare(const Keys *x, int64_t p, const Keys *y, int64_t q) {
    for (int k = 0; k < x->n; k++) if (x->key[k][p] != y->key[k][q]) return x->key[k][p] < y->key[k][q] ? -1 : 1;
    return 0;
}
static bool keys_less(const void *data, int64_t a, int64_t b) { return compare(data, a, data, b) < 0; }
/* One domain's keys, and its positions sorted by them. */
static int64_t *sorted(Interp *I, Node *n, Value *const *key, Keys *k, int64_t *count) {
    k->n = n->u.derive.n;
    for (int j = 0; j < k->n; j++) {
        const Array *a = &I->val[key[j]->id];
        k->key[j] = a->i;
        if (!a->i || (j && a->n != *count)) { fail(I, D_INTERNAL, n->loc, "`%s`: a key is no map of the domain", n->u.derive.space->name); return NULL; }
        *count = a->n;
    }
    int64_t *at = run_alloc(I, (size_t)*count, sizeof *at);
    if (!at) return NULL;
    int mark = I->owned.n;
    int64_t *tmp = run_alloc(I, (size_t)*count, sizeof *tmp);
    if (!tmp) return NULL;
    for (int64_t j = 0; j < *count; j++) at[j] = j;
    sort_positions(at, tmp, *count, keys_less, k);
    run_free_to(I, mark);
    return at;
}
static bool set_extent(Interp *I, Node *n, int64_t count) {
    const Ext *e = n->u.derive.space->extent;
    if (e->op == EXT_SYM) { I->size[e->sym->id] = count; return true; }
    if (ext_eval(e, I->size) == count) return true;
    fail(I, D_RUN_FAILED, n->loc, "`%s` has %" PRId64 " elements here, not %" PRId64, n->u.derive.space->name, count, ext_eval(e, I->size));
    return false;
}
static bool results_fit(Interp *I, Node *n, int from, int to, int64_t count) {
    for (int k = from; k < to; k++) {
        Array *a = value_alloc(I, n->result[k]);
        if (!a) return false;
        if (!a->i || a->n != count) { fail(I, D_INTERNAL, n->loc, "`%s` has another domain", n->result[k]->name); return false; }
    }
    return true;
}
static bool derive_unique(Interp *I, Node *n) {
    Keys k;
    int64_t m = 0, count = 0;
    int64_t *at = sorted(I, n, n->u.derive.key, &k, &m);
    if (!at) return false;
    int64_t cut = n->u.derive.cut ? n->u.derive.cut : INT64_MAX, run = 0;
    for (int64_t j = 0; j < m; j++) {
        bool fresh = !j || compare(&k, at[j - 1], &k, at[j]) || run == cut;
        run = fresh ? 1 : run + 1;
        count += fresh;
    }
    int back = n->n_result < k.n ? n->n_result : k.n;
    if (!set_extent(I, n, count) || !results_fit(I, n, 0, back, count) || !results_fit(I, n, back, n->n_result, m)) return false;
    int64_t c = -1;
    for (int64_t j = 0; j < m; j++) {
        bool fresh = !j || compare(&k, at[j - 1], &k, at[j]) || run == cut;
        run = fresh ? 1 : run + 1;
        if (fresh) {
            c++;
            for (int q = 0; q < back; q++) I->val[n->result[q]->id].i[c] = k.key[q][at[j]];
        }
        if (n->n_result > k.n) I->val[n->result[k.n]->id].i[at[j]] = c;
    }
    return true;
}
static bool derive_join(Interp *I, Node *n) {
    Keys a, b;
    int64_t na = 0, nb = 0;
    b.n = n->u.derive.n;
    int64_t *left = sorted(I, n, n->u.derive.key, &a, &na), *right = left ? sorted(I, n, n->u.derive.key2, &b, &nb) : NULL;
    if (!right) return false;
    int64_t count = 0;
    for (int round = 0; round < 2; round++) {    /* counts, then writes: left positions in order, for each the equal ones of the right */
        int64_t to = 0;
        for (int64_t p = 0; p < na; p++) {
            int64_t lo = 0, hi = nb;
            while (lo < hi) { int64_t mid = lo + (hi - lo) / 2; if (compare(&b, right[mid], &a, p) < 0) lo = mid + 1; else hi = mid; }
            for (; lo < nb && !compare(&b, right[lo], &a, p); lo++, to++) {
                if (!round) continue;
                I->val[n->result[0]->id].i[to] = p;
                if (n->n_result > 1) I->val[n->result[1]->id].i[to] = right[lo];
            }
        }
        if (round) break;
        count = to;
        if (!set_extent(I, n, count) || !results_fit(I, n, 0, n->n_result, count)) return false;
    }
    return true;
}
static bool derive_filter(Interp *I, Node *n) {
    const Array *mask = &I->val[n->u.derive.key[0]->id];
    if (!mask->i) { fail(I, D_INTERNAL, n->loc, "`%s`: a filter needs a condition", n->u.derive.space->name); return false; }
    int64_t count = 0;
    for (int64_t p = 0; p < mask->n; p++) count += mask->i[p] != 0;
    if (!set_extent(I, n, count) || !results_fit(I, n, 0, n->n_result, count)) return false;
    count = 0;
    for (int64_t p = 0; p < mask->n; p++) if (mask->i[p]) I->val[n->result[0]->id].i[count++] = p;
    return true;
}
bool run_derive(Interp *I, Node *n) {
    /* what it allocates beside its results stays until the end of the run: results are made among it */
    switch (n->u.derive.kind) {
    case DV_UNIQUE: return derive_unique(I, n);
    case DV_JOIN: return derive_join(I, n);
    case DV_FILTER: return derive_filter(I, n);
    }
    return false;
}
