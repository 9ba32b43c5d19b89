/* main.c - pigeonc: options, one command, diagnostics, exit code. */
#include "tool/tool.h"
#include "pass/pass.h"
#include <string.h>

int command_print(const char *what) {
    if (!strcmp(what, "version")) printf("pigeonc %s\n", PACKAGE_VERSION);
    else if (!strcmp(what, "options")) options_help(stdout, 0);
    else if (!strcmp(what, "passes")) for (int k = 0; k < n_pass; k++) printf("%-10s %s\n", pass_table[k].name, pass_table[k].what);
    else if (!strcmp(what, "diagnostics")) for (int k = 0; k < D_COUNT; k++) printf("%s\n", diag_slug((DiagId)k));
    else {
        fprintf(stderr, "pigeonc: --print takes version, options, passes or diagnostics, not `%s`\n", what);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

int main(int argc, char **argv) {
    Context *cx = context_new();
    Options o;
    bool done;
    int code = options_parse(cx, argc, argv, &o, &done);
    if (!done) {
        cx->std_dir = o.std_dir ? o.std_dir : home_std(cx);
        code = o.command == 'R' ? command_run(&o) : o.command == 'F' ? command_fmt(&o) : o.command == 'I' ? command_ir(&o) : o.command == 'O' ? command_opt(&o) : command_check(&o);
        diag_print_all(cx, stderr, o.diag_format, o.color);
        for (int k = 0; k < cx->diag.n && code == EXIT_DIAGNOSED; k++)
            if (cx->diag.at[k]->id == D_INTERNAL) code = EXIT_INTERNAL;
            else if (cx->diag.at[k]->id == D_FILE_NOT_FOUND) code = EXIT_MISSING;
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
