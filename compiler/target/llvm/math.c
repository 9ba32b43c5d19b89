/* math.c - exponentials, logarithms, tanh, sigmoid, sin, cos, tan (f32, f64), erf and pow (f32) as arithmetic on scalars or vectors: LLVM has no
 * vector forms of them and would call libm once per lane.  A scalar goes through the same operations as a lane of a vector, so a
 * value does not depend on where in a loop it was computed.
 *
 * Accuracy: about 1 ulp for exp, exp2, log and pow, 2 for the others, 3 for tanh and tan.  Subnormal results, infinities, NaN and
 * zeros of both signs are right.  The polynomials are Chebyshev interpolants, computed for these ranges with 60 digits. */
#include "target/llvm/emit.h"

typedef struct F { Mod *m; LLVMBuilderRef B; bool f32; LT type, bits, e; } F;       /* e: the integer of an element's width */
static F numbers(Mod *m, Dtype dt, LV shape) {
    LT e = dt == DT_F32 ? m->i32 : m->i64;
    return (F){ m, m->b, dt == DT_F32, like_type(shape, dt == DT_F32 ? m->f32 : m->f64), like_type(shape, e), e };
}
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

/* The whole number n next to x * scale, out of the low bits of a sum with a large constant: no conversion, defined for NaN. */
static LV nearest(F *f, LV x, double scale, LV *n) {
    double magic = f->f32 ? 12582912.0 : 6755399441055744.0;
    LV t = fused(f->m, x, k(f, x, scale), k(f, x, magic)), at_zero = f->f32 ? ik(f, to_bits(f, t), 0x4b400000) : ik(f, to_bits(f, t), 0x4338000000000000);
    *n = LLVMBuildSub(f->B, to_bits(f, t), at_zero, "");
    return sub(f, t, k(f, x, magic));
}
/* x = n ln 2 + r, |r| <= ln 2 / 2 */
#define LN2_HI(f) ((f)->f32 ? 0.693145751953125 : 0.693147180559663)
#define LN2_LO(f) ((f)->f32 ? 1.4286068203094173e-06 : 2.8235290563031577e-13)
static LV reduce(F *f, LV x, LV *n) {
    LV whole = nearest(f, x, 1.4426950408889634, n), r = fused(f->m, whole, k(f, x, -LN2_HI(f)), x);
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
static LV exp_from(F *f, LV n, LV r) {                       /* 2^n e^r; in two steps: n may be below or above the exponent's range */
    LV p = add(f, exp_minus_1_of(f, r), k(f, r, 1)), half = LLVMBuildAShr(f->B, n, ik(f, n, 1), "");
    return mul(f, mul(f, p, power_of_2(f, half)), power_of_2(f, LLVMBuildSub(f->B, n, half, "")));
}
static LV exp_of(F *f, LV x) {
    LV n, r = reduce(f, f->f32 ? clamp(f, x, -104, 89) : clamp(f, x, -746, 710), &n);
    return exp_from(f, n, r);
}
static LV exp2_of(F *f, LV x) {
    LV n, r;
    x = f->f32 ? clamp(f, x, -151, 129) : clamp(f, x, -1076, 1025);
    r = sub(f, x, nearest(f, x, 1, &n));
    return exp_from(f, n, mul(f, r, k(f, r, 0.6931471805599453)));
}
static LV expm1_of(F *f, LV x) {
    LV n, r = reduce(f, f->f32 ? clamp(f, x, -18, 89) : clamp(f, x, -40, 710), &n);
    LV p = exp_minus_1_of(f, r), s = power_of_2(f, LLVMBuildSub(f->B, n, ik(f, n, 1), ""));
    LV t = fused(f->m, s, p, sub(f, s, k(f, x, 0.5)));       /* half of 2^n p + 2^n - 1: 2^n alone may overflow */
    LV y = add(f, t, t);
    return pick(f, cmp(f, LLVMRealOEQ, x, 0), x, y);          /* keeps -0 */
}
/* log(1 + g) = g - (g^2 / 2 - s (g^2 / 2 + R)),  s = g / (2 + g);  for the base e, the multiple of log 2 goes in before it is rounded. */
static LV log_to(F *f, LV x, bool base2) {
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
    LV s = divide(f, g, add(f, g, k(f, x, 2))), z = mul(f, s, s), half = mul(f, mul(f, k(f, x, 0.5), g), g), y;
    LV R = mul(f, z, f->f32 ? poly(f, z, l32, 4) : poly(f, z, l64, 7));
    if (base2) y = fused(f->m, sub(f, g, sub(f, half, mul(f, s, add(f, half, R)))), k(f, x, 1.4426950408889634), de);
    else y = add(f, mul(f, de, k(f, x, LN2_HI(f))), sub(f, g, sub(f, half, fused(f->m, s, add(f, half, R), mul(f, de, k(f, x, LN2_LO(f)))))));
    double infinity = __builtin_inf();
    y = pick(f, cmp(f, LLVMRealOEQ, x, infinity), x, y);
    y = pick(f, cmp(f, LLVMRealOEQ, x, 0), k(f, x, -infinity), y);
    return pick(f, cmp(f, LLVMRealULT, x, 0), k(f, x, __builtin_nan("")), y);
}
static LV log_of(F *f, LV x) { return log_to(f, x, false); }
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
/* 1 / (1 + 2^n e^r), -x = n ln 2 + r, as 2^-k / (2^-k + 2^(n-k) e^r), so that 2^n may be too large; where 2^(n-k) is 0, the sum is 2^-k anyway */
static LV sigmoid_of(F *f, LV x) {
    int by = f->f32 ? 64 : 512;
    x = f->f32 ? clamp(f, x, -104, 44) : clamp(f, x, -746, 354);
    LV n, whole = nearest(f, x, -1.4426950408889634, &n), r = fused(f->m, whole, k(f, x, -LN2_HI(f)), neg(f, x));
    r = fused(f->m, whole, k(f, x, -LN2_LO(f)), r);
    LV small = k(f, x, f->f32 ? 0x1p-64 : 0x1p-512), e = add(f, exp_minus_1_of(f, r), k(f, x, 1));
    return divide(f, small, fused(f->m, e, power_of_2(f, LLVMBuildSub(f->B, n, ik(f, n, by), "")), small));
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
/* ---- powers: a few constant exponents ------------------------------------------------------------------------------------ */
bool simple_exponent(double y) { return y == 0 || y == 0.5 || y == 1 || y == 2 || y == 3 || y == 4 || y == -0.5 || y == -1 || y == -2; }
LV simple_power(Mod *m, Dtype dt, LV x, double y) {
    F own = numbers(m, dt, x), *f = &own;
    LV one = k(f, x, 1);
    if (y == 0) return one;
    if (y == 0.5 || y == -0.5) {       /* -0 gives 0, and minus infinity infinity */
        LV positive = add(f, x, k(f, x, 0)), r = pick(f, cmp(f, LLVMRealOEQ, x, -__builtin_inf()), k(f, x, __builtin_inf()), call_intrinsic(m, "llvm.sqrt", f->type, &positive, 1));
        return y < 0 ? divide(f, one, r) : r;
    }
    if (y < 0) x = divide(f, one, x);
    LV square = y == 1 || y == -1 ? x : mul(f, x, x);
    return y == 3 ? mul(f, square, x) : y == 4 ? mul(f, square, square) : square;
}

/* ---- powers: f32 only, in f64 ------------------------------------------------------------------------------------------ */
static LV widened(F *d, LV x) { return LLVMBuildFPExt(d->B, x, d->type, ""); }
static LV pow_of(F *f, LV base, LV exponent) {
    F d = numbers(f->m, DT_F64, base), *w = &d;
    double infinity = __builtin_inf();
    LV x = widened(w, base), y = widened(w, exponent), one = k(w, x, 1), half = mul(w, y, k(w, y, 0.5));
    LV r = exp_of(w, mul(w, y, log_of(w, fabs_of(w, x))));
    LV whole = LLVMBuildFCmp(w->B, LLVMRealOEQ, call_intrinsic(w->m, "llvm.trunc", w->type, &y, 1), y, "");
    LV odd = LLVMBuildAnd(w->B, whole, LLVMBuildFCmp(w->B, LLVMRealUNE, call_intrinsic(w->m, "llvm.trunc", w->type, &half, 1), half, ""), "");
    r = pick(w, odd, with_sign(w, r, x), r);
    LV finite_negative = LLVMBuildAnd(w->B, cmp(w, LLVMRealOLT, x, 0), cmp(w, LLVMRealOGT, x, -infinity), "");
    r = pick(w, LLVMBuildAnd(w->B, finite_negative, LLVMBuildNot(w->B, whole, ""), ""), k(w, x, __builtin_nan("")), r);
    LV far = LLVMBuildAnd(w->B, cmp(w, LLVMRealOEQ, x, -1), LLVMBuildFCmp(w->B, LLVMRealOEQ, fabs_of(w, y), k(w, y, infinity), ""), "");
    LV is_one = LLVMBuildOr(w->B, LLVMBuildOr(w->B, cmp(w, LLVMRealOEQ, x, 1), cmp(w, LLVMRealOEQ, y, 0), ""), far, "");
    return LLVMBuildFPTrunc(f->B, pick(w, is_one, one, r), f->type, "");
}

/* ---- sin, cos, tan ------------------------------------------------------------------------------------------------------ */
enum { FAR = 1000000 };                /* beyond, libm does it: the reduction below has pi/2 to 33 + 33 + 53 bits */
/* x = n pi/2 + r + tail, |r| about pi/4 at most */
static LV quarter_turns(F *f, LV x, LV *tail, LV *n) {
    const double by = 0.6366197723675814, p1 = 1.5707963267341256, p2 = 6.077100506303966e-11, p3 = 2.0222662487959506e-21;
    if (f->f32) {                      /* by way of f64 */
        F d = numbers(f->m, DT_F64, x), *w = &d;
        LV wide = widened(w, x), whole = nearest(w, wide, by, n);
        *n = LLVMBuildTrunc(f->B, *n, f->bits, "");
        *tail = NULL;
        return LLVMBuildFPTrunc(f->B, fused(f->m, whole, k(w, wide, -(p2 + p3)), fused(f->m, whole, k(w, wide, -p1), wide)), f->type, "");
    }
    LV whole = nearest(f, x, by, n), t = fused(f->m, whole, k(f, x, -p1), x), w = mul(f, whole, k(f, x, -p2));       /* both exact */
    LV r = add(f, t, w), back = sub(f, r, t), lost = add(f, sub(f, t, sub(f, r, back)), sub(f, w, back));
    LV low = fused(f->m, whole, k(f, x, -p3), lost), y = add(f, r, low);
    *tail = add(f, sub(f, r, y), low);
    return y;
}
static void sin_cos(F *f, LV r, LV tail, LV *s, LV *c) {
    static const double s32[] = { -0.166666641831398, 0.008332736790180206, -0.0001958537322934717 };
    static const double c32[] = { 0.0416666641831398, -0.0013888290850445628, 2.454541936458554e-05 };
    static const double s64[] = { -0.16666666666666666, 0.008333333333330827, -0.0001984126983657571, 2.755731600817155e-06, -2.5051112272573243e-08, 1.5916726193889336e-10 };
    static const double c64[] = { 0.041666666666666664, -0.0013888888888887322, 2.4801587298651292e-05, -2.755731721268659e-07, 2.0876134024090145e-09, -1.1381754653662937e-11 };
    LV z = mul(f, r, r), half = mul(f, k(f, r, 0.5), z), most = sub(f, k(f, r, 1), half), lost = sub(f, sub(f, k(f, r, 1), most), half);
    LV ds = mul(f, mul(f, r, z), f->f32 ? poly(f, z, s32, 3) : poly(f, z, s64, 6)), dc = mul(f, mul(f, z, z), f->f32 ? poly(f, z, c32, 3) : poly(f, z, c64, 6));
    if (tail) ds = add(f, ds, mul(f, tail, most)), dc = sub(f, dc, mul(f, r, tail));
    *s = add(f, r, ds);
    *c = add(f, most, add(f, lost, dc));
}
static LV bit(F *f, LV n, int which) { return LLVMBuildICmp(f->B, LLVMIntNE, LLVMBuildAnd(f->B, n, ik(f, n, which), ""), ik(f, n, 0), ""); }
static LV near_turns(F *f, ScalarOp op, LV x) {
    LV tail, n, s, c;
    LV r = quarter_turns(f, x, &tail, &n);
    sin_cos(f, r, tail, &s, &c);
    if (op == OP_COS) n = LLVMBuildAdd(f->B, n, ik(f, n, 1), "");
    LV odd = bit(f, n, 1);
    if (op == OP_TAN) return divide(f, pick(f, odd, neg(f, c), s), pick(f, odd, s, c));
    LV y = pick(f, odd, c, s);
    y = pick(f, bit(f, n, 2), neg(f, y), y);
    return op == OP_SIN ? pick(f, cmp(f, LLVMRealOEQ, x, 0), x, y) : y;       /* keeps -0 */
}
/* Lanes that are far from 0 are done over by libm; that there are any is rare. */
static LV turns(F *f, ScalarOp op, LV x) {
    LV far = LLVMBuildFCmp(f->B, LLVMRealOGT, fabs_of(f, x), k(f, x, FAR), ""), near = near_turns(f, op, x);
    LV any = LLVMTypeOf(far) == f->m->i1 ? far : call_intrinsic(f->m, "llvm.vector.reduce.or", LLVMTypeOf(far), &far, 1);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(f->B), rare = LLVMAppendBasicBlockInContext(f->m->c, LLVMGetBasicBlockParent(here), "far");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(f->m->c, LLVMGetBasicBlockParent(here), "near");
    LLVMBuildCondBr(f->B, any, rare, done);
    LLVMPositionBuilderAtEnd(f->B, rare);
    LV all = pick(f, far, call_libm(f->m, scalar_info[op].name, f->f32 ? DT_F32 : DT_F64, x, NULL), near);
    LLVMBuildBr(f->B, done);
    LLVMPositionBuilderAtEnd(f->B, done);
    LV y = LLVMBuildPhi(f->B, f->type, "");
    LLVMAddIncoming(y, (LV[]){ near, all }, (LLVMBasicBlockRef[]){ here, rare }, 2);
    return y;
}

bool math_has(ScalarOp op, Dtype dt) {
    switch (op) {
    case OP_EXP: case OP_EXPM1: case OP_EXP2: case OP_LOG: case OP_LOG1P: case OP_LOG2: case OP_TANH: case OP_SIGMOID: case OP_SIN: case OP_COS: case OP_TAN: return true;
    case OP_ERF: case OP_POW: return dt == DT_F32;
    default: return false;             /* libm or an instruction */
    }
}
LV math_op(Mod *m, ScalarOp op, Dtype dt, LV x, LV y) {
    F f = numbers(m, dt, x);
    switch (op) {
    case OP_EXP: return exp_of(&f, x);
    case OP_EXP2: return exp2_of(&f, x);
    case OP_EXPM1: return expm1_of(&f, x);
    case OP_LOG: return log_of(&f, x);
    case OP_LOG2: return log_to(&f, x, true);
    case OP_LOG1P: return log1p_of(&f, x);
    case OP_TANH: return tanh_of(&f, x);
    case OP_SIGMOID: return sigmoid_of(&f, x);
    case OP_ERF: return erf_of(&f, x);
    case OP_POW: return pow_of(&f, x, y);
    default: return turns(&f, op, x);
    }
}
