// The button, which waits while work is under way, and under it what the installed model cannot do.

import { element } from "./dom.js";
import { config, say } from "./page.js";
import { events } from "./work.js";

/** How Chinese is written unless somebody chooses: on a Chinese page as its readers write it. */
export const writing = () => (config.language === "zh-CN" ? ["hans", "full"] : ["", "keep"]);

export function mount(root) {
  events.addEventListener("busy", ({ detail }) => (document.getElementById("wt-start").disabled = detail));
  const english = config.models.length > 0 && config.models.every((model) => !model.multilingual);
  const model = config.models.find((candidate) => candidate.default)?.name;
  root.replaceChildren(...(english ? [element("p", { class: "wt-hint" }, say("english_only", { model }))] : []));
}
