libpigeonc_a_SOURCES += compiler/sema/build.c compiler/sema/constant.c compiler/sema/declare.c compiler/sema/derive.c compiler/sema/factor.c compiler/sema/iterate.c compiler/sema/equation.c compiler/sema/expr.c compiler/sema/order.c compiler/sema/recur.c \
	compiler/sema/random.c compiler/sema/reduce.c compiler/sema/scope.c compiler/sema/subscript.c compiler/sema/sema.h compiler/sema/scope.h
