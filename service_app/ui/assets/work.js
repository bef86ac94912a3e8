// What goes on in the page: the chosen recording, and the work on it. The cards listen and draw.
//
//   "source"   detail: File | null          a recording was chosen or removed
//   "upload"   detail: {name, fraction}     the file is on its way
//   "job"      detail: {job, segments}      the server's news
//   "trouble"  detail: Problem | null       server out of reach, and back
//   "refused"  detail: {text, login, nothing} the work could not begin
//   "busy"     detail: boolean              work is under way
//   "idle"                                  nothing is going on and nothing is shown

import { cancelJob, createJob, follow, Problem } from "./api.js";
import { config, say, size } from "./page.js";

export const events = new EventTarget();
const tell = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));

let source = null;
let current = null; // AbortController of the work that is shown
let jobId = null;

/** The chosen file, from the disk, the microphone or our clips. `choose(null)` removes it. */
export function choose(file) {
  source = file;
  tell("source", file);
}

/** Why the file cannot be taken, or null. Said before a byte is sent. */
export function objection(file) {
  if (!file.size) return say("error_empty_file", { name: file.name });
  if (file.size <= config.maxUploadBytes) return null;
  const [has, limit] = [size(file.size), size(config.maxUploadBytes)];
  return say("error_too_large", { name: file.name, size: has, limit });
}

/** The button: sends the chosen file with the choices of the form, then follows the job. */
export async function start(choices) {
  if (!source) return tell("refused", { text: say("error_no_file"), nothing: true });
  const file = source;
  const work = begin();
  tell("upload", { name: file.name, fraction: 0 });
  try {
    const report = (fraction) => tell("upload", { name: file.name, fraction });
    const job = await createJob(file, choices, report, work.signal);
    tell("job", { job, segments: [] });
    await show(job.id, work);
  } catch (error) {
    refuse(error, work);
  }
}

/** Shows a job of before, as when the page's address names it. */
export async function show(id, work = begin()) {
  jobId = id;
  const address = new URL(location.href);
  address.searchParams.set("job", id);
  history.replaceState(null, "", address);
  try {
    await follow(
      id,
      (job, segments) => tell("job", { job, segments }),
      (problem) => tell("trouble", problem),
      work.signal,
    );
  } catch (error) {
    refuse(error, work);
  }
  end(work);
}

/** Stops the upload, or asks the server to stop the job. */
export async function cancel() {
  if (!jobId) {
    current?.abort();
    return clear();
  }
  try {
    await cancelJob(jobId);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell("trouble", error);
  }
}

/** Back to the beginning, ready for the next recording. A running job goes on at the server. */
export function clear() {
  current?.abort();
  end(current);
  jobId = null;
  const address = new URL(location.href);
  address.searchParams.delete("job");
  history.replaceState(null, "", address);
  tell("idle");
}

function begin() {
  current?.abort();
  jobId = null;
  current = new AbortController();
  tell("busy", true);
  return current;
}

function end(work) {
  if (current !== work) return; // something newer is shown
  current = null;
  tell("busy", false);
}

function refuse(error, work) {
  if (work.signal.aborted) return;
  if (!(error instanceof Problem)) throw error;
  end(work);
  tell("refused", { text: error.message, login: error.kind === "session" });
}
