#!/usr/bin/env python3
"""Golden greedy tokens and likelihoods of the default model, by transformers in f32.

tools/golden/greedy_smollm2.py MODEL.gguf       (strata model pull smollm2 prints the path)
needs: pip install gguf==0.19.0 transformers==5.24.0 torch==2.15.0 numpy

The GGUF file is dequantised by the `gguf` package into a LlamaForCausalLM (Q and K turned back from GGUF's order of
rotary pairs to transformers'), so that both sides compute the same numbers. Writes tests/golden/greedy_smollm2.json:
for each prompt its ids, the next 64 greedy ids, and at each step by how much the likeliest token's logit exceeds the
second's; and the mean negative log-likelihood (nats a token) of the first 4096 tokens of the GPL-3, in one context.
"""
import argparse
import json
import pathlib

import gguf
import numpy as np
import tokenizers
import torch
from gguf.quants import dequantize
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/greedy_smollm2.json"
TEXT = pathlib.Path("/usr/share/common-licenses/GPL-3")
STEPS, TEXT_TOKENS = 64, 4096


def chat(user, system="You are a helpful AI assistant named SmolLM, trained by Hugging Face"):
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


PROMPTS = [
    chat("What is the capital of France?"),
    chat("Write a haiku about the sea."),
    chat("List three prime numbers and explain why each one is prime.", system="Answer briefly."),
    "The capital of France is",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "Once upon a time, in a small village by the river, there lived",
    "Überraschung! 你好, мир — naïve café №",
    "1, 2, 4, 8, 16, 32,",
]
NAMES = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
         "output.weight": "lm_head.weight"}
BLOCK_NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
               "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
               "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def their_name(name):
    if name in NAMES:
        return NAMES[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{BLOCK_NAMES[part]}.{kind}"


def load(path):
    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields[key].contents()
    config = LlamaConfig(
        vocab_size=len(field("tokenizer.ggml.tokens")), hidden_size=field("llama.embedding_length"),
        intermediate_size=field("llama.feed_forward_length"), num_hidden_layers=field("llama.block_count"),
        num_attention_heads=field("llama.attention.head_count"),
        num_key_value_heads=field("llama.attention.head_count_kv"),
        max_position_embeddings=field("llama.context_length"),
        rms_norm_eps=field("llama.attention.layer_norm_rms_epsilon"), tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": field("llama.rope.freq_base")},
        attn_implementation="eager")
    state = {}
    for tensor in reader.tensors:
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
        values = values.reshape([int(n) for n in reversed(tensor.shape)])
        heads = {"attn_q.": config.num_attention_heads, "attn_k.": config.num_key_value_heads}
        for part, count in heads.items():
            if part in tensor.name:  # GGUF: (x0, x1) beside each other; transformers: half a head apart
                pairs = values.reshape(count, config.head_dim // 2, 2, -1)
                values = pairs.transpose(1, 2).reshape(values.shape)
        state[their_name(tensor.name)] = values.contiguous()
    model = LlamaForCausalLM(config).eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model, tokenizer(field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges"),
                            field("tokenizer.ggml.token_type"))


def tokenizer(tokens, merges, types):
    """SmolLM2's tokenizer.json from the GGUF vocabulary: digits alone, GPT-2's split, byte-level BPE."""
    bpe = tokenizers.models.BPE({token: i for i, token in enumerate(tokens)}, [tuple(m.split(" ", 1)) for m in merges])
    made = tokenizers.Tokenizer(bpe)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    made.add_special_tokens([tokenizers.AddedToken(t, special=True) for t, kind in zip(tokens, types) if kind == 3])
    return made


@torch.no_grad()
def greedy(model, ids):
    tokens, margins, cache, step = [], [], None, torch.tensor([ids])
    for _ in range(STEPS):
        out = model(step, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        best, second = torch.topk(out.logits[0, -1], 2).values.tolist()
        tokens.append(int(out.logits[0, -1].argmax()))
        margins.append(round(best - second, 6))
        step = torch.tensor([[tokens[-1]]])
    return tokens, margins


@torch.no_grad()
def mean_nll(model, ids):
    hidden = model.model(torch.tensor([ids])).last_hidden_state[0]
    total = 0.0
    for begin in range(0, len(ids) - 1, 256):
        logits = model.lm_head(hidden[begin:min(begin + 256, len(ids) - 1)]).double()
        targets = torch.tensor(ids[begin + 1:begin + 1 + len(logits)])
        total += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
    return total / (len(ids) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    options = parser.parse_args()
    model, tok = load(options.model)
    prompts = []
    for text in PROMPTS:
        ids = tok.encode(text).ids
        tokens, margins = greedy(model, ids)
        prompts.append({"text": text, "prompt": ids, "tokens": tokens, "margins": margins})
        print(repr(tok.decode(tokens)))
    text = tok.encode(TEXT.read_text()).ids[:TEXT_TOKENS]
    nll = mean_nll(model, text)
    print("mean NLL", nll)
    lines = ",\n".join(json.dumps(p, ensure_ascii=False) for p in prompts)
    OUT.write_text(f'{{"prompts": [\n{lines}\n],\n"text": {json.dumps(text)},\n"text_nll": {nll:.6f}}}\n')


if __name__ == "__main__":
    main()
