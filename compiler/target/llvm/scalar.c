/* scalar.c - the rows of scalar.def as LLVM instructions, alike for a scalar and for a vector of that type; conversions
 * between registers and the narrow types of buffers.
 *
 * The semantics are those of scalar.def's head: integers wrap, x / 0 is 0, mod has the divisor's sign.  What LLVM leaves
 * undefined (INT_MIN / -1, shifts by the width, reals outside the integer's range) is made defined here. */
#include "target/llvm/emit.h"
#include <string.h>

/* ---- shapes --------------------------------------------------------------------------------------------------- */
static unsigned lanes_of(LV v) {
    LT t = LLVMTypeOf(v);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetVectorSize(t) : 1;
}
LT like_type(LV shape, LT element) {
    unsigned n = lanes_of(shape);
    return n == 1 && LLVMGetTypeKind(LLVMTypeOf(shape)) != LLVMVectorTypeKind ? element : LLVMVectorType(element, n);
}
static LV constant_like(LV shape, LV c) {
    unsigned n = lanes_of(shape);
    if (LLVMGetTypeKind(LLVMTypeOf(shape)) != LLVMVectorTypeKind) return c;
    LV all[MAX_LANES];
    for (unsigned k = 0; k < n; k++) all[k] = c;
    return LLVMConstVector(all, n);
}
LV like_int(Mod *m, LV shape, LT element, int64_t v) { (void)m; return constant_like(shape, LLVMConstInt(element, (uint64_t)v, true)); }
LV like_real(LV shape, double v) {
    LT t = LLVMTypeOf(shape);
    return constant_like(shape, LLVMConstReal(LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetElementType(t) : t, v));
}
LV splat(Mod *m, LV s, int lanes) {
    LT t = LLVMVectorType(LLVMTypeOf(s), (unsigned)lanes);
    if (LLVMIsConstant(s)) return constant_like(LLVMGetUndef(t), s);
    LV v = LLVMBuildInsertElement(m->b, LLVMGetPoison(t), s, int64_of(m, 0), "");
    return LLVMBuildShuffleVector(m->b, v, LLVMGetPoison(t), LLVMConstNull(LLVMVectorType(m->i32, (unsigned)lanes)), "");
}
static LV intrinsic(Mod *m, const char *name, LV a, LV b) {
    LV arg[2] = { a, b };
    return call_intrinsic(m, name, LLVMTypeOf(a), arg, b ? 2 : 1);
}
LV fused(Mod *m, LV a, LV b, LV c) {
    LV arg[3] = { a, b, c };
    return call_intrinsic(m, "llvm.fmuladd", LLVMTypeOf(a), arg, 3);
}
/* A function of libm, lane by lane. */
LV call_libm(Mod *m, const char *name, Dtype dt, LV a, LV b) {
    char full[32];
    snprintf(full, sizeof full, "%s%s", name, dt == DT_F32 ? "f" : "");
    LT e = register_llvm(m, dt), arg_t[2] = { e, e }, type = LLVMFunctionType(e, arg_t, b ? 2 : 1, false);
    LV f = LLVMGetNamedFunction(m->mod, full);
    if (!f) {
        f = LLVMAddFunction(m->mod, full, type);
        add_attribute(m, f, "nounwind");
        add_attribute(m, f, "willreturn");
    }
    if (LLVMGetTypeKind(LLVMTypeOf(a)) != LLVMVectorTypeKind) {
        LV arg[2] = { a, b };
        return LLVMBuildCall2(m->b, type, f, arg, b ? 2 : 1, "");
    }
    LV r = LLVMGetPoison(LLVMTypeOf(a));
    for (unsigned k = 0; k < lanes_of(a); k++) {
        LV at = int64_of(m, k), arg[2] = { LLVMBuildExtractElement(m->b, a, at, ""), b ? LLVMBuildExtractElement(m->b, b, at, "") : NULL };
        r = LLVMBuildInsertElement(m->b, r, LLVMBuildCall2(m->b, type, f, arg, b ? 2 : 1, ""), at, "");
    }
    return r;
}

/* ---- integer division -------------------------------------------------------------------------------------------- */
static bool constant_int(LV v, int64_t *c) {
    if (LLVMIsAConstantInt(v)) { *c = LLVMConstIntGetSExtValue(v); return true; }
    if (!LLVMIsConstant(v) || LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind) return false;
    LV e = LLVMIsAConstantDataVector(v) ? LLVMGetAggregateElement(v, 0) : NULL;      /* our constants are splats */
    if (!e || !LLVMIsAConstantInt(e)) return false;
    for (unsigned k = 1; k < lanes_of(v); k++) if (LLVMGetAggregateElement(v, k) != e) return false;
    *c = LLVMConstIntGetSExtValue(e);
    return true;
}
static LV divide(Mod *m, ScalarOp op, LT e, LV a, LV b, bool nonneg) {
    LLVMBuilderRef B = m->b;
    LV zero = like_int(m, a, e, 0), one = like_int(m, a, e, 1);
    int64_t c = 0;
    bool known = constant_int(b, &c);
    if (known && c == 0) return zero;
    LV is_zero = known ? NULL : LLVMBuildICmp(B, LLVMIntEQ, b, zero, ""), r;
    if (nonneg) {
        LV d = is_zero ? LLVMBuildSelect(B, is_zero, one, b, "") : b;
        r = op == OP_MOD ? LLVMBuildURem(B, a, d, "") : LLVMBuildUDiv(B, a, d, "");
        return is_zero ? LLVMBuildSelect(B, is_zero, zero, r, "") : r;
    }
    if (known && c == -1) return op == OP_MOD ? zero : LLVMBuildNeg(B, a, "");
    LV is_minus = known ? NULL : LLVMBuildICmp(B, LLVMIntEQ, b, like_int(m, a, e, -1), "");
    LV d = known ? b : LLVMBuildSelect(B, LLVMBuildOr(B, is_zero, is_minus, ""), one, b, "");
    LV rem = op == OP_DIV ? NULL : LLVMBuildSRem(B, a, d, "");
    LV off = op == OP_DIV ? NULL : LLVMBuildAnd(B, LLVMBuildICmp(B, LLVMIntNE, rem, zero, ""),
                                                 LLVMBuildICmp(B, LLVMIntSLT, LLVMBuildXor(B, rem, d, ""), zero, ""), "");
    if (op == OP_MOD) r = LLVMBuildAdd(B, rem, LLVMBuildSelect(B, off, d, zero, ""), "");      /* 0 for both replaced divisors */
    else r = LLVMBuildSDiv(B, a, d, "");
    if (op == OP_FLOORDIV) r = LLVMBuildSub(B, r, LLVMBuildSelect(B, off, one, zero, ""), "");
    if (known || op == OP_MOD) return r;
    return LLVMBuildSelect(B, is_zero, zero, LLVMBuildSelect(B, is_minus, LLVMBuildNeg(B, a, ""), r, ""), "");
}

/* pgn_threefry() of runtime/include/pigeon/random.h, unrolled. */
static LV threefry(Mod *m, LV key, LV counter) {
    static const int turn[8] = { 13, 15, 26, 6, 17, 29, 16, 24 };
    LLVMBuilderRef B = m->b;
    LT word = like_type(key, m->i32), wide = like_type(key, m->i64);
    LV half = like_int(m, key, m->i64, 32);
    LV k[3] = { LLVMBuildTrunc(B, key, word, ""), LLVMBuildTrunc(B, LLVMBuildLShr(B, key, half, ""), word, "") };
    k[2] = LLVMBuildXor(B, LLVMBuildXor(B, k[0], k[1], ""), like_int(m, key, m->i32, 0x1bd11bda), "");
    LV x = LLVMBuildAdd(B, LLVMBuildTrunc(B, counter, word, ""), k[0], "");
    LV y = LLVMBuildAdd(B, LLVMBuildTrunc(B, LLVMBuildLShr(B, counter, half, ""), word, ""), k[1], "");
    x = LLVMBuildFreeze(B, x, "");           /* else LLVM's loop strength reduction follows the counter through all rounds, for half a second */
    for (int r = 0; r < 20; r++) {
        LV left = like_int(m, key, m->i32, turn[r & 7]), right = like_int(m, key, m->i32, 32 - turn[r & 7]);
        x = LLVMBuildAdd(B, x, y, "");
        y = LLVMBuildXor(B, LLVMBuildOr(B, LLVMBuildShl(B, y, left, ""), LLVMBuildLShr(B, y, right, ""), ""), x, "");
        if ((r & 3) != 3) continue;
        x = LLVMBuildAdd(B, x, k[(r / 4 + 1) % 3], "");
        y = LLVMBuildAdd(B, y, LLVMBuildAdd(B, k[(r / 4 + 2) % 3], like_int(m, key, m->i32, r / 4 + 1), ""), "");
    }
    return LLVMBuildOr(B, LLVMBuildShl(B, LLVMBuildZExt(B, y, wide, ""), half, ""), LLVMBuildZExt(B, x, wide, ""), "");
}

/* ---- operations ----------------------------------------------------------------------------------------------------- */
static LV int_op(Mod *m, ScalarOp op, Dtype dt, LV a, LV b, bool nonneg) {
    LLVMBuilderRef B = m->b;
    LT e = register_llvm(m, dt);
    bool is_bool = dt == DT_BOOL;
    switch (op) {
    case OP_STOP: case OP_CHECKPOINT: return a;
    case OP_NEG: return LLVMBuildNeg(B, a, "");
    case OP_ADD: return LLVMBuildAdd(B, a, b, "");
    case OP_SUB: return LLVMBuildSub(B, a, b, "");
    case OP_MUL: return LLVMBuildMul(B, a, b, "");
    case OP_DIV: case OP_FLOORDIV: case OP_MOD: return divide(m, op, e, a, b, nonneg);
    case OP_MIN: return is_bool ? LLVMBuildAnd(B, a, b, "") : intrinsic(m, "llvm.smin", a, b);
    case OP_MAX: return is_bool ? LLVMBuildOr(B, a, b, "") : intrinsic(m, "llvm.smax", a, b);
    case OP_ABS: return LLVMBuildSelect(B, LLVMBuildICmp(B, LLVMIntSLT, a, like_int(m, a, e, 0), ""), LLVMBuildNeg(B, a, ""), a, "");
    case OP_SIGN: return LLVMBuildSub(B, LLVMBuildZExt(B, LLVMBuildICmp(B, LLVMIntSGT, a, like_int(m, a, e, 0), ""), LLVMTypeOf(a), ""),
                                      LLVMBuildZExt(B, LLVMBuildICmp(B, LLVMIntSLT, a, like_int(m, a, e, 0), ""), LLVMTypeOf(a), ""), "");
    case OP_EQ: return LLVMBuildICmp(B, LLVMIntEQ, a, b, "");
    case OP_NE: return LLVMBuildICmp(B, LLVMIntNE, a, b, "");
    case OP_LT: return LLVMBuildICmp(B, is_bool ? LLVMIntULT : LLVMIntSLT, a, b, "");
    case OP_LE: return LLVMBuildICmp(B, is_bool ? LLVMIntULE : LLVMIntSLE, a, b, "");
    case OP_GT: return LLVMBuildICmp(B, is_bool ? LLVMIntUGT : LLVMIntSGT, a, b, "");
    case OP_GE: return LLVMBuildICmp(B, is_bool ? LLVMIntUGE : LLVMIntSGE, a, b, "");
    case OP_AND: case OP_BITAND: return LLVMBuildAnd(B, a, b, "");
    case OP_OR: case OP_BITOR: return LLVMBuildOr(B, a, b, "");
    case OP_BITXOR: return LLVMBuildXor(B, a, b, "");
    case OP_NOT: case OP_BITNOT: return LLVMBuildNot(B, a, "");
    case OP_SHL: return LLVMBuildShl(B, a, LLVMBuildAnd(B, b, like_int(m, b, e, dt == DT_I64 ? 63 : 31), ""), "");
    case OP_SHR: return LLVMBuildAShr(B, a, LLVMBuildAnd(B, b, like_int(m, b, e, dt == DT_I64 ? 63 : 31), ""), "");
    case OP_POPCOUNT: return intrinsic(m, "llvm.ctpop", a, NULL);
    case OP_THREEFRY: return threefry(m, a, b);
    default: return NULL;              /* functions of reals and of complex numbers: not of integers */
    }
}
static bool constant_real(LV v, double *c) {
    LLVMBool lost;
    if (LLVMIsAConstantDataVector(v)) v = LLVMGetAggregateElement(v, 0);          /* our constants are splats */
    if (!v || !LLVMIsAConstantFP(v)) return false;
    *c = LLVMConstRealGetDouble(v, &lost);
    return true;
}
/* The machine's two-operand min and max, then the other one of a NaN; of zeros of both signs always the second. */
static LV extreme(Mod *m, LLVMRealPredicate p, LV a, LV b) {
    LV r = LLVMBuildSelect(m->b, LLVMBuildFCmp(m->b, p, a, b, ""), a, b, "");
    return LLVMBuildSelect(m->b, LLVMBuildFCmp(m->b, LLVMRealUNO, b, b, ""), a, r, "");
}
static LV float_op(Mod *m, ScalarOp op, Dtype dt, LV a, LV b) {
    LLVMBuilderRef B = m->b;
    switch (op) {
    case OP_STOP: case OP_CHECKPOINT: return a;
    case OP_NEG: return LLVMBuildFNeg(B, a, "");
    case OP_ADD: return LLVMBuildFAdd(B, a, b, "");
    case OP_SUB: return LLVMBuildFSub(B, a, b, "");
    case OP_MUL: return LLVMBuildFMul(B, a, b, "");
    case OP_DIV: return LLVMBuildFDiv(B, a, b, "");
    case OP_MOD: {
        LV r = call_libm(m, "fmod", dt, a, b), zero = like_real(a, 0);
        LV off = LLVMBuildAnd(B, LLVMBuildFCmp(B, LLVMRealUNE, r, zero, ""),
                              LLVMBuildXor(B, LLVMBuildFCmp(B, LLVMRealOLT, r, zero, ""), LLVMBuildFCmp(B, LLVMRealOLT, b, zero, ""), ""), "");
        return LLVMBuildSelect(B, off, LLVMBuildFAdd(B, r, b, ""), r, "");
    }
    case OP_MIN: return m->machine->min_number ? intrinsic(m, "llvm.minnum", a, b) : extreme(m, LLVMRealOLT, a, b);
    case OP_MAX: return m->machine->min_number ? intrinsic(m, "llvm.maxnum", a, b) : extreme(m, LLVMRealOGT, a, b);
    case OP_ABS: return intrinsic(m, "llvm.fabs", a, NULL);
    case OP_SIGN: return LLVMBuildSelect(B, LLVMBuildFCmp(B, LLVMRealOGT, a, like_real(a, 0), ""), like_real(a, 1),
                                         LLVMBuildSelect(B, LLVMBuildFCmp(B, LLVMRealOLT, a, like_real(a, 0), ""), like_real(a, -1), like_real(a, 0), ""), "");
    case OP_RSQRT: return LLVMBuildFDiv(B, like_real(a, 1), intrinsic(m, "llvm.sqrt", a, NULL), "");
    case OP_EQ: return LLVMBuildFCmp(B, LLVMRealOEQ, a, b, "");
    case OP_NE: return LLVMBuildFCmp(B, LLVMRealUNE, a, b, "");
    case OP_LT: return LLVMBuildFCmp(B, LLVMRealOLT, a, b, "");
    case OP_LE: return LLVMBuildFCmp(B, LLVMRealOLE, a, b, "");
    case OP_GT: return LLVMBuildFCmp(B, LLVMRealOGT, a, b, "");
    case OP_GE: return LLVMBuildFCmp(B, LLVMRealOGE, a, b, "");
    default: break;                    /* the rest is in the table */
    }
    double c;
    if (op == OP_POW && constant_real(b, &c) && simple_exponent(c)) return simple_power(m, dt, a, c);
    if (math_has(op, dt)) return math_op(m, op, dt, a, b);
    const char *how = scalar_info[op].llvm;
    if (!strncmp(how, "llvm.", 5)) {
        /* those that are instructions stay intrinsics; the others would only become these calls later */
        bool instruction = op == OP_SQRT || op == OP_FLOOR || op == OP_CEIL || op == OP_ROUND || op == OP_TRUNC;
        return instruction ? intrinsic(m, how, a, b) : call_libm(m, how + 5, dt, a, b);
    }
    return how[0] == '@' ? call_libm(m, how + 1, dt, a, b) : NULL;
}
LV scalar_op(Mod *m, ScalarOp op, Dtype dt, LV a, LV b, bool nonneg) {
    LV r = dtype_is_float(dt) ? float_op(m, op, dt, a, b) : int_op(m, op, dt, a, b, nonneg);
    if (r) return r;
    diag_error(m->cx, D_INTERNAL, NO_LOC, "`%s` of %s has no code: lowering has to replace it", scalar_info[op].name, dtype_name(dt));
    return scalar_info[op].class_ == CMP || scalar_info[op].class_ == LOGIC ? LLVMConstNull(like_type(a, m->i1)) : LLVMConstNull(LLVMTypeOf(a));
}

/* ---- conversions -------------------------------------------------------------------------------------------------------- */
LV scalar_cast(Mod *m, LV v, Dtype from, Dtype to) {
    LLVMBuilderRef B = m->b;
    from = register_type(from);
    if (from == to) return v;
    LT t = like_type(v, register_llvm(m, to));
    if (to == DT_BOOL)
        return dtype_is_float(from) ? LLVMBuildFCmp(B, LLVMRealUNE, v, like_real(v, 0), "") :
                                      LLVMBuildICmp(B, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    if (dtype_is_float(from)) {
        if (to == DT_F64) return LLVMBuildFPExt(B, v, t, "");
        if (to == DT_F32) return LLVMBuildFPTrunc(B, v, t, "");
        LT over[2] = { t, LLVMTypeOf(v) };
        return call_overloaded(m, "llvm.fptosi.sat", over, 2, &v, 1);
    }
    if (dtype_is_float(to)) return from == DT_BOOL ? LLVMBuildUIToFP(B, v, t, "") : LLVMBuildSIToFP(B, v, t, "");
    if (from == DT_BOOL) return LLVMBuildZExt(B, v, t, "");
    return to == DT_I64 ? LLVMBuildSExt(B, v, t, "") : LLVMBuildTrunc(B, v, t, "");
}
static LV shifted(Mod *m, LV v, int by, bool left) {
    LV n = like_int(m, v, m->i32, by);
    return left ? LLVMBuildShl(m->b, v, n, "") : LLVMBuildLShr(m->b, v, n, "");
}
static LV masked(Mod *m, LV v, uint32_t bits) { return LLVMBuildAnd(m->b, v, like_int(m, v, m->i32, (int64_t)bits), ""); }
static LV plus(Mod *m, LV v, int64_t c) { return LLVMBuildAdd(m->b, v, like_int(m, v, m->i32, c), ""); }

LV widen(Mod *m, LV v, Dtype memory) {
    LLVMBuilderRef B = m->b;
    LT i32 = like_type(v, m->i32), f32 = like_type(v, m->f32);
    switch (memory) {
    case DT_BOOL: return LLVMBuildICmp(B, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    case DT_I8: return LLVMBuildSExt(B, v, i32, "");
    case DT_U8: return LLVMBuildZExt(B, v, i32, "");
    case DT_BF16: return LLVMBuildBitCast(B, shifted(m, LLVMBuildZExt(B, v, i32, ""), 16, true), f32, "");
    case DT_F16: {
        if (m->machine->half) return LLVMBuildFPExt(B, LLVMBuildBitCast(B, v, like_type(v, m->f16), ""), f32, "");
        /* the exponent is rebased by an exact product, which also normalises subnormal halves */
        LV w = LLVMBuildZExt(B, v, i32, ""), sign = shifted(m, masked(m, w, 0x8000), 16, true), a = masked(m, w, 0x7fff), up = shifted(m, a, 13, true);
        LV finite = LLVMBuildBitCast(B, LLVMBuildFMul(B, LLVMBuildBitCast(B, up, f32, ""), like_real(LLVMGetUndef(f32), 0x1p112), ""), i32, "");
        LV special = LLVMBuildOr(B, up, like_int(m, w, m->i32, 0x7f800000), "");
        LV is_special = LLVMBuildICmp(B, LLVMIntUGE, a, like_int(m, w, m->i32, 0x7c00), "");
        return LLVMBuildBitCast(B, LLVMBuildOr(B, sign, LLVMBuildSelect(B, is_special, special, finite, ""), ""), f32, "");
    }
    case DT_F64: case DT_F32: case DT_I64: case DT_I32: case DT_C64: case DT_C128: case DT_NONE: break;
    }
    return v;
}
LV narrow(Mod *m, LV v, Dtype memory) {
    LLVMBuilderRef B = m->b;
    switch (memory) {
    case DT_BOOL: return LLVMBuildZExt(B, v, like_type(v, m->i8), "");
    case DT_I8: case DT_U8: return LLVMBuildTrunc(B, v, like_type(v, m->i8), "");
    case DT_BF16: {
        LV b = LLVMBuildBitCast(B, v, like_type(v, m->i32), ""), top = shifted(m, b, 16, false);
        LV round = LLVMBuildAdd(B, b, plus(m, masked(m, top, 1), 0x7fff), "");
        LV nan = LLVMBuildFCmp(B, LLVMRealUNO, v, v, "");
        LV r = LLVMBuildSelect(B, nan, LLVMBuildOr(B, top, like_int(m, b, m->i32, 0x40), ""), shifted(m, round, 16, false), "");
        return LLVMBuildTrunc(B, r, like_type(v, m->i16), "");
    }
    case DT_F16: {
        LT i16 = like_type(v, m->i16), i32 = like_type(v, m->i32), f32 = like_type(v, m->f32);
        if (m->machine->half) return LLVMBuildBitCast(B, LLVMBuildFPTrunc(B, v, like_type(v, m->f16), ""), i16, "");
        LV b = LLVMBuildBitCast(B, v, i32, ""), sign = masked(m, shifted(m, b, 16, false), 0x8000), a = masked(m, b, 0x7fffffff);
        LV nan = LLVMBuildICmp(B, LLVMIntUGT, a, like_int(m, a, m->i32, 0x7f800000), "");
        LV huge = LLVMBuildSelect(B, nan, like_int(m, a, m->i32, 0x7e00), like_int(m, a, m->i32, 0x7c00), "");
        /* subnormal halves: adding 0.5 lets the adder round at the right bit */
        LV small = plus(m, LLVMBuildBitCast(B, LLVMBuildFAdd(B, LLVMBuildBitCast(B, a, f32, ""), like_real(LLVMGetUndef(f32), 0.5), ""), i32, ""), -0x3f000000);
        LV normal = shifted(m, LLVMBuildAdd(B, plus(m, a, (int64_t)0xc8000fffu - 0x100000000), masked(m, shifted(m, a, 13, false), 1), ""), 13, false);
        LV r = LLVMBuildSelect(B, LLVMBuildICmp(B, LLVMIntULT, a, like_int(m, a, m->i32, 0x38800000), ""), small, normal, "");
        r = LLVMBuildSelect(B, LLVMBuildICmp(B, LLVMIntUGE, a, like_int(m, a, m->i32, 0x47800000), ""), huge, r, "");
        return LLVMBuildTrunc(B, LLVMBuildOr(B, r, sign, ""), i16, "");
    }
    case DT_F64: case DT_F32: case DT_I64: case DT_I32: case DT_C64: case DT_C128: case DT_NONE: break;
    }
    return v;
}
