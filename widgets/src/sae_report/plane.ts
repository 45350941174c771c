/** A plane of two quantities: axes with names, a place for every pair of numbers. Pure. */

import type { Axis } from "../shared/axis.js";
import { count } from "../shared/format.js";
import type { Ink } from "../shared/ink.js";
import { label, line, type Shape } from "../shared/shapes.js";

export const MARGIN = { left: 52, right: 14, top: 22, bottom: 36 };
const SIZE = 10.5;
export const round = (value: number): number => Math.round(value * 10) / 10;

export interface Plane {
  width: number;
  height: number;
  x: Axis;
  y: Axis;
}

export function placeOn({ width, height, x, y }: Plane): { x(value: number): number; y(value: number): number } {
  const clamp = (share: number) => Math.max(0, Math.min(1, share));
  return {
    x: (value) => round(MARGIN.left + clamp(x.at(value)) * (width - MARGIN.left - MARGIN.right)),
    y: (value) => round(height - MARGIN.bottom - clamp(y.at(value)) * (height - MARGIN.top - MARGIN.bottom)),
  };
}

const tickText = (value: number): string =>
  Math.abs(value) >= 1000 ? count(value) : String(Number(value.toPrecision(4)));

/** Grid, ticks, the names of both axes. */
export function planeShapes(plane: Plane, names: { x: string; y: string }, ink: Ink): Shape[] {
  const { width, height, x, y } = plane;
  const at = placeOn(plane);
  const foot = height - MARGIN.bottom;
  const out: Shape[] = [];
  for (const tick of y.ticks) {
    out.push(line(`M${MARGIN.left} ${at.y(tick)}H${width - MARGIN.right}`, ink.line, 1, { opacity: 0.4 }));
    out.push(label(MARGIN.left - 7, at.y(tick) + 3.6, tickText(tick), ink.muted, SIZE, "end"));
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of x.ticks) {
    const words = tickText(tick);
    const half = words.length * 3.3;
    const middle = Math.min(at.x(tick), width - half);
    if (middle - half < free) continue;
    free = middle + half + 6;
    out.push(line(`M${at.x(tick)} ${foot}v4`, ink.muted), label(middle, foot + 15, words, ink.muted, SIZE, "middle"));
  }
  out.push(line(`M${MARGIN.left} ${foot}H${width - MARGIN.right}`, ink.muted));
  out.push(label((MARGIN.left + width - MARGIN.right) / 2, height - 4, names.x, ink.soft, 11, "middle"));
  out.push(label(2, 11, names.y, ink.soft, 11));
  return out;
}

/** A text that stays readable on lines. */
export function haloed(shape: Shape, ink: Ink): Shape {
  const halo = { "paint-order": "stroke", stroke: ink.background, "stroke-width": 3, "stroke-linejoin": "round" };
  return { ...shape, attrs: { ...shape.attrs, ...halo } };
}

/** An interval along one axis, with feet. */
export function whisker(d: { x?: number; y?: number; from: number; to: number }, color: string, opacity = 0.8): Shape {
  const { from, to } = d;
  const path =
    d.x === undefined
      ? `M${from} ${d.y}H${to}M${from} ${(d.y ?? 0) - 3}v6M${to} ${(d.y ?? 0) - 3}v6`
      : `M${d.x} ${from}V${to}M${d.x - 3} ${from}h6M${d.x - 3} ${to}h6`;
  return line(path, color, 1.2, { opacity });
}
