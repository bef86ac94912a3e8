// Telling that a job is done to someone who looks elsewhere: the title, and where it was allowed, a notification.

import { element, icon } from "./dom.js";
import { say } from "./page.js";

/** "Notify me", where the browser can and was not asked yet. */
export function askButton() {
  if (!window.isSecureContext || !("Notification" in window) || Notification.permission !== "default") return null;
  const button = element("button", { class: "wt-quiet wt-small", type: "button", id: "wt-notify" }, icon("bell", 16), say("notify"));
  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    button.remove();
  });
  return button;
}

export function announce(job) {
  if (!document.hidden) return;
  const text = `${say(job.state)}: ${job.name}`;
  const before = document.title;
  document.title = `● ${text}`;
  document.addEventListener("visibilitychange", () => (document.title = before), { once: true });
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const note = new Notification(text, { icon: "/favicon.svg", tag: job.id });
  note.addEventListener("click", () => {
    window.focus();
    note.close();
  });
}
