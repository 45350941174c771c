/** Which latents the list shows, and in what order. Pure. */

import { type Column, type Columns, FLAG, latentOf, rowOf, type SearchBy, type Texts, valuesOf } from "./data.js";

/** What the list may be limited to; a name, what it says, and the flags that must and must not be set. */
export const SHOWN = [
  { name: "alive", label: "alive", on: 0, off: FLAG.dead },
  { name: "all", label: "all", on: 0, off: 0 },
  { name: "sparse", label: "alive, not dense", on: 0, off: FLAG.dead | FLAG.dense },
  { name: "dense", label: "dense", on: FLAG.dense, off: 0 },
  { name: "dead", label: "dead", on: FLAG.dead, off: 0 },
  { name: "labelled", label: "labelled", on: FLAG.labelled, off: 0 },
  { name: "unlabelled", label: "without a label", on: 0, off: FLAG.labelled | FLAG.dead },
  { name: "human", label: "labelled by people", on: FLAG.human, off: 0 },
  { name: "reliable", label: "reliable labels", on: FLAG.reliable, off: 0 },
] as const;

export interface Filter {
  /** One of `SHOWN`. */
  shown: string;
  minDensity: number | null;
  maxDensity: number | null;
  /** Only these rows, as drawn around on the map. */
  box: ReadonlySet<number> | null;
}

export const NO_FILTER: Filter = { shown: "alive", minDensity: null, maxDensity: null, box: null };

export interface Sorting {
  name: string;
  /** Against the column's own direction, which is largest first for numbers and alphabetical for texts. */
  reversed: boolean;
}

export function readSort(sort: unknown, columns: readonly Column[]): Sorting {
  const text = typeof sort === "string" ? sort : "";
  const name = text.replace(/^-/, "");
  const known = columns.some((column) => column.name === name);
  return { name: known ? name : (columns[0]?.name ?? "latent_idx"), reversed: known && text.startsWith("-") };
}

export function writeSort({ name, reversed }: Sorting): string {
  return (reversed ? "-" : "") + name;
}

export function keeps(filter: Filter, columns: Columns, row: number): boolean {
  const flags = columns.flags[row] ?? 0;
  const { on, off } = SHOWN.find(({ name }) => name === filter.shown) ?? SHOWN[0];
  if ((flags & on) !== on || flags & off) return false;
  if (filter.box && !filter.box.has(row)) return false;
  const density = columns.numbers.density?.[row];
  if (density === undefined) return true;
  return !(density < (filter.minDensity ?? 0)) && !(density > (filter.maxDensity ?? Number.POSITIVE_INFINITY));
}

/** Rows that pass the filter, in the order of `found` where something was searched for, else all. */
export function kept(columns: Columns, filter: Filter, found: ArrayLike<number> | null): Int32Array {
  const rows = new Int32Array(found ? found.length : columns.n);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = found ? rowOf(columns, found[i] ?? -1) : i;
    if (row >= 0 && keeps(filter, columns, row)) rows[count++] = row;
  }
  return rows.slice(0, count);
}

/** In place, by a column; what has no value stands last in both directions, and equals stand as their latents do. */
export function sortRows(rows: Int32Array, columns: Columns, { name, reversed }: Sorting, kind: string): Int32Array {
  const values = valuesOf(columns, name);
  const ascending = (kind === "text" || kind === "index") !== reversed;
  if (!values) {
    if (kind !== "index") return rows;
    const sign = ascending ? 1 : -1;
    return rows.sort((a, b) => sign * (latentOf(columns, a) - latentOf(columns, b)));
  }
  const missing = (value: number) => Number.isNaN(value) || (kind === "text" && value < 0);
  const keys = new Float64Array(columns.n);
  for (const row of rows) {
    const value = values[row] ?? Number.NaN;
    keys[row] = missing(value) ? Number.POSITIVE_INFINITY : ascending ? value : -value;
  }
  return rows.sort((a, b) => {
    const [x, y] = [keys[a] ?? 0, keys[b] ?? 0];
    return x < y ? -1 : x > y ? 1 : a - b;
  });
}

/** What can be found with no kernel: in the texts of the rows that are here. */
export function localSearch(texts: ReadonlyMap<number, Texts>, query: string, by: SearchBy): number[] {
  const sought = query.trim().toLowerCase();
  const fields = ({ label, concept, words }: Texts) =>
    by === "label" ? [label, concept] : by === "any" ? [label, concept, words] : [words];
  return [...texts]
    .filter(([, text]) => fields(text).some((field) => field.toLowerCase().includes(sought)))
    .map(([latent]) => latent);
}
