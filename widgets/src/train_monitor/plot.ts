/** One small plot: a quantity over tokens, a line an SAE. Pure: numbers in, shapes out. */

import { line } from "d3-shape";
import type { Axis } from "../shared/axis.js";
import { count } from "../shared/format.js";
import { FILE_INK, type Ink } from "../shared/ink.js";
import { label, line as path, type Shape } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import { type Curve, FLAG, type SaeData } from "./data.js";
import { valueText } from "./words.js";

export const MARGIN = { left: 42, right: 9, top: 7, bottom: 19 };
const TICK_SIZE = 10.5;
/** Closer than this in pixels, marks would hide one another. */
const APART = 9;
/** Up to so many measured buckets each is a dot: an evaluation now and then is no line. */
const DOTS = 40;

export interface PlotProps {
  width: number;
  height: number;
  x: Axis;
  y: Axis;
  lines: { sae: SaeData; curve: Curve; stroke: Stroke; strong: boolean }[];
  /** Tokens at which settings were changed. */
  changes: readonly number[];
  ink: Ink;
  /** Whether a share is shown, whose ticks are as short as they can be. */
  tickText?: (value: number) => string;
}

export interface Frame {
  x(tokens: number): number;
  y(value: number): number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export function frameOf({ width, height, x, y }: Pick<PlotProps, "width" | "height" | "x" | "y">): Frame {
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const clamp = (share: number) => Math.max(0, Math.min(1, share));
  return {
    x: (tokens) => left + clamp(x.at(tokens)) * (right - left),
    y: (value) => bottom - clamp(y.at(value)) * (bottom - top),
    left,
    right,
    top,
    bottom,
  };
}

const round = (value: number) => Math.round(value * 10) / 10;

/** Grid lines, tick labels, the base line. */
export function axisShapes(props: PlotProps): Shape[] {
  const { x, y, ink } = props;
  const at = frameOf(props);
  const text = props.tickText ?? shortTick;
  const out: Shape[] = [];
  for (const tick of y.ticks) {
    const height = round(at.y(tick));
    out.push(path(`M${at.left} ${height}H${at.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(at.left - 6, height + 3.6, text(tick), ink.muted, TICK_SIZE, "end"));
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of x.ticks) {
    const place = at.x(tick);
    const words = count(tick);
    const half = words.length * TICK_SIZE * 0.3;
    // Inside at both ends; the left one is told by the y axis.
    const middle = Math.min(place, at.right + MARGIN.right - half);
    if (middle - half < free) continue;
    free = middle + half + 6;
    out.push(path(`M${round(place)} ${at.bottom}v3`, ink.muted, 1));
    out.push(label(round(middle), at.bottom + 14, words, ink.muted, TICK_SIZE, "middle"));
  }
  out.push(path(`M${at.left} ${at.bottom}H${at.right}`, ink.muted, 1));
  return out;
}

function shortTick(value: number): string {
  return Math.abs(value) >= 1000 ? count(value) : String(Number(value.toPrecision(3)));
}

/** Where settings were changed: a dashed line through the plot, its number at the foot. */
export function changeShapes(props: PlotProps): Shape[] {
  const at = frameOf(props);
  let last = Number.NEGATIVE_INFINITY;
  return props.changes.flatMap((tokens, index) => {
    const place = round(at.x(tokens));
    const out = [path(`M${place} ${at.top}V${at.bottom}`, props.ink.accent, 1, { "stroke-dasharray": "2 2" })];
    if (place - last >= APART) {
      last = place;
      out.push({ tag: "path", attrs: { d: `M${place} ${at.bottom}l-4 -6h8z`, fill: props.ink.accent } });
      out.push(label(place + 4, at.top + 7, String(index + 1), props.ink.accent, 9.5, "start", 600));
    }
    return out;
  });
}

interface Point {
  x: number;
  low: number;
  high: number;
  last: number;
  broken: boolean;
}

/** What was measured; unmeasured buckets are skipped over, a value that is no number breaks the line. */
function points({ sae, curve }: PlotProps["lines"][number], at: Frame): Point[] {
  const out: Point[] = [];
  for (let i = 0; i < sae.tokens.length; i++) {
    const flags = curve.flags[i] ?? 0;
    if (!flags) continue;
    const broken = !(flags & FLAG.measured);
    const y = (value: number | undefined) => (broken ? 0 : round(at.y(value ?? 0)));
    const x = round(at.x(sae.tokens[i] ?? 0));
    out.push({ x, low: y(curve.low[i]), high: y(curve.high[i]), last: y(curve.last[i]), broken });
  }
  return out;
}

/** The lines, with the range of every bucket that holds several records; marks of what a line cannot show. */
export function lineShapes(props: PlotProps): Shape[] {
  const at = frameOf(props);
  const ordered = [...props.lines].sort((a, b) => Number(a.strong) - Number(b.strong));
  return ordered.flatMap((one) => {
    const { stroke, strong, sae } = one;
    const drawn = points(one, at);
    const out: Shape[] = [];
    const defined = (point: Point) => !point.broken;
    if (sae.merged) {
      const bars = drawn.filter(defined).map(({ x, low, high }) => `M${x} ${low}V${high}`);
      out.push(path(bars.join(""), stroke.color, 1.6, { opacity: strong ? 0.4 : 0.22 }));
    }
    const d = line<Point>(
      (p) => p.x,
      (p) => p.last,
    ).defined(defined)(drawn);
    const dash = { "stroke-dasharray": stroke.dash, "stroke-linejoin": "round" };
    if (d) out.push(path(d, stroke.color, strong ? 1.9 : 1.3, dash));
    const whole = drawn.filter(defined);
    if (whole.length <= DOTS) {
      for (const point of whole) out.push(dot(point.x, point.last, 1.8, stroke.color));
    }
    const end = whole.at(-1);
    if (end && props.lines.length > 1) {
      const place = `translate(${end.x} ${end.last})`;
      out.push({ tag: "path", attrs: { d: stroke.mark, transform: place, fill: stroke.color } });
    }
    return [...out, ...oddShapes(one, props, at)];
  });
}

function dot(cx: number, cy: number, r: number, fill: string): Shape {
  return { tag: "circle", attrs: { cx, cy, r, fill } };
}

/** NaN: a cross at the foot; infinities: signed marks; beyond the axis: a tick at the edge it left by. */
function oddShapes({ sae, curve }: PlotProps["lines"][number], props: PlotProps, at: Frame): Shape[] {
  const { y, ink } = props;
  const bad = ink === FILE_INK ? "#a32118" : "var(--inb-bad)";
  const out: Shape[] = [];
  const last = { nan: -APART, plus: -APART, minus: -APART, above: -APART, below: -APART };
  const mark = (kind: keyof typeof last, x: number, shape: () => Shape): void => {
    if (x - last[kind] < APART) return;
    last[kind] = x;
    out.push(shape());
  };
  for (let i = 0; i < sae.tokens.length; i++) {
    const flags = curve.flags[i] ?? 0;
    if (!flags) continue;
    const x = round(at.x(sae.tokens[i] ?? 0));
    if (flags & FLAG.nan) {
      const cross = `M${x - 3} ${at.bottom - 7}l6 6m0 -6l-6 6`;
      mark("nan", x, () => path(cross, bad, 1.5, { "data-mark": "nan" }));
    }
    if (flags & FLAG.plus) mark("plus", x, () => label(x, at.top + 18, "+∞", bad, 10, "middle", 600));
    if (flags & FLAG.minus) mark("minus", x, () => label(x, at.bottom - 3, "−∞", bad, 10, "middle", 600));
    if (!(flags & FLAG.measured)) continue;
    if ((curve.high[i] ?? 0) > y.high) {
      mark("above", x, () => ({ tag: "path", attrs: { d: `M${x} ${at.top - 5}l4 5h-8z`, fill: ink.soft } }));
    }
    if ((curve.low[i] ?? 0) < y.low) {
      mark("below", x, () => ({ tag: "path", attrs: { d: `M${x} ${at.bottom + 5}l4 -5h-8z`, fill: ink.soft } }));
    }
  }
  return out;
}

/** The cursor: a line at a moment, a dot on each curve there. */
export function cursorShapes(props: PlotProps, tokens: number, at: (sae: SaeData) => number): Shape[] {
  const frame = frameOf(props);
  const x = round(frame.x(tokens));
  const out: Shape[] = [path(`M${x} ${frame.top}V${frame.bottom}`, props.ink.text, 1, { opacity: 0.6 })];
  for (const { sae, curve, stroke } of props.lines) {
    const index = at(sae);
    if (!((curve.flags[index] ?? 0) & FLAG.measured)) continue;
    const attrs = {
      cx: round(frame.x(sae.tokens[index] ?? 0)),
      cy: round(frame.y(curve.last[index] ?? 0)),
      r: 3.2,
      fill: stroke.color,
      stroke: props.ink.background,
      "stroke-width": 1,
    };
    out.push({ tag: "circle", attrs });
  }
  return out;
}

/** What a plot says to a screen reader that does not move along it. */
export function plotLabel(name: string, lines: PlotProps["lines"]): string {
  const ends = lines.map(({ sae, curve }) => {
    const index = curve.flags.length - 1;
    const flags = curve.flags[index] ?? 0;
    const value = flags & FLAG.measured ? (curve.last[index] ?? Number.NaN) : Number.NaN;
    return flags ? `${sae.name} ${valueText(value)}` : sae.name;
  });
  return `${name} over tokens; last: ${ends.join(", ")}`;
}
