/* status.c - names of status codes, how an error gets its text, and memory through the caller's functions. */
#include "internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *pgn_status_name(pgn_status st) {
    static const char *const name[] = { "ok", "argument", "size", "range", "memory", "io", "format", "singular", "device", "abi", "unsupported" };
    return (unsigned)st < sizeof name / sizeof *name ? name[st] : "unknown";
}
pgn_status pgn_error_set(pgn_error *e, pgn_status st, const char *fmt, ...) {
    if (!e) return st;
    va_list ap;
    va_start(ap, fmt);
    e->status = st;
    vsnprintf(e->message, sizeof e->message, fmt, ap);
    va_end(ap);
    return st;
}
void *pgn_alloc(const pgn_options *o, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX - PGN_ALIGN) return NULL;
    bytes = bytes ? (bytes + PGN_ALIGN - 1) / PGN_ALIGN * PGN_ALIGN : PGN_ALIGN;
    return o && o->alloc ? o->alloc(o->user, bytes, PGN_ALIGN) : aligned_alloc(PGN_ALIGN, bytes);
}
void *pgn_alloc_zero(const pgn_options *o, size_t n, size_t size) {
    void *p = pgn_alloc(o, n, size);
    if (p) memset(p, 0, n * size);
    return p;
}
void pgn_release(const pgn_options *o, void *p) {
    if (!p) return;
    if (!o || !o->alloc) free(p);
    else if (o->free) o->free(o->user, p);
}
