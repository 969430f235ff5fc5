// Networks from the page: what digitlab.export.page_weights put there.

export function networksOf({ class_names: classNames, classifier, readable }, base64) {
  const bytes = Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0));
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
