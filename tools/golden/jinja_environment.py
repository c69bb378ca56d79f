"""jinja2 as transformers sets it up for chat templates (transformers.utils.chat_template_utils)."""
import datetime
import json

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

VERSION = "3.1.6"
NOW = datetime.datetime(2025, 3, 14, 15, 9, 26)
NOW_UNIX = int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp())


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


def make():
    if jinja2.__version__ != VERSION:
        raise SystemExit(f"jinja2 {VERSION} makes these goldens, not {jinja2.__version__}")
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env
