// How the page puts numbers and states into words.

/** What each state of a stream means to a person. */
export const STATES = {
  idle: "Nobody watches, so the camera is not called",
  connecting: "Calling the camera",
  live: "Live",
  offline: "Camera offline",
  disabled: "Disabled",
};

const SHOWING = { held: "the last picture", fallback: "the fallback stream" };

const CODECS = {
  avc1: "H.264", avc3: "H.264", hvc1: "H.265", hev1: "H.265", mp4a: "AAC", opus: "Opus",
  H264: "H.264", H265: "H.265", "MPEG4-GENERIC": "AAC", OPUS: "Opus", JPEG: "Motion JPEG",
};

export const many = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;
export const number = (value) => value.toLocaleString("en");
/** The usual name of a codec, from SDP's or from MP4's. */
export const codec = (name) => CODECS[name] ?? CODECS[name.split(".")[0]] ?? CODECS[name.toUpperCase()] ?? name;

/** With a capital letter in front, and no full stop: the relay's reasons are parts of a sentence. */
export const sentence = (text) => text[0].toUpperCase() + text.slice(1).replace(/\.$/, "");

/** The codecs of `video/mp4; codecs="avc1.640028,mp4a.40.2"`. */
export function codecs(mime) {
  const list = /codecs="?([^"]*)/.exec(mime)?.[1] ?? mime;
  return list.split(",").map((name) => codec(name.trim())).join(" with ");
}

/** A time in seconds. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

export const since = (date) => duration((Date.now() - Date.parse(date)) / 1000);

export function rate(kbps) {
  if (kbps === null || kbps === undefined) return "–";
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

/** A value with its unit, or a dash when it is not known. */
export function measured(value, unit, digits = 0) {
  return value === null || value === undefined ? "–" : `${Number(value.toFixed(digits))} ${unit}`;
}

export const trackOf = (stream, kind) => stream.tracks.find((track) => track.kind === kind);

/** "H.264 640×360". */
export function picture(stream) {
  const track = trackOf(stream, "video");
  if (!track) return "–";
  return [codec(track.codec), track.resolution?.replace("x", "×")].filter(Boolean).join(" ");
}

/** "AAC 48 kHz". */
export function sound(stream) {
  const track = trackOf(stream, "audio");
  return track ? `${codec(track.codec)} ${track.clock_rate / 1000} kHz` : "–";
}

/** "Camera offline: the connection was refused. Next try in 4 s." */
export function state({ state, reason, retry_in_s: retry, showing }) {
  let text = STATES[state] ?? state;
  if (reason && state === "idle") text += `. The last time: ${reason}`;
  else if (reason && state !== "live") text += `: ${reason}`;
  if (retry) text += `. Next try in ${Math.ceil(retry)} s`;
  if (SHOWING[showing]) text += `. Viewers see ${SHOWING[showing]}`;
  return text;
}
