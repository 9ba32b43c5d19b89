/* moves.c - schedules near a given one: one command more, one less, or one with other numbers.
 *
 * What is tried is what `explain` prints and its opposites.  Nothing here knows whether a command makes sense for an equation: those that can't be
 * honoured are refused by the passes, at the price of running them. */
#include "tool/tune.h"
#include <string.h>

enum { MOST_MAPS = 6, MOST_LINES = 400 };
typedef struct Near {
    Arena *a;
    Program *source, *made;
    const char *const *name, *const *label;    /* by value id of source, of made: names in schedules */
    VEC(Command *) now;                    /* all that was decided, in commands */
    Moves *to;
} Near;

static const char *text_of(Arena *a, const Command *c) {
    Writer w;
    writer_init(&w, a);
    command_print(c, &w);
    return w.at;
}
static bool shares_name(const Command *a, const Command *b) {
    for (int k = 0; k < a->name.n; k++) for (int j = 0; j < b->name.n; j++) if (!strcmp(a->name.at[k], b->name.at[j])) return true;
    return false;
}
static bool is_numbered(Verb v) { return v == V_ORDER || v == V_APART; }
/* The new command takes the place of one of its kind for the same name. */
static bool replaces(const Command *c, const Command *old) {
    if (c->verb != old->verb || c->verb == V_FUSE || !shares_name(c, old)) return false;
    return !is_numbered(c->verb) || c->number[0] == old->number[0];
}
static void add_line(Near *n, Move *m, const char *line) { if (m->line.n < MOST_LINES) vec_add(n->a, m->line, line); }
static void add_move(Near *n, const char *what, Move m) {
    m.what = what;
    vec_add(n->a, *n->to, m);
}
/* One command more. free: the compiler decides about the rest anew, by what the schedule said before; else all else stays. */
static void with(Near *n, const Command *c, bool free) {
    Move m = { .own = 1 };
    add_line(n, &m, text_of(n->a, c));
    if (!free) add_line(n, &m, "only");
    for (int k = 0; k < (free ? n->made->schedule.n : n->now.n); k++) {
        const Command *old = free ? n->made->schedule.at[k] : n->now.at[k];
        if (!old->by_option && !replaces(c, old)) add_line(n, &m, text_of(n->a, old));
    }
    add_move(n, m.line.at[0], m);
}
static void without(Near *n, int at) {
    Move m = { 0 };
    add_line(n, &m, "only");
    for (int k = 0; k < n->now.n; k++) if (k != at) add_line(n, &m, text_of(n->a, n->now.at[k]));
    add_move(n, arena_printf(n->a, "without %s", text_of(n->a, n->now.at[at])), m);
}
static bool leaves_free(const Near *n) { return !schedule_only(n->made); }

/* ---- what an equation could become --------------------------------------------------------------------------------------- */
static void store_or_not(Near *n, Node *node, const char *name) {
    bool free = leaves_free(n);
    with(n, command_new(n->a, V_STORE, name), free);
    with(n, command_new(n->a, V_RECOMPUTE, name), free);
    for (int k = 0; k < n->source->node.n; k++) {
        Node *r = n->source->node.at[k];
        if (r->kind != N_COMPUTE || !node_reads(r, node->result[0])) continue;
        for (int fuse = 0; fuse < 2; fuse++) {
            Command *c = command_new(n->a, fuse ? V_FUSE : V_RECOMPUTE, name);
            if (fuse) { vec_add(n->a, c->name, n->name[r->result[0]->id]); c->done = NEWN(n->a, bool, 3); }
            else vec_add(n->a, c->in, n->name[r->result[0]->id]);
            with(n, c, free);
        }
    }
}
static int maps_of(const Near *n, const Space *domain, const char **map) {
    int m = 0;
    for (int k = 0; k < n->source->node.n; k++) for (int j = 0; j < n->source->node.at[k]->n_result; j++) {
        const Value *v = n->source->node.at[k]->result[j];
        if (m < MOST_MAPS && v->target && v->rank == 1 && v->axis[0] == domain) map[m++] = v->name;
    }
    return m;
}
/* Rows by one map or by two of those of an axis. */
static void rows(Near *n, Node *node, const char *name) {
    const char *map[MOST_MAPS];
    for (int axis = 0; axis < node->result[0]->rank; axis++) {
        int m = maps_of(n, node->result[0]->axis[axis], map);
        for (int i = 0; i < m; i++) for (int j = i; j < m; j++) for (int full = 0; full < 2; full++) {
            Command *c = command_new(n->a, full ? V_FULL : V_COMPACT, name);
            c->rows.unique = !full;
            vec_add(n->a, c->rows.key, map[i]);
            if (j > i) vec_add(n->a, c->rows.key, map[j]);
            with(n, c, leaves_free(n));
        }
    }
}
/* Which sum of a term is taken first: over one index, or over the elements that maps take to one place. */
typedef struct Bound { Near *n; Index *at[16]; int count; bool fibre; } Bound;
static bool see_bound(X *e, void *data) {
    Bound *b = data;
    for (int k = 0; e->k == X_REDUCE && k < e->u.reduce.n && b->count < 16; k++) b->at[b->count++] = e->u.reduce.idx[k];
    if (e->k == X_REDUCE) b->fibre |= e->u.reduce.n_cond > 0;
    return true;
}
static void orders(Near *n, Node *node, const char *name) {
    Bound b = { .n = n };
    const char *map[MOST_MAPS];
    x_walk(node->u.compute.expr, see_bound, &b);
    for (int term = 1; term <= 2; term++) for (int k = 0; k < b.count; k++) {
        int m = maps_of(n, b.at[k]->space, map);
        for (int i = -1; i < m; i++) for (int j = i; j < (i < 0 ? 0 : m); j++) for (int full = 0; full < (i < 0 ? 1 : 2); full++) {
            Command *c = command_new(n->a, V_ORDER, name);
            OrderStep s = { .index = b.at[k]->name, .grouped = i >= 0, .by = { .unique = !full } };
            if (i >= 0) vec_add(n->a, s.by.key, map[i]);
            if (i >= 0 && j > i) vec_add(n->a, s.by.key, map[j]);
            vec_add(n->a, c->step, s);
            command_numbers(c, 2, term, 1);
            with(n, c, leaves_free(n));
        }
    }
}

/* ---- the same commands otherwise ------------------------------------------------------------------------------------------ */
static Command *copy_of(Near *n, const Command *c) {
    Command *r = NEW(n->a, Command);
    *r = *c;
    r->step.at = NEWN(n->a, OrderStep, c->step.n + 1);
    for (int k = 0; k < c->step.n; k++) r->step.at[k] = c->step.at[k];
    return r;
}
static void other_numbers(Near *n, const Command *c, int from_rows, int from_lanes) {
    static const int row[] = { 1, 2, 3, 4, 6, 8, 12 }, lane[] = { 8, 16, 32, 48, 64, 128 };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) if (row[k] != from_rows) {
        Command *t = copy_of(n, c);
        command_numbers(t, 2, row[k], from_lanes);
        with(n, t, false);
    }
    for (size_t k = 0; k < sizeof lane / sizeof *lane; k++) if (lane[k] != from_lanes) {
        Command *t = copy_of(n, c);
        command_numbers(t, 2, from_rows, lane[k]);
        with(n, t, false);
    }
}
static void other_distance(Near *n, const Command *c) {
    static const int ahead[] = { 0, 4, 8, 16, 32, 64 };
    for (size_t k = 0; k < sizeof ahead / sizeof *ahead; k++) if (ahead[k] != c->number[0]) {
        Command *t = copy_of(n, c);
        command_numbers(t, 1, ahead[k], 0);
        with(n, t, false);
    }
}
static void other_steps(Near *n, const Command *c) {
    for (int v = 1; v <= 3; v++) if (v != c->number[1]) {
        Command *t = copy_of(n, c);
        t->number[1] = v;
        with(n, t, leaves_free(n));
    }
    for (int k = 0; k < c->step.n; k++) {
        const OrderStep *s = &c->step.at[k];
        for (int what = 0; what < 5; what++) {
            Command *t = copy_of(n, c);
            OrderStep *u = &t->step.at[k];
            if (what == 0) u->inside = !s->inside, u->at.n = 0;
            else if (what == 1 && s->grouped) u->by.unique = !s->by.unique;
            else if (what == 2 && s->grouped) u->grouped = false;
            else if (what == 3 && s->at.n) {
                memset(&u->at, 0, sizeof u->at);
                for (int j = 0; j < s->at.n; j++) { RowsBy r = s->at.at[j]; r.unique = !r.unique; vec_add(n->a, u->at, r); }
            } else if (what == 4 && k + 1 < c->step.n) { OrderStep x = t->step.at[k]; t->step.at[k] = t->step.at[k + 1], t->step.at[k + 1] = x; }
            else continue;
            with(n, t, leaves_free(n));
        }
    }
}
static const Command *has(const Near *n, Verb v, const char *name) {
    for (int k = 0; k < n->now.n; k++) if (n->now.at[k]->verb == v && !strcmp(n->now.at[k]->name.at[0], name)) return n->now.at[k];
    return NULL;
}
/* What a kernel could do that it doesn't. */
static void kernel_of_equation(Near *n, Node *node, const char *name) {
    Bound b = { .n = n };
    x_walk(node->u.compute.expr, see_bound, &b);
    static const int lanes[] = { 16, 32, 64, 128 }, pieces[] = { 1024, 16384, 65536 };
    for (size_t k = 0; k < sizeof lanes / sizeof *lanes && node->result[0]->rank && !has(n, V_TILE, name); k++) {
        Command *c = command_new(n->a, V_VECTOR, name);
        command_numbers(c, 1, lanes[k], 0);
        with(n, c, false);
    }
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces && node->result[0]->rank && !b.count; k++) {
        Command *c = command_new(n->a, V_SPLIT, name);
        command_numbers(c, 1, pieces[k], 0);
        with(n, c, false);
    }
    if (b.count) {                                            /* fibres in pieces, where it has any */
        Command *c = command_new(n->a, V_SPLIT, name);
        command_numbers(c, 1, 4096, 0);
        with(n, c, false);
    }
    static const int rounds[] = { 2, 4, 8 };
    for (size_t k = 0; k < sizeof rounds / sizeof *rounds && b.count; k++) {
        Command *c = command_new(n->a, V_UNROLL, name);
        command_numbers(c, 1, rounds[k], 0);
        with(n, c, false);
    }
    for (int k = 0; k < 2; k++) {
        Command *c = command_new(n->a, V_PARALLEL, name);
        command_numbers(c, 1, k ? 256 : 0, 0);
        with(n, c, false);
    }
    if (!b.count) return;
    if (node->result[0]->rank > 1 && !has(n, V_TILE, name)) {
        Command *c = command_new(n->a, V_TILE, name);
        command_numbers(c, 2, 4, 32);
        with(n, c, false);
        other_numbers(n, c, 4, 32);
    }
    if (b.fibre && !has(n, V_SIDES, name)) with(n, command_new(n->a, V_SIDES, name), leaves_free(n));
    if (b.fibre && !has(n, V_SCATTER, name)) with(n, command_new(n->a, V_SCATTER, name), false);
    if (b.fibre && !has(n, V_PREFETCH, name)) {
        Command *c = command_new(n->a, V_PREFETCH, name);
        command_numbers(c, 1, 0, 0);
        other_distance(n, c);
    }
}

static void equations(Near *n) {
    for (int k = 0; k < n->source->node.n; k++) {
        Node *node = n->source->node.at[k];
        if (node->kind != N_COMPUTE || node->result[0]->structural || node->result[0]->target) continue;
        const char *name = n->name[node->result[0]->id];
        store_or_not(n, node, name);
        rows(n, node, name);
        orders(n, node, name);
    }
    if (leaves_free(n)) with(n, command_new(n->a, V_STORE, "*"), true), with(n, command_new(n->a, V_ONLY, NULL), true);
}
static void decisions(Near *n) {
    for (int k = 0; k < n->now.n; k++) if (n->now.at[k]->verb == V_ORDER) other_steps(n, n->now.at[k]);
    for (int k = 0; k < n->now.n; k++) {
        const Command *c = n->now.at[k];
        if (c->verb == V_SIDES) {                            /* all that follows from it goes with it */
            Command *t = copy_of(n, c);
            command_numbers(t, 1, 0, 0);
            with(n, t, true);
        } else without(n, k);
        if (c->verb == V_TILE) other_numbers(n, c, (int)c->number[0], c->n_number > 1 ? (int)c->number[1] : 64);
        if (c->verb == V_PREFETCH) other_distance(n, c);
    }
    for (int k = 0; k < n->made->node.n; k++) {
        Node *node = n->made->node.at[k];
        if (node->kind == N_COMPUTE && !node->result[0]->structural) kernel_of_equation(n, node, n->label[node->result[0]->id]);
    }
}
void moves_near(Arena *a, Program *source, Program *made, Moves *to) {
    Near near = { .a = a, .source = source, .made = made, .name = schedule_names(source), .label = schedule_names(made), .to = to }, *n = &near;
    for (int k = 0; k < made->decision.n; k++) if (made->decision.at[k].command) vec_add(a, n->now, made->decision.at[k].command);
    bool free = leaves_free(n);
    if (free) equations(n);
    decisions(n);
    if (!free) equations(n);
}
