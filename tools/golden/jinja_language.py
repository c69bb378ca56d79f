"""What jinja2 makes of small templates: every filter, test, tag, operator and method, and what it refuses.

    pip install jinja2==3.1.6
    python tools/golden/jinja_language.py > src/formats/testdata/chat_template/language.json

Reads SNIPPETS, one template a line: '# ' starts a comment, and a line is a Python string's inside, so \\n is a new line.
Output: {"jinja2": version, "now": Unix seconds, "variables": {...}, "snippets": [[template, text or null for an error], ...]}.
"""
import json
import pathlib

import jinja_environment

SNIPPETS = pathlib.Path(__file__).with_name("jinja_language.txt")
VARIABLES = {
    "name": "Ada",
    "text": "Hello World",
    "html": "<b>\"A\" & 'B'</b>",
    "unicode": "Straße – naïve 数学 🙂",
    "lines": "one\ntwo\n\nthree\r\nfour",
    "xs": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"],
    "mixed": [1, "a", None, 2.5, True, [], {}],
    "empty": [],
    "d": {"b": 1, "a": "x", "C": None},
    "odd": {"items": 7, "sort": "s", "pop": 8, "remove": "r", "with space": 1, "__x": 5, "": 0},
    "users": [
        {"name": "Bea", "age": 30, "tags": ["x"], "a": {"b": 2}},
        {"name": "al", "age": 25, "tags": [], "a": {"b": 1}},
        {"name": "Cy", "age": 30, "a": {"b": 3}},
    ],
    "tree": [{"n": 1, "c": [{"n": 2, "c": []}, {"n": 3, "c": [{"n": 4, "c": []}]}]}, {"n": 5, "c": []}],
    "f": 2.5,
    "tiny": 1e-07,
    "big": 1e16,
    "neg": -7,
    "none": None,
    "yes": True,
    "no": False,
    "tool": {"type": "function", "function": {"name": "f", "parameters": {"é": [1, 2.0, None, True, "\u2028\"\\/\x07"], "o": {}}}},
}


def snippets():
    for line in SNIPPETS.read_text().split("\n"):
        if line and not line.startswith("# "):
            yield line.replace("\\\\", "\0").replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").replace("\0", "\\")


def render(env, source):
    try:
        return env.from_string(source).render(**json.loads(json.dumps(VARIABLES)))
    except Exception:  # whatever jinja2 or Python refuse
        return None


def main():
    env = jinja_environment.make()
    rows = ",\n".join(json.dumps([source, render(env, source)], ensure_ascii=False) for source in snippets())
    print(f"""{{"jinja2": "{jinja_environment.VERSION}", "now": {jinja_environment.NOW_UNIX},
"variables": {json.dumps(VARIABLES, ensure_ascii=False)},
"snippets": [
{rows}
]}}""")


if __name__ == "__main__":
    main()
