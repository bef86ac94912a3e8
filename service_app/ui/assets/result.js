// The second card: what becomes of the recording. Empty, on its way, growing text, done, refused.

import { element, icon, notice } from "./dom.js";
import { JobView } from "./jobview.js";
import { say } from "./page.js";
import { mountBatch } from "./batch.js";
import { openTour } from "./tour.js";
import { clear, events, show } from "./work.js";

export function mount(root) {
  const batch = element("div", {});
  const card = element("section", { class: "wt-result", "aria-label": say("result") });
  root.replaceChildren(batch, card);
  mountBatch(batch);
  let view = null; // JobView of what is shown

  const fresh = (name) => {
    view?.leave();
    card.replaceChildren((view = new JobView(name)).root);
    return view;
  };
  const drop = (draw, ...rest) => {
    view?.leave();
    view = null;
    draw(card, ...rest);
  };

  events.addEventListener("idle", () => drop(drawEmpty));
  events.addEventListener("upload", ({ detail }) => {
    if (detail.fraction === 0) {
      fresh(detail.name);
      // On a phone the card is below the form.
      if (card.getBoundingClientRect().top > window.innerHeight / 2) card.scrollIntoView({ behavior: "smooth" });
    }
    if (detail.link) view?.fetching();
    else view?.uploading(detail.fraction);
  });
  events.addEventListener("job", ({ detail: { job, text } }) => {
    if (!view || (view.job && view.job.id !== job.id)) fresh(job.name);
    view.update(job, text);
  });
  events.addEventListener("trouble", ({ detail }) => view?.trouble(detail));
  events.addEventListener("refused", ({ detail }) => detail.nothing || drop(drawRefused, detail));

  drawEmpty(card);
  const id = new URLSearchParams(location.search).get("job");
  if (id) show(id);
}

function drawEmpty(card) {
  const steps = [1, 2, 3].map((step) => element("li", {}, say(`step_${step}`)));
  card.replaceChildren(
    element(
      "div",
      { class: "wt-empty" },
      element("span", { class: "wt-round wt-big" }, icon("wave", 30)),
      element("h2", {}, say("empty_title")),
      element("p", {}, say("empty_text")),
      element("ol", {}, ...steps),
      element("button", { class: "wt-quiet", type: "button", id: "wt-tour-start", onclick: openTour }, say("tour_start")),
    ),
  );
}

function drawRefused(card, { text, login }) {
  const link = element("a", { href: "/login", target: "_blank", rel: "noopener" }, say("error_login"));
  card.replaceChildren(
    element(
      "div",
      { class: "wt-empty" },
      element("span", { class: "wt-round wt-big wt-bad" }, icon("alert", 30)),
      element("h2", {}, say("failed")),
      element("p", { role: "alert", id: "wt-error" }, text),
      login ? element("p", {}, link) : null,
      element("button", { class: "wt-secondary", type: "button", onclick: clear }, say("new")),
    ),
  );
}
