// digitlab.imaging.ink, for a picture of many digits: where it has ink.

import { blank, clamp, mapped, ramp, above, inverted, rint, middleOf } from "./picture.js";
import { blur } from "./blur.js";
import { AREA, LINEAR, resize } from "./resize.js";
import { ellipse, opened, closed } from "./shapes.js";

const FLAT_SIDE = 60, CROWDED_PAPER = 1 / 4, CROWDED_STROKE = 1 / 8, GRAIN = 1 / 160, LEAST_GRAIN = 0.4;
const LEAST_FILTER = 9, SHADES = 1024, SURELY_DARK = 0.25, SURELY_BRIGHT = 0.65, BRIGHTER = 1.5;
const SOME_INK = 0.6, ALL_INK = 1.6;

export function findInk(grey) {
  const shorter = Math.min(grey.width, grey.height), flat = Math.max(grey.width, grey.height) <= FLAT_SIDE;
  const values = flat ? grey : blur(grey, Math.max(LEAST_GRAIN, GRAIN * shorter));
  const bright = isDarkOnBright(values, CROWDED_STROKE * shorter) ? inverted(values) : values;
  const raised = flat ? overFlatPaper(bright) : overPaper(bright, CROWDED_PAPER * shorter);
  const top = flat ? raised.data.reduce((most, value) => Math.max(most, value), 0) : percentile(raised, 99.5);
  if (top <= 0) return blank(grey.width, grey.height);
  return softlyCut(ramp(raised, 0, top));
}

function isDarkOnBright(values, stroke) {
  const low = percentile(values, 0.5), high = percentile(values, 99.5);
  const shade = (middleOf(border(values)) - low) / Math.max(high - low, 1);
  if (shade < SURELY_DARK || shade > SURELY_BRIGHT) return shade > SURELY_BRIGHT;
  const wide = ellipse(oddSide(stroke)), closing = closed(values, wide), opening = opened(values, wide);
  const darker = percentile(mapped(closing, (value, i) => value - values.data[i]), 99);
  const brighter = percentile(mapped(values, (value, i) => value - opening.data[i]), 99);
  return darker >= brighter / BRIGHTER;
}

const oddSide = (side) => Math.max(3, rint(side)) | 1;

function border({ width, height, data }) {
  const shades = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (let y = 0; y < height; y++) shades.push(data[y * width], data[y * width + width - 1]);
  return shades;
}

const overFlatPaper = (bright) => above(bright, percentile(bright, 10));

// Paper is what the opening leaves: worked out on a reduced picture, since it changes slowly.
function overPaper(bright, side) {
  const smaller = clamp(Math.trunc(side / LEAST_FILTER), 1, 8);
  const [width, height] = [bright.width, bright.height].map((length) => Math.max(1, Math.floor(length / smaller)));
  const small = resize(bright, width, height, AREA), wide = ellipse(oddSide(side / smaller));
  const paper = resize(blur(opened(small, wide), side / smaller / 4), bright.width, bright.height, LINEAR);
  const raised = above(bright, 0, paper);
  return above(raised, percentile(raised, 30));
}

function percentile({ data }, percent) {
  const counts = new Int32Array(SHADES);
  let all = 0;
  for (let i = 0; i < data.length; i++) {
    const shade = Math.floor(data[i] * (SHADES / 256));
    if (shade >= 0 && shade < SHADES) { counts[shade] += 1; all += 1; }
  }
  const wanted = Math.fround(Math.fround(percent / 100) * all);
  let shade = 0;
  for (let sum = counts[0]; sum < wanted; sum += counts[shade]) shade += 1;
  return shade * 256 / SHADES;
}

function softlyCut(raised) {
  const threshold = otsu(raised) / 255, low = SOME_INK * threshold, room = Math.max(0.2, ALL_INK * threshold - low);
  return ramp(raised, low, room);
}

// Otsu's threshold as OpenCV finds it: the first shade that parts the others best.
function otsu({ data }) {
  const shares = new Float64Array(256), TINY = 2 ** -23;
  for (let i = 0; i < data.length; i++) shares[rint(255 * data[i])] += 1 / data.length;
  const mean = shares.reduce((sum, share, shade) => sum + shade * share, 0);
  let below = 0, meanBelow = 0, best = 0, threshold = 0;
  shares.forEach((share, shade) => {
    meanBelow *= below;
    below += share;
    const above = 1 - below;
    if (Math.min(below, above) < TINY || Math.max(below, above) > 1 - TINY) return;
    meanBelow = (meanBelow + shade * share) / below;
    const apart = below * above * (meanBelow - (mean - below * meanBelow) / above) ** 2;
    if (apart > best) { best = apart; threshold = shade; }
  });
  return threshold;
}
