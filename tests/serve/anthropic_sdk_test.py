"""Anthropic's Messages API through its Python client."""
import json

import anthropic

from harness import BASE_URL, CLOSED_URL, MODEL, run

client = anthropic.Anthropic(base_url=BASE_URL, api_key="any", max_retries=0, timeout=120)
ASK = [{"role": "user", "content": "Name three animals of the forest."}]
WEATHER = {"name": "get_weather", "description": "The weather of a city",
           "input_schema": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}},
                            "required": ["city"], "additionalProperties": False}}
GREEDY = {"temperature": 0}  # the client has no argument for it any more


def create(**fields):
    return client.messages.create(**{"model": MODEL, "messages": ASK, "max_tokens": 24, "extra_body": GREEDY, **fields})


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def raises(error, call, **fields):
    try:
        call(**fields)
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} expected for {fields}")


def test_a_message():
    message = create(system="Be brief.")
    assert message.type == "message" and message.role == "assistant" and message.model == MODEL
    assert message.id.startswith("msg_") and text_of(message) and message._request_id
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert message.usage.output_tokens <= 24
    assert text_of(create(system="Be brief.")) == text_of(message)


def test_a_stream_equals_the_whole():
    whole = create()
    with client.messages.stream(model=MODEL, messages=ASK, max_tokens=24, extra_body=GREEDY) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == text_of(whole) == text_of(final)
    assert final.stop_reason == whole.stop_reason and final.usage.output_tokens == whole.usage.output_tokens
    asked = whole.usage.input_tokens + whole.usage.cache_read_input_tokens
    assert final.usage.input_tokens + final.usage.cache_read_input_tokens == asked
    types = [event.type for event in create(stream=True)]
    assert types[0] == "message_start" and types[1] == "content_block_start" and types[-2:] == ["message_delta", "message_stop"]


def test_stop_sequences_and_prefill():
    whole = text_of(create())
    stop = whole[6:10]
    stopped = create(stop_sequences=[stop])
    assert stopped.stop_reason == "stop_sequence" and stopped.stop_sequence == stop
    assert text_of(stopped) == whole[:whole.index(stop)]
    assert text_of(create(messages=ASK + [{"role": "assistant", "content": "1. The"}], max_tokens=4))


def test_count_tokens():
    count = client.messages.count_tokens(model=MODEL, messages=ASK, system="Be brief.", tools=[WEATHER])
    usage = create(system="Be brief.", tools=[WEATHER], max_tokens=1).usage
    assert count.input_tokens == usage.input_tokens + usage.cache_read_input_tokens


def test_a_tool_and_its_result():
    history = [{"role": "user", "content": "What is the weather in Oslo?"},
               {"role": "assistant", "content": [{"type": "text", "text": "Let me see."},
                                                 {"type": "tool_use", "id": "toolu_1", "name": "get_weather",
                                                  "input": {"city": "Oslo"}}]},
               {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain, 4 degrees"}]}]
    message = create(messages=history, tools=[WEATHER])
    assert message.content and message.stop_reason in ("end_turn", "max_tokens", "tool_use")
    history.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]})
    history.append({"role": "user", "content": "Thanks."})
    if message.stop_reason != "tool_use":
        assert create(messages=history, tools=[WEATHER]).content


def test_a_forced_tool():
    choice = {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}
    asked = {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}], "tools": [WEATHER],
             "tool_choice": choice, "max_tokens": 100}
    message = create(**asked)
    call = message.content[-1]
    assert message.stop_reason == "tool_use" and call.type == "tool_use" and call.name == "get_weather"
    assert set(call.input) == {"city"} and len(call.input["city"]) <= 20
    with client.messages.stream(model=MODEL, extra_body=GREEDY, **asked) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert json.loads("".join(pieces)) == final.content[-1].input == call.input and final.stop_reason == "tool_use"
    messages = asked["messages"] + [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "Rain, 4 degrees"}]}]
    assert create(messages=messages, tools=[WEATHER], tool_choice={"type": "none"}).stop_reason != "tool_use"


def test_errors():
    wrong = raises(anthropic.BadRequestError, create, extra_body={"temperature": 1.5})
    assert wrong.body["type"] == "error" and wrong.body["error"]["type"] == "invalid_request_error"
    assert wrong.body["request_id"] == wrong.request_id
    image = [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]}]
    assert "messages[0].content[0].type" in str(raises(anthropic.BadRequestError, create, messages=image))
    assert raises(anthropic.NotFoundError, create, model="no-such-model").body["error"]["type"] == "not_found_error"
    closed = anthropic.Anthropic(base_url=CLOSED_URL, api_key="wrong", max_retries=0)
    denied = raises(anthropic.AuthenticationError, closed.messages.create, model=MODEL, messages=ASK, max_tokens=1)
    assert denied.body["error"]["type"] == "authentication_error"
    opened = anthropic.Anthropic(base_url=CLOSED_URL, api_key="secret", max_retries=0, timeout=120)
    assert opened.messages.create(model=MODEL, messages=ASK, max_tokens=1).usage.output_tokens == 1


run(globals())
