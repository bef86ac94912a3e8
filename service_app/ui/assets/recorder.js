// The microphone. Browsers give it to secure pages only (https, or this machine itself).

import { say } from "./page.js";

const FORMATS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const ENDINGS = { "audio/webm": "webm", "audio/mp4": "m4a", "audio/ogg": "ogg" };

/** Why there is no microphone on this page, or null. */
export function microphoneProblem() {
  if (window.isSecureContext && navigator.mediaDevices && window.MediaRecorder) return null;
  return say("error_mic_insecure", { address: `https://${location.hostname}/` });
}

/**
 * Begins to record; `hear(seconds, loudness 0..1)` is called many times a second. The session has `stop()`, which gives
 * the File (or null when nothing was recorded), and `discard()`. Throws an Error whose message is for the user.
 */
export async function record(hear) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    const reasons = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing" };
    throw new Error(say(`error_mic_${reasons[error.name] ?? "busy"}`));
  }
  const type = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const pieces = [];
  recorder.addEventListener("dataavailable", (event) => event.data.size && pieces.push(event.data));

  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const begun = performance.now();
  let frame = requestAnimationFrame(function look() {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // Speech is about -50 to -10 dB.
    const loudness = Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-10) + 55) / 45));
    hear((performance.now() - begun) / 1000, loudness);
    frame = requestAnimationFrame(look);
  });
  recorder.start(1000); // a piece each second: a crash of the encoder costs one second

  function end() {
    cancelAnimationFrame(frame);
    const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
    recorder.stop();
    for (const track of stream.getTracks()) track.stop(); // the browser's recording sign goes out
    context.close();
    return ended;
  }

  return {
    async stop() {
      await end();
      if (!pieces.length) return null;
      const kind = recorder.mimeType.split(";")[0];
      const when = new Date().toLocaleString("sv").replace(" ", "-").replaceAll(":", "");
      return new File(pieces, `${say("recording_name")}-${when}.${ENDINGS[kind] ?? "webm"}`, { type: kind });
    },
    discard: end,
  };
}
