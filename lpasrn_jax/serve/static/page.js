// The page: images come in, a plate is marked where it must be, the reading and the images are shown.

import { Refused, about, call } from "./calls.js";
import { showImages } from "./compare.js";
import { askCorners } from "./corners.js";
import { downloads } from "./downloads.js";
import { element, find, say } from "./dom.js";
import { showReading } from "./reading.js";

const EXAMPLES = [
  ["One frame", ["one-003.png"]],
  ["Five frames of one plate", [1, 2, 3, 4, 5].map((i) => `five-00${i}.png`)],
  ["A photograph", ["car.jpg"]],
  ["Too dark to read", ["night-003.jpg"]],
];

const known = about();
let running = new AbortController();

/** Takes images from wherever they come, instead of those before. */
async function take(files) {
  running.abort(new DOMException("other images came", "AbortError"));
  running = new AbortController();
  const { signal } = running;
  for (const id of ["result", "reading", "images"]) find(id).hidden = true;
  say(find("problem"));
  try {
    const model = await known;
    check(files, model.limits);
    const items = await marked(files, signal);
    say(find("status"), "Reading …");
    await show(items, model, signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    say(find("problem"), error instanceof Refused ? error.message : `Fault of the page: ${error.message}`);
    find("problem").scrollIntoView({ block: "center", behavior: "smooth" });
  }
  say(find("status"));
}

function check(files, limits) {
  if (!files.length) throw new Refused("No image is among what was dropped.");
  if (files.length > limits.images) {
    throw new Refused(`${files.length} images are too many: send at most ${limits.images} frames, all of one plate.`);
  }
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (bytes > limits.bytes - 2 ** 16) {
    throw new Refused(`The images have ${Math.ceil(bytes / 1e6)} MB together; at most ${Math.floor(limits.bytes / 1e6)} MB are taken: cut the plate out first.`);
  }
}

/** Each image with the corners of its plate, or null where the plate fills it. */
async function marked(files, signal) {
  const items = [];
  let corners = null;
  for (const [i, file] of files.entries()) {
    const size = await measured(file);
    const asks = size && isPhotograph(size);
    const title = files.length > 1 ? `Where is the plate? Photograph ${i + 1} of ${files.length}` : "Where is the plate?";
    if (asks) {
      const url = URL.createObjectURL(file);
      try {
        corners = await askCorners({ url, ...size }, corners, title, signal);
      } finally {
        URL.revokeObjectURL(url);
      }
    }
    items.push({ file, corners: asks ? corners : null });
  }
  signal.throwIfAborted();
  return items;
}

/** Width and height, or null for what this browser cannot show; the server may know better. */
async function measured(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    bitmap.close();
    return { width, height };
  } catch {
    return null;
  }
}

/** Whether an image shows more than a plate, by its shape and size. */
function isPhotograph({ width, height }) {
  return width * height > 250_000 || width / height < 1.4 || width / height > 8;
}

async function show(items, model, signal) {
  const answers = {};
  const layout = find("layout").value;
  if (model.reads) {
    answers.reading = await call("read", items, layout, signal);
    showReading(find("reading"), answers.reading, model.calibrated);
    find("reading").hidden = false;
    reveal();
  }
  if (model.enhances) {
    say(find("status"), "Enlarging …");
    answers.images = await call("enhance", items, "", signal);
    showImages(find("images"), answers.images, (frame) => downloads(items, answers, frame));
    find("images").hidden = false;
    if (!model.reads) reveal();
  }
}

function reveal() {
  const result = find("result");
  result.hidden = false;
  result.focus({ preventScroll: true });
  result.scrollIntoView({ block: "start", behavior: "smooth" });
}

function listen() {
  find("files").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = ""; // so that the same file can be chosen again
    if (files.length) take(files);
  });
  const drop = find("drop");
  const over = (event, isOver) => {
    event.preventDefault();
    drop.classList.toggle("over", isOver);
  };
  // The whole window takes what is dropped; a browser would otherwise leave the page for it.
  window.addEventListener("dragover", (event) => over(event, true));
  window.addEventListener("dragleave", (event) => over(event, event.relatedTarget !== null));
  window.addEventListener("drop", (event) => {
    over(event, false);
    take([...event.dataTransfer.files]);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  });
}

function offerExamples() {
  for (const [title, names] of EXAMPLES) {
    const pictures = names.map((name) => element("img", { src: `examples/${name}`, alt: "", class: "pixels" }));
    const button = element("button", { type: "button" }, element("span", { class: "pictures" }, ...pictures), title);
    button.addEventListener("click", async () => take(await Promise.all(names.map(fetched))));
    find("examples").append(element("li", {}, button));
  }
}

async function fetched(name) {
  const content = await (await fetch(`examples/${name}`)).blob();
  return new File([content], name, { type: content.type });
}

async function offerLayouts() {
  try {
    for (const name of Object.keys((await known).layouts)) find("layout").append(element("option", { value: name }, name));
  } catch (error) {
    say(find("problem"), error.message);
  }
}

listen();
offerExamples();
offerLayouts();
