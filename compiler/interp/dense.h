/* dense.h - small dense matrices, row-major, in complex f64 (real ones stay real: all imaginary parts are then exactly 0). */
#ifndef PIGEON_INTERP_DENSE_H
#define PIGEON_INTERP_DENSE_H
#include "base/complex.h"
#include <stdbool.h>
#include <stddef.h>
typedef double complex Z;

bool dense_cholesky(int n, Z *a);                        /* lower, from the lower half; false: not positive definite */
bool dense_lu(int n, Z *a, int *row);                    /* partial pivoting; row[k]: the row that was swapped with k; false: singular */
void dense_lu_solve(int n, const Z *lu, const int *row, int k, Z *b);        /* b: n x k, in place */
void dense_qr(int m, int n, Z *a, Z *q, Z *r, Z *work);  /* p = min(m, n): q m x p, r p x n; a is lost; work m * m */
bool dense_lstsq(int m, int n, const Z *a, int k, const Z *b, Z *x, Z *work);     /* full rank; x n x k; work from dense_lstsq_work */
size_t dense_lstsq_work(int m, int n);
bool dense_svd(int m, int n, const Z *a, Z *u, double *s, Z *v, Z *work);         /* p = min: u m x p, v n x p; work 4 * max * max */
bool dense_eigh(int n, Z *a, double *w, Z *v, Z *work);  /* reads the lower half; work n * n */
bool dense_eig(int n, Z *a, Z *w, Z *v, Z *work);        /* work 3 * n * n */
#endif
