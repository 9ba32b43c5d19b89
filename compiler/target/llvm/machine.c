/* machine.c - which machine the code is for: triple, CPU, width of its vectors; and the way from a module to bytes.
 *
 * LLVM complains about an unknown CPU on standard error and goes on with another one, so the names are checked here first.
 * The tables state only what code generation decides by: register width, and which masked accesses are single instructions. */
#include "target/llvm/emit.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <llvm/Config/llvm-config.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void initialize(void) {
    LLVMInitializeAllTargetInfos();
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
}
const char *target_llvm_version(void) { return LLVM_VERSION_STRING; }
bool target_llvm_known_target(const char *triple) {
    pthread_once(&once, initialize);
    LLVMTargetRef t;
    char *error = NULL;
    bool bad = LLVMGetTargetFromTriple(triple, &t, &error);
    if (error) LLVMDisposeMessage(error);
    return !bad && LLVMTargetHasTargetMachine(t) && LLVMTargetHasAsmBackend(t);
}

typedef struct Cpu { const char *name; int bits; int since; } Cpu;      /* since: the first LLVM that knows it, 0: all of 15..20 */
static const Cpu x86[] = {
    { "x86-64", 128, 0 }, { "x86-64-v2", 128, 0 }, { "x86-64-v3", 256, 0 }, { "x86-64-v4", 512, 0 }, { "haswell", 256, 0 },
    { "broadwell", 256, 0 }, { "skylake", 256, 0 }, { "alderlake", 256, 0 }, { "raptorlake", 256, 16 }, { "meteorlake", 256, 16 },
    { "sierraforest", 256, 16 }, { "znver1", 256, 0 }, { "znver2", 256, 0 }, { "znver3", 256, 0 }, { "znver4", 512, 16 }, { "znver5", 512, 20 },
    { "skylake-avx512", 512, 0 }, { "cascadelake", 512, 0 }, { "cooperlake", 512, 0 }, { "icelake-client", 512, 0 },
    { "icelake-server", 512, 0 }, { "tigerlake", 512, 0 }, { "rocketlake", 512, 0 }, { "sapphirerapids", 512, 0 },
    { "emeraldrapids", 512, 16 }, { "graniterapids", 512, 16 }
};
static const Cpu arm[] = {
    { "generic", 128, 0 }, { "cortex-a53", 128, 0 }, { "cortex-a55", 128, 0 }, { "cortex-a57", 128, 0 }, { "cortex-a72", 128, 0 },
    { "cortex-a76", 128, 0 }, { "cortex-a78", 128, 0 }, { "cortex-x1", 128, 0 }, { "neoverse-n1", 128, 0 }, { "neoverse-n2", 128, 0 },
    { "neoverse-v1", 128, 0 }, { "neoverse-v2", 128, 16 }, { "apple-m1", 128, 0 }, { "apple-m2", 128, 16 }, { "a64fx", 128, 0 },
    { "ampere1", 128, 0 }
};
static const Cpu other[] = { { "generic", 128, 0 } };

static const Cpu *find_cpu(const Cpu *at, size_t n, const char *name) {
    for (size_t k = 0; k < n; k++) if (!strcmp(at[k].name, name) && at[k].since <= LLVM_VERSION_MAJOR) return &at[k];
    return NULL;
}
static bool has_feature(const char *features, const char *f) {
    const char *at = strstr(features, f);
    size_t n = strlen(f);
    for (; at; at = strstr(at + 1, f)) if (at[n] == ',' || !at[n]) return true;
    return false;
}
static bool starts(const char *s, const char *prefix) { return !strncmp(s, prefix, strlen(prefix)); }

bool machine_open(Context *cx, const LlvmOptions *o, Target *m) {
    pthread_once(&once, initialize);
    *m = (Target){ 0 };
    char *host = LLVMGetDefaultTargetTriple();
    m->triple = o->triple ? LLVMNormalizeTargetTriple(o->triple) : LLVMNormalizeTargetTriple(host);
    bool is_x86 = starts(m->triple, "x86_64"), is_arm = starts(m->triple, "aarch64") || starts(m->triple, "arm64");
    bool host_x86 = starts(host, "x86_64"), host_arm = starts(host, "aarch64") || starts(host, "arm64");
    LLVMDisposeMessage(host);
    LLVMTargetRef target;
    char *error = NULL;
    if (!target_llvm_known_target(m->triple) || LLVMGetTargetFromTriple(m->triple, &target, &error)) {
        if (error) LLVMDisposeMessage(error);
        diag_help(diag_error(cx, D_USAGE, NO_LOC, "LLVM %s has no target `%s`", LLVM_VERSION_STRING, o->triple ? o->triple : m->triple),
                  "name one such as x86_64-linux-gnu or aarch64-linux-gnu");
        machine_close(m);
        return false;
    }
    const char *cpu = o->cpu ? o->cpu : "generic";
    char *host_cpu = NULL, *host_features = NULL;
    const char *features = "";
    m->vector_bits = 128;
    bool avx2 = false, avx512 = false, fits = true;
    if (!strcmp(cpu, "native")) {
        fits = (is_x86 && host_x86) || (is_arm && host_arm) || !o->triple;
        if (fits) {
            cpu = host_cpu = LLVMGetHostCPUName();
            features = host_features = LLVMGetHostCPUFeatures();
            avx2 = is_x86 && has_feature(features, "+avx2") && has_feature(features, "+fma");
            avx512 = avx2 && has_feature(features, "+avx512f") && has_feature(features, "+avx512bw") && has_feature(features, "+avx512vl") &&
                     has_feature(features, "+avx512dq");
            m->half = is_arm || (is_x86 && has_feature(features, "+f16c"));
            m->vector_bits = avx512 ? 512 : avx2 ? 256 : 128;
        }
    } else {
        if (is_x86 && !strcmp(cpu, "generic")) cpu = "x86-64";
        const Cpu *c = is_x86 ? find_cpu(x86, sizeof x86 / sizeof *x86, cpu) : is_arm ? find_cpu(arm, sizeof arm / sizeof *arm, cpu) :
                       find_cpu(other, 1, cpu);
        fits = c != NULL;
        if (c) m->vector_bits = c->bits;
        avx2 = is_x86 && m->vector_bits >= 256, avx512 = is_x86 && m->vector_bits >= 512;
        m->half = is_arm || avx2;
        if (!is_x86 && !is_arm) cpu = "";
    }
    if (!fits) {
        Diag *d = diag_error(cx, D_USAGE, NO_LOC, "the target `%s` has no CPU `%s`", m->triple, o->cpu ? o->cpu : "generic");
        diag_help(d, is_x86 ? "x86-64, x86-64-v3 (AVX2) and x86-64-v4 (AVX-512) name levels; native is this machine" : "generic is always right");
        machine_close(m);
        return false;
    }
    m->min_number = is_arm, m->streams = is_x86;
    m->masked_memory = avx2, m->masked_bytes = avx512;
    m->n_vector_registers = avx512 || is_arm ? 32 : 16;
    LLVMCodeGenOptLevel level = o->opt <= 0 ? LLVMCodeGenLevelNone : o->opt == 1 ? LLVMCodeGenLevelLess : o->opt == 2 ? LLVMCodeGenLevelDefault : LLVMCodeGenLevelAggressive;
    m->tm = LLVMCreateTargetMachine(target, m->triple, cpu, features, level, LLVMRelocPIC, LLVMCodeModelDefault);
    if (host_cpu) LLVMDisposeMessage(host_cpu);
    if (host_features) LLVMDisposeMessage(host_features);
    if (m->tm) m->layout = LLVMCreateTargetDataLayout(m->tm);
    if (!m->tm || LLVMPointerSize(m->layout) != 8) {
        diag_error(cx, D_UNSUPPORTED, NO_LOC, "code for `%s` can't be made: only targets with 64-bit pointers are supported", m->triple);
        machine_close(m);
        return false;
    }
    return true;
}
void machine_close(Target *m) {
    if (m->layout) LLVMDisposeTargetData(m->layout);
    if (m->tm) LLVMDisposeTargetMachine(m->tm);
    if (m->triple) LLVMDisposeMessage(m->triple);
    *m = (Target){ 0 };
}
bool target_llvm_machine(Context *cx, const LlvmOptions *o, Machine *m) {
    Target t;
    if (!machine_open(cx, o, &t)) return false;
    *m = (Machine){ t.vector_bits / 8, t.n_vector_registers };
    machine_close(&t);
    return true;
}

/* Nothing here is to be inlined, and loops come with their shape: a third of the usual pipeline makes the same code in half the time. */
#if LLVM_VERSION_MAJOR >= 18
#define COMBINE "instcombine<no-verify-fixpoint>"
#else
#define COMBINE "instcombine"
#endif
#define REGISTERS "function(sroa,early-cse<memssa>,simplifycfg," COMBINE ",loop-mssa(loop-rotate,licm)"
static const char *const pipeline[] = { "default<O0>", REGISTERS ",simplifycfg)", REGISTERS ",loop(loop-unroll-full),gvn," COMBINE ",loop-mssa(licm),simplifycfg)", "default<O3>" };
bool machine_emit(Context *cx, Target *m, LLVMModuleRef mod, int opt, LlvmOutput kind, LLVMMemoryBufferRef *out) {
    char *error = NULL;
    if (LLVMVerifyModule(mod, LLVMReturnStatusAction, &error)) {
        diag_error(cx, D_INTERNAL, NO_LOC, "the code made for LLVM is not valid: %s", error);
        LLVMDisposeMessage(error);
        return false;
    }
    LLVMDisposeMessage(error);
    LLVMPassBuilderOptionsRef po = LLVMCreatePassBuilderOptions();
    /* lane loops are vectors already; LLVM's own vectorisers would only unroll their remainders */
    LLVMPassBuilderOptionsSetLoopVectorization(po, false);
    LLVMPassBuilderOptionsSetSLPVectorization(po, false);
    LLVMPassBuilderOptionsSetLoopInterleaving(po, false);
    LLVMErrorRef e = LLVMRunPasses(mod, pipeline[opt < 0 ? 0 : opt > 3 ? 3 : opt], m->tm, po);
    LLVMDisposePassBuilderOptions(po);
    if (e) {
        char *text = LLVMGetErrorMessage(e);
        diag_error(cx, D_INTERNAL, NO_LOC, "LLVM could not optimise the code: %s", text);
        LLVMDisposeErrorMessage(text);
        return false;
    }
    if (kind == LLVM_IR) {
        char *text = LLVMPrintModuleToString(mod);
        *out = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "ir");
        LLVMDisposeMessage(text);
        return true;
    }
    error = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(m->tm, mod, kind == LLVM_OBJECT ? LLVMObjectFile : LLVMAssemblyFile, &error, out)) {
        diag_error(cx, D_INTERNAL, NO_LOC, "LLVM could not make code: %s", error ? error : "no reason given");
        if (error) LLVMDisposeMessage(error);
        return false;
    }
    return true;
}

/* LLVM reports trouble through the module's context: it becomes a diagnostic of ours instead of text on standard error. */
static void heard(LLVMDiagnosticInfoRef info, void *data) {
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError) return;
    char *text = LLVMGetDiagInfoDescription(info);
    diag_error(data, D_INTERNAL, NO_LOC, "LLVM: %s", text);
    LLVMDisposeMessage(text);
}
static bool emit(Context *cx, const LlvmSet *set, int n_set, int n, const LlvmOptions *o, Target *machine, LlvmOutput kind, const void **data, size_t *size) {
    int errors = cx->n_errors;
    LLVMContextRef c = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(c, heard, cx);
    LLVMModuleRef mod = module_of(cx, set, n_set, n, o, machine, c);
    LLVMMemoryBufferRef buffer;
    bool ok = mod && machine_emit(cx, &machine[0], mod, o->opt, kind, &buffer);
    if (ok) {
        *size = LLVMGetBufferSize(buffer);
        *data = arena_strndup(cx->arena, LLVMGetBufferStart(buffer), *size);
        LLVMDisposeMemoryBuffer(buffer);
    }
    if (mod) LLVMDisposeModule(mod);
    LLVMContextDispose(c);
    return ok && cx->n_errors == errors;
}
bool target_llvm_emit_sets(Context *cx, const LlvmSet *set, int n_set, int n, const LlvmOptions *o, LlvmOutput kind, const void **data, size_t *size) {
    Target *machine = NEWN(cx->arena, Target, n_set + 1);
    LlvmSet *known = NEWN(cx->arena, LlvmSet, n_set + 1);
    bool ok = true;
    int open = 0;
    for (; open < n_set && ok; open++) {
        LlvmOptions own = *o;
        own.cpu = set[open].cpu;
        ok = machine_open(cx, &own, &machine[open]);
        known[open] = set[open];
        if (!ok || known[open].needs || !own.cpu || strcmp(own.cpu, "native")) continue;
        if (starts(machine[open].triple, "x86_64") && machine[open].vector_bits > 128) known[open].needs = machine[open].vector_bits > 256 ? "cpu:avx512" : "cpu:avx2";
    }
    ok = ok && emit(cx, known, n_set, n, o, machine, kind, data, size);
    for (int k = 0; k < open; k++) machine_close(&machine[k]);
    return ok;
}
bool target_llvm_emit(Context *cx, Unit **units, int n, const LlvmOptions *o, LlvmOutput kind, const void **data, size_t *size) {
    LlvmSet set = { o->cpu, o->needs, units };
    return target_llvm_emit_sets(cx, &set, 1, n, o, kind, data, size);
}
