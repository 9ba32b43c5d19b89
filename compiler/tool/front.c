/* front.c - from files to programs to units; what commands share: phase times, the homes of the library and the headers. */
#include "tool/tune.h"
#include "pass/pass.h"
#include "ir/schedule.h"
#include "syntax/ast.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double now(void) {
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

/* ---- where things are ------------------------------------------------------------------------------------------------ */
static const char *program_folder(Context *cx) {
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return NULL;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash) return NULL;
    *slash = 0;
    if ((slash = strrchr(exe, '/')) && !strcmp(slash, "/.libs")) *slash = 0;
    return arena_strndup(cx->arena, exe, strlen(exe));
}
/* The source folder that this program's build folder belongs to; NULL when it is installed. */
static const char *source_home(Context *cx) {
    const char *dir = program_folder(cx);
    FILE *f = dir ? fopen(arena_printf(cx->arena, "%s/pigeon.srcdir", dir), "r") : NULL;
    if (!f) return NULL;
    char line[PATH_MAX];
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    if (!got) return NULL;
    line[strcspn(line, "\n")] = 0;
    return arena_strndup(cx->arena, line, strlen(line));
}
/* An installation keeps its folders beside one another, wherever it was moved and whatever lies now where it was configured to be. */
static const char *installed(Context *cx, const char *configured, const char *beside, const char *probe) {
    const char *dir = program_folder(cx), *near = dir ? arena_printf(cx->arena, "%s/../%s", dir, beside) : NULL;
    return near && !access(arena_printf(cx->arena, "%s/%s", near, probe), R_OK) ? near : configured;
}
const char *home_std(Context *cx) {
    const char *home = source_home(cx);
    return home ? arena_printf(cx->arena, "%s/lib", home) : installed(cx, PIGEON_DATADIR, "share/pigeon", "std/prelude.pgn");
}
const char *home_include(Context *cx) {
    const char *home = source_home(cx);
    return home ? arena_printf(cx->arena, "%s/runtime/include", home) : installed(cx, PIGEON_INCLUDEDIR, "include", "pigeon/model.h");
}
const char *home_module(Context *cx, const char *name) {
    return source_home(cx) ? arena_printf(cx->arena, "%s/%s", program_folder(cx), name) : arena_printf(cx->arena, "%s/%s", installed(cx, PIGEON_MODULEDIR, "lib/pigeon", name), name);
}

/* ---- files to programs to units ---------------------------------------------------------------------------------------- */
File *front_parse(Options *o, const char *path) {
    phase_begin(o);
    int source = source_read(o->cx, path, NO_LOC);
    File *f = source < 0 ? NULL : parse_file(o->cx, source);
    phase_end(o, "parse");
    return o->cx->n_errors ? NULL : f;
}
static bool wanted_after(const Options *o, const char *step) { return o->print_after && (!strcmp(o->print_after, step) || !strcmp(o->print_after, "all")); }
static void print_step(const char *text, const char *step) { fprintf(stderr, "; ---- after %s ----\n%s", step, text); }
const char *front_text(const Program *p) {
    Writer w;
    writer_init(&w, p->arena);
    program_print(p, &w);
    return w.at;
}
static void after_pass(Program *p, const char *pass, void *data) {
    Options *o = data;
    if (wanted_after(o, pass)) print_step(front_text(p), pass);
}
/* A file of schedules takes the place of those beside the model. What is for another kind of target stays out. */
static bool read_schedule(Options *o, Program *p) {
    int source = o->schedule_text ? source_from_text(o->cx, "the schedule", o->schedule_text, strlen(o->schedule_text)) : source_read(o->cx, o->schedule, NO_LOC);
    if (source < 0) return false;
    const Source *s = &o->cx->source.at[source];
    ScheduleFile *f = schedule_parse(o->cx, s->text, s->length, (Loc){ source, 1, 1, 1, 1 }, false);
    bool found = false;
    p->schedule.n = 0;
    for (int k = 0; f && k < f->schedule.n; k++) {
        const Schedule *b = f->schedule.at[k];
        if (b->name && strcmp(b->name, p->name)) continue;
        found = true;
        for (int j = 0; j < b->command.n; j++) vec_add(p->arena, p->schedule, b->command.at[j]);
    }
    if (f && !found && o->model.n < 2 && !o->schedule_text && !o->is_part)
        diag_help(diag_error(o->cx, D_SCHEDULE_STALE, (Loc){ source, 1, 1, 1, 1 }, "`%s` has no schedule for model `%s`", o->schedule, p->name), "pigeonc explain prints one");
    return f && !o->cx->n_errors && schedule_check(p);
}
bool front_schedule(Options *o, Program *p) {
    if ((o->schedule || o->schedule_text) && !read_schedule(o, p)) return false;
    const char *kind = o->target && o->target->kind == TARGET_CUDA ? "cuda" : "cpu";
    int n = 0;
    for (int k = 0; k < p->schedule.n; k++) {
        Command *c = p->schedule.at[k];
        if (!c->target || !strcmp(c->target, kind)) p->schedule.at[n++] = c;
    }
    p->schedule.n = n;
    if (o->no_fusion) {
        Command *c = command_new(p->arena, V_STORE, "*");
        c->by_option = true;
        vec_add(p->arena, p->schedule, c);
    }
    return true;
}
Program *front_program(Options *o, File *f, const char *model) {
    phase_begin(o);
    Program *p = sema_build(o->cx, f, model, o->define.at, o->define.n, o->real);
    phase_end(o, "check");
    if (!p || o->cx->n_errors || !program_verify(p, "sema")) return NULL;
    phase_end(o, "verify");
    if (!front_schedule(o, p) || !stats_read(o, p)) return NULL;
    after_pass(p, "sema", o);
    return p;
}
static const char *without(Context *cx, const char *list, const char *pass) {
    const char *r = "";
    size_t m = strlen(pass);
    for (size_t n; *list; list += n + (list[n] == ',')) {
        n = strcspn(list, ",");
        if (n != m || strncmp(list, pass, n)) r = arena_printf(cx->arena, "%s%s%.*s", r, *r ? "," : "", (int)n, list);
    }
    return r;
}
/* "default" is what -O says; ablation leaves passes out. */
static const char *passes_of(const Options *o, const char *list) {
    if (list && !strcmp(list, "default")) list = pass_default(o->opt);
    if (list && o->no_linear) list = without(o->cx, list, "linear");
    if (list && o->no_compaction) list = without(o->cx, list, "compact");
    return list;
}
/* The verifier runs after each. Commands are obeyed anew each time. */
Program *front_passes(Options *o, Program *p, const char *passes) {
    if (!p || !passes) return p;
    for (int k = 0; k < p->schedule.n && strcmp(passes, "structure"); k++) {
        Command *c = NEW(p->arena, Command);
        *c = *p->schedule.at[k];
        c->done = NEWN(p->arena, bool, c->name.n + 1);
        p->schedule.at[k] = c;
    }
    phase_begin(o);
    p = pass_run(p, passes_of(o, passes), after_pass, o);
    phase_end(o, "passes");
    return p;
}
const char *front_pipeline(const Options *o) { return passes_of(o, o->passes ? o->passes : o->opt ? pass_default(o->opt) : NULL); }

/* Only what the machine is: the graph is a usual one then. */
static bool forget_graph(Program *p) {
    int n = 0;
    bool is_usual = true;
    for (int k = 0; k < p->about.n; k++) {
        About a = p->about.at[k];
        if (!strncmp(a.name, "longest(", 8)) return false;   /* what a node with so many edges needs is no matter of estimates */
        if (strncmp(a.name, "machine.", 8)) is_usual = false; else p->about.at[n++] = a;
    }
    p->about.n = n;
    return !is_usual;
}
static Program *better_of(Program *own, Program *usual) {
    enum { WORTH_PERCENT = 98 };
    usual->about.n = 0;
    for (int k = 0; k < own->about.n; k++) vec_add(usual->arena, usual->about, own->about.at[k]);
    if (!strcmp(front_text(own), front_text(usual)) || explain_time(own) * 100 < explain_time(usual) * WORTH_PERCENT) return own;
    vec_add(usual->arena, usual->decision, (Decision){ .pass = "front", .what = "passes counted on a usual graph", .why = "what this one's numbers led to, step by step, is not estimated faster for it on the whole", .loc = usual->loc });
    return usual;
}
/* Passes decide one after the other, by what they know then. Where the numbers of a graph are known, what a usual one would get is made as well,
 * and the whole of both is estimated for the numbers that are known. */
Program *front_code(Options *o, Program *p) {
    const char *passes = front_pipeline(o);
    if (!p || !p->graph.n || o->passes || o->opt < 2 || schedule_only(p)) return front_passes(o, p, passes);
    Program *own = front_passes(o, p, passes), *usual = NULL;
    if (!own) return NULL;
    VEC(About) known = { 0 };
    for (int k = 0; k < p->about.n; k++) vec_add(p->arena, known, p->about.at[k]);
    if (forget_graph(p) && !(usual = front_passes(o, p, passes))) return NULL;
    p->about.n = 0;
    for (int k = 0; k < known.n; k++) vec_add(p->arena, p->about, known.at[k]);
    return usual ? better_of(own, usual) : own;
}

/* Within --memory-limit; NULL after diagnostics */
Unit *front_fit(Options *o, Program **program, const Machine *machine) {
    double least;
    if (!o->memory_limit) return lower_program(*program, machine);
    Unit *u = lower_within(program, machine, (double)o->memory_limit, &least);
    if (!u) return NULL;
    if (least <= (double)o->memory_limit) { u->limit = o->memory_limit; return u; }
    diag_help(diag_error(o->cx, D_MEMORY_LIMIT, (*program)->loc, "a run of `%s` needs a workspace of at least %.0f bytes, --memory-limit leaves %" PRId64, (*program)->name, least, o->memory_limit),
        "--memory-limit=%.0fK, a smaller batch, or checkpoint(..) around parts of the model", ceil(least / 1024));
    return NULL;
}
/* Lowering wants to know what is structural, also when the passes that were asked for leave it out. */
Unit *front_lower(Options *o, Program **program, const Machine *machine) {
    Program *p = *program = front_passes(o, *program, "structure");
    if (!p) return NULL;
    phase_begin(o);
    Unit *u = front_fit(o, &p, machine);
    *program = p;
    phase_end(o, "lower");
    if (!u || o->cx->n_errors || !schedule_finish(p, machine != NULL) || !unit_verify(u, "lower")) return NULL;
    phase_end(o, "verify");
    if (wanted_after(o, "lower")) {
        Writer w;
        writer_init(&w, o->cx->arena);
        unit_print(u, &w);
        print_step(w.at, "lower");
    }
    return u;
}

Unit *front_unit(Options *o, Program *p, const Machine *machine) { return front_lower(o, &p, machine); }

/* ---- commands that end with the program ----------------------------------------------------------------------------------- */
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
int command_ir(Options *o) {
    File *f = front_parse(o, o->file.at[0]);
    Program *p = f ? front_passes(o, front_program(o, f, o->model.n ? o->model.at[0] : NULL), o->passes) : NULL;
    if (!p) return EXIT_DIAGNOSED;
    Writer w;
    writer_init(&w, o->cx->arena);
    program_print(p, &w);
    return write_file(o->cx, o->output ? o->output : "-", w.at, w.n, false) ? EXIT_OK : EXIT_DIAGNOSED;
}
