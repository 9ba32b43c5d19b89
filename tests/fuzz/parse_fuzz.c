/* parse_fuzz.c - a libFuzzer target: any bytes go through the parser and, when they parse, through the formatter, whose text must parse again.
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Icompiler tests/fuzz/parse_fuzz.c compiler/base/[!s]*.c compiler/syntax/?*.c
 * With -DPIGEON_SEMA the checker runs too; then link compiler/sema and compiler/ir as well.  With -DREPLAY it has a main() that takes files. */
#include "syntax/ast.h"
#ifdef PIGEON_SEMA
#include "sema/sema.h"
#endif
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (memchr(data, 0, size)) return -1;                     /* source_read refuses these files */
    Context *cx = context_new();
    int source = source_from_text(cx, "fuzz", (const char *)data, size);
    File *f = parse_file(cx, source);
    if (f) {
        Writer w;
        writer_init(&w, cx->arena);
        put_raw(&w, "", 0);
        format_file(cx, f, &w);
        if (!parse_file(cx, source_from_text(cx, "formatted", w.at, w.n))) abort();
#ifdef PIGEON_SEMA
        sema_check_file(cx, f);
#endif
    } else if (!cx->n_errors) abort();                        /* refused, but nobody said why */
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
    for (int k = 1; k < argc; k++) {
        FILE *f = fopen(argv[k], "rb");
        if (!f) return perror(argv[k]), 1;
        static char text[1 << 24];
        size_t n = fread(text, 1, sizeof text, f);
        fclose(f);
        LLVMFuzzerTestOneInput((const uint8_t *)text, n);
    }
    return 0;
}
#endif
