/* front.c - from files to programs, and what commands share: phase times, the homes of headers and library,
 * and the commands that stop before lowering (check, fmt, opt). */
#include "tool/tool.h"
#include "pass/pass.h"
#include "syntax/ast.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
void phase_begin(Options *o) { if (o->time) o->phase_start = now(); }
void phase_end(Options *o, const char *what) {
    if (!o->time) return;
    fprintf(stderr, "time: %-20s %9.3f ms\n", what, 1e3 * (now() - o->phase_start));
    o->phase_start = now();
}

/* The folder of this program, and the source folder that its build folder belongs to (NULL when installed). */
static const char *source_home(Context *cx) {
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return NULL;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash) return NULL;
    *slash = 0;
    if ((slash = strrchr(exe, '/')) && !strcmp(slash, "/.libs")) *slash = 0;
    FILE *f = fopen(arena_printf(cx->arena, "%s/pigeon.srcdir", exe), "r");
    if (!f) return NULL;
    char line[PATH_MAX];
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    if (!got) return NULL;
    line[strcspn(line, "\n")] = 0;
    return arena_strndup(cx->arena, line, strlen(line));
}
const char *home_include(Context *cx) {
    const char *home = source_home(cx);
    return home ? arena_printf(cx->arena, "%s/runtime/include", home) : PIGEON_INCLUDEDIR;
}
const char *home_std(Context *cx) {
    const char *home = source_home(cx);
    return home ? arena_printf(cx->arena, "%s/lib", home) : PIGEON_DATADIR;
}

File *front_parse(Options *o, const char *path) {
    phase_begin(o);
    int source = source_read(o->cx, path, NO_LOC);
    File *f = source < 0 ? NULL : parse_file(o->cx, source);
    phase_end(o, "parse");
    return o->cx->n_errors ? NULL : f;
}

static void print_after(Program *p, const char *pass, void *data) {
    Options *o = data;
    if (!o->print_after || (strcmp(o->print_after, pass) && strcmp(o->print_after, "all"))) return;
    Writer w;
    writer_init(&w, o->cx->arena);
    program_print(p, &w);
    printf("# after %s\n", pass);
    fwrite(w.at, 1, w.n, stdout);
}

static Program *run_passes(Options *o, Program *p) {
    if (!p || !program_verify(p, "sema")) return NULL;
    print_after(p, "sema", o);
    p = pass_run(p, o->passes ? o->passes : pass_default(), print_after, o);
    phase_end(o, "passes");
    return p;
}

Program *front_program(Options *o, File *f, const char *model) {
    phase_begin(o);
    Program *p = sema_build(o->cx, f, model, o->define.at, o->define.n, o->real);
    phase_end(o, "check");
    return o->cx->n_errors ? NULL : run_passes(o, p);
}

int command_check(Options *o) {
    for (int k = 0; k < o->file.n; k++) {
        File *f = front_parse(o, o->file.at[k]);
        if (!f) continue;
        phase_begin(o);
        sema_check_file(o->cx, f);
        phase_end(o, "check");
    }
    return o->cx->n_errors ? EXIT_DIAGNOSED : EXIT_OK;
}

int command_fmt(Options *o) {
    int code = EXIT_OK;
    for (int k = 0; k < o->file.n; k++) {
        File *f = front_parse(o, o->file.at[k]);
        if (!f) { code = EXIT_DIAGNOSED; continue; }
        Writer w;
        writer_init(&w, o->cx->arena);
        format_file(o->cx, f, &w);
        const Source *s = &o->cx->source.at[f->source];
        bool same = s->length == w.n && !memcmp(s->text, w.at, w.n);
        if (o->check_only) {
            if (!same) { printf("%s\n", o->file.at[k]); code = EXIT_DIAGNOSED; }
        } else if (o->output || !strcmp(o->file.at[k], "-")) {
            if (!write_file(o->cx, o->output ? o->output : "-", w.at, w.n, true)) code = EXIT_DIAGNOSED;
        } else if (!same && !write_file(o->cx, o->file.at[k], w.at, w.n, true)) code = EXIT_DIAGNOSED;
    }
    return code;
}

/* IR text in, passes, IR text out: what makes every pass testable alone. */
int command_opt(Options *o) {
    int source = source_read(o->cx, o->file.at[0], NO_LOC);
    if (source < 0) return EXIT_DIAGNOSED;
    Writer w;
    writer_init(&w, o->cx->arena);
    if (o->emit && !strcmp(o->emit, "intra") && !o->passes) {
        /* text of the loop IR is only read, verified and printed again; text of the equations is lowered */
        if (strstr(o->cx->source.at[source].text, "(unit ")) {
            Unit *u = unit_read(o->cx, source);
            if (!u || !unit_verify(u, "read")) return EXIT_DIAGNOSED;
            unit_print(u, &w);
            return write_file(o->cx, o->output ? o->output : "-", w.at, w.n, false) ? EXIT_OK : EXIT_DIAGNOSED;
        }
    }
    Program *p = program_read(o->cx, source);
    if (!p || !program_verify(p, "read")) return EXIT_DIAGNOSED;
    if (o->passes && !(p = pass_run(p, o->passes, print_after, o))) return EXIT_DIAGNOSED;
    if (o->emit && !strcmp(o->emit, "intra")) {
        Unit *u = lower_program(p);
        if (!u || !unit_verify(u, "lower")) return EXIT_DIAGNOSED;
        unit_print(u, &w);
    } else program_print(p, &w);
    return write_file(o->cx, o->output ? o->output : "-", w.at, w.n, false) ? EXIT_OK : EXIT_DIAGNOSED;
}
