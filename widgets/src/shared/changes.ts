/** Likely tokens before and after something was done: two bars a token. */

import { h, span } from "./dom.js";
import { percent, sig4 } from "./format.js";
import { tip } from "./tips.js";
import { tokenNode } from "./tokens.js";
import { facts } from "./tooltip.js";

const MOST = 12;
const FEWEST = 4;
const RAREST = 5e-4;

export interface Likely {
  token: string;
  prob: number;
}

export interface Change {
  token: string;
  /** null = not among the likeliest. */
  before: number | null;
  after: number | null;
}

/** Tokens of both distributions, the likeliest of either first. Pure. */
export function changes({ before, after }: { before: readonly Likely[]; after: readonly Likely[] }): Change[] {
  const all = new Map<string, Change>();
  for (const { token, prob } of before) all.set(token, { token, before: prob, after: null });
  for (const { token, prob } of after) all.set(token, { token, before: all.get(token)?.before ?? null, after: prob });
  return likely([...all.values()].sort((a, b) => most(b) - most(a)));
}

const most = ({ before, after }: Change): number => Math.max(before ?? 0, after ?? 0);

/** The first of an ordered list: what is never likely, beside the first, is no news, but a few lines are. */
export function likely(ordered: readonly Change[]): Change[] {
  const rarest = RAREST * longest(ordered);
  return ordered.filter((change, i) => i < FEWEST || most(change) >= rarest).slice(0, MOST);
}

const longest = (all: readonly Change[]): number => Math.max(1e-6, ...all.map(most));

/** As `percent`, with a digit for what is rarer: "0.04 %". */
function share(prob: number): string {
  if (prob >= 1e-3 || prob === 0) return percent(prob);
  return prob < 1e-4 ? "< 0.01 %" : `${Number((100 * prob).toPrecision(1))} %`;
}

function changeRow({ token, before, after }: Change, full: number): HTMLElement {
  const bar = (name: string, prob: number | null) => {
    const node = span(`inb-change-bar inb-${name}`);
    node.style.width = `${(100 * (prob ?? 0)) / full}%`;
    return node;
  };
  const text = (prob: number | null) => (prob === null ? "–" : share(prob));
  const side = (after ?? 0) > (before ?? 0) ? "up" : "down";
  const row = h(
    "li",
    { class: "inb-change", "data-side": side },
    span("inb-change-name", tokenNode(token, 40)),
    span("inb-change-track", bar("before", before), bar("after", after)),
    span("inb-mark", text(before)),
    span("inb-change-arrow inb-mark", "→"),
    span("", text(after)),
  );
  const rare = "not among the likeliest";
  return tip(row, () => [
    facts([
      ["token", tokenNode(token, 120)],
      ["before", before === null ? rare : sig4(before)],
      ["after", after === null ? rare : sig4(after)],
    ]),
  ]);
}

/** The bars, all of one length for the likeliest of them. */
export function changeList(all: readonly Change[]): HTMLElement {
  const full = longest(all);
  return h("ol", { class: "inb-changes-list" }, ...all.map((change) => changeRow(change, full)));
}

/** Which bar is which, and what the longest stands for. */
export function changeKey(before: string, after: string, all: readonly Change[]): HTMLElement {
  const scale = span("inb-mark", ` · longest bar ${share(longest(all))}`);
  return h("h6", {}, span("inb-key inb-before", ""), `${before} `, span("inb-key inb-after", ""), after, scale);
}
