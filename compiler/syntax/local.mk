libpigeonc_a_SOURCES += compiler/syntax/lexer.c compiler/syntax/parser.c compiler/syntax/expr_text.c compiler/syntax/ast.h compiler/syntax/lexer.h
