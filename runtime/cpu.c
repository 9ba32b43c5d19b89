/* cpu.c - which of a model's variants this processor can run: the last in its list that it fits, or the one that PIGEON_TARGET names. */
#include "internal.h"
#include <stdlib.h>
#include <string.h>

/* The names that `needs` of a record may have. What a processor has counts only if the system saves its registers, which
 * __builtin_cpu_supports() knows. */
static bool has(const char *needs) {
    if (!needs) return true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (!strcmp(needs, "cpu:x86-64")) return true;
    if (!strcmp(needs, "cpu:avx2")) return avx2;
    if (!strcmp(needs, "cpu:avx512")) return avx512;
#elif defined(__aarch64__)
    if (!strcmp(needs, "aarch64")) return true;
#endif
    return false;
}
static const pgn_model *at(const pgn_model *m, int k) { return k ? m->variant[k - 1] : m; }
static const char *name(const pgn_model *m) { return m->needs ? m->needs : "cpu"; }

pgn_status pgn_model_fit(const pgn_model **model, pgn_error *e) {
    const pgn_model *m = *model, *found = NULL;
    const char *wanted = m->device ? NULL : getenv("PIGEON_TARGET");
    if (wanted && !*wanted) wanted = NULL;
    for (int k = 0; k <= m->n_variant; k++) {
        const pgn_model *v = at(m, k);
        if (wanted && m->n_variant && strcmp(name(v), wanted)) continue;
        if (has(v->needs)) found = v;
        else if (wanted) return pgn_error_set(e, PGN_E_UNSUPPORTED, "PIGEON_TARGET asks for %s, which this processor is not", wanted);
    }
    if (!found && wanted && m->n_variant) return pgn_error_set(e, PGN_E_UNSUPPORTED, "PIGEON_TARGET asks for %s, which the model was not compiled for", wanted);
    if (!found) return pgn_error_set(e, PGN_E_UNSUPPORTED, "the model `%s` was compiled for %s, which this processor is not", m->name, name(m));
    *model = found;
    return PGN_OK;
}
