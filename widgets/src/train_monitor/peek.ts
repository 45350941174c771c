/** One latent's top tokens, each in its context, while it trains. */

import type { Bridge } from "../shared/bridge.js";
import { button, div, h, type Scope, span } from "../shared/dom.js";
import { count, densityText, sig4 } from "../shared/format.js";
import { inkOn, type Scale, sequential, type Theme } from "../shared/scale.js";
import { tokenNode } from "../shared/tokens.js";
import { RequestError } from "../shared/types.js";
import type { RunData } from "./data.js";

export interface Top {
  before: string[];
  token: string;
  after: string[];
  value: number | null;
  /** Of [...before, token, ...after]; null = not computed. */
  values: (number | null)[];
}

export interface Peeked {
  latent_idx: number;
  sae: number;
  firing: number | null;
  dead: boolean;
  tokens: number;
  tops: Top[];
}

export type Pick = "densest" | "rarest" | "random";
const PICKS: [Pick, string, string][] = [
  ["random", "A random live one", "Press again for another"],
  ["densest", "The densest", "Press again for the next"],
  ["rarest", "The rarest", "Press again for the next"],
];

export interface PeekPanel {
  node: HTMLElement;
  /** The latents that died, to stand below the histogram. */
  dead: HTMLElement;
  /** Ask for one latent; what was asked before is dropped. */
  ask(params: Record<string, unknown>): Promise<void>;
  shown(): Peeked | null;
  update(data: RunData, sae: number, theme: Theme): void;
  destroy(): void;
}

export function peekPanel(scope: Scope, bridge: Bridge, chosen: (peeked: Peeked) => void): PeekPanel {
  const index = h("input", { type: "text", inputmode: "numeric", "aria-label": "index of a latent", size: 6 });
  const go = button("Show", { type: "submit" });
  const picks = PICKS.map(([pick, label, title]) => button(label, { title, "data-pick": pick }));
  const form = h("form", { class: "inb-peek-form", novalidate: true }, h("label", {}, "latent", index), go, ...picks);
  const head = div("inb-peek-head");
  const list = h("ol", { class: "inb-tops" });
  const dead = div("inb-dead");
  const node = h("section", { class: "inb-peek", "aria-label": "top tokens of a latent" }, form, head, list);
  const ranks: Partial<Record<Pick, number>> = {};
  let peeked: Peeked | null = null;
  let controller: AbortController | null = null;
  let sae = 0;
  let theme: Theme = "light";
  let deadKey = "";

  const say = (text: string, bad = false): void => {
    list.replaceChildren();
    head.replaceChildren(h("span", { class: bad ? "inb-field-error" : "inb-hint", role: "status" }, text));
  };

  async function ask(params: Record<string, unknown>): Promise<void> {
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    node.classList.add("inb-stale");
    try {
      const { result } = await bridge.request<Peeked>("peek", params, { signal: mine.signal });
      if (controller !== mine) return;
      peeked = result;
      index.value = String(result.latent_idx);
      draw();
      chosen(result);
    } catch (error) {
      if (mine.signal.aborted || controller !== mine) return;
      peeked = null;
      // A refusal belongs here; what nobody expected goes to the strip.
      if (!(error instanceof RequestError)) throw error;
      say(error.message, true);
    } finally {
      if (controller === mine) node.classList.remove("inb-stale");
    }
  }

  function draw(): void {
    if (!peeked) {
      say("Choose a latent to see the tokens it fires on most.");
      return;
    }
    const { latent_idx: latent, firing, tokens, tops } = peeked;
    const facts = [
      firing === null ? "" : `fires on ${densityText(firing)} of tokens`,
      peeked.dead ? "dead" : "",
      `after ${count(tokens)} tokens`,
    ];
    const again = button("Again", { title: "The same latent as it is now", "data-again": true });
    head.replaceChildren(h("h5", {}, `latent ${latent}`), span("inb-hint", facts.filter(Boolean).join(" · ")), again);
    const most = Math.max(1e-12, ...tops.flatMap(({ values }) => values.map((value) => value ?? 0)));
    const scale = sequential(most, theme);
    const none = h("li", { class: "inb-hint" }, "It fires on none of the held-out tokens.");
    list.replaceChildren(...(tops.length ? tops.map((top) => topItem(top, scale)) : [none]));
  }

  scope.listen(form, "submit", (event) => {
    event.preventDefault();
    const latent = Number(index.value);
    if (index.value.trim() === "" || !Number.isInteger(latent)) {
      say(`The index of a latent is a whole number, got "${index.value}".`, true);
      return;
    }
    return ask({ pick: "index", latent_idx: latent, sae });
  });
  PICKS.forEach(([pick], at) => {
    const node = picks[at];
    if (!node) return;
    scope.listen(node, "click", () => {
      const rank = ranks[pick] ?? 0;
      ranks[pick] = rank + 1;
      return ask({ pick, rank, sae });
    });
  });
  scope.listen<MouseEvent>(dead, "click", (event) => {
    const named = (event.target as HTMLElement).closest<HTMLElement>("[data-latent]")?.dataset.latent;
    return named === undefined ? undefined : ask({ pick: "index", latent_idx: Number(named), sae });
  });
  scope.listen<MouseEvent>(head, "click", (event) => {
    const target = event.target as HTMLElement;
    if (target.closest("[data-again]") && peeked) {
      return ask({ pick: "index", latent_idx: peeked.latent_idx, sae: peeked.sae });
    }
    return undefined;
  });

  return {
    node,
    dead,
    ask,
    shown: () => peeked,
    update(data, chosenSae, nextTheme) {
      if (chosenSae !== sae) for (const [pick] of PICKS) delete ranks[pick];
      const redraw = nextTheme !== theme || !head.firstChild;
      [sae, theme] = [chosenSae, nextTheme];
      if (redraw) draw();
      const one = data.meta.saes[sae];
      const key = JSON.stringify([sae, one?.dead, one?.dead_first]);
      if (one && key !== deadKey) dead.replaceChildren(...deadNodes(one.dead, one.dead_first, one.window));
      deadKey = key;
    },
    destroy: () => controller?.abort(),
  };
}

/** The latents that died, by name: as many as fit, the others counted. */
function deadNodes(total: number, first: readonly number[], window: number): Node[] {
  if (!total) return [];
  const open = h(
    "details",
    {},
    h("summary", {}, `${total.toLocaleString("en")} dead: fired on none of the last ${count(window)} tokens`),
    div(
      "inb-dead-list",
      ...first.map((latent) => button(String(latent), { "data-latent": latent, title: `latent ${latent}` })),
      total > first.length ? span("inb-hint", `and ${(total - first.length).toLocaleString("en")} more`) : null,
    ),
  );
  return [open];
}

function topItem({ before, token, after, value, values }: Top, scale: Scale): HTMLElement {
  const text = h("span", { class: "inb-top-text" });
  [...before, token, ...after].forEach((each, at) => {
    const here = at === before.length;
    const fires = values[at] ?? 0;
    // A leading space is a space here: words are to be read, and broken between lines, as in a text.
    const word = /^ \S/.test(each);
    if (word) text.append(" ");
    const node = tokenNode(word ? each.slice(1) : each, 40);
    node.title = `${sig4(fires)}`;
    if (here) node.classList.add("inb-top-token");
    if (fires > 0) {
      const fill = scale.color(fires);
      node.style.background = fill;
      node.style.color = inkOn(fill);
      // Marks of spaces are muted on the page; on a fill they take its ink.
      node.classList.add("inb-filled");
    }
    text.append(node);
  });
  return h("li", {}, h("span", { class: "inb-top-value" }, value === null ? "–" : sig4(value)), text);
}
