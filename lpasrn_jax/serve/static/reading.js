// What was read, and how sure the reader is of it.

import { element } from "./dom.js";

/** Fills an article with an answer of `/read`. */
export function showReading(article, reading, calibrated) {
  const verdict = element("h2", { id: "verdict" }, sentence(reading.certainty));
  if (!reading.is_plate) {
    article.replaceChildren(verdict, element("p", { class: "odds" }, sentence(reading.reason), "."));
    return;
  }
  const refused = reading.rejected;
  const facts = [reading.layout || "no layout", reading.frames === 1 ? "from one image" : `from ${reading.frames} images`];
  article.replaceChildren(
    verdict,
    element("p", { class: "odds" }, odds(reading, calibrated)),
    element("p", { class: "unseen" }, refused ? `Best guess: ${reading.text}` : `Text: ${reading.text}`),
    element("ol", { class: refused ? "slots guess" : "slots", "aria-label": "characters" }, ...reading.slots.map(column)),
    element("p", { class: "quiet" }, facts.join(", "), "."),
  );
}

const sentence = (words) => words[0].toUpperCase() + words.slice(1);

/** The confidence as a frequency. */
function odds(reading, calibrated) {
  const [share, guess] = [frequency(reading.confidence), reading.rejected];
  if (!calibrated) return `These weights are not calibrated: their own figure, ${percent(reading.confidence)}, is often too high.`;
  if (guess) return `The best guess is ${reading.text}; ${share} such guesses are right.`;
  return `On plates like those of its calibration, ${share} such readings are right.`;
}

function frequency(p) {
  if (p >= 0.995) return "more than 99 in 100";
  if (p >= 0.9) return `about ${Math.round(100 * p)} in 100`;
  if (p >= 0.15) return `about ${Math.round(10 * p)} in 10`;
  if (p >= 0.01) return `about ${Math.round(100 * p)} in 100`;
  return "fewer than 1 in 100";
}

function percent(p) {
  if (p >= 0.995) return p >= 0.9995 ? "100%" : ">99%";
  return p < 0.01 ? "<1%" : `${Math.round(100 * p)}%`;
}

function column({ character, probability, runners_up: others }) {
  const grade = probability >= 0.9 ? "sure" : probability >= 0.6 ? "likely" : "unsure";
  const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span"));
  bar.firstChild.style.width = `${100 * probability}%`;
  // One runner-up is always named, others where there is something in them.
  const rest = others.filter(({ probability: p }, i) => i === 0 || p >= 0.01);
  const named = rest.map(({ character: c, probability: p }) => element("li", {}, element("b", {}, c || "none"), ` ${percent(p)}`));
  return element(
    "li",
    { class: grade },
    element("span", { class: "character" }, character),
    bar,
    element("span", { class: "probability" }, percent(probability)),
    element("ul", { "aria-label": "or" }, ...named),
  );
}
