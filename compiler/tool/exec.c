/* exec.c - a unit made callable in this process: by LLVM's JIT, by the system's C compiler from the plain C text, or from the CUDA text
 * (by nvcc when there is a GPU, else by the C compiler and the shim).  Whatever the way, the result is one pgn_model record. */
#include "tool/exec.h"
#include "target/c/c.h"
#include "target/llvm/llvm.h"
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

static bool has_gpu(void) { return !access("/dev/nvidiactl", R_OK | W_OK) && !access("/dev/nvidia0", R_OK | W_OK); }

/* -march of this machine's compilers: x86-64 calls it -march, Arm -mcpu */
static const char *machine_flag(Options *o) {
    const Target *t = o->target;
#if defined(__aarch64__)
    if (!t || !strcmp(t->name, "cpu:native")) return "-mcpu=native";
#else
    if (!t) return "-march=native";
#endif
    return t->march ? arena_printf(o->cx->arena, "-march=%s", t->march) : NULL;
}
static void cc_words(Options *o, bool shim, Words *w) {
    Arena *a = o->cx->arena;
    const char *const words[] = { "-std=gnu11", "-shared", "-fPIC", "-w", "-fno-math-errno", "-fno-trapping-math", arena_printf(a, "-O%d", o->opt),
                                  arena_printf(a, "-I%s", home_include(o->cx)) };
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) vec_add(a, *w, words[k]);
    const char *machine = machine_flag(o);
    if (shim) vec_add(a, *w, "-DPGN_CUDA_SHIM"); else if (machine) vec_add(a, *w, machine);
    if (o->debug) vec_add(a, *w, "-g");
    static const char *const files[] = { "-o", "model.so", "model.c", "-lm" };
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) vec_add(a, *w, files[k]);
}
static void nvcc_words(Options *o, Words *w) {
    Arena *a = o->cx->arena;
    const char *arch = o->target && o->target->kind == TARGET_CUDA ? o->target->cpu : "native";
    const char *const words[] = { "-std=c++17", "-shared", "-Xcompiler", "-fPIC", "-w", arena_printf(a, "-arch=%s", arch), arena_printf(a, "-O%d", o->opt),
                                  arena_printf(a, "-I%s", home_include(o->cx)), "-o", "model.so", "model.cu" };
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) vec_add(a, *w, words[k]);
    if (o->debug) vec_add(a, *w, "-lineinfo");
}
static bool load(Options *o, const char *by, const char *path, const char *symbol, Artifact *a) {
    if (!(a->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL))) diag_error(o->cx, D_TOOL_FAILED, NO_LOC, "`%s` ended without an error, but what it made can't be loaded: %s", by, dlerror());
    else if (!(a->model = dlsym(a->handle, symbol))) diag_error(o->cx, D_TOOL_FAILED, NO_LOC, "`%s` ended without an error, but left out the model's record: %s", by, dlerror());
    return a->model != NULL;
}
static bool from_text(Options *o, Unit *u, bool cuda, bool gpu, Artifact *a) {
    Context *cx = o->cx;
    const char *program = tool_find(cx, gpu ? TOOL_NVCC : TOOL_CC);
    Scratch s;
    if (!program || !scratch_begin(cx, &s)) return false;
    Writer w;
    Words words = { 0 };
    writer_init(&w, cx->arena);
    target_c_prologue(&w, cuda);
    if (cuda) target_cuda_print(u, &w); else target_c_print(u, &w);
    if (gpu) nvcc_words(o, &words); else cc_words(o, cuda, &words);
    const char *library = scratch_file(cx, &s, "model.so");
    bool ok = write_file(cx, scratch_file(cx, &s, gpu ? "model.cu" : "model.c"), w.at, w.n, false) && tool_run(cx, program, &words, &s) &&
              load(o, program, library, arena_printf(cx->arena, "%s_model", u->name), a);
    scratch_end(&s);
    a->how = gpu ? "on a GPU" : cuda ? "on a CPU that plays the GPU" : program;
    return ok;
}
static bool jit_options(Options *o, LlvmOptions *l) {
    const Target *t = o->target ? o->target : target_find(o->cx, "cpu:native");
    *l = (LlvmOptions){ .opt = o->opt, .cpu = t->cpu, .debug = o->debug };
    if (t->kind == TARGET_CPU && !target_triple(t)) return true;
    diag_error(o->cx, D_USAGE, NO_LOC, "code for `%s` can't be run by the processor of this machine", t->name);
    return false;
}
bool executor_machine(Options *o, Machine *m) {
    LlvmOptions l;
    const LlvmTarget *llvm = llvm_target(o->cx);
    return llvm && jit_options(o, &l) && llvm->machine(o->cx, &l, m);
}
static bool from_llvm(Options *o, Unit *u, Artifact *a) {
    LlvmOptions l;
    const LlvmTarget *llvm = llvm_target(o->cx);
    if (!llvm || !jit_options(o, &l)) return false;
    if (o->profile) l.launch = profile_launch();
    if (!(a->jit = llvm->jit(o->cx, &u, 1, &l))) return false;
    a->model = llvm->jit_symbol(a->jit, arena_printf(o->cx->arena, "%s_model", u->name));
    a->how = o->target ? o->target->name : "cpu:native";
    const void *kernels = a->model && o->profile ? llvm->jit_symbol(a->jit, arena_printf(o->cx->arena, "%s_kernels", u->name)) : NULL;
    if (kernels) profile_model(o->cx, u, a->model, kernels);
    return a->model && (kernels || !o->profile);
}
bool artifact_make(Options *o, Unit *u, const char *executor, Artifact *a) {
    *a = (Artifact){ 0 };
    bool cuda = !strncmp(executor, "cuda", 4), ok;
    if (cuda || !strcmp(executor, "c")) ok = from_text(o, u, cuda, cuda && !executor[4] && has_gpu(), a);
    else ok = from_llvm(o, u, a);
    if (!ok) artifact_free(a);
    return ok;
}
void artifact_free(Artifact *a) {
    if (a->handle) dlclose(a->handle);
    if (a->jit) llvm_target(NULL)->jit_free(a->jit);
    *a = (Artifact){ 0 };
}
