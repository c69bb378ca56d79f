"""Names, buckets and sums of /metrics after known traffic. Runs first: it wants the counters from zero."""
import re

from harness import MODEL, metric, metrics, post, run, wait_idle

TTFT = ".001 .005 .01 .02 .04 .06 .08 .1 .25 .5 .75 1 2.5 5 7.5 10 20 40 80 160 640 2560"
PER_TOKEN = ".01 .025 .05 .075 .1 .15 .2 .3 .4 .5 .75 1 2.5 5 7.5 10 20 40 80"
LATENCY = ".3 .5 .8 1 1.5 2 2.5 5 10 15 20 30 40 50 60 120 240 480 960 1920 7680"
BUCKETS = {
    "time_to_first_token_seconds": TTFT,
    **dict.fromkeys(["inter_token_latency_seconds", "time_per_output_token_seconds", "request_time_per_output_token_seconds"], PER_TOKEN),
    **dict.fromkeys(["e2e_request_latency_seconds", "request_queue_time_seconds", "request_prefill_time_seconds",
                     "request_decode_time_seconds", "request_inference_time_seconds"], LATENCY),
}
COUNTS = ["request_prompt_tokens", "request_generation_tokens", "request_max_num_generation_tokens", "request_params_max_tokens"]


def bounds(name):
    found = [re.search(r'le="([^"]+)"', key) for key in metrics() if key.startswith(f"vllm:{name}_bucket")]
    assert found, name
    return sorted(float(match[1]) for match in found)


def test_buckets():
    for name, wanted in BUCKETS.items():
        assert bounds(name) == [*map(float, wanted.split()), float("inf")], (name, bounds(name))
    for name in COUNTS:
        assert bounds(name)[:6] == [1, 2, 5, 10, 20, 50], (name, bounds(name))
    assert bounds("iteration_tokens_total")[:3] == [1, 8, 16]


def test_sums_after_known_traffic():
    names = ["vllm:prompt_tokens_total", "vllm:generation_tokens_total", "vllm:request_success_total",
             "vllm:e2e_request_latency_seconds_count", "vllm:time_to_first_token_seconds_count",
             "vllm:request_generation_tokens_sum", "vllm:request_prompt_tokens_sum", "vllm:inter_token_latency_seconds_count"]
    before = {name: metric(name) for name in names}
    prompt = generated = 0
    for i in range(5):
        usage = post("/v1/completions", {"model": MODEL, "prompt": "one " * (i + 1), "max_tokens": 3 + i, "ignore_eos": True})[1]["usage"]
        assert usage["completion_tokens"] == 3 + i
        prompt, generated = prompt + usage["prompt_tokens"], generated + usage["completion_tokens"]
    wait_idle()
    moved = {name: metric(name) - before[name] for name in names}
    assert moved == dict(zip(names, [prompt, generated, 5, 5, 5, generated, prompt, generated - 5])), moved


def test_other_names():
    samples = metrics()
    for name in ["vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc", "vllm:cache_config_info",
                 "vllm:num_preemptions_total", "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total",
                 "http_requests_total", "process_resident_memory_bytes", "process_open_fds"]:
        metric(name, samples)
    assert any(k.startswith("vllm:") and f'model_name="{MODEL}"' in k and "engine=" in k for k in samples)
    answered = metric("http_requests_total")
    assert post("/v1/completions", {"model": "nope", "prompt": "x"})[0] == 404
    assert metric("http_requests_total") >= answered + 1


run(globals())
