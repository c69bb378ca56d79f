"""Requests do not touch each other: mixed load, clients that vanish, clients that send rubbish, clients that read slowly."""
import asyncio
import json
import random
from urllib.parse import urlparse

from harness import BASE_URL, MODEL, metric, metrics, run, wait_idle

PORT = urlparse(BASE_URL).port


def request(path, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def job(i, stream=True):
    """(path, body) of a mixed load: chat and completions, short and long, greedy and sampled."""
    body = {"model": MODEL, "max_tokens": 4 + i * 7 % 40, "stream": stream, "temperature": 0 if i % 3 else 1.0, "seed": i}
    if i % 2:
        return "/v1/chat/completions", {**body, "messages": [{"role": "user", "content": f"Say {i} things. " * (1 + i % 9)}]}
    return "/v1/completions", {**body, "prompt": f"Item {i}: " * (1 + i % 17)}


async def exchange(data, slow=0.0):
    """Everything that the server answers to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        writer.write(data)
        await writer.drain()
        answer = b""
        while piece := await reader.read(64 if slow else 65536):
            answer += piece
            await asyncio.sleep(slow)
        return answer
    finally:
        writer.close()


async def read_some(reader, size):
    """The first `size` bytes of a stream, or the whole of it: text that is easily guessed takes few events, of many tokens each."""
    try:
        await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        text_of(error.partial)


def text_of(answer):
    assert answer.startswith(b"HTTP/1.1 200"), answer[:300]
    lines = [line[6:].strip() for line in answer.decode().split("\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", lines[-1]
    choices = [choice for line in lines[:-1] for choice in json.loads(line)["choices"]]
    assert choices[-1]["finish_reason"] in ("stop", "length")
    return "".join(c["delta"].get("content") or "" if "delta" in c else c["text"] for c in choices)


async def texts(indices, together, slow=0.0):
    calls = [lambda i=i: exchange(request(*job(i)), slow) for i in indices]
    answers = await asyncio.gather(*(call() for call in calls)) if together else [await call() for call in calls]
    return [text_of(answer) for answer in answers]


ALONE = asyncio.run(texts(range(32), together=False))


def test_32_mixed_streams_equal_each_alone():
    assert asyncio.run(texts(range(32), together=True)) == ALONE


def test_slow_readers_hold_nobody_up():
    async def both():
        slow = asyncio.create_task(texts(range(4), together=True, slow=0.02))
        quick = await texts(range(4, 12), together=True)
        return quick, await slow

    assert asyncio.run(both()) == (ALONE[4:12], ALONE[:4])


def test_1000_aborted_streams_leave_nothing():
    chance = random.Random(1)

    async def abort(i, places):
        async with places:
            path, body = job(i)
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
            writer.write(request(path, {**body, "max_tokens": 200, "ignore_eos": True}))
            await writer.drain()
            when = chance.choice(["at once", "soon", "first byte", "amid"])
            if when == "soon":
                await asyncio.sleep(chance.random() * 0.2)
            elif when != "at once":
                await asyncio.wait_for(read_some(reader, 1 if when == "first byte" else chance.randrange(500, 6000)), 120)
            writer.transport.abort() if chance.random() < 0.5 else writer.close()

    async def everything():
        places = asyncio.Semaphore(100)  # more than run at once, so that some are queued when they go
        await asyncio.gather(*(abort(i, places) for i in range(1000)))

    before = sum(v for k, v in metrics().items() if "request_success_total" in k and '"abort"' in k)
    asyncio.run(everything())
    wait_idle()
    after = sum(v for k, v in metrics().items() if "request_success_total" in k and '"abort"' in k)
    assert after - before > 500, f"only {after - before} requests counted as aborted"
    assert asyncio.run(texts(range(8), together=True)) == ALONE[:8]


def test_malformed_requests_beside_200_others():
    chance = random.Random(2)
    good = json.dumps(job(1)[1]).encode()
    wrong = [
        lambda: request("/v1/completions", b"{\"model\": "),
        lambda: request("/v1/chat/completions", {"model": MODEL, "messages": "hi"}),
        lambda: request("/v1/completions", {"model": 5, "prompt": {}}),
        lambda: request("/v1/completions", good.replace(b"Say", b"\xff\xfe")),
        lambda: b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        lambda: chance.randbytes(300) + b"\r\n\r\n",
        lambda: b"GET / HTTP/9.9\r\n\r\n",
        lambda: request("/v1/completions", b"[" * 100_000),
    ]

    async def bad(i):
        answer = await asyncio.wait_for(exchange(wrong[i % len(wrong)]()), 60)
        assert not answer.startswith(b"HTTP/1.1 2") and not answer.startswith(b"HTTP/1.1 5"), answer[:200]
        assert answer.startswith(b"HTTP/1.1 4"), answer[:200]

    async def half(i):  # goes away in the middle of its request
        _, writer = await asyncio.open_connection("127.0.0.1", PORT)
        data = request(*job(i))
        writer.write(data[:chance.randrange(1, len(data) - 1)])
        await writer.drain()
        writer.close()

    async def everything():
        mixed = [bad(i) for i in range(16)] + [half(i) for i in range(4)]
        good_ones = asyncio.gather(*(exchange(request(*job(i % 32))) for i in range(200)))
        await asyncio.gather(*mixed)
        return [text_of(answer) for answer in await good_ones]

    assert asyncio.run(everything()) == [ALONE[i % 32] for i in range(200)]
    wait_idle()
    assert metric("vllm:num_requests_running") == 0


run(globals())
