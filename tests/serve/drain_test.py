"""SIGTERM in the middle of streams: what runs ends whole, what comes later is refused."""
import concurrent.futures
import json
import os
import signal
import time
import urllib.request

from harness import BASE_URL, MODEL, metric, run


def stream(i):
    body = {"model": MODEL, "prompt": f"{i} and", "max_tokens": 100, "ignore_eos": True, "stream": True,
            "stream_options": {"include_usage": True}}
    with urllib.request.urlopen(urllib.request.Request(BASE_URL + "/v1/completions", json.dumps(body).encode()), timeout=120) as r:
        return [line[6:] for line in r.read().decode().splitlines() if line.startswith("data: ")]


def test_sigterm_amid_streams():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(stream, i) for i in range(8)]
        end = time.monotonic() + 30
        while metric("vllm:num_requests_running") < 8 and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(int(os.environ["SERVER_PID"]), signal.SIGTERM)
        time.sleep(0.2)
        try:
            stream(99)
            raise SystemExit("a new request was taken while the server drained")
        except OSError:
            pass  # 503, or no longer listening
        for future in running:
            events = future.result()
            assert events[-1] == "[DONE]" and json.loads(events[-2])["usage"]["completion_tokens"] == 100


run(globals())
