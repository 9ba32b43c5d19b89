EXTRA_DIST += tests/run.py
check-local: pigeonc
	$(PYTHON) $(srcdir)/tests/run.py $(abs_builddir)

check-all: all $(check_PROGRAMS)
	$(PYTHON) $(srcdir)/tests/run.py $(abs_builddir)
.PHONY: check-all
