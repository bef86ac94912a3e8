// The official Node SDK against a running server: node contract.mjs <address> <key> ; run by test_node_sdk.py.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const [address, apiKey] = process.argv.slice(2);
const openai = new OpenAI({ apiKey, baseURL: `${address}/v1`, maxRetries: 0 });
const file = () => toFile(Buffer.from("SPEECH 2 0.01"), "two.wav");
const create = async (options) =>
  openai.audio.transcriptions.create({ file: await file(), model: "whisper-1", ...options });
const text = "window 0 <b>一</b> window 1 <b>一</b>";

assert.equal((await create({})).text, text);
assert.equal(await create({ response_format: "text" }), `${text}\n`);
assert.match(await create({ response_format: "srt" }), /^1\n00:00:00,000 --> 00:00:10,000\n/);
assert.match(await create({ response_format: "vtt" }), /^WEBVTT\n\n/);
const verbose = await create({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
assert.equal(verbose.duration, 20);
assert.equal(verbose.segments.length, 2);
assert.equal(verbose.words.length, 2);

let joined = "";
let final;
for await (const event of await create({ stream: true, chunking_strategy: "auto" })) {
  if (event.type === "transcript.text.delta") joined += event.delta;
  if (event.type === "transcript.text.done") final = event.text;
}
assert.equal(final, text);
assert.equal(joined, text);

assert.equal((await openai.audio.translations.create({ file: await file(), model: "whisper-1" })).text, text);
assert.deepEqual((await openai.models.list()).data.map((model) => model.id), ["timed"]);
await assert.rejects(create({ model: "nothing" }), (error) => error.status === 404 && error.code === "model_not_found");
await assert.rejects(create({ language: "klingon" }), (error) => error instanceof OpenAI.BadRequestError);
await assert.rejects(
  new OpenAI({ apiKey: "sk-wrong", baseURL: `${address}/v1`, maxRetries: 0 }).models.list(),
  OpenAI.AuthenticationError,
);
console.log("ok");
