/** L0 against what is kept of the model, an SAE a mark: click one and the others are compared with it. */

import { nice } from "d3-array";
import { linearAxis, logAxis } from "../shared/axis.js";
import { div, h, type Scope } from "../shared/dom.js";
import { type Ink, PAGE_INK } from "../shared/ink.js";
import { label, line, type Shape, sizeSvg, svgRoot, toNode } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import { cut } from "../shared/tokens.js";
import { facts, type Tooltip } from "../shared/tooltip.js";
import { orNaN, type Point, type ReportData } from "./data.js";
import { haloed, type Plane, placeOn, planeShapes, round, whisker } from "./plane.js";
import { exact, intervalText } from "./words.js";

export interface ParetoProps {
  data: ReportData;
  sae: number;
  strokes: readonly Stroke[];
  width: number;
  height: number;
  ink: Ink;
}

const known = (points: readonly Point[]): Point[] =>
  points.filter(({ l0, score }) => l0 !== null && l0 > 0 && score !== null);

function planeOf({ data, width, height }: ParetoProps): Plane {
  const points = known(data.meta.pareto);
  const ends = (names: (keyof Point)[]) =>
    points.flatMap((point) => names.map((name) => orNaN(point[name] as number | null))).filter(Number.isFinite);
  const xs = ends(["l0", "l0_low", "l0_high"]).filter((value) => value > 0);
  const ys = ends(["score", "score_low", "score_high"]);
  if (!xs.length || !ys.length) return { width, height, x: logAxis(1, 10), y: linearAxis(0, 1) };
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const pad = (high - low) * 0.12 || 0.05;
  const [bottom, top] = nice(low - pad, high + pad, 4);
  return {
    width,
    height,
    x: logAxis(Math.min(...xs) / 1.35, Math.max(...xs) * 1.35, 5),
    y: linearAxis(bottom, top, 4),
  };
}

const scoreLabel = ({ meta }: ReportData): string =>
  meta.metrics.find(({ name }) => name === meta.score)?.label ?? meta.score;

export function paretoShapes(props: ParetoProps): Shape[] {
  const { data, sae, strokes, ink } = props;
  const plane = planeOf(props);
  const at = placeOn(plane);
  const points = known(data.meta.pareto);
  const out = planeShapes(plane, { x: "L0, latents per token", y: scoreLabel(data) }, ink);
  const front = points.filter(({ on_front }) => on_front).sort((a, b) => orNaN(a.l0) - orNaN(b.l0));
  if (front.length > 1) {
    const d = front.map((point) => `${at.x(orNaN(point.l0))} ${at.y(orNaN(point.score))}`).join("L");
    out.push(line(`M${d}`, ink.muted, 1.2));
  }
  const taken: [number, number, number][] = [];
  for (const point of points) {
    const stroke = strokes[point.row];
    if (!stroke) continue;
    const [x, y] = [at.x(orNaN(point.l0)), at.y(orNaN(point.score))];
    if (point.l0_low !== null && point.l0_high !== null)
      out.push(whisker({ y, from: at.x(point.l0_low), to: at.x(point.l0_high) }, stroke.color));
    if (point.score_low !== null && point.score_high !== null)
      out.push(whisker({ x, from: at.y(point.score_high), to: at.y(point.score_low) }, stroke.color));
    const chosen = point.row === sae;
    if (chosen)
      out.push({ tag: "circle", attrs: { cx: x, cy: y, r: 9, fill: "none", stroke: ink.accent, "stroke-width": 1.6 } });
    const look = point.on_front
      ? { fill: stroke.color, stroke: ink.background }
      : { fill: ink.background, stroke: stroke.color };
    out.push({
      tag: "path",
      attrs: { d: stroke.mark, transform: `translate(${x} ${y}) scale(1.35)`, ...look, "stroke-width": 1 },
    });
    const name = cut(point.name, 28);
    const wide = name.length * 6;
    const left = x + 12 + wide > props.width;
    const start = left ? x - 12 - wide : x + 12;
    if (taken.some(([from, to, height]) => Math.abs(height - y) < 12 && start < to && start + wide > from)) continue;
    taken.push([start, start + wide, y]);
    out.push(
      haloed(
        label(
          round(left ? x - 9 : x + 9),
          y - 7,
          name,
          chosen ? ink.text : ink.soft,
          11,
          left ? "end" : "start",
          chosen ? 600 : 400,
        ),
        ink,
      ),
    );
  }
  return out;
}

export function pointText(point: Point, score: string): string {
  const front = point.on_front
    ? "on the front"
    : point.dominated_by
      ? `beaten by ${point.dominated_by}`
      : "behind the front";
  return `${point.name}: L0 ${exact(orNaN(point.l0))}, ${score} ${exact(orNaN(point.score))} ${intervalText(orNaN(point.score_low), orNaN(point.score_high))}, ${front}`;
}

export interface ParetoView {
  node: HTMLElement;
  update(props: Omit<ParetoProps, "ink">): void;
  shapes(strokes: readonly Stroke[], ink: Ink): { shapes: Shape[]; width: number; height: number } | null;
}

export function paretoView(
  scope: Scope,
  tooltip: Tooltip,
  events: { choose(sae: number): void; say(text: string): void },
): ParetoView {
  const svg = svgRoot(10, 10, { role: "img" });
  const hint = h("p", { class: "inb-hint" });
  const frame = h("div", { class: "inb-plane", tabindex: 0, role: "group" }, svg);
  const node = div("inb-pareto", frame, hint);
  let props: ParetoProps | null = null;
  const nearest = (event: MouseEvent): Point | null => {
    if (!props) return null;
    const box = svg.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const at = placeOn(planeOf(props));
    const far = (point: Point) => Math.hypot(at.x(orNaN(point.l0)) - px, at.y(orNaN(point.score)) - py);
    const [best] = known(props.data.meta.pareto).sort((a, b) => far(a) - far(b));
    return best && far(best) < 26 ? best : null;
  };
  scope.listen<PointerEvent>(svg, "pointermove", (event) => {
    event.stopPropagation();
    const point = nearest(event);
    svg.style.cursor = point ? "pointer" : "";
    if (!point || !props) return tooltip.hide();
    const rows: [string, string][] = [
      ["L0", `${exact(orNaN(point.l0))} ${intervalText(orNaN(point.l0_low), orNaN(point.l0_high), true)}`],
      [
        scoreLabel(props.data),
        `${exact(orNaN(point.score))} ${intervalText(orNaN(point.score_low), orNaN(point.score_high))}`,
      ],
      [
        "front",
        point.on_front
          ? "no other SAE betters it in both"
          : point.dominated_by
            ? `surely beaten by ${point.dominated_by}`
            : "behind it, by less than chance tells",
      ],
    ];
    tooltip.show(event.clientX, event.clientY, [h("strong", {}, point.name), facts(rows)]);
  });
  scope.listen(svg, "pointerleave", () => tooltip.hide());
  scope.listen<MouseEvent>(svg, "click", (event) => {
    const point = nearest(event);
    if (point) events.choose(point.row);
  });
  scope.listen<KeyboardEvent>(frame, "keydown", (event) => {
    if (!props) return;
    const points = known(props.data.meta.pareto).sort((a, b) => orNaN(a.l0) - orNaN(b.l0));
    const at = points.findIndex(({ row }) => row === props?.sae);
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 };
    const to = steps[event.key];
    const point = to === undefined ? undefined : points[Math.max(0, Math.min(points.length - 1, to))];
    if (!point) return;
    event.preventDefault();
    events.choose(point.row);
    events.say(pointText(point, scoreLabel(props.data)));
  });
  return {
    node,
    update(next) {
      props = { ...next, ink: PAGE_INK };
      const { data } = next;
      sizeSvg(svg, next.width, next.height);
      svg.replaceChildren(...paretoShapes(props).map(toNode));
      frame.setAttribute(
        "aria-label",
        `L0 against ${scoreLabel(data)}: arrows choose an SAE. ${known(data.meta.pareto)
          .map((point) => pointText(point, scoreLabel(data)))
          .join("; ")}`,
      );
      hint.textContent = data.meta.hints.pareto ?? "";
    },
    shapes(strokes, ink) {
      if (!props) return null;
      return { shapes: paretoShapes({ ...props, strokes, ink }), width: props.width, height: props.height };
    },
  };
}
