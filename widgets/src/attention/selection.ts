/** The selection {layer, head, dest, src}: reading it from the trait, moving it by keyboard. Pure. */

import type { AttentionData, HeadAt } from "./data.js";

export interface Chosen extends HeadAt {
  dest: number | null;
  src: number | null;
}

interface Wire {
  layer: number;
  head: number;
  dest: number | null;
  src: number | null;
}

function within(value: unknown, count: number): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < count ? value : null;
}

/** A layer or head that is not here becomes the first; a position that is not here becomes none. */
export function readChosen(value: unknown, data: AttentionData): Chosen {
  const wire = (value ?? {}) as Partial<Wire>;
  const row = data.meta.layers.indexOf(wire.layer ?? Number.NaN);
  const count = data.tokens.length;
  return {
    row: Math.max(0, row),
    head: within(wire.head, data.heads) ?? 0,
    dest: within(wire.dest, count),
    src: within(wire.src, count),
  };
}

export function toWire(chosen: Chosen, data: AttentionData): Wire {
  const { row, head, dest, src } = chosen;
  return { layer: data.meta.layers[row] ?? row, head, dest, src };
}

/** What a key makes of the selection; null when it means nothing here. Moves stop at the edges. */
export function attentionKey(key: string, chosen: Chosen, data: AttentionData): Chosen | null {
  const last = data.tokens.length - 1;
  const step = (value: number | null, by: number, max: number, start: number) =>
    value === null ? start : Math.max(0, Math.min(max, value + by));
  switch (key) {
    case "ArrowUp":
    case "ArrowDown":
      return { ...chosen, dest: step(chosen.dest, key === "ArrowUp" ? -1 : 1, last, last) };
    case "ArrowLeft":
    case "ArrowRight":
      return { ...chosen, src: step(chosen.src, key === "ArrowLeft" ? -1 : 1, last, 0) };
    case "[":
    case "]":
      return { ...chosen, head: step(chosen.head, key === "[" ? -1 : 1, data.heads - 1, 0) };
    case "PageUp":
    case "PageDown":
      return { ...chosen, row: step(chosen.row, key === "PageUp" ? -1 : 1, data.rows - 1, 0) };
    case "Home":
      return { ...chosen, dest: 0 };
    case "End":
      return { ...chosen, dest: last };
    case "Escape":
      return { ...chosen, dest: null, src: null };
    default:
      return null;
  }
}
