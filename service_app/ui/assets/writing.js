// A word about the two choices above it. Gradio's own text component brings a Markdown parser and a highlighter for it.

import { element } from "./dom.js";
import { say } from "./page.js";

export const mount = (root) => root.replaceChildren(element("p", { class: "wt-hint" }, say("writing_info")));
