/** One cell and its marks. Pure. */

import type { Ink } from "../shared/ink.js";
import { type CellClass, inkOn, type Scale } from "../shared/scale.js";
import type { Shape } from "../shared/shapes.js";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Diagonal lines clipped to the box: patterns would need ids. */
export function hatch(box: Box, step = 5): string {
  const { x, y, width, height } = box;
  let path = "";
  for (let along = step; along < width + height; along += step) {
    const x1 = Math.min(along, width);
    const y1 = along - x1;
    const y2 = Math.min(along, height);
    const x2 = along - y2;
    path += `M${x + x1} ${y + y1}L${x + x2} ${y + y2}`;
  }
  return path;
}

function cross(box: Box, size: number): string {
  const cx = box.x + box.width / 2;
  const cy = box.y + box.height / 2;
  return `M${cx - size} ${cy - size}L${cx + size} ${cy + size}M${cx - size} ${cy + size}L${cx + size} ${cy - size}`;
}

/** The fill and the marks for a value of the given class. */
export function cellShapes(box: Box, value: number, kind: CellClass, scale: Scale, ink: Ink): Shape[] {
  const { x, y, width, height } = box;
  const rect = (fill: string): Shape => ({ tag: "rect", attrs: { x, y, width, height, fill } });
  if (kind === "pending") {
    const dot = { cx: x + width / 2, cy: y + height / 2, r: 1.5, fill: ink.muted, opacity: 0.6 };
    return [rect(ink.surface), { tag: "circle", attrs: dot }];
  }
  if (kind === "undefined") {
    const size = Math.min(4, width / 4, height / 4);
    return [
      rect(ink.background),
      { tag: "path", attrs: { d: hatch(box), stroke: ink.line, "stroke-width": 1, fill: "none" } },
      { tag: "path", attrs: { d: cross(box, size), stroke: ink.muted, "stroke-width": 1.5, fill: "none" } },
    ];
  }
  const fill = scale.color(value);
  const on = inkOn(fill);
  if (kind === "infinite") {
    const place = { x: x + width / 2, y: y + height / 2 + 4, "text-anchor": "middle", "font-size": 11, fill: on };
    return [rect(fill), { tag: "text", attrs: place, text: value > 0 ? "+∞" : "−∞" }];
  }
  if (kind === "clipped") {
    const size = Math.min(7, width / 2, height / 2);
    const d = `M${x + width - size} ${y}h${size}v${size}z`;
    return [rect(fill), { tag: "path", attrs: { d, fill: on } }];
  }
  return [rect(fill)];
}

/** A short text in the middle of a cell, in whichever ink reads on its fill. */
export function badgeShape(box: Box, text: string, fill: string): Shape {
  const attrs = {
    x: box.x + box.width / 2,
    y: box.y + box.height / 2 + 3.5,
    "text-anchor": "middle",
    "font-size": 10,
    fill: inkOn(fill),
  };
  return { tag: "text", attrs, text };
}
