# stores past the caches (compiler/target/llvm/stream.c): of tensors of 8 MB and more that a kernel only writes, where whole lines are written
. "$ROOT/tests/tool/check.sh"
cat >big.pgn <<'P'
model big(n: dim, d: dim) {
  index v: n, i: 4, j: d
  input x[n, 4], W[4, d]
  t[v, j] = sum(i) x[v, i] * W[i, j]
  map turn[v]: n -> n = clamp(size(n) - 1 - v)
  output y[v, j] = t[v, j] + t[turn(v), j]
  output a[v, j] = 2 * t[v, j]
}
P
for d in 16 20; do                     # rows of whole lines; rows of which some begin inside a line
    passes "rows of $d agree with the interpreter" "$PIGEONC" run big.pgn -D n=150000 -D d=$d --in '*=random:3' --executor cpu --verify
done
"$PIGEONC" big.pgn --target=cpu:avx2 --emit=asm -D d=16 -o large.s
"$PIGEONC" big.pgn --target=cpu:avx2 --emit=asm -D d=16 -D n=100 -o small.s
passes "they are there" grep -q vmovntps large.s
passes "and a fence behind them" grep -q sfence large.s
passes "and not where a tensor is known to be small" sh -c '! grep -q vmovnt small.s'
