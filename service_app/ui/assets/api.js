// The app's routes. A failure is always a Problem with a text for the user, in the page's language.

import { config, say } from "./page.js";

export class Problem extends Error {
  /** `kind`: "network" (try again later), "session" (log in again) or "refused" (the text says why). */
  constructor(kind, text, status = 0, code = "") {
    super(text);
    this.kind = kind;
    this.status = status;
    this.code = code;
  }
}

export const HEADERS = { Accept: "application/json", "Accept-Language": config.language };

export function problem(status, body) {
  if (status === 401) return new Problem("session", say("error_session"), status);
  const text = body?.error?.message ?? say("error_server", { status });
  return new Problem(status >= 500 ? "network" : "refused", text, status, body?.error?.code);
}

/** `options` as fetch() has them, and `json`: a body to send as JSON. */
export async function request(path, { json, ...options } = {}) {
  const headers = { ...HEADERS, ...options.headers };
  if (json !== undefined) {
    headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  }
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, redirect: "manual" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
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
export const getText = (id) => request(`${job(id)}/segments`);
export const putText = (id, version, segments) =>
  request(`${job(id)}/segments`, { method: "PUT", json: { version, segments } });
export const dropEdits = (id) => request(`${job(id)}/segments`, { method: "DELETE" });
export const listJobs = async (query) => (await request(`/api/jobs?${new URLSearchParams(query)}`)).jobs;
export const cancelJob = (id) => request(`${job(id)}/cancel`, { method: "POST" });
export const deleteJob = (id) => request(job(id), { method: "DELETE" });
export const renameJob = (id, name) => request(job(id), { method: "PATCH", json: { name } });
export const rerunJob = (id, changes) => request(`${job(id)}/rerun`, { method: "POST", json: changes });
export const mediaAddress = (id) => `${job(id)}/media`;
export const eventsAddress = (id) => `${job(id)}/events`;
export const peaksAddress = (id) => `/ui/peaks/${encodeURIComponent(id)}`;
export const exportAddress = (id, format, style) => `${job(id)}/export/${format}${query(style)}`;

export const zipAddress = (ids, format, style) =>
  `/api/jobs/export${query([...ids.map((id) => ["id", id]), ["format", format], ...Object.entries(style)])}`;

function query(values) {
  const text = new URLSearchParams(values).toString();
  return text && `?${text}`;
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Tries until it works or is refused; what is worth waiting for is told meanwhile. */
export async function patiently(action, trouble, signal) {
  for (let failures = 0; ; ) {
    try {
      const result = await action();
      if (failures) trouble(null);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Problem) || !passes(error)) throw error;
      failures += 1;
      trouble(error);
      await pause(error.kind === "session" ? 2000 : Math.min(8000, 500 * 2 ** failures));
      signal.throwIfAborted();
    }
  }
}

/** Worth waiting for: no network, a server that starts, a login to renew. A full disk is told at once. */
const passes = ({ kind, code }) => kind === "session" || (kind === "network" && (!code || code === "starting"));
