/* math.c - exp, expm1, log, log1p, tanh (f32, f64) and erf (f32) as arithmetic on scalars or vectors: LLVM has no vector forms
 * of them and would call libm once per lane.  A scalar goes through the same operations as a lane of a vector, so a value does
 * not depend on where in a loop it was computed.
 *
 * Accuracy: about 1 ulp for exp and log, 2 for expm1, log1p, erf, 3 for tanh.  Subnormal results, infinities and NaN are right.
 * The polynomials are Chebyshev interpolants, computed for these ranges with 60 digits. */
#include "target/llvm/emit.h"

typedef struct F { Mod *m; LLVMBuilderRef B; bool f32; LT type, bits, e; } F;       /* e: the integer of an element's width */
static LV k(F *f, LV like, double v) { (void)f; return like_real(like, v); }
static LV add(F *f, LV a, LV b) { return LLVMBuildFAdd(f->B, a, b, ""); }
static LV sub(F *f, LV a, LV b) { return LLVMBuildFSub(f->B, a, b, ""); }
static LV mul(F *f, LV a, LV b) { return LLVMBuildFMul(f->B, a, b, ""); }
static LV divide(F *f, LV a, LV b) { return LLVMBuildFDiv(f->B, a, b, ""); }
static LV neg(F *f, LV a) { return LLVMBuildFNeg(f->B, a, ""); }
static LV pick(F *f, LV c, LV a, LV b) { return LLVMBuildSelect(f->B, c, a, b, ""); }
static LV cmp(F *f, LLVMRealPredicate p, LV a, double b) { return LLVMBuildFCmp(f->B, p, a, like_real(a, b), ""); }
static LV to_bits(F *f, LV a) { return LLVMBuildBitCast(f->B, a, f->bits, ""); }
static LV from_bits(F *f, LV a) { return LLVMBuildBitCast(f->B, a, f->type, ""); }
static LV ik(F *f, LV like, int64_t v) { return like_int(f->m, like, f->e, v); }
static LV poly(F *f, LV x, const double *c, int n) {
    LV r = k(f, x, c[n - 1]);
    for (int j = n - 2; j >= 0; j--) r = fused(f->m, r, x, k(f, x, c[j]));
    return r;
}
static LV fabs_of(F *f, LV x) { return call_intrinsic(f->m, "llvm.fabs", f->type, &x, 1); }
static LV with_sign(F *f, LV magnitude, LV sign) {
    LV arg[2] = { magnitude, sign };
    return call_intrinsic(f->m, "llvm.copysign", f->type, arg, 2);
}
static LV clamp(F *f, LV x, double lo, double hi) {          /* NaN stays */
    x = pick(f, cmp(f, LLVMRealOLT, x, lo), k(f, x, lo), x);
    return pick(f, cmp(f, LLVMRealOGT, x, hi), k(f, x, hi), x);
}

/* x = n ln 2 + r, |r| <= ln 2 / 2.  n comes out of the low bits of a sum with a large constant: no conversion, defined for NaN. */
#define LN2_HI(f) ((f)->f32 ? 0.693145751953125 : 0.693147180559663)
#define LN2_LO(f) ((f)->f32 ? 1.4286068203094173e-06 : 2.8235290563031577e-13)
static LV reduce(F *f, LV x, LV *n) {
    double magic = f->f32 ? 12582912.0 : 6755399441055744.0;
    LV t = fused(f->m, x, k(f, x, 1.4426950408889634), k(f, x, magic));
    LV whole = sub(f, t, k(f, x, magic));
    LV at_zero = f->f32 ? ik(f, to_bits(f, t), 0x4b400000) : ik(f, to_bits(f, t), 0x4338000000000000);
    *n = LLVMBuildSub(f->B, to_bits(f, t), at_zero, "");
    LV r = fused(f->m, whole, k(f, x, -LN2_HI(f)), x);
    return fused(f->m, whole, k(f, x, -LN2_LO(f)), r);
}
static LV power_of_2(F *f, LV n) {                           /* n in the range of normal exponents */
    int bias = f->f32 ? 127 : 1023, shift = f->f32 ? 23 : 52;
    return from_bits(f, LLVMBuildShl(f->B, LLVMBuildAdd(f->B, n, ik(f, n, bias), ""), ik(f, n, shift), ""));
}
static LV exp_minus_1_of(F *f, LV r) {                       /* e^r - 1 on the reduced range */
    static const double q32[] = { 0.5, 0.16666576266288757, 0.04166655242443085, 0.008363229222595692, 0.0013926246901974082 };
    static const double q64[] = { 0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326087, 0.0013888888888883713,
        0.0001984126987499051, 2.4801587325669058e-05, 2.755725518490137e-06, 2.755727348935914e-07, 2.5105306538858238e-08, 2.0914750905027345e-09 };
    LV q = f->f32 ? poly(f, r, q32, 5) : poly(f, r, q64, 11);
    return fused(f->m, mul(f, r, r), q, r);
}
static LV exp_of(F *f, LV x) {
    LV n, r = reduce(f, f->f32 ? clamp(f, x, -104, 89) : clamp(f, x, -746, 710), &n);
    LV p = add(f, exp_minus_1_of(f, r), k(f, x, 1));
    LV half = LLVMBuildAShr(f->B, n, ik(f, n, 1), "");       /* 2^n in two steps: n may be below or above the exponent's range */
    return mul(f, mul(f, p, power_of_2(f, half)), power_of_2(f, LLVMBuildSub(f->B, n, half, "")));
}
static LV expm1_of(F *f, LV x) {
    LV n, r = reduce(f, f->f32 ? clamp(f, x, -18, 89) : clamp(f, x, -40, 710), &n);
    LV p = exp_minus_1_of(f, r), s = power_of_2(f, LLVMBuildSub(f->B, n, ik(f, n, 1), ""));
    LV t = fused(f->m, s, p, sub(f, s, k(f, x, 0.5)));       /* half of 2^n p + 2^n - 1: 2^n alone may overflow */
    LV y = add(f, t, t);
    return pick(f, cmp(f, LLVMRealOEQ, x, 0), x, y);          /* keeps -0 */
}
static LV log_of(F *f, LV x) {
    static const double l32[] = { 0.6666666865348816, 0.4000012278556824, 0.28550803661346436, 0.23330964148044586 };
    static const double l64[] = { 0.666666666666667, 0.3999999999989924, 0.2857142862609589, 0.2222221111514416, 0.18182890556695602,
                                  0.1533167403016786, 0.1461703754879165 };
    int shift = f->f32 ? 23 : 52;
    /* subnormal numbers are scaled up first */
    LV small = cmp(f, LLVMRealOLT, x, f->f32 ? 0x1p-126 : 0x1p-1022);
    LV xs = pick(f, small, mul(f, x, k(f, x, f->f32 ? 0x1p25 : 0x1p54)), x), b = to_bits(f, xs);
    /* x = 2^e (1 + g), 1 + g between sqrt(1/2) and sqrt(2) */
    LV off = f->f32 ? ik(f, b, 0x3f3504f3) : ik(f, b, 0x3fe6a09e667f3bcd);
    LV d = LLVMBuildSub(f->B, b, off, ""), e = LLVMBuildAShr(f->B, d, ik(f, b, shift), "");
    LV mantissa = LLVMBuildSub(f->B, b, LLVMBuildShl(f->B, e, ik(f, b, shift), ""), "");
    LV g = sub(f, from_bits(f, mantissa), k(f, x, 1));
    LV de = LLVMBuildSIToFP(f->B, LLVMBuildAdd(f->B, e, LLVMBuildSelect(f->B, small, ik(f, b, f->f32 ? -25 : -54), ik(f, b, 0), ""), ""), f->type, "");
    LV s = divide(f, g, add(f, g, k(f, x, 2))), z = mul(f, s, s), half = mul(f, mul(f, k(f, x, 0.5), g), g);
    LV R = mul(f, z, f->f32 ? poly(f, z, l32, 4) : poly(f, z, l64, 7));
    LV low = fused(f->m, s, add(f, half, R), mul(f, de, k(f, x, LN2_LO(f))));
    LV y = add(f, mul(f, de, k(f, x, LN2_HI(f))), sub(f, g, sub(f, half, low)));
    double infinity = __builtin_inf();
    y = pick(f, cmp(f, LLVMRealOEQ, x, infinity), x, y);
    y = pick(f, cmp(f, LLVMRealOEQ, x, 0), k(f, x, -infinity), y);
    return pick(f, cmp(f, LLVMRealULT, x, 0), k(f, x, __builtin_nan("")), y);
}
static LV log1p_of(F *f, LV x) {                             /* log(u) corrected by what 1 + x lost */
    LV u = add(f, x, k(f, x, 1)), lost = sub(f, x, sub(f, u, k(f, x, 1)));
    LV y = add(f, log_of(f, u), divide(f, lost, u));
    LV plain = LLVMBuildOr(f->B, cmp(f, LLVMRealOEQ, x, __builtin_inf()), cmp(f, LLVMRealOEQ, x, 0), "");
    y = pick(f, plain, x, y);
    return pick(f, cmp(f, LLVMRealOEQ, x, -1), k(f, x, -__builtin_inf()), y);
}
static LV tanh_of(F *f, LV x) {
    LV a = clamp(f, fabs_of(f, x), 0, 20), em = expm1_of(f, add(f, a, a));
    return with_sign(f, divide(f, em, add(f, em, k(f, x, 2))), x);
}
static LV erf_of(F *f, LV x) {                               /* f32: x + x E(x^2) near 0, else 1 - exp(-P(|x|)) */
    static const double near[] = { 0.12837916612625122, -0.37612637877464294, 0.11283788084983826, -0.026865804567933083, 0.00522228330373764,
                                   -0.0008505492587573826, 0.00011446788994362578, -1.0264746379107237e-05 };
    static const double far[] = { -0.0003231856389902532, 1.1302518844604492, 0.6317844390869141, 0.11012809723615646, -0.026453157886862755,
                                  0.00477243447676301, -0.0005998596898280084, 4.6455235860776156e-05, -1.658902078816027e-06 };
    LV a = clamp(f, fabs_of(f, x), 0, 3.95), z = mul(f, a, a);
    LV y0 = fused(f->m, a, poly(f, z, near, 8), a), y1 = sub(f, k(f, x, 1), exp_of(f, neg(f, poly(f, a, far, 9))));
    return with_sign(f, pick(f, cmp(f, LLVMRealOLT, a, 0.92), y0, y1), x);
}
LV math_op(Mod *m, ScalarOp op, Dtype dt, LV x) {
    F f = { m, m->b, dt == DT_F32, LLVMTypeOf(x), like_type(x, dt == DT_F32 ? m->i32 : m->i64), dt == DT_F32 ? m->i32 : m->i64 };
    switch (op) {
    case OP_EXP: return exp_of(&f, x);
    case OP_EXPM1: return expm1_of(&f, x);
    case OP_LOG: return log_of(&f, x);
    case OP_LOG1P: return log1p_of(&f, x);
    case OP_TANH: return tanh_of(&f, x);
    case OP_ERF: return f.f32 ? erf_of(&f, x) : NULL;
    default: return NULL;              /* libm or an instruction */
    }
}
