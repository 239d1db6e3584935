// The page asks the API every two seconds while it is seen, and draws what it is told.
"use strict";

const INTERVAL_MS = 2000;
const SAMPLES = 120;
const STATES = {
  idle: "Nobody watches, so the camera is not called",
  connecting: "The camera is being called",
  live: "Live",
  offline: "The camera is offline",
  disabled: "Disabled in the configuration",
};

const find = (selector, within = document) => within.querySelector(selector);
/** Of each stream: its card, and what it has been. */
const known = new Map();
let timer;

function since(date) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(date)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

function rate(kbps) {
  if (kbps === null) return "–";
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;

async function ask(path, method = "GET") {
  const response = await fetch(path, { method, cache: "no-store" });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `the relay answered ${response.status}`);
  return answer;
}

function cardOf(stream) {
  let entry = known.get(stream.name);
  if (!entry) {
    const card = find("#stream").content.firstElementChild.cloneNode(true);
    const url = `rtsp://${location.hostname}:${stream.port}/${stream.name}`;
    find(".name", card).textContent = stream.name;
    find(".camera", card).textContent = stream.camera_id ?? "";
    find(".url code", card).textContent = url;
    find(".copy", card).addEventListener("click", (event) => copy(url, event.currentTarget));
    entry = { card, rates: [], last: null };
    known.set(stream.name, entry);
  }
  return entry;
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without HTTPS a browser lets no page write the clipboard: the text is selected instead.
    getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function measure(entry, stream, now) {
  const last = entry.last;
  entry.last = { now, bytes: stream.bytes_in };
  if (!last || now <= last.now || stream.bytes_in < last.bytes) return null;
  const kbps = (stream.bytes_in - last.bytes) * 8 / (now - last.now);
  entry.rates.push(kbps);
  if (entry.rates.length > SAMPLES) entry.rates.shift();
  return kbps;
}

function plot(entry) {
  const { card, rates } = entry;
  const top = Math.max(...rates, 1);
  const x = (index) => 240 - (rates.length - 1 - index) * 240 / (SAMPLES - 1);
  const points = rates.map((kbps, index) => `${x(index).toFixed(1)},${(46 - kbps / top * 42).toFixed(1)}`);
  find("polyline", card).setAttribute("points", points.join(" "));
  const minutes = Math.round(SAMPLES * INTERVAL_MS / 60000);
  const text = rates.length ? `Bit rate of the last ${minutes} minutes, at most ${rate(top)}` : "";
  find("figcaption", card).textContent = text;
  find("svg", card).setAttribute("aria-label", text);
}

function show(stream, now) {
  const entry = cardOf(stream);
  const { card } = entry;
  const set = (selector, text) => { find(selector, card).textContent = text; };
  const kbps = measure(entry, stream, now);
  card.className = stream.state;
  let state = STATES[stream.state] ?? stream.state;
  if (stream.state === "live") state += ` for ${since(stream.since)}`;
  if (stream.reason && stream.state === "idle") state += `. The last time: ${stream.reason}`;
  else if (stream.reason && stream.state !== "live") state += `: ${stream.reason}`;
  if (stream.retry_in_s !== null) state += `. Next try in ${Math.ceil(stream.retry_in_s)} s`;
  if (stream.showing) state += `. Viewers see ${stream.showing}`;
  set(".state", state);
  set(".clients", stream.clients);
  set(".rate", stream.state === "live" ? rate(stream.bitrate_kbps ?? kbps) : "–");
  set(".lost", stream.packets_lost.toLocaleString());
  set(".skipped", stream.frames_skipped.toLocaleString());
  const track = ({ codec, resolution, clock_rate }) => `${codec} ${resolution ?? `${clock_rate} Hz`}`;
  set(".tracks", stream.tracks.map(track).join(", ") || "–");
  plot(entry);
  const odd = find(".odd", card);
  odd.hidden = stream.oddities.length === 0;
  find("summary", odd).textContent =
    `${many(stream.oddities.length, "oddity", "oddities")} of the camera, tolerated`;
  find("ul", odd).replaceChildren(...stream.oddities.map(({ text, count }) => {
    const item = document.createElement("li");
    item.textContent = `${text} (${many(count, "time", "times")})`;
    return item;
  }));
  return card;
}

function showViewers(clients) {
  const viewers = clients.filter((client) => client.playing);
  find("#no-viewers").hidden = viewers.length > 0;
  find("#viewers").hidden = viewers.length === 0;
  const focused = document.activeElement?.dataset?.client;
  find("#viewers tbody").replaceChildren(...viewers.map((client) => {
    const row = document.createElement("tr");
    for (const text of [client.stream, client.address, client.user ?? "–", client.agent || "–", since(client.since)]) {
      row.insertCell().textContent = text;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "End";
    button.dataset.client = client.id;
    button.setAttribute("aria-label", `End ${client.address} watching ${client.stream}`);
    button.addEventListener("click", () => end(client));
    row.insertCell().append(button);
    return row;
  }));
  if (focused) find(`button[data-client="${focused}"]`)?.focus();
}

async function end(client) {
  if (!confirm(`End ${client.address} watching ${client.stream}?`)) return;
  try {
    await ask(`api/v1/clients/${client.id}`, "DELETE");
    refresh();
  } catch (error) {
    alert(`This viewer was not ended: ${error.message}`);
  }
}

function trouble(text) {
  find("#trouble").textContent = text;
  find("#trouble").hidden = !text;
}

async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const [status, clients] = await Promise.all([ask("api/v1/status"), ask("api/v1/clients")]);
    const now = performance.now();
    find("#summary").textContent =
      `${many(status.clients, "viewer", "viewers")} of ${status.max_clients}, `
      + `${many(status.cameras, "camera", "cameras")} pulled, version ${status.version}, `
      + `running for ${since(status.since)}`;
    find("#no-streams").hidden = status.streams.length > 0;
    const cards = status.streams.map((stream) => show({ ...stream, port: status.rtsp_port }, now));
    const box = find("#streams");
    if (cards.length !== box.children.length || cards.some((card, at) => box.children[at] !== card)) {
      box.replaceChildren(...cards);
    }
    showViewers(clients);
    trouble("");
  } catch (error) {
    trouble(`The relay does not answer: ${error.message}. Trying again.`);
  }
  timer = setTimeout(refresh, INTERVAL_MS);
}

document.addEventListener("visibilitychange", refresh);
refresh();
