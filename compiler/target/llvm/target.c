/* target.c - what pigeonc finds in this module. */
#include "config.h"
#include "target/llvm/llvm.h"

const LlvmTarget pigeon_llvm = { PACKAGE_VERSION, target_llvm_machine, target_llvm_emit_sets, target_llvm_jit, target_llvm_jit_symbol, target_llvm_jit_free };
