"""Renders published chat templates by jinja2 as transformers sets it up.

    pip install jinja2==3.1.6
    python tools/golden/jinja_chat_templates.py TEST_DATA MODEL.gguf > src/formats/testdata/chat_template/renders.json

TEST_DATA is what scripts/fetch_test_data.sh fills; of the GGUF only the template is taken (its key is "model").
Output: {"jinja2": version, "now": Unix seconds, "conversations": {name: variables},
"renders": {source: [sha256 of the text, first 16 digits, or "error"; one per conversation, in their order]}}.
A source is "path" of a file below TEST_DATA, or "path#name" for a template inside a tokenizer_config.json.
"""
import hashlib
import json
import pathlib
import struct
import sys

import jinja_environment

USER = {"role": "user", "content": "What is 2 + 2? 数学 🙂"}
ANSWER = {"role": "assistant", "content": "It is 4."}
SYSTEM = {"role": "system", "content": "You are terse.\nUse \"quotes\" & <tags>."}
AGAIN = {"role": "user", "content": "  And 3 + 3?\n"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "City"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
BOOKING = {
    "type": "function",
    "function": {
        "name": "book",
        "description": "Books a trip – «naïve»\nover \"two\" lines",
        "parameters": {
            "type": "object",
            "properties": {
                "class": {"type": "string", "enum": ["economy", "business"], "default": "economy"},
                "price": {"type": ["number", "null"], "minimum": 0.5, "maximum": 1e6, "description": "In €"},
                "refundable": {"type": "boolean", "default": False},
                "legs": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "description": "One leg",
                        "properties": {
                            "from": {"type": "string", "description": "IATA"},
                            "via": {"type": "array", "items": {"type": "string"}},
                            "seat": {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
                        },
                        "required": ["from"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["legs", "class"],
        },
        "return": {"type": "string", "description": "The number of the booking"},
    },
}
NOW_TOOL = {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}}


def called(identifier, name, arguments):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


CALL = {"role": "assistant", "content": "", "tool_calls": [called("call00001", "get_weather", {"city": "Paris", "days": 2})]}
RESULT = {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "{\"temperature\": 21.5}"}
NESTED = {"class": "business", "price": 10.0, "refundable": True, "legs": [{"from": "ZRH", "via": [], "seat": None}, {"from": "東京"}]}
TWO_CALLS = {
    "role": "assistant",
    "content": "I look.",
    "tool_calls": [called("call00001", "get_weather", {"city": "Zürich"}), called("call00002", "book", NESTED)],
}
TWO_RESULTS = [
    {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "sunny"},
    {"role": "tool", "tool_call_id": "call00002", "name": "book", "content": "A-17"},
]


def text_parts(*texts):
    return [{"type": "text", "text": text} for text in texts]


CONVERSATIONS = {
    "user": {"messages": [USER]},
    "no_generation_prompt": {"messages": [USER, ANSWER], "add_generation_prompt": False},
    "system": {"messages": [SYSTEM, USER]},
    "turns": {"messages": [SYSTEM, USER, ANSWER, AGAIN]},
    "tools": {"messages": [SYSTEM, USER], "tools": [WEATHER]},
    "tool_result": {"messages": [USER, CALL, RESULT], "tools": [WEATHER]},
    "reasoning": {
        "messages": [USER, {**ANSWER, "reasoning_content": "two and two"}, {"role": "user", "content": "Sure?"}],
        "enable_thinking": False,
    },
    "thinking_text": {"messages": [USER, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nFour."}, USER]},
    "parts": {"messages": [{"role": "user", "content": text_parts("Hello", "you")}]},
    "two_users": {"messages": [USER, USER]},
    "empty": {"messages": []},
    "several_tools": {"messages": [USER], "tools": [WEATHER, BOOKING, NOW_TOOL]},
    "parallel_calls": {"messages": [SYSTEM, USER, TWO_CALLS, *TWO_RESULTS, ANSWER, AGAIN], "tools": [WEATHER, BOOKING]},
    "call_last": {"messages": [USER, TWO_CALLS], "tools": [WEATHER, BOOKING], "add_generation_prompt": False},
    "call_null_content": {"messages": [USER, {**CALL, "content": None}, RESULT, ANSWER, AGAIN], "tools": [WEATHER]},
    "call_no_content": {"messages": [USER, {k: v for k, v in CALL.items() if k != "content"}, RESULT], "tools": [WEATHER]},
    "arguments_text": {
        "messages": [USER, {**CALL, "tool_calls": [called("call00001", "get_weather", "{\"city\": \"Paris\"}")]}, RESULT],
        "tools": [WEATHER],
    },
    "call_reasoning": {
        "messages": [USER, {**CALL, "reasoning_content": "I need\nthe weather."}, RESULT],
        "tools": [WEATHER],
        "enable_thinking": True,
        "reasoning_effort": "high",
    },
    "result_parts": {"messages": [USER, CALL, {**RESULT, "content": text_parts("a", "b")}], "tools": [WEATHER]},
    "no_tools": {"messages": [SYSTEM, USER], "tools": []},
    "tools_none": {"messages": [SYSTEM, USER], "tools": None, "documents": None},
    "empty_content": {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": ""}]},
    "null_content": {"messages": [USER, {"role": "assistant", "content": None}, AGAIN]},
    "unicode": {
        "messages": [
            {"role": "system", "content": "ÀÉ\u00a0ß\u2028\u200b"},
            {"role": "user", "content": "\u3000नमस्ते \u0301 👩‍👩‍👧\r\n\t<|im_end|> {{ 7 * 7 }} {% raw %} \\n \x07"},
        ]
    },
    "documents": {
        "messages": [SYSTEM, USER],
        "documents": [{"title": "One", "text": "First «text»", "doc_id": 1}, {"title": "Two", "text": "Second\nline"}],
    },
    "developer": {"messages": [{"role": "developer", "content": "Be brief."}, USER, ANSWER, USER]},
    "system_parts": {"messages": [{"role": "system", "content": text_parts("S1", "S2")}, {"role": "user", "content": text_parts(" U ")}]},
    "image": {"messages": [{"role": "user", "content": [{"type": "image"}, *text_parts("What is this?")]}]},
    "late_system": {"messages": [USER, ANSWER, SYSTEM, USER]},
    "assistant_first": {"messages": [ANSWER, USER]},
    "assistant_last": {"messages": [SYSTEM, USER, {"role": "assistant", "content": "It is"}], "continue_final_message": True},
    "thinking": {
        "messages": [USER, {**ANSWER, "reasoning_content": "hm", "thinking": "hm", "reasoning": "hm"}],
        "enable_thinking": True,
        "thinking": True,
        "add_generation_prompt": False,
    },
    "date": {"messages": [USER], "date_string": "26 Jul 2024", "builtin_tools": ["brave_search", "code_interpreter"]},
    "tools_in_user_message": {"messages": [SYSTEM, USER], "tools": [WEATHER], "tools_in_user_message": False},
    "no_bos": {"messages": [USER], "bos_token": "", "eos_token": ""},
    "long": {"messages": [SYSTEM] + [USER, ANSWER] * 6 + [USER, CALL, RESULT, ANSWER, USER], "tools": [WEATHER, NOW_TOOL]},
}
BASE = {"bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True}
CONVERSATIONS = {name: {**BASE, **variables} for name, variables in CONVERSATIONS.items()}


def gguf_template(path):
    """tokenizer.chat_template of a GGUF file, by the format's specification."""
    data = open(path, "rb")
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def number(code):
        return struct.unpack("<" + code, data.read(struct.calcsize(code)))[0]

    def text():
        return data.read(number("Q")).decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            item, count = number("I"), number("Q")
            if item in (8, 9):
                return [value(item) for _ in range(count)]
            return data.read(sizes[item] * count)
        return data.read(sizes[kind])

    data.seek(16)
    for _ in range(number("Q")):
        key = text()
        found = value(number("I"))
        if key == "tokenizer.chat_template":
            return found
    raise SystemExit(f"{path} has no chat template")


def templates(test_data):
    for path in sorted(test_data.rglob("*.jinja")):
        yield str(path.relative_to(test_data)), path.read_text()
    for path in sorted(test_data.rglob("tokenizer_config.json")):
        found = json.loads(path.read_text()).get("chat_template", [])
        if isinstance(found, str):
            found = [{"name": "default", "template": found}]
        for each in found:
            yield f"{path.relative_to(test_data)}#{each['name']}", each["template"]


def render(env, source, variables):
    try:
        text = env.from_string(source).render(**json.loads(json.dumps(variables)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    except Exception:  # what the template raises, and what it trips over
        return "error"


def main(test_data, model):
    env = jinja_environment.make()
    renders = {name: [render(env, source, v) for v in CONVERSATIONS.values()] for name, source in templates(pathlib.Path(test_data))}
    renders["model"] = [render(env, gguf_template(model), v) for v in CONVERSATIONS.values()]

    def lines(table):  # one entry a line, so that a change of one shows as one
        return ",\n".join(f"{json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}" for k, v in table.items())

    print(f"""{{"jinja2": "{jinja_environment.VERSION}", "now": {jinja_environment.NOW_UNIX},
"conversations": {{
{lines(CONVERSATIONS)}
}},
"renders": {{
{lines(renders)}
}}}}""")


if __name__ == "__main__":
    main(*sys.argv[1:])
