/** One latent's parts beside its examples: histogram, logits, tokens, neighbours, heads, geometry. */

import { button, div, h, span } from "../shared/dom.js";
import { count, densityText, percent, short, sig4, signed2, signed4 } from "../shared/format.js";
import { PAGE_INK } from "../shared/ink.js";
import { rect, svgRoot, toNode } from "../shared/shapes.js";
import { tip } from "../shared/tips.js";
import { tokenNode, visible } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { type Bar, barList, section, titled } from "./bars.js";
import type { Detail, Linked, Store } from "./data.js";
import { binAt, type HistogramProps, histogramShapes } from "./histogram.js";

export type Hints = Record<string, string>;

export const number = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);

/** "–" for what is not known. */
export function known(value: unknown, text: (value: number) => string = sig4): string {
  return typeof value === "number" ? text(value) : "–";
}

/** Numbers in a row, each below its name: name, value, what it means. */
export type Stat = [string, string, string];

export function statsList(rows: readonly Stat[]): HTMLElement {
  const nodes = rows.map(([name, value, hint]) => h("div", { title: hint }, h("dt", {}, name), h("dd", {}, value)));
  return h("dl", { class: "inb-stats" }, ...nodes);
}

export function statsRow({ facts: all }: Detail, more: readonly Stat[] = []): HTMLElement {
  return statsList([
    ["density", known(all.density, densityText), "share of tokens on which it fires"],
    ["firings", known(all.count, count), "tokens on which it fires"],
    ["max", known(all.max), "largest activation"],
    ["mean", known(all.mean), "mean activation where it fires"],
    ...more,
  ]);
}

export function histogramPart(detail: Detail, store: Store, fill: string, width: number, hint: string): HTMLElement {
  const svg = svgRoot(width, 112, { role: "img", "aria-label": "histogram of activations" });
  const props: HistogramProps = {
    width,
    height: 112,
    counts: detail.histogram,
    edges: store.edges,
    n_bands: store.n_bands,
    fill,
    ink: PAGE_INK,
    bin: null,
  };
  svg.append(...histogramShapes(props).map(toNode));
  tip(svg, (x) => {
    const bin = binAt(props, x);
    if (bin === null) return [];
    const [low, high] = [store.edges[bin] ?? 0, store.edges[bin + 1] ?? 0];
    return [div("", `${short(low)} to ${short(high)}: ${(detail.histogram[bin] ?? 0).toLocaleString("en")} firings`)];
  });
  const empty = !detail.histogram.some((n) => n > 0);
  return section(
    "activations",
    titled("Activations", hint),
    empty ? h("p", { class: "inb-hint" }, "It never fired.") : svg,
  );
}

function logitBars(detail: Detail, side: "up" | "down", most: number): Bar[] {
  return detail[`logits_${side}`].map(([token, value]) => ({
    name: tokenNode(detail.strings[token] ?? "", 40),
    share: Math.abs(value ?? 0) / most,
    value: known(value, signed2),
    side,
    tip: () => [
      facts([
        ["token", tokenNode(detail.strings[token] ?? "", 120)],
        ["logit", `${known(value, signed4)} per unit of activation`],
      ]),
    ],
  }));
}

export function logitsPart(detail: Detail, hint: string): HTMLElement | null {
  const all = [...detail.logits_up, ...detail.logits_down];
  if (!all.length) return null;
  const most = Math.max(1e-12, ...all.map(([, value]) => Math.abs(value ?? 0)));
  const side = (name: string, which: "up" | "down") =>
    div("", h("h6", {}, name), barList(logitBars(detail, which, most), { "aria-label": `${name} by this latent` }));
  return section(
    "logits",
    titled("Next tokens", hint),
    div("inb-pair", side("made likelier", "up"), side("made less likely", "down")),
  );
}

export function tokensPart(detail: Detail, hint: string): HTMLElement | null {
  if (!detail.top_tokens.length) return null;
  const weight = ({ count: n, mean }: Detail["top_tokens"][number]) => n * (mean ?? 0);
  const most = Math.max(1e-12, ...detail.top_tokens.map(weight));
  const bars = detail.top_tokens.slice(0, 12).map((each): Bar => {
    const { token, count: n, mean, share } = each;
    const name = () => tokenNode(detail.strings[token] ?? "", 40);
    return {
      name: name(),
      share: weight(each) / most,
      value: share === null ? count(n) : `${count(n)} · ${densityText(share)}`,
      tip: () => [
        facts([
          ["token", name()],
          ["firings", n.toLocaleString("en")],
          ["mean activation", known(mean)],
          ["of its occurrences", known(share, densityText)],
        ]),
      ],
    };
  });
  return section("tokens", titled("Tokens it fires on", hint), barList(bars));
}

/** A latent's number and what is known of it, its label before the tokens it fires on. */
export function jumpText(latent: number, label: string, words: string): Node[] {
  const text = label ? visible(label) : words;
  const name = span(label ? "inb-jump-name" : "inb-jump-name inb-mark", text);
  return text ? [span("inb-jump-index", String(latent)), name] : [span("inb-jump-index", String(latent))];
}

/** Latents to jump to. One that has no row here cannot be. */
export function chipsPart(
  name: string,
  title: string,
  hint: string,
  links: readonly Linked[],
  text: (value: number) => string,
  has: (latent: number) => boolean,
): HTMLElement | null {
  if (!links.length) return null;
  const chips = links.map(({ latent_idx: latent, value, label, words }) => {
    const attrs = { class: "inb-jump", "data-latent": latent, disabled: !has(latent) };
    const node = button("", { ...attrs, title: `latent ${latent} ${label || words}` });
    node.append(...jumpText(latent, label, words), span("inb-mark", known(value, text)));
    return node;
  });
  return section(name, titled(title, hint), div("inb-jumps", ...chips));
}

function weightBars({ edges, counts }: Detail["decoder"]): SVGElement | null {
  const most = Math.max(0, ...counts);
  if (!most) return null;
  const [width, height] = [150, 26];
  const wide = width / counts.length;
  const label = `decoder weights from ${short(edges[0] ?? 0)} to ${short(edges.at(-1) ?? 0)}`;
  const svg = svgRoot(width, height, { role: "img", "aria-label": label });
  counts.forEach((n, i) => {
    const tall = (n / most) * height;
    if (n)
      svg.append(
        toNode(rect({ x: i * wide, y: height - tall, width: Math.max(0.5, wide - 0.5), height: tall }, PAGE_INK.muted)),
      );
  });
  return svg;
}

export function headsPart({ heads }: Detail, hint: string): HTMLElement | null {
  if (!heads.length) return null;
  const most = Math.max(1e-12, ...heads.map((share) => share ?? 0));
  const bars = heads.map(
    (share, head): Bar => ({
      name: span("", `head ${head}`),
      share: (share ?? 0) / most,
      value: known(share, percent),
    }),
  );
  return section("heads", titled("Heads it writes to", hint), barList(bars));
}

export function geometryPart(detail: Detail, hint: string): HTMLElement {
  const { facts: all, decoder } = detail;
  const bars = weightBars(decoder);
  return section(
    "geometry",
    titled("Directions", hint),
    facts([
      ["decoder norm", known(all.decoder_norm)],
      ["encoder norm", known(all.encoder_norm)],
      ["encoder · decoder", known(all.encoder_decoder_cosine)],
      ["encoder bias", known(all.bias)],
      ...(bars ? ([["decoder weights", bars]] as [string, Node | string][]) : []),
    ]),
  );
}
