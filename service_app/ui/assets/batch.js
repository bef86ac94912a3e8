// Several recordings at once: a row each, and all texts in one ZIP.

import { batchAddresses, downloadMenu } from "./downloads.js";
import { element, icon } from "./dom.js";
import { clock, say } from "./page.js";
import { events, show } from "./work.js";

export function mountBatch(root) {
  let rows = [];
  let shownFor = null;
  const list = element("ul", { class: "wt-batch" });
  const summary = element("strong", { role: "status", id: "wt-batch-state" });
  const zip = element("div", {});
  const card = element("div", { class: "wt-batch-card" }, element("div", { class: "wt-row wt-batch-head" }, summary, element("span", { class: "wt-gap" }), zip), list);

  events.addEventListener("batch", ({ detail: entries }) => {
    if (!entries) {
      shownFor = null;
      return root.replaceChildren();
    }
    if (shownFor !== entries) {
      shownFor = entries;
      rows = entries.map((entry) => row(entry));
      list.replaceChildren(...rows.map(({ item }) => item));
      root.replaceChildren(card);
    }
    for (const each of rows) each.draw();
    const ended = entries.filter((entry) => ["done", "failed", "cancelled"].includes(entry.state)).length;
    summary.textContent = say("batch_state", { done: ended, all: entries.length });
    const done = entries.filter((entry) => entry.state === "done").map((entry) => entry.job.id);
    if (zip.dataset.jobs !== String(done)) {
      zip.dataset.jobs = String(done);
      zip.replaceChildren(...(done.length ? [downloadMenu(say("download_all"), batchAddresses(done), "wt-zip")] : []));
    }
    return undefined;
  });

  events.addEventListener("job", ({ detail: { job } }) => {
    for (const { item, entry } of rows) item.toggleAttribute("data-shown", entry.job?.id === job.id);
  });
}

function row(entry) {
  const state = element("span", { class: "wt-batch-say" });
  const bar = element("div", { class: "wt-bar-fill" });
  const name = element("button", { class: "wt-batch-name", type: "button", title: entry.name, onclick: () => entry.job && show(entry.job.id) }, entry.name);
  const mark = element("span", { class: "wt-mark" });
  const item = element("li", {}, mark, name, state, element("div", { class: "wt-track" }, bar));
  const draw = () => {
    const { job } = entry;
    item.dataset.state = entry.state;
    name.disabled = !job;
    const marks = { done: "check", failed: "alert", cancelled: "close" };
    if (mark.dataset.icon !== (marks[entry.state] ?? "")) {
      mark.dataset.icon = marks[entry.state] ?? "";
      mark.replaceChildren(marks[entry.state] ? icon(marks[entry.state], 16) : element("span", { class: "wt-spinner" }));
    }
    const fraction = entry.state === "uploading" ? entry.fraction : job?.progress ?? 0;
    bar.style.inlineSize = `${Math.round(fraction * 100)}%`;
    const words = { waiting: "waiting", uploading: "uploading", queued: "queued", running: "transcribing" };
    state.textContent = entry.error || (words[entry.state] ? say(words[entry.state]) : [say(entry.state), job?.duration != null ? clock(job.duration) : ""].filter(Boolean).join(" · "));
  };
  return { item, entry, draw };
}
