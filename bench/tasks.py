"""What one round measures: each task returns {row: figure}. Rates are tokens a second; names that end in _s or _MB are less-is-better."""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import http_load

SENTENCE = "The quick brown fox jumps over the lazy dog and runs away from the angry bear in the deep forest. "


# What strata may round activations to, as it chooses itself or as it is told; each is measured in every row.
ACTIVATIONS = ("default", "int8", "int8-columns")


class Tasks:
    def __init__(self, strata, model, peers, openvino, threads, tokens):
        self.strata, self.peers, self.openvino = strata, peers, openvino
        self.model = str(model)
        self.threads, self.tokens = str(threads), str(tokens)
        self.text = pathlib.Path("/usr/share/common-licenses/GPL-3").read_bytes()[:20000]

    def output(self, *command, **options):
        result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600, **options)
        if result.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with status {result.returncode}: {result.stderr[-500:]}")
        return result

    # ---- strata
    @staticmethod
    def option(activations):
        return () if activations == "default" else ("--activations", activations)

    def bench(self, activations, *arguments):
        out = self.output(self.strata, "bench", self.model, "--threads", self.threads, *self.option(activations), "--json",
                          *arguments).stdout
        rows, limits = {}, {}
        for row in json.loads(out)["results"]:
            rows[row["name"]] = row["median"]
            if "limit" in row:
                limits[row["name"]] = [row["limit"], row["limit_by"]]
        return rows, limits

    def strata_engine(self, activations):
        rows, limits = self.bench(activations, "--prompt", "64", "--tokens", self.tokens, "--repetitions", "1")
        found = {re.sub(r"^decode (\d+) streams$", r"decode \1", name): v for name, v in rows.items()}
        found["limits"] = {re.sub(r"^decode (\d+) streams$", r"decode \1", n): v for n, v in limits.items()}
        return found

    def strata_copy(self, activations):
        rows, _ = self.bench(activations, "--prefill", "1", "--streams", "1", "--tokens", "1", "--repetitions", "1", "--copy")
        return {"decode 1, text that repeats": rows["copy, 1 stream, drafts"]}

    def start(self, command, until_first_byte):
        """Seconds to the first byte of the answer, and the peak RSS that the kernel reports at the end."""
        begin = time.monotonic()
        process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.read(1)
        first = time.monotonic() - begin
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
        return {"first_token_s": first, "peak_rss_MB": usage.ru_maxrss / 1000}

    def strata_start(self, activations):
        return self.start([self.strata, "run", self.model, "Why is the sky blue?", "--temperature", "0", "--max-tokens",
                           "8", "--threads", self.threads, *self.option(activations)], True)

    # ---- servers: 64 streams, and 32 requests that share a prefix
    def served(self, command, model):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        begin = time.monotonic()
        process = subprocess.Popen([str(c) for c in command] + ["--port", str(port)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            http_load.wait_ready(port, process)
            http_load.together(port, ["Hello"], 1, model)
            first = time.monotonic() - begin
            rss = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024
            short = [f"{i} {SENTENCE}" for i in range(64)]
            http_load.together(port, short, 4, model)
            streams = http_load.together(port, short, 48, model)
            prefix = " ".join(f"Rule {i}: {SENTENCE}" for i in range(41))  # about 1,024 tokens
            http_load.together(port, [prefix], 1, model)  # the prefix is in the cache, as a system prompt would be
            shared = http_load.together(port, [f"{prefix}\nQuestion {i}: what is {i} times {i}?" for i in range(32)], 8,
                                        model)
            cold = http_load.together(port, [f"Other. {prefix}\nQuestion {i}?" for i in range(32)], 8, model)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return {"http 64": streams["tok_s"], "http 64 ttft_s": streams["ttft_ms"][32] / 1000,
                "server first_token_s": first, "server start_rss_MB": rss,
                "shared prefix, warm_s": shared["wall_s"], "shared prefix, cold_s": cold["wall_s"]}

    def strata_server(self, activations):
        return self.served([self.strata, "serve", self.model, "--model-name", "bench", "--threads", self.threads,
                            *self.option(activations)], "bench")

    def llamacpp_server(self, kind):
        return self.served([self.peers / "bin/llama-server", "-m", self.peers / f"models/{kind}.gguf", "-t",
                            self.threads, "-c", "98304", "-np", "64", "-fa", "on", "--kv-unified"], "bench")

    # ---- llama.cpp
    def llamacpp_engine(self, kind):
        model, binaries = self.peers / f"models/{kind}.gguf", self.peers / "bin"
        found = {}
        out = self.output(binaries / "llama-bench", "-m", model, "-t", self.threads, "-p", "512,2048", "-n", "64", "-r",
                          "1", "-fa", "1", "-o", "json").stdout
        for row in json.loads(out):
            found[f"prefill {row['n_prompt']}" if row["n_prompt"] else "decode 1"] = row["avg_ts"]
        out = self.output(binaries / "llama-batched-bench", "-m", model, "-t", self.threads, "-c", "16384", "-b", "2048",
                          "-ub", "512", "-npp", "64", "-ntg", self.tokens, "-npl", "8,32,64", "-fa", "on",
                          "--output-format", "jsonl").stdout
        for line in out.splitlines():
            if line.startswith("{"):
                row = json.loads(line)
                found[f"decode {row['pl']}"] = row["speed_tg"]
        return found

    # ---- OpenVINO: the shipped file, and its two requantised forms
    def openvino_engine(self, kind):
        script = pathlib.Path(__file__).parent / "openvino_rows.py"
        out = self.output(self.openvino, script, self.peers / f"models/{kind}.gguf", self.threads, self.tokens).stdout
        return json.loads(out.splitlines()[-1])

    # ---- once: quality
    def perplexity(self, who):
        path = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / "strata-compare-ppl.txt"
        path.write_bytes(self.text)
        if who in ACTIVATIONS:
            rows, _ = self.bench(who, "--prefill", "1", "--streams", "1", "--tokens", "1", "--repetitions", "1",
                                 "--perplexity", path)
            return {"perplexity": next(v for name, v in rows.items() if name.startswith("perplexity"))}
        result = self.output(self.peers / "bin/llama-perplexity", "-m", self.peers / f"models/{who}.gguf", "-f", path,
                             "-c", "512", "-t", self.threads)
        return {"perplexity": float(re.search(r"PPL = ([\d.]+)", result.stdout + result.stderr)[1])}


# (name, method, argument): run in this order in every round, so that all see the same weather.
ROUND = [("strata-default", "strata_engine", "default"), ("llamacpp-q4_0", "llamacpp_engine", "q4_0"),
         ("strata-int8", "strata_engine", "int8"), ("strata-int8-columns", "strata_engine", "int8-columns"),
         ("openvino-q4_1", "openvino_engine", "q4_1"),
         ("strata-copy-default", "strata_copy", "default"), ("strata-copy-int8", "strata_copy", "int8"),
         ("strata-copy-int8-columns", "strata_copy", "int8-columns"),
         ("strata-start-default", "strata_start", "default"), ("strata-start-int8", "strata_start", "int8"),
         ("strata-start-int8-columns", "strata_start", "int8-columns"),
         ("strata-server-default", "strata_server", "default"), ("llamacpp-server-q4_0", "llamacpp_server", "q4_0"),
         ("strata-server-int8", "strata_server", "int8"), ("strata-server-int8-columns", "strata_server", "int8-columns"),
         ("llamacpp-q8_0", "llamacpp_engine", "q8_0")]
ONCE = [(f"perplexity-{who}", "perplexity", who) for who in (*ACTIVATIONS, "q4_1", "q4_0", "q8_0")]
