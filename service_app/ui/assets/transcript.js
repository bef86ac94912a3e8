// The text with its times and the player that goes with it: a click on a line plays from there, and the line that is
// being heard is lit.

import { element } from "./dom.js";
import { clock, say } from "./page.js";

const VIEW = "wt-view"; // remembered in this browser: "segments" or "text"

export class Transcript {
  constructor() {
    this.lines = [];
    this.segments = [];
    this.lit = null;
    this.audio = element("audio", { controls: true, preload: "metadata", "aria-label": say("player") });
    this.audio.addEventListener("timeupdate", () => this.light());
    this.audio.addEventListener("error", () => (this.audio.hidden = true)); // not every format plays in a browser
    this.list = element("ol", { class: "wt-lines", id: "wt-segments" });
    this.plain = element("div", { class: "wt-plain", id: "wt-text" });
    this.root = element("div", { class: "wt-transcript" }, this.audio, this.list, this.plain);
    this.switch = element("div", { class: "wt-switch", role: "group", "aria-label": say("view") });
    for (const view of ["segments", "text"]) {
      this.switch.append(element("button", { type: "button", id: `wt-view-${view}`, onclick: () => this.look(view) }, say(`view_${view}`)));
    }
    this.look(localStorage.getItem(VIEW) === "text" ? "text" : "segments");
  }

  player(address) {
    this.audio.src = address;
  }

  text() {
    return this.segments.map((segment) => segment.text.trim()).filter(Boolean).join("\n");
  }

  look(view) {
    localStorage.setItem(VIEW, view);
    this.list.hidden = view !== "segments";
    this.plain.hidden = view !== "text";
    for (const button of this.switch.children) button.setAttribute("aria-pressed", button.id === `wt-view-${view}`);
  }

  /** Lines that are there stay as they are, so that nothing jumps while the text grows. */
  update(segments) {
    const same = this.segments.findIndex((old, index) => {
      const now = segments[index];
      return !now || now.start !== old.start || now.text !== old.text;
    });
    const keep = same < 0 ? this.segments.length : same;
    for (const line of this.lines.splice(keep)) line.remove();
    for (const segment of segments.slice(keep)) {
      const line = this.line(segment);
      this.lines.push(line);
      this.list.append(line);
    }
    this.segments = segments;
    this.plain.textContent = this.text();
  }

  line(segment) {
    const play = {
      class: "wt-time",
      type: "button",
      "aria-label": say("play_from", { time: clock(segment.start) }),
      onclick: () => this.seek(segment.start),
    };
    return element("li", {}, element("button", play, clock(segment.start)), element("p", { dir: "auto" }, segment.text.trim()));
  }

  seek(seconds) {
    this.audio.currentTime = seconds;
    this.audio.play().catch(() => {}); // the player itself shows what it cannot play
  }

  light() {
    const now = this.audio.currentTime;
    const index = this.segments.findLastIndex((segment) => segment.start <= now + 0.05);
    if (this.lit === this.lines[index]) return;
    this.lit?.removeAttribute("aria-current");
    this.lit = this.lines[index] ?? null;
    this.lit?.setAttribute("aria-current", "true");
    if (!this.audio.paused) this.lit?.scrollIntoView({ block: "nearest" });
  }
}
