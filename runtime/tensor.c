/* tensor.c - the table of element types; arrays that libpigeon owns or borrows; DLPack in and out. */
#include "file.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DL_INT, DL_UINT, DL_FLOAT, DL_OPAQUE, DL_BFLOAT, DL_COMPLEX, DL_BOOL };                    /* type codes */
enum { DL_HOST = 1, DL_CUDA = 2, DL_CUDA_HOST = 3, DL_CUDA_MANAGED = 13 };                        /* devices */
const TypeRow pgn_type[PGN_C128 + 1] = {
    [0] = { "none", "", "", 0, DL_OPAQUE, 0 },
    [PGN_F64] = { "f64", "f8", "F64", 8, DL_FLOAT, 64 },   [PGN_F32] = { "f32", "f4", "F32", 4, DL_FLOAT, 32 },
    [PGN_F16] = { "f16", "f2", "F16", 2, DL_FLOAT, 16 },   [PGN_BF16] = { "bf16", "V2", "BF16", 2, DL_BFLOAT, 16 },
    [PGN_I64] = { "i64", "i8", "I64", 8, DL_INT, 64 },     [PGN_I32] = { "i32", "i4", "I32", 4, DL_INT, 32 },
    [PGN_I8] = { "i8", "i1", "I8", 1, DL_INT, 8 },         [PGN_U8] = { "u8", "u1", "U8", 1, DL_UINT, 8 },
    [PGN_BOOL] = { "bool", "b1", "BOOL", 1, DL_BOOL, 8 },  [PGN_C64] = { "c64", "c8", "C64", 8, DL_COMPLEX, 64 },
    [PGN_C128] = { "c128", "c16", "", 16, DL_COMPLEX, 128 },
};
size_t pgn_size_of(int t) { return t > 0 && t <= PGN_C128 ? pgn_type[t].size : 0; }
size_t pgn_dtype_size(pgn_dtype t) { return pgn_size_of((int)t); }
const char *pgn_dtype_name(pgn_dtype t) { return pgn_type[(int)t > 0 && t <= PGN_C128 ? t : 0].name; }

pgn_status pgn_tensor_memory(pgn_tensor *t, const char *what, pgn_error *e) {
    size_t size = pgn_size_of((int)t->dtype);
    if (!size) return pgn_error_set(e, PGN_E_ARGUMENT, "`%s`: there is no element type %d", what, (int)t->dtype);
    if (t->n < 0 || (uint64_t)t->n > (PTRDIFF_MAX - PGN_ALIGN) / size) return pgn_error_set(e, PGN_E_SIZE, "`%s` is too large: its number of bytes overflows", what);
    t->data = pgn_alloc(NULL, (size_t)t->n, size);
    return t->data ? PGN_OK : pgn_error_set(e, PGN_E_MEMORY, "no memory for `%s` (%zu bytes)", what, (size_t)t->n * size);
}
pgn_status pgn_tensor_new(pgn_dtype dtype, int rank, const int64_t *extent, pgn_tensor *t, pgn_error *e) {
    *t = (pgn_tensor){ 0 };
    if (rank < 0 || rank > PGN_MAX_RANK) return pgn_error_set(e, PGN_E_ARGUMENT, "a tensor has 0 to %d axes, not %d", PGN_MAX_RANK, rank);
    pgn_tensor made = { .dtype = dtype, .rank = rank, .n = 1 };
    for (int k = 0; k < rank; k++)
        if ((made.extent[k] = extent[k]) < 0 || __builtin_mul_overflow(made.n, extent[k], &made.n)) return pgn_error_set(e, PGN_E_SIZE, "axis %d of a tensor is %" PRId64 ": negative, or too large", k + 1, extent[k]);
    pgn_status st = pgn_tensor_memory(&made, "a tensor", e);
    if (st) return st;
    memset(made.data, 0, (size_t)made.n * pgn_size_of((int)dtype));
    *t = made;
    return PGN_OK;
}
void pgn_tensor_free(pgn_tensor *t) {
    if (!t) return;
    if (t->release) t->release(t->owner); else free(t->data);
    free(t->name);
    *t = (pgn_tensor){ 0 };
}
void pgn_bundle_free(pgn_bundle *b) {
    if (!b) return;
    for (int k = 0; k < b->n; k++) pgn_tensor_free(&b->tensor[k]);
    free(b->tensor);
    *b = (pgn_bundle){ 0 };
}
const pgn_tensor *pgn_bundle_find(const pgn_bundle *b, const char *name) {
    for (int k = 0; k < b->n; k++) if (!strcmp(b->tensor[k].name, name)) return &b->tensor[k];
    return NULL;
}

/* ---- names of tensors ------------------------------------------------------------------------------------------------- */
bool pgn_utf8(const char *s, size_t n) {
    for (size_t k = 0; k < n;) {
        unsigned c = (unsigned char)s[k++], more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 4;
        if (more == 4 || more > n - k) return false;
        uint32_t v = more ? c & (0x3fu >> more) : c;
        for (unsigned j = 0; j < more; j++, k++) { if (((unsigned char)s[k] & 0xc0) != 0x80) return false; v = v << 6 | ((unsigned char)s[k] & 0x3fu); }
        if ((more == 2 && v < 0x800) || (more == 3 && v < 0x10000) || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) return false;
    }
    return true;
}
static int by_text(const void *a, const void *b) {
    char *const *x = *(char *const *const *)a, *const *y = *(char *const *const *)b;
    int c = strcmp(*x, *y);
    return c ? c : x < y ? -1 : x > y;
}
int64_t pgn_find_twice(char *const *name, int64_t n, bool *ok) {
    char *const **at = malloc(sizeof *at * ((size_t)n + 1));
    int64_t found = -1;
    if (!(*ok = at != NULL)) return -1;
    for (int64_t k = 0; k < n; k++) at[k] = &name[k];
    qsort(at, (size_t)n, sizeof *at, by_text);
    for (int64_t k = 1; k < n; k++) if (!strcmp(*at[k - 1], *at[k]) && (found < 0 || at[k] - name < found)) found = at[k] - name;
    free(at);
    return found;
}
pgn_status pgn_check_named(const pgn_tensor *t, int n, pgn_error *e) {
    if (n < 0 || (n && !t)) return pgn_error_set(e, PGN_E_ARGUMENT, "no list of tensors");
    char **name = malloc(sizeof *name * ((size_t)n + 1));
    bool ok = name != NULL;
    int64_t twice = -1;
    pgn_status st = PGN_OK;
    for (int k = 0; ok && !st && k < n; k++) {
        const char *s = name[k] = t[k].name;
        if (!s || !*s) st = pgn_error_set(e, PGN_E_ARGUMENT, "tensor %d has no name", k);
        else if (!pgn_utf8(s, strlen(s)) || strlen(s) > 60000) st = pgn_error_set(e, PGN_E_ARGUMENT, "the name of tensor %d is too long or no UTF-8", k);
        else if (!pgn_size_of((int)t[k].dtype) || t[k].device) st = pgn_error_set(e, PGN_E_ARGUMENT, t[k].device ? "tensor `%s` is in device memory: copy it first" : "tensor `%s` has no valid element type", s);
    }
    if (ok && !st) twice = pgn_find_twice(name, n, &ok);
    if (!ok) st = pgn_error_set(e, PGN_E_MEMORY, "no memory for the names of %d tensors", n);
    else if (twice >= 0) st = pgn_error_set(e, PGN_E_ARGUMENT, "two tensors have the name `%s`", name[twice]);
    free(name);
    return st;
}

/* ---- DLPack ----------------------------------------------------------------------------------------------------------------- */
static void release_nothing(void *owner) { (void)owner; }
pgn_status pgn_tensor_from_dlpack(const pgn_dl_tensor *from, pgn_tensor *view, pgn_error *e) {
    *view = (pgn_tensor){ 0 };
    if (!from) return pgn_error_set(e, PGN_E_ARGUMENT, "no DLPack tensor");
    int where = from->device.type;
    if (where != DL_HOST && where != DL_CUDA && where != DL_CUDA_HOST && where != DL_CUDA_MANAGED)
        return pgn_error_set(e, PGN_E_UNSUPPORTED, "a DLPack tensor is on device type %d; host memory (1, 3) and CUDA (2, 13) are supported", where);
    if (from->ndim < 0 || from->ndim > PGN_MAX_RANK || (from->ndim && !from->shape)) return pgn_error_set(e, PGN_E_UNSUPPORTED, "a DLPack tensor has %d axes; 0 to %d are supported", from->ndim, PGN_MAX_RANK);
    pgn_tensor t = { .rank = from->ndim, .n = 1, .device = where == DL_CUDA || where == DL_CUDA_MANAGED, .release = release_nothing };
    for (int k = PGN_F64; k <= PGN_C128; k++) if (pgn_type[k].dl_code == from->dtype.code && pgn_type[k].dl_bits == from->dtype.bits && from->dtype.lanes == 1) t.dtype = (pgn_dtype)k;
    if (!t.dtype) return pgn_error_set(e, PGN_E_UNSUPPORTED, "a DLPack tensor has elements of code %d, %d bits, %d lanes, which no element type is", from->dtype.code, from->dtype.bits, from->dtype.lanes);
    for (int k = 0; k < t.rank; k++)
        if ((t.extent[k] = from->shape[k]) < 0 || __builtin_mul_overflow(t.n, from->shape[k], &t.n)) return pgn_error_set(e, PGN_E_SIZE, "axis %d of a DLPack tensor is %" PRId64 ": negative, or too large", k + 1, from->shape[k]);
    int64_t step = 1;
    for (int k = t.rank - 1; from->strides && t.n && k >= 0; k--) {
        if (t.extent[k] != 1 && from->strides[k] != step) return pgn_error_set(e, PGN_E_UNSUPPORTED, "a DLPack tensor is not contiguous (stride of axis %d is %" PRId64 ", not %" PRId64 "): copy it first", k + 1, from->strides[k], step);
        step *= t.extent[k];
    }
    if (t.n && !from->data) return pgn_error_set(e, PGN_E_ARGUMENT, "a DLPack tensor has no data");
    t.data = from->data ? (char *)from->data + from->byte_offset : NULL;
    *view = t;
    return PGN_OK;
}
static void release_managed(void *owner) { pgn_dl_managed *m = owner; if (m->deleter) m->deleter(m); }
pgn_status pgn_tensor_take_dlpack(pgn_dl_managed *from, pgn_tensor *t, pgn_error *e) {
    pgn_status st = pgn_tensor_from_dlpack(from ? &from->tensor : NULL, t, e);
    if (!st) t->owner = from, t->release = release_managed;
    return st;
}
typedef struct Handed { pgn_dl_managed m; pgn_tensor t; int64_t stride[PGN_MAX_RANK]; } Handed;
static void delete_handed(pgn_dl_managed *m) { Handed *h = m->manager; pgn_tensor_free(&h->t); free(h); }
pgn_status pgn_tensor_to_dlpack(pgn_tensor *t, pgn_dl_managed **to, pgn_error *e) {
    *to = NULL;
    if (!pgn_size_of((int)t->dtype)) return pgn_error_set(e, PGN_E_ARGUMENT, "the tensor has no valid element type");
    Handed *h = calloc(1, sizeof *h);
    if (!h) return pgn_error_set(e, PGN_E_MEMORY, "no memory for a DLPack tensor (%zu bytes)", sizeof *h);
    h->t = *t;
    int64_t step = 1;
    for (int k = t->rank - 1; k >= 0; k--) { h->stride[k] = step; step *= t->extent[k] > 0 ? t->extent[k] : 1; }
    pgn_dl_tensor *d = &h->m.tensor;
    d->data = t->data, d->ndim = t->rank, d->shape = h->t.extent, d->strides = h->stride;
    d->device.type = t->device ? DL_CUDA : DL_HOST;
    d->dtype.code = pgn_type[t->dtype].dl_code, d->dtype.bits = pgn_type[t->dtype].dl_bits, d->dtype.lanes = 1;
    h->m.manager = h, h->m.deleter = delete_handed;
    *t = (pgn_tensor){ 0 };
    *to = &h->m;
    return PGN_OK;
}
