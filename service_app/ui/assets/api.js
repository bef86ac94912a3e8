// The app's routes for jobs. A failure is always a Problem with a text for the user, in the page's language.

import { config, say } from "./page.js";

export class Problem extends Error {
  /** `kind`: "network" (try again later), "session" (log in again) or "refused" (the text says why). */
  constructor(kind, text, status = 0) {
    super(text);
    this.kind = kind;
    this.status = status;
  }
}

const HEADERS = { Accept: "application/json", "Accept-Language": config.language };

function problem(status, body) {
  if (status === 401) return new Problem("session", say("error_session"), status);
  const text = body?.error?.message ?? say("error_server", { status });
  return new Problem(status >= 500 ? "network" : "refused", text, status);
}

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: HEADERS, redirect: "manual" });
  } catch {
    throw new Problem("network", say("error_network"));
  }
  // A redirect can only be the way to the login page.
  if (answer.type === "opaqueredirect") throw problem(401);
  const body = answer.headers.get("content-type")?.includes("json") ? await answer.json() : null;
  if (!answer.ok) throw problem(answer.status, body);
  return body;
}

const job = (id) => `/api/jobs/${encodeURIComponent(id)}`;

export const getJob = (id) => request(job(id));
export const getSegments = async (id) => (await request(`${job(id)}/segments`)).segments;
export const cancelJob = (id) => request(`${job(id)}/cancel`, { method: "POST" });
export const mediaAddress = (id) => `${job(id)}/media`;
export const exportAddress = (id, format) => `${job(id)}/export/${format}`;

/** Sends the file and gives the accepted job; `progress(fraction)` is called as it goes, `signal` stops it. */
export function createJob(file, choices, progress, signal) {
  const form = new FormData();
  // The file comes last: a server that reads a stream then knows the choices before the first byte of it.
  for (const [name, value] of Object.entries(choices)) if (value) form.append(name, value);
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    // fetch() cannot report how much of a body was sent; XMLHttpRequest can.
    const upload = new XMLHttpRequest();
    upload.open("POST", "/api/jobs");
    for (const [name, value] of Object.entries(HEADERS)) upload.setRequestHeader(name, value);
    upload.responseType = "json";
    upload.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    upload.onload = () => {
      const { status, response } = upload;
      if (status >= 200 && status < 300 && response?.id) resolve(response);
      else reject(problem(status < 300 ? 401 : status, response));
    };
    upload.onerror = () => reject(new Problem("network", say("error_network")));
    upload.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => upload.abort());
    upload.send(form);
  });
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Follows a job to its end: `update(job, segments)` at every change, `trouble(problem | null)` when the server is out
 * of reach and when it is back. Asks often at first, since short recordings take seconds, and seldom later.
 */
export async function follow(id, update, trouble, signal) {
  const begun = performance.now();
  let seen = "";
  for (let failures = 0; !signal.aborted; ) {
    let current;
    let segments;
    try {
      current = await getJob(id);
      const mark = `${current.state} ${current.progress}`;
      if (mark !== seen) segments = await getSegments(id);
      seen = mark;
      if (failures) trouble(null);
      failures = 0;
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== "network") throw error;
      failures += 1;
      if (failures > 1 && !signal.aborted) trouble(error);
    }
    if (signal.aborted) return;
    if (current && segments) update(current, segments);
    if (current && ["done", "failed", "cancelled"].includes(current.state)) return;
    const age = performance.now() - begun;
    await pause(failures ? Math.min(8000, 500 * 2 ** failures) : age < 15_000 ? 250 : age < 120_000 ? 1000 : 2500);
  }
}
