/* host.c - the host procedures of a unit, bind and run, as C functions that return a status. */
#include "target/c/print.h"
#include <inttypes.h>

static void print_steps(Printer *p, const HostBlock *b, bool on_device, int depth);

static const char *rt_function(RtCall c) {
    static const char *const name[] = {
#define RTCALL(id, function, what) #function,
#include "loop/rtcall.def"
#undef RTCALL
    };
    return name[c];
}
static void put_check(Printer *p) { put(p->w, "if (st) return st;\n"); }
static void put_note(Printer *p, const char *name) {
    put(p->w, "  /* ");
    put_comment(p->w, name);
    put(p->w, " */\n");
}

/* The kernel's sizes, in the order of its parameters: print_kernel() has collected them the same way. */
static void print_launch(Printer *p, const LH *h) {
    Writer *w = p->w;
    const Kernel *k = h->kernel;
    Writer nowhere;
    Printer q = *p;
    writer_init(&nowhere, p->arena);
    q.w = &nowhere;
    q.meets = NEWN(p->arena, bool, p->u->kernel.n + 1);
    print_kernel(&q, k, true);
    int threads = block_threads(k);
    put(w, "{\n");
    w->indent++;
    put(w, "const int64_t items = ");
    put_ext(p, k->extent, 0);
    put(w, ";\n");
    put(w, "if (items > 0)\n");
    w->indent++;
    put(w, "PGN_LAUNCH(%s, %d, pgn_cuda_blocks(items, %d), %d, env->stream,\n", kernel_name(p, k, true), q.meets[kernel_at(p->u, k)], k->map == MAP_FLAT ? threads : 1, threads);
    put(w, "           PGN_SIZE(items)");
    for (int j = 0; j < k->buf.n; j++) if (k->buf.at[j]->role != BUF_LOCAL)
        put(w, ",%sPGN_BUF(%s%s, %d)", j % 4 ? " " : "\n           ", k->writes.at[j] ? "" : "const ", c_memory_type(k->buf.at[j]->dt), k->buf.at[j]->id);
    for (int j = 0; j < q.size.n; j++) {
        put(w, ",%sPGN_SIZE(", j % 4 ? " " : "\n           ");
        put_ext(p, q.size.at[j].size, 0);
        put(w, ")");
    }
    put(w, ");\n");
    w->indent--;
    put(w, "st = pgn_cuda_status(env, cudaGetLastError());\n");
    put_check(p);
    w->indent--;
    put(w, "}\n");
}
static void print_call(Printer *p, const LH *h, bool staged) {
    Writer *w = p->w;
    put(w, "{\n");
    w->indent++;
    put(w, "const int64_t ints[] = { ");
    for (int k = 0; k < h->arg.n; k++) {
        if (k) put(w, ", ");
        put_ext(p, h->arg.at[k], 0);
    }
    put(w, "%s };\n", h->arg.n ? "" : "0");
    put(w, staged ? "const int ids[] = { " : "void *const of[] = { ");
    for (int k = 0; k < h->buf.n; k++) {
        const Buf *b = h->buf.at[k];
        if (k) put(w, ", ");
        if (!b) put(w, staged ? "-1" : "NULL");
        else {
            put(w, staged ? "%d /* " : "buf[%d] /* ", b->id);
            put_comment(w, b->name);
            put(w, " */");
        }
    }
    put(w, "%s };\n", h->buf.n ? "" : staged ? "-1" : "NULL");
    if (staged) put(w, "st = pgn_env_call_staged(env, %s, ints, %d, ids, ", rt_function(h->call), h->buf.n);
    else put(w, "st = %s(env, ints, of, ", rt_function(h->call));
    if (h->result) put(w, "&size[%d]);\n", h->result->id); else put(w, "NULL);\n");
    put_check(p);
    w->indent--;
    put(w, "}\n");
}
static void print_loop(Printer *p, const LH *h, bool on_device, int depth) {
    Writer *w = p->w;
    put(w, "for (int64_t round%d = 0; round%d < %" PRId64 "; round%d++) {\n", depth, depth, h->max, depth);
    w->indent++;
    print_steps(p, &h->head, on_device, depth + 1);
    if (on_device) {
        put(w, "bool stop;\n");
        put(w, "st = pgn_env_read_flag(env, %d, &stop);", h->src->id);
        put_note(p, h->src->name);
        put_check(p);
        put(w, "if (stop) break;\n");
    } else {
        put(w, "if (*(const uint8_t *)buf[%d]) break;", h->src->id);
        put_note(p, h->src->name);
    }
    print_steps(p, &h->body, on_device, depth + 1);
    w->indent--;
    put(w, "}\n");
}
static void print_steps(Printer *p, const HostBlock *b, bool on_device, int depth) {
    Writer *w = p->w;
    for (int k = 0; k < b->n; k++) {
        const LH *h = b->at[k];
        switch (h->k) {
        case LH_ALLOC:
            put(w, "st = pgn_env_alloc(env, %d);", h->dst->id);
            put_note(p, h->dst->name);
            put_check(p);
            break;
        case LH_KERNEL:
            if (on_device) { print_launch(p, h); break; }
            put(w, "st = pgn_env_launch(env, %s, ", kernel_name(p, h->kernel, false));
            put_ext(p, h->kernel->extent, 0);
            put(w, ", %" PRId64 ");\n", h->kernel->work);
            put_check(p);
            break;
        case LH_CALL: print_call(p, h, on_device); break;
        case LH_COPY:
            if (on_device) put(w, "st = pgn_cuda_copy(env, buf[%d], buf[%d], (", h->dst->id, h->src->id);
            else put(w, "pgn_copy(buf[%d], buf[%d], (", h->dst->id, h->src->id);
            put_ext(p, h->dst->count, 0);
            put(w, ") * %d);", (int)dtype_bytes(h->dst->dt));
            put_note(p, arena_printf(p->arena, "%s = %s", h->dst->name, h->src->name));
            if (on_device) put_check(p);
            break;
        case LH_CHECK:
            put(w, "if (!(");
            put_ext(p, h->a, 7);
            put(w, " %s ", h->rel == '=' ? "==" : h->rel == 'L' ? "<=" : h->rel == 'G' ? ">=" : h->rel == '>' ? ">" : "<");
            put_ext(p, h->b, 7);
            put(w, ")) return pgn_env_fail(env, PGN_E_SIZE, ");
            put_string(w, h->message ? h->message : "the sizes don't fit together");
            put(w, ");\n");
            break;
        case LH_LOOP: print_loop(p, h, on_device, depth); break;
        }
    }
}
/* `(void)`: a procedure without steps uses none of them. */
void print_host(Printer *p, const char *name, const HostBlock *b, bool on_device) {
    Writer *w = p->w;
    put(w, "\nstatic pgn_status %s_%s(pgn_env *env) {\n", p->u->name, name);
    w->indent++;
    if (b->n) {
        put(w, "int64_t *const size = env->size;\nvoid **const buf = env->buf;\npgn_status st = PGN_OK;\n(void)size, (void)buf;\n");
        p->size.n = 0;
        print_steps(p, b, on_device, 0);
        put(w, "return st;\n");
    } else put(w, "(void)env;\nreturn PGN_OK;\n");
    w->indent--;
    put(w, "}\n");
}
