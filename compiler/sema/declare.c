/* declare.c - the statements of a body become names: spaces, indices, inputs, parameters, and tensors with their equations. */
#include "sema/scope.h"
#include <string.h>

/* Tested now where sizes are known; false after an error. */
static bool modes_fit(Sema *s, Ext *need, Ext *have, const char *text, Loc loc) {
    int64_t x, y;
    if (!ext_is_const(need, &x) || !ext_is_const(have, &y)) { vec_add(s->a, s->p->check, ((Check){ need, 'L', have, text, loc })); return true; }
    if (x > y) diag_error(s->cx, D_BAD_MODES, loc, "%s", text);
    return x <= y;
}
static void add_modes(Sema *s, Scope *c, Stmt *st) {
    Env e = env_of(s, c);
    Arena *a = s->a;
    for (int k = 0; k < st->index.n; k++) {
        Space *g = space_of(&e, st->expr.at[k]);
        Bind *b = scope_add(s, c, st->index.at[k], B_INDEX);
        if (!g) { b->kind = B_POISON; continue; }
        const char *w = st->word.at[k].s;
        ModesFamily f = !strcmp(w, "half") ? MODES_HALF : !strcmp(w, "cosine") ? MODES_COSINE : !strcmp(w, "sine") ? MODES_SINE : MODES_SIGNED;
        if (g->kind != SP_GRID) { diag_help(diag_error(s->cx, D_BAD_MODES, st->expr.at[k]->loc, "frequencies belong to a grid, `%s` is none", g->name), "declare it as one: %s: grid periodic", g->name); b->kind = B_POISON; continue; }
        Ext *one = ext_const(a, 1), *two = ext_const(a, 2), *zero = ext_const(a, 0), *n, *n0, *f0 = f == MODES_SINE ? one : zero, *f1 = zero, *need = NULL, *once = NULL, *have = g->extent;
        if (!st->hi.at[k]) {
            n = f == MODES_HALF ? ext_op(a, EXT_ADD, ext_op(a, EXT_FLOORDIV, have, two), one) : have;
            n0 = f == MODES_SIGNED ? ext_op(a, EXT_CEILDIV, have, two) : n;
            if (f == MODES_SIGNED) f1 = ext_op(a, EXT_SUB, zero, ext_op(a, EXT_FLOORDIV, have, two));
        } else if (st->lo.at[k]) {
            f0 = extent_of(&e, st->lo.at[k]);
            Ext *hi = extent_of(&e, st->hi.at[k]);
            if (!f0 || !hi) { b->kind = B_POISON; continue; }
            n = n0 = ext_op(a, EXT_ADD, ext_op(a, EXT_SUB, hi, f0), one);
            need = f <= MODES_HALF ? ext_op(a, EXT_MUL, two, ext_op(a, EXT_MAX, hi, ext_op(a, EXT_SUB, zero, f0))) : ext_op(a, EXT_ADD, hi, f == MODES_COSINE ? one : zero);
            if (f == MODES_SIGNED) once = n;
        } else {
            Ext *m = extent_of(&e, st->hi.at[k]);
            if (!m) { b->kind = B_POISON; continue; }
            n0 = m;
            n = f == MODES_SIGNED ? ext_op(a, EXT_MUL, two, m) : m;
            if (f == MODES_SIGNED) f1 = ext_op(a, EXT_SUB, zero, m);
            need = f == MODES_SIGNED ? n : f == MODES_HALF ? ext_op(a, EXT_SUB, ext_op(a, EXT_MUL, two, m), two) : m;
        }
        const char *name = st->index.at[k].s;
        if ((need && !modes_fit(s, need, have, arena_printf(a, "grid `%s` can't hold the frequencies `%s`", g->name, name), st->loc)) ||
            (once && !modes_fit(s, once, have, arena_printf(a, "frequencies `%s` of grid `%s`: the first and the last are the same, at its ends", name, g->name), st->loc))) {
            b->kind = B_POISON;
            continue;
        }
        Space *m = NULL;                                        /* the same frequencies of the same grid are one space */
        for (int j = 0; j < s->p->space.n; j++) {
            Space *o = s->p->space.at[j];
            if (o->kind == SP_MODES && o->part[0] == g && o->family == f && ext_equal(o->extent, n) && ext_equal(o->n0, n0) && ext_equal(o->f0, f0) && ext_equal(o->f1, f1)) m = o;
        }
        if (!m) {
            m = program_space(s->p, SP_MODES, st->index.at[k].s, n);
            m->part[0] = g, m->n_part = 1, m->family = f, m->n0 = n0, m->f0 = f0, m->f1 = f1, m->loc = st->loc;
        }
        b->space = m;
    }
}
static Value *interface(Sema *s, NodeKind kind, const char *name, Dtype dt, int rank, Space **axis, Space *target, Loc loc) {
    Node *n = program_node(s->p, kind, loc);
    Value *v = program_value(s->p, n, name, dt, rank, axis);
    v->target = target;
    vec_add(s->a, s->p->node, n);
    if (kind == N_INPUT) vec_add(s->a, s->p->input, v); else vec_add(s->a, s->p->param, v);
    return v;
}
static void add_def(Sema *s, Scope *c, Name name, Value *v) {
    Def *d = NEW(s->a, Def);
    *d = (Def){ .name = name.s, .loc = name.loc, .scope = c, .state = 2, .value = v };
    Bind *b = scope_add(s, c, name, B_DEF);
    if (!b->def) b->def = d;
}
/* The rows of pigeon/init.def, in the order that they stand there. */
typedef struct InitRow { const char *name; int least, most; const char *form; } InitRow;
static const InitRow init_row[] = {
#define PGN_INIT(id, name, least, most, form) { name, least, most, form },
#include "pigeon/init.def"
#undef PGN_INIT
};
static bool takes_gain(const InitRow *r) {
    const char *open = strchr(r->form, '(');
    return open && !strcmp(open, "(gain)");
}
enum { N_INIT = sizeof init_row / sizeof *init_row };
void add_array(Sema *s, Scope *c, Decl *d, StmtKind k, bool entry) {
    Env e = env_of(s, c);
    Space *axis[16], *target = NULL;
    int rank = d->is_map ? d->from.n : d->axis.n;
    Bind *have = NULL;
    for (int j = 0; j < c->bind.n; j++) if (c->bind.at[j].name == d->name.s) have = &c->bind.at[j];
    if (have && have->declared == d) return;                     /* a derived space needed it earlier */
    bool ok = rank <= 8;
    if (!ok) diag_error(s->cx, D_WRONG_RANK, d->loc, "`%s` has more than 8 dimensions", d->name.s);
    for (int j = 0; j < rank && j < 8; j++) if (!(axis[j] = space_of(&e, d->is_map ? d->from.at[j] : d->axis.at[j]))) ok = false;
    if (d->is_map && !(target = space_of(&e, d->to))) ok = false;
    if (!ok) { if (!have) scope_add(s, c, d->name, B_POISON); return; }
    if (d->is_map && d->value) {
        Def *q = NEW(s->a, Def);
        *q = (Def){ .name = d->name.s, .loc = d->loc, .scope = c, .decl = d };
        scope_add(s, c, d->name, B_DEF)->def = q;
        vec_add(s->a, c->def, q);
        return;
    }
    Dtype dt = d->is_map ? DT_I32 : d->dtype ? dtype_from_name(d->dtype) : s->real;
    /* --real f64 makes c64 parameters c128, so that the whole program has one precision */
    if (s->real == DT_F64 && dt == DT_C64) dt = DT_C128;
    const char *name = dotted(s, c, d->name.s);
    if (k == S_PARAM) {
        for (int j = 0; j < s->p->param.n; j++) if (s->p->param.at[j]->name == name) { add_def(s, c, d->name, s->p->param.at[j]); return; }   /* a shared layer */
        Value *v = interface(s, N_PARAM, name, dt, rank, axis, NULL, d->loc);
        Node *n = v->node;
        n->u.param.init = "zero", n->u.param.frozen = d->frozen;
        if (d->init) {
            Expr *f = d->init->kind == E_CALL ? d->init->arg.at[0] : d->init;
            const InitRow *way = NULL;
            for (int j = 0; j < N_INIT; j++) if (f->kind == E_NAME && !strcmp(init_row[j].name, f->name.s)) way = &init_row[j];
            int given = d->init->kind == E_CALL ? d->init->call.n : 0;
            if (!way || given < way->least || given > way->most) {
                const char *known[N_INIT], *forms = "";
                for (int j = 0; j < N_INIT; j++) known[j] = init_row[j].name, forms = arena_printf(s->a, "%s%s%s", forms, j ? ", " : "", init_row[j].form);
                const char *near = !way && f->kind == E_NAME ? did_you_mean(s->cx, f->name.s, known, N_INIT) : NULL;
                Diag *g = diag_error(s->cx, D_BAD_DECLARATION, d->init->loc, way ? "`%s` has too %s numbers" : "`%s` is no way to initialise", expr_text(s->cx, d->init), way && given < way->least ? "few" : "many");
                diag_help(g, near ? "did you mean `%s`?" : "%s", near ? near : way ? way->form : forms);
                if (!have) scope_add(s, c, d->name, B_POISON);
                return;
            }
            n->u.param.init = way->name;
            for (int j = 0; j < given; j++) {
                double im;
                if (constant_value(&e, d->init->call.at[j].value, &n->u.param.init_arg[n->u.param.n_init_arg], &im)) n->u.param.n_init_arg++;
            }
            int points = 0;                                      /* of a stencil: its axes come second, behind the gain */
            while (points < rank && axis[rank - 1 - points]->kind == SP_RANGE) points++;
            if (points && takes_gain(way)) {
                if (!n->u.param.n_init_arg) n->u.param.init_arg[0] = 1;
                n->u.param.init_arg[1] = points, n->u.param.n_init_arg = 2;
            }
        }
        add_def(s, c, d->name, v);
        return;
    }
    if (have && (entry || have->function)) { scope_add(s, c, d->name, B_POISON); return; }        /* declared twice */
    if (have) {                                                  /* passed by the caller: does it fit? */
        Value *v = have->kind == B_DEF ? have->def->value : NULL;
        have->function = "declared";
        if (!v) return;
        if (v->rank != rank) { diag_note(diag_error(s->cx, D_WRONG_RANK, have->loc, "`%s` needs %d dimension%s, `%s` has %d", d->name.s, rank, rank == 1 ? "" : "s", v->name, v->rank), d->loc, "it is declared here"); have->kind = B_POISON; return; }
        for (int j = 0; j < rank; j++) if (axis[j] != v->axis[j]) {
            diag_note(diag_error(s->cx, D_SPACE_MISMATCH, have->loc, "dimension %d of `%s` is `%s`, but `%s` needs `%s` there", j + 1, v->name, v->axis[j]->name, d->name.s, axis[j]->name), d->loc, "it is declared here");
            have->kind = B_POISON;
            return;
        }
        if (target != v->target) { diag_note(diag_error(s->cx, D_SPACE_MISMATCH, have->loc, "`%s` is %s", v->name, target ? "not a map into the space that is needed" : "a map, where a tensor is needed"), d->loc, "it is declared here"); have->kind = B_POISON; return; }
        if (v->dt != dt && !d->is_map && d->dtype) { diag_note(diag_error(s->cx, D_TYPE_MISMATCH, have->loc, "`%s` is %s, but `%s` is %s", v->name, dtype_name(v->dt), d->name.s, dtype_name(dt)), d->loc, "it is declared here"); have->kind = B_POISON; }
        return;
    }
    if (entry) { add_def(s, c, d->name, interface(s, N_INPUT, name, dt, rank, axis, target, d->loc)); return; }
    diag_note(diag_error(s->cx, D_MISSING_ARGUMENT, c->call, "input `%s` is missing", d->name.s), d->loc, "it is declared here");
    scope_add(s, c, d->name, B_POISON);
}
Def *equation_def(Sema *s, Scope *c, Name n) {
    Bind *have = scope_find(c, n.s);
    if (have && have->kind == B_DEF && have->def && have->def->listed && have->def->scope == c && !have->def->decl) return have->def;
    Def *d = NEW(s->a, Def);
    *d = (Def){ .name = n.s, .loc = n.loc, .scope = c, .listed = true };
    Bind *b = scope_add(s, c, n, B_DEF);
    if (b->kind == B_DEF && !b->def) b->def = d;
    vec_add(s->a, c->def, d);
    return d;
}
static void add_output(Sema *s, Scope *c, Name n) {
    vec_add(s->a, c->output, n.s);
    vec_add(s->a, c->output_at, n.loc);
}
static void add_equation(Sema *s, Scope *c, Stmt *st) {
    Expr *l = st->lhs.at[0], *r = st->rhs.n ? st->rhs.at[0] : NULL;
    Expr *base = l->kind == E_SUBSCRIPT ? l->arg.at[0] : l;
    if (st->lhs.n > 1) {
        for (int k = 0; k < st->lhs.n; k++) {
            Expr *q = st->lhs.at[k]->kind == E_SUBSCRIPT ? st->lhs.at[k]->arg.at[0] : st->lhs.at[k];
            if (q->kind != E_NAME) { diag_error(s->cx, D_BAD_DECLARATION, q->loc, "the left side of an equation names a tensor"); continue; }
            Def *d = equation_def(s, c, q->name);
            if (d->many || d->eq.n || d->repeat || d->iterate) { diag_note(diag_error(s->cx, D_PART_OVERLAP, q->loc, "`%s` is defined already", q->name.s), d->loc, "it is defined here"); continue; }
            d->many = st;
            if (st->is_output) add_output(s, c, q->name);
        }
        return;
    }
    if (base->kind != E_NAME) { diag_error(s->cx, D_BAD_DECLARATION, l->loc, "the left side of an equation names a tensor"); return; }
    if (st->is_output) add_output(s, c, base->name);
    if (!r) return;
    Expr *in = l->kind == E_NAME ? checkpointed(r) : NULL;
    if (in && in->kind == E_CALL) r = in;
    if (l->kind == E_NAME && r->kind == E_CALL) {
        Expr *callee = r->arg.at[0];
        Model *m = NULL;
        Expr *mn = callee->kind == E_CALL ? callee->arg.at[0] : callee;
        if (mn->kind == E_NAME) m = find_model(s, c->file, mn->name.s);
        if (!m && mn->kind == E_NAME && callee->kind == E_CALL) m = std_model(s, mn->name.s);
        for (int k = 0; k < c->def.n; k++) if (c->def.at[k]->name == base->name.s && c->def.at[k]->repeat) { vec_add(s->a, c->def.at[k]->eq, st); return; }
        bool named = false;
        for (int k = 0; k < r->call.n; k++) named |= r->call.at[k].name.s != NULL;
        if (callee->kind == E_CALL && !m) {
            const char *all[256];
            int n = 0;
            for (int k = 0; k < s->file.n; k++) for (int j = 0; j < s->file.at[k]->model.n && n < 256; j++) all[n++] = s->file.at[k]->model.at[j]->name.s;
            const char *near = mn->kind == E_NAME ? did_you_mean(s->cx, mn->name.s, all, n) : NULL;
            Diag *d = diag_error(s->cx, D_NOT_A_MODEL, mn->loc, "`%s` is not a model", expr_text(s->cx, mn));
            if (near) diag_help(d, "did you mean `%s`?", near);
            scope_add(s, c, base->name, B_POISON);
            return;
        }
        if (callee->kind == E_CALL || m || (named && callee->kind == E_NAME)) {
            Bind *b = scope_add(s, c, base->name, B_LAYER);
            if (b->kind == B_LAYER) b->model = m, b->call = r, b->graph = (Graph *)c, b->checkpoint = r == in;
            return;
        }
    }
    Def *d = equation_def(s, c, base->name);
    if (d->many || d->iterate) { diag_note(diag_error(s->cx, D_PART_OVERLAP, base->loc, "`%s` is defined already", d->name), d->loc, "it is defined here"); return; }
    vec_add(s->a, d->eq, st);
}
static const char *left_name(Stmt *st) {
    if ((st->kind != S_EQUATION && st->kind != S_OUTPUT) || !st->lhs.n) return NULL;
    Expr *l = st->lhs.at[0]->kind == E_SUBSCRIPT ? st->lhs.at[0]->arg.at[0] : st->lhs.at[0];
    return l->kind == E_NAME ? l->name.s : NULL;
}
/* What a repeat assigns is carried from round to round if it has a value before: by an equation outside, or in the round around it. */
static int carry(Sema *s, Scope *c, Stmt **body, int n, Stmt *r, Stmt **inside, int n_inside) {
    int carried = 0;
    for (int j = 0; j < n_inside; j++) {
        if (inside[j]->kind == S_REPEAT) carried += carry(s, c, body, n, r, inside[j]->body.at, inside[j]->body.n);
        const char *l = left_name(inside[j]);
        bool start = false;
        for (int k = 0; k < n && l; k++) start |= left_name(body[k]) == l;
        Bind *up = l && c->round ? scope_find(c->up, l) : NULL;
        if (!start && !(up && up->kind == B_DEF)) continue;
        Expr *lhs = inside[j]->lhs.at[0];
        Def *d = equation_def(s, c, lhs->kind == E_SUBSCRIPT ? lhs->arg.at[0]->name : lhs->name);
        if (d->repeat && d->repeat != r) diag_note(diag_help(diag_error(s->cx, D_PART_OVERLAP, lhs->loc, "two repeats carry `%s`", l), "give what the first one leaves a name of its own"), d->repeat->loc, "it is carried here");
        d->repeat = r, carried++;
    }
    return carried;
}
static void add_iterate(Sema *s, Scope *c, Stmt *st) {
    for (int k = 0; k < st->lhs.n; k++) {
        Expr *l = st->lhs.at[k]->kind == E_SUBSCRIPT ? st->lhs.at[k]->arg.at[0] : st->lhs.at[k];
        if (l->kind != E_NAME) { diag_error(s->cx, D_BAD_ITERATE, l->loc, "an iterate carries tensors by name"); continue; }
        Def *d = equation_def(s, c, l->name);
        if (d->iterate || d->many || d->repeat || d->eq.n) diag_note(diag_error(s->cx, D_PART_OVERLAP, l->loc, "`%s` is defined already", d->name), d->loc, "it is defined here");
        else d->iterate = st;
    }
}
/* Names in the order of what they need: sizes, graphs, frequencies, indices, constants, arrays, equations. */
void declare_body(Sema *s, Scope *c, Stmt **body, int n, bool entry) {
    Env e = env_of(s, c);
    c->body = body, c->n_body = n, c->entry = entry, c->a = s->a;
    for (int k = 0; k < n; k++) {
        Stmt *st = body[k];
        switch (st->kind) {
        case S_DIM: case S_SEQ: case S_GRID:
            for (int j = 0; j < st->decl.n; j++) {
                Decl *d = &st->decl.at[j];
                Ext *x = d->init ? extent_of(&e, d->init) : NULL;
                int64_t v;
                if (!d->init) diag_help(diag_error(s->cx, D_DIM_UNKNOWN, d->loc, "`%s` has no size", d->name.s), "dim %s = 64, or make it an argument of the model", d->name.s);
                else if (x && ext_is_const(x, &v) && (v < 1 || v >= INT32_MAX)) { diag_error(s->cx, D_DIM_OVERFLOW, d->init->loc, "a size of %lld is not between 1 and 2147483646", (long long)v); x = NULL; }
                Bind *b = scope_add(s, c, d->name, x ? B_SPACE : B_POISON);
                if (!x) continue;
                b->space = program_space(s->p, st->kind == S_DIM ? SP_DIM : st->kind == S_SEQ ? SP_SEQ : SP_GRID, d->name.s, x);
                b->space->loc = d->loc;
                b->space->boundary = boundary_of(d->edge);
            }
            break;
        case S_GRAPH: case S_ITERATE: break;
        case S_SPACE: { Bind *b = scope_add(s, c, st->name, B_SPACE); if (b->kind == B_SPACE && !b->space) b->let = st, b->scope = c; break; }
        case S_STATE: diag_error(s->cx, D_BAD_UPDATE, st->loc, "state belongs into an update program"); break;
        case S_LET: { Bind *b = scope_add(s, c, st->name, B_LET); b->let = st; b->scope = c; break; }
        case S_CONST:
            for (int j = 0; j < st->decl.n; j++) {
                Decl *d = &st->decl.at[j];
                if (!d->init) { diag_error(s->cx, D_BAD_DECLARATION, d->loc, "constant `%s` has no value", d->name.s); continue; }
                if (!d->axis.n) { Bind *b = scope_add(s, c, d->name, B_CONST); b->expr = d->init, b->scope = c, b->declared = d; }
            }
            break;
        case S_INDEX: case S_INPUT: case S_PARAM: case S_MAP: case S_OUTPUT: case S_EQUATION: case S_REPEAT: case S_MODES: case S_SCHEDULE: case S_OPTIMIZE: break;
        }
    }
    for (int k = 0; k < n; k++) if (body[k]->kind == S_GRAPH) derive_graph(s, c, body[k]);
    for (int k = 0; k < n; k++) if (body[k]->kind == S_MODES) add_modes(s, c, body[k]);
    for (int k = 0; k < n; k++) if (body[k]->kind == S_INDEX) {
        Space *sp = NULL;
        Expr *last = NULL;
        for (int j = 0; j < body[k]->index.n; j++) {
            if (body[k]->expr.at[j] != last) sp = space_of(&e, last = body[k]->expr.at[j]);
            Bind *b = scope_add(s, c, body[k]->index.at[j], sp ? B_INDEX : B_POISON);
            if (b->kind == B_INDEX && !b->space) b->space = sp;
        }
    }
    for (int k = 0; k < n; k++) {
        Stmt *st = body[k];
        if (st->kind == S_INPUT || st->kind == S_PARAM || st->kind == S_MAP) for (int j = 0; j < st->decl.n; j++) add_array(s, c, &st->decl.at[j], st->decl.at[j].is_map ? S_MAP : st->kind, entry);
        if (st->kind == S_CONST) for (int j = 0; j < st->decl.n; j++) if (st->decl.at[j].axis.n && st->decl.at[j].init) {
            Decl *d = &st->decl.at[j];
            Space *axis[8];
            int64_t total = 1, x;
            bool ok = d->axis.n <= 8;
            for (int q = 0; q < d->axis.n && ok; q++) { ok = (axis[q] = space_of(&e, d->axis.at[q])) != NULL; if (ok && ext_is_const(axis[q]->extent, &x) && total * x < 1 << 24) total *= x; else ok = false; }
            Dtype dt = d->dtype ? dtype_from_name(d->dtype) : s->real;
            if (s->real == DT_F64 && dt == DT_C64) dt = DT_C128;
            int64_t given = 0, width = dtype_is_complex(dt) ? 2 : 1;
            if (!ok) diag_help(diag_error(s->cx, D_BAD_DECLARATION, d->loc, "the size of constant `%s` is not known when compiling, or too large", d->name.s), "give its dimensions known sizes, or make it an input");
            double *data = ok ? NEWN(s->a, double, total * width + 1) : NULL;
            if (!data || !constant_list(&e, d->init, dt, data, &given, total)) { scope_add(s, c, d->name, B_POISON); continue; }
            if (given != total) {
                diag_help(diag_error(s->cx, D_BAD_DECLARATION, d->init->loc, "`%s` has %lld elements, this is %lld number%s", d->name.s, (long long)total, (long long)given, given == 1 ? "" : "s"), "row after row, in one list or a list per row");
                scope_add(s, c, d->name, B_POISON);
                continue;
            }
            Node *node = program_node(s->p, N_CONST, d->loc);
            node->u.constant.data = data, node->u.constant.n = total * width;
            Value *v = program_value(s->p, node, dotted(s, c, d->name.s), dt, d->axis.n, axis);
            vec_add(s->a, s->p->node, node);
            add_def(s, c, d->name, v);
        }
    }
    for (int k = 0; k < n; k++) if (body[k]->kind == S_REPEAT) {
        Stmt *r = body[k];
        int carried = carry(s, c, body, n, r, r->body.at, r->body.n);
        if (!carried) diag_help(diag_error(s->cx, D_BAD_DECLARATION, r->loc, "this repeat carries nothing from round to round"), "give `h` a value outside and assign it inside: h = x; repeat l: 0..4 { h = block(d)(x = h) }");
    }
    for (int k = 0; k < n; k++) if (body[k]->kind == S_ITERATE) add_iterate(s, c, body[k]);
    for (int k = 0; k < n; k++) if ((body[k]->kind == S_EQUATION || body[k]->kind == S_OUTPUT) && body[k]->lhs.n) add_equation(s, c, body[k]);
}
