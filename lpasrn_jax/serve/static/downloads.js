// What can be taken away: images as they were made, and the answers as JSON.

import { element } from "./dom.js";

/** A row of links. items: [{file, corners}]; answers: {reading, images}; frame: index of the frame whose SR image is offered. */
export function downloads(items, answers, frame) {
  const { reading, images } = answers;
  const stem = items[0].file.name.replace(/\.[^.]*$/, "") || "plate";
  const row = element("div", { class: "buttons downloads", role: "group", "aria-label": "Downloads" });
  const offer = (label, name, href) => row.append(element("a", { class: "button", download: name, href }, label));
  const png = (image) => `data:image/png;base64,${image.png}`;
  if (images) {
    if (images.fused) offer("Fused image", `${stem}-fused.png`, png(images.fused));
    const number = images.frames.length > 1 ? `${frame + 1}` : "";
    offer(`SR image ${number}`.trim(), `${stem}-sr${number}.png`, png(images.frames[frame].sr));
  }
  if (reading) {
    const content = { files: items.map(({ file, corners }) => ({ name: file.name, corners })), ...reading };
    const text = `${JSON.stringify(content, null, 2)}\n`;
    offer("Reading as JSON", `${stem}.json`, `data:application/json;charset=utf-8,${encodeURIComponent(text)}`);
  }
  return row;
}
