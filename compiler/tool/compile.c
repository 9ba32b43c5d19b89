/* compile.c - `pigeonc m.pgn -o m.o`: programs to units, units to the text or bytes of one target, and the files that go with
 * an object (header, dependence rule, manifest).  Every file appears whole or not at all. */
#include "tool/tool.h"
#include "target/c/c.h"
#include "target/llvm/llvm.h"
#include <stdlib.h>
#include <string.h>

/* "dir/m.o" -> "dir/m" */
static const char *stem(Context *cx, const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    return intern_n(cx, path, dot ? (size_t)(dot - path) : strlen(path));
}

static void json_argument(Writer *w, const IfaceItem *a, bool last) {
    put(w, "{\"name\": \"%s\", \"type\": \"%s\", \"shape\": [", a->name, dtype_name(a->dt));
    for (int k = 0; k < a->rank; k++) put(w, "%s\"%s\"", k ? ", " : "", ext_text(w->arena, a->extent[k]));
    put(w, "]%s%s%s%s}%s\n", a->target ? ", \"map\": \"" : "", a->target ? ext_text(w->arena, a->target) : "", a->target ? "\"" : "",
        a->frozen ? ", \"frozen\": true" : "", last ? "" : ",");
}

static void manifest(Writer *w, Unit **u, int n) {
    put(w, "{\"abi\": %d, \"models\": [\n", PGN_ABI);
    for (int m = 0; m < n; m++) {
        put(w, "{\"name\": \"%s\", \"dims\": [", u[m]->name);
        bool first = true;
        for (int k = 0; k < u[m]->sym.n; k++) {
            const Sym *s = u[m]->sym.at[k];
            if (s->kind != SYM_DIM) continue;
            put(w, "%s{\"name\": \"%s\", \"fixed\": ", first ? "" : ", ", s->name);
            if (s->fixed >= 0) put(w, "%lld}", (long long)s->fixed); else put(w, "null}");
            first = false;
        }
        put(w, "],\n\"graphs\": [");
        for (int k = 0; k < u[m]->graph.n; k++) put(w, "%s\"%s\"", k ? ", " : "", u[m]->graph.at[k].name);
        put(w, "],\n\"inputs\": [\n");
        for (int k = 0; k < u[m]->input.n; k++) json_argument(w, &u[m]->input.at[k], k + 1 == u[m]->input.n);
        put(w, "],\n\"params\": [\n");
        for (int k = 0; k < u[m]->param.n; k++) json_argument(w, &u[m]->param.at[k], k + 1 == u[m]->param.n);
        put(w, "],\n\"outputs\": [\n");
        for (int k = 0; k < u[m]->output.n; k++) json_argument(w, &u[m]->output.at[k], k + 1 == u[m]->output.n);
        put(w, "]}%s\n", m + 1 < n ? "," : "");
    }
    put(w, "]}\n");
}

static void depfile(Options *o, Writer *w, const char *target) {
    put(w, "%s:", target);
    for (int k = 0; k < o->cx->source.n; k++) if (strcmp(o->cx->source.at[k].path, "-")) put(w, " \\\n %s", o->cx->source.at[k].path);
    put(w, "\n");
    for (int k = 1; o->phony && k < o->cx->source.n; k++) put(w, "\n%s:\n", o->cx->source.at[k].path);
}

static bool target_options(Options *o, LlvmOptions *l) {
    *l = (LlvmOptions){ .opt = o->opt, .cpu = "native", .debug = o->debug, .pic = true };
    const char *t = o->target;
    if (!t || !strcmp(t, "cpu")) return true;
    if (!strncmp(t, "cpu:", 4)) {
        t += 4;
        l->cpu = !strcmp(t, "avx2") ? "x86-64-v3" : !strcmp(t, "avx512") ? "x86-64-v4" : intern(o->cx, t);
        return true;
    }
    if (target_llvm_known_target(t)) { l->triple = t; l->cpu = !strncmp(t, "aarch64", 7) ? "generic" : "x86-64"; return true; }
    diag_help(diag_error(o->cx, D_USAGE, NO_LOC, "there is no target `%s`", t), "--print=targets lists them");
    return false;
}

static bool emit(Options *o, Program **p, Unit **u, int n, const char *kind, const void **data, size_t *size) {
    Writer w;
    writer_init(&w, o->cx->arena);
    LlvmOptions l;
    if (!strcmp(kind, "inter")) for (int k = 0; k < n; k++) program_print(p[k], &w);
    else if (!strcmp(kind, "intra")) for (int k = 0; k < n; k++) unit_print(u[k], &w);
    else if (!strcmp(kind, "c")) { target_c_prologue(&w, false); for (int k = 0; k < n; k++) target_c_print(u[k], &w); }
    else if (!strcmp(kind, "cuda")) { target_c_prologue(&w, true); for (int k = 0; k < n; k++) target_cuda_print(u[k], &w); }
    else if (!strcmp(kind, "header")) for (int k = 0; k < n; k++) target_header_print(u[k], &w);
    else if (!strcmp(kind, "manifest")) manifest(&w, u, n);
    else if (target_options(o, &l)) {
        LlvmOutput out = !strcmp(kind, "obj") ? LLVM_OBJECT : !strcmp(kind, "asm") ? LLVM_ASSEMBLY : LLVM_IR;
        return target_llvm_emit(o->cx, u, n, &l, out, data, size);
    } else return false;
    *data = w.at ? w.at : "";
    *size = w.n;
    return true;
}

int command_compile(Options *o) {
    static const char *const kinds[] = { "obj", "asm", "llvm", "c", "cuda", "header", "manifest", "inter", "intra" };
    const char *kind = o->emit ? o->emit : "obj";
    bool known = false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) known |= !strcmp(kind, kinds[k]);
    if (!known) {
        const char *near = did_you_mean(o->cx, kind, kinds, (int)(sizeof kinds / sizeof *kinds));
        fprintf(stderr, "pigeonc: --emit has no `%s`%s%s%s\n", kind, near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
        return EXIT_USAGE;
    }
    File *f = front_parse(o, o->file.at[0]);
    if (!f) return EXIT_DIAGNOSED;
    const char *names[256];
    int n = 1;
    names[0] = o->model;
    if (!o->model) n = sema_entries(f, names, 256);
    Program **p = NEWN(o->cx->arena, Program *, n + 1);
    Unit **u = NEWN(o->cx->arena, Unit *, n + 1);
    bool ok = true;
    for (int k = 0; k < n; k++) {
        if (!(p[k] = front_program(o, f, names[k]))) { ok = false; continue; }
        if (!strcmp(kind, "inter")) continue;
        phase_begin(o);
        u[k] = lower_program(p[k]);
        ok = u[k] && unit_verify(u[k], "lower") && ok;
        phase_end(o, "lower");
    }
    if (!ok || o->cx->n_errors) return EXIT_DIAGNOSED;
    const void *data;
    size_t size;
    phase_begin(o);
    if (!emit(o, p, u, n, kind, &data, &size)) return EXIT_DIAGNOSED;
    phase_end(o, "emit");
    bool object = !strcmp(kind, "obj");
    const char *out = o->output ? o->output : object ? arena_printf(o->cx->arena, "%s.o", stem(o->cx, o->file.at[0])) : "-";
    if (!write_file(o->cx, out, data, size, false)) return EXIT_DIAGNOSED;
    const char *base = stem(o->cx, out);
    if (object && strcmp(out, "-")) {
        if (!emit(o, p, u, n, "header", &data, &size)) return EXIT_DIAGNOSED;
        if (!write_file(o->cx, arena_printf(o->cx->arena, "%s.h", base), data, size, true)) return EXIT_DIAGNOSED;
    }
    if (o->manifest && (!emit(o, p, u, n, "manifest", &data, &size) ||
                        !write_file(o->cx, arena_printf(o->cx->arena, "%s.json", base), data, size, true))) return EXIT_DIAGNOSED;
    if (o->depend || o->depfile) {
        Writer w;
        writer_init(&w, o->cx->arena);
        depfile(o, &w, o->deptarget ? o->deptarget : out);
        if (!write_file(o->cx, o->depfile ? o->depfile : arena_printf(o->cx->arena, "%s.d", base), w.at, w.n, true)) return EXIT_DIAGNOSED;
    }
    return EXIT_OK;
}
