// Taking the text away: every format, and how subtitles are cut.

import { exportAddress, zipAddress } from "./api.js";
import { element, icon } from "./dom.js";
import { say } from "./page.js";

export const FORMATS = ["txt", "docx", "srt", "vtt", "lrc", "tsv", "json"];
const STYLE = "wt-subtitles"; // remembered in this browser
// characters: of a line, CJK characters count double; lines: of a cue; seconds: of a cue
const PRESETS = { none: {}, film: { characters: 42, lines: 2, seconds: 7 }, phone: { characters: 24, lines: 1, seconds: 4 } };
const LIMITS = { characters: [10, 100], lines: [1, 4], seconds: [1, 20] };

/** The chosen style as the export routes take it; empty: cues as they were recognised or edited. */
export function style() {
  try {
    return JSON.parse(localStorage.getItem(STYLE)) ?? {};
  } catch {
    return {};
  }
}

/**
 * A button with a menu of links. `addresses` has, for each content that can be chosen, `(format, style)` -> the link's
 * target; the first one is what is given unless another is chosen. `id` names the parts.
 */
export function downloadMenu(label, addresses, id = "wt-download") {
  const contents = Object.keys(addresses);
  const content = element("select", { id: `${id}-content`, class: "wt-field" }, ...contents.map((name) => element("option", { value: name }, say(`content_${name}`))));
  const links = FORMATS.map((format) =>
    element("a", { class: "wt-format", id: `${id}-${format}`, download: "" }, element("strong", {}, format.toUpperCase()), element("small", {}, say(`format_${format}`))),
  );
  const aim = () => links.forEach((link, index) => (link.href = addresses[content.value](FORMATS[index], subtitles(FORMATS[index]) ? style() : {})));
  content.addEventListener("change", aim);
  const choice = contents.length > 1 ? element("div", { class: "wt-style wt-content" }, element("label", { for: content.id }, say("content")), content) : null;
  const panel = element("div", { class: "wt-menu", id: `${id}s` }, ...[choice, element("div", { class: "wt-formats" }, ...links), styleFields(id, aim)].filter(Boolean));
  panel.hidden = true;
  const button = element("button", { class: "wt-secondary wt-strong", type: "button", id, "aria-expanded": "false", "aria-controls": panel.id }, icon("download", 17), label);
  const root = element("div", { class: "wt-menu-root" }, button, panel);
  const toggle = (open) => {
    panel.hidden = !open;
    button.setAttribute("aria-expanded", open);
  };
  button.addEventListener("click", () => toggle(panel.hidden));
  panel.addEventListener("click", (event) => event.target.closest("a") && toggle(false));
  root.addEventListener("keydown", (event) => event.key === "Escape" && (toggle(false), button.focus()));
  document.addEventListener("pointerdown", (event) => root.isConnected && !root.contains(event.target) && toggle(false));
  aim();
  return root;
}

const subtitles = (format) => format === "srt" || format === "vtt";

function styleFields(id, changed) {
  const preset = element("select", { id: `${id}-style`, class: "wt-field" }, ...[...Object.keys(PRESETS), "own"].map((name) => element("option", { value: name }, say(`style_${name}`))));
  const inputs = Object.entries(LIMITS).map(([name, [min, max]]) => element("input", { type: "number", class: "wt-field", id: `${id}-style-${name}`, name, min, max, inputmode: "numeric" }));
  const fields = element("div", { class: "wt-style-fields" }, ...inputs.map((input) => element("label", {}, element("span", {}, say(`style_${input.name}`)), input)));
  const save = (chosen) => {
    localStorage.setItem(STYLE, JSON.stringify(chosen));
    changed();
  };
  const fill = () => {
    const chosen = style();
    const known = Object.keys(PRESETS).find((name) => JSON.stringify(PRESETS[name]) === JSON.stringify(chosen));
    preset.value = known ?? "own";
    for (const input of inputs) input.value = chosen[input.name] ?? "";
    fields.hidden = preset.value === "none";
  };
  preset.addEventListener("change", () => {
    if (preset.value === "own") return (fields.hidden = false);
    save(PRESETS[preset.value]);
    return fill();
  });
  fields.addEventListener("change", () => {
    const given = inputs.filter((input) => input.value && input.reportValidity());
    save(Object.fromEntries(given.map((input) => [input.name, Number(input.value)])));
    preset.value = "own";
  });
  fill();
  return element("div", { class: "wt-style" }, element("label", { for: `${id}-style` }, say("style")), preset, fields);
}

/** A job's text and, where it has one, its translation (the id of that job), alone and both in one file. */
export const jobAddresses = (id, translation) => ({
  original: (format, chosen) => exportAddress(id, format, chosen),
  ...(translation && {
    english: (format, chosen) => exportAddress(translation, format, chosen),
    both: (format, chosen) => exportAddress(id, format, { ...chosen, beside: translation }),
  }),
});
export const batchAddresses = (ids) => ({ original: (format, chosen) => zipAddress(ids, format, chosen) });
