/* run.c - `pigeonc run`: data in, the reference interpreter, data out.  Outputs are written only after everything succeeded. */
#include "tool/data.h"
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* ---- progress: a line on a terminal for what takes over two seconds ------------------------------------------ */
typedef struct Progress { pthread_t thread; pthread_mutex_t lock; pthread_cond_t stop; bool on, stopped; const char *what; } Progress;
static void *progress_main(void *arg) {
    Progress *p = arg;
    int seconds = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->stopped) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += 1;
        pthread_cond_timedwait(&p->stop, &p->lock, &t);
        if (!p->stopped && ++seconds > 2) fprintf(stderr, "\r%s ... %d s", p->what, seconds);
    }
    pthread_mutex_unlock(&p->lock);
    if (seconds > 2) fprintf(stderr, "\r\033[K");
    return NULL;
}
static void progress_start(Progress *p, const char *what) {
    *p = (Progress){ .what = what, .on = isatty(2) };
    if (!p->on) return;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->stop, NULL);
    p->on = pthread_create(&p->thread, NULL, progress_main, p) == 0;
}
static void progress_stop(Progress *p) {
    if (!p->on) return;
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_cond_signal(&p->stop);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
}

static double at(const Array *r, int64_t k) { return r->i ? (double)r->i[k] : r->re[k]; }
static void report(const Options *o, const Program *p, const Array *y) {
    bool j = o->json;
    if (j) printf("{\"model\": \"%s\", \"executor\": \"interp\", \"outputs\": [", p->name);
    for (int k = 0; k < p->output.n; k++) {
        double lo = INFINITY, hi = -INFINITY, sum = 0;
        for (int64_t q = 0; q < y[k].n; q++) { double v = at(&y[k], q); sum += v; if (v < lo) lo = v; if (v > hi) hi = v; }
        if (j) printf("%s{\"name\": \"%s\", \"type\": \"%s\", \"shape\": [", k ? ", " : "", p->output.at[k].name, dtype_name(y[k].dt));
        else printf("%s: %s[", p->output.at[k].name, dtype_name(y[k].dt));
        for (int q = 0; q < y[k].rank; q++) printf("%s%" PRId64, q ? ", " : "", y[k].extent[q]);
        printf("]");
        if (j && y[k].n && isfinite(sum)) printf(", \"min\": %.17g, \"max\": %.17g, \"mean\": %.17g", lo, hi, sum / (double)y[k].n);
        else if (!j && !y[k].rank) printf(" = %.9g", at(&y[k], 0));
        else if (!j && y[k].n) printf("  min %.6g  mean %.6g  max %.6g", lo, sum / (double)y[k].n, hi);
        else if (!j) printf("  empty");
        printf(j ? "}" : "\n");
    }
    if (j) printf("]}\n");
}

int command_run(Options *o) {
    File *f = front_parse(o, o->file.at[0]);
    if (!f) return EXIT_DIAGNOSED;
    Program *p = front_program(o, f, o->model);
    if (!p) return EXIT_DIAGNOSED;
    RunData d;
    phase_begin(o);
    if (!data_load(o, p, &d)) return EXIT_DIAGNOSED;
    phase_end(o, "load data");
    Array *y = NEWN(o->cx->arena, Array, p->output.n + 1);
    InterpArgs args = { .size = d.size, .graph = d.graph, .input = d.input, .param = d.param };
    Progress bar;
    progress_start(&bar, "reference interpreter");
    bool ok = interp_run(p, &args, y, o->cx->arena);
    progress_stop(&bar);
    phase_end(o, "run");
    if (!ok || !data_save(o, p, y)) return EXIT_DIAGNOSED;
    report(o, p, y);
    return EXIT_OK;
}
