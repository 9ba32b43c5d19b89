/* main.c - pigeonc: options, one command, diagnostics, exit code. */
#include "tool/tool.h"
#include "target/llvm/llvm.h"
#include "pass/pass.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_print(Context *cx, const char *what) {
    (void)cx;
    if (!strcmp(what, "version")) {
        printf("pigeonc %s (LLVM %s)\n", PACKAGE_VERSION, target_llvm_version());
    } else if (!strcmp(what, "targets")) {
        printf("cpu                    this machine\ncpu:x86-64             any 64-bit x86\ncpu:avx2               x86-64-v3\n"
               "cpu:avx512             x86-64-v4\naarch64-linux-gnu      64-bit Arm\n--emit=c               plain C11\n--emit=cuda            CUDA C\n");
    } else if (!strcmp(what, "passes")) {
        for (int k = 0; pass_table[k].name; k++) printf("%-12s %s\n", pass_table[k].name, pass_table[k].what);
    } else if (!strcmp(what, "diagnostics")) {
        for (int k = 0; k < D_COUNT; k++) printf("%s\n", diag_slug((DiagId)k));
    } else if (!strcmp(what, "config")) {
        printf("version  %s\nllvm     %s\nnvcc     %s\n", PACKAGE_VERSION, target_llvm_version(), *NVCC_PATH ? NVCC_PATH : "none");
    } else {
        fprintf(stderr, "pigeonc: --print takes version, targets, passes, options, config or diagnostics, not `%s`\n", what);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

static int run_command(Options *o) {
    switch (o->command) {
    case 'R': return command_run(o);
    case 'K': return command_check(o);
    case 'F': return command_fmt(o);
    case 'O': return command_opt(o);
    default: return command_compile(o);
    }
}

int main(int argc, char **argv) {
    Context *cx = context_new();
    Options o;
    bool done;
    int code = options_parse(cx, argc, argv, &o, &done);
    if (!done) {
        cx->std_dir = o.std_dir ? o.std_dir : home_std(cx);
        code = run_command(&o);
        diag_print_all(cx, stderr, o.diag_format, o.color);
        for (int k = 0; k < cx->diag.n; k++)
            if (cx->diag.at[k]->id == D_INTERNAL && code == EXIT_DIAGNOSED) code = EXIT_INTERNAL;
            else if ((cx->diag.at[k]->id == D_FILE_NOT_FOUND || cx->diag.at[k]->id == D_TOOL_MISSING) && code == EXIT_DIAGNOSED) code = EXIT_MISSING;
        if (code == EXIT_INTERNAL) {
            fprintf(stderr, "this is a defect of pigeonc; reproduce it with:\n   ");
            for (int k = 0; k < argc; k++) fprintf(stderr, " %s", argv[k]);
            fprintf(stderr, "\n");
        }
    }
    if (fflush(stdout) || ferror(stdout)) { fprintf(stderr, "pigeonc: standard output could not be written\n"); if (!code) code = EXIT_DIAGNOSED; }
    context_free(cx);
    return code;
}
