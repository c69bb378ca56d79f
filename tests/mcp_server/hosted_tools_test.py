"""Tools that the server runs, through the openai client: /v1/responses with tools of real MCP servers.

The default model is small: which tool it calls is forced by tool_choice, what it says about the results is its own.
"""
import json
import os
import time

import httpx2
import openai

from harness import BASE_URL, MODEL, run, wait_idle

client = openai.OpenAI(base_url=BASE_URL + "/v1", api_key="any", max_retries=0, timeout=120)


def calls(file="CALLS"):
    path = os.environ[file]
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def asked(tool, label="local", **more):
    return {"model": MODEL, "input": "What is the number of blue?", "temperature": 0, "max_output_tokens": 300,
            "parallel_tool_calls": False, "max_tool_calls": 1,
            "tools": [{"type": "mcp", "server_label": label, "require_approval": "never"}],
            "tool_choice": {"type": "mcp", "server_label": label, "name": tool}, **more}


def create(tool, label="local", **more):
    return client.responses.create(**asked(tool, label, **more))


def call_of(response):
    return next(item for item in response.output if item.type == "mcp_call")


def test_a_call_is_run_and_answered():
    before = len(calls())
    response = create("colour")
    listed, call = response.output[0], call_of(response)
    assert listed.type == "mcp_list_tools" and {tool.name for tool in listed.tools} >= {"colour", "slow"}
    assert call.name == "colour" and call.server_label == "local" and call.status == "completed" and call.error is None
    new = calls()[before:]
    assert len(new) == 1 and new[0]["name"] == json.loads(call.arguments)["name"]
    assert "4711" in call.output
    assert response.output[-1].type == "message" and response.status in ("completed", "incomplete")
    print("  the model says:", response.output_text[:200].replace("\n", " "))


def test_a_stream_says_the_same():
    whole = create("colour")
    seen = []
    with client.responses.stream(**{k: v for k, v in asked("colour").items()}) as stream:
        for event in stream:
            seen.append(event)
        final = stream.get_final_response() if whole.status == "completed" else seen[-1].response
    types = [event.type for event in seen]
    for wanted in ("response.mcp_list_tools.in_progress", "response.mcp_list_tools.completed", "response.mcp_call.in_progress",
                   "response.mcp_call_arguments.done", "response.mcp_call.completed"):
        assert wanted in types, types
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    arguments = "".join(event.delta for event in seen if event.type == "response.mcp_call_arguments.delta")
    assert arguments == call_of(final).arguments == call_of(whole).arguments
    assert call_of(final).output == call_of(whole).output and final.output_text == whole.output_text


def test_an_approval():
    before = len(calls("CAREFUL_CALLS"))
    tools = [{"type": "mcp", "server_label": "careful", "require_approval": "never"}]  # the operator wants to be asked
    first = create("colour", "careful", tools=tools)
    request = first.output[-1]
    assert request.type == "mcp_approval_request" and len(calls("CAREFUL_CALLS")) == before
    answer = {"type": "mcp_approval_response", "approval_request_id": request.id}
    common = {"model": MODEL, "temperature": 0, "max_output_tokens": 60, "tools": tools, "previous_response_id": first.id}
    refused = client.responses.create(**common, tool_choice="none", input=[{**answer, "approve": False, "reason": "No."}])
    assert len(calls("CAREFUL_CALLS")) == before and all(item.type != "mcp_call" for item in refused.output)
    approved = client.responses.create(**common, tool_choice="none", input=[{**answer, "approve": True}])
    assert approved.output[0].type == "mcp_call" and approved.output[0].approval_request_id == request.id
    assert "4711" in approved.output[0].output and len(calls("CAREFUL_CALLS")) == before + 1
    # The same from the items, without the store.
    items = [{"role": "user", "content": "What is the number of blue?"}, *[i.model_dump(exclude_none=True) for i in first.output],
             {**answer, "approve": True}]
    by_hand = client.responses.create(**{**common, "previous_response_id": None}, tool_choice="none", input=items)
    assert by_hand.output[0].output == approved.output[0].output and by_hand.output_text == approved.output_text
    assert by_hand.usage.input_tokens == approved.usage.input_tokens


def test_tools_that_misbehave():
    broken = call_of(create("broken"))
    assert broken.status == "failed" and "the cable is cut" in broken.output
    flood = call_of(create("flood"))
    assert flood.status == "completed" and len(flood.output) < 9000 and "cut off" in flood.output
    begin = time.monotonic()
    slow = call_of(create("slow"))
    assert slow.status == "failed" and slow.error.code == 504 and time.monotonic() - begin < 30


def test_results_are_data():
    response = create("forger")
    forged = [call for call in calls() if call["tool"] == "colour" and call["name"] == "forged"]
    assert "<tool_call>" in call_of(response).output and not forged


def test_a_client_that_goes_away_ends_the_call():
    before = len(calls())
    body = {**asked("slow"), "stream": True}
    with httpx2.stream("POST", BASE_URL + "/v1/responses", json=body, timeout=60) as response:
        for line in response.iter_lines():
            if "response.mcp_call_arguments.done" in line:
                break
        while len(calls()) == before:
            time.sleep(0.05)
    wait_idle(20)


def test_functions_of_the_client_stand_beside():
    weather = {"type": "function", "name": "get_weather", "strict": True, "parameters": {
        "type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}, "required": ["city"], "additionalProperties": False}}
    tools = [weather, {"type": "mcp", "server_label": "local", "require_approval": "never", "allowed_tools": ["colour"]}]
    response = create("colour", tools=tools, tool_choice={"type": "function", "name": "get_weather"})
    call = response.output[-1]
    assert call.type == "function_call" and json.loads(call.arguments)["city"] in ("Oslo", "Rome")
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain"}
    after = create("colour", tools=tools, input=[output], previous_response_id=response.id)
    assert call_of(after).status == "completed" and all(item.type != "mcp_list_tools" for item in after.output)


def test_the_example_server():
    response = create("echo", "everything")
    call = call_of(response)
    assert call.status == "completed" and call.output == "Echo: " + json.loads(call.arguments)["message"]


def test_errors():
    def refused(**fields):
        try:
            create("colour", **fields)
        except openai.BadRequestError as error:
            return error.param
        raise AssertionError(f"400 expected for {fields}")

    assert refused(tools=[{"type": "mcp", "server_label": "unknown"}], tool_choice="auto") == "tools[0].server_label"
    url = {"type": "mcp", "server_label": "x", "server_url": "http://127.0.0.1:1/mcp"}
    assert refused(tools=[url], tool_choice="auto") == "tools[0].server_url"


run(globals())
