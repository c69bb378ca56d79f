#!/usr/bin/env python3
"""Writes a GGUF checkpoint of a published shape with random weights, to measure speed at a size or a context that no
checkpoint at hand has. strata and llama.cpp load it like any other; what it says is noise.

    tools/synthesize_gguf.py SHAPE TYPE OUT.gguf --tokenizer MODEL.gguf      needs: pip install gguf==0.19.0 numpy
    tools/synthesize_gguf.py qwen3-30b-a3b Q4_K OUT.gguf --layers 16 ...     fewer layers, where memory is short

The tokenizer is that of MODEL.gguf, filled up with unused tokens to the shape's vocabulary. Weights are blocks of random
quants under scales that give every linear's weights the variance 1 / inputs and the mean 0 (of Q4_0 half a step below);
the same seed, the same file. Rows that are no whole blocks of Q4_K are Q4_0; routers are F32.
llama.cpp knows DeepSeek-V2-Lite by its 27 layers, and does not load it with fewer.
"""
import argparse
import dataclasses
import math
import pathlib

import gguf
import numpy as np

TYPES = {name: gguf.GGMLQuantizationType[name] for name in ("Q4_0", "Q4_1", "Q4_K", "Q8_0")}
F32 = gguf.GGMLQuantizationType.F32


@dataclasses.dataclass(frozen=True)
class Experts:
    count: int
    used: int
    ffn: int
    shared: int = 0  # experts that every token goes to
    leading_dense: int = 0


@dataclasses.dataclass(frozen=True)
class Latent:
    kv_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int


@dataclasses.dataclass(frozen=True)
class Shape:
    architecture: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    context: int
    rope_base: float
    eps: float = 1e-5
    tied: bool = True
    qk_norm: bool = False
    experts: Experts | None = None
    latent: Latent | None = None


# From the models' config.json, without rope scaling: SmolLM2-135M with twice its context, Llama 3.2 1B and 3B,
# Qwen3-30B-A3B, DeepSeek-V2-Lite.
SHAPES = {
    "smollm2-135m": Shape("llama", 30, 576, 9, 3, 64, 1536, 49152, 16384, 100000.0),
    "llama-1b": Shape("llama", 16, 2048, 32, 8, 64, 8192, 128256, 16384, 500000.0),
    "llama-3b": Shape("llama", 28, 3072, 24, 8, 128, 8192, 128256, 16384, 500000.0),
    "qwen3-30b-a3b": Shape("qwen3moe", 48, 2048, 32, 4, 128, 6144, 151936, 40960, 1000000.0, eps=1e-6, tied=False,
                           qk_norm=True, experts=Experts(count=128, used=8, ffn=768)),
    "deepseek-v2-lite": Shape("deepseek2", 27, 2048, 16, 16, 192, 10944, 102400, 4096, 10000.0, eps=1e-6, tied=False,
                              experts=Experts(count=64, used=6, ffn=1408, shared=2, leading_dense=1),
                              latent=Latent(kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)),
}
UNIFORM_4_BITS = math.sqrt((16**2 - 1) / 12)  # standard deviation of 0 .. 15
UNIFORM_8_BITS = math.sqrt((255**2 - 1) / 12)  # of -127 .. 127


def f16(blocks, values):
    """[blocks, 2] bytes."""
    return np.full(blocks, values, dtype="<f2").view(np.uint8).reshape(blocks, 2)


def blocks_of(kind, count, deviation, rng):
    """[count, bytes of a block]: fields as ggml lays them out."""
    def random(width):
        return np.frombuffer(rng.bytes(count * width), dtype=np.uint8).reshape(count, width)

    if kind == TYPES["Q8_0"]:
        quants = rng.integers(-127, 128, (count, 32), dtype=np.int8).view(np.uint8)
        return np.hstack([f16(count, deviation / UNIFORM_8_BITS), quants])
    if kind == TYPES["Q4_0"]:
        return np.hstack([f16(count, deviation / UNIFORM_4_BITS), random(16)])
    step = deviation / UNIFORM_4_BITS
    if kind == TYPES["Q4_1"]:
        return np.hstack([f16(count, step), f16(count, -7.5 * step), random(16)])
    # Q4_K: eight groups of 32 under 6-bit scales and minima, here the same number for both, so that d sc q - dmin m has
    # the mean 0 in each. Bytes 0-3 and 4-7: scales and minima of the groups 0-3, above them the two high bits of those of
    # 4-7, whose low four share bytes 8-11.
    scales = rng.integers(16, 64, (count, 8), dtype=np.uint8)
    low = scales[:, :4] | (scales[:, 4:] >> 4 << 6)
    high = (scales[:, 4:] & 15) | (scales[:, 4:] & 15) << 4
    d = step / math.sqrt(float(np.mean(np.arange(16.0, 64.0) ** 2)))
    return np.hstack([f16(count, d), f16(count, 7.5 * d), low, low, high, random(128)])


def tensor(kind, dimensions, rng):
    """[rows, bytes of a row], rows of all outer dimensions together; vectors are norms and so 1."""
    rows, cols = math.prod(dimensions[:-1]), dimensions[-1]
    if len(dimensions) == 1:
        return np.ones(cols, dtype=np.float32)
    if kind == F32:
        return rng.standard_normal((rows, cols), dtype=np.float32) * np.float32(cols**-0.5)
    per_block, _ = gguf.GGML_QUANT_SIZES[kind]
    return blocks_of(kind, rows * cols // per_block, cols**-0.5, rng).reshape(rows, -1)


def attention(shape):
    width, heads = shape.width, shape.heads
    yield "attn_norm", (width,)
    if latent := shape.latent:
        yield "attn_q", (heads * shape.head_dim, width)
        yield "attn_kv_a_mqa", (latent.kv_rank + latent.rope_dim, width)
        yield "attn_kv_a_norm", (latent.kv_rank,)
        yield "attn_k_b", (heads, latent.kv_rank, latent.nope_dim)
        yield "attn_v_b", (heads, latent.value_dim, latent.kv_rank)
        yield "attn_output", (width, heads * latent.value_dim)
        return
    yield "attn_q", (heads * shape.head_dim, width)
    yield "attn_k", (shape.kv_heads * shape.head_dim, width)
    yield "attn_v", (shape.kv_heads * shape.head_dim, width)
    yield "attn_output", (width, heads * shape.head_dim)
    if shape.qk_norm:
        yield "attn_q_norm", (shape.head_dim,)
        yield "attn_k_norm", (shape.head_dim,)


def mlp(shape, layer):
    width, experts = shape.width, shape.experts
    yield "ffn_norm", (width,)
    if experts is None or layer < experts.leading_dense:
        yield from {"ffn_gate": (shape.ffn, width), "ffn_up": (shape.ffn, width), "ffn_down": (width, shape.ffn)}.items()
        return
    yield "ffn_gate_inp", (experts.count, width)
    for part in ("gate", "up"):
        yield f"ffn_{part}_exps", (experts.count, experts.ffn, width)
    yield "ffn_down_exps", (experts.count, width, experts.ffn)
    if shared := experts.shared * experts.ffn:
        yield from {"ffn_gate_shexp": (shared, width), "ffn_up_shexp": (shared, width),
                    "ffn_down_shexp": (width, shared)}.items()


def tensors(shape, kind):
    """(name, dimensions, type) in the order of the file."""
    def typed(name, dimensions):
        block, _ = gguf.GGML_QUANT_SIZES[kind]
        plain = len(dimensions) == 1 or name.endswith("ffn_gate_inp")
        return f"{name}.weight", dimensions, F32 if plain else kind if dimensions[-1] % block == 0 else TYPES["Q4_0"]

    yield typed("token_embd", (shape.vocab, shape.width))
    yield typed("output_norm", (shape.width,))
    if not shape.tied:
        yield typed("output", (shape.vocab, shape.width))
    for layer in range(shape.layers):
        for name, dimensions in (*attention(shape), *mlp(shape, layer)):
            yield typed(f"blk.{layer}.{name}", dimensions)


def copy_tokenizer(writer, path, vocab):
    fields = {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()
              if name.startswith("tokenizer.")}
    tokens, types = fields.pop("tokenizer.ggml.tokens"), fields.pop("tokenizer.ggml.token_type")
    missing = vocab - len(tokens)
    if missing < 0:
        raise SystemExit(f"synthesize_gguf: {path} has {len(tokens)} tokens, the shape {vocab}")
    writer.add_token_list(tokens + [f"<|unused_{i}|>" for i in range(missing)])
    writer.add_token_types(types + [int(gguf.TokenType.UNUSED)] * missing)
    writer.add_token_merges(fields.pop("tokenizer.ggml.merges"))
    for name, value in fields.items():
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        elif isinstance(value, str):
            writer.add_string(name, value)


def add_shape(writer, shape):
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_vocab_size(shape.vocab)
    if latent := shape.latent:
        writer.add_head_count_kv(1)
        writer.add_kv_lora_rank(latent.kv_rank)
        writer.add_key_length(latent.kv_rank + latent.rope_dim)
        writer.add_value_length(latent.kv_rank)
        writer.add_key_length_mla(latent.nope_dim + latent.rope_dim)
        writer.add_value_length_mla(latent.value_dim)
        writer.add_rope_dimension_count(latent.rope_dim)
    else:
        writer.add_head_count_kv(shape.kv_heads)
        writer.add_key_length(shape.head_dim)
        writer.add_value_length(shape.head_dim)
        writer.add_rope_dimension_count(shape.head_dim)
    if experts := shape.experts:
        writer.add_expert_count(experts.count)
        writer.add_expert_used_count(experts.used)
        writer.add_expert_feed_forward_length(experts.ffn)
        if experts.shared:
            writer.add_expert_shared_count(experts.shared)
            writer.add_leading_dense_block_count(experts.leading_dense)
            writer.add_expert_weights_scale(1.0)
            writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=TYPES)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True, help="a GGUF file with a BPE vocabulary")
    parser.add_argument("--layers", type=int, help="other than the shape's")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shape, kind = SHAPES[options.shape], TYPES[options.type]
    if options.layers:
        shape = dataclasses.replace(shape, layers=options.layers)
    for name, dims, stored in tensors(shape, kind):
        if dims[-1] % gguf.GGML_QUANT_SIZES[stored][0]:
            raise SystemExit(f"synthesize_gguf: {name} has rows of {dims[-1]}, which are no whole blocks")
    writer = gguf.GGUFWriter(options.out, shape.architecture)
    writer.add_name(f"{options.shape}-random")
    writer.add_file_type(gguf.LlamaFileType["MOSTLY_Q4_K_M" if kind == TYPES["Q4_K"] else f"MOSTLY_{options.type}"])
    add_shape(writer, shape)
    copy_tokenizer(writer, options.tokenizer, shape.vocab)
    for name, dims, stored in tensors(shape, kind):
        if stored == F32:
            writer.add_tensor_info(name, dims, np.dtype(np.float32), 4 * math.prod(dims))
        else:
            size = gguf.quant_shape_to_byte_shape(dims, stored)
            writer.add_tensor_info(name, size, np.dtype(np.uint8), math.prod(size), stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(options.seed)
    for _, dims, stored in tensors(shape, kind):
        writer.write_tensor_data(tensor(stored, dims, rng))
    writer.close()


if __name__ == "__main__":
    main()
