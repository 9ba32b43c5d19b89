# pigeon.mk - rules that make m.o and m.h from m.pgn, for GNU make:
#     include $(shell pkg-config --variable=rules pigeon)
# A C file that includes m.h is told so, since m.h isn't there before the first build:  main.o: m.h
PIGEONC ?= pigeonc
.SUFFIXES: .pgn
.pgn.o:
	$(PIGEONC) $(PIGEONFLAGS) -MD -MP -MF $@.d -o $@ $<
# The command above writes m.h too, and leaves it alone when it would be the same; then nothing that includes it is compiled again.
%.h: %.pgn %.o ; @:
-include $(wildcard *.o.d)
