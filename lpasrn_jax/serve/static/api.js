// The page for programmers: openapi.json, made readable.

import { about } from "./calls.js";
import { element, find } from "./dom.js";

const described = await (await fetch("openapi.json")).json();
const schemas = described.components.schemas;
const named = (reference) => reference.split("/").at(-1);

find("try").textContent = [
  `curl -F images=@plate.jpg ${location.origin}/read`,
  `curl -F images=@1.png -F images=@2.png -F images=@3.png ${location.origin}/read`,
  `curl -F images=@photograph.jpg -F 'corners=[[479,366],[575,368],[574,397],[479,398]]' ${location.origin}/read`,
  `curl -F images=@plate.jpg ${location.origin}/enhance | jq -r .frames[0].sr.png | base64 -d > sr.png`,
].join("\n");

for (const [path, methods] of Object.entries(described.paths)) {
  for (const [method, call] of Object.entries(methods)) find("calls").append(section(path, method, call));
}

for (const [status, { description }] of Object.entries(described.paths["/read"].post.responses)) {
  if (status !== "200") find("errors").append(element("tr", {}, element("td", {}, element("code", {}, status)), element("td", {}, description)));
}

const { limits } = await about();
find("limits").textContent =
  `At most ${limits.images} images of one plate, ${Math.floor(limits.bytes / 1e6)} MB and ${Math.floor(limits.pixels / 1e6)} million pixels a request. Requests are answered in turn.`;

function section(path, method, call) {
  const card = element("section", { class: "card" }, element("h2", {}, element("code", {}, `${method.toUpperCase()} ${path}`)));
  card.append(element("p", {}, call.description ?? call.summary));
  const body = call.requestBody?.content["multipart/form-data"].schema.$ref;
  if (body) card.append(element("h3", {}, "multipart/form-data"), fields(schemas[named(body)]));
  const schema = call.responses[200].content["application/json"].schema.$ref;
  if (schema) card.append(element("h3", {}, "answer"), fields(schemas[named(schema)]));
  return card;
}

function fields(schema) {
  const rows = Object.entries(schema.properties).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? "" : " (may be left out)";
    const cell = element("td", {}, (field.description ?? "") + optional);
    const inner = shown(field);
    if (inner) cell.append(fields(inner));
    return element("tr", {}, element("td", {}, element("code", {}, name)), element("td", {}, type(field)), cell);
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

/** The schema of what a field holds, where that is an object or a list of such. */
function shown(field) {
  const reference = field.$ref ?? field.items?.$ref ?? field.anyOf?.find((one) => one.$ref)?.$ref;
  return reference && schemas[named(reference)];
}

function type(field) {
  if (field.anyOf) return field.anyOf.map(type).filter((one) => one !== "null").join(" or ");
  if (field.type === "array") return `list of ${type(field.items)}`;
  if (field.contentMediaType || field.format === "binary") return "file";
  return field.type ?? "object";
}
