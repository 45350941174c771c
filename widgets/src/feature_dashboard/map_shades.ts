/** What the points of a map are shaded by: a column of the list. */

import { span } from "../shared/dom.js";
import { rampParts } from "../shared/ramp_key.js";
import { ramp, type Theme } from "../shared/scale.js";
import type { Column, Columns } from "./data.js";
import { cellText } from "./list.js";

export interface Shades {
  /** How far along the column a row is, 0 to 1; NaN where it has no value. */
  at(row: number): number;
  low: string;
  high: string;
}

/** Shares of a column, in powers of ten where it is a share itself. Pure. */
export function shadesOf(column: Column | undefined, columns: Columns): Shades | null {
  const values = column && columns.numbers[column.name];
  if (!column || !values) return null;
  const scaled = (value: number) => (column.kind === "share" ? Math.log10(value) : value);
  let [low, high, lowRow, highRow] = [Infinity, -Infinity, -1, -1];
  for (let row = 0; row < columns.n; row++) {
    const value = scaled(values[row] ?? Number.NaN);
    if (!Number.isFinite(value)) continue;
    if (value < low) [low, lowRow] = [value, row];
    if (value > high) [high, highRow] = [value, row];
  }
  return {
    at: (row) => (scaled(values[row] ?? Number.NaN) - low) / (high - low || 1),
    low: cellText(column, columns, lowRow),
    high: cellText(column, columns, highRow),
  };
}

/** The ends of the shades, and what can be done with a map. */
export function keyParts(shades: Shades | null, theme: Theme): Node[] {
  const colors = ramp("sequential", theme);
  const stops = [0.28, 0.64, 1].map((at) => colors[Math.round(at * (colors.length - 1))] ?? "");
  return [
    ...(shades ? rampParts(shades.low, stops, shades.high) : []),
    span("inb-mark", "Click chooses; drag a box to list what is in it. Grey: not in the list."),
  ];
}
