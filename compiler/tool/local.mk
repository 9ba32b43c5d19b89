pigeonc_SOURCES += compiler/tool/main.c compiler/tool/options.c compiler/tool/query.c compiler/tool/target.c compiler/tool/front.c \
	compiler/tool/compile.c compiler/tool/manifest.c compiler/tool/process.c compiler/tool/run.c compiler/tool/data.c compiler/tool/graph.c \
	compiler/tool/element.c compiler/tool/exec.c compiler/tool/llvm.c compiler/tool/profile.c compiler/tool/explain.c compiler/tool/stats.c compiler/tool/variants.c compiler/tool/tune.c compiler/tool/moves.c compiler/tool/machine.c compiler/tool/launch.c compiler/tool/verify.c compiler/tool/train.c compiler/tool/rows.c compiler/tool/subgraph.c compiler/tool/rows.h compiler/tool/subgraph.h compiler/tool/progress.c compiler/tool/gradcheck.c \
	compiler/tool/tool.h compiler/tool/data.h compiler/tool/load.h compiler/tool/exec.h compiler/tool/tune.h compiler/tool/options.def
# models that are compiled while pigeonc runs call the runtime inside it, and so does the module that compiles them
pigeonc_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic
# made from the table of options
man1_MANS = pigeonc.1
pigeonc.1: pigeonc$(EXEEXT)
	$(AM_V_GEN)./pigeonc --print=man > $@.tmp && mv $@.tmp $@
bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = bash-completion/pigeonc
bash-completion/pigeonc: pigeonc$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) bash-completion && ./pigeonc --print=completion > $@.tmp && mv $@.tmp $@
CLEANFILES += $(man1_MANS) $(nodist_bashcompletion_DATA)
