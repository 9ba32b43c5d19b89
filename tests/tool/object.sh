# Object files: the same bytes again, for every target, and linked with their header and libpigeon into C and C++ programs.
. "$ROOT/tests/tool/check.sh"
CC=${CC:-cc}
include="-I. -I$ROOT/runtime/include"
libs="$SANITIZED $BUILD/libpigeon.a -llapack -lz -lpthread -lm"

for kind in obj asm llvm; do
    passes "--emit=$kind" "$PIGEONC" m.pgn --model '*' --emit=$kind -o one
    "$PIGEONC" m.pgn --model '*' --emit=$kind -o two
    if [ -s one ] && cmp -s one two; then echo "ok --emit=$kind gives the same bytes again"; else echo "not ok --emit=$kind differs or is empty"; fi
done
for target in cpu:x86-64 cpu:avx2 cpu:avx512 aarch64; do
    for level in 0 3; do passes "an object for $target at -O$level" "$PIGEONC" m.pgn --model '*' --target=$target -O$level -o $target.o; done
done
passes "a model and its header" "$PIGEONC" m.pgn --model '*' -g --manifest -MD -o m.o
for f in m.o m.h m.json m.d; do [ -s $f ] && echo "ok $f is there" || echo "not ok $f is missing"; done
is "the rule is the object's" "$(head -1 m.d)" 'm.o: \'
if command -v readelf >/dev/null; then passes "-g: lines of the model" sh -c 'readelf --debug-dump=decodedline m.o | grep -q "m\.pgn"'; else echo "skipped -g: no readelf"; fi
(mkdir elsewhere && cd elsewhere && "$PIGEONC" ../m.pgn >/dev/null && [ -s m.o ] && [ -s m.h ]) && echo "ok without -o: beside the caller" || echo "not ok without -o"
fails "a full disk" 1 "[write-failed]" "$PIGEONC" m.pgn -o /dev/full

cat >main.c <<'END'
#include "m.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    /* y[v] = sum of x over the edges into v */
    const int32_t src[] = { 0, 1, 1, 2 }, dst[] = { 1, 0, 2, 1 };
    const float x[] = { 1, 2, 3, 4, 5, 6 }, want[] = { 3, 4, 6, 8, 3, 4 };
    float y[6];
    first_structure graph = { .g = { 3, 3, 4, 1, 1, src, dst, NULL, NULL } };
    first_sizes sizes = { .d = 2 };
    first_inputs in = { .x = x };
    first_params params = { 0 };
    first_outputs out = { .y = y };
    pgn_plan *plan;
    pgn_error error;
    if (first_plan(&graph, &sizes, NULL, &plan, &error)) { puts(error.message); return 1; }
    void *work = malloc(first_workspace_size(plan) + 1);
    if (first_forward(plan, &in, &params, &out, work, NULL, &error)) { puts(error.message); return 1; }
    for (int k = 0; k < 6; k++) if (y[k] != want[k]) { printf("y[%d] is %g\n", k, y[k]); return 1; }
    free(work);
    first_destroy(plan);
    const int32_t wrong[] = { 0, 1, 1, 9 };
    graph.g.src = wrong;
    if (first_plan(&graph, &sizes, NULL, &plan, &error) != PGN_E_RANGE) { puts("an id out of range was not found"); return 1; }
    sizes.d = 0, graph.g.src = src;
    if (first_plan(&graph, &sizes, NULL, &plan, &error) != PGN_E_SIZE) { puts("a dim of 0 was not found"); return 1; }
    return 0;
}
END
passes "a C program links" $CC -std=c11 -Wall -Wextra -Wpedantic -Werror $include main.c m.o -o main $libs
passes "and computes" ./main
if command -v g++ >/dev/null; then
    printf '#include "m.h"\nint main() { return first_model.n_input == 1 && second_model.n_param == 2 ? 0 : 1; }\n' >main.cc
    passes "the header is C++ too" g++ -Wall -Wextra -Werror $include main.cc m.o -o maincc $libs
    passes "and the records are there" ./maincc
else echo "skipped C++: no g++"; fi
"$PIGEONC" m.pgn --model '*' --emit=c,header -o text.c
passes "the C text is an object too" $CC -std=c11 -Wall -Wextra -Werror -Wno-unused-function $include -c text.c -o text.o
cp text.h m.h
passes "with the same header" $CC -std=c11 $include main.c text.o -o main2 $libs
passes "and result" ./main2
"$PIGEONC" m.pgn --model '*' --symbol-prefix=v2_ -o v2.o
passes "two versions in one program" sh -c "printf '#include \"m.h\"\n#include \"v2.h\"\nint main(void) { return first_model.n_input - v2_first_model.n_input; }\n' >both.c && $CC $include both.c m.o v2.o -o both $libs && ./both"

# several processors in one object: the best that fits is taken, or what PIGEON_TARGET says; what doesn't fit is a status
cat >pick.c <<'END'
#include "first.h"
#include <stdio.h>
#include <string.h>
int main(int n, char **arg) {
    const int32_t src[] = { 0, 1 }, dst[] = { 1, 1 };
    first_structure graph = { .g = { 3, 3, 2, 1, 1, src, dst, NULL, NULL } };
    first_sizes sizes = { .d = 2 };
    pgn_plan *plan;
    pgn_error error;
    pgn_model strange = first_model;
    strange.needs = "cpu:of another time", strange.n_variant = 0;
    const int64_t size[8] = { 2, 2, 2, 2, 2, 2, 2, 2 };
    if (pgn_model_plan(&strange, &graph.g, size, NULL, NULL, &plan, &error) != PGN_E_UNSUPPORTED) { puts("a strange processor was accepted"); return 1; }
    pgn_status st = first_plan(&graph, &sizes, NULL, &plan, &error);
    if (n > 1) { if (st != PGN_E_UNSUPPORTED || !strstr(error.message, arg[1])) { printf("%d: %s\n", st, error.message); return 1; } return 0; }
    if (st) { puts(error.message); return 1; }
    const float x[] = { 1, 2, 3, 4, 5, 6 };
    float y[6], work[64];
    first_inputs in = { .x = x };
    first_params params = { 0 };
    first_outputs out = { .y = y };
    st = first_workspace_size(plan) > sizeof work || first_forward(plan, &in, &params, &out, work, NULL, &error) || y[2] != 4 || y[3] != 6 || y[0] != 0;
    first_destroy(plan);
    return (int)st;
}
END
case $(uname -m) in
x86_64)
    passes "one object for three kinds of x86-64" "$PIGEONC" m.pgn --model first --target=cpu:avx512,cpu:x86-64,cpu:avx2 -o first.o
    "$PIGEONC" m.pgn --model first --target=cpu:x86-64,cpu:avx2,cpu:avx512 -o again.o
    passes "the same bytes in whatever order" cmp first.o again.o
    passes "it links" $CC -std=c11 -Wall -Wextra -Werror $include pick.c first.o -o pick $libs
    passes "the processor picks its own" ./pick
    passes "PIGEON_TARGET picks another" env PIGEON_TARGET=cpu:x86-64 ./pick
    passes "one that is not there is a status" env PIGEON_TARGET=cpu:amx ./pick cpu:amx
    is "the records" "$(nm first.o | grep -c ' [rRdD] .*first.*_model')" 3
    if command -v objdump >/dev/null; then
        objdump -d --no-show-raw-insn first.o >code.txt
        passes "wide registers are used" grep -q %zmm code.txt
        is "but not by what any processor runs" "$(awk '/^[0-9a-f]+ <.*>:/ { wide = /x86-64-v/ } /%[yz]mm/ && !wide' code.txt | head -1)" ""
    else echo "skipped disassembly: no objdump"; fi ;;
*) echo "skipped several kinds of x86-64: this machine is none" ;;
esac
fails "different kinds of machines in one object" 2 "can't be for" "$PIGEONC" m.pgn --target=cpu:avx2,aarch64
