/** A number on its scale: a dot with its interval, the figure with BOS as a tick, a ceiling as a line. Pure. */

import { nice } from "d3-array";
import { type Axis, linearAxis } from "../shared/axis.js";
import type { Ink } from "../shared/ink.js";
import { line, rect, type Shape } from "../shared/shapes.js";
import type { Metric, Value } from "./data.js";

export const DOT_HEIGHT = 16;
const PAD = 6;
const round = (value: number) => Math.round(value * 10) / 10;

/**
 * The scale of a metric over all SAEs that are shown: from 0 to 1 for shares of one SAE, else as far as they reach.
 *
 * `beside`: of all metrics that are on the same scale.
 */
export function metricAxis(
  metric: Metric,
  values: readonly Value[],
  withBos: boolean,
  beside: readonly Value[] = values,
): Axis {
  const share = values.length === 1 && metric.share;
  const seen = beside
    .flatMap(({ value, low, high, withBos: other }) => [value, low, high, withBos && !share ? other : Number.NaN])
    .filter(Number.isFinite);
  if (!seen.length) return linearAxis(0, 1, 2);
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  if (values.length === 1) {
    if (metric.share && low > -1) return linearAxis(low < 0 ? -1 : 0, Math.max(1, high), 2);
    return linearAxis(...(nice(Math.min(0, low), Math.max(high, 1e-9), 2) as [number, number]), 2);
  }
  const room = (high - low) * 0.12 || Math.abs(high) * 0.05 || 0.5;
  return linearAxis(low - room, high + room, 2);
}

export interface Dot {
  value: number;
  low: number;
  high: number;
  /** Beside the dot: the figure that is not shown as it. */
  other?: number;
  /** A ceiling or the like. */
  tick?: number;
  hollow?: boolean;
  color: string;
  /** A path around the origin instead of a circle. */
  mark?: string | undefined;
}

/** The track, the interval, the dot. */
export function dotShapes(axis: Axis, width: number, dot: Dot, ink: Ink): Shape[] {
  const y = DOT_HEIGHT / 2;
  const at = (value: number) => round(PAD + Math.max(0, Math.min(1, axis.at(value))) * (width - 2 * PAD));
  const out: Shape[] = [line(`M${PAD} ${y}H${width - PAD}`, ink.line, 1, { opacity: 0.8 })];
  if (axis.low < 0 && axis.high > 0) out.push(line(`M${at(0)} ${y - 3}v6`, ink.line));
  if (Number.isFinite(dot.tick)) out.push(line(`M${at(dot.tick ?? 0)} ${y - 6}v12`, ink.soft, 1.5));
  if (Number.isFinite(dot.other)) {
    const share = axis.at(dot.other ?? 0);
    // What lies outside of the scale is an arrow at its end.
    if (share < -0.001) out.push({ tag: "path", attrs: { d: `M0 ${y}l5 -3.5v7z`, fill: ink.muted } });
    else if (share > 1.001) out.push({ tag: "path", attrs: { d: `M${width} ${y}l-5 -3.5v7z`, fill: ink.muted } });
    else out.push(line(`M${at(dot.other ?? 0)} ${y - 4}v8`, ink.muted, 1, { "stroke-dasharray": "2 1.5" }));
  }
  if (Number.isFinite(dot.low) && Number.isFinite(dot.high)) {
    const [from, to] = [at(dot.low), at(dot.high)];
    const wide = Math.max(2, to - from);
    const box = { x: from, y: y - 3.5, width: round(wide), height: 7, rx: 1.5 };
    out.push({ tag: "rect", attrs: { ...box, fill: dot.color, opacity: 0.35 } });
  }
  if (Number.isNaN(dot.value)) return out;
  const x = at(dot.value);
  const attrs = dot.hollow
    ? { fill: ink.background, stroke: dot.color, "stroke-width": 1.4 }
    : { fill: dot.color, stroke: ink.background, "stroke-width": 0.7 };
  const path = dot.mark ? { d: dot.mark, transform: `translate(${x} ${y}) scale(1.3)` } : null;
  out.push(
    path ? { tag: "path", attrs: { ...path, ...attrs } } : { tag: "circle", attrs: { cx: x, cy: y, r: 4, ...attrs } },
  );
  return out;
}

/** A bar from 0 to 1, with its interval and a ceiling; `from` is marked on its scale. */
export function barShapes(width: number, dot: Dot, ink: Ink, from: number, faint = false): Shape[] {
  const y = DOT_HEIGHT / 2;
  const at = (value: number) => round(Math.max(0, Math.min(1, value)) * width);
  const out: Shape[] = [
    rect({ x: 0, y: y - 4, width, height: 8 }, ink.surface),
    {
      tag: "rect",
      attrs: { x: 0, y: y - 4, width: at(dot.value || 0), height: 8, fill: dot.color, opacity: faint ? 0.55 : 0.9 },
    },
    line(`M${at(from)} ${y - 4}v8`, ink.background, 1.5),
  ];
  if (Number.isFinite(dot.low) && Number.isFinite(dot.high)) {
    const d = `M${at(dot.low)} ${y}H${at(dot.high)}M${at(dot.low)} ${y - 3}v6M${at(dot.high)} ${y - 3}v6`;
    out.push(line(d, ink.text, 1.2, { opacity: 0.75 }));
  }
  if (Number.isFinite(dot.tick)) out.push(line(`M${at(dot.tick ?? 0)} ${y - 7}v14`, ink.text, 1.5));
  return out;
}
