#!/usr/bin/env python3
"""Golden values of the reference dequantisers: src/tensor/testdata/TYPE.bin = 4 random blocks, then their values (f32).

tools/golden/tensor_blocks.py     needs: pip install gguf==0.19.0 numpy
"""
import pathlib

import gguf
import numpy as np
from gguf.quants import dequantize

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/tensor/testdata"
# Where each format keeps its f16 fields: random bits there could be infinite.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [], "TQ1_0": [52],
          "TQ2_0": [64], "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0],
          "IQ3_S": [0]}
random = np.random.default_rng(20261124)
for name, halves in HALVES.items():
    kind = gguf.GGMLQuantizationType[name]
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (4, size), dtype=np.uint8)
    for offset in halves:
        blocks[:, offset:offset + 2] = random.normal(0, 0.05, (4, 1)).astype(np.float16).view(np.uint8)
    if name == "MXFP4":  # the scale is an exponent: the least two are subnormal
        blocks[:, 0] = [0, 1, 100, 130]
    if name == "IQ1_M":  # its half is spread over the top nibbles of the last four words
        words = blocks[:, 48:].copy().view(np.uint16)
        half = np.abs(random.normal(0, 0.05, (4, 1))).astype(np.float16).view(np.uint16)
        words = (words & 0x0fff) | ((half >> np.array([0, 4, 8, 12], dtype=np.uint16) & 15) << 12)
        blocks[:, 48:] = words.astype(np.uint16).view(np.uint8)
    values = dequantize(blocks, kind).astype(np.float32)
    (OUT / f"{name.lower()}.bin").write_bytes(blocks.tobytes() + values.tobytes())
