/* npy.c - NumPy's .npy arrays, and .npz archives of them (zip, members stored or deflated). Every length in a file is doubted. */
#include "pigeon/io.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static pgn_status fail(pgn_error *e, pgn_status st, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (e) { e->status = st; vsnprintf(e->message, sizeof e->message, fmt, ap); }
    va_end(ap);
    return st;
}
static const struct { const char *name, *descr; size_t size; } type_row[] = {
    [PGN_F64] = { "f64", "f8", 8 }, [PGN_F32] = { "f32", "f4", 4 }, [PGN_F16] = { "f16", "f2", 2 }, [PGN_BF16] = { "bf16", "V2", 2 },
    [PGN_I64] = { "i64", "i8", 8 }, [PGN_I32] = { "i32", "i4", 4 }, [PGN_I8] = { "i8", "i1", 1 },   [PGN_U8] = { "u8", "u1", 1 },
    [PGN_BOOL] = { "bool", "b1", 1 }, [PGN_C64] = { "c64", "c8", 8 }, [PGN_C128] = { "c128", "c16", 16 },
};
void pgn_tensor_free(pgn_tensor *t) { free(t->data); free(t->name); *t = (pgn_tensor){ 0 }; }
void pgn_bundle_free(pgn_bundle *b) { for (int k = 0; k < b->n; k++) pgn_tensor_free(&b->tensor[k]); free(b->tensor); *b = (pgn_bundle){ 0 }; }

static void swap_bytes(unsigned char *p, size_t count, size_t size) {
    for (; count--; p += size) for (size_t k = 0; k < size / 2; k++) { unsigned char t = p[k]; p[k] = p[size - 1 - k]; p[size - 1 - k] = t; }
}
/* an .npy in memory */
static pgn_status parse(const char *path, const unsigned char *p, size_t n, pgn_tensor *t, pgn_error *e) {
    *t = (pgn_tensor){ 0 };
    if (n < 10 || memcmp(p, "\x93NUMPY", 6)) return fail(e, PGN_E_FORMAT, "`%s` is no .npy array", path);
    size_t at = p[6] == 1 ? 10 : 12, len = p[6] == 1 ? p[8] | (size_t)p[9] << 8 : 0;
    if (p[6] < 1 || p[6] > 3) return fail(e, PGN_E_FORMAT, "`%s` has .npy version %d, which is unknown", path, p[6]);
    if (p[6] > 1 && n >= 12) len = p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (len > n - at || at > n || len > 65536) return fail(e, PGN_E_FORMAT, "`%s` ends inside its header", path);
    char *head = malloc(len + 1);
    if (!head) return fail(e, PGN_E_MEMORY, "no memory to read `%s`", path);
    memcpy(head, p + at, len);
    head[len] = 0;
    const char *d = strstr(head, "'descr':"), *f = strstr(head, "'fortran_order':"), *s = strstr(head, "'shape':");
    d = d ? strchr(d + 8, '\'') : NULL;
    s = s ? strchr(s, '(') : NULL;
    if (!d || !f || !s) { free(head); return fail(e, PGN_E_FORMAT, "the header of `%s` is damaged", path); }
    bool big = d[1] == '>', fortran = strstr(f, "True") && strstr(f, "True") < f + 20;
    const char *name = d + 1 + (strchr("<>|=", d[1]) != NULL);
    size_t m = strcspn(name, "'");
    for (int k = PGN_F64; k <= PGN_C128; k++) if (k != PGN_BF16 && strlen(type_row[k].descr) == m && !strncmp(name, type_row[k].descr, m)) t->dtype = (pgn_dtype)k;
    if (!t->dtype) { char w[32]; snprintf(w, sizeof w, "%.*s", (int)(m < 30 ? m : 30), name); free(head); return fail(e, PGN_E_FORMAT, "`%s` holds numbers of type `%s`, which is not supported", path, w); }
    t->n = 1;
    for (s++; *s && *s != ')';) {
        char *end;
        errno = 0;
        long long v = strtoll(s, &end, 10);
        if (end == s || v < 0 || errno || t->rank == PGN_MAX_RANK || __builtin_mul_overflow(t->n, (int64_t)v, &t->n)) { free(head); return fail(e, PGN_E_FORMAT, "the shape of `%s` is damaged, or has more than %d dimensions", path, PGN_MAX_RANK); }
        t->extent[t->rank++] = v;
        for (s = end; *s == ',' || *s == ' ' || *s == 'L'; s++) { }
    }
    free(head);
    size_t size = type_row[t->dtype].size, have = n - at - len;
    if ((uint64_t)t->n > have / size || (uint64_t)t->n * size != have) return fail(e, PGN_E_FORMAT, "`%s` has %zu bytes of numbers, its header says %lld of %zu", path, have, (long long)t->n, size);
    t->data = malloc(have + 64);
    if (!t->data) return fail(e, PGN_E_MEMORY, "no memory for `%s`", path);
    unsigned char *q = t->data;
    if (fortran && t->rank > 1) {
        int64_t idx[PGN_MAX_RANK] = { 0 }, stride[PGN_MAX_RANK];
        stride[0] = 1;
        for (int k = 1; k < t->rank; k++) stride[k] = stride[k - 1] * t->extent[k - 1];
        for (int64_t k = 0; k < t->n; k++) {
            int64_t from = 0;
            for (int j = 0; j < t->rank; j++) from += idx[j] * stride[j];
            memcpy(q + (size_t)k * size, p + at + len + (size_t)from * size, size);
            for (int j = t->rank - 1; j >= 0 && ++idx[j] == t->extent[j]; j--) idx[j] = 0;
        }
    } else memcpy(q, p + at + len, have);
    if (big) { bool c = t->dtype >= PGN_C64; swap_bytes(q, (size_t)t->n * (c ? 2 : 1), c ? size / 2 : size); }
    if (t->dtype == PGN_BOOL) for (int64_t k = 0; k < t->n; k++) q[k] = q[k] != 0;
    return PGN_OK;
}
static pgn_status slurp(const char *path, unsigned char **data, size_t *n, pgn_error *e) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st)) { int err = errno; if (f) fclose(f); return fail(e, PGN_E_IO, "`%s` can't be opened: %s", path, strerror(err)); }
    if (!S_ISREG(st.st_mode)) { fclose(f); return fail(e, PGN_E_IO, "`%s` is no file", path); }
    *n = (size_t)st.st_size;
    *data = malloc(*n + 1);
    if (!*data) { fclose(f); return fail(e, PGN_E_MEMORY, "no memory to read the %zu bytes of `%s`", *n, path); }
    size_t got = fread(*data, 1, *n, f);
    fclose(f);
    if (got == *n) return PGN_OK;
    free(*data);
    return fail(e, PGN_E_IO, "`%s` can't be read whole", path);
}
pgn_status pgn_npy_read(const char *path, pgn_tensor *t, pgn_error *e) {
    unsigned char *p;
    size_t n;
    pgn_status st = slurp(path, &p, &n, e);
    if (st) return st;
    st = parse(path, p, n, t, e);
    free(p);
    return st;
}
static uint64_t le(const unsigned char *p, int n) { uint64_t v = 0; while (n--) v = v << 8 | p[n]; return v; }

pgn_status pgn_npz_read(const char *path, pgn_bundle *b, pgn_error *e) {
    *b = (pgn_bundle){ 0 };
    unsigned char *p;
    size_t n, end;
    pgn_status st = slurp(path, &p, &n, e);
    if (st) return st;
    st = fail(e, PGN_E_FORMAT, "`%s` is no .npz archive, or is cut off", path);
    if (n < 22) goto done;
    for (end = n - 22; le(p + end, 4) != 0x06054b50; end--) if (!end || n - end > 70000) goto done;
    size_t count = le(p + end + 10, 2), at = le(p + end + 16, 4);
    if (end >= 20 && le(p + end - 20, 4) == 0x07064b50) {                 /* zip64 */
        size_t z = le(p + end - 12, 8);
        if (z > n - 56 || n < 56 || le(p + z, 4) != 0x06064b50) goto done;
        count = le(p + z + 32, 8), at = le(p + z + 48, 8);
    }
    if (count > 100000) goto done;
    b->tensor = calloc(count + 1, sizeof *b->tensor);
    for (size_t k = 0; k < count; k++) {
        if (at > n - 46 || n < 46 || le(p + at, 4) != 0x02014b50) goto done;
        size_t method = le(p + at + 10, 2), packed = le(p + at + 20, 4), size = le(p + at + 24, 4), name = le(p + at + 28, 2), extra = le(p + at + 30, 2);
        size_t more = le(p + at + 32, 2), local = le(p + at + 42, 4), crc = le(p + at + 16, 4);
        if (46 + name + extra + more > n - at) goto done;
        for (size_t x = 0; x + 4 <= extra;) {                             /* zip64 sizes */
            const unsigned char *q = p + at + 46 + name + x;
            size_t id = le(q, 2), len = le(q + 2, 2), o = 4;
            if (x + 4 + len > extra) break;
            if (id == 1) {
                if (size == 0xffffffff && o + 8 <= len + 4) size = le(q + o, 8), o += 8;
                if (packed == 0xffffffff && o + 8 <= len + 4) packed = le(q + o, 8), o += 8;
                if (local == 0xffffffff && o + 8 <= len + 4) local = le(q + o, 8);
            }
            x += 4 + len;
        }
        char *own = calloc(1, name + 1);
        memcpy(own, p + at + 46, name);
        if (name > 4 && !strcmp(own + name - 4, ".npy")) own[name - 4] = 0;
        pgn_tensor *t = &b->tensor[b->n++];
        t->name = own;
        for (int j = 0; j + 1 < b->n; j++) if (!strcmp(b->tensor[j].name, own)) { st = fail(e, PGN_E_FORMAT, "`%s` holds `%s` twice", path, own); goto done; }
        if (local > n - 30 || le(p + local, 4) != 0x04034b50) goto done;
        size_t from = local + 30 + le(p + local + 26, 2) + le(p + local + 28, 2);
        if (from > n || packed > n - from || (method && method != 8) || (!method && size != packed)) goto done;
        unsigned char *text = p + from;
        if (method == 8) {
            if (size / 1100 > packed + 16 || !(text = malloc(size + 1))) { st = fail(e, PGN_E_FORMAT, "`%s` in `%s` claims a length that can't be", own, path); goto done; }
            z_stream z = { .next_in = p + from, .avail_in = (uInt)packed, .next_out = text, .avail_out = (uInt)size };
            bool ok = packed <= UINT32_MAX && size <= UINT32_MAX && inflateInit2(&z, -15) == Z_OK;
            if (ok) { ok = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == size; inflateEnd(&z); }
            if (!ok) { free(text); st = fail(e, PGN_E_FORMAT, "`%s` in `%s` is damaged", own, path); goto done; }
        }
        uLong sum = crc32_z(crc32(0, NULL, 0), text, size);
        pgn_tensor got = { 0 };
        st = sum == crc ? parse(own, text, size, &got, e) : fail(e, PGN_E_FORMAT, "the checksum of `%s` in `%s` is wrong", own, path);
        if (text != p + from) free(text);
        if (st) goto done;
        got.name = own;
        *t = got;
        at += 46 + name + extra + more;
        st = fail(e, PGN_E_FORMAT, "`%s` is no .npz archive, or is cut off", path);
    }
    st = PGN_OK;
done:
    free(p);
    if (st) pgn_bundle_free(b);
    return st;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */
static size_t header(char *h, const pgn_tensor *t) {
    char shape[200] = "";
    size_t m = 0;
    for (int k = 0; k < t->rank; k++) m += (size_t)snprintf(shape + m, sizeof shape - m, "%lld, ", (long long)t->extent[k]);
    int n = snprintf(h + 10, 400, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }", type_row[t->dtype].size > 1 ? '<' : '|', type_row[t->dtype].descr, shape);
    while ((n + 11) % 64) h[10 + n++] = ' ';
    h[10 + n++] = '\n';
    memcpy(h, "\x93NUMPY\x01\x00", 8);
    h[8] = (char)(n & 255), h[9] = (char)(n >> 8);
    return (size_t)n + 10;
}
static FILE *begin(const char *path, char **tmp, pgn_error *e) {
    *tmp = malloc(strlen(path) + 16);
    sprintf(*tmp, "%s.tmp-XXXXXX", path);
    int fd = mkstemp(*tmp);
    if (fd >= 0) { fchmod(fd, 0644); return fdopen(fd, "wb"); }
    fail(e, PGN_E_IO, "`%s` can't be written: %s", path, strerror(errno));
    free(*tmp);
    return NULL;
}
static pgn_status finish(FILE *f, const char *path, char *tmp, pgn_error *e) {
    bool bad = ferror(f);
    int err = errno;
    if (fclose(f)) bad = true, err = errno;
    if (!bad && rename(tmp, path)) bad = true, err = errno;
    if (bad) unlink(tmp);
    free(tmp);
    return bad ? fail(e, PGN_E_IO, "`%s` can't be written: %s", path, strerror(err)) : PGN_OK;
}
pgn_status pgn_npy_write(const char *path, const pgn_tensor *t, pgn_error *e) {
    char h[512], *tmp;
    FILE *f = begin(path, &tmp, e);
    if (!f) return PGN_E_IO;
    fwrite(h, 1, header(h, t), f);
    fwrite(t->data, type_row[t->dtype].size, (size_t)t->n, f);
    return finish(f, path, tmp, e);
}
static void put(unsigned char *p, uint64_t v, int n) { for (int k = 0; k < n; k++) p[k] = (unsigned char)(v >> 8 * k); }
pgn_status pgn_npz_write(const char *path, const pgn_tensor *t, int n, pgn_error *e) {
    char h[512], *tmp;
    for (int k = 0; k < n; k++) if ((uint64_t)t[k].n * type_row[t[k].dtype].size > 0xfffff000u) return fail(e, PGN_E_UNSUPPORTED, "`%s` has over 4 GB: write it alone, as .npy", t[k].name);
    FILE *f = begin(path, &tmp, e);
    if (!f) return PGN_E_IO;
    unsigned char *dir = calloc(1, 1), z[64];
    size_t dir_n = 0, at = 0;
    for (int k = 0; k < n; k++) {
        size_t hn = header(h, &t[k]), bytes = (size_t)t[k].n * type_row[t[k].dtype].size, name = strlen(t[k].name) + 4;
        uLong crc = crc32_z(crc32_z(crc32(0, NULL, 0), (unsigned char *)h, hn), t[k].data, bytes);
        memset(z, 0, sizeof z);
        put(z, 0x04034b50, 4); put(z + 4, 20, 2); put(z + 12, 0x21, 2); put(z + 14, crc, 4); put(z + 18, hn + bytes, 4); put(z + 22, hn + bytes, 4); put(z + 26, name, 2);
        fwrite(z, 1, 30, f);
        fprintf(f, "%s.npy", t[k].name);
        fwrite(h, 1, hn, f);
        fwrite(t[k].data, 1, bytes, f);
        dir = realloc(dir, dir_n + 46 + name + 1);
        unsigned char *d = dir + dir_n;
        memset(d, 0, 46);
        put(d, 0x02014b50, 4); put(d + 4, 20, 2); put(d + 6, 20, 2); put(d + 14, 0x21, 2); put(d + 16, crc, 4); put(d + 20, hn + bytes, 4); put(d + 24, hn + bytes, 4); put(d + 28, name, 2); put(d + 42, at, 4);
        sprintf((char *)d + 46, "%s.npy", t[k].name);
        dir_n += 46 + name;
        at += 30 + name + hn + bytes;
    }
    fwrite(dir, 1, dir_n, f);
    memset(z, 0, sizeof z);
    put(z, 0x06054b50, 4); put(z + 8, (uint64_t)n, 2); put(z + 10, (uint64_t)n, 2); put(z + 12, dir_n, 4); put(z + 16, at, 4);
    fwrite(z, 1, 22, f);
    free(dir);
    return finish(f, path, tmp, e);
}
