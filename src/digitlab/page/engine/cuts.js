// digitlab.reading.cuts: where a piece of several digits might be cut.

import { INKED, blank } from "./picture.js";
import { blur } from "./blur.js";
import { level, erode } from "./shapes.js";

const NARROW = 0.55, APART = 0.12, CUTS = 2, MORE_CUTS = 3;

// Columns to cut a piece before: where least ink lies above one another, and where its contours come nearest.
export function findCuts(whole, height) {
  if (whole.width < NARROW * height) return [];
  const apart = Math.max(2, Math.trunc(APART * height)), most = CUTS + Math.trunc(MORE_CUTS * whole.width / height);
  const chosen = [];
  for (const measure of measures(whole)) chosen.push(...lowest(measure, height, apart, most, chosen));
  return chosen.sort((a, b) => a - b);
}

function measures({ width, height, ink }) {
  const count = blank(width, 1), extent = blank(width, 1);
  for (let x = 0; x < width; x++) {
    let top = height, bottom = 0;
    for (let y = 0; y < height; y++) {
      if (!(ink.data[y * width + x] > INKED)) continue;
      count.data[x] += 1;
      top = Math.min(top, y);
      bottom = y;
    }
    extent.data[x] = bottom - top;
  }
  return [count, extent];
}

function lowest(measure, height, apart, most, taken) {
  const profile = blur(measure, Math.max(0.5, 0.02 * height)), least = erode(profile, level(2 * apart + 1)).data;
  const candidates = [], chosen = [];
  for (let x = apart; x < profile.width - apart; x++) {
    if (profile.data[x] <= Math.fround(least[x] + Math.fround(1e-6))) candidates.push(x);
  }
  for (const x of candidates.sort((a, b) => profile.data[a] - profile.data[b])) {
    if ([...taken, ...chosen].every((other) => Math.abs(x - other) >= apart)) chosen.push(x);
    if (chosen.length >= most) break;
  }
  return chosen;
}
