/* structure.c - what bind derives from maps: rows of a fibre, combinations that occur, joins, filters.
 *
 * Everything is a stable sort by small integers, so it is linear, deterministic, and keeps the caller's order among equals.  A key is an
 * i32 map; several keys are sorted from the last to the first.  A key whose values are few compared to the items is one counting pass,
 * any other takes digits of 11 bits.  Large passes are cut in parts that count and place their items side by side: every part knows from
 * the counts of the others where its items belong, so the result doesn't depend on their number. */
#include "internal.h"
#include <inttypes.h>
#include <string.h>

enum { PART = 1 << 16, MAX_PARTS = 16 };
static pgn_status no_memory(pgn_env *env, int64_t items) { return pgn_error_set(env->error, PGN_E_MEMORY, "no memory to derive the model's structure from %" PRId64 " items", items); }

/* One key of a list that may be in two parts, one after the other (both sides of a join). */
typedef struct Key { const int32_t *a, *b; int64_t n_a; } Key;
static inline uint32_t key_at(const Key *k, uint32_t i) { return (uint32_t)(i < k->n_a ? k->a[i] : k->b[i - k->n_a]); }

/* One stable pass: `to` (may be NULL) gets the items of `from` (NULL: 0, 1, ..) in order of key >> shift & mask, which is below `buckets`. */
typedef struct Pass { const Key *key; int64_t n; int shift; uint32_t mask; int64_t buckets; const uint32_t *from; uint32_t *to; int parts; uint32_t *place; } Pass;
static inline uint32_t item_at(const Pass *p, int64_t i) { return p->from ? p->from[i] : (uint32_t)i; }
static inline uint32_t bucket_of(const Pass *p, uint32_t item) { return key_at(p->key, item) >> p->shift & p->mask; }
static inline int64_t part_start(const Pass *p, int64_t part) { return p->n / p->parts * part + (p->n % p->parts < part ? p->n % p->parts : part); }
static void count_parts(void *arg, int64_t lo, int64_t hi) {
    const Pass *p = arg;
    for (int64_t part = lo; part < hi; part++) {
        uint32_t *count = p->place + (size_t)part * (size_t)p->buckets;
        memset(count, 0, (size_t)p->buckets * sizeof *count);
        for (int64_t i = part_start(p, part), end = part_start(p, part + 1); i < end; i++) count[bucket_of(p, item_at(p, i))]++;
    }
}
static void place_parts(void *arg, int64_t lo, int64_t hi) {
    const Pass *p = arg;
    for (int64_t part = lo; part < hi; part++) {
        uint32_t *place = p->place + (size_t)part * (size_t)p->buckets;
        for (int64_t i = part_start(p, part), end = part_start(p, part + 1); i < end; i++) {
            uint32_t item = item_at(p, i);
            p->to[place[bucket_of(p, item)]++] = item;
        }
    }
}
/* row (may be NULL): where each bucket starts, and in the end n.  False: no memory. */
static bool pass(const pgn_options *o, Pass *p, int64_t *row) {
    p->parts = 1;
    if (o && o->threads != 1) for (; p->parts < MAX_PARTS && p->n / (p->parts + 1) >= PART && p->buckets * (p->parts + 1) <= p->n;) p->parts++;
    p->place = pgn_alloc(o, (size_t)p->buckets * (size_t)p->parts, sizeof *p->place);
    if (!p->place) return false;
    pgn_parallel(o, p->parts, 2 * (p->n / p->parts), count_parts, p);
    uint32_t at = 0;
    for (int64_t b = 0; b < p->buckets; b++) {
        if (row) row[b] = at;
        for (int part = 0; part < p->parts; part++) {
            uint32_t *x = &p->place[(size_t)part * (size_t)p->buckets + (size_t)b], count = *x;
            *x = at;
            at += count;
        }
    }
    if (row) row[p->buckets] = p->n;
    if (p->to) pgn_parallel(o, p->parts, 4 * (p->n / p->parts), place_parts, p);
    pgn_release(o, p->place);
    return true;
}
/* Whether the items stand in the order of the keys already */
static bool in_order(const Key *key, int n_key, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        int k = 0;
        while (k < n_key && key_at(&key[k], (uint32_t)i) == key_at(&key[k], (uint32_t)(i - 1))) k++;
        if (k < n_key && key_at(&key[k], (uint32_t)i) < key_at(&key[k], (uint32_t)(i - 1))) return false;
    }
    return true;
}
/* The items 0..n-1 in lexicographic order of the keys; NULL: no memory.  *spare (n items too) is the caller's to free. Items that stand in the order
 * of the last key, as edges numbered by it do, need no pass for that. */
static uint32_t *order_by(const pgn_options *o, const Key *key, int n_key, int64_t n, uint32_t **spare) {
    uint32_t *x = pgn_alloc(o, (size_t)n + 1, sizeof *x), *y = pgn_alloc(o, (size_t)n + 1, sizeof *y);
    const uint32_t *from = NULL;
    bool ok = x && y;
    for (int k = n_key - 1; ok && k >= 0; k--) {
        uint32_t top = 0;
        if (!from && in_order(&key[k], 1, n)) continue;
        for (int64_t i = 0; i < n; i++) top |= key_at(&key[k], (uint32_t)i);
        int bits = top ? 32 - __builtin_clz(top) : 0, step = bits;
        if (bits > 11 && ((int64_t)1 << bits) > 2 * n) step = 11;
        for (int shift = 0; ok && shift < bits; shift += step) {
            Pass p = { .key = &key[k], .n = n, .shift = shift, .mask = (uint32_t)(((uint64_t)1 << step) - 1), .buckets = (int64_t)1 << step, .from = from, .to = x };
            ok = pass(o, &p, NULL);
            uint32_t *t = x; x = y; y = t;
            from = y;
        }
    }
    if (!ok) { pgn_release(o, x); pgn_release(o, y); *spare = NULL; return NULL; }
    if (!from) for (int64_t i = 0; i < n; i++) y[i] = (uint32_t)i;
    *spare = x;
    return y;
}
/* Two keys whose pairs of values are few compared to the items: a bit for each pair that occurs, and how many occur before each word of these. The
 * result is that of rank_by; *words: how many, 0 where bits would be too many. */
enum { BITS = 64 };
static uint32_t ones(uint64_t x) {                          /* not every processor that this is built for has an instruction for it */
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    return (uint32_t)(((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}
static int64_t pair_words(const Key *key, int64_t n, int64_t *width) {
    int64_t a = 0, b = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t x = key_at(&key[0], (uint32_t)i), y = key_at(&key[1], (uint32_t)i);
        a = x > a ? x : a, b = y > b ? y : b;
    }
    *width = b + 1;
    return (a + 1) > n * BITS / (b + 1) ? 0 : (a + 1) * (b + 1) / BITS + 1;
}
static int64_t rank_pairs(const pgn_options *o, const Key *key, int64_t n, int64_t words, int64_t width, uint32_t *group, int32_t *first) {
    uint64_t *met = pgn_alloc_zero(o, (size_t)words, sizeof *met);
    uint32_t *before = pgn_alloc(o, (size_t)words, sizeof *before);
    int64_t count = met && before ? 0 : -1;
    if (!count) {
        for (int64_t i = 0; i < n; i++) {
            int64_t pair = key_at(&key[0], (uint32_t)i) * width + key_at(&key[1], (uint32_t)i);
            met[pair / BITS] |= (uint64_t)1 << pair % BITS;
        }
        for (int64_t w = 0; w < words; w++) before[w] = (uint32_t)count, count += ones(met[w]);
        for (int64_t i = n - 1; i >= 0; i--) {
            int64_t pair = key_at(&key[0], (uint32_t)i) * width + key_at(&key[1], (uint32_t)i);
            group[i] = before[pair / BITS] + ones(met[pair / BITS] & (((uint64_t)1 << pair % BITS) - 1));
            if (first) first[group[i]] = (int32_t)i;
        }
    }
    pgn_release(o, met);
    pgn_release(o, before);
    return count;
}
/* group[i]: number of the item's combination among those that occur, in lexicographic order; returns how many, -1: no memory.
 * first (may be NULL) gets the first item of each. */
static int64_t rank_by(const pgn_options *o, const Key *key, int n_key, int64_t n, uint32_t *group, int32_t *first) {
    bool sorted = in_order(key, n_key, n);
    int64_t width, words = n_key == 2 && !sorted ? pair_words(key, n, &width) : 0;
    if (words) return rank_pairs(o, key, n, words, width, group, first);
    uint32_t *spare = NULL, *item = sorted ? NULL : order_by(o, key, n_key, n, &spare);
    if (!item && !sorted) return -1;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t now = item ? item[i] : (uint32_t)i, before = !i ? now : item ? item[i - 1] : now - 1;
        bool fresh = i == 0;
        for (int k = 0; k < n_key && !fresh; k++) fresh = key_at(&key[k], now) != key_at(&key[k], before);
        if (fresh) { if (first) first[count] = (int32_t)now; count++; }
        group[now] = (uint32_t)(count - 1);
    }
    pgn_release(o, item);
    pgn_release(o, spare);
    return count;
}
/* Groups of more than `cut` items in pieces, in the order of the items; group and first as above, for pieces now. */
static int64_t cut_by(const pgn_options *o, int64_t cut, int64_t n_group, int64_t n, uint32_t *group, int32_t *first) {
    int64_t *piece = pgn_alloc_zero(o, (size_t)n_group + 1, sizeof *piece), *met = pgn_alloc_zero(o, (size_t)n_group + 1, sizeof *met), count = 0;
    if (piece && met) {
        for (int64_t i = 0; i < n; i++) met[group[i]]++;
        for (int64_t g = 0; g < n_group; g++) {
            int64_t pieces = (met[g] + cut - 1) / cut;
            piece[g] = count, met[g] = 0;
            count += pieces;
        }
        for (int64_t i = 0; i < n; i++) {
            uint32_t g = group[i];
            int64_t at = piece[g] + met[g] / cut;
            if (first && met[g] % cut == 0) first[at] = (int32_t)i;
            met[g]++;
            group[i] = (uint32_t)at;
        }
    } else count = -1;
    pgn_release(o, piece);
    pgn_release(o, met);
    return count;
}
static pgn_status check_counts(pgn_env *env, int64_t n, int64_t m, int64_t n_keys) {
    if (n < 0 || m < 0 || n > INT32_MAX || m > INT32_MAX) return pgn_error_set(env->error, PGN_E_SIZE, "a space has %" PRId64 " elements, at most %d are supported", n > m ? n : m, INT32_MAX);
    if (n_keys < 0 || n_keys > 8) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "a structure has %" PRId64 " keys, at most 8 are supported", n_keys);
    return PGN_OK;
}
pgn_status pgn_rt_fibre(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    int64_t n = ints[0], extent = ints[2];
    int n_keys = (int)ints[1];
    pgn_status st = check_counts(env, n, extent, ints[1]);
    if (st) return st;
    if (n_keys < 1) return pgn_error_set(env->error, PGN_E_UNSUPPORTED, "a fibre without a key");
    int64_t *row = buffers[n_keys];
    const int32_t *key0 = buffers[0];
    if (!n) { memset(row, 0, ((size_t)extent + 1) * sizeof *row); return PGN_OK; }
    int64_t bad = pgn_find_outside(key0, n, extent);
    if (bad >= 0) return pgn_error_set(env->error, PGN_E_RANGE, "a map's value %d at position %" PRId64 " is outside 0..%" PRId64, key0[bad], bad, extent - 1);
    uint32_t *order = NULL, *spare = NULL;
    Key key[8];
    for (int k = 0; k < n_keys; k++) key[k] = (Key){ .a = buffers[k], .n_a = n };
    if (n_keys > 1 && !(order = order_by(env->options, key + 1, n_keys - 1, n, &spare))) return no_memory(env, n);
    Pass p = { .key = key, .n = n, .mask = UINT32_MAX, .buckets = extent, .from = order, .to = buffers[n_keys + 1] };
    if (!pass(env->options, &p, row)) st = no_memory(env, n);
    pgn_release(env->options, order);
    pgn_release(env->options, spare);
    return st;
}
pgn_status pgn_rt_tiles(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    int64_t n = ints[0], rows = ints[1], most = ints[2], extent = ints[4], tile = 0, run = 0;
    int n_keys = (int)ints[3];
    pgn_status st = check_counts(env, n, extent, ints[3]);
    if (st) return st;
    const int32_t *items = buffers[0], *const *key = (const int32_t *const *)buffers + 1;
    int32_t *start = buffers[n_keys + 1], *first = buffers[n_keys + 2], next = 0;
    for (int64_t i = 0; i < n; i++, run++) {
        int64_t item = items ? items[i] : i, before = !i ? item : items ? items[i - 1] : i - 1;
        bool fresh = !i || run == rows;
        for (int k = 0; k < n_keys && !fresh; k++) fresh = key[k][item] != key[k][before];
        if (!fresh) continue;
        if (tile == most) return pgn_error_set(env->error, PGN_E_SIZE, "more tiles than the structure allows");
        if (first) while (next <= key[0][item]) first[next++] = (int32_t)tile;
        start[tile++] = (int32_t)i;
        run = 0;
    }
    if (first) while (next <= extent) first[next++] = (int32_t)tile;
    while (tile <= most) start[tile++] = (int32_t)n;
    return PGN_OK;
}
pgn_status pgn_rt_unique(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    int64_t n = ints[0];
    int n_keys = (int)ints[1];
    pgn_status st = check_counts(env, n, 0, ints[1]);
    if (st) return st;
    *result = 0;
    if (!n) return PGN_OK;
    Key key[8];
    for (int k = 0; k < n_keys; k++) key[k] = (Key){ .a = buffers[k], .n_a = n };
    int64_t count = rank_by(env->options, key, n_keys, n, buffers[n_keys + 1], buffers[n_keys]);
    if (count < 0) return no_memory(env, n);
    if (ints[2] > 0 && (count = cut_by(env->options, ints[2], count, n, buffers[n_keys + 1], buffers[n_keys])) < 0) return no_memory(env, n);
    *result = count;
    return PGN_OK;
}

/* A bit for each pair that is met, in a table of its own for each part of the items */
typedef struct Marks { const int32_t *a, *b; int64_t n, n_a, width, parts; uint64_t *met; int64_t *count; } Marks;
static void mark_pairs(void *arg, int64_t lo, int64_t hi) {
    const Marks *m = arg;
    for (int64_t part = lo; part < hi; part++) {
        uint64_t *met = m->met + part * m->n_a * m->width;
        for (int64_t i = m->n * part / m->parts; i < m->n * (part + 1) / m->parts; i++) met[m->a[i] * m->width + m->b[i] / BITS] |= (uint64_t)1 << m->b[i] % BITS;
    }
}
static void count_marks(void *arg, int64_t lo, int64_t hi) {
    const Marks *m = arg;
    for (int64_t a = lo; a < hi; a++) for (int64_t w = 0; w < m->width; w++) {
        uint64_t met = 0;
        for (int64_t part = 0; part < m->parts; part++) met |= m->met[(part * m->n_a + a) * m->width + w];
        m->count[a] += ones(met);
    }
}
pgn_status pgn_rt_distinct(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    int64_t n = ints[0], n_a = ints[1], n_b = ints[2], *count = buffers[2];
    pgn_status st = check_counts(env, n, n_a > n_b ? n_a : n_b, 2);
    if (st) return st;
    const int32_t *a = buffers[0], *b = buffers[1];
    memset(count, 0, (size_t)n_a * sizeof *count);
    int64_t bad_a = pgn_find_outside(a, n, n_a), bad_b = pgn_find_outside(b, n, n_b), bad = bad_b < 0 || (bad_a >= 0 && bad_a < bad_b) ? bad_a : bad_b;
    if (bad >= 0) return pgn_error_set(env->error, PGN_E_RANGE, "a map's value at position %" PRId64 " is outside of its target", bad);
    if (!n) return PGN_OK;
    Marks m = { .a = a, .b = b, .n = n, .n_a = n_a, .width = n_b / BITS + 1, .parts = (env->options && env->options->threads == 1) || n < 2 * PART ? 1 : 2 };       /* memory costs more than more parts gain */
    if (n_a < n && m.width < n / n_a / m.parts) {            /* bits for all pairs take no more than the items */
        if (!(m.met = pgn_alloc_zero(env->options, (size_t)(n_a * m.width * m.parts), sizeof *m.met))) return no_memory(env, n);
        m.count = count;
        pgn_parallel(env->options, m.parts, 4 * (n / m.parts), mark_pairs, &m);
        pgn_parallel(env->options, n_a, m.parts * m.width * 8, count_marks, &m);
        pgn_release(env->options, m.met);
        return PGN_OK;
    }
    Key key[2] = { { .a = a, .n_a = n }, { .a = b, .n_a = n } };
    uint32_t *pair = pgn_alloc(env->options, (size_t)n, sizeof *pair);
    int32_t *first = pgn_alloc(env->options, (size_t)n, sizeof *first);
    int64_t pairs = pair && first ? rank_by(env->options, key, 2, n, pair, first) : -1;
    for (int64_t k = 0; k < pairs; k++) count[a[first[k]]]++;
    pgn_release(env->options, pair);
    pgn_release(env->options, first);
    return pairs < 0 ? no_memory(env, n) : PGN_OK;
}

/* ---- joins: combinations of both sides ranked together, then rows of the right side by rank ------------------------ */
typedef struct Sides { int64_t n_a, n_b, n_rank; uint32_t *rank; int64_t *row; } Sides;     /* row: of the right side, n_rank + 1 */
static void sides_free(const pgn_options *o, Sides *s) { pgn_release(o, s->rank); pgn_release(o, s->row); }
static pgn_status sides(pgn_env *env, const int64_t *ints, void *const *buffers, Sides *s, int64_t *pairs) {
    *s = (Sides){ .n_a = ints[0], .n_b = ints[1] };
    int n_keys = (int)ints[2];
    *pairs = 0;
    pgn_status st = check_counts(env, s->n_a, s->n_b, ints[2]);
    if (st || !s->n_a || !s->n_b) return st;
    Key key[8];
    for (int k = 0; k < n_keys; k++) key[k] = (Key){ buffers[k], buffers[n_keys + k], s->n_a };
    int64_t n = s->n_a + s->n_b;
    const pgn_options *o = env->options;
    if (!(s->rank = pgn_alloc(o, (size_t)n, sizeof *s->rank)) || (s->n_rank = rank_by(o, key, n_keys, n, s->rank, NULL)) < 0 || !(s->row = pgn_alloc_zero(o, (size_t)s->n_rank + 2, sizeof *s->row))) {
        sides_free(o, s);
        return no_memory(env, n);
    }
    for (int64_t b = 0; b < s->n_b; b++) s->row[s->rank[s->n_a + b] + 1]++;
    for (int64_t a = 0; a < s->n_a; a++) *pairs += s->row[s->rank[a] + 1];       /* below 2^62: no overflow */
    for (int64_t r = 0; r < s->n_rank; r++) s->row[r + 1] += s->row[r];
    if (*pairs <= INT32_MAX) return PGN_OK;
    sides_free(o, s);
    return pgn_error_set(env->error, PGN_E_SIZE, "a join has %" PRId64 " pairs, at most %d are supported", *pairs, INT32_MAX);
}
pgn_status pgn_rt_join_count(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    Sides s;
    pgn_status st = sides(env, ints, buffers, &s, result);
    if (!st) sides_free(env->options, &s);
    return st;
}
pgn_status pgn_rt_join(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    Sides s;
    int64_t pairs, at = 0;
    pgn_status st = sides(env, ints, buffers, &s, &pairs);
    if (st || !pairs) { if (!st) sides_free(env->options, &s); return st; }
    int32_t *left = buffers[2 * ints[2]], *right = buffers[2 * ints[2] + 1], *item = pgn_alloc(env->options, (size_t)s.n_b, sizeof *item);
    int64_t *next = pgn_alloc(env->options, (size_t)s.n_rank + 1, sizeof *next);
    if (item && next) {
        memcpy(next, s.row, sizeof *next * ((size_t)s.n_rank + 1));
        for (int64_t b = 0; b < s.n_b; b++) item[next[s.rank[s.n_a + b]]++] = (int32_t)b;
        for (int64_t a = 0; a < s.n_a; a++)
            for (int64_t p = s.row[s.rank[a]]; p < s.row[s.rank[a] + 1]; p++) left[at] = (int32_t)a, right[at++] = item[p];
    } else st = no_memory(env, s.n_a + s.n_b);
    pgn_release(env->options, item);
    pgn_release(env->options, next);
    sides_free(env->options, &s);
    return st;
}

pgn_status pgn_rt_filter_count(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)env;
    const unsigned char *mask = buffers[0];
    int64_t n = 0;
    for (int64_t k = 0; k < ints[0]; k++) n += mask[k] != 0;
    *result = n;
    return PGN_OK;
}
pgn_status pgn_rt_filter(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    enum { SOME = 512 };
    pgn_status st = check_counts(env, ints[0], 0, 0);
    const unsigned char *mask = buffers[0];
    int32_t *to = buffers[1], found[SOME];
    for (int64_t k = 0; !st && k < ints[0];) {              /* blocks without a branch inside: nobody can foresee what is kept */
        int64_t end = ints[0] - k < SOME ? ints[0] : k + SOME;
        size_t n = 0;
        for (; k < end; k++) found[n] = (int32_t)k, n += mask[k] != 0;
        if (n) memcpy(to, found, n * sizeof *to);
        to += n;
    }
    return st;
}
/* ints[2] is the buffer's id, for the message (-1: no name). */
pgn_status pgn_rt_check_range(pgn_env *env, const int64_t *ints, void *const *buffers, int64_t *result) {
    (void)result;
    const int32_t *v = buffers[0];
    int64_t at = ints[0] > 0 ? pgn_find_outside(v, ints[0], ints[1]) : -1;
    if (at < 0) return PGN_OK;
    const pgn_model *m = env->model;
    const char *name = m && ints[2] >= 0 && ints[2] < m->n_buffer ? m->buffer[ints[2]].name : "?";
    if (ints[1] <= 0) return pgn_error_set(env->error, PGN_E_RANGE, "computed map `%s`: value %d at position %" PRId64 ", but the space it points into is empty", name, v[at], at);
    return pgn_error_set(env->error, PGN_E_RANGE, "computed map `%s`: value %d at position %" PRId64 " is outside 0..%" PRId64, name, v[at], at, ints[1] - 1);
}
