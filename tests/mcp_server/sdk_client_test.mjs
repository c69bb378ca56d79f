// The official TypeScript client of MCP against POST /mcp.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const url = new URL(process.env.BASE_URL + '/mcp');

async function connected(use) {
  const client = new Client({ name: 'strata-test', version: '1' });
  const transport = new StreamableHTTPClientTransport(url);
  await client.connect(transport);
  try {
    await use(client, transport);
  } finally {
    await transport.terminateSession();
    await client.close();
  }
}
const chat = (more) => ({ name: 'chat', arguments: { prompt: 'Name three animals.', temperature: 0, max_tokens: 24, ...more } });

const tests = {
  async 'initializes, pings and lists'() {
    await connected(async (client) => {
      assert.equal(client.getServerVersion().name, 'strata');
      await client.ping();
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name), ['chat']);
    });
  },
  async 'calls chat, whose structured content fits its schema'() {
    await connected(async (client) => {
      await client.listTools(); // the client validates structuredContent against what is listed
      const result = await client.callTool(chat());
      assert.ok(!result.isError && result.content[0].text.length > 0);
      assert.equal(result.structuredContent.text, result.content[0].text);
      assert.ok(result.structuredContent.usage.completion_tokens <= 24);
      const again = await client.callTool(chat({ prompt: undefined, messages: [{ role: 'user', content: 'Name three animals.' }] }));
      assert.equal(again.content[0].text, result.content[0].text);
    });
  },
  async 'answers have the schema that is asked for'() {
    await connected(async (client) => {
      const schema = { type: 'object', properties: { legs: { type: 'integer', minimum: 0, maximum: 8 } }, required: ['legs'], additionalProperties: false };
      const result = await client.callTool(chat({ json_schema: schema, max_tokens: 60 }));
      assert.ok(result.structuredContent.json.legs <= 8);
    });
  },
  async 'tells its progress'() {
    await connected(async (client) => {
      const heard = [];
      const result = await client.callTool(chat({ max_tokens: 200 }), undefined, { onprogress: (progress) => heard.push(progress) });
      assert.ok(!result.isError && heard.length > 0);
      for (let i = 1; i < heard.length; ++i) assert.ok(heard[i].progress > heard[i - 1].progress);
      assert.equal(heard[0].total, 200);
    });
  },
  async 'is cancelled'() {
    await connected(async (client) => {
      const stop = new AbortController();
      const schema = { type: 'string', minLength: 4000 };
      const call = client.callTool(chat({ json_schema: schema, max_tokens: undefined }), undefined, {
        signal: stop.signal,
        onprogress: () => stop.abort(),
      });
      await assert.rejects(call);
      await client.ping();
    });
  },
  async 'errors of a call are its result'() {
    await connected(async (client) => {
      const result = await client.callTool(chat({ temperature: 9 }));
      assert.ok(result.isError && result.content[0].text.includes('temperature'));
      await assert.rejects(client.callTool({ name: 'nothing', arguments: {} }), /-32602/);
    });
  },
};

let failures = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok - ${name}`);
  } catch (error) {
    failures += 1;
    console.error(error);
    console.log(`not ok - ${name}`);
  }
}
process.exit(failures ? 1 : 0);
