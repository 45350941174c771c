import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Bridge } from "../src/shared/bridge.js";
import { SYNC_DELAY_MS, Sync } from "../src/shared/sync.js";
import { TOKENIZE_DELAY_MS, Tokenizer } from "../src/shared/tokenizer.js";
import { FakeModel } from "./fake_model.js";

let model: FakeModel;
let bridge: Bridge;

beforeEach(() => {
  vi.useFakeTimers();
  model = new FakeModel({ selected: null });
  bridge = new Bridge(model.asModel());
});

afterEach(() => {
  vi.useRealTimers();
});

describe("Bridge", () => {
  it("sends the request of the wire and resolves with its result and buffers", async () => {
    const asked = bridge.request("predict", { layer: 1, pos: 2 });
    expect(model.last("predict")).toMatchObject({ v: 1, kind: "request", params: { layer: 1, pos: 2 } });
    const buffer = new DataView(new ArrayBuffer(4));
    model.reply("predict", { patched: [] }, [buffer]);
    await expect(asked).resolves.toEqual({ result: { patched: [] }, buffers: [buffer] });
  });

  it("rejects with the kernel's type and message", async () => {
    const asked = bridge.request("recompute");
    model.refuse("recompute", "PromptError", "the prompt is empty");
    await expect(asked).rejects.toMatchObject({ type: "PromptError", message: "the prompt is empty" });
  });

  it("gives each request its own id and keeps answers apart", async () => {
    const first = bridge.request("a");
    const second = bridge.request("b");
    expect(model.last("a").id).not.toBe(model.last("b").id);
    model.reply("b", 2);
    model.reply("a", 1);
    expect([(await first).result, (await second).result]).toEqual([1, 2]);
  });

  it("ignores replies it did not ask for, other kinds of messages and garbage", async () => {
    const asked = bridge.request("a");
    for (const message of [{ kind: "reply", id: "other", ok: true }, { kind: "note" }, { kind: "reply" }, null]) {
      model.receive(message as object);
    }
    model.reply("a", "mine");
    expect((await asked).result).toBe("mine");
  });

  it("takes only the first of two replies", async () => {
    const asked = bridge.request("a");
    model.reply("a", 1);
    model.refuse("a", "Late", "too late");
    expect((await asked).result).toBe(1);
  });

  it("tells the kernel when a request is cancelled, and rejects", async () => {
    const controller = new AbortController();
    const asked = bridge.request("slow", {}, { signal: controller.signal });
    const { id } = model.last("slow");
    controller.abort();
    await expect(asked).rejects.toMatchObject({ type: "Aborted" });
    expect(model.sent.at(-1)).toEqual({ v: 1, kind: "cancel", id });
  });

  it("asks the kernel to give up and still takes its answer, where that is wanted", async () => {
    const controller = new AbortController();
    const asked = bridge.request("slow", {}, { cancel: controller.signal });
    const { id } = model.last("slow");
    controller.abort();
    expect(model.sent.at(-1)).toEqual({ v: 1, kind: "cancel", id });
    model.reply("slow", "through already");
    expect((await asked).result).toBe("through already");
    const late = new AbortController();
    const answered = bridge.request("slow", {}, { cancel: late.signal });
    model.refuse("slow", "CancelledError", "cancelled");
    await expect(answered).rejects.toMatchObject({ type: "CancelledError" });
    const n = model.sent.length;
    late.abort();
    expect(model.sent).toHaveLength(n);
  });

  it("sends nothing for a signal that is already aborted", async () => {
    await expect(bridge.request("a", {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ type: "Aborted" });
    expect(model.sent).toEqual([]);
  });

  it("gives up after the timeout and says so", async () => {
    const asked = bridge.request("a", {}, { timeout: 2000 });
    const failed = expect(asked).rejects.toThrow('no answer to "a" in 2 s');
    vi.advanceTimersByTime(2001);
    await failed;
  });

  it("stops listening when closed and rejects what still waits", async () => {
    const asked = bridge.request("a");
    bridge.close();
    await expect(asked).rejects.toMatchObject({ type: "Closed" });
    expect(model.listenerCount()).toBe(0);
  });
});

describe("Sync", () => {
  it("sets at once and saves once after a quiet moment", () => {
    const sync = new Sync(model.asModel());
    sync.write("selected", { layer: 0, pos: 1 });
    expect(model.get("selected")).toEqual({ layer: 0, pos: 1 });
    vi.advanceTimersByTime(SYNC_DELAY_MS - 1);
    sync.write("selected", { layer: 0, pos: 2 });
    vi.advanceTimersByTime(SYNC_DELAY_MS - 1);
    expect(model.saves).toBe(0);
    vi.advanceTimersByTime(1);
    expect(model.saves).toBe(1);
  });

  it("does not write what is there already", () => {
    const sync = new Sync(model.asModel());
    sync.write("selected", null);
    vi.advanceTimersByTime(1000);
    expect(model.saves).toBe(0);
  });

  it("flushes what waits when the view goes away", () => {
    const sync = new Sync(model.asModel());
    sync.write("selected", { layer: 0 });
    sync.flush();
    vi.advanceTimersByTime(1000);
    expect(model.saves).toBe(1);
  });
});

describe("Tokenizer", () => {
  it("asks once after typing stops, and only the newest answer counts", async () => {
    const tokenizer = new Tokenizer(bridge);
    const seen: (string[] | null)[] = [];
    tokenizer.ask("clean", "The", (tokens) => seen.push(tokens));
    vi.advanceTimersByTime(TOKENIZE_DELAY_MS - 1);
    tokenizer.ask("clean", "The Eiffel", (tokens) => seen.push(tokens));
    vi.advanceTimersByTime(TOKENIZE_DELAY_MS);
    expect(model.requests("tokenize").map((request) => request.params.text)).toEqual(["The Eiffel"]);
    model.reply("tokenize", { tokens: ["The", " Eiffel"] });
    await vi.runAllTimersAsync();
    expect(seen).toEqual([["The", " Eiffel"]]);
  });

  it("keeps fields apart, answers an empty text itself and gives null when the kernel cannot tell", async () => {
    const tokenizer = new Tokenizer(bridge);
    const seen: Record<string, string[] | null> = {};
    tokenizer.ask("a", "", (tokens) => {
      seen.a = tokens;
    });
    tokenizer.ask("b", "x", (tokens) => {
      seen.b = tokens;
    });
    vi.advanceTimersByTime(TOKENIZE_DELAY_MS);
    model.refuse("tokenize", "NeedsKernel", "no kernel");
    await vi.runAllTimersAsync();
    expect(seen).toEqual({ a: null, b: null });
    expect(model.requests("tokenize")).toHaveLength(1);
  });

  it("asks nothing more once closed", () => {
    const tokenizer = new Tokenizer(bridge);
    tokenizer.ask("a", "x", () => {});
    tokenizer.close();
    vi.advanceTimersByTime(1000);
    expect(model.requests("tokenize")).toHaveLength(0);
  });
});
