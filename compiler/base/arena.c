/* arena.c - memory that goes all at once: chunks of doubling size, zeroed, aligned to 16. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>

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
void *arena_alloc(Arena *a, size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    Chunk *c = a->chunk;
    if (!c || c->size - c->used < bytes) {
        size_t size = c ? 2 * c->size : 1 << 14;
        if (size > 1 << 22) size = 1 << 22;
        if (size < bytes) size = bytes;
        /* calloc: large chunks come zeroed from the system without touching them */
        c = calloc(1, sizeof *c + size);
        if (!c) { fputs("pigeonc: out of memory\n", stderr); abort(); }
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
char *arena_printf(Arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}
