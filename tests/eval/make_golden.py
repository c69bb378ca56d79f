"""Makes src/eval/testdata/call_match.jsonl: calls and the verdicts of BFCL's own checker on them.

pip download --no-deps bfcl-eval==2026.3.23, unpack the wheel, and

python3 tests/eval/make_golden.py FOLDER > src/eval/testdata/call_match.jsonl

FOLDER is where the wheel was unpacked. Functions, answers and calls are made here, at random from a fixed seed; only the
verdicts come from there. Cases that the original cannot judge (it raises) are left out.
"""
import collections
import copy
import json
import random
import sys
import types

sys.path.insert(0, sys.argv[1])
# The checker asks this module one thing, whether dots of names became underscores; the real one imports every SDK.
names = types.ModuleType("bfcl_eval.constants.model_config")
names.MODEL_CONFIG_MAPPING = collections.defaultdict(lambda: types.SimpleNamespace(underscore_to_dot=True))
sys.modules[names.__name__] = names
from bfcl_eval.constants.enums import Language  # noqa: E402
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker  # noqa: E402

CASES = {"python": 500, "java": 120, "javascript": 120}
WORDS = ["Paris", "New York, NY", "it's", "a-b_c", "Été", "2024-01-05", "x^2 + 3*x", "", "red", "Red ", "10 km/h"]
TYPES = {
    "python": ["string", "integer", "float", "boolean", "array", "tuple", "dict", "any"],
    "java": ["String", "integer", "float", "double", "long", "boolean", "char", "ArrayList", "Array", "HashMap", "any"],
    "javascript": ["String", "integer", "float", "Bigint", "Boolean", "array", "dict", "any"],
}
SCALARS = {
    "python": ["string", "integer", "float", "boolean"],
    "java": ["String", "integer", "double", "long", "boolean", "char"],
    "javascript": ["String", "integer", "float", "Boolean"],
}
LANGUAGES = {"python": Language.PYTHON, "java": Language.JAVA, "javascript": Language.JAVASCRIPT}
rng = random.Random(20261126)


def scalar(kind):
    if kind in ("integer", "long", "Bigint"):
        return rng.choice([0, 1, 2, 5, -3, 100])
    if kind in ("float", "double"):
        return rng.choice([0.5, 2.0, 3, -1.25, 100.0])
    if kind in ("boolean", "Boolean"):
        return rng.choice([True, False])
    return rng.choice(WORDS)


def value(schema, language):
    kind = schema["type"]
    if kind in ("array", "tuple", "ArrayList", "Array"):
        return [value(schema["items"], language) for _ in range(rng.randint(0, 3))]
    if kind in ("dict", "HashMap"):
        return {key: scalar(rng.choice(SCALARS[language])) for key in rng.sample(["a", "b", "c"], rng.randint(0, 3))}
    return scalar(kind)


def source(item, schema, language):
    """A literal as a model would write it; now and then not quite."""
    kind = schema["type"]
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, list):
        inner = [source(one, schema.get("items", {"type": "any"}), language) for one in item]
        if language == "javascript":
            return rng.choice(["[{}]", "new Array({})"]).format(rng.choice([", ", ","]).join(inner))
        if kind == "Array":
            return "new Object[]{%s}" % ", ".join(inner)
        if not inner:
            return rng.choice(["new ArrayList<>()", "new ArrayList<String>() {{}}"])
        return rng.choice(["new ArrayList<Object>(Arrays.asList(%s))" % ", ".join(inner),
                           "new ArrayList<>() {{ %s }}" % " ".join("add(%s);" % one for one in inner)])
    if isinstance(item, dict):
        if language == "javascript":
            return "{%s}" % ", ".join("%s: %s" % (rng.choice([key, '"%s"' % key]), source(one, {"type": "String"}, language))
                                      for key, one in item.items())
        return "new HashMap<String, Object>() {{ %s }}" % " ".join(
            'put("%s", %s);' % (key, source(one, {"type": "x"}, language)) for key, one in item.items())
    if isinstance(item, (int, float)):
        suffix = {"long": "L", "float": "f" if language == "java" else "", "Bigint": "n"}.get(kind, "")
        return str(item) + rng.choice([suffix, suffix, suffix, ""])
    if kind in ("String", "char") and language == "java":
        return item
    return rng.choice(['"%s"', "'%s'", "%s"]) % item if language == "javascript" else '"%s"' % item


def schema_of(language):
    kind = rng.choice(TYPES[language])
    schema = {"type": kind}
    if kind in ("array", "tuple", "ArrayList", "Array"):
        choices = SCALARS[language] + (["dict"] if language != "java" else [])
        schema["items"] = {"type": rng.choice(choices)}
    return schema


def answers_of(item, schema, language):
    """What is accepted for a parameter whose right value is `item`."""
    if isinstance(item, dict):
        accepted = {key: [one] + ([""] if rng.random() < 0.3 else []) for key, one in item.items()}
        if rng.random() < 0.3:
            accepted["d"] = ["e", ""]
    elif isinstance(item, list) and any(isinstance(one, dict) for one in item):
        accepted = [{key: [inner] for key, inner in one.items()} for one in item]
    else:
        accepted = item
    answers = [accepted]
    if rng.random() < 0.3 and not isinstance(item, (dict, list)):
        answers.append(scalar(schema["type"]))
    if rng.random() < 0.1:
        answers = ["variable_name"]
    if rng.random() < 0.25:
        answers.append("")
    return answers


def disturbed(item, schema, language):
    """Like `item`, but not the same: other spelling, other type, other value."""
    choice = rng.randrange(7)
    if choice == 0:
        return value(schema, language)
    if choice == 1:
        return rng.choice([None, "x", 1, 1.0, True, [], {}, "variable_name"])
    if isinstance(item, str):
        return rng.choice([item.upper(), item.replace(" ", ""), item.replace("-", "/"), item + "!", item.replace("'", '"')])
    if isinstance(item, bool):
        return rng.choice([int(item), str(item).lower(), not item])
    if isinstance(item, (int, float)):
        return rng.choice([float(item), int(item), item + 1, str(item)])
    if isinstance(item, list):
        return rng.choice([item[::-1], item + item[:1], [disturbed(one, schema["items"], language) for one in item]])
    if isinstance(item, dict):
        out = dict(item)
        rng.choice([lambda: out.update(z=1), lambda: out.pop(next(iter(out), None), None), lambda: out.update(a="Q")])()
        return out
    return item


def make(language):
    style = rng.choice(["simple", "simple", "simple", "multiple", "parallel"])
    functions, right = [], []
    for index in range(1 if style == "simple" else 2):
        name = rng.choice(["get_weather", "math.area", "book-it", "geo.city.find"]) + str(index)
        properties = {key: schema_of(language) for key in rng.sample(["city", "n", "list", "opt", "f"], rng.randint(1, 4))}
        keys = list(properties)
        functions.append({"name": name, "parameters": {"type": "dict", "properties": properties,
                                                       "required": keys[: rng.randint(0, len(keys))]}})
    for function in functions if style == "parallel" else functions[:1]:
        properties = function["parameters"]["properties"]
        values = {key: value(schema, language) for key, schema in properties.items()}
        truth = {key: answers_of(values[key], schema, language) for key, schema in properties.items() if rng.random() < 0.95}
        right.append((function, values, truth))
    calls = []
    for function, values, truth in right:
        arguments = {}
        for key, item in copy.deepcopy(values).items():
            schema = function["parameters"]["properties"][key]
            if "" in truth.get(key, []) and rng.random() < 0.4:
                continue
            if rng.random() < 0.08:
                continue
            if rng.random() < 0.25:
                item = disturbed(item, schema, language)
            if language != "python" and rng.random() < 0.97:
                item = source(item, schema, language) if item is not None else "null"
            arguments[key] = item
        if rng.random() < 0.04:
            arguments["extra"] = 1
        name = function["name"].replace(".", "_")
        calls.append({name + ("x" if rng.random() < 0.04 else ""): arguments})
    rng.shuffle(calls)
    if rng.random() < 0.05:
        calls = calls[1:] if rng.random() < 0.5 else calls + calls[:1]
    category = style if language == "python" else f"{style}_{language}"
    return category, functions, [{function["name"]: truth} for function, _, truth in right], calls


def main():
    right = 0
    for language, count in CASES.items():
        made = 0
        while made < count:
            category, functions, truth, calls = make(language)
            try:
                # Compared as the original has them: from JSON.
                verdict = ast_checker(functions, json.loads(json.dumps(calls)), json.loads(json.dumps(truth)),
                                      LANGUAGES[language], category, "any")
            except Exception:
                continue
            print(json.dumps({"id": f"{category}_{made}", "category": category, "function": functions, "ground_truth": truth,
                              "calls": calls, "right": verdict["valid"]}, ensure_ascii=False))
            made += 1
            right += verdict["valid"]
    print(f"{right} of {sum(CASES.values())} are right", file=sys.stderr)


main()
