/* read.c - a unit from its text. The form is checked here (D_IR_SYNTAX), the meaning by unit_verify(). Expressions are built as they
 * stand, without folding; variables are in scope from their statement to the end of its block. */
#include "ir/text.h"
#include "loop/text.h"
#include <string.h>

typedef struct LoopReader { IrReader ir; Unit *u; Names buf, kernel; VEC(Var *) var; int n_var; } LoopReader;

#define FAIL(at, ...) (read_error(&r->ir, at, __VA_ARGS__), false)
static Buf *buffer_name(LoopReader *r, const Sexp *s) {
    void **b = name_of(s) ? names_slot(&r->buf, name_of(s), false) : NULL;
    return b ? *b : read_error(&r->ir, s, "a buffer is expected here");
}
static Var *variable(LoopReader *r, const Sexp *s) {
    for (int k = r->var.n - 1; k >= 0 && name_of(s); k--) if (!strcmp(r->var.at[k]->name, name_of(s))) return r->var.at[k];
    return read_error(&r->ir, s, "a variable of this block is expected here");
}
static Var *new_variable(LoopReader *r, const Sexp *s, Dtype dt, bool mutable_) {
    if (!name_of(s)) return read_error(&r->ir, s, "a name is expected here");
    Var *v = NEW(r->u->arena, Var);
    *v = (Var){ r->n_var++, name_of(s), dt, mutable_, 0 };
    vec_add(r->u->arena, r->var, v);
    return v;
}
static int scalar_op(LoopReader *r, const Sexp *s) {
    for (int k = 0; k < OP_COUNT; k++) if (sexp_is(s, scalar_info[k].name)) return k;
    const char *ops[OP_COUNT];
    for (int k = 0; k < OP_COUNT; k++) ops[k] = scalar_info[k].name;
    Diag *d = diag_error(r->ir.cx, D_IR_SYNTAX, s->loc, "an operation is expected here");
    const char *near = s->kind == SX_ATOM ? did_you_mean(r->ir.cx, s->s, ops, OP_COUNT) : NULL;
    if (near) diag_help(d, "did you mean `%s`?", near);
    return -1;
}
static LX *expr(LoopReader *r, const Sexp *s);
static bool arguments(LoopReader *r, const Sexp *s, LX *e, int from, int n) {
    if (s->item.n != from + n) return FAIL(s, "`%s` has %d argument%s", sexp_head(s), n, n == 1 ? "" : "s");
    e->n = n;
    for (int k = 0; k < n; k++) if (!(e->arg[k] = expr(r, s->item.at[from + k]))) return false;
    return true;
}
static bool list(LoopReader *r, const Sexp *s, LX *e) {
    const char *head = sexp_head(s);
    Dtype dt = dtype_from_name(head);
    if (dt != DT_NONE) {
        e->dt = dt;
        if (dtype_is_float(dt)) return (e->k = LX_REAL, s->item.n == 2 && sexp_real(s->item.at[1], &e->r)) || FAIL(s, "a number is expected here");
        return (e->k = LX_INT, s->item.n == 2 && sexp_int(s->item.at[1], &e->i)) || FAIL(s, "an integer is expected here");
    }
    if (!strcmp(head, "size")) {
        e->k = LX_SIZE, e->dt = DT_I64;
        return s->item.n == 2 ? (e->size = read_ext(&r->ir, s->item.at[1])) != NULL : FAIL(s, "(size extent) is expected here");
    }
    if (!strcmp(head, "load")) {
        e->k = LX_LOAD;
        if (s->item.n != 3 && s->item.n != 4) return FAIL(s, "(load buffer index [guard]) is expected here");
        if (!(e->buf = buffer_name(r, s->item.at[1])) || !(e->index = expr(r, s->item.at[2]))) return false;
        e->dt = register_type(e->buf->dt), e->n = s->item.n == 4;
        return !e->n || (e->arg[0] = expr(r, s->item.at[3]));
    }
    if (!strcmp(head, "cast") || !strcmp(head, "bitcast")) {
        e->k = *head == 'c' ? LX_CAST : LX_BITCAST;
        if (s->item.n != 3) return FAIL(s, "(%s dtype value) is expected here", head);
        return (e->dt = read_dtype(&r->ir, s->item.at[1])) != DT_NONE && arguments(r, s, e, 2, 1);
    }
    if (!strcmp(head, "select")) {
        e->k = LX_SELECT;
        if (!arguments(r, s, e, 1, 3)) return false;
        e->dt = e->arg[1]->dt;
        return true;
    }
    if (!s->item.n) return FAIL(s, "an expression is expected here");
    int op = scalar_op(r, s->item.at[0]);
    if (op < 0) return false;
    e->k = LX_OP, e->op = (ScalarOp)op;
    if (!arguments(r, s, e, 1, scalar_info[op].arity)) return false;
    e->dt = scalar_info[op].class_ == CMP || scalar_info[op].class_ == LOGIC ? DT_BOOL : e->arg[0]->dt;
    return true;
}
static LX *expr(LoopReader *r, const Sexp *s) {
    LX *e = NEW(r->u->arena, LX);
    if (s->kind == SX_LIST) return list(r, s, e) ? e : NULL;
    if (sexp_int(s, &e->i)) { e->k = LX_INT, e->dt = DT_I64; return e; }
    if (sexp_is(s, "true") || sexp_is(s, "false")) { e->k = LX_INT, e->dt = DT_BOOL, e->i = sexp_is(s, "true"); return e; }
    e->k = LX_VAR;
    if (!(e->var = variable(r, s))) return NULL;
    e->dt = e->var->dt;
    return e;
}

/* ---- statements ----------------------------------------------------------------------------------------- */
static bool block(LoopReader *r, const Sexp *s, int from, Block *b);
/* (WHAT n) at this place, if it is there */
static bool count(LoopReader *r, const Sexp *s, int *at, const char *what, int *to) {
    int64_t n;
    if (*at >= s->item.n || strcmp(sexp_head(s->item.at[*at]), what)) return true;
    const Sexp *p = s->item.at[(*at)++];
    if (p->item.n != 2 || !sexp_int(p->item.at[1], &n) || n < 1 || n > 4096) return FAIL(p, "a number from 1 to 4096 is expected here");
    *to = (int)n;
    return true;
}
static bool loop(LoopReader *r, const Sexp *s, LS *l) {
    int first = 5, depth = r->var.n;
    if (s->item.n < 5) return FAIL(s, "(for variable serial|lane lo hi ..) is expected here");
    l->k = LS_FOR;
    if (sexp_is(s->item.at[2], "lane")) l->loop = LOOP_LANE;
    else if (sexp_is(s->item.at[2], "serial")) l->loop = LOOP_SERIAL;
    else return FAIL(s->item.at[2], "serial or lane is expected here");
    if (!(l->lo = expr(r, s->item.at[3])) || !(l->hi = expr(r, s->item.at[4]))) return false;
    if (s->item.n > 5 && !strcmp(sexp_head(s->item.at[5]), "red")) {
        const Sexp *red = s->item.at[5];
        for (int k = 1; k < red->item.n; k++) {
            const Sexp *p = red->item.at[k];
            LaneReduce one = { 0 };
            if (p->kind != SX_LIST || p->item.n != 2) return FAIL(p, "(operation variable) is expected here");
            int op = scalar_op(r, p->item.at[0]);
            if (op < 0 || !(one.var = variable(r, p->item.at[1]))) return false;
            one.op = (ScalarOp)op;
            vec_add(r->u->arena, l->red, one);
        }
        first = 6;
    }
    if (!count(r, s, &first, "width", &l->width) || !count(r, s, &first, "unroll", &l->unroll)) return false;
    if (!(l->var = new_variable(r, s->item.at[1], DT_I64, false))) return false;
    bool ok = block(r, s, first, &l->body);
    r->var.n = depth;
    return ok;
}
static bool branch(LoopReader *r, const Sexp *s, LS *l) {
    int n = s->item.n;
    l->k = LS_IF;
    if ((n != 3 && n != 4) || strcmp(sexp_head(s->item.at[2]), "then") || (n == 4 && strcmp(sexp_head(s->item.at[3]), "else"))) return FAIL(s, "(if condition (then ..) [(else ..)]) is expected here");
    return (l->x = expr(r, s->item.at[1])) && block(r, s->item.at[2], 1, &l->body) && (n == 3 || block(r, s->item.at[3], 1, &l->other));
}
static bool statement(LoopReader *r, const Sexp *s, LS *l) {
    const char *head = sexp_head(s);
    int n = s->item.n;
    l->loc = s->loc;
    if (!strcmp(head, "for")) return loop(r, s, l);
    if (!strcmp(head, "if")) return branch(r, s, l);
    if (!strcmp(head, "let") || !strcmp(head, "var")) {
        Dtype dt;
        l->k = *head == 'l' ? LS_LET : LS_VAR;
        if (n != 4) return FAIL(s, "(%s name dtype value) is expected here", head);
        if ((dt = read_dtype(&r->ir, s->item.at[2])) == DT_NONE || !(l->x = expr(r, s->item.at[3]))) return false;
        return (l->var = new_variable(r, s->item.at[1], dt, l->k == LS_VAR)) != NULL;
    }
    if (!strcmp(head, "set")) {
        l->k = LS_SET;
        return n == 3 ? (l->var = variable(r, s->item.at[1])) && (l->x = expr(r, s->item.at[2])) : FAIL(s, "(set variable value) is expected here");
    }
    if (!strcmp(head, "store")) {
        l->k = LS_STORE;
        if (n != 4 && n != 5) return FAIL(s, "(store buffer index value [guard]) is expected here");
        return (l->buf = buffer_name(r, s->item.at[1])) && (l->index = expr(r, s->item.at[2])) && (l->x = expr(r, s->item.at[3])) && (n == 4 || (l->guard = expr(r, s->item.at[4])));
    }
    if (!strcmp(head, "barrier") && n == 1) { l->k = LS_BARRIER; return true; }
    if (!strcmp(head, "break-if") && n == 2) { l->k = LS_BREAK_IF; return (l->x = expr(r, s->item.at[1])) != NULL; }
    if (!strcmp(head, "prefetch") && n == 3) {
        l->k = LS_PREFETCH;
        return (l->buf = buffer_name(r, s->item.at[1])) && (l->index = expr(r, s->item.at[2]));
    }
    if (!strcmp(head, "comment") && n == 2 && name_of(s->item.at[1])) { l->k = LS_COMMENT, l->text = name_of(s->item.at[1]); return true; }
    return FAIL(s, "a statement is expected here");
}
static bool block(LoopReader *r, const Sexp *s, int from, Block *b) {
    int depth = r->var.n;
    for (int k = from; k < s->item.n; k++) {
        LS *l = NEW(r->u->arena, LS);
        if (!statement(r, s->item.at[k], l)) return false;
        vec_add(r->u->arena, *b, l);
    }
    r->var.n = depth;
    return true;
}
static bool enter(LoopReader *r, Names *t, const Sexp *s, void *data) {
    if (!name_of(s)) return FAIL(s, "a name is expected here");
    void **slot = names_slot(t, name_of(s), true);
    if (*slot) return FAIL(s, "`%.100s` is defined twice", name_of(s));
    *slot = data;
    return true;
}
static bool kernel(LoopReader *r, const Sexp *s) {
    Kernel *k = NEW(r->u->arena, Kernel);
    if (s->item.n < 7 || !name_of(s->item.at[2])) return FAIL(s, "(kernel name \"what\" item extent flat|blocked work ..) is expected here");
    if (!enter(r, &r->kernel, s->item.at[1], k)) return false;
    k->id = r->u->kernel.n, k->loc = s->loc, k->name = name_of(s->item.at[1]), k->what = name_of(s->item.at[2]);
    r->var.n = 0, r->n_var = 0;
    if (!(k->item = new_variable(r, s->item.at[3], DT_I64, false)) || !(k->extent = read_ext(&r->ir, s->item.at[4]))) return false;
    if (sexp_is(s->item.at[5], "blocked")) k->map = MAP_BLOCKED;
    else if (!sexp_is(s->item.at[5], "flat")) return FAIL(s->item.at[5], "flat or blocked is expected here");
    if (!sexp_int(s->item.at[6], &k->work)) return FAIL(s->item.at[6], "an integer is expected here");
    vec_add(r->u->arena, r->u->kernel, k);
    return block(r, s, 7, &k->body);
}

/* ---- host procedures ------------------------------------------------------------------------------------ */
static Sym *size_name(LoopReader *r, const Sexp *s) {
    void **p = name_of(s) ? names_slot(&r->ir.sym, name_of(s), false) : NULL;
    return p ? *p : read_error(&r->ir, s, "a size is expected here");
}
static bool host_block(LoopReader *r, const Sexp *s, HostBlock *b);
static bool host(LoopReader *r, const Sexp *s, LH *h) {
    const char *head = sexp_head(s);
    int n = s->item.n, word;
    h->loc = s->loc;
    if (!strcmp(head, "alloc") && n == 2) { h->k = LH_ALLOC; return (h->dst = buffer_name(r, s->item.at[1])) != NULL; }
    if (!strcmp(head, "launch") && n == 2) {
        void **k = name_of(s->item.at[1]) ? names_slot(&r->kernel, name_of(s->item.at[1]), false) : NULL;
        h->k = LH_KERNEL;
        return k ? (h->kernel = *k) != NULL : FAIL(s->item.at[1], "a kernel is expected here");
    }
    if (!strcmp(head, "call")) {
        h->k = LH_CALL;
        if (n < 4 || n > 5 || strcmp(sexp_head(s->item.at[2]), "ints") || strcmp(sexp_head(s->item.at[3]), "bufs")) return FAIL(s, "(call function (ints ..) (bufs ..) [(result size)]) is expected here");
        if (!read_word(&r->ir, s->item.at[1], rtcall_name, RT_COUNT, "a function of the runtime", &word)) return false;
        h->call = (RtCall)word;
        for (int k = 1; k < s->item.at[2]->item.n; k++) {
            Ext *e = read_ext(&r->ir, s->item.at[2]->item.at[k]);
            if (!e) return false;
            vec_add(r->u->arena, h->arg, e);
        }
        for (int k = 1; k < s->item.at[3]->item.n; k++) {
            const Sexp *q = s->item.at[3]->item.at[k];
            bool none = name_of(q) && !strcmp(name_of(q), "_") && !names_slot(&r->buf, "_", false);
            Buf *b = none ? NULL : buffer_name(r, q);
            if (!b && !none) return false;
            vec_add(r->u->arena, h->buf, b);
        }
        if (n == 4) return true;
        return !strcmp(sexp_head(s->item.at[4]), "result") && s->item.at[4]->item.n == 2 ? (h->result = size_name(r, s->item.at[4]->item.at[1])) != NULL : FAIL(s->item.at[4], "(result size) is expected here");
    }
    if (!strcmp(head, "copy") && n == 3) { h->k = LH_COPY; return (h->dst = buffer_name(r, s->item.at[1])) && (h->src = buffer_name(r, s->item.at[2])); }
    if (!strcmp(head, "check") && n == 5 && name_of(s->item.at[4])) {
        static const char *const rel[] = { "<", "=", "<=" };
        h->k = LH_CHECK;
        if (!read_word(&r->ir, s->item.at[1], rel, 3, "one of < = <=", &word)) return false;
        h->rel = "<=L"[word], h->message = name_of(s->item.at[4]);
        return (h->a = read_ext(&r->ir, s->item.at[2])) && (h->b = read_ext(&r->ir, s->item.at[3]));
    }
    if (!strcmp(head, "loop") && n == 5 && !strcmp(sexp_head(s->item.at[3]), "head") && !strcmp(sexp_head(s->item.at[4]), "body")) {
        h->k = LH_LOOP;
        if (!sexp_int(s->item.at[1], &h->max)) return FAIL(s->item.at[1], "an integer is expected here");
        return (h->src = buffer_name(r, s->item.at[2])) && host_block(r, s->item.at[3], &h->head) && host_block(r, s->item.at[4], &h->body);
    }
    return FAIL(s, "a host statement is expected here");
}
static bool host_block(LoopReader *r, const Sexp *s, HostBlock *b) {
    for (int k = 1; k < s->item.n; k++) {
        LH *h = NEW(r->u->arena, LH);
        if (!host(r, s->item.at[k], h)) return false;
        vec_add(r->u->arena, *b, h);
    }
    return true;
}

/* ---- declarations --------------------------------------------------------------------------------------- */
static bool sym(LoopReader *r, const Sexp *s) {
    int kind;
    int64_t fixed = -1;
    if (s->item.n < 3 || s->item.n > 4) return FAIL(s, "(sym name kind [size]) is expected here");
    if (!read_word(&r->ir, s->item.at[2], sym_kind_name, N_SYM_KINDS, "a kind of size", &kind)) return false;
    if (s->item.n == 4 && !sexp_int(s->item.at[3], &fixed)) return FAIL(s->item.at[3], "an integer is expected here");
    Sym *y = NEW(r->u->arena, Sym);
    *y = (Sym){ r->u->sym.n, name_of(s->item.at[1]), (SymKind)kind, fixed < 0 ? -1 : fixed, s->loc };
    vec_add(r->u->arena, r->u->sym, y);
    return enter(r, &r->ir.sym, s->item.at[1], y);
}
static bool buffer(LoopReader *r, const Sexp *s) {
    int role;
    int64_t iface = 0;
    if (s->item.n < 5) return FAIL(s, "(buf name dtype count role ..) is expected here");
    Buf *b = NEW(r->u->arena, Buf);
    b->id = r->u->buf.n, b->name = name_of(s->item.at[1]), b->loc = s->loc;
    if ((b->dt = read_dtype(&r->ir, s->item.at[2])) == DT_NONE || !(b->count = read_ext(&r->ir, s->item.at[3]))) return false;
    if (!read_word(&r->ir, s->item.at[4], role_name, N_ROLES, "a role", &role)) return false;
    b->role = (BufRole)role;
    for (int k = 5; k < s->item.n; k++) {
        const Sexp *u = s->item.at[k];
        if (sexp_is(u, "read-only")) b->read_only = true;
        else if (sexp_int(u, &iface) && iface >= 0 && iface < 1 << 20) b->iface = (int)iface;
        else if (!strcmp(sexp_head(u), "data")) {
            int64_t n;
            if (!ext_is_const(b->count, &n) || n != u->item.n - 1) return FAIL(u, "as many numbers as the buffer has elements are expected here");
            double *at = NEWN(r->u->arena, double, u->item.n);
            for (int j = 1; j < u->item.n; j++) if (!sexp_real(u->item.at[j], &at[j - 1])) return FAIL(u->item.at[j], "a number is expected here");
            b->data = at;
        } else return FAIL(u, "no property of a buffer");
    }
    vec_add(r->u->arena, r->u->buf, b);
    return enter(r, &r->buf, s->item.at[1], b);
}
static bool graph(LoopReader *r, const Sexp *s) {
    IfaceGraph g = { 0 };
    int *const sym[] = { &g.sym_src_nodes, &g.sym_dst_nodes, &g.sym_edges, &g.sym_ntypes, &g.sym_etypes };
    Buf **const map[] = { &g.src, &g.dst, &g.etype, &g.ntype };
    if (s->item.n != 4 || !(g.name = name_of(s->item.at[1])) || s->item.at[2]->kind != SX_LIST || s->item.at[2]->item.n != 6 || s->item.at[3]->kind != SX_LIST || s->item.at[3]->item.n != 5)
        return FAIL(s, "(graph name (sizes ..5) (maps ..4)) is expected here");
    for (int k = 0; k < 5; k++) {
        const Sexp *u = s->item.at[2]->item.at[k + 1];
        Sym *y = sexp_is(u, "_") ? NULL : size_name(r, u);
        if (!y && !sexp_is(u, "_")) return false;
        *sym[k] = y ? y->id : -1;
    }
    for (int k = 0; k < 4; k++) {
        const Sexp *u = s->item.at[3]->item.at[k + 1];
        if (!sexp_is(u, "_") && !(*map[k] = buffer_name(r, u))) return false;
    }
    vec_add(r->u->arena, r->u->graph, g);
    return true;
}
static bool interface(LoopReader *r, const Sexp *s) {
    IfaceItem i = { 0 };
    bool structural = false;
    if (s->item.n < 5 || !(i.name = name_of(s->item.at[1])) || s->item.at[3]->kind != SX_LIST || s->item.at[3]->item.n > 8) return FAIL(s, "(%s name dtype (extents) buffer ..) is expected here", sexp_head(s));
    if ((i.dt = read_dtype(&r->ir, s->item.at[2])) == DT_NONE) return false;
    i.rank = s->item.at[3]->item.n;
    for (int k = 0; k < i.rank; k++) if (!(i.extent[k] = read_ext(&r->ir, s->item.at[3]->item.at[k]))) return false;
    if (!sexp_is(s->item.at[4], "_") && !(i.buf = buffer_name(r, s->item.at[4]))) return false;
    for (int k = 5; k < s->item.n; k++) {
        const Sexp *u = s->item.at[k];
        if (sexp_is(u, "frozen")) i.frozen = true;
        else if (sexp_is(u, "structural")) structural = true;
        else if (!strcmp(sexp_head(u), "target") && u->item.n == 2) { if (!(i.target = read_ext(&r->ir, u->item.at[1]))) return false; }
        else if (!strcmp(sexp_head(u), "init") && u->item.n >= 2 && u->item.n <= 6 && (i.init = name_of(u->item.at[1]))) {
            i.n_init_arg = u->item.n - 2;
            for (int j = 0; j < i.n_init_arg; j++) if (!sexp_real(u->item.at[j + 2], &i.init_arg[j])) return FAIL(u, "a number is expected here");
        } else return FAIL(u, "no property of an argument");
    }
    const char *head = sexp_head(s);
    if (*head == 'i') { vec_add(r->u->arena, r->u->input, i); vec_add(r->u->arena, r->u->input_structural, structural); }
    else if (*head == 'p') vec_add(r->u->arena, r->u->param, i);
    else vec_add(r->u->arena, r->u->output, i);
    return true;
}
static bool form(LoopReader *r, const Sexp *s) {
    const char *head = sexp_head(s);
    if (!strcmp(head, "sym")) return sym(r, s);
    if (!strcmp(head, "buf")) return buffer(r, s);
    if (!strcmp(head, "graph")) return graph(r, s);
    if (!strcmp(head, "input") || !strcmp(head, "param") || !strcmp(head, "output")) return interface(r, s);
    if (!strcmp(head, "kernel")) return kernel(r, s);
    if (!strcmp(head, "bind")) return host_block(r, s, &r->u->bind);
    if (!strcmp(head, "run")) return host_block(r, s, &r->u->run);
    return FAIL(s, "no part of a unit");
}
Unit *unit_read(Context *cx, int source) {
    Sexp *text = sexp_parse(cx, source);
    if (!text) return NULL;
    const Sexp *s = text->item.n == 1 ? text->item.at[0] : NULL;
    if (!s || strcmp(sexp_head(s), "unit") || s->item.n < 3 || !name_of(s->item.at[1]) || !name_of(s->item.at[2])) {
        diag_error(cx, D_IR_SYNTAX, text->item.n > 1 ? text->item.at[1]->loc : text->loc, "the text is not one (unit name \"signature\" ..)");
        return NULL;
    }
    Unit *u = NEW(cx->arena, Unit);
    u->cx = cx, u->arena = cx->arena, u->name = name_of(s->item.at[1]), u->signature = name_of(s->item.at[2]);
    LoopReader reader = { .ir = { .cx = cx, .arena = cx->arena }, .u = u }, *r = &reader;
    r->ir.sym.arena = r->buf.arena = r->kernel.arena = cx->arena;
    for (int k = 3; k < s->item.n; k++) if (!form(r, s->item.at[k])) return NULL;
    loop_finish(u);
    return u;
}
