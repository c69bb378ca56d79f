"""Renders real chat templates by jinja2 as transformers sets it up.

    python tools/golden/jinja_chat_templates.py TEMPLATES_FOLDER > src/formats/testdata/chat_template/renders.json

Output: {"conversations": {name: variables}, "renders": {template file: {conversation: sha256 of the text, or "error"}}}.
"""
import datetime
import hashlib
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """{% generation %} as transformers has it, without the recording."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


NOW = datetime.datetime(2025, 3, 14, 15, 9, 26)
env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = NOW.strftime

user = {"role": "user", "content": "What is 2 + 2? 数学 🙂"}
answer = {"role": "assistant", "content": "It is 4."}
system = {"role": "system", "content": "You are terse.\nUse \"quotes\" & <tags>."}
tool = {
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
call = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}}
    ],
}
result = {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "{\"temperature\": 21.5}"}
base = {"bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True}
conversations = {
    "user": {"messages": [user]},
    "no_generation_prompt": {"messages": [user, answer], "add_generation_prompt": False},
    "system": {"messages": [system, user]},
    "turns": {"messages": [system, user, answer, {"role": "user", "content": "  And 3 + 3?\n"}]},
    "tools": {"messages": [system, user], "tools": [tool]},
    "tool_result": {"messages": [user, call, result], "tools": [tool]},
    "reasoning": {
        "messages": [user, {**answer, "reasoning_content": "two and two"}, {"role": "user", "content": "Sure?"}],
        "enable_thinking": False,
    },
    "thinking_text": {"messages": [user, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nFour."}, user]},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "you"}]}]},
    "two_users": {"messages": [user, user]},
    "empty": {"messages": []},
}
conversations = {name: {**base, **variables} for name, variables in conversations.items()}

renders = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja")):
    row = {}
    for name, variables in conversations.items():
        try:
            text = env.from_string(path.read_text()).render(**json.loads(json.dumps(variables)))
            row[name] = hashlib.sha256(text.encode()).hexdigest()[:32]
        except Exception:  # what the template raises, and what it trips over
            row[name] = "error"
    renders[path.name] = row
json.dump({"now": int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()), "conversations": conversations, "renders": renders},
          sys.stdout, ensure_ascii=False, indent=0)
