libpigeonc_a_SOURCES += compiler/interp/interp.c compiler/interp/compile.c compiler/interp/reduce.c compiler/interp/eval.c compiler/interp/transform.c \
	compiler/interp/select.c compiler/interp/factor.c compiler/interp/dense.c compiler/interp/interp.h compiler/interp/inside.h compiler/interp/dense.h
