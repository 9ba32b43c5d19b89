libpigeonc_a_SOURCES += compiler/target/c/names.c compiler/target/c/expr.c compiler/target/c/kernel.c compiler/target/c/host.c \
	compiler/target/c/tables.c compiler/target/c/header.c compiler/target/c/c.h compiler/target/c/print.h
pigeoninclude_HEADERS += runtime/include/pigeon/kernel.h runtime/include/pigeon/cuda_kernel.h runtime/include/pigeon/cuda_shim.h
check_PROGRAMS += tests/unit/target_c_test
tests_unit_target_c_test_SOURCES = tests/unit/target_c_test.c
tests_unit_target_c_test_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_INCLUDE='"$(abs_srcdir)/runtime/include"'
tests_unit_target_c_test_LDADD = libpigeonc.a libpigeon.a $(LLVM_LIBS) $(LAPACK_LIBS) $(ZLIB_LIBS) -ldl -lpthread -lm
tests_unit_target_c_test_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
