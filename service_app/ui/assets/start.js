// The page's beginning: the moment from which it can be used. And the button, which waits while work is under way, with
// what the installed model cannot do under it.

import { element } from "./dom.js";
import { config, say } from "./page.js";
import { events } from "./work.js";

const PARTS = [".wt-bar", ".wt-source", ".wt-result"];

/**
 * Gradio has everything of its own; once our parts are there too, what stands before the page goes (opening.html). Gives
 * how Chinese is written unless somebody chooses: on a Chinese page as its readers write it.
 */
export async function begin() {
  const there = () => PARTS.every((part) => document.querySelector(part));
  await new Promise((done) => {
    const watch = new MutationObserver(() => there() && done(watch.disconnect()));
    watch.observe(document.body, { childList: true, subtree: true });
    if (there()) done(watch.disconnect());
  });
  dispatchEvent(new Event("wt-open"));
  return config.language === "zh-CN" ? ["hans", "full"] : ["", "keep"];
}

export function mount(root) {
  events.addEventListener("busy", ({ detail }) => (document.getElementById("wt-start").disabled = detail));
  const english = config.models.length > 0 && config.models.every((model) => !model.multilingual);
  const model = config.models.find((candidate) => candidate.default)?.name;
  root.replaceChildren(...(english ? [element("p", { class: "wt-hint" }, say("english_only", { model }))] : []));
}
