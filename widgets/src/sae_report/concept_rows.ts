/** The rows of the concepts' table: which ones, in which order, and what each shows. */

import { h, span } from "../shared/dom.js";
import { PAGE_INK } from "../shared/ink.js";
import { svgRoot, toNode } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import { tip } from "../shared/tips.js";
import { visible } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import type { ReportData, Row } from "./data.js";
import { barShapes, DOT_HEIGHT } from "./dots.js";
import { exact, intervalText, numberText, plural } from "./words.js";

export interface ConceptsProps {
  data: ReportData;
  sae: number;
  strokes: readonly Stroke[];
  sort: string;
  query: string;
  latent: number | null;
  width: number;
}

/** A concept: its place among the names, and its row of every SAE that has it. */
export interface Line {
  concept: number;
  rows: (Row | undefined)[];
  context: boolean;
}

export const COLUMNS: { name: string; label: string; hint: string; wide: boolean }[] = [
  {
    name: "precision",
    label: "precision",
    hint: "Of the tokens it says yes to, the share that has the concept",
    wide: true,
  },
  {
    name: "recall",
    label: "recall",
    hint: "Of the tokens with the concept, the share that it says yes to",
    wide: true,
  },
  { name: "probe_f1", label: "probe", hint: "F1 of a linear probe of the activations: the ceiling", wide: false },
  { name: "lookup_f1", label: "look-up", hint: "F1 of a table of tokens, learned on the same half", wide: true },
  { name: "n_tokens", label: "tokens", hint: "Tokens with the concept, in the half that is scored", wide: true },
];
export const WIDE = 640;
const BAR = { widest: 420, narrow: 110, least: 60, most: 120 };
/** What the other columns of one SAE take. */
const OTHERS = 560;

/** The concepts that are asked for, in order. Pure. */
export function lines({ data, sae, sort, query }: Pick<ConceptsProps, "data" | "sae" | "sort" | "query">): Line[] {
  const found = new Map<number, Line>();
  data.reports.forEach((report, index) => {
    for (const row of report.concepts) {
      const concept = row.concept ?? -1;
      const known = found.get(concept) ?? { concept, rows: data.reports.map(() => undefined), context: false };
      known.rows[index] = row;
      // What the chosen SAE's report says counts: they may have read other texts.
      if (index === sae || !known.rows[sae]) known.context = row.context === 1;
      found.set(concept, known);
    }
  });
  const wanted = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const name = (line: Line) => (data.meta.concepts[line.concept]?.name ?? "").toLowerCase();
  const shown = [...found.values()].filter((line) => wanted.every((word) => name(line).includes(word)));
  const down = sort.startsWith("-");
  const column = sort.replace(/^-/, "");
  const by = (a: Line, b: Line): number => {
    if (column === "name") return name(a) < name(b) ? -1 : 1;
    const [x, y] = [a, b].map((line) => line.rows[sae]?.[column] ?? Number.NaN) as [number, number];
    // What is unknown stands last, whichever way.
    if (Number.isNaN(x) || Number.isNaN(y))
      return (Number.isNaN(x) ? 1 : 0) - (Number.isNaN(y) ? 1 : 0) || a.concept - b.concept;
    return (down ? y - x : x - y) || a.concept - b.concept;
  };
  const sorted = shown.sort(by);
  return column === "name" && down ? sorted.reverse() : sorted;
}

function rowTip(data: ReportData, line: Line, sae: number): Node[] {
  const row = line.rows[sae];
  const concept = data.meta.concepts[line.concept];
  if (!row || !concept) return [];
  const number = (name: string) => exact(row[name] ?? Number.NaN);
  const latent = row.latent_idx ?? -1;
  return [
    h("strong", {}, visible(concept.name)),
    facts([
      ["latent", latent < 0 ? "none was live" : `${latent}, above ${number("threshold")}`],
      ["F1", `${number("f1")} ${intervalText(row.low ?? Number.NaN, row.high ?? Number.NaN)}`],
      ["precision, recall", `${number("precision")}, ${number("recall")}`],
      ["linear probe", number("probe_f1")],
      ["token look-up", number("lookup_f1")],
      ["seen", `${plural(row.n_tokens ?? 0, "token")} in ${plural(row.n_docs ?? 0, "document")}`],
    ]),
  ];
}

function bar(row: Row, width: number, color: string, from: number, faint: boolean): SVGSVGElement {
  const svg = svgRoot(width, DOT_HEIGHT, { "aria-hidden": "true" });
  const number = (name: string) => row[name] ?? Number.NaN;
  const dot = { value: number("f1"), low: number("low"), high: number("high"), tick: number("probe_f1"), color };
  svg.append(...barShapes(width, dot, PAGE_INK, from, faint).map(toNode));
  return svg;
}

export function cells(props: ConceptsProps, line: Line): HTMLElement[] {
  const { data, sae, strokes, width } = props;
  const several = data.reports.length > 1;
  const shown = several ? data.reports.map((_, index) => index) : [sae];
  const wide = several
    ? Math.max(BAR.least, Math.min(BAR.most, Math.floor((width - 200) / data.reports.length) - 66))
    : Math.round(Math.max(BAR.narrow, Math.min(BAR.widest, width - OTHERS)));
  return shown.flatMap((index) => {
    const row = line.rows[index];
    const attrs = { "data-sae": index, class: index === sae && several ? "inb-chosen" : undefined };
    if (!row) return [h("td", attrs, span("inb-mark", "–"))];
    const f1 = row.f1 ?? Number.NaN;
    const latent = row.latent_idx ?? -1;
    const numbered = h(
      "td",
      { ...attrs, class: `inb-bar-cell ${attrs.class ?? ""}` },
      bar(row, wide, strokes[index]?.color ?? "", data.meta.found_from, !line.context),
      span("", numberText(f1)),
    );
    tip(numbered, () => rowTip(data, line, index));
    if (several) return [numbered];
    const more = COLUMNS.filter((column) => column.wide === false || width >= WIDE).map(({ name }) =>
      h("td", {}, name === "n_tokens" ? (row[name] ?? 0).toLocaleString("en") : numberText(row[name] ?? Number.NaN)),
    );
    return [
      h("td", { class: "inb-latent-cell" }, latent < 0 ? span("inb-mark", "none") : String(latent)),
      numbered,
      ...more,
    ];
  });
}

/** What one row says to a screen reader. */
export function rowLabel(data: ReportData, line: Line, sae: number): string {
  const row = line.rows[sae];
  const name = data.meta.concepts[line.concept]?.name ?? "";
  if (!row) return name;
  return `${name}: latent ${row.latent_idx}, F1 ${numberText(row.f1 ?? Number.NaN)} ${intervalText(row.low ?? Number.NaN, row.high ?? Number.NaN)}, probe ${numberText(row.probe_f1 ?? Number.NaN)}`;
}
