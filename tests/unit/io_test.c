/* io_test.c - libpigeon's files and graphs: what is written reads back; what is damaged, lies or was made to harm is refused, with a
 * status and a sentence, and leaves nothing behind. Works in a temporary folder. */
#define _GNU_SOURCE
#include "check.h"
#include "pigeon/pigeon.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* sanitizers: memory that can't be had is NULL, as without them */
const char *__asan_default_options(void), *__tsan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }
const char *__tsan_default_options(void) { return "allocator_may_return_null=1"; }
static pgn_error err;
#define SAYS(text) (strstr(err.message, text) != NULL)
#define EXTENT(...) (const int64_t[]){ __VA_ARGS__ }
typedef struct Text { unsigned char *p; size_t n, room; } Text;
static void add(Text *t, const void *p, size_t n) {
    if (t->n + n > t->room) t->p = realloc(t->p, t->room = 2 * (t->room + n));
    if (n) memcpy(t->p + t->n, p, n);
    t->n += n;
}
static void le(Text *t, uint64_t v, int n) { while (n--) { unsigned char c = (unsigned char)v; add(t, &c, 1); v >>= 8; } }
static void save(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f)) { perror(path); exit(1); }
}
static Text load(const char *path) {
    Text t = { 0 };
    char b[4096];
    FILE *f = fopen(path, "rb");
    for (size_t n; f && (n = fread(b, 1, sizeof b, f));) add(&t, b, n);
    if (f) fclose(f);
    return t;
}
static int files_here(void) {
    DIR *d = opendir(".");
    int n = 0;
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}
static pgn_tensor make(const char *name, pgn_dtype dt, int rank, const int64_t *extent) {
    pgn_tensor t;
    if (pgn_tensor_new(dt, rank, extent, &t, &err)) { puts(err.message); exit(1); }
    t.name = name ? strdup(name) : NULL;
    unsigned char *p = t.data;
    for (size_t k = 0; k < (size_t)t.n * pgn_dtype_size(dt); k++) p[k] = dt == PGN_BOOL ? k % 2 : (unsigned char)(37 * k + 11);
    return t;
}
static bool same(const pgn_tensor *a, const pgn_tensor *b) {
    bool ok = a->dtype == b->dtype && a->rank == b->rank && a->n == b->n;
    for (int k = 0; ok && k < a->rank; k++) ok = a->extent[k] == b->extent[k];
    return ok && (!a->n || !memcmp(a->data, b->data, (size_t)a->n * pgn_dtype_size(a->dtype)));
}

/* ---- .npy -------------------------------------------------------------------------------------------------------------- */
static Text npy(const char *head, int version, const void *data, size_t n) {
    Text t = { 0 };
    add(&t, "\x93NUMPY", 6);
    le(&t, (uint64_t)version, 1); le(&t, 0, 1);
    le(&t, strlen(head), version == 1 ? 2 : 4);
    add(&t, head, strlen(head));
    add(&t, data, n);
    return t;
}
static pgn_status read_npy(const char *head, int version, const void *data, size_t n, pgn_tensor *t) {
    Text x = npy(head, version, data, n);
    save("t.npy", x.p, x.n);
    free(x.p);
    err = (pgn_error){ 0 };
    return pgn_npy_read("t.npy", t, &err);
}
static void refuse_npy(const char *head, size_t bytes, const char *says) {
    pgn_tensor t;
    unsigned char *data = calloc(1, bytes + 1);
    bool ok = read_npy(head, 1, data, bytes, &t) == PGN_E_FORMAT && SAYS(says) && !t.data && err.status == PGN_E_FORMAT;
    CHECK(ok);
    if (!ok) printf("    %s: %s\n", head, err.message);
    free(data);
}
static void test_npy(void) {
    const int64_t shapes[][PGN_MAX_RANK + 1] = { { 0 }, { 1, 5 }, { 2, 3, 4 }, { 3, 2, 0, 3 }, { 8, 1, 2, 1, 2, 1, 2, 1, 3 } };
    for (int dt = PGN_F64; dt <= PGN_C128; dt++) for (int s = 0; s < 5; s++) {
        pgn_tensor a = make(NULL, (pgn_dtype)dt, (int)shapes[s][0], shapes[s] + 1), b;
        CHECK(pgn_npy_write("t.npy", &a, &err) == PGN_OK && pgn_npy_read("t.npy", &b, &err) == PGN_OK && same(&a, &b) && (uintptr_t)b.data % 64 == 0);
        pgn_tensor_free(&a); pgn_tensor_free(&b);
    }
    /* other writers' layouts */
    float six[6] = { 1, 2, 3, 4, 5, 6 }, turned[6] = { 1, 4, 2, 5, 3, 6 };
    pgn_tensor t;
    CHECK(read_npy("{\"shape\": (2L, 3L), \"fortran_order\": False, \"descr\": \"<f4\"}", 2, six, 24, &t) == PGN_OK && t.rank == 2 && t.extent[1] == 3 && !memcmp(t.data, six, 24));
    pgn_tensor_free(&t);
    CHECK(read_npy("{'descr': '=f4','fortran_order':True,'shape':( 2 , 3 )}   \n", 3, turned, 24, &t) == PGN_OK && !memcmp(t.data, six, 24));
    pgn_tensor_free(&t);
    int16_t cube[24], want[24];
    for (int i = 0; i < 2; i++) for (int j = 0; j < 3; j++) for (int k = 0; k < 4; k++) { want[(i * 3 + j) * 4 + k] = (int16_t)(100 * i + 10 * j + k); cube[i + 2 * j + 6 * k] = want[(i * 3 + j) * 4 + k]; }
    CHECK(read_npy("{'descr': '<f2', 'fortran_order': True, 'shape': (2, 3, 4), }", 1, cube, 48, &t) == PGN_OK && t.dtype == PGN_F16 && !memcmp(t.data, want, 48));
    pgn_tensor_free(&t);
    unsigned char big[8] = { 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0 };            /* 1 - 2i, big-endian */
    CHECK(read_npy("{'descr': '>c8', 'fortran_order': False, 'shape': (), }", 1, big, 8, &t) == PGN_OK && t.rank == 0 && t.n == 1 && ((float *)t.data)[0] == 1 && ((float *)t.data)[1] == -2);
    pgn_tensor_free(&t);
    CHECK(read_npy("{'descr': '>i8', 'fortran_order': False, 'shape': (1,), }", 1, "\0\0\0\0\0\0\1\2", 8, &t) == PGN_OK && *(int64_t *)t.data == 258);
    pgn_tensor_free(&t);
    CHECK(read_npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", 1, "\0\7\1", 3, &t) == PGN_OK && !memcmp(t.data, "\0\1\1", 3));
    pgn_tensor_free(&t);
    /* refused */
    refuse_npy("{'descr': '<U4', 'fortran_order': False, 'shape': (3,), }", 48, "`U4`");
    refuse_npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", 24, "`O`");
    refuse_npy("{'descr': '<u4', 'fortran_order': False, 'shape': (3,), }", 12, "`u4`");
    refuse_npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", 12, "records");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 11, "11 bytes of numbers, its header says 3 of 4");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 13, "13 bytes");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", 4, "says 1000000000000");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0, "overflows");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 0, "damaged");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 0, "damaged");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "more than 8");
    refuse_npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", 4, "damaged");
    refuse_npy("{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", 4, "damaged");
    refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", 4, "damaged");
    refuse_npy("{'descr': '<f4', 'fortran_order': False}", 4, "damaged");
    refuse_npy("", 4, "damaged");
    CHECK(read_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 9, six, 4, &t) == PGN_E_FORMAT && SAYS("version 9"));
    CHECK(pgn_npy_read("absent.npy", &t, &err) == PGN_E_IO && SAYS("absent.npy") && SAYS("No such file"));
    CHECK(pgn_npy_read(".", &t, &err) == PGN_E_IO && SAYS("no file"));
    CHECK(pgn_npy_read("absent.npy", &t, NULL) == PGN_E_IO);
    /* cut at every byte; every byte of the header changed */
    pgn_tensor a = make(NULL, PGN_F32, 2, EXTENT(2, 3));
    pgn_npy_write("t.npy", &a, &err);
    Text whole = load("t.npy");
    bool ok = true;
    for (size_t n = 0; n < whole.n && ok; n++) { save("cut.npy", whole.p, n); ok = pgn_npy_read("cut.npy", &t, &err) == PGN_E_FORMAT && !t.data; }
    CHECK(ok && whole.n == 128 + 24);
    for (size_t k = 0; k < 128 && ok; k++) for (int bit = 0; bit < 8 && ok; bit++) {
        whole.p[k] ^= (unsigned char)(1 << bit);
        save("flip.npy", whole.p, whole.n);
        pgn_status st = pgn_npy_read("flip.npy", &t, &err);
        ok = st == PGN_OK ? t.n * (int64_t)pgn_dtype_size(t.dtype) == 24 : st == PGN_E_FORMAT && !t.data;
        pgn_tensor_free(&t);
        whole.p[k] ^= (unsigned char)(1 << bit);
    }
    CHECK(ok);
    free(whole.p);
    pgn_tensor_free(&a);
}

/* ---- .npz -------------------------------------------------------------------------------------------------------------- */
typedef struct Member { const char *name; Text data; int method; unsigned flags; uint64_t claim, place; bool at_place; } Member;
/* A zip archive; claim: another size, place: another place of the local header. */
static Text zip(const Member *m, int n) {
    Text z = { 0 }, dir = { 0 };
    for (int k = 0; k < n; k++) {
        Text body = { 0 };
        if (m[k].method == 8) {
            z_stream s = { 0 };
            deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
            body.p = malloc(body.room = deflateBound(&s, m[k].data.n));
            s.next_in = m[k].data.p, s.avail_in = (uInt)m[k].data.n, s.next_out = body.p, s.avail_out = (uInt)body.room;
            deflate(&s, Z_FINISH);
            body.n = s.total_out;
            deflateEnd(&s);
        } else add(&body, m[k].data.p, m[k].data.n);
        uint64_t size = m[k].claim ? m[k].claim : m[k].data.n, crc = crc32(0, m[k].data.p, (uInt)m[k].data.n), at = m[k].at_place ? m[k].place : z.n;
        for (int entry = 0; entry < 2; entry++) {
            Text *o = entry ? &dir : &z;
            le(o, entry ? 0x02014b50 : 0x04034b50, 4); le(o, 20, 2);
            if (entry) le(o, 20, 2);
            le(o, m[k].flags, 2); le(o, (uint64_t)m[k].method, 2); le(o, 0, 4); le(o, crc, 4); le(o, body.n, 4); le(o, size, 4); le(o, strlen(m[k].name), 2); le(o, 0, 2);
            if (entry) { le(o, 0, 6); le(o, 0, 4); le(o, at, 4); }
            add(o, m[k].name, strlen(m[k].name));
        }
        add(&z, body.p, body.n);
        free(body.p);
    }
    size_t at = z.n;
    add(&z, dir.p, dir.n);
    le(&z, 0x06054b50, 4); le(&z, 0, 4); le(&z, (uint64_t)n, 2); le(&z, (uint64_t)n, 2); le(&z, dir.n, 4); le(&z, at, 4); le(&z, 0, 2);
    free(dir.p);
    return z;
}
static void refuse_npz(const Member *m, int n, pgn_status want, const char *says) {
    Text z = zip(m, n);
    save("bad.npz", z.p, z.n);
    pgn_bundle b;
    err = (pgn_error){ 0 };
    bool ok = pgn_npz_read("bad.npz", &b, &err) == want && SAYS(says) && !b.n && !b.tensor;
    CHECK(ok);
    if (!ok) printf("    wanted %s: %s\n", says, err.message);
    free(z.p);
}
static void test_npz(void) {
    pgn_tensor a[3] = { make("h", PGN_F32, 2, EXTENT(4, 3)), make("g.src", PGN_I32, 1, EXTENT(5)), make("h1.W\xc3\xa9", PGN_C128, 3, EXTENT(2, 0, 3)) };
    pgn_bundle b;
    CHECK(pgn_npz_write("t.npz", a, 3, &err) == PGN_OK && pgn_npz_read("t.npz", &b, &err) == PGN_OK && b.n == 3);
    for (int k = 0; k < 3; k++) { const pgn_tensor *t = pgn_bundle_find(&b, a[k].name); CHECK(t && same(t, &a[k])); }
    CHECK(!pgn_bundle_find(&b, "nothing"));
    pgn_bundle_free(&b);
    Text whole = load("t.npz");
    bool ok = true;
    for (size_t n = 0; n < whole.n && ok; n++) { save("cut.npz", whole.p, n); ok = pgn_npz_read("cut.npz", &b, &err) == PGN_E_FORMAT && !b.n; }
    CHECK(ok);
    int harmless = 0;
    for (size_t k = 0; k < whole.n && ok; k++) {
        whole.p[k] ^= 0x41;
        save("flip.npz", whole.p, whole.n);
        pgn_status st = pgn_npz_read("flip.npz", &b, &err);
        ok = st == PGN_OK || st == PGN_E_FORMAT || st == PGN_E_UNSUPPORTED;
        if (st == PGN_OK) { harmless++; for (int j = 0; j < 3; j++) { const pgn_tensor *t = pgn_bundle_find(&b, a[j].name); if (t) ok = ok && same(t, &a[j]); } pgn_bundle_free(&b); }
        whole.p[k] ^= 0x41;
    }
    CHECK(ok && harmless < 300);                         /* dates, versions, letters of names; never a number */
    free(whole.p);
    CHECK(pgn_npz_write("t.npz", a, 0, &err) == PGN_OK && pgn_npz_read("t.npz", &b, &err) == PGN_OK && b.n == 0);
    pgn_bundle_free(&b);

    float x[1000];
    for (int k = 0; k < 1000; k++) x[k] = (float)(k / 7);
    Text one = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), }", 1, x, sizeof x);
    Member good[2] = { { .name = "x.npy", .data = one, .method = 8 }, { .name = "y.npy", .data = one } };
    Text z = zip(good, 2);
    add(&z, "comment", 0);
    save("t.npz", z.p, z.n);
    CHECK(pgn_npz_read("t.npz", &b, &err) == PGN_OK && b.n == 2 && !memcmp(b.tensor[0].data, x, sizeof x) && same(&b.tensor[0], &b.tensor[1]));
    pgn_bundle_free(&b);
    for (size_t k = 40; k < 200 && ok; k++) {            /* inside the deflated member */
        z.p[k] ^= 0x10;
        save("flip.npz", z.p, z.n);
        ok = pgn_npz_read("flip.npz", &b, &err) == PGN_E_FORMAT && !b.n;
        z.p[k] ^= 0x10;
    }
    CHECK(ok);
    free(z.p);
    refuse_npz((Member[]){ good[0], good[0] }, 2, PGN_E_FORMAT, "twice");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .method = 8, .claim = 4000 } }, 1, PGN_E_FORMAT, "bytes of numbers");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .method = 8, .claim = 5000 } }, 1, PGN_E_FORMAT, "bytes of numbers");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .method = 8, .claim = 4000000000 } }, 1, PGN_E_FORMAT, "can't be");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .claim = 9 } }, 1, PGN_E_FORMAT, "can't be");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .method = 12 } }, 1, PGN_E_UNSUPPORTED, "method 12");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .flags = 1 } }, 1, PGN_E_UNSUPPORTED, "encrypted");
    refuse_npz((Member[]){ good[0], { .name = "y.npy", .data = one, .method = 8, .at_place = true, .place = 0 } }, 2, PGN_E_FORMAT, "overlap");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .at_place = true, .place = 7 } }, 1, PGN_E_FORMAT, "where it should be");
    refuse_npz((Member[]){ { .name = "x.npy", .data = one, .at_place = true, .place = 4000000000 } }, 1, PGN_E_FORMAT, "where it should be");
    refuse_npz((Member[]){ { .name = "\xff.npy", .data = one } }, 1, PGN_E_FORMAT, "no text");
    Text words = { 0 };
    add(&words, "these are words, not numbers", 28);
    refuse_npz((Member[]){ { .name = "notes.txt", .data = words } }, 1, PGN_E_FORMAT, "no .npy array");
    free(words.p);
    free(one.p);
    /* what can't be written */
    pgn_tensor twice[2] = { a[0], a[0] };
    int before = files_here();
    CHECK(pgn_npz_write("new.npz", twice, 2, &err) == PGN_E_ARGUMENT && SAYS("`h`") && files_here() == before);
    twice[1].name = NULL;
    CHECK(pgn_npz_write("new.npz", twice, 2, &err) == PGN_E_ARGUMENT && files_here() == before);
    for (int k = 0; k < 3; k++) pgn_tensor_free(&a[k]);
}

/* ---- safetensors --------------------------------------------------------------------------------------------------------- */
static pgn_status read_safetensors(const char *header, uint64_t claim, size_t data, pgn_bundle *b) {
    Text t = { 0 };
    le(&t, claim, 8);
    add(&t, header, strlen(header));
    for (size_t k = 0; k < data; k++) le(&t, k, 1);
    save("t.safetensors", t.p, t.n);
    free(t.p);
    err = (pgn_error){ 0 };
    return pgn_safetensors_read("t.safetensors", b, &err);
}
static void refuse_safetensors(const char *header, size_t data, const char *says) {
    pgn_bundle b;
    bool ok = read_safetensors(header, strlen(header), data, &b) == PGN_E_FORMAT && SAYS(says) && !b.n && !b.tensor;
    CHECK(ok);
    if (!ok) printf("    %s: %s\n", header, err.message);
}
#define ONE(name, offsets) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}"
static void test_safetensors(void) {
    pgn_tensor a[5] = { make("emb.W", PGN_BF16, 2, EXTENT(4, 3)), make("a\"\\\n\xc3\xa9", PGN_I8, 1, EXTENT(3)), make("scale", PGN_F64, 0, NULL), make("none", PGN_F32, 2, EXTENT(0, 5)), make("z", PGN_C64, 1, EXTENT(2)) };
    pgn_bundle b;
    CHECK(pgn_safetensors_write("t.safetensors", a, 5, &err) == PGN_OK && pgn_safetensors_read("t.safetensors", &b, &err) == PGN_OK && b.n == 5);
    for (int k = 0; k < 5; k++) { const pgn_tensor *t = pgn_bundle_find(&b, a[k].name); CHECK(t && same(t, &a[k])); }
    pgn_bundle_free(&b);
    Text whole = load("t.safetensors");
    pgn_tensor turned[5] = { a[3], a[4], a[0], a[2], a[1] };
    CHECK(pgn_safetensors_write("u.safetensors", turned, 5, &err) == PGN_OK);
    Text other = load("u.safetensors");
    CHECK(whole.n == other.n && !memcmp(whole.p, other.p, whole.n) && (whole.p[0] | whole.p[1] << 8) % 8 == 0);
    free(other.p);
    bool ok = true;
    for (size_t n = 0; n < whole.n && ok; n++) { save("cut", whole.p, n); ok = pgn_safetensors_read("cut", &b, &err) == PGN_E_FORMAT && !b.n; }
    CHECK(ok);
    for (size_t k = 0; k < whole.n && ok; k++) for (int bit = 0; bit < 8 && ok; bit++) {
        whole.p[k] ^= (unsigned char)(1 << bit);
        save("flip", whole.p, whole.n);
        pgn_status st = pgn_safetensors_read("flip", &b, &err);
        ok = st == PGN_OK || st == PGN_E_FORMAT || st == PGN_E_UNSUPPORTED;
        pgn_bundle_free(&b);
        whole.p[k] ^= (unsigned char)(1 << bit);
    }
    CHECK(ok);
    free(whole.p);
    pgn_tensor wide = make("w", PGN_C128, 1, EXTENT(1)), meta = make("__metadata__", PGN_F32, 1, EXTENT(1));
    int before = files_here();
    CHECK(pgn_safetensors_write("new", &wide, 1, &err) == PGN_E_UNSUPPORTED && SAYS("c128") && files_here() == before);
    CHECK(pgn_safetensors_write("new", &meta, 1, &err) == PGN_E_ARGUMENT && files_here() == before);
    pgn_tensor_free(&wide); pgn_tensor_free(&meta);
    for (int k = 0; k < 5; k++) pgn_tensor_free(&a[k]);
    CHECK(pgn_safetensors_write("none", NULL, 0, &err) == PGN_OK && pgn_safetensors_read("none", &b, &err) == PGN_OK && b.n == 0);
    pgn_bundle_free(&b);

    const char *spaced = " { \"__metadata__\" : { \"format\" : \"pt\" } , \"\\u00e9\\ud83d\\ude00\\/\" : { \"data_offsets\" : [ 8 , 16 ] , \"shape\" : [ 2 , 1 ] , \"dtype\" : \"F32\" } , \"b\" : { \"dtype\":\"I64\", \"shape\":[], \"data_offsets\":[0,8] } }  ";
    CHECK(read_safetensors(spaced + 1, strlen(spaced) - 1, 16, &b) == PGN_OK && b.n == 2 && !strcmp(b.tensor[0].name, "\xc3\xa9\xf0\x9f\x98\x80/") && ((unsigned char *)b.tensor[0].data)[0] == 8 && b.tensor[1].rank == 0);
    pgn_bundle_free(&b);
    const char *good = "{" ONE("a", "[0,8]") "," ONE("b", "[8,16]") "}";
    CHECK(read_safetensors(good, strlen(good), 16, &b) == PGN_OK && b.n == 2);
    pgn_bundle_free(&b);
    /* lengths that lie */
    CHECK(read_safetensors(good, strlen(good) + 1, 16, &b) == PGN_E_FORMAT && !b.n);
    CHECK(read_safetensors(good, strlen(good) - 1, 16, &b) == PGN_E_FORMAT && !b.n);
    CHECK(read_safetensors(good, UINT64_MAX, 16, &b) == PGN_E_FORMAT && SAYS("18446744073709551615"));
    CHECK(read_safetensors(good, UINT64_MAX - 7, 16, &b) == PGN_E_FORMAT && !b.n);
    CHECK(read_safetensors(good, (uint64_t)1 << 40, 16, &b) == PGN_E_FORMAT && !b.n);
    CHECK(read_safetensors("", 0, 0, &b) == PGN_E_FORMAT && !b.n);
    CHECK(truncate("t.safetensors", 8) == 0 && truncate("t.safetensors", 200000000) == 0);      /* a hole of a file */
    FILE *f = fopen("t.safetensors", "r+b");
    fwrite("\0\0\0\x0a\0\0\0\0", 1, 8, f);               /* 160 MB of header */
    fclose(f);
    CHECK(pgn_safetensors_read("t.safetensors", &b, &err) == PGN_E_FORMAT && SAYS("at most 100000000"));
    /* offsets that lie */
    refuse_safetensors("{" ONE("a", "[0,8]") "," ONE("b", "[4,12]") "}", 12, "overlaps");
    refuse_safetensors("{" ONE("a", "[0,8]") "," ONE("b", "[0,8]") "}", 8, "overlaps");
    refuse_safetensors("{" ONE("a", "[0,8]") "," ONE("b", "[12,20]") "}", 20, "belong to no tensor");
    refuse_safetensors("{" ONE("a", "[4,12]") "}", 12, "belong to no tensor");
    refuse_safetensors(good, 15, "15 bytes of data, its header speaks of 16");
    refuse_safetensors(good, 17, "17 bytes of data");
    refuse_safetensors("{" ONE("a", "[0,4]") "}", 4, "don't fit");
    refuse_safetensors("{" ONE("a", "[8,0]") "}", 8, "don't fit");
    refuse_safetensors("{" ONE("a", "[18446744073709551608,18446744073709551616]") "}", 8, "too large");
    refuse_safetensors("{" ONE("a", "[18446744073709551600,18446744073709551608]") "}", 8, "belong to no tensor");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "overflows");
    refuse_safetensors("{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0, "don't fit");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,0]}}", 0, "overflows");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "more than 8");
    /* names */
    refuse_safetensors("{" ONE("a", "[0,8]") "," ONE("a", "[8,16]") "}", 16, "`a` twice");
    refuse_safetensors("{" ONE("a", "[0,8]") "," ONE("\\u0061", "[8,16]") "}", 16, "`a` twice");
    refuse_safetensors("{" ONE("\\u0000", "[0,8]") "}", 8, "NUL");
    refuse_safetensors("{" ONE("\\ud800", "[0,8]") "}", 8, "surrogate");
    refuse_safetensors("{" ONE("\\udc00", "[0,8]") "}", 8, "surrogate");
    refuse_safetensors("{" ONE("\\ud800\\u0041", "[0,8]") "}", 8, "surrogate");
    refuse_safetensors("{" ONE("\\x", "[0,8]") "}", 8, "escape");
    refuse_safetensors("{" ONE("\\u12", "[0,8]") "}", 8, "hexadecimal");
    refuse_safetensors("{" ONE("\n", "[0,8]") "}", 8, "control");
    refuse_safetensors("{" ONE("\xff", "[0,8]") "}", 8, "UTF-8");
    /* JSON that isn't, or isn't ours */
    refuse_safetensors("[]", 0, "begin");
    refuse_safetensors(" {}", 0, "begin");
    refuse_safetensors("{", 0, "missing");
    refuse_safetensors("{} {}", 0, "follows");
    refuse_safetensors("{" ONE("a", "[0,8]") ",}", 8, "missing");
    refuse_safetensors("{\"a", 0, "doesn't end");
    refuse_safetensors("{\"a\":{}}", 0, "missing");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "lacks");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "twice");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}", 8, "other than");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "whole");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "number");
    refuse_safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[02],\"data_offsets\":[0,8]}}", 8, "number");
    refuse_safetensors("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice");
    refuse_safetensors("{\"__metadata__\":{\"a\":1}}", 0, "missing");
    const char *odd = "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    CHECK(read_safetensors(odd, strlen(odd), 2, &b) == PGN_E_UNSUPPORTED && SAYS("`F8_E4M3`") && !b.n);
    char *deep = malloc(1000001);
    memset(deep, '{', 1000000);
    deep[1000000] = 0;
    refuse_safetensors(deep, 0, "missing");
    free(deep);
}

/* ---- writing when it can't be ------------------------------------------------------------------------------------------------ */
static void test_write_failures(void) {
    pgn_tensor small = make("x", PGN_F32, 1, EXTENT(10)), large = make("x", PGN_F32, 1, EXTENT(300000)), back;
    CHECK(pgn_npy_write("nowhere/x.npy", &small, &err) == PGN_E_IO && SAYS("No such file"));
    CHECK(pgn_npy_write(".", &small, &err) == PGN_E_IO);
    if (!access("/dev/full", W_OK)) {
        CHECK(pgn_npy_write("/dev/full", &small, &err) == PGN_E_IO && SAYS("No space left"));
        CHECK(pgn_npz_write("/dev/full", &large, 1, &err) == PGN_E_IO && SAYS("No space left"));
        CHECK(pgn_safetensors_write("/dev/full", &large, 1, &err) == PGN_E_IO && SAYS("No space left"));
        struct stat s;
        CHECK(!stat("/dev/full", &s) && S_ISCHR(s.st_mode));         /* written to, not replaced */
    } else printf("    no /dev/full here\n");
    /* the file may not grow beyond 100 kB: it is as it was, and nothing lies beside it */
    CHECK(pgn_npy_write("kept.npy", &small, &err) == PGN_OK && pgn_npz_write("kept.npz", &small, 1, &err) == PGN_OK && pgn_safetensors_write("kept.st", &small, 1, &err) == PGN_OK);
    CHECK(!symlink("kept.npy", "link.npy"));
    int before = files_here();
    struct rlimit old, low = { 100000, RLIM_INFINITY };
    getrlimit(RLIMIT_FSIZE, &old);
    low.rlim_max = old.rlim_max;
    void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(!setrlimit(RLIMIT_FSIZE, &low));
    CHECK(pgn_npy_write("kept.npy", &large, &err) == PGN_E_IO && SAYS("File too large"));
    CHECK(pgn_npz_write("kept.npz", &large, 1, &err) == PGN_E_IO && pgn_safetensors_write("kept.st", &large, 1, &err) == PGN_E_IO);
    CHECK(pgn_npy_write("fresh.npy", &large, &err) == PGN_E_IO && access("fresh.npy", F_OK));
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, was);
    CHECK(files_here() == before);
    CHECK(pgn_npy_read("kept.npy", &back, &err) == PGN_OK && same(&back, &small));
    pgn_tensor_free(&back);
    CHECK(pgn_npy_write("link.npy", &large, &err) == PGN_OK && pgn_npy_read("kept.npy", &back, &err) == PGN_OK && same(&back, &large));      /* through the link */
    pgn_tensor_free(&back);
    large.device = 1;
    CHECK(pgn_npy_write("kept.npy", &large, &err) == PGN_E_ARGUMENT && SAYS("device"));
    large.device = 0;
    pgn_tensor_free(&small);
    pgn_tensor_free(&large);
}

/* ---- memory that can't be had, DLPack ------------------------------------------------------------------------------------------ */
static void test_tensors(void) {
    pgn_tensor t;
    CHECK(pgn_tensor_new(PGN_F64, 2, EXTENT((int64_t)1 << 40, 1 << 22), &t, &err) == PGN_E_SIZE && !t.data);
    CHECK(pgn_tensor_new(PGN_U8, 1, EXTENT((int64_t)1 << 62), &t, &err) == PGN_E_MEMORY && SAYS("4611686018427387904 bytes") && !t.data);
    CHECK(pgn_tensor_new(PGN_F64, 1, EXTENT(-1), &t, &err) == PGN_E_SIZE && pgn_tensor_new(PGN_F64, 9, EXTENT(1, 1, 1, 1, 1, 1, 1, 1, 1), &t, &err) == PGN_E_ARGUMENT && pgn_tensor_new((pgn_dtype)99, 0, NULL, &t, &err) == PGN_E_ARGUMENT);
    CHECK(sizeof(pgn_dl_tensor) == 48 && sizeof(pgn_dl_managed) == 64 && offsetof(pgn_dl_tensor, dtype) == 20 && offsetof(pgn_dl_tensor, byte_offset) == 40);    /* the published layout on 64 bits */
    float x[24];
    int64_t shape[] = { 2, 3, 4 }, strides[] = { 12, 4, 1 };
    pgn_dl_tensor d = { .data = x, .device = { 1, 0 }, .ndim = 3, .dtype = { 2, 32, 1 }, .shape = shape, .strides = strides, .byte_offset = 0 };
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_OK && t.dtype == PGN_F32 && t.n == 24 && t.extent[1] == 3 && t.data == x && !t.device);
    pgn_tensor_free(&t);
    d.byte_offset = 8, d.strides = NULL;
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_OK && t.data == x + 2);
    pgn_tensor_free(&t);
    d.strides = strides, strides[0] = 1, strides[2] = 12;
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_E_UNSUPPORTED && SAYS("not contiguous") && !t.data);
    shape[0] = 1, strides[0] = 77, strides[2] = 1;         /* the stride of an axis of one element says nothing */
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_OK && t.n == 12);
    pgn_tensor_free(&t);
    d.dtype.bits = 8;
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_E_UNSUPPORTED && SAYS("code 2, 8 bits"));
    d.dtype.bits = 32, d.dtype.lanes = 4;
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_E_UNSUPPORTED);
    d.dtype.lanes = 1, d.device.type = 7;
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_E_UNSUPPORTED && SAYS("device type 7"));
    d.device.type = 2;
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_OK && t.device == 1);
    d.device.type = 1, d.ndim = 9;
    CHECK(pgn_tensor_from_dlpack(&d, &t, &err) == PGN_E_UNSUPPORTED && pgn_tensor_from_dlpack(NULL, &t, &err) == PGN_E_ARGUMENT);
    /* out and in again, ownership goes along */
    for (int dt = PGN_F64; dt <= PGN_C128; dt++) {
        pgn_tensor a = make("a", (pgn_dtype)dt, 2, EXTENT(3, 5)), b;
        void *data = a.data;
        pgn_dl_managed *m;
        CHECK(pgn_tensor_to_dlpack(&a, &m, &err) == PGN_OK && !a.data && m->tensor.data == data && m->tensor.strides[0] == 5);
        CHECK(pgn_tensor_take_dlpack(m, &b, &err) == PGN_OK && b.data == data && (int)b.dtype == dt && b.owner == m);
        pgn_tensor_free(&b);
    }
}

/* ---- graphs --------------------------------------------------------------------------------------------------------------------- */
static pgn_status read_text(const char *text, size_t n, bool names, bool inverse, pgn_graph *g) {
    save("g.txt", text, n);
    err = (pgn_error){ 0 };
    return (names ? pgn_triples_read : pgn_edges_read)("g.txt", inverse, g, &err);
}
#define TRIPLES(s, inverse) read_text(s, sizeof s - 1, true, inverse, &g)
#define EDGES(s, inverse) read_text(s, sizeof s - 1, false, inverse, &g)
static void test_triples(void) {
    pgn_graph g;
    CHECK(TRIPLES("a\tr\tb\r\n\nb\ts\ta\na\tr\ta", false) == PGN_OK && g.nodes == 2 && g.edges == 3 && g.etypes == 2 && g.ntypes == 1 && g.src[1] == 1 && g.dst[1] == 0 && g.etype[1] == 1 && !strcmp(g.node_name[1], "b") && !strcmp(g.etype_name[1], "s"));
    pgn_graph_free(&g);
    CHECK(TRIPLES("a\tr\tb\nb\ts\ta\n", true) == PGN_OK && g.edges == 4 && g.etypes == 4 && g.src[2] == 1 && g.dst[2] == 0 && g.etype[2] == 2 && !strcmp(g.etype_name[0], "r") && !strcmp(g.etype_name[2], "inverse:r") && !strcmp(g.etype_name[3], "inverse:s"));
    pgn_graph_free(&g);
    CHECK(TRIPLES("", true) == PGN_OK && !g.nodes && !g.edges && !g.etypes && g.node_name);
    pgn_graph_free(&g);
    CHECK(TRIPLES("\t\t\n", false) == PGN_OK && g.nodes == 1 && g.edges == 1 && !*g.node_name[0]);           /* an empty name is a name */
    pgn_graph_free(&g);
    CHECK(TRIPLES("a\tr\tb\na b c\n", false) == PGN_E_FORMAT && SAYS("g.txt:2:") && !g.src);
    CHECK(TRIPLES("a\tr\tb\tc\n", false) == PGN_E_FORMAT && SAYS("g.txt:1:"));
    CHECK(TRIPLES("a\tr\tb\0c\n", false) == PGN_E_FORMAT && SAYS("zero byte"));
    CHECK(pgn_triples_read("absent", false, &g, &err) == PGN_E_IO && SAYS("No such file"));
    CHECK(pgn_triples_read(".", false, &g, &err) == PGN_E_IO && !g.src);
    /* many lines, one long, zipped, cut */
    Text t = { 0 };
    char line[64];
    for (int k = 0; k < 20000; k++) add(&t, line, (size_t)snprintf(line, sizeof line, "node%d\trel%d\tnode%d\n", k, k % 7, k * 31 % 20000));
    char *name = malloc(300000);
    memset(name, 'x', 300000);
    add(&t, name, 300000);
    add(&t, "\trel0\tnode0\n", 12);
    gzFile f = gzopen("g.gz", "wb");
    gzwrite(f, t.p, (unsigned)t.n);
    gzclose(f);
    CHECK(pgn_triples_read("g.gz", false, &g, &err) == PGN_OK && g.nodes == 20001 && g.edges == 20001 && g.etypes == 7 && strlen(g.node_name[20000]) == 300000 && !strcmp(g.node_name[g.dst[12345]], "node2695"));
    pgn_graph_free(&g);
    Text zipped = load("g.gz");
    save("cut.gz", zipped.p, zipped.n / 2);
    CHECK(pgn_triples_read("cut.gz", false, &g, &err) == PGN_E_FORMAT && SAYS("cut off") && !g.src);
    zipped.p[zipped.n / 2] ^= 0x55;
    save("flip.gz", zipped.p, zipped.n);
    CHECK(pgn_triples_read("flip.gz", false, &g, &err) == PGN_E_FORMAT && SAYS("damaged"));
    free(zipped.p); free(t.p); free(name);
}
static void test_edges(void) {
    pgn_graph g;
    CHECK(EDGES("# a comment\n% another\n0 1\n 5\t2 # and one\n3,4\r\n\n7;7", false) == PGN_OK && g.nodes == 8 && g.edges == 4 && g.etypes == 1 && g.src[1] == 5 && g.dst[2] == 4 && g.etype[3] == 0 && !g.node_name);
    pgn_graph_free(&g);
    CHECK(EDGES("0 1 2\n1 0 0\n", true) == PGN_OK && g.edges == 4 && g.etypes == 6 && g.etype[2] == 5 && g.src[2] == 1 && g.etype[3] == 3);
    pgn_graph_free(&g);
    CHECK(EDGES("# nothing\n", false) == PGN_OK && !g.nodes && !g.edges);
    pgn_graph_free(&g);
    CHECK(EDGES("2147483646 0\n", false) == PGN_OK && g.nodes == INT32_MAX);
    pgn_graph_free(&g);
    CHECK(EDGES("0 1\n2147483647 0\n", false) == PGN_E_FORMAT && SAYS("g.txt:2: a number is too large") && !g.src);
    CHECK(EDGES("0 99999999999999999999\n", false) == PGN_E_FORMAT && SAYS("too large"));
    CHECK(EDGES("0 1\n0 1 2\n", false) == PGN_E_FORMAT && SAYS("g.txt:2:") && SAYS("columns"));
    CHECK(EDGES("0\n", false) == PGN_E_FORMAT && SAYS("destination"));
    CHECK(EDGES("0 1 2 3\n", false) == PGN_E_FORMAT && EDGES("0 -1\n", false) == PGN_E_FORMAT && EDGES("a b\n", false) == PGN_E_FORMAT && EDGES("0 1.5\n", false) == PGN_E_FORMAT && EDGES("0x1 1\n", false) == PGN_E_FORMAT);
}
static void test_bipartite(void) {
    pgn_graph g;
    const char names[] = "a\tr\tb\nb\ts\ta\nc\tr\ta\n", numbers[] = "0 1\n4 1\n1 0\n";
    save("g.txt", names, sizeof names - 1);
    CHECK(pgn_bipartite_triples_read("g.txt", &g, &err) == PGN_OK && g.bipartite && g.src_nodes == 3 && g.nodes == 2 && g.edges == 3 && g.etypes == 2 && g.src[1] == 1 && g.src[2] == 2 && g.dst[0] == 0 && g.dst[2] == 1 && !strcmp(g.src_name[2], "c") && !strcmp(g.node_name[0], "b"));
    pgn_graph_view v = pgn_graph_as_view(&g);
    CHECK(v.src_nodes == 3 && v.dst_nodes == 2);
    pgn_graph_free(&g);
    save("g.txt", numbers, sizeof numbers - 1);
    CHECK(pgn_bipartite_edges_read("g.txt", &g, &err) == PGN_OK && g.bipartite && g.src_nodes == 5 && g.nodes == 2 && g.edges == 3 && !g.src_name);
    pgn_graph_free(&g);
    CHECK(EDGES("0 1\n4 1\n", false) == PGN_OK && !g.bipartite && g.nodes == 5 && g.src_nodes == 5);
    pgn_graph_free(&g);
}
/* Rows are what a plain search finds, in order; the same for any number of threads. */
static bool rows_are(const pgn_rows *r, int64_t n, int64_t edges, const int32_t *key, const int32_t *then) {
    bool ok = r->n == n && r->start[0] == 0 && r->start[n] == edges;
    for (int64_t v = 0; v < n && ok; v++) for (int64_t p = r->start[v]; p < r->start[v + 1] && ok; p++) {
        int32_t e = r->edge[p];
        ok = e >= 0 && e < edges && key[e] == v;
        if (ok && p > r->start[v]) { int32_t before = r->edge[p - 1]; ok = !then || then[before] == then[e] ? before < e : then[before] < then[e]; }
    }
    return ok;
}
static void test_index(int64_t src_nodes, int64_t dst_nodes, int64_t edges, int64_t types) {
    int32_t *src = malloc(4 * (size_t)edges + 4), *dst = malloc(4 * (size_t)edges + 4), *type = malloc(4 * (size_t)edges + 4);
    uint64_t s = 88172645463325252u;
    for (int64_t k = 0; k < edges; k++) {
        int32_t *to[3] = { src, dst, type };
        const int64_t limit[3] = { src_nodes, dst_nodes, types };
        for (int j = 0; j < 3; j++) { s ^= s << 13; s ^= s >> 7; s ^= s << 17; to[j][k] = (int32_t)(s % (uint64_t)limit[j]); }
    }
    pgn_graph_view g = { src_nodes, dst_nodes, edges, 0, types, src, dst, type, NULL };
    pgn_graph_index x, y;
    CHECK(pgn_graph_index_build(&g, NULL, &x, &err) == PGN_OK && rows_are(&x.in, dst_nodes, edges, dst, type) && rows_are(&x.out, src_nodes, edges, src, type) && rows_are(&x.type, types, edges, type, NULL));
    CHECK(pgn_graph_index_build(&g, &(pgn_options){ .threads = 3 }, &y, &err) == PGN_OK && !memcmp(x.in.edge, y.in.edge, 4 * (size_t)edges) && !memcmp(x.out.edge, y.out.edge, 4 * (size_t)edges) && !memcmp(x.in.start, y.in.start, 8 * (size_t)(dst_nodes + 1)));
    pgn_graph_index_free(&x); pgn_graph_index_free(&y);
    free(src); free(dst); free(type);
}
static void test_graphs(void) {
    test_triples();
    test_edges();
    test_bipartite();
    test_index(1, 1, 0, 1); test_index(10, 10, 0, 3); test_index(7, 3, 50, 2); test_index(1000, 2000, 300000, 5); test_index(100000, 1, 300000, 3000);
    int32_t src[] = { 0, 1 }, dst[] = { 1, 2 }, type[] = { 0, 5 };
    pgn_graph_view g = { 3, 3, 2, 1, 2, src, dst, type, NULL };
    pgn_graph_index x;
    CHECK(pgn_graph_check(&g, "g", &err) == PGN_E_RANGE && SAYS("`etype` of edge 1 is 5, outside 0..1") && pgn_graph_index_build(&g, NULL, &x, &err) == PGN_E_RANGE && !x.in.start);
    g.etype = NULL;
    CHECK(pgn_graph_index_build(&g, NULL, &x, &err) == PGN_OK && x.in.start[2] == 1 && !x.type.start);
    pgn_graph_index_free(&x);
    g.dst_nodes = 2;
    CHECK(pgn_graph_check(&g, "g", &err) == PGN_E_RANGE && SAYS("`dst` of edge 1 is 2"));
    g.dst_nodes = 0;
    CHECK(pgn_graph_check(&g, "g", &err) == PGN_E_RANGE && SAYS("nothing to point to"));
    g.edges = (int64_t)1 << 31;
    CHECK(pgn_graph_check(&g, "g", &err) == PGN_E_SIZE && SAYS("2147483648 edges"));
    g.edges = -1;
    CHECK(pgn_graph_check(&g, "g", &err) == PGN_E_SIZE);
    g.edges = 2, g.src = NULL;
    CHECK(pgn_graph_check(&g, "g", &err) == PGN_E_ARGUMENT && SAYS("`src`"));
    g = (pgn_graph_view){ 0 };
    CHECK(pgn_graph_index_build(&g, NULL, &x, &err) == PGN_OK && x.in.start[0] == 0);
    pgn_graph_index_free(&x);
}
int main(void) {
    char folder[4096];
    const char *place = getenv("TMPDIR");
    if (!place) place = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";           /* some ten thousand small files */
    snprintf(folder, sizeof folder, "%s/pigeon-io-XXXXXX", place);
    if (!mkdtemp(folder) || chdir(folder)) { perror(folder); return 1; }
    test_npy();
    test_npz();
    test_safetensors();
    test_write_failures();
    test_tensors();
    test_graphs();
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d));) if (*e->d_name != '.') unlink(e->d_name);
    closedir(d);
    CHECK(!chdir("/") && !rmdir(folder));
    return summary();
}
