libpigeonc_a_SOURCES += compiler/interp/interp.c compiler/interp/interp.h
