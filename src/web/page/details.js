// What stands beside the large picture: figures, plots, addresses, who watches, what can be done.

import { ask, pathOf } from "./api.js";
import { Plot } from "./plot.js";
import { manage } from "./manage.js";
import * as words from "./words.js";

const panel = document.querySelector("#details");
const find = (selector) => panel.querySelector(selector);

const plots = {
  rate: new Plot("Bit rate", words.rate),
  viewers: new Plot("Viewers", (count) => words.number(count)),
  lost: new Plot("Lost packets", (count) => words.number(count)),
};
find(".plots").append(...Object.values(plots).map((plot) => plot.element));

/** The addresses of a stream, for players. */
function addresses(name, status) {
  const path = pathOf(name);
  const list = [["rtsp", `rtsp://${location.hostname}:${status.rtsp_port}/${path}`]];
  if (status.rtsps_port) list.push(["rtsps", `rtsps://${location.hostname}:${status.rtsps_port}/${path}`]);
  list.push(["MP4", new URL(`live/${path}.mp4`, `${location.origin}${location.pathname}`).href]);
  return list;
}

function showAddresses(name, status) {
  const list = addresses(name, status);
  const key = JSON.stringify(list);
  if (find(".urls").dataset.key === key) return;
  find(".urls").dataset.key = key;
  find(".urls").replaceChildren(...list.map(([kind, url]) => {
    const item = document.createElement("li");
    const code = document.createElement("code");
    code.textContent = url;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy the ${kind} address`);
    button.addEventListener("click", () => copy(url, code, button));
    item.append(code, button);
    return item;
  }));
}

async function copy(text, code, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without HTTPS a browser lets no page write the clipboard: the text is selected instead.
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function showViewers(name, clients, refresh) {
  const viewers = clients.filter((client) => client.playing && client.stream === name);
  find(".nobody").hidden = viewers.length > 0;
  find(".viewers").hidden = viewers.length === 0;
  const focused = document.activeElement?.dataset?.client;
  find(".viewers tbody").replaceChildren(...viewers.map((client) => {
    const row = document.createElement("tr");
    const who = row.insertCell();
    const [address, program] = [document.createElement("span"), document.createElement("small")];
    address.textContent = client.user ? `${client.user}, ${client.address}` : client.address;
    program.textContent = client.agent;
    program.title = client.agent;
    who.append(address, program);
    row.insertCell().textContent = words.since(client.since);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "End";
    button.dataset.client = client.id;
    button.setAttribute("aria-label", `End ${client.address} watching ${name}`);
    button.addEventListener("click", () => manage({
      question: `End ${client.address} watching ${name}?`, yes: "End",
      act: () => ask(`api/v1/clients/${client.id}`, "DELETE"), refresh,
    }));
    row.insertCell().append(button);
    return row;
  }));
  if (focused) find(`button[data-client="${CSS.escape(focused)}"]`)?.focus();
}

/** Draws what is known of a stream. */
export function showDetails(tile, status, clients, now, refresh) {
  const { stream } = tile;
  const standing = tile.standing;
  const set = (selector, text) => { find(selector).textContent = text; };
  panel.dataset.state = standing.state;
  set("h2", stream.name);
  set(".camera", stream.camera_id ?? "");
  set(".state", words.state(standing));
  set(".picture", words.picture(stream));
  set(".audio", words.sound(stream));
  set(".fps", words.measured(stream.fps, "fps", 1));
  set(".gop", stream.gop_ms ? `every ${words.measured(stream.gop_ms / 1000, "s", 1)}` : "–");
  set(".rate", words.rate(tile.kbps));
  set(".jitter", words.measured(stream.jitter_ms, "ms", 1));
  set(".lost", words.number(stream.packets_lost));
  set(".skipped", words.number(stream.frames_skipped));
  set(".reconnects", words.number(stream.reconnects));
  set(".uptime", words.since(stream.since));
  for (const [name, plot] of Object.entries(plots)) plot.draw(tile.history[name], now);
  showAddresses(stream.name, status);
  showViewers(stream.name, clients, refresh);
  set(".able", stream.state === "disabled" ? "Enable" : "Disable");
  find(".restart").disabled = stream.state === "disabled";
  const odd = find(".odd");
  odd.hidden = stream.oddities.length === 0;
  set(".odd summary", `${words.many(stream.oddities.length, "oddity", "oddities")} of the camera, tolerated`);
  find(".odd ul").replaceChildren(...stream.oddities.map(({ text, count }) => {
    const item = document.createElement("li");
    item.textContent = `${text} (${words.many(count, "time", "times")})`;
    return item;
  }));
  showSound(tile);
}

/** The button for the sound, which only streams with sound have. */
export function showSound(tile) {
  const button = find(".sound");
  button.hidden = !tile.hasSound;
  button.textContent = tile.listening ? "Sound off" : "Sound on";
}
