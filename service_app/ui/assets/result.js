// The second card: what becomes of the recording. Empty, on its way, growing text, done, refused.

import { exportAddress, mediaAddress } from "./api.js";
import { element, icon, notice } from "./dom.js";
import { clock, elapsed, languageName, length, say } from "./page.js";
import { Transcript } from "./transcript.js";
import { cancel, clear, events, show } from "./work.js";

const FORMATS = ["txt", "srt", "vtt", "json"];

export function mount(root) {
  const card = element("section", { class: "wt-result", "aria-live": "off" });
  root.replaceChildren(card);
  let view = null; // JobView of what is shown

  const shown = (name) => {
    if (!view || view.name !== name) card.replaceChildren((view = new JobView(name)).root);
    return view;
  };

  events.addEventListener("idle", () => {
    view = null;
    drawEmpty(card);
  });
  events.addEventListener("upload", ({ detail }) => {
    if (detail.fraction === 0) {
      view = null;
      // On a phone the card is below the form.
      if (card.getBoundingClientRect().top > window.innerHeight / 2) card.scrollIntoView({ behavior: "smooth" });
    }
    shown(detail.name).uploading(detail.fraction);
  });
  events.addEventListener("job", ({ detail }) => {
    if (view?.job && view.job.id !== detail.job.id) view = null;
    shown(detail.job.name).update(detail.job, detail.segments);
  });
  events.addEventListener("trouble", ({ detail }) => view?.trouble(detail));
  events.addEventListener("refused", ({ detail }) => {
    if (detail.nothing) return;
    view = null;
    drawRefused(card, detail);
  });

  drawEmpty(card);
  const id = new URLSearchParams(location.search).get("job");
  if (id) show(id);
}

function drawEmpty(card) {
  const steps = [1, 2, 3].map((step) => element("li", {}, say(`step_${step}`)));
  card.replaceChildren(
    element(
      "div",
      { class: "wt-empty" },
      element("span", { class: "wt-round wt-big" }, icon("wave", 30)),
      element("h2", {}, say("empty_title")),
      element("p", {}, say("empty_text")),
      element("ol", {}, ...steps),
    ),
  );
}

function drawRefused(card, { text, login }) {
  const link = element("a", { href: "/login", target: "_blank", rel: "noopener" }, say("error_login"));
  card.replaceChildren(
    element(
      "div",
      { class: "wt-empty" },
      element("span", { class: "wt-round wt-big wt-bad" }, icon("alert", 30)),
      element("h2", {}, say("failed")),
      element("p", { role: "alert", id: "wt-error" }, text),
      login ? element("p", {}, link) : null,
      element("button", { class: "wt-secondary", type: "button", onclick: clear }, say("new")),
    ),
  );
}

/** One job from its upload to its end. The parts stay in place; only their content changes. */
class JobView {
  constructor(name) {
    this.name = name;
    this.job = null;
    this.title = element("h2", { title: name }, name);
    this.facts = element("p", { class: "wt-facts" });
    this.state = element("span", { id: "wt-state", role: "status" });
    this.percent = element("span", { class: "wt-percent" });
    this.bar = element("div", { class: "wt-bar-fill" });
    this.track = element("div", { class: "wt-track", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.track.setAttribute("aria-label", say("task"));
    this.stop = element("button", { class: "wt-quiet", type: "button", id: "wt-cancel", onclick: () => this.cancel() }, say("cancel"));
    this.hint = element("p", { class: "wt-hint" });
    this.work = element(
      "div",
      { class: "wt-work" },
      element("div", { class: "wt-row" }, element("span", { class: "wt-spinner" }), this.state, this.percent, this.stop),
      this.track,
      this.hint,
    );
    this.message = element("div", { class: "wt-problem" });
    this.actions = element("div", { class: "wt-actions" });
    this.transcript = new Transcript();
    const head = element("div", { class: "wt-result-head" }, element("div", { class: "wt-titles" }, this.title, this.facts));
    this.fresh = element("button", { class: "wt-quiet", type: "button", id: "wt-new", onclick: clear }, say("new"));
    head.append(this.fresh);
    this.root = element("div", { class: "wt-job" }, head, this.work, this.message, this.actions, this.transcript.root);
    this.fresh.hidden = true;
  }

  uploading(fraction) {
    this.report("uploading", fraction);
    this.hint.textContent = "";
  }

  update(job, segments) {
    const before = this.job;
    this.job = job;
    if (!before) this.transcript.player(mediaAddress(job.id), job.duration);
    this.transcript.update(segments);
    this.facts.textContent = facts(job, segments);
    const final = ["done", "failed", "cancelled"].includes(job.state);
    this.work.hidden = final;
    this.fresh.hidden = !final;
    if (final) return this.finish(job, segments);
    this.hint.textContent = say("leave");
    if (job.state === "queued") this.report("queued");
    else if (job.duration == null) this.report("preparing");
    else this.report(job.task === "translate" ? "translating" : "transcribing", job.progress);
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

  finish(job, segments) {
    this.root.dataset.state = job.state;
    const spoken = segments.some((segment) => segment.text.trim());
    const messages = {
      failed: () => notice("error", job.error?.message ?? say("failed")),
      cancelled: () => notice("note", say("cancelled_text")),
      done: () => (spoken ? null : silence()),
    };
    this.message.replaceChildren(...[messages[job.state]()].filter(Boolean));
    this.actions.replaceChildren(...(spoken ? this.exits(job) : []));
    this.transcript.root.hidden = !spoken;
  }

  exits(job) {
    const copy = element("button", { class: "wt-secondary", type: "button", id: "wt-copy" }, icon("copy", 17), element("span", {}, say("copy")));
    copy.addEventListener("click", async () => {
      const done = await copyText(this.transcript.text()).then(() => "copied", () => "copy_failed");
      copy.lastChild.textContent = say(done);
      setTimeout(() => (copy.lastChild.textContent = say("copy")), 2000);
    });
    const links = FORMATS.map((format) =>
      element(
        "a",
        {
          class: "wt-secondary wt-format",
          id: `wt-download-${format}`,
          href: exportAddress(job.id, format),
          download: "",
          "aria-label": say("download_format", { format: format.toUpperCase() }),
        },
        format.toUpperCase(),
      ),
    );
    const label = element("span", { class: "wt-with-icon" }, icon("download", 17), say("download"));
    return [this.transcript.switch, element("span", { class: "wt-gap" }), copy, element("div", { class: "wt-downloads", role: "group", "aria-label": say("download") }, label, ...links)];
  }

  trouble(problem) {
    this.message.replaceChildren(...(problem ? [notice("note", say("reconnecting"))] : []));
    if (problem === null && this.job) this.work.hidden = false;
  }

  async cancel() {
    this.stop.disabled = true;
    this.stop.textContent = say("cancelling");
    await cancel();
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

/** "0:10 · English · 28 words · took 1.2 s" */
function facts(job, segments) {
  const parts = [];
  if (job.duration != null) parts.push(clock(job.duration));
  if (job.language) parts.push(languageName(job.language));
  const text = segments.map((segment) => segment.text).join("");
  if (text) parts.push(length(text));
  if (job.state === "done" && job.started) parts.push(say("took", { time: elapsed(job.finished - job.started) }));
  return parts.join(" · ");
}

/** Pages without https have no clipboard object; the old command still works there. */
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", { class: "wt-unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("refused");
}
