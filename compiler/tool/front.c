/* front.c - from files to programs; what commands share: phase times, the home of the library. */
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

/* --run: the passes asked for, the verifier after each */
static Program *rewritten(Options *o, Program *p) {
    if (!p || !o->passes) return p;
    p = pass_run(p, !strcmp(o->passes, "default") ? pass_default() : o->passes, NULL, NULL);
    phase_end(o, "passes");
    return p;
}
Program *front_program(Options *o, File *f, const char *model) {
    phase_begin(o);
    Program *p = sema_build(o->cx, f, model, o->define.at, o->define.n, o->real);
    phase_end(o, "check");
    if (!p || o->cx->n_errors || !program_verify(p, "sema")) return NULL;
    phase_end(o, "verify");
    return rewritten(o, p);
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
        bool same = s->length == w.n && (!w.n || !memcmp(s->text, w.at, w.n));
        if (o->check_only) {
            if (!same) { printf("%s\n", o->file.at[k]); code = EXIT_DIAGNOSED; }
        } else if (o->output || !strcmp(o->file.at[k], "-")) {
            if (!write_file(o->cx, o->output ? o->output : "-", w.at, w.n, true)) code = EXIT_DIAGNOSED;
        } else if (!same && !write_file(o->cx, o->file.at[k], w.at, w.n, true)) code = EXIT_DIAGNOSED;
    }
    return code;
}

static int print_program(Options *o, const Program *p) {
    Writer w;
    writer_init(&w, o->cx->arena);
    program_print(p, &w);
    return write_file(o->cx, o->output ? o->output : "-", w.at, w.n, false) ? EXIT_OK : EXIT_DIAGNOSED;
}
int command_ir(Options *o) {
    File *f = front_parse(o, o->file.at[0]);
    Program *p = f ? front_program(o, f, o->model) : NULL;
    return p ? print_program(o, p) : EXIT_DIAGNOSED;
}
int command_opt(Options *o) {
    int source = source_read(o->cx, o->file.at[0], NO_LOC);
    Program *p = source < 0 ? NULL : program_read(o->cx, source);
    if (!p || !program_verify(p, "read") || !(p = rewritten(o, p))) return EXIT_DIAGNOSED;
    return print_program(o, p);
}
