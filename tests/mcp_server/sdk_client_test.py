"""The official Python client of MCP against POST /mcp, in both eras."""
import asyncio

from mcp import Client

from harness import BASE_URL, run

MODES = ["2026-07-28", "legacy"]
ASK = {"prompt": "Name three animals.", "temperature": 0, "max_tokens": 24}


def with_client(use):
    async def main():
        texts = []
        for mode in MODES:
            async with Client(BASE_URL + "/mcp", mode=mode) as client:
                texts.append(await use(client))
        return texts

    return asyncio.run(main())


def test_it_is_found_by_probing():
    async def main():
        async with Client(BASE_URL + "/mcp") as client:
            return client.protocol_version

    assert asyncio.run(main()) == "2026-07-28"


def test_lists_and_calls():
    async def use(client):
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["chat"]
        result = await client.call_tool("chat", ASK)
        assert not result.is_error and result.structured_content["text"] == result.content[0].text
        return result.content[0].text

    modern, legacy = with_client(use)
    assert modern and modern == legacy


def test_tells_its_progress():
    async def use(client):
        heard = []

        async def on_progress(progress, total, message):
            heard.append((progress, total))

        result = await client.call_tool("chat", {**ASK, "max_tokens": 200}, progress_callback=on_progress)
        assert not result.is_error and heard and all(total == 200 for _, total in heard)
        assert [p for p, _ in heard] == sorted({p for p, _ in heard})

    with_client(use)


def test_errors_of_a_call_are_its_result():
    async def use(client):
        result = await client.call_tool("chat", {"prompt": "Hi", "temperature": 9})
        assert result.is_error and "temperature" in result.content[0].text

    with_client(use)


run(globals())
