// digitlab.reading.segments: every stretch of a row that might be one digit.

import { findCuts } from "./cuts.js";
import { join, columns } from "./pieces.js";

const MOST_PARTS = 8, MOST_PIECES = 2, WIDEST_GAP = 0.06, WIDEST = 1.5;

// Every stretch of a row that might be one digit, in the order of their ends.
export function findSegments(row) {
  const parts = row.pieces.flatMap((whole, number) => {
    const edges = [0, ...findCuts(whole, row.height), whole.width];
    return edges.slice(1).map((last, i) => ({ number, first: edges[i], last }));
  });
  const segments = parts.flatMap((_, first) => segmentsFrom(row, parts, first));
  segments.sort((a, b) => a.last - b.last || a.first - b.first);
  return { segments, parts: parts.length };
}

function segmentsFrom(row, parts, first) {
  const found = [];
  for (let last = first + 1; last <= Math.min(parts.length, first + MOST_PARTS); last++) {
    const pieces = joinedColumns(row, parts.slice(first, last));
    if (pieces === null) break;
    if (!pieces.length) continue;
    const joined = join(pieces);
    if (joined.width > WIDEST * row.height) break;
    found.push({ first, last, piece: joined });
  }
  return found;
}

// What lies in the parts, a piece for each of the row's; `null` for what can be no digit, nor with more of it.
function joinedColumns(row, parts) {
  const numbers = [...new Set(parts.map(({ number }) => number))];
  if (numbers.length > MOST_PIECES) return null;
  const found = numbers.map((number) => {
    const own = parts.filter((part) => part.number === number);
    return columns(row.pieces[number], own[0].first, own.at(-1).last);
  }).filter(Boolean);
  if (found.length > 1 && found.at(-1).x - found[0].right > WIDEST_GAP * row.height) return null;
  return found;
}
