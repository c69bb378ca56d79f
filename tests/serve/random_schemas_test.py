"""Random JSON Schemas as response_format and as the parameters of a tool that must be called: every answer validates by
Python's jsonschema, also where max_tokens ended it.

    random_schemas_test.py [COUNT] [SEED]        of the server that harness.py finds in the environment

Schemas that the server refuses (400 that names the keyword) are counted; nothing else may go wrong. Sampling is hot, so that
the model wanders through the grammar rather than writing what it knows."""
import collections
import concurrent.futures
import json
import random
import sys

import jsonschema

from harness import post

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 150
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER
WORDS = ["name", "id", "kind", "größe", "a b", "x-1", "tags", "value", 'quo"te', "back\\slash", "日本"]


def bounded(rng, low, high, names, most):
    """Some of a keyword pair min…/max…, in order."""
    bounds = sorted(rng.sample(range(low, high), 2))
    chosen = dict(zip(names, bounds))
    return {name: bound for name, bound in chosen.items() if rng.random() < most}


def string(rng):
    schema = {"type": "string"}
    pick = rng.random()
    if pick < 0.3:
        schema |= bounded(rng, 0, 20, ("minLength", "maxLength"), 0.8)
        schema.setdefault("maxLength", 25)
    elif pick < 0.5:
        schema["pattern"] = rng.choice(["^[a-z]{2,8}$", "^\\d{3}-\\d{4}$", "^(yes|no)$", "^[^x]{1,9}$", "^é+$|^[A-Z].{0,5}$",
                                        "^(?!no)[a-z]{2,5}$"])
    elif pick < 0.75:
        schema["format"] = rng.choice(["date", "date-time", "time", "uuid", "ipv4", "ipv6", "email", "duration"])
    else:
        schema["maxLength"] = 12
    return schema


def number(rng):
    schema = {"type": rng.choice(["integer", "number"])}
    schema |= bounded(rng, -1000, 1000, rng.choice([("minimum", "maximum"), ("exclusiveMinimum", "exclusiveMaximum")]), 0.7)
    if rng.random() < 0.3:
        schema["multipleOf"] = rng.choice([1, 3, 5, 7] if schema["type"] == "integer" else [0.5, 0.25, 3])
    return schema


def array(rng, depth):
    schema = {"type": "array", "maxItems": rng.randint(1, 5)}
    if rng.random() < 0.5:
        schema["minItems"] = rng.randint(0, schema["maxItems"])
    if rng.random() < 0.3:
        schema["prefixItems"] = [value(rng, depth - 1) for _ in range(rng.randint(1, 2))]
    schema["items"] = value(rng, depth - 1)
    return schema


def object_(rng, depth):
    names = rng.sample(WORDS, rng.randint(0, 5))
    schema = {"type": "object", "properties": {name: value(rng, depth - 1) for name in names}}
    if names and rng.random() < 0.8:
        schema["required"] = rng.sample(names, rng.randint(0, len(names)))
    pick = rng.random()
    if pick < 0.6:
        schema["additionalProperties"] = False
    elif pick < 0.8:
        schema["additionalProperties"] = value(rng, 0)
        schema["maxProperties"] = len(names) + rng.randint(0, 2)
    else:
        schema["patternProperties"] = {"^[a-c]{1,3}$": value(rng, 0)}
        schema["additionalProperties"] = False
        schema["maxProperties"] = len(names) + 2
    if len(names) > 1 and rng.random() < 0.2:
        schema["dependentRequired"] = {names[0]: [names[1]]}
    return schema


def value(rng, depth):
    pick = rng.random()
    if depth > 0 and pick < 0.35:
        return object_(rng, depth)
    if depth > 0 and pick < 0.5:
        return array(rng, depth)
    if depth > 0 and pick < 0.6:
        return {rng.choice(["anyOf", "oneOf"]): [value(rng, depth - 1) for _ in range(rng.randint(2, 3))]}
    if depth > 0 and pick < 0.65:
        schema = object_(rng, 1)
        return {"allOf": [schema, {"required": list(schema["properties"])[:1]}]}
    if pick < 0.75:
        return {"enum": rng.sample(["red", 'a"b', 3, 1.5, None, True, "größe", "red red"], rng.randint(1, 4))}
    if pick < 0.85:
        return string(rng)
    if pick < 0.95:
        return number(rng)
    return {"type": rng.choice(["boolean", "null"])}


def ask(seed):
    """(what came of it, details where it is wrong)"""
    schema = object_(random.Random(seed), 3)
    body = {"messages": [{"role": "user", "content": "Give me an example."}], "temperature": 1, "seed": seed,
            "max_tokens": 400}
    as_tool = seed % 2 == 0
    if as_tool:
        body |= {"tools": [{"type": "function", "function": {"name": "x", "parameters": schema}}],
                 "tool_choice": "required", "parallel_tool_calls": False}
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    status, answer = post("/v1/chat/completions", body)
    if status != 200:
        good = status == 400 and answer["error"]["param"].startswith("tools[0]" if as_tool else "response_format")
        return ("refused" if good else "wrong", f"{json.dumps(schema)}\n{answer['error']}")
    choice = answer["choices"][0]
    calls = choice["message"].get("tool_calls", [])
    if as_tool and len(calls) != 1:
        return "wrong", f"{json.dumps(schema, ensure_ascii=False)}\n{choice}"
    text = calls[0]["function"]["arguments"] if as_tool else choice["message"]["content"]
    try:
        jsonschema.Draft202012Validator(schema, format_checker=CHECKER).validate(json.loads(text))
    except (ValueError, jsonschema.ValidationError) as error:
        return "wrong", f"{json.dumps(schema, ensure_ascii=False)}\n{text}\n{str(error)[:300]}"
    return ("completed" if choice["finish_reason"] == "length" else "valid"), None


def main():
    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for outcome, details in pool.map(ask, range(SEED * 1_000_000, SEED * 1_000_000 + COUNT)):
            counts[outcome] += 1
            if outcome == "wrong" or (outcome == "refused" and counts["refused"] <= 3):
                print(outcome, details, flush=True)
    print(f"random schemas: {dict(counts)}")
    # A test that cannot fail would be one whose schemas are all refused.
    sys.exit(counts["wrong"] > 0 or counts["valid"] < COUNT * 0.6)


if __name__ == "__main__":
    main()
