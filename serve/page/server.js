/* What the page asks of the server. A refusal is a Problem whose message is one sentence for a person. */

import { events } from "./events.js";

const KEY = "twofold-key", LOST = 6;
/* LOST: connections in a row without news, after which a job counts as out of reach. */

export class Problem extends Error {
  constructor(sentence, status = 0) {
    super(sentence);
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) || "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** The address of something the server offers, also where the page stands below a path. */
export const address = (path) => new URL(path, document.baseURI);

const headers = (more = {}) => (key.get() ? { "X-API-Key": key.get(), ...more } : more);

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(address(path), { ...options, headers: headers(options.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server cannot be reached; check that it runs, then try again.");
  }
  if (!response.ok) throw problem(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

/** Read what the server says of a failure (RFC 9457). */
function problem(status, text, retry) {
  let said = {};
  try {
    said = JSON.parse(text);
  } catch {
    // something between the page and the server answered
  }
  const sentence = said.detail || said.title || `The server answered ${status} and did not say why.`;
  return new Problem(retry ? `${sentence} (It asks to wait ${retry} s.)` : sentence, status);
}

export const models = async () => (await ask("v1/models")).json();

const job = async (id) => (await ask(`v1/jobs/${encodeURIComponent(id)}`)).json();

export const result = async (id) => (await ask(`v1/jobs/${encodeURIComponent(id)}/result?format=json`)).json();

export const download = async (id, format) =>
  (await ask(`v1/jobs/${encodeURIComponent(id)}/result?format=${format}`)).blob();

export const erase = async (id) => void (await ask(`v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" }));

/** Send a clip and return its job; `onsent` hears the share that was sent. A fetch would not say. */
export function submit(file, name, idempotency, signal, onsent) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest(), form = new FormData();
    form.append("file", file, name);
    request.open("POST", address("v1/jobs"));
    for (const [header, value] of Object.entries(headers({ "Idempotency-Key": idempotency })))
      request.setRequestHeader(header, value);
    request.upload.onprogress = (event) => event.lengthComputable && onsent(event.loaded / event.total);
    request.onerror = () =>
      fail(new Problem("The clip could not be sent; check that the server runs and how large a clip it takes."));
    request.onabort = () => fail(new DOMException("cancelled", "AbortError"));
    request.onload = () =>
      request.status < 300
        ? done(JSON.parse(request.responseText))
        : fail(problem(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Follow a job to its end and return its document; a connection that breaks is taken up again. */
export async function follow(id, signal, onprogress) {
  let last = null;
  for (let silent = 0; silent < LOST; silent += 1) {
    try {
      const more = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const path = `v1/jobs/${encodeURIComponent(id)}/events`;
      for await (const found of events(await ask(path, { headers: more, signal }))) {
        silent = 0;
        last = found.id ?? last;
        if (found.event !== "progress") return found.data;
        onprogress(found.data);
      }
      const now = await job(id);
      if (["done", "failed", "cancelled"].includes(now.state)) return now;
    } catch (error) {
      if (signal.aborted || (error.status >= 400 && error.status < 500 && error.status !== 429)) throw error;
      if (silent === LOST - 1) throw error instanceof Problem ? error : new Problem("The connection was lost.");
    }
    await new Promise((wait) => setTimeout(wait, Math.min(8000, 500 * 2 ** silent)));
  }
  throw new Problem("The server no longer says how far the clip is; try again to take it up where it is.");
}
