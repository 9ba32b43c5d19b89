libpigeon_a_SOURCES += runtime/status.c runtime/plan.c runtime/parallel.c runtime/structure.c runtime/dft.c runtime/fft.c runtime/sort.c runtime/factor.c \
	runtime/npy.c runtime/triples.c runtime/internal.h runtime/fft.h
pigeoninclude_HEADERS = runtime/include/pigeon/model.h runtime/include/pigeon/io.h
