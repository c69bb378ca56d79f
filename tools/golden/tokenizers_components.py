#!/usr/bin/env python3
"""Golden data for each component of tokenizer.json: small tokenizers, trained on the corpus, with one part exchanged.

    VENV/bin/python tools/golden/tokenizers_components.py        (the packages are those of tokenizers_goldens.py,
                                                                  and sentencepiece==0.2.3)

Writes src/formats/testdata/tokenizer/components.json: "bases" are whole tokenizer.json documents, "cases" name one, the
top-level parts that they "set" in it, and for each of "texts" (indices into corpus.json) the leading eight digits of
XXH3-64 of the ids with special tokens and of what they decode to.
"""
import base64
import importlib.metadata
import io
import json

import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tokenizers_corpus import corpus
from tokenizers_goldens import OUT, digest

SPECIAL = ["<unk>", "<s>", "</s>", "[CLS]", "[SEP]"]
TEXTS = corpus()
CHOSEN = [i for i in range(len(TEXTS)) if i % 10 == 0 or i < 44]


def document(tokenizer):
    return json.loads(tokenizer.to_str())


def train(model, trainer, pre_tokenizer):
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizer
    # Unigram's trainer keeps every character it sees: of a few scripts, then.
    texts = TEXTS if not isinstance(model, models.Unigram) else [t for t in TEXTS if all(c.isascii() or "à" <= c <= "ÿ" for c in t)]
    made.train_from_iterator(texts * 2, trainer)
    return document(made)


def charsmap():
    """A small precompiled_charsmap: what SentencePiece compiles a few rules to."""
    rules = "".join(f"{source}\t{target}\n" for source, target in (
        ("41", "61"), ("42", "62"), ("65 301", "E9"), ("E9", "65"), ("FB01", "66 69"), ("3000", "20"), ("9", "20"), ("FF21", "41"),
        ("1F600", "3A 29"), ("AC01", "1100"), ("D", ""), ("200B", ""), ("61 300", "E0"), ("915 94D", "915")))
    path = OUT / "rules.tsv"
    path.write_text(rules)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g"] * 10), model_writer=model, vocab_size=12, model_type="unigram",
                                             normalization_rule_tsv=str(path), minloglevel=2, hard_vocab_limit=False)
    path.unlink()
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto()
    proto.ParseFromString(model.getvalue())
    return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def bases():
    byte_level = train(models.BPE(), trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
                       pre_tokenizers.ByteLevel(add_prefix_space=False))
    byte_level["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    spaced = train(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, limit_alphabet=150, show_progress=False), pre_tokenizers.Metaspace())
    spaced["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    unigram = train(models.Unigram(), trainers.UnigramTrainer(vocab_size=420, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False), pre_tokenizers.Metaspace())
    unigram["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    pieces = train(models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer(vocab_size=420, special_tokens=SPECIAL, limit_alphabet=120, show_progress=False), pre_tokenizers.BertPreTokenizer())
    pieces["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    words = train(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False), pre_tokenizers.Whitespace())
    suffixed = train(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, limit_alphabet=80, end_of_word_suffix="</w>", show_progress=False),
                     pre_tokenizers.WhitespaceSplit())
    suffixed["decoder"] = {"type": "BPEDecoder", "suffix": "</w>"}
    prefixed = train(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, limit_alphabet=80, continuing_subword_prefix="##", show_progress=False),
                     pre_tokenizers.WhitespaceSplit())
    return {"byte_level": byte_level, "spaced": spaced, "unigram": unigram, "word_piece": pieces, "word_level": words, "suffixed": suffixed, "prefixed": prefixed}


def with_bytes(base):
    """The model with entries for bytes."""
    model = json.loads(json.dumps(base["model"]))
    names = [f"<0x{b:02X}>" for b in range(256)]
    if isinstance(model["vocab"], list):
        model["vocab"] += [[name, 0.0] for name in names]
    else:
        size = max(model["vocab"].values()) + 1
        model["vocab"].update({name: size + i for i, name in enumerate(names)})
    model["byte_fallback"] = True
    return model


def changed(model, **changes):
    return {**json.loads(json.dumps(model)), **changes}


def sequence(kind, *items):
    return {"type": "Sequence", kind: list(items)}


def added(*tokens):
    """The base's special tokens, and others, whose ids main() gives."""
    defaults = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return [{"id": i, "content": t, **defaults, "special": True} for i, t in enumerate(SPECIAL)], [{**defaults, **t} for t in tokens]


def cases(all_bases):
    replace = lambda pattern, content: {"type": "Replace", "pattern": pattern, "content": content}
    split = lambda pattern, behavior, invert=False: {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    byte_words = {**byte_level, "use_regex": True}
    normal = {
        "nfc": {"type": "NFC"}, "nfd": {"type": "NFD"}, "nfkc": {"type": "NFKC"}, "nfkd": {"type": "NFKD"}, "lowercase": {"type": "Lowercase"},
        "strip_accents": sequence("normalizers", {"type": "NFD"}, {"type": "StripAccents"}), "strip": {"type": "Strip", "strip_left": True, "strip_right": True},
        "strip_left": {"type": "Strip", "strip_left": True, "strip_right": False}, "replace": replace({"String": "a"}, "XY"), "replace_regex": replace({"Regex": "\\s{2,}|\\d"}, "_"),
        "prepend": {"type": "Prepend", "prepend": "▁"}, "bert": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "bert_cased": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": False},
        "bert_little": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": True, "lowercase": False},
        "nmt": {"type": "Nmt"}, "charsmap": {"type": "Precompiled", "precompiled_charsmap": charsmap()},
        "llama": sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, replace({"String": " "}, "▁")),
        "nested": sequence("normalizers", sequence("normalizers", {"type": "NFKC"}), {"type": "Lowercase"}),
    }
    for name, part in normal.items():
        yield f"normalizer/{name}", "byte_level", {"normalizer": part}
    yield "normalizer/byte_level", "byte_level", {"normalizer": {"type": "ByteLevel"}, "pre_tokenizer": None}
    regex = {"Regex": "'s|[A-Za-z]+|\\p{N}{1,2}|\\s+"}
    words = {f"split_{b}{'_inverted' * i}": split(regex, b, i) for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous") for i in (False, True)}
    words |= {f"split_string_{b}": split({"String": "a"}, b) for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")}
    words |= {"split_classes": split({"Regex": "[\\p{L}&&[^\\p{Han}]]+|[\\p{Han}]+|[^\\s\\p{L}[0-9]]+|\\h+"}, "Isolated"), "split_word": split({"Regex": "\\w+|\\W"}, "Isolated"),
              "split_empty": split({"Regex": "x*"}, "Isolated"), "split_lines": split({"Regex": "^.+$"}, "Isolated"), "split_space": split({"Regex": "\\s+|\\S+"}, "Isolated"),
              "digits": {"type": "Digits", "individual_digits": False}, "digits_each": {"type": "Digits", "individual_digits": True}, "punctuation": {"type": "Punctuation", "behavior": "Isolated"},
              "punctuation_contiguous": {"type": "Punctuation", "behavior": "Contiguous"}, "whitespace": {"type": "Whitespace"}, "whitespace_split": {"type": "WhitespaceSplit"},
              "bert": {"type": "BertPreTokenizer"}, "char_delimiter": {"type": "CharDelimiterSplit", "delimiter": "-"}}
    for name, part in words.items():
        yield f"pre_tokenizer/{name}", "byte_level", {"pre_tokenizer": sequence("pretokenizers", part, byte_level)}
    yield "pre_tokenizer/falcon", "byte_level", {"pre_tokenizer": sequence("pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"}, byte_words, {"type": "Digits", "individual_digits": False}, split({"Regex": "[0-9][0-9][0-9]"}, "Isolated"))}
    yield "pre_tokenizer/prefix_space", "byte_level", {"pre_tokenizer": {**byte_words, "add_prefix_space": True}}
    yield "pre_tokenizer/no_regex", "byte_level", {"pre_tokenizer": byte_level}
    for scheme in ("always", "first", "never"):
        for cut in (True, False):
            part = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}
            yield f"metaspace/{scheme}_{cut}", "spaced", {"pre_tokenizer": part, "decoder": part}
    yield "metaspace/after_split", "spaced", {"pre_tokenizer": sequence("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True})}
    spaced, unigram = all_bases["spaced"]["model"], all_bases["unigram"]["model"]
    llama = {"normalizer": normal["llama"], "pre_tokenizer": None,
             "decoder": sequence("decoders", replace({"String": "▁"}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})}
    yield "model/bpe", "spaced", {}
    yield "model/bpe_fuse", "spaced", {"model": changed(spaced, fuse_unk=True)}
    yield "model/bpe_no_unknown", "spaced", {"model": changed(spaced, unk_token=None)}
    yield "model/bpe_ignore_merges", "spaced", {"model": changed(spaced, ignore_merges=True)}
    yield "model/bpe_pairs", "spaced", {"model": changed(spaced, merges=[m.split(" ") if isinstance(m, str) else m for m in spaced["merges"]])}
    yield "model/bpe_strings", "spaced", {"model": changed(spaced, merges=[m if isinstance(m, str) else " ".join(m) for m in spaced["merges"]])}
    yield "model/llama", "spaced", {**llama, "model": with_bytes(all_bases["spaced"])}
    yield "model/llama_fuse", "spaced", {**llama, "model": changed(spaced, fuse_unk=True)}
    yield "model/unigram", "unigram", {}
    yield "model/unigram_bytes", "unigram", {**llama, "model": with_bytes(all_bases["unigram"])}
    yield "model/word_piece", "word_piece", {}
    yield "model/word_piece_short", "word_piece", {"model": changed(all_bases["word_piece"]["model"], max_input_chars_per_word=5)}
    yield "model/word_level", "word_level", {}
    yield "model/suffixed", "suffixed", {}
    yield "model/prefixed", "prefixed", {}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2, 2], "tokens": ["</s>", "</s>"]}}}
    bert = {"type": "BertProcessing", "sep": ["[SEP]", 4], "cls": ["[CLS]", 3]}
    yield "post_processor/template", "byte_level", {"post_processor": template}
    yield "post_processor/bert", "byte_level", {"post_processor": bert}
    yield "post_processor/roberta", "byte_level", {"post_processor": {**bert, "type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": False}}
    yield "post_processor/sequence", "byte_level", {"post_processor": sequence("processors", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, template)}
    yield "decoder/none", "byte_level", {"decoder": None}
    yield "decoder/strip", "spaced", {"decoder": sequence("decoders", replace({"String": "▁"}, " "), {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 2, "stop": 1})}
    yield "decoder/strip_each", "spaced", {"decoder": sequence("decoders", {"type": "Strip", "content": "▁", "start": 1, "stop": 0})}
    yield "decoder/replace_fused", "spaced", {"decoder": sequence("decoders", {"type": "Fuse"}, replace({"String": "▁▁"}, "#"), replace({"String": "▁"}, " "))}
    yield "decoder/replace_regex", "spaced", {"decoder": sequence("decoders", {"type": "Fuse"}, replace({"Regex": "▁+"}, " "))}
    yield "decoder/word_piece_raw", "word_piece", {"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False}}
    special, extra = added({"content": "the"}, {"content": "I'", "lstrip": True}, {"content": "!!", "rstrip": True}, {"content": "Paris", "single_word": True},
                           {"content": "a", "single_word": True, "normalized": True}, {"content": "HELLO", "normalized": True}, {"content": "<|im_start|>", "special": True, "lstrip": True, "rstrip": True},
                           {"content": "\n\n"}, {"content": "\n\n\n"})
    for name, base, part in (("plain", "byte_level", None), ("lowercase", "byte_level", {"type": "Lowercase"}), ("llama", "spaced", normal["llama"])):
        yield f"added_tokens/{name}", base, {"normalizer": part, "added_tokens": (special, extra)}


def main():
    all_bases = bases()
    out = {"versions": {p: importlib.metadata.version(p) for p in ("tokenizers", "sentencepiece", "xxhash")}, "texts": CHOSEN, "bases": all_bases, "cases": []}
    for name, base, parts in cases(all_bases):
        made = {**all_bases[base], **parts}
        if isinstance(made["added_tokens"], tuple):  # ids must follow the vocabulary's
            special, extra = json.loads(json.dumps(made["added_tokens"]))
            vocab = made["model"]["vocab"]
            free = max(vocab.values()) + 1
            for token in extra:
                token["id"] = vocab.get(token["content"], None)
                if token["id"] is None:
                    token["id"], free = free, free + 1
            parts = {**parts, "added_tokens": special + extra}
            made["added_tokens"] = parts["added_tokens"]
        tokenizer = Tokenizer.from_str(json.dumps(made))
        rows = []
        for i in CHOSEN:
            ids = tokenizer.encode(TEXTS[i]).ids
            try:
                decoded = digest(tokenizer.decode(ids, skip_special_tokens=False))[:8]
            except BaseException as error:  # Strip panics on a token that is nothing but its content
                if type(error).__name__ != "PanicException":
                    raise
                decoded = "panicked"
            rows.append(digest(ids)[:8] + decoded)
        out["cases"].append({"name": name, "base": base, "set": parts, "rows": " ".join(rows)})
    with open(OUT / "components.json", "w") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
    print(len(out["cases"]), "cases,", len(CHOSEN), "texts")


if __name__ == "__main__":
    main()
