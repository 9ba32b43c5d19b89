/* arena.c - memory that goes all at once: chunks of doubling size, zeroed, aligned to 16. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/sysinfo.h>
#endif
#include <unistd.h>

typedef struct Chunk { struct Chunk *next; size_t used, size; char at[] __attribute__((aligned(16))); } Chunk;
struct Arena { Chunk *chunk; };

Arena *arena_new(void) {
    Arena *a = calloc(1, sizeof *a);
    if (!a) abort();
    return a;
}
void arena_free(Arena *a) {
    if (!a) return;
    for (Chunk *c = a->chunk, *next; c; c = next) next = c->next, free(c);
    free(a);
}
/* Asks for all pages of a chunk at once: faults one by one were a sixth of the time to check a model. A system that can't gives them one by one. */
static void populate(Chunk *c, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)c + page - 1) & ~(page - 1), to = ((uintptr_t)c + bytes) & ~(page - 1);
    if (to > from) madvise((void *)from, to - from, MADV_POPULATE_WRITE);
#else
    (void)c, (void)bytes;
#endif
}
void *arena_alloc(Arena *a, size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    Chunk *c = a->chunk;
    if (!c || c->size - c->used < bytes) {
        size_t size = c ? 2 * c->size : 1 << 14;
        if (size > 1 << 20) size = 1 << 20;
        if (size < bytes) size = bytes;
        /* calloc: large chunks come zeroed from the system without touching them */
        c = calloc(1, sizeof *c + size);
        if (!c) { fputs("pigeonc: out of memory\n", stderr); abort(); }
        if (size <= 1 << 20) populate(c, sizeof *c + size);
        c->size = size;
        c->next = a->chunk;
        a->chunk = c;
    }
    void *p = c->at + c->used;
    c->used += bytes;
    return p;
}
void *arena_grow(Arena *a, void *old, size_t old_bytes, size_t new_bytes) {
    void *p = arena_alloc(a, new_bytes);
    if (old_bytes) memcpy(p, old, old_bytes);
    return p;
}
char *arena_strndup(Arena *a, const char *s, size_t n) {
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}
/* Into what is left of the chunk at once; only a text that is too long for it is made twice. */
char *arena_printf(Arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    Chunk *c = a->chunk;
    size_t room = c ? c->size - c->used : 0;
    char *p = c ? c->at + c->used : NULL;
    int n = vsnprintf(p, room, fmt, ap);
    bool fits = (size_t)n < room;
    if (!fits && room) memset(p, 0, room);                       /* memory of the arena is zero */
    p = arena_alloc(a, (size_t)n + 1);
    if (!fits) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}
/* malloc() promises more than there is: the run would be killed when it writes there. An eighth is what others hold. */
uint64_t machine_memory(void) {
    uint64_t most = UINT64_MAX;
#ifdef __linux__
    struct sysinfo s;
    if (!sysinfo(&s)) most = ((uint64_t)s.totalram - s.totalram / 8 + s.totalswap) * s.mem_unit;
#elif defined _SC_PHYS_PAGES
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) most = (uint64_t)(pages - pages / 8) * (uint64_t)page;
#endif
    struct rlimit r;
    if (!getrlimit(RLIMIT_AS, &r) && r.rlim_cur != RLIM_INFINITY && r.rlim_cur < most) most = r.rlim_cur;
    return most;
}
