// Runs in the page before its own scripts: notes when each WebSocket opened and how
// often events were refused, and reads from the pixels of
// every picture that a <video> presents which film it is of and which of its pictures.
"use strict";

const CELLS = 16;
window.sockets = [];
window.refusals = 0;
window.pictures = {};
window.errors = [];
addEventListener("error", ({ message }) => errors.push(message));
addEventListener("unhandledrejection", ({ reason }) => errors.push(String(reason)));
addEventListener("securitypolicyviolation", ({ violatedDirective }) => errors.push(violatedDirective));

window.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    const entry = { stream: decodeURIComponent(new URL(this.url).pathname.replace("/live/", "")), opened: null, closed: null };
    sockets.push(entry);
    this.addEventListener("open", () => { entry.opened = Date.now(); });
    this.addEventListener("close", () => { entry.closed = Date.now(); });
  }
};

window.EventSource = class extends EventSource {
  constructor(...args) {
    super(...args);
    // A refusal ends it, a lost connection does not.
    this.addEventListener("error", () => { if (this.readyState === EventSource.CLOSED) refusals += 1; });
  }
};

function watch(video) {
  const canvas = document.createElement("canvas");
  canvas.width = CELLS;
  canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const stream = video.closest("article").dataset.stream;
  const list = pictures[stream] ??= [];
  const look = (now, { expectedDisplayTime, mediaTime }) => {
    const shown = Date.now() + Math.max(0, expectedDisplayTime - performance.now());
    const cell = video.videoWidth / CELLS;
    context.drawImage(video, 0, cell * 0.25, video.videoWidth, cell * 0.5, 0, 0, CELLS, 1);
    const pixels = context.getImageData(0, 0, CELLS, 1).data;
    let code = 0;
    for (let bit = 0; bit < CELLS; bit += 1) if (pixels[4 * bit + 1] > 127) code |= 1 << bit;
    list.push([shown, code & 0xff, code >> 8 & 0x7f, code >> 15, 1000 * mediaTime]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}

const known = new WeakSet();
new MutationObserver(() => {
  for (const video of document.querySelectorAll("article video")) {
    if (known.has(video)) continue;
    known.add(video);
    watch(video);
  }
}).observe(document, { subtree: true, childList: true });
