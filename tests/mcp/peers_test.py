"""`strata mcp` against servers that others wrote, over every transport they have, and against a TLS server.

python3 tests/mcp/peers_test.py STRATA NODE MODULES      # MODULES: a folder node_modules with the servers
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

STRATA, NODE, MODULES = sys.argv[1:4]
del sys.argv[1:]
HERE = pathlib.Path(__file__).resolve().parent
EVERYTHING = f"{MODULES}/@modelcontextprotocol/server-everything/dist/index.js"
FILESYSTEM = f"{MODULES}/@modelcontextprotocol/server-filesystem/dist/index.js"


def strata(*arguments, **options):
    return subprocess.run([STRATA, "mcp", *arguments], capture_output=True, text=True, timeout=120, **options)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


class Everything:
    """The tests of server-everything; a subclass says how it is reached."""
    target = []  # options before the words
    command = []  # words after the tool and its arguments

    def call(self, tool, arguments, *options):
        return strata("call", *self.target, *options, tool, json.dumps(arguments), *self.command)

    def test_lists_its_tools(self):
        result = strata("list", *self.target, "--json", *self.command)
        self.assertEqual(result.returncode, 0, result.stderr)
        listed = json.loads(result.stdout)
        self.assertEqual(listed["protocolVersion"], "2025-11-25")
        names = [tool["name"] for tool in listed["tools"]]
        self.assertIn("echo", names)
        self.assertIn("get-sum", names)
        self.assertNotIn("trigger-elicitation-request", names)  # nothing is declared that nobody can do
        self.assertTrue(all(tool["inputSchema"]["type"] == "object" for tool in listed["tools"]))

    def test_calls_them(self):
        self.assertEqual(self.call("echo", {"message": "grüße \"\n"}).stdout, "Echo: grüße \"\n\n")
        self.assertIn("42", self.call("get-sum", {"a": 40, "b": 2}).stdout)
        self.assertIn("[image image/png", self.call("get-tiny-image", {}).stdout)
        whole = json.loads(self.call("get-structured-content", {"location": "New York"}, "--json").stdout)
        self.assertIn("temperature", whole["structuredContent"])
        self.assertFalse(whole["isError"])

    def test_says_what_is_wrong_with_arguments(self):
        result = self.call("get-sum", {"a": "x"})
        self.assertEqual(result.returncode, 1)
        self.assertIn("a", result.stdout + result.stderr)

    def test_hears_of_progress_and_ends_what_takes_too_long(self):
        result = self.call("trigger-long-running-operation", {"duration": 1, "steps": 2})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("progress 2 of 2", result.stderr)
        begin = time.monotonic()
        result = self.call("trigger-long-running-operation", {"duration": 60, "steps": 2}, "--timeout", "1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("took longer than 1 s", result.stderr)
        self.assertLess(time.monotonic() - begin, 30)

    def test_answers_its_questions_by_defaults(self):
        result = self.call("trigger-elicitation-request", {}, "--accept-defaults")
        self.assertNotIn("JSON-RPC error", result.stderr)
        self.assertRegex(result.stdout, "(?i)declined|provided")


class OverStdio(Everything, unittest.TestCase):
    command = ["--", NODE, EVERYTHING, "stdio"]


class OverHttp(Everything, unittest.TestCase):
    transport, path, options = "streamableHttp", "/mcp", []

    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.process = subprocess.Popen([NODE, EVERYTHING, cls.transport], env={**os.environ, "PORT": str(port)},
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(port)
        cls.target = ["--url", f"http://127.0.0.1:{port}{cls.path}", *cls.options]

    @classmethod
    def tearDownClass(cls):
        cls.process.kill()
        cls.process.wait()


class OverOldHttp(OverHttp):
    transport, path, options = "sse", "/sse", ["--sse"]


class Filesystem(unittest.TestCase):
    def test_reads_what_it_may_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "note.txt").write_text("a note")
            servers = pathlib.Path(folder, "servers.json")
            servers.write_text(json.dumps({"mcpServers": {"files": {
                "command": NODE, "args": [FILESYSTEM, folder], "allowedTools": ["read_text_file", "list_directory"]}}}))
            listed = strata("list", "--servers", str(servers))
            self.assertEqual(listed.returncode, 0, listed.stderr)
            self.assertIn("2 tools", listed.stdout)

            def call(tool, **arguments):
                return strata("call", "--servers", str(servers), "files", tool, json.dumps(arguments))

            self.assertEqual(call("read_text_file", path=f"{folder}/note.txt").stdout, "a note\n")
            self.assertEqual(call("read_text_file", path="/etc/passwd").returncode, 1)
            refused = call("write_file", path=f"{folder}/note.txt", content="x")
            self.assertIn("not allowed", refused.stderr)
            self.assertEqual(pathlib.Path(folder, "note.txt").read_text(), "a note")
            self.assertIn("has no server nowhere", strata("call", "--servers", str(servers), "nowhere", "x", "{}").stderr)


class Tls(unittest.TestCase):
    def test_checks_certificates(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                            f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-subj", "/CN=localhost", "-addext",
                            "subjectAltName=DNS:localhost"], check=True, capture_output=True)
            server = subprocess.Popen([sys.executable, HERE / "scripted_server.py", "http", "--tls", folder],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            try:
                port = server.stdout.readline().strip()
                trusting = {**os.environ, "SSL_CERT_FILE": f"{folder}/cert.pem"}
                call = ["echo", json.dumps({"message": "x"})]
                good = strata("call", "--url", f"https://localhost:{port}/mcp", *call, env=trusting)
                self.assertEqual(good.stdout, "x\n", good.stderr)
                unknown = strata("call", "--url", f"https://localhost:{port}/mcp", *call)
                self.assertIn("self-signed certificate", unknown.stderr)
                other_name = strata("call", "--url", f"https://127.0.0.1:{port}/mcp", *call, env=trusting)
                self.assertEqual(other_name.returncode, 1)
                self.assertIn("no TLS connection to 127.0.0.1", other_name.stderr)
            finally:
                server.communicate("")


class Watch(unittest.TestCase):
    def test_lists_again_and_ends_by_ctrl_c(self):
        server = [sys.executable, str(HERE / "scripted_server.py"), "stdio"]
        process = subprocess.Popen([STRATA, "mcp", "list", "--watch", "--", *server], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.assertIn("server: scripted 1, protocol 2026-07-28, 12 tools", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        self.assertEqual(process.wait(20), 0)


class Arguments(unittest.TestCase):
    def test_are_named_when_they_are_wrong(self):
        for words, why in ((["list"], "which server"), (["call", "t", "{}"], "which server"),
                           (["call", "--url", "http://127.0.0.1:1/", "t", "[1]"], "must be a JSON object"),
                           (["list", "--url", "ftp://x"], "must be http or https"),
                           (["list", "--url", "http://127.0.0.1:1/", "--header", "x"], "NAME: VALUE"),
                           (["list", "--servers", "/no/such/file"], "/no/such/file")):
            result = strata(*words)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(why, result.stderr)
            self.assertEqual(result.stdout, "")


unittest.main(verbosity=2)
