/** The colour bar with its limits and unit, and the marks that occur. Pure. */

import { short } from "../shared/format.js";
import type { Ink } from "../shared/ink.js";
import type { Measure } from "../shared/measure.js";
import type { CellClass, Scale } from "../shared/scale.js";
import { moved, type Shape } from "../shared/shapes.js";
import { cellShapes } from "./cells.js";

const BAR = { width: 160, height: 10, steps: 64 };
const NAMES: Partial<Record<CellClass, string>> = {
  pending: "not computed yet",
  undefined: "undefined",
  clipped: "beyond the limits",
  infinite: "infinite",
};

export interface LegendDrawing {
  shapes: Shape[];
  width: number;
  height: number;
}

/** Bar, limit labels, unit; then a key for each class in `present` that needs one; wrapped at `room`. */
export function legend(
  scale: Scale,
  unit: string,
  present: ReadonlySet<CellClass>,
  ink: Ink,
  measure: Measure,
  room: number,
): LegendDrawing {
  const shapes: Shape[] = [];
  const step = BAR.width / BAR.steps;
  for (let i = 0; i < BAR.steps; i++) {
    const value = scale.low + ((i + 0.5) / BAR.steps) * (scale.high - scale.low);
    const wide = i < BAR.steps - 1 ? step + 0.5 : step;
    shapes.push({
      tag: "rect",
      attrs: { x: i * step, y: 2, width: wide, height: BAR.height, fill: scale.color(value) },
    });
  }
  const labels = scale.kind === "diverging" ? [scale.low, 0, scale.high] : [scale.low, scale.high];
  labels.forEach((value, i) => {
    const x = (BAR.width * i) / (labels.length - 1);
    const anchor = i === 0 ? "start" : i === labels.length - 1 ? "end" : "middle";
    const sign = scale.kind === "diverging" && value > 0 ? "+" : "";
    shapes.push({
      tag: "text",
      attrs: { x, y: 26, "text-anchor": anchor, "font-size": 11, fill: ink.soft },
      text: `${sign}${short(value)}`,
    });
  });
  let x = BAR.width + 14;
  let y = 0;
  let width = x;
  const put = (text: string, key: (x: number, y: number) => Shape | null): void => {
    const wide = Math.ceil(measure(text, 11));
    const swatch = key(0, 0) ? 26 : 0;
    if (x + swatch + wide > room && x > 0) {
      x = 0;
      y += y === 0 ? 32 : 20;
    }
    const drawn = key(x, y);
    if (drawn) shapes.push(drawn);
    shapes.push({ tag: "text", attrs: { x: x + swatch, y: y + 11, "font-size": 11, fill: ink.muted }, text });
    x += swatch + wide + 18;
    width = Math.max(width, x - 18);
  };
  put(unit, () => null);
  for (const [kind, name] of Object.entries(NAMES) as [CellClass, string][]) {
    if (!present.has(kind)) continue;
    const value = kind === "infinite" ? Number.POSITIVE_INFINITY : scale.high;
    const box = { x: 0, y: 0, width: 20, height: 14 };
    put(name, (left, top) => moved(left, top, cellShapes(box, value, kind, scale, ink)));
  }
  return { shapes, width, height: y === 0 ? 30 : y + 18 };
}
