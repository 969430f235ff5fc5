// digitlab.imaging.lines: ruled lines, and what lies along a border, taken out of the ink.

import { INKED, mapped, rint, transposed, boxOfInk } from "./picture.js";
import { level, dilate, opened, plumb, components } from "./shapes.js";

const LINES_SIDE = 100, LEVEL = 0.3, ALL_THE_WAY = 0.85, PLUMB = 0.85;
const THICKEST = 0.08, LEAST_THICKEST = 4, ALONG = 0.7;

const marksOf = (ink) => mapped(ink, (value) => (value > INKED ? 1 : 0));

export function withoutLines(ink) {
  const { width, height } = ink;
  if (Math.max(width, height) <= LINES_SIDE) return ink;
  const thickest = Math.max(LEAST_THICKEST, rint(THICKEST * height));
  const box = boxOfInk(ink, INKED), high = box ? box.bottom - box.top : 0, { rows, across } = widenedCounts(ink);
  const long = rint(Math.min(ALL_THE_WAY * width, Math.max(LEVEL * width, high))), tall = rint(PLUMB * height);
  const gone = [], mayHold = (counts, length) => length >= 2 && counts.some((count) => count >= length);
  if (mayHold(rows, long)) gone.push(linesOf(marksOf(ink), long, thickest));
  if (mayHold(across, tall)) gone.push(transposed(linesOf(transposed(marksOf(ink)), tall, thickest)));
  return gone.length ? mapped(ink, (value, i) => (gone.some(({ data }) => data[i]) ? 0 : value)) : ink;
}

// Inked pixels of each row, and of each column, its ink widened by a pixel to both of its sides.
function widenedCounts({ width, height, data }) {
  const rows = new Int32Array(height), across = new Int32Array(width);
  const inked = (i) => data[i] > INKED; // not there, beyond the ends, is not inked either
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const here = inked(i);
      if (here || inked(i - width) || inked(i + width)) rows[y] += 1;
      if (here || (x > 0 && inked(i - 1)) || (x < width - 1 && inked(i + 1))) across[x] += 1;
    }
  }
  return { rows, across };
}

// Which pixels belong to level lines of at least `length` and to nothing else.
function linesOf(marks, length, thickest) {
  // Widened by a little first, since a line of the camera's climbs by a pixel now and then.
  const wider = plumb(dilate, marks, 3), long = opened(wider, level(length));
  const near = plumb(dilate, mapped(marks, (mark, i) => mark && long.data[i]), 3);
  const runs = mapped(marks, (mark, i) => mark && near.data[i]);
  const thick = plumb(opened, marks, thickest + 1);
  const others = mapped(marks, (mark, i) => (mark && !runs.data[i] ? 1 : 0));
  const crossing = plumb(dilate, others, 2 * thickest + 1);
  return mapped(runs, (run, i) => (run && !thick.data[i] && !crossing.data[i] ? 1 : 0));
}

function columnHas({ width, height, data }, x) {
  for (let y = 0; y < height; y++) if (data[y * width + x] > INKED) return true;
  return false;
}

export function withoutSides(ink) {
  const { width, height } = ink, sides = [0, width - 1];
  if (!sides.some((x) => columnHas(ink, x))) return ink;
  const { labels, boxes } = components(ink, INKED), gone = new Uint8Array(boxes.length);
  for (const x of sides) {
    const touching = new Int32Array(boxes.length);
    for (let y = 0; y < height; y++) touching[labels[y * width + x]] += 1;
    for (let label = 1; label < boxes.length; label++) {
      if (touching[label] > ALONG * (boxes[label].bottom - boxes[label].top + 1)) gone[label] = 1;
    }
  }
  return mapped(ink, (value, i) => (gone[labels[i]] ? 0 : value));
}
