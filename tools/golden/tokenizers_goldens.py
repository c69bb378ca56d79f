#!/usr/bin/env python3
"""Golden data for the tokenizers, from the `tokenizers` package: hashes of what it makes of each text of the corpus.

    python3 -m venv VENV && VENV/bin/pip install tokenizers==0.22.1 xxhash==3.5.0 gguf==0.19.0
    VENV/bin/python tools/golden/tokenizers_goldens.py TEST_DATA

TEST_DATA is what scripts/fetch_test_data.sh fills. Writes src/formats/testdata/tokenizer/corpus.json and one
goldens/NAME.json for each tokenizer, with a line for each text:
    ids without special tokens (16 digits), with them (6), without and special tokens in the text being text (6),
    what the ids with special tokens decode to (6), the same with special tokens skipped (6)
each the leading digits of XXH3-64, of the ids as little-endian 32-bit numbers or of the text as UTF-8.
"""
import importlib.metadata
import json
import pathlib
import sys

import gguf
import numpy
import tokenizers
import xxhash
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokenizers_corpus import corpus

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/formats/testdata/tokenizer"


def digest(value):
    data = value.encode() if isinstance(value, str) else numpy.array(value, dtype="<i4").tobytes()
    return xxhash.xxh3_64_hexdigest(data)


def row(tokenizer, text):
    tokenizer.encode_special_tokens = False
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    special = tokenizer.encode(text, add_special_tokens=True).ids
    tokenizer.encode_special_tokens = True
    as_text = tokenizer.encode(text, add_special_tokens=False).ids
    return "".join([digest(plain), digest(special)[:6], digest(as_text)[:6], digest(tokenizer.decode(special, skip_special_tokens=False))[:6],
                    digest(tokenizer.decode(special, skip_special_tokens=True))[:6]])


def write(name, source, tokenizer, texts):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    versions = {p: importlib.metadata.version(p) for p in ("tokenizers", "xxhash", "gguf")}
    rows = [row(tokenizer, text) for text in texts]
    (OUT / "goldens").mkdir(parents=True, exist_ok=True)
    with open(OUT / "goldens" / f"{name}.json", "w") as f:
        json.dump({"source": source, "versions": versions, "rows": rows}, f, indent=0)
    print(name, len(rows))


def gguf_vocabulary(path):
    fields = gguf.GGUFReader(path).fields
    get = lambda key: fields[key].contents() if key in fields else None
    return get("tokenizer.ggml.tokens"), get("tokenizer.ggml.token_type"), get("tokenizer.ggml.scores"), get("tokenizer.ggml.precompiled_charsmap")


def bert(path):
    """The WordPiece tokenizer whose vocabulary a GGUF file has."""
    tokens, types, _, _ = gguf_vocabulary(path)
    vocab = {}
    specials = []
    for i, (token, kind) in enumerate(zip(tokens, types)):
        if kind == 3:
            specials.append(token)
        else:
            token = token[1:] if token.startswith("▁") else "##" + token
        vocab[token] = i
    made = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(specials)
    return made


def xlm_roberta(path):
    """The unigram tokenizer whose vocabulary a GGUF file has, with SentencePiece's normaliser."""
    tokens, types, scores, charsmap = gguf_vocabulary(path)
    made = Tokenizer(models.Unigram(list(zip(tokens, scores)), unk_id=tokens.index("<unk>"), byte_fallback=False))
    made.normalizer = normalizers.Sequence([normalizers.Precompiled(bytes(charsmap)), normalizers.Strip(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    made.decoder = decoders.Metaspace()
    made.add_special_tokens([AddedToken(t, normalized=False, special=True) for t, kind in zip(tokens, types) if kind in (2, 3)])
    made.add_tokens([AddedToken(t, normalized=False) for t, kind in zip(tokens, types) if kind == 4])
    return made


def main():
    data = pathlib.Path(sys.argv[1])
    texts = corpus()
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / "corpus.json", "w") as f:
        json.dump(texts, f, ensure_ascii=False, indent=0)
    for folder in sorted((data / "tokenizers").iterdir()):
        if (folder / "tokenizer.json").exists():
            write(folder.name, "tokenizers/" + folder.name, Tokenizer.from_file(str(folder / "tokenizer.json")), texts)
    for name, make in (("bert-bge", bert), ("nomic-bert-moe", xlm_roberta)):
        source = f"llama.cpp-models/ggml-vocab-{name}.gguf"
        write(name, source, make(data / source), texts)


if __name__ == "__main__":
    main()
