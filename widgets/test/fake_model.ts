import type { Model } from "../src/shared/types.js";

export interface Sent {
  v: number;
  kind: string;
  id: string;
  method: string;
  params: Record<string, unknown>;
}

type Listener = (...args: unknown[]) => void;

/** A model as anywidget's, that keeps what is sent and lets a test answer. */
export class FakeModel {
  readonly sent: Sent[] = [];
  saves = 0;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(readonly state: Record<string, unknown>) {}

  get = (name: string): unknown => this.state[name];

  set = (name: string, value: unknown): void => {
    this.state[name] = value;
    this.#emit(`change:${name}`);
  };

  save_changes = (): void => {
    this.saves += 1;
  };

  send = (message: Sent): void => {
    this.sent.push(message);
  };

  on = (name: string, listener: Listener): void => {
    const known = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, known.add(listener));
  };

  off = (name: string, listener: Listener): void => {
    this.#listeners.get(name)?.delete(listener);
  };

  listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, listeners) => sum + listeners.size, 0);
  }

  /** A message from the kernel, as it is. */
  receive(message: object, buffers: DataView[] = []): void {
    this.#emit("msg:custom", message, buffers);
  }

  requests(method: string): Sent[] {
    return this.sent.filter((message) => message.kind === "request" && message.method === method);
  }

  /** The newest request of a method; fails when there was none. */
  last(method: string): Sent {
    const request = this.requests(method).at(-1);
    if (!request) throw new Error(`no request "${method}" among ${this.sent.map((message) => message.method)}`);
    return request;
  }

  reply(method: string, result: unknown, buffers: DataView[] = []): void {
    this.receive({ v: 1, kind: "reply", id: this.last(method).id, ok: true, result }, buffers);
  }

  refuse(method: string, type: string, message: string): void {
    this.receive({ v: 1, kind: "reply", id: this.last(method).id, ok: false, error: { type, message } });
  }

  asModel(): Model {
    return this as unknown as Model;
  }

  #emit(name: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(...args);
  }
}
