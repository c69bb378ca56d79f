#!/usr/bin/env bash
# Runs every fuzzer of a build for N seconds, two at a time, from its seeds. Fails when one finds something.
#   tools/fuzz.sh BUILD SECONDS
set -euo pipefail
build=$(cd "$1" && pwd) seconds=$2
root=$(cd "$(dirname "$0")/.." && pwd)
run_one() {
  local fuzzer=$1 seconds=$2 root=$3 name work
  name=$(basename "$fuzzer")
  work=$(mktemp -d)
  mkdir "$work/corpus"
  local seeds=()
  while IFS= read -r folder; do seeds+=("$folder"); done < <(find "$root/src" -type d -path "*/testdata/fuzz/$name")
  if (cd "$work" && "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 corpus "${seeds[@]}" >log 2>&1); then
    echo "$name: no finding, $(grep -o 'number_of_executed_units: .*' "$work/log" | cut -d' ' -f2) runs"
    rm -rf "$work"
  else
    echo "$name: FOUND something, see $work"
    tail -n 40 "$work/log"
    return 1
  fi
}
export -f run_one
find "$build" -type f -name '*_fuzz' -perm -u+x | sort | xargs -P 2 -I{} bash -c 'run_one "$@"' _ {} "$seconds" "$root"
