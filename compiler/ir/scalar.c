/* scalar.c - the values of the scalar functions: the words that the rows of base/scalar.def use, and one switch per kind of number. */
#include "ir/scalar.h"
#include "pigeon/random.h"
#include "base/complex.h"
#include <math.h>

#define PI 3.14159265358979323846
#define NO (*is = false, 0)

int64_t wrap(int64_t v, Dtype t) {
    switch (t) {
    case DT_I32: return (int32_t)v;
    case DT_I8: return (int8_t)v;
    case DT_U8: return (uint8_t)v;
    case DT_BOOL: return v != 0;
    case DT_NONE: case DT_F64: case DT_F32: case DT_F16: case DT_BF16: case DT_I64: case DT_C64: case DT_C128: break;
    }
    return v;
}
/* ---- integers --------------------------------------------------------------------------------------------------- */
static uint64_t divide(int64_t m, int64_t n) { return !n ? 0 : n == -1 ? 0 - (uint64_t)m : (uint64_t)(m / n); }
static uint64_t floor_divide(int64_t m, int64_t n) {
    uint64_t q = divide(m, n);
    return n && n != -1 && m % n != 0 && (m < 0) != (n < 0) ? q - 1 : q;
}
static uint64_t modulo_int(int64_t m, int64_t n) { return !n ? 0 : (uint64_t)m - floor_divide(m, n) * (uint64_t)n; }
static uint64_t ones(uint64_t u, int bits) {
    uint64_t r = 0;
    for (u &= bits == 64 ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1; u; u &= u - 1) r++;
    return r;
}
int64_t scalar_int(ScalarOp op, int64_t m, int64_t n, Dtype t, bool *is) {
    uint64_t u = (uint64_t)m, v = (uint64_t)n, r = 0;
    int bits = 8 * (int)dtype_bytes(t);
    switch (op) {
#define SCALAR(id, name, arity, class_, c32, c64, llvm, cost, defined, of_int, of_real, of_complex, da, db) case OP_##id: r = (uint64_t)(of_int); break;
#include "base/scalar.def"
#undef SCALAR
    case OP_COUNT: break;
    }
    return wrap((int64_t)r, t);
}
/* ---- reals ------------------------------------------------------------------------------------------------------ */
static double modulo(double x, double y) {
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static double log_gamma(double x) { int sign; return lgamma_r(x, &sign); }
double scalar_real(ScalarOp op, double x, double y, bool *is) {
    switch (op) {
#define SCALAR(id, name, arity, class_, c32, c64, llvm, cost, defined, of_int, of_real, of_complex, da, db) case OP_##id: return of_real;
#include "base/scalar.def"
#undef SCALAR
    case OP_COUNT: break;
    }
    return NO;
}
/* ---- complex numbers --------------------------------------------------------------------------------------------- */
static double complex times(double complex z, double complex w) {              /* C's own multiplication makes infinities of what overflows on the way */
    return CMPLX(creal(z) * creal(w) - cimag(z) * cimag(w), creal(z) * cimag(w) + cimag(z) * creal(w));
}
static double complex quotient(double complex z, double complex w) {           /* Smith's: no overflow on the way */
    double a = creal(z), b = cimag(z), c = creal(w), d = cimag(w);
    if (fabs(c) >= fabs(d)) {
        if (c == 0) return CMPLX(a / 0.0, b / 0.0);
        double q = d / c, e = c + q * d;
        return CMPLX((a + q * b) / e, (b - q * a) / e);
    }
    double q = c / d, e = q * c + d;
    return CMPLX((q * a + b) / e, (q * b - a) / e);
}
static double complex direction(double complex z) { double r = cabs(z); return r == 0 ? z : CMPLX(creal(z) / r, cimag(z) / r); }
static double complex power(double complex z, double complex w) { return z == 0 ? w == 0 : cpow(z, w); }
Complex scalar_complex(ScalarOp op, Complex p, Complex q, bool *is) {
    double complex z = CMPLX(p.re, p.im), w = CMPLX(q.re, q.im), r = 0;
    switch (op) {
#define SCALAR(id, name, arity, class_, c32, c64, llvm, cost, defined, of_int, of_real, of_complex, da, db) case OP_##id: r = of_complex; break;
#include "base/scalar.def"
#undef SCALAR
    case OP_COUNT: r = NO; break;
    }
    return (Complex){ creal(r), cimag(r) };
}
