/** The keyboard of a grid. Pure. */

import type { CellAt } from "./layout.js";

export type KeyAction = { kind: "move"; to: CellAt } | { kind: "pin" } | { kind: "clear" } | null;

/** What a key does; moves stop at the edges, and the first arrow without a selection goes to the first cell. */
export function gridKey(key: string, at: CellAt | null, rows: number, columns: number): KeyAction {
  if (key === "Escape") return { kind: "clear" };
  if (key === "Enter" || key === " ") return at ? { kind: "pin" } : null;
  const steps: Record<string, [number, number]> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    Home: [0, -columns],
    End: [0, columns],
    PageUp: [-rows, 0],
    PageDown: [rows, 0],
  };
  const step = steps[key];
  if (!step) return null;
  if (!at) return { kind: "move", to: { row: 0, column: 0 } };
  const clamp = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
  return { kind: "move", to: { row: clamp(at.row + step[0], rows), column: clamp(at.column + step[1], columns) } };
}
