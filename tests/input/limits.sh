# What can't be had, can't be written or is no model file; and the exit codes. Prints `ok NAME` or `not ok NAME`.
cat > m.pgn <<'PGN'
model m(a: dim, b: dim) {
  index i: a, j: b
  input x[a]
  y[i, j] = x[i] * j
  output z = sum(i, j) y[i, j]
  output y
}
PGN
code() {                        # code NAME CODE SLUG ARGUMENTS: that exit code, the slug in brackets ("-": none), no output, no left-over
    name=$1; want=$2; slug=$3; shift 3
    timeout 120 "$PIGEONC" "$@" >out.txt 2>err.txt; code=$?
    left=$(ls -A | grep -v -x -e m.pgn -e out.txt -e err.txt -e 'in_.*' | tr '\n' ' ')
    if [ $code = "$want" ] && { [ "$slug" = - ] || grep -q "\[$slug\]" err.txt; } && [ -z "$left" ]; then echo "ok $name"; grep -o "\[$slug\]" err.txt | head -1
    else echo "not ok $name: exit $code, wanted $want [$slug], left behind: $left: $(head -c 300 err.txt)"; rm -rf y.npy $left; fi
}
cat > in_graph.pgn <<'PGN'
model m(g: graph) {
  index e: g.edges, v: g.nodes
  output n = size(g.nodes)
  output z[v] = count(e: dst(e) = v)
}
PGN
printf '0 1\n0 4000000000\n' > in_beyond.edges
printf '0 2000000000\n' > in_huge.edges
printf '0 1 2000000000\n' > in_types.edges
printf '0 1 1500000000\n' > in_backwards.edges
(
    ulimit -v 2000000 2>/dev/null || exit 0
    "$PIGEONC" --version >/dev/null 2>&1 || { echo "skipped memory that can't be had: this build does not start within the limit (a sanitizer's shadow memory)"; exit 0; }
    code "an input that memory can't hold" 1 out-of-memory run m.pgn -D a=2000000000 -D b=2 --in x=zero --out z=y.npy --executor interp
    code "a tensor that memory can't hold" 1 out-of-memory run m.pgn -D a=2 -D b=2000000000 --in x=zero --out z=y.npy --executor interp
    for executor in interp cpu; do
        code "a node whose number leaves no memory, $executor" 1 out-of-memory run in_graph.pgn --graph g=in_huge.edges --executor $executor
        if grep -q 'graph `g` of in_huge.edges has 2000000001 nodes' err.txt; then echo "ok the file is named"; else echo "not ok the file is named: $(cat err.txt)"; fi
    done
    code "a type whose number leaves no memory" 1 out-of-memory run in_graph.pgn --graph g=in_types.edges
    code "random nodes that memory can't hold" 1 out-of-memory run in_graph.pgn --graph g=random:2000000000,1,1
)
(
    trap '' XFSZ
    ulimit -f 8
    code "a disk that is full" 1 write-failed run m.pgn -D a=1000 -D b=1000 --in x=one --out y=y.npy --executor interp
    code "a disk that is full under an object and its header" 1 write-failed "$ROOT/examples/rgat/rgat.pgn" -o y.o
    mkdir in_dir.h
    code "a folder where the header would go" 1 write-failed "$ROOT/examples/rgat/rgat.pgn" -o in_dir.o
    rmdir in_dir.h
    code "a disk that is full under several texts" 1 write-failed "$ROOT/examples/rgat/rgat.pgn" --emit=c,cuda,intra -o y.c
    code "a disk that is full under an archive" 1 write-failed run m.pgn -D a=1000 -D b=1000 --in x=one --outputs y.npz --executor interp
    ulimit -f 1
    code "a disk that is full under IR text" 1 write-failed ir "$ROOT/lib/std/attention.pgn" -o y.ir
)
code "a node's number beyond 2^31" 1 bad-input-file run in_graph.pgn --graph g=in_beyond.edges
if grep -q 'in_beyond.edges:2: a number is too large' err.txt; then echo "ok its line is named"; else echo "not ok its line is named: $(cat err.txt)"; fi
code "types beyond 2^31 with those backwards" 1 bad-input-file run in_graph.pgn --graph g=in_backwards.edges,inverse
mkdir in_locked
printf 'model m(a: dim) {\n  input x[a]\n  output y = x[0]\n}\n' > in_locked/k.pgn
head -c 68000000 /dev/zero | tr '\0' ' ' > in_large.pgn
code "a source file of 68 MB" 1 file-too-large check in_large.pgn
rm in_large.pgn
code "a folder for a model" 3 file-not-found check in_locked
printf '\377\330\377\340 picture' > in_picture.pgn
code "a picture for a model" 1 bad-utf8 check in_picture.pgn
head -c 100000 "$PIGEONC" > in_program.pgn
code "a program for a model" 1 nul-byte check in_program.pgn
code "an empty command" 2 -
code "an unknown option" 2 - run m.pgn --colour
code "an option without its value" 2 - check --color
code "a value that no option takes" 2 - check m.pgn --color=blue
code "an unknown diagnostic" 2 - --explain nothing
code "an explained diagnostic" 0 - --explain cycle
code "a good model" 0 - check m.pgn
code "a model with an error" 1 unknown-name check - <<'PGN'
model m(d: dim) {
  index i: d
  output y[i] = z[i]
}
PGN
"$PIGEONC" ir m.pgn -D a=2 -D b=2 >in_place.ir
if "$PIGEONC" opt in_place.ir --run=cse -o in_place.ir && "$PIGEONC" opt in_place.ir >/dev/null; then echo "ok IR rewritten in place"; else echo "not ok IR rewritten in place"; fi
code "an object where its rule would go" 2 usage m.pgn -D a=2 -D b=2 -o y.o -MF y.o
code "an object in place of the model" 2 usage m.pgn -D a=2 -D b=2 -o m.pgn
