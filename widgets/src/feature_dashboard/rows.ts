/** The list's state: columns, texts, search, order and filter, and the rows that follow from them. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import type { Bytes } from "../shared/decode.js";
import { type ArraySpec, RequestError } from "../shared/types.js";
import {
  type Column,
  type Columns,
  type DashboardMeta,
  firstColumns,
  keepTexts,
  type RowTexts,
  readColumns,
  replyArray,
  type SearchBy,
  type Texts,
} from "./data.js";
import { type Filter, kept, localSearch, NO_FILTER, type Sorting, sortRows } from "./order.js";

/** Texts that are asked for at once, as many as Python gives. */
const PAGE = 512;

export class Rows {
  columns: Columns = { n: 0, numbers: {}, flags: new Uint8Array(0) };
  readonly texts = new Map<number, Texts>();
  version = 0;
  rows: Int32Array = new Int32Array(0);
  sorting: Sorting = { name: "interesting", reversed: false };
  filter: Filter = NO_FILTER;
  query = "";
  by: SearchBy = "any";
  byMatch = false;
  /** Why a search failed, or how it was done without a kernel. */
  note = "";
  #meta: DashboardMeta | undefined;
  #found: ArrayLike<number> | null = null;
  #asked = new Set<number>();
  #queue = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #search: Question;
  readonly #columns: Question;

  /** `changed` is called when there is something new to draw, `work` wraps what may fail later. */
  constructor(
    private readonly bridge: Bridge,
    private readonly changed: () => void,
    private readonly work: (task: () => Promise<void>) => void,
  ) {
    this.#search = new Question(bridge);
    this.#columns = new Question(bridge);
  }

  read(meta: DashboardMeta, bytes: Bytes): void {
    this.#meta = meta;
    if (!meta.paged) this.columns = readColumns(meta.arrays, bytes, meta.n_rows);
    else {
      if (!this.columns.n) this.columns = firstColumns(meta.rows);
      this.work(() => this.#fetchColumns(meta));
    }
    // Labels may have changed: texts are asked for again, what is here is shown until then.
    this.#asked = new Set(meta.rows.latents);
    this.#keep(meta.rows);
    if (this.query.trim()) this.#look();
    this.arrange();
  }

  /** What the list can be sorted by. */
  get named(): readonly Column[] {
    return this.#meta?.columns ?? [];
  }

  get column(): Column {
    return this.named.find(({ name }) => name === this.sorting.name) ?? { name: "max", kind: "number" };
  }

  get said(): string {
    const total = this.#meta?.n_rows ?? 0;
    const all = total.toLocaleString("en");
    const n = this.rows.length;
    return n === total ? `${all} ${total === 1 ? "latent" : "latents"}` : `${n.toLocaleString("en")} of ${all}`;
  }

  /** Which rows, in which order; rows that come out the same stay the same array. */
  arrange(): void {
    const rows = kept(this.columns, this.filter, this.#found);
    if (!this.byMatch || !this.#found) sortRows(rows, this.columns, this.sorting, this.column.kind);
    const same = rows.length === this.rows.length && rows.every((row, i) => row === this.rows[i]);
    if (!same) this.rows = rows;
  }

  sort(sorting: Sorting | null): void {
    this.byMatch = sorting === null;
    if (sorting) this.sorting = sorting;
    this.arrange();
  }

  limit(filter: Filter): void {
    this.filter = filter;
    this.arrange();
  }

  look(query: string, by: SearchBy): void {
    if (query === this.query && by === this.by) return;
    this.byMatch = query.trim() !== "" && (this.byMatch || !this.query.trim());
    [this.query, this.by] = [query, by];
    this.#look();
  }

  /** Rows came into view whose texts are not here. */
  want(latents: readonly number[]): void {
    for (const latent of latents) if (!this.#asked.has(latent)) this.#queue.add(latent);
    if (!this.#queue.size || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // Those that were wanted last are those that are seen.
      const now = [...this.#queue].slice(-PAGE);
      this.#queue.clear();
      for (const latent of now) this.#asked.add(latent);
      this.work(() => this.#fetchTexts(now));
    }, 60);
  }

  relabel(latent: number, label: string): void {
    const texts = this.texts.get(latent);
    this.texts.set(latent, { concept: "", words: "", ...texts, label });
    this.version += 1;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#search.stop();
    this.#columns.stop();
  }

  #keep(texts: RowTexts): void {
    keepTexts(this.texts, texts);
    this.version += 1;
  }

  #look(): void {
    this.note = "";
    if (!this.query.trim()) {
      this.#search.stop();
      this.#found = null;
      this.arrange();
      this.changed();
      return;
    }
    this.work(() => this.#ask());
  }

  async #ask(): Promise<void> {
    const params = { text: this.query, by: this.by, store: 0 };
    try {
      const reply = await this.#search.ask<{ arrays: Record<string, ArraySpec> }>("search", params);
      if (!reply) return;
      this.#found = replyArray(reply.result.arrays, reply.buffers, "latents");
      this.note = "";
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const here = error.type === "NeedsKernel";
      this.#found = here ? localSearch(this.texts, this.query, this.by) : [];
      this.note = here ? "" : error.message;
    }
    this.arrange();
    this.changed();
  }

  async #fetchColumns(meta: DashboardMeta): Promise<void> {
    const reply = await this.#columns.ask<{ arrays: Record<string, ArraySpec> }>("columns", {});
    const bytes = reply?.buffers[0];
    if (!reply || !bytes) return;
    this.columns = readColumns(reply.result.arrays, bytes, meta.n_rows);
    this.arrange();
    this.changed();
  }

  async #fetchTexts(latents: number[]): Promise<void> {
    try {
      const reply = await this.bridge.request<RowTexts>("rows", { latents, store: 0 });
      this.#keep(reply.result);
      this.changed();
    } catch (error) {
      // A page with no kernel has the texts of its rows; that more are missing is no news.
      if (!(error instanceof RequestError && error.type === "NeedsKernel")) throw error;
    }
  }
}
