"""Writes the hostile files: python3 make.py FOLDER. The same ones every time."""
import pathlib
import sys

import containers
import packages
import pictures
import texts


def write(folder):
    names = []
    for source in (containers, packages, pictures, texts):
        for name, content in source.cases():
            path = pathlib.Path(folder, source.__name__, name)
            path.parent.mkdir(exist_ok=True, parents=True)
            assert not path.exists(), f"{name} is made twice"
            path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
            names.append(path)
    return names


if __name__ == "__main__":
    print(len(write(sys.argv[1])))
