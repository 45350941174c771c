/** What the report saves: what is open as PNG or SVG, its table as CSV. */

import { type CsvValue, csv } from "../shared/csv.js";
import type { Scope } from "../shared/dom.js";
import { fileName, saveBlob, saveText, svgToPng } from "../shared/download.js";
import { exportButtons } from "../shared/export_buttons.js";
import { FILE_INK } from "../shared/ink.js";
import { label, moved, type Shape, svgFile } from "../shared/shapes.js";
import type { Stroke } from "../shared/strokes.js";
import { cut, visible } from "../shared/tokens.js";
import { lines } from "./concept_rows.js";
import type { Metric, ReportData, Value } from "./data.js";
import { barShapes, dotShapes, metricAxis } from "./dots.js";
import { shown } from "./measures.js";
import { intervalText, numberText } from "./words.js";

export interface Plot {
  title: string;
  shapes: Shape[];
  width: number;
  height: number;
}

export interface Saved {
  data: ReportData;
  tab: string;
  metrics: readonly number[];
  withBos: boolean;
  sae: number;
  sort: string;
  query: string;
  strokes: readonly Stroke[];
  plots: Plot[];
}

const LEFT = 16;
const ROW = 21;
const NAME = 210;
const COLUMN = { one: 330, several: 190 };
const MOST_ROWS = 60;

function concepts({ data, sae, sort, query }: Saved): string {
  const columns = [...data.meta.concept_columns];
  const rows = lines({ data, sae, sort, query }).flatMap((line) =>
    line.rows.flatMap((row, index): CsvValue[][] =>
      row
        ? [
            [
              data.reports[index]?.words.name ?? "",
              data.meta.concepts[line.concept]?.name ?? "",
              ...columns.map((column) => row[column] ?? null),
            ],
          ]
        : [],
    ),
  );
  return csv(["sae", "concept", ...columns], rows);
}

function measures({ data }: Saved): string {
  const rows = data.reports.flatMap((report) =>
    data.meta.metrics.map((metric, at): CsvValue[] => {
      const { value, low, high, withBos } = report.values[at] as Value;
      return [
        report.words.name,
        metric.group,
        metric.name,
        value,
        low,
        high,
        withBos,
        report.words.n[at] ?? 0,
        report.words.resampled[at] ?? "",
        metric.unit,
      ];
    }),
  );
  return csv(["sae", "group", "metric", "value", "low", "high", "with_bos", "n", "resampled", "unit"], rows);
}

function causal({ data }: Saved): string {
  const columns = data.meta.causal_columns;
  const rows = data.reports.flatMap((report) =>
    report.causal.map((row): CsvValue[] => [report.words.name, ...columns.map((name) => row[name] ?? null)]),
  );
  return csv(["sae", ...columns], rows);
}

function pareto({ data }: Saved): string {
  const rows = data.meta.pareto.map((point): CsvValue[] => [
    point.name,
    point.l0,
    point.l0_low,
    point.l0_high,
    point.score,
    point.score_low,
    point.score_high,
    point.on_front ? 1 : 0,
  ]);
  return csv(["sae", "l0", "l0_low", "l0_high", data.meta.score, "low", "high", "on_front"], rows);
}

function scaling({ data }: Saved): string {
  const law = data.meta.scaling;
  const rows = (law?.names ?? []).map((name, at): CsvValue[] => [
    name,
    law?.n[at] ?? null,
    law?.k[at] ?? null,
    law?.loss[at] ?? null,
  ]);
  return csv(["sae", "n", "k", law?.loss_label ?? "loss"], rows);
}

const TABLES: Record<string, (saved: Saved) => string> = { truth: concepts, causal, tradeoff: pareto, scaling };

/** The table of what is open, as CSV. */
export const tableCsv = (saved: Saved): string => (TABLES[saved.tab] ?? measures)(saved);

function measureRows({ data, metrics, withBos, strokes }: Saved): Shape[] {
  const several = data.reports.length > 1;
  const wide = several ? COLUMN.several : COLUMN.one;
  return metrics.flatMap((place, row): Shape[] => {
    const metric = data.meta.metrics[place] as Metric;
    const values = data.reports.map((report) => report.values[place] as Value);
    const axis = metricAxis(metric, several ? values.map((each) => shown(each, withBos)) : values, !several);
    const y = row * ROW;
    const cells = values.flatMap((value, index): Shape[] => {
      const now = shown(value, withBos);
      const stroke = strokes[index];
      const dot = {
        value: now.value,
        low: now.low,
        high: now.high,
        color: stroke?.color ?? "",
        mark: stroke?.mark,
        hollow: now !== value,
      };
      const x = NAME + index * wide;
      return [
        label(x, y + 12, numberText(now.value, metric.count), FILE_INK.text, 11.5, "start", 600),
        ...(several ? [] : [label(x + 46, y + 12, intervalText(now.low, now.high, metric.count), FILE_INK.muted, 11)]),
        moved(x + (several ? 46 : 160), y, dotShapes(axis, several ? 128 : 170, dot, FILE_INK)),
      ];
    });
    return [label(0, y + 12, metric.label, FILE_INK.soft, 11.5), ...cells];
  });
}

function conceptRows(saved: Saved): { shapes: Shape[]; n: number } {
  const { data, strokes } = saved;
  const all = lines(saved);
  const ordered = [...all.filter((line) => line.context), ...all.filter((line) => !line.context)].slice(0, MOST_ROWS);
  const wide = data.reports.length > 1 ? COLUMN.several : COLUMN.one;
  const shapes = ordered.flatMap((line, row): Shape[] => {
    const y = row * ROW;
    const name = cut(visible(data.meta.concepts[line.concept]?.name ?? ""), 34);
    const cells = line.rows.flatMap((one, index): Shape[] => {
      if (!one) return [];
      const number = (column: string) => one[column] ?? Number.NaN;
      const dot = {
        value: number("f1"),
        low: number("low"),
        high: number("high"),
        tick: number("probe_f1"),
        color: strokes[index]?.color ?? "",
      };
      const x = NAME + index * wide;
      return [
        moved(x, y, barShapes(wide - 60, dot, FILE_INK, data.meta.found_from, !line.context)),
        label(x + wide - 52, y + 12, numberText(dot.value), FILE_INK.text, 11),
      ];
    });
    return [label(0, y + 12, name, line.context ? FILE_INK.text : FILE_INK.muted, 11), ...cells];
  });
  return { shapes, n: ordered.length };
}

/** What is open, on one white sheet. */
export function reportFigure(saved: Saved): { svg: string; width: number; height: number } {
  const { data, metrics, tab, plots } = saved;
  const { heading, note } = data.meta.labels;
  const out: Shape[] = [
    label(LEFT, 24, heading ?? "", FILE_INK.text, 14, "start", 600),
    label(LEFT, 42, cut(note ?? "", 120), FILE_INK.muted, 11),
  ];
  let y = 62;
  let wide = 420;
  const several = data.reports.length > 1;
  const rows = tab === "truth" ? conceptRows(saved) : { shapes: measureRows(saved), n: metrics.length };
  if (rows.n && tab !== "tradeoff" && tab !== "scaling") {
    if (several) {
      data.reports.forEach(({ words }, index) => {
        out.push(
          label(LEFT + NAME + index * COLUMN.several, y + 10, cut(words.name, 26), FILE_INK.text, 11, "start", 600),
        );
      });
      y += ROW;
    }
    out.push(moved(LEFT, y, rows.shapes));
    y += rows.n * ROW + 14;
    wide = NAME + (several ? COLUMN.several * data.reports.length : COLUMN.one);
  }
  for (const plot of plots) {
    out.push(label(LEFT, y + 14, plot.title, FILE_INK.text, 12, "start", 600), moved(LEFT, y + 20, plot.shapes));
    y += plot.height + 34;
    wide = Math.max(wide, plot.width);
  }
  const measured = data.reports.length === 1 ? (data.reports[0]?.words.measured ?? "") : "";
  if (measured) out.push(label(LEFT, y + 10, cut(measured, 130), FILE_INK.muted, 10.5));
  const width = Math.max(wide, several ? 0 : 620) + 2 * LEFT;
  return { svg: svgFile(width, y + 24, FILE_INK.background, out), width, height: y + 24 };
}

export function fileButtons(scope: Scope, now: () => Saved): HTMLElement {
  const name = (ending: string) => {
    const { data, tab } = now();
    return `${fileName("sae_report", data.reports.length === 1 ? (data.reports[0]?.words.name ?? "") : "", tab)}.${ending}`;
  };
  return exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height } = reportFigure(now());
      saveBlob(await svgToPng(svg, width, height), name("png"));
    },
    SVG: () => saveText(reportFigure(now()).svg, "image/svg+xml", name("svg")),
    CSV: () => saveText(tableCsv(now()), "text/csv", name("csv")),
  });
}
