// The images of a plate: two of them under a slider, all of them side by side.

import { element } from "./dom.js";

export const KINDS = {
  lr: ["LR", "as it came, its pixels left square"],
  bicubic: ["bicubic", "enlarged without knowledge of plates"],
  sr: ["SR", "enlarged by the network, from one frame"],
  fused: ["fused", "enlarged by the network, from all frames"],
};

const source = (image) => `data:image/png;base64,${image.png}`;

/** Fills an article with the images of an answer of `/enhance`; `footer` makes its last row for the frame that is shown. */
export function showImages(article, answer, footer) {
  let frame = answer.reference;
  const kinds = Object.keys(KINDS).filter((kind) => kind !== "fused" || answer.fused);
  const chosen = { left: "lr", right: answer.fused ? "fused" : "sr" };
  const image = (kind) => (kind === "fused" ? answer.fused : answer.frames[frame][kind]);

  const left = element("img", { class: "left" });
  const right = element("img", { class: "right" });
  const tags = { left: element("span", { class: "tag left" }), right: element("span", { class: "tag right" }) };
  const slider = element("input", { type: "range", min: 0, max: 100, step: 0.5, value: 50, "aria-label": "how much is shown of the left image" });
  const line = element("span", { class: "line", "aria-hidden": "true" });
  const compare = element("div", { class: "compare" }, left, right, tags.left, tags.right, line, slider);
  const slide = () => compare.style.setProperty("--cut", `${slider.value}%`);
  slider.addEventListener("input", slide);
  slide();

  const figures = element("div", { class: "figures" });
  const last = element("div");
  const draw = () => {
    for (const [side, picture] of [["left", left], ["right", right]]) {
      const kind = chosen[side];
      picture.src = source(image(kind));
      picture.alt = `${KINDS[kind][0]} image of the plate`;
      picture.classList.toggle("pixels", kind === "lr");
      tags[side].textContent = KINDS[kind][0];
    }
    const { width, height } = answer.frames[frame].lr;
    compare.style.aspectRatio = `${width} / ${height}`;
    figures.replaceChildren(...kinds.map((kind) => figure(kind, image(kind))));
    last.replaceChildren(footer(frame));
  };

  const choices = element("div", { class: "choices" });
  for (const side of ["left", "right"]) {
    choices.append(segments(side, kinds, chosen[side], (kind) => {
      chosen[side] = kind;
      draw();
    }));
  }

  article.replaceChildren(element("h2", { id: "images-title" }, "The image"), compare, choices, figures);
  if (answer.frames.length > 1) article.append(frameStrip(answer, frame, (i) => {
    frame = i;
    draw();
  }));
  article.append(last);
  draw();
}

function figure(kind, image) {
  const picture = element("img", { src: source(image), alt: "", class: kind === "lr" ? "pixels" : null });
  const size = `${image.width} × ${image.height}`;
  return element("figure", { title: KINDS[kind][1] }, picture, element("figcaption", {}, element("b", {}, KINDS[kind][0]), ` ${size}`));
}

function segments(side, kinds, selected, choose) {
  const group = element("fieldset", { class: "segments" }, element("legend", {}, side));
  for (const kind of kinds) {
    const input = element("input", { type: "radio", name: side, value: kind, checked: kind === selected, onchange: () => choose(kind) });
    group.append(element("label", { title: KINDS[kind][1] }, input, element("span", {}, KINDS[kind][0])));
  }
  return group;
}

function frameStrip(answer, selected, choose) {
  const strip = element("fieldset", { class: "frames" }, element("legend", {}, "frame shown as LR, bicubic and SR"));
  answer.frames.forEach((frame, i) => {
    const input = element("input", { type: "radio", name: "frame", value: i, checked: i === selected, onchange: () => choose(i) });
    const picture = element("img", { src: source(frame.lr), alt: `frame ${i + 1}`, class: "pixels" });
    strip.append(element("label", {}, input, picture));
  });
  return strip;
}
