/* schedule.c - commands of schedules: their text, whether they fit a program, and who has obeyed which; see schedule.h. */
#include "ir/schedule.h"
#include "ir/ir.h"
#include <ctype.h>
#include <string.h>

const VerbRow verb_row[V_COUNT] = {
#define VERB(id, name, form, what) [V_##id] = { name, form, what },
#include "ir/schedule.def"
#undef VERB
};

/* ---- text ----------------------------------------------------------------------------------------------------- */
static bool is_plain(const char *s) {
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    for (; *s && *s != '('; s++) if (!isalnum((unsigned char)*s) && !strchr("_.'", *s)) return false;
    if (!*s) return true;
    size_t n = strlen(s + 1);                               /* f(g(e)): the same inside */
    if (!n || s[n] != ')') return false;
    for (const char *q = s + 1; q < s + n; q++) if (!isalnum((unsigned char)*q) && !strchr("_.'()", *q)) return false;
    return isalpha((unsigned char)s[1]) || s[1] == '_';
}
static void put_word(Writer *w, const char *s) { put(w, !strcmp(s, "*") || is_plain(s) ? "%s" : "\"%s\"", s); }
static void put_words(Writer *w, const NameList *n) { for (int k = 0; k < n->n; k++) { put(w, k ? ", " : ""); put_word(w, n->at[k]); } }
static void put_keys(Writer *w, const NameList *n) {
    put(w, "(");
    put_words(w, n);
    put(w, ")");
}
void rows_by_print(const RowsBy *r, Writer *w) {
    put(w, r->unique ? "compact " : "full ");
    put_keys(w, &r->key);
}
static void put_at(Writer *w, const RowsBy *at, int n) {
    if (n) put(w, " at");
    for (int k = 0; k < n; k++) { put(w, " "); rows_by_print(&at[k], w); }
}
void command_print(const Command *c, Writer *w) {
    put(w, "%s%s", verb_row[c->verb].name, c->name.n ? " " : "");
    put_words(w, &c->name);
    switch (c->verb) {
    case V_STORE: case V_FUSE: case V_TOGETHER: case V_SCATTER: case V_GATHER: case V_ONLY: case V_COUNT: break;
    case V_COMPACT: case V_FULL: put(w, " by "); put_keys(w, &c->rows.key); break;
    case V_RECOMPUTE: if (c->in.n) { put(w, " in "); put_words(w, &c->in); } break;
    case V_ORDER:
        put(w, " %lld", (long long)c->number[0]);
        if (c->number[1] != 1) put(w, " as %lld", (long long)c->number[1]);
        for (int k = 0; k < c->step.n; k++) {
            const OrderStep *s = &c->step.at[k];
            put(w, k ? ", " : ": ");
            put_word(w, s->index);
            if (s->inside) put(w, " inside");
            if (s->grouped) { put(w, " by "); put_keys(w, &s->by.key); put(w, s->by.unique ? " compact" : " full"); }
            put_at(w, s->at.at, s->at.n);
        }
        break;
    case V_APART: put(w, " %lld%s", (long long)c->number[0], c->early ? " early" : ""); put_at(w, c->at.at, c->at.n); break;
    case V_TILE: put(w, " %lld", (long long)c->number[0]); if (c->n_number > 1) put(w, " x %lld", (long long)c->number[1]); break;
    case V_SIDES: if (!c->n_number) break; /* fallthrough */
    case V_PREFETCH: case V_VECTOR: case V_SPLIT: case V_UNROLL: case V_PARALLEL: put(w, " %lld", (long long)c->number[0]); break;
    }
}
Command *command_new(Arena *a, Verb v, const char *name) {
    Command *c = NEW(a, Command);
    *c = (Command){ .verb = v, .loc = NO_LOC };
    if (name) vec_add(a, c->name, name);
    c->done = NEWN(a, bool, 2);
    return c;
}
void command_numbers(Command *c, int n, int64_t first, int64_t second) { c->n_number = n, c->number[0] = first, c->number[1] = second; }

/* ---- names ---------------------------------------------------------------------------------------------------------- */
typedef struct Label { const char *name; int times; } Label;
typedef struct Labels { const char **at; int cap; Label *label; Context *cx; } Labels;
static void label_nodes(Labels *l, Node *const *node, int n) {
    for (int k = 0; k < n; k++) {
        for (int j = 0; j < node[k]->n_result; j++) {
            const Value *v = node[k]->result[j];
            const char *name = intern(l->cx, v->name ? v->name : "");
            size_t h = ((uintptr_t)name >> 3) % (size_t)l->cap;              /* one pointer for each name. The place in the table is seen by nobody */
            while (l->label[h].name && l->label[h].name != name) h = (h + 1) % (size_t)l->cap;
            l->label[h].name = name;
            l->at[v->id] = ++l->label[h].times == 1 ? name : intern(l->cx, arena_printf(l->cx->arena, "%s~%d", name, l->label[h].times));
        }
        if (node[k]->kind == N_ITERATE) label_nodes(l, node[k]->u.iterate.body.at, node[k]->u.iterate.body.n);
    }
}
const char *const *schedule_names(Program *p) {
    Labels l = { .at = NEWN(p->arena, const char *, p->n_value + 1), .cap = 2 * p->n_value + 3, .cx = p->cx };
    l.label = NEWN(p->arena, Label, l.cap);
    for (int k = 0; k <= p->n_value; k++) l.at[k] = "";
    label_nodes(&l, p->node.at, p->node.n);
    return l.at;
}
static void name_nodes(Node *const *node, int n, const char *const *label) {
    for (int k = 0; k < n; k++) {
        for (int j = 0; j < node[k]->n_result; j++) node[k]->result[j]->name = label[node[k]->result[j]->id];
        if (node[k]->kind == N_ITERATE) name_nodes(node[k]->u.iterate.body.at, node[k]->u.iterate.body.n, label);
    }
}
void schedule_name_apart(Program *p) { name_nodes(p->node.at, p->node.n, schedule_names(p)); }
bool schedule_same(const char *written, const char *full) {
    if (!strcmp(written, full)) return true;
    /* without the graph's name, at each map of a chain */
    for (;;) {
        size_t n = strcspn(written, "()"), m = strcspn(full, "()");
        if (m < n || strncmp(written, full + (m - n), n) || (m > n && full[m - n - 1] != '.')) return false;
        written += n, full += m;
        if (!*written || !*full) return !*written && !*full;
        if (*written++ != *full++) return false;
    }
}

/* ---- does it fit the program? --------------------------------------------------------------------------------------- */
typedef struct Known { Program *p; VEC(const char *) value, map; bool *given; } Known;
static void know_nodes(Known *k, Node *const *node, int n) {
    Arena *a = k->p->arena;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < node[i]->n_result; j++) {
            const Value *v = node[i]->result[j];
            if (v->target) vec_add(a, k->map, v->name);
            if (node[i]->kind != N_INPUT && node[i]->kind != N_PARAM && node[i]->kind != N_CONST) vec_add(a, k->value, v->name);
        }
        if (node[i]->kind == N_COMPUTE) for (int j = 0; j < node[i]->result[0]->rank; j++) vec_add(a, k->map, node[i]->u.compute.idx[j]->name);
        if (node[i]->kind == N_ITERATE) know_nodes(k, node[i]->u.iterate.body.at, node[i]->u.iterate.body.n);
    }
}
static bool is_among(const char *name, const char *const *list, int n) {
    for (int k = 0; k < n; k++) if (!strcmp(list[k], name)) return true;
    return false;
}
static size_t made_ending(const char *name, size_t n) {              /* linear and hoist, cut */
    static const char *const ending[] = { ".t", ".pieces" };
    for (int k = 0; k < 2; k++) { size_t m = strlen(ending[k]); if (n > m && !strncmp(name + n - m, ending[k], m)) return m; }
    return 0;
}
/* "s.t~2", which passes have named, comes from "s" */
static const char *source_name(const Known *k, const char *name) {
    size_t n = strcspn(name, "~"), end;
    const char *of = intern_n(k->p->cx, name, n), *first = of;
    while (!is_among(of, k->value.at, k->value.n) && (end = made_ending(name, n))) of = intern_n(k->p->cx, name, n -= end);
    return is_among(of, k->value.at, k->value.n) ? of : first;
}
static bool check_name(Known *k, const Command *c, const char *name) {
    const char *of = source_name(k, name);
    if (*name == '*' || *name == '%' || is_among(of, k->value.at, k->value.n)) return true;
    for (int j = 0; j < k->p->node.n; j++) for (int i = 0; i < k->p->node.at[j]->n_result; i++) {
        const Value *v = k->p->node.at[j]->result[i];
        if (strcmp(v->name, of)) continue;
        diag_help(diag_error(k->p->cx, D_SCHEDULE_REFUSED, c->loc, "`%s` can't be scheduled: it is given, not computed", name), "name an equation of the model");
        return false;
    }
    Diag *d = diag_error(k->p->cx, D_SCHEDULE_STALE, c->loc, "the schedule names `%s`, which model `%s` does not have", name, k->p->name);
    const char *near = did_you_mean(k->p->cx, of, k->value.at, k->value.n);
    if (near) diag_help(d, "did you mean `%s`?", near);
    return false;
}
static bool check_rows(Known *k, const Command *c, const RowsBy *r) {
    for (int j = 0; j < r->key.n; j++) {
        const char *s = r->key.at[j];
        while (*s && strncmp(s, "unique(", 7)) {           /* the maps of spaces that passes make are not known here */
            size_t n = strcspn(s, "()");
            const char *name = intern_n(k->p->cx, s, n);
            bool found = !n;
            for (int i = 0; i < k->map.n && !found; i++) found = schedule_same(name, k->map.at[i]);
            if (!found) {
                Diag *d = diag_error(k->p->cx, D_SCHEDULE_STALE, c->loc, "the schedule names the map `%s`, which model `%s` does not have", name, k->p->name);
                const char *near = did_you_mean(k->p->cx, name, k->map.at, k->map.n);
                if (near) diag_help(d, "did you mean `%s`?", near);
                return false;
            }
            s += n + (s[n] != 0);
        }
    }
    return true;
}
static bool contradicts(Verb a, Verb b) {
    static const struct { Verb a, b; } no[] = { { V_STORE, V_COMPACT }, { V_STORE, V_FULL }, { V_STORE, V_RECOMPUTE }, { V_COMPACT, V_RECOMPUTE }, { V_FULL, V_RECOMPUTE },
        { V_SCATTER, V_GATHER }, { V_TILE, V_RECOMPUTE }, { V_STORE, V_TOGETHER } };
    for (size_t k = 0; k < sizeof no / sizeof *no; k++) if ((no[k].a == a && no[k].b == b) || (no[k].a == b && no[k].b == a)) return true;
    return false;
}
static bool all_targets(const Command *a, const Command *b) { return !a->target || !b->target || !strcmp(a->target, b->target); }
/* Both give the one number that there is; for one kind of target after all kinds is an exception, no second word. */
static bool decide_twice(const Command *a, const Command *b) {
    bool number = a->verb == V_TILE || a->verb == V_PREFETCH || a->verb == V_VECTOR || a->verb == V_SPLIT || a->verb == V_UNROLL || a->verb == V_PARALLEL || (a->verb == V_SIDES && (a->n_number || b->n_number));
    return number && a->verb == b->verb && (a->target == b->target || (a->target && b->target && !strcmp(a->target, b->target)));
}
static bool check_against(Program *p, int at) {
    const Command *c = p->schedule.at[at];
    for (int k = 0; k < at; k++) {
        const Command *o = p->schedule.at[k];
        for (int j = 0; j < c->name.n; j++) if (*c->name.at[j] != '*' && is_among(c->name.at[j], o->name.at, o->name.n) && contradicts(c->verb, o->verb) && !(c->in.n || o->in.n) && all_targets(c, o)) {
            Diag *d = diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "`%s %s` contradicts `%s %s`", verb_row[c->verb].name, c->name.at[j], verb_row[o->verb].name, c->name.at[j]);
            diag_note(d, o->loc, "the other command");
            diag_help(d, "remove one of the two");
            return false;
        }
        for (int j = 0; j < c->name.n && decide_twice(c, o); j++) if (is_among(c->name.at[j], o->name.at, o->name.n)) {
            Diag *d = diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "`%s %s` stands here for the second time", verb_row[c->verb].name, c->name.at[j]);
            diag_note(d, o->loc, "the first one");
            diag_help(d, "remove one of the two");
            return false;
        }
    }
    return true;
}
static bool check_numbers(Program *p, const Command *c) {
    if (c->target && strcmp(c->target, "cpu") && strcmp(c->target, "cuda")) {
        diag_help(diag_error(p->cx, D_SCHEDULE_STALE, c->loc, "there is no kind of target `%s`", c->target), "schedules are for cpu or cuda");
        return false;
    }
    if (c->verb == V_TILE && (c->number[0] < 1 || c->number[0] > 12 || (c->n_number > 1 && (c->number[1] < 1 || c->number[1] > 4096)))) {
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "a tile has 1 to 12 rows and 1 to 4096 lanes"), "tile %s 6 x 64", c->name.at[0]);
        return false;
    }
    if (c->verb == V_SIDES && c->n_number && c->number[0]) {
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "`sides %s` has no number, or 0: then its sums stay as they are", c->name.at[0]), "sides %s 0", c->name.at[0]);
        return false;
    }
    if (c->verb == V_PREFETCH && c->number[0] > 1024) {
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "rows are asked for at most 1024 items ahead"), "prefetch %s 16", c->name.at[0]);
        return false;
    }
    if (c->verb == V_VECTOR && (c->number[0] < 1 || c->number[0] > 256)) {
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "there are 1 to 256 lanes at a time"), "vector %s 32", c->name.at[0]);
        return false;
    }
    if (c->verb == V_SPLIT && (c->number[0] < 1 || c->number[0] > 1 << 20)) {
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "an item or a piece has 1 to 1048576 elements"), "split %s 4096", c->name.at[0]);
        return false;
    }
    if (c->verb == V_UNROLL && (c->number[0] < 1 || c->number[0] > 64)) {
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "a loop does 1 to 64 rounds at a time"), "unroll %s 4", c->name.at[0]);
        return false;
    }
    if ((c->verb == V_FUSE || c->verb == V_TOGETHER) && c->name.n < 2) {
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "one value alone can't be fused"), c->verb == V_FUSE ? "fuse %s, Y: computed in the kernel of Y" : "together %s, Y: one kernel for both", c->name.at[0]);
        return false;
    }
    return true;
}
/* Each value that is to be fused is read by another one of them. */
static bool check_fused(Program *p, const Command *c) {
    for (int k = 0; k + 1 < c->name.n && c->verb == V_FUSE; k++) {
        const Value *v = NULL;
        bool found = false;
        for (int j = 0; j < p->node.n; j++) for (int i = 0; i < p->node.at[j]->n_result; i++) if (!strcmp(p->node.at[j]->result[i]->name, c->name.at[k])) v = p->node.at[j]->result[i];
        for (int j = 0; v && j < p->node.n; j++) for (int i = 0; i < p->node.at[j]->n_result; i++)
            found |= is_among(p->node.at[j]->result[i]->name, c->name.at, c->name.n) && node_reads(p->node.at[j], v);
        if (!v || found || strpbrk(c->name.at[c->name.n - 1], "~%.")) continue;      /* what passes make has readers that passes make */
        diag_help(diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "none of the others in this command reads `%s`", c->name.at[k]), "fuse it with what reads it");
        return false;
    }
    return true;
}
bool schedule_check(Program *p) {
    Known k = { .p = p };
    bool ok = true;
    if (!p->schedule.n) return true;
    know_nodes(&k, p->node.at, p->node.n);
    for (int j = 0; j < p->schedule.n; j++) {
        const Command *c = p->schedule.at[j];
        bool fits = true;
        for (int i = 0; i < c->name.n && fits; i++) fits = check_name(&k, c, c->name.at[i]);
        for (int i = 0; i < c->in.n && fits; i++) fits = check_name(&k, c, c->in.at[i]);
        fits = fits && check_rows(&k, c, &c->rows);
        for (int i = 0; i < c->at.n && fits; i++) fits = check_rows(&k, c, &c->at.at[i]);
        for (int i = 0; i < c->step.n && fits; i++) {
            fits = check_rows(&k, c, &c->step.at[i].by);
            for (int q = 0; q < c->step.at[i].at.n && fits; q++) fits = check_rows(&k, c, &c->step.at[i].at.at[q]);
        }
        ok &= fits && check_numbers(p, c) && check_fused(p, c) && check_against(p, j);
    }
    return ok;
}

/* ---- who obeys what ----------------------------------------------------------------------------------------------- */
Command *schedule_find(const Program *p, Verb v, const char *name) {
    for (int k = p->schedule.n - 1; k >= 0; k--) {
        Command *c = p->schedule.at[k];
        if (c->verb == v && !c->refused && is_among(name, c->name.at, c->name.n)) return c;
    }
    return NULL;
}
bool schedule_only(const Program *p) {
    for (int k = 0; k < p->schedule.n; k++) if (p->schedule.at[k]->verb == V_ONLY) return true;
    return false;
}
void schedule_done(Command *c, const char *name) {
    for (int k = 0; k < c->name.n; k++) if (!strcmp(c->name.at[k], name)) c->done[k] = true;
}
bool schedule_is_done(const Command *c, const char *name) {
    for (int k = 0; k < c->name.n; k++) if (!strcmp(c->name.at[k], name)) return c->done[k];
    return true;
}
void schedule_refuse(const Program *p, Command *c, const char *fmt, ...) {
    if (c->refused) return;
    c->refused = true;
    Writer w;
    writer_init(&w, p->arena);
    command_print(c, &w);
    va_list ap;
    va_start(ap, fmt);
    char text[400];
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_error(p->cx, D_SCHEDULE_REFUSED, c->loc, "`%s` can't be honoured: %s", w.at, text);
}
static bool to_do(const Program *p, Verb v, const char *name) {
    const Command *c = schedule_find(p, v, name);
    return c && !schedule_is_done(c, name);
}
bool schedule_fuses(const Program *p, const char *name) {
    const Command *c = schedule_find(p, V_FUSE, name);
    return c && strcmp(c->name.at[c->name.n - 1], name);
}
bool schedule_unfused(const Program *p, const char *name) { return (schedule_find(p, V_STORE, name) || schedule_find(p, V_STORE, "*")) && !schedule_fuses(p, name); }
bool schedule_keeps(const Program *p, const char *name) {
    return schedule_find(p, V_STORE, name) || schedule_fuses(p, name) || to_do(p, V_COMPACT, name) || to_do(p, V_FULL, name);
}
static const Node *node_of(Node *const *node, int n, const char *name, const char *const *label) {
    for (int k = 0; k < n; k++) {
        for (int j = 0; j < node[k]->n_result; j++) if (!strcmp(label[node[k]->result[j]->id], name)) return node[k];
        const Node *in = node[k]->kind == N_ITERATE ? node_of(node[k]->u.iterate.body.at, node[k]->u.iterate.body.n, name, label) : NULL;
        if (in) return in;
    }
    return NULL;
}
static bool is_lowering(Verb v) { return v == V_TILE || v == V_SCATTER || v == V_GATHER || v == V_PREFETCH || v == V_VECTOR || v == V_SPLIT || v == V_UNROLL || v == V_PARALLEL; }
bool schedule_finish(const Program *p, bool lowered) {
    int errors = p->cx->n_errors;
    const char *const *label = p->schedule.n ? schedule_names((Program *)p) : NULL;
    for (int k = 0; k < p->schedule.n; k++) {
        Command *c = p->schedule.at[k];
        if (c->verb == V_ONLY || (is_lowering(c->verb) && !lowered)) continue;
        for (int j = 0; j < c->name.n && !c->refused; j++) {
            if (c->done[j] || *c->name.at[j] == '*' || (c->verb == V_FUSE && j == c->name.n - 1)) continue;
            const char *name = c->name.at[j];
            const Node *of = node_of(p->node.at, p->node.n, name, label);
            if (!of) {
                if (c->verb != V_FUSE && c->verb != V_TOGETHER && c->verb != V_RECOMPUTE)
                    schedule_refuse(p, c, "no equation `%s` is left where that is decided: an equal or a simpler one has taken its place, or what reads it has taken it in", name);
                continue;
            }
            if (c->verb == V_FUSE && !lowered && of->kind == N_COMPUTE && x_has_reduce(of->u.compute.expr)) continue;      /* into tiles, which processors have */
            switch (c->verb) {
            case V_STORE: case V_GATHER: case V_ONLY: case V_COUNT: break;
            case V_COMPACT: case V_FULL: schedule_refuse(p, c, "`%s` has no such rows at the levels and with the passes that are run", name); break;
            case V_RECOMPUTE: schedule_refuse(p, c, "`%s` is an output, a map, or read by something that no equation can stand in", name); break;
            case V_FUSE: schedule_refuse(p, c, "`%s` is stored: another equation or an output needs it, or its rows are not those of `%s`", name, c->name.at[c->name.n - 1]); break;
            case V_TOGETHER: schedule_refuse(p, c, "`%s` is no equation of its own outside of loops", name); break;
            case V_ORDER: schedule_refuse(p, c, "`%s` has no such term of sums", name); break;
            case V_SIDES: schedule_refuse(p, c, "`%s` has no sum over pairs of a type and a node that could be taken at either end", name); break;
            case V_APART: schedule_refuse(p, c, "`%s` has no such part", name); break;
            case V_TILE: schedule_refuse(p, c, "`%s` has no sums whose rows share what they read", name); break;
            case V_SCATTER: schedule_refuse(p, c, "`%s` is no fibre sum of contractions", name); break;
            case V_VECTOR: schedule_refuse(p, c, "the kernel of `%s` has no lanes of its own: it has tiles, whose lanes `tile` says, or is computed in another kernel or one by one", name); break;
            case V_SPLIT: schedule_refuse(p, c, "nothing of `%s` can be cut: no sum or extremum (no place of one, and with no other condition) goes along a fibre, reads in range by itself and has plain dims for its other axes; and the last axis has sums around it, is known to be short, or is computed in another kernel", name); break;
            case V_UNROLL: schedule_refuse(p, c, "the kernel of `%s` has no loops besides those over lanes, or it is computed in another kernel", name); break;
            case V_PARALLEL: schedule_refuse(p, c, "`%s` has no kernel of its own", name); break;
            case V_PREFETCH: schedule_refuse(p, c, "`%s` reads no rows through maps of its first axis in a sum", name); break;
            }
        }
    }
    return p->cx->n_errors == errors;
}
