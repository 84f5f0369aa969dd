// OpenAI's own JavaScript client, unmodified, against the gateway: node check.cjs <modules> <url> <key>
const assert = require("node:assert/strict");
const { createRequire } = require("node:module");

const [modules, baseURL, apiKey] = process.argv.slice(2);
const { OpenAI, toFile, NotFoundError, BadRequestError } = createRequire(modules + "/")("openai");
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const user = (content) => [{ role: "user", content }];

const checks = {
  async chat() {
    const done = await client.chat.completions.create({
      model: "assistant",
      messages: user("What is 2 + 3?"),
    });
    assert.equal(done.choices[0].message.content, "2 + 3 = 5");
    assert.ok(done.usage.total_tokens > 0);
    assert.ok(done._request_id);
  },

  async streaming() {
    const stream = await client.chat.completions.create({
      model: "assistant",
      messages: user("What is 2 + 3?"),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, "2 + 3 = 5");
    assert.ok(usage.total_tokens > 0);
  },

  async "two parallel calls"() {
    const messages = user("How is it in Paris?");
    const runner = client.chat.completions.stream({ model: "calls_two", messages });
    const first = await runner.finalChatCompletion();
    const message = first.choices[0].message;
    assert.equal(first.choices[0].finish_reason, "tool_calls");
    assert.equal(message.tool_calls.length, 2);
    messages.push(message);
    for (const call of message.tool_calls) {
      messages.push({ role: "tool", tool_call_id: call.id, content: `done ${call.function.name}` });
    }
    const second = await client.chat.completions.create({ model: "calls_two", messages });
    assert.equal(
      second.choices[0].message.content,
      "So: get_weather=done get_weather, get_time=done get_time",
    );
  },

  async "running tools"() {
    const runner = client.chat.completions.runTools({
      model: "assistant",
      messages: user("What is the weather in Rome?"),
      tools: [
        {
          type: "function",
          function: {
            name: "get_weather",
            description: "Tell the weather.",
            parse: JSON.parse,
            function: ({ city }) => `sunny in ${city}`,
            parameters: { type: "object", properties: { city: { type: "string" } } },
          },
        },
      ],
    });
    assert.match(await runner.finalContent(), /sunny in Rome/);
  },

  async vision() {
    const done = await client.chat.completions.create({
      model: "assistant",
      messages: user([
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: "data:image/png;base64,aGVsbG8=" } },
      ]),
    });
    assert.equal(done.choices[0].message.content, "I was given: image.");
  },

  async "structured output"() {
    const schema = {
      type: "object",
      properties: { name: { type: "string" } },
      required: ["name"],
      additionalProperties: false,
    };
    const done = await client.chat.completions.parse({
      model: "city",
      messages: user("Paris?"),
      response_format: { type: "json_schema", json_schema: { name: "city", schema, strict: true } },
    });
    assert.deepEqual(done.choices[0].message.parsed, { name: "Paris" });
  },

  async errors() {
    await assert.rejects(
      client.chat.completions.create({ model: "none", messages: user("hi") }),
      (error) => error instanceof NotFoundError && error.code === "model_not_found",
    );
    await assert.rejects(
      client.chat.completions.create({ model: "assistant", messages: [] }),
      (error) => error instanceof BadRequestError && error.param === "messages",
    );
    const stream = await client.chat.completions.create({
      model: "breaks",
      messages: user("hi"),
      stream: true,
    });
    await assert.rejects(async () => {
      for await (const _ of stream);
    }, /event interval error/);
  },

  async responses() {
    const done = await client.responses.create({ model: "assistant", input: "My name is Ada." });
    assert.equal(done.output_text, "Nice to meet you, Ada!");
    const stream = client.responses.stream({
      model: "assistant",
      input: "What is my name?",
      previous_response_id: done.id,
    });
    const kinds = [];
    for await (const event of stream) kinds.push(event.type);
    const last = await stream.finalResponse();
    assert.equal(last.output_text, "Your name is Ada.");
    assert.equal(kinds[0], "response.created");
    assert.equal(kinds.at(-1), "response.completed");
  },

  async models() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes("assistant"));
    assert.equal((await client.models.retrieve("assistant")).id, "assistant");
  },

  async files() {
    const file = await client.files.create({
      file: await toFile(Buffer.from("hello"), "notes.txt"),
      purpose: "user_data",
    });
    assert.equal(file.bytes, 5);
  },

  async abort() {
    const stream = await client.chat.completions.create({
      model: "slow",
      messages: user("hi"),
      stream: true,
    });
    for await (const _ of stream) break; // closes the connection
  },
};

(async () => {
  for (const [name, check] of Object.entries(checks)) {
    await check();
    console.log(`ok ${name}`);
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
