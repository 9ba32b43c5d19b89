/* machine.c - `pigeonc --print=machine`: what this machine can do, in the form of --graph-stats.
 *
 *     # AMD EPYC, pigeon 0.1.0
 *     machine.l2 1048576
 *     machine.gemm 214000000000
 *
 * Caches are what the system says; rates are those of the models of std/machine.pgn, compiled for this processor and run by all of its
 * cores, the best of several runs.  They are measured once and kept in the user's cache folder, under a name that has the processor's and the compiler's
 * version in it.  A run counts on them (stats.c). An object's code does not: it depends on what is given to the compiler, not on where it runs;
 * `--graph-stats` with these lines makes it count on a machine. */
#define _GNU_SOURCE                        /* sched_getaffinity */
#include "tool/exec.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEAST_TIMES = 5, COPIED = 1 << 18, MULTIPLIED = 1 << 14, GATHERED = 1 << 19, FIBRES = 1 << 10, WIDE = 64 };
static const char *const fact_name[] = { "machine.cores", "machine.vector", "machine.l1", "machine.l2", "machine.l3", "machine.gemm", "machine.copy", "machine.gather" };
static const char *const fact_what[] = { "processors that a run may use", "bytes of a vector", "bytes of the nearest cache", "bytes of the second one", "bytes of the last one",
    "operations in a second of products of f32 matrices", "bytes in a second, read and written in order", "bytes in a second of rows of 256 bytes, read from 64 MB wherever they are" };
enum { CORES, VECTOR, L1, L2, L3, GEMM, COPY, GATHER, N_FACT };
typedef struct Facts { double at[N_FACT]; const char *cpu, *file; } Facts;

/* ---- what the system says ------------------------------------------------------------------------------------------------- */
static bool first_line(const char *path, char *to, int n) {
    FILE *f = fopen(path, "r");
    bool ok = f && fgets(to, n, f);
    if (f) fclose(f);
    if (ok) to[strcspn(to, "\n")] = 0;
    return ok;
}
static double cache_size(int level, int otherwise) {
    char path[120], line[64], kind[64], *end;
    for (int k = 0; k < 8; k++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", k);
        if (!first_line(path, line, sizeof line)) break;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", k);
        if (atoi(line) != level || !first_line(path, kind, sizeof kind) || !strcmp(kind, "Instruction")) continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", k);
        if (!first_line(path, line, sizeof line)) continue;
        double v = strtod(line, &end) * (*end == 'K' ? 1024 : *end == 'M' ? 1048576 : 1);
        if (v > 0) return v;
    }
    long v = -1;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
    v = sysconf(level == 1 ? _SC_LEVEL1_DCACHE_SIZE : level == 2 ? _SC_LEVEL2_CACHE_SIZE : _SC_LEVEL3_CACHE_SIZE);
#endif
    return v > 0 ? (double)v : otherwise;
}
static const char *cpu_name(Arena *a) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    const char *name = NULL, *maker = NULL, *part = NULL;
    while (f && !name && fgets(line, sizeof line, f)) {
        char *v = strchr(line, ':');
        if (!v) continue;
        v += 1 + strspn(v + 1, " \t");
        v[strcspn(v, "\n")] = 0;
        if (!strncmp(line, "model name", 10)) name = arena_strndup(a, v, strlen(v));
        else if (!strncmp(line, "CPU implementer", 15) && !maker) maker = arena_strndup(a, v, strlen(v));
        else if (!strncmp(line, "CPU part", 8) && !part) part = arena_strndup(a, v, strlen(v));
    }
    if (f) fclose(f);
    return name ? name : maker ? arena_printf(a, "processor %s %s", maker, part ? part : "") : "unknown processor";
}
static int cores(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    return !sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

/* ---- what is measured ------------------------------------------------------------------------------------------------------ */
/* The least time of one run of a model of std/machine.pgn; 0 when it can't be had. */
static double seconds_of(Options *o, const char *model, const Fixed *fixed, int n, const char *graph) {
    Options own = { .cx = o->cx, .command = 'R', .real = DT_F32, .opt = 2, .bench = -1, .tolerance = -1 };
    Arena *a = o->cx->arena;
    for (int k = 0; k < n; k++) vec_add(a, own.define, fixed[k]);
    vec_add(a, own.in, (Pair){ intern(o->cx, "*"), "one" });
    if (graph) vec_add(a, own.graph, (Pair){ intern(o->cx, "g"), graph });
    File *f = front_parse(&own, arena_printf(a, "%s/std/machine.pgn", o->cx->std_dir));
    Program *p = f ? front_program(&own, f, intern(o->cx, model)) : NULL, *code = p ? front_passes(&own, p, front_pipeline(&own)) : NULL;
    Machine m;
    Unit *u = code && executor_machine(&own, &m) ? front_unit(&own, code, &m) : NULL;
    Artifact made;
    RunData d = { 0 };
    RunResult r = { .executor = DEFAULT_EXECUTOR };
    Launch l = { 0 };
    double least = INFINITY, begin = now();
    if (!u || !artifact_make(&own, u, DEFAULT_EXECUTOR, &made)) return 0;
    bool ok = data_load(&own, p, &d) && launch_begin(&own, p, &made, &d, &r, &l);
    for (int k = 0; ok && (k < LEAST_TIMES || (k < 10 * LEAST_TIMES && now() - begin < 0.2)); k++) {
        double start = now();
        ok = launch_once(&own, &l);
        least = fmin(least, now() - start);
    }
    launch_end(&l);
    data_free(&d);
    artifact_free(&made);
    return ok ? least : 0;
}
static bool measure(Options *o, Facts *f) {
    Context *cx = o->cx;
    Machine m;
    Fixed wide = { intern(cx, "d"), "64" }, many = { intern(cx, "rows"), arena_printf(cx->arena, "%d", MULTIPLIED) }, all = { many.name, arena_printf(cx->arena, "%d", COPIED) };
    if (!executor_machine(o, &m)) return false;
    f->at[CORES] = cores(), f->at[VECTOR] = m.vector_bytes;
    f->at[L1] = cache_size(1, 32 << 10), f->at[L2] = cache_size(2, 1 << 20), f->at[L3] = cache_size(3, 32 << 20);
    double gemm = seconds_of(o, "gemm", (Fixed[]){ wide, many }, 2, NULL), copy = seconds_of(o, "copy", (Fixed[]){ wide, all }, 2, NULL);
    double gather = seconds_of(o, "gather", &wide, 1, arena_printf(cx->arena, "random:%d,%d,%d,1", COPIED, GATHERED, FIBRES));
    if (!(gemm > 0 && copy > 0 && gather > 0)) return false;
    f->at[GEMM] = 2.0 * MULTIPLIED * WIDE * WIDE / gemm, f->at[COPY] = 2.0 * COPIED * WIDE * 4 / copy, f->at[GATHER] = 4.0 * GATHERED * WIDE / gather;
    for (int k = GEMM; k < N_FACT; k++) {                   /* two digits: more are noise */
        double unit = pow(10, floor(log10(f->at[k])) - 1);
        f->at[k] = round(f->at[k] / unit) * unit;
    }
    return true;
}

/* ---- the file ---------------------------------------------------------------------------------------------------------------- */
static const char *cache_file(Arena *a, const char *cpu) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (!base || *base != '/') base = home && *home == '/' ? arena_printf(a, "%s/.cache", home) : NULL;
    if (!base) return NULL;
    char *name = arena_printf(a, "%s-%d-%s", cpu, cores(), PACKAGE_VERSION);
    for (char *s = name; *s; s++) if (!isalnum((unsigned char)*s) && !strchr(".-", *s)) *s = '_';
    return arena_printf(a, "%s/pigeon/machine-%s.txt", base, name);
}
/* All facts, or false: then the file is written anew. */
static bool read_facts(const char *path, Facts *f) {
    FILE *in = path ? fopen(path, "r") : NULL;
    char line[256], *end;
    double at[N_FACT] = { 0 };
    while (in && fgets(line, sizeof line, in)) for (int k = 0; k < N_FACT; k++) {
        size_t n = strlen(fact_name[k]);
        if (strncmp(line, fact_name[k], n) || line[n] != ' ') continue;
        double v = strtod(line + n, &end);
        if (*end == '\n' && isfinite(v) && v > 0) at[k] = v;
    }
    if (in) fclose(in);
    for (int k = 0; k < N_FACT; k++) if (!(at[k] > 0)) return false;
    memcpy(f->at, at, sizeof at);
    return true;
}
static void put_facts(Writer *w, const Facts *f) {
    put(w, "# %s, pigeon %s\n", f->cpu, PACKAGE_VERSION);
    for (int k = 0; k < N_FACT; k++) put(w, "%s %.0f\n", fact_name[k], f->at[k]);
}
/* Whether it can be written matters to nobody. */
static void keep_facts(Context *cx, const Facts *f) {
    if (!f->file) return;
    char *path = arena_strndup(cx->arena, f->file, strlen(f->file));
    for (char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        *s = 0;
        if (mkdir(path, 0777) && errno != EEXIST) return;
        *s = '/';
    }
    Writer w;
    writer_init(&w, cx->arena);
    put_facts(&w, f);
    write_file(cx, path, w.at, w.n, false);
}
/* Stored, else measured. In a context of its own, so that what goes wrong is no error of the command at hand. */
static bool facts(Options *o, Facts *f, Context **own) {
    Context *cx = *own = context_new();
    Options q = { .cx = cx };
    cx->std_dir = o->cx->std_dir;
    *f = (Facts){ .cpu = cpu_name(cx->arena) };
    f->file = cache_file(cx->arena, f->cpu);
    if (read_facts(f->file, f)) return true;
    Progress bar;
    progress_start(&bar, "measuring this machine");
    bool ok = measure(&q, f);
    progress_stop(&bar);
    if (ok) keep_facts(cx, f);
    return ok;
}
void machine_learn(Options *o, Program *p) {
    if (o->target && strcmp(o->target->name, "cpu:native")) return;      /* for another processor */
    Context *cx;
    Facts f;
    if (facts(o, &f, &cx)) for (int k = 0; k < N_FACT; k++) vec_add(p->arena, p->about, (About){ intern(p->cx, fact_name[k]), f.at[k] });
    context_free(cx);
}
int machine_print(Options *o) {
    Context *cx;
    Facts f;
    Writer w;
    bool ok = facts(o, &f, &cx);
    writer_init(&w, cx->arena);
    if (!ok) diag_print_all(cx, stderr, o->diag_format, o->color);
    else if (o->json) {
        put(&w, "{\"machine.cpu\": ");
        put_json(&w, f.cpu);
        for (int k = 0; k < N_FACT; k++) put(&w, ",\n \"%s\": %.0f", fact_name[k], f.at[k]);
        put(&w, "}\n");
    } else {
        put_facts(&w, &f);
        for (int k = 0; k < N_FACT; k++) put(&w, "# %-16s %s\n", fact_name[k], fact_what[k]);
        if (f.file && !access(f.file, R_OK)) put(&w, "# kept in %s; without it all is measured again\n", f.file);
    }
    if (ok) fwrite(w.at, 1, w.n, stdout);
    context_free(cx);
    return ok ? EXIT_OK : EXIT_DIAGNOSED;
}
