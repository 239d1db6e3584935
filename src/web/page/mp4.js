// As much of ISO/IEC 14496-12 as the player has to know: which track is the picture's, whether a
// fragment begins with a key frame, and how to leave the sound out.

function* boxes(view, from, to) {
  for (let at = from; at + 8 <= to;) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > to) return;
    yield { type: view.getUint32(at + 4), body: at + 8, end: at + size };
    at += size;
  }
}

const named = (text) => [...text].reduce((code, letter) => code * 256 + letter.charCodeAt(0), 0);
const [MOOV, TRAK, TKHD, MDIA, HDLR, VIDE] = ["moov", "trak", "tkhd", "mdia", "hdlr", "vide"].map(named);
const [MOOF, TRAF, TFHD, TRUN] = ["moof", "traf", "tfhd", "trun"].map(named);
const [MVEX, TREX] = ["mvex", "trex"].map(named);

/** The boxes of this type, however deep: `path` is the types on the way. */
function* find(view, path, from = 0, to = view.byteLength) {
  for (const box of boxes(view, from, to)) {
    if (box.type !== path[0]) continue;
    if (path.length === 1) yield box;
    else yield* find(view, path.slice(1), box.body, box.end);
  }
}

/** The tracks of an initialisation segment, with their boxes. */
function tracks(view) {
  return [...find(view, [MOOV, TRAK])].map((trak) => {
    const [handler] = find(view, [MDIA, HDLR], trak.body, trak.end);
    const [header] = find(view, [TKHD], trak.body, trak.end);
    // Version 1 has times of 64 bits in front of the number (section 8.3.2).
    const number = view.getUint32(header.body + (view.getUint8(header.body) === 1 ? 20 : 12));
    return { trak, number, isPicture: view.getUint32(handler.body + 8) === VIDE };
  });
}

/** The number of the track with the picture; `null` for none. */
export function pictureTrack(init) {
  return tracks(new DataView(init)).find(({ isPicture }) => isPicture)?.number ?? null;
}

/** An initialisation segment without all tracks but this one. */
export function onlyTrack(init, track) {
  const view = new DataView(init);
  const out = tracks(view).filter(({ number }) => number !== track);
  const [moov] = find(view, [MOOV]);
  const defaults = [...find(view, [MOOV, MVEX, TREX])]
    .filter(({ body }) => out.some(({ number }) => number === view.getUint32(body + 4)));
  const cuts = [...out.map(({ trak }) => trak), ...defaults].sort((one, two) => one.body - two.body);
  const bytes = new Uint8Array(init.slice(0));
  const sizes = new DataView(bytes.buffer);
  const shrink = (box, by) => sizes.setUint32(box.body - 8, sizes.getUint32(box.body - 8) - by);
  for (const cut of cuts) shrink(moov, cut.end - cut.body + 8);
  const [mvex] = find(view, [MOOV, MVEX]);
  for (const cut of defaults) shrink(mvex, cut.end - cut.body + 8);
  const parts = [];
  let at = 0;
  for (const cut of cuts) {
    parts.push(bytes.subarray(at, cut.body - 8));
    at = cut.end;
  }
  return joined([...parts, bytes.subarray(at)]);
}

/** The number of the track that a fragment is of; each is of one. */
export function trackOf(fragment) {
  const view = new DataView(fragment);
  const [header] = find(view, [MOOF, TRAF, TFHD]);
  return header ? view.getUint32(header.body + 4) : null;
}

/** Parts in one piece. */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part instanceof Uint8Array ? part : new Uint8Array(part), at);
    at += part.byteLength;
  }
  return whole.buffer;
}

/** Whether the first sample of this track in the fragment is a sync sample (sections 8.8.3 and 8.8.8). */
export function beginsAnew(fragment, track) {
  const view = new DataView(fragment);
  for (const traf of find(view, [MOOF, TRAF])) {
    const [header] = find(view, [TFHD], traf.body, traf.end);
    const [run] = find(view, [TRUN], traf.body, traf.end);
    if (!header || !run || view.getUint32(header.body + 4) !== track) continue;
    const flags = sampleFlags(view, header, run);
    return flags !== null && (flags & 0x10000) === 0;
  }
  return false;
}

function sampleFlags(view, header, run) {
  const has = view.getUint32(run.body);
  let at = run.body + 8 + (has & 0x1 ? 4 : 0);
  if (has & 0x4) return view.getUint32(at);
  if (has & 0x400) return view.getUint32(at + (has & 0x100 ? 4 : 0) + (has & 0x200 ? 4 : 0));
  const set = view.getUint32(header.body);
  if (!(set & 0x20)) return null;
  at = header.body + 8 + (set & 0x1 ? 8 : 0);
  for (const flag of [0x2, 0x8, 0x10]) at += set & flag ? 4 : 0;
  return view.getUint32(at);
}
