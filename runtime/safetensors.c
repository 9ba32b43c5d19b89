/* safetensors.c - a length, a JSON object, then bytes:  {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..}.
 *
 * A file is refused unless its header is strict JSON of that form, no name comes twice, every offset pair is as long as its shape says,
 * and the pairs, sorted, follow one another from 0 to the end of the file: no overlap, no hole, nothing beyond. */
#include "file.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 100000000 };
typedef struct Item { pgn_tensor t; uint64_t begin, end; } Item;
typedef struct Reader {
    In in; pgn_error *e; pgn_status st;
    char *text, *at;                      /* the header, NUL after it; strings are decoded in place */
    uint64_t header_n;
    Item *item; int64_t n, room; char **name;
} Reader;

static bool bad(Reader *r, const char *what) {
    if (!r->st) r->st = pgn_error_set(r->e, PGN_E_FORMAT, "the header of `%s` is damaged at byte %zu: %s", r->in.path, (size_t)(r->at - r->text) + 8, what);
    return false;
}
/* ---- JSON: each function takes one thing, or reports and returns false ------------------------------------------------------- */
static void blanks(Reader *r) { while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r') r->at++; }
static bool take(Reader *r, char c) { blanks(r); if (*r->at != c) return false; r->at++; return true; }
static bool need(Reader *r, char c) { char what[] = "` ` is missing"; what[1] = c; return take(r, c) || bad(r, what); }
static bool hex4(Reader *r, uint32_t *v) {
    *v = 0;
    for (int k = 0; k < 4; k++, r->at++) {
        char c = *r->at;
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0) return bad(r, "\\u needs four hexadecimal digits");
        *v = *v << 4 | (uint32_t)d;
    }
    return true;
}
static char *put_utf8(char *to, uint32_t v) {
    int more = v < 0x80 ? 0 : v < 0x800 ? 1 : v < 0x10000 ? 2 : 3;
    if (!more) { *to++ = (char)v; return to; }
    *to++ = (char)(0xf0 << (3 - more) | v >> 6 * more);
    while (more--) *to++ = (char)(0x80 | (v >> 6 * more & 0x3f));
    return to;
}
static bool escape(Reader *r, char **to) {
    static const char from[] = "\"\\/bfnrt", value[] = "\"\\/\b\f\n\r\t";
    char c = *r->at++;
    const char *k = c ? strchr(from, c) : NULL;
    if (k) { *(*to)++ = value[k - from]; return true; }
    uint32_t v, low;
    if (c != 'u') { r->at--; return bad(r, "an unknown escape in a string"); }
    if (!hex4(r, &v)) return false;
    if (v >= 0xd800 && v < 0xdc00) {
        if (r->at[0] != '\\' || r->at[1] != 'u') return bad(r, "half a surrogate pair");
        r->at += 2;
        if (!hex4(r, &low)) return false;
        if (low < 0xdc00 || low > 0xdfff) return bad(r, "half a surrogate pair");
        v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
    } else if (v >= 0xdc00 && v < 0xe000) return bad(r, "half a surrogate pair");
    if (!v) return bad(r, "a NUL in a string");
    *to = put_utf8(*to, v);
    return true;
}
static bool string(Reader *r, char **s) {
    if (!need(r, '"')) return false;
    char *to = *s = r->at;
    for (;;) {
        char c = *r->at++;
        if (c == '"') { *to = 0; return true; }
        if (c == '\\') { if (!escape(r, &to)) return false; continue; }
        if ((unsigned char)c < 0x20) { r->at--; return bad(r, "a string doesn't end, or holds a control character"); }
        *to++ = c;
    }
}
static bool number(Reader *r, uint64_t *v) {
    blanks(r);
    if (*r->at < '0' || *r->at > '9' || (r->at[0] == '0' && r->at[1] >= '0' && r->at[1] <= '9')) return bad(r, "a whole number is missing");
    for (*v = 0; *r->at >= '0' && *r->at <= '9'; r->at++)
        if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, (uint64_t)(*r->at - '0'), v)) return bad(r, "a number is too large");
    if (*r->at == '.' || *r->at == 'e' || *r->at == 'E') return bad(r, "a number isn't whole");
    return true;
}

/* ---- the header ------------------------------------------------------------------------------------------------------------- */
static bool shape(Reader *r, pgn_tensor *t) {
    t->n = 1;
    if (!need(r, '[')) return false;
    if (take(r, ']')) return true;
    do {
        uint64_t v;
        if (!number(r, &v)) return false;
        if (t->rank == PGN_MAX_RANK) return bad(r, "a tensor has more than 8 dimensions");
        if (v > INT64_MAX || __builtin_mul_overflow(t->n, (int64_t)v, &t->n)) return bad(r, "the number of elements overflows");
        t->extent[t->rank++] = (int64_t)v;
    } while (take(r, ','));
    return need(r, ']');
}
static bool dtype(Reader *r, const char *name, pgn_tensor *t) {
    char *s;
    if (!string(r, &s)) return false;
    for (int k = PGN_F64; k <= PGN_C128; k++) if (*s && !strcmp(pgn_type[k].safetensors, s)) t->dtype = (pgn_dtype)k;
    if (!t->dtype) r->st = pgn_error_set(r->e, PGN_E_UNSUPPORTED, "`%s` in `%s` has elements of type `%.20s`, which is not supported", name, r->in.path, s);
    return !r->st;
}
static bool tensor(Reader *r, const char *name, Item *m) {
    unsigned seen = 0;
    if (!need(r, '{')) return false;
    do {
        char *key;
        if (!string(r, &key) || !need(r, ':')) return false;
        int k = !strcmp(key, "dtype") ? 0 : !strcmp(key, "shape") ? 1 : !strcmp(key, "data_offsets") ? 2 : -1;
        if (k < 0) return bad(r, "a tensor has a key other than dtype, shape, data_offsets");
        if (seen & 1u << k) return bad(r, "a key comes twice");
        seen |= 1u << k;
        if (k == 0 && !dtype(r, name, &m->t)) return false;
        if (k == 1 && !shape(r, &m->t)) return false;
        if (k == 2 && (!need(r, '[') || !number(r, &m->begin) || !need(r, ',') || !number(r, &m->end) || !need(r, ']'))) return false;
    } while (take(r, ','));
    return need(r, '}') && (seen == 7 || bad(r, "a tensor lacks dtype, shape or data_offsets"));
}
static bool metadata(Reader *r) {         /* strings by name; nothing of it is used */
    char *s;
    if (!need(r, '{')) return false;
    if (take(r, '}')) return true;
    do if (!string(r, &s) || !need(r, ':') || !string(r, &s)) return false; while (take(r, ','));
    return need(r, '}');
}
static bool header(Reader *r) {
    bool had_metadata = false;
    if (!need(r, '{')) return false;
    if (!take(r, '}')) {
        do {
            char *name;
            if (!string(r, &name)) return false;
            if (!need(r, ':')) return false;
            if (!strcmp(name, "__metadata__")) {
                if (had_metadata) return bad(r, "__metadata__ comes twice");
                had_metadata = true;
                if (!metadata(r)) return false;
                continue;
            }
            if (r->n == r->room) {
                int64_t room = r->room ? 2 * r->room : 64;
                Item *item = realloc(r->item, sizeof *item * (size_t)room);
                if (item) r->item = item;
                char **names = item ? realloc(r->name, sizeof *names * (size_t)room) : NULL;
                if (names) r->name = names;
                if (!names) { r->st = pgn_error_set(r->e, PGN_E_MEMORY, "no memory for the header of `%s`", r->in.path); return false; }
                r->room = room;
            }
            r->item[r->n] = (Item){ .begin = 0 };
            r->name[r->n] = name;
            if (!tensor(r, name, &r->item[r->n++])) return false;
        } while (take(r, ','));
        if (!need(r, '}')) return false;
    }
    blanks(r);
    return *r->at == 0 || bad(r, "something follows the object");
}
static int by_place(const void *a, const void *b) {
    const Item *x = *(const Item *const *)a, *y = *(const Item *const *)b;
    return x->begin != y->begin ? (x->begin > y->begin ? 1 : -1) : (x->end > y->end) - (x->end < y->end);
}
static void check_offsets(Reader *r) {
    uint64_t have = r->in.size - 8 - r->header_n, at = 0;
    const Item **order = malloc(sizeof *order * ((size_t)r->n + 1));
    if (!order) { r->st = pgn_error_set(r->e, PGN_E_MEMORY, "no memory for the header of `%s`", r->in.path); return; }
    for (int64_t k = 0; k < r->n; k++) order[k] = &r->item[k];
    qsort(order, (size_t)r->n, sizeof *order, by_place);
    for (int64_t k = 0; k < r->n && !r->st; k++) {
        const Item *m = order[k];
        const char *name = r->name[m - r->item];
        uint64_t size = pgn_size_of((int)m->t.dtype), bytes;
        if (m->begin > m->end || __builtin_mul_overflow((uint64_t)m->t.n, size, &bytes) || bytes != m->end - m->begin)
            r->st = pgn_error_set(r->e, PGN_E_FORMAT, "`%s` in `%s`: its offsets %" PRIu64 "..%" PRIu64 " don't fit its shape (%" PRId64 " elements of %" PRIu64 " bytes)", name, r->in.path, m->begin, m->end, m->t.n, size);
        else if (m->begin != at)
            r->st = pgn_error_set(r->e, PGN_E_FORMAT, "`%s` in `%s` begins at %" PRIu64 ": %s", name, r->in.path, m->begin, m->begin < at ? "it overlaps another tensor" : "the bytes before it belong to no tensor");
        at = m->end;
    }
    free(order);
    if (!r->st && at != have) r->st = pgn_error_set(r->e, PGN_E_FORMAT, "`%s` has %" PRIu64 " bytes of data, its header speaks of %" PRIu64, r->in.path, have, at);
}
static void read_header(Reader *r) {
    unsigned char b[8];
    if (r->in.size < 8) { r->st = pgn_error_set(r->e, PGN_E_FORMAT, "`%s` is no safetensors file", r->in.path); return; }
    if ((r->st = pgn_in_read(&r->in, 0, b, 8, r->e))) return;
    for (int k = 7; k >= 0; k--) r->header_n = r->header_n << 8 | b[k];
    if (r->header_n > r->in.size - 8) { r->st = pgn_error_set(r->e, PGN_E_FORMAT, "`%s` is no safetensors file, or is cut off: its header should have %" PRIu64 " bytes", r->in.path, r->header_n); return; }
    if (r->header_n > HEADER_LIMIT) { r->st = pgn_error_set(r->e, PGN_E_FORMAT, "the header of `%s` has %" PRIu64 " bytes, at most %d are allowed", r->in.path, r->header_n, HEADER_LIMIT); return; }
    if (!(r->at = r->text = malloc((size_t)r->header_n + 1))) { r->st = pgn_error_set(r->e, PGN_E_MEMORY, "no memory for the header of `%s` (%" PRIu64 " bytes)", r->in.path, r->header_n); return; }
    if ((r->st = pgn_in_read(&r->in, 8, r->text, (size_t)r->header_n, r->e))) return;
    r->text[r->header_n] = 0;
    if (memchr(r->text, 0, (size_t)r->header_n) || !pgn_utf8(r->text, (size_t)r->header_n)) bad(r, "it is no UTF-8 text");
    else if (*r->text != '{') bad(r, "it doesn't begin with `{`");
    else if (header(r)) {
        bool ok;
        int64_t twice = pgn_find_twice(r->name, r->n, &ok);
        if (!ok) r->st = pgn_error_set(r->e, PGN_E_MEMORY, "no memory for the header of `%s`", r->in.path);
        else if (twice >= 0) r->st = pgn_error_set(r->e, PGN_E_FORMAT, "`%s` holds `%s` twice", r->in.path, r->name[twice]);
        else check_offsets(r);
    }
}
pgn_status pgn_safetensors_read(const char *path, pgn_bundle *b, pgn_error *e) {
    Reader r = { .e = e };
    *b = (pgn_bundle){ 0 };
    if ((r.st = pgn_in_open(&r.in, path, e))) return r.st;
    read_header(&r);
    pgn_bundle made = { .tensor = r.st ? NULL : calloc((size_t)r.n + 1, sizeof *made.tensor) };
    if (!r.st && !made.tensor) r.st = pgn_error_set(e, PGN_E_MEMORY, "no memory for %" PRId64 " tensors", r.n);
    for (int64_t k = 0; k < r.n && !r.st; k++) {
        pgn_tensor *t = &made.tensor[made.n++];
        *t = r.item[k].t;
        if (!(t->name = strdup(r.name[k]))) r.st = pgn_error_set(e, PGN_E_MEMORY, "no memory for the names of `%s`", path);
        if (!r.st) r.st = pgn_tensor_memory(t, t->name, e);
        size_t bytes = (size_t)t->n * pgn_size_of((int)t->dtype);
        if (!r.st) r.st = pgn_in_read(&r.in, 8 + r.header_n + r.item[k].begin, t->data, bytes, e);
        unsigned char *truth = t->data;
        if (!r.st && t->dtype == PGN_BOOL) for (size_t j = 0; j < bytes; j++) truth[j] = truth[j] != 0;
    }
    pgn_in_close(&r.in);
    free(r.text); free(r.item); free(r.name);
    if (r.st) pgn_bundle_free(&made); else *b = made;
    return r.st;
}

/* ---- writing: largest elements first, so that every tensor is aligned; then by name -------------------------------------------- */
static int by_size_and_name(const void *a, const void *b) {
    const pgn_tensor *x = *(const pgn_tensor *const *)a, *y = *(const pgn_tensor *const *)b;
    int sx = pgn_type[x->dtype].size, sy = pgn_type[y->dtype].size;
    return sx != sy ? sy - sx : strcmp(x->name, y->name);
}
static void write_string(FILE *f, const char *s) {
    putc('"', f);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20) { fprintf(f, "\\u%04x", c); continue; }
        if (c == '"' || c == '\\') putc('\\', f);
        putc(c, f);
    }
    putc('"', f);
}
static void write_header(FILE *f, const pgn_tensor *const *order, int n) {
    uint64_t at = 0;
    putc('{', f);
    for (int k = 0; k < n; k++) {
        const pgn_tensor *t = order[k];
        uint64_t bytes = (uint64_t)t->n * pgn_type[t->dtype].size;
        if (k) putc(',', f);
        write_string(f, t->name);
        fprintf(f, ":{\"dtype\":\"%s\",\"shape\":[", pgn_type[t->dtype].safetensors);
        for (int j = 0; j < t->rank; j++) fprintf(f, "%s%" PRId64, j ? "," : "", t->extent[j]);
        fprintf(f, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + bytes);
        at += bytes;
    }
    putc('}', f);
}
pgn_status pgn_safetensors_write(const char *path, const pgn_tensor *t, int n, pgn_error *e) {
    pgn_status st = pgn_check_named(t, n, e);
    for (int k = 0; k < n && !st; k++) {
        if (!*pgn_type[t[k].dtype].safetensors) st = pgn_error_set(e, PGN_E_UNSUPPORTED, "`%s` is %s, which safetensors files can't hold", t[k].name, pgn_dtype_name(t[k].dtype));
        if (!strcmp(t[k].name, "__metadata__")) st = pgn_error_set(e, PGN_E_ARGUMENT, "no tensor of a safetensors file may have the name `__metadata__`");
    }
    if (st) return st;
    const pgn_tensor **order = malloc(sizeof *order * ((size_t)n + 1));
    char *text = NULL;
    size_t text_n = 0;
    FILE *f = order ? open_memstream(&text, &text_n) : NULL;
    bool ok = f != NULL;
    if (ok) {
        for (int k = 0; k < n; k++) order[k] = &t[k];
        qsort(order, (size_t)n, sizeof *order, by_size_and_name);
        write_header(f, order, n);
        for (fflush(f); text_n % 8; fflush(f)) putc(' ', f);
        ok = !ferror(f);
        ok = !fclose(f) && ok;
    }
    Out o;
    st = !ok ? pgn_error_set(e, PGN_E_MEMORY, "no memory to write `%s`", path) : text_n > HEADER_LIMIT ? pgn_error_set(e, PGN_E_SIZE, "the names of `%s` are too long: a header has at most %d bytes", path, HEADER_LIMIT) : pgn_out_begin(&o, path, e);
    if (!st) {
        unsigned char b[8];
        for (int k = 0; k < 8; k++) b[k] = (unsigned char)((uint64_t)text_n >> 8 * k);
        pgn_out_write(&o, b, 8);
        pgn_out_write(&o, text, text_n);
        for (int k = 0; k < n; k++) pgn_out_write(&o, order[k]->data, (size_t)order[k]->n * pgn_type[order[k]->dtype].size);
        st = pgn_out_end(&o, e);
    }
    free(text);
    free(order);
    return st;
}
