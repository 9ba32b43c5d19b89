check_PROGRAMS = tests/unit/syntax_test tests/unit/runtime_test tests/unit/interp_test tests/unit/ir_roundtrip_test tests/unit/target_c_test
tests_unit_syntax_test_SOURCES = tests/unit/syntax_test.c
tests_unit_syntax_test_LDADD = libpigeonc.a
tests_unit_ir_roundtrip_test_SOURCES = tests/unit/ir_roundtrip_test.c
tests_unit_ir_roundtrip_test_LDADD = libpigeonc.a
tests_unit_interp_test_SOURCES = tests/unit/interp_test.c tests/unit/check.h
tests_unit_interp_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
tests_unit_interp_test_LDADD = libpigeonc.a
tests_unit_runtime_test_SOURCES = tests/unit/runtime_test.c tests/unit/check.h
tests_unit_runtime_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
tests_unit_runtime_test_LDADD = libpigeon.a $(LAPACK_LIBS) $(ZLIB_LIBS)
# loads what it has compiled, which calls back into the runtime
tests_unit_target_c_test_SOURCES = tests/unit/target_c_test.c
tests_unit_target_c_test_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_INCLUDE='"$(abs_srcdir)/runtime/include"'
tests_unit_target_c_test_LDADD = libpigeonc.a libpigeon.a $(LAPACK_LIBS) $(ZLIB_LIBS)
tests_unit_target_c_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic
EXTRA_DIST += tests/run.py tests/reference.py tests/diag tests/fuzz tests/input tests/install tests/syntax tests/values
check-local: pigeonc $(check_PROGRAMS)
	@test "$(PYTHON)" != no || { echo "the tests need Python 3. On Debian: apt-get install python3" >&2; exit 1; }
	SANITIZED="$(SANITIZE)" $(PYTHON) $(srcdir)/tests/run.py $(abs_builddir)
check-all: check-local
.PHONY: check-all
