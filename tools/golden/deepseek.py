#!/usr/bin/env python3
"""Golden logits of transformers: tiny random DeepSeek V2 and V3 checkpoints as tiny_llama.py makes Llama's, each a folder
with golden.safetensors (input_ids [T], logits [T, vocab]).

Where transformers and the code that was published with the models differ, the checkpoints are such that both agree:
norm_topk_prob is false in V2 (transformers does not read it), and the groups kept have at least as many experts as are
chosen (V2 masks the others' scores with 0, not with -inf).

tools/golden/deepseek.py                      writes tests/golden/deepseek, the committed ones (seed 20261127)
tools/golden/deepseek.py OUT --seed 7         others: the same variants with other weights, widths, lengths and inputs
needs: pip install transformers==5.24.0 torch==2.15.0 safetensors==0.8.0 numpy
"""
import argparse
import json
import pathlib
import random
import shutil

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, DeepseekV2Config, DeepseekV2ForCausalLM, DeepseekV3Config, DeepseekV3ForCausalLM

COMMITTED_SEED = 20261127
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 16, "beta_fast": 32, "beta_slow": 1,
        "rope_theta": 10000.0}
# name: what differs from the base. "v" is the version, "save" how the folder is written.
VARIANTS = {
    "v3_dense": {"v": 3},
    "v2_lite_dense": {"v": 2, "q_lora_rank": None},
    # No dimension is whole vectors or whole blocks of weights.
    "odd_dims": {"v": 3, "num_attention_heads": 3, "qk_nope_head_dim": 13, "qk_rope_head_dim": 6, "v_head_dim": 11,
                 "kv_lora_rank": 21, "q_lora_rank": 19, "hidden_size": 45},
    "many_heads": {"v": 3, "num_attention_heads": 35, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 4,
                   "kv_lora_rank": 16, "hidden_size": 35, "q_lora_rank": 8},
    "halves": {"v": 3, "rope_interleave": False},
    "biases": {"v": 3, "attention_bias": True},
    "v3_yarn": {"v": 3, "rope_parameters": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0}},
    "v2_yarn": {"v": 2, "rope_parameters": YARN | {"mscale": 0.707, "mscale_all_dim": 0.707}},
    "yarn_ratio": {"v": 2, "q_lora_rank": None,
                   "rope_parameters": YARN | {"mscale": 1.3, "mscale_all_dim": 0.4, "rope_theta": 500.0}},
    "yarn_without_mscale": {"v": 3, "rope_parameters": YARN},
    "inner_norm_eps": {"v": 3, "rms_norm_eps": 1e-2},
    "bf16": {"v": 3, "save": {"dtype": torch.bfloat16}},
    "old_rope_scaling": {"v": 3, "rope_parameters": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0},
                         "save": {"old_rope": True}},
}


def base(rng, committed, version):
    """The shape: fixed for the committed files, drawn for others."""
    pick = (lambda usual, *others: usual) if committed else (lambda *choices: rng.choice(choices))
    layers = pick(2, 1, 3)
    return {"hidden_size": pick(32, 64, 80), "num_attention_heads": pick(4, 2, 8, 20), "num_hidden_layers": layers,
            "intermediate_size": pick(40, 56, 100), "vocab_size": pick(51, 131, 200), "max_position_embeddings": 128,
            "q_lora_rank": pick(16, 24, 40), "kv_lora_rank": pick(24, 16, 48, 80),
            "qk_nope_head_dim": pick(16, 8, 24), "qk_rope_head_dim": pick(8, 4, 16), "v_head_dim": pick(16, 12, 24),
            "first_k_dense_replace": layers, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
            "topk_group": 1, "n_shared_experts": 1, "moe_intermediate_size": 16, "bos_token_id": 1, "eos_token_id": 2,
            "pad_token_id": None} | ({"num_nextn_predict_layers": 0} if version == 3 else {"topk_method": "greedy"})


def old_rope(path):
    """Rewrites config.json to what is published: rope_theta and rope_scaling with `type`, and the fields that
    transformers does not read."""
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = {"type": rope.pop("rope_type")} | rope
    config["torch_dtype"] = config.pop("dtype", "float32")
    config |= {"moe_layer_freq": 1, "scoring_func": "sigmoid", "topk_method": "noaux_tc", "aux_loss_alpha": 0.001,
               "seq_aux": True, "ep_size": 1}
    path.write_text(json.dumps(config, indent=2) + "\n")


def write(folder, settings, rng, committed):
    settings = dict(settings)
    save = dict(settings.pop("save", {}))
    version = settings.pop("v")
    fields = base(rng, committed, version) | settings
    fields["num_key_value_heads"] = fields["num_attention_heads"]
    fields["hidden_size"] -= fields["hidden_size"] % fields["num_attention_heads"]
    config_class, model_class = {2: (DeepseekV2Config, DeepseekV2ForCausalLM),
                                 3: (DeepseekV3Config, DeepseekV3ForCausalLM)}[version]
    model = model_class(config_class(**fields)).eval()
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
            # nothing at its neutral value, and logits of order 1
            if "e_score_correction_bias" in name:
                tensor.uniform_(-0.3, 0.3)
            elif "inv_freq" in name:
                continue
            elif "norm" in name:
                tensor.uniform_(0.5, 1.5)
            else:
                tensor.normal_(0, 1.5 / tensor.shape[-1] ** 0.5)
    folder.mkdir(parents=True)
    model.to(save.get("dtype", torch.float32)).save_pretrained(folder)
    if save.get("old_rope"):
        old_rope(folder / "config.json")
    # As a user would get it: from the folder, in f32.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    length = 40 if committed else rng.randint(3, 64)
    ids = torch.tensor([[rng.randrange(fields["vocab_size"]) for _ in range(length)]])
    with torch.no_grad():
        logits = model(ids).logits[0]
    golden = {"input_ids": ids[0].numpy().astype(np.int32), "logits": logits.numpy().astype(np.float32)}
    save_file(golden, folder / "golden.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "tests/golden/deepseek")
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
