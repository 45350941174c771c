/** Requests of which only the newest matters: a new one ends the one before. */

import type { Bridge } from "./bridge.js";
import type { Reply } from "./types.js";

export class Question {
  #controller: AbortController | undefined;

  constructor(private readonly bridge: Bridge) {}

  /**
   * The reply, or null when a newer question came first.
   *
   * `delay`: milliseconds of quiet before it is sent; `timeout`: after which it is given up.
   */
  async ask<T>(method: string, params: object, delay = 0, timeout?: number): Promise<Reply<T> | null> {
    this.stop();
    const controller = new AbortController();
    this.#controller = controller;
    const { signal } = controller;
    if (delay) await new Promise((resolve) => setTimeout(resolve, delay));
    if (signal.aborted) return null;
    try {
      const reply = await this.bridge.request<T>(method, params, { signal, ...(timeout && { timeout }) });
      return signal.aborted ? null : reply;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  stop(): void {
    this.#controller?.abort();
  }
}
