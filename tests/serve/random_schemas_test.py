"""Random JSON Schemas as response_format and as the parameters of a tool that must be called: every answer validates by
Python's jsonschema, also where max_tokens ended it, unless they are too few for any answer.

    random_schemas_test.py [COUNT [SEED [SKIP]]]     of the server that harness.py finds in the environment; not the first SKIP

Schemas that the server refuses (400 that names the place) are counted; nothing else may go wrong. Sampling is hot, so that
the model wanders through the grammar rather than writing what it knows. A request whose connection is lost is sent again, for
some minutes, so that a server that comes back finds a long run going on; the run fails at its end all the same."""
import collections
import concurrent.futures
import http.client
import json
import random
import re
import sys
import time

import jsonschema

from harness import post
from schema_generator import SchemaGenerator

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 150
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
SKIP = int(sys.argv[3]) if len(sys.argv) > 3 else 0
STREAMS = 64  # requests at a time: as many as the server runs together
RETRIES, PAUSE = 20, 15  # s
LOST = collections.Counter()  # connections, by what became of them
CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER


def request_for(seed):
    """(whether it is a tool's, the schema, the request)"""
    rng = random.Random(seed)
    as_tool = rng.random() < 0.7
    schema = SchemaGenerator(rng).document(root_is_object=as_tool or rng.random() < 0.7)
    body = {"messages": [{"role": "user", "content": "Give me an example."}], "temperature": 1, "seed": seed,
            "max_tokens": rng.choice([100, 200, 400])}
    if as_tool:
        body |= {"tools": [{"type": "function", "function": {"name": "x", "parameters": schema}}],
                 "tool_choice": "required", "parallel_tool_calls": False}
        if rng.random() < 0.9:
            body["max_tool_tokens"] = 0  # it need not read what it is held to, and a prompt costs more than an answer
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return as_tool, schema, body


def send(body, timeout):
    for retry in range(RETRIES + 1):
        try:
            return post("/v1/chat/completions", body, timeout=timeout)
        except (OSError, http.client.HTTPException) as error:
            LOST[type(error).__name__] += 1
            if retry == RETRIES:
                raise
            time.sleep(PAUSE)


def ask(seed, more_tokens=1):
    """(what came of it, details where it is wrong or refused)"""
    as_tool, schema, body = request_for(seed)
    body["max_tokens"] *= more_tokens
    told = f"seed {seed}: {json.dumps(schema, ensure_ascii=False)}"
    try:
        status, answer = send(body, timeout=600 * more_tokens)
    except (OSError, http.client.HTTPException) as error:
        return "wrong", f"{told}\n{error!r}"
    if status != 200:
        error = answer["error"]
        good = status == 400 and error["param"].startswith("tools[0]" if as_tool else "response_format")
        reason = re.sub(r"\d+", "N", error["message"].rpartition(": ")[2])
        return (f"refused: {reason}" if good else "wrong"), f"{told}\n{status} {error}"
    choice = answer["choices"][0]
    calls = choice["message"].get("tool_calls", [])
    if as_tool and len(calls) != 1:
        return "wrong", f"{told}\n{choice}"
    text = calls[0]["function"]["arguments"] if as_tool else choice["message"]["content"]
    try:
        jsonschema.Draft202012Validator(schema, format_checker=CHECKER).validate(json.loads(text))
    except (ValueError, jsonschema.ValidationError) as error:
        if choice["finish_reason"] == "length" and more_tokens == 1:  # perhaps the schema has no answer that is so short
            outcome, details = ask(seed, more_tokens=8)
            return ("cut" if outcome.startswith("valid") else outcome), details
        return "wrong", f"{told}\n{text}\n{choice['finish_reason']}: {str(error)[:300]}"
    return ("valid, completed" if choice["finish_reason"] == "length" else "valid"), None


def main():
    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
        for outcome, details in pool.map(ask, range(SEED * 1_000_000 + SKIP, SEED * 1_000_000 + COUNT)):
            counts[outcome] += 1
            if outcome == "wrong" or (details and counts[outcome] == 1):
                print(outcome, details, flush=True)
            if counts.total() % 1000 == 0:
                print(dict(counts), flush=True)
    print(f"random schemas: {dict(counts)}, lost connections: {dict(LOST)}")
    # A test that cannot fail would be one whose schemas are all refused, or whose answers are all cut.
    sys.exit(counts["wrong"] > 0 or LOST.total() > 0 or counts["cut"] > counts.total() * 0.02 or
             counts["valid"] + counts["valid, completed"] < counts.total() * 0.8)


if __name__ == "__main__":
    main()
