// What goes on in the page: the chosen recordings, and the work on them. The cards listen and draw.
//
//   "source"   detail: File[]               recordings were chosen or removed
//   "batch"    detail: Entry[] | null       several recordings are on their way; each as {name, state, fraction, job, …}
//   "upload"   detail: {name, fraction, link} the shown file is on its way, or the server fetches a link
//   "job"      detail: {job, text}          the server's news about the shown job
//   "trouble"  detail: Problem | null       server out of reach, and back
//   "refused"  detail: {text, login, nothing} the work could not begin
//   "busy"     detail: boolean              files are being sent, or the first of them is worked on
//   "jobs"                                  the history has changed
//   "idle"                                  nothing is going on and nothing is shown

import { cancelJob, deleteJob, listJobs, pause, Problem, rerunJob } from "./api.js";
import { FINAL, follow } from "./follow.js";
import { config, say, size } from "./page.js";
import { createFromLink, createJob } from "./upload.js";

export const events = new EventTarget();
export const tell = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));

let sources = [];
let sending = null; // AbortController of the uploads
let shown = null; // AbortController of the job that is followed
let shownId = null;

/** Takes files from the disk, the microphone or our clips. `choose([])` removes them. */
export function choose(files) {
  sources = files;
  tell("source", files);
}

/** Why the file cannot be taken, or null. Said before a byte is sent. */
export function objection(file) {
  if (!file.size) return say("error_empty_file", { name: file.name });
  if (file.size <= config.maxUploadBytes) return null;
  const [has, limit] = [size(file.size), size(config.maxUploadBytes)];
  return say("error_too_large", { name: file.name, size: has, limit });
}

/** The button: sends what was chosen with the choices of the form, then follows the first job. */
export async function start(form) {
  const link = document.getElementById("wt-link-field")?.value.trim();
  if (!sources.length && !link) return tell("refused", { text: say("error_no_file"), nothing: true });
  const choices = fields(form);
  const entries = sources.length
    ? sources.map((file) => ({ name: file.name, file, state: "waiting", fraction: 0, job: null, error: "" }))
    : [{ name: link, link, state: "waiting", fraction: 0, job: null, error: "" }];
  stop();
  const work = (sending = new AbortController());
  const several = entries.length > 1 ? entries : null;
  tell("batch", several);
  tell("busy", true);
  if (several) watchBatch(several, work.signal);
  for (const entry of entries) await send(entry, choices, entry === entries[0], several, work.signal);
  await entries[0].followed;
  if (sending === work) tell("busy", false);
}

/** Form fields of POST /api/jobs. */
function fields({ hotwords, words, ...rest }) {
  const pairs = Object.entries(rest).filter(([, value]) => value);
  for (const word of (hotwords ?? "").split(/[,，、;；\n]/)) if (word.trim()) pairs.push(["hotwords", word.trim()]);
  if (words) pairs.push(["timestamp_granularities[]", "word"]);
  return pairs;
}

async function send(entry, choices, first, several, signal) {
  if (signal.aborted) return;
  const report = (fraction) => {
    entry.fraction = fraction;
    entry.state = "uploading";
    if (several) tell("batch", several);
    if (first) tell("upload", { name: entry.name, fraction, link: Boolean(entry.link) });
  };
  report(0);
  const hooks = { progress: report, trouble: (problem) => tell("trouble", problem) };
  try {
    entry.job = entry.link
      ? await createFromLink(entry.link, choices, hooks, signal)
      : await createJob(entry.file, choices, hooks, signal);
    entry.state = entry.job.state;
    tell("jobs");
    if (first) entry.followed = show(entry.job.id);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    entry.state = "failed";
    entry.error = error.message;
    if (!several) tell("refused", { text: error.message, login: error.kind === "session" });
  }
  if (several) tell("batch", several);
}

/** One question for all jobs of the batch, until each has ended. */
async function watchBatch(entries, signal) {
  while (!signal.aborted && entries.some((entry) => !FINAL.includes(entry.state))) {
    await pause(1500);
    const jobs = await listJobs({ limit: 200 }).catch(() => []);
    if (signal.aborted) return;
    for (const entry of entries) {
      const job = jobs.find((candidate) => candidate.id === entry.job?.id);
      if (job) Object.assign(entry, { job, state: job.state, error: job.error?.message ?? "" });
    }
    tell("batch", entries);
  }
}

/** Shows a job, also one of before, as when the page's address names it. */
export async function show(id) {
  shown?.abort();
  const work = (shown = new AbortController());
  shownId = id;
  setAddress(id);
  try {
    await follow(id, (job, text) => tell("job", { job, text }), (problem) => tell("trouble", problem), work.signal);
    if (!work.signal.aborted) tell("jobs");
  } catch (error) {
    if (work.signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    tell("refused", { text: error.message, login: error.kind === "session" });
  }
}

/** Stops the upload, or asks the server to stop the job. */
export async function cancel() {
  if (!shownId) return clear();
  try {
    await cancelJob(shownId);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell("trouble", error);
  }
}

/** The same recording again, with other choices. */
export async function rerun(id, changes) {
  const job = await rerunJob(id, changes);
  tell("jobs");
  await show(job.id);
}

export async function remove(id) {
  await deleteJob(id);
  if (shownId === id) clear();
  tell("jobs");
}

/** Back to the beginning, ready for the next recording. A running job goes on at the server. */
export function clear() {
  stop();
  setAddress(null);
  tell("batch", null);
  tell("idle");
}

function stop() {
  sending?.abort(new DOMException("another work began", "AbortError"));
  shown?.abort();
  sending = shown = shownId = null;
  tell("busy", false);
}

function setAddress(id) {
  const address = new URL(location.href);
  if (id) address.searchParams.set("job", id);
  else address.searchParams.delete("job");
  history.replaceState(null, "", address);
}
