/** Tables beside the numbers: probes of few latents, absorbed concepts, latents that were taken out. */

import { linearAxis } from "../shared/axis.js";
import { div, h, span } from "../shared/dom.js";
import { PAGE_INK } from "../shared/ink.js";
import { svgRoot, toNode } from "../shared/shapes.js";
import { tip } from "../shared/tips.js";
import { visible } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { orNaN, type Probe, type Report, type Row } from "./data.js";
import { barShapes, DOT_HEIGHT, type Dot, dotShapes } from "./dots.js";
import { exact, intervalText, numberText } from "./words.js";

export interface TableProps {
  report: Report;
  sae: number;
  hint: string;
  color: string;
  latent: number | null;
  width: number;
}

/** The latents of a row, each to be chosen. */
function latents(all: readonly number[], chosen: number | null): HTMLElement {
  const list = span("inb-latents-list");
  for (const latent of all) {
    const attrs = {
      type: "button",
      class: "inb-link inb-pick",
      "data-latent": latent,
      "aria-pressed": latent === chosen ? "true" : "false",
    };
    list.append(h("button", attrs as Record<string, string | number>, String(latent)));
  }
  if (!all.length) list.append(span("inb-mark", "none"));
  return list;
}

function plot(shapes: ReturnType<typeof dotShapes>, width: number): SVGSVGElement {
  const svg = svgRoot(width, DOT_HEIGHT, { "aria-hidden": "true" });
  svg.append(...shapes.map(toNode));
  return svg;
}

function titled(title: string, hint: string, table: HTMLElement, more = ""): HTMLElement {
  return h(
    "section",
    { class: "inb-part", "aria-label": title },
    h("h5", {}, title, " ", span("inb-mark", hint)),
    div("inb-scroll inb-tall", table),
    more ? h("p", { class: "inb-hint" }, more) : null,
  );
}

const rest = (shown: number, all: number): string =>
  all > shown ? `and ${(all - shown).toLocaleString("en")} more, in to_frame()` : "";

export function probesTable({ report, hint, color, latent, width }: TableProps): HTMLElement | null {
  const { probes, counts } = report.words;
  if (!probes.length) return null;
  const tasks = new Map<string, Probe[]>();
  for (const probe of probes) tasks.set(probe.task, [...(tasks.get(probe.task) ?? []), probe]);
  const ks = [...new Set(probes.map(({ k }) => k))].sort((a, b) => a - b);
  const wide = Math.max(50, Math.min(110, (width - 220) / ks.length - 70));
  const body = [...tasks].map(([task, all]) => {
    const cells = ks.map((k) => {
      const probe = all.find((each) => each.k === k);
      if (!probe) return h("td", {}, span("inb-mark", "–"));
      const dot: Dot = {
        value: orNaN(probe.accuracy),
        low: orNaN(probe.low),
        high: orNaN(probe.high),
        tick: orNaN(probe.dense),
        color,
      };
      const cell = h(
        "td",
        { class: "inb-bar-cell", tabindex: 0 },
        plot(dotShapes(linearAxis(0.5, 1), wide, { ...dot }, PAGE_INK), wide),
        span("", numberText(dot.value)),
      );
      return tip(cell, () => [
        h("strong", {}, visible(task)),
        facts([
          [`${k === 1 ? "1 latent" : `${k} latents`}`, `${exact(dot.value)} ${intervalText(dot.low, dot.high)}`],
          ["all activations", exact(orNaN(probe.dense))],
          ["reads", probe.latents.join(", ")],
        ]),
      ]);
    });
    const best = all.find((each) => each.k === ks[0]);
    return h(
      "tr",
      {},
      h("th", { scope: "row", title: task }, visible(task)),
      h("td", {}, latents(best?.latents ?? [], latent)),
      ...cells,
    );
  });
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, "task"),
    h("th", { scope: "col" }, "latent"),
    ...ks.map((k) => h("th", { scope: "col" }, `k = ${k}`)),
  );
  return titled(
    "Probes of few latents",
    hint,
    h("table", { class: "inb-plain" }, h("thead", {}, head), h("tbody", {}, ...body)),
    rest(probes.length, counts.probes),
  );
}

export function absorbedTable({ report, hint, color, latent, width }: TableProps): HTMLElement | null {
  const { absorbed, counts } = report.words;
  if (!absorbed.length) return null;
  const wide = width >= 640 ? 120 : 60;
  const rows = [...absorbed]
    .sort((a, b) => orNaN(b.rate) - orNaN(a.rate))
    .map((row) => {
      const dot: Dot = { value: orNaN(row.rate), low: orNaN(row.low), high: orNaN(row.high), color };
      const cell = h(
        "td",
        { class: "inb-bar-cell", tabindex: 0 },
        plot(barShapes(wide, dot, PAGE_INK, 2), wide),
        span("", numberText(dot.value)),
      );
      tip(cell, () => [
        facts([
          ["absorbed", `${exact(dot.value)} ${intervalText(dot.low, dot.high)}`],
          ["of", `${row.n.toLocaleString("en")} tokens`],
        ]),
      ]);
      const name = h(
        "th",
        { scope: "row", title: `${row.parent} → ${row.child}` },
        visible(row.parent),
        span("inb-mark", " → "),
        visible(row.child),
      );
      return h(
        "tr",
        {},
        name,
        cell,
        h("td", {}, latents(row.latents, latent)),
        h("td", {}, latents(row.absorbing, latent)),
      );
    });
  const head = h(
    "tr",
    {},
    ...["concept → narrower one", "absorbed", "its latents", "in their place"].map((text) =>
      h("th", { scope: "col" }, text),
    ),
  );
  return titled(
    "Absorption",
    hint,
    h("table", { class: "inb-plain" }, h("thead", {}, head), h("tbody", {}, ...rows)),
    rest(absorbed.length, counts.absorbed),
  );
}

export function causalTable({ report, hint, color, latent, width }: TableProps): HTMLElement | null {
  const { causal } = report;
  if (!causal.length) return null;
  const number = (row: Row, name: string) => row[name] ?? Number.NaN;
  const apart = (row: Row) => number(row, "effect") - number(row, "random");
  const sorted = [...causal].sort(
    (a, b) => (Number.isNaN(apart(b)) ? -1 : apart(b)) - (Number.isNaN(apart(a)) ? -1 : apart(a)),
  );
  const ends = causal.flatMap((row) => [number(row, "low"), number(row, "high"), apart(row)]).filter(Number.isFinite);
  const axis = linearAxis(Math.min(0, ...ends), Math.max(1e-6, ...ends));
  const wide = width >= 640 ? 220 : 110;
  const rows = sorted.map((row) => {
    const beyond = number(row, "beyond") === 1;
    const dot: Dot = { value: apart(row), low: number(row, "low"), high: number(row, "high"), color, hollow: !beyond };
    const cell = h(
      "td",
      { class: "inb-bar-cell", tabindex: 0 },
      plot(dotShapes(axis, wide, dot, PAGE_INK), wide),
      span("", numberText(dot.value)),
    );
    tip(cell, () => [
      facts([
        ["effect", `${exact(number(row, "effect"))} nats per firing`],
        ["random direction", exact(number(row, "random"))],
        ["difference", `${exact(dot.value)} ${intervalText(dot.low, dot.high)}`],
        ["documents", String(number(row, "n_docs"))],
      ]),
    ]);
    return h(
      "tr",
      { class: beyond ? undefined : "inb-lookup" },
      h("th", { scope: "row" }, latents([number(row, "latent_idx")], latent)),
      h("td", {}, numberText(number(row, "effect"))),
      h("td", {}, numberText(number(row, "random"))),
      cell,
      h("td", {}, beyond ? "beyond chance" : span("inb-mark", "not beyond")),
    );
  });
  const head = h(
    "tr",
    {},
    ...["latent", "effect", "random", "difference, nats per firing", ""].map((text) => h("th", { scope: "col" }, text)),
  );
  return titled(
    "Latents that were taken out",
    hint,
    h("table", { class: "inb-plain" }, h("thead", {}, head), h("tbody", {}, ...rows)),
  );
}
