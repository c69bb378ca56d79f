#!/usr/bin/env bash
# PDFium for reading PDF (BSD-3-Clause and Apache-2.0): the shared library out of a wheel of PyPI, pinned by version and
# hash, into the user's cache, where strata looks for it (src/knowledge/document/pdfium.cc). Does nothing if it is there.
#   scripts/fetch_pdfium.sh        prints the library's path
set -euo pipefail
version=5.15.2
case $(uname -m) in
  x86_64) sha256=dc31aea5b0fb9fefc9b537a65f4113980b2c40798445736a7e6565bc85161e37 ;;
  aarch64) sha256=dd46e93c0c3a73f6cea8489baff6d77a5d0759dd53fbbce0aeb49c91830176fc ;;
  *) printf 'error: no PDFium is known for %s\n' "$(uname -m)" >&2; exit 1 ;;
esac
folder=${XDG_CACHE_HOME:-$HOME/.cache}/strata/pdfium/$version
library=$folder/libpdfium.so
if [ ! -f "$library" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  printf 'pypdfium2==%s --hash=sha256:%s\n' "$version" "$sha256" >"$work/requirements.txt"
  python3 -m pip download -q --no-deps --only-binary :all: --require-hashes -d "$work" -r "$work/requirements.txt" >&2
  python3 -m zipfile -e "$work"/*.whl "$work/files"
  mkdir -p "$folder"
  cp -r "$work"/files/pypdfium2-*.dist-info/licenses "$folder/"
  cp "$work/files/pypdfium2_raw/libpdfium.so" "$library.part"
  mv "$library.part" "$library"
fi
printf '%s\n' "$library"
