// Looking for words in the text: hits are lit, Enter goes to the next, Shift+Enter to the one before.

import { element, icon } from "./dom.js";
import { say } from "./page.js";

export class Find {
  constructor(transcript) {
    this.transcript = transcript;
    this.hits = [];
    this.at = -1;
    this.field = element("input", { type: "search", id: "wt-find", placeholder: say("find"), "aria-label": say("find"), autocomplete: "off" });
    this.count = element("span", { class: "wt-count", role: "status" });
    this.root = element("div", { class: "wt-find" }, icon("search", 16), this.field, this.count);
    this.field.addEventListener("input", () => this.look());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.go(event.shiftKey ? -1 : 1);
    });
  }

  look() {
    if (this.field.value.trim() && this.transcript.list.hidden) this.transcript.look("segments");
    this.collect();
    this.at = -1;
    this.tell();
    if (this.hits.length) this.go(1);
  }

  collect() {
    const wanted = this.field.value.trim().toLowerCase();
    this.hits = [];
    for (const { text } of wanted ? this.transcript.lines : []) {
      const node = text.firstChild;
      const said = node?.data.toLowerCase() ?? "";
      for (let from = said.indexOf(wanted); from >= 0; from = said.indexOf(wanted, from + wanted.length)) {
        const range = document.createRange();
        range.setStart(node, from);
        range.setEnd(node, Math.min(node.length, from + wanted.length));
        this.hits.push(range);
      }
    }
    if (globalThis.Highlight) CSS.highlights.set("wt-found", new Highlight(...this.hits));
  }

  go(step) {
    if (!this.hits.length) return;
    this.at = (this.at + step + this.hits.length) % this.hits.length;
    this.hits[this.at].startContainer.parentElement.scrollIntoView({ block: "center" });
    if (globalThis.Highlight) CSS.highlights.set("wt-found-now", new Highlight(this.hits[this.at]));
    this.tell();
  }

  tell() {
    if (!this.hits.length && globalThis.Highlight) CSS.highlights.delete("wt-found-now");
    this.count.textContent = this.field.value.trim() ? `${this.at + 1}/${this.hits.length}` : "";
  }

  /** The text changed under the hits: they are found again, and nothing moves under the reader's eyes. */
  stale() {
    if (!this.field.value.trim()) return;
    this.collect();
    this.at = Math.min(this.at, this.hits.length - 1);
    if (globalThis.Highlight && this.at >= 0) CSS.highlights.set("wt-found-now", new Highlight(this.hits[this.at]));
    this.tell();
  }
}
