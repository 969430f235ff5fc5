// digitlab.reading.rows: pieces that stand in a line.

import { sum, middleOf } from "./picture.js";
import { findPieces, join } from "./pieces.js";

const LOW_PIECE = 0.5, SHARED = 0.5, CLOSE = 0.12, FLAG = 1.2, DIRT = 0.02, LIGHT_ROW = 0.15, SAME_ROW = 0.4;

export function findRows(ink) {
  const pieces = findPieces(ink);
  if (!pieces.length) return [];
  const rows = [], middle = (p) => p.y + p.height / 2;
  for (const one of tallPieces(pieces, usualHeight(pieces)).sort((a, b) => middle(a) - middle(b))) {
    const row = rows.find((other) => inRow(one, other));
    if (row) row.push(one);
    else rows.push([one]);
  }
  const masses = rows.map((row) => sum(row.map((p) => p.mass))), heaviest = Math.max(...masses);
  const kept = rows.filter((_, i) => masses[i] > LIGHT_ROW * heaviest);
  const top = (row) => sum(row.map((p) => p.y)) / row.length;
  kept.sort((a, b) => top(a) - top(b));
  return kept.map((row) => ({ pieces: row.sort((a, b) => a.x - b.x), height: usualHeight(row) }));
}

// The height that half of the ink lies below.
function usualHeight(pieces) {
  const sorted = [...pieces].sort((a, b) => a.height - b.height), half = sum(pieces.map((p) => p.mass)) / 2;
  let below = 0;
  return sorted.find((p) => (below += p.mass) >= half)?.height ?? sorted.at(-1).height;
}

// The tall pieces, each with the low ones that belong to it.
function tallPieces(pieces, height) {
  let tall = pieces.filter((p) => p.height >= LOW_PIECE * height);
  const digit = middleOf(tall.map((p) => p.mass)), lows = pieces.filter((p) => p.height < LOW_PIECE * height);
  for (const low of lows.sort((a, b) => b.mass - a.mass)) {
    if (low.mass < DIRT * digit) continue;
    const owner = ownerOf(low, tall, height);
    if (owner) tall = tall.map((p) => (p === owner ? join([p, low]) : p));
  }
  return tall;
}

function ownerOf(low, tall, height) {
  let owner = null, most = -Infinity;
  for (const one of tall) {
    const shared = overlap(low, one, height);
    if (shared !== null && shared > most) [owner, most] = [one, shared];
  }
  return owner;
}

function overlap(low, tall, height) {
  const shared = Math.min(low.right, tall.right) - Math.max(low.x, tall.x);
  if (low.bottom < tall.y - 0.25 * height || low.y > tall.bottom + 0.1 * height) return null;
  const within = shared >= SHARED * Math.min(low.width, tall.width);
  const upper = low.y + low.height / 2 < tall.y + 0.4 * tall.height;
  const flag = shared > -CLOSE * height && upper && low.width > FLAG * low.height;
  return within || flag ? shared : null;
}

function inRow(one, row) {
  const top = middleOf(row.map((p) => p.y)), bottom = middleOf(row.map((p) => p.bottom));
  return Math.min(bottom, one.bottom) - Math.max(top, one.y) >= SAME_ROW * Math.min(one.height, bottom - top);
}
