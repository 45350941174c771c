/** The dashboard's part of the wire, decoded: the columns of the list and what is known of each row. Pure. */

import { type Bytes, decodeArray, readArray } from "../shared/decode.js";
import type { ArraySpec, BaseMeta } from "../shared/types.js";

export type Kind = "number" | "share" | "text" | "index";

export interface Column {
  name: string;
  label?: string;
  unit?: string;
  kind: Kind;
  hint?: string;
}

export interface Store {
  name: string;
  d_sae: number;
  site: string;
  n_tokens: number;
  n_docs: number;
  alive: number;
  dead: number;
  dense: number;
  /** Of the bins of the activation histograms. */
  edges: number[];
  n_bands: number;
  note: string;
}

export type Ability = "text" | "effect" | "label" | "compare" | "answer";
export type SearchBy = "any" | "label" | "token" | "text";
export const SEARCHES: SearchBy[] = ["any", "label", "token", "text"];

/** Texts of some latents, one entry each. */
export interface RowTexts {
  latents: number[];
  label: string[];
  concept: string[];
  words: string[];
}

export interface DashboardMeta extends BaseMeta {
  /** How far each store had come: generation, tokens, bytes of labels; what was asked for before another is old. */
  as_of: number[][];
  n_rows: number;
  /** The columns are too large for a trait: they are asked for. */
  paged: boolean;
  /** Only some latents are here; a neighbour may have no row. */
  subset: boolean;
  columns: Column[];
  rows: RowTexts;
  first: { detail: Detail };
  stores: Store[];
  can: Partial<Record<Ability, boolean>>;
  rank_by: string[];
  hints: Record<string, string>;
  author: string;
  prompt: { answer: string; wrong: string };
}

export interface Label {
  text: string;
  method: string;
  author: string;
  time: string;
  human: boolean;
  reliable: boolean | null;
  score: Record<string, number | null>;
}

export interface Band {
  band: number;
  name: string;
  low: number | null;
  high: number | null;
  n: number;
}

export interface Example {
  band: number;
  doc: number;
  pos: number;
  at: number;
  value: number | null;
  /** Indices into the strings of their latent. */
  tokens: number[];
  /** null = a token that was not counted, as a BOS. */
  values: (number | null)[];
  /** On the logit of the token that follows; empty when it is not known. */
  effects: (number | null)[];
}

export interface Linked {
  latent_idx: number;
  value: number | null;
  label: string;
  /** The tokens it fires on. */
  words: string;
}

export interface Detail {
  latent_idx: number;
  store: number;
  facts: Record<string, number | boolean | null>;
  label: Label | null;
  labels: Label[];
  concept: string;
  histogram: number[];
  decoder: { edges: number[]; counts: number[] };
  /** Share of each attention head in what it writes; empty where it does not write to heads. */
  heads: (number | null)[];
  strings: string[];
  bands: Band[];
  examples: Example[];
  top_tokens: { token: number; count: number; mean: number | null; share: number | null }[];
  logits_up: [number, number | null][];
  logits_down: [number, number | null][];
  neighbours: Linked[];
  cofiring: Linked[];
  code: string;
}

export interface OnText {
  tokens: string[];
  rank_by: string;
  pos: number | null;
  answer: string;
  wrong: string;
  note: string;
  latents: number[];
  label: string[];
  words: string[];
  max: (number | null)[];
  mean: (number | null)[];
  n_firing: number[];
  score: (number | null)[];
  ablation: (number | null)[] | null;
  /** What the answer's logit is ahead by, and what that is made of; null without an answer. */
  metric: number | null;
  parts: Record<string, number | null> | null;
  arrays: Record<string, ArraySpec>;
  code: string;
}

export interface Effect {
  latent_idx: number;
  kind: string;
  strength: number | null;
  tokens: string[];
  /** Of the latent on each token; null = not counted. */
  acts: (number | null)[];
  new_acts: (number | null)[];
  before: { token: string; prob: number }[];
  after: { token: string; prob: number }[];
  kl: number | null;
  continuation_before: string;
  continuation_after: string;
  note: string;
  code: string;
}

export interface Comparison {
  latent_idx: number;
  other: number;
  store: number;
  cosine: number | null;
  correlation: number | null;
  jaccard: number | null;
  note: string;
  nearest: Linked[];
  code: string;
}

export const FLAG = { dead: 1, dense: 2, labelled: 4, human: 8, reliable: 16 };

/** What the list sorts and filters by, a value a row. */
export interface Columns {
  n: number;
  /** The latent of each row; absent where they are the same. */
  latents?: ArrayLike<number>;
  numbers: Record<string, ArrayLike<number>>;
  flags: ArrayLike<number>;
}

export interface Texts {
  label: string;
  concept: string;
  words: string;
}

const RANKS: Record<string, string> = { label: "label_rank", concept: "concept_rank" };

export function readColumns(arrays: Record<string, ArraySpec>, bytes: Bytes, n: number): Columns {
  const numbers: Record<string, ArrayLike<number>> = {};
  for (const [name, { shape }] of Object.entries(arrays)) {
    if (shape[0] !== n) throw new RangeError(`column "${name}" has ${shape[0]} rows, expected ${n}`);
    numbers[name] = readArray(arrays, bytes, name, 1).values;
  }
  const { latents, flags = new Uint8Array(n), ...rest } = numbers;
  return { n, flags, numbers: rest, ...(latents ? { latents } : {}) };
}

/** While the columns of a large store are on their way: the rows whose texts are here, with nothing to sort by. */
export function firstColumns({ latents }: RowTexts): Columns {
  return { n: latents.length, latents, numbers: {}, flags: new Uint8Array(latents.length) };
}

export function latentOf(columns: Columns, row: number): number {
  return columns.latents ? (columns.latents[row] ?? -1) : row;
}

/** Rows by latent; made once for columns that name their latents. */
const places = new WeakMap<Columns, Map<number, number>>();

/** The row of a latent, -1 when it has none. */
export function rowOf(columns: Columns, latent: number): number {
  if (!columns.latents) return latent >= 0 && latent < columns.n ? latent : -1;
  let rows = places.get(columns);
  if (!rows) {
    rows = new Map(Array.from(columns.latents, (each, row) => [each, row]));
    places.set(columns, rows);
  }
  return rows.get(latent) ?? -1;
}

/** What the list knows of a latent whose detail cannot be had. */
export function bareDetail(columns: Columns, latent: number): Detail {
  const row = rowOf(columns, latent);
  const flags = columns.flags[row] ?? 0;
  const number = (name: string) => columns.numbers[name]?.[row] ?? null;
  const facts = { density: number("density"), max: number("max"), mean: number("mean") };
  return {
    latent_idx: latent,
    store: 0,
    facts: { ...facts, dead: (flags & FLAG.dead) > 0, dense: (flags & FLAG.dense) > 0 },
    label: null,
    labels: [],
    concept: "",
    histogram: [],
    decoder: { edges: [], counts: [] },
    heads: [],
    strings: [],
    bands: [],
    examples: [],
    top_tokens: [],
    logits_up: [],
    logits_down: [],
    neighbours: [],
    cofiring: [],
    code: "",
  };
}

/** A column's values, texts by their alphabetical rank; undefined for indices, which are the rows themselves. */
export function valuesOf(columns: Columns, name: string): ArrayLike<number> | undefined {
  return columns.numbers[RANKS[name] ?? name];
}

/** Texts of rows as they come: kept by latent, the newest counts. */
export function keepTexts(kept: Map<number, Texts>, rows: RowTexts): void {
  rows.latents.forEach((latent, i) => {
    kept.set(latent, {
      label: rows.label[i] ?? "",
      concept: rows.concept[i] ?? "",
      words: rows.words[i] ?? "",
    });
  });
}

/** An array of a reply, whatever its rank. */
export function replyArray(arrays: Record<string, ArraySpec>, buffers: DataView[], name: string): ArrayLike<number> {
  const spec = arrays[name];
  const [bytes] = buffers;
  if (!spec || !bytes) throw new RangeError(`the reply has no array "${name}"`);
  return decodeArray(bytes, spec.dtype, spec.shape, spec.offset);
}
