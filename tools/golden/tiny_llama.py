#!/usr/bin/env python3
"""Golden logits of transformers: tiny random Llama checkpoints, each a folder as people publish them, with input ids and
the logits that transformers computes from it in f32 (golden.safetensors: input_ids [T], logits [T, vocab]).

tools/golden/tiny_llama.py                      writes tests/golden/tiny_llama, the committed ones (seed 20261125)
tools/golden/tiny_llama.py OUT --seed 7         others: the same variants with other weights, widths, lengths and inputs
needs: pip install transformers==5.24.0 torch==2.15.0 safetensors==0.8.0 numpy
"""
import argparse
import json
import pathlib
import random
import shutil

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

COMMITTED_SEED = 20261125
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24}
# Bases and lengths are such that each rule does something to the few frequencies of a tiny head.
# name: what differs from the base. "kv" says how many KV heads there are, "save" how the folder is written.
VARIANTS = {
    "mha_untied": {"kv": "all"},
    "gqa_tied": {"heads": 4, "kv": "half", "tie_word_embeddings": True},
    "mqa": {"heads": 3, "kv": "one"},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "head_dim": {"head_dim": 24},
    "gelu": {"hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-3},
    "rope_linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 5000.0}},
    "rope_llama3": {"rope_parameters": LLAMA3 | {"rope_theta": 500.0}},
    "rope_yarn": {"rope_parameters": YARN | {"rope_theta": 10000.0}},
    "rope_yarn_mscale": {"rope_parameters": YARN | {"mscale": 0.8, "mscale_all_dim": 0.4, "beta_fast": 4.0,
                                                    "beta_slow": 0.5, "truncate": False, "rope_theta": 100.0,
                                                    "original_max_position_embeddings": 64}},
    "rope_yarn_attention_factor": {"rope_parameters": YARN | {"attention_factor": 1.3, "rope_theta": 1000.0}},
    "rope_dynamic": {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}},
    "rope_longrope": {"rope_parameters": {"rope_type": "longrope", "factor": 4.0, "rope_theta": 10000.0,
                                          "original_max_position_embeddings": 64}},
    "old_rope_scaling": {"rope_parameters": LLAMA3 | {"rope_theta": 20000.0}, "save": {"old_rope": "type"}},
    "bf16": {"save": {"dtype": torch.bfloat16}},
    "f16_old_names": {"save": {"dtype": torch.float16, "old_rope": "rope_type"}},
    "sharded": {"kv": "all", "save": {"max_shard_size": "20KB"}},
    "mistral": {"mistral": True, "sliding_window": None},
}


def base(rng, committed, heads, kv):
    """The shape: fixed for the committed files, drawn for others."""
    heads = heads if committed else rng.choice([2, 4, 6])
    head_dim = 16 if committed else rng.choice([4, 8, 10, 16, 32])
    return {"hidden_size": heads * head_dim, "num_attention_heads": heads,
            "num_key_value_heads": {"all": heads, "half": heads // 2, "one": 1}[kv],
            "num_hidden_layers": 2 if committed else rng.randint(1, 4),
            "intermediate_size": 56 if committed else rng.randint(20, 150),
            "vocab_size": 67 if committed else rng.randint(50, 300), "max_position_embeddings": 128,
            "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}


def old_rope(path, type_key):
    """Rewrites config.json to what transformers before version 5 wrote: rope_theta, and rope_scaling with `type_key`."""
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    kind = rope.pop("rope_type")
    config["rope_scaling"] = None if kind == "default" else {type_key: kind} | rope
    config["torch_dtype"] = config.pop("dtype", "float32")
    path.write_text(json.dumps(config, indent=2) + "\n")


def write(folder, settings, rng, committed):
    settings = dict(settings)
    save = dict(settings.pop("save", {}))
    mistral = settings.pop("mistral", False)
    fields = base(rng, committed, settings.pop("heads", 2), settings.pop("kv", "half")) | settings
    head_dim = fields.get("head_dim") or fields["hidden_size"] // fields["num_attention_heads"]
    if "head_dim" in settings and not committed:
        fields["head_dim"] = head_dim = rng.choice([2, 6, 24, 32])
    rope = fields.get("rope_parameters")
    if rope and rope["rope_type"] == "longrope":
        factors = {name: [round(rng.uniform(1, 4), 3) for _ in range(head_dim // 2)]
                   for name in ("short_factor", "long_factor")}
        fields["rope_parameters"] = rope | factors
    config = (MistralConfig if mistral else LlamaConfig)(**fields)
    model = (MistralForCausalLM if mistral else LlamaForCausalLM)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # nothing at its neutral value, and logits of order 1
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0, 1.5 / parameter.shape[-1] ** 0.5)
    folder.mkdir(parents=True)
    model.to(save.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=save.get("max_shard_size", "1GB"))
    if "old_rope" in save:
        old_rope(folder / "config.json", save["old_rope"])
    # As a user would get it: from the folder, in f32.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    length = 40 if committed else rng.randint(3, 64)
    ids = torch.tensor([[rng.randrange(fields["vocab_size"]) for _ in range(length)]])
    with torch.no_grad():
        logits = model(ids).logits[0]
    golden = {"input_ids": ids[0].numpy().astype(np.int32), "logits": logits.numpy().astype(np.float32)}
    save_file(golden, folder / "golden.safetensors")
    assert load_file(folder / "golden.safetensors")["logits"].shape == (length, fields["vocab_size"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "tests/golden/tiny_llama")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    for name, settings in VARIANTS.items():
        rng = random.Random(f"{options.seed} {name}")
        torch.manual_seed(rng.randrange(2**31))
        write(options.out / name, settings, rng, options.seed == COMMITTED_SEED)
        print(name)


if __name__ == "__main__":
    main()
