/* compile.c - `pigeonc m.pgn -o m.o` and `pigeonc opt`: programs to units, units to what --emit asks for, and the files that go with an
 * object: header, manifest, make rule.  Everything is made first; then the files appear, each whole or not at all, the main one last. */
#include "tool/tool.h"
#include "ir/schedule.h"
#include "target/c/c.h"
#include "target/llvm/llvm.h"
#include <stdlib.h>
#include <string.h>

typedef enum EmitKind { EMIT_OBJ, EMIT_ASM, EMIT_LLVM, EMIT_C, EMIT_CUDA, EMIT_PTX, EMIT_CUBIN, EMIT_HEADER, EMIT_MANIFEST, EMIT_INTER, EMIT_INTRA } EmitKind;
const EmitRow emit_row[] = {
    [EMIT_OBJ] = { "obj", ".o", false, "object file; a header goes with it" },
    [EMIT_ASM] = { "asm", ".s", true, "assembly of the processor" },
    [EMIT_LLVM] = { "llvm", ".ll", true, "LLVM's IR" },
    [EMIT_C] = { "c", ".c", true, "plain C11" },
    [EMIT_CUDA] = { "cuda", ".cu", true, "CUDA C" },
    [EMIT_PTX] = { "ptx", ".ptx", true, "NVIDIA's assembly, through nvcc" },
    [EMIT_CUBIN] = { "cubin", ".cubin", false, "NVIDIA's machine code, through nvcc" },
    [EMIT_HEADER] = { "header", ".h", true, "the C header of the artifact" },
    [EMIT_MANIFEST] = { "manifest", ".json", true, "the interface as JSON" },
    [EMIT_INTER] = { "inter", ".inter", true, "the inter-operator IR, after the passes" },
    [EMIT_INTRA] = { "intra", ".intra", true, "the loop IR" },
};
const int n_emit = sizeof emit_row / sizeof *emit_row;

/* What is compiled. Lowering makes register tiles for a processor and none for text, so there is a list of units for each target of the
 * set, and one (the last) without tiles; each is made when something needs it. `opt` may begin with a unit: then there is no program. */
typedef struct Build { Options *o; Context *cx; int n; Program **program, **source; Variants *variants; int n_set; const Target **set; Unit ***unit; } Build;
typedef struct OutputFile { EmitKind kind; const char *path; const void *data; size_t n; } OutputFile;
typedef VEC(OutputFile) Outputs;

/* ---- making bytes -------------------------------------------------------------------------------------------------------- */
static bool read_back(Context *cx, const char *by, const char *path, OutputFile *out) {
    FILE *f = fopen(path, "rb");
    char *data = NULL;
    long n = f && !fseek(f, 0, SEEK_END) ? ftell(f) : -1;
    if (n >= 0) {
        rewind(f);
        data = arena_alloc(cx->arena, (size_t)n + 1);
        if (fread(data, 1, (size_t)n, f) != (size_t)n) n = -1;
    }
    if (f) fclose(f);
    if (n < 0) diag_error(cx, D_TOOL_FAILED, NO_LOC, "`%s` ended without an error, but `%s`, which it was to write, can't be read", by, path);
    out->data = data, out->n = n < 0 ? 0 : (size_t)n;
    return n >= 0;
}
static Build build_of(Options *o, int n, Program **program) {
    Build b = { .o = o, .cx = o->cx, .n = n, .program = program };
    bool cpu = o->target && o->target->kind == TARGET_CPU;
    b.n_set = cpu ? o->target_set.n : 1;
    b.set = NEWN(o->cx->arena, const Target *, b.n_set);
    for (int k = 0; k < b.n_set; k++) b.set[k] = cpu ? o->target_set.at[k] : target_find(o->cx, "cpu");
    b.unit = NEWN(o->cx->arena, Unit **, b.n_set + 1);
    return b;
}
static LlvmOptions llvm_options(const Build *b, const Target *t) {
    return (LlvmOptions){ .opt = b->o->opt, .cpu = t->cpu, .triple = target_triple(t), .debug = b->o->debug };
}
/* The same for other kinds of graphs, where that pays, no caller can tell, and nobody waits for it: unless asked for, what all the programs have to
 * compile is about a third of a second's work. */
enum { MOST_WORK = 3600 };
static bool with_variants(Build *b, int k, const Machine *m, Unit *u) {
    Variants *v = &b->variants[k];
    bool asked_for = b->o->variants || b->o->opt >= 3;
    int64_t size = loop_size(u);
    if (b->o->memory_limit || (!asked_for && 2 * size > MOST_WORK)) return true;                    /* others are about as large */
    if (!v->made && !variants_make(b->o, b->source[k], b->program[k], v)) return false;
    if (!v->choice) return true;
    Choice *c = NEW(b->cx->arena, Choice);
    *c = *v->choice;
    c->unit = NEWN(b->cx->arena, Unit *, v->n);
    int n = 0;
    for (bool alike = true; n < v->n; n++) {
        if (!(c->unit[n] = front_unit(b->o, v->program[n], m))) return false;
        size += loop_size(c->unit[n]);
        if (!asked_for && size > MOST_WORK) break;
        alike = alike && variants_alike(u, c->unit[n], b->source[k]->sym.n);
        if (!alike) return true;
    }
    c->n = n + 1;
    if (n) u->choice = c;
    return true;
}
/* For target `at` of the set, b->n_set: without tiles. NULL after diagnostics */
static Unit **units(Build *b, int at) {
    if (b->unit[at]) return b->unit[at];
    Machine m;
    bool tiled = at < b->n_set;
    LlvmOptions l = tiled ? llvm_options(b, b->set[at]) : (LlvmOptions){ 0 };
    const LlvmTarget *llvm = tiled ? llvm_target(b->cx) : NULL;
    if (tiled && (!llvm || !llvm->machine(b->cx, &l, &m))) return NULL;
    Unit **u = NEWN(b->cx->arena, Unit *, b->n + 1);
    for (int k = 0; k < b->n; k++) {
        if (!(u[k] = front_unit(b->o, b->program[k], tiled ? &m : NULL))) return NULL;
        if (b->o->symbol_prefix) u[k]->name = arena_printf(b->cx->arena, "%s%s", b->o->symbol_prefix, u[k]->name);
        if (tiled && b->source && b->source[k] && !with_variants(b, k, &m, u[k])) return NULL;
    }
    return b->unit[at] = u;
}
static Unit **plain_units(Build *b) { return units(b, b->n_set); }
/* for what only looks at the interface */
static Unit **any_units(Build *b) { return b->unit[0] ? b->unit[0] : plain_units(b); }
static bool cuda_text(Build *b, Writer *w) {
    Unit **u = plain_units(b);
    if (!u) return false;
    target_c_prologue(w, true);
    for (int k = 0; k < b->n; k++) target_cuda_print(u[k], w);
    return true;
}
static bool through_nvcc(Build *b, OutputFile *out) {
    Context *cx = b->cx;
    const char *nvcc = tool_find(cx, TOOL_NVCC), *arch = b->o->target && b->o->target->kind == TARGET_CUDA ? b->o->target->cpu : "sm_80";
    Scratch s;
    Writer w;
    writer_init(&w, cx->arena);
    if (!nvcc || !cuda_text(b, &w) || !scratch_begin(cx, &s)) return false;
    const char *result = scratch_file(cx, &s, "model.out");
    const char *const words[] = { out->kind == EMIT_PTX ? "-ptx" : out->kind == EMIT_CUBIN ? "-cubin" : "-c", "-std=c++17", "-Xcompiler", "-fPIC",
                                  arena_printf(cx->arena, "-arch=%s", arch),
                                  arena_printf(cx->arena, "-O%d", b->o->opt), arena_printf(cx->arena, "-I%s", home_include(cx)), "-o", "model.out", "model.cu" };
    Words argv = { 0 };
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) vec_add(cx->arena, argv, words[k]);
    if (b->o->debug) vec_add(cx->arena, argv, "-lineinfo");
    bool ok = write_file(cx, scratch_file(cx, &s, "model.cu"), w.at, w.n, false) && tool_run(cx, nvcc, &argv, &s) && read_back(cx, nvcc, result, out);
    scratch_end(&s);
    return ok;
}
static bool through_llvm(Build *b, OutputFile *out) {
    LlvmSet *set = NEWN(b->cx->arena, LlvmSet, b->n_set);
    LlvmOptions l = llvm_options(b, b->set[0]);
    LlvmOutput kind = out->kind == EMIT_OBJ ? LLVM_OBJECT : out->kind == EMIT_ASM ? LLVM_ASSEMBLY : LLVM_IR;
    for (int k = 0; k < b->n_set; k++) {
        set[k] = (LlvmSet){ b->set[k]->cpu, b->set[k]->arch ? b->set[k]->name : NULL, units(b, k) };
        if (!set[k].units) return false;
    }
    const LlvmTarget *llvm = llvm_target(b->cx);
    return llvm && llvm->emit_sets(b->cx, set, b->n_set, b->n, &l, kind, &out->data, &out->n);
}
static bool make_text(Build *b, EmitKind kind, Writer *w) {
    if (kind == EMIT_CUDA) return cuda_text(b, w);
    if (kind == EMIT_INTER) { for (int k = 0; k < b->n; k++) program_print(b->program[k], w); return true; }
    bool cpu = b->o->target && b->o->target->kind == TARGET_CPU;           /* the loop IR of a processor that is named has its tiles */
    Unit **u = kind == EMIT_C || (kind == EMIT_INTRA && !cpu) ? plain_units(b) : kind == EMIT_INTRA ? units(b, 0) : any_units(b);
    if (!u) return false;
    if (kind == EMIT_MANIFEST) manifest_print(w, b->o, u, b->n);
    if (kind == EMIT_C) target_c_prologue(w, false);
    for (int k = 0; k < b->n; k++) {
        if (kind == EMIT_C) target_c_print(u[k], w);
        if (kind == EMIT_HEADER) target_header_print(u[k], w);
        if (kind == EMIT_INTRA) unit_print(u[k], w);
    }
    return true;
}
static bool make(Build *b, OutputFile *out) {
    bool cuda = b->o->target && b->o->target->kind == TARGET_CUDA;
    switch (out->kind) {
    case EMIT_OBJ: return cuda ? through_nvcc(b, out) : through_llvm(b, out);
    case EMIT_ASM: case EMIT_LLVM:
        if (!cuda) return through_llvm(b, out);
        diag_help(diag_error(b->cx, D_USAGE, NO_LOC, "--emit=%s is for processors, not for `%s`", emit_row[out->kind].name, b->o->target->name), "--emit=ptx");
        return false;
    case EMIT_PTX: case EMIT_CUBIN: return through_nvcc(b, out);
    case EMIT_C: case EMIT_CUDA: case EMIT_HEADER: case EMIT_MANIFEST: case EMIT_INTER: case EMIT_INTRA: break;
    }
    Writer w;
    writer_init(&w, b->cx->arena);
    put_raw(&w, "", 0);
    if (!make_text(b, out->kind, &w)) return false;
    out->data = w.at, out->n = w.n;
    return true;
}

/* ---- names of files -------------------------------------------------------------------------------------------------------- */
/* "dir/m.o" -> "dir/m" */
static const char *stem(Context *cx, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return intern_n(cx, path, dot && dot > name ? (size_t)(dot - path) : strlen(path));
}
/* What files are called that have no name yet: after the output, else after the model, in the current folder. */
static const char *base_name(const Options *o) {
    if (o->output && strcmp(o->output, "-")) return stem(o->cx, o->output);
    const char *file = o->file.at[0], *slash = strrchr(file, '/');
    return strcmp(file, "-") ? stem(o->cx, slash ? slash + 1 : file) : "model";
}
static void put_make_name(Writer *w, const char *s) {
    for (; *s; s++) put(w, *s == '$' ? "$$" : *s == ' ' ? "\\ " : *s == '#' ? "\\#" : "%c", *s);
}
static void make_rule(const Options *o, const char *target, OutputFile *out) {
    Writer w;
    writer_init(&w, o->cx->arena);
    if (o->deps_target) put(&w, "%s:", o->deps_target); else { put_make_name(&w, target); put(&w, ":"); }
    for (int pass = 0; pass < 1 + o->deps_phony; pass++)
        for (int k = 0; k < o->cx->source.n; k++) {
            const char *path = o->cx->source.at[k].path;
            if (!strcmp(path, "-") || (pass && !k)) continue;
            put(&w, pass ? "\n\n" : " \\\n ");
            put_make_name(&w, path);
            if (pass) put(&w, ":");
        }
    put(&w, "\n");
    out->data = w.at, out->n = w.n;
}

/* ---- a build ------------------------------------------------------------------------------------------------------------------ */
static bool kinds_asked(Options *o, const char *otherwise, Outputs *out) {
    const char *names[sizeof emit_row / sizeof *emit_row];
    if (!o->emit.n) vec_add(o->cx->arena, o->emit, otherwise);
    for (int k = 0; k < n_emit; k++) names[k] = emit_row[k].name;
    for (int k = 0; k < o->emit.n; k++) {
        int j = 0;
        while (j < n_emit && strcmp(names[j], o->emit.at[k])) j++;
        if (j == n_emit) {
            const char *near = did_you_mean(o->cx, o->emit.at[k], names, n_emit);
            Diag *d = diag_error(o->cx, D_USAGE, NO_LOC, "--emit has no `%s`", o->emit.at[k]);
            if (near) diag_help(d, "did you mean `%s`?", near); else diag_help(d, "--print=emit lists what there is");
            return false;
        }
        vec_add(o->cx->arena, *out, (OutputFile){ .kind = (EmitKind)j });
    }
    if (out->n > 1 && o->output && !strcmp(o->output, "-")) { diag_error(o->cx, D_USAGE, NO_LOC, "only one kind of output fits on standard output"); return false; }
    return true;
}
static bool asked(const Outputs *out, EmitKind kind) {
    for (int k = 0; k < out->n; k++) if (out->at[k].kind == kind) return true;
    return false;
}
static const char *beside(Context *cx, const char *base, EmitKind kind) { return arena_printf(cx->arena, "%s%s", base, emit_row[kind].extension); }
static int finish(Build *b, Outputs *out) {
    Options *o = b->o;
    Context *cx = o->cx;
    const char *base = base_name(o), *path = out->n > 1 ? NULL : o->output ? o->output : emit_row[out->at[0].kind].text ? "-" : NULL;
    for (int k = 0; k < out->n; k++) out->at[k].path = path ? path : beside(cx, base, out->at[k].kind);
    const char *first = out->at[0].path;
    bool header = asked(out, EMIT_OBJ) && !asked(out, EMIT_HEADER) && strcmp(first, "-"), manifest = o->manifest && !asked(out, EMIT_MANIFEST);
    if (header) vec_add(cx->arena, *out, (OutputFile){ .kind = EMIT_HEADER, .path = beside(cx, base, EMIT_HEADER) });
    if (manifest) vec_add(cx->arena, *out, (OutputFile){ .kind = EMIT_MANIFEST, .path = beside(cx, base, EMIT_MANIFEST) });
    Progress bar;
    bool ok = true;
    phase_begin(o);
    progress_start(&bar, "compiling");
    for (int k = 0; k < out->n && ok; k++) ok = make(b, &out->at[k]);
    progress_stop(&bar);
    phase_end(o, "emit");
    if (!ok) return EXIT_DIAGNOSED;
    if (o->deps) {
        OutputFile rule = { .path = o->deps_file ? o->deps_file : arena_printf(cx->arena, "%s.d", base) };
        make_rule(o, strcmp(first, "-") ? first : beside(cx, base, out->at[0].kind), &rule);
        vec_add(cx->arena, *out, rule);
    }
    for (int k = 0; k < out->n; k++) {
        const char *path = out->at[k].path;
        bool twice = o->command != 'O' && !strcmp(path, o->file.at[0]);      /* opt may work in place */
        for (int j = 0; j < k; j++) twice |= !strcmp(path, out->at[j].path);
        if (twice && strcmp(path, "-") && strcmp(path, "/dev/null")) { diag_error(cx, D_USAGE, NO_LOC, "`%s` would be written over: it is %s", path, strcmp(path, o->file.at[0]) ? "asked for twice" : "what is compiled"); return EXIT_USAGE; }
    }
    NewFile *file = NEWN(cx->arena, NewFile, out->n);
    for (int k = 0; k < out->n; k++) file[k] = (NewFile){ out->at[k].path, out->at[k].data, out->at[k].n, k > 0 };
    if (!write_files(cx, file, out->n)) return EXIT_DIAGNOSED;
    phase_end(o, "write");
    return EXIT_OK;
}
static bool is_defined(const Options *o, const char *name) {
    for (int k = 0; k < o->define.n; k++) if (!strcmp(o->define.at[k].name, name)) return true;
    return false;
}
/* training: NULL: as it is used; else what -D training=.. would say. */
static bool add_program(Build *b, File *f, const char *model, const char *training) {
    Options *o = b->o;
    if (training) vec_add(b->cx->arena, o->define, (Fixed){ "training", training });
    o->is_part = training != NULL;
    Program *source = front_program(o, f, model), *p = front_code(o, source);
    if (p && b->source && !training) b->source[b->n] = source;
    o->define.n -= training != NULL;
    if (p) b->program[b->n++] = p;
    return p != NULL;
}
/* A model that says how it is trained brings its step and its gradients, unless -D training=.. says which one is wanted. */
int command_compile(Options *o) {
    Outputs out = { 0 };
    if (!kinds_asked(o, "obj", &out)) return EXIT_USAGE;
    File *f = front_parse(o, o->file.at[0]);
    if (!f) return EXIT_DIAGNOSED;
    const char *all[256];
    int n = sema_entries(f, all, 256);
    if (o->model.n == 1 && !strcmp(o->model.at[0], "*")) { o->model.n = 0; for (int k = 0; k < n; k++) vec_add(o->cx->arena, o->model, all[k]); }
    if (!o->model.n) vec_add(o->cx->arena, o->model, n ? all[n - 1] : NULL);
    Build b = build_of(o, 0, NEWN(o->cx->arena, Program *, 3 * o->model.n + 1));
    bool varies = (!o->target || o->target->kind == TARGET_CPU) && (asked(&out, EMIT_OBJ) || asked(&out, EMIT_ASM) || asked(&out, EMIT_LLVM));
    if (varies) b.source = NEWN(o->cx->arena, Program *, 3 * o->model.n + 1), b.variants = NEWN(o->cx->arena, Variants, 3 * o->model.n + 1);
    bool parts = !asked(&out, EMIT_INTER) && !asked(&out, EMIT_INTRA) && !is_defined(o, "training");
    for (int k = 0; k < o->model.n; k++) {
        for (int j = 0; j < k; j++) if (o->model.at[j] == o->model.at[k]) {
            diag_error(o->cx, D_USAGE, NO_LOC, "model `%s` is named twice", o->model.at[k]);
            return EXIT_USAGE;
        }
        if (!add_program(&b, f, o->model.at[k], NULL)) return EXIT_DIAGNOSED;
        if (!parts || !o->model.at[k] || !sema_trains(f, o->model.at[k])) continue;
        if (!add_program(&b, f, o->model.at[k], "1") || !add_program(&b, f, o->model.at[k], "gradients")) return EXIT_DIAGNOSED;
    }
    for (int k = 0; k < b.n; k++) for (int j = 0; j < k; j++) if (b.program[j]->name == b.program[k]->name) {
        diag_help(diag_error(o->cx, D_USAGE, NO_LOC, "`%s` is what two of the programs are called: a model, and a part of a model that is trained", b.program[k]->name), "rename one of the models, or compile with -D training=0");
        return EXIT_USAGE;
    }
    return finish(&b, &out);
}

/* IR text: one program, or one unit of the loop IR */
static bool is_unit(const char *s) {
    while (*s && (strchr(" \t\r\n\f", *s) || *s == ';' || *s == '#')) s += *s == ';' || *s == '#' ? strcspn(s, "\n") : 1;
    if (*s++ != '(') return false;
    s += strspn(s, " \t\r\n\f");
    return !strncmp(s, "unit", 4) && s[4] && strchr(" \t\r\n\f()\";#", s[4]);
}
int command_opt(Options *o) {
    phase_begin(o);
    int source = source_read(o->cx, o->file.at[0], NO_LOC);
    if (source < 0) return EXIT_DIAGNOSED;
    Program *p = NULL;
    Unit *u = NULL;
    Build b = build_of(o, 1, &p);
    Outputs out = { 0 };
    bool loop = is_unit(o->cx->source.at[source].text), same = !o->emit.n;
    if (!kinds_asked(o, loop ? "intra" : "inter", &out)) return EXIT_USAGE;
    if (loop) {
        if (!(u = unit_read(o->cx, source)) || !unit_verify(u, "read")) return EXIT_DIAGNOSED;
        if (asked(&out, EMIT_INTER) || o->passes) {
            diag_error(o->cx, D_USAGE, NO_LOC, "`%s` is loop IR: there is no way back to programs and their passes", o->file.at[0]);
            return EXIT_USAGE;
        }
        if (o->symbol_prefix) u->name = arena_printf(o->cx->arena, "%s%s", o->symbol_prefix, u->name);
        for (int k = 0; k <= b.n_set; k++) b.unit[k] = &u;
        return finish(&b, &out);
    }
    if (!(p = program_read(o->cx, source)) || !program_verify(p, "read") || !schedule_check(p) || !front_schedule(o, p)) return EXIT_DIAGNOSED;
    if (!(p = same ? front_passes(o, p, o->passes) : front_code(o, p))) return EXIT_DIAGNOSED;
    return finish(&b, &out);
}
