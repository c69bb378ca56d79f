"""Clients of an OpenAI server on loopback: streams of completions, and what they took. Standard library only."""
import dataclasses
import http.client
import json
import socket
import threading
import time


@dataclasses.dataclass
class Stream:
    """One streamed completion as its client saw it."""
    status: int
    times: list  # seconds from sending to each event
    headers: dict  # names in lower case


def stream(port, body, api_key=None):
    """Asks for a completion and reads to its end. It only counts the events: a client that parses them would take the
    processor from the server that it measures."""
    payload = json.dumps(body).encode()
    key = f"Authorization: Bearer {api_key}\r\n" if api_key else ""
    head = (f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{key}"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n")
    event, times, received, seen = b"data: {", [], bytearray(), 0
    with socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
        begin = time.monotonic()
        connection.sendall(head.encode() + payload)
        while piece := connection.recv(65536):
            received += piece
            while (place := received.find(event, seen)) >= 0:
                times.append(time.monotonic() - begin)
                seen = place + len(event)
    lines, _, rest = received.partition(b"\r\n\r\n")
    status, *fields = lines.decode().split("\r\n")
    status = int(status.split()[1])
    if status == 200 and b"data: [DONE]" not in rest[-64:]:
        raise RuntimeError("a stream was cut off")
    if status == 200 and b'data: {"error"' in rest:  # a text may say "error", too
        raise RuntimeError(f"a stream ended with an error: {rest[-300:].decode(errors='replace')}")
    headers = dict(field.lower().split(": ", 1) for field in fields)
    return Stream(status, times, headers)


def together(port, prompts, tokens, model="bench"):
    """All prompts at once, `tokens` greedy tokens each. Tokens a second over all, and the wall time."""
    results, errors = [None] * len(prompts), []

    def client(i):
        try:
            body = {"model": model, "prompt": prompts[i], "max_tokens": tokens, "temperature": 0, "ignore_eos": True,
                    "stream": True}
            results[i] = stream(port, body)
            if results[i].status != 200:
                errors.append(f"status {results[i].status}")
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
            "ttft_ms": sorted(1000 * result.times[0] for result in results)}


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
