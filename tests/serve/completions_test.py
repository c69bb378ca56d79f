"""POST /v1/completions as evaluation harnesses use it: token ids, echo, log-probabilities of the prompt, batches."""
from harness import MODEL, post, run

TEXT = "The capital of France is Paris, and Zürich is in Switzerland."


def complete(**fields):
    status, answer = post("/v1/completions", {"model": MODEL, "temperature": 0, **fields})
    assert status == 200, answer
    return answer


def ids(text=TEXT):
    return post("/tokenize", {"prompt": text})[1]["tokens"]


def close(a, b, tolerance=1e-3):
    return abs(a - b) < tolerance


def test_echo_scores_the_prompt():
    tokens = ids()
    for extra in (0, 1):
        choice = complete(prompt=tokens, echo=True, logprobs=1, max_tokens=extra)["choices"][0]
        scores = choice["logprobs"]
        assert choice["text"].startswith(TEXT) and (extra or choice["text"] == TEXT), choice["text"]
        assert len(scores["tokens"]) == len(tokens) + extra == len(scores["token_logprobs"]) == len(scores["text_offset"])
        assert scores["token_logprobs"][0] is None and all(p <= 0 for p in scores["token_logprobs"][1:])
        assert scores["top_logprobs"][0] is None
        assert scores["text_offset"][0] == 0 and scores["text_offset"] == sorted(scores["text_offset"])
        for token, offset in zip(scores["tokens"], scores["text_offset"]):
            assert token.startswith("bytes:") or choice["text"][offset:].startswith(token), (token, offset)


def test_scores_equal_those_step_by_step():
    tokens = ids()
    scores = complete(prompt=tokens, echo=True, logprobs=1, max_tokens=0)["choices"][0]["logprobs"]["token_logprobs"]
    for i in range(1, len(tokens)):
        forced = complete(prompt=tokens[:i], max_tokens=1, logprobs=1, allowed_token_ids=[tokens[i]])["choices"][0]
        assert close(forced["logprobs"]["token_logprobs"][0], scores[i]), (i, forced["logprobs"], scores[i])


def test_continuation_equals_echo():
    answer = complete(prompt=ids(), max_tokens=6, logprobs=2, return_token_ids=True)["choices"][0]
    again = complete(prompt=ids() + answer["token_ids"], echo=True, logprobs=2, max_tokens=0)["choices"][0]["logprobs"]
    for one, other in zip(answer["logprobs"]["token_logprobs"], again["token_logprobs"][-len(answer["token_ids"]):]):
        # Where the processor has AMX, prompts are multiplied in bf16, what is generated in integers.
        assert close(one, other, 0.05), (one, other)


def test_batches_keep_their_order():
    texts = ["One two three", "A much longer prompt that says nothing in particular", "x", TEXT]
    alone = [complete(prompt=text, max_tokens=8)["choices"][0]["text"] for text in texts]
    for prompt in (texts, [ids(text) for text in texts]):
        choices = complete(prompt=prompt, max_tokens=8)["choices"]
        assert [c["index"] for c in choices] == [0, 1, 2, 3] and [c["text"] for c in choices] == alone
    scored = complete(prompt=[ids(t) for t in texts], max_tokens=0, echo=True, logprobs=1)
    assert [c["text"] for c in scored["choices"]] == texts
    assert scored["usage"]["prompt_tokens"] == sum(len(ids(t)) for t in texts)


def test_wrong_prompts():
    for prompt, param in ([[-1]], "prompt"), ([10**9], "prompt"), ([1, "a"], "prompt"), ({}, "prompt"), ([], "prompt"):
        status, answer = post("/v1/completions", {"model": MODEL, "prompt": prompt})
        assert status == 400 and answer["error"]["param"].startswith(param), (prompt, answer)


run(globals())
