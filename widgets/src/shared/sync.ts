/** Trait writes: set at once (other views of the model follow), sent to the kernel after a quiet moment. */

import type { Model } from "./types.js";

export const SYNC_DELAY_MS = 150;

export class Sync {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly model: Model) {}

  write(name: string, value: unknown): void {
    if (JSON.stringify(this.model.get(name)) === JSON.stringify(value)) return;
    this.model.set(name, value);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), SYNC_DELAY_MS);
  }

  flush(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.model.save_changes();
  }
}
