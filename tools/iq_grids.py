#!/usr/bin/env python3
"""Writes src/tensor/iq_grids.cc: the grids of GGUF's i-quants, each entry packed into one number.

tools/iq_grids.py     needs: pip install gguf==0.19.0 numpy
The values are data of the file format. They are taken from the gguf package (gguf/quants.py), MIT licence, Copyright (c)
2023 Georgi Gerganov and the ggml authors.
"""
import pathlib

import numpy as np
from gguf import quants

OUT = pathlib.Path(__file__).resolve().parents[1] / "src/tensor/iq_grids.cc"
HEADER = """// Made by tools/iq_grids.py; not to be edited. Values from the gguf package (gguf/quants.py): MIT licence, Copyright (c)
// 2023 Georgi Gerganov and the ggml authors (see NOTICE).
#include "tensor/iq_grids.h"

namespace strata {
// clang-format off
"""


def packed(kind):
    """Each entry's coordinates as indices into the format's magnitudes, the first in the lowest bits."""
    kind.init_grid()
    entries, width = kind.grid_shape
    values = kind.grid.reshape(entries, width)
    indices = np.array([[kind.grid_map.index(value) for value in entry] for entry in values], dtype=np.uint32)
    bits = (len(kind.grid_map) - 1).bit_length()
    return (indices << (bits * np.arange(width, dtype=np.uint32))).sum(axis=1)


def main():
    text = HEADER
    for name in ["IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"]:
        numbers = packed(getattr(quants, name))
        text += f"\nconst std::uint16_t kGrid{name}[{len(numbers)}] = {{\n"
        for at in range(0, len(numbers), 16):
            text += "    " + ", ".join(f"{number:#06x}" for number in numbers[at:at + 16]) + ",\n"
        text += "};\n"
    OUT.write_text(text + "\n// clang-format on\n}  // namespace strata\n")


if __name__ == "__main__":
    main()
