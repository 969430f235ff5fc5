// The reader without a server: what digitlab.imaging and digitlab.reading do to a picture, step by step the same, so
// that a drawing is read the same. Names and constants are theirs; their docstrings say where the constants come from.
// The operations of OpenCV that they call are written out at the beginning, to its rules for edges and rounding.

const IMAGE_SIDE = 28;

// A picture is { width, height, data }, row by row; ink goes from 0, paper, to 1.
const blank = (width, height) => ({ width, height, data: new Float32Array(width * height) });
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// Each pixel changed by a function: for what is done seldom. What is done to every picture has a loop of its own below,
// several times as fast, since a picture has half a million pixels.
function mapped({ width, height, data }, change) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) out.data[i] = change(data[i], i);
  return out;
}

// From 0 at `from` to 1 at `from + room`, and no further.
function ramp({ width, height, data }, from, room) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) {
    const value = (data[i] - from) / room;
    out.data[i] = value < 0 ? 0 : value > 1 ? 1 : value;
  }
  return out;
}

// How far each pixel lies above `least`, or above that of another picture.
function above({ width, height, data }, least, other = null) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) out.data[i] = Math.max(0, data[i] - (other ? other.data[i] : least));
  return out;
}

function inverted({ width, height, data }) {
  const out = blank(width, height);
  for (let i = 0; i < data.length; i++) out.data[i] = 255 - data[i];
  return out;
}

// Halves go to the even neighbour, as Python, NumPy and OpenCV round.
export function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

// --- smoothing -----------------------------------------------------------------------------------------------------

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

// --- sizes ---------------------------------------------------------------------------------------------------------

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

export const AREA = areaTaps, CUBIC = cubicTaps, LINEAR = linearTaps;

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
function fitted(picture, side) {
  const scale = side / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((length) => Math.max(1, rint(length * scale)));
  return ramp(resize(picture, width, height, scale < 1 ? AREA : CUBIC), 0, 1);
}

// Each row moved to the right by `across(y)` and all of it down, by parts of pixels too; beyond the edges lies nothing.
function moved(picture, width, height, across, down) {
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

// --- shapes --------------------------------------------------------------------------------------------------------

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
const level = (length) => [{ dy: 0, from: -(length >> 1), to: length - 1 - (length >> 1) }];

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
const closed = (picture, spans) => erode(dilate(picture, spans), spans);
// By a plumb line: lying, since a row's maxima are found quickly whatever the length.
const plumb = (operation, picture, length) => transposed(operation(transposed(picture), level(length)));

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
function components({ width, height, data }, least) {
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

function grow(box, x, y) {
  box.pixels += 1;
  if (x < box.left) box.left = x;
  if (x > box.right) box.right = x;
  if (y < box.top) box.top = y;
  if (y > box.bottom) box.bottom = y;
}

function cut({ width, data }, left, top, right, bottom) {
  const out = blank(right - left, bottom - top);
  for (let y = top; y < bottom; y++) {
    out.data.set(data.subarray(y * width + left, y * width + right), (y - top) * out.width);
  }
  return out;
}

// The box of all that has more ink than `least`, `null` where nothing has.
function boxOfInk({ width, height, data }, least) {
  const box = { left: width, right: -1, top: height, bottom: -1, pixels: 0 };
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) if (data[i] > least) grow(box, x, y);
  return box.pixels ? box : null;
}

function cropped(picture, least) {
  const box = boxOfInk(picture, least);
  return box && cut(picture, box.left, box.top, box.right + 1, box.bottom + 1);
}

// --- ink: digitlab.imaging.ink, for a picture of many digits -------------------------------------------------------

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

// The median, or of an even number the upper of the two.
const middleOf = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

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

// --- lines: digitlab.imaging.lines ---------------------------------------------------------------------------------

const INKED = 0.25, LINES_SIDE = 100, LEVEL = 0.3, ALL_THE_WAY = 0.85, PLUMB = 0.85;
const THICKEST = 0.08, LEAST_THICKEST = 4, ALONG = 0.7;

const marksOf = (ink) => mapped(ink, (value) => (value > INKED ? 1 : 0));

function transposed({ width, height, data }) {
  const out = blank(height, width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out.data[x * height + y] = data[y * width + x];
  return out;
}

export function withoutLines(ink) {
  const { width, height } = ink;
  if (Math.max(width, height) <= LINES_SIDE) return ink;
  const thickest = Math.max(LEAST_THICKEST, rint(THICKEST * height));
  const box = boxOfInk(ink, INKED), high = box ? box.bottom - box.top : 0, { rows, across } = widenedCounts(ink);
  const long = rint(Math.min(ALL_THE_WAY * width, Math.max(LEVEL * width, high))), tall = rint(PLUMB * height);
  const gone = [], mayHold = (counts, length) => length >= 2 && counts.some((count) => count >= length);
  if (mayHold(rows, long)) gone.push(linesOf(marksOf(ink), long, thickest));
  if (mayHold(across, tall)) gone.push(transposed(linesOf(transposed(marksOf(ink)), tall, thickest)));
  return gone.length ? mapped(ink, (value, i) => (gone.some(({ data }) => data[i]) ? 0 : value)) : ink;
}

// Inked pixels of each row, and of each column, its ink widened by a pixel to both of its sides.
function widenedCounts({ width, height, data }) {
  const rows = new Int32Array(height), across = new Int32Array(width);
  const inked = (i) => data[i] > INKED; // not there, beyond the ends, is not inked either
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const here = inked(i);
      if (here || inked(i - width) || inked(i + width)) rows[y] += 1;
      if (here || (x > 0 && inked(i - 1)) || (x < width - 1 && inked(i + 1))) across[x] += 1;
    }
  }
  return { rows, across };
}

// Which pixels belong to level lines of at least `length` and to nothing else.
function linesOf(marks, length, thickest) {
  // Widened by a little first, since a line of the camera's climbs by a pixel now and then.
  const wider = plumb(dilate, marks, 3), long = opened(wider, level(length));
  const near = plumb(dilate, mapped(marks, (mark, i) => mark && long.data[i]), 3);
  const runs = mapped(marks, (mark, i) => mark && near.data[i]);
  const thick = plumb(opened, marks, thickest + 1);
  const others = mapped(marks, (mark, i) => (mark && !runs.data[i] ? 1 : 0));
  const crossing = plumb(dilate, others, 2 * thickest + 1);
  return mapped(runs, (run, i) => (run && !thick.data[i] && !crossing.data[i] ? 1 : 0));
}

function columnHas({ width, height, data }, x) {
  for (let y = 0; y < height; y++) if (data[y * width + x] > INKED) return true;
  return false;
}

export function withoutSides(ink) {
  const { width, height } = ink, sides = [0, width - 1];
  if (!sides.some((x) => columnHas(ink, x))) return ink;
  const { labels, boxes } = components(ink, INKED), gone = new Uint8Array(boxes.length);
  for (const x of sides) {
    const touching = new Int32Array(boxes.length);
    for (let y = 0; y < height; y++) touching[labels[y * width + x]] += 1;
    for (let label = 1; label < boxes.length; label++) {
      if (touching[label] > ALONG * (boxes[label].bottom - boxes[label].top + 1)) gone[label] = 1;
    }
  }
  return mapped(ink, (value, i) => (gone[labels[i]] ? 0 : value));
}

// --- frame: digitlab.imaging.frame ---------------------------------------------------------------------------------

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

// --- pieces: digitlab.reading.pieces -------------------------------------------------------------------------------

const LEAST_PIXELS = 4, SCRAP = 0.06;

function piece(x, y, ink) {
  const { width, height } = ink, mass = ink.data.reduce((sum, value) => sum + value, 0);
  return { x, y, ink, width, height, right: x + width, bottom: y + height, mass };
}

function findPieces(ink) {
  const { labels, boxes } = components(ink, INKED), found = [];
  boxes.forEach((box, label) => {
    if (!box || box.pixels < LEAST_PIXELS) return;
    const own = cut(ink, box.left, box.top, box.right + 1, box.bottom + 1);
    for (let y = 0, i = 0; y < own.height; y++) {
      for (let x = 0; x < own.width; x++, i++) {
        if (labels[(box.top + y) * ink.width + box.left + x] !== label) own.data[i] = 0;
      }
    }
    found.push(piece(box.left, box.top, own));
  });
  return found;
}

function join(pieces) {
  if (pieces.length === 1) return pieces[0];
  const left = Math.min(...pieces.map((p) => p.x)), top = Math.min(...pieces.map((p) => p.y));
  const ink = blank(Math.max(...pieces.map((p) => p.right)) - left, Math.max(...pieces.map((p) => p.bottom)) - top);
  for (const { x, y, width, height, ink: { data } } of pieces) {
    for (let row = 0; row < height; row++) {
      const to = (y - top + row) * ink.width + x - left;
      for (let i = 0; i < width; i++) ink.data[to + i] = Math.max(ink.data[to + i], data[row * width + i]);
    }
  }
  return piece(left, top, ink);
}

// What lies in some columns of a piece, scraps left out; `null` where that is nothing.
function columns(whole, first, last) {
  const ink = cut(whole.ink, first, 0, last, whole.height), { labels, boxes } = components(ink, INKED);
  if (boxes.length <= 1) return null;
  const largest = Math.max(...boxes.slice(1).map(({ pixels }) => pixels));
  const kept = mapped(ink, (value, i) => (labels[i] && boxes[labels[i]].pixels >= SCRAP * largest ? value : 0));
  const box = boxOfInk(kept, INKED);
  const part = cut(kept, box.left, box.top, box.right + 1, box.bottom + 1);
  return piece(whole.x + first + box.left, whole.y + box.top, part);
}

// --- slant: digitlab.reading.slant ---------------------------------------------------------------------------------

const SLANTS = [-0.6, -0.45, -0.3, -0.15, 0, 0.15, 0.3, 0.45, 0.6, 0.75], RELUCTANCE = 0.15, ENOUGH_SIDE = 600;

const slantOf = (columnsARow, height) => ({ columns: columnsARow, offset: Math.max(0, -columnsARow) * height });

// The ink set upright, and the shear that did it: the one whose columns differ most in their ink.
export function upright(ink) {
  const smaller = Math.min(1, ENOUGH_SIDE / Math.max(ink.width, ink.height));
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

const halfwayBack = (ink, slant) => sheared(ink, slantOf(-slant.columns / 2, ink.height));

// Where a piece's ink lies on the picture as it was.
function boxBefore({ x, y, width, height, ink }, slant) {
  let left = Infinity, right = -Infinity;
  ink.data.forEach((value, i) => {
    if (!(value > INKED)) return;
    const before = x + i % width - slant.columns * (y + Math.floor(i / width)) - slant.offset;
    left = Math.min(left, before);
    right = Math.max(right, before + 1);
  });
  return [left, y, right - left, height];
}

// --- rows: digitlab.reading.rows -----------------------------------------------------------------------------------

const LOW_PIECE = 0.5, SHARED = 0.5, CLOSE = 0.12, FLAG = 1.2, DIRT = 0.02, LIGHT_ROW = 0.15, SAME_ROW = 0.4;

const sum = (values) => values.reduce((total, value) => total + value, 0);

function findRows(ink) {
  const pieces = findPieces(ink);
  if (!pieces.length) return [];
  const rows = [], middle = (p) => p.y + p.height / 2;
  for (const one of tallPieces(pieces, usualHeight(pieces)).sort((a, b) => middle(a) - middle(b))) {
    const row = rows.find((other) => inRow(one, other));
    if (row) row.push(one);
    else rows.push([one]);
  }
  const masses = rows.map((row) => sum(row.map((p) => p.mass))), heaviest = Math.max(...masses);
  const kept = rows.filter((_, i) => masses[i] > LIGHT_ROW * heaviest);
  const top = (row) => sum(row.map((p) => p.y)) / row.length;
  kept.sort((a, b) => top(a) - top(b));
  return kept.map((row) => ({ pieces: row.sort((a, b) => a.x - b.x), height: usualHeight(row) }));
}

// The height that half of the ink lies below.
function usualHeight(pieces) {
  const sorted = [...pieces].sort((a, b) => a.height - b.height), half = sum(pieces.map((p) => p.mass)) / 2;
  let below = 0;
  return sorted.find((p) => (below += p.mass) >= half)?.height ?? sorted.at(-1).height;
}

// The tall pieces, each with the low ones that belong to it.
function tallPieces(pieces, height) {
  let tall = pieces.filter((p) => p.height >= LOW_PIECE * height);
  const digit = middleOf(tall.map((p) => p.mass)), lows = pieces.filter((p) => p.height < LOW_PIECE * height);
  for (const low of lows.sort((a, b) => b.mass - a.mass)) {
    if (low.mass < DIRT * digit) continue;
    const owner = ownerOf(low, tall, height);
    if (owner) tall = tall.map((p) => (p === owner ? join([p, low]) : p));
  }
  return tall;
}

function ownerOf(low, tall, height) {
  let owner = null, most = -Infinity;
  for (const one of tall) {
    const shared = overlap(low, one, height);
    if (shared !== null && shared > most) [owner, most] = [one, shared];
  }
  return owner;
}

function overlap(low, tall, height) {
  const shared = Math.min(low.right, tall.right) - Math.max(low.x, tall.x);
  if (low.bottom < tall.y - 0.25 * height || low.y > tall.bottom + 0.1 * height) return null;
  const within = shared >= SHARED * Math.min(low.width, tall.width);
  const upper = low.y + low.height / 2 < tall.y + 0.4 * tall.height;
  const flag = shared > -CLOSE * height && upper && low.width > FLAG * low.height;
  return within || flag ? shared : null;
}

function inRow(one, row) {
  const top = middleOf(row.map((p) => p.y)), bottom = middleOf(row.map((p) => p.bottom));
  return Math.min(bottom, one.bottom) - Math.max(top, one.y) >= SAME_ROW * Math.min(one.height, bottom - top);
}

// --- cuts: digitlab.reading.cuts -----------------------------------------------------------------------------------

const NARROW = 0.55, APART = 0.12, CUTS = 2, MORE_CUTS = 3;

// Columns to cut a piece before: where least ink lies above one another, and where its contours come nearest.
function findCuts(whole, height) {
  if (whole.width < NARROW * height) return [];
  const apart = Math.max(2, Math.trunc(APART * height)), most = CUTS + Math.trunc(MORE_CUTS * whole.width / height);
  const chosen = [];
  for (const measure of measures(whole)) chosen.push(...lowest(measure, height, apart, most, chosen));
  return chosen.sort((a, b) => a - b);
}

function measures({ width, height, ink }) {
  const count = blank(width, 1), extent = blank(width, 1);
  for (let x = 0; x < width; x++) {
    let top = height, bottom = 0;
    for (let y = 0; y < height; y++) {
      if (!(ink.data[y * width + x] > INKED)) continue;
      count.data[x] += 1;
      top = Math.min(top, y);
      bottom = y;
    }
    extent.data[x] = bottom - top;
  }
  return [count, extent];
}

function lowest(measure, height, apart, most, taken) {
  const profile = blur(measure, Math.max(0.5, 0.02 * height)), least = erode(profile, level(2 * apart + 1)).data;
  const candidates = [], chosen = [];
  for (let x = apart; x < profile.width - apart; x++) {
    if (profile.data[x] <= Math.fround(least[x] + Math.fround(1e-6))) candidates.push(x);
  }
  for (const x of candidates.sort((a, b) => profile.data[a] - profile.data[b])) {
    if ([...taken, ...chosen].every((other) => Math.abs(x - other) >= apart)) chosen.push(x);
    if (chosen.length >= most) break;
  }
  return chosen;
}

// --- segments: digitlab.reading.segments ---------------------------------------------------------------------------

const MOST_PARTS = 8, MOST_PIECES = 2, WIDEST_GAP = 0.06, WIDEST = 1.5;

// Every stretch of a row that might be one digit, in the order of their ends.
function findSegments(row) {
  const parts = row.pieces.flatMap((whole, number) => {
    const edges = [0, ...findCuts(whole, row.height), whole.width];
    return edges.slice(1).map((last, i) => ({ number, first: edges[i], last }));
  });
  const segments = parts.flatMap((_, first) => segmentsFrom(row, parts, first));
  segments.sort((a, b) => a.last - b.last || a.first - b.first);
  return { segments, parts: parts.length };
}

function segmentsFrom(row, parts, first) {
  const found = [];
  for (let last = first + 1; last <= Math.min(parts.length, first + MOST_PARTS); last++) {
    const pieces = joinedColumns(row, parts.slice(first, last));
    if (pieces === null) break;
    if (!pieces.length) continue;
    const joined = join(pieces);
    if (joined.width > WIDEST * row.height) break;
    found.push({ first, last, piece: joined });
  }
  return found;
}

// What lies in the parts, a piece for each of the row's; `null` for what can be no digit, nor with more of it.
function joinedColumns(row, parts) {
  const numbers = [...new Set(parts.map(({ number }) => number))];
  if (numbers.length > MOST_PIECES) return null;
  const found = numbers.map((number) => {
    const own = parts.filter((part) => part.number === number);
    return columns(row.pieces[number], own[0].first, own.at(-1).last);
  }).filter(Boolean);
  if (found.length > 1 && found.at(-1).x - found[0].right > WIDEST_GAP * row.height) return null;
  return found;
}

// --- networks ------------------------------------------------------------------------------------------------------

// A network is a list of members, each a list of steps, whose probabilities are averaged.
export function probabilitiesOf(network, framed) {
  const answers = network.map((steps) => steps.reduce((values, step) => STEPS_OF[step.operator](values, step), framed));
  return Float32Array.from(answers[0], (_, i) => sum(answers.map((answer) => answer[i])) / answers.length);
}

function dense(values, { weights, bias }) {
  const sums = Float64Array.from(bias), count = sums.length;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === 0) continue; // most pixels, and half of what passes a ReLU
    for (let j = 0, at = i * count; j < count; j++, at++) sums[j] += value * weights[at];
  }
  return Float32Array.from(sums);
}

function softmax(values) {
  const most = Math.max(...values), powers = Float64Array.from(values, (value) => Math.exp(value - most));
  const whole = sum(powers);
  return Float32Array.from(powers, (power) => power / whole);
}

// Abramowitz and Stegun 7.1.26, to 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

const each = (change) => (values) => Float32Array.from(values, change);
const STEPS_OF = {
  Dense: dense,
  Scale: (values, { factor, offset }) => Float32Array.from(values, (value, i) => value * factor[i] + offset[i]),
  Softmax: softmax,
  Relu: each((value) => Math.max(0, value)),
  Tanh: each(Math.tanh),
  Sigmoid: each((value) => 1 / (1 + Math.exp(-value))),
  Gelu: each((value) => value / 2 * (1 + erf(value * Math.SQRT1_2))),
};

// --- numbers: digitlab.reading.number ------------------------------------------------------------------------------

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
