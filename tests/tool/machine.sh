# --print=machine: what is measured, where it is kept, and who counts on it.
. "$ROOT/tests/tool/check.sh"
export XDG_CACHE_HOME="$PWD/cache"
passes "the first time it is measured" "$PIGEONC" --print=machine
mv out.txt first.txt
for f in cores vector l1 l2 l3 gemm copy gather; do passes "machine.$f" grep -q "^machine.$f [1-9][0-9]*$" first.txt; done
is "it is kept in one file" "$(ls cache/pigeon | wc -l | tr -d ' ')" 1
kept="cache/pigeon/$(ls cache/pigeon)"
grep -v "^#" "$kept" >kept.txt; grep -v "^#" first.txt >facts.txt
passes "which says what was printed" cmp kept.txt facts.txt
# what is kept is what counts from then on
sed -i 's/^machine.l2 .*/machine.l2 12345/' "$kept"
"$PIGEONC" --print=machine >second.txt; passes "it is not measured again" grep -q '^machine.l2 12345$' second.txt
"$PIGEONC" --print=machine --format=json >m.json
passes "as JSON" python3 -c 'import json; d = json.load(open("m.json")); assert d["machine.l2"] == 12345 and d["machine.cpu"], d'
for damage in 's/^machine.gemm .*//' 's/^machine.copy .*/machine.copy many/' 's/^machine.gather .*/machine.gather -1/'; do
    sed -i "$damage" "$kept"; "$PIGEONC" --print=machine >again.txt
    passes "a damaged file is measured anew ($damage)" sh -c "grep -q '^machine.gemm [1-9]' '$kept' && ! grep -q 12345 '$kept' && grep -q '^machine.gather [1-9]' again.txt"
done
is "nothing else is left there" "$(ls cache/pigeon | wc -l | tr -d ' ')" 1
: >file; XDG_CACHE_HOME="$PWD/file" "$PIGEONC" --print=machine >none.txt 2>err.txt
is "where nothing can be kept it is measured each time" "$? $(cat err.txt) $(grep -c '^machine' none.txt)" "0  8"
# an object depends on what is given, not on the machine
sed -i 's/^machine.l1 .*/machine.l1 1000/; s/^machine.gather .*/machine.gather 1000000/' "$kept"
"$PIGEONC" m.pgn --model first -o one.o
rm -r cache; sed 's/^machine.l1 .*/machine.l1 999999/' first.txt >other.txt
"$PIGEONC" m.pgn --model first -o two.o
passes "code is the same whatever the machine" cmp one.o two.o
is "and nothing is measured for it" "$(ls cache 2>/dev/null)" ""
for f in other.txt m.json; do passes "$f as --graph-stats" sh -c '"$1" ir m.pgn --model first --graph-stats "$2" | grep -q "(about .*machine.l1"' - "$PIGEONC" $f; done
# a run on a graph that counts takes them
"$PIGEONC" run m.pgn --model first --graph g=random:300,6000,4,1 -D d=8 --in x=random:1 --print-after=structure >out.txt 2>ir.txt
passes "a run counts on its machine" grep -q '(about .*machine.gemm' ir.txt
"$PIGEONC" run m.pgn --model first --graph g=random:300,6000,4,1 -D d=8 --in x=random:1 --target=cpu --print-after=structure >out.txt 2>ir.txt
is "code for another one does not" "$(grep -c 'machine.gemm' ir.txt)" 0
