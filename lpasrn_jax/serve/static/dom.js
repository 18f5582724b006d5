// Elements made and found. Texts go in as text, never as markup.

export const find = (id) => document.getElementById(id);

/** An element with attributes and children; a function as an attribute listens, null and false leave it out. */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svgElement(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.replace(/^on/, ""), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Shows a text in a place, or hides the place. */
export function say(place, text) {
  place.textContent = text ?? "";
  place.hidden = !text;
}
