// The API through the openai Node client: the same main lines as openai_sdk_test.py.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ANSWER, ask as askFor, BASE_URL, CLOSED_URL, EARLIER, MODEL, run, SUNNY, WEATHER } from "./harness.mjs";

const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: "any", maxRetries: 0, timeout: 120_000 });
const ask = [{ role: "user", content: "Name three animals of the forest." }];
const chat = (more = {}) =>
  client.chat.completions.create({ model: MODEL, messages: ask, max_tokens: 24, temperature: 0, ...more });

const conversation = [
  ...EARLIER.flatMap(({ city, id }) => [
    { role: "user", content: askFor(city) },
    {
      role: "assistant",
      tool_calls: [{ id, type: "function", function: { name: WEATHER.name, arguments: JSON.stringify({ city }) } }],
    },
    { role: "tool", tool_call_id: id, content: SUNNY },
    { role: "assistant", content: ANSWER },
  ]),
  { role: "user", content: askFor("Paris") },
];
const Animal = z.object({ name: z.enum(["dog", "cat", "cow"]), legs: z.int().min(0).max(8) });

/** What client.chat.completions.runTools asks of the tool, which it runs itself. */
const runTools = (calls, more = {}) =>
  client.chat.completions.runTools({
    model: MODEL, messages: conversation, max_tokens: 60, temperature: 0,
    tools: [{
      type: "function",
      function: { ...WEATHER, parse: JSON.parse, function: ({ city }) => { calls.push(city); return SUNNY; } },
    }],
    ...more,
  });

const tests = {
  async "a stream equals the whole"() {
    const whole = await chat();
    assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
    let text = "", usage = null, finish = null;
    for await (const chunk of await chat({ stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta?.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(finish, whole.choices[0].finish_reason);
    assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  },
  async "log-probabilities have their bytes"() {
    const choice = (await chat({ logprobs: true, top_logprobs: 3 })).choices[0];
    const bytes = choice.logprobs.content.flatMap((token) => token.bytes);
    assert.equal(Buffer.from(bytes).toString(), choice.message.content);
    for (const token of choice.logprobs.content) assert.equal(token.top_logprobs.length, 3);
  },
  async "n, seed and stop"() {
    const texts = async (seed) => (await chat({ n: 3, temperature: 1, seed })).choices.map((c) => c.message.content);
    assert.deepEqual(await texts(1), await texts(1));
    assert.notDeepEqual(await texts(1), await texts(2));
    const whole = (await chat()).choices[0].message.content;
    const stop = whole.slice(5, 9);
    assert.equal((await chat({ stop })).choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
  },
  async "errors are the client's classes"() {
    await assert.rejects(chat({ temperature: 9 }), (e) => e instanceof OpenAI.BadRequestError && e.param === "temperature");
    await assert.rejects(chat({ model: "nope" }), OpenAI.NotFoundError);
    const closed = new OpenAI({ baseURL: `${CLOSED_URL}/v1`, apiKey: "wrong", maxRetries: 0 });
    await assert.rejects(closed.models.list(), OpenAI.AuthenticationError);
  },
  async "models, and a stream that is aborted"() {
    assert.equal((await client.models.list()).data[0].id, MODEL);
    const stream = await chat({ stream: true, max_tokens: 500 });
    for await (const chunk of stream) if (chunk.choices[0].delta.content) stream.controller.abort();
  },
  async "32 streams at once equal each alone"() {
    const one = async (i) => {
      let text = "";
      const messages = [{ role: "user", content: `Count from ${i} on.` }];
      for await (const chunk of await chat({ messages, max_tokens: 8 + i, stream: true })) {
        text += chunk.choices[0]?.delta?.content ?? "";
      }
      return text;
    };
    const together = await Promise.all([...Array(32).keys()].map(one));
    for (let i = 0; i < 32; ++i) assert.equal(await one(i), together[i]);
  },
  async "runTools calls the function and ends with the answer"() {
    for (const stream of [false, true]) {
      const calls = [];
      const runner = runTools(calls, { stream });
      const answer = await runner.finalContent();
      assert.deepEqual(calls, ["Paris"]);
      assert.ok(answer.length > 0);
      const said = runner.messages.slice(conversation.length);
      assert.deepEqual(said.map((message) => message.role), ["assistant", "tool", "assistant"]);
      assert.equal(said[0].tool_calls[0].id, said[1].tool_call_id);
      assert.equal((await runner.finalChatCompletion()).choices[0].finish_reason, "stop");
    }
  },
  async "runTools ends with a function that must be called"() {
    const calls = [];
    const runner = runTools(calls, { tool_choice: { type: "function", function: { name: WEATHER.name } } });
    await runner.done();
    assert.equal(calls.length, 1);
  },
  async "parse gives what zod describes"() {
    const parsed = await client.chat.completions.parse({
      model: MODEL, messages: ask, max_tokens: 60, temperature: 0, response_format: zodResponseFormat(Animal, "animal"),
    });
    Animal.parse(parsed.choices[0].message.parsed);
    const called = await client.chat.completions.parse({
      model: MODEL, messages: ask, max_tokens: 80, temperature: 0, tool_choice: "required", parallel_tool_calls: false,
      tools: [zodFunction({ name: "note_animal", parameters: Animal })],
    });
    Animal.parse(called.choices[0].message.tool_calls[0].function.parsed_arguments);
    const response = await client.responses.parse({
      model: MODEL, input: "A dog.", max_output_tokens: 60, temperature: 0, text: { format: zodTextFormat(Animal, "animal") },
    });
    Animal.parse(response.output_parsed);
    const responded = await client.responses.parse({
      model: MODEL, input: "A dog.", max_output_tokens: 80, temperature: 0, tool_choice: "required", parallel_tool_calls: false,
      tools: [zodResponsesFunction({ name: "note_animal", parameters: Animal })],
    });
    Animal.parse(responded.output.at(-1).parsed_arguments);
  },
  async "a stream's snapshots grow into the parsed answer"() {
    const stream = client.chat.completions.stream({
      model: MODEL, messages: ask, max_tokens: 60, temperature: 0, response_format: zodResponseFormat(Animal, "animal"),
    });
    let snapshots = 0;
    stream.on("content.delta", ({ parsed }) => { snapshots += parsed ? 1 : 0; });
    const final = await stream.finalChatCompletion();
    assert.ok(snapshots > 1);
    Animal.parse(final.choices[0].message.parsed);
  },
};

await run(tests);
