// digitlab.imaging.picture: a canvas' pixels as shades of grey.

const PAPER = 255, DARK_PAPER = 0, BRIGHT_INK = 170;

// Grey as ITU-R 601 weighs the colours, in the whole numbers that Pillow works in; transparent parts become paper.
export function greyOf({ width, height, data }) {
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
