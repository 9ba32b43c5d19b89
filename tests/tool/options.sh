# The command line: response files, mistakes with their help, and what pigeonc says about itself.
. "$ROOT/tests/tool/check.sh"
printf -- '--emit=c\n"-D" in=64 -o "with space.c"\n' >args
passes "a response file" "$PIGEONC" m.pgn @args
passes "its quoted words" test -s "with space.c"
printf '@args --model second' >outer
passes "a response file in a response file" "$PIGEONC" m.pgn @outer
printf '@loop' >loop
fails "one that reads itself" 2 "nested" "$PIGEONC" @loop
fails "one that is missing" 3 "can't be opened" "$PIGEONC" @nowhere
fails "an unknown option" 2 'did you mean `--emit`' "$PIGEONC" m.pgn --emmit=c
fails "an option of another command" 2 "does not belong" "$PIGEONC" check m.pgn --bench
fails "a missing value" 2 "needs a value" "$PIGEONC" m.pgn -o
fails "a value too many" 2 "takes no value" "$PIGEONC" m.pgn -o x.c --manifest=yes
fails "a wrong level" 2 "-O takes 0, 1, 2 or 3" "$PIGEONC" m.pgn -O4
fails "a wrong executor" 2 'did you mean `interp`' "$PIGEONC" run m.pgn --executor=inter
fails "a wrong number of threads" 2 "--threads" "$PIGEONC" run m.pgn --threads=0
fails "no model" 2 "no model given" "$PIGEONC"
fails "two files" 2 "one file at a time" "$PIGEONC" m.pgn m.pgn
for what in targets version config machine passes emit options diagnostics; do
    passes "--print=$what" "$PIGEONC" --print=$what
    "$PIGEONC" --print=$what --format=json >json.txt
    passes "--print=$what as JSON" python3 -c 'import json; assert json.load(open("json.txt"))'
done
fails "--print of what is not there" 2 "--print takes" "$PIGEONC" --print=nothing
for c in "" run check fmt ir opt tune explain; do passes "help of \`$c\`" "$PIGEONC" $c --help; done
"$PIGEONC" run --help >run.help
if grep -q -e --bench run.help && ! grep -q -e --emit run.help; then echo "ok help shows the command's own options"; else echo "not ok help of run"; fi
"$PIGEONC" --print=man >pigeonc.1
passes "the man page names every option" sh -c '"$PIGEONC" --print=options --format=json | python3 -c "
import json, sys
page = open(\"pigeonc.1\").read().replace(chr(92), \"\")
assert all(o[\"name\"] in page for o in json.load(sys.stdin)[\"options\"])"'
if command -v man >/dev/null && command -v groff >/dev/null; then
    is "the man page is clean" "$(man --warnings -l pigeonc.1 2>&1 >/dev/null)" ""
fi
"$PIGEONC" --print=completion >completion.sh
if command -v bash >/dev/null; then
    is "completion of an option" "$(bash -c '. ./completion.sh; COMP_WORDS=(pigeonc run --exec); COMP_CWORD=2; _pigeonc 2>/dev/null; echo "${COMPREPLY[@]}"')" "--executor="
fi
"$PIGEONC" m.pgn --emit=c -o /dev/null --time 2>time.txt
is "--time names the phases" "$(sed 's/^time: //; s/  *[0-9.]* ms$//' time.txt | tr '\n' ' ' | grep -o 'parse check .*lower .*emit write')" "$(sed 's/^time: //; s/  *[0-9.]* ms$//' time.txt | tr '\n' ' ' | sed 's/ $//')"
for twice in "-D d=3 -D d=4" "--in x=one --in x=zero" "--inputs a.npz --inputs b.npz" "--out y=a.npy --out y=b.npy"; do
    fails "what is given twice: $twice" 2 "given twice" "$PIGEONC" run m.pgn $twice
done
