libpigeonc_a_SOURCES += compiler/lower/lower.c compiler/lower/interface.c compiler/lower/rows.c compiler/lower/schedule.c compiler/lower/compute.c compiler/lower/tile.c compiler/lower/push.c compiler/lower/tile.h compiler/lower/recur.c compiler/lower/build.c \
	compiler/lower/expr.c compiler/lower/complex.c compiler/lower/reduce.c compiler/lower/order.c compiler/lower/linear.c compiler/lower/transform.c \
	compiler/lower/select.c compiler/lower/factor.c compiler/lower/iterate.c compiler/lower/derive.c compiler/lower/fuse.c compiler/lower/lower.h compiler/lower/linear.h compiler/lower/reduce.h
