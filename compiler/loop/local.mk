libpigeonc_a_SOURCES += compiler/loop/loop.c compiler/loop/loop.h compiler/loop/rtcall.def
