/* status.c - names of status codes and element types, and how an error text gets its place. */
#include "internal.h"
#include "pigeon/io.h"
#include <stdarg.h>
#include <stdio.h>

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
static const struct { const char *name; size_t size; } type_row[] = {
    { "none", 0 }, { "f64", 8 }, { "f32", 4 }, { "f16", 2 }, { "bf16", 2 }, { "i64", 8 }, { "i32", 4 }, { "i8", 1 }, { "u8", 1 }, { "bool", 1 }, { "c64", 8 }, { "c128", 16 },
};
size_t pgn_size_of(int t) { return t > 0 && t <= PGN_C128 ? type_row[t].size : 0; }
size_t pgn_dtype_size(pgn_dtype t) { return pgn_size_of((int)t); }
const char *pgn_dtype_name(pgn_dtype t) { return type_row[(int)t > 0 && t <= PGN_C128 ? t : 0].name; }
