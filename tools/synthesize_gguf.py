#!/usr/bin/env python3
"""Writes a GGUF checkpoint of a Llama shape with random weights, to measure speed at a size or a context that no
checkpoint at hand has. strata and llama.cpp load it like any other; what it says is noise.

    tools/synthesize_gguf.py SHAPE TYPE OUT.gguf --tokenizer MODEL.gguf      needs: pip install gguf==0.19.0 numpy

The tokenizer is that of MODEL.gguf, filled up with unused tokens to the shape's vocabulary. Weights are blocks of random
quants under scales that give every linear's weights the variance 1 / inputs and the mean 0 (of Q4_0 half a step below);
the same seed, the same file.
"""
import argparse
import math
import pathlib

import gguf
import numpy as np

TYPES = {name: gguf.GGMLQuantizationType[name] for name in ("Q4_0", "Q4_1", "Q4_K", "Q8_0")}
# layers, width, heads, KV heads, head_dim, FFN, vocabulary, context, rope base: SmolLM2-135M with twice its context, and
# Llama 3.2 1B and 3B (their config.json) without rope scaling. The head is the embedding in all of them.
SHAPES = {
    "smollm2-135m": (30, 576, 9, 3, 64, 1536, 49152, 16384, 100000.0),
    "llama-1b": (16, 2048, 32, 8, 64, 8192, 128256, 16384, 500000.0),
    "llama-3b": (28, 3072, 24, 8, 128, 8192, 128256, 16384, 500000.0),
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


def matrix(kind, rows, cols, rng):
    """[rows, bytes of a row]."""
    per_block, _ = gguf.GGML_QUANT_SIZES[kind]
    return blocks_of(kind, rows * cols // per_block, cols**-0.5, rng).reshape(rows, -1)


def tensors(shape):
    """(name, dimensions) in the order of the file."""
    layers, width, heads, kv_heads, head_dim, ffn, vocab, _, _ = shape
    linears = {"attn_q": (heads * head_dim, width), "attn_k": (kv_heads * head_dim, width),
               "attn_v": (kv_heads * head_dim, width), "attn_output": (width, heads * head_dim),
               "ffn_gate": (ffn, width), "ffn_up": (ffn, width), "ffn_down": (width, ffn)}
    yield "token_embd.weight", (vocab, width)
    yield "output_norm.weight", (width,)
    for layer in range(layers):
        yield f"blk.{layer}.attn_norm.weight", (width,)
        yield f"blk.{layer}.ffn_norm.weight", (width,)
        for name, dimensions in linears.items():
            yield f"blk.{layer}.{name}.weight", dimensions


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=TYPES)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True, help="a GGUF file with a BPE vocabulary")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shape, kind = SHAPES[options.shape], TYPES[options.type]
    layers, width, heads, kv_heads, head_dim, ffn, vocab, context, rope_base = shape
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    if bad := {dims[-1] for _, dims in tensors(shape) if len(dims) == 2 and dims[-1] % block}:
        raise SystemExit(f"synthesize_gguf: {options.type} has blocks of {block}, {options.shape} rows of {min(bad)}")
    writer = gguf.GGUFWriter(options.out, "llama")
    writer.add_name(f"{options.shape}-random")
    writer.add_block_count(layers)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(rope_base)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocab)
    writer.add_file_type(gguf.LlamaFileType["MOSTLY_Q4_K_M" if kind == TYPES["Q4_K"] else f"MOSTLY_{options.type}"])
    copy_tokenizer(writer, options.tokenizer, vocab)
    for name, dimensions in tensors(shape):
        if len(dimensions) == 1:
            writer.add_tensor_info(name, dimensions, np.dtype(np.float32), 4 * dimensions[0])
        else:
            size = gguf.quant_shape_to_byte_shape(dimensions, kind)
            writer.add_tensor_info(name, size, np.dtype(np.uint8), math.prod(size), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(options.seed)
    for _, dimensions in tensors(shape):
        one = len(dimensions) == 1
        writer.write_tensor_data(np.ones(dimensions, dtype=np.float32) if one else matrix(kind, *dimensions, rng))
    writer.close()


if __name__ == "__main__":
    main()
