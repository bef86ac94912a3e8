// The text with its times. A line is one text node, so an hour of speech is a light page: words are found by their
// place in it, and lit, marked and clicked through ranges (CSS highlights) instead of an element each.

import { places, timeAt, unsure } from "./cues.js";
import { element } from "./dom.js";
import { clock, say } from "./page.js";

const VIEW = "wt-view"; // remembered in this browser: "segments" or "text"
const REST = 4000; // ms: whoever scrolls is left alone that long
// Browsers that leave out what is not in sight say so. Then only lines in sight are marked: a change of the text costs the
// browser a look at every mark, and an hour of speech may have thousands.
const TOLD = "oncontentvisibilityautostatechange" in HTMLElement.prototype;
const highlight = (name) => {
  if (!globalThis.Highlight) return new Set(); // an older browser shows the text without marks
  const made = new Highlight();
  CSS.highlights.set(name, made);
  return made;
};

export class Transcript {
  /** `seek(seconds)` is called when a time or a word is clicked. */
  constructor(seek) {
    this.lines = []; // {item, text: <p>, segment, places, marks, seen}
    this.byItem = new WeakMap();
    this.segments = [];
    this.lit = null;
    this.scrolled = -REST;
    this.now = highlight("wt-now");
    this.doubt = highlight("wt-doubt");
    this.list = element("ol", { class: "wt-lines", id: "wt-segments" });
    this.plain = element("div", { class: "wt-plain", id: "wt-text" });
    this.root = element("div", { class: "wt-transcript" }, this.list, this.plain);
    this.switch = element("div", { class: "wt-switch", role: "group", "aria-label": say("view") });
    this.looked = () => {}; // told which view is shown
    this.english = null; // segments of the translation
    for (const view of ["segments", "text", "both"]) {
      this.switch.append(element("button", { type: "button", id: `wt-view-${view}`, onclick: () => this.look(view) }, say(`view_${view}`)));
    }
    this.list.addEventListener("click", (event) => this.click(event, seek));
    this.list.addEventListener("contentvisibilityautostatechange", (event) => this.sighted(event), { capture: true });
    for (const name of ["wheel", "touchmove"]) addEventListener(name, () => (this.scrolled = performance.now()), { passive: true });
    this.look(localStorage.getItem(VIEW) === "text" ? "text" : "segments");
  }

  text() {
    return this.segments.map((segment) => segment.text.trim()).filter(Boolean).join("\n");
  }

  look(view) {
    if (view !== "both") localStorage.setItem(VIEW, view);
    this.list.hidden = view === "text";
    this.plain.hidden = view !== "text";
    if (!this.plain.hidden) this.plain.textContent = this.text();
    for (const button of this.switch.children) button.setAttribute("aria-pressed", button.id === `wt-view-${view}`);
    this.looked(view);
  }

  /** The translation: each of its segments beside the line with which it shares the most time. */
  beside(segments) {
    this.english = segments;
    const said = this.lines.map(() => []);
    let near = 0;
    for (const segment of segments) {
      while (near < said.length - 1 && this.segments[near].end <= segment.start) near += 1;
      let best = near;
      for (let at = near; at < said.length && this.segments[at].start < segment.end; at += 1) {
        if (shared(this.segments[at], segment) > shared(this.segments[best], segment)) best = at;
      }
      said[best]?.push(segment.text.trim());
    }
    this.lines.forEach((line, at) => {
      const text = said[at].join(" ");
      line.other ??= line.item.appendChild(element("div", { class: "wt-beside", lang: "en" }));
      if (line.other.textContent !== text) line.other.textContent = text;
    });
  }

  /** Lines that are there stay as they are, so that nothing jumps while the text grows or one line is edited. */
  update(segments) {
    const same = (a, b) => a && b && a.start === b.start && a.text === b.text;
    const shorter = Math.min(segments.length, this.segments.length);
    let head = 0;
    while (head < shorter && same(this.segments[head], segments[head])) head += 1;
    let tail = 0;
    while (tail < shorter - head && same(this.segments.at(-1 - tail), segments.at(-1 - tail))) tail += 1;
    const fresh = segments.slice(head, segments.length - tail).map((segment) => this.line(segment));
    const after = this.lines[this.lines.length - tail]?.item ?? null;
    for (const line of this.lines.splice(head, this.lines.length - head - tail, ...fresh)) this.drop(line);
    for (const line of fresh) this.list.insertBefore(line.item, after);
    this.lines.forEach((line, index) => (line.segment = segments[index]));
    this.segments = segments;
    if (this.english) this.beside(this.english);
    if (!this.plain.hidden) this.plain.textContent = this.text();
  }

  line(segment) {
    const play = { class: "wt-time", type: "button", "aria-label": say("play_from", { time: clock(segment.start) }) };
    const text = element("p", { dir: "auto" }, segment.text.trim());
    const speaker = segment.speaker ? element("span", { class: "wt-speaker" }, segment.speaker) : null;
    const line = { item: element("li", {}, element("button", play, clock(segment.start)), element("div", {}, speaker, text)), text, segment, marks: [], seen: !TOLD };
    this.byItem.set(line.item, line);
    this.mark(line);
    return line;
  }

  sighted({ target, skipped }) {
    const line = this.byItem.get(target);
    if (!line || line.seen !== skipped) return;
    line.seen = !skipped;
    this.mark(line);
  }

  /** Where the words of a line are; those that the model was not sure of are marked, where they are in sight. */
  mark(line) {
    for (const mark of line.marks) this.doubt.delete(mark);
    line.places = places(line.segment);
    const shown = line.seen ? line.places : [];
    line.marks = shown.filter(({ word }) => unsure(word)).map((place) => range(line, place)).filter(Boolean);
    for (const mark of line.marks) this.doubt.add(mark);
  }

  /** A line that is being typed in: its element is right already. */
  typed(line, segment) {
    const index = this.lines.indexOf(line);
    this.segments = this.segments.with(index, segment);
    line.segment = segment;
    line.places = [];
    clearTimeout(line.marking);
    line.marking = setTimeout(() => this.mark(line), 400); // a change of the marks costs more than a key may
  }

  drop(line) {
    line.item.remove();
    for (const mark of line.marks) this.doubt.delete(mark);
    if (this.lit === line) this.lit = null;
  }

  lineOf(node) {
    const item = node instanceof Node && (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest("li");
    return item ? this.byItem.get(item) : undefined;
  }

  click(event, seek) {
    const line = this.lineOf(event.target);
    if (!line) return;
    if (event.target.closest(".wt-time, .wt-beside")) return seek(line.segment.start);
    if (!event.target.closest("p") || line.text.isContentEditable || !getSelection().isCollapsed) return;
    const at = document.caretPositionFromPoint?.(event.clientX, event.clientY);
    const place = at ?? document.caretRangeFromPoint?.(event.clientX, event.clientY);
    const offset = place?.offset ?? place?.startOffset;
    if (offset != null) seek(timeAt(line.segment, offset));
  }

  /** What is heard now is lit: the line, and in it the word. */
  light(seconds, playing) {
    const begun = playing || seconds > 0;
    const index = begun ? this.segments.findLastIndex((segment) => segment.start <= seconds + 0.05) : -1;
    const line = this.lines[index] ?? null;
    this.now.clear();
    const place = line?.places.findLast(({ word }) => word.start <= seconds + 0.03);
    const mark = place && seconds < place.word.end + 0.3 && range(line, place);
    if (mark) this.now.add(mark);
    if (this.lit === line) return;
    this.lit?.item.removeAttribute("aria-current");
    this.lit = line;
    line?.item.setAttribute("aria-current", "true");
    if (playing && performance.now() - this.scrolled > REST) line?.item.scrollIntoView({ block: "nearest" });
  }
}

/** Seconds that two segments have in common; below 0, how far they are apart. */
const shared = (one, other) => Math.min(one.end, other.end) - Math.max(one.start, other.start);

function range(line, { from, to }) {
  const node = line.text.firstChild;
  if (!node || to > node.length) return null;
  const made = document.createRange();
  made.setStart(node, from);
  made.setEnd(node, to);
  return made;
}
