/* The page: a clip is chosen, sent, followed, and shown. One section is in sight at a time. */

import { Camera } from "./camera.js";
import { $, make } from "./elements.js";
import { Moment } from "./moment.js";
import { Player } from "./player.js";
import { MAIN, Record } from "./record.js";
import * as server from "./server.js";
import { Table } from "./table.js";
import { about } from "./times.js";
import { Timeline } from "./timeline.js";

const SECTIONS = ["choose", "work", "trouble", "result"];
const FORMATS = [["json", "JSON", ".json"], ["csv", "CSV", ".csv"], ["parquet", "Parquet", ".parquet"],
  ["abaw", "ABAW", ".abaw.txt"], ["picture", "Picture", ".png"]];

const state = { limit: Infinity, file: null, name: "", idempotency: null, job: null, record: null, stop: null };

const player = new Player({ video: $("player"), frame: $("frame"), faces: $("faces"), note: $("no-picture"), draw: $("draw-faces") },
  (time, playing) => {
    timeline.move(time);
    moment.move(time);
    if (playing) timeline.follow(time);
  });
const seek = (time) => player.seek(time);
const timeline = new Timeline($("timeline"), { seek, toggle: () => player.toggle() });
const moment = new Moment($("moment"));
const table = new Table($("table-room"), $("table"), seek);
const camera = new Camera((file, name) => begin(file, name));

function see(section, focus) {
  for (const name of SECTIONS) $(name).hidden = name !== section;
  document.body.dataset.state = section;
  if (focus) $(focus).focus();
}

/** Take a clip through the server, and show what it found. */
async function begin(file, name = file.name) {
  player.close();
  camera.close();
  if (file !== state.file) state.idempotency = null;
  Object.assign(state, { file, name, job: null, record: null, stop: new AbortController() });
  state.idempotency ??= random();
  const { signal } = state.stop;
  $("work-title").textContent = `Looking at ${name}`;
  progress("Sending the clip", 0);
  see("work", "work-title");
  try {
    state.job = await server.submit(file, name, state.idempotency, signal, (share) => progress("Sending the clip", share));
    progress("Waiting for a free place", null);
    const job = await server.follow(state.job.id, signal, reading());
    if (job.state !== "done") {
      state.idempotency = null; // this one is over; another try is another job
      throw new server.Problem(job.problem?.detail ?? `The job was ${job.state}.`);
    }
    state.job = job;
    progress("Fetching the result", null);
    show(await server.result(job.id), job);
  } catch (error) {
    if (error.name !== "AbortError") trouble(error);
  }
}

/** Say how far it is, and how long it may take: by what was done since it began. */
function reading() {
  let began = null;
  return (job) => {
    const { seconds = 0, duration } = job.progress ?? {}, now = performance.now() / 1000;
    if (job.state === "queued") return progress("Waiting for a free place", null);
    began ??= { now, seconds };
    if (!duration) return progress(seconds ? `${about(seconds)} looked at` : "Looking at the first seconds", null);
    const share = Math.min(1, seconds / duration), pace = (seconds - began.seconds) / (now - began.now);
    const left = pace > 0 && share < 1 ? `, ${about((duration - seconds) / pace)} left` : "";
    progress(share < 1 ? `${Math.round(share * 100)} % looked at${left}` : "Writing the result", share);
  };
}

let announced = 0;
function progress(words, share) {
  const bar = $("bar");
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  $("work-words").textContent = words;
  if (share !== 0 && performance.now() - announced < 3000) return; // a screen reader is not to be talked over
  announced = performance.now();
  $("announce").textContent = words;
}

function trouble(error) {
  const sentence = error instanceof server.Problem ? error.message : "The page itself failed; reload it, and tell whoever runs the server.";
  if (!(error instanceof server.Problem)) console.error(error);
  const named = sentence.startsWith(state.name); // a file is not renamed for a sentence's sake
  $("trouble-words").textContent = named ? sentence : sentence[0].toUpperCase() + sentence.slice(1);
  see("trouble", "trouble-title");
  if (error.status === 401) $("access").open = true;
}

function show(document, job) {
  const record = (state.record = new Record(document));
  see("result", "result-title");
  $("result-title").textContent = document.clip.name;
  $("disclosure").textContent = document.disclosure;
  warn(Object.entries(job.degraded ?? {}).map(([member, why]) => `${member} was left out: ${why}`).concat(document.problems));
  $("whom").replaceChildren(...record.choices.map(([value, words]) => make("option", { value }, words)));
  $("whom-label").hidden = record.choices.length < 2;
  const there = job.formats ?? FORMATS.map(([format]) => format);
  $("downloads").replaceChildren(...FORMATS.filter(([format]) => there.includes(format)).map(([format, words, ending]) =>
    make("button", { type: "button", onclick: () => save(format, ending) }, words)));
  $("erase").disabled = false;
  $("kept").textContent = "";
  player.open(state.file);
  choose(MAIN);
}

function choose(whom) {
  const { record } = state, rows = record.rows(whom);
  timeline.show(record, rows);
  moment.show(record, rows);
  table.show(record, rows);
  player.show(record, new Map(record.tracks.map((track) => [track, record.rows(String(track))])));
}

function warn(sentences) {
  $("degraded").hidden = !sentences.length;
  $("degraded").replaceChildren(make("strong", {}, "Not all of it could be used"), make("ul", {}, ...sentences.map((one) => make("li", {}, one))));
}

async function save(format, ending) {
  try {
    const address = URL.createObjectURL(await server.download(state.job.id, format));
    make("a", { href: address, download: state.name.replace(/\.[^.]*$/, "") + ending }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    $("kept").textContent = "";
  } catch (error) {
    $("kept").textContent = error.message;
  }
}

async function erase() {
  try {
    await server.erase(state.job.id);
    $("kept").textContent = "Erased. What you see is left in this tab only.";
    for (const button of [$("erase"), ...$("downloads").children]) button.disabled = true;
  } catch (error) {
    $("kept").textContent = error.message;
  }
}

function cancel() {
  state.stop.abort();
  if (state.job) server.erase(state.job.id).catch(() => {});
  state.idempotency = null;
  anew();
}

function anew() {
  player.close();
  $("file").value = "";
  see("choose", "browse");
}

/** A name for one submission; randomUUID is not there over plain http. */
const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function take(files) {
  const [file] = files, size = (bytes) => `${Math.ceil(bytes / 1e6)} MB`;
  if (files.length === 1 && file.size > state.limit)
    trouble(new server.Problem(`${file.name} has ${size(file.size)}, but this server takes at most ${size(state.limit)}; cut the clip, or make it smaller.`));
  else if (files.length === 1) begin(file);
  else if (files.length) trouble(new server.Problem("One clip at a time: drop a single file."));
}

async function meet() {
  $("key").value = server.key.get();
  try {
    const models = await server.models();
    camera.know(models);
    state.limit = models.limits?.upload_bytes ?? Infinity;
    const name = models.bundle?.name ?? models.bundle, count = models.members.length;
    $("about").textContent = `Bundle “${name}” with ${count} member${count === 1 ? "" : "s"}: ${models.members.map((one) => one.name).join(", ")}.`;
  } catch (error) {
    $("about").textContent = error.message;
    if (error.status === 401) $("access").open = true;
  }
}

$("browse").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => take($("file").files));
$("cancel").addEventListener("click", cancel);
$("again").addEventListener("click", () => (state.file ? begin(state.file, state.name) : anew()));
for (const name of ["other", "another"]) $(name).addEventListener("click", anew);
$("erase").addEventListener("click", erase);
$("whom").addEventListener("change", () => choose($("whom").value));
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  server.key.set($("key").value.trim());
  $("access").open = false;
  meet();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dragging"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  if ($("work").hidden) take(event.dataTransfer.files);
});
see("choose");
meet();
