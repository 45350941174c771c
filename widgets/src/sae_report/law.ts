/** What a scaling law says at its stops and between them. Pure. */

import { CURVE, type Law, NAN, type ReportData } from "./data.js";

export interface Said {
  n: number;
  k: number | null;
  value: number;
  low: number;
  high: number;
  curve_low: number;
  curve_high: number;
  extrapolates: string;
}

/** The curve of one k: what is said at every width. */
export function curveAt({ curves }: ReportData, law: Law, row: number): Said[] {
  const { n: stops, k: ks } = law.stops;
  return stops.map((n, at) => {
    const from = (row * stops.length + at) * CURVE.length;
    const numbers = CURVE.map((_, column) => curves[from + column] ?? NAN);
    const [value = NAN, low = NAN, high = NAN, curve_low = NAN, curve_high = NAN] = numbers;
    return {
      n,
      k: ks[row] ?? null,
      value,
      low,
      high,
      curve_low,
      curve_high,
      extrapolates: outside(law, n, ks[row] ?? null),
    };
  });
}

const span = (values: readonly (number | null)[]): [number, number] => {
  const known = values.filter((value): value is number => value !== null);
  return [Math.min(...known), Math.max(...known)];
};

/** How far outside of what was fitted a place is; as `ScalingFit.outside` says it. */
export function outside(law: Law, n: number, k: number | null): string {
  const said = (name: string, value: number, [low, high]: [number, number]): string[] => {
    // Rounding, and a measured L0 that hovers around k, are not extrapolation.
    if (value >= low / 1.01 && value <= high * 1.01) return [];
    const times = Number((value > high ? value / high : low / value).toPrecision(3));
    return [`${name} is ${times} times ${value > high ? "above" : "below"} the SAEs fitted`];
  };
  return [...said("n", n, span(law.n)), ...(k === null ? [] : said("k", k, span(law.k)))].join("; ");
}

const nearestOf = (values: readonly (number | null)[], value: number): number => {
  let best = 0;
  values.forEach((each, at) => {
    const far = (one: number | null | undefined) => Math.abs(Math.log((one ?? 1) / value));
    if (far(each) < far(values[best])) best = at;
  });
  return best;
};

/** The stop that is nearest to a place, as [row of k, place of n]. */
export function stopAt(law: Law, n: number, k: number | null): [number, number] {
  return [k === null ? 0 : nearestOf(law.stops.k, k), nearestOf(law.stops.n, n)];
}

/** Whether a place is a stop, so that nobody needs to be asked. */
export function isStop(law: Law, n: number, k: number | null): boolean {
  const [row, at] = stopAt(law, n, k);
  const near = (a: number, b: number) => Math.abs(Math.log(a / b)) < 1e-3;
  return near(law.stops.n[at] ?? 0, n) && (k === null || near(law.stops.k[row] ?? 0, k));
}
