#!/bin/sh
# run.sh [options of bench.py] - sets up the peers in bench/.venv, then compares; needs a built ./build (sh quickstart.sh demo makes one)
set -eu
cd "$(dirname "$0")/../.."
venv=bench/.venv
if ! "$venv/bin/python" -c 'import torch, torch_geometric' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q torch numpy torch_geometric
    # its last wheel wants an old torchdata, and there is none for some Pythons: then its rows are left out, and the table says why
    "$venv/bin/pip" install -q scipy networkx requests tqdm psutil pandas pyyaml pydantic && "$venv/bin/pip" install -q --no-deps dgl 'torchdata<0.10' || true
fi
# glibc returns large tensors to the system between calls; jemalloc keeps them, which helps the peers, if it is told to keep them for good
for j in /usr/lib/*/libjemalloc.so.2; do [ -e "$j" ] && LD_PRELOAD=$j && export LD_PRELOAD; done
export MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE 2>/dev/null || true
exec "$venv/bin/python" -W ignore bench/rgnn/bench.py build "$@"
