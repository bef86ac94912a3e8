// The server's news about one job, as server-sent events; the browser connects again by itself.

import { eventsAddress, getJob, getText, patiently, pause, Problem } from "./api.js";
import { say } from "./page.js";

export const FINAL = ["done", "failed", "cancelled"];

/**
 * Follows a job to its end: `update(job, text)` at every change, where text = {segments, version, edited};
 * `trouble(Problem | null)` when the server is out of reach and when it is back. Throws the Problem that ends it.
 */
export async function follow(id, update, trouble, signal) {
  const ask = (action) => patiently(action, trouble, signal);
  let job = await ask(() => getJob(id));
  if (FINAL.includes(job.state)) return update(job, await ask(() => getText(id)));
  const text = { segments: [], version: 0, edited: false };
  const windows = new Map(); // number -> its segments
  while (!signal.aborted) {
    update(job, text);
    const ended = await listen(id, signal, trouble, {
      job: (news) => update((job = news), text),
      segments: ({ window, segments }) => {
        windows.set(window, segments); // they come in any order, and again after a reconnect
        text.segments = [...windows].sort(([a], [b]) => a - b).flatMap(([, said]) => said);
        update(job, text);
      },
    });
    if (signal.aborted) return undefined;
    // The stream was refused or is over; what is true now, the routes say (or why they do not).
    job = await ask(() => getJob(id));
    if (ended || FINAL.includes(job.state)) return update(job, await ask(() => getText(id)));
    // Something on the way does not let the stream through: ask instead.
    text.segments = (await ask(() => getText(id))).segments;
    await pause(1000);
  }
  return undefined;
}

/** True: the job has ended. False: the stream cannot go on. */
function listen(id, signal, trouble, on) {
  return new Promise((resolve) => {
    const stream = new EventSource(eventsAddress(id));
    const close = (ended) => {
      stream.close();
      signal.removeEventListener("abort", leave);
      resolve(ended);
    };
    const leave = () => close(false);
    signal.addEventListener("abort", leave);
    stream.addEventListener("open", () => trouble(null));
    stream.addEventListener("job", (event) => on.job(JSON.parse(event.data)));
    stream.addEventListener("segments", (event) => on.segments(JSON.parse(event.data)));
    stream.addEventListener("end", () => close(true));
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) close(false);
      else trouble(new Problem("network", say("reconnecting")));
    });
  });
}
