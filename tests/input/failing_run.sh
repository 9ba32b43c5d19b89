# Matrices without the factorisation that is asked for: every executor stops, names the matrix and the line, and writes no output.
cat > m.pgn <<'PGN'
model batch(B: dim, d: dim) {
  index b: B, i: d, j: d
  input M[B, d, d], y[d]
  A[b, i, j] = if b = 1 then 0.0 else M[b, i, j]
  output x[b, i] = solve(i, j) A[b, i, j], y[i]
}
model loop(d: dim) {
  index i: d, j: d
  input M[d, d], b[d]
  iterate x[i] = b[i], c = 0 until c >= 3 max 9 {
    x'[i] = solve(i, j) (if c = 1 then 0.0 else M[i, j]), x[i]
    c' = c + 1
  }
  output x
}
model root(d: dim) {
  index i: d, j: d
  input M[d, d]
  output L[i, j] = cholesky(i, j) (if i = j then -1.0 else 0.0 * M[i, j])
}
model unnamed(B: dim, d: dim) {
  index b: B, i: d, j: d
  input M[B, d, d], y[d]
  output x[b, i] = 1 + (solve(i, j) (M[b, i, j] * (if b = 1 then 0.0 else 1.0)), y[i])
}
PGN
try() {
    # NAME EXECUTOR TEXT ARGUMENTS
    name=$1 executor=$2 text=$3
    shift 3
    rm -f out.npz
    "$PIGEONC" run m.pgn "$@" '--in' '*=random:3' --executor="$executor" --outputs out.npz > said 2>&1
    code=$?
    if [ "$code" = 1 ] && grep -q "$text" said && grep -q '\[run-failed\]$' said && [ ! -e out.npz ]; then echo "ok $name, $executor"
    else echo "not ok $name, $executor: exit code $code: $(head -1 said)"; fi
}
for e in cpu c cuda-shim; do
    if [ $e != cpu ] && ! command -v cc > /dev/null; then echo "skipped failing runs, $e: no C compiler"; continue; fi
    try "one matrix of a batch" $e 'line 5: solve: the matrix of batch index 1 (of 3) is singular' --model batch -D B=3 -D d=3
    try "in the second round of a loop" $e 'line 11: solve: the matrix of batch index 0 (of 1) is singular' --model loop -D d=4
    try "not positive definite" $e 'line 19: cholesky: the matrix of batch index 0 (of 1) is not positive definite' --model root -D d=2
    try "a matrix without a name" $e 'error: line 24: solve: the matrix of batch index 1 (of 3) is singular' --model unnamed -D B=3 -D d=3
done
try "a matrix without a name" interp 'm.pgn:24:.*error: solve: matrix \[1\] is singular' --model unnamed -D B=3 -D d=3
try "one matrix of a batch" interp 'm.pgn:5:.*matrix \[1\] of .* is singular' --model batch -D B=3 -D d=3
try "in the second round of a loop" interp 'm.pgn:11:.*is singular' --model loop -D d=4
