// The calls of the server: the same that any program may make.

export class Refused extends Error {}

/** What is known of the model, and the limits of a request. */
export async function about() {
  return (await answered(fetch("about"))).json();
}

/** The answer of `/read` or `/enhance`. items: [{file, corners}], corners [[x, y] x 4] or null. */
export async function call(path, items, layout, signal) {
  const form = new FormData();
  for (const item of items) form.append("images", item.file, item.file.name || "image");
  if (items.some((item) => item.corners)) form.append("corners", JSON.stringify(items.map((item) => item.corners ?? null)));
  if (layout) form.append("layout", layout);
  return (await answered(fetch(path, { method: "POST", body: form, signal }))).json();
}

async function answered(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer. Is it still running in its terminal?");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Refused(told.error ?? `The server answers ${response.status} ${response.statusText}.`);
}
