# Files that use each other: in circles, by several paths, and what is said about the bodies of models that nobody names.
. "$ROOT/tests/tool/check.sh"
mkdir -p sub
cat >a.pgn <<'PGN'
use "sub/b.pgn"
const two = 2
let double(x) = two * x

model a(n: dim) {
  index k: n
  input x[n]
  h = b(n)(x = x)
  output y[k] = double(h[k])
}

model leaf(n: dim) {
  index k: n
  input x[n]
  output y[k] = x[k] + 1
}
PGN
cat >sub/b.pgn <<'PGN'
use "../a.pgn"
use "c.pgn"

model b(n: dim) {
  index k: n
  input x[n]
  l = leaf(n)(x = x)
  m = c(n)(x = l)
  output y[k] = double(m[k])
}
PGN
cat >sub/c.pgn <<'PGN'
use "b.pgn"
use "c.pgn"
use "../sub/../a.pgn"

model c(n: dim) {
  index k: n
  input x[n]
  l = leaf(n)(x = x)
  output y[k] = l[k] * double(5)
}
PGN
for f in a.pgn sub/b.pgn sub/c.pgn; do passes "files in a circle, from $f" "$PIGEONC" check $f; done
"$PIGEONC" run a.pgn --model a -D n=1 --in x=one --out y=y.npy >out.txt 2>err.txt
is "the value of a model through the circle" "$(python3 -c 'import struct; print(struct.unpack("<f", open("y.npy", "rb").read()[-4:])[0])')" 120.0
printf 'use "a.pgn"\nmodel m(n: dim) {\n  index k: n\n  input x[n]\n  h = nowhere(n)(x = x)\n  output y[k] = h[k]\n}\n' >m.pgn
fails "a model that no file of a circle has" 1 '`nowhere` is not a model' "$PIGEONC" check m.pgn
# two files of one name in two folders are two files
mkdir -p left right
printf 'model left(n: dim) {\n  input x[n]\n  index k: n\n  output y[k] = x[k]\n}\n' >left/same.pgn
printf 'model right(n: dim) {\n  input x[n]\n  index k: n\n  output y[k] = 2 * x[k]\n}\n' >right/same.pgn
printf 'use "same.pgn"\n' >left/in.pgn
printf 'use "same.pgn"\n' >right/in.pgn
printf 'use "left/in.pgn"\nuse "right/in.pgn"\nmodel m(n: dim) {\n  index k: n\n  input x[n]\n  l = left(n)(x = x)\n  r = right(n)(x = l)\n  output y[k] = r[k]\n}\n' >m.pgn
passes "two files of one name" "$PIGEONC" check m.pgn
# bodies: wrong ones are reported when something names them or when their own file is checked, once and without what follows from it
cat >lib.pgn <<'PGN'
model good(n: dim) {
  index k: n
  input x[n]
  output y[k] = x[k]
}

model bad(n: dim) {
  index k: n
  input x[n]
  output y[k] = x[k] +* 1
}
PGN
printf 'use "lib.pgn"\nmodel m(n: dim) {\n  index k: n\n  input x[n]\n  h = good(n)(x = x)\n  output y[k] = h[k]\n}\n' >m.pgn
passes "a wrong body that nobody names" "$PIGEONC" check m.pgn
fails "the same, its own file" 1 'lib.pgn:10:23' "$PIGEONC" check lib.pgn
printf 'use "lib.pgn"\nmodel m(n: dim) {\n  index k: n\n  input x[n]\n  h = bad(n)(x = x)\n  output y[k] = h[k]\n}\nmodel again(n: dim) {\n  index k: n\n  input x[n]\n  h = bad(n)(x = x)\n  output y[k] = h[k]\n}\n' >m.pgn
fails "the same, named" 1 'lib.pgn:10:23' "$PIGEONC" check m.pgn
is "it is said once" "$(grep -c '^[^ ]*: error\|error\[' err.txt)" 1
sed -i 's/+\* 1/+ (1/' lib.pgn
sed -i 's/h = bad/h = good/' m.pgn
fails "a bracket that is never closed, in a body that nobody names" 1 'never closed' "$PIGEONC" check m.pgn
