libpigeonc_a_SOURCES += compiler/ir/ir.c compiler/ir/x.c compiler/ir/ir.h
