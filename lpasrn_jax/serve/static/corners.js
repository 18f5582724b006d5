// Marking a plate in a photograph: a box drawn by mouse or finger, or four clicks; then each corner is pulled, or moved by arrow keys.

import { element, find, say, svgElement } from "./dom.js";
import { around, box, isConvex, ordered } from "./geometry.js";

const NAMES = ["top-left corner", "top-right corner", "bottom-right corner", "bottom-left corner"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const REACH = 22; // of a corner for a finger, in pixels of the screen
const DRAWN = 6; // a pointer that has moved less than this many pixels has clicked

/**
 * Asks for the corners of the plate in one photograph.
 * photograph: {url, width, height}. earlier: corners to begin with, or null. Resolves to four [x, y], in pixels whose first has its
 * centre at (0, 0), or to null if the plate fills the image. `signal` ends the asking.
 */
export function askCorners(photograph, earlier, title, signal) {
  const place = find("corners");
  find("corners-title").textContent = title;
  place.hidden = false;
  return new Promise((resolve, reject) => {
    const editor = new Editor(photograph, find("stage"));
    const end = new AbortController();
    const finish = (settle, value) => {
      end.abort();
      editor.close();
      place.hidden = true;
      settle(value);
    };
    const on = (id, act) => find(id).addEventListener("click", act, { signal: end.signal });
    on("corners-done", () => finish(resolve, editor.points.map(([x, y]) => [x - 0.5, y - 0.5])));
    on("corners-whole", () => finish(resolve, null));
    on("corners-box", () => editor.putBox());
    on("corners-zoom", () => editor.toggleZoom());
    signal.addEventListener("abort", () => finish(reject, signal.reason), { signal: end.signal });
    editor.start(earlier);
    place.scrollIntoView({ block: "start", behavior: "smooth" });
    find("corners-box").focus({ preventScroll: true });
  });
}

class Editor {
  constructor(photograph, stage) {
    Object.assign(this, photograph);
    this.points = [];
    this.view = { x: 0, y: 0, width: this.width, height: this.height };
    this.picture = element("img", { src: photograph.url, alt: "The photograph", draggable: "false" });
    this.outline = svgElement("polygon", { class: "outline" });
    this.handles = svgElement("g");
    this.overlay = svgElement("svg", { class: "overlay", preserveAspectRatio: "none" }, this.outline, this.handles);
    this.overlay.addEventListener("pointerdown", (event) => this.press(event));
    this.overlay.addEventListener("pointermove", (event) => this.move(event));
    this.overlay.addEventListener("pointerup", (event) => this.release(event));
    this.overlay.addEventListener("pointercancel", () => (this.held = null));
    this.overlay.addEventListener("keydown", (event) => this.key(event));
    this.stage = stage;
    this.stage.style.aspectRatio = `${this.width} / ${this.height}`;
    this.stage.style.maxWidth = `calc(70vh * ${this.width / this.height})`;
    this.stage.replaceChildren(this.picture, this.overlay);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(stage);
  }

  start(earlier) {
    if (earlier) this.set(earlier.map(([x, y]) => [x + 0.5, y + 0.5]), true);
    else this.draw();
  }

  close() {
    this.resized.disconnect();
    this.stage.replaceChildren();
  }

  /** A box the shape of a plate, a fifth of the photograph wide. */
  putBox() {
    const [w, h] = [this.width / 5, (this.width / 5) * 0.325];
    const [x, y] = [(this.width - w) / 2, (this.height - h) / 2];
    this.set(box([x, y], [x + w, y + h]), true);
    this.handles.firstChild.focus();
  }

  set(points, zoom) {
    this.points = points.map(([x, y]) => this.inside([x, y]));
    if (zoom) this.view = around(this.points, this.width, this.height);
    this.draw();
  }

  toggleZoom() {
    const all = this.view.width === this.width;
    this.view = all ? around(this.points, this.width, this.height) : { x: 0, y: 0, width: this.width, height: this.height };
    this.draw();
  }

  inside([x, y]) {
    return [Math.min(Math.max(x, 0), this.width), Math.min(Math.max(y, 0), this.height)];
  }

  /** Pixels of the photograph in one of the screen. */
  get unit() {
    return this.view.width / (this.stage.clientWidth || 1);
  }

  at(event) {
    const place = this.overlay.getBoundingClientRect();
    const x = this.view.x + ((event.clientX - place.left) / place.width) * this.view.width;
    const y = this.view.y + ((event.clientY - place.top) / place.height) * this.view.height;
    return [x, y];
  }

  press(event) {
    if (event.button > 0 || this.held) return;
    event.preventDefault();
    this.overlay.setPointerCapture(event.pointerId);
    const start = this.at(event);
    const distances = this.points.map(([x, y]) => Math.hypot(x - start[0], y - start[1]));
    const nearest = distances.indexOf(Math.min(...distances));
    // Until all four are there a press is always a new corner: on a phone those of a far plate lie within a finger's reach.
    const whole = this.points.length === 4;
    const grips = whole && distances[nearest] <= REACH * this.unit;
    const inside = whole && event.target === this.outline;
    // A corner, else the whole outline, else a new box.
    const part = grips ? nearest : inside ? "outline" : "new";
    this.held = { part, start, from: this.points.map((point) => [...point]), id: event.pointerId };
    if (grips) this.handles.children[nearest]?.focus({ preventScroll: true });
  }

  move(event) {
    if (this.held?.id !== event.pointerId) return;
    const { part, start, from } = this.held;
    const now = this.at(event);
    const [dx, dy] = [now[0] - start[0], now[1] - start[1]];
    this.held.moved ||= Math.hypot(dx, dy) > DRAWN * this.unit;
    if (!this.held.moved) return;
    if (part === "new") this.set(box(this.inside(start), this.inside(now)), false);
    else this.set(from.map((point, i) => (part === "outline" || part === i ? [point[0] + dx, point[1] + dy] : point)), false);
  }

  release(event) {
    if (this.held?.id !== event.pointerId) return;
    const { part, start, from, moved } = this.held;
    this.held = null;
    if (part !== "new") return this.draw();
    if (moved) {
      const [[left, top], , [right, bottom]] = this.points;
      const drawn = Math.min(right - left, bottom - top) > 3 * this.unit;
      return drawn ? this.set(this.points, true) : this.set(from, false);
    }
    const points = [...(from.length === 4 ? [] : from), start];
    this.set(points.length === 4 ? ordered(points) : points, points.length === 4);
  }

  key(event) {
    const arrow = ARROWS[event.key];
    const index = [...this.handles.children].indexOf(event.target);
    if (!arrow || (index < 0 && event.target !== this.outline)) return;
    event.preventDefault();
    const step = event.shiftKey ? 10 : 1;
    const moved = ([x, y]) => [x + step * arrow[0], y + step * arrow[1]];
    this.set(this.points.map((point, i) => (index < 0 || i === index ? moved(point) : point)), false);
  }

  draw() {
    const { x, y, width, height } = this.view;
    const scale = 1 / this.unit;
    Object.assign(this.picture.style, {
      width: `${this.width * scale}px`,
      height: `${this.height * scale}px`,
      transform: `translate(${-x * scale}px, ${-y * scale}px)`,
    });
    this.overlay.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    const whole = this.points.length === 4;
    const good = whole && isConvex(this.points);
    this.outline.setAttribute("points", this.points.map((point) => point.join(",")).join(" "));
    this.outline.classList.toggle("bad", whole && !good);
    for (const [key, value] of Object.entries({ tabindex: 0, role: "button", "aria-label": "outline: arrow keys move it" })) {
      if (whole) this.outline.setAttribute(key, value);
      else this.outline.removeAttribute(key);
    }
    this.drawHandles();
    find("corners-done").disabled = !good || Boolean(this.held);
    find("corners-zoom").disabled = !whole;
    find("corners-zoom").textContent = width < this.width ? "Show the whole photograph" : "Show the plate larger";
    say(find("corners-problem"), whole && !good ? "The sides must not cross, and no corner may point inwards." : "");
  }

  /** The handles stay the same elements, so that the one that has the focus keeps it. */
  drawHandles() {
    while (this.handles.children.length > this.points.length) this.handles.lastChild.remove();
    while (this.handles.children.length < this.points.length) {
      const ring = svgElement("circle", { class: "ring" });
      this.handles.append(svgElement("g", { class: "handle", tabindex: 0, role: "button" }, svgElement("circle", { class: "reach" }), ring));
    }
    this.points.forEach(([x, y], i) => {
      const handle = this.handles.children[i];
      handle.setAttribute("transform", `translate(${x} ${y}) scale(${this.unit})`);
      handle.setAttribute("aria-label", `${NAMES[i]}, x ${Math.round(x)}, y ${Math.round(y)}: arrow keys move it`);
      handle.firstChild.setAttribute("r", REACH);
      handle.lastChild.setAttribute("r", 8);
    });
  }
}

