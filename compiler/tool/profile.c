/* profile.c - --profile: how long each kernel of a compiled model took.  Code that the JIT links calls launch_timed() in place of the runtime's
 * pgn_env_launch(), and tells by a table which functions its kernels are. */
#include "tool/exec.h"
#include "target/llvm/llvm.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct Row { const Kernel *kernel; pgn_kernel *at; double seconds; int64_t launches; } Row;
typedef struct Profile { struct Profile *next; const pgn_model *model; Row *row; int n, last; } Profile;
static Profile *profiles;                  /* of all models in this process: a launch knows its model */

static pgn_status launch_timed(const pgn_env *env, pgn_kernel *kernel, int64_t n, int64_t work) {
    double start = now();
    pgn_status st = pgn_env_launch(env, kernel, n, work);
    double took = now() - start;
    for (Profile *p = profiles; p; p = p->next) {
        if (p->model != env->model) continue;
        for (int k = 0; k < p->n; k++) {                             /* most often the one behind the last */
            Row *r = &p->row[(p->last + 1 + k) % p->n];
            if (r->at != kernel) continue;
            p->last = (int)(r - p->row);
            r->seconds += took, r->launches++;
            return st;
        }
    }
    return st;
}
bool profile_fits(Options *o) {
    for (int k = 0; o->profile && k < o->executor.n; k++) {
        if (!strcmp(o->executor.at[k], "cpu")) continue;
        diag_help(diag_error(o->cx, D_USAGE, NO_LOC, "the kernels of executor %s can't be timed", o->executor.at[k]), "--executor cpu");
        return false;
    }
    return true;
}
void *profile_launch(void) { return (void *)launch_timed; }
void profile_model(Context *cx, const Unit *u, const pgn_model *model, const void *kernels) {
    Profile *p = NEW(cx->arena, Profile);
    *p = (Profile){ .next = profiles, .model = model, .n = u->kernel.n, .row = NEWN(cx->arena, Row, u->kernel.n + 1), .last = -1 };
    for (int k = 0; k < p->n; k++) p->row[k] = (Row){ .kernel = u->kernel.at[k], .at = ((pgn_kernel *const *)kernels)[k] };
    profiles = p;
}
static Profile *profile_of(const pgn_model *m) {
    Profile *p = profiles;
    while (p && p->model != m) p = p->next;
    return p;
}
static int longest_first(const void *a, const void *b) {
    double x = ((const Row *)a)->seconds, y = ((const Row *)b)->seconds;
    return (x < y) - (x > y);
}
static void one_line(Writer *w, const char *s, int most) {
    for (int k = 0; s && *s && k < most; k++, s++) put(w, "%c", *s == '\n' ? ' ' : *s);
    if (s && *s) put(w, "..");
}
static Row *sorted(Context *cx, const Profile *p, double *all) {
    Row *r = NEWN(cx->arena, Row, p->n + 1);
    *all = 0;
    for (int k = 0; k < p->n; k++) *all += p->row[k].seconds, r[k] = p->row[k];
    qsort(r, (size_t)p->n, sizeof *r, longest_first);
    return r;
}
const char *profile_text(Context *cx, const pgn_model *model, double seconds, int64_t runs, bool json) {
    Profile *p = profile_of(model);
    Writer own, *w = &own;
    writer_init(w, cx->arena);
    double all, each = runs > 0 ? 1e3 / (double)runs : 0;
    Row *r = sorted(cx, p, &all);
    if (json) {
        put(w, "{\"runs\": %" PRId64 ", \"ms\": %.6g, \"kernels\": [", runs, each * seconds);
        for (int k = 0; k < p->n && r[k].launches; k++) {
            put(w, k ? ", {\"name\": " : "{\"name\": ");
            put_json(w, r[k].kernel->name);
            put(w, ", \"what\": ");
            put_json(w, r[k].kernel->what ? r[k].kernel->what : "");
            put(w, ", \"ms\": %.6g, \"launches\": %" PRId64 "}", each * r[k].seconds, r[k].launches);
        }
        put(w, "]}");
        return w->at;
    }
    put(w, "a run of `%s` takes %.4g ms, its kernels %.4g ms (%" PRId64 " run%s)\n%10s %6s %9s  kernel\n", model->name, each * seconds, each * all, runs, runs == 1 ? "" : "s", "ms", "share", "launches");
    for (int k = 0; k < p->n && r[k].launches; k++) {
        put(w, "%10.3f %5.1f%% %9" PRId64 "  %s: ", each * r[k].seconds, seconds > 0 ? 100 * r[k].seconds / seconds : 0, r[k].launches, r[k].kernel->name);
        one_line(w, r[k].kernel->what, 100);
        put(w, "\n");
    }
    return w->at;
}
void profile_reset(const pgn_model *model) {
    Profile *p = profile_of(model);
    for (int k = 0; p && k < p->n; k++) p->row[k].seconds = 0, p->row[k].launches = 0;
}
