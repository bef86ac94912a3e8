// First steps: three hints at the places they speak of, shown once, or again from the empty card.

import { element } from "./dom.js";
import { say } from "./page.js";

const SEEN = "wt-tour";
const PLACES = ["wt-source", "wt-start", "wt-result-column"];
let open = null;

/** At the first visit, and never over a job that is being looked at. */
export function firstVisit() {
  if (!localStorage.getItem(SEEN) && !new URLSearchParams(location.search).has("job")) openTour();
}

export function openTour() {
  open?.remove();
  let step = 0;
  const text = element("p", { id: "wt-tour-text" });
  const title = element("strong", {});
  const skip = element("button", { class: "wt-quiet", type: "button", id: "wt-tour-skip", onclick: end }, say("tour_skip"));
  const next = element("button", { class: "wt-secondary wt-strong", type: "button", id: "wt-tour-next", onclick: () => (step < PLACES.length - 1 ? draw(step + 1) : end()) });
  open = element("div", { class: "wt-tour", role: "dialog", "aria-labelledby": "wt-tour-text", id: "wt-tour" }, title, text, element("div", { class: "wt-row" }, skip, next));
  open.addEventListener("keydown", ({ key }) => key === "Escape" && end());

  function draw(number) {
    step = number;
    mark(null);
    const place = document.getElementById(PLACES[step]);
    mark(place);
    title.textContent = `${step + 1} / ${PLACES.length}`;
    text.textContent = say(`tour_${step + 1}`);
    next.textContent = say(step < PLACES.length - 1 ? "tour_next" : "tour_end");
    place?.scrollIntoView({ block: "nearest" });
  }

  function end() {
    localStorage.setItem(SEEN, "seen");
    mark(null);
    open?.remove();
    open = null;
  }

  document.querySelector(".wt-bar").after(open);
  draw(0);
  next.focus({ preventScroll: true });
}

function mark(place) {
  document.querySelector("[data-wt-tour]")?.removeAttribute("data-wt-tour");
  place?.setAttribute("data-wt-tour", "");
}
