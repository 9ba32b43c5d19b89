/* sort.c - the first k places of a sorted axis, with positions.  Values become 64-bit keys whose unsigned order is the wanted one
 * (NaNs last either way, -0 equal to 0), ties go by position: a total order, so the result is the stable one whatever the method:
 * a bounded heap when few places are wanted, else a merge sort. */
#include "internal.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

typedef struct Item { uint64_t key; uint32_t at; } Item;
typedef struct Sort { const pgn_options *memory; int dtype; bool down; int64_t n, inner, k; size_t size; const char *in; int32_t *position; char *value; atomic_int failed; } Sort;

static inline bool before(const Item *a, const Item *b) { return a->key < b->key || (a->key == b->key && a->at < b->at); }
/* sign-magnitude bits of `width` bits, exponent all ones above `inf` (the magnitude of infinity) */
static uint64_t float_key(uint64_t bits, int width, uint64_t inf, bool down) {
    uint64_t sign = (uint64_t)1 << (width - 1), magnitude = bits & (sign - 1);
    if (magnitude > inf) return UINT64_MAX;
    uint64_t up = bits & sign ? inf - magnitude : inf + magnitude;      /* 0 .. 2 inf; both zeros are inf */
    return down ? 2 * inf - up : up;
}
static uint64_t key_of(const Sort *s, const char *p) {
    uint64_t bits = 0;
    memcpy(&bits, p, s->size);                          /* little-endian, as all of this library */
    int64_t v;
    switch (s->dtype) {
    case PGN_F64: return float_key(bits, 64, 0x7ff0000000000000u, s->down);
    case PGN_F32: return float_key(bits, 32, 0x7f800000u, s->down);
    case PGN_F16: return float_key(bits, 16, 0x7c00u, s->down);
    case PGN_BF16: return float_key(bits, 16, 0x7f80u, s->down);
    case PGN_I64: v = (int64_t)bits; break;
    case PGN_I32: v = (int32_t)bits; break;
    case PGN_I8: v = (int8_t)bits; break;
    default: v = (int64_t)bits;
    }
    bits = (uint64_t)v ^ (uint64_t)1 << 63;
    return s->down ? ~bits : bits;
}
static void merge_sort(Item *x, Item *y, int64_t n) {
    enum { RUN = 16 };
    for (int64_t lo = 0; lo < n; lo += RUN)
        for (int64_t i = lo + 1, hi = n - lo < RUN ? n : lo + RUN; i < hi; i++) {
            Item t = x[i];
            int64_t j = i;
            for (; j > lo && before(&t, &x[j - 1]); j--) x[j] = x[j - 1];
            x[j] = t;
        }
    Item *from = x, *to = y;
    for (int64_t w = RUN; w < n; w *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * w) {
            int64_t mid = n - lo < w ? n : lo + w, hi = n - lo < 2 * w ? n : lo + 2 * w, a = lo, b = mid;
            for (int64_t k = lo; k < hi; k++) to[k] = b >= hi || (a < mid && !before(&from[b], &from[a])) ? from[a++] : from[b++];
        }
        Item *t = from; from = to, to = t;
    }
    if (from != x) memcpy(x, from, (size_t)n * sizeof *x);
}
static void sift(Item *h, int64_t n, int64_t at) {      /* a heap with the last one on top */
    Item t = h[at];
    for (int64_t c; (c = 2 * at + 1) < n; at = c) {
        if (c + 1 < n && before(&h[c], &h[c + 1])) c++;
        if (!before(&t, &h[c])) break;
        h[at] = h[c];
    }
    h[at] = t;
}
static void body(void *arg, int64_t lo, int64_t hi) {
    Sort *s = arg;
    bool few = s->k <= s->n / 8;
    int64_t room = few ? s->k : s->n;
    Item *x = pgn_alloc(s->memory, 2 * ((size_t)room + 1), sizeof *x), *y = x ? x + room : NULL;
    if (!x) { atomic_store(&s->failed, 1); return; }
    for (int64_t line = lo; line < hi; line++) {
        int64_t o = line / s->inner, i = line % s->inner;
        const char *in = s->in + (size_t)(o * s->n * s->inner + i) * s->size;
        size_t step = (size_t)s->inner * s->size;
        for (int64_t j = 0; j < s->n; j++) {
            Item t = { key_of(s, in + (size_t)j * step), (uint32_t)j };
            if (j < room) {
                x[j] = t;
                if (few && j == room - 1) for (int64_t h = room / 2; h-- > 0;) sift(x, room, h);
            } else if (before(&t, &x[0])) { x[0] = t; sift(x, room, 0); }
        }
        merge_sort(x, y, room);
        for (int64_t r = 0; r < s->k; r++) {
            size_t to = (size_t)((o * s->k + r) * s->inner + i);
            if (s->position) s->position[to] = (int32_t)x[r].at;
            if (s->value) memcpy(s->value + to * s->size, in + x[r].at * step, s->size);
        }
    }
    pgn_release(s->memory, x);
}
pgn_status pgn_rt_sort(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    Sort s = { .memory = env->options, .dtype = (int)ints[0], .n = ints[2], .inner = ints[3], .k = ints[4], .down = ints[5] != 0, .size = pgn_size_of((int)ints[0]), .in = buffers[0], .position = buffers[1], .value = buffers[2] };
    if (!s.size || s.dtype == PGN_C64 || s.dtype == PGN_C128) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "numbers of this type (%d) have no order", s.dtype);
    int64_t lines = ints[1] * s.inner;
    if (lines <= 0 || s.k <= 0) return PGN_OK;
    if (s.k > s.n) return pgn_error_set(env->error, PGN_E_SIZE, "a selection takes %" PRId64 " of an axis that has only %" PRId64 " elements", s.k, s.n);
    if (s.n > INT32_MAX) return pgn_error_set(env->error, PGN_E_SIZE, "an axis of %" PRId64 " elements is too long to sort, at most %d", s.n, INT32_MAX);
    pgn_parallel(env->options, lines, s.n * 20, body, &s);
    return atomic_load(&s.failed) ? pgn_error_set(env->error, PGN_E_MEMORY, "no memory to sort %" PRId64 " elements", s.n) : PGN_OK;
}
