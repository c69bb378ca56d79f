"""Clients of an OpenAI server on loopback: streams of completions, and what they took. Standard library only."""
import http.client
import json
import threading
import time


def stream(port, body, api_key=None):
    """(status, seconds from sending to each event) of one streamed completion."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
    begin = time.monotonic()
    connection.request("POST", "/v1/completions", json.dumps(body), headers)
    response = connection.getresponse()
    times, done = [], False
    for line in response:
        if line.startswith(b"data: {"):
            times.append(time.monotonic() - begin)
        done = done or line.startswith(b"data: [DONE]")
    connection.close()
    if response.status == 200 and not done:
        raise RuntimeError("a stream was cut off")
    return response.status, times


def together(port, prompts, tokens, model="bench"):
    """All prompts at once, `tokens` greedy tokens each. Tokens a second over all, and the wall time."""
    results, errors = [None] * len(prompts), []

    def client(i):
        try:
            body = {"model": model, "prompt": prompts[i], "max_tokens": tokens, "temperature": 0, "ignore_eos": True,
                    "stream": True}
            results[i] = stream(port, body)
            if results[i][0] != 200:
                errors.append(f"status {results[i][0]}")
        except Exception as error:  # reported by the caller
            errors.append(repr(error))

    begin = time.monotonic()
    threads = [threading.Thread(target=client, args=(i,)) for i in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - begin
    if errors:
        raise RuntimeError(f"{len(errors)} of {len(prompts)} clients failed: {errors[0]}")
    return {"tok_s": len(prompts) * tokens / wall, "wall_s": wall,
            "ttft_ms": sorted(1000 * times[0] for _, times in results)}


def wait_ready(port, process, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.005)
    raise RuntimeError("the server did not become ready")
