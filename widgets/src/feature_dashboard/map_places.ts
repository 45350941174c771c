/** Where the latents of a map lie, in its own units and in pixels. Pure. */

export interface Box {
  x0: number;
  x1: number;
  y0: number;
  y1: number;
}

const PAD = 12;

/** What the points span, a little more on all sides; NaN points are left out. Pure. */
export function extentOf(xy: ArrayLike<number>): Box {
  const box = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity };
  for (let i = 0; i < xy.length; i += 2) {
    const [x, y] = [xy[i] ?? Number.NaN, xy[i + 1] ?? Number.NaN];
    if (Number.isNaN(x + y)) continue;
    box.x0 = Math.min(box.x0, x);
    box.x1 = Math.max(box.x1, x);
    box.y0 = Math.min(box.y0, y);
    box.y1 = Math.max(box.y1, y);
  }
  if (!(box.x1 >= box.x0)) return { x0: -1, x1: 1, y0: -1, y1: 1 };
  const wide = Math.max(box.x1 - box.x0, box.y1 - box.y0) * 0.02 || 1;
  return { x0: box.x0 - wide, x1: box.x1 + wide, y0: box.y0 - wide, y1: box.y1 + wide };
}

/** Places in pixels, y upwards. Pure. */
export function placer(
  view: Box,
  width: number,
  height: number,
): { to(x: number, y: number): [number, number]; from(px: number, py: number): [number, number] } {
  const [w, t] = [width - 2 * PAD, height - 2 * PAD];
  return {
    to: (x, y) => [PAD + ((x - view.x0) / (view.x1 - view.x0)) * w, PAD + ((view.y1 - y) / (view.y1 - view.y0)) * t],
    from: (px, py) => [
      view.x0 + ((px - PAD) / w) * (view.x1 - view.x0),
      view.y1 - ((py - PAD) / t) * (view.y1 - view.y0),
    ],
  };
}

/** The row nearest to a place in pixels, -1 = none within reach. Pure. */
export function nearest(
  xy: ArrayLike<number>,
  place: (x: number, y: number) => [number, number],
  px: number,
  py: number,
  reach: number,
  skip: (row: number) => boolean = () => false,
): number {
  let [best, row] = [reach * reach, -1];
  for (let i = 0; i < xy.length / 2; i++) {
    const [x, y] = place(xy[2 * i] ?? Number.NaN, xy[2 * i + 1] ?? Number.NaN);
    const far = (x - px) ** 2 + (y - py) ** 2;
    if (far < best && !skip(i)) [best, row] = [far, i];
  }
  return row;
}

export function rowsIn(xy: ArrayLike<number>, { x0, x1, y0, y1 }: Box): Set<number> {
  const rows = new Set<number>();
  for (let i = 0; i < xy.length / 2; i++) {
    const [x, y] = [xy[2 * i] ?? Number.NaN, xy[2 * i + 1] ?? Number.NaN];
    if (x >= x0 && x <= x1 && y >= y0 && y <= y1) rows.add(i);
  }
  return rows;
}
