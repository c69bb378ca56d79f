#!/usr/bin/env python3
"""Whether strata's vectors of all-MiniLM-L6-v2 are those of an independent computation, on many texts: cosine with the mean of
transformers' last hidden states in f32, texts cut to 256 tokens, as sentence-transformers defines them.

tools/golden/minilm_many.py STRATA FOLDER TEXTS      TEXTS: one text a line; FOLDER: as for minilm.py
needs: pip install transformers==5.24.0 torch==2.15.0
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

LEAST_COSINE = 0.999


def ours(program, folder, texts):
    work = tempfile.TemporaryDirectory()
    port_file = pathlib.Path(work.name, "port")
    server = subprocess.Popen([program, "serve", folder, "--model-name", "m", "--host", "127.0.0.1", "--port", "0",
                               "--port-file", port_file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if port_file.exists():
                break
            time.sleep(0.1)
        address = f"http://127.0.0.1:{port_file.read_text().strip()}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=10)
                break
            except OSError:
                time.sleep(0.1)
        vectors = []
        for begin in range(0, len(texts), 50):
            request = urllib.request.Request(f"{address}/v1/embeddings", headers={"Content-Type": "application/json"},
                                             data=json.dumps({"model": "m", "input": texts[begin:begin + 50], "truncate_prompt_tokens": -1}).encode())
            data = json.load(urllib.request.urlopen(request, timeout=300))["data"]
            vectors += [entry["embedding"] for entry in data]
        return np.array(vectors)
    finally:
        server.terminate()
        server.wait(30)
        work.cleanup()


def theirs(folder, texts):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    vectors = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            vector = model(**inputs).last_hidden_state[0].mean(0)
        vectors.append((vector / vector.norm()).numpy())
    return np.array(vectors)


def main():
    program, folder, source = sys.argv[1:]
    texts = [line for line in pathlib.Path(source).read_text(encoding="utf-8").splitlines() if line.strip()]
    cosines = (ours(program, folder, texts) * theirs(folder, texts)).sum(1)
    print(f"{len(texts)} texts: cosine at least {cosines.min():.6f}, {cosines.mean():.6f} in the mean")
    return 0 if cosines.min() >= LEAST_COSINE else 1


sys.exit(main())
