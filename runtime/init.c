/* init.c - how parameters begin.  Element k of a parameter takes its number from  threefry(threefry(seed, name), k), so it is the same for every
 * target, number of threads and order of parameters, and a parameter that is added changes no other. */
#include "internal.h"
#include "pigeon/kernel.h"
#include "pigeon/tensor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum Init {
#define PGN_INIT(id, name, least, most, form) INIT_##id,
#include "pigeon/init.def"
#undef PGN_INIT
    N_INIT
} Init;
static const char *const init_name[N_INIT] = {
#define PGN_INIT(id, name, least, most, form) name,
#include "pigeon/init.def"
#undef PGN_INIT
};

static double high(int64_t b) { return (double)((uint64_t)b >> 32); }
static double low(int64_t b) { return (double)((uint64_t)b & 0xffffffffu); }
static double uniform(int64_t key, int64_t k) { return (double)((uint64_t)pgn_threefry(key, k) >> 11) * 0x1p-53; }
static double normal(int64_t key, int64_t k) {                  /* Box and Muller 1958, as `random.normal` of the language */
    int64_t b = pgn_threefry(key, k);
    return sqrt(-2 * log((high(b) + 1) * 0x1p-32)) * cos(low(b) * (2 * 3.14159265358979323846 * 0x1p-32));
}
static double truncated(int64_t key, int64_t k) {               /* drawn again until it is within 2; each try has a key of its own */
    for (int64_t again = 0; again < 64; again++) {
        double v = normal(again ? pgn_threefry(key, -again) : key, k);
        if (fabs(v) <= 2) return v;
    }
    return 0;
}
static void store(const pgn_tensor *t, int64_t k, double re, double im) {
    switch (t->dtype) {
    case PGN_F64: ((double *)t->data)[k] = re; break;
    case PGN_F32: ((float *)t->data)[k] = (float)re; break;
    case PGN_F16: ((uint16_t *)t->data)[k] = pgn_to_f16((float)re); break;
    case PGN_BF16: ((uint16_t *)t->data)[k] = pgn_to_bf16((float)re); break;
    case PGN_I64: ((int64_t *)t->data)[k] = pgn_i64_from_real(re); break;
    case PGN_I32: ((int32_t *)t->data)[k] = (int32_t)pgn_i64_from_real(re); break;
    case PGN_I8: case PGN_U8: ((uint8_t *)t->data)[k] = (uint8_t)pgn_i64_from_real(re); break;
    case PGN_BOOL: ((uint8_t *)t->data)[k] = re != 0; break;
    case PGN_C64: ((float *)t->data)[2 * k] = (float)re, ((float *)t->data)[2 * k + 1] = (float)im; break;
    case PGN_C128: ((double *)t->data)[2 * k] = re, ((double *)t->data)[2 * k + 1] = im; break;
    }
}
/* Rows (columns, when there are fewer) made orthonormal by Gram and Schmidt, twice, which is enough (Giraud et al. 2005). With normal numbers
 * and a positive diagonal the result is uniform among all such matrices (Stewart 1980). */
static void orthonormal(double *a, int64_t rows, int64_t cols) {
    bool by_row = rows <= cols;
    int64_t n = by_row ? rows : cols, len = by_row ? cols : rows, next = by_row ? cols : 1, along = by_row ? 1 : cols;
    for (int64_t i = 0; i < n; i++) {
        double *x = a + i * next, norm = 0;
        for (int pass = 0; pass < 2; pass++) for (int64_t j = 0; j < i; j++) {
            const double *y = a + j * next;
            double dot = 0;
            for (int64_t k = 0; k < len; k++) dot += x[k * along] * y[k * along];
            for (int64_t k = 0; k < len; k++) x[k * along] -= dot * y[k * along];
        }
        for (int64_t k = 0; k < len; k++) norm += x[k * along] * x[k * along];
        norm = norm > 0 ? 1 / sqrt(norm) : 0;
        for (int64_t k = 0; k < len; k++) x[k * along] *= norm;
    }
}
static pgn_status orthogonal(const pgn_tensor *t, int64_t key, double gain, int64_t rows, int64_t cols, pgn_error *e) {
    int64_t one = rows * cols;
    double *a = one > 0 && (uint64_t)one < SIZE_MAX / 16 ? malloc((size_t)one * sizeof *a) : NULL;
    if (!a && one > 0) return pgn_error_set(e, PGN_E_MEMORY, "`%s`: memory for %lld numbers can't be had", t->name, (long long)one);
    for (int64_t at = 0; one > 0 && at + one <= t->n; at += one) {
        for (int64_t k = 0; k < one; k++) a[k] = normal(key, at + k);
        orthonormal(a, rows, cols);
        for (int64_t k = 0; k < one; k++) store(t, at + k, gain * a[k], 0);
    }
    free(a);
    return PGN_OK;
}
static int64_t extent(const pgn_tensor *t, int axis) { return axis >= 0 ? t->extent[axis] : 1; }
pgn_status pgn_tensor_init(const pgn_tensor *t, const char *init, const double *arg, int n_arg, int64_t seed, pgn_error *e) {
    int way = 0, points = n_arg > 1 ? (int)arg[1] : 0;          /* of those with a gain: how many axes a stencil has */
    while (way < N_INIT && strcmp(init_name[way], init ? init : "zero")) way++;
    if (way == N_INIT) return pgn_error_set(e, PGN_E_ARGUMENT, "`%s` begins in an unknown way, `%s`: the artifact needs a newer libpigeon", t->name, init);
    uint64_t h = 1469598103934665603u;
    for (const char *q = t->name; q && *q; q++) h = (h ^ (unsigned char)*q) * 1099511628211u;
    int64_t key = pgn_threefry(seed, (int64_t)h);
    bool fans = way >= INIT_GLOROT && way <= INIT_IDENTITY;
    double a = n_arg > 0 ? arg[0] : fans || way == INIT_ONE ? 1 : 0, b = n_arg > 1 ? arg[1] : 1, stencil = 1, in, out;
    if (!fans || points < 0 || points > t->rank) points = 0;
    for (int k = 0; k < points; k++) stencil *= (double)t->extent[t->rank - 1 - k];
    int last = t->rank - points - 1;
    in = stencil * (double)extent(t, points ? last : last - 1), out = stencil * (double)extent(t, points ? last - 1 : last);
    bool flat = false, cut = false;
    double mean = 0, scale = 0;                                 /* of a normal distribution; flat: the middle and half the width */
    switch ((Init)way) {
    case INIT_ZERO: break;
    case INIT_ONE: case INIT_CONST: mean = a; break;
    case INIT_UNIFORM: flat = true, mean = (a + b) / 2, scale = (b - a) / 2; break;
    case INIT_TRUNCATED: cut = true, mean = a, scale = b; break;
    case INIT_NORMAL: mean = a, scale = b; break;
    case INIT_GLOROT: case INIT_XAVIER: flat = true, scale = a * sqrt(6 / (in + out)); break;
    case INIT_GLOROT_NORMAL: scale = a * sqrt(2 / (in + out)); break;
    case INIT_HE: case INIT_KAIMING: scale = a * sqrt(2 / in); break;
    case INIT_HE_UNIFORM: flat = true, scale = a * sqrt(6 / in); break;
    case INIT_LECUN: scale = a * sqrt(1 / in); break;
    case INIT_SPECTRAL: scale = sqrt(2 / (in + out)); break;
    case INIT_ORTHOGONAL: return orthogonal(t, key, a, extent(t, t->rank - 2), extent(t, t->rank - 1), e);
    case INIT_IDENTITY:
        for (int64_t k = 0, n = extent(t, t->rank - 1), m = n * extent(t, t->rank - 2); k < t->n; k++) store(t, k, k % m / n == k % n ? a : 0, 0);
        return PGN_OK;
    case N_INIT: break;
    }
    bool complex = t->dtype == PGN_C64 || t->dtype == PGN_C128;
    int64_t second = pgn_threefry(key, -1000);                  /* of imaginary parts */
    for (int64_t k = 0; k < t->n; k++) {
        if (!scale) { store(t, k, mean, 0); continue; }
        double re = flat ? 2 * uniform(key, k) - 1 : cut ? truncated(key, k) : normal(key, k);
        double im = !complex ? 0 : flat ? 2 * uniform(second, k) - 1 : normal(second, k);
        store(t, k, mean + scale * re, scale * im);
    }
    return PGN_OK;
}
pgn_status pgn_model_init(const pgn_plan *p, const pgn_model *m, int64_t seed, void *const *params, pgn_error *e) {
    const int64_t *size = pgn_plan_sizes(p);
    if (m->n_param && !params) return pgn_error_set(e, PGN_E_ARGUMENT, "the list of parameters is NULL");
    for (int k = 0; k < m->n_param; k++) {
        const pgn_argument *a = &m->param[k];
        pgn_tensor t = { .name = (char *)(uintptr_t)a->name, .dtype = (pgn_dtype)a->dtype, .rank = a->rank, .n = 1, .data = params[k] };
        for (int j = 0; j < a->rank; j++) t.n *= t.extent[j] = m->extent(size, PGN_ROLE_PARAM, k, j);
        if (!t.n) continue;
        if (!params[k]) return pgn_error_set(e, PGN_E_ARGUMENT, "parameter `%s` is NULL", a->name);
        size_t bytes = (size_t)t.n * pgn_size_of(t.dtype);
        if (m->device && !(t.data = malloc(bytes))) return pgn_error_set(e, PGN_E_MEMORY, "`%s`: memory for %zu bytes can't be had", a->name, bytes);
        pgn_status st = pgn_tensor_init(&t, a->init, a->init_arg, a->n_init_arg, seed, e);
        if (m->device) {
            if (!st && m->dev->to_device(params[k], t.data, bytes, NULL)) st = pgn_error_set(e, PGN_E_DEVICE, "`%s` can't be written to the device", a->name);
            free(t.data);
        }
        if (st) return st;
    }
    return PGN_OK;
}
