// The settings: the account, keys for programs with examples, use of the service, and how the page looks.

import { element } from "./dom.js";
import { keysPanel } from "./keys.js";
import { Problem, request } from "./api.js";
import { config, say } from "./page.js";
import { attempt, openSheet } from "./sheet.js";
import { setLanguage, setTheme, theme } from "./appearance.js";
import { usagePanel } from "./usage.js";

const PANELS = { keys: keysPanel, usage: usagePanel, account: accountPanel, look: lookPanel };

export function openSettings(root, chosen = "keys") {
  const place = element("div", { class: "wt-panel", role: "tabpanel", id: "wt-panel", tabindex: 0 });
  const tabs = Object.keys(PANELS).map((name) => element("button", { type: "button", role: "tab", id: `wt-tab-${name}`, "aria-controls": "wt-panel", onclick: () => pick(name) }, say(`settings_${name}`)));
  const row = element("div", { class: "wt-tabs", role: "tablist", "aria-label": say("settings") }, ...tabs);
  row.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = tabs[(tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true") + step + tabs.length) % tabs.length];
    next.click();
    next.focus();
  });
  const pick = (name) => {
    for (const tab of tabs) {
      const on = tab.id === `wt-tab-${name}`;
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
    }
    place.setAttribute("aria-labelledby", `wt-tab-${name}`);
    PANELS[name](place);
  };
  openSheet(root, "middle", say("settings"), "wt-settings", row, place);
  pick(chosen);
}

function accountPanel(place) {
  const message = element("div", { class: "wt-problem" });
  const field = (name, complete) => element("input", { type: "password", class: "wt-field", id: `wt-${name}`, autocomplete: complete, required: true, maxlength: 512 });
  const current = field("password-current", "current-password");
  const fresh = field("password-new", "new-password");
  const again = field("password-again", "new-password");
  const label = (input, key) => element("label", { class: "wt-stack" }, element("span", {}, say(key)), input);
  const form = element(
    "form",
    { class: "wt-form" },
    element("p", { class: "wt-hint" }, say("signed_in", { user: config.user })),
    element("input", { type: "text", class: "wt-unseen", autocomplete: "username", value: config.user, tabindex: -1, readonly: true, "aria-hidden": "true" }),
    label(current, "password_current"),
    label(fresh, "password_new"),
    label(again, "password_again"),
    element("p", { class: "wt-hint" }, say("password_hint")),
    message,
    element("button", { class: "wt-secondary wt-strong", id: "wt-password-save" }, say("password_save")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const worked = await attempt(message, async () => {
      if (fresh.value !== again.value) throw new Problem("refused", say("password_differs"));
      await request("/api/password", { method: "PUT", json: { current: current.value, new: fresh.value } });
    });
    if (!worked) return;
    form.reset();
    message.replaceChildren(element("p", { role: "status", class: "wt-good", id: "wt-password-saved" }, say("password_saved")));
  });
  place.replaceChildren(form);
}

function lookPanel(place) {
  const choice = (name, options, value, set) =>
    element("fieldset", { class: "wt-choice" }, element("legend", {}, say(name)), ...options.map(([code, label]) => {
      const input = element("input", { type: "radio", name: `wt-${name}`, value: code, checked: code === value });
      input.addEventListener("change", () => set(code));
      return element("label", {}, input, label);
    }));
  place.replaceChildren(
    choice("theme", ["system", "light", "dark"].map((code) => [code, say(`theme_${code}`)]), theme(), setTheme),
    choice("interface", [["zh-CN", "中文"], ["en", "English"]], config.language, setLanguage),
  );
}
