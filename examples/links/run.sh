#!/bin/sh
# run.sh BUILD [FOLDER] - missing edges of a knowledge graph by DistMult, ComplEx and an RGCN encoder: trains each, then ranks the test triples.
# FOLDER has train.txt, valid.txt and test.txt (.gz); without it $PIGEON_DATA/fb15k-237, where PIGEON_DATA is ../shared/data beside the sources unless it is
# set; without that a small generated graph.  MODELS="distmult" trains fewer.  What is made stays in BUILD/links.
set -eu
build=${1:-build}
here=$(dirname "$0")
folder=${2:-${PIGEON_DATA:-$here/../../../shared/data}/fb15k-237}
name=$(basename "$folder")
if [ ! -e "$folder/train.txt" ] && [ ! -e "$folder/train.txt.gz" ]; then
    [ $# -lt 2 ] || { echo "run.sh: $folder has no train.txt" >&2; exit 3; }
    echo "run.sh: $folder is not there (FB15k-237 is at https://github.com/TimDettmers/ConvE): a small generated graph instead" >&2
    folder=--generate name=generated
fi
data=$build/links/$name
[ -s "$data/train.npz" ] || python3 "$here/links.py" "$folder" "$data"
batch=1024
case $name in
    generated)
        batch=200
        distmult="-D d=16 -D K=32 --epochs 20"
        complex="-D d=8 -D K=32 --epochs 20"
        rgcn="-D d=16 -D K=32 --epochs 10" ;;
    wn18rr)
        distmult="-D d=200 -D K=4096 -D n3=0.1 --epochs 8"
        complex="-D d=100 -D K=4096 -D n3=0.1 --epochs 8"
        rgcn="-D d=100 -D K=1024 --epochs 8" ;;
    *)
        distmult="-D d=200 -D K=1024 --epochs 3"
        complex="-D d=100 -D K=1024 --epochs 3"
        rgcn="-D d=100 -D K=1024 --epochs 14" ;;
esac
sizes() { for word in $1; do case $word in -D) ;; *=*) printf ' -D %s' "$word" ;; esac; done; }
printf '%-9s %8s %8s %8s %8s\n' model seconds MRR Hits@1 Hits@10
for model in ${MODELS:-distmult complex rgcn}; do
    eval options=\$$model
    graph=
    if [ "$model" = rgcn ]; then graph="--graph g=$data/train.npz"; [ "$name" = generated ] || batch=16384; fi        # it goes through the whole graph in each step
    weights=$data/$model.safetensors
    rm -f "$weights"
    # shellcheck disable=SC2086
    "$build/pigeonc" train "$here/links.pgn" --model "${model}_links" $options --batch M=$batch --inputs "$data/train.npz" --checkpoint "$weights" --metrics "$data/$model.jsonl" >/dev/null
    # shellcheck disable=SC2046
    "$build/pigeonc" run "$here/links.pgn" --model "${model}_links" $(sizes "$options") --graph known="$data/train.npz" $graph --inputs "$weights" \
        --in head="$data/test.head.npy" --in rel="$data/test.rel.npy" --in tail="$data/test.tail.npy" >"$data/$model.out"
    value() { sed -n "s/^$1: .*= //p" "$data/$model.out"; }
    seconds=$(sed -n 's/.*"seconds": \([0-9]*\).*/\1/p' "$data/$model.jsonl" | tail -1)
    printf '%-9s %8d %8.3f %8.3f %8.3f\n' "$model" "$seconds" "$(value mrr)" "$(value hits1)" "$(value hits10)"
done
