/** Axes of the monitor's plots: which values they span, linear or in powers of ten. Pure. */

import { nice } from "d3-array";
import { type Axis, linearAxis, logAxis } from "../shared/axis.js";
import { type Curve, FLAG, type Series } from "./data.js";

/** More than this from the lowest to the highest, and equal steps would show the highest only; losses fall fast. */
const LOG_FROM = { loss: 4, count: 12, share: Number.POSITIVE_INFINITY };
/** What came before this share of the buckets may lie outside of a linear axis, marked there. */
const START = 0.08;
const ENOUGH = 24;

/** Lowest and highest finite value of curves from a share of their buckets on. */
function extent(curves: readonly Curve[], from: number): [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const curve of curves) {
    for (let i = Math.floor(from * curve.flags.length); i < curve.flags.length; i++) {
      if (!((curve.flags[i] ?? 0) & FLAG.measured)) continue;
      low = Math.min(low, curve.low[i] ?? low);
      high = Math.max(high, curve.high[i] ?? high);
    }
  }
  return low <= high ? [low, high] : null;
}

/** The axis of one quantity over all SAEs. */
export function valueAxis({ kind }: Series, curves: readonly Curve[]): Axis {
  const whole = extent(curves, 0);
  if (!whole) return linearAxis(0, 1);
  if (whole[0] > 0 && whole[1] / whole[0] > LOG_FROM[kind]) {
    const pad = (whole[1] / whole[0]) ** 0.04;
    return logAxis(whole[0] / pad, whole[1] * pad);
  }
  const buckets = Math.max(...curves.map((curve) => curve.flags.length));
  const [low, high] = (buckets >= ENOUGH && extent(curves, START)) || whole;
  const least = kind === "share" ? 0.05 : Math.abs(high) * 0.1 || 1;
  const pad = Math.max(0.08 * (high - low), (least - (high - low)) / 2, 0);
  const floor = low >= 0 ? 0 : Number.NEGATIVE_INFINITY;
  const ceiling = kind === "share" && high <= 1 ? 1 : Number.POSITIVE_INFINITY;
  const [from = low, to = high] = nice(Math.max(floor, low - pad), Math.min(ceiling, high + pad), 4);
  return linearAxis(Math.max(floor, from), Math.min(ceiling, to));
}

/** The axis of tokens, from the first record on where it is logarithmic. */
export function tokenAxis(first: number, last: number, log: boolean): Axis {
  const high = Math.max(last, 1);
  return log && first > 0 && high > first * 1.5 ? logAxis(first, high, 4) : linearAxis(0, high, 3);
}
