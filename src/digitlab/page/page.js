// The page: strokes on a canvas, or a picture; what the reader says of them. The reader is a module of its own.

import * as reader from "./reader.js";

const PAPER = "#ffffff", INK = "#111418";
const STEP = 12; // pixels that an arrow key moves the pen
const $ = (id) => document.getElementById(id);
const canvas = $("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });

const state = {
  strokes: [], // each { width, points: [[x, y], ...] }, in canvas pixels
  current: null, // the stroke being drawn
  picture: null, // { file, image }: shown instead of strokes
  pen: { x: canvas.width / 2, y: canvas.height / 2, shown: false },
};

// --- drawing -------------------------------------------------------------------------------------------------------

function redraw() {
  context.fillStyle = PAPER;
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (state.picture) {
    const { x, y, scale } = placed();
    const { image } = state.picture;
    context.drawImage(image, x, y, image.naturalWidth * scale, image.naturalHeight * scale);
  }
  for (const stroke of state.strokes) drawStroke(stroke);
  $("invitation").hidden = Boolean(state.strokes.length || state.picture);
  $("undo").disabled = $("clear").disabled = !(state.strokes.length || state.picture);
}

function drawStroke({ width, points }) {
  context.strokeStyle = context.fillStyle = INK;
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  if (points.length === 1) {
    context.arc(points[0][0], points[0][1], width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(...points[0]);
  // Through the middles of what the pen reported, bent by the points themselves: no corners.
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i], [nextX, nextY] = points[i + 1];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  context.lineTo(...points.at(-1));
  context.stroke();
}

function placed() {
  const { image } = state.picture;
  const scale = Math.min(canvas.width / image.naturalWidth, canvas.height / image.naturalHeight);
  return { scale, x: (canvas.width - image.naturalWidth * scale) / 2, y: (canvas.height - image.naturalHeight * scale) / 2 };
}

function position(event) {
  const frame = canvas.getBoundingClientRect();
  return [(event.clientX - frame.left) * canvas.width / frame.width, (event.clientY - frame.top) * canvas.height / frame.height];
}

function begin(point) {
  if (state.picture) clear();
  state.current = { width: Number($("pen").value), points: [point] };
  state.strokes.push(state.current);
  changed();
}

function extend(points) {
  state.current.points.push(...points);
  changed();
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  canvas.setPointerCapture(event.pointerId);
  begin(position(event));
});
canvas.addEventListener("pointermove", (event) => {
  if (!state.current || !canvas.hasPointerCapture(event.pointerId)) return;
  const events = event.getCoalescedEvents?.() ?? [];
  extend((events.length ? events : [event]).map(position));
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => { state.current = null; changed(); });
}

function undo() {
  if (state.picture) state.picture = null;
  else state.strokes.pop();
  state.current = null;
  changed();
}

function clear() {
  state.strokes = [];
  state.picture = state.current = null;
  changed();
}

// --- by keyboard ---------------------------------------------------------------------------------------------------

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

canvas.addEventListener("keydown", (event) => {
  const { pen } = state;
  if (event.key in ARROWS) {
    const [dx, dy] = ARROWS[event.key];
    pen.x = Math.min(canvas.width, Math.max(0, pen.x + STEP * dx));
    pen.y = Math.min(canvas.height, Math.max(0, pen.y + STEP * dy));
    if (state.current) extend([[pen.x, pen.y]]);
  } else if (event.key === " ") {
    if (state.current) { state.current = null; changed(); } else begin([pen.x, pen.y]);
  } else return;
  event.preventDefault();
  pen.shown = true;
  showPen();
});
canvas.addEventListener("blur", () => { state.pen.shown = false; state.current = null; showPen(); });

document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.target.closest?.("dialog")) return;
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if ((plain && event.key.toLowerCase() === "u") || ((event.ctrlKey || event.metaKey) && event.key === "z")) undo();
  else if (plain && event.key.toLowerCase() === "c") clear();
  else return;
  event.preventDefault();
});

function showPen() {
  document.querySelector(".cursor")?.remove();
  if (!state.pen.shown) return;
  const mark = document.createElement("div");
  mark.className = state.current ? "cursor down" : "cursor";
  mark.style.left = `${100 * state.pen.x / canvas.width}%`;
  mark.style.top = `${100 * state.pen.y / canvas.height}%`;
  $("paper").append(mark);
}

// --- pictures ------------------------------------------------------------------------------------------------------

async function open(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
  } catch {
    say(`${file.name}: expected a picture, got something that this browser cannot show`);
    return;
  } finally {
    URL.revokeObjectURL(image.src);
  }
  state.strokes = [];
  state.picture = { file, image };
  changed();
}

$("file").addEventListener("change", (event) => {
  if (event.target.files.length) open(event.target.files[0]);
  event.target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("paper").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
  if (file) open(file);
});

// --- reading -------------------------------------------------------------------------------------------------------

let version = 0, reading = false;

function changed() {
  version += 1;
  redraw();
  read();
}

// One question at a time; what was drawn meanwhile is asked about when the answer is there.
async function read() {
  if (reading) return;
  reading = true;
  let asked;
  do {
    asked = version;
    try {
      if (state.picture) show(await reader.readFile(state.picture.file), placed());
      else if (state.strokes.length) show(await reader.readCanvas(canvas), { x: 0, y: 0, scale: 1 });
      else show({ text: "", lines: [] });
    } catch (error) {
      if (error.keyNeeded) { $("key-dialog").showModal(); break; }
      show({ text: "", lines: [] });
      say(error instanceof TypeError ? "The reader cannot be reached." : error.message);
    }
    await new Promise(requestAnimationFrame);
  } while (asked !== version);
  reading = false;
}

function show(answer, place) {
  say("");
  const digits = answer.lines.flatMap((line) => line.digits);
  if ($("text").textContent !== (answer.text || "–")) $("text").textContent = answer.text || "–";
  if (digits.length && digits.every((digit) => !digit.readable)) say("This does not look like a digit.");
  else if (!digits.length && (state.strokes.length || state.picture)) say("No digit found.");
  $("boxes").replaceChildren(...digits.map((digit) => boxOf(digit, place)));
  $("digits").replaceChildren(...digits.map(cardOf));
}

function say(words) {
  $("note").textContent = words;
  $("note").hidden = !words;
}

function boxOf(digit, { x, y, scale }) {
  const [left, top, width, height] = digit.box;
  const box = document.createElement("div");
  box.className = digit.readable ? "box" : "box unreadable";
  box.dataset.label = digit.readable ? digit.label : `${digit.label}?`;
  const across = (pixels) => `${100 * pixels / canvas.width}%`, down = (pixels) => `${100 * pixels / canvas.height}%`;
  box.style.left = across(x + left * scale);
  box.style.top = down(y + top * scale);
  box.style.width = across(width * scale);
  box.style.height = down(height * scale);
  if (y + top * scale < canvas.height / 12) box.classList.add("low"); // no room above it
  return box;
}

function cardOf(digit) {
  const card = document.createElement("li");
  if (!digit.readable) card.className = "unreadable";
  const seen = document.createElement("div");
  seen.append(picture(digit.framed));
  const heading = document.createElement("h2");
  heading.textContent = `${digit.label}, ${percent(digit.probability)}`;
  const word = document.createElement("p");
  word.className = "word";
  word.textContent = digit.readable ? "what the network saw" : "not a digit";
  seen.append(heading, word);
  card.append(seen, barsOf(digit.probabilities));
  return card;
}

function picture(framed) {
  const pixels = Uint8Array.from(atob(framed), (letter) => letter.charCodeAt(0));
  const small = document.createElement("canvas");
  small.width = small.height = 28;
  small.setAttribute("role", "img");
  small.setAttribute("aria-label", "the 28 by 28 pixels that the network saw");
  const image = new ImageData(28, 28);
  pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  small.getContext("2d").putImageData(image, 0, 0);
  return small;
}

function barsOf(probabilities) {
  const list = document.createElement("dl");
  list.className = "bars";
  const best = Math.max(...probabilities);
  probabilities.forEach((probability, index) => {
    const name = document.createElement("dt"), value = document.createElement("dd");
    name.textContent = names[index] ?? index;
    if (probability === best) name.className = "best";
    const track = document.createElement("span"), fill = document.createElement("span"), share = document.createElement("span");
    track.className = "track";
    fill.className = "fill";
    fill.style.width = `${100 * probability}%`;
    share.className = "share";
    share.textContent = percent(probability);
    track.append(fill);
    value.append(track, share);
    list.append(name, value);
  });
  return list;
}

const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)} %`;

// --- beginning -----------------------------------------------------------------------------------------------------

let names = [];

async function introduce() {
  try {
    const model = await reader.describe();
    names = model.class_names;
    $("model").textContent = `Read by ${model.name}.`;
    $("report").hidden = !model.report;
  } catch (error) {
    if (error.keyNeeded) $("key-dialog").showModal();
    else say("The reader cannot be reached.");
  }
}

$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clear);
$("pen").addEventListener("input", () => { $("pen-width").textContent = $("pen").value; });
$("key-dialog").addEventListener("close", () => {
  reader.useKey($("key").value);
  reading = false;
  introduce();
  changed();
});
redraw();
introduce();
