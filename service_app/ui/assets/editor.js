// Correcting the text in place: type in a line, Enter parts it, Backspace at its beginning joins it with the line
// before; every step can be undone, and everything is saved by itself.

import { dropEdits, getText, pause, Problem, putText } from "./api.js";
import { merged, rewritten, split } from "./cues.js";
import { element, icon, notice } from "./dom.js";
import { clock, say } from "./page.js";

const QUIET = 700; // ms without a key, then it is saved
const STEPS = 200; // that can be undone

export class Editor {
  /** `changed()` is called after every change of the text. */
  constructor(transcript, changed) {
    Object.assign(this, { transcript, changed, jobId: null, version: 0, past: [], future: [], typing: null, saved: transcript.segments, saving: null });
    const tool = (name, action) =>
      element("button", { class: "wt-quiet wt-square", type: "button", id: `wt-${name}`, title: say(name), "aria-label": say(name), onmousedown: (event) => event.preventDefault(), onclick: action }, icon(name, 18));
    this.undoButton = tool("undo", () => this.step(this.past, this.future));
    this.redoButton = tool("redo", () => this.step(this.future, this.past));
    this.state = element("span", { class: "wt-saved", role: "status", id: "wt-saved" });
    this.revert = element("button", { class: "wt-quiet", type: "button", id: "wt-revert", onclick: () => this.original() }, say("revert"));
    this.tools = element("div", { class: "wt-edit-tools", role: "toolbar", "aria-label": say("edit") }, this.undoButton, this.redoButton, tool("split", () => this.part()), tool("merge", () => this.join(1)), this.state, element("span", { class: "wt-gap" }), this.revert);
    this.message = element("div", { class: "wt-problem" });
    this.button = element("button", { class: "wt-secondary", type: "button", id: "wt-edit", "aria-pressed": "false", onclick: () => this.toggle() }, icon("pencil", 17), say("edit"));
    this.on = false;
    this.tools.hidden = true;
    const { list } = transcript;
    list.addEventListener("focusin", ({ target }) => this.on && target.matches("p") && this.enter(target));
    list.addEventListener("input", () => this.typed());
    list.addEventListener("keydown", (event) => this.on && this.key(event));
    addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
  }

  get dirty() {
    return this.saved !== this.transcript.segments;
  }

  load(jobId, { version = 0, edited = false, segments }) {
    Object.assign(this, { jobId, version, past: [], future: [], saved: segments });
    this.revert.hidden = !edited;
    this.say(edited ? "edited" : null);
  }

  toggle(on = !this.on) {
    this.on = on;
    this.button.setAttribute("aria-pressed", on);
    this.tools.hidden = !on;
    this.transcript.root.classList.toggle("wt-editing", on);
    if (on) this.transcript.look("segments");
    this.open();
    if (on) this.transcript.lines[0]?.text.focus({ preventScroll: true });
  }

  /** Makes the lines as they are now editable, or no longer. */
  open() {
    for (const { text, segment } of this.transcript.lines) {
      if ((text.contentEditable === "plaintext-only") === this.on) continue;
      text.contentEditable = this.on ? "plaintext-only" : "inherit";
      for (const [name, value] of [["role", "textbox"], ["aria-label", say("line_at", { time: clock(segment.start) })]]) {
        if (this.on) text.setAttribute(name, value);
        else text.removeAttribute(name);
      }
    }
    this.refresh();
  }

  enter(text) {
    this.line = this.transcript.lineOf(text);
  }

  typed() {
    const line = this.transcript.lineOf(document.activeElement);
    if (!line) return;
    // Keys of one line within a moment are one step.
    if (this.typing !== line || performance.now() - this.typedAt > 1500) this.remember();
    this.typing = line;
    this.typedAt = performance.now();
    this.transcript.typed(line, rewritten(line.segment, line.text.textContent));
    this.after();
  }

  key(event) {
    const control = event.ctrlKey || event.metaKey;
    const line = this.transcript.lineOf(event.target);
    const selection = getSelection();
    const offset = line && selection.isCollapsed ? selection.focusOffset : -1;
    if (control && event.key.toLowerCase() === "z") this.step(...(event.shiftKey ? [this.future, this.past] : [this.past, this.future]));
    else if (control && event.key.toLowerCase() === "y") this.step(this.future, this.past);
    else if (event.key === "Enter" && !event.isComposing) this.part();
    else if (event.key === "Backspace" && offset === 0) this.join(-1);
    else if (event.key === "Delete" && offset === line?.text.textContent.length) this.join(1);
    else if (event.key === "Escape") this.toggle(false);
    else return;
    event.preventDefault();
  }

  part() {
    const index = this.transcript.lines.indexOf(this.line);
    const selection = getSelection();
    if (index < 0 || !this.line.text.contains(selection.focusNode)) return;
    const parts = split(this.line.segment, selection.focusOffset);
    if (parts) this.replace(index, 1, parts, index + 1, 0);
  }

  /** With the line before (-1) or after (1). */
  join(direction) {
    const index = this.transcript.lines.indexOf(this.line) + Math.min(0, direction);
    const { segments } = this.transcript;
    if (index < 0 || index + 1 >= segments.length || !this.line) return;
    const caret = segments[index].text.trim().length;
    this.replace(index, 2, [merged(segments[index], segments[index + 1])], index, caret);
  }

  replace(index, count, fresh, focus, caret) {
    this.remember();
    this.transcript.update(this.transcript.segments.toSpliced(index, count, ...fresh));
    this.open();
    this.focus(focus, caret);
    this.after();
  }

  focus(index, caret) {
    const line = this.transcript.lines[index];
    if (!line) return;
    line.text.focus();
    const node = line.text.firstChild;
    if (node) getSelection().collapse(node, Math.min(caret, node.length));
  }

  remember() {
    this.past.push(this.transcript.segments);
    if (this.past.length > STEPS) this.past.shift();
    this.future = [];
    this.typing = null;
  }

  step(from, to) {
    const segments = from.pop();
    if (!segments) return;
    to.push(this.transcript.segments);
    this.typing = null;
    const index = segments.findIndex((segment, at) => segment !== this.transcript.segments[at]);
    this.transcript.update(segments);
    this.open();
    this.focus(Math.max(0, Math.min(index, segments.length - 1)), Infinity);
    this.after();
  }

  after() {
    this.refresh();
    this.changed();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), QUIET);
    this.say("unsaved");
  }

  refresh() {
    this.undoButton.disabled = !this.past.length;
    this.redoButton.disabled = !this.future.length;
  }

  say(key) {
    const text = key ? say(key) : "";
    if (this.state.textContent !== text) this.state.textContent = text; // the same again would cost each key a layout
  }

  /** One request at a time; while the server is out of reach it is tried again. */
  async save() {
    if (this.saving || !this.dirty) return;
    const { jobId } = this;
    const segments = this.transcript.segments;
    this.say("saving");
    this.saving = putText(jobId, this.version, segments.map(({ start, end, text, speaker, words }) => ({ start, end, text, ...(speaker && { speaker }), ...(words?.length && { words }) })));
    try {
      const { version } = await this.saving;
      if (this.jobId !== jobId) return;
      Object.assign(this, { version, saved: segments });
      this.revert.hidden = false;
      this.message.replaceChildren();
      this.say("saved");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.say("unsaved");
      await this.refused(error);
    } finally {
      this.saving = null;
    }
    if (this.dirty && this.jobId === jobId) this.save();
  }

  async refused(error) {
    if (error.kind !== "refused") {
      const login = element("a", { href: "/login", target: "_blank", rel: "noopener" }, say("error_login"));
      this.message.replaceChildren(notice("note", error.kind === "session" ? say("edit_session") : say("edit_network"), ...(error.kind === "session" ? [" ", login] : [])));
      return pause(2500);
    }
    this.saved = this.transcript.segments; // no further try by itself
    const choice = (key, action) => element("button", { class: "wt-secondary", type: "button", onclick: action }, say(key));
    const buttons = error.status === 409 ? element("div", { class: "wt-row" }, choice("edit_theirs", () => this.theirs()), choice("edit_mine", () => this.mine())) : null;
    this.message.replaceChildren(notice("error", error.message, ...(buttons ? [buttons] : [])));
    return undefined;
  }

  async theirs() {
    await this.reload(() => getText(this.jobId));
  }

  async mine() {
    const { version } = await getText(this.jobId);
    this.version = version;
    this.saved = null;
    await this.save();
  }

  async original() {
    await this.reload(async () => {
      clearTimeout(this.timer);
      await dropEdits(this.jobId);
      return getText(this.jobId);
    });
  }

  async reload(fetchText) {
    try {
      const text = await fetchText();
      this.message.replaceChildren();
      this.transcript.update(text.segments);
      this.load(this.jobId, text);
      this.open();
      this.changed();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.message.replaceChildren(notice("error", error.message));
    }
  }
}
