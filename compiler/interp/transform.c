/* transform.c - Fourier, cosine and sine transforms by their definitions, one axis after the other, O(points * modes) each.
 *
 * signed, half   X_f = 1/N sum_n x_n exp(-2 pi i f n / N);         x_n = sum_f X_f exp(2 pi i f n / N')
 *                half, inverse: the real part, frequencies 0 and N'/2 (N' even) once, all others twice
 * cosine         X_f = c_f/N sum_n x_n cos(pi f (n + 1/2) / N), c_0 = 1, else 2;    x_n = sum_f X_f cos(..)
 * sine           the same with sin, c_N = 1, else 2 */
#include "interp/inside.h"
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* The coefficient of input element `from` in output element `to` of one axis; n points, frequency f, point x. */
static Complex kernel(ModesFamily family, bool inverse, int64_t f, int64_t x, int64_t n) {
    double scale = inverse ? 1 : 1.0 / (double)n;
    if (family == MODES_SIGNED || family == MODES_HALF) {
        int64_t k = (int64_t)((__int128)f * x % n);          /* exact: the angle stays below one turn */
        double a = 2 * PI * (double)k / (double)n;
        if (inverse && family == MODES_HALF) scale = f == 0 || 2 * f == n ? 1 : 2;
        return (Complex){ scale * cos(a), (inverse ? scale : -scale) * sin(a) };
    }
    int64_t k = (int64_t)((__int128)f * (2 * x + 1) % (4 * n));
    double a = PI * (double)k / (double)(2 * n);
    bool once = family == MODES_COSINE ? f == 0 : f == n;
    if (!inverse && !once) scale *= 2;
    return (Complex){ scale * (family == MODES_COSINE ? cos(a) : sin(a)), 0 };
}
bool run_transform(Interp *I, Node *n) {
    const Value *in = n->u.transform.in;
    Value *out = n->result[0];
    const Array *a = &I->val[in->id];
    Array *b = value_alloc(I, out);
    bool inverse = n->u.transform.kind == TR_INVERSE;
    if (!b) return false;
    int mark = I->owned.n;
    int64_t extent[8], count = a->n, most = a->n;
    memcpy(extent, a->extent, sizeof extent);
    for (int t = 0; t < n->u.transform.n; t++) {             /* the largest intermediate array */
        int axis = n->u.transform.axis[t];
        if (axis < 0 || axis >= in->rank || in->rank != out->rank) { fail(I, D_INTERNAL, n->loc, "`%s`: a transform has an axis that is none", out->name); return false; }
        count = extent[axis] ? count / extent[axis] * b->extent[axis] : 0;
        extent[axis] = b->extent[axis];
        if (count > most) most = count;
    }
    if (count != b->n) { fail(I, D_INTERNAL, n->loc, "`%s`: the other axes of a transform change", out->name); return false; }
    double *re = run_alloc(I, (size_t)most, sizeof *re), *im = run_alloc(I, (size_t)most, sizeof *im);
    double *re2 = run_alloc(I, (size_t)most, sizeof *re), *im2 = run_alloc(I, (size_t)most, sizeof *im);
    if (I->failed) return false;
    if (a->re) memcpy(re, a->re, sizeof *re * (size_t)a->n);
    if (a->im) memcpy(im, a->im, sizeof *im * (size_t)a->n);
    memcpy(extent, a->extent, sizeof extent);
    for (int t = 0; t < n->u.transform.n; t++) {
        int axis = n->u.transform.axis[t];
        const Space *modes = (inverse ? in : out)->axis[axis];
        if (modes->kind != SP_MODES) { fail(I, D_INTERNAL, n->loc, "`%s`: axis %d of a transform is no modes", out->name, axis + 1); return false; }
        int64_t n_in = extent[axis], n_out = b->extent[axis], points = inverse ? n_out : n_in, outer = 1, inner = 1;
        int64_t n0 = ext_eval(modes->n0, I->size), f0 = modes->f0 ? ext_eval(modes->f0, I->size) : 0, f1 = modes->f1 ? ext_eval(modes->f1, I->size) : 0;
        for (int k = 0; k < axis; k++) outer *= extent[k];
        for (int k = axis + 1; k < in->rank; k++) inner *= extent[k];
        int here = I->owned.n;
        Complex *w = run_alloc(I, (size_t)n_in, sizeof *w);
        if (!w) return false;
        for (int64_t q = 0; q < n_out; q++) {
            for (int64_t p = 0; p < n_in; p++) {
                int64_t m = inverse ? p : q;
                w[p] = kernel(modes->family, inverse, m < n0 ? f0 + m : f1 + (m - n0), inverse ? q : p, points);
            }
            for (int64_t o = 0; o < outer; o++) for (int64_t i = 0; i < inner; i++) {
                double x = 0, y = 0;
                for (int64_t p = 0; p < n_in; p++) {
                    int64_t at = (o * n_in + p) * inner + i;
                    x += w[p].re * re[at] - w[p].im * im[at];
                    y += w[p].re * im[at] + w[p].im * re[at];
                }
                int64_t to = (o * n_out + q) * inner + i;
                re2[to] = x, im2[to] = inverse && modes->family == MODES_HALF ? 0 : y;
            }
        }
        run_free_to(I, here);
        double *s = re; re = re2; re2 = s;
        s = im; im = im2; im2 = s;
        extent[axis] = n_out;
    }
    if (b->re) memcpy(b->re, re, sizeof *re * (size_t)b->n);
    if (b->im) memcpy(b->im, im, sizeof *im * (size_t)b->n);
    run_free_to(I, mark);
    return true;
}
