// Keeps a <video> at the live edge.
//
// What counts is how much is left to play at the moment when the next picture comes. The least of it
// over two seconds is what the network's and the camera's unevenness leaves over: less than a little
// and the picture will stand still, more and it is only late. So the speed is nudged until little is
// left, and a picture that is far behind jumps.

/** What is to be left to play, in seconds, when the next picture comes. */
const SPARE_S = 0.03;
/** The same with sound, of which browsers want to have more before they begin. */
const SPARE_WITH_SOUND_S = 0.2;
/** Inside of this around it nothing is done: a changed speed costs the sound its cleanness. */
const TOLERANCE_S = 0.015;
/** Further behind than that is not caught up but left out. */
const JUMP_S = 0.35;
const WINDOW_MS = 2000;
/** Speed per second of being late. A second of the window passes before it shows, so it is gentle. */
const GAIN = 0.4;
const FASTEST = 1.12;
const SLOWEST = 0.95;

export class LiveEdge {
  #video;
  #left = [];
  #spare = SPARE_S;

  constructor(video) {
    this.#video = video;
  }

  /** Forgets what was, at a new beginning, of a picture with sound or without. */
  begin(withSound) {
    this.#spare = withSound ? SPARE_WITH_SOUND_S : SPARE_S;
    this.#reset();
  }

  #reset() {
    this.#left = [];
    this.#video.playbackRate = 1;
  }

  /** Something came and is about to be appended: looks at what was left. */
  arrived(now) {
    const { buffered, currentTime } = this.#video;
    if (!buffered.length || this.#video.seeking || this.#video.paused) return;
    this.#left.push([now, buffered.end(buffered.length - 1) - currentTime]);
    while (this.#left[0][0] < now - WINDOW_MS) this.#left.shift();
  }

  /** It has been appended: jumps, or sets the speed. */
  steer() {
    const video = this.#video;
    const { buffered, currentTime } = video;
    if (!buffered.length || video.seeking) return;
    const last = buffered.length - 1;
    const [begin, end] = [buffered.start(last), buffered.end(last)];
    if (currentTime < begin || currentTime > end + 1) {
      this.#jump(Math.max(begin, end - this.#spare));
      return;
    }
    if (!this.#left.length) return;
    const spare = Math.min(...this.#left.map(([, left]) => left));
    const late = spare - this.#spare;
    if (late > JUMP_S) this.#jump(Math.max(begin, currentTime + late));
    else if (Math.abs(late) < TOLERANCE_S) this.#speed(1);
    else this.#speed(Math.min(FASTEST, Math.max(SLOWEST, 1 + late * GAIN)));
  }

  #jump(time) {
    this.#reset();
    this.#video.currentTime = time;
  }

  #speed(rate) {
    if (Math.abs(this.#video.playbackRate - rate) > 0.004) this.#video.playbackRate = rate;
  }
}
