#!/usr/bin/env python3
"""Golden logits of transformers: tiny random DeepSeek V2 and V3 checkpoints as tiny_llama.py makes Llama's, each a folder
with golden.safetensors (input_ids [T], logits [T, vocab]; where there is a module for it, draft_logits [T - 1, vocab]).

Where transformers and the code that was published with the models differ, the checkpoints are such that both agree:
norm_topk_prob is false in V2 (transformers does not read it), and the groups kept have at least as many experts as are
chosen (V2 masks the others' scores with 0, not with -inf).

tools/golden/deepseek.py                      writes tests/golden/deepseek, the committed ones (seed 20261127)
tools/golden/deepseek.py OUT --seed 7         others: the same variants with other weights, widths, lengths and inputs
needs: pip install transformers==5.24.0 torch==2.15.0 safetensors==0.8.0 gguf==0.19.0 numpy
"""
import argparse
import json
import pathlib
import random
import shutil

import gguf
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, DeepseekV2Config, DeepseekV2ForCausalLM, DeepseekV3Config, DeepseekV3ForCausalLM
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3DecoderLayer

COMMITTED_SEED = 20261127
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 16, "beta_fast": 32, "beta_slow": 1,
        "rope_theta": 10000.0}
# All layers are dense where nothing is said. The last layer alone has experts.
EXPERTS = {"first_k_dense_replace": 1, "n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 8,
           "n_shared_experts": 2}
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
    "v2_lite": {"v": 2, "q_lora_rank": None, **EXPERTS},
    "v2_scaled": {"v": 2, **EXPERTS, "routed_scaling_factor": 4.0, "n_shared_experts": 1},
    "v2_groups": {"v": 2, **EXPERTS, "topk_method": "group_limited_greedy", "n_group": 4, "topk_group": 2},
    "v3": {"v": 3, **EXPERTS, "n_group": 4, "topk_group": 2},
    "v3_all_experts": {"v": 3, **EXPERTS, "first_k_dense_replace": 0, "n_routed_experts": 4, "num_experts_per_tok": 1},
    "v3_not_normalized": {"v": 3, **EXPERTS, "n_group": 2, "topk_group": 1, "norm_topk_prob": False,
                          "routed_scaling_factor": 1.5},
    "kimi_k2": {"v": 3, **EXPERTS, "n_group": 1, "topk_group": 1, "n_shared_experts": 1, "save": {"kimi": True}},
    "v3_bf16": {"v": 3, **EXPERTS, "n_group": 4, "topk_group": 2, "save": {"dtype": torch.bfloat16}},
    # With the module that predicts the token after the next, and what that gives (draft_logits).
    "v3_mtp": {"v": 3, **EXPERTS, "n_group": 2, "topk_group": 1, "num_nextn_predict_layers": 1},
    # As GGUF: the keys' matrix transposed and apart from the values', as llama.cpp's converter writes them; or both as
    # one, as it did before it absorbed them, without what was not yet said then.
    "gguf_v3": {"v": 3, **EXPERTS, "n_group": 4, "topk_group": 2, "save": {"gguf": "apart"},
                "rope_parameters": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0}},
    "gguf_v2_old": {"v": 2, **EXPERTS, "q_lora_rank": None, "save": {"gguf": "merged"},
                    "rope_parameters": YARN | {"mscale": 0.707, "mscale_all_dim": 0.707}},
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


def randomize(module):
    """Nothing at its neutral value, and logits of order 1."""
    with torch.no_grad():
        for name, tensor in list(module.named_parameters()) + list(module.named_buffers()):
            if "e_score_correction_bias" in name:
                tensor.uniform_(-0.3, 0.3)
            elif "inv_freq" in name:
                continue
            elif "norm" in name:
                tensor.uniform_(0.5, 1.5)
            else:
                tensor.normal_(0, 1.5 / tensor.shape[-1] ** 0.5)


class NextTokenModule(torch.nn.Module):
    """Multi-token prediction as the paper has it (2412.19437, section 2.2, one module): written here, but for the layer."""

    def __init__(self, config):
        super().__init__()
        self.eps = config.rms_norm_eps
        for norm in ("enorm", "hnorm", "shared_head_norm"):
            setattr(self, norm, torch.nn.Parameter(torch.empty(config.hidden_size)))
        self.eh_proj = torch.nn.Parameter(torch.empty(config.hidden_size, 2 * config.hidden_size))
        self.layer = DeepseekV3DecoderLayer(config, config.num_hidden_layers)

    def norm(self, x, weight):
        return weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, model, ids):
        """Row i has seen tokens up to i + 1."""
        hidden = model.model(ids).last_hidden_state[:, :-1]
        embeds = model.model.embed_tokens(ids[:, 1:])
        x = torch.cat([self.norm(embeds, self.enorm), self.norm(hidden, self.hnorm)], dim=-1) @ self.eh_proj.T
        positions = torch.arange(x.shape[1])[None]
        x = self.layer(x, attention_mask=torch.full((x.shape[1], x.shape[1]), -torch.inf).triu(1)[None, None],
                       position_embeddings=model.model.rotary_emb(x, position_ids=positions), position_ids=positions)
        return model.lm_head(self.norm(x, self.shared_head_norm))[0]

    def tensors(self, model):
        """As the published checkpoints name them."""
        prefix = f"model.layers.{model.config.num_hidden_layers}."
        yield prefix + "embed_tokens.weight", model.model.embed_tokens.weight
        yield prefix + "shared_head.head.weight", model.lm_head.weight
        yield prefix + "shared_head.norm.weight", self.shared_head_norm
        for name in ("enorm", "hnorm", "eh_proj"):
            yield f"{prefix}{name}.weight", getattr(self, name)
        for name, tensor in self.layer.state_dict().items():
            if not name.startswith("mlp.experts."):
                yield prefix + name, tensor
                continue
            for e, expert in enumerate(tensor):
                parts = {"gate_proj": expert.chunk(2)[0], "up_proj": expert.chunk(2)[1]} if "gate_up" in name else {
                    "down_proj": expert}
                for part, values in parts.items():
                    yield f"{prefix}mlp.experts.{e}.{part}.weight", values


def add_module(folder, model, ids):
    """Adds a module to the folder's checkpoint; its logits."""
    module = NextTokenModule(model.config).eval()
    randomize(module)
    tensors = load_file(folder / "model.safetensors")
    tensors |= {name: tensor.detach().numpy().copy() for name, tensor in module.tensors(model)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with torch.no_grad():
        return module(model, ids)


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


GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.kv_b_proj": "attn_kv_b", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp", "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp"}


def gguf_tensors(tensors, fields, apart):
    """The checkpoint's tensors under GGUF's names: experts as stacks, and kv_b by head, transposed, where `apart`."""
    stacks = {}
    for name, values in sorted(tensors.items()):
        module, ending = name.rsplit(".", 1)
        block = ""
        if module.startswith("model.layers."):
            _, _, layer, module = module.split(".", 3)
            block = f"blk.{layer}."
        if ending == "e_score_correction_bias":
            yield block + "exp_probs_b.bias", values
        elif module.startswith("mlp.experts."):
            _, _, expert, projection = module.split(".")
            stack = f"{block}ffn_{projection.removesuffix('_proj')}_exps.weight"
            stacks.setdefault(stack, {})[int(expert)] = values
        elif module == "self_attn.kv_b_proj" and apart:
            heads = values.reshape(fields["num_attention_heads"], -1, fields["kv_lora_rank"])
            nope = fields["qk_nope_head_dim"]
            yield block + "attn_k_b.weight", np.ascontiguousarray(heads[:, :nope].transpose(0, 2, 1))
            yield block + "attn_v_b.weight", np.ascontiguousarray(heads[:, nope:])
        else:
            yield f"{block}{GGUF_NAMES[module]}.{ending}", values
    for name, experts in stacks.items():
        yield name, np.stack([experts[e] for e in range(len(experts))])


def write_gguf(folder, fields, version, apart):
    """In the place of the folder's checkpoint; keys as llama.cpp's converter has them."""
    nope, rope, value = (fields[name] for name in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
    writer = gguf.GGUFWriter(folder / "model.gguf", "deepseek2")
    writer.add_block_count(fields["num_hidden_layers"])
    writer.add_context_length(fields["max_position_embeddings"])
    writer.add_embedding_length(fields["hidden_size"])
    writer.add_feed_forward_length(fields["intermediate_size"])
    writer.add_vocab_size(fields["vocab_size"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_head_count(fields["num_attention_heads"])
    writer.add_head_count_kv(1 if apart else fields["num_attention_heads"])
    writer.add_kv_lora_rank(fields["kv_lora_rank"])
    if fields["q_lora_rank"]:
        writer.add_q_lora_rank(fields["q_lora_rank"])
    writer.add_key_length(fields["kv_lora_rank"] + rope if apart else nope + rope)
    writer.add_value_length(fields["kv_lora_rank"] if apart else value)
    if apart:
        writer.add_key_length_mla(nope + rope)
        writer.add_value_length_mla(value)
    writer.add_leading_dense_block_count(fields["first_k_dense_replace"])
    writer.add_expert_count(fields["n_routed_experts"])
    writer.add_expert_used_count(fields["num_experts_per_tok"])
    writer.add_expert_shared_count(fields["n_shared_experts"])
    writer.add_expert_feed_forward_length(fields["moe_intermediate_size"])
    writer.add_expert_weights_scale(fields.get("routed_scaling_factor", 2.5 if version == 3 else 1.0))
    if version == 3:
        writer.add_expert_weights_norm(True)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        writer.add_expert_group_count(fields["n_group"])
        writer.add_expert_group_used_count(fields["topk_group"])
    scaling = fields["rope_parameters"]
    writer.add_rope_dimension_count(rope)
    writer.add_rope_freq_base(scaling["rope_theta"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(scaling["factor"])
    writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    writer.add_rope_scaling_yarn_log_mul(0.1 * scaling["mscale_all_dim"])
    for name, values in gguf_tensors(load_file(folder / "model.safetensors"), fields, apart):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        (folder / name).unlink()


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
    randomize(model)
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
    if save.get("kimi"):  # transformers has no such model type: its checkpoints bring their own code, which is V3's
        config = json.loads((folder / "config.json").read_text()) | {"model_type": "kimi_k2"}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if "gguf" in save:
        write_gguf(folder, fields, version, save["gguf"] == "apart")
    golden = {"input_ids": ids[0].numpy().astype(np.int32), "logits": logits.numpy().astype(np.float32)}
    if fields.get("num_nextn_predict_layers"):
        golden["draft_logits"] = add_module(folder, model, ids).numpy().astype(np.float32)
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
