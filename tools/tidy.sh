#!/usr/bin/env bash
# clang-tidy on the sources that differ from BASE (default: the previous commit), or all with --all.
#   tools/tidy.sh [--all | BASE]        needs compile_commands.json in build/release, for NEON's files in build/aarch64
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --all ]; then
  files=$(git ls-files 'src/**.cc')
else
  base=${1:-HEAD~1}
  git rev-parse -q --verify "$base^{commit}" >/dev/null || base=$(git rev-list --max-parents=0 HEAD | tail -n 1)
  files=$(git diff --name-only --diff-filter=d "$base" -- 'src/**.cc')
fi
[ -n "$files" ] || { echo "no changed sources"; exit 0; }
# One file each: the analyzer keeps the checks of the first one, and folders have their own.
tidy() { { grep "$@" || true; } <<<"$files" | xargs -r -P 2 -n 1 clang-tidy-19 -p "$build" --quiet; }
build=build/aarch64 tidy '_neon[a-z]*\.cc$'
build=build/release tidy -v '_neon[a-z]*\.cc$'
