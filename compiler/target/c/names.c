/* names.c - types, names and comments of the printed text, and the two dialect records. */
#include "target/c/print.h"
#include <ctype.h>
#include <string.h>

const Dialect dialect_c = { false, false, "restrict", { "pgn_minf", "pgn_min" }, { "pgn_maxf", "pgn_max" } };
const Dialect dialect_cuda = { true, true, "__restrict__", { "fminf", "fmin" }, { "fmaxf", "fmax" } };

const char *c_type(Dtype t) {
    switch (t) {
    case DT_F64: case DT_C128: return "double";
    case DT_F32: case DT_F16: case DT_BF16: case DT_C64: return "float";
    case DT_I64: return "int64_t";
    case DT_I32: case DT_I8: case DT_U8: return "int32_t";
    case DT_BOOL: return "bool";
    case DT_NONE: break;
    }
    return "void";
}
const char *c_memory_type(Dtype t) {
    switch (t) {
    case DT_F16: case DT_BF16: return "uint16_t";
    case DT_I8: return "int8_t";
    case DT_U8: case DT_BOOL: return "uint8_t";
    case DT_F64: case DT_F32: case DT_I64: case DT_I32: case DT_C64: case DT_C128: case DT_NONE: break;
    }
    return c_type(t);
}
const char *c_interface_type(Dtype t) { return t == DT_BOOL ? "bool" : c_memory_type(t); }

static bool spelt_with(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *c = strstr(text, word); c; c = strstr(c + 1, word))
        if ((c == text || (!isalnum((unsigned char)c[-1]) && c[-1] != '_')) && !isalnum((unsigned char)c[n]) && c[n] != '_') return true;
    return false;
}
/* loop_finish() keeps keywords and the commonest functions away from variables; interfaces, the rest of <math.h> and what scalar.def spells are ours. */
static bool reserved(const char *s) {
    static const char *const word[] = {
        "alignas", "alignof", "and", "asm", "atomicAdd", "auto", "blockDim", "blockIdx", "bool", "break", "case", "catch", "char", "class", "compl",
        "const", "constexpr", "continue", "copysign", "decltype", "default", "delete", "do", "double", "else", "enum", "env", "error", "explicit",
        "export", "extern", "false", "fdim", "float", "fma", "fmod", "for", "frexp", "friend", "gamma", "goto", "gridDim", "hi", "hypot", "if",
        "inline", "int", "j0", "j1", "jn", "lo", "long", "lrint", "memcpy", "mutable", "namespace", "new", "noexcept", "not", "nullptr", "operator",
        "or", "params", "private", "protected", "public", "register", "restrict", "return", "round", "short", "signed", "signgam", "size", "sizeof",
        "static", "struct", "switch", "template", "this", "threadIdx", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "union",
        "unsigned", "using", "virtual", "void", "volatile", "warpSize", "while", "xor", "y0", "y1", "yn", "linux", "unix", "I", "NULL", "NAN",
        "INFINITY", "log10", "logb", "rsqrt", "tgamma", "fmodf", "rsqrtf", "int8_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t",
        "uint64_t", "size_t", "PGN_LANES", "PGN_UNROLL", "PGN_IN_ORDER", "EOF", "BUFSIZ", "HUGE", "DOMAIN", "SING", "OVERFLOW", "UNDERFLOW", "assert", "errno",
        "stdin", "stdout", "stderr", "i386", "dim3", "clock"
    };
    /* M_PI, INT32_MAX, FLT_EPSILON: what headers define, and is replaced wherever it stands */
    bool small = false, second_word = false;
    for (const char *c = s; *c; c++) small |= islower((unsigned char)*c), second_word |= *c == '_' && isupper((unsigned char)c[1]);
    if (second_word && !small) return true;
    for (size_t k = 0; k < sizeof word / sizeof *word; k++) if (!strcmp(word[k], s)) return true;
    for (int k = 0; k < OP_COUNT; k++) if (spelt_with(scalar_info[k].c32, s) || spelt_with(scalar_info[k].c64, s)) return true;
    return !strncmp(s, "pgn_", 4);
}
const char *c_name(Arena *a, const char *name) {
    char *s = arena_printf(a, "%s%s", !*name || isdigit((unsigned char)*name) ? "v" : "", name);
    for (char *c = s; *c; c++) if (!isalnum((unsigned char)*c)) *c = '_';
    if (*s == '_') s = arena_printf(a, "v%s", s);
    return reserved(s) ? arena_printf(a, "%s_", s) : s;       /* no name of the loop IR ends in _ */
}
const char *var_name(const Printer *p, const Var *v) { return c_name(p->arena, v->name); }

int kernel_at(const Unit *u, const Kernel *k) {
    for (int j = 0; j < u->kernel.n; j++) if (u->kernel.at[j] == k) return j;
    return 0;
}
void mark_launched(const Unit *u, const HostBlock *b, bool *launched) {
    for (int j = 0; j < b->n; j++) {
        const LH *h = b->at[j];
        if (h->k == LH_KERNEL) launched[kernel_at(u, h->kernel)] = true;
        mark_launched(u, &h->head, launched);
        mark_launched(u, &h->body, launched);
    }
}
/* Two underscores: the kernel `b_c` of `a` is not the kernel `c` of `a_b`. A CUDA unit may need a kernel on both sides. */
const char *kernel_name(const Printer *p, const Kernel *k, bool on_device) {
    return arena_printf(p->arena, "%s__%s%s", p->u->name, k->name, p->d->cuda && !on_device ? "_host_" : "");
}
void put_comment(Writer *w, const char *text) {
    for (const char *s = text ? text : ""; *s; s++) {
        char c = *s == '\n' || *s == '\r' || *s == '\t' ? ' ' : *s;
        put(w, "%c", c);
        if ((c == '*' && s[1] == '/') || (c == '/' && s[1] == '*')) put(w, " ");
        if (c == '\\' && !s[1]) put(w, " ");
    }
}
void put_string(Writer *w, const char *text) {
    if (!text) { put(w, "NULL"); return; }
    put(w, "\"");
    for (const char *s = text; *s; s++) {
        if (*s == '"' || *s == '\\') put(w, "\\%c", *s);
        else if ((unsigned char)*s < 32 || *s == '?' || (unsigned char)*s >= 127) put(w, "\\%03o", (unsigned)(unsigned char)*s);
        else put(w, "%c", *s);
    }
    put(w, "\"");
}
const char *place(const Printer *p, Loc loc) {
    if (loc.file < 0 || !p->u->cx || loc.file >= p->u->cx->source.n) return "";
    const char *path = p->u->cx->source.at[loc.file].path, *slash = strrchr(path, '/');
    return arena_printf(p->arena, "%s:%d", slash ? slash + 1 : path, loc.line);
}
