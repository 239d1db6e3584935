// One live picture: what comes over a WebSocket, through MediaSource, into a <video>.
//
// The WebSocket brings texts ("media" before an initialisation segment, "state", "error") and the
// segments, each of one track. When it ends it is opened again, after pauses that grow.
//
// While nobody listens the sound is left out: a browser plays nothing until it has some hundred
// milliseconds of sound, and the picture would be as late.

import { pathOf } from "./api.js";
import { LiveEdge } from "./edge.js";
import { beginsAnew, joined, onlyTrack, pictureTrack, trackOf } from "./mp4.js";
import { codecs } from "./words.js";

const Source = window.MediaSource ?? window.ManagedMediaSource;

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 8000;
/** Who has played for so long begins anew with short pauses. */
const STEADY_MS = 5000;
/** A connection that brings nothing for so long is dead. */
const SILENCE_MS = 20000;
/** How long to wait for the reason of a refusal. */
const REFUSAL_MS = 5000;
/** What is behind the playing position is kept so long at least, and dropped in whole groups. */
const KEEP_S = 4;
const DROP_S = 12;
/** More than that waiting for the decoder means that it does not keep up at all. */
const QUEUE_MOST = 24 << 20;

/** What a player is about. */
export const Phase = Object.freeze({
  OFF: "off", WAITING: "waiting", PLAYING: "playing", FAILED: "failed", UNSUPPORTED: "unsupported",
});

export class Player {
  /** How it stands: `phase`; the stream's `state`, `reason`, `retryAt` as told; `error`, in words; `sound`: whether there is any. */
  view = { phase: Phase.OFF, state: null, reason: null, retryAt: null, error: null, sound: false };

  #name;
  #video;
  #edge;
  #tell;
  #wanted = false;
  #socket = null;
  #failures = 0;
  #timer;
  #watchdog;
  #heard = 0;
  #opened = false;
  #began = 0;
  #source = null;
  #buffer = null;
  #mime = null;
  #track = null;
  #silent = false;
  #queue = [];
  #queued = 0;
  #keys = [];
  #fresh = true;
  #listening = false;

  /** `tell()` is called when `view` has changed. */
  constructor(video, name, tell) {
    this.#video = video;
    this.#name = name;
    this.#tell = tell;
    this.#edge = new LiveEdge(video);
    video.muted = true;
    for (const event of ["loadeddata", "playing"]) video.addEventListener(event, () => this.#shown());
    video.addEventListener("error", () => this.#broken());
  }

  /** Begins, if it has not. */
  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#failures = 0;
    this.#open();
  }

  /** Lets go of the stream; the last picture stays. */
  stop() {
    this.#wanted = false;
    this.#close();
    this.#video.pause();
    this.#set({ phase: Phase.OFF, state: null, reason: null, retryAt: null, error: null });
  }

  get listening() {
    return this.#listening;
  }

  /** With sound or without: begins anew, for which the relay has a picture at hand. */
  listen(yes) {
    if (this.#listening === yes) return;
    this.#listening = yes;
    this.#video.muted = !yes;
    if (!this.#socket) return;
    this.#close();
    this.#open();
  }

  /** Tries at once if it is waiting to try again. */
  hurry() {
    const { phase } = this.view;
    if (this.#wanted && !this.#socket && (phase === Phase.FAILED || phase === Phase.UNSUPPORTED)) this.#open();
  }

  #set(change) {
    this.view = { ...this.view, ...change };
    this.#tell();
  }

  #open() {
    clearTimeout(this.#timer);
    if (!Source) {
      this.#set({ phase: Phase.UNSUPPORTED, error: "This browser cannot play live video: it has no Media Source Extensions" });
      return;
    }
    this.#set({ phase: Phase.WAITING, error: null, retryAt: null });
    // Where there is no last picture to leave, MediaSource opens while the connection does.
    if (!this.#source && this.#video.readyState === 0) this.#load();
    const url = new URL(`live/${pathOf(this.#name)}`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#fresh = true;
    this.#heard = this.#began = performance.now();
    this.#opened = false;
    socket.onopen = () => { this.#opened = true; };
    socket.onmessage = ({ data }) => {
      this.#heard = performance.now();
      if (typeof data === "string") this.#told(JSON.parse(data));
      else this.#take(data);
    };
    socket.onclose = ({ reason }) => this.#ended(reason);
    clearInterval(this.#watchdog);
    this.#watchdog = setInterval(() => {
      if (performance.now() - this.#heard > SILENCE_MS) this.#again("Nothing comes from the relay");
    }, 1000);
  }

  #close() {
    clearTimeout(this.#timer);
    clearInterval(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#queue = [];
    this.#queued = 0;
  }

  #told(message) {
    if (message.type === "state") {
      const { state, reason = null, retry_in_s: retry = null } = message;
      this.#set({ state, reason, retryAt: retry === null ? null : performance.now() + retry * 1000 });
    } else if (message.type === "error") {
      this.#set({ error: message.reason });
    } else if (message.type === "media") {
      this.#media(message.mime);
    }
  }

  /** An initialisation segment follows. */
  #media(told) {
    const sound = /video\/.*(mp4a|opus)/i.test(told) && Source.isTypeSupported(told);
    const mime = sound && this.#listening ? told : told.replace(/, *(mp4a|opus)[^",]*/i, "");
    if (!Source.isTypeSupported(mime)) {
      this.#close();
      this.#set({ phase: Phase.UNSUPPORTED, error: `This browser cannot play ${codecs(told)}` });
      return;
    }
    this.#set({ sound, error: null });
    this.#silent = mime !== told;
    this.#track = undefined;
    // A new connection begins a timeline of its own. On the same one, the same type goes on.
    if (!this.#source || (this.#buffer && (this.#fresh || mime !== this.#mime))) this.#load();
    this.#fresh = false;
    this.#mime = mime;
    this.#ready();
  }

  /** A segment. */
  #take(bytes) {
    if (this.#track === undefined) {
      this.#track = pictureTrack(bytes);
      if (this.#silent) bytes = onlyTrack(bytes, this.#track);
    } else if (this.#silent && trackOf(bytes) !== this.#track) {
      return;
    }
    this.#queue.push(bytes);
    this.#queued += bytes.byteLength;
    if (this.#queued > QUEUE_MOST) this.#again("This machine does not keep up with the picture");
    else this.#pump();
  }

  #load() {
    this.#forget();
    const source = new Source();
    this.#source = source;
    source.addEventListener("sourceopen", () => {
      if (this.#source === source) this.#ready();
    }, { once: true });
    const url = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => URL.revokeObjectURL(url), { once: true });
    this.#video.src = url;
    this.#video.play().catch(() => {});
  }

  #forget() {
    this.#source = this.#buffer = this.#mime = null;
    this.#queue = [];
    this.#queued = 0;
    this.#keys = [];
  }

  /** Both are there: an open source, and the type of what will come. */
  #ready() {
    if (this.#buffer || !this.#mime || this.#source?.readyState !== "open") return;
    const buffer = this.#source.addSourceBuffer(this.#mime);
    this.#buffer = buffer;
    this.#edge.begin(/mp4a|opus/i.test(this.#mime));
    buffer.addEventListener("updateend", () => {
      if (this.#buffer !== buffer) return;
      this.#edge.steer();
      this.#pump();
    });
    this.#pump();
  }

  #pump() {
    if (!this.#buffer || this.#buffer.updating || this.#source.readyState !== "open") return;
    if (this.#drop() || !this.#queue.length) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#edge.arrived(performance.now());
    if (this.#track && queue.some((bytes) => beginsAnew(bytes, this.#track))) {
      this.#keys.push(this.#end());
    }
    const bytes = queue.length === 1 ? queue[0] : joined(queue);
    this.#queued = 0;
    try {
      this.#buffer.appendBuffer(bytes);
    } catch (error) {
      this.#again(`The picture cannot be shown: ${error.message}`);
    }
  }

  #end() {
    const { buffered } = this.#video;
    return buffered.length ? buffered.end(buffered.length - 1) : 0;
  }

  /**
   * Removes old groups of pictures; whether it did. Never into the group that is playing: what
   * depends on a removed picture is removed with it.
   */
  #drop() {
    const { buffered, currentTime } = this.#video;
    if (!buffered.length || currentTime - buffered.start(0) < DROP_S) return false;
    const key = this.#keys.findLast((time) => time < currentTime - KEEP_S);
    if (key === undefined || key <= buffered.start(0)) return false;
    this.#keys = this.#keys.filter((time) => time > key);
    this.#buffer.remove(0, key);
    return true;
  }

  #shown() {
    if (!this.#wanted || !this.#socket) return;
    if (this.view.phase !== Phase.PLAYING) this.#set({ phase: Phase.PLAYING });
  }

  #broken() {
    if (!this.#wanted || !this.#video.error) return;
    this.#again(`The picture cannot be decoded: ${this.#video.error.message}`);
  }

  /** The relay, or the way to it, has ended the connection. */
  async #ended(reason) {
    const { error, reason: offline } = this.view;
    const began = this.#began;
    this.#again(reason || error);
    if (reason || error || offline) return;
    const why = this.#opened ? "The connection was lost" : await this.#refusal();
    if (began === this.#began && this.view.phase === Phase.FAILED) this.#set({ error: why });
  }

  /**
   * A WebSocket that is refused tells a page nothing: the same is asked for as a file, which is
   * refused for the same reason.
   */
  async #refusal() {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), REFUSAL_MS);
    try {
      const response = await fetch(`live/${pathOf(this.#name)}.mp4`, { cache: "no-store", signal: stop.signal });
      return response.ok ? null : (await response.json()).error;
    } catch {
      return stop.signal.aborted ? null : "The relay does not answer";
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  /** Tries again, after a pause. */
  #again(error) {
    this.#close();
    if (performance.now() - this.#began > STEADY_MS) this.#failures = 0;
    const most = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** this.#failures);
    const pause = most * (0.75 + Math.random() / 4);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#open(), pause);
    this.#set({ phase: Phase.FAILED, error, retryAt: this.view.retryAt ?? performance.now() + pause });
  }
}
