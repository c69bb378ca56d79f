#!/usr/bin/env bash
# Ranks Debian's packages for what their tags mean, and compares with a BM25 of Python's own.
#   tests/knowledge/debtags.sh LEXICAL_RANK     # status 77, "skipped", where there is no apt
# The judged set is Debian's metadata: package descriptions, and the tags that people gave them (debtags). It is fetched
# into the cache, beside the system's own lists and without changing them.
. "$(dirname "$0")/../../scripts/lib/common.sh"
. "$(dirname "$0")/../../scripts/lib/test_clients.sh"
[ $# -eq 1 ] || fail "usage: tests/knowledge/debtags.sh LEXICAL_RANK"
command -v apt-get >/dev/null || { echo "skipped: no apt-get"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
data=$CACHE/test-data/debtags
if [ ! -f "$data/complete" ]; then
  step "Fetching Debian's package descriptions and tags"
  rm -rf "$data"
  mkdir -p "$data/lists/partial" "$data/cache"
  options=(-o "Dir::State::Lists=$data/lists" -o "Dir::Cache=$data/cache" -o Acquire::Languages=en
    -o "APT::Sandbox::User=$(id -un)")
  apt-get "${options[@]}" update -qq
  (cd "$data" && apt-get "${options[@]}" download -qq debtags && dpkg-deb -x debtags_*.deb package)
  cp "$data/package/usr/share/debtags/vocabulary" "$data/vocabulary"
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  for kind in Packages Translation-en; do
    /usr/lib/apt/apt-helper cat-file "$data"/lists/*_dists_"$release"_main_*"$kind"* >"$data/$kind"
  done
  rm -rf "$data"/{lists,cache,package} "$data"/debtags_*.deb
  touch "$data/complete"
fi
venv=$CACHE/test-clients/knowledge-python
install_python "$venv" "$here" "the Snowball stemmers for Python"
"$venv/bin/python" "$here/debtags.py" "$1" "$data" "$ROOT/src/knowledge/lexical/stop_words.cc"
