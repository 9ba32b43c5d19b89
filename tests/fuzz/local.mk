# `make fuzz`: libFuzzer over everything that reads text, from the examples and tests as seeds; FUZZ_SECONDS says how long, FUZZ_FLAGS what else.
# A crash is left in fuzz/ of the build folder; made small (FUZZ_FLAGS=-minimize_crash=1) it belongs into tests/fuzz/corpus.
check_PROGRAMS += tests/fuzz/replay
tests_fuzz_replay_SOURCES = tests/fuzz/parse_fuzz.c
tests_fuzz_replay_CPPFLAGS = $(AM_CPPFLAGS) -DREPLAY
tests_fuzz_replay_LDADD = libpigeonc.a
FUZZ_SECONDS = 60
FUZZ_FOLDERS = base syntax ir loop diff sema pass
fuzz/parse_fuzz: $(BUILT_SOURCES) $(libpigeonc_a_OBJECTS) $(srcdir)/tests/fuzz/parse_fuzz.c
	@test "$(CLANG)" != no || { echo "fuzzing needs clang. On Debian: apt-get install clang" >&2; exit 1; }
	@$(MKDIR_P) fuzz/seeds fuzz/found
	$(CLANG) -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) -o $@ \
	  $(srcdir)/tests/fuzz/parse_fuzz.c `for d in $(FUZZ_FOLDERS); do echo $(srcdir)/compiler/$$d/*.c; done` grammar/*.c -lm
fuzz/words.dict: $(srcdir)/compiler/syntax/words.c
	@$(MKDIR_P) fuzz
	@grep -o '{ "[a-z_]*", PIGEON' $(srcdir)/compiler/syntax/words.c | sed 's/{ //; s/, PIGEON//' >$@
fuzz-seeds: pigeonc$(EXEEXT)
	@$(MKDIR_P) fuzz/seeds
	@for f in $(srcdir)/examples/*/*.pgn $(srcdir)/lib/std/*.pgn $(srcdir)/tests/*/*.pgn $(srcdir)/tests/*/*.ir $(srcdir)/tests/*/*.loop; do \
	  case $$f in */input/*) ;; *) cp "$$f" fuzz/seeds/`echo $$f | tr / _` ;; esac; \
	  case $$f in *.pgn) ./pigeonc ir $$f >fuzz/seeds/`echo $$f | tr / _`.ir 2>/dev/null || rm -f fuzz/seeds/`echo $$f | tr / _`.ir ;; esac; done
fuzz: fuzz/parse_fuzz fuzz/words.dict fuzz-seeds
	PIGEON_LIB=$(abs_srcdir)/lib fuzz/parse_fuzz -dict=fuzz/words.dict -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 -max_len=20000 \
	  -artifact_prefix=fuzz/ -print_final_stats=1 $(FUZZ_FLAGS) fuzz/found fuzz/seeds $(srcdir)/tests/fuzz/corpus
.PHONY: fuzz fuzz-seeds
clean-local: clean-fuzz
clean-fuzz:
	rm -rf fuzz
