libpigeonc_a_SOURCES += compiler/loop/loop.c compiler/loop/print.c compiler/loop/read.c compiler/loop/verify.c compiler/loop/loop.h \
	compiler/loop/text.h compiler/loop/rtcall.def
