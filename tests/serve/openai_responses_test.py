"""OpenAI's Responses API through its Python client."""
import json
from typing import Annotated

import openai
import pydantic

from harness import BASE_URL, CLOSED_URL, MODEL, run

client = openai.OpenAI(base_url=BASE_URL + "/v1", api_key="any", max_retries=0, timeout=120)
ASK = "Name three animals of the forest."
WEATHER = {"type": "function", "name": "get_weather", "description": "The weather of a city", "strict": False,
           "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}},
                          "required": ["city"], "additionalProperties": False}}


def create(**fields):
    return client.responses.create(**{"model": MODEL, "input": ASK, "max_output_tokens": 24, "temperature": 0, **fields})


def raises(error, call, *args, **fields):
    try:
        call(*args, **fields)
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} expected for {fields}")


def test_a_response():
    response = create(instructions="Be brief.", metadata={"a": "b"})
    assert response.object == "response" and response.id.startswith("resp_") and response.model == MODEL
    assert response.output_text and response.output[0].type == "message" and response.output[0].role == "assistant"
    assert response.status in ("completed", "incomplete") and response.error is None
    assert response.instructions == "Be brief." and response.metadata == {"a": "b"} and response.temperature == 0
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert create(instructions="Be brief.").output_text == response.output_text
    chat = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": ASK}], max_tokens=24, temperature=0)
    assert create().output_text == chat.choices[0].message.content


def test_a_stream_equals_the_whole():
    whole = create(max_output_tokens=200)
    events = list(create(max_output_tokens=200, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text
    assert events[-1].type == f"response.{whole.status}" and events[-1].response.output_text == whole.output_text
    with client.responses.stream(model=MODEL, input=ASK, max_output_tokens=200, temperature=0) as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        if whole.status == "completed":
            assert stream.get_final_response().output_text == whole.output_text
    assert snapshots[-1] == whole.output_text


def test_conversations_are_stored():
    first = create(instructions="Be brief.")
    second = create(input="And of the sea?", previous_response_id=first.id)
    items = [{"role": "user", "content": ASK}, *first.output, {"role": "user", "content": "And of the sea?"}]
    by_hand = create(input=[i if isinstance(i, dict) else i.model_dump(exclude_none=True) for i in items])
    assert second.previous_response_id == first.id and second.output_text == by_hand.output_text
    assert client.responses.retrieve(second.id).output_text == second.output_text
    listed = list(client.responses.input_items.list(second.id, order="asc", limit=2))  # the client turns pages
    assert [item.role for item in listed] == ["user", "assistant", "user"]
    client.responses.delete(first.id)
    raises(openai.NotFoundError, client.responses.retrieve, first.id)
    lost = raises(openai.BadRequestError, create, previous_response_id=first.id)
    assert lost.code == "previous_response_not_found" and lost.param == "previous_response_id"
    assert client.responses.retrieve(second.id).id == second.id
    raises(openai.NotFoundError, client.responses.retrieve, create(store=False).id)


def test_a_tool_and_its_result():
    history = [{"role": "user", "content": "What is the weather in Oslo?"},
               {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{\"city\": \"Oslo\"}"},
               {"type": "function_call_output", "call_id": "call_1", "output": "Rain, 4 degrees"}]
    response = create(input=history, tools=[WEATHER])
    assert response.output and response.tools[0].name == "get_weather"


def test_a_forced_tool():
    asked = {"input": "What is the weather in Oslo?", "tools": [{**WEATHER, "strict": True}], "parallel_tool_calls": False,
             "tool_choice": {"type": "function", "name": "get_weather"}, "max_output_tokens": 100}
    response = create(**asked)
    call = response.output[-1]
    assert response.status == "completed" and call.type == "function_call" and call.name == "get_weather"
    assert set(json.loads(call.arguments)) == {"city"}
    with client.responses.stream(model=MODEL, temperature=0, **asked) as stream:
        pieces = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
        final = stream.get_final_response()
    assert "".join(pieces) == final.output[-1].arguments == call.arguments
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain, 4 degrees"}
    assert create(input=[output], previous_response_id=response.id, tools=[WEATHER], tool_choice="none").output_text


def test_a_custom_tool():
    tools = [{"type": "custom", "name": "say", "format": {"type": "grammar", "syntax": "regex", "definition": '"(yes|no)"\n'}}]
    asked = {"input": "Is the sky blue?", "tools": tools, "tool_choice": {"type": "custom", "name": "say"},
             "parallel_tool_calls": False, "max_output_tokens": 60}
    response = create(**asked)
    call = response.output[-1]
    assert call.type == "custom_tool_call" and call.name == "say" and call.input in ('"yes"\n', '"no"\n'), call
    with client.responses.stream(model=MODEL, temperature=0, **asked) as stream:
        pieces = [event.delta for event in stream if event.type == "response.custom_tool_call_input.delta"]
        assert "".join(pieces) == stream.get_final_response().output[-1].input == call.input
    output = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"}
    assert create(input=[output], previous_response_id=response.id, tools=tools, tool_choice="none").output_text


def test_parsed_formats():
    class Animal(pydantic.BaseModel):
        name: Annotated[str, pydantic.Field(max_length=20)]
        legs: Annotated[int, pydantic.Field(ge=0, le=8)]

    parsed = client.responses.parse(model=MODEL, input="Describe a dog as JSON.", text_format=Animal, max_output_tokens=100)
    assert isinstance(parsed.output_parsed, Animal) and len(parsed.output_parsed.name) <= 20


def test_errors():
    assert raises(openai.BadRequestError, create, temperature=9).param == "temperature"
    image = [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]
    assert raises(openai.BadRequestError, create, input=image).param == "input[0].content[0].type"
    assert raises(openai.BadRequestError, create, input="word " * 60000).param == "input"
    assert raises(openai.NotFoundError, create, model="no-such-model").code == "model_not_found"
    closed = openai.OpenAI(base_url=CLOSED_URL + "/v1", api_key="wrong", max_retries=0)
    raises(openai.AuthenticationError, closed.responses.create, model=MODEL, input=ASK)


run(globals())
