libpigeonc_a_SOURCES += compiler/syntax/lexer.c compiler/syntax/parser.c compiler/syntax/expr_text.c compiler/syntax/format.c \
	compiler/syntax/ast.h compiler/syntax/layout.h compiler/syntax/lexer.h
