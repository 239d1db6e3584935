// What the page asks of the relay, and how it hears of changes.

const INTERVAL_MS = 2000;
/** Several events at once are one question. */
const GATHER_MS = 60;
/** How long until events are asked for again when the relay has refused them. */
const EVENTS_AGAIN_MS = 15000;

/** An answer of the relay that is an error: `lines` are its parts, if it has several. */
export class Refusal extends Error {
  constructor(status, answer) {
    super(answer?.error ?? `the relay answered ${status}`);
    this.status = status;
    this.lines = answer?.errors ?? [];
  }
}

/** Asks, and gives the JSON of the answer; throws a `Refusal`, or what `fetch` throws. */
export async function ask(path, method = "GET") {
  const response = await fetch(path, { method, cache: "no-store" });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

/** The path of a stream's name, which may have slashes in it. */
export const pathOf = (name) => name.split("/").map(encodeURIComponent).join("/");

/**
 * The relay's state, while the page is seen: asked for every two seconds, for its figures, and at
 * once when the relay tells of a change. Without events the two seconds are all there is.
 */
export class Watch {
  #kinds;
  #show;
  #events = null;
  #timer;
  #asking = false;
  #again = false;
  #retry;

  /** `show(status, clients, error)`, with `error` alone when the relay does not answer. */
  constructor(kinds, show) {
    this.#kinds = kinds;
    this.#show = show;
    document.addEventListener("visibilitychange", () => this.#seen());
    this.#seen();
  }

  /** Asks now. */
  async refresh() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    this.#again = false;
    try {
      const [status, clients] = await Promise.all([ask("api/v1/status"), ask("api/v1/clients")]);
      this.#show(status, clients, null);
    } catch (error) {
      this.#show(null, null, error);
    }
    this.#asking = false;
    this.#in(this.#again ? GATHER_MS : INTERVAL_MS);
  }

  #in(time) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), time);
  }

  #seen() {
    if (document.hidden) {
      clearTimeout(this.#timer);
      clearTimeout(this.#retry);
      this.#events?.close();
      this.#events = null;
    } else {
      this.#listen();
      this.refresh();
    }
  }

  #listen() {
    clearTimeout(this.#retry);
    this.#events?.close();
    const events = new EventSource("api/v1/events");
    this.#events = events;
    const changed = () => {
      if (this.#asking) this.#again = true;
      else this.#in(GATHER_MS);
    };
    for (const kind of ["message", "missed", ...this.#kinds]) events.addEventListener(kind, changed);
    // After a network error the browser tries again by itself; after a refusal it does not.
    events.addEventListener("error", () => {
      if (events.readyState !== EventSource.CLOSED || this.#events !== events) return;
      this.#retry = setTimeout(() => this.#listen(), EVENTS_AGAIN_MS);
    });
  }
}
