// The API through OpenAI's Agents SDK, over chat completions and over responses: runs end by themselves.
import assert from "node:assert/strict";
import { Agent, OpenAIProvider, Runner, assistant, setTracingDisabled, tool, user } from "@openai/agents";
import { z } from "zod";
import { ANSWER, ask, BASE_URL, EARLIER, MODEL, run, SUNNY, WEATHER } from "./harness.mjs";

setTracingDisabled(true);

const runnerOf = (useResponses) =>
  new Runner({ modelProvider: new OpenAIProvider({ baseURL: `${BASE_URL}/v1`, apiKey: "any", useResponses }) });
const Animal = z.object({ name: z.enum(["dog", "cat", "cow"]), legs: z.int().min(0).max(8) });
const modelSettings = { temperature: 0, maxTokens: 60 };

const input = [
  ...EARLIER.flatMap(({ city, id }) => [
    user(ask(city)),
    { type: "function_call", callId: id, name: WEATHER.name, arguments: JSON.stringify({ city }), status: "completed" },
    {
      type: "function_call_result", callId: id, name: WEATHER.name, status: "completed",
      output: { type: "text", text: SUNNY },
    },
    assistant(ANSWER),
  ]),
  user(ask("Paris")),
];
/** get_weather, whose runs are put into `calls`. */
const weather = (calls) =>
  tool({
    name: WEATHER.name,
    description: WEATHER.description,
    parameters: z.object({ city: z.string() }),
    execute: ({ city }) => {
      calls.push(city);
      return SUNNY;
    },
  });

function checkRun(result, calls) {
  assert.deepEqual(calls, ["Paris"]);
  assert.ok(result.finalOutput.length > 0);
  const types = result.newItems.map((item) => item.type);
  assert.deepEqual(types, ["tool_call_item", "tool_call_output_item", "message_output_item"]);
  assert.equal(result.newItems[0].rawItem.callId, result.newItems[1].rawItem.callId);
}

const tests = {};
for (const [name, useResponses] of [["chat", false], ["responses", true]]) {
  const runner = runnerOf(useResponses);
  Object.assign(tests, {
    async [`${name}: a run calls the tool and ends with the answer`]() {
      const calls = [];
      const agent = new Agent({ name: "Weather", model: MODEL, modelSettings, tools: [weather(calls)] });
      checkRun(await runner.run(agent, input), calls);
    },
    async [`${name}: a streamed run does the same`]() {
      const calls = [];
      const agent = new Agent({ name: "Weather", model: MODEL, modelSettings, tools: [weather(calls)] });
      const result = await runner.run(agent, input, { stream: true });
      let text = "";
      for await (const event of result) {
        const raw = event.type === "raw_model_stream_event" ? event.data : {};
        if (raw.type === "output_text_delta") text += raw.delta;
      }
      await result.completed;
      checkRun(result, calls);
      assert.equal(text, result.finalOutput);
    },
    async [`${name}: a tool that must be called is called once`]() {
      const calls = [];
      const agent = new Agent({
        name: "Weather", model: MODEL, tools: [weather(calls)],
        modelSettings: { ...modelSettings, toolChoice: WEATHER.name, parallelToolCalls: false },
      });
      const result = await runner.run(agent, ask("Paris"), { maxTurns: 4 });
      assert.ok(calls.length >= 1 && result.finalOutput.length > 0);
    },
    async [`${name}: a handoff goes to the other agent`]() {
      const other = new Agent({ name: "Zoologist", model: MODEL, modelSettings, outputType: Animal });
      const first = new Agent({
        name: "Triage", model: MODEL, handoffs: [other],
        modelSettings: { ...modelSettings, toolChoice: "transfer_to_Zoologist", parallelToolCalls: false },
      });
      const result = await runner.run(first, "Describe a dog.", { maxTurns: 4 });
      assert.equal(result.lastAgent.name, "Zoologist");
      Animal.parse(result.finalOutput);
    },
    async [`${name}: an answer has the type that the agent asks for`]() {
      const agent = new Agent({ name: "Zoologist", model: MODEL, modelSettings, outputType: Animal });
      Animal.parse((await runner.run(agent, "Describe a dog.")).finalOutput);
    },
  });
}

await run(tests);
