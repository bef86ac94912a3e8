// Under the button: what the installed model cannot do, said before anyone waits for it.

import { element } from "./dom.js";
import { config, say } from "./page.js";

export function mount(root) {
  const english = config.models.length > 0 && config.models.every((model) => !model.multilingual);
  const model = config.models.find((candidate) => candidate.default)?.name;
  root.replaceChildren(...(english ? [element("p", { class: "wt-hint" }, say("english_only", { model }))] : []));
}
