/* stream.c - stores past the caches.
 *
 * A store fetches the line that it changes. Of a tensor that is larger than what stays in the caches until it is read, and that the kernel only
 * writes, every line is fetched for nothing: a third of the traffic of a kernel that reads as much as it writes. Stores of whole lines have an
 * instruction that does not fetch; whether the tensor is that large is known when the kernel runs, and so is whether an output begins at a line.
 *
 * Such stores are not ordered with others: a fence ends the kernel. */
#include "target/llvm/emit.h"

enum { LINE = 64, LARGE = 8 << 20 };   /* bytes; a few megabytes of a last-level cache are a thread's own */

/* Written here and never read, in memory of the run, and not always small */
bool may_stream(const Target *t, const Kernel *k, const Buf *b) {
    int64_t n;
    if (!t->streams || (b->role != BUF_WORK && b->role != BUF_OUTPUT) || (ext_is_const(b->count, &n) && n < LARGE / (int64_t)dtype_bytes(b->dt))) return false;
    for (int j = 0; j < k->buf.n; j++) if (k->buf.at[j] == b) return k->writes.at[j] && !k->reads.at[j];
    return false;
}
static LV is_large(Gen *g, const Buf *b) {
    LV *known = &g->large[b->id];
    if (*known) return *known;
    LV n = extent_in_entry(g, b->count);
    LLVMPositionBuilderBefore(g->entry_b, LLVMGetBasicBlockTerminator(g->entry));
    return *known = LLVMBuildICmp(g->entry_b, LLVMIntSGE, n, int64_of(g->m, LARGE / dtype_bytes(b->dt)), "large");
}
static LV plain_store(LLVMBuilderRef b, LV v, LV p, unsigned align) {
    LV s = LLVMBuildStore(b, v, p);
    LLVMSetAlignment(s, align);
    return s;
}
bool stream_out(Gen *g, const Buf *b, LV v, LV p, LV store[2]) {
    Mod *m = g->m;
    if (LLVMABISizeOfType(m->machine->layout, LLVMTypeOf(v)) % LINE || !may_stream(m->machine, g->k, b)) return false;
    LLVMBasicBlockRef past = new_block(g, "past"), through = new_block(g, "through"), done = new_block(g, "stored");
    LV low = LLVMBuildAnd(m->b, LLVMBuildPtrToInt(m->b, p, m->i64, ""), int64_of(m, LINE - 1), ""), at_line = LLVMBuildICmp(m->b, LLVMIntEQ, low, int64_of(m, 0), "");
    LLVMBuildCondBr(m->b, LLVMBuildAnd(m->b, is_large(g, b), at_line, ""), past, through);
    LLVMPositionBuilderAtEnd(m->b, past);
    store[0] = plain_store(m->b, v, p, LINE);
    LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(m->i32, 1, false));
    LLVMSetMetadata(store[0], m->md_nontemporal, LLVMMetadataAsValue(m->c, LLVMMDNodeInContext2(m->c, &one, 1)));
    LLVMBuildBr(m->b, done);
    LLVMPositionBuilderAtEnd(m->b, through);
    store[1] = plain_store(m->b, v, p, (unsigned)dtype_bytes(b->dt));
    LLVMBuildBr(m->b, done);
    LLVMPositionBuilderAtEnd(m->b, done);
    g->streamed = true;
    return true;
}
void stream_end(Gen *g) { if (g->streamed) call_overloaded(g->m, "llvm.x86.sse.sfence", NULL, 0, NULL, 0); }
