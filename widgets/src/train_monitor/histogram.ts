/** How often latents fire: bars of one SAE over powers of ten, outlines of the others. Pure. */

import { linearAxis } from "../shared/axis.js";
import { count } from "../shared/format.js";
import type { Ink } from "../shared/ink.js";
import { label, line as path, type Shape } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import type { RunData, SaeData } from "./data.js";
import { MARGIN } from "./plot.js";
import { percentTick } from "./words.js";

export interface HistogramProps {
  width: number;
  height: number;
  data: RunData;
  /** The SAE whose latents are the bars. */
  sae: number;
  strokes: readonly Stroke[];
  ink: Ink;
  /** The bin that is pointed at; -1 = never fired. */
  bin: number | null;
}

export interface HistogramLayout {
  /** Bins that are shown, the first and one past the last. */
  from: number;
  to: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Left edge and width of a bin's bar; bin -1 = never fired. */
  bar(bin: number): { x: number; width: number };
  height(count: number, total: number): number;
}

const NEVER = { width: 16, gap: 9 };
const TICK_SIZE = 10.5;

/** Bins with latents of any SAE, one more on both sides, and at least four. */
function shownBins({ saes, meta }: RunData): [number, number] {
  const bins = meta.edges.length - 1;
  let from = bins;
  let to = 0;
  for (const { density } of saes) {
    for (let bin = 0; bin < bins; bin++) {
      if (!density[bin]) continue;
      from = Math.min(from, bin);
      to = Math.max(to, bin + 1);
    }
  }
  if (from >= to) return [0, bins];
  from = Math.max(0, from - 1);
  to = Math.min(bins, to + 1);
  return [Math.max(0, Math.min(from, to - 4)), to];
}

const total = (data: RunData, sae: number): number => data.meta.saes[sae]?.d_sae ?? 1;

function tallest(data: RunData): number {
  let share = 0;
  data.saes.forEach((one, index) => {
    const all = total(data, index);
    for (let bin = 0; bin < one.density.length; bin++) share = Math.max(share, (one.density[bin] ?? 0) / all);
    share = Math.max(share, one.neverFired / all);
  });
  return share || 1;
}

export function histogramLayout({ width, height, data }: HistogramProps): HistogramLayout {
  const [from, to] = shownBins(data);
  const left = MARGIN.left + NEVER.width + NEVER.gap;
  const right = width - MARGIN.right;
  const [top, bottom] = [MARGIN.top + 8, height - MARGIN.bottom];
  const wide = (right - left) / Math.max(1, to - from);
  const axis = linearAxis(0, tallest(data));
  return {
    from,
    to,
    left,
    right,
    top,
    bottom,
    bar: (bin) => (bin < 0 ? { x: MARGIN.left, width: NEVER.width } : { x: left + (bin - from) * wide, width: wide }),
    height: (value, all) => axis.at(value / all) * (bottom - top),
  };
}

const round = (value: number) => Math.round(value * 10) / 10;

function barShapes(props: HistogramProps, at: HistogramLayout): Shape[] {
  const { data, sae, strokes, ink } = props;
  const one = data.saes[sae];
  const color = strokes[sae]?.color ?? ink.soft;
  const all = total(data, sae);
  const out: Shape[] = [];
  const bins = Array.from({ length: at.to - at.from }, (_, i) => at.from + i);
  for (const bin of [-1, ...bins]) {
    const value = bin < 0 ? (one?.neverFired ?? 0) : (one?.density[bin] ?? 0);
    if (!value) continue;
    const { x, width } = at.bar(bin);
    const tall = Math.max(1, at.height(value, all));
    const box = { x: round(x + 0.5), y: round(at.bottom - tall), width: round(width - 1), height: round(tall) };
    const on = props.bin === bin;
    if (bin < 0) out.push(...hatched(box, ink, on));
    else out.push({ tag: "rect", attrs: { ...box, fill: color, opacity: on ? 1 : 0.78 } });
    if (bin < 0) out.push(label(box.x + box.width / 2, box.y - 4, count(value), ink.soft, TICK_SIZE, "middle", 600));
  }
  return out;
}

/** Latents that never fire have no density: their bar is hatched, not colored. */
function hatched(box: { x: number; y: number; width: number; height: number }, ink: Ink, on: boolean): Shape[] {
  let d = "";
  for (let at = 4; at < box.height + box.width; at += 4) {
    const [x1, y1] = at <= box.height ? [0, at] : [at - box.height, box.height];
    const [x2, y2] = at <= box.width ? [at, 0] : [box.width, at - box.width];
    d += `M${round(box.x + x1)} ${round(box.y + y1)}L${round(box.x + x2)} ${round(box.y + y2)}`;
  }
  const frame = { ...box, fill: "none", stroke: on ? ink.text : ink.muted, "stroke-width": on ? 1.6 : 1 };
  return [{ tag: "rect", attrs: frame }, path(d, ink.muted, 0.8)];
}

/** The other SAEs: their outlines, as shares of their own latents. */
function outlines(props: HistogramProps, at: HistogramLayout): Shape[] {
  return props.data.saes.flatMap((one: SaeData, index): Shape[] => {
    const stroke = props.strokes[index];
    if (index === props.sae || !stroke) return [];
    let d = `M${round(at.left)} ${at.bottom}`;
    for (let bin = at.from; bin < at.to; bin++) {
      const { x, width } = at.bar(bin);
      const y = round(at.bottom - at.height(one.density[bin] ?? 0, total(props.data, index)));
      d += `V${y}H${round(x + width)}`;
    }
    return [path(`${d}V${at.bottom}`, stroke.color, 1.2, { "stroke-dasharray": stroke.dash })];
  });
}

/** Powers of ten below, shares of latents at the left. */
function histogramAxes(props: HistogramProps, at: HistogramLayout): Shape[] {
  const { data, ink } = props;
  const out: Shape[] = [];
  const axis = linearAxis(0, tallest(data), 3);
  for (const tick of axis.ticks) {
    const y = round(at.bottom - axis.at(tick) * (at.bottom - at.top));
    out.push(path(`M${MARGIN.left} ${y}H${at.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(MARGIN.left - 6, y + 3.6, percentTick(tick), ink.muted, TICK_SIZE, "end"));
  }
  const { edges } = data.meta;
  let free = MARGIN.left + NEVER.width;
  for (let edge = at.from; edge <= at.to; edge++) {
    const power = edges[edge] ?? 0;
    if (Math.abs(power - Math.round(power)) > 1e-6) continue;
    const x = edge === at.to ? at.right : at.bar(edge).x;
    const words = power === 0 ? "1" : power === -1 ? "0.1" : `10${superscript(Math.round(power))}`;
    const middle = Math.min(x, at.right + MARGIN.right - words.length * 3.2);
    out.push(path(`M${round(x)} ${at.bottom}v3`, ink.muted, 1));
    if (middle - words.length * 3.2 < free) continue;
    free = middle + words.length * 3.2 + 4;
    out.push(label(round(middle), at.bottom + 14, words, ink.muted, TICK_SIZE, "middle"));
  }
  out.push(label(MARGIN.left + NEVER.width / 2, at.bottom + 14, "0", ink.muted, TICK_SIZE, "middle"));
  out.push(path(`M${at.left} ${at.bottom}H${at.right}`, ink.muted, 1));
  out.push(path(`M${MARGIN.left} ${at.bottom}h${NEVER.width}`, ink.muted, 1));
  return out;
}

function superscript(power: number): string {
  return [...String(power)].map((char) => (char === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(char)])).join("");
}

export function histogramShapes(props: HistogramProps): Shape[] {
  const at = histogramLayout(props);
  return [...histogramAxes(props, at), ...barShapes(props, at), ...outlines(props, at)];
}

/** The bin at a place of the plot; null = beside the bars. */
export function binAt(props: HistogramProps, x: number): number | null {
  const at = histogramLayout(props);
  const never = at.bar(-1);
  if (x >= never.x - 3 && x <= never.x + never.width + 3) return -1;
  for (let bin = at.from; bin < at.to; bin++) {
    const { x: left, width } = at.bar(bin);
    if (x >= left && x < left + width) return bin;
  }
  return null;
}

/** Bins that have latents, in the order in which keys go through them. */
export function filledBins({ saes }: RunData, sae: number): number[] {
  const one = saes[sae];
  const bins = Array.from({ length: one?.density.length ?? 0 }, (_, bin) => bin).filter((bin) => one?.density[bin]);
  return one?.neverFired ? [-1, ...bins] : bins;
}
