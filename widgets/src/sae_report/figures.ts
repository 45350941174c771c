/** Histograms: bars of the chosen SAE, outlines of the others. */

import { linearAxis } from "../shared/axis.js";
import { div, h, type Scope, span } from "../shared/dom.js";
import { count } from "../shared/format.js";
import { type Ink, PAGE_INK } from "../shared/ink.js";
import { label, line, type Shape, sizeSvg, svgRoot, toNode } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import type { Tooltip } from "../shared/tooltip.js";
import type { Histogram, ReportData } from "./data.js";

const MARGIN = { left: 40, right: 10, top: 6, bottom: 20 };
const SIZE = 10.5;
const TITLES: Record<string, string> = {
  density: "How often latents fire",
  cosine_similarity: "Cosine similarity by token",
  l0: "Latents that fire, by token",
  encoder_decoder_cosine: "Encoder-decoder cosine by latent",
  latent_effect: "Effect of taking a latent out",
};
/** What is shown of each group. */
export const FIGURES: Record<string, string[]> = {
  overview: ["density", "cosine_similarity", "latent_effect"],
  reconstruction: ["cosine_similarity"],
  sparsity: ["density", "l0"],
  features: ["encoder_decoder_cosine"],
  causal: ["latent_effect"],
  truth: [],
};

const round = (value: number) => Math.round(value * 10) / 10;
const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((total, value) => total + value, 0);

export interface FigureProps {
  name: string;
  data: ReportData;
  sae: number;
  strokes: readonly Stroke[];
  width: number;
  height: number;
  ink: Ink;
  bin: number | null;
}

const histogramOf = ({ data, name }: FigureProps, sae: number): Histogram | undefined =>
  data.reports[sae]?.histograms[name];

/** The bins that have anything, of any SAE, one more on both sides. */
function extent(props: FigureProps): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let sae = 0; sae < props.data.reports.length; sae++) {
    const found = histogramOf(props, sae);
    found?.counts.forEach((value, bin) => {
      if (!value) return;
      low = Math.min(low, found.edges[Math.max(0, bin - 1)] ?? low);
      high = Math.max(high, found.edges[Math.min(found.edges.length - 1, bin + 2)] ?? high);
    });
  }
  return low < high ? [low, high] : [0, 1];
}

function placer(props: FigureProps): {
  x(value: number): number;
  y(share: number): number;
  top: number;
  low: number;
  high: number;
} {
  const [low, high] = extent(props);
  let top = 0;
  for (let sae = 0; sae < props.data.reports.length; sae++) {
    const found = histogramOf(props, sae);
    if (found) top = Math.max(top, Math.max(...found.counts) / (sum(found.counts) || 1));
  }
  const [left, right] = [MARGIN.left, props.width - MARGIN.right];
  const [above, below] = [MARGIN.top, props.height - MARGIN.bottom];
  const share = (value: number) => Math.max(0, Math.min(1, (value - low) / (high - low)));
  return {
    x: (value) => round(left + share(value) * (right - left)),
    y: (value) => round(below - (value / (top || 1)) * (below - above)),
    top: top || 1,
    low,
    high,
  };
}

const power = (value: number): string => {
  const digits = [...String(Math.round(value))].map((char) => (char === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(char)]));
  return value === 0 ? "1" : value === -1 ? "0.1" : `10${digits.join("")}`;
};

/** What is drawn over powers of ten. */
const POWERS = new Set(["density", "latent_effect"]);

const edgeText = (name: string, value: number): string => {
  const plain = POWERS.has(name) ? 10 ** value : value;
  return name === "density" ? `${Number((100 * plain).toPrecision(2))} %` : String(Number(plain.toPrecision(3)));
};

function axes(props: FigureProps): Shape[] {
  const { ink, name, width, height } = props;
  const at = placer(props);
  const out: Shape[] = [];
  for (const tick of linearAxis(0, at.top, 2).ticks.filter((each) => each <= at.top)) {
    const y = at.y(tick);
    out.push(line(`M${MARGIN.left} ${y}H${width - MARGIN.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(MARGIN.left - 6, y + 3.6, `${Number((100 * tick).toPrecision(2))} %`, ink.muted, SIZE, "end"));
  }
  const foot = height - MARGIN.bottom;
  const steps = POWERS.has(name) ? Math.min(6, Math.ceil(at.high) - Math.floor(at.low)) : 4;
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of linearAxis(at.low, at.high, steps).ticks) {
    if (POWERS.has(name) && !Number.isInteger(tick)) continue;
    const words = POWERS.has(name) ? power(tick) : String(Number(tick.toPrecision(4)));
    const half = words.length * 3.2;
    const x = Math.min(at.x(tick), width - half);
    if (x - half < free) continue;
    free = x + half + 5;
    out.push(line(`M${at.x(tick)} ${foot}v3`, ink.muted), label(x, foot + 14, words, ink.muted, SIZE, "middle"));
  }
  out.push(line(`M${MARGIN.left} ${foot}H${width - MARGIN.right}`, ink.muted));
  return out;
}

export function figureShapes(props: FigureProps): Shape[] {
  const at = placer(props);
  const foot = props.height - MARGIN.bottom;
  const out = axes(props);
  const main = histogramOf(props, props.sae);
  if (main) {
    const total = sum(main.counts) || 1;
    const color = props.strokes[props.sae]?.color ?? props.ink.soft;
    main.counts.forEach((value, bin) => {
      if (!value) return;
      const [x, to] = [at.x(main.edges[bin] ?? 0), at.x(main.edges[bin + 1] ?? 0)];
      const y = Math.min(foot - 1, at.y(value / total));
      const box = { x: round(x + 0.4), y, width: Math.max(0.6, round(to - x - 0.8)), height: round(foot - y) };
      out.push({ tag: "rect", attrs: { ...box, fill: color, opacity: props.bin === bin ? 1 : 0.75 } });
    });
  }
  props.data.reports.forEach((_, sae) => {
    const found = histogramOf(props, sae);
    const stroke = props.strokes[sae];
    if (sae === props.sae || !found || !stroke) return;
    const total = sum(found.counts) || 1;
    let d = `M${at.x(found.edges[0] ?? 0)} ${foot}`;
    found.counts.forEach((value, bin) => {
      d += `V${at.y(value / total)}H${at.x(found.edges[bin + 1] ?? 0)}`;
    });
    out.push(line(`${d}V${foot}`, stroke.color, 1.2, { "stroke-dasharray": stroke.dash }));
  });
  return out;
}

function binText({ name, data, sae }: FigureProps, bin: number): string {
  const found = data.reports[sae]?.histograms[name];
  if (!found) return "";
  const value = found.counts[bin] ?? 0;
  const share = `${Number(((100 * value) / (sum(found.counts) || 1)).toPrecision(2))} %`;
  return `${edgeText(name, found.edges[bin] ?? 0)} to ${edgeText(name, found.edges[bin + 1] ?? 0)}: ${count(value)} (${share})`;
}

export interface Figure {
  node: HTMLElement;
  update(props: Omit<FigureProps, "ink" | "bin">): void;
  shapes(
    strokes: readonly Stroke[],
    ink: Ink,
  ): { title: string; shapes: Shape[]; width: number; height: number } | null;
}

export function figure(scope: Scope, tooltip: Tooltip, say: (text: string) => void): Figure {
  const svg = svgRoot(10, 10, { role: "img" });
  const [title, note] = [h("h5"), span("inb-mark")];
  const node = h("figure", { class: "inb-figure", tabindex: 0 }, h("figcaption", {}, title, note), svg);
  let props: FigureProps | null = null;
  const draw = (): void => {
    if (!props) return;
    sizeSvg(svg, props.width, props.height);
    svg.replaceChildren(...figureShapes(props).map(toNode));
  };
  const point = (bin: number | null): void => {
    if (!props || props.bin === bin) return;
    props = { ...props, bin };
    draw();
  };
  const filled = (): number[] => {
    const counts = props && histogramOf(props, props.sae)?.counts;
    return counts ? Array.from(counts, (_, bin) => bin).filter((bin) => counts[bin]) : [];
  };
  scope.listen<PointerEvent>(svg, "pointermove", (event) => {
    const now = props;
    const found = now && histogramOf(now, now.sae);
    if (!now || !found) return;
    event.stopPropagation();
    const x = event.clientX - svg.getBoundingClientRect().left;
    const at = placer(now);
    const bin = filled().find((each) => x >= at.x(found.edges[each] ?? 0) && x < at.x(found.edges[each + 1] ?? 0));
    point(bin ?? null);
    if (bin === undefined) tooltip.hide();
    else tooltip.show(event.clientX, event.clientY, [div("", binText(now, bin)), div("inb-mark", found.label)]);
  });
  scope.listen(svg, "pointerleave", () => {
    tooltip.hide();
    point(null);
  });
  scope.listen<KeyboardEvent>(node, "keydown", (event) => {
    const bins = filled();
    const at = props?.bin == null ? -1 : bins.indexOf(props.bin);
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bins.length - 1 };
    if (event.key === "Escape") return point(null);
    const to = steps[event.key];
    const bin = to === undefined ? undefined : bins[Math.max(0, Math.min(bins.length - 1, to))];
    if (bin === undefined || !props) return;
    event.preventDefault();
    point(bin);
    say(binText(props, bin));
  });
  return {
    node,
    update(next) {
      props = { ...next, ink: PAGE_INK, bin: props?.bin ?? null };
      const found = histogramOf(props, props.sae);
      node.hidden = !found;
      title.textContent = TITLES[props.name] ?? props.name;
      note.textContent = found?.label ?? "";
      node.setAttribute("aria-label", `${title.textContent}, ${found?.label ?? ""}: arrows read the bars`);
      draw();
    },
    shapes(strokes, ink) {
      if (!props || node.hidden) return null;
      const { width, height } = props;
      return {
        title: title.textContent ?? "",
        shapes: figureShapes({ ...props, strokes, ink, bin: null }),
        width,
        height,
      };
    },
  };
}
