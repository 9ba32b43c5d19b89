#!/bin/sh
# The training examples of operators, networks for equations and proximal networks: their scripts run, here for a few steps, and get better.
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ln -s "$PIGEONC" "$dir/pigeonc"
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; shift; printf '%s\n' "$@" | sed 's/^/    /'; }
below() { if awk -v x="$2" -v y="$3" 'BEGIN { exit !(x != "" && x + 0 > 0 && x + 0 < y) }'; then ok "$1"; else bad "$1" "$2 is not below $3" "$(cat "$dir/out")"; fi; }

sh "$root/examples/fno/run.sh" "$dir" - 1 >"$dir/out" 2>&1
below "Darcy flow after an epoch, in per cent" "$(sed -n 's/.*Darcy flow.*% *\([0-9.]*\) %.*/\1/p' "$dir/out")" 15
below "Burgers' equation after an epoch" "$(sed -n "s/.*Burgers' equation.*% *\([0-9.]*\) %.*/\1/p" "$dir/out")" 15

sh "$root/examples/pinn/run.sh" "$dir" 2 >"$dir/out" 2>&1
below "a solver after two epochs, in per cent" "$(sed -n '$s/.*solution \([0-9.]*\) %.*/\1/p' "$dir/out")" 25

sh "$root/examples/proximal/run.sh" "$dir" 10 >"$dir/out" 2>&1
below "a proximal network after ten epochs" "$(sed -n 's/.*operator of |x| *//p' "$dir/out")" 0.5
