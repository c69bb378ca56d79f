"""Runs in OpenVINO's own Python: openvino_rows.py MODEL.gguf THREADS TOKENS -> one JSON object, tokens a second by row.

The method of ../shared/peers/openvino_peer.py: a generation of 1 token is taken off one of TOKENS + 1."""
import json
import sys
import time

import openvino_genai as genai

model, threads, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
begin = time.time()
scheduler = genai.SchedulerConfig()
scheduler.max_num_batched_tokens, scheduler.cache_size = 2048, 2
scheduler.max_num_seqs, scheduler.enable_prefix_caching = 64, False
pipeline = genai.ContinuousBatchingPipeline(model, scheduler, "CPU", {"INFERENCE_NUM_THREADS": threads})
tokenizer = pipeline.get_tokenizer()
SENTENCE = "The quick brown fox jumps over the lazy dog and runs away from the angry bear in the deep forest. "


def seconds(streams, text, count):
    config = genai.GenerationConfig()
    config.max_new_tokens, config.ignore_eos, config.do_sample, config.apply_chat_template = count, True, False, False
    start = time.time()
    pipeline.generate([f"{i} {text}" for i in range(streams)], [config] * streams)
    return time.time() - start


seconds(1, SENTENCE, 1)
rows = {"first_token_s": time.time() - begin}
seconds(1, SENTENCE * 3, 16)
for streams in (1, 8, 32, 64):
    rows[f"decode {streams}"] = streams * tokens / (
        seconds(streams, SENTENCE, tokens + 1) - seconds(streams, SENTENCE, 1))
for name, repeats in (("prefill 512", 25), ("prefill 2048", 101)):
    text = SENTENCE * repeats
    length = tokenizer.encode(f"0 {text}").input_ids.shape[1]
    seconds(1, text, 1)
    rows[name] = length / seconds(1, text, 1)
print(json.dumps(rows))
