/** What is known of latents, asked for once and kept. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import type { Detail, Label } from "./data.js";

const KEPT = 200;

export class Details {
  readonly #kept = new Map<string, Detail>();
  readonly #questions = new Map<string, Question>();

  constructor(private readonly bridge: Bridge) {}

  /** What is here already. */
  peek(latent: number, store = 0): Detail | undefined {
    return this.#kept.get(`${store} ${latent}`);
  }

  keep(detail: Detail): void {
    const key = `${detail.store} ${detail.latent_idx}`;
    this.#kept.delete(key);
    this.#kept.set(key, detail);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** A person's label is shown at once. */
  relabel(latent: number, label: Label | null, labels: Label[]): void {
    const detail = this.peek(latent);
    if (detail) this.keep({ ...detail, label, labels });
  }

  /** Labels changed elsewhere: all but these are asked for again. */
  forget(): void {
    this.#kept.clear();
  }

  /** One latent; of questions for the same `slot` only the newest is answered, the others give null. */
  async get(slot: string, latent: number, store = 0, delay = 0): Promise<Detail | null> {
    const question = this.#questions.get(slot) ?? new Question(this.bridge);
    this.#questions.set(slot, question);
    const here = this.peek(latent, store);
    if (here) {
      question.stop();
      return here;
    }
    const reply = await question.ask<Detail>("detail", { latent_idx: latent, store }, delay);
    if (!reply) return null;
    this.keep(reply.result);
    return reply.result;
  }

  close(): void {
    for (const question of this.#questions.values()) question.stop();
  }
}
