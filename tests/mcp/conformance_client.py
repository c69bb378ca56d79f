#!/usr/bin/env python3
"""What the conformance suite runs as the client: conformance_client.py STRATA [OPTION...] URL.

Lists the tools of the scenario's server and calls them, by `strata mcp`: those that the scenario names, else each.
"""
import json
import os
import subprocess
import sys

STRATA, *OPTIONS, URL = sys.argv[1:]
SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
SAMPLES = {"string": "text", "integer": 3, "number": 1.5, "boolean": True, "array": [], "object": {}, "null": None}


def mcp(command, *words):
    result = subprocess.run([STRATA, "mcp", command, "--url", URL, "--accept-defaults", "--json", *OPTIONS, *words],
                            capture_output=True, text=True, timeout=25)
    print(f"mcp {command} {words}: {result.returncode}\n{result.stdout}{result.stderr}", flush=True)
    return result


def arguments(tool):
    schema = tool["inputSchema"]
    required = schema.get("required", [])
    return {name: SAMPLES.get(value.get("type"), "text") for name, value in schema.get("properties", {}).items()
            if name in required}


def main():
    listed = mcp("list")
    if listed.returncode != 0:
        return listed.returncode
    tools = json.loads(listed.stdout)["tools"]
    calls = CONTEXT.get("toolCalls") or [{"name": tool["name"], "arguments": arguments(tool)} for tool in tools]
    if SCENARIO == "json-schema-2020-12-preservation":
        schema = next(tool["inputSchema"] for tool in tools if tool["name"] == "json_schema_2020_12_tool")
        calls = [{"name": "json_schema_echo", "arguments": {"schema": schema}}]
    if SCENARIO == "json-schema-ref-no-deref":
        calls = []  # the server lists only
    return max([mcp("call", call["name"], json.dumps(call["arguments"])).returncode for call in calls], default=0)


sys.exit(main())
