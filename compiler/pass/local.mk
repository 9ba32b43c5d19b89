libpigeonc_a_SOURCES += compiler/pass/pass.c compiler/pass/copy.c compiler/pass/edit.c compiler/pass/query.c compiler/pass/finite.c \
	compiler/pass/simplify.c compiler/pass/algebra.c compiler/pass/inline.c compiler/pass/forward.c compiler/pass/cse.c compiler/pass/share.c compiler/pass/dce.c \
	compiler/pass/structure.c compiler/pass/pass.h compiler/pass/query.h
