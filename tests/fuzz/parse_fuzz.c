/* parse_fuzz.c - a libFuzzer target: any bytes go through what reads text: model files through parser, formatter, checker and the passes, texts that
 * begin with "(" through the readers of both IRs and their verifiers.  A refusal says why; what is accepted prints as text that is accepted again
 * and prints the same.  `make fuzz` builds and runs it; with -DREPLAY it has a main() that takes files, which the tests run over the corpus. */
#include "loop/loop.h"
#include "pass/pass.h"
#include "sema/sema.h"
#include "syntax/ast.h"
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "parse_fuzz: %s\n", what);
    abort();
}
static Writer writer(Context *cx) {
    Writer w;
    writer_init(&w, cx->arena);
    put_raw(&w, "", 0);
    return w;
}
static void program(Context *cx, Program *p, const char *after) {
    must(program_verify(p, after), "a program that the checker or a pass made breaks the rules of the IR");
    Writer first = writer(cx), second = writer(cx);
    program_print(p, &first);
    Program *again = program_read(cx, source_from_text(cx, "printed", first.at, first.n));
    must(again, "a printed program does not read back");
    program_print(again, &second);
    must(first.n == second.n && !memcmp(first.at, second.at, first.n), "a program read back prints differently");
}
/* The text as a file that is `use`d, every body asked for: the same models, or a refusal where parse_file refuses. */
static File *used_file(Context *cx, int source) {
    File *f = parse_used(cx, source);
    bool ok = f != NULL;
    for (int k = 0; f && k < f->model.n; k++) ok &= model_read(cx, f->model.at[k]);
    return ok ? f : NULL;
}
static bool model_file(Context *cx, int source) {
    File *f = parse_file(cx, source), *used = used_file(cx, source);
    must(!f == !used, "a file is wrong as a program or as a used file, but not as the other");
    if (!f) return false;
    Writer w = writer(cx), again = writer(cx);
    format_file(cx, f, &w);
    File *g = parse_file(cx, source_from_text(cx, "formatted", w.at, w.n));
    must(g, "the formatted text does not parse");
    format_file(cx, g, &again);
    must(w.n == again.n && !memcmp(w.at, again.at, w.n), "formatting twice differs");
    again.n = 0;
    format_file(cx, used, &again);
    must(w.n == again.n && !memcmp(w.at, again.at, w.n), "a used file has another tree");
    const char *name[16];
    bool ok = true;
    for (int k = 0, n = sema_entries(f, name, 16); k < n; k++) {
        Program *p = sema_build(cx, f, name[k], NULL, 0, DT_F32);
        if (!p) { ok = false; continue; }
        program(cx, p, "sema");
        if ((p = pass_run(p, pass_default(2), NULL, NULL))) program(cx, p, "the passes");
    }
    return ok;
}
static bool unit_text(Context *cx, int source) {
    Unit *u = unit_read(cx, source);
    if (!u || !unit_verify(u, "read")) return false;
    Writer first = writer(cx), second = writer(cx);
    unit_print(u, &first);
    Unit *again = unit_read(cx, source_from_text(cx, "printed", first.at, first.n));
    must(again, "a printed unit does not read back");
    unit_print(again, &second);
    must(first.n == second.n && !memcmp(first.at, second.at, first.n), "a unit read back prints differently");
    return true;
}
static bool program_text(Context *cx, int source) {
    Program *p = program_read(cx, source);
    if (!p || !program_verify(p, "read")) return false;
    program(cx, p, "read");
    if ((p = pass_run(p, pass_default(2), NULL, NULL))) program(cx, p, "the passes");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (memchr(data, 0, size)) return -1;                     /* source_read refuses these files */
    Context *cx = context_new();
    const char *lib = getenv("PIGEON_LIB");
    cx->std_dir = lib ? lib : "lib";
    int source = source_from_text(cx, "fuzz", (const char *)data, size);
    const char *text = cx->source.at[source].text;
    while (*text == ';') text += strcspn(text, "\n"), text += *text == '\n';       /* comments of IR texts */
    bool ok = !strncmp(text, "(unit", 5) ? unit_text(cx, source) : text[0] == '(' ? program_text(cx, source) : model_file(cx, source);
    must(ok || cx->n_errors, "refused, but nobody said why");
    FILE *sink = fopen("/dev/null", "w");
    if (sink) {
        diag_print_all(cx, sink, DIAG_TEXT, false);
        diag_print_all(cx, sink, DIAG_JSON, false);
        fclose(sink);
    }
    context_free(cx);
    return 0;
}

#ifdef REPLAY
int main(int argc, char **argv) {
    int files = 0;
    for (int k = 1; k < argc; k++) {
        FILE *f = fopen(argv[k], "rb");
        if (!f) return perror(argv[k]), 1;
        static char text[1 << 24];
        size_t n = fread(text, 1, sizeof text, f);
        fclose(f);
        fprintf(stderr, "%s\n", argv[k]);
        LLVMFuzzerTestOneInput((const uint8_t *)text, n);
        files++;
    }
    printf("%d passed, 0 failed\n", files);
    return 0;
}
#endif
