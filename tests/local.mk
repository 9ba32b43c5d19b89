check_PROGRAMS = tests/unit/syntax_test tests/unit/runtime_test tests/unit/io_test tests/unit/interp_test tests/unit/ir_roundtrip_test tests/unit/target_c_test
tests_unit_syntax_test_SOURCES = tests/unit/syntax_test.c
tests_unit_syntax_test_LDADD = libpigeonc.a
tests_unit_ir_roundtrip_test_SOURCES = tests/unit/ir_roundtrip_test.c
tests_unit_ir_roundtrip_test_LDADD = libpigeonc.a
check_PROGRAMS += tests/unit/pass_test
tests_unit_pass_test_SOURCES = tests/unit/pass_test.c tests/unit/check.h
tests_unit_pass_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit -DTEST_PROGRAMS='"$(abs_srcdir)/tests/pass"'
tests_unit_pass_test_LDADD = libpigeonc.a
tests_unit_interp_test_SOURCES = tests/unit/interp_test.c tests/unit/check.h
tests_unit_interp_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
tests_unit_interp_test_LDADD = libpigeonc.a
tests_unit_io_test_SOURCES = tests/unit/io_test.c tests/unit/check.h
tests_unit_io_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
tests_unit_io_test_LDADD = libpigeon.a $(LAPACK_LIBS) $(ZLIB_LIBS)
tests_unit_runtime_test_SOURCES = tests/unit/runtime_test.c tests/unit/runtime.h tests/unit/check.h
tests_unit_runtime_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit -I$(srcdir)/runtime
tests_unit_runtime_test_LDADD = libpigeon.a $(LAPACK_LIBS) $(ZLIB_LIBS)
check_PROGRAMS += tests/unit/dft_test
tests_unit_dft_test_SOURCES = tests/unit/dft_test.c tests/unit/runtime.h tests/unit/check.h
tests_unit_dft_test_CPPFLAGS = $(tests_unit_runtime_test_CPPFLAGS)
tests_unit_dft_test_LDADD = $(tests_unit_runtime_test_LDADD)
# loads what it has compiled, which calls back into the runtime
tests_unit_target_c_test_SOURCES = tests/unit/target_c_test.c
tests_unit_target_c_test_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_INCLUDE='"$(abs_srcdir)/runtime/include"'
tests_unit_target_c_test_LDADD = libpigeonc.a libpigeon.a $(LAPACK_LIBS) $(ZLIB_LIBS)
tests_unit_target_c_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic
check_PROGRAMS += tests/unit/target_llvm_test
tests_unit_target_llvm_test_SOURCES = tests/unit/target_llvm_test.c tests/unit/loop_run.c tests/unit/loop_run.h tests/unit/loop_eval.c tests/unit/loop_eval.h
tests_unit_target_llvm_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit -DTEST_UNITS='"$(abs_srcdir)/tests/loop"'
tests_unit_target_llvm_test_LDADD = libpigeonllvm.a libpigeonc.a libpigeon.a $(LLVM_LIBS) $(LAPACK_LIBS) $(ZLIB_LIBS)
EXTRA_DIST += tests/run.py tests/reference.py tests/reference_peers.py tests/reference_gradients.py tests/reference_training.py tests/training_peer.py tests/std.txt tests/diag tests/fuzz/corpus tests/input tests/install tests/loop tests/pass tests/random tests/syntax tests/tool tests/training tests/values
check-local: pigeonc $(check_PROGRAMS)
	@test "$(PYTHON)" != no || { echo "the tests need Python 3. On Debian: apt-get install python3" >&2; exit 1; }
	SANITIZED="$(SANITIZE)" $(PYTHON) $(srcdir)/tests/run.py $(abs_builddir) $(CHECK)
check-all: all
	$(MAKE) $(AM_MAKEFLAGS) check-local
# for builds with sanitizers: everything, or what has threads
check-programs: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) pigeonc $(check_PROGRAMS)
thread-programs: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) tests/unit/runtime_test tests/unit/io_test
.PHONY: check-all check-programs thread-programs
