libpigeonc_a_SOURCES += compiler/pass/pass.c compiler/pass/copy.c compiler/pass/simplify.c compiler/pass/cse.c compiler/pass/dce.c \
	compiler/pass/structure.c compiler/pass/pass.h
