// The top bar: history, settings, light or dark, the language, whose session this is, and the way out.

import { applyTheme, setLanguage, setTheme } from "./appearance.js";
import { element, icon } from "./dom.js";
import { openHistory } from "./history.js";
import { config, say } from "./page.js";
import { openSettings } from "./settings.js";
import { firstVisit } from "./tour.js";

export function mount(root) {
  applyTheme();
  const brand = element("div", { class: "wt-brand" }, element("img", { src: "/favicon.svg", alt: "", width: 30, height: 30 }), element("h1", {}, say("brand")));
  const theme = element("button", { class: "wt-quiet wt-square", type: "button", id: "wt-theme" });
  const label = () => {
    const text = say(dark() ? "switch_light" : "switch_dark");
    theme.replaceChildren(icon(dark() ? "sun" : "moon", 18));
    theme.setAttribute("aria-label", text);
    theme.title = text;
  };
  theme.addEventListener("click", () => (setTheme(dark() ? "light" : "dark"), label()));
  new MutationObserver(label).observe(document.body, { attributeFilter: ["class"] });
  label();
  const tool = (id, symbol, key, action) => element("button", { class: "wt-quiet wt-named", type: "button", id, onclick: action, "aria-label": say(key) }, icon(symbol, 18), element("span", {}, say(key)));
  const language = element("button", { class: "wt-quiet", type: "button", id: "wt-language-switch", lang: other(), onclick: () => setLanguage(other()), "aria-label": say("switch_language") }, element("span", { class: "wt-long" }, say("switch_language")), element("span", { class: "wt-short" }, other() === "en" ? "EN" : "中"));
  const user = element("span", { class: "wt-user", title: say("signed_in", { user: config.user }) }, config.user);
  const leave = element("button", { class: "wt-quiet wt-named", type: "button", id: "wt-logout", onclick: logout, "aria-label": say("logout") }, icon("leave", 18), element("span", {}, say("logout")));
  root.replaceChildren(
    element("header", { class: "wt-bar" }, brand, tool("wt-history-open", "clock", "history", () => openHistory(root)), tool("wt-settings-open", "gear", "settings", () => openSettings(root)), theme, language, user, leave),
  );
  firstVisit();
}

const dark = () => document.body.classList.contains("dark");
const other = () => (config.language === "zh-CN" ? "en" : "zh-CN");

async function logout() {
  const answer = await fetch("/logout", { method: "POST", redirect: "manual" }).catch(() => null);
  if (answer && (answer.ok || answer.type === "opaqueredirect")) location.assign("/login");
  else document.getElementById("wt-logout").title = say("logout_failed");
}
