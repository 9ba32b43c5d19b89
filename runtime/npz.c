/* npz.c - NumPy's .npz: a zip archive of .npy files, stored or deflated, with the 64-bit fields where they are needed.
 *
 * Reading starts from the directory at the archive's end.  Its entries must lie in the file, one behind the other and not over one
 * another; each is then unpacked piece by piece into its array, so memory is that of the arrays. */
#include "file.h"
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { END = 0x06054b50, END64 = 0x06064b50, END64_PLACE = 0x07064b50, ENTRY = 0x02014b50, LOCAL = 0x04034b50, BIG = 0xffffffff };
enum { END_SIZE = 22, ENTRY_SIZE = 46, LOCAL_SIZE = 30, DIRECTORY_LIMIT = 1 << 28, PIECE = 1 << 16 };
typedef struct Entry { const char *name; size_t name_n; uint64_t packed, size, local, data; uint32_t crc; int method; } Entry;
typedef struct Archive { In in; unsigned char *dir; size_t dir_n; uint64_t dir_at; int n; Entry *entry; char **name; } Archive;

static uint64_t le(const unsigned char *p, int n) { uint64_t v = 0; while (n--) v = v << 8 | p[n]; return v; }
static pgn_status damaged(const Archive *a, pgn_error *e, const char *how) { return pgn_error_set(e, PGN_E_FORMAT, "`%s` is a damaged .npz archive: %s", a->in.path, how); }

/* ---- the directory ------------------------------------------------------------------------------------------------------ */
static pgn_status find_directory(Archive *a, uint64_t *count, pgn_error *e) {
    enum { TAIL = END_SIZE + 65535 };                     /* a comment may follow the end record */
    unsigned char b[56], *tail;
    uint64_t size = a->in.size, n = size < TAIL ? size : TAIL, end = size - n, dir_n = 0;
    pgn_status st = PGN_OK;
    if (!(tail = malloc(TAIL))) return pgn_error_set(e, PGN_E_MEMORY, "no memory to read `%s`", a->in.path);
    if (n < END_SIZE || !(st = pgn_in_read(&a->in, size - n, tail, n, e))) {
        int64_t at = (int64_t)n - END_SIZE;
        while (at >= 0 && (le(tail + at, 4) != END || (uint64_t)at + END_SIZE + le(tail + at + 20, 2) != n)) at--;
        if (at < 0) st = pgn_error_set(e, PGN_E_FORMAT, "`%s` is no .npz archive, or is cut off", a->in.path);
        else end += (uint64_t)at, *count = le(tail + at + 10, 2), dir_n = le(tail + at + 12, 4), a->dir_at = le(tail + at + 16, 4);
    }
    free(tail);
    if (st) return st;
    if ((*count == 0xffff || dir_n == BIG || a->dir_at == BIG) && end >= 20) {
        if ((st = pgn_in_read(&a->in, end - 20, b, 20, e))) return st;
        if (le(b, 4) == END64_PLACE) {
            if ((st = pgn_in_read(&a->in, end = le(b + 8, 8), b, 56, e))) return st;
            if (le(b, 4) != END64) return damaged(a, e, "its directory isn't where it should be");
            *count = le(b + 32, 8), dir_n = le(b + 40, 8), a->dir_at = le(b + 48, 8);
        }
    }
    if (a->dir_at > end || dir_n > end - a->dir_at || *count > dir_n / ENTRY_SIZE || *count > INT_MAX) return damaged(a, e, "its directory is cut off, or isn't where it should be");
    if (dir_n > DIRECTORY_LIMIT) return pgn_error_set(e, PGN_E_UNSUPPORTED, "`%s` has a directory of over %d MB", a->in.path, DIRECTORY_LIMIT >> 20);
    a->dir_n = (size_t)dir_n;
    return PGN_OK;
}
/* sizes and place of an entry that don't fit into 32 bits */
static void read_extra(Entry *m, const unsigned char *p, size_t n) {
    for (size_t x = 0; x + 4 <= n;) {
        size_t id = le(p + x, 2), len = le(p + x + 2, 2), o = x + 4, end = o + len;
        if (end > n) return;
        uint64_t *field[3] = { &m->size, &m->packed, &m->local };
        for (int k = 0; k < 3 && id == 1; k++) if (*field[k] == BIG && o + 8 <= end) *field[k] = le(p + o, 8), o += 8;
        x = end;
    }
}
static int by_place(const void *a, const void *b) { const Entry *x = *(const Entry *const *)a, *y = *(const Entry *const *)b; return (x->local > y->local) - (x->local < y->local); }
static pgn_status check_places(Archive *a, pgn_error *e) {
    const Entry **order = malloc(sizeof *order * ((size_t)a->n + 1));
    if (!order) return pgn_error_set(e, PGN_E_MEMORY, "no memory for the directory of `%s`", a->in.path);
    for (int k = 0; k < a->n; k++) order[k] = &a->entry[k];
    qsort(order, (size_t)a->n, sizeof *order, by_place);
    pgn_status st = PGN_OK;
    for (int k = 0; k < a->n && !st; k++) {
        const Entry *m = order[k];
        uint64_t limit = k + 1 < a->n ? order[k + 1]->local : a->dir_at;
        if (m->data > limit || m->packed > limit - m->data) st = damaged(a, e, "two of its members overlap, or one is cut off");
    }
    free(order);
    return st;
}
static pgn_status read_directory(Archive *a, pgn_error *e) {
    uint64_t count = 0;
    pgn_status st = find_directory(a, &count, e);
    if (st) return st;
    a->dir = malloc(a->dir_n + 1);
    a->entry = calloc((size_t)count + 1, sizeof *a->entry);
    a->name = calloc((size_t)count + 1, sizeof *a->name);
    if (!a->dir || !a->entry || !a->name) return pgn_error_set(e, PGN_E_MEMORY, "no memory for the directory of `%s` (%zu bytes)", a->in.path, a->dir_n);
    if ((st = pgn_in_read(&a->in, a->dir_at, a->dir, a->dir_n, e))) return st;
    const unsigned char *p = a->dir, *end = a->dir + a->dir_n;
    for (uint64_t k = 0; k < count; k++) {
        if (end - p < ENTRY_SIZE || le(p, 4) != ENTRY) return damaged(a, e, "its directory is cut off");
        size_t name = le(p + 28, 2), extra = le(p + 30, 2), comment = le(p + 32, 2);
        if ((size_t)(end - p) < ENTRY_SIZE + name + extra + comment) return damaged(a, e, "its directory is cut off");
        Entry *m = &a->entry[a->n++];
        *m = (Entry){ .name = (const char *)p + ENTRY_SIZE, .name_n = name, .method = (int)le(p + 10, 2), .crc = (uint32_t)le(p + 16, 4), .packed = le(p + 20, 4), .size = le(p + 24, 4), .local = le(p + 42, 4) };
        if (le(p + 8, 2) & 1) return pgn_error_set(e, PGN_E_UNSUPPORTED, "`%s` is encrypted", a->in.path);
        if (m->method != 0 && m->method != 8) return pgn_error_set(e, PGN_E_UNSUPPORTED, "`%s` is packed by method %d; stored (0) and deflated (8) are supported", a->in.path, m->method);
        read_extra(m, p + ENTRY_SIZE + name, extra);
        p += ENTRY_SIZE + name + extra + comment;
        unsigned char b[LOCAL_SIZE];
        if (m->local > a->dir_at || a->dir_at - m->local < LOCAL_SIZE) return damaged(a, e, "a member isn't where it should be");
        if ((st = pgn_in_read(&a->in, m->local, b, LOCAL_SIZE, e))) return st;
        if (le(b, 4) != LOCAL) return damaged(a, e, "a member isn't where it should be");
        m->data = m->local + LOCAL_SIZE + le(b + 26, 2) + le(b + 28, 2);
        /* deflate makes at most 1032 bytes of one */
        if (m->method ? m->size / 1100 > m->packed + 16 : m->size != m->packed) return damaged(a, e, "a member claims a length that can't be");
        size_t n = name >= 4 && !memcmp(m->name + name - 4, ".npy", 4) ? name - 4 : name;
        if (memchr(m->name, 0, n) || !pgn_utf8(m->name, n)) return damaged(a, e, "a member's name is no text");
        if (!(a->name[k] = malloc(n + 1))) return pgn_error_set(e, PGN_E_MEMORY, "no memory for the names of `%s`", a->in.path);
        memcpy(a->name[k], m->name, n);
        a->name[k][n] = 0;
    }
    bool ok;
    int64_t twice = pgn_find_twice(a->name, a->n, &ok);
    if (!ok) return pgn_error_set(e, PGN_E_MEMORY, "no memory for the names of `%s`", a->in.path);
    if (twice >= 0) return pgn_error_set(e, PGN_E_FORMAT, "`%s` holds `%s` twice", a->in.path, a->name[twice]);
    return check_places(a, e);
}

/* ---- members -------------------------------------------------------------------------------------------------------------- */
typedef struct Unpack { Source s; z_stream z; const Entry *m; const Archive *a; uint64_t taken; uint32_t crc; bool inflating, ended; unsigned char piece[PIECE]; } Unpack;
static pgn_status bad_stream(const Unpack *u, pgn_error *e) { return pgn_error_set(e, PGN_E_FORMAT, "`%s` is damaged: it can't be unpacked", u->s.what); }
/* Up to *n bytes; fewer at the stream's end. */
static pgn_status inflate_some(Unpack *u, unsigned char *to, size_t *n, pgn_error *e) {
    size_t done = 0;
    while (done < *n && !u->ended) {
        if (!u->z.avail_in && u->taken < u->m->packed) {
            size_t some = u->m->packed - u->taken < PIECE ? (size_t)(u->m->packed - u->taken) : PIECE;
            pgn_status st = pgn_in_read(&u->a->in, u->m->data + u->taken, u->piece, some, e);
            if (st) return st;
            u->z.next_in = u->piece, u->z.avail_in = (uInt)some, u->taken += some;
        }
        uInt room = *n - done < 1 << 30 ? (uInt)(*n - done) : 1 << 30;
        u->z.next_out = to + done, u->z.avail_out = room;
        int got = inflate(&u->z, Z_NO_FLUSH);
        done += room - u->z.avail_out;
        if (got == Z_MEM_ERROR) return pgn_error_set(e, PGN_E_MEMORY, "no memory to unpack `%s`", u->s.what);
        if (got == Z_STREAM_END) u->ended = true;
        else if (got != Z_OK) return bad_stream(u, e);
    }
    *n = done;
    return PGN_OK;
}
static pgn_status unpack_read(Source *s, void *to, size_t n, pgn_error *e) {
    Unpack *u = (Unpack *)(void *)s;
    size_t got = n;
    pgn_status st = u->inflating ? inflate_some(u, to, &got, e) : pgn_in_read(&u->a->in, u->m->data + u->taken, to, n, e);
    if (st || got < n) return st ? st : bad_stream(u, e);
    if (!u->inflating) u->taken += n;
    if (n) u->crc = (uint32_t)crc32_z(u->crc, to, n);
    s->left -= n;
    return PGN_OK;
}
static pgn_status read_member(Archive *a, int k, const char *what, Unpack *u, pgn_tensor *t, pgn_error *e) {
    *u = (Unpack){ .s = { .what = what, .left = a->entry[k].size, .read = unpack_read }, .m = &a->entry[k], .a = a };
    u->inflating = u->m->method == 8;
    if (u->inflating && inflateInit2(&u->z, -15) != Z_OK) return pgn_error_set(e, PGN_E_MEMORY, "no memory to unpack `%s`", what);
    pgn_status st = pgn_npy_parse(&u->s, t, e);
    unsigned char more;
    size_t beyond = 1;
    if (!st && u->inflating && (inflate_some(u, &more, &beyond, NULL) || beyond)) st = bad_stream(u, e);
    if (!st && u->crc != u->m->crc) st = pgn_error_set(e, PGN_E_FORMAT, "the checksum of `%s` is wrong", what);
    if (u->inflating) inflateEnd(&u->z);
    if (st) pgn_tensor_free(t);
    return st;
}
pgn_status pgn_npz_read(const char *path, pgn_bundle *b, pgn_error *e) {
    Archive a = { 0 };
    *b = (pgn_bundle){ 0 };
    pgn_status st = pgn_in_open(&a.in, path, e);
    if (st) return st;
    st = read_directory(&a, e);
    Unpack *u = malloc(sizeof *u);
    pgn_bundle made = { .tensor = calloc((size_t)a.n + 1, sizeof *made.tensor) };
    if (!st && (!u || !made.tensor)) st = pgn_error_set(e, PGN_E_MEMORY, "no memory to read `%s`", path);
    for (int k = 0; !st && k < a.n; k++) {
        size_t room = strlen(path) + strlen(a.name[k]) + 3;
        char *what = malloc(room);                           /* the archive and the member */
        if (what) snprintf(what, room, "%s: %s", path, a.name[k]);
        st = what ? read_member(&a, k, what, u, &made.tensor[k], e) : pgn_error_set(e, PGN_E_MEMORY, "no memory to read `%s`", path);
        free(what);
        if (st) break;
        made.tensor[k].name = a.name[k];
        a.name[k] = NULL;
        made.n = k + 1;
    }
    free(u);
    for (int k = 0; k < a.n && a.name; k++) free(a.name[k]);
    free(a.name); free(a.entry); free(a.dir);
    pgn_in_close(&a.in);
    if (st) pgn_bundle_free(&made); else *b = made;
    return st;
}

/* ---- writing: members are stored ------------------------------------------------------------------------------------------ */
typedef struct Bytes { unsigned char b[128]; size_t n; } Bytes;
static void put(Bytes *o, uint64_t v, int n) { for (int k = 0; k < n; k++) o->b[o->n++] = (unsigned char)(v >> 8 * k); }
static uint64_t small(uint64_t v) { return v < BIG ? v : BIG; }
/* A local header, or the directory's entry, which says besides where the member is.  How many bytes it is. */
static uint64_t write_described(Out *o, const Entry *m, bool entry) {
    Bytes h = { .n = 0 }, x = { .n = 0 };
    if (m->size >= BIG) { put(&x, m->size, 8); put(&x, m->size, 8); }
    if (entry && m->local >= BIG) put(&x, m->local, 8);
    uint64_t version = x.n ? 45 : 20;
    put(&h, entry ? ENTRY : LOCAL, 4);
    if (entry) put(&h, version, 2);
    put(&h, version, 2); put(&h, 1 << 11, 2); put(&h, 0, 4); put(&h, 0x21, 2);      /* UTF-8; stored; 1 January 1980 */
    put(&h, m->crc, 4); put(&h, small(m->size), 4); put(&h, small(m->size), 4);
    put(&h, m->name_n + 4, 2); put(&h, x.n ? x.n + 4 : 0, 2);
    if (entry) { put(&h, 0, 6); put(&h, 0, 4); put(&h, small(m->local), 4); }
    pgn_out_write(o, h.b, h.n);
    pgn_out_write(o, m->name, m->name_n);
    pgn_out_write(o, ".npy", 4);
    uint64_t n = h.n + m->name_n + 4;
    if (!x.n) return n;
    h.n = 0;
    put(&h, 1, 2); put(&h, x.n, 2);
    pgn_out_write(o, h.b, h.n);
    pgn_out_write(o, x.b, x.n);
    return n + h.n + x.n;
}
pgn_status pgn_npz_write(const char *path, const pgn_tensor *t, int n, pgn_error *e) {
    Out o;
    char h[NPY_HEADER_MAX];
    pgn_status st = pgn_check_named(t, n, e);
    Entry *entry = st ? NULL : calloc((size_t)n + 1, sizeof *entry);
    if (!st && !entry) st = pgn_error_set(e, PGN_E_MEMORY, "no memory to write `%s`", path);
    if (!st) st = pgn_out_begin(&o, path, e);
    if (st) { free(entry); return st; }
    uint64_t at = 0, dir_n = 0;
    for (int k = 0; k < n; k++) {
        size_t head = pgn_npy_header(h, &t[k]), bytes = (size_t)t[k].n * pgn_size_of((int)t[k].dtype);
        Entry *m = &entry[k];
        *m = (Entry){ .name = t[k].name, .name_n = strlen(t[k].name), .size = head + bytes, .local = at };
        m->crc = (uint32_t)crc32_z(0, (unsigned char *)h, head);
        if (bytes) m->crc = (uint32_t)crc32_z(m->crc, t[k].data, bytes);
        at += write_described(&o, m, false) + m->size;
        pgn_out_write(&o, h, head);
        pgn_out_write(&o, t[k].data, bytes);
    }
    for (int k = 0; k < n; k++) dir_n += write_described(&o, &entry[k], true);
    Bytes end = { .n = 0 };
    if (n >= 0xffff || dir_n >= BIG || at >= BIG) {
        put(&end, END64, 4); put(&end, 44, 8); put(&end, 45, 2); put(&end, 45, 2); put(&end, 0, 4); put(&end, 0, 4);
        put(&end, (uint64_t)n, 8); put(&end, (uint64_t)n, 8); put(&end, dir_n, 8); put(&end, at, 8);
        put(&end, END64_PLACE, 4); put(&end, 0, 4); put(&end, at + dir_n, 8); put(&end, 1, 4);
    }
    put(&end, END, 4); put(&end, 0, 4); put(&end, n < 0xffff ? (uint64_t)n : 0xffff, 2); put(&end, n < 0xffff ? (uint64_t)n : 0xffff, 2);
    put(&end, small(dir_n), 4); put(&end, small(at), 4); put(&end, 0, 2);
    pgn_out_write(&o, end.b, end.n);
    free(entry);
    return pgn_out_end(&o, e);
}
