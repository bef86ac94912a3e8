// The top bar: whose session this is, the language, light or dark, and the way out.

import { element, icon } from "./dom.js";
import { config, say } from "./page.js";

const THEME = "wt-theme"; // remembered in this browser; without it the system decides

export function mount(root) {
  applyTheme();
  const brand = element("div", { class: "wt-brand" });
  brand.append(element("img", { src: "/favicon.svg", alt: "", width: 30, height: 30 }));
  brand.append(element("h1", {}, say("brand")));
  const theme = element("button", { class: "wt-quiet wt-square", type: "button", onclick: switchTheme });
  const language = element(
    "button",
    { class: "wt-quiet", type: "button", id: "wt-language-switch", onclick: switchLanguage },
    say("switch_language"),
  );
  const user = element("span", { class: "wt-user", title: say("signed_in", { user: config.user }) }, config.user);
  const leave = element("button", { class: "wt-quiet", type: "button", id: "wt-logout", onclick: logout }, say("logout"));
  root.replaceChildren(element("header", { class: "wt-bar" }, brand, theme, language, user, leave));
  labelTheme(theme);

  function switchTheme() {
    localStorage.setItem(THEME, dark() ? "light" : "dark");
    applyTheme();
    labelTheme(theme);
  }
}

const dark = () => document.body.classList.contains("dark");

function applyTheme() {
  const wanted = localStorage.getItem(THEME);
  if (wanted) document.body.classList.toggle("dark", wanted === "dark");
}

function labelTheme(button) {
  const label = say(dark() ? "theme_light" : "theme_dark");
  button.replaceChildren(icon(dark() ? "sun" : "moon", 18));
  button.setAttribute("aria-label", label);
  button.title = label;
}

function switchLanguage() {
  const other = config.language === "zh-CN" ? "en" : "zh-CN";
  document.cookie = `lang=${other}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
}

async function logout(event) {
  const answer = await fetch("/logout", { method: "POST", redirect: "manual" }).catch(() => null);
  if (answer && (answer.ok || answer.type === "opaqueredirect")) location.assign("/login");
  else event.target.title = say("logout_failed");
}
