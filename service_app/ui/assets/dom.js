// Elements from data. Text always goes in as text nodes: what a model or a file name says is never read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** element("button", {class: "x", onclick: f, disabled: true}, "text", child, null) */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

const PATHS = {
  upload: "M12 16V4m0 0L7 9m5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3",
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5 11a7 7 0 0 0 14 0M12 18v3",
  stop: "M7 7h10v10H7z",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  download: "M12 4v12m0 0 5-5m-5 5-5-5M4 20h16",
  check: "M5 12.5 10 17.5 19 7.5",
  alert: "M12 8v5m0 3.5v.5M12 3 2.5 20h19z",
  wave: "M4 10v4M8 6v12M12 3v18M16 7v10M20 10v4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.5 1.5m11 11L19 19M19 5l-1.5 1.5m-11 11L5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  file: "M14 3H6v18h12V7zM14 3v4h4",
  silence: "M4 10v4M8 8v8M12 11v2M16 9v6M20 11v2M3 3l18 18",
};

/** A line icon, decoration only: the words beside it say what it means. */
export function icon(name, size = 20) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const attributes = { width: size, height: size, viewBox: "0 0 24 24", fill: "none", "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const line = { d: PATHS[name], stroke: "currentColor", "stroke-width": 1.75 };
  for (const [key, value] of Object.entries(line)) path.setAttribute(key, value);
  path.setAttribute("stroke-linecap", "round");
  path.setAttribute("stroke-linejoin", "round");
  svg.append(path);
  return svg;
}

/** A message with its icon; kind "error" is read out at once by screen readers, "note" when they get to it. */
export function notice(kind, text, ...more) {
  return element(
    "div",
    { class: `wt-notice wt-notice-${kind}`, role: kind === "error" ? "alert" : "status" },
    icon("alert", 18),
    element("div", {}, element("span", {}, text), ...more),
  );
}
