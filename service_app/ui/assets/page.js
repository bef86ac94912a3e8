// What the server told this page (user, language, limits, models), its texts, and how numbers are written.

export const config = JSON.parse(document.getElementById("wt-config").textContent);

/** The text `key` in the page's language, with {placeholders} filled in. */
export function say(key, values = {}) {
  return config.messages[`wt_${key}`].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** 4096 -> "4.0 KB" */
export function size(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return `${unit && bytes < 100 ? bytes.toFixed(bytes < 10 ? 1 : 0) : Math.round(bytes)} ${units[unit]}`;
}

/** Seconds as 0:07, 12:34 or 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** A span of work: "2.4 s", "3:05". */
export function elapsed(seconds) {
  return seconds < 60 ? say("seconds", { count: seconds.toFixed(1) }) : clock(seconds);
}

/** A longer span, in words: "40 s", "12 min", "3.5 h". */
export function span(seconds) {
  if (seconds < 90) return say("seconds", { count: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return say("minutes", { count: Math.round(seconds / 60) });
  return say("hours", { count: (seconds / 3600).toFixed(1) });
}

/** The language's own name as the browser knows it, else its code. */
export function languageName(code) {
  try {
    return new Intl.DisplayNames([config.language], { type: "language" }).of(code);
  } catch {
    return code;
  }
}

/** How long the text is, as people of its language count: characters for Chinese and Japanese, else words. */
export function length(text) {
  const characters = text.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu) ?? [];
  if (characters.length > text.length / 4) return say("words_zh", { count: characters.length });
  return say("words", { count: text.split(/\s+/).filter(Boolean).length });
}
