/* target.c - what code can be made for: one row per name. */
#include "tool/tool.h"
#include <ctype.h>
#include <string.h>

#if defined(__x86_64__)
#define HOST "x86_64"
#elif defined(__aarch64__)
#define HOST "aarch64"
#else
#define HOST ""
#endif

const Target target_row[] = {
    { "cpu",            TARGET_CPU,  NULL,      "generic",   NULL,        "this machine's kind of processor, any model of it" },
    { "cpu:native",     TARGET_CPU,  NULL,      "native",    "native",    "this very processor" },
    { "cpu:x86-64",     TARGET_CPU,  "x86_64",  "x86-64",    "x86-64",    "x86-64, any model: SSE2" },
    { "cpu:avx2",       TARGET_CPU,  "x86_64",  "x86-64-v3", "x86-64-v3", "x86-64 with AVX2 and FMA" },
    { "cpu:avx512",     TARGET_CPU,  "x86_64",  "x86-64-v4", "x86-64-v4", "x86-64 with AVX-512" },
    { "aarch64",        TARGET_CPU,  "aarch64", "generic",   "armv8-a",   "64-bit Arm, any model" },
    { "cuda:sm_80",     TARGET_CUDA, NULL,      "sm_80",     NULL,        "NVIDIA A100" },
    { "cuda:sm_86",     TARGET_CUDA, NULL,      "sm_86",     NULL,        "NVIDIA A10, RTX 30" },
    { "cuda:sm_89",     TARGET_CUDA, NULL,      "sm_89",     NULL,        "NVIDIA L4, RTX 40" },
    { "cuda:sm_90",     TARGET_CUDA, NULL,      "sm_90",     NULL,        "NVIDIA H100, H200" },
    { "cuda:sm_90a",    TARGET_CUDA, NULL,      "sm_90a",    NULL,        "the same with what only they have" },
    { "cuda:sm_100",    TARGET_CUDA, NULL,      "sm_100",    NULL,        "NVIDIA B200" },
    { "cuda:sm_120",    TARGET_CUDA, NULL,      "sm_120",    NULL,        "NVIDIA RTX 50" },
};
const int n_target = sizeof target_row / sizeof *target_row;

const Target *target_find(Context *cx, const char *name) {
    for (int k = 0; k < n_target; k++) if (!strcmp(target_row[k].name, name)) return &target_row[k];
    if (strncmp(name, "cuda:sm_", 8)) return NULL;
    const char *s = name + 8;                              /* nvcc knows which others there are */
    size_t digits = 0;
    while (isdigit((unsigned char)s[digits])) digits++;
    if (digits < 2 || digits > 3 || (s[digits] && (!strchr("af", s[digits]) || s[digits + 1]))) return NULL;
    Target *t = NEW(cx->arena, Target);
    *t = (Target){ .name = intern(cx, name), .kind = TARGET_CUDA, .cpu = intern(cx, name + 5), .what = "NVIDIA" };
    return t;
}
const char *target_triple(const Target *t) {
    if (!t->arch || !strcmp(t->arch, HOST)) return NULL;
    return !strcmp(t->arch, "x86_64") ? "x86_64-pc-linux-gnu" : "aarch64-unknown-linux-gnu";
}
