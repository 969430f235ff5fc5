// digitlab.reading.number: the digits on a picture, in rows.

import { clamp, mapped, rint } from "./picture.js";
import { AREA, CUBIC, resize } from "./resize.js";
import { findInk } from "./ink.js";
import { withoutLines, withoutSides } from "./lines.js";
import { frameInk } from "./frame.js";
import { upright, halfwayBack, boxBefore } from "./slant.js";
import { findRows } from "./rows.js";
import { findSegments } from "./segments.js";
import { probabilitiesOf } from "./networks.js";

const MOST_SIDE = 1200, LEAST_SIDE = 64, COST = 0.8, LOW_COST = 1.5, WIDE_COST = 2, LOW = 0.45, WIDE = 1.1;
const DIGIT_WEIGHT = 0.5, LEAST_OF_CLASS = 1e-6, LEAST_OF_DIGIT = 1e-3, THRESHOLD = 0.5;

// Read the digits on a picture, answered as POST /v1/read answers.
// `grey` holds bytes from 0, black, to 255, white; `ownWidth` is the picture's width where `grey` is reduced;
// `networks` are { classNames, classifier, readable }.
export function readNumber(grey, networks, ownWidth = grey.width) {
  const scaled = toWorkSize(grey), scale = scaled.width / ownWidth;
  const { ink, slant } = upright(withoutSides(withoutLines(findInk(scaled))));
  const lines = findRows(ink).map((row) => readRow(row, slant, scale, networks)).filter(({ digits }) => digits.length);
  return { text: lines.map(({ text }) => text).join("\n"), lines };
}

function toWorkSize({ width, height, data }) {
  const grey = { width, height, data: Float32Array.from(data) };
  const scale = Math.min(MOST_SIDE / Math.max(width, height), Math.max(1, LEAST_SIDE / Math.min(width, height)));
  if (scale === 1) return grey;
  const [wide, high] = [width, height].map((length) => Math.max(1, rint(length * scale)));
  return mapped(resize(grey, wide, high, scale < 1 ? AREA : CUBIC), (value) => clamp(rint(value), 0, 255));
}

function readRow(row, slant, scale, networks) {
  const { segments, parts } = findSegments(row);
  const looks = segments.map(({ piece: { ink } }) => look(frameInk(halfwayBack(ink, slant)), networks));
  const costs = segments.map((segment, i) => costOf(segment.piece, looks[i], row.height));
  const digits = cheapestWay(segments, costs, parts).map((i) => ({
    ...digitOf(looks[i], networks.classNames), box: boxOnPicture(segments[i].piece, slant, scale),
  }));
  return { text: digits.map(({ label, readable }) => (readable ? label : "?")).join(""), digits };
}

// What the two networks say of 28x28 bytes.
function look(framed, { classifier, readable }) {
  return { framed, ofClasses: probabilitiesOf(classifier, framed), ofDigit: probabilitiesOf(readable, framed)[1] };
}

function digitOf({ framed, ofClasses, ofDigit }, classNames) {
  const probability = Math.max(...ofClasses);
  return {
    label: classNames[ofClasses.indexOf(probability)],
    probability,
    probabilities: [...ofClasses],
    digit_probability: ofDigit,
    readable: framed.some(Boolean) && ofDigit >= THRESHOLD,
    framed: btoa(String.fromCharCode(...framed)),
  };
}

// How little a segment looks like one digit.
function costOf({ width, height: own }, { ofClasses, ofDigit }, height) {
  const ofClass = Math.log(Math.max(...ofClasses, LEAST_OF_CLASS));
  const cost = COST - ofClass - DIGIT_WEIGHT * Math.log(Math.max(ofDigit, LEAST_OF_DIGIT));
  return cost + (own < LOW * height ? LOW_COST : 0) + WIDE_COST * Math.max(0, width / height - WIDE);
}

// Which segments cover all parts of the row, each once, for the least cost together.
function cheapestWay(segments, costs, parts) {
  const cheapest = Array(parts + 1).fill(Infinity), last = Array(parts + 1).fill(null), way = [];
  cheapest[0] = 0;
  segments.forEach((segment, i) => {
    const whole = cheapest[segment.first] + costs[i];
    if (whole < cheapest[segment.last]) [cheapest[segment.last], last[segment.last]] = [whole, i];
  });
  for (let end = parts; end; end = segments[last[end]].first) {
    if (last[end] === null) return []; // a part that is no segment's: nothing covers the row
    way.unshift(last[end]);
  }
  return way;
}

function boxOnPicture(whole, slant, scale) {
  const [x, y, width, height] = boxBefore(whole, slant).map((length) => rint(length / scale));
  return [Math.max(0, x), y, Math.max(1, width), Math.max(1, height)];
}
