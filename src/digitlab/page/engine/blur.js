// Gaussian smoothing as OpenCV does it.

import { rint } from "./picture.js";

function gaussian(sigma) {
  const radius = (rint(8 * sigma + 1) | 1) >> 1;
  const weights = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp(-i * i / (2 * sigma * sigma)));
  const sum = weights.reduce((total, weight) => total + 2 * weight, -weights[0]);
  return Float32Array.from(weights, (weight) => weight / sum);
}

// Beyond an edge the picture is mirrored in its outermost pixels.
function mirrored(index, length) {
  if (length === 1) return 0;
  while (index < 0 || index >= length) index = index < 0 ? -index : 2 * (length - 1) - index;
  return index;
}

// The box of all that differs from the first pixel: a drawing is mostly blank, and blank stays blank when smoothed.
function boxOfChange({ width, height, data }) {
  const box = { left: width, right: -1, top: height, bottom: -1 };
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (data[i] === data[0]) continue;
      if (x < box.left) box.left = x;
      if (x > box.right) box.right = x;
      if (y < box.top) box.top = y;
      box.bottom = y;
    }
  }
  return box;
}

export function blur(picture, sigma) {
  const kernel = gaussian(sigma), radius = kernel.length - 1, box = boxOfChange(picture);
  if (box.bottom < 0) return picture;
  const left = Math.max(0, box.left - radius), right = Math.min(picture.width - 1, box.right + radius);
  const across = blurAcross(picture, kernel, left, right, box.top, box.bottom);
  const top = Math.max(0, box.top - radius), bottom = Math.min(picture.height - 1, box.bottom + radius);
  return blurDown(across, kernel, left, right, top, bottom);
}

function blurAcross({ width, height, data }, kernel, left, right, top, bottom) {
  const radius = kernel.length - 1, out = { width, height, data: data.slice() };
  const line = new Float32Array(right - left + 1 + 2 * radius);
  for (let y = top; y <= bottom; y++) {
    for (let i = 0; i < line.length; i++) line[i] = data[y * width + mirrored(left - radius + i, width)];
    for (let x = left; x <= right; x++) {
      const middle = x - left + radius;
      let sum = kernel[0] * line[middle];
      for (let i = 1; i <= radius; i++) sum += kernel[i] * (line[middle - i] + line[middle + i]);
      out.data[y * width + x] = sum;
    }
  }
  return out;
}

function blurDown({ width, height, data }, kernel, left, right, top, bottom) {
  const out = { width, height, data: data.slice() }, sums = new Float64Array(right - left + 1);
  for (let y = top; y <= bottom; y++) {
    for (let x = 0; x < sums.length; x++) sums[x] = kernel[0] * data[y * width + left + x];
    for (let i = 1; i < kernel.length; i++) {
      const weight = kernel[i];
      const above = mirrored(y - i, height) * width + left, below = mirrored(y + i, height) * width + left;
      for (let x = 0; x < sums.length; x++) sums[x] += weight * (data[above + x] + data[below + x]);
    }
    out.data.set(sums, y * width + left);
  }
  return out;
}
