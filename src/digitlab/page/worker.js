// The engine in a thread of its own, so that the pen is not held up while it reads.
// It is told the networks first, and then asked; every answer bears the number of its question.

import * as engine from "./engine.js";

const PAPER = 255, DARK_PAPER = 0, BRIGHT_INK = 170;

let networks = null;

const ANSWERS = {
  networks: ({ told, weights }) => { networks = unpacked(told, bytesOf(weights)); },
  read: ({ pixels, ownWidth }) => engine.readNumber(greyOf(pixels), networks, ownWidth),
  // What the network says of pictures of 28x28 bytes as they are.
  probabilities: ({ framed }) => framed.map((one) => [...engine.probabilitiesOf(networks.classifier, one)]),
};

onmessage = ({ data: { number, question, ...given } }) => {
  try {
    postMessage({ number, answer: ANSWERS[question](given) });
  } catch (error) {
    postMessage({ number, failure: String(error) });
  }
};

// --- pictures ------------------------------------------------------------------------------------------------------

// Grey as ITU-R 601 weighs the colours, in the whole numbers that Pillow works in; transparent parts become paper.
function greyOf({ width, height, data }) {
  const grey = { width, height, data: new Uint8Array(width * height) }, paper = paperBehind(data);
  for (let i = 0, at = 0; i < grey.data.length; i++, at += 4) {
    const opaque = data[at + 3];
    const red = over(data[at], opaque, paper), green = over(data[at + 1], opaque, paper);
    grey.data[i] = (red * 19595 + green * 38470 + over(data[at + 2], opaque, paper) * 7471 + 32768) >> 16;
  }
  return grey;
}

function over(shade, opaque, paper) {
  return opaque === 255 ? shade : Math.round((shade * opaque + paper * (255 - opaque)) / 255);
}

// Behind a drawing with transparent parts lies white, or black where its own ink is bright.
function paperBehind(data) {
  let brightness = 0, opaque = 0;
  for (let at = 0; at < data.length; at += 4) {
    brightness += (data[at] + data[at + 1] + data[at + 2]) / 3 * data[at + 3];
    opaque += data[at + 3];
  }
  return opaque && brightness > BRIGHT_INK * opaque ? DARK_PAPER : PAPER;
}

// --- weights -------------------------------------------------------------------------------------------------------

function bytesOf(base64) { return Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0)); }

function unpacked({ class_names: classNames, classifier, readable }, bytes) {
  const ofMember = (steps) => steps.map(({ operator, ...arrays }) => {
    const values = Object.entries(arrays).map(([name, place]) => [name, floats(bytes, place)]);
    return { operator, ...Object.fromEntries(values) };
  });
  return { classNames, classifier: classifier.map(ofMember), readable: readable.map(ofMember) };
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
