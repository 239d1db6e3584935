// The page: all streams as a wall of live pictures, or one of them large. Which one says the hash.

import { Watch, ask, pathOf } from "./api.js";
import { showDetails, showSound } from "./details.js";
import { neighbour, onKeys } from "./keys.js";
import { manage } from "./manage.js";
import { Tile } from "./tile.js";
import * as words from "./words.js";

/** The events of the API that mean that something has changed. */
const EVENTS = ["state", "join", "leave", "reload"];
/** Of a tile on the wall: the least width, the least when not all fit, the height below the picture. */
const [NARROW, WIDE, CAPTION] = [200, 290, 34];
/** cam2 stands before cam10. */
const ORDER = new Intl.Collator("en", { numeric: true });
const GAP = 12;

const find = (selector) => document.querySelector(selector);
const wall = find("#wall");
/** The tiles by their stream's name, in their order. */
const tiles = new Map();
let latest = null;

/** The tiles in their order. */
const all = () => [...tiles.values()];
const large = () => tiles.get(decodeURIComponent(location.hash.slice(1))) ?? null;
const focused = () => document.activeElement?.closest("article")?.tile ?? null;

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.inView = isIntersecting;
    target.tile.seen(isIntersecting && !document.hidden);
  }
});
document.addEventListener("visibilitychange", () => {
  for (const tile of all()) tile.seen(Boolean(tile.element.inView) && !document.hidden);
});

let announcing;
/** Says a change of a stream's state to those who do not see it. */
function announce(tile) {
  const { state, reason } = tile.standing;
  const said = words.state({ state, reason: state === "offline" ? reason : null });
  if (tile.said === said) return;
  const first = tile.said === undefined;
  tile.said = said;
  if (first || state === "idle" || state === "connecting") return;
  clearTimeout(announcing);
  announcing = setTimeout(() => { find("#announcement").textContent = `${tile.name}: ${said}`; }, 200);
}

function changed(tile) {
  announce(tile);
  if (tile === large() && latest) draw();
}

function draw() {
  showDetails(large(), latest.status, latest.clients, latest.now, refresh);
}

function show(status, clients, error) {
  find("#trouble").hidden = !error;
  // What was known of the streams is of before.
  document.body.classList.toggle("stale", Boolean(error));
  if (error) {
    const text = error.status ? error.message : "The relay does not answer";
    find("#trouble").textContent = `${text}. Trying again.`;
    return;
  }
  const now = performance.now();
  latest = { status, clients, now };
  find("#summary").textContent = [
    `${words.many(status.clients, "viewer", "viewers")} of ${words.number(status.max_clients)}`,
    words.many(status.cameras, "camera pulled", "cameras pulled"),
    `version ${status.version}`, `running for ${words.since(status.since)}`,
  ].join(" · ");
  showReload(status.reload);
  find("#no-streams").hidden = status.streams.length > 0;
  arrange(status.streams.toSorted((one, two) => ORDER.compare(one.name, two.name)));
  for (const stream of status.streams) tiles.get(stream.name).show(stream, now);
  choose();
}

/** What is wrong with a configuration that was read again and not taken, or not in whole. */
function showReload(reload) {
  const errors = reload?.errors ?? [];
  find("#refused").hidden = errors.length === 0;
  if (!errors.length) return;
  const what = reload.taken ? "is in use, but for this" : "was not taken, the old one stays";
  find("#refused-title").textContent = `The configuration read ${words.since(reload.at)} ago ${what}:`;
  find("#refused pre").textContent = errors.join("\n");
}

/** A tile for each stream, in their order; those that are known stay as they are. */
function arrange(streams) {
  const names = new Set(streams.map((stream) => stream.name));
  for (const [name, tile] of tiles) {
    if (names.has(name)) continue;
    sight.unobserve(tile.element);
    tile.seen(false);
    tile.element.remove();
    tiles.delete(name);
  }
  streams.forEach(({ name }, at) => {
    const tile = tiles.get(name) ?? new Tile(name, changed);
    tiles.delete(name);
    tiles.set(name, tile);
    if (wall.children[at] === tile.element) return;
    wall.insertBefore(tile.element, wall.children[at] ?? null);
    sight.observe(tile.element);
  });
  fit();
}

/** As few columns as make the pictures largest while all fit; if they cannot, they are scrolled. */
function fit() {
  const style = getComputedStyle(wall.parentElement);
  const width = wall.parentElement.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = innerHeight - wall.getBoundingClientRect().top - scrollY;
  let best = { columns: Math.max(1, Math.floor((width + GAP) / (WIDE + GAP))), tile: 0 };
  for (let columns = 1; columns <= tiles.size; columns += 1) {
    const rows = Math.ceil(tiles.size / columns);
    const high = (height / rows - GAP - CAPTION) * 16 / 9;
    const tile = Math.floor(Math.min(high, (width + GAP) / columns - GAP));
    if (tile >= NARROW && tile > best.tile) best = { columns, tile };
  }
  wall.style.setProperty("--columns", best.columns);
  wall.style.setProperty("--tile", best.tile ? `${best.tile}px` : "1fr");
}

let shown = null;
/** Makes large what the hash names. */
function choose() {
  const tile = large();
  if (tile !== shown) {
    const before = shown;
    shown = tile;
    before?.large(false);
    tile?.large(true);
    find("#stage").classList.toggle("single", Boolean(tile));
    find("#details").hidden = !tile;
    document.title = tile ? `${tile.name} – rtsp-relay` : "rtsp-relay";
    if (tile) {
      scrollTo(0, 0);
      find("#details-name").focus({ preventScroll: true });
    }
    if (!tile) {
      fit();
      before?.link.focus();
    }
  }
  if (tile && latest) draw();
}

function step(by) {
  const list = all();
  if (!large()) return;
  const next = list[(list.indexOf(large()) + by + list.length) % list.length];
  location.hash = pathOf(next.name);
}

async function full(tile = large() ?? focused()) {
  if (document.fullscreenElement) await document.exitFullscreen();
  else if (tile) await tile.element.querySelector(".screen").requestFullscreen?.().catch(() => {});
}

function sound(tile = large() ?? focused()) {
  if (!tile?.hasSound) return;
  tile.listen(!tile.listening);
  if (tile === large()) showSound(tile);
}

/** An arrow: to the neighbour on the wall, or to the stream before or behind the large one. */
function arrow(key) {
  if (large()) {
    if (key === "ArrowLeft" || key === "ArrowRight") step(key === "ArrowLeft" ? -1 : 1);
    return key === "ArrowLeft" || key === "ArrowRight";
  }
  const from = focused();
  const to = from ? neighbour(all(), from, key) : all()[0];
  to?.link.focus();
  return Boolean(to);
}

const did = (action) => () => { action(); return true; };
onKeys({
  ArrowLeft: arrow, ArrowRight: arrow, ArrowUp: arrow, ArrowDown: arrow,
  Escape: () => {
    if (!large() || document.fullscreenElement) return false;
    location.hash = "";
    return true;
  },
  f: did(() => full()), m: did(() => sound()), "?": did(() => find("#help").showModal()),
});

const watch = new Watch(EVENTS, show);
const refresh = () => watch.refresh();

find("#keys").addEventListener("click", () => find("#help").showModal());
find("#reload").addEventListener("click", () => manage({
  act: () => ask("api/v1/reload", "POST"), refresh,
  done: ({ message, warnings }) => ({ text: words.sentence(message), lines: warnings }),
}));
find("#details .back").addEventListener("click", () => { location.hash = ""; });
find("#details .previous").addEventListener("click", () => step(-1));
find("#details .next").addEventListener("click", () => step(1));
find("#details .full").addEventListener("click", () => full());
find("#details .sound").addEventListener("click", () => sound());
find("#details .restart").addEventListener("click", () => {
  const { name } = large();
  manage({
    question: `Restart ${name}? The camera is called anew; its viewers see a pause or are ended.`, yes: "Restart",
    act: () => ask(`api/v1/streams/${pathOf(name)}/restart`, "POST"), refresh,
  });
});
find("#details .able").addEventListener("click", () => {
  const { name, stream } = large();
  const disabled = stream.state === "disabled";
  manage({
    question: disabled ? null : `Disable ${name}? Its viewers are ended.`, yes: "Disable",
    act: () => ask(`api/v1/streams/${pathOf(name)}/${disabled ? "enable" : "disable"}`, "POST"), refresh,
  });
});
addEventListener("hashchange", choose);
/** In the next frame: what an observer of sizes changes at once, it is told of again, which is an error of the page. */
const refit = () => requestAnimationFrame(() => { if (!shown) fit(); });
new ResizeObserver(refit).observe(find("main"));
addEventListener("resize", refit);
