/** Attention patterns on demand: newest first out of a bounded cache, neighbours fetched ahead. */

import type { Bridge } from "../shared/bridge.js";
import { decodeMatrix, type MatrixSpec } from "../shared/decode.js";
import type { HeadAt } from "./data.js";

/** Least recently used entries leave first. */
export class Lru<V> {
  readonly #entries = new Map<string, V>();

  constructor(private readonly capacity: number) {}

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > this.capacity && oldest !== undefined) this.#entries.delete(oldest);
  }

  clear(): void {
    this.#entries.clear();
  }
}

const CACHE_BYTES = 48_000_000;
const keyOf = (at: HeadAt) => `${at.row} ${at.head}`;

export class Patterns {
  #cache: Lru<Float32Array>;
  #controller = new AbortController();
  #flying = new Map<string, Promise<Float32Array>>();

  constructor(
    private readonly bridge: Bridge,
    private readonly tokens: number,
  ) {
    this.#cache = new Lru(Math.max(8, Math.floor(CACHE_BYTES / (4 * tokens * tokens || 1))));
  }

  cached(at: HeadAt): Float32Array | undefined {
    return this.#cache.get(keyOf(at));
  }

  /** The pattern of one head; a second question while the first is under way shares its answer. */
  fetch(at: HeadAt): Promise<Float32Array> {
    const key = keyOf(at);
    const known = this.#cache.get(key);
    if (known) return Promise.resolve(known);
    const flying = this.#flying.get(key) ?? this.#ask(at).finally(() => this.#flying.delete(key));
    this.#flying.set(key, flying);
    return flying;
  }

  /** Fetch in turn, quietly; stops at the first refusal. */
  async prefetch(heads: HeadAt[], still: () => boolean): Promise<void> {
    for (const at of heads) {
      if (!still() || this.#controller.signal.aborted) return;
      try {
        await this.fetch(at);
      } catch {
        return;
      }
    }
  }

  close(): void {
    this.#controller.abort();
    this.#cache.clear();
  }

  async #ask(at: HeadAt): Promise<Float32Array> {
    const params = { layer: at.row, head: at.head };
    const { result, buffers } = await this.bridge.request<MatrixSpec>("pattern", params, {
      signal: this.#controller.signal,
    });
    const [buffer] = buffers;
    if (!buffer) throw new Error("the pattern came without its bytes");
    if (result.shape[0] !== this.tokens) {
      throw new Error(`the pattern is for ${result.shape[0]} tokens, the prompt has ${this.tokens}`);
    }
    const pattern = await decodeMatrix(result, buffer);
    this.#cache.set(keyOf(at), pattern);
    return pattern;
  }
}

/** The heads one key press away. Pure. */
export function neighbours(at: HeadAt, rows: number, heads: number): HeadAt[] {
  return [
    { row: at.row, head: at.head + 1 },
    { row: at.row, head: at.head - 1 },
    { row: at.row + 1, head: at.head },
    { row: at.row - 1, head: at.head },
  ].filter(({ row, head }) => row >= 0 && row < rows && head >= 0 && head < heads);
}
