// Everything this login has transcribed: search, open, rename, run again with other settings, delete.

import { listJobs, renameJob } from "./api.js";
import { element, icon } from "./dom.js";
import { FINAL } from "./follow.js";
import { clock, config, languageName, say } from "./page.js";
import { attempt, openSheet } from "./sheet.js";
import { events, remove, rerun, show, tell } from "./work.js";

const PAGE = 30;
const SLOW = 250; // ms without a key, then it is searched

export function openHistory(root) {
  const search = element("input", { type: "search", id: "wt-history-search", class: "wt-field", placeholder: say("history_search"), "aria-label": say("history_search") });
  const message = element("div", { class: "wt-problem" });
  const list = element("ul", { class: "wt-jobs", id: "wt-jobs" });
  const more = element("button", { class: "wt-secondary wt-wide", type: "button" }, say("more"));
  const keep = config.retentionDays ? element("p", { class: "wt-hint" }, say("retention", { days: config.retentionDays })) : null;
  const sheet = openSheet(root, "side", say("history"), "wt-history", search, keep, message, list, more);
  const kept = new Map(); // what the server said of a job -> its row, which may have a form open
  let asked = 0;
  let last = null;

  async function load(fresh) {
    const turn = (asked += 1);
    const query = { limit: PAGE, search: search.value.trim(), ...(!fresh && last && { before: last.created }) };
    let jobs = [];
    const works = await attempt(message, async () => (jobs = await listJobs(query)));
    if (turn !== asked || !works) return; // a later search was quicker
    last = jobs.at(-1) ?? last;
    const rows = jobs.map((job) => kept.get(JSON.stringify(job)) ?? row(job, context));
    if (fresh) kept.clear();
    jobs.forEach((job, index) => kept.set(JSON.stringify(job), rows[index]));
    if (fresh) list.replaceChildren(...(rows.length ? rows : [empty(query.search)]));
    else list.append(...rows);
    more.hidden = jobs.length < PAGE;
  }

  const context = { sheet, message };
  let timer;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => load(true), SLOW);
  });
  more.addEventListener("click", () => load(false));
  const again = () => load(true);
  events.addEventListener("jobs", again);
  sheet.addEventListener("close", () => events.removeEventListener("jobs", again));
  more.hidden = true;
  search.focus();
  load(true);
}

function empty(search) {
  return element("li", { class: "wt-none" }, element("span", { class: "wt-round" }, icon(search ? "search" : "clock", 20)), element("p", {}, say(search ? "history_no_match" : "history_none")));
}

function row(job, context) {
  const name = element("strong", { title: job.name }, job.name);
  const open = element("button", { class: "wt-job-open", type: "button", onclick: () => (context.sheet.close(), show(job.id)) }, name, element("small", {}, about(job)));
  const tools = element("div", { class: "wt-job-tools" });
  const tool = (id, symbol, action) => element("button", { class: "wt-quiet wt-square wt-small", type: "button", "data-tool": id, title: say(id), "aria-label": `${say(id)}: ${job.name}`, onclick: action }, icon(symbol, 16));
  const usual = [tool("rename", "pencil", rename), tool("again", "again", again), tool("delete", "bin", sure)];
  tools.append(...usual);
  const extra = element("div", { class: "wt-job-extra" });
  const item = element("li", { "data-id": job.id, "data-state": job.state }, open, tools, extra);

  function rename() {
    const field = element("input", { class: "wt-field", value: job.name, maxlength: 255, "aria-label": say("rename") });
    const save = () => attempt(context.message, async () => {
      const wanted = field.value.trim();
      if (wanted && wanted !== job.name) await renameJob(job.id, wanted);
      extra.replaceChildren();
      tell("jobs");
    });
    field.addEventListener("keydown", (event) => event.key === "Enter" && save());
    extra.replaceChildren(field, element("button", { class: "wt-secondary", type: "button", onclick: save }, say("save")));
    field.select();
  }

  function again() {
    const task = select("task", [["transcribe", say("task_transcribe")], ["translate", say("task_translate")]], job.task);
    const language = select("language", [["", say("language_auto")], ...Object.entries(config.spoken).map(([code, own]) => [code, own])], job.options?.language ?? "");
    const model = select("model", config.models.map((each) => [each.name, each.name]), job.model ?? config.models.find((each) => each.default)?.name);
    const script = select("script", ["", "hans", "hant"].map((code) => [code, say(`script_${code || "keep"}`)]), job.options?.script ?? "");
    const punctuation = select("punctuation", ["keep", "full", "none"].map((code) => [code, say(`punctuation_${code}`)]), job.options?.punctuation ?? "keep");
    const chosen = { task, language, model, script, punctuation };
    const run = () => attempt(context.message, async () => {
      await rerun(job.id, Object.fromEntries(Object.entries(chosen).map(([name, { lastChild }]) => [name, lastChild.value])));
    }).then((worked) => worked && context.sheet.close());
    const several = config.models.length > 1;
    const chinese = config.models.some((each) => each.multilingual);
    extra.replaceChildren(task, language, ...(several ? [model] : []), ...(chinese ? [script] : []), punctuation, element("button", { class: "wt-secondary wt-strong", type: "button", "data-tool": "run", onclick: run }, say("start")));
  }

  function sure() {
    const gone = () => attempt(context.message, () => remove(job.id));
    extra.replaceChildren(
      element("p", {}, say("delete_sure")),
      element("button", { class: "wt-secondary wt-danger", type: "button", "data-tool": "delete-now", onclick: gone }, say("delete")),
      element("button", { class: "wt-quiet", type: "button", onclick: () => extra.replaceChildren() }, say("keep")),
    );
  }
  return item;
}

function select(name, choices, value) {
  const box = element("select", {}, ...choices.map(([code, label]) => element("option", { value: code, selected: code === value }, label)));
  return element("label", { class: "wt-inline" }, element("span", {}, say(name)), box);
}

function about(job) {
  const when = new Date(job.created * 1000).toLocaleString(config.language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const parts = [when];
  if (job.duration != null) parts.push(clock(job.duration));
  if (job.language) parts.push(languageName(job.language));
  if (job.task === "translate") parts.push(say("task_translate"));
  if (job.state !== "done") parts.push(say(FINAL.includes(job.state) || job.state === "queued" ? job.state : "transcribing"));
  if (job.edited) parts.push(say("edited"));
  return parts.join(" · ");
}
