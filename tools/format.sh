#!/usr/bin/env bash
# clang-format over every C++ file: rewrites, or with --check only reports.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(-i)
[ "${1:-}" = --check ] && mode=(--dry-run --Werror)
git ls-files '*.h' '*.cc' | xargs clang-format-19 "${mode[@]}"
