// Sizes and places changed as OpenCV changes them: INTER_AREA, INTER_CUBIC, INTER_LINEAR and warpAffine.

import { blank, clamp, ramp, rint } from "./picture.js";

// For each pixel of the new length: the old pixels it is made of, and how much of each.
function taps(length, weigh) {
  return Array.from({ length }, (_, at) => {
    const places = [], weights = [];
    weigh(at, (place, weight) => { places.push(place); weights.push(weight); });
    return { places, weights };
  });
}

function areaTaps(before, after, scale) {
  return taps(after, (at, add) => {
    const start = at * scale, end = start + scale, cell = Math.min(scale, before - start);
    const last = Math.min(Math.floor(end), before - 1), first = Math.min(Math.ceil(start), last);
    if (first - start > 1e-3) add(first - 1, (first - start) / cell);
    for (let place = first; place < last; place++) add(place, 1 / cell);
    if (end - last > 1e-3) add(last, Math.min(end - last, 1, cell) / cell);
  });
}

function cubicTaps(before, after, scale) {
  const A = -0.75, near = (t) => ((A + 2) * t - (A + 3)) * t * t + 1;
  return taps(after, (at, add) => {
    const place = (at + 0.5) * scale - 0.5, first = Math.floor(place), t = place - first;
    const weights = [((A * (t + 1) - 5 * A) * (t + 1) + 8 * A) * (t + 1) - 4 * A, near(t), near(1 - t)];
    weights.push(1 - weights[0] - weights[1] - weights[2]);
    weights.forEach((weight, i) => add(clamp(first - 1 + i, 0, before - 1), weight));
  });
}

function linearTaps(before, after, scale) {
  return taps(after, (at, add) => {
    const place = clamp((at + 0.5) * scale - 0.5, 0, before - 1), first = Math.min(Math.floor(place), before - 1);
    add(first, 1 - (place - first));
    if (place > first) add(first + 1, place - first);
  });
}

export const AREA = areaTaps;
export const CUBIC = cubicTaps;
export const LINEAR = linearTaps;

// `scale` is how many old pixels make a new one, where that is not as the lengths have it.
export function resize(picture, width, height, method, scale = null) {
  if (width === picture.width && height === picture.height) return picture;
  const across = method(picture.width, width, scale ?? picture.width / width);
  const down = method(picture.height, height, scale ?? picture.height / height);
  return resizedDown(resizedAcross(picture, across), down);
}

function resizedAcross(picture, across) {
  const out = blank(across.length, picture.height);
  // All taps in one row: starts[x] to starts[x + 1] are those of x.
  const starts = Int32Array.of(0, ...across.map(({ places }) => places.length));
  for (let x = 1; x < starts.length; x++) starts[x] += starts[x - 1];
  const places = Int32Array.from(across.flatMap((tap) => tap.places));
  const weights = Float64Array.from(across.flatMap((tap) => tap.weights));
  for (let y = 0; y < picture.height; y++) {
    const base = y * picture.width;
    for (let x = 0; x < out.width; x++) {
      let sum = 0;
      for (let i = starts[x]; i < starts[x + 1]; i++) sum += weights[i] * picture.data[base + places[i]];
      out.data[y * out.width + x] = sum;
    }
  }
  return out;
}

function resizedDown({ width, data }, down) {
  const out = blank(width, down.length), sums = new Float64Array(width);
  down.forEach(({ places, weights }, y) => {
    sums.fill(0);
    places.forEach((place, i) => {
      const weight = weights[i], base = place * width;
      for (let x = 0; x < width; x++) sums[x] += weight * data[base + x];
    });
    out.data.set(sums, y * width);
  });
  return out;
}

// The longer side made `side`.
export function fitted(picture, side) {
  const scale = side / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((length) => Math.max(1, rint(length * scale)));
  return ramp(resize(picture, width, height, scale < 1 ? AREA : CUBIC), 0, 1);
}

// Each row moved to the right by `across(y)` and all of it down, by parts of pixels too; beyond the edges lies nothing.
export function moved(picture, width, height, across, down) {
  const out = blank(width, height);
  for (let y = 0; y < height; y++) {
    const fromY = Math.floor(y - down), partY = y - down - fromY, offset = across(y);
    for (const [row, weight] of [[fromY, 1 - partY], [fromY + 1, partY]]) {
      if (row >= 0 && row < picture.height && weight) addRow(picture, row, weight, out, y, offset);
    }
  }
  return out;
}

function addRow(picture, row, weight, out, y, offset) {
  const shift = Math.floor(-offset), part = -offset - shift, base = row * picture.width;
  for (let x = 0; x < out.width; x++) {
    const from = x + shift;
    const left = from >= 0 && from < picture.width ? picture.data[base + from] : 0;
    const right = from + 1 >= 0 && from + 1 < picture.width ? picture.data[base + from + 1] : 0;
    out.data[y * out.width + x] += weight * (left + part * (right - left));
  }
}
