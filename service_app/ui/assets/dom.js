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
  play: "M8 5.5v13l11-6.5z",
  pause: "M9 6v12M15 6v12",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.5 15.5 20.5 20.5",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 7.5V12l3 2.5",
  gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM10.3 3h3.4l.5 2.6 1.9 1.1 2.5-.9 1.7 3-2 1.7v2.3l2 1.7-1.7 3-2.5-.9-1.9 1.1-.5 2.6h-3.4l-.5-2.6-1.9-1.1-2.5.9-1.7-3 2-1.7v-2.3l-2-1.7 1.7-3 2.5.9 1.9-1.1z",
  pencil: "M4 20l1-4.5L16 4.5a1.5 1.5 0 0 1 2.2 0l1.3 1.3a1.5 1.5 0 0 1 0 2.2L8.5 19z",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5",
  again: "M19 12a7 7 0 1 1-2-4.9M17 3v4.3h-4.3",
  undo: "M9 6 4.5 10.5 9 15M4.5 10.5H14a5 5 0 0 1 0 10h-3",
  redo: "M15 6l4.5 4.5L15 15M19.5 10.5H10a5 5 0 0 0 0 10h3",
  split: "M12 4v5m0 6v5M4 12h4.5M15.5 12H20M6 9.5 8.5 12 6 14.5M18 9.5 15.5 12l2.5 2.5",
  merge: "M12 4v16M3.5 12H9m6 0h5.5M6.5 9.5 9 12l-2.5 2.5M17.5 9.5 15 12l2.5 2.5",
  plus: "M12 5v14M5 12h14",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5h4",
  leave: "M14 4h5v16h-5M4 12h10m0 0-4-4m4 4-4 4",
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
