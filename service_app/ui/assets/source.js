// The first card: a recording comes from a file, the microphone or one of our clips; then it is shown with a player.

import { element, icon, notice } from "./dom.js";
import { clock, config, say, size } from "./page.js";
import { microphoneProblem, record } from "./recorder.js";
import { choose, events, objection } from "./work.js";

const MOST = 100; // recordings at once
// Containers that browsers do not file under audio/* or video/*.
const ACCEPT = "audio/*,video/*,.m4a,.flac,.opus,.mkv,.amr,.wma,.caf,.aiff";

export function mount(root) {
  const problem = element("div", { class: "wt-problem" });
  const body = element("div", {});
  const input = element("input", { type: "file", multiple: true, accept: ACCEPT, class: "wt-unseen", id: "wt-file", tabindex: "-1" });
  input.setAttribute("aria-label", say("browse"));
  const card = element("section", { class: "wt-source", "aria-label": say("source") }, input, body, problem);
  let chosen = [];
  let adding = false; // the next files come beside those that are chosen
  let sent = false; // what is chosen is on its way; the next files take its place
  let preview = null; // object URL of the chosen file

  const complain = (text) => problem.replaceChildren(...(text ? [notice("error", text)] : []));

  /** Files that cannot be taken are named; the others are chosen, beside those that are chosen already. */
  function take(files, more = false) {
    const refused = files.map((file) => objection(file)).filter(Boolean);
    const good = files.filter((file) => !objection(file));
    const before = more ? chosen : [];
    if (good.length) choose([...before, ...good].slice(0, MOST));
    complain(refused.join(" "));
  }

  input.addEventListener("change", () => {
    take([...input.files], adding);
    adding = false;
    input.value = ""; // the same file may be chosen again
  });
  for (const name of ["dragenter", "dragover"]) {
    card.addEventListener(name, (event) => {
      event.preventDefault();
      card.classList.add("wt-over");
    });
  }
  card.addEventListener("dragleave", (event) => {
    if (!card.contains(event.relatedTarget)) card.classList.remove("wt-over");
  });
  card.addEventListener("drop", (event) => {
    event.preventDefault();
    card.classList.remove("wt-over");
    take([...event.dataTransfer.files], !sent);
  });

  function drawEmpty() {
    const browse = { class: "wt-drop", type: "button", id: "wt-browse", onclick: () => input.click() };
    body.replaceChildren(
      element(
        "button",
        browse,
        element("span", { class: "wt-round" }, icon("upload", 22)),
        element("strong", {}, say("drop")),
        element("span", { class: "wt-link" }, say("browse")),
        element("small", {}, say("drop_hint", { size: size(config.maxUploadBytes) })),
      ),
      element(
        "button",
        { class: "wt-secondary wt-wide", type: "button", id: "wt-record", onclick: startRecording },
        icon("mic", 18),
        say("record"),
      ),
      linkField(),
      element("div", { class: "wt-demo" }, element("span", {}, say("demo")), ...config.clips.map(clipButton)),
    );
  }

  function clipButton(clip) {
    const label = say(`demo_${clip.language}`);
    const pick = async () => {
      try {
        const answer = await fetch(`${config.assets}/clips/${clip.file}`);
        if (!answer.ok) throw new TypeError("no clip");
        take([new File([await answer.blob()], clip.file, { type: "audio/wav" })]);
      } catch {
        complain(say("error_clip"));
      }
    };
    return element("button", { class: "wt-chip", type: "button", id: `wt-demo-${clip.language}`, onclick: pick }, label);
  }

  /** A recording that lies elsewhere; the server fetches it. */
  function linkField() {
    const field = element("input", { type: "url", class: "wt-field", id: "wt-link-field", placeholder: say("link_hint"), "aria-label": say("link"), autocomplete: "off", spellcheck: "false" });
    return element("div", { class: "wt-link-row" }, icon("link", 17), field);
  }

  function fileRow(file) {
    const about = element("small", {}, size(file.size));
    const remove = () => choose(chosen.filter((each) => each !== file));
    const row = element(
      "div",
      { class: "wt-file" },
      element("span", { class: "wt-round" }, icon("file", 20)),
      element("div", { class: "wt-file-name" }, element("strong", { title: file.name }, file.name), about),
      element("button", { class: "wt-quiet wt-square", type: "button", "aria-label": `${say("remove")}: ${file.name}`, title: say("remove"), onclick: remove }, icon("close", 18)),
    );
    return { row, about };
  }

  function drawChosen() {
    const rows = chosen.map(fileRow);
    const more = element("button", { class: "wt-quiet", type: "button", id: "wt-more", onclick: () => ((adding = !sent), input.click()) }, icon("plus", 17), say("add_more"));
    const box = element("div", { class: "wt-chosen" }, element("div", { class: "wt-files" }, ...rows.map(({ row }) => row)));
    if (chosen.length === 1) {
      const [file] = chosen;
      preview = URL.createObjectURL(file);
      const player = element("audio", { controls: true, preload: "metadata", src: preview, "aria-label": say("player") });
      player.addEventListener("loadedmetadata", () => {
        if (Number.isFinite(player.duration)) rows[0].about.textContent = `${clock(player.duration)} · ${size(file.size)}`;
      });
      player.addEventListener("error", () => player.remove()); // not every format plays in a browser
      box.append(player);
    }
    const total = chosen.reduce((sum, file) => sum + file.size, 0);
    const sum = chosen.length > 1 ? element("small", { class: "wt-hint" }, say("files", { count: chosen.length, size: size(total) })) : null;
    body.replaceChildren(box, element("div", { class: "wt-row wt-more-row" }, more, sum));
  }

  async function startRecording() {
    complain(null);
    const refused = microphoneProblem();
    if (refused) return complain(refused);
    const time = element("output", { class: "wt-clock" }, "0:00");
    const level = element("span", { class: "wt-level" });
    let session;
    try {
      session = await record((seconds, loudness) => {
        time.textContent = clock(seconds);
        level.style.setProperty("--level", loudness.toFixed(2));
      });
    } catch (error) {
      return complain(error.message);
    }
    const finish = async () => {
      const file = await session.stop();
      if (file) return take([file]);
      drawEmpty();
      complain(say("error_record_empty"));
    };
    const discard = () => {
      session.discard();
      drawEmpty();
    };
    const stop = element(
      "button",
      { class: "wt-secondary wt-danger", type: "button", id: "wt-record-stop", onclick: finish },
      icon("stop", 18),
      say("record_stop"),
    );
    body.replaceChildren(
      element(
        "div",
        { class: "wt-recording" },
        element("div", { class: "wt-live", role: "status" }, element("i", {}), say("recording")),
        time,
        level,
        element("div", { class: "wt-row" }, stop, element("button", { class: "wt-quiet", type: "button", onclick: discard }, say("record_discard"))),
      ),
    );
    stop.focus();
  }

  events.addEventListener("source", ({ detail: files }) => {
    if (preview) URL.revokeObjectURL(preview);
    preview = null;
    chosen = files;
    sent = false;
    complain(null);
    if (files.length) drawChosen();
    else drawEmpty();
  });
  events.addEventListener("busy", ({ detail }) => detail && (sent = true));
  // Without anything chosen the button cannot begin; say so where something can be chosen.
  events.addEventListener("refused", ({ detail }) => detail.nothing && complain(detail.text));

  drawEmpty();
  root.replaceChildren(card);
}
