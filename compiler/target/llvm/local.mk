libpigeonc_a_SOURCES += compiler/target/llvm/machine.c compiler/target/llvm/jit.c compiler/target/llvm/module.c compiler/target/llvm/record.c \
	compiler/target/llvm/host.c compiler/target/llvm/kernel.c compiler/target/llvm/lane.c compiler/target/llvm/study.c \
	compiler/target/llvm/expr.c compiler/target/llvm/memory.c compiler/target/llvm/scalar.c compiler/target/llvm/math.c compiler/target/llvm/llvm.h \
	compiler/target/llvm/emit.h compiler/target/llvm/study.h
