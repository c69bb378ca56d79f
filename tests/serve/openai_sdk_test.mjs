// The API through the openai Node client: the same main lines as openai_sdk_test.py.
import assert from "node:assert/strict";
import OpenAI from "openai";

const { BASE_URL, CLOSED_URL, MODEL } = process.env;
const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: "any", maxRetries: 0, timeout: 120_000 });
const ask = [{ role: "user", content: "Name three animals of the forest." }];
const chat = (more = {}) =>
  client.chat.completions.create({ model: MODEL, messages: ask, max_tokens: 24, temperature: 0, ...more });

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
};

let failures = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok - ${name}`);
  } catch (error) {
    ++failures;
    console.log(`not ok - ${name}\n${error.stack}`);
  }
}
process.exit(failures ? 1 : 0);
