// Four corners of a plate in a photograph. Coordinates are pixels from the photograph's upper left edge.

/** The corners as top-left, top-right, bottom-right, bottom-left, in whatever order they were clicked. */
export function ordered(points) {
  const cx = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const cy = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const around = [...points].sort((a, b) => Math.atan2(a[1] - cy, a[0] - cx) - Math.atan2(b[1] - cy, b[0] - cx));
  const first = around.reduce((best, [x, y], i) => (x + y < around[best][0] + around[best][1] ? i : best), 0);
  return [...around.slice(first), ...around.slice(0, first)];
}

/** Whether the outline turns right at each corner, which one with crossed sides or a corner inwards does not. */
export function isConvex(points) {
  return points.every((a, i) => {
    const [b, c] = [points[(i + 1) % 4], points[(i + 2) % 4]];
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > 0;
  });
}

export function box([x0, y0], [x1, y1]) {
  const [left, right, top, bottom] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/** The part of a photograph, {x, y, width, height}, that shows an outline with as much again around it, in the photograph's shape. */
export function around(points, width, height) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const across = 2.2 * (Math.max(...xs) - Math.min(...xs));
  const down = 2.2 * (Math.max(...ys) - Math.min(...ys));
  const part = Math.min(1, Math.max(across / width, down / height, 24 / width));
  const [w, h] = [part * width, part * height];
  const middle = (values) => (Math.max(...values) + Math.min(...values)) / 2;
  const x = Math.min(Math.max(middle(xs) - w / 2, 0), width - w);
  const y = Math.min(Math.max(middle(ys) - h / 2, 0), height - h);
  return { x, y, width: w, height: h };
}
