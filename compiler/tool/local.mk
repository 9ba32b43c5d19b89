pigeonc_SOURCES += compiler/tool/main.c compiler/tool/options.c compiler/tool/front.c compiler/tool/data.c compiler/tool/run.c \
	compiler/tool/tool.h compiler/tool/data.h compiler/tool/options.def
