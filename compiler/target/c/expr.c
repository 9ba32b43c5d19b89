/* expr.c - scalar expressions and extents as C.
 *
 * Integer arithmetic of the loop IR wraps, C's does not.  Index arithmetic (loop variables times sizes and the like, which stays below
 * the number of elements of some buffer) is printed with C's operators so that it can be read; all other integer + - * go through the
 * wrapping functions of kernel.h.  Division and remainder become / and % where both sides are known not to be negative. */
#include "target/c/print.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ANY, COND, OR_, AND_, EQUAL, RELATION, SUM, PRODUCT, UNARY, PRIMARY };

void put_int(Writer *w, int64_t v) {
    if (v == INT64_MIN) put(w, "INT64_MIN");
    else if (v == INT32_MIN) put(w, "INT32_MIN");
    else put(w, "%" PRId64, v);
}
void put_real(Writer *w, double v, Dtype dt) {
    char text[64];
    bool single = dt == DT_F32;
    if (isnan(v)) { put(w, "NAN"); return; }
    if (isinf(v)) { put(w, v < 0 ? "-INFINITY" : "INFINITY"); return; }
    for (int digits = single ? 6 : 15; digits <= 17; digits++) {       /* the fewest that read back as the same number */
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v) break;
    }
    put(w, "%s%s%s", text, strpbrk(text, ".e") ? "" : ".0", single ? "f" : "");
}

/* ---- what is known about integers ---------------------------------------------------------------------------- */
static bool ext_positive(const Ext *e) {
    switch (e->op) {
    case EXT_CONST: return e->value > 0;
    case EXT_SYM: return e->sym->kind == SYM_DIM;
    case EXT_MUL: case EXT_MIN: return ext_positive(e->a) && ext_positive(e->b);
    case EXT_CEILDIV: case EXT_ADD: return ext_positive(e->a) && ext_positive(e->b);
    case EXT_MAX: return ext_positive(e->a) || ext_positive(e->b);
    case EXT_SUB: case EXT_FLOORDIV: case EXT_MOD: break;
    }
    return false;
}
static bool positive(const LX *e) { return e->k == LX_INT ? e->i > 0 : e->k == LX_SIZE && ext_positive(e->size); }

/* plain: can't overflow; data: depends on more than sizes (then it may be a factor only once); nonneg */
static VarFact known(const Printer *p, const LX *e) {
    VarFact none = { NULL, false, true, false }, a, b;
    if (e->dt != DT_I64) return none;
    switch (e->k) {
    case LX_INT: return (VarFact){ NULL, e->i > -(INT64_C(1) << 40) && e->i < INT64_C(1) << 40, false, e->i >= 0 };
    case LX_SIZE: return (VarFact){ NULL, true, false, true };
    case LX_VAR:
        for (int k = p->fact.n - 1; k >= 0; k--) if (p->fact.at[k].var == e->var) return p->fact.at[k];
        return none;
    case LX_CAST: return e->arg[0]->dt == DT_I32 || e->arg[0]->dt == DT_BOOL ? (VarFact){ NULL, true, true, e->arg[0]->dt == DT_BOOL } : none;
    case LX_LOAD: return (VarFact){ NULL, e->buf->role == BUF_PLAN, true, false };       /* row pointers */
    case LX_OP:
        if (e->n != 2) return none;
        a = known(p, e->arg[0]), b = known(p, e->arg[1]);
        switch (e->op) {
        case OP_ADD: return (VarFact){ NULL, a.plain && b.plain, a.data || b.data, a.nonneg && b.nonneg };
        case OP_SUB: return (VarFact){ NULL, a.plain && b.plain, a.data || b.data, false };
        case OP_MUL: return (VarFact){ NULL, a.plain && b.plain && !(a.data && b.data), a.data || b.data, a.nonneg && b.nonneg };
        case OP_DIV: case OP_FLOORDIV: return (VarFact){ NULL, a.plain && positive(e->arg[1]), true, a.nonneg && positive(e->arg[1]) };
        case OP_MOD: return (VarFact){ NULL, a.plain && positive(e->arg[1]), true, positive(e->arg[1]) };
        case OP_MIN: return (VarFact){ NULL, a.plain && b.plain, true, a.nonneg && b.nonneg };
        case OP_MAX: return (VarFact){ NULL, a.plain && b.plain, true, a.nonneg || b.nonneg };
        default: return none;
        }
    case LX_SELECT:
        a = known(p, e->arg[1]), b = known(p, e->arg[2]);
        return (VarFact){ NULL, a.plain && b.plain, true, a.nonneg && b.nonneg };
    case LX_REAL: case LX_BITCAST: break;
    }
    return none;
}
void add_fact(Printer *p, const Var *v, const LX *value, bool loop) {
    VarFact f = value ? known(p, value) : (VarFact){ NULL, true, true, true };
    if (loop) f.plain = f.data = true;                         /* between two bounds */
    f.var = v;
    if (v->dt == DT_I64) vec_add(p->arena, p->fact, f);
}

/* ---- expressions -------------------------------------------------------------------------------------------------- */
static void open_if(Writer *w, bool yes) { if (yes) put(w, "("); }
static void close_if(Writer *w, bool yes) { if (yes) put(w, ")"); }

static void infix(Printer *p, const LX *e, const char *sign, int level, int left, int right, int outer) {
    open_if(p->w, outer > level);
    put_expr(p, e->arg[0], left);
    put(p->w, " %s ", sign);
    put_expr(p, e->arg[1], right);
    close_if(p->w, outer > level);
}
static void call(Printer *p, const char *function, const LX *e) {
    put(p->w, "%s(", function);
    for (int k = 0; k < e->n; k++) {
        if (k) put(p->w, ", ");
        put_expr(p, e->arg[k], ANY);
    }
    put(p->w, ")");
}
static void prefix(Printer *p, const LX *e, const char *sign, int outer) {
    open_if(p->w, outer > UNARY);
    put(p->w, "%s", sign);
    put_expr(p, e->arg[0], PRIMARY);
    close_if(p->w, outer > UNARY);
}
/* A function or operator on integers; false: the row of scalar.def serves. */
static bool integer_op(Printer *p, const LX *e, int outer) {
    bool wide = e->arg[0]->dt == DT_I64, plain = known(p, e).plain;
    bool natural = e->n == 2 && wide && known(p, e->arg[0]).nonneg && positive(e->arg[1]);
    switch (e->op) {
    case OP_ADD:
        if (!plain) break;
        if (e->arg[1]->k == LX_INT && e->arg[1]->i < 0) infix(p, &(LX){ .arg = { e->arg[0], lx_int(p->arena, -e->arg[1]->i) } }, "-", SUM, SUM, PRODUCT, outer);
        else infix(p, e, "+", SUM, SUM, SUM, outer);
        return true;
    case OP_SUB: if (plain) { infix(p, e, "-", SUM, SUM, PRODUCT, outer); return true; } break;
    case OP_MUL: if (plain) { infix(p, e, "*", PRODUCT, PRODUCT, UNARY, outer); return true; } break;
    case OP_DIV: case OP_FLOORDIV: if (natural) { infix(p, e, "/", PRODUCT, PRODUCT, UNARY, outer); return true; } break;
    case OP_MOD: if (natural) { infix(p, e, "%", PRODUCT, PRODUCT, UNARY, outer); return true; } break;
    case OP_NEG: case OP_ABS: case OP_SIGN: case OP_MIN: case OP_MAX: case OP_SHL: case OP_SHR: case OP_POPCOUNT: break;
    case OP_BITAND: infix(p, e, "&", COND, UNARY, UNARY, outer); return true;
    case OP_BITOR: infix(p, e, "|", COND, UNARY, UNARY, outer); return true;
    case OP_BITXOR: infix(p, e, "^", COND, UNARY, UNARY, outer); return true;
    case OP_BITNOT: prefix(p, e, "~", outer); return true;
    default: return false;
    }
    call(p, arena_printf(p->arena, "pgn_%s_%s", scalar_info[e->op].name, wide ? "i64" : "i32"), e);
    return true;
}
static void put_op(Printer *p, const LX *e, int outer) {
    Dtype dt = e->arg[0]->dt;
    bool twice = dt == DT_F64;
    switch (e->op) {
    case OP_EQ: infix(p, e, "==", EQUAL, SUM, SUM, outer); return;
    case OP_NE: infix(p, e, "!=", EQUAL, SUM, SUM, outer); return;
    case OP_LT: infix(p, e, "<", RELATION, SUM, SUM, outer); return;
    case OP_LE: infix(p, e, "<=", RELATION, SUM, SUM, outer); return;
    case OP_GT: infix(p, e, ">", RELATION, SUM, SUM, outer); return;
    case OP_GE: infix(p, e, ">=", RELATION, SUM, SUM, outer); return;
    case OP_AND: infix(p, e, "&&", AND_, AND_, EQUAL, outer == OR_ ? UNARY : outer); return;
    case OP_OR: infix(p, e, "||", OR_, OR_, EQUAL, outer); return;
    case OP_NOT: prefix(p, e, "!", outer); return;
    default: break;
    }
    if (!dtype_is_float(dt) && integer_op(p, e, outer)) return;
    switch (e->op) {
    case OP_NEG: prefix(p, e, "-", outer); return;
    case OP_ADD: infix(p, e, "+", SUM, SUM, PRODUCT, outer); return;
    case OP_SUB: infix(p, e, "-", SUM, SUM, PRODUCT, outer); return;
    case OP_MUL: infix(p, e, "*", PRODUCT, PRODUCT, UNARY, outer); return;
    case OP_DIV: infix(p, e, "/", PRODUCT, PRODUCT, UNARY, outer); return;
    case OP_MIN: call(p, p->d->min[twice], e); return;
    case OP_MAX: call(p, p->d->max[twice], e); return;
    case OP_RSQRT: call(p, twice ? "pgn_rsqrt" : "pgn_rsqrtf", e); return;
    default: break;
    }
    for (const char *s = twice ? scalar_info[e->op].c64 : scalar_info[e->op].c32; *s; s++) {
        if (*s == '$') put_expr(p, e->arg[*++s - '0'], ANY);
        else put(p->w, "%c", *s);
    }
}
static void put_load(Printer *p, const LX *e, int outer) {
    Writer *w = p->w;
    const char *name = c_name(p->arena, e->buf->name);
    bool guard = e->arg[0] != NULL;
    open_if(w, guard && outer > COND);
    if (guard) {
        put_expr(p, e->arg[0], OR_);
        put(w, " ? ");
    }
    const char *convert = e->buf->dt == DT_F16 ? "pgn_from_f16(" : e->buf->dt == DT_BF16 ? "pgn_from_bf16(" : "";
    bool narrow = e->buf->dt == DT_I8 || e->buf->dt == DT_U8, truth = e->buf->dt == DT_BOOL;
    bool wrap = (narrow && outer > UNARY) || (truth && !guard && outer > EQUAL);
    open_if(w, wrap);
    put(w, "%s%s%s[", convert, narrow ? "(int32_t)" : "", name);
    put_expr(p, e->index, ANY);
    put(w, "]%s%s", *convert ? ")" : "", truth ? " != 0" : "");
    close_if(w, wrap);
    if (guard) put(w, e->dt == DT_F32 ? " : 0.0f" : e->dt == DT_F64 ? " : 0.0" : e->dt == DT_BOOL ? " : false" : " : 0");
    close_if(w, guard && outer > COND);
}
static void put_cast(Printer *p, const LX *e, int outer) {
    Writer *w = p->w;
    Dtype from = e->arg[0]->dt;
    if (e->dt == from) { put_expr(p, e->arg[0], outer); return; }
    if (e->dt == DT_BOOL) {
        open_if(w, outer > EQUAL);
        put_expr(p, e->arg[0], SUM);
        put(w, " != 0");
        close_if(w, outer > EQUAL);
    } else if (dtype_is_int(e->dt) && dtype_is_float(from)) {
        call(p, e->dt == DT_I64 ? "pgn_i64_from_real" : "pgn_i32_from_real", &(LX){ .n = 1, .arg = { e->arg[0] } });
    } else {
        open_if(w, outer > UNARY);
        put(w, "(%s)", c_type(e->dt));
        put_expr(p, e->arg[0], PRIMARY);
        close_if(w, outer > UNARY);
    }
}
static void put_bitcast(Printer *p, const LX *e, int outer) {
    Writer *w = p->w;
    Dtype from = e->arg[0]->dt;
    if (from == e->dt) { put_expr(p, e->arg[0], outer); return; }
    bool to_int = dtype_is_int(e->dt), wide = e->dt == DT_I64 || e->dt == DT_F64;
    open_if(w, to_int && outer > UNARY);
    if (to_int) put(w, wide ? "(int64_t)pgn_bits_from_f64(" : "(int32_t)pgn_bits_from_f32(");
    else put(w, wide ? "pgn_f64_from_bits((uint64_t)" : "pgn_f32_from_bits((uint32_t)");
    put_expr(p, e->arg[0], to_int ? ANY : PRIMARY);
    put(w, ")");
    close_if(w, to_int && outer > UNARY);
}
void put_expr(Printer *p, const LX *e, int outer) {
    Writer *w = p->w;
    bool sign;
    switch (e->k) {
    case LX_INT:
        if (e->dt == DT_BOOL) { put(w, e->i ? "true" : "false"); return; }
        sign = e->i < 0 && outer >= SUM;
        open_if(w, sign);
        put_int(w, e->i);
        close_if(w, sign);
        return;
    case LX_REAL:
        sign = signbit(e->r) && outer >= SUM;
        open_if(w, sign);
        put_real(w, e->r, e->dt);
        close_if(w, sign);
        return;
    case LX_VAR: put(w, "%s", var_name(p, e->var)); return;
    case LX_SIZE:
        for (int k = 0; k < p->size.n; k++) if (ext_equal(p->size.at[k].size, e->size)) { put(w, "%s", p->size.at[k].name); return; }
        put_ext(p, e->size, outer);
        return;
    case LX_LOAD: put_load(p, e, outer); return;
    case LX_OP: put_op(p, e, outer); return;
    case LX_CAST: put_cast(p, e, outer); return;
    case LX_BITCAST: put_bitcast(p, e, outer); return;
    case LX_SELECT:
        open_if(w, outer > COND);
        put_expr(p, e->arg[0], OR_);
        put(w, " ? ");
        put_expr(p, e->arg[1], OR_);
        put(w, " : ");
        put_expr(p, e->arg[2], COND);
        close_if(w, outer > COND);
        return;
    }
}

/* ---- extents, in host code: over size[] --------------------------------------------------------------------------- */
static void ext_infix(Printer *p, const Ext *e, const char *sign, int level, int right, int outer) {
    open_if(p->w, outer > level);
    put_ext(p, e->a, level);
    put(p->w, " %s ", sign);
    put_ext(p, e->b, right);
    close_if(p->w, outer > level);
}
static const char *ext_function(ExtOp op) {
    switch (op) {
    case EXT_ADD: return "pgn_size_add";
    case EXT_SUB: return "pgn_size_sub";
    case EXT_MUL: return "pgn_size_mul";
    case EXT_FLOORDIV: return "pgn_size_floordiv";
    case EXT_CEILDIV: return "pgn_size_ceildiv";
    case EXT_MOD: return "pgn_size_mod";
    case EXT_MIN: return "pgn_size_min";
    case EXT_MAX: return "pgn_size_max";
    case EXT_CONST: case EXT_SYM: break;
    }
    return "";
}
void put_ext(Printer *p, const Ext *e, int outer) {
    switch (e->op) {
    case EXT_CONST: put_int(p->w, e->value); return;
    case EXT_SYM:
        put(p->w, "size[%d /* ", e->sym->id);
        put_comment(p->w, e->sym->name);
        put(p->w, " */]");
        return;
    case EXT_ADD: ext_infix(p, e, "+", SUM, SUM, outer); return;
    case EXT_SUB: ext_infix(p, e, "-", SUM, PRODUCT, outer); return;
    case EXT_MUL: ext_infix(p, e, "*", PRODUCT, UNARY, outer); return;
    case EXT_FLOORDIV: case EXT_CEILDIV: case EXT_MOD: case EXT_MIN: case EXT_MAX: break;
    }
    put(p->w, "%s(", ext_function(e->op));
    put_ext(p, e->a, ANY);
    put(p->w, ", ");
    put_ext(p, e->b, ANY);
    put(p->w, ")");
}
static void ext_checked(Writer *w, const Ext *e) {
    if (e->op == EXT_CONST) { put_int(w, e->value); return; }
    if (e->op == EXT_SYM) { put(w, "size[%d]", e->sym->id); return; }
    put(w, "%s(", ext_function(e->op));
    ext_checked(w, e->a);
    put(w, ", ");
    ext_checked(w, e->b);
    put(w, ")");
}
void put_ext_checked(Writer *w, const Ext *e) {
    bool simple = e->op == EXT_CONST || e->op == EXT_SYM;
    if (!simple) put(w, "pgn_size_known(");
    ext_checked(w, e);
    if (!simple) put(w, ")");
}
