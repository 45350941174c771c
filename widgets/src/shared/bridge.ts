/** Requests to the kernel over custom messages: one bridge per model, shared by its views. */

import { type Model, type Reply, RequestError } from "./types.js";

interface Waiting {
  resolve(reply: Reply<unknown>): void;
  reject(error: Error): void;
  stop(): void;
}

export interface RequestOptions {
  signal?: AbortSignal;
  /** Asks the kernel to give up, too, but waits for what it says: it may be through all the same. */
  cancel?: AbortSignal;
  /** Milliseconds without an answer after which the request is given up. */
  timeout?: number;
}

interface ReplyMessage {
  v?: number;
  kind?: string;
  id?: string;
  ok?: boolean;
  result?: unknown;
  error?: { type?: string; message?: string };
}

/** Two pages may share one kernel, so ids carry a random part of their own. */
const PAGE = Math.random().toString(36).slice(2, 10);
let counter = 0;

export class Bridge {
  readonly #waiting = new Map<string, Waiting>();

  constructor(private readonly model: Model) {
    model.on("msg:custom", this.#onMessage);
  }

  /** Ask the kernel; rejects with RequestError on an error reply, on timeout, and when the view goes away. */
  request<T>(method: string, params: object = {}, options: RequestOptions = {}): Promise<Reply<T>> {
    const id = `${PAGE}-${++counter}`;
    const { signal, cancel, timeout = 60_000 } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new RequestError("Aborted", "request was cancelled"));
      const onCancel = () => this.model.send({ v: 1, kind: "cancel", id });
      const onAbort = () => {
        onCancel();
        this.#take(id)?.reject(new RequestError("Aborted", "request was cancelled"));
      };
      const timer = setTimeout(() => {
        const text = `no answer to "${method}" in ${timeout / 1000} s: is the kernel busy or gone?`;
        this.#take(id)?.reject(new RequestError("Timeout", text));
      }, timeout);
      signal?.addEventListener("abort", onAbort);
      cancel?.addEventListener("abort", onCancel);
      const stop = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        cancel?.removeEventListener("abort", onCancel);
      };
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, stop });
      this.model.send({ v: 1, kind: "request", id, method, params });
    });
  }

  /** Stop listening; whatever still waits is rejected. */
  close(): void {
    this.model.off("msg:custom", this.#onMessage);
    for (const id of [...this.#waiting.keys()]) {
      this.#take(id)?.reject(new RequestError("Closed", "the widget was closed"));
    }
  }

  /** A request that is about to end, if it still waits; it does not any more. */
  #take(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.stop();
    return waiting;
  }

  readonly #onMessage = (message: ReplyMessage, buffers: DataView[] = []): void => {
    // Other kinds, and replies to another page's requests, are not ours.
    if (message?.kind !== "reply" || typeof message.id !== "string") return;
    const waiting = this.#take(message.id);
    if (message.ok) waiting?.resolve({ result: message.result, buffers: buffers ?? [] });
    else waiting?.reject(new RequestError(message.error?.type ?? "Error", message.error?.message ?? "unknown error"));
  };
}
