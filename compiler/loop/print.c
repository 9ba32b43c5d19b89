/* print.c - a unit as text; unit_read() gives it back. One statement per line, sizes and words as in the text of the inter-operator IR.
 *
 *     (kernel y "y[v] = sum(i) x[v,i]" v n flat 40
 *       (var acc f32 (f32 0))
 *       (for i serial 0 (size in)
 *         (set acc (add acc (load x (add (mul v (size in)) i)))))
 *       (store y v acc)) */
#include "ir/text.h"
#include "loop/text.h"
#include <string.h>

const char *const role_name[] = { "graph", "input", "param", "output", "const", "plan", "work", "local" };
const char *const rtcall_name[] = {
#define RTCALL(id, function, what) #function,
#include "loop/rtcall.def"
#undef RTCALL
};

static void buf_name(Printer *t, const Buf *b) { if (b) put_name(t->w, b->name); else put(t->w, "_"); }
static void expr(Printer *t, const LX *e) {
    Writer *w = t->w;
    switch (e->k) {
    case LX_INT:
        if (e->dt == DT_BOOL) put(w, e->i ? "true" : "false");
        else if (e->dt == DT_I64) put(w, "%lld", (long long)e->i);
        else put(w, "(%s %lld)", dtype_name(e->dt), (long long)e->i);
        return;
    case LX_REAL: put(w, "(%s ", dtype_name(e->dt)); sexp_put_real(w, e->r); put(w, ")"); return;
    case LX_VAR: put_name(w, e->var->name); return;
    case LX_SIZE: put(w, "(size "); print_ext(t, e->size); put(w, ")"); return;
    case LX_LOAD:
        put(w, "(load ");
        buf_name(t, e->buf);
        put(w, " ");
        expr(t, e->index);
        if (e->arg[0]) put(w, " "), expr(t, e->arg[0]);
        put(w, ")");
        return;
    case LX_OP: put(w, "(%s", scalar_info[e->op].name); break;
    case LX_CAST: put(w, "(cast %s", dtype_name(e->dt)); break;
    case LX_BITCAST: put(w, "(bitcast %s", dtype_name(e->dt)); break;
    case LX_SELECT: put(w, "(select"); break;
    }
    for (int k = 0; k < e->n; k++) put(w, " "), expr(t, e->arg[k]);
    put(w, ")");
}
static void block(Printer *t, const Block *b);
static void statement(Printer *t, const LS *s) {
    Writer *w = t->w;
    put(w, "\n");
    switch (s->k) {
    case LS_FOR:
        put(w, "(for ");
        put_name(w, s->var->name);
        put(w, s->loop == LOOP_LANE ? " lane " : " serial ");
        expr(t, s->lo);
        put(w, " ");
        expr(t, s->hi);
        if (s->red.n) {
            put(w, " (red");
            for (int k = 0; k < s->red.n; k++) put(w, " (%s ", scalar_info[s->red.at[k].op].name), put_name(w, s->red.at[k].var->name), put(w, ")");
            put(w, ")");
        }
        if (s->width) put(w, " (width %d)", s->width);
        if (s->unroll) put(w, " (unroll %d)", s->unroll);
        block(t, &s->body);
        put(w, ")");
        return;
    case LS_LET: case LS_VAR:
        put(w, s->k == LS_LET ? "(let " : "(var ");
        put_name(w, s->var->name);
        put(w, " %s ", dtype_name(s->var->dt));
        expr(t, s->x);
        put(w, ")");
        return;
    case LS_SET: put(w, "(set "); put_name(w, s->var->name); put(w, " "); expr(t, s->x); put(w, ")"); return;
    case LS_STORE:
        put(w, "(store ");
        buf_name(t, s->buf);
        put(w, " ");
        expr(t, s->index);
        put(w, " ");
        expr(t, s->x);
        if (s->guard) put(w, " "), expr(t, s->guard);
        put(w, ")");
        return;
    case LS_IF:
        put(w, "(if ");
        expr(t, s->x);
        w->indent++;
        put(w, "\n(then");
        block(t, &s->body);
        put(w, ")");
        if (s->other.n) put(w, "\n(else"), block(t, &s->other), put(w, ")");
        put(w, ")");
        w->indent--;
        return;
    case LS_BARRIER: put(w, "(barrier)"); return;
    case LS_BREAK_IF: put(w, "(break-if "); expr(t, s->x); put(w, ")"); return;
    case LS_PREFETCH: put(w, "(prefetch "); buf_name(t, s->buf); put(w, " "); expr(t, s->index); put(w, ")"); return;
    case LS_COMMENT: put(w, "(comment "); sexp_put_string(w, s->text); put(w, ")"); return;
    }
}
static void block(Printer *t, const Block *b) {
    t->w->indent++;
    for (int k = 0; k < b->n; k++) statement(t, b->at[k]);
    t->w->indent--;
}
static void kernel(Printer *t, const Kernel *k) {
    put(t->w, "\n(kernel ");
    put_name(t->w, k->name);
    put(t->w, " ");
    sexp_put_string(t->w, k->what ? k->what : "");
    put(t->w, " ");
    put_name(t->w, k->item->name);
    put(t->w, " ");
    print_ext(t, k->extent);
    put(t->w, " %s %lld", k->map == MAP_FLAT ? "flat" : "blocked", (long long)k->work);
    block(t, &k->body);
    put(t->w, ")");
}
static void sym_name(Printer *t, const Sym *s) { put_name(t->w, s->id >= 0 && s->id < t->p->sym.n ? t->sym_label[s->id] : s->name); }
static void host_block(Printer *t, const char *head, const HostBlock *b);
static void host(Printer *t, const LH *h) {
    Writer *w = t->w;
    put(w, "\n");
    switch (h->k) {
    case LH_ALLOC: put(w, "(alloc "); buf_name(t, h->dst); put(w, ")"); return;
    case LH_KERNEL: put(w, "(launch "); put_name(w, h->kernel->name); put(w, ")"); return;
    case LH_CALL:
        put(w, "(call %s (ints", rtcall_name[h->call]);
        for (int k = 0; k < h->arg.n; k++) put(w, " "), print_ext(t, h->arg.at[k]);
        put(w, ") (bufs");
        for (int k = 0; k < h->buf.n; k++) put(w, " "), buf_name(t, h->buf.at[k]);
        put(w, ")");
        if (h->result) put(w, " (result "), sym_name(t, h->result), put(w, ")");
        put(w, ")");
        return;
    case LH_COPY: put(w, "(copy "); buf_name(t, h->dst); put(w, " "); buf_name(t, h->src); put(w, ")"); return;
    case LH_CHECK:
        put(w, "(check %s ", h->rel == '<' ? "<" : h->rel == '=' ? "=" : "<=");
        print_ext(t, h->a);
        put(w, " ");
        print_ext(t, h->b);
        put(w, " ");
        sexp_put_string(w, h->message ? h->message : "");
        put(w, ")");
        return;
    case LH_LOOP:
        put(w, "(loop %lld ", (long long)h->max);
        buf_name(t, h->src);
        w->indent++;
        host_block(t, "head", &h->head);
        host_block(t, "body", &h->body);
        w->indent--;
        put(w, ")");
        return;
    }
}
static void host_block(Printer *t, const char *head, const HostBlock *b) {
    put(t->w, "\n(%s", head);
    t->w->indent++;
    for (int k = 0; k < b->n; k++) host(t, b->at[k]);
    t->w->indent--;
    put(t->w, ")");
}
static void buffer(Printer *t, const Buf *b) {
    Writer *w = t->w;
    put(w, "\n(buf ");
    buf_name(t, b);
    put(w, " %s ", dtype_name(b->dt));
    print_ext(t, b->count);
    put(w, " %s", role_name[b->role]);
    if (b->role <= BUF_OUTPUT) put(w, " %d", b->iface);
    if (b->read_only) put(w, " read-only");
    int64_t n;
    if (b->data && ext_is_const(b->count, &n)) {
        put(w, " (data");
        w->indent++;
        for (int64_t k = 0; k < n; k++) put(w, k % 16 == 15 ? "\n" : " "), sexp_put_real(w, b->data[k]);
        w->indent--;
        put(w, ")");
    }
    put(w, ")");
}
static void item(Printer *t, const char *head, const IfaceItem *i, bool structural) {
    Writer *w = t->w;
    put(w, "\n(%s ", head);
    put_name(w, i->name);
    put(w, " %s (", dtype_name(i->dt));
    for (int k = 0; k < i->rank; k++) { if (k) put(w, " "); print_ext(t, i->extent[k]); }
    put(w, ") ");
    buf_name(t, i->buf);
    if (i->target) put(w, " (target "), print_ext(t, i->target), put(w, ")");
    if (i->init) {
        put(w, " (init ");
        put_name(w, i->init);
        for (int k = 0; k < i->n_init_arg; k++) put(w, " "), sexp_put_real(w, i->init_arg[k]);
        put(w, ")");
    }
    if (i->frozen) put(w, " frozen");
    if (structural) put(w, " structural");
    put(w, ")");
}
void unit_print(const Unit *u, Writer *w) {
    Program sizes = { .cx = u->cx, .arena = u->arena };            /* print_ext() looks up names of sizes in a program */
    Printer t = { .p = &sizes, .w = w, .arena = u->arena };
    t.sym_name.arena = u->arena;
    t.sym_label = NEWN(u->arena, const char *, u->sym.n + 1);
    for (int k = 0; k < u->sym.n; k++) {
        vec_add(u->arena, sizes.sym, u->sym.at[k]);
        t.sym_label[k] = names_unique(&t.sym_name, u->cx, u->sym.at[k]->name, NULL);
    }
    put(w, "(unit ");
    put_name(w, u->name);
    put(w, " ");
    sexp_put_string(w, u->signature ? u->signature : "");
    w->indent++;
    for (int k = 0; k < u->sym.n; k++) {
        put(w, "\n(sym ");
        put_name(w, t.sym_label[k]);
        put(w, " %s", sym_kind_name[u->sym.at[k]->kind]);
        if (u->sym.at[k]->fixed >= 0) put(w, " %lld", (long long)u->sym.at[k]->fixed);
        put(w, ")");
    }
    for (int k = 0; k < u->buf.n; k++) buffer(&t, u->buf.at[k]);
    for (int k = 0; k < u->graph.n; k++) {
        const IfaceGraph *g = &u->graph.at[k];
        const int sym[] = { g->sym_src_nodes, g->sym_dst_nodes, g->sym_edges, g->sym_ntypes, g->sym_etypes };
        const Buf *const map[] = { g->src, g->dst, g->etype, g->ntype };
        put(w, "\n(graph ");
        put_name(w, g->name);
        put(w, " (sizes");
        for (int j = 0; j < 5; j++) { put(w, " "); if (sym[j] >= 0 && sym[j] < u->sym.n) put_name(w, t.sym_label[sym[j]]); else put(w, "_"); }
        put(w, ") (maps");
        for (int j = 0; j < 4; j++) put(w, " "), buf_name(&t, map[j]);
        put(w, "))");
    }
    for (int k = 0; k < u->input.n; k++) item(&t, "input", &u->input.at[k], k < u->input_structural.n && u->input_structural.at[k]);
    for (int k = 0; k < u->param.n; k++) item(&t, "param", &u->param.at[k], false);
    for (int k = 0; k < u->output.n; k++) item(&t, "output", &u->output.at[k], false);
    for (int k = 0; k < u->kernel.n; k++) kernel(&t, u->kernel.at[k]);
    host_block(&t, "bind", &u->bind);
    host_block(&t, "run", &u->run);
    put(w, ")\n");
    w->indent--;
}
