// Light or dark, Chinese or English; remembered in this browser.

const THEME = "wt-theme"; // without it the system decides
const system = matchMedia("(prefers-color-scheme: dark)");

export const theme = () => localStorage.getItem(THEME) ?? "system";

export function setTheme(name) {
  if (name === "system") localStorage.removeItem(THEME);
  else localStorage.setItem(THEME, name);
  applyTheme();
}

export function applyTheme() {
  const dark = theme() === "dark" || (theme() === "system" && system.matches);
  document.body.classList.toggle("dark", dark);
}

system.addEventListener("change", applyTheme);

export function setLanguage(language) {
  document.cookie = `lang=${language}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
}
