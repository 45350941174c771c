/** The attention widget's part of the wire, decoded. Pure. */

import { type Bytes, readArray } from "../shared/decode.js";
import type { BaseMeta } from "../shared/types.js";

/** Layer x head; null where a score is not defined. */
export type Scores = (number | null)[][];

export interface AttentionMeta extends BaseMeta {
  tokens: string[];
  layers: number[];
  n_heads: number;
  roles: { names: string[]; badges: string[][]; scores: Record<string, Scores> };
  labelled: { name: string; mass: Scores }[];
  inputs: { prompt: string };
}

export interface AttentionData {
  meta: AttentionMeta;
  tokens: string[];
  /** How many layers are here; `meta.layers` names them. */
  rows: number;
  heads: number;
  thumbs: Uint8Array;
  /** Side of a thumbnail in pixels. */
  side: number;
}

export interface HeadAt {
  row: number;
  head: number;
}

export function readAttention(meta: AttentionMeta, bytes: Bytes): AttentionData {
  const { values, shape } = readArray(meta.arrays, bytes, "thumbs", 4);
  const [rows = 0, heads = 0, side = 0, across = 0] = shape;
  if (rows !== meta.layers.length || heads !== meta.n_heads || side !== across) {
    throw new RangeError(`thumbs are [${shape.join(", ")}], expected ${meta.layers.length} x ${meta.n_heads} squares`);
  }
  return { meta, tokens: meta.tokens, rows, heads, thumbs: values as Uint8Array, side };
}

export function thumbOf(data: AttentionData, at: HeadAt): Uint8Array {
  const size = data.side * data.side;
  const start = (at.row * data.heads + at.head) * size;
  return data.thumbs.subarray(start, start + size);
}

export function layerName(data: AttentionData, row: number): string {
  return String(data.meta.layers[row] ?? row);
}

export function badgeOf(data: AttentionData, at: HeadAt): string {
  return data.meta.roles.badges[at.row]?.[at.head] ?? "";
}

export function headName(data: AttentionData, at: HeadAt): string {
  return `layer ${layerName(data, at.row)}, head ${at.head}`;
}
