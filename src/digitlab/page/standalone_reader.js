// The reader behind a page that is alone: the engine in a worker, with the networks that lie in the page itself.

// A larger picture is reduced by the browser to so many pixels a side; the engine looks at fewer still. In a picture of
// fewer than so many there is nothing to read.
const MOST_SIDE = 2400, LEAST_SIDE = 4;

const textOf = (id) => document.getElementById(id).textContent;
const told = JSON.parse(textOf("network"));
const worker = new Worker(URL.createObjectURL(new Blob([textOf("worker")], { type: "text/javascript" })));
const waiting = new Map(); // by the number of the question
let asked = 0;

worker.onmessage = ({ data: { number, answer, failure } }) => {
  const { resolve, reject } = waiting.get(number);
  waiting.delete(number);
  if (failure) reject(new Error(failure));
  else resolve(answer);
};

worker.onerror = () => {
  for (const { reject } of waiting.values()) reject(new Error("expected this browser to run the reader, it did not"));
  waiting.clear();
};

function ask(question, given) {
  asked += 1;
  worker.postMessage({ number: asked, question, ...given });
  return new Promise((resolve, reject) => { waiting.set(asked, { resolve, reject }); });
}

ask("networks", { told, weights: textOf("weights") });

// For whoever wants to ask from the browser's console, or to test it.
globalThis.digitlab = { ask, readCanvas, readFile };

export function useKey() {}

export async function describe() { return { name: told.name, class_names: told.class_names, report: false }; }

export function readCanvas(canvas) {
  return ask("read", { pixels: canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height) });
}

export async function readFile(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return ask("read", { pixels: pixelsOf(image), ownWidth: image.naturalWidth });
}

function pixelsOf(image) {
  if (Math.min(image.naturalWidth, image.naturalHeight) < LEAST_SIDE) {
    throw new Error(`expected a picture of at least ${LEAST_SIDE} pixels a side, got ${image.naturalWidth} x ${image.naturalHeight}`);
  }
  const scale = Math.min(1, MOST_SIDE / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
