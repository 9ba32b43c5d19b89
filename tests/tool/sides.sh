# typed sums with their rows at the end where each type meets fewer nodes (compiler/pass/sides.c): every executor agrees with the interpreter
. "$ROOT/tests/tool/check.sh"
sums=$ROOT/tests/values/sides.pgn
set -f
grep '^# run:' "$sums" | sed 's/# run: *//' >runs.txt
while read -r line; do
    model=$(echo "$line" | sed 's/--model \([a-z]*\).*/\1/')
    case $model in
    backwards) say="order y 1: e by (src, etype) compact" ;;
    attention) say="recompute z in y; order y 1: e by (dst, etype) compact" ;;
    both) say="order y 1: e by (dst, etype) compact; order y 2: e by (src, etype) compact" ;;
    two) say="order y 1: e by (g.dst, g.etype) compact; order u 1: k by (f.dst, f.etype) compact; sides u" ;;
    step) say="order y 1: e by (dst, etype) compact; order dW 1: e by (etype, dst) compact; order dh 1: e by (src, etype) compact; sides dW, dh" ;;
    scores) say="order s 1: k at compact (etype, dst); sides s" ;;
    heads) say="compact z by (src, etype); order dW 1: e by (etype, src) compact; order dh 1: e by (src, etype) compact; sides d.a; sides dW, dh" ;;
    messages) say="order s.t 1: k at compact (etype, dst); order y 1: e by (dst, etype) compact; order d.s 1: k at compact (dst, etype); order dA 1: e by (etype, src) compact;
        order dM 1: e by (etype, src) compact; order dx 1: e by (src, etype) compact; order dx 2: k; order dq 1: e by (dst, etype) compact; sides s.t; sides d.s; sides dA, dM, dx, dq" ;;
    *) say="order y 1: e by (dst, etype) compact" ;;
    esac
    case $line in "--model heads"*heads=2*) say=$(echo "$say" | sed 's/dW, dh/dW/') ;; esac     # what each head weighs differently is no row of types
    echo "schedule $model { $say$(test "$model" = scores || echo "; sides y") }" >c.pgs
    passes "$line" "$PIGEONC" run "$sums" $line --in '*=random:7' --schedule c.pgs --executor cpu,c,cuda-shim --verify
    is "$line: all of them" "$(grep -c ': agrees with the reference' out.txt)" 3
done <runs.txt
"$PIGEONC" ir "$sums" --model relational -D in=64 -D out=64 --run=default >d.ir
passes "by default where the products are worth it" grep -q '(derive filter "side(g.etype, g.src, g.dst)"' d.ir
"$PIGEONC" ir "$sums" --model relational -D in=4 -D out=4 --run=default >d.ir
passes "and not where they are not" sh -c '! grep -q "derive filter" d.ir'
printf 'schedule relational { only; order y 1: e by (dst, etype) compact }\n' >c.pgs
"$PIGEONC" ir "$sums" --model relational -D in=64 -D out=64 --run=default --schedule c.pgs >d.ir
passes "nor where only commands count" sh -c '! grep -q "derive filter" d.ir'
printf 'schedule relational { sides y 0 }\n' >c.pgs
"$PIGEONC" ir "$sums" --model relational -D in=64 -D out=64 --run=default --schedule c.pgs >d.ir
passes "nor where a command says so" sh -c '! grep -q "derive filter" d.ir'
printf 'schedule relational { sides y 2 }\n' >c.pgs
fails "another number than 0" 1 "has no number, or 0" "$PIGEONC" "$sums" -o x.o --model relational -D in=64 -D out=64 --schedule c.pgs
"$PIGEONC" explain "$sums" --model relational -D in=64 -D out=64 -o e.pgs
passes "explain prints it" grep -q '^  sides y$' e.pgs
"$PIGEONC" ir "$sums" --model relational -D in=64 -D out=64 --run=default >one.ir
"$PIGEONC" ir "$sums" --model relational -D in=64 -D out=64 --run=default --schedule e.pgs >two.ir
grep -v "^  (schedule" two.ir >three.ir
passes "and obeys what it printed" cmp one.ir three.ir
"$PIGEONC" "$sums" --model scores -D heads=1 -D p=64 --target=cpu:avx2 --emit=intra -o s.ir
is "scores: a kernel for the edges of each side, which walks along no fibre" "$(grep -c '(kernel s_[12] ' s.ir) $(sed -n '/(kernel s_1 /,/(kernel t/p' s.ir | grep -c 'load start')" "2 0"
printf 'schedule relational { only; sides y }\n' >c.pgs
fails "no such sum" 1 "has no sum over pairs of a type and a node" "$PIGEONC" "$sums" -o x.o --model relational -D in=4 -D out=4 --schedule c.pgs
# what is counted on
printf 'a\tr\tx\nb\tr\tx\nc\tr\tx\nd\tr\tx\nx\ts\ta\nx\ts\tb\nx\ts\tc\nx\ts\td\na\tt\tb\n' >g.tsv
is "pigeonc stats counts them" "$("$PIGEONC" stats "$sums" --model relational -D in=4 -D out=4 --graph g=g.tsv | grep fewest)" "fewest(g.etype, g.src, g.dst) 3"
