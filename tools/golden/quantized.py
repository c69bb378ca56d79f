#!/usr/bin/env python3
"""Golden logits of quantised checkpoints: tiny random Llamas whose linears are stored in each scheme that people publish,
with the logits that transformers computes in f32 from what the stored parts mean (golden.safetensors: input_ids [T],
logits [T, vocab]).

tools/golden/quantized.py                   writes tests/golden/quantized, the committed ones (seed 20261127)
tools/golden/quantized.py OUT --seed 7      others: the same schemes with other weights, widths, lengths and inputs
tools/golden/quantized.py --seeds           writes the fuzzer's seeds instead: a small weight of each scheme
needs: pip install transformers==5.24.0 torch==2.15.0 safetensors==0.8.0 numpy compressed-tensors==0.20.0
                   bitsandbytes==0.50.2 accelerate

compressed-tensors and bitsandbytes pack with their own packages (bitsandbytes' is also what says what its parts mean).
GPTQ and AWQ are packed here after the formats' descriptions, for GPTQModel and AutoAWQ want a GPU: an integer q of column k
and a zero point z mean scale * (q - z), and this is what the reference computes with, not what is read back.
"""
import argparse
import json
import pathlib
import random
import shutil

import numpy as np
import torch
from compressed_tensors.compressors import pack_to_int32
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import fake_quantize
from compressed_tensors.quantization.utils import compute_dynamic_scales_and_zp
from safetensors.torch import save as serialize
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

COMMITTED_SEED = 20261127
TOLERANCE = "2e-3"  # where kernels round activations to 16 bits by groups of 32; see tests/golden/README.md
ROUNDED_TOLERANCE = "5e-2"  # where the reference rounds them, and one near the middle of two integers may become either
INT8_BY_TOKEN = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]  # which of eight columns the i-th nibble of a word holds
E4M3_MAX = 448.0


def integers(weight, bits, group, symmetric, scale_type):
    """Rounds [n, k] to q in 0..2^bits - 1: q, the scale and zero point of each group, and what they mean. The stored scale
    is what counts."""
    n, k = weight.shape
    group = k if group == -1 else group
    blocks = weight.reshape(n, k // group, group)
    highest = 2**bits - 1
    if symmetric:
        scale = blocks.abs().amax(-1) / (highest // 2)
        zero = torch.full_like(scale, (highest + 1) // 2)
    else:
        low, high = blocks.amin(-1).clamp(max=0), blocks.amax(-1).clamp(min=0)
        low[::5] = 0  # rows with a zero point of 0
        scale = (high - low) / highest
        zero = (-low / scale).round().clamp(0, highest)
    scale = scale.to(scale_type)
    wide = scale.float().repeat_interleave(group, 1)
    zeros = zero.repeat_interleave(group, 1)
    q = (weight / wide + zeros).round().clamp(0, highest)
    return q.int(), scale, zero.int(), wide * (q - zeros)


def words(fields, bits, order=None):
    """[..., m] small integers into int32 [..., m * bits / 32], the first in the lowest bits."""
    a_word = 32 // bits
    parts = fields.numpy().astype(np.uint32).reshape(*fields.shape[:-1], -1, a_word)
    parts = parts[..., order] if order else parts
    packed = (parts << (bits * np.arange(a_word, dtype=np.uint32))).sum(-1, dtype=np.uint64)
    return torch.from_numpy(packed.astype(np.uint32).view(np.int32).copy())


def gptq(weight, rng, bits, group, sym, act_order=False, version="gptq"):
    n, k = weight.shape
    columns = torch.arange(k)
    if act_order:  # groups are of columns in the order of their importance
        columns = torch.tensor(rng.sample(range(k), k))
    q, scale, zero, ordered = integers(weight[:, columns], bits, group, sym, torch.float16)
    back = torch.argsort(columns)
    q, meant = q[:, back], ordered[:, back]
    zeros = words(zero.T.contiguous(), bits)  # [groups, n / 8]
    if version == "gptq":  # one less in every field, by one subtraction from each word
        ones = np.uint32(sum(1 << (bits * i) for i in range(32 // bits)))
        zeros = torch.from_numpy((zeros.numpy().view(np.uint32) - ones).view(np.int32).copy())
    group_of = (torch.arange(k) // (k if group == -1 else group))[back].int()
    parts = {"qweight": words(q, bits).T.contiguous(), "qzeros": zeros, "scales": scale.T.contiguous(), "g_idx": group_of}
    return parts, meant


def awq(weight, rng, group):
    q, scale, zero, meant = integers(weight, 4, group, False, torch.float16)
    parts = {"qweight": words(q.T.contiguous(), 4, AWQ_ORDER), "qzeros": words(zero.T.contiguous(), 4, AWQ_ORDER),
             "scales": scale.T.contiguous()}
    return parts, meant


def to_float8(weight, wide):
    return (weight / wide).clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn)


def fp8(weight, rng, name="weight_scale_inv", block=None, per_row=False, scale_type=torch.float32, static=False):
    n, k = weight.shape
    bn, bk = block or ((1, k) if per_row else (n, k))
    scale = torch.stack([torch.stack([weight[i:i + bn, j:j + bk].abs().max() for j in range(0, k, bk)])
                         for i in range(0, n, bn)]) / E4M3_MAX
    scale = scale.to(scale_type)
    wide = scale.float().repeat_interleave(bn, 0)[:n].repeat_interleave(bk, 1)[:, :k]
    stored = to_float8(weight, wide)
    parts = {"weight": stored, name: scale if block or per_row else scale.reshape(())}
    if static:
        parts["input_scale"] = torch.tensor(0.017)
    return parts, stored.float() * wide


def compressed_int(weight, rng, bits, group, sym, act_order=False):
    n, k = weight.shape
    columns = torch.tensor(rng.sample(range(k), k)) if act_order else torch.arange(k)
    q, scale, zero, ordered = integers(weight[:, columns], bits, group, sym, torch.bfloat16)
    back = torch.argsort(columns)
    signed = (q[:, back] - 2**(bits - 1)).to(torch.int8)
    parts = {"weight_packed": pack_to_int32(signed, bits), "weight_scale": scale,
             "weight_shape": torch.tensor([n, k], dtype=torch.int64)}
    if not sym:
        parts["weight_zero_point"] = pack_to_int32((zero - 2**(bits - 1)).to(torch.int8), bits, packed_dim=0)
    if act_order:
        parts["weight_g_idx"] = (torch.arange(k) // group)[back].int()
    return parts, ordered[:, back]


def compressed_w8a8(weight, rng):
    q, scale, _, meant = integers(weight, 8, -1, True, torch.bfloat16)
    return {"weight": (q - 128).to(torch.int8), "weight_scale": scale}, meant


def nf4(weight, rng, double):
    """bitsandbytes 0.50.2's dequantize_4bit on the CPU is wrong where a row is no whole number of blocks, so the parts are
    taken apart here, and compared with it elsewhere."""
    from bitsandbytes import functional
    packed, state = functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=double)
    parts = {"weight": packed} | {f"weight.{name}": value for name, value in state.as_dict(packed=True).items()}
    absmax = state.absmax
    if double:
        absmax = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
    codes = torch.stack([packed >> 4, packed & 15], -1).reshape(-1, state.blocksize).long()
    meant = (state.code[codes] * absmax[:, None]).reshape(weight.shape)
    if weight.shape[1] % state.blocksize == 0:
        torch.testing.assert_close(meant, functional.dequantize_4bit(packed, state).float(), rtol=1e-6, atol=0)
    return parts, meant


def llm_int8(weight, rng):
    from bitsandbytes import functional
    stored, scb, _ = functional.int8_vectorwise_quant(weight.half())
    parts = {"weight": stored, "SCB": scb.float(), "weight_format": torch.tensor(0, dtype=torch.uint8)}
    return parts, stored.float() * (scb.float() / 127)[:, None]


def gptq_config(**fields):
    return {"quant_method": "gptq", "pack_dtype": "int32", "lm_head": False, "damp_percent": 0.01} | fields


def compressed_config(format, inputs=None, **weights):
    scheme = {"targets": ["Linear"], "input_activations": inputs, "output_activations": None,
              "weights": {"num_bits": 8, "type": "int", "symmetric": True, "dynamic": False} | weights}
    return {"quant_method": "compressed-tensors", "format": format, "quantization_status": "compressed",
            "ignore": ["lm_head"], "kv_cache_scheme": None, "config_groups": {"group_0": scheme}}


def bnb_config(**fields):
    return {"quant_method": "bitsandbytes", "load_in_4bit": False, "load_in_8bit": False,
            "bnb_4bit_quant_type": "nf4", "bnb_4bit_quant_storage": "uint8", "llm_int8_threshold": 6.0} | fields


# name: (packer, its arguments, quantization_config, inner width of the MLP for the committed file)
VARIANTS = {
    "gptq_4bit_g32": (gptq, {"bits": 4, "group": 32, "sym": False},
                      gptq_config(bits=4, group_size=32, sym=False, desc_act=False), 96),
    "gptq_4bit_g128": (gptq, {"bits": 4, "group": 128, "sym": True},
                       gptq_config(bits=4, group_size=128, sym=True, desc_act=False, checkpoint_format="gptq"), 128),
    "gptq_act_order": (gptq, {"bits": 4, "group": 32, "sym": True, "act_order": True},
                       gptq_config(bits=4, group_size=32, sym=True, desc_act=True), 96),
    "gptq_v2_8bit": (gptq, {"bits": 8, "group": -1, "sym": False, "version": "gptq_v2"},
                     gptq_config(bits=8, group_size=-1, sym=False, desc_act=False, checkpoint_format="gptq_v2"), 96),
    "gptq_2bit": (gptq, {"bits": 2, "group": 32, "sym": False},
                  gptq_config(bits=2, group_size=32, sym=False, desc_act=False), 96),
    "awq": (awq, {"group": 32}, {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True,
                                 "version": "gemm", "modules_to_not_convert": None}, 96),
    "fp8_block": (fp8, {"block": (128, 128)},
                  {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
                   "weight_block_size": [128, 128]}, 192),
    "fp8_static": (fp8, {"name": "weight_scale", "static": True},
                   {"quant_method": "fp8", "activation_scheme": "static"}, 96),
    "ct_fp8_channel": (fp8, {"name": "weight_scale", "per_row": True, "scale_type": torch.bfloat16},
                       compressed_config("float-quantized", type="float", strategy="channel"), 96),
    "ct_w8a8": (compressed_w8a8, {}, compressed_config("int-quantized", strategy="channel"), 96),
    "ct_w8a8_token": (compressed_w8a8, {}, compressed_config("int-quantized", INT8_BY_TOKEN, strategy="channel"), 96),
    "ct_w4a16_g32_asym": (compressed_int, {"bits": 4, "group": 32, "sym": False},
                          compressed_config("pack-quantized", num_bits=4, strategy="group", group_size=32,
                                            symmetric=False), 96),
    "ct_w4a16_channel": (compressed_int, {"bits": 4, "group": -1, "sym": True},
                         compressed_config("pack-quantized", num_bits=4, strategy="channel"), 128),
    "ct_act_order": (compressed_int, {"bits": 4, "group": 32, "sym": True, "act_order": True},
                     compressed_config("pack-quantized", num_bits=4, strategy="group", group_size=32,
                                       actorder="group"), 96),
    "bnb_nf4_double": (nf4, {"double": True}, bnb_config(load_in_4bit=True, bnb_4bit_use_double_quant=True), 128),
    "bnb_nf4": (nf4, {"double": False}, bnb_config(load_in_4bit=True), 96),
    "bnb_int8": (llm_int8, {}, bnb_config(load_in_8bit=True), 96),
}
SHARDED = {"gptq_act_order", "ct_w4a16_g32_asym"}  # the parts of a weight go to different files


def rounds_inputs(quantization):
    """Then models are small and texts long: an input that is rounded otherwise changes all that is rounded after it, and
    some tokens must see none."""
    return any(group["input_activations"] for group in quantization.get("config_groups", {}).values())


def round_inputs(model):
    """Before every quantised linear its inputs are rounded as compressed-tensors rounds them."""
    args = QuantizationArgs(**INT8_BY_TOKEN)

    def rounded(module, inputs):
        scale, zero = compute_dynamic_scales_and_zp(inputs[0], args, module)
        return (fake_quantize(inputs[0], scale, zero, args),)

    for name, module in model.named_modules():
        if name.endswith("_proj"):
            module.register_forward_pre_hook(rounded)


def save(folder, tensors, sharded):
    if not sharded:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    shards = {}
    for index, (name, tensor) in enumerate(tensors.items()):
        shards.setdefault(f"model-{index % 3 + 1:05}-of-00003.safetensors", {})[name] = tensor
    for shard, content in shards.items():
        save_file(content, folder / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: shard for shard, content in shards.items() for name in content}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def write(folder, name, rng, committed):
    packer, arguments, quantization, ffn = VARIANTS[name]
    small = committed or rounds_inputs(quantization)
    head_dim = 32 if small else rng.choice([32, 64])
    heads = 4 if small else rng.choice([4, 8])
    config = LlamaConfig(hidden_size=heads * head_dim, num_attention_heads=heads, num_key_value_heads=heads // 2,
                         num_hidden_layers=1 if small else rng.randint(1, 3),
                         intermediate_size=ffn * (1 if committed else rng.choice([1, 2, 3])),
                         vocab_size=67 if committed else rng.randint(50, 300), max_position_embeddings=128,
                         bos_token_id=1, eos_token_id=2, pad_token_id=None, rms_norm_eps=1e-5)
    model = LlamaForCausalLM(config).eval()
    tensors = {}
    with torch.no_grad():
        for tensor, parameter in model.named_parameters():
            parameter.uniform_(0.5, 1.5) if "norm" in tensor else parameter.normal_(0, 1.5 / parameter.shape[-1] ** 0.5)
            if not tensor.endswith("_proj.weight"):
                tensors[tensor] = parameter.to(torch.bfloat16)
                parameter.copy_(tensors[tensor].float())
                continue
            parts, meant = packer(parameter.clone(), rng, **arguments)
            module = tensor.removesuffix(".weight")
            tensors |= {f"{module}.{part}": value.contiguous() for part, value in parts.items()}
            parameter.copy_(meant)
    folder.mkdir(parents=True)
    fields = config.to_dict() | {"architectures": ["LlamaForCausalLM"], "dtype": "bfloat16",
                                 "quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")
    save(folder, tensors, name in SHARDED)
    length = 40 if small else rng.randint(3, 64)
    ids = torch.tensor([[rng.randrange(config.vocab_size) for _ in range(length)]])
    if rounds_inputs(quantization):
        round_inputs(model)
    with torch.no_grad():
        logits = model(ids).logits[0]
    in_f32 = packer in (fp8, nf4) or arguments.get("act_order", False)  # no kernel rounds activations
    metadata = None if in_f32 else {"tolerance": TOLERANCE}
    if rounds_inputs(quantization):
        metadata = {"rounded_tolerance": ROUNDED_TOLERANCE}
    save_file({"input_ids": ids[0].int(), "logits": logits.float().contiguous()}, folder / "golden.safetensors",
              metadata=metadata)


def write_seeds(folder):
    """quantization_config, a zero byte, a safetensors file: what src/formats/hf_quant_fuzz.cc reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (packer, arguments, quantization, _) in VARIANTS.items():
        torch.manual_seed(1)
        rows = 32 if arguments.get("group") == 32 else 8
        parts, _ = packer(torch.randn(rows, 128), random.Random(1), **arguments)
        tensors = {f"m.{part}": value.contiguous() for part, value in parts.items()}
        config = json.dumps({"quantization_config": quantization}).encode()
        (folder / name).write_bytes(config + b"\0" + serialize(tensors))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "tests/golden/quantized")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    parser.add_argument("--seeds", action="store_true")
    options = parser.parse_args()
    if options.seeds:
        return write_seeds(pathlib.Path(__file__).resolve().parents[2] / "src/formats/testdata/fuzz/hf_quant_fuzz")
    shutil.rmtree(options.out, ignore_errors=True)
    for name in VARIANTS:
        rng = random.Random(f"{options.seed} {name}")
        torch.manual_seed(rng.randrange(2**31))
        write(options.out / name, name, rng, options.seed == COMMITTED_SEED)
        print(name)


if __name__ == "__main__":
    main()
