/** Axes of a grid: row names at the left, tokens above and, where they differ, below. Pure. */

import type { Ink } from "../shared/ink.js";
import { group, type Shape } from "../shared/shapes.js";
import { type GridAxes, type GridLayout, INDEX_SIZE, TICK_SIZE } from "./layout.js";

/** A tick's text with its leading space mark muted. */
function tickText(text: string, ink: Ink, strong: boolean): Shape[] {
  const lead = text.startsWith("·") && text.length > 1 ? 1 : 0;
  const rest: Shape = { tag: "tspan", attrs: { fill: strong ? ink.text : ink.soft }, text: text.slice(lead) };
  return lead ? [{ tag: "tspan", attrs: { fill: ink.muted, "font-weight": 400 }, text: "·" }, rest] : [rest];
}

function place(layout: GridLayout, column: number, y: number, turn: number): Shape["attrs"] {
  const x = (column + 0.5) * layout.cellWidth;
  if (!layout.slanted) return { x, y, "text-anchor": "middle" };
  const nudge = turn < 0 ? 4 : 2;
  return { transform: `translate(${x + nudge} ${y}) rotate(${turn})` };
}

function tick(
  layout: GridLayout,
  column: number,
  y: number,
  turn: number,
  text: string,
  strong: boolean,
  ink: Ink,
): Shape {
  const attrs = { ...place(layout, column, y, turn), "font-size": TICK_SIZE, "font-weight": strong ? 600 : 400 };
  return { tag: "text", attrs, children: tickText(text, ink, strong) };
}

/** Everything around the cells that scrolls with them. */
export function columnTicks(axes: GridAxes, layout: GridLayout, ink: Ink): Shape[] {
  const out: Shape[] = [];
  const indexY = layout.top - 7;
  const upperY = axes.tokens ? indexY - INDEX_SIZE - 3 : layout.top - 8;
  const gridBottom = layout.top + layout.gridHeight;
  layout.columns.forEach((text, column) => {
    const strong = axes.columns[column]?.strong ?? false;
    const x = (column + 0.5) * layout.cellWidth;
    if (axes.tokens) {
      const attrs = { x, y: indexY, "text-anchor": "middle", "font-size": INDEX_SIZE, fill: ink.muted };
      out.push({ tag: "text", attrs, text: String(column) });
    }
    out.push(tick(layout, column, upperY, -45, text, strong, ink));
    const lower = layout.below[column];
    if (lower == null) return;
    out.push(tick(layout, column, gridBottom + (layout.slanted ? 14 : 17), 45, lower, true, ink));
    // Brackets tie the two differing tokens to their column.
    const from = column * layout.cellWidth + 1;
    const d = `M${from} ${layout.top - 3}h${layout.cellWidth - 2}M${from} ${gridBottom + 3}h${layout.cellWidth - 2}`;
    out.push({ tag: "path", attrs: { d, stroke: ink.accent, "stroke-width": 2, fill: "none" } });
  });
  return out;
}

/** The fixed axis at the left: row labels and the names of the lines of ticks. */
export function rowTicks(axes: GridAxes, layout: GridLayout, ink: Ink): Shape[] {
  const right = layout.axisWidth - 8;
  const middle = layout.top + layout.gridHeight / 2;
  const name = (text: string, y: number): Shape => ({
    tag: "text",
    attrs: { x: right, y, "text-anchor": "end", "font-size": 11, fill: ink.muted },
    text,
  });
  const labels = axes.rows.map((row, i): Shape => {
    const y = layout.top + (i + 0.5) * layout.cellHeight + 4;
    return {
      tag: "text",
      attrs: { x: right, y, "text-anchor": "end", "font-size": TICK_SIZE, fill: ink.soft },
      text: row,
    };
  });
  const upper = layout.top - 7;
  const out = [
    ...labels,
    {
      tag: "text",
      attrs: {
        transform: `translate(12 ${middle}) rotate(-90)`,
        "text-anchor": "middle",
        "font-size": 11,
        fill: ink.muted,
      },
      text: axes.names.rows,
    } satisfies Shape,
  ];
  if (!axes.tokens) return [...out, name(axes.names.columns, upper)];
  out.push(name(axes.names.columns, upper - INDEX_SIZE - 3));
  if (layout.below.some((text) => text !== null)) {
    out.push(name(axes.names.below, layout.top + layout.gridHeight + 17));
  }
  return out;
}

export function axisGroup(children: Shape[]): Shape {
  return group({ "aria-hidden": "true" }, children);
}
