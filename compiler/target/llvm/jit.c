/* jit.c - code made and linked in this process.  The module becomes an object first, by the same way as a file would, and
 * ORC's LLJIT links it: so what runs here is what an object file holds, and no LLVM context outlives the call. */
#include "target/llvm/emit.h"
#include "pigeon/model.h"
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>

struct LlvmJit { Context *cx; LLVMOrcLLJITRef jit; };

static bool failed(Context *cx, LLVMErrorRef e, const char *what) {
    if (!e) return false;
    char *text = LLVMGetErrorMessage(e);
    diag_error(cx, D_INTERNAL, NO_LOC, "%s: %s", what, text);
    LLVMDisposeErrorMessage(text);
    return true;
}
/* What generated code calls in libpigeon. It is linked into this program, which need not export it. */
static bool define_runtime(LlvmJit *j, void *launch) {
    const struct { const char *name; void *at; } runtime[] = {
#define RTCALL(id, function, what) { #function, (void *)function },
#include "loop/rtcall.def"
#undef RTCALL
        { "pgn_env_alloc", (void *)pgn_env_alloc }, { "pgn_env_launch", launch ? launch : (void *)pgn_env_launch }, { "pgn_env_fail", (void *)pgn_env_fail }
    };
    for (size_t k = 0; k < sizeof runtime / sizeof *runtime; k++) if (!target_llvm_jit_define(j, runtime[k].name, runtime[k].at)) return false;
    return true;
}
LlvmJit *target_llvm_jit(Context *cx, Unit **units, int n, const LlvmOptions *o) {
    if (o->triple) {
        diag_error(cx, D_USAGE, NO_LOC, "code for `%s` can't run in this process", o->triple);
        return NULL;
    }
    const void *object;
    size_t size;
    if (!target_llvm_emit(cx, units, n, o, LLVM_OBJECT, &object, &size)) return NULL;
    LlvmJit *j = NEW(cx->arena, LlvmJit);
    j->cx = cx;
    if (failed(cx, LLVMOrcCreateLLJIT(&j->jit, NULL), "LLVM's JIT can't start")) return NULL;
    LLVMOrcJITDylibRef main = LLVMOrcLLJITGetMainJITDylib(j->jit);
    LLVMOrcDefinitionGeneratorRef process;
    if (failed(cx, LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(j->jit), NULL, NULL),
               "the symbols of this process can't be read")) {
        target_llvm_jit_free(j);
        return NULL;
    }
    LLVMOrcJITDylibAddGenerator(main, process);
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(object, size, "model");
    if (failed(cx, LLVMOrcLLJITAddObjectFile(j->jit, main, buffer), "LLVM's JIT refuses the object") || !define_runtime(j, o->launch)) {
        target_llvm_jit_free(j);
        return NULL;
    }
    return j;
}
bool target_llvm_jit_define(LlvmJit *j, const char *name, void *address) {
    LLVMOrcCSymbolMapPair pair = { LLVMOrcLLJITMangleAndIntern(j->jit, name),
                                   { (LLVMOrcExecutorAddress)(uintptr_t)address, { LLVMJITSymbolGenericFlagsExported, 0 } } };
    LLVMOrcMaterializationUnitRef unit = LLVMOrcAbsoluteSymbols(&pair, 1);
    LLVMErrorRef e = LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(j->jit), unit);
    if (e) LLVMOrcDisposeMaterializationUnit(unit);
    return !failed(j->cx, e, "a symbol can't be defined");
}
const void *target_llvm_jit_symbol(LlvmJit *j, const char *name) {
    LLVMOrcExecutorAddress at = 0;
    if (failed(j->cx, LLVMOrcLLJITLookup(j->jit, &at, name), "the compiled model can't be linked")) return NULL;
    return (const void *)(uintptr_t)at;
}
void target_llvm_jit_free(LlvmJit *j) {
    if (j && j->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(j->jit));
    if (j) j->jit = NULL;
}
