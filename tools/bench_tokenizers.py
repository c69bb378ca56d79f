#!/usr/bin/env python3
"""Encodes the same texts by strata and by the `tokenizers` package, in turn, on one thread, and prints the ratios.

    pip install tokenizers==0.22.1 xxhash==3.5.0 gguf==0.19.0
    tools/bench_tokenizers.py TEST_DATA BUILD [NAME ...]     NAME: a folder of TEST_DATA/tokenizers, or bert-bge (WordPiece)
                                                             or nomic-bert-moe (unigram), made from GGUF vocabularies

Texts: about 1 MB of English, code and Chinese as one text, and the same as lines. English and code are this repository's
own; the Chinese is drawn from common characters. Both sides are warm, and the ids must be the same.
"""
import os

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import xxhash
from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools/golden"))
import tokenizers_goldens

MADE = {"bert-bge": tokenizers_goldens.bert, "nomic-bert-moe": tokenizers_goldens.xlm_roberta}
ROUNDS, SECONDS = 3, 1.0
HAN = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运"


def text():
    rng = random.Random(3)
    sources = sorted(ROOT.glob("src/**/*.cc"))[:60]
    prose = [ROOT / name for name in ("LICENSE", "CONTRIBUTING.md", "README.md")] + sorted((ROOT / "docs").glob("*.md"))
    parts = []
    size = 0
    while size < 1 << 20:
        part = rng.choice([lambda: rng.choice(sources).read_text(), lambda: rng.choice(prose).read_text(),
                           lambda: "".join("".join(rng.choices(HAN, k=rng.randint(4, 30))) + rng.choice("，。！？\n") for _ in range(60))])()
        part = part[:6000] + "\n"
        parts.append(part)
        size += len(part.encode())
    return "".join(parts)


def peer(tokenizer, texts):
    """Bytes a second of the median round."""
    size = sum(len(t.encode()) for t in texts) + len(texts) - 1
    times = []
    while sum(times) < SECONDS:
        start = time.perf_counter()
        for one in texts:
            tokenizer.encode(one, add_special_tokens=False)
        times.append(time.perf_counter() - start)
    return size / statistics.median(times)


def main():
    data, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    names = sys.argv[3:] or ["llama3_1", "qwen3", "deepseek_v3", "gemma3", "llama2", *MADE]
    whole = text()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "text"
        path.write_text(whole)
        print(f"{len(whole.encode())} bytes, {ROUNDS} rounds in turn, MB/s (strata, tokenizers, ratio)")
        for name in names:
            file = data / "tokenizers" / name / "tokenizer.json"
            if name in MADE:
                file = pathlib.Path(folder) / name
                MADE[name](data / f"llama.cpp-models/ggml-vocab-{name}.gguf").save(str(file))
            tokenizer = Tokenizer.from_file(str(file))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            for mode, texts in (("whole", [whole]), ("lines", whole.removesuffix("\n").split("\n"))):
                ids = [i for one in texts for i in tokenizer.encode(one, add_special_tokens=False).ids]
                expected = xxhash.xxh3_64_hexdigest(numpy.array(ids, dtype="<i4").tobytes())
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    out = subprocess.run([build / "src/formats/tokenizer_bench", file, path, mode, str(SECONDS)], capture_output=True, text=True, check=True).stdout.split()
                    if out[2] != expected:
                        sys.exit(f"{name} {mode}: other ids")
                    ours.append(float(out[0]) / 1e6)
                    theirs.append(peer(tokenizer, texts) / 1e6)
                a, b = statistics.median(ours), statistics.median(theirs)
                print(f"{name:12} {mode:6} {a:8.1f} {b:8.2f} {a / b:6.1f}x", flush=True)


if __name__ == "__main__":
    main()
