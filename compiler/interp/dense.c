/* dense.c - factorisations of small dense matrices. Conventions, which the runtime's routines share:
 *   qr     the diagonal of R is real and >= 0
 *   svd    A = U diag(s) V^H, s descending; the leading component of every column of U is real and positive
 *   eigh   ascending; the leading component of every eigenvector is real and positive
 *   eig    ascending by (re, im); eigenvectors of unit 2-norm, the leading component real and positive
 * The leading component of a vector is the first one whose magnitude is within 1e-6 of the largest magnitude, relatively. */
#include "interp/dense.h"
#include <float.h>
#include <math.h>
#include <string.h>

static double abs2(Z z) { return creal(z) * creal(z) + cimag(z) * cimag(z); }
static Z unit(Z z) { double a = cabs(z); return a == 0 ? 1 : z / a; }
/* exp(-i arg) of the leading component of column c of a rows x cols matrix */
static Z leading_phase(int rows, int cols, const Z *v, int c) {
    double most = 0;
    for (int i = 0; i < rows; i++) most = fmax(most, cabs(v[i * cols + c]));
    for (int i = 0; i < rows; i++) if (cabs(v[i * cols + c]) >= most * (1 - 1e-6)) return conj(unit(v[i * cols + c]));
    return 1;
}
static void scale_column(int rows, int cols, Z *v, int c, Z f) { for (int i = 0; i < rows; i++) v[i * cols + c] *= f; }
static void swap_columns(int rows, int cols, Z *v, int a, int b) {
    for (int i = 0; i < rows; i++) { Z t = v[i * cols + a]; v[i * cols + a] = v[i * cols + b]; v[i * cols + b] = t; }
}
static bool all_finite(size_t n, const Z *a) {
    for (size_t k = 0; k < n; k++) if (!isfinite(creal(a[k])) || !isfinite(cimag(a[k]))) return false;
    return true;
}

bool dense_cholesky(int n, Z *a) {
    for (int j = 0; j < n; j++) {
        double d = creal(a[j * n + j]);
        for (int k = 0; k < j; k++) d -= abs2(a[j * n + k]);
        if (!(d > 0) || !isfinite(d)) return false;
        d = sqrt(d);
        a[j * n + j] = d;
        for (int i = j + 1; i < n; i++) {
            Z s = a[i * n + j];
            for (int k = 0; k < j; k++) s -= a[i * n + k] * conj(a[j * n + k]);
            a[i * n + j] = s / d;
        }
        for (int k = j + 1; k < n; k++) a[j * n + k] = 0;
    }
    return true;
}
bool dense_lu(int n, Z *a, int *row) {
    for (int j = 0; j < n; j++) {
        int p = j;
        for (int i = j + 1; i < n; i++) if (cabs(a[i * n + j]) > cabs(a[p * n + j])) p = i;
        row[j] = p;
        if (!(cabs(a[p * n + j]) > 0) || !isfinite(cabs(a[p * n + j]))) return false;
        for (int k = 0; k < n && p != j; k++) { Z t = a[j * n + k]; a[j * n + k] = a[p * n + k]; a[p * n + k] = t; }
        for (int i = j + 1; i < n; i++) {
            Z f = a[i * n + j] /= a[j * n + j];
            for (int k = j + 1; k < n; k++) a[i * n + k] -= f * a[j * n + k];
        }
    }
    return true;
}
void dense_lu_solve(int n, const Z *lu, const int *row, int k, Z *b) {
    for (int j = 0; j < n; j++)
        for (int c = 0; c < k && row[j] != j; c++) { Z t = b[j * k + c]; b[j * k + c] = b[row[j] * k + c]; b[row[j] * k + c] = t; }
    for (int c = 0; c < k; c++) {
        for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) b[i * k + c] -= lu[i * n + j] * b[j * k + c];
        for (int i = n - 1; i >= 0; i--) {
            for (int j = i + 1; j < n; j++) b[i * k + c] -= lu[i * n + j] * b[j * k + c];
            b[i * k + c] /= lu[i * n + i];
        }
    }
}
/* Householder: reflector j is kept in column j of `work` (m x m). */
void dense_qr(int m, int n, Z *a, Z *q, Z *r, Z *work) {
    int p = m < n ? m : n;
    memset(work, 0, sizeof *work * (size_t)m * (size_t)m);
    for (int j = 0; j < p; j++) {
        double norm = 0, v2 = 0;
        for (int i = j; i < m; i++) norm = hypot(norm, cabs(a[i * n + j]));
        if (norm == 0) continue;
        for (int i = j; i < m; i++) work[i * m + j] = a[i * n + j];
        work[j * m + j] += unit(a[j * n + j]) * norm;
        for (int i = j; i < m; i++) v2 += abs2(work[i * m + j]);
        for (int c = j; c < n; c++) {
            Z s = 0;
            for (int i = j; i < m; i++) s += conj(work[i * m + j]) * a[i * n + c];
            for (int i = j; i < m; i++) a[i * n + c] -= work[i * m + j] * (2 * s / v2);
        }
    }
    for (int i = 0; i < m; i++) for (int c = 0; c < p; c++) q[i * p + c] = i == c;
    for (int j = p - 1; j >= 0; j--) {
        double v2 = 0;
        for (int i = j; i < m; i++) v2 += abs2(work[i * m + j]);
        for (int c = 0; c < p && v2 > 0; c++) {
            Z s = 0;
            for (int i = j; i < m; i++) s += conj(work[i * m + j]) * q[i * p + c];
            for (int i = j; i < m; i++) q[i * p + c] -= work[i * m + j] * (2 * s / v2);
        }
    }
    for (int i = 0; i < p; i++) {
        Z f = unit(a[i * n + i]);
        for (int c = 0; c < n; c++) r[i * n + c] = c < i ? 0 : conj(f) * a[i * n + c];
        r[i * n + i] = cabs(a[i * n + i]);
        scale_column(m, p, q, i, f);
    }
}
size_t dense_lstsq_work(int m, int n) {
    size_t l = (size_t)(m > n ? m : n);
    return 4 * l * l;
}
/* m >= n: R x = Q^H b.  m < n: the shortest x, by the QR of A^H:  R^H y = b, x = Q y. */
bool dense_lstsq(int m, int n, const Z *a, int k, const Z *b, Z *x, Z *work) {
    size_t l = (size_t)(m > n ? m : n);
    Z *w = work, *q = w + l * l, *r = q + l * l, *t = r + l * l;
    bool wide = m < n;
    int rows = wide ? n : m, p = wide ? m : n;
    for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) w[wide ? j * m + i : i * n + j] = wide ? conj(a[i * n + j]) : a[i * n + j];
    dense_qr(rows, p, w, q, r, t);
    double most = 0;
    for (int i = 0; i < p; i++) most = fmax(most, creal(r[i * p + i]));
    for (int i = 0; i < p; i++) if (!(creal(r[i * p + i]) > most * 1e-14 * (double)l)) return false;
    for (int c = 0; c < k; c++) {
        if (!wide) {
            for (int i = n - 1; i >= 0; i--) {
                Z s = 0;
                for (int j = 0; j < m; j++) s += conj(q[j * n + i]) * b[j * k + c];
                for (int j = i + 1; j < n; j++) s -= r[i * n + j] * x[j * k + c];
                x[i * k + c] = s / r[i * n + i];
            }
            continue;
        }
        for (int i = 0; i < m; i++) {
            Z s = b[i * k + c];
            for (int j = 0; j < i; j++) s -= conj(r[j * m + i]) * t[j];
            t[i] = s / r[i * m + i];
        }
        for (int j = 0; j < n; j++) {
            Z s = 0;
            for (int i = 0; i < m; i++) s += q[j * m + i] * t[i];
            x[j * k + c] = s;
        }
    }
    return true;
}

/* Columns p and q of v become  c p - s e q  and  s p + c e q. */
static void rotate(int rows, int cols, Z *v, int p, int q, double c, double s, Z e) {
    for (int i = 0; i < rows; i++) {
        Z x = v[i * cols + p], y = e * v[i * cols + q];
        v[i * cols + p] = c * x - s * y, v[i * cols + q] = s * x + c * y;
    }
}
static void jacobi_angle(double pp, double qq, double pq, double *c, double *s) {
    double z = (qq - pp) / (2 * pq), t = (z >= 0 ? 1 : -1) / (fabs(z) + sqrt(z * z + 1));
    *c = 1 / sqrt(1 + t * t), *s = *c * t;
}
/* One-sided Jacobi for m >= n: columns of A are rotated until they are orthogonal. */
static bool svd_tall(int m, int n, Z *w, Z *u, double *s, Z *v) {
    if (!all_finite((size_t)m * (size_t)n, w)) return false;
    for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) v[i * n + j] = i == j;
    double all = 0;
    for (int i = 0; i < m * n; i++) all += abs2(w[i]);
    bool moved = true;
    for (int sweep = 0; moved; sweep++) {
        if (sweep > 100) return false;
        moved = false;
        for (int p = 0; p < n; p++) for (int q = p + 1; q < n; q++) {
            double pp = 0, qq = 0;
            Z pq = 0;
            for (int i = 0; i < m; i++) pp += abs2(w[i * n + p]), qq += abs2(w[i * n + q]), pq += conj(w[i * n + p]) * w[i * n + q];
            double g = cabs(pq), c, t;
            if (g <= 1e-15 * sqrt(pp * qq) || g <= DBL_EPSILON * DBL_EPSILON * all) continue;
            moved = true;
            jacobi_angle(pp, qq, g, &c, &t);
            rotate(m, n, w, p, q, c, t, conj(pq / g));
            rotate(n, n, v, p, q, c, t, conj(pq / g));
        }
    }
    for (int j = 0; j < n; j++) {
        s[j] = 0;
        for (int i = 0; i < m; i++) s[j] = hypot(s[j], cabs(w[i * n + j]));
    }
    for (int j = 0; j < n; j++) {
        int best = j;
        for (int k = j + 1; k < n; k++) if (s[k] > s[best]) best = k;
        if (best != j) { double t = s[j]; s[j] = s[best]; s[best] = t; swap_columns(m, n, w, j, best); swap_columns(n, n, v, j, best); }
    }
    for (int j = 0; j < n; j++) {
        if (s[j] > DBL_EPSILON * DBL_EPSILON * s[0]) { for (int i = 0; i < m; i++) u[i * n + j] = w[i * n + j] / s[j]; continue; }
        double norm = 0;                         /* a column of a singular matrix: any unit vector orthogonal to the others */
        for (int e = 0; e < m && norm < 0.5 / sqrt(m); e++) {
            for (int i = 0; i < m; i++) u[i * n + j] = i == e;
            for (int twice = 0; twice < 2; twice++)
                for (int k = 0; k < j; k++) {
                    Z d = 0;
                    for (int i = 0; i < m; i++) d += conj(u[i * n + k]) * u[i * n + j];
                    for (int i = 0; i < m; i++) u[i * n + j] -= d * u[i * n + k];
                }
            norm = 0;
            for (int i = 0; i < m; i++) norm = hypot(norm, cabs(u[i * n + j]));
        }
        for (int i = 0; i < m && norm > 0; i++) u[i * n + j] /= norm;
    }
    return true;
}
bool dense_svd(int m, int n, const Z *a, Z *u, double *s, Z *v, Z *work) {
    bool ok, wide = m < n;
    if (wide) {                                  /* A^H = U' s V'^H, so A = V' s U'^H */
        for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) work[j * m + i] = conj(a[i * n + j]);
        ok = svd_tall(n, m, work, v, s, u);
    } else {
        memcpy(work, a, sizeof *work * (size_t)m * (size_t)n);
        ok = svd_tall(m, n, work, u, s, v);
    }
    int p = wide ? m : n;
    for (int j = 0; j < p && ok; j++) {
        Z f = leading_phase(m, p, u, j);
        scale_column(m, p, u, j, f);
        scale_column(n, p, v, j, f);
    }
    return ok;
}
bool dense_eigh(int n, Z *a, double *w, Z *v, Z *work) {
    if (!all_finite((size_t)n * (size_t)n, a)) return false;
    double all = 0;
    for (int i = 0; i < n; i++) {
        a[i * n + i] = creal(a[i * n + i]);
        for (int j = 0; j < i; j++) a[j * n + i] = conj(a[i * n + j]);
        for (int j = 0; j <= i; j++) all += abs2(a[i * n + j]) * (i == j ? 1 : 2);
        for (int j = 0; j < n; j++) v[i * n + j] = i == j;
    }
    for (int sweep = 0;; sweep++) {
        double off = 0;
        for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) off += 2 * abs2(a[i * n + j]);
        if (off <= 1e-32 * all) break;
        if (sweep > 100) return false;
        for (int p = 0; p < n; p++) for (int q = p + 1; q < n; q++) {
            Z pq = a[p * n + q];
            double g = cabs(pq), c, s;
            if (g == 0) continue;
            jacobi_angle(creal(a[p * n + p]), creal(a[q * n + q]), g, &c, &s);
            Z e = conj(pq / g);
            rotate(n, n, a, p, q, c, s, e);      /* columns, then rows with the conjugate */
            for (int k = 0; k < n; k++) {
                Z x = a[p * n + k], y = conj(e) * a[q * n + k];
                a[p * n + k] = c * x - s * y, a[q * n + k] = s * x + c * y;
            }
            a[p * n + q] = a[q * n + p] = 0;
            rotate(n, n, v, p, q, c, s, e);
        }
    }
    for (int j = 0; j < n; j++) w[j] = creal(a[j * n + j]);
    for (int j = 0; j < n; j++) {
        int best = j;
        for (int k = j + 1; k < n; k++) if (w[k] < w[best]) best = k;
        if (best != j) { double t = w[j]; w[j] = w[best]; w[best] = t; swap_columns(n, n, v, j, best); }
        scale_column(n, n, v, j, leading_phase(n, n, v, j));
    }
    (void)work;
    return true;
}

/* Rows p, q of a (columns from..n-1):  x' = c x + s y,  y' = -conj(s) x + c y. */
static void givens_rows(int n, Z *a, int p, int q, int from, double c, Z s) {
    for (int k = from; k < n; k++) {
        Z x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x + s * y, a[q * n + k] = -conj(s) * x + c * y;
    }
}
static void givens_columns(int rows, int n, Z *a, int p, int q, double c, Z s) {
    for (int k = 0; k < rows; k++) {
        Z x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x + conj(s) * y, a[k * n + q] = -s * x + c * y;
    }
}
/* The rotation that maps (x, y) to (r, 0). */
static void givens(Z x, Z y, double *c, Z *s) {
    double r = hypot(cabs(x), cabs(y));
    if (cabs(y) == 0) { *c = 1, *s = 0; return; }
    if (cabs(x) == 0) { *c = 0, *s = conj(unit(y)); return; }
    *c = cabs(x) / r, *s = unit(x) * conj(y) / r;
}
/* Hessenberg form by rotations, then QR steps with Wilkinson's shift: A = Q T Q^H; eigenvectors of T by back substitution. */
bool dense_eig(int n, Z *a, Z *w, Z *v, Z *work) {
    if (!all_finite((size_t)n * (size_t)n, a)) return false;
    Z *q = work, *y = work + (size_t)n * (size_t)n, *cs = y + (size_t)n * (size_t)n;
    double c, norm = 0;
    Z s;
    for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) q[i * n + j] = i == j, norm = hypot(norm, cabs(a[i * n + j]));
    for (int j = 0; j + 2 < n; j++) for (int i = n - 1; i > j + 1; i--) {
        givens(a[(i - 1) * n + j], a[i * n + j], &c, &s);
        givens_rows(n, a, i - 1, i, 0, c, s);
        givens_columns(n, n, a, i - 1, i, c, s);
        givens_columns(n, n, q, i - 1, i, c, s);
        a[i * n + j] = 0;
    }
    int hi = n - 1, rounds = 0;
    while (hi > 0) {
        int lo = hi;
        for (; lo > 0; lo--) {
            double d = cabs(a[lo * n + lo]) + cabs(a[(lo - 1) * n + lo - 1]);
            if (cabs(a[lo * n + lo - 1]) <= DBL_EPSILON * (d > 0 ? d : norm)) { a[lo * n + lo - 1] = 0; break; }
        }
        if (lo == hi) { hi--; rounds = 0; continue; }
        if (++rounds > 300) return false;
        Z p = a[(hi - 1) * n + hi - 1], t = a[hi * n + hi], bc = a[(hi - 1) * n + hi] * a[hi * n + hi - 1];
        Z half = (p - t) / 2, root = csqrt(half * half + bc);
        if (creal(conj(half) * root) < 0) root = -root;
        Z shift = half + root == 0 ? t : t - bc / (half + root);
        if (rounds % 11 == 10) shift = t + cabs(a[hi * n + hi - 1]);         /* an exceptional shift breaks a cycle */
        for (int i = lo; i <= hi; i++) a[i * n + i] -= shift;
        for (int i = lo; i < hi; i++) {
            givens(a[i * n + i], a[(i + 1) * n + i], &c, &s);
            givens_rows(n, a, i, i + 1, i, c, s);
            cs[2 * i] = c, cs[2 * i + 1] = s;
        }
        for (int i = lo; i < hi; i++) {
            givens_columns(i + 2 <= hi ? i + 2 : hi + 1, n, a, i, i + 1, creal(cs[2 * i]), cs[2 * i + 1]);
            givens_columns(n, n, q, i, i + 1, creal(cs[2 * i]), cs[2 * i + 1]);
        }
        for (int i = lo; i <= hi; i++) a[i * n + i] += shift;
    }
    double tiny = DBL_EPSILON * (norm > 0 ? norm : 1);
    for (int j = 0; j < n; j++) {
        w[j] = a[j * n + j];
        for (int i = n - 1; i >= 0; i--) {
            Z r = i == j, d = a[i * n + i] - w[j];
            if (i < j) {
                r = 0;
                for (int k = i + 1; k <= j; k++) r -= a[i * n + k] * y[k * n + j];
                r /= cabs(d) < tiny ? tiny : d;
            }
            y[i * n + j] = r;
        }
    }
    for (int j = 0; j < n; j++) {
        double length = 0;
        for (int i = 0; i < n; i++) {
            v[i * n + j] = 0;
            for (int k = 0; k <= j; k++) v[i * n + j] += q[i * n + k] * y[k * n + j];
            length = hypot(length, cabs(v[i * n + j]));
        }
        if (length > 0) scale_column(n, n, v, j, 1 / length);
    }
    for (int j = 0; j < n; j++) {
        int best = j;
        double near = 1e-12 * norm;              /* conjugate pairs have equal real parts only up to rounding */
        for (int k = j + 1; k < n; k++) {
            double d = creal(w[k]) - creal(w[best]);
            if (d < -near || (d <= near && cimag(w[k]) < cimag(w[best]))) best = k;
        }
        if (best != j) { Z t = w[j]; w[j] = w[best]; w[best] = t; swap_columns(n, n, v, j, best); }
        scale_column(n, n, v, j, leading_phase(n, n, v, j));
    }
    return true;
}
