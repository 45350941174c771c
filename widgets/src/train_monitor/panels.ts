/** The small plots, one cursor through all of them. */

import type { Axis } from "../shared/axis.js";
import { div, h, type Scope, span } from "../shared/dom.js";
import { FILE_INK, PAGE_INK } from "../shared/ink.js";
import { type Shape, sizeSvg, svgRoot, toNode } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import { facts, type Tooltip } from "../shared/tooltip.js";
import { tokenAxis, valueAxis } from "./axes.js";
import { nearestBucket, type RunData, type SaeData } from "./data.js";
import { axisShapes, changeShapes, cursorShapes, frameOf, lineShapes, type PlotProps, plotLabel } from "./plot.js";
import { describeMoment, placeText, rangeText, readingText } from "./words.js";

export const GAP = 14;
const NARROWEST = 168;
const MOST = 4;

export interface PanelsProps {
  data: RunData;
  sae: number;
  strokes: readonly Stroke[];
  logTokens: boolean;
  width: number;
}

export interface PanelsEvents {
  cursor(tokens: number | null): void;
  say(text: string): void;
}

export interface Panels {
  node: HTMLElement;
  update(props: PanelsProps, cursor: number | null): void;
  move(cursor: number | null): void;
  /** The plots for a file, lines in these strokes. */
  figure(strokes: readonly Stroke[]): { title: string; shapes: Shape[]; width: number; height: number }[];
}

export interface Panel {
  node: HTMLElement;
  title: HTMLElement;
  value: HTMLElement;
  svg: SVGSVGElement;
  over: SVGElement;
}

export function panelSize(width: number): { columns: number; width: number; height: number } {
  const columns = Math.max(1, Math.min(MOST, Math.floor((width + GAP) / (NARROWEST + GAP))));
  const each = Math.floor((width - GAP * (columns - 1)) / columns);
  return { columns, width: each, height: Math.round(Math.max(104, Math.min(150, each * 0.56))) };
}

export function makePanel(): Panel {
  const svg = svgRoot(10, 10, { role: "img" });
  const over = toNode({ tag: "g" });
  const [title, value] = [h("h5"), span("inb-panel-value")];
  return { node: h("figure", { class: "inb-panel" }, h("figcaption", {}, title, value), svg), title, value, svg, over };
}

export function panels(scope: Scope, tooltip: Tooltip, events: PanelsEvents): Panels {
  const curves = h("div", {
    class: "inb-panels",
    tabindex: 0,
    role: "group",
    "aria-label": "curves of the training: arrows move a cursor along them",
  });
  let made: Panel[] = [];
  let props: PanelsProps | null = null;
  let drawn: PlotProps[] = [];
  let cursor: number | null = null;
  let known: RunData | null = null;
  let drawnFor = "";

  const main = (): SaeData | undefined => props?.data.saes[props.sae];
  const bucket = (tokens: number | null): number => {
    const sae = main();
    if (!sae) return 0;
    return tokens === null ? sae.tokens.length - 1 : nearestBucket(sae, tokens);
  };

  // The pointer.
  const panelOf = (event: Event): number => made.findIndex(({ svg }) => svg.contains(event.target as Node));
  scope.listen<PointerEvent>(curves, "pointermove", (event) => {
    const row = panelOf(event);
    const plot = drawn[row];
    const sae = main();
    if (!plot || !props || !sae?.tokens.length) return;
    const at = frameOf(plot);
    const x = event.clientX - (made[row]?.svg.getBoundingClientRect().left ?? 0);
    const share = (x - at.left) / (at.right - at.left);
    const tokens = sae.tokens[nearestBucket(sae, plot.x.value(Math.max(0, Math.min(1, share))))] ?? 0;
    events.cursor(tokens);
    tooltip.show(event.clientX, event.clientY, tip(props, row, tokens));
  });
  scope.listen(curves, "pointerleave", () => {
    tooltip.hide();
    events.cursor(null);
  });

  // The keys: one cursor for all plots.
  scope.listen<KeyboardEvent>(curves, "keydown", (event) => {
    const sae = main();
    const last = (sae?.tokens.length ?? 0) - 1;
    if (!props || !sae || last < 0) return;
    const from = bucket(cursor);
    const steps: Record<string, number> = {
      ArrowLeft: from - 1,
      ArrowRight: from + 1,
      PageUp: from - 10,
      PageDown: from + 10,
      Home: 0,
      End: last,
    };
    if (event.key === "Escape") return events.cursor(null);
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(last, to));
    events.cursor(sae.tokens[index] ?? null);
    events.say(describeMoment(props.data.meta.series, sae, index));
  });

  function redraw(now: PanelsProps): void {
    const { series } = now.data.meta;
    if (made.length !== series.length) {
      made = series.map(makePanel);
      curves.replaceChildren(...made.map((panel) => panel.node));
    }
    drawn = plotProps(now);
    made.forEach((panel, row) => {
      const plot = drawn[row];
      const one = series[row];
      if (!plot || !one) return;
      sizeSvg(panel.svg, plot.width, plot.height);
      panel.svg.replaceChildren(...plotShapes(plot).map(toNode), panel.over);
      panel.svg.setAttribute("aria-label", plotLabel(one.label, plot.lines));
      panel.title.textContent = one.label;
      panel.title.title = one.unit;
    });
  }

  /** Values and dots at a moment; null = the latest values, no dots. */
  function move(tokens: number | null): void {
    cursor = tokens;
    const sae = main();
    const index = bucket(cursor);
    made.forEach((panel, row) => {
      const plot = drawn[row];
      panel.value.textContent = sae?.tokens.length ? readingText(sae, row, index, cursor !== null) : "–";
      const shapes = plot && tokens !== null ? cursorShapes(plot, tokens, (one) => nearestBucket(one, tokens)) : [];
      panel.over.replaceChildren(...shapes.map(toNode));
    });
  }

  return {
    node: curves,
    update(next, at) {
      const key = JSON.stringify([next.sae, next.logTokens, next.width, next.strokes.map(({ color }) => color)]);
      props = next;
      cursor = at;
      curves.style.setProperty("--inb-columns", String(panelSize(next.width).columns));
      if (next.data !== known || key !== drawnFor) redraw(next);
      known = next.data;
      drawnFor = key;
      move(cursor);
    },
    move,
    figure(strokes) {
      if (!props) return [];
      const { series } = props.data.meta;
      return plotProps({ ...props, strokes }).map((plot, row) => {
        return { ...plot, title: series[row]?.label ?? "", shapes: plotShapes({ ...plot, ink: FILE_INK }) };
      });
    },
  };
}

function plotShapes(plot: PlotProps): Shape[] {
  return [...axisShapes(plot), ...changeShapes(plot), ...lineShapes(plot)];
}

/** Every plot's axes and lines; the token axis is the same in all of them. */
function plotProps({ data, sae, strokes, logTokens, width }: PanelsProps): PlotProps[] {
  const size = panelSize(width);
  const first = Math.min(...data.saes.map((one) => one.tokens[0] ?? Number.POSITIVE_INFINITY));
  const reached = Math.max(0, ...data.saes.map((one) => one.tokens.at(-1) ?? 0));
  const x: Axis = tokenAxis(first, reached, logTokens);
  return data.meta.series.map((series, row): PlotProps => {
    const lines = data.saes.flatMap((one, index) => {
      const [curve, stroke] = [one.curves[row], strokes[index]];
      return curve && stroke ? [{ sae: one, curve, stroke, strong: index === sae }] : [];
    });
    const y = valueAxis(
      series,
      lines.map(({ curve }) => curve),
    );
    const changes = data.meta.changes.map((change) => change.tokens);
    return { width: size.width, height: size.height, x, y, lines, changes, ink: PAGE_INK };
  });
}

/** One SAE: everything at that step. Several: the quantity pointed at, of each of them. */
function tip({ data, sae }: PanelsProps, row: number, tokens: number): Node[] {
  const one = data.saes[sae];
  if (!one) return [];
  const head = div("inb-tip-head", placeText(one, nearestBucket(one, tokens)));
  const { series } = data.meta;
  if (data.saes.length === 1) {
    const index = nearestBucket(one, tokens);
    const rows = series.map(({ label }, each): [string, Node | string] => {
      const text = readingText(one, each, index);
      return [label, each === row ? h("strong", {}, text) : text];
    });
    const range = rangeText(one, row, index);
    return [head, facts(rows), ...(range ? [span("inb-mark", `${series[row]?.label}: ${range} around here`)] : [])];
  }
  const rows = data.saes.map((each, index): [string, Node | string] => {
    const text = readingText(each, row, nearestBucket(each, tokens));
    return [each.name, index === sae ? h("strong", {}, text) : text];
  });
  return [head, div("inb-tip-head", series[row]?.label ?? ""), facts(rows)];
}
