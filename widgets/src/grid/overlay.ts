/** Rings over the cells: hover, selection, pins. Pure. */

import type { Ink } from "../shared/ink.js";
import type { Shape } from "../shared/shapes.js";
import type { CellAt, GridLayout } from "./layout.js";

export interface Overlay {
  hover: CellAt | null;
  selected: CellAt | null;
  pins: CellAt[];
}

function ring(layout: GridLayout, cell: CellAt, inset: number, stroke: string, width: number): Shape {
  const attrs = {
    x: cell.column * layout.cellWidth + inset - layout.gap / 2,
    y: layout.top + cell.row * layout.cellHeight + inset - layout.gap / 2,
    width: Math.max(1, layout.cellWidth - 2 * inset),
    height: Math.max(1, layout.cellHeight - 2 * inset),
    rx: 2,
    fill: "none",
    stroke,
    "stroke-width": width,
  };
  return { tag: "rect", attrs };
}

function pin(layout: GridLayout, cell: CellAt, number: number, ink: Ink): Shape[] {
  const x = cell.column * layout.cellWidth + 1;
  const y = layout.top + cell.row * layout.cellHeight + 1;
  const size = Math.min(13, layout.cellWidth - 3, layout.cellHeight - 3);
  const text = {
    x: x + size / 2,
    y: y + size / 2 + 3.2,
    "text-anchor": "middle",
    "font-size": 9,
    "font-weight": 600,
    fill: ink.background,
  };
  return [
    { tag: "rect", attrs: { x, y, width: size, height: size, rx: 2, fill: ink.text } },
    { tag: "text", attrs: text, text: String(number) },
  ];
}

export function overlayShapes(layout: GridLayout, overlay: Overlay, ink: Ink): Shape[] {
  const out = overlay.pins.flatMap((cell, i) => pin(layout, cell, i + 1, ink));
  const { hover, selected } = overlay;
  if (hover) out.push(ring(layout, hover, 0, ink.muted, 1.5));
  // A light ring inside the dark one keeps the selection visible on every fill.
  if (selected) out.push(ring(layout, selected, 1.5, ink.background, 1.5), ring(layout, selected, 0, ink.text, 2));
  return out;
}
