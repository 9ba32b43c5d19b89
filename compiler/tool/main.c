/* main.c - pigeonc: options, one command, diagnostics, exit code. */
#include "tool/tool.h"
#include <signal.h>
#include <sys/resource.h>

static int run_command(Options *o) {
    switch (o->command) {
    case 'C': return command_compile(o);
    case 'R': return command_run(o);
    case 'T': return command_train(o);
    case 'K': return command_check(o);
    case 'F': return command_fmt(o);
    case 'I': return command_ir(o);
    case 'O': return command_opt(o);
    case 'E': return command_explain(o);
    case 'U': return command_tune(o);
    case 'S': return command_stats(o);
    default: return EXIT_USAGE;
    }
}
/* A defect of the compiler counts most, then a file or program that is missing. */
static int code_of(const Context *cx, int code) {
    for (int k = 0; k < cx->diag.n && code == EXIT_DIAGNOSED; k++) {
        DiagId id = cx->diag.at[k]->id;
        if (id == D_INTERNAL) code = EXIT_INTERNAL;
        else if (id == D_FILE_NOT_FOUND || id == D_TOOL_MISSING) code = EXIT_MISSING;
    }
    return code;
}
static bool write_failed(const Context *cx) {
    for (int k = 0; k < cx->diag.n; k++) if (cx->diag.at[k]->id == D_WRITE_FAILED) return true;
    return false;
}
/* Expressions are walked recursively, and derivatives of derivatives are sums of thousands of terms. Linux lets the first stack grow as far as the limit
 * says at that time, and keeps 128 MB free below it. */
static void deepen_stack(void) {
    enum { DEEP = 100 << 20 };
    struct rlimit r;
    if (getrlimit(RLIMIT_STACK, &r) || r.rlim_cur == RLIM_INFINITY || r.rlim_cur >= DEEP) return;
    r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max >= DEEP ? DEEP : r.rlim_max;
    setrlimit(RLIMIT_STACK, &r);
}
int main(int argc, char **argv) {
    deepen_stack();
    signal(SIGXFSZ, SIG_IGN);              /* a file beyond the limit is a failed write */
    Context *cx = context_new();
    Options o;
    int code = options_parse(cx, argc, argv, &o);
    if (!code) {
        cx->std_dir = o.std_dir ? o.std_dir : home_std(cx);
        code = o.query ? command_query(&o) : run_command(&o);
        diag_print_all(cx, stderr, o.diag_format, o.color);
        code = code_of(cx, code);
        if (code == EXIT_INTERNAL) {
            fprintf(stderr, "this is a defect of pigeonc; reproduce it with:\n   ");
            for (int k = 0; k < argc; k++) fprintf(stderr, " %s", argv[k]);
            fprintf(stderr, "\n");
        }
    }
    if (fflush(stdout) || ferror(stdout)) {
        if (!write_failed(cx)) fprintf(stderr, "pigeonc: standard output could not be written\n");
        if (!code) code = EXIT_DIAGNOSED;
    }
    context_free(cx);
    return code;
}
