libpigeonc_a_SOURCES += compiler/ir/ir.c compiler/ir/x.c compiler/ir/sexp.c compiler/ir/print.c compiler/ir/print_x.c compiler/ir/read.c \
	compiler/ir/read_x.c compiler/ir/verify.c compiler/ir/verify_x.c compiler/ir/query.c compiler/ir/schedule.c compiler/ir/scalar.c compiler/ir/scalar.h compiler/ir/ir.h compiler/ir/sexp.h \
	compiler/ir/sexp_reader.h compiler/ir/text.h compiler/ir/verify.h compiler/ir/schedule.h compiler/ir/schedule.def
nodist_libpigeonc_a_SOURCES += grammar/sexp_tab.c grammar/sexp_lex.c grammar/schedule_tab.c
EXTRA_DIST += grammar/sexp.y grammar/sexp.l grammar/schedule.y
SEXP_MADE = grammar/sexp_tab.c grammar/sexp_tab.h grammar/sexp_lex.c grammar/sexp_lex.h grammar/schedule_tab.c
BUILT_SOURCES += $(SEXP_MADE)
CLEANFILES += $(SEXP_MADE)
grammar/sexp_tab.c: $(srcdir)/grammar/sexp.y
	@$(MKDIR_P) grammar
	$(BISON) -Wall -Werror --defines=grammar/sexp_tab.h -o $@ $(srcdir)/grammar/sexp.y
grammar/sexp_lex.c: $(srcdir)/grammar/sexp.l
	@$(MKDIR_P) grammar
	$(FLEX) --header-file=grammar/sexp_lex.h -o $@ $(srcdir)/grammar/sexp.l
grammar/sexp_tab.h: grammar/sexp_tab.c
	@test -f $@ || { rm -f grammar/sexp_tab.c; $(MAKE) grammar/sexp_tab.c; }
grammar/sexp_lex.h: grammar/sexp_lex.c
	@test -f $@ || { rm -f grammar/sexp_lex.c; $(MAKE) grammar/sexp_lex.c; }
grammar/schedule_tab.c: $(srcdir)/grammar/schedule.y
	@$(MKDIR_P) grammar
	$(BISON) -Wall -Werror -o $@ $(srcdir)/grammar/schedule.y
