"""A few lines of test harness: checks are functions named test_*, and each says whether it passed."""
import json
import os
import sys
import time
import traceback
import urllib.error
import urllib.request

BASE_URL, CLOSED_URL, MODEL = os.environ["BASE_URL"], os.environ["CLOSED_URL"], os.environ["MODEL"]


def post(path, body, url=BASE_URL, headers=None, timeout=120):
    """(status, parsed JSON); `timeout` in seconds"""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def metrics():
    """{"name{labels}": value}"""
    with urllib.request.urlopen(BASE_URL + "/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}


def metric(name, samples=None):
    """The sum over the labels of a metric; fails when there is none of that name."""
    found = [v for k, v in (metrics() if samples is None else samples).items() if k == name or k.startswith(name + "{")]
    assert found, f"no metric {name}"
    return sum(found)


def wait_idle(seconds=60):
    """Until nothing runs, waits or holds KV blocks."""
    names = ["vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"]
    end = time.monotonic() + seconds
    while any(left := {name: metric(name) for name in names if metric(name) != 0}):
        assert time.monotonic() < end, f"still in use after {seconds} s: {left}"
        time.sleep(0.1)


def run(namespace):
    failures = 0
    for name, test in list(namespace.items()):
        if not name.startswith("test_"):
            continue
        begin = time.monotonic()
        try:
            test()
            print(f"ok - {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception:
            failures += 1
            traceback.print_exc()
            print(f"not ok - {name}", flush=True)
    sys.exit(1 if failures else 0)
