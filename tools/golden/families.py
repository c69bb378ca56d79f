#!/usr/bin/env python3
"""Golden logits of transformers for the families of dense decoders: tiny random checkpoints, each a folder as people
publish them, with two texts and the logits that transformers computes from the folder in f32 (golden.safetensors:
input_ids [T], logits [T, vocab], and the same with _2). Where a variant says so the folder holds the checkpoint once more
as model.gguf, with the names, keys and layouts of llama.cpp's converter.

tools/golden/families.py                      writes tests/golden/families, the committed ones (seed 20261127)
tools/golden/families.py OUT --seed 7         others: the same variants with other weights, widths, lengths and inputs
needs: pip install transformers==5.24.0 torch==2.15.0 safetensors==0.8.0 gguf==0.19.0 numpy
"""
import argparse
import json
import pathlib
import random
import shutil

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM

import families_gguf

COMMITTED_SEED = 20261127
ORIGINAL = 256  # tokens, of longrope
# name: model_type, what differs from the base, and how the folder is written. Windows are shorter than the first text and
# softcaps about as great as what they cap, so that each matters. "kv" is how many KV heads there are.
VARIANTS = {
    "mistral_window": ("mistral", {"sliding_window": 24}, {"gguf": True}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}, {"gguf": True}),
    "qwen2_window": ("qwen2", {"use_sliding_window": True, "sliding_window": 20, "max_window_layers": 1},
                     {"layers": 3, "heads": 4, "dtype": torch.bfloat16}),
    "qwen3": ("qwen3", {"head_dim": 32}, {"gguf": True}),
    "qwen3_biases_mqa": ("qwen3", {"attention_bias": True, "head_dim": 16},
                         {"heads": 3, "kv": "one", "dtype": torch.bfloat16}),
    "qwen3_odd_heads": ("qwen3", {"head_dim": 10}, {"kv": "one"}),
    "gemma2": ("gemma2", {"sliding_window": 24, "head_dim": 16, "query_pre_attn_scalar": 24,
                          "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}, {"layers": 3}),
    # As files of GGUF have it: queries are scaled by the head's size.
    "gemma2_gguf": ("gemma2", {"sliding_window": 30, "head_dim": 16, "query_pre_attn_scalar": 16,
                               "attn_logit_softcapping": 1.5, "final_logit_softcapping": 5.0},
                    {"heads": 3, "kv": "one", "gguf": True}),
    "gemma2_uncapped": ("gemma2", {"head_dim": 16, "attn_logit_softcapping": None, "final_logit_softcapping": None,
                                   "sliding_window": 17, "layer_types": ["full_attention", "sliding_attention"]},
                        {"dtype": torch.bfloat16}),
    "gemma3": ("gemma3_text", {"sliding_window": 16, "head_dim": 16, "query_pre_attn_scalar": 16, "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}},
        {"layers": 6, "dtype": torch.bfloat16, "gguf": True, "ffn": 24}),
    "gemma3_old_config": ("gemma3_text", {"sliding_window": 12, "head_dim": 16, "layer_types": ["sliding_attention",
                                          "full_attention", "sliding_attention"], "query_pre_attn_scalar": 20},
                          {"layers": 3, "old_gemma3": True}),
    "gemma3_with_eyes": ("gemma3", {"sliding_window": 12, "head_dim": 16, "query_pre_attn_scalar": 16,
                                    "sliding_window_pattern": 2}, {"layers": 2}),
    "phi3": ("phi3", {"sliding_window": 24}, {"heads": 4}),
    "phi3_partial_longrope": ("phi3", {"partial_rotary_factor": 0.75, "rope_parameters": {
        "rope_type": "longrope", "rope_theta": 10000.0}, "original_max_position_embeddings": ORIGINAL,
        "max_position_embeddings": 4 * ORIGINAL}, {"head_dim": 32, "kv": "all"}),
    "phi3_longrope": ("phi3", {"rope_parameters": {"rope_type": "longrope", "rope_theta": 10000.0},
                               "original_max_position_embeddings": ORIGINAL, "max_position_embeddings": 4 * ORIGINAL},
                      {"gguf": True}),
    "glm4": ("glm4", {"head_dim": 16}, {"kv": "one", "gguf": True}),
    "glm4_no_biases": ("glm4", {"head_dim": 32, "attention_bias": False, "rope_parameters": {
        "rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.25}}, {"dtype": torch.bfloat16}),
    "smollm3": ("smollm3", {}, {"layers": 4, "gguf": True, "ffn": 24}),
    "smollm3_window": ("smollm3", {"no_rope_layers": [0, 1], "use_sliding_window": True, "sliding_window": 21,
                                   "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False}, {}),
    "granite": ("granite", {"embedding_multiplier": 6.0, "attention_multiplier": 0.4, "residual_multiplier": 0.7,
                            "logits_scaling": 3.0, "tie_word_embeddings": True}, {"gguf": True}),
    "granite_biases": ("granite", {"attention_bias": True, "mlp_bias": True, "attention_multiplier": 0.2},
                       {"heads": 4, "dtype": torch.bfloat16}),
    "olmo2": ("olmo2", {}, {"gguf": True}),
    "olmo2_biases": ("olmo2", {"attention_bias": True}, {"heads": 3, "kv": "all", "dtype": torch.bfloat16}),
}


def base(rng, committed, options):
    """The shape: fixed for the committed files, drawn for others."""
    draw = (lambda value, others: value) if committed else (lambda value, others: rng.choice(others))
    heads = options.get("heads", 2)
    head_dim = options.get("head_dim", draw(16, [8, 10, 16, 32]))
    return {"hidden_size": heads * head_dim, "num_attention_heads": heads,
            "num_key_value_heads": {"all": heads, "half": heads // 2, "one": 1}[options.get("kv", "half")],
            "num_hidden_layers": options.get("layers", 2),
            "intermediate_size": options.get("ffn", 40) if committed else rng.randint(20, 150),
            "vocab_size": draw(53, [40, 97, 150]), "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2,
            "pad_token_id": None}


def old_gemma3(path):
    """Rewrites config.json to what was written before version 5 of transformers."""
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config.pop("layer_types")
    config["sliding_window_pattern"] = 2
    config["rope_theta"] = rope["full_attention"]["rope_theta"]
    config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    config["rope_scaling"] = None
    config["torch_dtype"] = config.pop("dtype", "float32")
    path.write_text(json.dumps(config, indent=2) + "\n")


def randomize(model, centred):
    """Nothing at its neutral value, and logits of order 1."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(-0.5, 0.5) if centred else parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0, 1.5 / parameter.shape[-1] ** 0.5)


def write(folder, kind, settings, options, rng, committed):
    fields = base(rng, committed, options) | settings
    vocab = fields["vocab_size"]
    rope = fields.get("rope_parameters", {})
    if rope.get("rope_type") == "longrope":
        head_dim = fields["hidden_size"] // fields["num_attention_heads"]
        pairs = int(head_dim * fields.get("partial_rotary_factor", 1)) // 2
        factors = {name: [round(rng.uniform(1, 4), 3) for _ in range(pairs)] for name in ("short_factor", "long_factor")}
        fields["rope_parameters"] = rope | factors
    if kind == "gemma3":  # what it sees with is there, but not asked
        eyes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
                "image_size": 28, "patch_size": 14}
        fields = {"text_config": fields, "vision_config": eyes, "mm_tokens_per_image": 4,
                  "image_token_index": fields["vocab_size"] - 1}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields)).eval()
    randomize(model, centred=kind.startswith("gemma"))
    folder.mkdir(parents=True)
    model.to(options.get("dtype", torch.float32)).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if options.get("old_gemma3"):
        old_gemma3(folder / "config.json")
    # As a user would get it: from the folder, in f32.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    golden = {}
    for suffix, length in (("", 80 if committed else rng.randint(40, 100)), ("_2", 33)):
        ids = torch.tensor([[rng.randrange(vocab - 1) for _ in range(length)]])
        with torch.no_grad():
            logits = model(ids).logits[0]
        golden["input_ids" + suffix] = ids[0].numpy().astype(np.int32)
        golden["logits" + suffix] = logits.numpy().astype(np.float32)
    save_file(golden, folder / "golden.safetensors")
    if options.get("gguf"):
        families_gguf.write(folder / "model.gguf", model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "tests/golden/families")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    torch.set_num_threads(1)
    for name, (kind, settings, how) in VARIANTS.items():
        rng = random.Random(f"{options.seed} {name}")
        torch.manual_seed(rng.randrange(2**31))
        write(options.out / name, kind, settings, how, rng, options.seed == COMMITTED_SEED)
        print(name)


if __name__ == "__main__":
    main()
