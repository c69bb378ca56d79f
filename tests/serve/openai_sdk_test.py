"""The API through the openai Python client."""
import asyncio
import json
import math
import re

import openai

from harness import BASE_URL, CLOSED_URL, MODEL, run

client = openai.OpenAI(base_url=BASE_URL + "/v1", api_key="any", max_retries=0, timeout=120)
ASK = [{"role": "user", "content": "Name three animals of the forest."}]


def chat(**kwargs):
    return client.chat.completions.create(**{"model": MODEL, "messages": ASK, "max_tokens": 24, "temperature": 0, **kwargs})


def raises(error, call, **kwargs):
    try:
        call(**kwargs)
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} expected for {kwargs}")


def test_chat():
    answer = chat()
    assert answer.object == "chat.completion" and answer.model == MODEL and answer.id
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert chat().choices[0].message.content == choice.message.content


def test_stream_equals_the_whole():
    whole = chat().choices[0]
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == whole.finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == chat().usage.completion_tokens
    assert all(c.usage is None for c in chunks[:-1]) and len({c.id for c in chunks}) == 1


def test_logprobs():
    choice = chat(logprobs=True, top_logprobs=5).choices[0]
    assert b"".join(bytes(t.bytes) for t in choice.logprobs.content).decode() == choice.message.content
    for token in choice.logprobs.content:
        tops = [top.logprob for top in token.top_logprobs]
        assert len(tops) == 5 and tops == sorted(tops, reverse=True)
        assert sum(math.exp(p) for p in tops) <= 1.0001 and token.logprob <= 0
        assert abs(token.logprob - tops[0]) < 1e-5  # greedy takes the likeliest
    streamed = [t for c in chat(stream=True, logprobs=True, top_logprobs=2) if c.choices and c.choices[0].logprobs
                for t in c.choices[0].logprobs.content or []]
    assert [t.token for t in streamed] == [t.token for t in choice.logprobs.content]


def test_n_and_seed():
    def texts(seed, n=3):
        return [c.message.content for c in chat(temperature=1.0, seed=seed, n=n).choices]

    first = texts(7)
    assert len(set(first)) > 1 and first == texts(7) and first != texts(8)
    assert texts(7, n=1) == first[:1]
    assert [c.index for c in chat(n=3).choices] == [0, 1, 2] and len({c.message.content for c in chat(n=3).choices}) == 1


def test_stop():
    whole = chat(max_tokens=40).choices[0].message.content
    # Every cut of the text, so that some lie across the borders of tokens.
    for at in range(3, min(len(whole) - 4, 40), 3):
        stop = whole[at:at + 4]
        choice = chat(max_tokens=40, stop=[stop, "\u0000 never"]).choices[0]
        want = whole[:whole.index(stop)]
        assert choice.finish_reason == "stop" and choice.message.content == want, (stop, want, choice.message.content)
        pieces = [c.choices[0].delta.content or "" for c in chat(max_tokens=40, stop=stop, stream=True) if c.choices]
        assert "".join(pieces) == want


def test_max_tokens_and_bias():
    assert chat(max_tokens=3).usage.completion_tokens == 3 and chat(max_tokens=3).choices[0].finish_reason == "length"
    assert chat(max_completion_tokens=2).usage.completion_tokens == 2
    import json
    import urllib.request
    body = json.dumps({"prompt": " the"}).encode()
    with urllib.request.urlopen(urllib.request.Request(BASE_URL + "/tokenize", body)) as response:
        token = json.load(response)["tokens"][-1]
    assert chat(max_tokens=4, logit_bias={str(token): 100}).choices[0].message.content == " the the the the"


def test_errors():
    wrong = raises(openai.BadRequestError, chat, temperature=9)
    assert wrong.param == "temperature" and wrong.status_code == 400 and wrong.type == "invalid_request_error"
    assert raises(openai.BadRequestError, chat, messages=[]).param == "messages"
    assert raises(openai.BadRequestError, chat, extra_body={"no_such": 1}).param == "no_such"
    assert "messages[0]" in raises(openai.BadRequestError, chat, messages=[{"role": "nobody", "content": "x"}]).param
    assert raises(openai.NotFoundError, chat, model="no-such-model").code == "model_not_found"
    long = [{"role": "user", "content": "word " * 60000}]
    assert raises(openai.BadRequestError, chat, messages=long).code == "context_length_exceeded"
    closed = openai.OpenAI(base_url=CLOSED_URL + "/v1", api_key="wrong", max_retries=0)
    raises(openai.AuthenticationError, closed.models.list)
    assert openai.OpenAI(base_url=CLOSED_URL + "/v1", api_key="secret").models.list().data[0].id == MODEL


WEATHER = [{"type": "function", "function": {"name": "get_weather", "description": "The weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]


def test_tool_calls():
    # A model as small as this one calls a tool where the conversation has done so before.
    def asks(city):
        return {"role": "user", "content": f"What is the weather in {city}?"}
    messages = []
    for number, city in enumerate(("London", "Oslo", "Rome")):
        function = {"name": "get_weather", "arguments": json.dumps({"city": city})}
        messages += [asks(city),
                     {"role": "assistant", "content": None,
                      "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}]},
                     {"role": "tool", "tool_call_id": f"call_{number}", "content": "Sunny"},
                     {"role": "assistant", "content": "It is sunny."}]
    messages.append(asks("Paris"))
    whole = chat(messages=messages, tools=WEATHER, max_tokens=80).choices[0]
    assert whole.finish_reason == "tool_calls" and whole.message.content is None, whole
    call = whole.message.tool_calls[0]
    assert call.type == "function" and call.id.startswith("call_") and call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    chunks = [c.choices[0] for c in chat(messages=messages, tools=WEATHER, max_tokens=80, stream=True)]
    deltas = [t for c in chunks for t in c.delta.tool_calls or []]
    assert deltas[0].id and deltas[0].function.name == "get_weather" and deltas[0].function.arguments == ""
    assert all(t.index == 0 and t.id is None and t.function.name is None for t in deltas[1:])
    assert "".join(t.function.arguments for t in deltas) == call.function.arguments
    assert chunks[-1].finish_reason == "tool_calls"
    none = chat(messages=messages, tools=WEATHER, max_tokens=8, tool_choice="none").choices[0]
    assert none.message.tool_calls is None and none.finish_reason != "tool_calls"


# Sums of numbers and of differences in brackets.
SUM = 'start: "(" term ("+" term)~1..3 ")"\nterm: NUMBER | "(" NUMBER "-" NUMBER ")"\nNUMBER: /[0-9]{1,3}/\n'


def test_custom_tools():
    tools = [{"type": "custom", "custom": {"name": "calculate", "description": "Calculates a sum.", "format": {
        "type": "grammar", "grammar": {"syntax": "lark", "definition": SUM}}}}]
    asked = {"messages": [{"role": "user", "content": "What is 2 + 3?"}], "tools": tools, "max_tokens": 120,
             "tool_choice": {"type": "custom", "custom": {"name": "calculate"}}, "parallel_tool_calls": False}
    choice = chat(**asked).choices[0]
    call = choice.message.tool_calls[0]
    assert choice.finish_reason == "tool_calls" and call.type == "custom" and call.custom.name == "calculate"
    assert re.fullmatch(r"\((?:\d+|\(\d+-\d+\))(?:\+(?:\d+|\(\d+-\d+\))){1,3}\)", call.custom.input), call.custom.input
    deltas = [t for c in chat(**asked, stream=True) for t in c.choices[0].delta.tool_calls or []]
    assert deltas[0].type == "custom" and deltas[0].id and "".join(t.custom["input"] for t in deltas) == call.custom.input
    history = asked["messages"] + [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "5"}]
    assert chat(messages=history, tools=tools, tool_choice="none").choices[0].message.content


def test_models_headers_timeouts():
    # An embedding model is served beside it.
    assert [m.id for m in client.models.list()][0] == MODEL and client.models.retrieve(MODEL).id == MODEL
    raises(openai.NotFoundError, client.models.retrieve, model="nope")
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=ASK, max_tokens=1, extra_headers={"X-Request-Id": "mine-1"})
    assert raw.headers["x-request-id"] == "mine-1" and raw.parse().choices and "application/json" in raw.headers["content-type"]
    raises(openai.APITimeoutError, client.with_options(timeout=0.05).chat.completions.create, model=MODEL, messages=ASK,
           max_tokens=2000, extra_body={"ignore_eos": True})


def test_32_async_streams_equal_each_alone():
    async def one(asynchronous, i):
        stream = await asynchronous.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": f"Count from {i} on."}], max_tokens=8 + i, temperature=0, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    async def everything():
        async with openai.AsyncOpenAI(base_url=BASE_URL + "/v1", api_key="any", max_retries=0, timeout=300) as asynchronous:
            together = await asyncio.gather(*(one(asynchronous, i) for i in range(32)))
            return together, [await one(asynchronous, i) for i in range(32)]

    together, alone = asyncio.run(everything())
    assert together == alone and all(together)


run(globals())
