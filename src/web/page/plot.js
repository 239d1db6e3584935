// Small plots of what was, without a library: SVG paths over the last five minutes.

const SPAN_MS = 5 * 60 * 1000;
/** Samples further apart than that have a gap between them. */
const GAP_MS = 7000;
const [WIDTH, HEIGHT] = [300, 56];
const SVG = "http://www.w3.org/2000/svg";

/** The values of the last five minutes, with their times. */
export class History {
  #samples = [];

  push(now, value) {
    this.#samples.push([now, value]);
    while (this.#samples[0][0] < now - SPAN_MS) this.#samples.shift();
  }

  get samples() {
    return this.#samples;
  }

  get most() {
    return Math.max(0, ...this.#samples.map(([, value]) => value));
  }
}

/** A plot with its title: `draw` it again with a history whenever there is more. */
export class Plot {
  element = document.createElement("figure");
  #title;
  #words;
  #caption = document.createElement("figcaption");
  #svg = document.createElementNS(SVG, "svg");
  #line = document.createElementNS(SVG, "path");
  #area = document.createElementNS(SVG, "path");

  /** `words(value)` puts a value into words, with its unit. */
  constructor(title, words) {
    this.#title = title;
    this.#words = words;
    this.#svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.#svg.setAttribute("preserveAspectRatio", "none");
    this.#svg.setAttribute("role", "img");
    this.#area.setAttribute("class", "area");
    this.#line.setAttribute("class", "line");
    this.#svg.append(this.#area, this.#line);
    this.element.append(this.#caption, this.#svg);
  }

  draw({ samples, most }, now) {
    const x = (time) => ((WIDTH * (1 - (now - time) / SPAN_MS)).toFixed(1));
    const y = (value) => ((HEIGHT - 2 - (most ? value / most : 0) * (HEIGHT - 6)).toFixed(1));
    let [line, area] = ["", ""];
    for (const run of runs(samples)) {
      const points = run.map(([time, value]) => `${x(time)} ${y(value)}`).join("L");
      line += `M${points}`;
      area += `M${x(run[0][0])} ${HEIGHT}L${points}L${x(run.at(-1)[0])} ${HEIGHT}Z`;
    }
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", area);
    const last = samples.length ? this.#words(samples.at(-1)[1]) : "–";
    const [title, top] = [document.createElement("span"), document.createElement("small")];
    title.textContent = `${this.#title}: ${last}`;
    top.textContent = `at most ${this.#words(most)}`;
    this.#caption.replaceChildren(title, top);
    this.#svg.setAttribute("aria-label",
      `${this.#title} of the last five minutes: now ${last}, at most ${this.#words(most)}`);
  }
}

/** The samples, cut where there is a gap. */
function runs(samples) {
  const all = [];
  for (const sample of samples) {
    const run = all.at(-1);
    if (run && sample[0] - run.at(-1)[0] < GAP_MS) run.push(sample);
    else all.push([sample]);
  }
  return all;
}
