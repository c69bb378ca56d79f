#!/usr/bin/env python3
"""Writes tests/golden/experts: tiny random checkpoints of mixtures of experts as Hugging Face folders (config.json,
model.safetensors), and beside each a golden.safetensors with two texts (input_ids [T], input_ids_2) and the logits that
transformers computes from it in f32 (logits [T, vocab], logits_2).

    tools/golden/experts.py [OUT] [--seed N]

Needs: pip install --index-url https://download.pytorch.org/whl/cpu torch==2.15.0; pip install transformers==5.24.0
gguf==0.19.0 numpy. The committed files are those of the default seed; another seed draws other weights, sizes and lengths, so that
nothing is tuned to the committed ones.
"""
import argparse
import os
import pathlib
import random
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch
from transformers import AutoConfig, AutoModelForCausalLM

import families_gguf

COMMITTED_SEED = 20261127
WINDOWS = ["sliding_attention", "full_attention"]
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 1000.0,
        "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False}


def draw(committed, most):
    """For the committed files the one, else from it to the other."""
    return {"draw": [committed, most]}


# name: model type, what differs from the base, how it is saved (dtype; stacks: all experts of a layer as one tensor; gguf:
# once more as model.gguf).
VARIANTS = {
    "mixtral": ("mixtral", {"intermediate_size": draw(20, 70), "num_local_experts": draw(4, 12)}, {"gguf": True}),
    "mixtral_bf16": ("mixtral", {"intermediate_size": 32, "num_local_experts": 4, "num_experts_per_tok": 3,
                                 "sliding_window": 17}, {"dtype": torch.bfloat16}),
    "qwen2_moe": ("qwen2_moe", {"intermediate_size": 40, "moe_intermediate_size": draw(20, 60), "num_experts": draw(5, 20),
                                "shared_expert_intermediate_size": draw(20, 60), "num_experts_per_tok": 3},
                  {"gguf": True}),
    "qwen2_moe_dense_layers": ("qwen2_moe", {"intermediate_size": 40, "moe_intermediate_size": 16, "num_experts": 4,
                                             "shared_expert_intermediate_size": 16, "num_experts_per_tok": 2,
                                             "num_hidden_layers": 3, "decoder_sparse_step": 2, "norm_topk_prob": True,
                                             "qkv_bias": False}, {"dtype": torch.bfloat16}),
    "qwen3_moe": ("qwen3_moe", {"intermediate_size": 40, "moe_intermediate_size": draw(16, 60), "num_experts": draw(8, 40),
                                "num_experts_per_tok": 4, "norm_topk_prob": True}, {"gguf": True}),
    "qwen3_moe_stacks": ("qwen3_moe", {"intermediate_size": 40, "moe_intermediate_size": 24, "num_experts": 6,
                                       "num_experts_per_tok": 2}, {"dtype": torch.bfloat16, "stacks": True}),
    "gpt_oss": ("gpt_oss", {"intermediate_size": draw(20, 60), "num_local_experts": draw(4, 12), "num_experts_per_tok": 3,
                            "sliding_window": 12, "layer_types": WINDOWS, "rope_parameters": YARN}, {"gguf": True}),
    "gpt_oss_bf16": ("gpt_oss", {"intermediate_size": 32, "num_local_experts": 4, "num_experts_per_tok": 2,
                                 "sliding_window": 20, "layer_types": WINDOWS, "swiglu_limit": 1.0,
                                 "rope_parameters": YARN}, {"dtype": torch.bfloat16}),
    "olmoe": ("olmoe", {"intermediate_size": draw(20, 60), "num_experts": draw(6, 20), "num_experts_per_tok": 2},
              {"gguf": True}),
    "granitemoe": ("granitemoe", {"intermediate_size": draw(20, 60), "num_local_experts": draw(6, 20),
                                  "num_experts_per_tok": 3, "embedding_multiplier": 3.0, "attention_multiplier": 0.3,
                                  "residual_multiplier": 0.6, "logits_scaling": 2.0}, {"gguf": True}),
}


def drawn(settings, rng, committed):
    return {key: (value["draw"][0] if committed else rng.randint(*value["draw"])) if isinstance(value, dict) and
            "draw" in value else value for key, value in settings.items()}


def base(rng, committed):
    heads = 4 if committed else rng.choice([2, 4, 6])
    head_dim = 8 if committed else rng.choice([4, 8, 16])
    return {"hidden_size": heads * head_dim, "num_attention_heads": heads, "num_key_value_heads": heads // 2,
            "head_dim": head_dim, "num_hidden_layers": 2, "vocab_size": 41 if committed else rng.randint(50, 300),
            "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}


def randomize(model):
    """Nothing at its neutral value, logits of order 1, and routers that are sure of themselves: no choice may hang on the
    last bits."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            elif name.endswith(("gate.weight", "router.weight")):
                parameter.normal_(0, 3 / parameter.shape[-1] ** 0.5)
            elif "bias" in name or "sinks" in name:
                parameter.normal_(0, 0.5)
            elif "experts" in name:
                parameter.normal_(0, 2 / parameter.shape[-1] ** 0.5)
            else:
                parameter.normal_(0, 1.5 / parameter.shape[-1] ** 0.5)


def write(folder, model_type, settings, save, rng, committed):
    fields = base(rng, committed) | drawn(settings, rng, committed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **fields)).eval()
    randomize(model)
    folder.mkdir(parents=True)
    model.to(save.get("dtype", torch.float32)).save_pretrained(folder)
    if save.get("stacks"):
        save_torch({name: parameter.contiguous() for name, parameter in model.state_dict().items()},
                   folder / "model.safetensors", {"format": "pt"})
    (folder / "generation_config.json").unlink(missing_ok=True)
    # As a user would get it: from the folder, in f32.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                 experts_implementation="eager").eval()
    golden = {}
    for suffix, length in (("", 36 if committed else rng.randint(3, 64)), ("_2", 23)):
        ids = torch.tensor([[rng.randrange(fields["vocab_size"]) for _ in range(length)]])
        with torch.no_grad():
            logits = model(ids).logits[0]
        golden["input_ids" + suffix] = ids[0].numpy().astype(np.int32)
        golden["logits" + suffix] = logits.numpy().astype(np.float32)
    save_file(golden, folder / "golden.safetensors")
    if save.get("gguf"):
        families_gguf.write(folder / "model.gguf", model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "tests/golden/experts")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    for name, (model_type, settings, save) in VARIANTS.items():
        rng = random.Random(f"{options.seed} {name}")
        torch.manual_seed(rng.randrange(2**31))
        write(options.out / name, model_type, settings, save, rng, options.seed == COMMITTED_SEED)
        print(name)


if __name__ == "__main__":
    main()
