/* schedule.c - commands of a schedule while kernels are made, and what was decided about them. Register tiles, fusion into tiles and prefetches
 * exist for processors only (Lower.machine): commands about them say nothing about text and GPUs. */
#include "lower/lower.h"
#include <string.h>

Command *asked(const Lower *l, Verb v, const Value *of) { return l->machine ? schedule_find(l->p, v, l->label[of->id]) : NULL; }
bool left_alone(const Lower *l, Verb v, const Value *of) { return l->machine && schedule_only(l->p) && !schedule_find(l->p, v, l->label[of->id]); }
bool asked_to_fuse(const Lower *l, const Value *v) {
    return schedule_fuses(l->p, l->label[v->id]);
}
bool asked_to_store(const Lower *l, const Value *v) { return schedule_unfused(l->p, l->label[v->id]); }
/* An equation may have several kernels: what is so of each of them is said once. */
static const char *text_of(Arena *a, const Command *c) {
    Writer w;
    writer_init(&w, a);
    command_print(c, &w);
    return w.at;
}
static bool is_said(Lower *l, const Command *c) {
    const char *text = text_of(l->a, c);
    for (int k = 0; k < l->p->decision.n; k++) {
        const Command *o = l->p->decision.at[k].command;
        if (o && o->verb == c->verb && !strcmp(text_of(l->a, o), text)) return true;
    }
    return false;
}
void decided(Lower *l, Command *c, const char *what, const char *why, Loc loc) {
    if (c && is_said(l, c)) return;
    vec_add(l->p->arena, l->p->decision, (Decision){ .pass = "lower", .what = what, .why = why, .loc = loc, .command = c });
}
