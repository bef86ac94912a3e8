// How much was transcribed, how fast, and how the machine is.

import { request } from "./api.js";
import { element } from "./dom.js";
import { config, say, size, span } from "./page.js";
import { attempt } from "./sheet.js";

const DAYS = 30;

export function usagePanel(place) {
  const message = element("div", { class: "wt-problem" });
  const body = element("div", { class: "wt-usage" }, element("p", { class: "wt-hint" }, say("loading")));
  place.replaceChildren(message, body);
  attempt(message, async () => body.replaceChildren(...draw(await request(`/api/usage?days=${DAYS}`))));
}

function draw({ jobs, seconds, speed, days, disk, devices }) {
  const number = (value) => value.toLocaleString(config.language);
  const tile = (label, value) => element("div", { class: "wt-tile" }, element("span", {}, label), element("strong", {}, value));
  const tiles = element("div", { class: "wt-tiles", id: "wt-usage" }, tile(say("usage_audio", { days: DAYS }), span(seconds)), tile(say("usage_jobs"), number(jobs)), tile(say("usage_speed"), speed ? say("usage_times", { times: number(Math.round(speed * 10) / 10) }) : "–"), disk?.free != null ? tile(say("usage_disk"), size(disk.free)) : null);
  const most = Math.max(1, ...days.map((day) => day.seconds));
  const heard = new Map(days.map((day) => [day.day, day.seconds]));
  const bars = Array.from({ length: DAYS }, (_, ago) => {
    const day = new Date(Date.now() - (DAYS - 1 - ago) * 86_400_000).toISOString().slice(0, 10);
    const bar = element("i", { title: `${day}: ${span(heard.get(day) ?? 0)}` });
    bar.style.blockSize = `${((heard.get(day) ?? 0) / most) * 100}%`;
    return bar;
  });
  const chart = days.length ? element("div", { class: "wt-chart", role: "img", "aria-label": say("usage_chart", { days: DAYS, time: span(seconds) }) }, ...bars) : null;
  const machines = (devices ?? []).map((device) => element("li", { "data-alive": device.alive }, element("strong", {}, device.name), element("span", {}, device.description || say(device.alive ? "device_ready" : "device_dead"))));
  return [tiles, chart, element("h3", {}, say("devices")), element("ul", { class: "wt-devices" }, ...machines)].filter(Boolean);
}
