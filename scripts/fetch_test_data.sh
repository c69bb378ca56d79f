#!/usr/bin/env bash
# Fetches what tests compare against and may not be committed, by version and hash, into the cache:
#   test-data/llama.cpp-models   vocabularies with their .inp/.out pairs and chat templates, from llama-cpp-python's sdist
. "$(dirname "$0")/lib/common.sh"
data=$CACHE/test-data
sdist_sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
mkdir -p "$data"
if [ ! -f "$data/llama.cpp-models/.sha256-$sdist_sha256" ]; then
  step "Fetching llama-cpp-python 0.3.36 for its vocabularies and templates"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # pip asks the build system for the package's name before it hands the archive over; these two let it answer.
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q "scikit-build-core==0.11.6" "pathspec==0.12.1"
  PATH="$work/venv/bin:$PATH" "$work/venv/bin/pip" download -q --no-deps --no-binary :all: --no-build-isolation \
    -d "$work" "llama-cpp-python==0.3.36"
  archive=$work/llama_cpp_python-0.3.36.tar.gz
  echo "$sdist_sha256  $archive" | sha256sum --check --quiet || fail "the archive's hash is not the pinned one"
  mkdir "$work/src"
  tar xzf "$archive" -C "$work/src" --strip-components=1 --wildcards '*/vendor/llama.cpp/models/*'
  rm -rf "$data/llama.cpp-models"
  mv "$work/src/vendor/llama.cpp/models" "$data/llama.cpp-models"
  touch "$data/llama.cpp-models/.sha256-$sdist_sha256"
fi
echo "test data: $data"
