/** The patch grid's part of the wire, decoded. Pure. */

import type { CellAt, GridAxes } from "../grid/layout.js";
import { csv } from "../shared/csv.js";
import { type Bytes, readArray } from "../shared/decode.js";
import { sig4, signed4 } from "../shared/format.js";
import { cut, differences, visible } from "../shared/tokens.js";
import type { BaseMeta } from "../shared/types.js";

export interface Inputs {
  clean: string[];
  corrupted: string[];
  answer: string[];
  wrong: string[];
}

export type Choice = "site" | "metric" | "direction";

export interface PatchMeta extends BaseMeta {
  x: { name: string; ticks: string[]; ticks_corrupted: string[] };
  y: { name: string; ticks: string[] };
  units: string;
  baseline: { clean: number; corrupted: number; unit: string };
  inputs: Inputs;
  choices: Record<Choice, string[]>;
}

export interface Candidate {
  token: string;
  prob: number;
  logit: number;
}

export interface Prediction {
  patched: Candidate[];
  unpatched: Candidate[];
  clean: Candidate[];
  direction: string;
}

export interface PatchData {
  meta: PatchMeta;
  rows: number;
  columns: number;
  effect: ArrayLike<number>;
  patched: ArrayLike<number>;
  state: ArrayLike<number>;
  differs: boolean[];
  axes: GridAxes;
}

export function readPatch(meta: PatchMeta, bytes: Bytes): PatchData {
  const effect = readArray(meta.arrays, bytes, "effect", 2);
  const patched = readArray(meta.arrays, bytes, "patched", 2);
  const state = readArray(meta.arrays, bytes, "state", 2);
  const [rows = 0, columns = 0] = effect.shape;
  const clean = meta.x.ticks;
  const corrupted = meta.x.ticks_corrupted;
  if (clean.length !== columns || meta.y.ticks.length !== rows) {
    throw new RangeError(`effect is ${rows} x ${columns}, ticks are ${meta.y.ticks.length} x ${clean.length}`);
  }
  const differs = differences(clean, corrupted);
  const axes: GridAxes = {
    rows: meta.y.ticks,
    columns: clean.map((text, i) => ({ text, strong: differs[i] ?? false })),
    below: clean.map((_, i) => (differs[i] ? { text: corrupted[i] ?? "", strong: true } : null)),
    tokens: true,
    names: { rows: meta.y.name, columns: "clean", below: "corrupted" },
  };
  return { meta, rows, columns, effect: effect.values, patched: patched.values, state: state.values, differs, axes };
}

export function indexOf(data: PatchData, cell: CellAt): number {
  return cell.row * data.columns + cell.column;
}

/** The tokens at a position: one when both prompts agree, else clean then corrupted. */
export function tokensAt(data: PatchData, column: number): { clean: string; corrupted: string; differ: boolean } {
  const clean = data.meta.x.ticks[column] ?? "";
  const corrupted = data.meta.x.ticks_corrupted[column] ?? clean;
  return { clean, corrupted, differ: data.differs[column] ?? false };
}

/** A cell in words, for screen readers. */
export function describe(data: PatchData, cell: CellAt): string {
  const { clean, corrupted, differ } = tokensAt(data, cell.column);
  const name = (token: string) => cut(visible(token), 40);
  const where = `${data.meta.y.name} ${data.meta.y.ticks[cell.row]}, ${data.meta.x.name} ${cell.column}`;
  const tokens = differ ? `${name(clean)} / ${name(corrupted)}` : name(clean);
  return `${where}, ${tokens}: ${valueText(data, cell)}`;
}

export function valueText(data: PatchData, cell: CellAt): string {
  const index = indexOf(data, cell);
  if (data.state[index] === 0) return "not computed yet";
  if (data.state[index] === 2) return "undefined";
  return `effect ${signed4(data.effect[index] ?? Number.NaN)}`;
}

export function rawText(data: PatchData, cell: CellAt): string {
  const index = indexOf(data, cell);
  return data.state[index] === 0 ? "–" : `${sig4(data.patched[index] ?? Number.NaN)} ${data.meta.baseline.unit}`.trim();
}

export function patchCsv(data: PatchData): string {
  const { meta } = data;
  const rows = Array.from({ length: data.rows * data.columns }, (_, index) => {
    const column = index % data.columns;
    const state = data.state[index];
    const tokens = tokensAt(data, column);
    const layer = meta.y.ticks[Math.floor(index / data.columns)] ?? "";
    const known = state === 0 ? [null, null] : [data.effect[index] ?? null, data.patched[index] ?? null];
    return [
      layer,
      column,
      tokens.clean,
      tokens.corrupted,
      ...known,
      ["pending", "computed", "undefined"][state ?? 1] ?? "",
    ];
  });
  return csv(
    ["layer", "pos", "clean_token", "corrupted_token", "effect", meta.labels.metric ?? "metric", "state"],
    rows,
  );
}
