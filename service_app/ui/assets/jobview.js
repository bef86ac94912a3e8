// One job from its upload to its end. The parts stay in place; only their content changes.

import { Problem, renameJob } from "./api.js";
import { element, icon, notice } from "./dom.js";
import { Beside } from "./beside.js";
import { downloadMenu, jobAddresses } from "./downloads.js";
import { Editor } from "./editor.js";
import { Find } from "./find.js";
import { FINAL } from "./follow.js";
import { announce, askButton } from "./notify.js";
import { clock, config, elapsed, languageName, length, say, span } from "./page.js";
import { Player } from "./player.js";
import { Transcript } from "./transcript.js";
import { cancel, clear, rerun, tell } from "./work.js";

export class JobView {
  constructor(name) {
    this.job = null;
    this.title = element("h2", { title: name }, name);
    this.rename = element("button", { class: "wt-quiet wt-square wt-small", type: "button", id: "wt-rename", "aria-label": say("rename"), title: say("rename"), onclick: () => this.newName() }, icon("pencil", 15));
    this.facts = element("p", { class: "wt-facts" });
    this.fresh = element("button", { class: "wt-quiet", type: "button", id: "wt-new", onclick: clear }, icon("plus", 17), say("new"));
    const titles = element("div", { class: "wt-titles" }, element("div", { class: "wt-title-row" }, this.title, this.rename), this.facts);
    const head = element("div", { class: "wt-result-head" }, titles, this.fresh);

    this.transcript = new Transcript((seconds) => this.player.seek(seconds, true));
    this.player = new Player((seconds, playing) => this.transcript.light(seconds, playing));
    this.editor = new Editor(this.transcript, () => this.edited());
    this.find = new Find(this.transcript);
    this.beside = new Beside(this.transcript, (id) => this.actions.replaceChildren(...this.exits(this.job, id)));
    this.message = element("div", { class: "wt-problem" });
    this.actions = element("div", { class: "wt-actions" });
    this.top = element("div", { class: "wt-top" }, this.actions, this.player.root, this.editor.tools);
    this.root = element("div", { class: "wt-job" }, head, this.progress(), this.message, this.editor.message, this.top, this.transcript.root);
    for (const part of [this.fresh, this.rename, this.top, this.transcript.root]) part.hidden = true;
  }

  progress() {
    this.state = element("span", { id: "wt-state", role: "status" });
    this.percent = element("span", { class: "wt-percent" });
    this.bar = element("div", { class: "wt-bar-fill" });
    this.track = element("div", { class: "wt-track", role: "progressbar", "aria-label": say("progress"), "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.stop = element("button", { class: "wt-quiet", type: "button", id: "wt-cancel", onclick: () => this.cancel() }, say("cancel"));
    this.hint = element("p", { class: "wt-hint", id: "wt-left" });
    this.ask = element("span", {}, askButton());
    const row = element("div", { class: "wt-row" }, element("span", { class: "wt-spinner" }), this.state, this.percent, this.stop);
    this.work = element("div", { class: "wt-work" }, row, this.track, element("div", { class: "wt-row wt-left" }, this.hint, this.ask));
    return this.work;
  }

  /** The server gets the recording by itself. */
  fetching() {
    this.report("fetching");
    this.hint.textContent = "";
  }

  uploading(fraction) {
    this.report("uploading", fraction);
    this.hint.textContent = "";
  }

  update(job, text) {
    const first = !this.job;
    this.job = job;
    if (first) this.player.load(job.id);
    if (job.duration != null) this.player.measured(job.duration);
    this.title.textContent = this.title.title = job.name;
    this.transcript.update(text.segments);
    this.facts.textContent = facts(job, text.segments);
    const final = FINAL.includes(job.state);
    this.work.hidden = final;
    this.fresh.hidden = this.rename.hidden = !final;
    const spoken = text.segments.some((segment) => segment.text.trim());
    this.top.hidden = this.transcript.root.hidden = !spoken;
    if (final) return this.finish(job, text, spoken);
    this.waiting(job);
    if (job.state === "queued") this.report("queued");
    else if (job.duration == null) this.report("preparing");
    else this.report(job.task === "translate" ? "translating" : "transcribing", job.progress);
  }

  /** Where in the queue, and how long it will take as far as the server knows. */
  waiting({ state, queue }) {
    const parts = [];
    if (state === "queued" && queue?.position > 1) parts.push(say("ahead", { count: queue.position - 1 }));
    if (queue?.seconds != null && queue.seconds >= 1) parts.push(say("left", { time: span(queue.seconds) }));
    this.hint.textContent = [...parts, say("leave")].join(" · ");
  }

  /** `fraction` undefined: it is not known how long this takes. */
  report(state, fraction) {
    const known = fraction !== undefined;
    const percent = Math.round((fraction ?? 0) * 100);
    this.root.dataset.state = state;
    if (this.state.textContent !== say(state)) this.state.textContent = say(state);
    this.percent.textContent = known ? `${percent}%` : "";
    this.track.classList.toggle("wt-unknown", !known);
    if (known) this.track.setAttribute("aria-valuenow", percent);
    else this.track.removeAttribute("aria-valuenow");
    this.bar.style.inlineSize = `${percent}%`;
  }

  finish(job, text, spoken) {
    if (["fetching", "uploading", "queued", "preparing", "transcribing", "translating"].includes(this.root.dataset.state)) announce(job);
    this.root.dataset.state = job.state;
    this.player.captions(text.segments);
    this.editor.load(job.id, text);
    this.beside.load(job);
    const messages = {
      failed: () => notice("error", job.error?.message ?? say("failed"), this.again()),
      cancelled: () => notice("note", say("cancelled_text"), this.again()),
      done: () => (spoken ? null : silence()),
    };
    this.message.replaceChildren(...[messages[job.state](), job.complete === false ? notice("note", say("damaged")) : null].filter(Boolean));
    this.actions.replaceChildren(...(spoken ? this.exits(job) : []));
  }

  again() {
    return element("div", { class: "wt-row" }, element("button", { class: "wt-secondary", type: "button", id: "wt-again", onclick: () => this.attempt(() => rerun(this.job.id, {})) }, say("retry")));
  }

  /** What can be done with the text; `translation` is the id of its translation where there is one. */
  exits(job, translation) {
    const copy = element("button", { class: "wt-secondary", type: "button", id: "wt-copy" }, icon("copy", 17), element("span", {}, say("copy")));
    copy.addEventListener("click", async () => {
      const done = await copyText(this.transcript.text()).then(() => "copied", () => "copy_failed");
      copy.lastChild.textContent = say(done);
      setTimeout(() => (copy.lastChild.textContent = say("copy")), 2000);
    });
    return [this.transcript.switch, this.find.root, element("span", { class: "wt-gap" }), this.editor.button, copy, downloadMenu(say("download"), jobAddresses(job.id, translation))];
  }

  edited() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.facts.textContent = facts(this.job, this.transcript.segments);
      this.player.captions(this.transcript.segments);
      this.find.stale();
    }, 500);
  }

  newName() {
    const field = element("input", { class: "wt-name", value: this.job.name, maxlength: 255, "aria-label": say("rename") });
    let over = false;
    const end = async (save) => {
      if (over) return;
      over = true;
      const name = field.value.trim();
      field.replaceWith(this.title);
      this.rename.hidden = false;
      if (!save || !name || name === this.job.name) return;
      await this.attempt(async () => {
        this.job = { ...this.job, ...(await renameJob(this.job.id, name)), name };
        this.title.textContent = this.title.title = name;
        tell("jobs");
      });
    };
    field.addEventListener("keydown", ({ key }) => (key === "Enter" || key === "Escape") && end(key === "Enter"));
    field.addEventListener("blur", () => end(true));
    this.title.replaceWith(field);
    this.rename.hidden = true;
    field.select();
  }

  trouble(problem) {
    const login = problem?.kind === "session" ? [" ", element("a", { href: "/login", target: "_blank", rel: "noopener" }, say("error_login"))] : [];
    this.message.replaceChildren(...(problem ? [notice("note", problem.kind === "session" ? say("paused_session") : say("reconnecting"), ...login)] : []));
  }

  async cancel() {
    this.stop.disabled = true;
    this.stop.textContent = say("cancelling");
    await cancel();
  }

  async attempt(action) {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.message.replaceChildren(notice("error", error.message));
    }
  }

  /** Another job takes the card: what was typed is saved, nothing plays on. */
  leave() {
    this.player.media.removeAttribute("src");
    this.player.media.load();
    this.editor.save();
    this.beside.leave();
  }
}

function silence() {
  return element(
    "div",
    { class: "wt-empty", id: "wt-no-speech" },
    element("span", { class: "wt-round wt-big" }, icon("silence", 30)),
    element("h2", {}, say("no_speech_title")),
    element("p", {}, say("no_speech_text")),
  );
}

/** "0:10 · English · 28 words · took 1.2 s · kept until 22 Dec" */
function facts(job, segments) {
  const parts = [];
  if (job.duration != null) parts.push(clock(job.duration));
  if (job.language) parts.push(languageName(job.language));
  const text = segments.map((segment) => segment.text).join("");
  if (text) parts.push(length(text));
  if (job.state === "done" && job.started) parts.push(say("took", { time: elapsed(job.finished - job.started) }));
  if (job.expires) parts.push(say("kept_until", { day: new Date(job.expires * 1000).toLocaleDateString(config.language, { month: "short", day: "numeric" }) }));
  return parts.join(" · ");
}

/** Pages without https have no clipboard object; the old command still works there. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", { class: "wt-unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("refused");
}
