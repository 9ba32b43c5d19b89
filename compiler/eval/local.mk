libpigeonc_a_SOURCES += compiler/eval/eval.c compiler/eval/eval.h
