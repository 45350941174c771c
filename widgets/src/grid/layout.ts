/** Where everything of a labelled grid goes. Pure: numbers in, numbers out. */

import type { Measure } from "../shared/measure.js";
import { cutToWidth, visible } from "../shared/tokens.js";

export interface Tick {
  text: string;
  /** Drawn strong: here the two prompts differ. */
  strong?: boolean;
}

export interface GridAxes {
  rows: string[];
  /** Upper ticks; the index is drawn between them and the grid. */
  columns: Tick[];
  /** Lower ticks; null where there is nothing to say. */
  below: (Tick | null)[];
  /** Whether column texts are tokens (with an index line) or plain numbers. */
  tokens: boolean;
  names: { rows: string; columns: string; below: string };
}

export interface GridLayout {
  cellWidth: number;
  cellHeight: number;
  gap: number;
  /** Width of the fixed row axis at the left. */
  axisWidth: number;
  top: number;
  bottom: number;
  right: number;
  slanted: boolean;
  columns: string[];
  below: (string | null)[];
  plotWidth: number;
  height: number;
  gridWidth: number;
  gridHeight: number;
}

export const TICK_SIZE = 12;
export const INDEX_SIZE = 10;
const SLANT = Math.PI / 4;
const LABEL_MAX = 92;
const CELL = { min: 22, max: 68, slanted: 48, dense: 16, denseFrom: 48 };

function cellHeightFor(rows: number, width: number): number {
  const tallest = rows > 24 ? 18 : rows > 12 ? 24 : 32;
  return Math.round(Math.min(tallest, Math.max(16, width * 0.8)));
}

export function gridLayout(axes: GridAxes, available: number, measure: Measure): GridLayout {
  const count = Math.max(1, axes.columns.length);
  const size = (text: string) => measure(text, TICK_SIZE, 600);
  const rowWidth = Math.max(...axes.rows.map((row) => measure(row, TICK_SIZE)), 8);
  const nameWidth = axes.tokens ? Math.max(measure(axes.names.below, 11), measure(axes.names.columns, 11)) : 0;
  const axisWidth = Math.ceil(Math.max(rowWidth + 34, nameWidth + 14));
  const room = Math.max(80, available - axisWidth - 8);
  const min = count >= CELL.denseFrom ? CELL.dense : CELL.min;

  const texts = axes.columns.map((tick) => visible(tick.text));
  const lower = axes.below.map((tick) => (tick ? visible(tick.text) : null));
  const flat = Math.max(min, Math.min(CELL.max, Math.floor(room / count)));
  const all = [...texts, ...lower.filter((text) => text !== null)];
  // A few long tokens are cut; only when many would be do all labels slant.
  const slanted = axes.tokens && all.filter((text) => size(text) > flat - 6).length > all.length / 5;
  const reach = (labels: (string | null)[]) => {
    const widest = Math.max(0, ...labels.map((text) => (text === null ? 0 : size(text))));
    return slanted ? Math.ceil(Math.min(widest, LABEL_MAX) * Math.cos(SLANT)) + 4 : 0;
  };
  const above = reach(texts);
  const under = reach(lower);
  const right = slanted ? Math.max(6, above - 8, under - 8) : 6;
  const cellWidth = slanted ? Math.max(min, Math.min(CELL.slanted, Math.floor((room - right) / count))) : flat;
  const cellHeight = cellHeightFor(axes.rows.length, cellWidth);
  const limit = slanted ? LABEL_MAX : cellWidth - 4;
  const fit = (text: string) => cutToWidth(text, limit, size);
  const indexHeight = axes.tokens ? INDEX_SIZE + 6 : 0;
  const hasBelow = lower.some((text) => text !== null);
  const top = Math.max(above, TICK_SIZE) + indexHeight + 8;
  const bottom = hasBelow ? Math.max(under + 12, TICK_SIZE + 12) : 4;
  const gridWidth = cellWidth * count;
  const gridHeight = cellHeight * Math.max(1, axes.rows.length);
  return {
    cellWidth,
    cellHeight,
    gap: cellWidth >= 12 ? 1 : 0,
    axisWidth,
    top,
    bottom,
    right,
    slanted,
    columns: texts.map(fit),
    below: lower.map((text) => (text === null ? null : fit(text))),
    plotWidth: gridWidth + right,
    height: top + gridHeight + bottom,
    gridWidth,
    gridHeight,
  };
}

export interface CellAt {
  row: number;
  column: number;
}

/** The cell under a point of the plot, or null outside. */
export function cellAt(layout: GridLayout, x: number, y: number): CellAt | null {
  const column = Math.floor(x / layout.cellWidth);
  const row = Math.floor((y - layout.top) / layout.cellHeight);
  const inside = x >= 0 && x < layout.gridWidth && y >= layout.top && y < layout.top + layout.gridHeight;
  return inside ? { row, column } : null;
}
