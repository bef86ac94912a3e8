// Dialogs: history beside the page, settings over it. The browser's own <dialog> keeps the focus inside and closes on Esc.

import { element, icon, notice } from "./dom.js";
import { say } from "./page.js";
import { Problem } from "./api.js";

/** Opens a dialog; `kind` "side" or "middle". It is removed when it is closed. */
export function openSheet(root, kind, title, id, ...content) {
  const heading = element("h2", { id: `${id}-title` }, title);
  const close = element("button", { class: "wt-quiet wt-square", type: "button", "aria-label": say("close"), title: say("close"), onclick: () => sheet.close() }, icon("close", 18));
  const sheet = element("dialog", { class: `wt-sheet wt-${kind}`, id, "aria-labelledby": heading.id }, element("div", { class: "wt-sheet-head" }, heading, close), ...content);
  sheet.addEventListener("close", () => sheet.remove());
  // A press beside the dialog closes it; its own box starts inside of it.
  sheet.addEventListener("mousedown", (event) => {
    const box = sheet.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (event.target === sheet && !inside) sheet.close();
  });
  root.append(sheet);
  sheet.showModal();
  return sheet;
}

/** Runs `action`; a Problem is shown in `place`, everything else is a bug. True when it worked. */
export async function attempt(place, action) {
  try {
    place.replaceChildren();
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const login = element("a", { href: "/login", target: "_blank", rel: "noopener" }, say("error_login"));
    place.replaceChildren(notice("error", error.message, ...(error.kind === "session" ? [" ", login] : [])));
    return false;
  }
}
