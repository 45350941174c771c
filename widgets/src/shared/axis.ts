/** Axes with equal steps or in powers of ten. Pure. */

import { ticks } from "d3-array";

export interface Axis {
  low: number;
  high: number;
  log: boolean;
  /** 0 at the low end, 1 at the high one; not clamped. */
  at(value: number): number;
  /** The value at a share of the axis. */
  value(share: number): number;
  ticks: number[];
}

export function linearAxis(low: number, high: number, count = 4): Axis {
  const span = high - low || 1;
  return {
    low,
    high,
    log: false,
    at: (value) => (value - low) / span,
    value: (share) => low + share * span,
    ticks: ticks(low, high, count),
  };
}

export function logAxis(low: number, high: number, count = 4): Axis {
  const from = Math.log10(low);
  const span = Math.log10(high) - from || 1;
  return {
    low,
    high,
    log: true,
    at: (value) => (Math.log10(value) - from) / span,
    value: (share) => 10 ** (from + share * span),
    ticks: logTicks(low, high, count),
  };
}

/** Powers of ten, with 2 and 5 between them where there is room. */
export function logTicks(low: number, high: number, count: number): number[] {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.ceil(Math.log10(high) - 1e-9);
  const inside = (steps: number[]) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i)
      .flatMap((power) => steps.map((step) => step * 10 ** power))
      .filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const found = inside(steps);
    if (found.length <= count + 1) return found.length > 1 ? found : [low, high];
  }
  const powers = inside([1]);
  const every = Math.ceil(powers.length / count);
  return powers.filter((_, i) => i % every === 0);
}
