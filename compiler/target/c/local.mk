libpigeonc_a_SOURCES += compiler/target/c/names.c compiler/target/c/expr.c compiler/target/c/kernel.c compiler/target/c/host.c \
	compiler/target/c/tables.c compiler/target/c/header.c compiler/target/c/c.h compiler/target/c/print.h
