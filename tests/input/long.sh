# Long programs: chains of equations, layers and constants written backwards, many names. Prints `ok NAME` or `not ok NAME`.
awk 'BEGIN {
    print "model chain(d: dim) {\n  index i: d\n  input x[d]"
    for (k = 0; k < 20000; k++) printf "  a%d[i] = a%d[i] + 1\n", k, k + 1
    print "  a20000[i] = x[i]\n  output y = a0[0]\n}" }' > chain.pgn
awk 'BEGIN {
    print "model f(d: dim) {\n  index i: d\n  input x[d]\n  output y[i] = x[i] + 1\n}\nmodel layers(d: dim) {\n  index i: d\n  input x[d]"
    for (k = 0; k < 2000; k++) printf "  h%d = f(d)(x = h%d)\n", k, k + 1
    print "  h2000 = x\n  output y = h0[0]\n}" }' > layers.pgn
awk 'BEGIN {
    print "model constants(d: dim) {\n  input x[d]"
    for (k = 0; k < 500; k++) printf "  const c%d = c%d + 1\n", k, k + 1
    print "  const c500 = 0\n  output y = c0 + x[0]\n}" }' > constants.pgn
awk 'BEGIN {
    print "model wide(d: dim) {\n  index i: d\n  input x[d]"
    for (k = 0; k < 5000; k++) printf "  b%d[i] = x[i] * %d\n", k, k
    printf "  output y = b0[0]"
    for (k = 1; k < 900; k++) printf " + b%d[0]", k
    print "\n}" }' > wide.pgn
gives() {                       # gives NAME VALUE FILE
    timeout 120 "$PIGEONC" run "$3" -D d=2 --in x=zero --executor interp >out.txt 2>err.txt
    if grep -q "^y: .* = $2\$" out.txt; then echo "ok $1"; else echo "not ok $1: $(head -c 300 out.txt err.txt)"; fi
}
if timeout 120 "$PIGEONC" check chain.pgn 2>err.txt; then echo "ok a chain of 20000 equations"; else echo "not ok a chain of 20000 equations: $(head -c 300 err.txt)"; fi
gives "2000 layers" 2000 layers.pgn
gives "500 constants" 500 constants.pgn
gives "5000 tensors" 0 wide.pgn
( ulimit -S -s 400; gives "a sum of 900 terms where the stack is small" 0 wide.pgn )
