/** Latents x tokens: a row for each latent with its bar and its activations, a column for each token. */

import { div, h, setAttrs, span } from "../shared/dom.js";
import { short, sig4, signed4 } from "../shared/format.js";
import { plainInk } from "../shared/ink.js";
import { rampKey } from "../shared/ramp_key.js";
import { diverging, maxAbs, type Scale, sequential, type Theme } from "../shared/scale.js";
import { tip } from "../shared/tips.js";
import { valueText } from "../shared/token_run.js";
import { cut, tokenNode, visible } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { known } from "./card.js";
import type { OnText } from "./data.js";

export interface HeatProps {
  result: OnText;
  /** [latent, pos], NaN where a token was not counted. */
  acts: ArrayLike<number>;
  /** What the cells show instead of activations: signed effects. */
  direct: ArrayLike<number> | null;
  /** Rows of the result in the order in which they are shown. */
  order: readonly number[];
  score: readonly (number | null)[];
  theme: Theme;
  width: number;
  selected: number;
  pos: number | null;
}

/** Rows by their activation on one token: what can be ranked with no kernel. Pure. */
export function rankedAt(result: OnText, acts: ArrayLike<number>, pos: number): number[] {
  const value = (row: number) => {
    const act = acts[row * result.tokens.length + pos] ?? Number.NaN;
    return Number.isNaN(act) ? Number.NEGATIVE_INFINITY : act;
  };
  return result.latents.map((_, row) => row).sort((a, b) => value(b) - value(a) || a - b);
}

/** With more tokens than this a canvas of readable columns would be wider than browsers make them. */
const LONG = 400;

/** Pixels a token; what does not fit is scrolled to. */
export function cellWidth(room: number, tokens: number): number {
  const least = tokens > LONG ? 5 : 13;
  return Math.max(least, Math.min(34, Math.floor(room / Math.max(1, tokens))));
}

const HEIGHT = 20;

function paintRow(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  from: number,
  n: number,
  cell: number,
  scale: Scale,
  theme: Theme,
): void {
  const ratio = globalThis.devicePixelRatio || 1;
  setAttrs(canvas, { width: Math.round(n * cell * ratio), height: Math.round(HEIGHT * ratio) });
  canvas.style.width = `${n * cell}px`;
  canvas.style.height = `${HEIGHT}px`;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const ink = plainInk(theme);
  for (let i = 0; i < n; i++) {
    const value = values[from + i] ?? Number.NaN;
    const x = i * cell;
    if (Number.isNaN(value)) {
      // Hatched, as every value that there is not.
      context.strokeStyle = ink.line;
      context.beginPath();
      for (let at = 4; at < cell + HEIGHT; at += 5) {
        context.moveTo(x + Math.min(at, cell - 1), Math.max(1, at - cell + 1));
        context.lineTo(x + Math.max(0, at - HEIGHT), Math.min(at, HEIGHT - 1));
      }
      context.stroke();
    } else {
      context.fillStyle = scale.color(value);
      context.fillRect(x, 0, cell - 1, HEIGHT - 1);
    }
  }
}

function cellTip({ result, acts, direct }: HeatProps, row: number, at: number): Node[] {
  const n = result.tokens.length;
  if (at < 0 || at >= n) return [];
  const effect = direct?.[row * n + at];
  return [
    facts([
      ["token", tokenNode(result.tokens[at] ?? "", 120)],
      ["position", String(at)],
      ["latent", `${result.latents[row] ?? ""} ${result.label[row] || result.words[row] || ""}`],
      ["activation", h("strong", {}, valueText(acts[row * n + at]))],
      ...(effect === undefined ? [] : ([["direct effect", signed4(effect)]] as [string, string][])),
    ]),
  ];
}

function rowLabel({ result, acts, score }: HeatProps, row: number): string {
  const n = result.tokens.length;
  const tops = result.tokens
    .map((token, at) => ({ token, value: acts[row * n + at] ?? 0 }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, 3);
  const on = tops.map(({ token, value }) => `${cut(visible(token), 20)} ${sig4(value)}`).join(", ");
  return `latent ${result.latents[row]} ${result.label[row]}, ${result.rank_by} ${known(score[row])}, fires on ${result.n_firing[row]} tokens: ${on}`;
}

function heatRow(props: HeatProps, row: number, cell: number, scale: Scale, most: number): HTMLElement {
  const { result, score, direct, acts, theme } = props;
  const n = result.tokens.length;
  const value = score[row] ?? null;
  const fill = span("inb-bar-fill");
  fill.style.width = `${(100 * Math.abs(value ?? 0)) / most}%`;
  const text = span(
    result.label[row] ? "inb-row-text" : "inb-row-text inb-mark",
    result.label[row] ? visible(result.label[row]) : (result.words[row] ?? ""),
  );
  const name = h(
    "div",
    { class: "inb-heat-name" },
    span("inb-row-index", String(result.latents[row])),
    text,
    h("span", { class: "inb-heat-count", title: "tokens on which it fires" }, `${result.n_firing[row] ?? 0}×`),
    h(
      "span",
      { class: "inb-bar inb-heat-bar", "data-side": (value ?? 0) < 0 ? "down" : "up" },
      span("inb-bar-track", fill, span("inb-bar-label", known(value, short))),
    ),
  );
  const canvas = h("canvas", { "aria-hidden": "true" });
  paintRow(canvas, direct ?? acts, row * n, n, cell, scale, theme);
  tip(canvas, (x) => cellTip(props, row, Math.floor(x / cell)));
  const attrs = { class: "inb-heat-row", role: "option", "data-latent": result.latents[row], "data-cell": cell };
  return h("div", { ...attrs, "aria-label": rowLabel(props, row) }, name, canvas);
}

/** The token that a click on a row or on the head fell on; null = none. */
export function tokenAt(event: MouseEvent): number | null {
  const target = event.target as HTMLElement;
  const named = target.closest<HTMLElement>("[data-token]")?.dataset.token;
  if (named !== undefined) return Number(named);
  const cell = Number(target.closest<HTMLElement>("[data-cell]")?.dataset.cell);
  return target.tagName === "CANVAS" && cell
    ? Math.floor((event.clientX - target.getBoundingClientRect().left) / cell)
    : null;
}

/** What stands in the columns before the cells. */
function caption({ rank_by: by, pos }: OnText): HTMLElement {
  return div(
    "inb-heat-name",
    span("inb-row-index", "latent"),
    span("inb-row-text", "label or tokens"),
    h("span", { class: "inb-heat-count" }, "on"),
    h("span", { class: "inb-heat-bar" }, pos !== null && (by === "max" || by === "mean") ? "here" : by),
  );
}

export function heatMap(props: HeatProps): HTMLElement {
  const { result, order, acts, direct, theme, score } = props;
  const n = result.tokens.length;
  const narrow = props.width < 560;
  const cell = cellWidth(props.width - (narrow ? 190 : 330), n);
  const values = direct ?? acts;
  const limit = maxAbs(Array.from(values)) || 1;
  const scale = direct ? diverging(limit, theme) : sequential(limit, theme);
  const most = maxAbs(order.map((row) => score[row] ?? 0)) || 1;
  const head = h(
    "div",
    { class: cell < 11 ? "inb-heat-head inb-thin" : "inb-heat-head", "aria-hidden": "true" },
    caption(result),
  );
  result.tokens.forEach((token, i) => {
    const label = h("span", { class: "inb-heat-token", "data-token": i }, tokenNode(cut(token, 14)));
    label.style.width = `${cell}px`;
    head.append(
      tip(label, () => [
        facts([
          ["token", tokenNode(token, 120)],
          ["position", String(i)],
        ]),
      ]),
    );
  });
  const rows = order.map((row) => heatRow(props, row, cell, scale, most));
  const body = h(
    "div",
    { class: "inb-heat-rows", role: "listbox", tabindex: 0, "aria-label": "latents on this text" },
    ...rows,
  );
  const unit = direct ? "direct effect on the answer's logit" : "activation";
  const node = div("inb-heat", div("inb-heat-scroll", head, body), rampKey(scale, unit));
  markHeat(node, props.selected, props.pos);
  return node;
}

/** Which row and which column are chosen. */
export function markHeat(node: HTMLElement, selected: number, pos: number | null): void {
  for (const row of node.querySelectorAll<HTMLElement>(".inb-heat-row")) {
    setAttrs(row, { "aria-selected": Number(row.dataset.latent) === selected ? "true" : "false" });
  }
  for (const token of node.querySelectorAll<HTMLElement>("[data-token]")) {
    token.classList.toggle("inb-at", Number(token.dataset.token) === pos);
  }
}
