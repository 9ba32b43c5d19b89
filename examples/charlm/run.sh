#!/bin/sh
# run.sh BUILD [TEXT] - a language model over the characters of a text by gated linear attention, beside an equally large one by softmax attention, and a
# text that the former writes.  Without TEXT (.txt or .gz) it is $PIGEON_DATA/text/tinyshakespeare.txt.gz, where PIGEON_DATA is ../shared/data beside the
# sources unless it is set; without that sentences of a small grammar.  EPOCHS=12 trains longer, PROMPT="ROMEO:" begins another text, TEMPERATURE=0.5 is more
# careful.  What is made stays in BUILD/charlm.
set -eu
build=${1:-build}
here=$(dirname "$0")
text=${2:-${PIGEON_DATA:-$here/../../../shared/data}/text/tinyshakespeare.txt.gz}
name=$(basename "$text" .gz)
length=128 batch=32 epochs=${EPOCHS:-4} size="-D d=64 -D H=4 -D hidden=128" letters=400
gla="-D K=8 -D V=16 -D rank=8" softmax="-D half=8"
if [ ! -e "$text" ]; then
    [ $# -lt 2 ] || { echo "run.sh: $text is not there" >&2; exit 3; }
    echo "run.sh: $text is not there (Tiny Shakespeare is at https://github.com/karpathy/char-rnn): sentences of a small grammar instead" >&2
    text=--generate name=generated length=32 batch=16 epochs=6 size="-D d=32 -D H=2 -D hidden=64" letters=120
fi
data=$build/charlm/$name
[ -s "$data/letters.txt" ] || python3 "$here/charlm.py" "$text" "$data" "$length"
words=$(python3 -c 'import sys; print(len(open(sys.argv[1], encoding="utf-8", newline="").read()))' "$data/letters.txt")
printf '%-8s %8s %8s %8s\n' model seconds loss "held out"
for model in gla softmax; do
    eval own=\$$model
    rm -f "$data/$model.safetensors"
    # shellcheck disable=SC2086
    "$build/pigeonc" train "$here/charlm.pgn" --model "${model}_text" -D words="$words" $size $own --in token="$data/token.npy" --in next="$data/next.npy" \
        --valid token="$data/valid.token.npy" --valid next="$data/valid.next.npy" --batch B=$batch --epochs $epochs \
        --checkpoint "$data/$model.safetensors" --metrics "$data/$model.jsonl" >/dev/null
    python3 -c 'import json, sys
row = json.loads(open(sys.argv[2]).read().split("\n")[-2])
print("%-8s %8d %8.3f %8.3f" % (sys.argv[1], row["seconds"], row["loss"], row["valid"]["loss"]))' $model "$data/$model.jsonl"
done
python3 "$here/charlm.py" --ask "$data" "${PROMPT:-the }"
# shellcheck disable=SC2086
"$build/pigeonc" run "$here/charlm.pgn" --model write -D words="$words" -D N=$letters $size $gla --inputs "$data/gla.safetensors" --in prompt="$data/prompt.npy" \
    -D temperature="${TEMPERATURE:-0.8}" --seed 1 --out character="$data/written.npy" >/dev/null
python3 "$here/charlm.py" --read "$data" "$data/written.npy"
