"""A model that embeds, small enough for tests."""
import json
import pathlib
import shutil

ENCODER = pathlib.Path(__file__).resolve().parents[1] / "golden/encoders/bert_mean"


def make_encoder(folder):
    """The encoder with a tokenizer of letters, as many as its vocabulary has."""
    shutil.copytree(ENCODER, folder)
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + [prefix + letter for letter in "etaoinshrdlucmfwypvbgkqjxz0123456789.#"
                                                     for prefix in ("", "##")]
    vocab = {token: number for number, token in enumerate(tokens[:size])}
    special = [{"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for number, token in enumerate(tokens[:4])]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                           "pair": [], "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab}}))
