/** What the monitor saves: the plots as PNG or SVG, the numbers they show as CSV. */

import { type CsvValue, csv } from "../shared/csv.js";
import type { Scope } from "../shared/dom.js";
import { fileName, saveBlob, saveText, svgToPng } from "../shared/download.js";
import { exportButtons } from "../shared/export_buttons.js";
import { FILE_INK } from "../shared/ink.js";
import { label, moved, type Shape, svgFile } from "../shared/shapes.js";
import { type Stroke, sample } from "../shared/strokes.js";
import { FLAG, type RunData } from "./data.js";

export interface Saved {
  data: RunData;
  plots: { title: string; shapes: Shape[]; width: number; height: number }[];
  strokes: readonly Stroke[];
}

const GAP = 16;
const TITLE = 22;
const COLUMNS = 3;

/** The last value of every bucket, a row a bucket; empty where nothing was measured. */
export function runCsv({ meta, saes }: RunData): string {
  const rows = saes.flatMap((sae) =>
    Array.from(sae.tokens, (tokens, index): CsvValue[] => [
      sae.name,
      sae.steps[index] ?? 0,
      tokens,
      ...sae.curves.map(({ flags, last }) => {
        const flag = flags[index] ?? 0;
        if (!flag) return null;
        return flag & FLAG.measured ? (last[index] ?? Number.NaN) : Number.NaN;
      }),
    ]),
  );
  return csv(["sae", "step", "tokens", ...meta.series.map(({ name }) => name)], rows);
}

/** All plots on one white sheet, the SAEs named below. */
export function runFigure({ data, plots, strokes }: Saved): { svg: string; width: number; height: number } {
  const [first] = plots;
  const wide = (first?.width ?? 240) + GAP;
  const tall = (first?.height ?? 120) + TITLE + 6;
  const shapes = plots.flatMap((plot, index): Shape[] => {
    const [x, y] = [GAP + (index % COLUMNS) * wide, 34 + Math.floor(index / COLUMNS) * tall];
    return [label(x, y + 14, plot.title, FILE_INK.text, 12, "start", 600), moved(x, y + TITLE, plot.shapes)];
  });
  const below = 34 + Math.ceil(plots.length / COLUMNS) * tall;
  const names = data.saes.length > 1 ? data.saes : [];
  const legend = names.flatMap((sae, index): Shape[] => {
    const line = strokes[index];
    const y = below + index * 17;
    return [moved(GAP, y, line ? sample(line) : []), label(GAP + 40, y + 11, sae.name, FILE_INK.soft, 11)];
  });
  const { heading, note } = data.meta.labels;
  const title = label(GAP, 24, [heading, note].filter(Boolean).join(" · "), FILE_INK.text, 13, "start", 600);
  const width = GAP + COLUMNS * wide;
  const height = below + names.length * 17 + GAP;
  return { svg: svgFile(width, height, FILE_INK.background, [title, ...shapes, ...legend]), width, height };
}

export function fileButtons(scope: Scope, now: () => Saved): HTMLElement {
  const name = (ending: string) => `${fileName("training", now().data.meta.labels.note ?? "")}.${ending}`;
  return exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height } = runFigure(now());
      saveBlob(await svgToPng(svg, width, height), name("png"));
    },
    SVG: () => saveText(runFigure(now()).svg, "image/svg+xml", name("svg")),
    CSV: () => saveText(runCsv(now().data), "text/csv", name("csv")),
  });
}
