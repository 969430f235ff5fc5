// digitlab.reading.pieces: connected ink.

import { INKED, blank, mapped, cut, boxOfInk } from "./picture.js";
import { components } from "./shapes.js";

const LEAST_PIXELS = 4, SCRAP = 0.06;

function piece(x, y, ink) {
  const { width, height } = ink, mass = ink.data.reduce((sum, value) => sum + value, 0);
  return { x, y, ink, width, height, right: x + width, bottom: y + height, mass };
}

export function findPieces(ink) {
  const { labels, boxes } = components(ink, INKED), found = [];
  boxes.forEach((box, label) => {
    if (!box || box.pixels < LEAST_PIXELS) return;
    const own = cut(ink, box.left, box.top, box.right + 1, box.bottom + 1);
    for (let y = 0, i = 0; y < own.height; y++) {
      for (let x = 0; x < own.width; x++, i++) {
        if (labels[(box.top + y) * ink.width + box.left + x] !== label) own.data[i] = 0;
      }
    }
    found.push(piece(box.left, box.top, own));
  });
  return found;
}

export function join(pieces) {
  if (pieces.length === 1) return pieces[0];
  const left = Math.min(...pieces.map((p) => p.x)), top = Math.min(...pieces.map((p) => p.y));
  const ink = blank(Math.max(...pieces.map((p) => p.right)) - left, Math.max(...pieces.map((p) => p.bottom)) - top);
  for (const { x, y, width, height, ink: { data } } of pieces) {
    for (let row = 0; row < height; row++) {
      const to = (y - top + row) * ink.width + x - left;
      for (let i = 0; i < width; i++) ink.data[to + i] = Math.max(ink.data[to + i], data[row * width + i]);
    }
  }
  return piece(left, top, ink);
}

// What lies in some columns of a piece, scraps left out; `null` where that is nothing.
export function columns(whole, first, last) {
  const ink = cut(whole.ink, first, 0, last, whole.height), { labels, boxes } = components(ink, INKED);
  if (boxes.length <= 1) return null;
  const largest = Math.max(...boxes.slice(1).map(({ pixels }) => pixels));
  const kept = mapped(ink, (value, i) => (labels[i] && boxes[labels[i]].pixels >= SCRAP * largest ? value : 0));
  const box = boxOfInk(kept, INKED);
  const part = cut(kept, box.left, box.top, box.right + 1, box.bottom + 1);
  return piece(whole.x + first + box.left, whole.y + box.top, part);
}
