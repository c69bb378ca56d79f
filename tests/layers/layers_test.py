#!/usr/bin/env python3
"""The layer rule: a folder of src/ includes itself and the folders before it in docs/architecture.md's list, no other.

Also: every folder has a README.md, and every #include "..." names a file that exists.
"""
import pathlib
import re
import sys

LAYERS = ["base", "host", "tensor", "formats", "graph", "models", "kernels", "compiler", "runtime", "quantize", "grammar", "engine", "knowledge", "mcp", "serve", "eval", "cli"]
# What a layer may not know although it comes later in the list (design: "knows nothing of").
FORBIDDEN = {
    "graph": {"formats"},             # the IR does not know files
    "kernels": {"formats", "graph", "models"},
    "compiler": {"formats", "models"},
    "grammar": {"tensor", "graph", "models", "kernels", "compiler", "runtime", "quantize"},
    "knowledge": {"host", "tensor", "graph", "models", "compiler", "quantize", "grammar"},
    "mcp": {"knowledge"},
    "serve": {"kernels", "graph", "compiler", "quantize"},
    "eval": {"host", "tensor", "formats", "graph", "models", "kernels", "compiler", "runtime", "quantize", "grammar", "engine", "knowledge", "serve"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def violations(src: pathlib.Path):
    folders = sorted(p.name for p in src.iterdir() if p.is_dir())
    for folder in folders:
        if folder not in LAYERS:
            yield f"src/{folder} is not in the list of layers"
            continue
        if not (src / folder / "README.md").is_file():
            yield f"src/{folder} has no README.md"
        allowed = set(LAYERS[: LAYERS.index(folder) + 1]) - FORBIDDEN.get(folder, set())
        for path in sorted((src / folder).rglob("*")):
            if path.suffix not in {".h", ".cc"}:
                continue
            for name in INCLUDE.findall(path.read_text()):
                where = path.relative_to(src.parent)
                target = name.split("/")[0]
                if not (src / name).is_file():
                    yield f'{where}: "{name}" does not exist (includes are relative to src/)'
                elif target not in allowed:
                    yield f'{where}: layer {folder} may not include "{name}"'


def self_test():
    """The checker itself must be able to fail."""
    import tempfile

    with tempfile.TemporaryDirectory() as root:
        src = pathlib.Path(root) / "src"
        for folder, text in {"base": '#include "graph/g.h"\n', "graph": '#include "base/missing.h"\n', "attic": ""}.items():
            (src / folder).mkdir(parents=True)
            (src / folder / f"{folder[0]}.h").write_text(text)
        found = "\n".join(violations(src))
        for expected in ("layer base may not include", "missing.h", "src/attic is not in the list", "src/base has no README"):
            assert expected in found, f"the checker overlooks: {expected}\n{found}"


if __name__ == "__main__":
    self_test()
    found = list(violations(pathlib.Path(__file__).resolve().parents[2] / "src"))
    print("\n".join(found) or "layers: every include keeps the order")
    sys.exit(1 if found else 0)
