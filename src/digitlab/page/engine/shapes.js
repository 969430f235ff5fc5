// Morphology and connected components as OpenCV has them.

import { blank, mapped, rint, transposed, grow } from "./picture.js";

// A shape is a list of spans { dy, from, to } of pixels beside the one that is worked out.
export function ellipse(side) {
  const radius = side >> 1, spans = [];
  for (let dy = -radius; dy <= radius; dy++) {
    const reach = radius ? rint(radius * Math.sqrt((radius * radius - dy * dy) / (radius * radius))) : 0;
    spans.push({ dy, from: -reach, to: reach });
  }
  return spans;
}

// Of an even length, OpenCV counts the pixel behind the middle as the middle.
export const level = (length) => [{ dy: 0, from: -(length >> 1), to: length - 1 - (length >> 1) }];

export function dilate(picture, spans) {
  const { width, height } = picture, out = blank(width, height), widened = new Map();
  out.data.fill(-Infinity);
  for (const { dy, from, to } of spans) {
    const key = `${from},${to}`;
    if (!widened.has(key)) widened.set(key, from === 0 && to === 0 ? picture.data : windowMaxima(picture, from, to));
    const source = widened.get(key);
    const first = Math.max(0, -dy) * width, end = Math.min(height, height - dy) * width, away = dy * width;
    for (let i = first; i < end; i++) if (source[i + away] > out.data[i]) out.data[i] = source[i + away];
  }
  return out;
}

const negative = (picture) => mapped(picture, (value) => -value);
export const erode = (picture, spans) => negative(dilate(negative(picture), spans));
export const opened = (picture, spans) => dilate(erode(picture, spans), spans);
export const closed = (picture, spans) => erode(dilate(picture, spans), spans);
// By a plumb line: lying, since a row's maxima are found quickly whatever the length.
export const plumb = (operation, picture, length) => transposed(operation(transposed(picture), level(length)));

// The greatest of each row's pixels x + from to x + to. A queue holds what may still become the greatest.
function windowMaxima({ width, height, data }, from, to) {
  const out = new Float32Array(data.length), queue = new Int32Array(width);
  for (let y = 0; y < height; y++) {
    const base = y * width;
    let head = 0, tail = 0, next = 0;
    for (let x = 0; x < width; x++) {
      for (; next <= Math.min(width - 1, x + to); next++) {
        while (tail > head && data[base + queue[tail - 1]] <= data[base + next]) tail--;
        queue[tail++] = next;
      }
      while (head < tail && queue[head] < x + from) head++;
      out[base + x] = head < tail ? data[base + queue[head]] : -Infinity;
    }
  }
  return out;
}

// Connected pixels of more ink than `least`, corners counting: each pixel's label from 1, and each label's box.
export function components({ width, height, data }, least) {
  const labels = new Int32Array(width * height), boxes = [null], stack = [];
  const visit = (i, label) => { if (!labels[i] && data[i] > least) { labels[i] = label; stack.push(i); } };
  for (let start = 0; start < data.length; start++) {
    if (labels[start] || !(data[start] > least)) continue;
    const label = boxes.length, box = { left: width, right: -1, top: height, bottom: -1, pixels: 0 };
    visit(start, label);
    while (stack.length) {
      const i = stack.pop(), x = i % width, y = (i - x) / width;
      grow(box, x, y);
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          visit(row * width + column, label);
        }
      }
    }
    boxes.push(box);
  }
  return { labels, boxes };
}
