// One stream on the wall: its live picture, and in words how it stands.

import { pathOf } from "./api.js";
import { Phase, Player } from "./player.js";
import { History } from "./plot.js";
import * as words from "./words.js";

/** What leaves the screen for a moment, while one scrolls by, is not let go. */
const LINGER_MS = 1000;

export class Tile {
  element;
  stream = null;
  history = { rate: new History(), viewers: new History(), lost: new History() };

  #find;
  #player;
  #changed;
  #last = null;
  #seen = false;
  #timer;
  #clock;

  /** `changed(tile)` is called when the words about its picture are others. */
  constructor(name, changed) {
    this.name = name;
    this.#changed = changed;
    this.element = document.querySelector("#tile").content.firstElementChild.cloneNode(true);
    this.#find = (selector) => this.element.querySelector(selector);
    this.element.tile = this;
    this.element.dataset.stream = name;
    this.#find(".name").textContent = name;
    this.large(false);
    this.#player = new Player(this.video, name, () => this.#words());
  }

  get video() { return this.#find("video"); }
  get link() { return this.#find(".open"); }
  get hasSound() { return this.#player.view.sound; }
  get listening() { return this.#player.listening; }
  listen(yes) { this.#player.listen(yes); }

  /** In the large view the link leads back. */
  large(yes) {
    this.element.classList.toggle("large", yes);
    this.link.href = yes ? "#" : `#${pathOf(this.name)}`;
    if (!yes) this.#player?.listen(false);
    this.#words();
  }

  /** Whether it is on the screen: only then is the stream pulled. */
  seen(yes) {
    this.#seen = yes;
    clearTimeout(this.#timer);
    if (yes) this.#pull();
    else if (document.hidden) this.#player.stop();
    else this.#timer = setTimeout(() => this.#player.stop(), LINGER_MS);
  }

  #pull() {
    if (this.#seen && this.stream && this.stream.state !== "disabled") this.#player.start();
    else this.#player.stop();
  }

  /** What the API says. */
  show(stream, now) {
    const before = this.stream;
    this.stream = stream;
    this.#measure(now);
    if (before?.state !== stream.state) {
      this.#pull();
      // Whatever was in the way may be gone.
      if (before) this.#player.hurry();
    }
    this.#find(".figures").textContent = [
      words.picture(stream), words.measured(stream.fps, "fps"), words.rate(this.kbps),
      stream.packets_lost ? `${words.number(stream.packets_lost)} lost` : "–",
      words.many(stream.clients, "viewer", "viewers"),
    ].filter((text) => text !== "–").join(" · ");
    this.#words();
  }

  get kbps() {
    if (this.stream.state !== "live") return null;
    return this.stream.bitrate_kbps ?? this.history.rate.samples.at(-1)?.[1] ?? null;
  }

  #measure(now) {
    const { bytes_in: bytes, packets_lost: lost, clients, bitrate_kbps: told } = this.stream;
    const last = this.#last;
    this.#last = { now, bytes, lost };
    this.history.viewers.push(now, clients);
    // After a restart of the relay its counters begin anew.
    if (!last || now <= last.now || bytes < last.bytes) return;
    this.history.rate.push(now, told ?? (bytes - last.bytes) * 8 / (now - last.now));
    this.history.lost.push(now, Math.max(0, lost - last.lost));
  }

  /** The state as the picture's own connection tells it, which is the first to know, or else the API. */
  get standing() {
    const { view } = this.#player;
    if (!view.state) return this.stream;
    const left = view.retryAt === null ? null : Math.max(0, (view.retryAt - performance.now()) / 1000);
    const newer = { ...this.stream, state: view.state, reason: view.reason, retry_in_s: left };
    return view.state === this.stream.state ? { ...newer, reason: view.reason ?? this.stream.reason } : newer;
  }

  /** What stands over the picture: nothing while it is live. */
  #text() {
    const { view } = this.#player;
    const standing = this.standing;
    if (standing.state === "disabled") return "Disabled";
    if (view.phase === Phase.UNSUPPORTED) return `${view.error}. A player can, with the rtsp:// address`;
    if (standing.state === "offline") return words.state(standing);
    if (view.phase === Phase.FAILED) {
      const left = Math.ceil((view.retryAt - performance.now()) / 1000);
      return `${words.sentence(view.error ?? "no picture")}. ${left > 0 ? `Next try in ${left} s` : "Trying again"}`;
    }
    if (view.phase === Phase.PLAYING) return "";
    if (standing.state !== "connecting") return "Connecting…";
    return standing.reason ? `Calling the camera again. ${words.sentence(standing.reason)}` : "Calling the camera…";
  }

  #words() {
    if (!this.stream || !this.#player) return;
    const { view } = this.#player;
    const text = this.#text();
    const { state } = this.standing;
    this.element.dataset.state = state;
    this.element.dataset.phase = view.phase;
    const place = this.#find(".words span");
    if (place.textContent !== text) place.textContent = text;
    this.#find(".words").hidden = !text;
    // Pictures that come although the camera does not are held ones, or another stream's.
    this.element.classList.toggle("covered", Boolean(text) && view.phase !== Phase.PLAYING);
    const said = `${this.name}: ${text || words.STATES[state] || state}. ${this.#find(".figures").textContent}`;
    this.link.setAttribute("aria-label", this.element.classList.contains("large") ? `Back to all streams. ${said}` : said);
    clearTimeout(this.#clock);
    if (view.retryAt !== null && text && !document.hidden) this.#clock = setTimeout(() => this.#words(), 500);
    this.#changed(this);
  }
}
