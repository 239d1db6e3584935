// The keyboard: from stream to stream, large and back, full screen, sound, help.

/** The tile that lies in the direction of an arrow, from one of them; `undefined` at the border. */
export function neighbour(tiles, from, key) {
  const at = tiles.indexOf(from);
  if (key === "ArrowLeft") return tiles[at - 1];
  if (key === "ArrowRight") return tiles[at + 1];
  const box = from.element.getBoundingClientRect();
  const down = key === "ArrowDown";
  // The nearest row in this direction, and there the nearest column.
  const others = tiles.map((tile) => ({ tile, box: tile.element.getBoundingClientRect() }))
    .filter(({ box: other }) => (down ? other.top >= box.bottom : other.bottom <= box.top));
  const far = ({ box: other }) => Math.abs(other.top - box.top) * 1000 + Math.abs(other.left - box.left);
  return others.sort((one, two) => far(one) - far(two))[0]?.tile;
}

/** Calls the function of `actions` that belongs to a key, unless the key is meant for something else. */
export function onKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (actions[key]?.(key) !== true) return;
    event.preventDefault();
  });
}
