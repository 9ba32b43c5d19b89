/* context.c - one compiler invocation: interned strings and the sources that were read. */
#include "base/base.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct Interned { size_t n, cap; struct { uint64_t hash; const char *s; size_t len; } *at; };

Context *context_new(void) {
    Arena *a = arena_new();
    Context *cx = NEW(a, Context);
    cx->arena = a;
    cx->interned = NEW(a, struct Interned);
    cx->std_dir = ".";
    return cx;
}
void context_free(Context *cx) { if (cx) arena_free(cx->arena); }

const char *intern_n(Context *cx, const char *s, size_t n) {
    struct Interned *t = cx->interned;
    uint64_t h = 1469598103934665603u;
    for (size_t k = 0; k < n; k++) h = (h ^ (unsigned char)s[k]) * 1099511628211u;
    if (2 * (t->n + 1) > t->cap) {
        struct Interned old = *t;
        t->cap = old.cap ? 2 * old.cap : 256;
        t->at = arena_alloc(cx->arena, t->cap * sizeof *t->at);
        for (size_t k = 0; k < old.cap; k++) if (old.at[k].s) {
            size_t p = old.at[k].hash & (t->cap - 1);
            while (t->at[p].s) p = (p + 1) & (t->cap - 1);
            t->at[p] = old.at[k];
        }
    }
    size_t p = h & (t->cap - 1);
    for (; t->at[p].s; p = (p + 1) & (t->cap - 1))
        if (t->at[p].hash == h && t->at[p].len == n && !memcmp(t->at[p].s, s, n)) return t->at[p].s;
    t->at[p].hash = h;
    t->at[p].len = n;
    t->n++;
    return t->at[p].s = arena_strndup(cx->arena, s, n);
}
const char *intern(Context *cx, const char *s) { return intern_n(cx, s, strlen(s)); }

Loc loc_join(Loc a, Loc b) {
    if (a.file < 0) return b;
    if (b.file != a.file) return a;
    if (b.end_line > a.end_line || (b.end_line == a.end_line && b.end_col > a.end_col)) a.end_line = b.end_line, a.end_col = b.end_col;
    return a;
}

int source_from_text(Context *cx, const char *path, const char *text, size_t length) {
    Source s = { .path = intern(cx, path), .text = arena_strndup(cx->arena, text, length), .length = length };
    vec_add(cx->arena, cx->source, s);
    return cx->source.n - 1;
}

/* The first byte that is not well-formed UTF-8 (or is NUL), or n. */
static size_t bad_text(const unsigned char *s, size_t n) {
    for (size_t k = 0; k < n;) {
        unsigned c = s[k];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
        if (!c || more > 3 || k + more >= n + (more == 0)) return k;
        for (size_t j = 1; j <= more; j++) if ((s[k + j] & 0xc0) != 0x80) return k;
        if ((c == 0xe0 && s[k + 1] < 0xa0) || (c == 0xed && s[k + 1] > 0x9f) || (c == 0xf0 && s[k + 1] < 0x90) || (c == 0xf4 && s[k + 1] > 0x8f)) return k;
        k += more + 1;
    }
    return n;
}

int source_read(Context *cx, const char *path, Loc from) {
    bool std = !strcmp(path, "-");
    FILE *f = std ? stdin : fopen(path, "rb");
    if (!f) { diag_error(cx, D_FILE_NOT_FOUND, from, "`%s` can't be opened: %s", path, strerror(errno)); return -1; }
    size_t n = 0, cap = 1 << 16, limit = (size_t)64 << 20;
    char *text = malloc(cap);
    while (text) {
        n += fread(text + n, 1, cap - n, f);
        if (n < cap || n > limit) break;
        char *more = realloc(text, cap *= 2);
        if (!more) free(text);
        text = more;
    }
    bool failed = !text || ferror(f);
    int error = errno;
    struct stat st;
    bool known = !std && !fstat(fileno(f), &st);
    if (!std) fclose(f);
    int id = -1;
    if (failed) diag_error(cx, D_FILE_NOT_FOUND, from, "`%s` can't be read: %s", path, strerror(error));
    else if (n > limit) diag_error(cx, D_FILE_TOO_LARGE, from, "`%s` has more than 64 MB", path);
    else {
        size_t bad = bad_text((const unsigned char *)text, n);
        id = source_from_text(cx, path, text, n);
        if (bad == n && known) cx->source.at[id].device = (uint64_t)st.st_dev, cx->source.at[id].inode = (uint64_t)st.st_ino;
        if (bad < n) {
            Loc at = { id, 1, 1, 1, 2 };
            for (size_t k = 0; k < bad; k++) if (text[k] == '\n') at.line++, at.col = 1; else at.col++;
            at.end_line = at.line, at.end_col = at.col + 1;
            if (!text[bad]) diag_error(cx, D_NUL_BYTE, at, "there is a NUL byte in the text");
            else diag_error(cx, D_BAD_UTF8, at, "the byte 0x%02x is not UTF-8 here", (unsigned char)text[bad]);
            id = -1;
        }
    }
    free(text);
    return id;
}
