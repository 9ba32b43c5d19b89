/* module.c - one LLVM module for a list of units: types, names, debug information, and the order in which its parts are made. */
#include "target/llvm/emit.h"
#include <string.h>

/* ---- maps -------------------------------------------------------------------------------------------------- */
static MapEntry *place(MapEntry *at, size_t cap, const void *key) {
    uint64_t h = (uint64_t)(uintptr_t)key;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    size_t p = (h ^ h >> 29) & (cap - 1);
    while (at[p].key && at[p].key != key) p = (p + 1) & (cap - 1);
    return &at[p];
}
MapEntry *map_find(Map *m, const void *key) {
    if (!m->cap) return NULL;
    MapEntry *e = place(m->at, m->cap, key);
    return e->key ? e : NULL;
}
MapEntry *map_add(Map *m, const void *key) {
    if (2 * (m->n + 1) > m->cap) {
        Map old = *m;
        m->cap = old.cap ? 2 * old.cap : 64;
        m->at = NEWN(m->a, MapEntry, m->cap);
        for (size_t k = 0; k < old.cap; k++) if (old.at[k].key) *place(m->at, m->cap, old.at[k].key) = old.at[k];
    }
    MapEntry *e = place(m->at, m->cap, key);
    if (!e->key) e->key = key, m->n++;
    return e;
}

/* ---- types and small things ----------------------------------------------------------------------------------- */
LT memory_type(Mod *m, Dtype dt) {
    switch (dt) {
    case DT_F64: return m->f64;
    case DT_F32: return m->f32;
    case DT_F16: case DT_BF16: return m->i16;
    case DT_I64: return m->i64;
    case DT_I32: return m->i32;
    case DT_I8: case DT_U8: case DT_BOOL: return m->i8;
    case DT_C64: case DT_C128: case DT_NONE: break;
    }
    return m->i8;
}
LT register_llvm(Mod *m, Dtype dt) {
    switch (register_type(dt)) {
    case DT_F64: return m->f64;
    case DT_F32: return m->f32;
    case DT_I64: return m->i64;
    case DT_BOOL: return m->i1;
    case DT_I32: case DT_I8: case DT_U8: case DT_F16: case DT_BF16: case DT_C64: case DT_C128: case DT_NONE: break;
    }
    return m->i32;
}
LV int64_of(Mod *m, int64_t v) { return LLVMConstInt(m->i64, (uint64_t)v, true); }
void add_attribute(Mod *m, LV fn, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    if (kind) LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(m->c, kind, 0));
}
LV call_overloaded(Mod *m, const char *name, LT *overload, int n_overload, LV *arg, int n) {
    LV f = LLVMGetIntrinsicDeclaration(m->mod, LLVMLookupIntrinsicID(name, strlen(name)), overload, (size_t)n_overload);
    return LLVMBuildCall2(m->b, LLVMGlobalGetValueType(f), f, arg, (unsigned)n, "");
}
LV call_intrinsic(Mod *m, const char *name, LT overload, LV *arg, int n) { return call_overloaded(m, name, &overload, 1, arg, n); }

/* a // b rounding down; b is not 0 */
static LV floor_div(Mod *m, LV a, LV b) {
    LV q = LLVMBuildSDiv(m->b, a, b, ""), r = LLVMBuildSRem(m->b, a, b, "");
    LV off = LLVMBuildAnd(m->b, LLVMBuildICmp(m->b, LLVMIntNE, r, int64_of(m, 0), ""),
                          LLVMBuildICmp(m->b, LLVMIntSLT, LLVMBuildXor(m->b, r, b, ""), int64_of(m, 0), ""), "");
    return LLVMBuildAdd(m->b, q, LLVMBuildSExt(m->b, off, m->i64, ""), "");
}
static LV checked(Mod *m, const char *name, LV a, LV b, LV *bad) {
    LV arg[2] = { a, b }, r = call_intrinsic(m, name, m->i64, arg, 2);
    *bad = LLVMBuildOr(m->b, *bad, LLVMBuildExtractValue(m->b, r, 1, ""), "");
    return LLVMBuildExtractValue(m->b, r, 0, "");
}
LV extent_value(Mod *m, const Ext *e, LV (*size)(void *data, int symbol), void *data, LV *bad) {
    if (e->op == EXT_CONST) return int64_of(m, e->value);
    if (e->op == EXT_SYM) return e->sym->fixed >= 0 ? int64_of(m, e->sym->fixed) : size(data, e->sym->id);
    LV a = extent_value(m, e->a, size, data, bad), b = extent_value(m, e->b, size, data, bad), zero = int64_of(m, 0), one = int64_of(m, 1);
    switch (e->op) {
    case EXT_ADD: return bad ? checked(m, "llvm.sadd.with.overflow", a, b, bad) : LLVMBuildAdd(m->b, a, b, "");
    case EXT_SUB: return bad ? checked(m, "llvm.ssub.with.overflow", a, b, bad) : LLVMBuildSub(m->b, a, b, "");
    case EXT_MUL: return bad ? checked(m, "llvm.smul.with.overflow", a, b, bad) : LLVMBuildMul(m->b, a, b, "");
    case EXT_MIN: return LLVMBuildSelect(m->b, LLVMBuildICmp(m->b, LLVMIntSLT, a, b, ""), a, b, "");
    case EXT_MAX: return LLVMBuildSelect(m->b, LLVMBuildICmp(m->b, LLVMIntSGT, a, b, ""), a, b, "");
    case EXT_FLOORDIV: case EXT_CEILDIV: case EXT_MOD: {
        LV none = LLVMBuildICmp(m->b, LLVMIntEQ, b, zero, "");
        if (bad) *bad = LLVMBuildOr(m->b, *bad, none, "");
        b = LLVMBuildSelect(m->b, none, one, b, "");
        if (e->op == EXT_CEILDIV) return LLVMBuildSub(m->b, zero, floor_div(m, LLVMBuildSub(m->b, zero, a, ""), b), "");
        LV q = floor_div(m, a, b);
        return e->op == EXT_FLOORDIV ? q : LLVMBuildSub(m->b, a, LLVMBuildMul(m->b, q, b, ""), "");
    }
    case EXT_CONST: case EXT_SYM: break;
    }
    return zero;
}

/* ---- debug information: a compile unit, the files, (kernel.c) a subprogram per kernel ------------------------------ */
static void debug_open(Mod *m) {
    m->di = LLVMCreateDIBuilder(m->mod);
    m->di_file = NEWN(m->a, LLVMMetadataRef, m->cx->source.n + 1);
    for (int k = 0; k <= m->cx->source.n; k++) {
        const char *path = k < m->cx->source.n ? m->cx->source.at[k].path : "model.pgn";
        const char *slash = strrchr(path, '/');
        const char *file = slash ? slash + 1 : path;
        m->di_file[k] = LLVMDIBuilderCreateFile(m->di, file, strlen(file), slash ? path : ".", slash ? (size_t)(slash - path) : 1);
    }
    m->di_unit = LLVMDIBuilderCreateCompileUnit(m->di, LLVMDWARFSourceLanguageC99, m->di_file[0], "pigeonc", 7, m->o->opt > 0, "", 0, 0, "", 0,
                                                LLVMDWARFEmissionLineTablesOnly, 0, false, false, "", 0, "", 0);
    LV three = LLVMConstInt(m->i32, 3, false), four = LLVMConstInt(m->i32, 4, false);       /* version of the metadata; DWARF 4 */
    LLVMAddModuleFlag(m->mod, LLVMModuleFlagBehaviorWarning, "Debug Info Version", 18, LLVMValueAsMetadata(three));
    LLVMAddModuleFlag(m->mod, LLVMModuleFlagBehaviorWarning, "Dwarf Version", 13, LLVMValueAsMetadata(four));
}

/* What has been added for one set may use its processor's instructions, whatever the rest of the module is for. */
static void set_cpu(Mod *m, const char *cpu) {
    for (LV f = LLVMGetFirstFunction(m->mod); f; f = LLVMGetNextFunction(f)) {
        if (LLVMIsDeclaration(f) || LLVMGetStringAttributeAtIndex(f, LLVMAttributeFunctionIndex, "target-cpu", 10)) continue;
        LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateStringAttribute(m->c, "target-cpu", 10, cpu, (unsigned)strlen(cpu)));
    }
}
/* One record, under a name of its own when it isn't the model's. The programs for other graphs come first. */
static LV one_unit(Mod *m, Unit *u, const char *name, const char *needs, LV *variant, int n_variant) {
    Unit named = *u;
    LV *other = NEWN(m->a, LV, 8), choice = NULL;
    named.name = name;
    for (int k = 1; u->choice && k < u->choice->n; k++) other[k - 1] = one_unit(m, u->choice->unit[k - 1], arena_printf(m->a, "%s.%d", name, k + 1), needs, NULL, -1);
    m->u = &named;
    if (u->choice) choice = module_choice(m, u->choice, other);
    m->const_data = NEWN(m->a, LV, u->buf.n + 1);
    return module_model(m, NEWN(m->a, LV, u->kernel.n + 1), needs, variant, n_variant, choice);
}
/* The other sets first: the records of the first list them. */
static void all_sets(Mod *m, const LlvmSet *set, int n_set, int n, const Target *machine) {
    LV *variant = NEWN(m->a, LV, (size_t)n * (size_t)n_set + 1);
    for (int s = n_set - 1; s >= 0; s--) {
        m->machine = &machine[s];
        for (int k = 0; k < n; k++) {
            Unit *u = set[s].units[k];
            LV r = one_unit(m, u, s ? arena_printf(m->a, "%s.%s", u->name, set[s].cpu) : u->name, set[s].needs, s ? NULL : &variant[k * n_set], s ? -1 : n_set - 1);
            if (s) variant[k * n_set + s - 1] = r;
        }
        if (n_set > 1) set_cpu(m, set[s].cpu);
    }
}

LLVMModuleRef module_of(Context *cx, const LlvmSet *set, int n_set, int n, const LlvmOptions *o, const Target *machine, LLVMContextRef c) {
    Mod m = { .cx = cx, .a = arena_new(), .o = o, .machine = machine, .c = c };
    int errors = cx->n_errors;
    m.mod = LLVMModuleCreateWithNameInContext(n ? set[0].units[0]->name : "model", c);
    LLVMSetTarget(m.mod, machine->triple);
    LLVMSetModuleDataLayout(m.mod, machine->layout);
    m.b = LLVMCreateBuilderInContext(c);
    m.i1 = LLVMInt1TypeInContext(c), m.i8 = LLVMInt8TypeInContext(c), m.i16 = LLVMInt16TypeInContext(c);
    m.i32 = LLVMInt32TypeInContext(c), m.i64 = LLVMInt64TypeInContext(c), m.f16 = LLVMHalfTypeInContext(c);
    m.f32 = LLVMFloatTypeInContext(c), m.f64 = LLVMDoubleTypeInContext(c), m.ptr = LLVMPointerTypeInContext(c, 0);
    m.void_ = LLVMVoidTypeInContext(c);
    m.md_scope = LLVMGetMDKindIDInContext(c, "alias.scope", 11), m.md_noalias = LLVMGetMDKindIDInContext(c, "noalias", 7);
    m.md_loop = LLVMGetMDKindIDInContext(c, "llvm.loop", 9), m.md_nontemporal = LLVMGetMDKindIDInContext(c, "nontemporal", 11);
    m.zero_cell = LLVMAddGlobal(m.mod, m.i64, "zero");
    LLVMSetInitializer(m.zero_cell, LLVMConstInt(m.i64, 0, false));
    LLVMSetGlobalConstant(m.zero_cell, true);
    LLVMSetLinkage(m.zero_cell, LLVMPrivateLinkage);
    LLVMAddModuleFlag(m.mod, LLVMModuleFlagBehaviorWarning, "PIC Level", 9, LLVMValueAsMetadata(LLVMConstInt(m.i32, 2, false)));
    if (o->debug) debug_open(&m);
    all_sets(&m, set, n_set, n, machine);
    if (m.di) {
        LLVMDIBuilderFinalize(m.di);
        LLVMDisposeDIBuilder(m.di);
    }
    LLVMDisposeBuilder(m.b);
    arena_free(m.a);
    if (cx->n_errors != errors) {
        LLVMDisposeModule(m.mod);
        return NULL;
    }
    return m.mod;
}
