EXTRA_DIST += tests/run.py tests/reference.py
check-local: pigeonc
	$(PYTHON) $(srcdir)/tests/run.py $(abs_builddir)
check-all: check-local
.PHONY: check-all
