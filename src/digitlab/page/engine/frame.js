// digitlab.imaging.frame: ink of one digit as MNIST's own digits were framed.

import { blank, ramp, rint, cropped } from "./picture.js";
import { blur } from "./blur.js";
import { fitted, moved } from "./resize.js";
import { ellipse, dilate } from "./shapes.js";

const IMAGE_SIDE = 28;

const DIGIT_SIDE = 20, FINE_SIDE = 80, MARGIN = 16, FRAME_INKED = 0.15, THINNEST = 7.5, STEPS = 1.5;

// Ink of one digit as 28x28 bytes; all 0 where there is none.
export function frameInk(ink) {
  const tight = cropped(ink, FRAME_INKED);
  if (!tight) return new Uint8Array(IMAGE_SIDE * IMAGE_SIDE);
  const scale = FINE_SIDE / Math.max(tight.width, tight.height);
  let fine = padded(fitted(tight, FINE_SIDE), MARGIN);
  if (scale > STEPS) fine = ramp(blur(fine, 0.5 * scale), 0.25, 0.5);
  const digit = cropped(thickEnough(fine), FRAME_INKED);
  return digit ? centred(fitted(digit, DIGIT_SIDE)) : new Uint8Array(IMAGE_SIDE * IMAGE_SIDE);
}

function padded(picture, margin) {
  const { width, height, data } = picture, out = blank(width + 2 * margin, height + 2 * margin);
  for (let y = 0; y < height; y++) {
    out.data.set(data.subarray(y * width, (y + 1) * width), (y + margin) * out.width + margin);
  }
  return out;
}

function thickEnough(fine) {
  const distances = distancesWithin(fine).filter((distance) => distance > 0);
  const sum = distances.reduce((total, distance) => total + distance, 0);
  const width = distances.length ? 4 * sum / distances.length - 1 : THINNEST;
  if (width >= THINNEST) return fine;
  return dilate(fine, ellipse(2 * Math.ceil((THINNEST - width) / 2) + 1));
}

// How far each inked pixel lies from paper, by steps to the side and across; once downwards, once back.
function distancesWithin({ width, height, data }) {
  const SIDE = 0.955, ACROSS = 1.3693, out = new Float32Array(data.length);
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? Infinity : out[y * width + x]);
  const nearest = (x, y, by) => Math.min(
    at(x - by, y) + SIDE, at(x, y - by) + SIDE, at(x - 1, y - by) + ACROSS, at(x + 1, y - by) + ACROSS,
  );
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) out[i] = data[i] > 0.5 ? nearest(x, y, 1) : 0;
  }
  for (let y = height - 1, i = out.length - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--, i--) if (out[i]) out[i] = Math.min(out[i], nearest(x, y, -1));
  }
  return out;
}

// The centre of mass goes to the middle.
function centred(digit) {
  let mass = 0, x = 0, y = 0;
  digit.data.forEach((value, i) => {
    mass += value;
    x += value * (i % digit.width);
    y += value * Math.floor(i / digit.width);
  });
  const middle = (IMAGE_SIDE - 1) / 2, right = Math.fround(middle - x / mass), down = Math.fround(middle - y / mass);
  const placed = moved(digit, IMAGE_SIDE, IMAGE_SIDE, () => right, down).data;
  const most = placed.reduce((top, value) => Math.max(top, value), 0);
  return Uint8Array.from(placed, (value) => rint(Math.fround(255 * value) / most));
}
