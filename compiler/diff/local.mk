libpigeonc_a_SOURCES += compiler/diff/diff.c compiler/diff/back.c compiler/diff/gather.c compiler/diff/partial.c compiler/diff/recur.c compiler/diff/node.c compiler/diff/factor.c compiler/diff/clone.c \
	compiler/diff/iterate.c compiler/diff/checkpoint.c compiler/diff/chunk.c \
	compiler/diff/diff.h compiler/diff/inside.h
