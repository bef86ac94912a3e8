// A recording's way to the server: in pieces, so that a lost network or an expired login costs one piece at most, and a
// reloaded page goes on where it was when the same file is chosen again.

import { HEADERS, patiently, problem, Problem, request } from "./api.js";
import { say } from "./page.js";

const PIECE = 8 * 1024 * 1024;
const REMEMBERED = "wt-upload "; // + name, size and date of a file: the id of its unfinished upload

/**
 * Sends the file and gives the accepted job. `choices` are form fields, as [name, value] pairs. `hooks.progress(0..1)`
 * as it goes, `hooks.trouble(Problem | null)` while the server is out of reach or wants a login, and when it is back.
 */
export async function createJob(file, choices, hooks, signal) {
  const patient = (action) => patiently(action, hooks.trouble, signal);
  const form = new FormData();
  // The file comes last: a server that reads a stream then knows the choices before the first byte of it.
  for (const [name, value] of choices) form.append(name, value);
  if (file.size > PIECE) {
    const mark = `${REMEMBERED}${file.name} ${file.size} ${file.lastModified}`;
    const id = await sendPieces(file, mark, patient, hooks.progress, signal);
    form.append("upload", id);
    form.append("name", file.name);
    const job = await patient(() => send("POST", "/api/jobs", form, {}, () => {}, signal));
    localStorage.removeItem(mark);
    return job;
  }
  form.append("file", file, file.name);
  return patient(() => send("POST", "/api/jobs", form, {}, hooks.progress, signal));
}

/** The server fetches the recording itself. */
export function createFromLink(url, choices, hooks, signal) {
  const form = new FormData();
  for (const [name, value] of [...choices, ["url", url]]) form.append(name, value);
  return patiently(() => send("POST", "/api/jobs", form, {}, () => {}, signal), hooks.trouble, signal);
}

async function sendPieces(file, mark, patient, progress, signal) {
  let upload = null;
  const before = localStorage.getItem(mark);
  if (before) upload = await patient(() => request(`/api/uploads/${before}`)).catch(forgotten);
  upload ??= await patient(() => request("/api/uploads", { method: "POST", json: { name: file.name, size: file.size } }));
  localStorage.setItem(mark, upload.id);
  const address = `/api/uploads/${upload.id}`;
  let { offset } = upload;
  while (offset < file.size) {
    const begin = offset;
    const piece = file.slice(begin, begin + PIECE);
    const report = (fraction) => progress((begin + fraction * piece.size) / file.size);
    ({ offset } = await patient(async () => {
      try {
        return await send("PATCH", address, piece, { "Upload-Offset": begin }, report, signal);
      } catch (error) {
        if (!(error instanceof Problem) || error.kind === "session") throw error;
        if (error.kind === "refused" && error.status !== 409) throw error;
        return request(address); // how much of the piece arrived, when the server is there again
      }
    }));
  }
  return upload.id;
}

function forgotten(error) {
  if (error instanceof Problem && error.status === 404) return null;
  throw error;
}

/** fetch() cannot report how much of a body was sent; XMLHttpRequest can. */
function send(method, address, body, headers, progress, signal) {
  return new Promise((resolve, reject) => {
    const upload = new XMLHttpRequest();
    upload.open(method, address);
    for (const [name, value] of Object.entries({ ...HEADERS, ...headers })) upload.setRequestHeader(name, value);
    upload.responseType = "json";
    upload.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    upload.onload = () => {
      const { status, response } = upload;
      if (status >= 200 && status < 300 && response) resolve(response);
      else reject(problem(status < 300 ? 401 : status, response)); // HTML with 200 is the login page
    };
    upload.onerror = () => reject(new Problem("network", say("error_network")));
    const stop = () => upload.abort();
    upload.onabort = () => reject(signal.reason);
    upload.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop);
    upload.send(body);
  });
}
