"""The API through LangChain's OpenAI classes, over chat completions and over responses."""
from typing import Annotated, Literal

import pydantic
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from harness import BASE_URL, MODEL, run


def model(**fields):
    return ChatOpenAI(**{"model": MODEL, "base_url": BASE_URL + "/v1", "api_key": "any", "temperature": 0,
                         "max_tokens": 60, "max_retries": 0, "timeout": 120, **fields})


BOTH = {"chat": model(), "responses": model(use_responses_api=True)}


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return "Sunny"


class Animal(pydantic.BaseModel, extra="forbid"):
    """An animal."""
    name: Literal["dog", "cat", "cow"]
    legs: Annotated[int, pydantic.Field(ge=0, le=8)]


def ask(city):
    return HumanMessage(f"What is the weather in {city}?")


def conversation():
    # A model as small as this one calls a tool where the conversation has done so before.
    messages = []
    for number, city in enumerate(("London", "Oslo", "Rome")):
        call = {"id": f"call_{number}", "name": "get_weather", "args": {"city": city}}
        messages += [ask(city), AIMessage("", tool_calls=[call]), ToolMessage("Sunny", tool_call_id=call["id"]),
                     AIMessage("It is sunny.")]
    return messages + [ask("Paris")]


def check_call(message):
    assert len(message.tool_calls) == 1 and not message.invalid_tool_calls, message
    call = message.tool_calls[0]
    assert call["name"] == "get_weather" and call["args"] == {"city": "Paris"} and call["id"].startswith("call_")
    return call


def test_bound_tools_are_called_and_answered():
    for name, llm in BOTH.items():
        bound, messages = llm.bind_tools([get_weather]), conversation()
        called = bound.invoke(messages)
        call = check_call(called)
        assert called.usage_metadata["output_tokens"] > 0, name
        answer = bound.invoke(messages + [called, get_weather.invoke(call)])
        assert answer.text and not answer.tool_calls, answer


def test_streamed_chunks_add_up_to_the_call():
    for name, llm in BOTH.items():
        bound, messages = llm.bind_tools([get_weather]), conversation()
        chunks = list(bound.stream(messages))
        whole = sum(chunks[1:], chunks[0])
        assert isinstance(whole, AIMessageChunk) and len(chunks) > 3, name
        assert check_call(whole)["args"] == check_call(bound.invoke(messages))["args"]
        text = "".join(chunk.text for chunk in llm.stream([HumanMessage("Name three animals.")]))
        assert text == llm.invoke([HumanMessage("Name three animals.")]).text


def test_tools_that_must_be_called():
    for name, llm in BOTH.items():
        for choice in ("any", "Animal", "required"):
            bound = llm.bind_tools([Animal], tool_choice=choice, strict=True, parallel_tool_calls=False)
            called = bound.invoke("A dog.")
            assert len(called.tool_calls) == 1, (name, choice, called)
            Animal.model_validate(called.tool_calls[0]["args"])


def test_structured_output_by_every_method():
    for name, llm in BOTH.items():
        for method in ("json_schema", "function_calling"):
            animal = llm.with_structured_output(Animal, method=method).invoke("Describe a dog.")
            assert isinstance(animal, Animal), (name, method, animal)
    raw = BOTH["chat"].with_structured_output(Animal, include_raw=True).invoke("Describe a dog.")
    assert raw["parsing_error"] is None and isinstance(raw["parsed"], Animal)
    loose = BOTH["chat"].with_structured_output(Animal.model_json_schema(), method="json_schema", strict=False)
    Animal.model_validate(loose.invoke("Describe a dog."))


def test_structured_output_streams_beginnings():
    for name, llm in BOTH.items():
        beginnings = list(llm.with_structured_output(Animal.model_json_schema()).stream("Describe a dog."))
        assert beginnings, name
        Animal.model_validate(beginnings[-1])


run(globals())
