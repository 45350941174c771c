/** Reports as Python sends them, and what is read out of them. Pure. */

import { type Bytes, readArray } from "../shared/decode.js";
import type { BaseMeta } from "../shared/types.js";

export interface Metric {
  name: string;
  group: string;
  label: string;
  unit: string;
  better: "higher" | "lower" | "";
  meaning: string;
  formula: string;
  /** Latents per token: one decimal is enough. */
  count: boolean;
  /** Between 0 and 1 by its nature. */
  share: boolean;
}

export interface Probe {
  task: string;
  k: number;
  latents: number[];
  accuracy: number | null;
  low: number | null;
  high: number | null;
  dense: number | null;
}

export interface Absorbed {
  parent: string;
  child: string;
  n: number;
  latents: number[];
  absorbing: number[];
  rate: number | null;
  low: number | null;
  high: number | null;
}

export interface ReportWords {
  name: string;
  about: string;
  measured: string;
  d_sae: number;
  sha256: string;
  /** Whether the kernel can look at its latents. */
  live: boolean;
  pending: string[];
  skipped: Record<string, string>;
  advice: string[];
  notes: string[];
  n: number[];
  resampled: string[];
  distributions: Record<string, string>;
  probes: Probe[];
  absorbed: Absorbed[];
  counts: { probes: number; absorbed: number };
}

export interface Point {
  name: string;
  row: number;
  l0: number | null;
  l0_low: number | null;
  l0_high: number | null;
  score: number | null;
  score_low: number | null;
  score_high: number | null;
  on_front: boolean;
  dominated_by: string;
}

export interface Law {
  law: "n" | "nk";
  names: string[];
  n: (number | null)[];
  k: (number | null)[];
  loss: (number | null)[];
  loss_label: string;
  parameters: { name: string; value: number | null; low: number | null; high: number | null; meaning: string }[];
  stops: { n: number[]; k: (number | null)[] };
  notes: string[];
}

export interface ReportMeta extends BaseMeta {
  kind: "report" | "comparison" | "scaling";
  groups: { name: string; label: string; asks: string }[];
  metrics: Metric[];
  key: string[];
  concepts: { name: string; field: string; value: string }[];
  concept_columns: string[];
  causal_columns: string[];
  found_from: number;
  reports: ReportWords[];
  notes: string[];
  pareto: Point[];
  score: string;
  scaling: Law | null;
  hints: Record<string, string>;
}

/** A number with its interval; NaN where nothing is known. */
export interface Value {
  value: number;
  low: number;
  high: number;
  withBos: number;
}

export type Row = Record<string, number>;

export interface Histogram {
  label: string;
  edges: Float32Array;
  counts: Float32Array;
}

export interface Report {
  words: ReportWords;
  values: Value[];
  /** `concept` is a place in `meta.concepts`; the rest as Python names it. */
  concepts: Row[];
  causal: Row[];
  histograms: Record<string, Histogram>;
}

export interface Difference {
  metric: number;
  first: number;
  second: number;
  value: number;
  low: number;
  high: number;
  paired: boolean;
  separate: boolean;
}

export interface ReportData {
  meta: ReportMeta;
  reports: Report[];
  differences: Difference[];
  /** [k n 5] at the stops of the law. */
  curves: Float32Array;
}

export const CURVE = ["value", "low", "high", "curve_low", "curve_high"] as const;

function table(meta: ReportMeta, bytes: Bytes, name: string, columns: readonly string[]): Row[] {
  const { values, shape } = readArray(meta.arrays, bytes, name, 2);
  const [rows = 0, width = 0] = shape;
  if (width !== columns.length) throw new RangeError(`"${name}" must have ${columns.length} columns, got ${width}`);
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(columns.map((column, at) => [column, values[row * width + at] ?? Number.NaN])),
  );
}

export function readReports(meta: ReportMeta, bytes: Bytes): ReportData {
  const floats = (name: string, rank: number) => readArray(meta.arrays, bytes, name, rank).values as Float32Array;
  const reports = meta.reports.map((words, index): Report => {
    const values = table(meta, bytes, `values.${index}`, ["value", "low", "high", "withBos"]);
    const histograms = Object.entries(words.distributions).map(([name, label]): [string, Histogram] => [
      name,
      { label, edges: floats(`edges.${index}.${name}`, 1), counts: floats(`counts.${index}.${name}`, 1) },
    ]);
    return {
      words,
      values: values as unknown as Value[],
      concepts: table(meta, bytes, `concepts.${index}`, ["concept", ...meta.concept_columns]),
      causal: table(meta, bytes, `causal.${index}`, meta.causal_columns),
      histograms: Object.fromEntries(histograms),
    };
  });
  const columns = ["metric", "first", "second", "value", "low", "high", "paired", "separate"];
  const differences = meta.arrays.differences
    ? table(meta, bytes, "differences", columns).map((row) => ({
        ...(row as unknown as Difference),
        paired: row.paired === 1,
        separate: row.separate === 1,
      }))
    : [];
  return { meta, reports, differences, curves: meta.scaling ? floats("curves", 3) : new Float32Array() };
}

/** The difference a - b of two SAEs in a metric; null where it is not known. */
export function difference(data: ReportData, metric: number, a: number, b: number): Difference | null {
  const [first, second] = a < b ? [a, b] : [b, a];
  const found = data.differences.find(
    (each) => each.metric === metric && each.first === first && each.second === second,
  );
  if (!found || a < b) return found ?? null;
  return { ...found, first: a, second: b, value: -found.value, low: -found.high, high: -found.low };
}

export type Verdict = "better" | "worse" | "differs" | "";

/** Whether an SAE is better than another in a metric; "" where the interval of the difference does not say so. */
export function verdict(data: ReportData, metric: number, sae: number, than: number): Verdict {
  const found = sae === than ? null : difference(data, metric, sae, than);
  if (!found?.separate) return "";
  const better = data.meta.metrics[metric]?.better;
  if (!better) return "differs";
  return found.value > 0 === (better === "higher") ? "better" : "worse";
}

export const groupOf = (meta: ReportMeta, group: string): number[] =>
  meta.metrics.flatMap((metric, index) => (metric.group === group ? [index] : []));

export interface Selected {
  latent_idx: number | null;
  sae: number | null;
}

export function readSelected(value: unknown): Selected {
  const chosen = value as Partial<Selected> | null;
  const read = (each: unknown) => (typeof each === "number" ? each : null);
  return { latent_idx: read(chosen?.latent_idx), sae: read(chosen?.sae) };
}

export const NAN = Number.NaN;
export const orNaN = (value: number | null | undefined): number => value ?? NAN;
