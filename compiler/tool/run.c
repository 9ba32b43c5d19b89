/* run.c - `pigeonc run`: data in, one or several executors, data out.  Outputs are written only after everything succeeded. */
#include "tool/exec.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>

/* ---- what is said about it --------------------------------------------------------------------------------------------- */
static void put_outputs(Writer *w, const RunResult *r, int n, bool json) {
    for (int k = 0; k < n; k++) {
        const pgn_tensor *y = &r->output[k];
        double lo = INFINITY, hi = -INFINITY, sum = 0, v = 0;
        int64_t whole = 0, least = INT64_MAX, most = INT64_MIN;
        bool integer = dtype_is_whole((Dtype)y->dtype);                /* beyond 2^53 no double has its digits */
        for (int64_t q = 0; q < y->n; q++) {
            v = element_get(y, q, 0, &whole);
            sum += v;
            if (v < lo) lo = v;
            if (v > hi) hi = v;
            if (whole < least) least = whole;
            if (whole > most) most = whole;
        }
        if (json) { put(w, k ? ", {\"name\": " : "{\"name\": "); put_json(w, y->name); put(w, ", \"type\": \"%s\", \"shape\": [", pgn_dtype_name(y->dtype)); }
        else put(w, "%s: %s[", y->name, pgn_dtype_name(y->dtype));
        for (int q = 0; q < y->rank; q++) put(w, "%s%" PRId64, q ? ", " : "", y->extent[q]);
        put(w, "]");
        if (json && y->n && integer) put(w, ", \"min\": %" PRId64 ", \"max\": %" PRId64 ", \"mean\": %.17g", least, most, sum / (double)y->n);
        else if (json && y->n && isfinite(sum)) put(w, ", \"min\": %.17g, \"max\": %.17g, \"mean\": %.17g", lo, hi, sum / (double)y->n);
        else if (!json && !y->rank && integer) put(w, " = %" PRId64, whole);
        else if (!json && y->n && integer) put(w, "  min %" PRId64 "  mean %.6g  max %" PRId64, least, sum / (double)y->n, most);
        else if (!json && !y->rank) put(w, " = %.9g", v);
        else if (!json && y->n) put(w, "  min %.6g  mean %.6g  max %.6g", lo, sum / (double)y->n, hi);
        else if (!json) put(w, "  empty");
        put(w, json ? "}" : "\n");
    }
}
static void put_json_run(Writer *w, const RunResult *r, int n) {
    put(w, "{\"executor\": ");
    put_json(w, r->executor);
    if (r->how) { put(w, ", \"how\": "); put_json(w, r->how); put(w, ", \"workspace_bytes\": %zu", r->workspace); }
    if (r->runs) {
        put(w, ", \"runs\": %d, \"median_ms\": %.6g, \"min_ms\": %.6g", r->runs, 1e3 * r->median, 1e3 * r->least);
        put(w, ", \"first_ms\": %.6g, \"bind_ms\": %.6g, \"compile_ms\": %.6g", 1e3 * r->first, 1e3 * r->bind, 1e3 * r->compile);
    }
    if (r->verified) {
        put(w, ", \"verify\": [");
        for (int k = 0; k < n; k++) {
            put(w, k ? ", {\"name\": " : "{\"name\": ");
            put_json(w, r->output[k].name);
            put(w, ", \"error\": %.6g, \"tolerance\": %.6g}", r->worst[k], r->tolerance[k]);
        }
        put(w, "]");
    }
    if (r->profile) put(w, ", \"profile\": %s", r->profile);
    put(w, "}");
}
/* "c: verified, largest error 1.2e-07 (y)"; "c: median 1.23 ms, .." */
static void put_text_run(Writer *w, const RunResult *r, int n) {
    if (r->verified) {
        int at = 0;
        for (int k = 1; k < n; k++) if (r->worst[k] > r->worst[at]) at = k;
        if (n) put(w, "%s: agrees with the reference; largest error %.3g of the scale (%s, %.3g allowed)\n", r->executor, r->worst[at], r->output[at].name,
                   r->tolerance[at]);
    }
    if (r->profile) put(w, "%s", r->profile);
    if (!r->runs) return;
    put(w, "%s: median %.4g ms, least %.4g ms of %d runs", r->executor, 1e3 * r->median, 1e3 * r->least, r->runs);
    if (r->how) put(w, "; bind %.4g ms, workspace %zu bytes (%s)", 1e3 * r->bind, r->workspace, r->how);
    put(w, "\n");
}
static size_t peak_memory(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) ? 0 : (size_t)u.ru_maxrss * 1024;
}
static void report(Options *o, const Program *p, const RunResult *r, int n) {
    Writer w;
    writer_init(&w, o->cx->arena);
    if (o->json) {
        put(&w, "{\"model\": ");
        put_json(&w, p->name);
        put(&w, ", \"executor\": ");
        put_json(&w, r[0].executor);
        put(&w, ", \"outputs\": [");
        put_outputs(&w, &r[0], p->output.n, true);
        put(&w, "], \"runs\": [");
        for (int k = 0; k < n; k++) { put(&w, k ? ", " : ""); put_json_run(&w, &r[k], p->output.n); }
        put(&w, "]");
        if (o->bench >= 0) put(&w, ", \"peak_memory_bytes\": %zu", peak_memory());
        put(&w, "}\n");
    } else {
        put_outputs(&w, &r[0], p->output.n, false);
        for (int k = 0; k < n; k++) put_text_run(&w, &r[k], p->output.n);
        if (o->bench >= 0) put(&w, "peak memory of all this: %.1f MB\n", 1e-6 * (double)peak_memory());
    }
    fwrite(w.at ? w.at : "", 1, w.n, stdout);
}

/* ---- running -------------------------------------------------------------------------------------------------------------- */
static bool reference(Options *o, Program *p, RunData *d, RunResult *r) {
    Progress bar;
    phase_begin(o);
    progress_start(&bar, "reference interpreter");
    bool ok = interp_result(o, p, d, r);
    progress_stop(&bar);
    phase_end(o, "interpreter");
    return ok;
}
static bool compiled(Options *o, Program *p, Unit *u, RunData *d, RunResult *r) {
    Progress bar;
    Artifact a;
    phase_begin(o);
    progress_start(&bar, "compiling");
    double start = now();
    bool ok = artifact_make(o, u, r->executor, &a);
    r->compile = now() - start;
    progress_stop(&bar);
    phase_end(o, arena_printf(o->cx->arena, "compile (%s)", r->executor));
    if (!ok) return false;
    r->how = a.how;
    progress_start(&bar, "running");
    ok = artifact_run(o, p, &a, d, r);
    progress_stop(&bar);
    artifact_free(&a);
    phase_end(o, arena_printf(o->cx->arena, "run (%s)", r->executor));
    return ok;
}
/* Processors get register tiles; text and GPUs don't, so there may be two units of one program. */
static Unit *unit_for(Options *o, Program *p, const char *executor, Unit *unit[2]) {
    bool tiled = !strcmp(executor, "cpu");
    Machine m;
    if (unit[tiled]) return unit[tiled];
    if (tiled && !executor_machine(o, &m)) return NULL;
    return unit[tiled] = front_unit(o, p, tiled ? &m : NULL);
}
/* The reference is the program as the language says it; compiled code and an interpreter that is told --run see it after passes. */
static bool run_all(Options *o, Program *p, RunData *d, RunResult *r, int n) {
    RunResult want = { 0 };
    Unit *unit[2] = { NULL, NULL };
    Program *code = NULL;
    int bench = o->bench;
    o->bench = -1;
    if (o->verify && !reference(o, p, d, &want)) return false;
    o->bench = bench;
    for (int k = 0; k < n; k++) {
        r[k].executor = o->executor.at[k];
        if (!strcmp(r[k].executor, "interp")) {
            Program *q = front_passes(o, p, o->passes);
            if (!q || !reference(o, q, d, &r[k])) return false;
        } else {
            if (!code && !(code = front_code(o, p))) return false;
            Unit *u = unit_for(o, code, r[k].executor, unit);
            if (!u || !compiled(o, p, u, d, &r[k])) return false;
        }
        if (o->verify) verify_result(o, p, want.output, &r[k]);
    }
    return !o->cx->n_errors;
}
int command_run(Options *o) {
    File *f = front_parse(o, o->file.at[0]);
    Program *p = f ? front_program(o, f, o->model.n ? o->model.at[0] : NULL) : NULL;
    if (!p) return EXIT_DIAGNOSED;
    if (!o->executor.n) vec_add(o->cx->arena, o->executor, DEFAULT_EXECUTOR);
    if (!profile_fits(o)) return EXIT_DIAGNOSED;
    RunData d;
    RunResult *r = NEWN(o->cx->arena, RunResult, o->executor.n + 1);
    phase_begin(o);
    bool ok = data_load(o, p, &d);
    phase_end(o, "load data");
    if (ok && o->check_grad) {
        int code = command_check_grad(o, p, &d);
        data_free(&d);
        return code;
    }
    if (ok) stats_learn(o, p, &d);
    ok = ok && run_all(o, p, &d, r, o->executor.n);
    phase_begin(o);
    ok = ok && data_save(o, p, &d, r[0].output);
    phase_end(o, "save data");
    if (ok) report(o, p, r, o->executor.n);
    data_free(&d);
    return ok ? EXIT_OK : EXIT_DIAGNOSED;
}
