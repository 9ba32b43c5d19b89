/* order.c - in which order the names of a scope are elaborated: each after what it reads, however long the chain and however it is written.
 *
 *     a[i] = b[i]; b[i] = c[i]; c[i] = x[i]          c, b, a
 * The items are tensors and called layers; a repeat is one item for all that it carries.  Strongly connected parts of plain equations are groups of
 * recurrences (recur.c), all other circles are reported here.  Linear in the text; nothing recurses but the walk of one expression. */
#include "sema/scope.h"
#include <string.h>

typedef struct Item {
    Def *def; const char *layer;            /* one of the two */
    int *to, n_to, next;                    /* what it reads */
    int mark, low; bool on_stack, self;
} Item;
typedef struct Slot { const void *key; int item; } Slot;
typedef struct Order {
    Sema *s; Scope *c;
    VEC(Item) item; Slot *slot; size_t cap;
    VEC(int) edge, stack, path;
    int clock, groups;
} Order;

static Slot *slot_of(Order *o, const void *key) {
    size_t p = ((uintptr_t)key >> 4) * 11400714819323198485u & (o->cap - 1);
    while (o->slot[p].key && o->slot[p].key != key) p = (p + 1) & (o->cap - 1);
    return &o->slot[p];
}
static int find(Order *o, const void *key) { Slot *s = slot_of(o, key); return s->key ? s->item : -1; }
static void name_item(Order *o, const void *key, int item) {
    Slot *s = slot_of(o, key);
    if (!s->key) *s = (Slot){ key, item };
}
static const Stmt *block_of(const Def *d) { return d->repeat ? d->repeat : d->iterate; }
static bool assigned_in(const Stmt *block, const char *name) {
    for (int k = 0; block && k < block->body.n; k++) {
        const Stmt *st = block->body.at[k];
        for (int j = 0; j < st->lhs.n; j++) {
            const Expr *l = st->lhs.at[j]->kind == E_SUBSCRIPT ? st->lhs.at[j]->arg.at[0] : st->lhs.at[j];
            if (l->kind == E_NAME && l->name.s == name) return true;
        }
    }
    return false;
}
static void reads_name(Order *o, const char *name, const Stmt *block) {
    int to = find(o, name);
    const char *dot = to < 0 ? strchr(name, '.') : NULL;              /* h1.y and h1.W read layer h1, h.0.W the repeat that carries h */
    if (dot) to = find(o, name = intern_n(o->s->cx, name, (size_t)(dot - name)));
    if (to < 0) return;
    const Item *i = &o->item.at[to];
    if (block && ((i->def && block_of(i->def) == block) || assigned_in(block, name))) return;     /* inside, the name is the round's own */
    vec_add(o->s->a, o->edge, to);
}
/* The name of a model that is called: not the tensor or the layer of that name, which may be its very result, as in  norm = norm(d)(x = x). */
static bool calls_model(Order *o, const Expr *base, bool parameters) {
    return base->kind == E_NAME && find(o, base->name.s) >= 0 && (find_model(o->s, o->c->file, base->name.s) || (parameters && std_model(o->s, base->name.s)));
}
static void reads(Order *o, const Expr *x, const Stmt *block) {
    if (!x) return;
    const Expr *callee = x->kind == E_CALL ? x->arg.at[0] : NULL;
    if (callee && callee->kind == E_CALL && calls_model(o, callee->arg.at[0], true)) {
        for (int k = 0; k < callee->call.n; k++) reads(o, callee->call.at[k].value, block);
        for (int k = 0; k < x->call.n; k++) reads(o, x->call.at[k].value, block);
        return;
    }
    if (x->kind == E_NAME || x->kind == E_PRIME) reads_name(o, x->name.s, block);
    for (int k = callee && calls_model(o, callee, false); k < x->arg.n; k++) reads(o, x->arg.at[k], block);
    for (int k = 0; k < x->call.n; k++) reads(o, x->call.at[k].value, block);
    for (int k = 0; k < x->sub.n; k++) { reads(o, x->sub.at[k].e, block); reads(o, x->sub.at[k].other, block); }
    for (int k = 0; k < x->bind.n; k++) reads(o, x->bind.at[k].cond, block);
    reads(o, x->other, block);
}
static void statement_reads(Order *o, const Stmt *st, const Stmt *block) {
    for (int k = 0; k < st->rhs.n; k++) reads(o, st->rhs.at[k], block);
    reads(o, st->cond, block);
    reads(o, st->count, block);
    for (int k = 0; k < st->body.n; k++) statement_reads(o, st->body.at[k], block);
}
static void enter(Order *o, int k) {
    Item *i = &o->item.at[k];
    Def *d = i->def;
    o->edge.n = 0;
    if (d) {
        const Stmt *block = block_of(d);
        for (int q = 0; q < d->eq.n; q++) for (int j = 0; j < d->eq.at[q]->rhs.n; j++) reads(o, d->eq.at[q]->rhs.at[j], NULL);
        if (d->many) statement_reads(o, d->many, NULL);
        if (d->decl) reads(o, d->decl->value, NULL);
        if (block && find(o, block) == k) statement_reads(o, block, block);          /* one item for all that the block carries */
        else if (block) vec_add(o->s->a, o->edge, find(o, block));
    } else {
        Bind *b = scope_find(o->c, i->layer);
        if (b) reads(o, b->call, NULL);
    }
    i->to = NEWN(o->s->a, int, o->edge.n + 1);
    i->n_to = o->edge.n;
    if (o->edge.n) memcpy(i->to, o->edge.at, sizeof *i->to * (size_t)o->edge.n);
    for (int q = 0; q < i->n_to; q++) i->self |= i->to[q] == k;
    i->mark = i->low = ++o->clock, i->on_stack = true;
    vec_add(o->s->a, o->stack, k);
    vec_add(o->s->a, o->path, k);
}
static const char *name_of(const Item *i) { return i->def ? i->def->name : i->layer; }
static Loc loc_of(Order *o, const Item *i) {
    Bind *b = i->def ? NULL : scope_find(o->c, i->layer);
    return i->def ? i->def->loc : b ? b->loc : NO_LOC;
}
/* A circle through a layer, a selection, a map or a block, as a person follows it. */
static void circle(Order *o, const int *part, int n) {
    int way[64], m = 0, from = -1, at = part[0];
    while (from < 0 && m < 64) {
        way[m++] = at;
        const Item *i = &o->item.at[at];
        int next = -1;
        for (int q = 0; q < i->n_to && next < 0; q++) for (int k = 0; k < n; k++) if (part[k] == i->to[q]) next = part[k];
        if (next < 0) next = at;
        at = next;
        for (int k = 0; k < m; k++) if (way[k] == at) from = k;
    }
    if (from < 0) from = 0;
    const char *text = "";
    for (int k = from; k < m; k++) text = arena_printf(o->s->a, "%s`%s` -> ", text, name_of(&o->item.at[way[k]]));
    const Item *first = &o->item.at[way[from]];
    Diag *g = diag_error(o->s->cx, D_CYCLE, loc_of(o, first), "`%s` is needed for itself: %s`%s`", name_of(first), text, name_of(first));
    for (int k = from + 1; k < m; k++) diag_note(g, loc_of(o, &o->item.at[way[k]]), "`%s` is read by `%s`, and defined here", name_of(&o->item.at[way[k]]), name_of(&o->item.at[way[k - 1]]));
    diag_help(g, "only equations with plain indices may read each other, through the previous element: %s[.., t-1, ..]", name_of(first));
    for (int k = 0; k < n; k++) {
        Item *i = &o->item.at[part[k]];
        Bind *b = scope_find(o->c, name_of(i));
        if (i->def) i->def->state = 2, i->def->value = NULL;
        if (b && b->kind == B_LAYER) b->kind = B_POISON;
    }
}
static void close_part(Order *o, int k) {
    int first = o->stack.n;
    while (o->stack.at[--first] != k) { }
    int n = o->stack.n - first, *part = &o->stack.at[first];
    bool plain = true, group = n > 1 || o->item.at[k].self;
    for (int q = 0; q < n; q++) {
        const Item *i = &o->item.at[part[q]];
        plain &= i->def && !i->def->many && !i->def->decl && !block_of(i->def);
        o->item.at[part[q]].on_stack = false;
    }
    if (group && plain) o->groups++;
    else if (group) circle(o, part, n);
    for (int q = 0; q < n; q++) {
        Item *i = &o->item.at[part[q]];
        if (group && plain) i->def->group = o->groups;
        vec_add(o->s->a, o->c->order, name_of(i));
    }
    o->stack.n = first;
}
static void visit(Order *o, int root) {
    if (o->item.at[root].mark) return;
    for (enter(o, root); o->path.n; ) {
        int k = o->path.at[o->path.n - 1];
        Item *i = &o->item.at[k];
        if (i->next < i->n_to) {
            int j = i->to[i->next++];
            if (!o->item.at[j].mark) enter(o, j);
            else if (o->item.at[j].on_stack && o->item.at[j].mark < i->low) i->low = o->item.at[j].mark;
            continue;
        }
        o->path.n--;
        if (i->low == i->mark) close_part(o, k);
        if (o->path.n) { Item *up = &o->item.at[o->path.at[o->path.n - 1]]; if (i->low < up->low && o->item.at[k].on_stack) up->low = i->low; }
    }
}
/* Fills c->order; the first c->n_needed of it are what the outputs need. */
void order_scope(Sema *s, Scope *c) {
    Order o = { .s = s, .c = c, .cap = 64 };
    for (int k = 0; k < c->def.n; k++) vec_add(s->a, o.item, (Item){ .def = c->def.at[k] });
    for (int k = 0; k < c->bind.n; k++) if (c->bind.at[k].kind == B_LAYER) vec_add(s->a, o.item, (Item){ .layer = c->bind.at[k].name });
    while (o.cap < 4 * (size_t)o.item.n) o.cap *= 2;
    o.slot = NEWN(s->a, Slot, o.cap);
    for (int k = 0; k < o.item.n; k++) {
        name_item(&o, name_of(&o.item.at[k]), k);
        if (o.item.at[k].def && block_of(o.item.at[k].def)) name_item(&o, block_of(o.item.at[k].def), k);
    }
    c->order.n = 0;
    for (int k = 0; k < c->output.n; k++) { int i = find(&o, c->output.at[k]); if (i >= 0) visit(&o, i); }
    c->n_needed = c->order.n;
    for (int k = 0; k < o.item.n; k++) visit(&o, k);
}
/* Elaborates what the outputs need, or everything. */
void order_elaborate(Sema *s, Scope *c, bool all) {
    Env e = env_of(s, c);
    for (int k = 0; k < (all ? c->order.n : c->n_needed); k++) {
        Bind *b = scope_find(c, c->order.at[k]);
        if (b && b->kind == B_DEF && b->def) def_value(s, b->def);
        else if (b && b->kind == B_LAYER) layer_check(&e, b);
    }
}
