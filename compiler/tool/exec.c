/* exec.c - a unit made callable: by the in-process LLVM JIT, by the system's C compiler from the plain C text, or from the CUDA text
 * (by nvcc when there is a GPU, else by the C compiler and the shim).  Whatever the way, the result is one pgn_model record. */
#include "tool/tool.h"
#include "target/c/c.h"
#include "target/llvm/llvm.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The generated code of every executor calls these from the program itself; the table keeps the linker from dropping them. */
void *const pigeonc_runtime_symbols[] = {
#define RTCALL(id, function, what) (void *)function,
#include "loop/rtcall.def"
#undef RTCALL
    (void *)pgn_env_alloc, (void *)pgn_env_launch, (void *)pgn_env_fail, (void *)pgn_env_call_staged, (void *)pgn_env_read_flag,
};

static bool run_tool(Options *o, const char *const *argv, const char *log) {
    pid_t pid = fork();
    if (pid < 0) { diag_error(o->cx, D_TOOL_MISSING, NO_LOC, "`%s` could not be started: %s", argv[0], strerror(errno)); return false; }
    if (!pid) {
        if (!freopen(log, "w", stderr) || !freopen("/dev/null", "w", stdout)) _exit(126);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) { }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        diag_help(diag_error(o->cx, D_TOOL_MISSING, NO_LOC, "the compiler `%s` was not found", argv[0]), "install it, or use --executor=cpu");
        return false;
    }
    char text[1500] = "";
    FILE *f = fopen(log, "r");
    if (f) { size_t n = fread(text, 1, sizeof text - 1, f); text[n] = 0; fclose(f); }
    diag_error(o->cx, D_INTERNAL, NO_LOC, "`%s` refused the generated code:\n%s", argv[0], text);
    return false;
}

static bool has_gpu(void) { return *NVCC_PATH && access("/dev/nvidiactl", R_OK) == 0; }

static bool from_text(Options *o, Unit *u, bool cuda, Artifact *a) {
    const char *tmp = getenv("TMPDIR");
    char *dir = arena_printf(o->cx->arena, "%s/pigeon-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) { diag_error(o->cx, D_WRITE_FAILED, NO_LOC, "no temporary folder `%s`: %s", dir, strerror(errno)); return false; }
    bool gpu = cuda && has_gpu();
    Arena *ar = o->cx->arena;
    const char *src = arena_printf(ar, "%s/m.%s", dir, gpu ? "cu" : "c"), *so = arena_printf(ar, "%s/m.so", dir), *log = arena_printf(ar, "%s/log", dir);
    Writer w;
    writer_init(&w, ar);
    target_c_prologue(&w, cuda);
    if (cuda) target_cuda_print(u, &w); else target_c_print(u, &w);
    bool ok = write_file(o->cx, src, w.at, w.n, false);
    if (ok) {
        const char *cc = getenv("CC"), *inc = arena_printf(ar, "-I%s", home_include(o->cx)), *opt = arena_printf(ar, "-O%d", o->opt);
        if (!cc || !*cc || strchr(cc, ' ')) cc = "cc";
        if (gpu) {
            const char *argv[] = { NVCC_PATH, "-shared", "-Xcompiler", "-fPIC", "-arch=native", opt, inc, "-o", so, src, NULL };
            ok = run_tool(o, argv, log);
        } else {
            const char *argv[] = { cc, "-std=gnu11", "-shared", "-fPIC", "-w", cuda ? "-O1" : opt, cuda ? "-DPGN_CUDA_SHIM" : "-march=native", inc,
                                   "-o", so, src, "-lm", NULL };
            ok = run_tool(o, argv, log);
        }
    }
    if (ok && !(a->handle = dlopen(so, RTLD_NOW | RTLD_LOCAL))) {
        diag_error(o->cx, D_INTERNAL, NO_LOC, "the compiled model can't be loaded: %s", dlerror());
        ok = false;
    }
    if (ok && !(a->model = dlsym(a->handle, arena_printf(ar, "%s_model", u->name)))) {
        diag_error(o->cx, D_INTERNAL, NO_LOC, "the compiled model has no record: %s", dlerror());
        ok = false;
    }
    unlink(src); unlink(so); unlink(log); rmdir(dir);
    return ok;
}

bool artifact_make(Options *o, Unit *u, const char *executor, Artifact *a) {
    *a = (Artifact){ 0 };
    if (!strcmp(executor, "c")) return from_text(o, u, false, a);
    if (!strcmp(executor, "cuda")) return from_text(o, u, true, a);
    LlvmOptions l = { .opt = o->opt, .cpu = "native", .debug = o->debug };
    if (o->target && !strncmp(o->target, "cpu:", 4))
        l.cpu = !strcmp(o->target + 4, "avx2") ? "x86-64-v3" : !strcmp(o->target + 4, "avx512") ? "x86-64-v4" : o->target + 4;
    if (!(a->jit = target_llvm_jit(o->cx, &u, 1, &l))) return false;
    if (!(a->model = target_llvm_jit_symbol(a->jit, arena_printf(o->cx->arena, "%s_model", u->name)))) {
        diag_error(o->cx, D_INTERNAL, NO_LOC, "the compiled model has no record");
        return false;
    }
    return true;
}

void artifact_free(Artifact *a) {
    if (a->handle) dlclose(a->handle);
    if (a->jit) target_llvm_jit_free(a->jit);
    *a = (Artifact){ 0 };
}
