# A module of its own, which pigeonc loads when code is to be made; what it needs of the compiler and the runtime it finds in pigeonc.
noinst_LIBRARIES += libpigeonllvm.a
libpigeonllvm_a_CFLAGS = $(AM_CFLAGS) -fPIC
libpigeonllvm_a_SOURCES = compiler/target/llvm/target.c compiler/target/llvm/machine.c compiler/target/llvm/jit.c compiler/target/llvm/module.c compiler/target/llvm/record.c \
	compiler/target/llvm/host.c compiler/target/llvm/kernel.c compiler/target/llvm/lane.c compiler/target/llvm/stream.c compiler/target/llvm/study.c \
	compiler/target/llvm/expr.c compiler/target/llvm/memory.c compiler/target/llvm/scalar.c compiler/target/llvm/math.c compiler/target/llvm/llvm.h \
	compiler/target/llvm/emit.h compiler/target/llvm/study.h
moduledir = $(libdir)/pigeon
module_DATA = pigeon-llvm.so
CLEANFILES += pigeon-llvm.so
pigeon-llvm.so: $(libpigeonllvm_a_OBJECTS)
	$(AM_V_CCLD)$(CC) -shared $(CFLAGS) $(SANITIZE) $(LDFLAGS) -Wl,-Bsymbolic -o $@ $(libpigeonllvm_a_OBJECTS) $(LLVM_LIBS) $(LIBS)
