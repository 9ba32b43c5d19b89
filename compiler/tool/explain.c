/* explain.c - `pigeonc explain`: what the compiler decided about a model, as a schedule in the language of schedules.  Saved and given back
 * with --schedule it makes the same code, whatever the sizes that estimates would count on: `only` says that nothing else is decided. */
#include "tool/tune.h"
#include "lower/memory.h"
#include <inttypes.h>
#include <string.h>

/* Lowered for a processor, as `compile` does; for a GPU as its text is. NULL after diagnostics */
static Program *lowered(Options *o, Program *p) {
    Machine m;
    bool tiled = !o->target || o->target->kind == TARGET_CPU;
    if (!o->target) o->target = target_find(o->cx, "cpu");
    if (!p || (tiled && !executor_machine(o, &m))) return NULL;
    if (!(p = front_passes(o, p, "structure"))) return NULL;
    Unit *u = front_fit(o, &p, tiled ? &m : NULL);
    if (!u || o->cx->n_errors || !schedule_finish(p, tiled)) return NULL;
    memory_explain(p, u);
    return p;
}
static Program *decide(Options *o, Program *p) { return lowered(o, front_code(o, p)); }
static const char *saved(Arena *a, const Decision *d) {
    double flops = d->before.flops - d->after.flops, bytes = d->before.bytes - d->after.bytes;
    Estimate e = { flops < 0 ? -flops : flops, bytes < 0 ? -bytes : bytes };
    const char *both = estimate_text(a, e);
    const char *comma = strchr(both, ',');
    if (!comma) return both;
    return arena_printf(a, "%s%.*s, %s%s", flops < 0 ? "-" : "", (int)(comma - both), both, bytes < 0 ? "-" : "", comma + 2);
}
static bool has_estimate(const Decision *d) { return d->before.flops > 0 || d->before.bytes > 0; }
static void put_command(Writer *w, const Command *c) {
    Writer line;
    writer_init(&line, w->arena);
    command_print(c, &line);
    put(w, "%s", line.at);
}
void explain_print(Writer *w, Options *o, const Program *p) {
    put(w, "schedule %s for %s {\n", p->name, o->target && o->target->kind == TARGET_CUDA ? "cuda" : "cpu");
    put(w, "  only\n");
    for (int k = 0; k < p->decision.n; k++) {
        const Decision *d = &p->decision.at[k];
        if (d->what) {
            if (d->command) { put(w, "\n"); }
            put(w, "  # %s: %s\n", d->pass, d->what);
            put(w, "  #   because %s", d->why);
            if (has_estimate(d)) put(w, "; saves %s", saved(w->arena, d));
            if (d->runner_up) put(w, "; runner-up: %s%s%s%s", d->runner_up, d->runner.flops > 0 ? " (" : "", d->runner.flops > 0 ? estimate_text(w->arena, d->runner) : "", d->runner.flops > 0 ? ")" : "");
            put(w, "\n");
        }
        if (!d->command) continue;
        put(w, "  ");
        put_command(w, d->command);
        put(w, "\n");
    }
    put(w, "}\n");
}
static void put_estimate(Writer *w, const char *name, Estimate e) { put(w, ", \"%s\": {\"flops\": %.6g, \"bytes\": %.6g}", name, e.flops, e.bytes); }
/* ---- programs for other kinds of graphs ------------------------------------------------------------------------------ */
static bool says(const Program *p, const char *line) {
    for (int k = 0; k < p->decision.n; k++) {
        Writer w;
        writer_init(&w, p->cx->arena);
        if (!p->decision.at[k].command) continue;
        command_print(p->decision.at[k].command, &w);
        if (!strcmp(w.at, line)) return true;
    }
    return false;
}
static void put_differences(Writer *w, const Program *p, const Program *usual) {
    bool any = false;
    for (int k = 0; k < p->decision.n; k++) {
        Writer line;
        writer_init(&line, w->arena);
        if (!p->decision.at[k].command) continue;
        command_print(p->decision.at[k].command, &line);
        if (says(usual, line.at)) continue;
        put(w, "%s%s", any ? "; " : "", line.at);
        any = true;
    }
    if (!any) put(w, "the same commands but fewer");
}
/* As comments behind the schedule, or as the JSON's "variants". */
static bool put_variants(Writer *w, Options *o, Program *source, Program *usual) {
    Program *passed = front_passes(o, source, front_pipeline(o));
    Variants v;
    if (!passed || o->memory_limit || (o->target && o->target->kind != TARGET_CPU) || !variants_make(o, source, passed, &v)) return !o->cx->n_errors;
    if (v.n && !o->json) put(w, "\n# An object has %d programs for this model and takes one when a graph is bound; this is number 0.\n", v.n + 1);
    for (int k = 0; k < v.n; k++) {
        Program *p = lowered(o, v.program[k]);
        if (!p) return false;
        Writer text;
        writer_init(&text, o->cx->arena);
        put_differences(&text, p, usual);
        if (!o->json) { put(w, "# %d: %s\n#   estimated %.2g times as fast for %s\n", k + 1, text.at, v.gain[k], v.where[k]); continue; }
        put(w, k ? ",\n {\"commands\": " : "\n {\"commands\": ");
        put_json(w, text.at);
        put(w, ", \"gain\": %.3g, \"for\": ", v.gain[k]);
        put_json(w, v.where[k]);
        put(w, "}");
    }
    return true;
}

static bool put_json_form(Writer *w, Options *o, Program *source, Program *p) {
    put(w, "{\"model\": ");
    put_json(w, p->name);
    put(w, ", \"target\": \"%s\", \"only\": true, \"decisions\": [", o->target && o->target->kind == TARGET_CUDA ? "cuda" : "cpu");
    for (int k = 0; k < p->decision.n; k++) {
        const Decision *d = &p->decision.at[k];
        put(w, k ? ",\n {\"pass\": " : "\n {\"pass\": ");
        put_json(w, d->pass);
        if (d->what) { put(w, ", \"what\": "); put_json(w, d->what); put(w, ", \"why\": "); put_json(w, d->why); }
        if (has_estimate(d)) {
            put_estimate(w, "before", d->before);
            put_estimate(w, "after", d->after);
            put_estimate(w, "saved", (Estimate){ d->before.flops - d->after.flops, d->before.bytes - d->after.bytes });
        }
        if (d->runner_up) { put(w, ", \"runner_up\": "); put_json(w, d->runner_up); put_estimate(w, "runner_up_estimate", d->runner); }
        if (d->command) {
            Writer line;
            writer_init(&line, w->arena);
            command_print(d->command, &line);
            put(w, ", \"command\": ");
            put_json(w, line.at);
        }
        put(w, "}");
    }
    put(w, "\n], \"variants\": [");
    bool ok = put_variants(w, o, source, p);
    put(w, "]}\n");
    return ok;
}

/* ---- --why-not ------------------------------------------------------------------------------------------------- */
Estimate explain_total(Program *p) {
    Sizes s = { .p = p };
    Estimate e = { 0 };
    for (int k = 0; k < p->node.n; k++) {
        const Node *n = p->node.at[k];
        if (n->kind == N_COMPUTE && !n->result[0]->structural) e = estimate_add(e, estimate_equation(&s, n->result[0]->rank, n->u.compute.idx, n->u.compute.expr, true));
    }
    return e;
}
double explain_time(Program *p) {
    enum { KERNEL = 100000 };
    int kernels = 0;
    for (int k = 0; k < p->node.n; k++) kernels += p->node.at[k]->kind == N_COMPUTE && !p->node.at[k]->result[0]->structural;
    return estimate_time(p, explain_total(p)) + (double)KERNEL * kernels;
}
/* 'fuse(a, b)' is 'fuse a, b' */
static const char *plain_command(Context *cx, const char *s) {
    size_t n = strcspn(s, " (");
    bool call = s[n] == '(' && *s && s[strlen(s) - 1] == ')';
    for (int k = 0; k < V_COUNT && call; k++) if (strlen(verb_row[k].name) == n && !strncmp(s, verb_row[k].name, n))
        return intern(cx, arena_printf(cx->arena, "%.*s %.*s", (int)n, s, (int)(strlen(s) - n - 2), s + n + 1));
    return s;
}
static int why_not(Options *o, Program *p) {
    Context *cx = o->cx;
    const char *text = plain_command(cx, o->why_not);
    int source = source_from_text(cx, "--why-not", text, strlen(text)), was = p->schedule.n;
    const Source *s = &cx->source.at[source];
    ScheduleFile *f = schedule_parse(cx, s->text, s->length, (Loc){ source, 1, 1, 1, 1 }, false);
    Program *chosen = f ? decide(o, p) : NULL;
    if (!chosen) return EXIT_DIAGNOSED;
    for (int k = 0; k < f->schedule.n; k++) for (int j = 0; j < f->schedule.at[k]->command.n; j++) vec_add(p->arena, p->schedule, f->schedule.at[k]->command.at[j]);
    Program *tried = schedule_check(p) ? decide(o, p) : NULL;
    p->schedule.n = was;
    if (!tried) return EXIT_DIAGNOSED;
    Estimate a = explain_total(chosen), b = explain_total(tried);
    double ratio = estimate_time(p, b) / (estimate_time(p, a) > 0 ? estimate_time(p, a) : 1);
    if (o->json) {
        Writer w;
        writer_init(&w, cx->arena);
        put(&w, "{\"command\": ");
        put_json(&w, text);
        put_estimate(&w, "chosen", a);
        put_estimate(&w, "tried", b);
        put(&w, ", \"time_ratio\": %.4g}\n", ratio);
        fwrite(w.at, 1, w.n, stdout);
    } else if (a.flops == b.flops && a.bytes == b.bytes) printf("`%s` can be honoured; the estimates are the same (%s)\n", text, estimate_text(cx->arena, a));
    else printf("`%s` can be honoured; it is estimated to take %.3g times as long as what was chosen: %s instead of %s\n", text, ratio, estimate_text(cx->arena, b), estimate_text(cx->arena, a));
    return EXIT_OK;
}
int command_explain(Options *o) {
    File *f = front_parse(o, o->file.at[0]);
    Program *p = f ? front_program(o, f, o->model.n ? o->model.at[0] : NULL) : NULL;
    if (!p) return EXIT_DIAGNOSED;
    if (o->why_not) return why_not(o, p);
    Program *q = decide(o, p);
    if (!q) return EXIT_DIAGNOSED;
    Writer w;
    writer_init(&w, o->cx->arena);
    if (!o->json) explain_print(&w, o, q);
    if (!(o->json ? put_json_form(&w, o, p, q) : put_variants(&w, o, p, q))) return EXIT_DIAGNOSED;
    return write_file(o->cx, o->output ? o->output : "-", w.at, w.n, false) ? EXIT_OK : EXIT_DIAGNOSED;
}
