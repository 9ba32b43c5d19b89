# pigeonc tune: what it finds is obeyed and agrees, it keeps what it found when it is stopped, and what it refuses.
. "$ROOT/tests/tool/check.sh"
cat >a.pgn <<'PGN'
model rgat(g: graph, d: dim) {
  index e: g.edges, v: g.nodes, i: d, j: d
  input h[g.nodes, d]
  param W[g.etypes, d, d] init normal(0, 0.3), al[g.etypes, d] init normal(0, 1)
  z[e, j] = sum(i) h[src(e), i] * W[etype(e), i, j]
  s[e] = sum(j) z[e, j] * al[etype(e), j]
  a[e] = softmax(e by dst(e)) s[e]
  output y[v, j] = sum(e: dst(e) = v) a[e] * z[e, j]
}
model dense(n: dim, d: dim) { input x[n, d], w[d, d]; index a: n, i: d, j: d; z[a, j] = sum(i) x[a, i] * w[i, j]; output y[a, j] = exp(z[a, j]) }
PGN
export XDG_CACHE_HOME="$PWD"
data="--in *=random:1 --graph g=random:300,3000,5,1 -D d=16"
set -f
passes "a search that ends" "$PIGEONC" tune a.pgn --model rgat $data --budget 3 -o a.pgs
mv err.txt said.txt
passes "it says what it did" grep -q 'times as fast); [0-9]* schedules tried, [0-9]* different programs run, [0-9]* refused' said.txt
passes "the file has a schedule" grep -q '^schedule rgat for cpu {' a.pgs
passes "that is obeyed" "$PIGEONC" run a.pgn --model rgat $data --schedule a.pgs --executor=cpu,c --verify
"$PIGEONC" tune a.pgn --model rgat $data --budget 2 --seed 7 --json >t.json
passes "as JSON" python3 -c '
import json
d = json.load(open("t.json"))
assert d["model"] == "rgat" and d["run"] > 0 and d["tried"] > d["run"] and d["disagreed"] == 0 and d["runs"][0]["ms"] > 0 and "schedule rgat" in d["schedule"], d'
# it goes on from what it found
passes "it goes on from a file" "$PIGEONC" tune a.pgn --model rgat $data --schedule a.pgs --budget 1 -o b.pgs
passes "to what agrees too" "$PIGEONC" run a.pgn --model rgat $data --schedule b.pgs --verify
printf 'schedule rgat { store z }\n' >c.pgs
passes "a schedule by hand is a beginning" "$PIGEONC" tune a.pgn --model rgat $data --schedule c.pgs --budget 1
mv out.txt found.txt
passes "the result goes to standard output" grep -q '^schedule rgat for cpu {' found.txt
passes "a model without a graph" "$PIGEONC" tune a.pgn --model dense -D n=40 -D d=32 --in x=random:1 --in w=random:2 --budget 1 -o d.pgs
passes "and what was found for it" "$PIGEONC" run a.pgn --model dense -D n=40 -D d=32 --in x=random:1 --in w=random:2 --schedule d.pgs --verify
# interrupted: it ends at once and well, and the file is whole
python3 - "$PIGEONC" $data <<'END' >stopped.txt 2>&1
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "tune", "a.pgn", "--model", "rgat", "--budget", "1000", "-o", "e.pgs"] + sys.argv[2:], stderr=subprocess.PIPE)
time.sleep(2)
start = time.time()
p.send_signal(signal.SIGINT)
print(p.communicate(timeout=60)[1].decode().strip(), p.returncode, time.time() - start < 20)
END
passes "an interruption is said and ends well" grep -q ', interrupted 0 True$' stopped.txt
passes "what was found is kept" "$PIGEONC" run a.pgn --model rgat $data --schedule e.pgs --verify
# killed at any moment: the old file or a new one, whole
cp a.pgs f.pgs
for k in 1 2 3 4; do
    "$PIGEONC" tune a.pgn --model rgat $data --budget 100 -o f.pgs >/dev/null 2>&1 & job=$!
    sleep "0.$((k * 2))"; kill -9 $job 2>/dev/null; wait $job 2>/dev/null
    tail -1 f.pgs | grep -q '^}$' || echo "not ok killed: $(tail -1 f.pgs)"
done
passes "killed four times, a whole file" "$PIGEONC" run a.pgn --model rgat $data --schedule f.pgs --verify
fails "a budget that is none" 2 "--budget takes seconds" "$PIGEONC" tune a.pgn --budget none
fails "data that are missing" 1 "[" "$PIGEONC" tune a.pgn --model dense -D n=3 -D d=4 --budget 1
fails "a folder that is not there" 1 "[write-failed]" "$PIGEONC" tune a.pgn --model dense -D n=3 -D d=4 --in *=random:1 --budget 1 -o none/x.pgs
printf 'schedule rgat { store nothing }\n' >c.pgs
fails "a beginning that does not fit" 1 "[schedule-stale]" "$PIGEONC" tune a.pgn --model rgat $data --schedule c.pgs --budget 1
fails "another kind of processor" 1 "can't be run by the processor" "$PIGEONC" tune a.pgn --model dense -D n=3 -D d=4 --in *=random:1 --target=cuda:sm_90 --budget 1
