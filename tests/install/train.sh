# examples/train: a model with its step and its gradients from one compile, trained from C.
. "$ROOT/tests/install/common.sh"
E=$ROOT/examples/train
expected() { "$@" >out && grep -q '^as expected$' out; }
check "one object and one header for the model, its step, its gradients" "$PIGEONC" "$E/net.pgn" -o net.o
for f in net_forward net_step net_backward net_step_init; do check "the header declares $f" grep -q "pgn_status $f(" net.h; done
check "-D training=0: the model alone" sh -c "'$PIGEONC' '$E/net.pgn' -D training=0 -o one.o && ! grep -q net_step one.h"
check "-D training=1: the step alone" sh -c "'$PIGEONC' '$E/net.pgn' -D training=1 -o step.o && grep -q 'net_step(' step.h && ! grep -q net_backward step.h"
sed 's/^model net/model net_step() { output z = 1.0 }\n&/' "$E/net.pgn" >two.pgn
check "a model that is called like another's step" sh -c "! '$PIGEONC' two.pgn --model '*' -o two.o 2>err && grep -q 'is what two of the programs are called' err"
if test -n "$SANITIZED"; then skipped "clients of the library" "it is built with sanitizers"; exit 0; fi
check "the client compiles without warnings" $CC $CFLAGS -I"$ROOT/runtime/include" -I. "$E/main.c" -c -o main.o
check "links with libpigeon.a" $CC main.o net.o "$BUILD/libpigeon.a" $LIBS -lm -o main
check "it trains" expected ./main
check "and does so as plain C" sh -c "'$PIGEONC' '$E/net.pgn' --emit=c -o net.c && $CC $CFLAGS -I'$ROOT/runtime/include' -I. '$E/main.c' net.c '$BUILD/libpigeon.a' $LIBS -lm -o main_c"
check "with the same result" expected ./main_c
