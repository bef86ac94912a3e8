// Segments as values: where their words are in the text, and what editing makes of them. Nothing here is changed in
// place, so that an older list of segments can be shown again (undo).

const CJK = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}";
const TOKEN = new RegExp(`[${CJK}]|[^\\s${CJK}]+`, "gu");
const UNSURE = 0.5; // below this probability a word is worth a second look

/** The words with their places in the shown text: [{word, from, to}]. */
export function places(segment) {
  const text = segment.text.trim();
  const found = [];
  let at = 0;
  for (const word of segment.words ?? []) {
    const shown = word.text.trim();
    const from = shown ? text.indexOf(shown, at) : -1;
    if (from < 0) continue;
    found.push({ word, from, to: (at = from + shown.length) });
  }
  return found;
}

/** A person's words have no probability to doubt. */
export const unsure = (word) => word.probability != null && word.probability < UNSURE;

/** When the character at `offset` of the shown text is heard. */
export function timeAt(segment, offset) {
  const found = places(segment).findLast(({ from }) => from <= offset);
  if (found) return found.word.start;
  return segment.start + (segment.end - segment.start) * (offset / Math.max(1, segment.text.trim().length));
}

/** With new text. Words at the beginning and the end that stayed keep their times; those between share the time left. */
export function rewritten(segment, text) {
  const shown = text.replace(/\s+/g, " ").trim();
  const lead = /^\s*/.exec(segment.text)[0];
  const old = segment.words ?? [];
  if (!old.length) return { ...segment, text: lead + shown };
  const tokens = shown.match(TOKEN) ?? [];
  const same = (word, token) => word?.text.trim() === token;
  let head = 0;
  while (head < tokens.length && same(old[head], tokens[head])) head += 1;
  let tail = 0;
  while (tail < Math.min(tokens.length, old.length) - head && same(old[old.length - 1 - tail], tokens[tokens.length - 1 - tail])) tail += 1;
  const begin = head ? old[head - 1].end : segment.start;
  const end = tail ? old[old.length - tail].start : segment.end;
  const fresh = tokens.slice(head, tokens.length - tail);
  const step = Math.max(0, end - begin) / Math.max(1, fresh.length);
  const typed = fresh.map((token, index) => ({ start: begin + index * step, end: begin + (index + 1) * step, text: ` ${token}`, probability: 1 }));
  return { ...segment, text: lead + shown, words: [...old.slice(0, head), ...typed, ...old.slice(old.length - tail)] };
}

/** Two segments, parted at a place in the shown text; null where one of them would be empty. */
export function split(segment, offset) {
  const text = segment.text.trim();
  const [left, right] = [text.slice(0, offset).trim(), text.slice(offset).trim()];
  if (!left || !right) return null;
  const lead = /^\s*/.exec(segment.text)[0];
  const words = places(segment);
  const second = words.filter(({ from, to }) => (from + to) / 2 >= offset);
  const first = words.filter((place) => !second.includes(place));
  const cut = second[0]?.word.start ?? timeAt(segment, offset);
  return [
    { ...segment, text: lead + left, end: first.at(-1)?.word.end ?? cut, words: first.map(({ word }) => word) },
    { ...segment, text: lead + right, start: cut, words: second.map(({ word }) => word) },
  ];
}

/** One segment out of two neighbours. */
export function merged(first, second) {
  const joint = /^\s/.test(second.text) || new RegExp(`[${CJK}]$`, "u").test(first.text) ? "" : " ";
  return {
    ...first,
    end: second.end,
    text: first.text.trimEnd() + joint + second.text,
    words: [...(first.words ?? []), ...(second.words ?? [])],
  };
}
