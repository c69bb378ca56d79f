"""The strata command as a user runs it.

python3 tests/cli/cli_test.py STRATA     # the model is STRATA_TEST_MODEL; without it: status 77, "skipped"
"""
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from tiny_encoder import make_encoder

STRATA = sys.argv.pop(1)
MODEL = os.environ.get("STRATA_TEST_MODEL", "")


def strata(*arguments, stdin=None):
    return subprocess.run([STRATA, *arguments], input=stdin, capture_output=True, text=True, timeout=300)


def subcommands(*path):
    """Paths of every subcommand below, as --help lists them."""
    text = strata(*path, "--help").stdout
    _, _, listed = text.partition("\nSubcommands:\n")
    for name in re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE):
        yield (*path, name)
        yield from subcommands(*path, name)


class Terminal:
    """strata chat in a pseudo-terminal."""

    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(STRATA, [STRATA, *arguments])
        self.seen = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, wanted, seconds=60):
        """What came up to `wanted`."""
        end = time.monotonic() + seconds
        while wanted not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"{wanted!r} did not come: {self.seen!r}")
            self.seen += os.read(self.fd, 4096).decode(errors="replace")
        before, _, self.seen = self.seen.partition(wanted)
        return before

    def status(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 4096)
                except OSError:  # the other end is closed
                    pass
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("strata chat did not end")


class Command(unittest.TestCase):
    def test_help_names_the_options(self):
        found = list(subcommands())
        self.assertIn(("run",), found)
        self.assertIn(("serve",), found)
        for path in found:
            result = strata(*path, "--help")
            self.assertEqual(result.returncode, 0, path)
            self.assertIn("Usage:", result.stdout, path)
            self.assertIn("--help", result.stdout, path)
            self.assertTrue(result.stdout.replace("\n", "").isprintable(), path)
        self.assertIn("--temperature", strata("run", "--help").stdout)
        self.assertIn("--port", strata("serve", "--help").stdout)

    def test_the_manual_has_every_command_and_option(self):
        manual = (pathlib.Path(__file__).resolve().parents[2] / "docs/cli.md").read_text()
        known = set(re.findall(r"--[a-z0-9-]+", manual)) | {"--help"}
        for path in subcommands():
            self.assertIn(f"strata {path[0]}", manual)
            options = re.findall(r"^  (?:-\w,)?(--[a-z0-9-]+)", strata(*path, "--help").stdout, re.MULTILINE)
            self.assertLessEqual(set(options), known, path)

    def test_a_model_that_is_not_there_is_named(self):
        for arguments in (["run", "no-such-model", "x"], ["tokenize", "no-such-model", "x"], ["serve", "no-such-model"],
                          ["chat", "no-such-model"], ["bench", "no-such-model"], ["model", "show", "no-such-model"]):
            result = strata(*arguments, stdin="")
            self.assertNotEqual(result.returncode, 0, arguments)
            self.assertIn("no-such-model", result.stderr, arguments)

    def test_a_file_that_is_no_model_is_named(self):
        result = strata("run", __file__, "x")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("cli_test.py", result.stderr)

    def test_unknown_options_are_refused(self):
        self.assertIn("--help", strata().stderr)
        for word in ("--nope", "nope"):
            result = strata(word)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(word, result.stderr)
        for arguments in (["run", MODEL, "x", "--nope"], ["serve", MODEL, "--nope"], ["tokenize", MODEL, "x", "--nope"]):
            result = strata(*arguments)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("--nope", result.stderr)

    def test_tokenize_reads_arguments_and_standard_input(self):
        text = "Hello wörld 数学"
        ids = strata("tokenize", MODEL, "--ids", text).stdout.split()
        self.assertTrue(ids and all(i.isdigit() for i in ids))
        self.assertEqual(strata("tokenize", MODEL, "--ids", "-", stdin=text).stdout.split(), ids)
        self.assertEqual([line.split()[0] for line in strata("tokenize", MODEL, text).stdout.splitlines()], ids)

    def test_bench_holds_rates_to_their_limit(self):
        out = strata("bench", MODEL, "--prefill", "64", "--streams", "2", "--tokens", "8", "--http", "2", "--repetitions",
                     "1", "--json").stdout
        rows = {row["name"]: row for row in json.loads(out)["results"]}
        for name in ("prefill 64", "decode 2 streams", "http 2 clients"):
            self.assertIn(rows[name]["limit_by"], ("bytes", "arithmetic"), name)
            self.assertGreater(rows[name]["limit"], 0.3 * rows[name]["median"], name)  # the machine may be disturbed

    def test_explain_tells_what_became_of_every_operation(self):
        text = strata("graph", MODEL, "--stage", "model", "--explain", "--max-sequences", "2").stdout
        graph, _, table = text.partition("\noperations ")
        operations = set(re.findall(r"^  %(?:l\d+_)?(\w+) = (?!input|weight|constant)", graph, re.MULTILINE))
        told = set(re.findall(r"\w+", " ".join(re.findall(r"^      is ([\w, ]+?)  ", table, re.MULTILINE))))
        self.assertTrue(operations)
        self.assertEqual(operations, told)

    def test_bench_and_explain_take_models_that_embed(self):
        with tempfile.TemporaryDirectory() as home:
            encoder = pathlib.Path(home) / "encoder"
            make_encoder(encoder)
            out = strata("bench", encoder, "--texts", "16,4096", "--repetitions", "1", "--json").stdout
            self.assertEqual([row["name"] for row in json.loads(out)["results"]], ["texts of 16"])
            result = strata("bench", encoder, "--copy")
            self.assertEqual(result.returncode, 1)
            self.assertIn("generates no text", result.stderr)
            result = strata("graph", encoder, "--explain")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("1 x 16 tokens", result.stdout)

    def test_tools_check_tells_costs_and_refusals(self):
        weather = {"type": "function", "function": {"name": "weather", "description": "Weather of a city", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "string", "format": "zip"}}}}}
        odd = {"name": "odd", "input_schema": {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "tools.json"
            path.write_text(json.dumps([weather, odd]))
            result = strata("tools", "check", str(path), "--model", MODEL, "--json")
            self.assertEqual(result.returncode, 1)
            self.assertIn("1 of 2 schemas are refused", result.stderr)
            good, bad = json.loads(result.stdout)["tools"]
            self.assertTrue(good["compiles"])
            self.assertGreater(good["prompt_tokens"], 20)
            self.assertGreater(good["mask_us"]["n"], 100)
            self.assertGreater(good["states"], 10)
            self.assertEqual(good["warnings"][0]["pointer"], "/properties/day/format")
            self.assertEqual(bad["refused"]["pointer"], "/properties/a/uniqueItems")
            table = strata("tools", "check", str(path), "--dialect", "hermes")
            self.assertIn("refused  /properties/a/uniqueItems: needs items", table.stdout)
            path.write_text(json.dumps(weather["function"]["parameters"]))
            self.assertEqual(strata("tools", "check", str(path)).returncode, 0)
            path.write_text("{")
            self.assertIn("not JSON", strata("tools", "check", str(path)).stderr)
            path.write_text(json.dumps([{"name": "a b"}]))
            self.assertIn("tools[0].name", strata("tools", "check", str(path)).stderr)
            path.write_text('{"type": "object"}')
            self.assertIn("no dialect nope", strata("tools", "check", str(path), "--dialect", "nope").stderr)

    def test_eval_tools_scores_cases(self):
        case = {"id": "simple_0", "question": [[{"role": "user", "content": "Which is the better colour?"}]], "functions": [
            {"name": "pick.colour", "description": "Picks a colour", "parameters": {
                "type": "dict", "properties": {"colour": {"type": "string", "enum": ["red"]}}, "required": ["colour"]}}],
            "ground_truth": [{"pick.colour": {"colour": ["red"]}}]}
        with tempfile.TemporaryDirectory() as folder:
            cases, out = pathlib.Path(folder) / "cases.jsonl", pathlib.Path(folder) / "out.jsonl"
            cases.write_text(json.dumps(case) + "\n" + json.dumps(case | {"id": "irrelevance_0", "ground_truth": None}))
            result = strata("eval", "tools", MODEL, "--cases", str(cases), "--required", "--out", str(out), "--json")
            self.assertEqual(result.returncode, 0, result.stderr)
            scores = {row["category"]: row for row in json.loads(result.stdout)}
            self.assertEqual(scores["all"]["cases"], 2)
            self.assertEqual(scores["irrelevance"]["right"], 0)  # a call was required
            self.assertEqual(len(out.read_text().splitlines()), 2)
            self.assertIn("no cases to run", strata("eval", "tools", MODEL, "--cases", str(cases), "--categories", "x").stderr)
            self.assertIn("either MODEL or --base-url", strata("eval", "tools", "--cases", str(cases)).stderr)

    def test_greedy_answers_repeat(self):
        arguments = ["run", MODEL, "Name a colour.", "--temperature", "0", "--max-tokens", "16"]
        first = strata(*arguments)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertTrue(first.stdout.strip())
        self.assertEqual(strata(*arguments).stdout, first.stdout)
        self.assertEqual(strata(*arguments[:2], "-", *arguments[3:], stdin=arguments[2]).stdout, first.stdout)
        self.assertEqual(strata(*arguments, "--threads", "1").stdout, first.stdout)

    def test_completion_scripts_parse(self):
        script = strata("completion", "bash")
        self.assertEqual(script.returncode, 0)
        checked = subprocess.run(["bash", "-n"], input=script.stdout, text=True, capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("serve", script.stdout)

    def test_chat_remembers_and_can_be_interrupted(self):
        chat = Terminal("chat", MODEL, "--temperature", "0", "--max-tokens", "400")
        chat.read_until("\n> ")
        chat.send("My name is Ada. Say hello.\n")
        self.assertTrue(chat.read_until("\n> ", 120).strip())
        chat.send("Write a very long story.\n")
        chat.read_until("story.")
        time.sleep(0.3)
        chat.send("\x03")  # Ctrl-C stops the answer, not the program
        chat.read_until("\n> ")
        chat.send("\x03")  # and does nothing at the prompt
        chat.send("/clear\n")
        chat.read_until("\n> ")
        chat.send("/exit\n")
        self.assertEqual(chat.status(), 0)

    def test_chat_ends_at_the_end_of_input(self):
        chat = Terminal("chat", MODEL)
        chat.read_until("\n> ")
        chat.send("\x04")
        self.assertEqual(chat.status(), 0)


if not MODEL:
    print("skipped: STRATA_TEST_MODEL is not set")
    sys.exit(77)
unittest.main(verbosity=2)
