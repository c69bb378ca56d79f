"""Embeddings of all-MiniLM-L6-v2 through openai-python and LangChain, held to transformers' (tests/golden/minilm.json), and
reranking by plain HTTP as Cohere's and Jina's clients do it."""
import base64
import json
import math
import pathlib
import struct

import openai
from langchain_openai import OpenAIEmbeddings

from harness import BASE_URL, MODEL, metric, post, run

EMBEDDER = "minilm"
GOLDEN = json.loads((pathlib.Path(__file__).resolve().parents[1] / "golden/minilm.json").read_text())
TEXTS = [entry["text"] for entry in GOLDEN]
VECTORS = [struct.unpack("<384f", base64.b64decode(entry["vector"])) for entry in GOLDEN]
client = openai.OpenAI(base_url=BASE_URL + "/v1", api_key="any", max_retries=0, timeout=120)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def length(vector):
    return math.sqrt(dot(vector, vector))


def embed(texts, **fields):
    # The reference cuts at 256 tokens without a word.
    extra = {"truncate_prompt_tokens": -1}
    answer = client.embeddings.create(model=EMBEDDER, input=texts, extra_body=extra, **fields)
    return [item.embedding for item in answer.data]


def test_vectors_are_those_of_the_reference():
    for name, vectors in (("base64", embed(TEXTS)), ("float", embed(TEXTS, encoding_format="float")),
                          ("alone", [embed(text)[0] for text in TEXTS])):
        for text, got, want in zip(TEXTS, vectors, VECTORS, strict=True):
            assert abs(length(got) - 1) < 1e-5, (name, text)
            assert dot(got, want) > 0.99999, (name, text[:40], dot(got, want))


def test_similar_texts_are_near():
    vectors = embed(TEXTS[:6])
    for i in (0, 2, 4):
        pair = dot(vectors[i], vectors[i + 1])
        others = [dot(vectors[i], vectors[j]) for j in range(6) if j not in (i, i + 1)]
        assert pair > 0.4 and pair > max(others) + 0.2, (i, pair, others)


def test_dimensions_and_usage():
    answer = client.embeddings.create(model=EMBEDDER, input=["one two", "three"], dimensions=100)
    assert [len(item.embedding) for item in answer.data] == [100, 100]
    assert abs(length(answer.data[0].embedding) - 1) < 1e-5
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 7 and answer.model == EMBEDDER


def test_token_ids():
    ids = post("/tokenize", {"model": EMBEDDER, "prompt": TEXTS[0]})[1]["tokens"]
    assert dot(embed([ids])[0], VECTORS[0]) > 0.99999
    assert ids[0] == 101 and ids[-1] == 102


def test_a_large_batch_and_too_long_a_text():
    answer = embed([f"text number {i}" for i in range(2048)])
    assert len(answer) == 2048
    status, body = post("/v1/embeddings", {"model": EMBEDDER, "input": ["short", "word " * 300]})
    assert status == 400 and body["error"]["param"] == "input[1]", body
    assert body["error"]["code"] == "context_length_exceeded"


def test_langchain():
    embeddings = OpenAIEmbeddings(model=EMBEDDER, base_url=BASE_URL + "/v1", api_key="any", max_retries=0,
                                  check_embedding_ctx_length=False)  # it would send token ids of another vocabulary
    assert dot(embeddings.embed_query(TEXTS[0]), VECTORS[0]) > 0.99999
    for got, want in zip(embeddings.embed_documents(TEXTS[:7]), VECTORS):
        assert dot(got, want) > 0.99999


def test_rerank():
    documents = ["Berlin is the capital of Germany.", "Paris is the capital of France.", {"text": "Bananas are yellow."}]
    status, body = post("/v1/rerank", {"model": EMBEDDER, "query": "What is the capital of France?", "top_n": 2,
                                       "documents": documents})
    assert status == 200, body
    assert [result["index"] for result in body["results"]] == [1, 0]
    assert body["results"][0]["document"]["text"] == documents[1]
    status, body = post("/score", {"model": EMBEDDER, "text_1": "cats", "text_2": ["cats", "a kitten", "tax law"]})
    scores = [item["score"] for item in body["data"]]
    assert abs(scores[0] - 1) < 1e-5 and scores[0] > scores[1] > scores[2], scores


def test_models_say_what_they_are_for():
    assert {model.id for model in client.models.list()} >= {MODEL, EMBEDDER}
    status, body = post("/v1/embeddings", {"model": MODEL, "input": "a"})
    assert status == 400 and "generates text" in body["error"]["message"], body
    chat = {"model": EMBEDDER, "messages": [{"role": "user", "content": "a"}]}
    status, body = post("/v1/chat/completions", chat)
    assert status == 400 and "makes embeddings" in body["error"]["message"], body
    assert metric("strata:pooling_texts_total") > 2048


run(globals())
