libpigeonc_a_SOURCES += compiler/base/arena.c compiler/base/context.c compiler/base/diag.c compiler/base/writer.c compiler/base/dtype.c \
	compiler/base/scalar.c compiler/base/base.h compiler/base/complex.h compiler/base/dtype.h compiler/base/diag.def compiler/base/scalar.def
