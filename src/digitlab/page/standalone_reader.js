// The reader behind a page that is alone: the engine, with the networks that lie in the page itself.

import * as engine from "./engine.js";

// A larger picture is reduced by the browser to so many pixels a side; the engine looks at fewer still.
const MOST_SIDE = 2400;
const PAPER = 255, DARK_PAPER = 0, BRIGHT_INK = 170;

const told = JSON.parse(document.getElementById("network").textContent);
const networks = unpacked(bytesOf(document.getElementById("weights").textContent));

// For whoever wants to ask the networks or the engine from the browser's console, or test them.
globalThis.digitlab = { engine, networks };

export function useKey() {}

export async function describe() { return { name: told.name, class_names: told.class_names, report: false }; }

export async function readCanvas(canvas) {
  const { width, height } = canvas;
  return engine.readNumber(greyOf(canvas.getContext("2d").getImageData(0, 0, width, height)), networks);
}

export async function readFile(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return engine.readNumber(greyOf(pixelsOf(image)), networks, image.naturalWidth);
}

function pixelsOf(image) {
  const scale = Math.min(1, MOST_SIDE / Math.max(image.naturalWidth, image.naturalHeight)), canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

// Grey as ITU-R 601 weighs the colours, in the whole numbers that Pillow works in; transparent parts become paper.
function greyOf({ width, height, data }) {
  const grey = new Uint8Array(width * height), paper = paperBehind(data);
  for (let i = 0, at = 0; i < grey.length; i++, at += 4) {
    const opaque = data[at + 3] / 255, shade = (channel) => Math.round(data[at + channel] * opaque + paper * (1 - opaque));
    grey[i] = (shade(0) * 19595 + shade(1) * 38470 + shade(2) * 7471 + 32768) >> 16;
  }
  return { width, height, data: grey };
}

// Behind a drawing with transparent parts lies white, or black where its own ink is bright.
function paperBehind(data) {
  let brightness = 0, opaque = 0;
  for (let at = 0; at < data.length; at += 4) {
    brightness += (data[at] + data[at + 1] + data[at + 2]) / 3 * data[at + 3];
    opaque += data[at + 3];
  }
  return opaque && opaque < 255 * data.length / 4 && brightness > BRIGHT_INK * opaque ? DARK_PAPER : PAPER;
}

// --- weights -------------------------------------------------------------------------------------------------------

function bytesOf(base64) { return Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0)); }

function unpacked(bytes) {
  const ofMember = (steps) => steps.map(({ operator, ...arrays }) => {
    const values = Object.entries(arrays).map(([name, place]) => [name, floats(bytes, place)]);
    return { operator, ...Object.fromEntries(values) };
  });
  return { classNames: told.class_names, classifier: told.classifier.map(ofMember), readable: told.readable.map(ofMember) };
}

function floats(bytes, { format, at, count }) {
  const buffer = bytes.buffer.slice(at, at + count * (format === "float16" ? 2 : 4));
  return format === "float16" ? Float32Array.from(new Uint16Array(buffer), halfToSingle) : new Float32Array(buffer);
}

// IEEE 754: a sign, 5 bits of exponent, 10 of fraction.
function halfToSingle(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
