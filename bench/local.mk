# Programs that measure; built when asked for: make bench/spectral
EXTRA_PROGRAMS = bench/spectral
bench_spectral_SOURCES = bench/spectral.c
bench_spectral_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/runtime
bench_spectral_LDADD = libpigeon.a $(LAPACK_LIBS) $(ZLIB_LIBS)
EXTRA_DIST += bench/results.py bench/spectral.pgn bench/rgnn/bench.py bench/rgnn/graphs.py bench/rgnn/memory.py bench/rgnn/models.pgn bench/rgnn/ours.py bench/rgnn/peers.py \
	bench/rgnn/run.sh bench/rgnn/train.pgn bench/rgnn/train.py bench/rgnn/variants.py
