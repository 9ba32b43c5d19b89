# Programs that measure; built when asked for: make bench/spectral
EXTRA_PROGRAMS = bench/spectral
bench_spectral_SOURCES = bench/spectral.c
bench_spectral_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/runtime
bench_spectral_LDADD = libpigeon.a $(LAPACK_LIBS) $(ZLIB_LIBS)
