/* npy.c - NumPy's .npy: a header that is a Python dictionary of three keys, then the numbers.  It is read from a Source, since an .npz is
 * an archive of such files. */
#include "file.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 1 << 20 };
typedef struct Header { char descr[32]; bool fortran, structured; int rank; int64_t extent[PGN_MAX_RANK]; unsigned seen; } Header;

/* ---- the dictionary: each function skips blanks, takes one thing, and says whether it was there ------------------------ */
static bool token(const char **p, char c) {
    while (**p == ' ' || **p == '\n' || **p == '\t') (*p)++;
    if (**p != c) return false;
    (*p)++;
    return true;
}
static bool string(const char **p, char *to, size_t room) {
    char quote = token(p, '\'') ? '\'' : token(p, '"') ? '"' : 0;
    size_t n = 0;
    for (; quote && **p && **p != quote && **p != '\\'; (*p)++) if (n + 1 < room) to[n++] = **p;
    to[n] = 0;
    return quote && **p == quote && (*p)++;
}
static bool word(const char **p, const char *w) {
    token(p, ' ');
    size_t n = strlen(w);
    if (strncmp(*p, w, n)) return false;
    *p += n;
    return true;
}
static bool shape(const char **p, Header *h) {
    if (!token(p, '(')) return false;
    while (!token(p, ')')) {
        char *end;
        errno = 0;
        long long v = **p >= '0' && **p <= '9' ? strtoll(*p, &end, 10) : -1;
        if (v < 0 || errno || h->rank == PGN_MAX_RANK) return false;
        h->extent[h->rank++] = v;
        *p = *end == 'L' ? end + 1 : end;
        if (token(p, ',')) continue;
        return token(p, ')');
    }
    return true;
}
static bool dictionary(const char *p, Header *h) {
    static const char *const key_name[] = { "descr", "fortran_order", "shape" };
    if (!token(&p, '{')) return false;
    while (!token(&p, '}')) {
        char key[32];
        if (!string(&p, key, sizeof key) || !token(&p, ':')) return false;
        int k = 0;
        while (k < 3 && strcmp(key, key_name[k])) k++;
        if (k == 3 || h->seen & 1u << k) return false;
        h->seen |= 1u << k;
        if (k == 0 && token(&p, '[')) { h->structured = true; return true; }
        if (k == 0 && !string(&p, h->descr, sizeof h->descr)) return false;
        if (k == 1) { h->fortran = word(&p, "True"); if (!h->fortran && !word(&p, "False")) return false; }
        if (k == 2 && !shape(&p, h)) return false;
        if (token(&p, ',')) continue;
        if (!token(&p, '}')) return false;
        break;
    }
    return h->seen == 7 && !(token(&p, ' '), *p);
}
static pgn_status read_header(Source *s, Header *h, pgn_error *e) {
    unsigned char b[12];
    *h = (Header){ 0 };
    pgn_status st = s->left < 12 ? pgn_error_set(e, PGN_E_FORMAT, "`%s` is no .npy array", s->what) : s->read(s, b, 10, e);
    if (st) return st;
    if (memcmp(b, "\x93NUMPY", 6)) return pgn_error_set(e, PGN_E_FORMAT, "`%s` is no .npy array", s->what);
    if (b[6] < 1 || b[6] > 3) return pgn_error_set(e, PGN_E_FORMAT, "`%s` has .npy version %d, which is unknown", s->what, b[6]);
    if (b[6] > 1 && (st = s->read(s, b + 10, 2, e))) return st;
    size_t n = b[8] | (size_t)b[9] << 8;
    if (b[6] > 1) n |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (n > s->left || n > HEADER_LIMIT) return pgn_error_set(e, PGN_E_FORMAT, "`%s` ends inside its header", s->what);
    char *text = malloc(n + 1);
    if (!text) return pgn_error_set(e, PGN_E_MEMORY, "no memory for the header of `%s` (%zu bytes)", s->what, n);
    st = s->read(s, text, n, e);
    text[n] = 0;
    if (!st && (memchr(text, 0, n) || !dictionary(text, h)))
        st = pgn_error_set(e, PGN_E_FORMAT, "the header of `%s` is damaged, or its shape has more than %d dimensions", s->what, PGN_MAX_RANK);
    free(text);
    if (!st && h->structured) st = pgn_error_set(e, PGN_E_FORMAT, "`%s` holds records, not numbers", s->what);
    return st;
}

/* ---- the numbers ------------------------------------------------------------------------------------------------------- */
static void swap_bytes(unsigned char *p, size_t count, size_t size) {
    for (; count--; p += size) for (size_t k = 0; k < size / 2; k++) { unsigned char t = p[k]; p[k] = p[size - 1 - k]; p[size - 1 - k] = t; }
}
/* first axis fastest -> last axis fastest */
static void transpose(const pgn_tensor *t, size_t size, const char *from, char *to) {
    int64_t at[PGN_MAX_RANK] = { 0 }, stride[PGN_MAX_RANK + 1] = { 1 };
    for (int k = 0; k < t->rank; k++) stride[k + 1] = stride[k] * t->extent[k];
    for (int64_t k = 0, place = 0; k < t->n; k++, to += size) {
        memcpy(to, from + (size_t)place * size, size);
        for (int j = t->rank - 1; j >= 0; j--) {
            place += stride[j];
            if (++at[j] < t->extent[j]) break;
            at[j] = 0, place -= stride[j + 1];
        }
    }
}
static pgn_status read_numbers(Source *s, const Header *h, pgn_tensor *t, pgn_error *e) {
    size_t size = pgn_size_of((int)t->dtype);
    if ((uint64_t)t->n > s->left / size || (uint64_t)t->n * size != s->left)
        return pgn_error_set(e, PGN_E_FORMAT, "`%s` has %" PRIu64 " bytes of numbers, its header says %" PRId64 " of %zu", s->what, s->left, t->n, size);
    size_t bytes = (size_t)t->n * size;
    pgn_status st = pgn_tensor_memory(t, s->what, e);
    if (!st && (st = s->read(s, t->data, bytes, e))) pgn_tensor_free(t);
    if (st) return st;
    if (h->fortran && t->rank > 1 && t->n > 1) {
        pgn_tensor other = *t;
        if ((st = pgn_tensor_memory(&other, s->what, e))) { pgn_tensor_free(t); return st; }
        transpose(t, size, t->data, other.data);
        pgn_tensor_free(t);
        *t = other;
    }
    bool pairs = t->dtype == PGN_C64 || t->dtype == PGN_C128;
    if (*h->descr == '>') swap_bytes(t->data, pairs ? bytes / (size / 2) : bytes / size, pairs ? size / 2 : size);
    unsigned char *truth = t->data;
    if (t->dtype == PGN_BOOL) for (size_t k = 0; k < bytes; k++) truth[k] = truth[k] != 0;
    return PGN_OK;
}
pgn_status pgn_npy_parse(Source *s, pgn_tensor *t, pgn_error *e) {
    Header h;
    *t = (pgn_tensor){ 0 };
    pgn_status st = read_header(s, &h, e);
    if (st) return st;
    const char *type = h.descr + (*h.descr && strchr("<>|=", *h.descr) != NULL);
    pgn_tensor made = { .rank = h.rank, .n = 1 };
    for (int k = PGN_F64; k <= PGN_C128; k++) if (!strcmp(pgn_type[k].npy, type)) made.dtype = (pgn_dtype)k;
    if (!made.dtype) return pgn_error_set(e, PGN_E_FORMAT, "`%s` holds numbers of type `%s`, which is not supported", s->what, type);
    for (int k = 0; k < h.rank; k++)
        if (made.extent[k] = h.extent[k], __builtin_mul_overflow(made.n, h.extent[k], &made.n)) return pgn_error_set(e, PGN_E_FORMAT, "the shape of `%s` is damaged: the number of elements overflows", s->what);
    if (!(st = read_numbers(s, &h, &made, e))) *t = made;
    return st;
}
pgn_status pgn_npy_read(const char *path, pgn_tensor *t, pgn_error *e) {
    In in;
    *t = (pgn_tensor){ 0 };
    pgn_status st = pgn_in_open(&in, path, e);
    if (st) return st;
    Source s = { .what = path, .left = in.size, .read = pgn_in_source_read, .in = &in };
    st = pgn_npy_parse(&s, t, e);
    pgn_in_close(&in);
    return st;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */
size_t pgn_npy_header(char *h, const pgn_tensor *t) {
    char shape_text[24 * PGN_MAX_RANK + 1] = "";
    size_t m = 0;
    for (int k = 0; k < t->rank; k++) m += (size_t)snprintf(shape_text + m, sizeof shape_text - m, "%" PRId64 "%s", t->extent[k], k + 1 < t->rank ? ", " : t->rank == 1 ? "," : "");
    const TypeRow *row = &pgn_type[t->dtype];
    int n = snprintf(h + 10, NPY_HEADER_MAX - 80, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }", row->size > 1 && t->dtype != PGN_BF16 ? '<' : '|', row->npy, shape_text);
    while ((n + 11) % 64) h[10 + n++] = ' ';
    h[10 + n++] = '\n';
    memcpy(h, "\x93NUMPY\x01\x00", 8);
    h[8] = (char)(n & 255), h[9] = (char)(n >> 8);
    return (size_t)n + 10;
}
pgn_status pgn_npy_write(const char *path, const pgn_tensor *t, pgn_error *e) {
    char h[NPY_HEADER_MAX];
    Out o;
    pgn_tensor named = *t;
    named.name = (char *)"array";
    pgn_status st = pgn_check_named(&named, 1, e);
    if (!st) st = pgn_out_begin(&o, path, e);
    if (st) return st;
    pgn_out_write(&o, h, pgn_npy_header(h, t));
    pgn_out_write(&o, t->data, (size_t)t->n * pgn_size_of((int)t->dtype));
    return pgn_out_end(&o, e);
}
