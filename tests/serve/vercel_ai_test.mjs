// The API through Vercel's AI SDK: as any compatible server, and as OpenAI's chat completions and responses.
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, isStepCount, jsonSchema, streamObject, streamText, tool } from "ai";
import { z } from "zod";
import { ANSWER, ask, BASE_URL, EARLIER, MODEL, run, SUNNY, WEATHER } from "./harness.mjs";

const baseURL = `${BASE_URL}/v1`;
const strata = { name: "strata", baseURL, includeUsage: true, supportsStructuredOutputs: true };
const openai = createOpenAI({ baseURL, apiKey: "any" });
const models = {
  compatible: createOpenAICompatible(strata)(MODEL),
  chat: openai.chat(MODEL),
  responses: openai.responses(MODEL),
};

const Animal = z.object({ name: z.enum(["dog", "cat", "cow"]), legs: z.int().min(0).max(8) });
const prompt = "Describe a dog as JSON.";
const settings = { maxOutputTokens: 60, temperature: 0, maxRetries: 0 };

const messages = [
  ...EARLIER.flatMap(({ city, id }) => [
    { role: "user", content: ask(city) },
    { role: "assistant", content: [{ type: "tool-call", toolCallId: id, toolName: WEATHER.name, input: { city } }] },
    {
      role: "tool",
      content: [
        { type: "tool-result", toolCallId: id, toolName: WEATHER.name, output: { type: "text", value: SUNNY } },
      ],
    },
    { role: "assistant", content: ANSWER },
  ]),
  { role: "user", content: ask("Paris") },
];
/** get_weather, whose runs are put into `calls`. */
const weather = (calls) => ({
  [WEATHER.name]: tool({
    description: WEATHER.description,
    inputSchema: jsonSchema(WEATHER.parameters),
    execute: ({ city }) => {
      calls.push(city);
      return SUNNY;
    },
  }),
});

function checkLoop(steps, calls) {
  assert.deepEqual(calls, ["Paris"]);
  assert.deepEqual(steps.map((step) => step.finishReason), ["tool-calls", "stop"]);
  assert.equal(steps[0].toolCalls[0].toolCallId, steps[0].toolResults[0].toolCallId);
  assert.ok(steps[1].text.length > 0);
  for (const step of steps) assert.ok(step.usage.inputTokens > 0 && step.usage.outputTokens > 0);
}

const tests = {};
for (const [name, model] of Object.entries(models)) {
  Object.assign(tests, {
    async [`${name}: generateObject`]() {
      const { object, finishReason } = await generateObject({ ...settings, model, prompt, schema: Animal });
      Animal.parse(object);
      assert.equal(finishReason, "stop");
    },
    async [`${name}: streamObject`]() {
      const stream = streamObject({ ...settings, model, prompt, schema: Animal });
      let partial = 0;
      for await (const _ of stream.partialObjectStream) ++partial;
      assert.ok(partial > 1);
      const whole = await generateObject({ ...settings, model, prompt, schema: Animal });
      assert.deepEqual(await stream.object, whole.object);
    },
    async [`${name}: generateText runs tools until the answer`]() {
      const calls = [];
      const run = { ...settings, model, messages, tools: weather(calls), stopWhen: isStepCount(4) };
      const { steps } = await generateText(run);
      checkLoop(steps, calls);
    },
    async [`${name}: streamText runs tools until the answer`]() {
      const calls = [];
      const stream = streamText({ ...settings, model, messages, tools: weather(calls), stopWhen: isStepCount(4) });
      let input = "", text = "";
      for await (const part of stream.fullStream) {
        assert.notEqual(part.type, "error", part.error);
        if (part.type === "tool-input-delta") input += part.delta;
        if (part.type === "text-delta") text += part.text;
      }
      const steps = await stream.steps;
      checkLoop(steps, calls);
      assert.deepEqual(JSON.parse(input), { city: "Paris" });
      assert.equal(text, steps[1].text);
    },
    async [`${name}: a tool that must be called`]() {
      const { toolCalls, finishReason } = await generateText({
        ...settings, model, prompt, toolChoice: { type: "tool", toolName: "note_animal" },
        tools: { note_animal: tool({ inputSchema: Animal, strict: true }) },
      });
      assert.equal(finishReason, "tool-calls");
      assert.ok(toolCalls.length > 0);
      for (const { input } of toolCalls) Animal.parse(input);
    },
  });
}

await run(tests);
