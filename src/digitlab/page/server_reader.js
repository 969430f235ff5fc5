// The reader behind the page: here the server that sent it.

let key = "";

export function useKey(given) { key = given; }

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  const told = await response.json();
  if (!response.ok) {
    const error = new Error(`${told.error.message}. ${told.error.hint}`);
    error.keyNeeded = response.status === 401;
    throw error;
  }
  return told;
}

export function describe() { return ask("v1/model"); }

export async function readCanvas(canvas) {
  return ask("v1/read", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ canvas: canvas.toDataURL("image/png") }),
  });
}

export function readFile(file) {
  const body = new FormData();
  body.append("picture", file);
  return ask("v1/read", { method: "POST", body });
}
