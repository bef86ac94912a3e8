// Keys for programs: made, shown once, revoked; and what to type, with this server's own address.

import { copyText } from "./jobview.js";
import { element, icon, notice } from "./dom.js";
import { config, say } from "./page.js";
import { request } from "./api.js";
import { attempt } from "./sheet.js";

const EXAMPLES = {
  curl: (address, key) => `curl ${address}/v1/audio/transcriptions \\
  -H "Authorization: Bearer ${key}" \\
  -F file=@recording.mp3 -F model=whisper-1`,
  python: (address, key) => `from openai import OpenAI

client = OpenAI(base_url="${address}/v1", api_key="${key}")
with open("recording.mp3", "rb") as file:
    print(client.audio.transcriptions.create(model="whisper-1", file=file).text)`,
  node: (address, key) => `import fs from "node:fs";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${address}/v1", apiKey: "${key}" });
const file = fs.createReadStream("recording.mp3");
console.log((await client.audio.transcriptions.create({ model: "whisper-1", file })).text);`,
};

export function keysPanel(place) {
  const message = element("div", { class: "wt-problem" });
  const shown = element("div", {});
  const list = element("ul", { class: "wt-keys", id: "wt-keys" });
  const name = element("input", { class: "wt-field", id: "wt-key-name", maxlength: 80, required: true, placeholder: say("key_name"), "aria-label": say("key_name") });
  const form = element("form", { class: "wt-row wt-key-form" }, name, element("button", { class: "wt-secondary wt-strong", id: "wt-key-make" }, say("key_make")));
  const examples = element("div", {});
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await attempt(message, async () => {
      const made = await request("/api/keys", { method: "POST", json: { name: name.value.trim() } });
      shown.replaceChildren(element("div", { class: "wt-fresh-key" }, element("p", {}, say("key_once")), code(made.key, "wt-key")));
      drawExamples(examples, made.key);
      form.reset();
      await load();
    });
  });
  const load = () => attempt(message, async () => {
    const { keys } = await request("/api/keys");
    list.replaceChildren(...keys.filter((key) => !key.revoked).map((key) => keyRow(key, message, load)));
    if (!list.firstChild) list.append(element("li", { class: "wt-hint" }, say("key_none")));
  });
  drawExamples(examples, "YOUR_KEY");
  place.replaceChildren(element("p", { class: "wt-hint" }, say("keys_hint")), form, message, shown, list, element("h3", {}, say("examples")), examples);
  load();
}

function keyRow(key, message, load) {
  const day = (time) => new Date(time * 1000).toLocaleDateString(config.language);
  const used = key.last_used ? say("key_used", { day: day(key.last_used) }) : say("key_unused");
  const item = element("li", {}, element("div", {}, element("strong", {}, key.name), element("small", {}, `${say("key_since", { day: day(key.created) })} · ${used}`)));
  const revoke = element("button", { class: "wt-quiet", type: "button", "aria-label": `${say("key_revoke")}: ${key.name}` }, say("key_revoke"));
  revoke.addEventListener("click", () => {
    if (revoke.dataset.sure) return attempt(message, async () => {
      await request(`/api/keys/${encodeURIComponent(key.id)}`, { method: "DELETE" });
      await load();
    });
    revoke.dataset.sure = "yes";
    revoke.textContent = say("key_sure");
    revoke.classList.add("wt-danger");
    return undefined;
  });
  item.append(revoke);
  return item;
}

function drawExamples(place, key) {
  const box = element("div", {});
  const pick = (name) => {
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.name === name);
    box.replaceChildren(code(EXAMPLES[name](location.origin, key), "wt-example"));
  };
  const buttons = Object.keys(EXAMPLES).map((name) => element("button", { type: "button", "data-name": name, onclick: () => pick(name) }, { curl: "curl", python: "Python", node: "Node.js" }[name]));
  place.replaceChildren(element("div", { class: "wt-switch", role: "group", "aria-label": say("examples") }, ...buttons), box);
  pick("curl");
}

function code(text, id) {
  const copy = element("button", { class: "wt-quiet wt-square wt-small", type: "button", title: say("copy"), "aria-label": say("copy") }, icon("copy", 16));
  copy.addEventListener("click", () => copyText(text).then(() => copy.replaceChildren(icon("check", 16)), () => copy.after(notice("note", say("copy_failed")))));
  return element("div", { class: "wt-code" }, element("pre", { id, tabindex: 0 }, text), copy);
}
