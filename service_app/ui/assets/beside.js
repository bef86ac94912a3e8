// The English translation beside the text: a job of its own on the same recording, begun when it is first wanted.

import { Problem, rerunJob } from "./api.js";
import { element, notice } from "./dom.js";
import { follow } from "./follow.js";
import { config, say } from "./page.js";
import { show, tell } from "./work.js";

export class Beside {
  /** `ready(id)` is called when there is a whole translation: the id of its job. */
  constructor(transcript, ready) {
    Object.assign(this, { transcript, ready, job: null, work: null });
    this.state = element("span", { role: "status", id: "wt-beside-state" });
    this.alone = element("button", { class: "wt-quiet wt-small", type: "button", id: "wt-beside-open", onclick: () => show(this.id) }, say("beside_open"));
    this.head = element("div", { class: "wt-beside-head" }, element("span", {}, say("beside_original")), element("div", { class: "wt-row" }, this.state, this.alone));
    this.message = element("div", { class: "wt-problem" });
    transcript.root.prepend(this.message, this.head);
    transcript.looked = (view) => this.looked(view === "both");
    this.head.hidden = true;
  }

  /** Another job, or another state of the same. */
  load(job) {
    this.job = job;
    this.id = job.translation;
    this.transcript.switch.lastChild.hidden = job.task === "translate";
  }

  looked(on) {
    this.message.hidden = !on;
    this.columns(on && Boolean(this.work));
    if (on && this.job && !this.work) this.begin();
  }

  columns(shown) {
    this.head.hidden = !shown;
    this.transcript.root.classList.toggle("wt-both", shown);
  }

  async begin() {
    const able = translator(this.job);
    const never = this.job.language === "en" ? say("beside_same") : !able && say("beside_cannot", { model: this.job.model ?? standard()?.name });
    if (never && !this.id) return this.say(notice("note", never));
    this.say();
    this.alone.hidden = true;
    this.columns(true);
    this.state.textContent = say("beside_waiting");
    const work = (this.work = new AbortController());
    try {
      if (!this.id) {
        this.id = (await rerunJob(this.job.id, { task: "translate", model: able.name })).id;
        tell("jobs");
      }
      await follow(this.id, (job, text) => this.update(job, text), (problem) => this.say(problem && notice("note", say("reconnecting"))), work.signal);
    } catch (error) {
      if (work.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.failed(error.message);
    }
  }

  update(job, { segments }) {
    this.transcript.beside(segments);
    this.state.textContent = job.duration == null ? say("beside_waiting") : say("beside_working", { percent: Math.round(job.progress * 100) });
    if (job.state === "failed" || job.state === "cancelled") return this.failed(job.error?.message ?? say(job.state));
    if (job.state !== "done") return undefined;
    this.state.textContent = say("beside_english");
    this.alone.hidden = false;
    if (!segments.some((segment) => segment.text.trim())) return this.say(notice("note", say("beside_silent")));
    return this.ready(this.id);
  }

  failed(text) {
    const again = () => {
      this.id = this.work = null;
      this.begin();
    };
    this.columns(false);
    this.say(notice("error", text, element("div", { class: "wt-row" }, element("button", { class: "wt-secondary", type: "button", onclick: again }, say("retry")))));
  }

  say(...notices) {
    this.message.replaceChildren(...notices.filter(Boolean));
  }

  leave() {
    this.work?.abort();
  }
}

const standard = () => config.models.find((model) => model.default);

/** The job's own model where it can translate, else one that can. */
function translator(job) {
  const able = config.models.filter((model) => model.multilingual);
  return able.find((model) => model.name === job.model) ?? able.find((model) => model.default) ?? able[0];
}
