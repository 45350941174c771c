/** Tokens as running text, each shaded by a number: an activation, or how much something moved it. */

import { h, span } from "./dom.js";
import { sig4 } from "./format.js";
import { inkOn, type Scale } from "./scale.js";
import { tip } from "./tips.js";
import { cut, pieces, visible } from "./tokens.js";

const LONGEST = 48;

export interface Run {
  tokens: readonly string[];
  /** null or NaN = not counted, as a BOS. */
  values: ArrayLike<number | null>;
  /** The token that the run is about. */
  at?: number | null;
  scale: Scale;
  /** Whether a newline begins a new line, as in a text, or is a mark only, as in a line of a list. */
  lines?: boolean;
  /** What is said of a token beside its value. */
  tip?(index: number): Node[];
}

/** The text of one token; a leading space stays outside of it, so that words break between lines as in any text. */
function fillToken(node: HTMLElement, token: string): string {
  const lead = /^ (?=\S)/.test(token) ? " " : "";
  const shown = token.length > LONGEST ? cut(token, LONGEST) : token;
  for (const piece of pieces(shown.slice(lead.length))) {
    node.append(piece.mark ? span("inb-mark", piece.text) : piece.text);
  }
  return lead;
}

/** Tokens as a line of text, one of them marked. */
export function plainRun(tokens: readonly string[], at: number): Node[] {
  return tokens.flatMap((token, i) => {
    const node = h(i === at ? "mark" : "bdi");
    return [document.createTextNode(fillToken(node, token)), node];
  });
}

export function valueText(value: number | null | undefined): string {
  return value == null || Number.isNaN(value) ? "not counted" : sig4(value);
}

/** Shade a token by its value: nothing below 0 on a scale that starts there. */
export function shade(node: HTMLElement, value: number | null | undefined, scale: Scale): void {
  const counted = value != null && !Number.isNaN(value);
  const filled = counted && (scale.kind === "diverging" ? value !== 0 : value > 0);
  const fill = filled ? scale.color(value) : "";
  node.style.background = fill;
  node.style.color = fill && inkOn(fill);
  node.classList.toggle("inb-uncounted", !counted);
  node.classList.toggle("inb-filled", filled);
}

/** One token, to be shaded, and the space before it. */
export function runToken(token: string, index: number, said: string): { node: HTMLElement; lead: string } {
  const label = `${cut(visible(token), LONGEST)} ${said}`;
  const node = h("bdi", { class: "inb-run-token", "data-at": index, tabindex: -1, "aria-label": label });
  return { node, lead: fillToken(node, token) };
}

export function tokenRun({ tokens, values, at, scale, lines, tip: more }: Run): HTMLElement {
  const node = h("span", { class: "inb-run", "data-run": true });
  tokens.forEach((token, i) => {
    const { node: each, lead } = runToken(token, i, valueText(values[i]));
    each.classList.toggle("inb-at", i === at);
    shade(each, values[i], scale);
    node.append(lead, more ? tip(each, () => more(i)) : each);
    if (lines && token.includes("\n")) node.append(h("br"));
  });
  return node;
}

/** One stop of the Tab key for many runs: arrows go from token to token and from run to run. */
export function roveTokens(root: HTMLElement, event: KeyboardEvent): boolean {
  const from = (event.target as Element).closest<HTMLElement>("[data-at]");
  const run = from?.closest<HTMLElement>("[data-run]");
  if (!from || !run) return false;
  const runs = [...root.querySelectorAll<HTMLElement>("[data-run]")].filter((each) => each.offsetParent !== null);
  const tokens = [...run.querySelectorAll<HTMLElement>("[data-at]")];
  const [row, at] = [runs.indexOf(run), tokens.indexOf(from)];
  const inRun = (to: number) => tokens[Math.max(0, Math.min(tokens.length - 1, to))];
  const inRow = (to: number) => {
    const next = runs[Math.max(0, Math.min(runs.length - 1, to))];
    return next?.querySelector<HTMLElement>(".inb-at") ?? next?.querySelector<HTMLElement>("[data-at]");
  };
  const steps: Record<string, () => HTMLElement | null | undefined> = {
    ArrowLeft: () => inRun(at - 1),
    ArrowRight: () => inRun(at + 1),
    Home: () => inRun(0),
    End: () => inRun(tokens.length - 1),
    ArrowUp: () => inRow(row - 1),
    ArrowDown: () => inRow(row + 1),
  };
  const to = steps[event.key]?.();
  if (!to) return false;
  event.preventDefault();
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
  return true;
}

/** The token at which the Tab key enters. */
export function enterAt(root: HTMLElement): void {
  const first = root.querySelector<HTMLElement>(".inb-at") ?? root.querySelector<HTMLElement>("[data-at]");
  if (first) first.tabIndex = 0;
}
