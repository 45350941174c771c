/** What the dashboard saves: the chosen latent as a picture or as JSON, the list as CSV. */

import { type CsvValue, csv } from "../shared/csv.js";
import type { Scope } from "../shared/dom.js";
import { fileName, saveBlob, saveText, svgToPng } from "../shared/download.js";
import { exportButtons } from "../shared/export_buttons.js";
import { measureText } from "../shared/measure.js";
import { type Columns, type DashboardMeta, type Detail, FLAG, latentOf, type Texts } from "./data.js";
import { latentFigure } from "./figure.js";

export interface Saved {
  meta: DashboardMeta;
  columns: Columns;
  /** In the order of the list. */
  rows: Int32Array;
  texts: ReadonlyMap<number, Texts>;
  detail: Detail;
}

/** The latents of the list, in its order; texts that are not on the page are left out. */
export function listCsv({ meta, columns, rows, texts }: Saved): string {
  const numbers = meta.columns.filter(({ name }) => columns.numbers[name]).map(({ name }) => name);
  const lines = Array.from(rows, (row): CsvValue[] => {
    const latent = latentOf(columns, row);
    const text = texts.get(latent);
    const flags = columns.flags[row] ?? 0;
    return [
      latent,
      ...numbers.map((name) => columns.numbers[name]?.[row] ?? null),
      flags & FLAG.dead ? 1 : 0,
      flags & FLAG.dense ? 1 : 0,
      text?.label ?? null,
      text?.concept ?? null,
    ];
  });
  return csv(["latent_idx", ...numbers, "dead", "dense", "label", "concept"], lines);
}

export function fileButtons(scope: Scope, now: () => Saved): HTMLElement {
  const name = (ending: string) => {
    const { meta, detail } = now();
    const what = ending === "csv" ? "latents" : `latent_${detail.latent_idx}`;
    return `${fileName(meta.labels.model ?? "", meta.stores[0]?.site ?? "", what)}.${ending}`;
  };
  const figure = () => {
    const { meta, detail } = now();
    const store = meta.stores[detail.store];
    if (!store) throw new RangeError(`there is no store ${detail.store}`);
    const { heading, note } = meta.labels;
    return latentFigure(detail, store, [heading, note].filter(Boolean).join(" · "), measureText);
  };
  return exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height } = figure();
      saveBlob(await svgToPng(svg, width, height), name("png"));
    },
    SVG: () => saveText(figure().svg, "image/svg+xml", name("svg")),
    CSV: () => saveText(listCsv(now()), "text/csv", name("csv")),
    JSON: () => saveText(JSON.stringify(now().detail, null, 1), "application/json", name("json")),
  });
}
