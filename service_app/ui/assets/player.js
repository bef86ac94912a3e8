// The recording: its picture where it has one, its waveform, and the controls. A click into the waveform plays from
// there; subtitles are a text track of the picture.

import { mediaAddress, peaksAddress } from "./api.js";
import { element, icon } from "./dom.js";
import { clock, say } from "./page.js";

const SPEEDS = [0.75, 1, 1.25, 1.5, 2];
const STEP = 5; // seconds of an arrow key

export class Player {
  /** `tick(seconds, playing)` is called as the recording plays and when it is moved. */
  constructor(tick) {
    this.tick = tick;
    this.peaks = null;
    this.known = 0; // duration as the server says, before the browser has read the file
    this.media = element("video", { preload: "metadata", playsinline: true, "aria-label": say("player") });
    this.media.hidden = true;
    this.track = this.media.addTextTrack("subtitles", say("subtitles"));
    this.play = element("button", { class: "wt-play", type: "button", id: "wt-play", onclick: () => this.toggle() });
    this.canvas = element("canvas", { class: "wt-wave", height: 44 });
    this.slider = element("div", { class: "wt-slider", role: "slider", tabindex: 0, "aria-label": say("position"), "aria-valuemin": 0, "aria-valuenow": 0 }, this.canvas);
    this.time = element("span", { class: "wt-clockline" });
    this.speed = element("button", { class: "wt-quiet wt-speed", type: "button", onclick: () => this.faster() });
    this.root = element("div", { class: "wt-player", role: "group", "aria-label": say("player") }, this.media, element("div", { class: "wt-row" }, this.play, this.slider, this.time, this.speed));
    this.listen();
    this.draw();
    this.rate(1);
  }

  listen() {
    const { media, slider } = this;
    for (const name of ["play", "pause", "ended", "seeked", "timeupdate", "durationchange"]) media.addEventListener(name, () => this.moved());
    media.addEventListener("loadedmetadata", () => {
      media.hidden = !media.videoWidth;
      this.track.mode = media.videoWidth ? "showing" : "hidden";
    });
    media.addEventListener("error", () => media.getAttribute("src") && this.root.classList.add("wt-unplayable")); // not every format plays in a browser
    slider.addEventListener("pointerdown", (event) => {
      slider.setPointerCapture(event.pointerId);
      this.point(event);
    });
    slider.addEventListener("pointermove", (event) => slider.hasPointerCapture(event.pointerId) && this.point(event));
    slider.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP, Home: -Infinity, End: Infinity };
      if (event.key in steps) this.seek(this.media.currentTime + steps[event.key]);
      else if (event.key === " ") this.toggle();
      else return;
      event.preventDefault();
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  load(id) {
    this.media.src = mediaAddress(id);
    this.id = id;
  }

  /** The server has read the recording: its length and its loudness are known. */
  async measured(duration) {
    if (this.known === duration) return;
    this.known = duration;
    this.moved();
    const answer = await fetch(peaksAddress(this.id)).catch(() => null);
    if (!answer?.ok) return;
    this.peaks = new Uint8Array(await answer.arrayBuffer());
    this.draw();
  }

  get duration() {
    return Number.isFinite(this.media.duration) ? this.media.duration : this.known;
  }

  seek(seconds, play = false) {
    this.media.currentTime = Math.min(Math.max(0, seconds), this.duration || 0);
    if (play) this.media.play().catch(() => {}); // the player itself shows what it cannot play
  }

  toggle() {
    if (this.media.paused) this.media.play().catch(() => {});
    else this.media.pause();
  }

  faster() {
    this.rate(SPEEDS[(SPEEDS.indexOf(this.media.playbackRate) + 1) % SPEEDS.length]);
  }

  rate(speed) {
    this.media.playbackRate = speed;
    this.speed.textContent = `${speed}×`;
    this.speed.setAttribute("aria-label", say("speed", { speed }));
  }

  captions(segments) {
    for (const cue of [...(this.track.cues ?? [])]) this.track.removeCue(cue);
    if (this.media.hidden) return;
    for (const segment of segments) {
      const text = segment.text.trim().replace(/&/g, "&amp;").replace(/</g, "&lt;");
      if (text) this.track.addCue(new VTTCue(segment.start, Math.max(segment.end, segment.start + 0.1), text));
    }
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    this.seek(((event.clientX - box.left) / box.width) * this.duration);
  }

  moved() {
    const { currentTime, paused } = this.media;
    const label = say(paused ? "play" : "pause");
    if (this.play.getAttribute("aria-label") !== label) {
      this.play.replaceChildren(icon(paused ? "play" : "pause", 20));
      this.play.setAttribute("aria-label", label);
    }
    this.time.textContent = `${clock(currentTime)} / ${clock(this.duration)}`;
    this.slider.setAttribute("aria-valuemax", Math.round(this.duration));
    this.slider.setAttribute("aria-valuenow", Math.round(currentTime));
    this.slider.setAttribute("aria-valuetext", this.time.textContent);
    this.draw();
    this.tick(currentTime, !paused);
    if (!paused && !this.frame) {
      // timeupdate comes four times a second, words are shorter
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.moved();
      });
    }
  }

  draw() {
    if (!this.play.firstChild) this.moved();
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale)) this.canvas.width = Math.round(width * scale);
    if (this.canvas.height !== Math.round(height * scale)) this.canvas.height = Math.round(height * scale);
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.canvas);
    const played = this.duration ? (this.media.currentTime / this.duration) * width : 0;
    for (let x = 0; x + 2 <= width; x += 3) {
      const loud = this.peaks?.length ? this.peaks[Math.floor((x / width) * this.peaks.length)] / 255 : 0;
      const tall = Math.max(2, loud * (height - 4));
      pen.fillStyle = style.getPropertyValue(x < played ? "--wt-accent" : "--wt-wave");
      pen.fillRect(x, (height - tall) / 2, 2, tall);
    }
  }
}
