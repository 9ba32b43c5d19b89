libpigeon_a_SOURCES += runtime/npy.c runtime/triples.c
pigeoninclude_HEADERS = runtime/include/pigeon/model.h runtime/include/pigeon/io.h
