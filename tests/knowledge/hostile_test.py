"""Hostile files into a knowledge base: each is a clear failure or clean text, within the limits, and hurts no other.

python3 hostile_test.py HOSTILE_PROGRAM
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "hostile"))
import make

LEAST_FILES = 300
TEXT_BYTES = 4 << 20          # of hostile.cc's limits
PARSER_MEGABYTES = 700        # its limit of addresses, and what is mapped of the program
# What must be read, in spite of all.
MUST_READ = {"containers/names-twice.zip", "containers/symlink.tar",
             "packages/external-file.docx", "packages/styles-in-a-circle.docx", "packages/numbers.docx", "packages/template.docx",
             "packages/cell-far.xlsx", "packages/merge-all.xlsx", "texts/quotes.md", "texts/returns.csv",
             "texts/alias-itself.yaml", "texts/bidi.txt", "texts/utf-16-odd.txt", "texts/line.c"}


def main():
    with tempfile.TemporaryDirectory() as work:
        files = make.write(pathlib.Path(work, "files"))
        run = subprocess.run([sys.argv[1], f"{work}/base", f"{work}/files"], capture_output=True, text=True, timeout=900)
    print(run.stderr[-2000:], end="")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    wrong = [f"the program ended with {run.returncode}"] if run.returncode != 0 else []
    results, memory = [line for line in lines if "file" in line], [line for line in lines if "megabytes" in line]
    if len(results) != len(files) or len(files) < LEAST_FILES:
        wrong.append(f"{len(results)} results of {len(files)} files")
    for line in results:
        name, error = line["file"], line["error"]
        if line["done"] == bool(error):
            wrong.append(f"{name}: done is {line['done']} with the error {error!r}")
        # A parser's death is told, and is a fault of ours all the same.
        if re.search(r"died of signal|ended with status|answer is damaged", error):
            wrong.append(f"{name}: {error}")
        if error and pathlib.PurePath(name).name not in error:
            wrong.append(f"{name}: the error does not name it: {error}")
        if len(error) > 1000:
            wrong.append(f"{name}: an error of {len(error)} bytes")
        if line["bytes"] > TEXT_BYTES:
            wrong.append(f"{name}: {line['bytes']} bytes of text")
        for uri, size in line["documents"].items():
            member = uri.partition("#")[2]
            if size > 0 and (".." in member.split("/") or member.startswith("/")):
                wrong.append(f"{name}: {uri} was read")
        if name in MUST_READ and not (line["done"] and line.get("river")):
            wrong.append(f"{name}: not read: {error}")
    unknown = MUST_READ - {line["file"] for line in results}
    if unknown:
        wrong.append(f"no such files: {unknown}")
    if memory and memory[0]["parser_megabytes"] > PARSER_MEGABYTES:
        wrong.append(f"a parser took {memory[0]['parser_megabytes']} MB")
    slow = sorted(results, key=lambda line: -line["waited"])[:5]
    print(f"{len(results)} files, {sum(line['done'] for line in results)} read; {memory}; slowest "
          f"{[(line['file'], round(line['waited'], 1)) for line in slow]}")
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


sys.exit(main())
