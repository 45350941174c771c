/** Numbers as a table: of one SAE with what each says, of several side by side. */

import type { Axis } from "../shared/axis.js";
import { div, h, span } from "../shared/dom.js";
import { PAGE_INK } from "../shared/ink.js";
import { svgRoot, toNode } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import { tip } from "../shared/tips.js";
import { facts } from "../shared/tooltip.js";
import { type Metric, type Report, type ReportData, type Value, verdict } from "./data.js";
import { DOT_HEIGHT, type Dot, dotShapes, metricAxis } from "./dots.js";
import { differenceText, exact, intervalText, MARKS, numberText, spoken } from "./words.js";

export interface MeasuresProps {
  data: ReportData;
  /** Places of the metrics, in order. */
  metrics: readonly number[];
  /** Whether groups have headings. */
  headed: boolean;
  withBos: boolean;
  /** The SAE that the others are compared with. */
  sae: number;
  strokes: readonly Stroke[];
  /** Pixels that there are. */
  width: number;
}

const PLOT = { one: 170, least: 64, most: 150 };
/** From this width on, what a number says stands beside it. */
const WIDE = 700;

/** The number that is shown: with begin-of-text tokens it has no interval. */
export function shown(value: Value, withBos: boolean): Value {
  if (!withBos || Number.isNaN(value.withBos)) return value;
  return { value: value.withBos, low: Number.NaN, high: Number.NaN, withBos: value.value };
}

function dotOf(value: Value, withBos: boolean, stroke: Stroke): Dot {
  const now = shown(value, withBos);
  const hollow = now !== value;
  return {
    value: now.value,
    low: now.low,
    high: now.high,
    other: now.withBos,
    hollow,
    color: stroke.color,
    mark: stroke.mark,
  };
}

export function valueTip(data: ReportData, sae: number, place: number, than: number): Node[] {
  const metric = data.meta.metrics[place];
  const report = data.reports[sae];
  const value = report?.values[place];
  if (!metric || !report || !value) return [];
  const { words } = report;
  const unit = metric.unit ? ` ${metric.unit}` : "";
  const rows: [string, string][] = [
    ["value", `${exact(value.value)}${unit}`],
    ["95 % interval", Number.isNaN(value.low) ? "none" : `${exact(value.low)} to ${exact(value.high)}`],
  ];
  if (!Number.isNaN(value.low))
    rows.push(["resampled", `${(words.n[place] ?? 0).toLocaleString("en")} ${words.resampled[place]}`]);
  if (!Number.isNaN(value.withBos)) rows.push(["with BOS", exact(value.withBos)]);
  const apart = differenceText(data, place, sae, than);
  if (apart) rows.push([`less ${data.reports[than]?.words.name ?? ""}`, apart]);
  return [h("strong", {}, metric.label), facts(rows), div("inb-mark", metric.formula)];
}

function dotPlot(axis: Axis, width: number, dot: Dot): SVGSVGElement {
  const svg = svgRoot(width, DOT_HEIGHT, { "aria-hidden": "true" });
  svg.append(...dotShapes(axis, width, dot, PAGE_INK).map(toNode));
  return svg;
}

/** Why a number is not there: its group is still to come, or was left out. */
export function missing(report: Report, metric: Metric): string {
  if (report.words.pending.includes(metric.group)) return "measuring …";
  return report.words.skipped[metric.name] ?? report.words.skipped[metric.group] ?? "";
}

function numberCell(props: MeasuresProps, place: number, sae: number, extra: Node[]): HTMLElement {
  const { data, withBos } = props;
  const metric = data.meta.metrics[place] as Metric;
  const report = data.reports[sae] as Report;
  const value = report.values[place] as Value;
  const now = shown(value, withBos);
  const cell = h("td", { class: "inb-measure", tabindex: 0, "data-key": `${metric.name}.${sae}` });
  cell.setAttribute("aria-label", spoken(metric, now, data.reports.length > 1 ? report.words.name : ""));
  if (Number.isNaN(value.value)) {
    const why = missing(report, metric);
    cell.append(span("inb-mark", why ? (why.length > 24 ? "not measured" : why) : "–"));
    return tip(cell, () => (why ? [div("", why)] : []));
  }
  const text = now === value ? intervalText(now.low, now.high, metric.count) : "with BOS";
  cell.append(
    span("inb-measure-value", numberText(now.value, metric.count)),
    h("span", { class: "inb-mark inb-measure-interval" }, text),
    ...extra,
  );
  return tip(cell, () => valueTip(data, sae, place, props.sae));
}

function nameCell(metric: Metric, said: boolean): HTMLElement {
  const name = h("th", { scope: "row" }, span("inb-measure-name", metric.label));
  if (metric.unit) name.append(span("inb-mark inb-measure-unit", ` ${metric.unit}`));
  if (said) name.append(div("inb-measure-says", metric.meaning));
  else tip(name, () => [div("", metric.meaning)]);
  return name;
}

/** Numbers of one group and unit are on one scale, so that their dots can be compared. */
const sameScale = (a: Metric, b: Metric): boolean => a.group === b.group && a.unit === b.unit;

function oneRow(props: MeasuresProps, place: number): HTMLElement {
  const { data, withBos, strokes, width } = props;
  const metric = data.meta.metrics[place] as Metric;
  const report = data.reports[0] as Report;
  const value = report.values[place] as Value;
  const alike = data.meta.metrics.flatMap((each, at) =>
    each.unit && sameScale(each, metric) ? [report.values[at] as Value] : [],
  );
  const axis = metricAxis(metric, [value], true, alike.length ? alike : [value]);
  const number = numberCell(props, place, 0, []);
  const plot = h("td", { class: "inb-measure-plot" });
  if (!Number.isNaN(value.value)) plot.append(dotPlot(axis, PLOT.one, dotOf(value, withBos, strokes[0] as Stroke)));
  const wide = width >= WIDE;
  const row = h("tr", {}, nameCell(metric, !wide), number, plot);
  if (wide) row.append(h("td", { class: "inb-measure-says" }, metric.meaning));
  return row;
}

function severalRow(props: MeasuresProps, place: number, plotWidth: number): HTMLElement {
  const { data, withBos, strokes, sae: chosen, width } = props;
  const metric = data.meta.metrics[place] as Metric;
  const values = data.reports.map((report) => report.values[place] as Value);
  const axis = metricAxis(
    metric,
    values.map((value) => shown(value, withBos)),
    false,
  );
  const cells = data.reports.map((_, sae) => {
    const value = values[sae] as Value;
    const how = withBos ? "" : verdict(data, place, sae, chosen);
    const mark = h(
      "span",
      { class: "inb-verdict", "data-how": how || undefined, "aria-label": how || undefined },
      MARKS[how],
    );
    const extra: Node[] = [mark];
    if (!Number.isNaN(value.value)) extra.push(dotPlot(axis, plotWidth, dotOf(value, withBos, strokes[sae] as Stroke)));
    const cell = numberCell(props, place, sae, extra);
    cell.classList.toggle("inb-chosen", sae === chosen);
    return cell;
  });
  return h("tr", {}, nameCell(metric, width >= WIDE), ...cells);
}

/** The names of the SAEs, to be chosen; each with the mark that it has in all plots. */
export function saeHeads({ data, sae, strokes }: Pick<MeasuresProps, "data" | "sae" | "strokes">): HTMLElement[] {
  return data.reports.map(({ words }, index) => {
    const stroke = strokes[index];
    const svg = svgRoot(14, 14, { "aria-hidden": "true" });
    if (stroke)
      svg.append(toNode({ tag: "path", attrs: { d: stroke.mark, transform: "translate(7 7)", fill: stroke.color } }));
    const name = h(
      "button",
      {
        type: "button",
        class: "inb-sae-head",
        "data-sae": index,
        "data-key": `head.${index}`,
        "aria-pressed": index === sae ? "true" : "false",
      },
      svg,
      span("inb-sae-name", words.name),
    );
    tip(name, () => [
      h("strong", {}, words.name),
      div("", words.about),
      div(
        "inb-mark",
        index === sae ? "The others are compared with it." : "Choose it, and the others are compared with it.",
      ),
    ]);
    return h("th", { scope: "col", class: index === sae ? "inb-chosen" : undefined }, name);
  });
}

function groupRow(data: ReportData, group: string, columns: number): HTMLElement {
  const found = data.meta.groups.find(({ name }) => name === group);
  const heading = h(
    "th",
    { colspan: columns, scope: "rowgroup" },
    span("", found?.label ?? group),
    " ",
    span("inb-mark", found?.asks ?? ""),
  );
  return h("tr", { class: "inb-measure-group" }, heading);
}

/** The table of some metrics. */
export function measuresTable(props: MeasuresProps): HTMLElement {
  const { data, metrics, headed, width } = props;
  const several = data.reports.length > 1;
  const columns = several ? 1 + data.reports.length : width >= WIDE ? 4 : 3;
  const room = (width - (width >= WIDE ? 290 : 130)) / Math.max(1, data.reports.length) - 18;
  const plotWidth = Math.round(Math.max(PLOT.least, Math.min(PLOT.most, room)));
  const body = h("tbody");
  let group = "";
  for (const place of metrics) {
    const metric = data.meta.metrics[place];
    if (!metric) continue;
    if (headed && metric.group !== group) body.append(groupRow(data, metric.group, columns));
    group = metric.group;
    body.append(several ? severalRow(props, place, plotWidth) : oneRow(props, place));
  }
  const table = h("table", { class: `inb-measures ${several ? "inb-several" : "inb-one"}` });
  if (several) table.append(h("thead", {}, h("tr", {}, h("td"), ...saeHeads(props))));
  table.append(body);
  return div("inb-scroll", table);
}
