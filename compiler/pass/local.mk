libpigeonc_a_SOURCES += compiler/pass/pass.c compiler/pass/copy.c compiler/pass/edit.c compiler/pass/query.c compiler/pass/finite.c \
	compiler/pass/simplify.c compiler/pass/algebra.c compiler/pass/inline.c compiler/pass/forward.c compiler/pass/cse.c compiler/pass/share.c compiler/pass/dce.c compiler/pass/turn.c \
	compiler/pass/cost.c compiler/pass/keys.c compiler/pass/place.c compiler/pass/term.c compiler/pass/plan.c compiler/pass/linear.c compiler/pass/hoist.c compiler/pass/compact.c compiler/pass/cut.c compiler/pass/narrow.c compiler/pass/cost.h compiler/pass/keys.h compiler/pass/place.h compiler/pass/term.h compiler/pass/plan.h compiler/pass/hoist.h compiler/pass/compact.h compiler/pass/narrow.h \
	compiler/pass/structure.c compiler/pass/pass.h compiler/pass/query.h
