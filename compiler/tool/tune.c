/* tune.c - `pigeonc tune`: a search for the fastest schedule on the data at hand.
 *
 * It begins with what the compiler chooses and goes from schedule to schedule near the best so far (moves.c), each compiled anew and run in turn
 * with the best: machines change their pace, so only runs beside each other are compared.  A result that differs from the unscheduled program's is a defect of the
 * compiler and never kept.  Each time something better is found the file is replaced, so a search that is stopped keeps what it found.
 *
 * A candidate lives in a Context of its own, with the same command line: nothing is left of those that are given up. */
#include "tool/tune.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_ROUNDS = 5, MOST_ROUNDS = 25, MOST_PRUNED = 8, HOPELESS = 8, TIMES = 4, FRUITLESS = 60, DEFAULT_BUDGET = 60 };
static const double ROUND_SECONDS = 0.25, BETTER = 0.98, TOO_SLOW = 1.3;

static volatile sig_atomic_t interrupted;
static void on_interrupt(int sig) { (void)sig; interrupted = 1; }

typedef struct Candidate {
    Options o; Program *p, *made;          /* as sema made it; after the passes, with decisions */
    Words line;                            /* commands; NULL text: the command line's schedule or the model's own */
    uint64_t code;                         /* a hash of its loops */
    Artifact a; RunData d; RunResult r; Launch l;
    bool bound, unlike;                    /* unlike: what explain says of it makes other code; then its own commands are kept */
} Candidate;
typedef enum Verdict { REFUSED, SAME_AGAIN, NO_HOPE, DISAGREES, SLOWER, FASTER, BROKEN } Verdict;
typedef struct Try { const char *what; double ms, best_ms; Verdict verdict; double at; } Try;
typedef struct Tune {
    Options *o; Program *p; RunData d; Arena *a;
    Candidate *base, *best;
    const pgn_tensor *want;
    VEC(uint64_t) seen; VEC(const char *) said;      /* code that was run; schedules that were compiled */
    VEC(Try) history;
    int tried, run, refused, disagreed;
    double begin, budget, told, start_ms, best_ms;
    uint64_t random;
    const char *wrong;                     /* a schedule whose results differ */
} Tune;

static double left(const Tune *t) { return t->budget - (now() - t->begin); }
static bool stop(const Tune *t) { return interrupted || left(t) <= 0; }
static uint64_t draw(Tune *t) { t->random ^= t->random << 13, t->random ^= t->random >> 7, t->random ^= t->random << 17; return t->random; }

/* ---- a candidate ------------------------------------------------------------------------------------------------------------- */
static void release(Candidate *c) {
    if (!c) return;
    if (c->bound) launch_end(&c->l);
    artifact_free(&c->a);
    for (int k = 0; k < c->d.owned.n; k++) free(c->d.owned.at[k]);       /* outputs and workspace; the data belong to the search */
    context_free(c->o.cx);
    free(c);
}
static const char *joined(Arena *a, const Words *line) {
    Writer w;
    writer_init(&w, a);
    put(&w, "%s", "");
    for (int k = 0; k < line->n; k++) put(&w, "%s\n", line->at[k]);
    return w.at;
}
/* Compiled up to its loops, or NULL; *refused: by line, what could not be honoured. */
static Unit *loops_of(Tune *t, Candidate *c, bool *refused) {
    Context *cx = context_new();
    cx->std_dir = t->o->cx->std_dir;
    if (options_parse(cx, t->o->argc, t->o->argv, &c->o)) { c->o.cx = cx; return NULL; }
    if (refused) c->o.schedule_text = joined(cx->arena, &c->line), c->o.schedule = NULL;
    File *f = front_parse(&c->o, c->o.file.at[0]);
    c->p = f ? front_program(&c->o, f, c->o.model.n ? c->o.model.at[0] : NULL) : NULL;
    Machine m;
    if (!c->p || !executor_machine(&c->o, &m)) return NULL;
    c->p->about.n = 0;
    for (int k = 0; k < t->p->about.n; k++) vec_add(c->p->arena, c->p->about, (About){ intern(cx, t->p->about.at[k].name), t->p->about.at[k].count });
    c->made = front_code(&c->o, c->p);
    return c->made ? front_lower(&c->o, &c->made, &m) : NULL;
}
/* Lines of the schedule that errors point at; -1: something else is wrong. */
static int refused_lines(const Candidate *c, bool *line, int n) {
    int found = 0;
    for (int k = 0; k < c->o.cx->diag.n; k++) {
        const Diag *d = c->o.cx->diag.at[k];
        if (d->severity != DIAG_ERROR) continue;
        if ((d->id != D_SCHEDULE_REFUSED && d->id != D_SCHEDULE_STALE) || d->loc.file < 0 || d->loc.line < 1 || d->loc.line > n) return -1;
        if (!line[d->loc.line - 1]) found++;
        line[d->loc.line - 1] = true;
    }
    return found;
}
static uint64_t hash_of(const Unit *u, Arena *a) {
    Writer w;
    uint64_t h = 1469598103934665603u;
    writer_init(&w, a);
    unit_print(u, &w);
    for (size_t k = 0; k < w.n; k++) h = (h ^ (unsigned char)w.at[k]) * 1099511628211u;
    return h;
}
static bool known_text(Tune *t, const char *text) {
    for (int k = 0; k < t->said.n; k++) if (!strcmp(t->said.at[k], text)) return true;
    vec_add(t->a, t->said, arena_strndup(t->a, text, strlen(text)));
    return false;
}
static bool known_code(Tune *t, uint64_t code) {
    for (int k = 0; k < t->seen.n; k++) if (t->seen.at[k] == code) return true;
    vec_add(t->a, t->seen, code);
    return false;
}
/* Commands that can't be honoured once the new one is are left out; the new one itself must be. */
static Candidate *candidate(Tune *t, const Move *m, Unit **u, Verdict *why) {
    Words line = m->line;
    int own = m->own;
    *why = REFUSED;
    for (int round = 0; round < MOST_PRUNED && !interrupted; round++) {
        Candidate *c = calloc(1, sizeof *c);
        bool *bad = NEWN(t->a, bool, line.n + 1);
        if (!c) return NULL;
        c->line = line;
        if (known_text(t, joined(t->a, &line))) { *why = SAME_AGAIN; free(c); return NULL; }
        if ((*u = loops_of(t, c, bad))) return c;
        int n = refused_lines(c, bad, line.n);
        release(c);
        for (int k = 0; k < own; k++) if (bad[k]) return NULL;
        if (n <= 0) { *why = BROKEN; return NULL; }
        Words rest = { 0 };
        for (int k = 0; k < line.n; k++) if (!bad[k]) vec_add(t->a, rest, line.at[k]);
        line = rest;
    }
    return NULL;
}
static bool make(Tune *t, Candidate *c, Unit *u) {
    if (!artifact_make(&c->o, u, DEFAULT_EXECUTOR, &c->a)) return false;
    c->d = t->d;
    memset(&c->d.owned, 0, sizeof c->d.owned), memset(&c->d.archive, 0, sizeof c->d.archive);
    c->r.executor = DEFAULT_EXECUTOR;
    c->bound = true;
    return launch_begin(&c->o, c->p, &c->a, &c->d, &c->r, &c->l);
}

/* ---- comparing -------------------------------------------------------------------------------------------------------------------- */
static double seconds(Candidate *c) {
    double start = now();
    return launch_once(&c->o, &c->l) ? now() - start : INFINITY;
}
typedef struct Pace { double least_a, least_b; int won, rounds; } Pace;      /* won: rounds in which b was faster */
static void race(Candidate *a, Candidate *b, double about, Pace *p) {
    int n = (int)(ROUND_SECONDS / (about > 1e-6 ? about : 1e-6));
    n = n < LEAST_ROUNDS ? LEAST_ROUNDS : n > MOST_ROUNDS ? MOST_ROUNDS : n;
    for (int k = 0; k < n && !interrupted; k++) {
        double x, y;
        if (k % 2) y = seconds(b), x = seconds(a); else x = seconds(a), y = seconds(b);
        p->least_a = fmin(p->least_a, x), p->least_b = fmin(p->least_b, y), p->won += y < x, p->rounds++;
    }
}
static Verdict compare(Tune *t, Candidate *c, Pace *p) {
    if (!verify_result(&c->o, c->p, t->want, &c->r)) return DISAGREES;
    double once = fmin(c->r.first, seconds(c)), best = seconds(t->best);
    *p = (Pace){ best, once, 0, 0 };
    if (once > TOO_SLOW * best) {                                            /* twice, in case it was disturbed */
        p->least_b = once = fmin(once, seconds(c));
        if (once > TOO_SLOW * best) return SLOWER;
    }
    for (int k = 0; k < TIMES; k++) {                                        /* of many that are tried some look better by chance: once more */
        race(t->best, c, once, p);
        if (interrupted || p->least_b > BETTER * p->least_a || 4 * p->won < 3 * p->rounds) return SLOWER;
    }
    return FASTER;
}

/* ---- what is kept and said ---------------------------------------------------------------------------------------------------------- */
static void put_schedule(Tune *t, Writer *w) {
    Candidate *c = t->best;
    put(w, "# pigeonc tune: %.4g ms; the compiler's own choice %.4g ms\n", t->best_ms, t->start_ms);
    if (!c->unlike) { explain_print(w, &c->o, c->made); return; }
    put(w, "schedule %s for cpu {\n", t->p->name);
    for (int k = 0; k < c->line.n; k++) put(w, "  %s\n", c->line.at[k]);
    put(w, "}\n");
}
static bool keep(Tune *t) {
    if (!t->o->output || !strcmp(t->o->output, "-")) return true;
    Writer w;
    writer_init(&w, t->o->cx->arena);
    put_schedule(t, &w);
    return write_file(t->o->cx, t->o->output, w.at, w.n, false);
}
static void tell(Tune *t, const char *what) {
    if (!isatty(2) || now() - t->told < 0.1) return;
    t->told = now();
    fprintf(stderr, "\r%d tried, %d run  %.4g ms -> %.4g ms (%.2fx)  %.0f of %.0f s  %.50s\033[K", t->tried, t->run, t->start_ms, t->best_ms, t->start_ms / t->best_ms,
            t->told - t->begin, t->budget, what);
}
static const char *const verdict_name[] = { "refused", "the same code", "no hope", "disagrees", "slower", "faster", "broken" };

/* ---- the search ---------------------------------------------------------------------------------------------------------------------- */
/* What is written down makes the same code again. */
static bool replays(Tune *t, const Candidate *of) {
    Candidate *c = calloc(1, sizeof *c);
    if (!c) return false;
    bool unused = false;
    vec_add(t->a, c->line, "only");
    for (int k = 0; k < of->made->decision.n; k++) {
        Writer w;
        writer_init(&w, t->a);
        if (!of->made->decision.at[k].command) continue;
        command_print(of->made->decision.at[k].command, &w);
        vec_add(t->a, c->line, w.at);
    }
    Unit *u = loops_of(t, c, &unused);
    bool same = u && hash_of(u, c->o.cx->arena) == of->code;
    release(c);
    return same;
}
static Verdict attempt(Tune *t, const Move *m) {
    Unit *u = NULL;
    Verdict v;
    Pace p = { 0 };
    tell(t, m->what);
    Candidate *c = candidate(t, m, &u, &v);
    t->tried++;
    if (!c) { t->refused += v == REFUSED || v == BROKEN; return v; }
    c->code = hash_of(u, c->o.cx->arena);
    double guess = estimate_time(c->made, explain_total(c->made)), best = estimate_time(t->best->made, explain_total(t->best->made));
    if (known_code(t, c->code)) v = SAME_AGAIN;
    else if (guess > HOPELESS * best) v = NO_HOPE;
    else if (!make(t, c, u)) v = BROKEN;
    else {
        t->run++;
        v = compare(t, c, &p);
        vec_add(t->a, t->history, (Try){ m->what, 1e3 * p.least_b, 1e3 * p.least_a, v, now() - t->begin });
    }
    if (v == DISAGREES) { t->disagreed++; if (!t->wrong) t->wrong = joined(t->a, &c->line); }
    if (v != FASTER) { release(c); return v; }
    if (t->best != t->base) release(t->best);
    t->best = c, t->best_ms = 1e3 * p.least_b;
    c->unlike = c->line.n && !replays(t, c);
    return keep(t) ? FASTER : BROKEN;
}
static bool failed_to_keep(const Tune *t) { return t->o->cx->n_errors > 0; }
static void shuffle(Tune *t, Moves *m) {
    for (int k = m->n - 1; k > 0; k--) { int j = (int)(draw(t) % (uint64_t)(k + 1)); Move x = m->at[k]; m->at[k] = m->at[j], m->at[j] = x; }
}
/* All moves near the best, until one is better; then those near that one. */
static void climb(Tune *t) {
    for (bool better = true; better && !stop(t); ) {
        Moves near = { 0 };
        better = false;
        moves_near(t->a, t->base->p, t->best->made, &near);
        if (t->o->seed) shuffle(t, &near);
        for (int k = 0; k < near.n && !better && !stop(t) && !failed_to_keep(t); k++) better = attempt(t, &near.at[k]) == FASTER;
    }
}
/* Two moves at once, where one alone leads no further. */
static void jump(Tune *t) {
    for (int fruitless = 0; fruitless < FRUITLESS && !stop(t) && !failed_to_keep(t); fruitless++) {
        Moves near = { 0 };
        moves_near(t->a, t->base->p, t->best->made, &near);
        if (near.n < 2) return;
        const Move *x = &near.at[draw(t) % (uint64_t)near.n], *y = &near.at[draw(t) % (uint64_t)near.n];
        Move both = { arena_printf(t->a, "%s; %s", x->what, y->what), x->line, x->own };
        Words line = { 0 };
        if (!y->own || x == y) continue;
        vec_add(t->a, line, y->line.at[0]);
        for (int k = 0; k < x->line.n; k++) vec_add(t->a, line, x->line.at[k]);
        both.line = line, both.own = x->own + 1;
        if (attempt(t, &both) != FASTER) continue;
        climb(t);
        fruitless = -1;
    }
}
static bool begin(Tune *t) {
    Options *o = t->o;
    File *f = front_parse(o, o->file.at[0]);
    t->p = f ? front_program(o, f, o->model.n ? o->model.at[0] : NULL) : NULL;
    if (!t->p || !data_load(o, t->p, &t->d)) return false;
    stats_learn(o, t->p, &t->d);
    Candidate *c = calloc(1, sizeof *c);
    if (!c) return false;
    t->base = t->best = c;
    Unit *u = loops_of(t, c, NULL);
    if (u) known_code(t, c->code = hash_of(u, c->o.cx->arena));
    Pace p = { INFINITY, INFINITY, 0, 0 };
    if (!u || !make(t, c, u)) { diag_print_all(c->o.cx, stderr, o->diag_format, o->color); return false; }
    t->want = c->r.output;
    pgn_tensor *kept = NEWN(t->a, pgn_tensor, t->p->output.n + 1);             /* the base's own outputs are written again by later runs */
    for (int k = 0; k < t->p->output.n; k++) {
        kept[k] = c->r.output[k];
        size_t bytes = (size_t)kept[k].n * pgn_dtype_size(kept[k].dtype);
        if (!(kept[k].data = data_memory(o, &t->d, NO_LOC, kept[k].name, kept[k].n, pgn_dtype_size(kept[k].dtype)))) return false;
        if (bytes) memcpy(kept[k].data, c->r.output[k].data, bytes);
    }
    t->want = kept;
    for (int k = 0; k < LEAST_ROUNDS; k++) p.least_a = fmin(p.least_a, seconds(c));
    t->start_ms = t->best_ms = 1e3 * p.least_a;
    return keep(t);
}
static void report(Tune *t, const char *end) {
    Options *o = t->o;
    Writer w;
    writer_init(&w, o->cx->arena);
    if (!o->json) {
        fprintf(stderr, "%s\r%.4g ms -> %.4g ms (%.2f times as fast); %d schedules tried, %d different programs run, %d refused; %.1f s, %s\n", isatty(2) ? "\033[K" : "", t->start_ms, t->best_ms,
                t->start_ms / t->best_ms, t->tried, t->run, t->refused, now() - t->begin, end);
        if (o->output && strcmp(o->output, "-")) return;
        put_schedule(t, &w);
        fwrite(w.at, 1, w.n, stdout);
        return;
    }
    Writer s;
    writer_init(&s, o->cx->arena);
    put_schedule(t, &s);
    put(&w, "{\"model\": ");
    put_json(&w, t->p->name);
    put(&w, ", \"chosen_ms\": %.6g, \"best_ms\": %.6g, \"tried\": %d, \"run\": %d, \"refused\": %d, \"disagreed\": %d, \"seconds\": %.3f, \"end\": ", t->start_ms, t->best_ms, t->tried, t->run, t->refused,
        t->disagreed, now() - t->begin);
    put_json(&w, end);
    put(&w, ",\n \"schedule\": ");
    put_json(&w, s.at);
    put(&w, ",\n \"runs\": [");
    for (int k = 0; k < t->history.n; k++) {
        const Try *y = &t->history.at[k];
        put(&w, k ? ",\n  {\"move\": " : "\n  {\"move\": ");
        put_json(&w, y->what);
        put(&w, ", \"ms\": %.6g, \"beside_ms\": %.6g, \"result\": \"%s\", \"at\": %.3f}", y->ms, y->best_ms, verdict_name[y->verdict], y->at);
    }
    put(&w, "\n ]}\n");
    fwrite(w.at, 1, w.n, stdout);
}
int command_tune(Options *o) {
    Tune tune = { .o = o, .a = o->cx->arena, .budget = o->budget > 0 ? o->budget : DEFAULT_BUDGET, .random = 0x9e3779b97f4a7c15u ^ (uint64_t)o->seed * 0xbf58476d1ce4e5b9u }, *t = &tune;
    if (!t->random) t->random = 1;
    struct sigaction act = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND }, old[2];      /* asked twice, it ends at once */
    const int sig[2] = { SIGINT, SIGTERM };
    t->begin = now();
    bool ok = begin(t);
    if (ok) {
        for (int k = 0; k < 2; k++) sigaction(sig[k], &act, &old[k]);
        t->begin = now();
        climb(t);
        bool all = !stop(t);
        jump(t);
        const char *end = interrupted ? "interrupted" : stop(t) ? "time was up" : all ? "nothing near is faster" : "done";
        for (int k = 0; k < 2; k++) sigaction(sig[k], &old[k], NULL);
        interrupted = 0;
        Pace p = { INFINITY, INFINITY, 0, 0 };                                   /* both beside each other, for what is said */
        if (t->best != t->base) {
            for (int k = 0; k < TIMES; k++) race(t->base, t->best, 1e-3 * t->best_ms, &p);
            t->start_ms = 1e3 * p.least_a, t->best_ms = 1e3 * p.least_b;
            if (p.least_b >= p.least_a) release(t->best), t->best = t->base, t->best_ms = t->start_ms;      /* chance, after all */
        }
        ok = !failed_to_keep(t) && keep(t);
        if (ok) report(t, end);
        if (t->wrong) diag_help(diag_error(o->cx, D_VERIFY_FAILED, t->p->loc, "%d schedules gave results that differ from the unscheduled program's; they were left out", t->disagreed),
                                "this is a defect of pigeonc; one of them: %s", t->wrong);
    }
    if (t->best != t->base) release(t->best);
    release(t->base);
    data_free(&t->d);
    return ok && !o->cx->n_errors ? EXIT_OK : EXIT_DIAGNOSED;
}
