# What `pigeonc MODEL -o FILE` writes, and how: whole files or none, the same bytes each time, rules for make.
. "$ROOT/tests/tool/check.sh"

kinds="c cuda header manifest inter intra"
for kind in $kinds; do
    passes "--emit=$kind" "$PIGEONC" m.pgn --model '*' --emit=$kind -o one
    "$PIGEONC" m.pgn --model '*' --emit=$kind -o two
    if [ -s one ] && cmp -s one two; then echo "ok --emit=$kind gives the same bytes again"; else echo "not ok --emit=$kind differs or is empty"; fi
    "$PIGEONC" - --model '*' --emit=$kind <m.pgn >three 2>err.txt
    grep -v "m.pgn:" one >one.plain; sed 's/(-:[0-9]*)//' three | grep -v -e "-:" >three.plain
    if [ -s three ]; then echo "ok --emit=$kind from standard input to standard output"; else echo "not ok --emit=$kind through pipes: $(head -c 300 err.txt)"; fi
done
passes "several kinds at once" "$PIGEONC" m.pgn --emit=c,cuda,header,manifest -o all.c
for f in all.c all.cu all.h all.json; do [ -s $f ] && echo "ok $f is there" || echo "not ok $f is missing"; done
passes "the manifest is JSON" python3 -c 'import json; m = json.load(open("all.json"))["models"][0]; assert m["name"] == "second" and m["params"][1]["init"] == "zero" and m["inputs"][0]["shape"] == ["n", "in"], m'
"$PIGEONC" m.pgn --emit=intra -o m.intra
passes "loop IR reads back" "$PIGEONC" opt m.intra -o back.intra
passes "and prints the same" cmp m.intra back.intra
passes "loop IR goes on to C" "$PIGEONC" opt m.intra --emit=c -o fromloop.c
"$PIGEONC" m.pgn --emit=inter -o m.inter
passes "a program goes on to C" "$PIGEONC" opt m.inter --run= --emit=c -o fromprogram.c
passes "--symbol-prefix" "$PIGEONC" m.pgn --model first,second --symbol-prefix=lib_ --emit=header -o prefix.h
is "names of both models" "$(grep -o '^extern const pgn_model [a-z_]*' prefix.h | tr '\n' ' ')" "extern const pgn_model lib_first_model extern const pgn_model lib_second_model "
passes "-D fixes a dim" "$PIGEONC" m.pgn -D in=64 --emit=manifest -o fixed.json
passes "and the interface says so" grep -q '"name": "in", "fixed": 64' fixed.json
"$PIGEONC" m.pgn --run=simplify --print-after=simplify --emit=c -o /dev/null 2>after.txt
passes "--print-after prints a program that reads back" "$PIGEONC" opt after.txt

# rules for make
"$PIGEONC" m.pgn -MD -MF m.d -MT 'my target' -MP --emit=c -o m.c
std=$(sed -n 's/^ \(.*nn.pgn\).*/\1/p' m.d | head -1)
is "the rule's target" "$(head -1 m.d)" 'my target: \'
passes "the rule lists the model" grep -q '^ m.pgn' m.d
passes "and what it uses" test -r "$std"
passes "-MP gives those a rule of their own" grep -qx "$std:" m.d
"$PIGEONC" m.pgn -MD --emit=c -o other.c
is "-MD alone: beside the output" "$(head -1 other.d)" 'other.c: \'
printf 'all: m.c\ninclude m.d\nmy target: ; @echo again\n' >Makefile

# writing
"$PIGEONC" m.pgn --emit=header -o kept.h; touch -d 2001-01-01 kept.h; cp -p kept.h before.h
"$PIGEONC" m.pgn --emit=c,header -o kept.c
if [ kept.h -nt before.h ]; then echo "not ok an unchanged header was written again"; else echo "ok an unchanged header is not touched"; fi
echo old >old.c
fails "an error in the model" 1 "[unknown-name]" sh -c 'echo "model m(d: dim) {
  index i: d
  output y[i] = q[i]
}" >bad.pgn; "$PIGEONC" bad.pgn --emit=c -o old.c'
is "leaves the old file" "$(cat old.c)" old
fails "a folder that is not there" 1 "[write-failed]" "$PIGEONC" m.pgn --emit=c -o nowhere/m.c
mkdir locked
fails "a folder as the output" 1 "[write-failed]" "$PIGEONC" m.pgn --emit=c -o locked
[ -w /dev/full ] && fails "a full disk" 1 "[write-failed]" "$PIGEONC" m.pgn --emit=c -o /dev/full
[ -w /dev/full ] && fails "a full disk behind standard output" 1 "" sh -c '"$PIGEONC" m.pgn --emit=c -o - >/dev/full'
if (ulimit -f 1; "$PIGEONC" m.pgn --emit=cuda -o large.cu 2>err.txt); then echo "not ok a file beyond the limit was written"; else echo "ok a file beyond the limit"; fi
is "no partial files" "$(ls -d large.cu *.tmp-* nowhere 2>/dev/null)" ""
fails "loop IR has no way back" 2 "no way back" "$PIGEONC" opt m.intra --emit=inter
fails "a model twice" 2 "named twice" "$PIGEONC" m.pgn --model first,first --emit=c
fails "an unknown kind" 2 'did you mean `cuda`' "$PIGEONC" m.pgn --emit=cudo
fails "an unknown target" 2 "--print=targets" "$PIGEONC" m.pgn --target=cpu:z80
fails "an unknown pass to print after" 2 'did you mean `simplify`' "$PIGEONC" m.pgn --print-after=simplfy --emit=c
NVCC=true fails "a CUDA compiler that writes nothing" 1 "\`true\` ended without an error" "$PIGEONC" m.pgn --emit=ptx
NVCC=/nowhere/nvcc fails "no CUDA compiler" 3 "nvidia-cuda-toolkit" "$PIGEONC" m.pgn --emit=ptx
