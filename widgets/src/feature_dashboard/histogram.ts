/** How strongly a latent fires: counts in log bins, the quantile bands of its examples behind them. Pure. */

import { type Axis, logAxis } from "../shared/axis.js";
import { count, short } from "../shared/format.js";
import type { Ink } from "../shared/ink.js";
import { label, line as path, rect, type Shape } from "../shared/shapes.js";

export interface HistogramProps {
  width: number;
  height: number;
  counts: readonly number[];
  edges: readonly number[];
  n_bands: number;
  fill: string;
  ink: Ink;
  /** The bin that is pointed at. */
  bin: number | null;
}

const MARGIN = { left: 34, right: 8, top: 14, bottom: 19 };
const SIZE = 10.5;

export interface HistogramPlace {
  axis: Axis;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** First bin that is shown, and one past the last. */
  from: number;
  to: number;
  most: number;
}

/** Bins with firings, one more on both sides. */
export function histogramPlace({ counts, edges, width, height }: HistogramProps): HistogramPlace | null {
  const filled = counts.flatMap((n, bin) => (n > 0 ? [bin] : []));
  if (!filled.length) return null;
  const from = Math.max(0, (filled[0] ?? 0) - 1);
  const to = Math.min(counts.length, (filled.at(-1) ?? 0) + 2);
  const low = edges[from] ?? 1;
  const second = edges[from + 1] ?? low * 2;
  // The lowest edge may be 0: what lies below the first is drawn as wide as the bin above.
  const start = low > 0 ? low : second / ((edges[from + 2] ?? second * 2) / second);
  return {
    axis: logAxis(start, edges[to] ?? start * 10, Math.max(2, Math.floor(width / 60))),
    left: MARGIN.left,
    right: width - MARGIN.right,
    top: MARGIN.top,
    bottom: height - MARGIN.bottom,
    from,
    to,
    most: Math.max(...counts),
  };
}

/** The values between which the firings fall into bands of equal number; within a bin they are spread evenly in log. */
export function bandEdges(counts: readonly number[], edges: readonly number[], n: number): number[] {
  const total = counts.reduce((sum, each) => sum + each, 0);
  const out: number[] = [];
  let below = 0;
  counts.forEach((each, bin) => {
    const [low, high] = [edges[bin] ?? 0, edges[bin + 1] ?? 0];
    while (each && out.length < n - 1 && ((out.length + 1) * total) / n <= below + each) {
      const share = (((out.length + 1) * total) / n - below) / each;
      out.push(low > 0 ? low * (high / low) ** share : high * share);
    }
    below += each;
  });
  return out;
}

const round = (value: number) => Math.round(value * 10) / 10;

export function binX(at: HistogramPlace, edge: number): number {
  const share = edge > 0 ? at.axis.at(edge) : 0;
  return at.left + Math.max(0, Math.min(1, share)) * (at.right - at.left);
}

export function histogramShapes(props: HistogramProps): Shape[] {
  const at = histogramPlace(props);
  if (!at) return [];
  const { counts, edges, ink, n_bands: bands } = props;
  const out: Shape[] = [];
  const stops = [at.left, ...bandEdges(counts, edges, bands).map((edge) => round(binX(at, edge))), at.right];
  stops.slice(1).forEach((end, band) => {
    const start = stops[band] ?? end;
    if (band % 2)
      out.push(rect({ x: start, y: at.top, width: round(end - start), height: at.bottom - at.top }, ink.surface));
    if (bands > 1 && end - start > 11) {
      out.push(label(round((start + end) / 2), at.top - 4, String(band + 1), ink.muted, 9.5, "middle"));
    }
  });
  for (const share of [1, 0.5]) {
    const y = round(at.bottom - share * (at.bottom - at.top - 4));
    out.push(path(`M${at.left} ${y}H${at.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(at.left - 5, y + 3.6, count(share * at.most), ink.muted, SIZE, "end"));
  }
  for (let bin = at.from; bin < at.to; bin++) {
    const n = counts[bin] ?? 0;
    if (!n) continue;
    const [x, end] = [binX(at, edges[bin] ?? 0), binX(at, edges[bin + 1] ?? 0)];
    const tall = Math.max(1, (n / at.most) * (at.bottom - at.top - 4));
    const box = {
      x: round(x + 0.5),
      y: round(at.bottom - tall),
      width: round(Math.max(1, end - x - 1)),
      height: round(tall),
    };
    out.push({ tag: "rect", attrs: { ...box, fill: props.fill, opacity: props.bin === bin ? 1 : 0.8 } });
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of at.axis.ticks) {
    const x = binX(at, tick);
    const words = short(tick);
    const half = words.length * SIZE * 0.3;
    if (x - half < free) continue;
    free = x + half + 6;
    out.push(path(`M${round(x)} ${at.bottom}v3`, ink.muted));
    out.push(
      label(round(Math.min(x, at.right + MARGIN.right - half)), at.bottom + 14, words, ink.muted, SIZE, "middle"),
    );
  }
  out.push(path(`M${at.left} ${at.bottom}H${at.right}`, ink.muted));
  return out;
}

/** The bin at a place; null = beside them. */
export function binAt(props: HistogramProps, x: number): number | null {
  const at = histogramPlace(props);
  if (!at) return null;
  for (let bin = at.from; bin < at.to; bin++) {
    if (x >= binX(at, props.edges[bin] ?? 0) && x < binX(at, props.edges[bin + 1] ?? 0)) return bin;
  }
  return null;
}
