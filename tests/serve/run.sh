#!/usr/bin/env bash
# Starts the real server on a free port of 127.0.0.1 and runs the HTTP tests against it with the real clients.
#   tests/serve/run.sh STRATA MODEL
. "$(dirname "$0")/../../scripts/lib/common.sh"
strata=$1 model=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

venv=$CACHE/test-venv
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import openai' 2>/dev/null; then
  step "Installing the openai Python client"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q "openai==3.57.0"
fi
node=$CACHE/test-node
if [ ! -d "$node/node_modules/openai" ]; then
  step "Installing the openai npm client"
  mkdir -p "$node"
  npm install --silent --no-audit --no-fund --prefix "$node" "openai@7.57.0"
fi

"$strata" serve "$model" --model-name smollm2 --host 127.0.0.1 --port 0 --port-file "$work/port" 2>"$work/log" &
server=$!
for _ in $(seq 1 300); do
  [ -s "$work/port" ] && curl -sf "http://127.0.0.1:$(cat "$work/port")/health" >/dev/null && break
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; fail "the server ended"; }
  sleep 0.1
done
export BASE_URL="http://127.0.0.1:$(cat "$work/port")" MODEL=smollm2 NODE_PATH="$node/node_modules"
status=0
"$venv/bin/python" "$here/openai_sdk_test.py" || status=1
cp "$here/openai_sdk_test.mjs" "$node/openai_sdk_test.mjs"
(cd "$node" && node openai_sdk_test.mjs) || status=1
"$venv/bin/python" "$here/isolation_test.py" || status=1

step "SIGTERM drains and ends the server"
kill -TERM "$server"
if wait "$server"; then echo "ok - server ended with status 0"; else echo "not ok - server ended with status $?"; status=1; fi
server=
[ "$status" -eq 0 ] || tail -n 30 "$work/log" >&2
exit "$status"
