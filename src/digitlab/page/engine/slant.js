// digitlab.reading.slant: slanted writing set upright before it is cut.

import { INKED, rint } from "./picture.js";
import { AREA, resize, moved } from "./resize.js";

const SLANTS = [-0.6, -0.45, -0.3, -0.15, 0, 0.15, 0.3, 0.45, 0.6, 0.75], RELUCTANCE = 0.15, ENOUGH_SIDE = 600;

const slantOf = (columnsARow, height) => ({ columns: columnsARow, offset: Math.max(0, -columnsARow) * height });

// The ink set upright, and the shear that did it: the one whose columns differ most in their ink.
export function upright(ink) {
  let smaller = Math.min(1, ENOUGH_SIDE / Math.max(ink.width, ink.height));
  if (rint(Math.min(ink.width, ink.height) * smaller) < 1) smaller = 1 / Math.min(ink.width, ink.height);
  const [width, height] = [ink.width, ink.height].map((length) => rint(length * smaller));
  const places = inkedPlaces(resize(ink, width, height, AREA, 1 / smaller));
  let best = 0, most = -Infinity;
  for (const columnsARow of SLANTS) {
    const clear = clearness(places, columnsARow);
    if (clear > most) [best, most] = [columnsARow, clear];
  }
  const slant = slantOf(best, ink.height);
  return { ink: sheared(ink, slant), slant };
}

function inkedPlaces({ width, height, data }) {
  const x = [], y = [], ink = [];
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      if (data[i] > INKED) { x.push(column); y.push(row); ink.push(data[i]); }
    }
  }
  return { x, y, ink, width, height };
}

// The sum of the squares of each upright column's ink.
function clearness({ x, y, ink, width, height }, columnsARow) {
  if (!x.length) return -Math.abs(columnsARow);
  const room = Math.ceil(Math.abs(columnsARow) * height), sums = new Float64Array(width + 2 * room + 2);
  for (let i = 0; i < x.length; i++) sums[room + rint(x[i] + columnsARow * y[i])] += ink[i];
  return sums.reduce((squares, column) => squares + column * column, 0) * (1 - RELUCTANCE * Math.abs(columnsARow));
}

function sheared(ink, { columns: columnsARow, offset }) {
  if (columnsARow === 0) return ink;
  const wider = ink.width + Math.ceil(Math.abs(columnsARow) * ink.height);
  const step = Math.fround(columnsARow), start = Math.fround(offset);
  return moved(ink, wider, ink.height, (y) => step * y + start, 0);
}

export const halfwayBack = (ink, slant) => sheared(ink, slantOf(-slant.columns / 2, ink.height));

// Where a piece's ink lies on the picture as it was.
export function boxBefore({ x, y, width, height, ink }, slant) {
  let left = Infinity, right = -Infinity;
  ink.data.forEach((value, i) => {
    if (!(value > INKED)) return;
    const before = x + i % width - slant.columns * (y + Math.floor(i / width)) - slant.offset;
    left = Math.min(left, before);
    right = Math.max(right, before + 1);
  });
  return [left, y, right - left, height];
}
