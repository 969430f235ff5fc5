// A picture is { width, height, data }, row by row, data a Float32Array; ink goes from 0, paper, to 1.

// From so much ink on, a pixel belongs to a stroke.
export const INKED = 0.25;

export const blank = (width, height) => ({ width, height, data: new Float32Array(width * height) });
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// Each pixel changed by a function: for what is done seldom. What is done to every picture has a loop of its own below,
// several times as fast, since a picture has half a million pixels.
export function mapped({ width, height, data }, change) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) out.data[i] = change(data[i], i);
  return out;
}

// From 0 at `from` to 1 at `from + room`, and no further.
export function ramp({ width, height, data }, from, room) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) {
    const value = (data[i] - from) / room;
    out.data[i] = value < 0 ? 0 : value > 1 ? 1 : value;
  }
  return out;
}

// How far each pixel lies above `least`, or above that of another picture.
export function above({ width, height, data }, least, other = null) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) out.data[i] = Math.max(0, data[i] - (other ? other.data[i] : least));
  return out;
}

export function inverted({ width, height, data }) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) out.data[i] = 255 - data[i];
  return out;
}

// Halves go to the even neighbour, as Python, NumPy and OpenCV round.
export function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

export function transposed({ width, height, data }) {
  const out = blank(height, width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out.data[x * height + y] = data[y * width + x];
  return out;
}

export function grow(box, x, y) {
  box.pixels += 1;
  if (x < box.left) box.left = x;
  if (x > box.right) box.right = x;
  if (y < box.top) box.top = y;
  if (y > box.bottom) box.bottom = y;
}

export function cut({ width, data }, left, top, right, bottom) {
  const out = blank(right - left, bottom - top);
  for (let y = top; y < bottom; y++) {
    out.data.set(data.subarray(y * width + left, y * width + right), (y - top) * out.width);
  }
  return out;
}

// The box of all that has more ink than `least`, `null` where nothing has.
export function boxOfInk({ width, height, data }, least) {
  const box = { left: width, right: -1, top: height, bottom: -1, pixels: 0 };
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) if (data[i] > least) grow(box, x, y);
  return box.pixels ? box : null;
}

export function cropped(picture, least) {
  const box = boxOfInk(picture, least);
  return box && cut(picture, box.left, box.top, box.right + 1, box.bottom + 1);
}

export const sum = (values) => values.reduce((total, value) => total + value, 0);

// The median, or of an even number the upper of the two.
export const middleOf = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
