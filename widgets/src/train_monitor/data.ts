/** The monitor's part of the wire, decoded. Pure. */

import { bisectRight } from "d3-array";
import { type Bytes, readArray } from "../shared/decode.js";
import type { BaseMeta } from "../shared/types.js";

export interface Series {
  name: string;
  label: string;
  unit: string;
  kind: "loss" | "count" | "share";
}

export interface Setting {
  name: string;
  label: string;
  value: number | null;
  integer: boolean;
  low: number | null;
  high: number | null;
  unit: string;
}

export interface Change {
  step: number;
  tokens: number;
  /** Whose setting it is. */
  saes: number[];
  label: string;
  /** null = several values. */
  old: number | null;
  new: number | null;
}

export interface Status {
  state: string;
  tokens: number;
  n_tokens: number;
  step: number;
  /** How full the shuffling buffer is, before the first step; null otherwise. */
  filling: number | null;
  tokens_per_second: number | null;
  seconds_left: number | null;
  reason: string;
  /** Whether a run that ended early can go on. */
  resumable: boolean;
}

export interface SaeFacts {
  name: string;
  d_sae: number;
  settings: Setting[];
  dead: number;
  /** Tokens without an activation after which a latent counts as dead. */
  window: number;
  dead_first: number[];
  /** What is unusual, and what to change. */
  advice: string[];
}

export interface RunMeta extends BaseMeta {
  series: Series[];
  saes: SaeFacts[];
  status: Status;
  changes: Change[];
  /** Of the bins of activation density, log10. */
  edges: number[];
}

/** As Python's `curves`: some value of the bucket is finite, NaN, +inf, -inf; 0 = nothing was measured. */
export const FLAG = { measured: 1, nan: 2, plus: 4, minus: 8 };

/** One quantity in buckets of history; with one record a bucket the three are the same. */
export interface Curve {
  low: ArrayLike<number>;
  high: ArrayLike<number>;
  last: ArrayLike<number>;
  flags: ArrayLike<number>;
}

export interface SaeData {
  name: string;
  /** Where each bucket ends. */
  tokens: Float64Array;
  steps: ArrayLike<number>;
  /** In the order of `meta.series`. */
  curves: Curve[];
  /** Latents by how often they fire. */
  density: ArrayLike<number>;
  neverFired: number;
  /** Whether a bucket holds more than one record. */
  merged: boolean;
}

export interface RunData {
  meta: RunMeta;
  saes: SaeData[];
}

const MILLION = 1_000_000;

export function readRun(meta: RunMeta, bytes: Bytes): RunData {
  const density = readArray(meta.arrays, bytes, "density", 2);
  const never = readArray(meta.arrays, bytes, "never_fired", 1);
  const bins = meta.edges.length - 1;
  if (density.shape[1] !== bins || density.shape[0] !== meta.saes.length) {
    throw new RangeError(`densities are [${density.shape}], expected [${meta.saes.length}, ${bins}]`);
  }
  const saes = meta.saes.map(({ name }, index): SaeData => {
    const rows = (part: string) => {
      const { values, shape } = readArray(meta.arrays, bytes, `${part}.${index}`, 2);
      const [count = 0, length = 0] = shape;
      return Array.from({ length: count }, (_, row) => values.subarray(row * length, (row + 1) * length));
    };
    const [millions = [], rest = [], steps = []] = rows("ends");
    const last = rows("last");
    const flags = rows("flags");
    if (last.length !== meta.series.length) {
      throw new RangeError(`${last.length} curves of ${name}, expected ${meta.series.length}`);
    }
    const merged = `low.${index}` in meta.arrays;
    const low = merged ? rows("low") : last;
    const high = merged ? rows("high") : last;
    return {
      name,
      tokens: Float64Array.from(millions, (million, i) => million * MILLION + (rest[i] ?? 0)),
      steps,
      curves: last.map((values, row) => ({
        low: low[row] ?? [],
        high: high[row] ?? [],
        last: values,
        flags: flags[row] ?? [],
      })),
      density: density.values.subarray(index * bins, (index + 1) * bins),
      neverFired: never.values[index] ?? 0,
      merged,
    };
  });
  return { meta, saes };
}

/** The bucket in which a place of the history lies: the first that ends there or later. */
export function bucketAt(sae: SaeData, tokens: number): number {
  const after = bisectRight(sae.tokens, tokens - 0.5);
  return Math.max(0, Math.min(sae.tokens.length - 1, after));
}

/** The bucket nearest to a place, for a pointer. */
export function nearestBucket(sae: SaeData, tokens: number): number {
  const after = bucketAt(sae, tokens);
  const before = Math.max(0, after - 1);
  const gap = (index: number) => Math.abs((sae.tokens[index] ?? 0) - tokens);
  return gap(before) < gap(after) ? before : after;
}

export interface Reading {
  value: number;
  /** The bucket it was measured in, which may be an earlier one. */
  index: number;
}

/** A quantity as it was last measured up to a bucket; null = never before. */
export function reading(curve: Curve, index: number): Reading | null {
  for (let at = Math.min(index, curve.flags.length - 1); at >= 0; at--) {
    const flags = curve.flags[at] ?? 0;
    if (flags & FLAG.measured) return { value: curve.last[at] ?? Number.NaN, index: at };
    if (flags & FLAG.plus) return { value: Number.POSITIVE_INFINITY, index: at };
    if (flags & FLAG.minus) return { value: Number.NEGATIVE_INFINITY, index: at };
    if (flags & FLAG.nan) return { value: Number.NaN, index: at };
  }
  return null;
}
