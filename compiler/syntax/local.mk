libpigeonc_a_SOURCES += compiler/syntax/lexer.c compiler/syntax/words.c compiler/syntax/tree.c compiler/syntax/expr_text.c compiler/syntax/format.c \
	compiler/syntax/ast.h compiler/syntax/layout.h compiler/syntax/lexer.h compiler/syntax/tree.h
nodist_libpigeonc_a_SOURCES += grammar/pigeon_tab.c
EXTRA_DIST += grammar/pigeon.y
PIGEON_MADE = grammar/pigeon_tab.c grammar/pigeon_tab.h
BUILT_SOURCES += $(PIGEON_MADE)
CLEANFILES += $(PIGEON_MADE)
grammar/pigeon_tab.c: $(srcdir)/grammar/pigeon.y
	@$(MKDIR_P) grammar
	$(BISON) -Wall -Werror --defines=grammar/pigeon_tab.h -o $@ $(srcdir)/grammar/pigeon.y
grammar/pigeon_tab.h: grammar/pigeon_tab.c
	@test -f $@ || { rm -f grammar/pigeon_tab.c; $(MAKE) grammar/pigeon_tab.c; }
