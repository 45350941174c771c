// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../src/attention/widget.js";
import { FakeModel } from "./fake_model.js";
import { HOSTILE, recorded, settle, traits } from "./made.js";

let model: FakeModel;
let el: HTMLElement;
let cleanup: () => void;
let close: () => void;

function start(state = traits("attention")): void {
  model = new FakeModel(state);
  const module = widget();
  close = module.initialize({ model: model.asModel() });
  el = document.createElement("div");
  document.body.append(el);
  cleanup = module.render({ model: model.asModel(), el });
}

function find<T extends Element = HTMLElement>(selector: string): T {
  const node = el.querySelector<T>(selector);
  if (!node) throw new Error(`nothing matches ${selector}`);
  return node;
}
const click = (node: Element) => node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const key = (node: Element, name: string) =>
  node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const thumb = (layer: number, head: number) => find(`.inb-thumb[data-layer="${layer}"][data-head="${head}"]`);
const token = (index: number) => find(`.inb-strip-token[data-index="${index}"]`);
const choose = (name: string, value: string) => {
  const select = find<HTMLSelectElement>(`[data-choice="${name}"]`);
  select.value = value;
  select.dispatchEvent(new Event("change"));
};
const named = (text: string) => {
  const node = [...el.querySelectorAll("button")].find((item) => item.textContent === text);
  if (!node) throw new Error(`no button "${text}"`);
  return node;
};
async function answerPattern(): Promise<void> {
  const { result, buffers } = recorded("attention", "pattern");
  model.reply("pattern", result, buffers);
  // Inflating runs on another thread; the neighbours are asked for once the pattern is drawn.
  await vi.waitFor(() => expect(model.requests("pattern").length).toBeGreaterThan(1), { timeout: 5000 });
}

beforeEach(() => start());
afterEach(() => {
  cleanup();
  close();
  el.remove();
  vi.restoreAllMocks();
});

describe("the overview", () => {
  it("has a thumbnail per head with its badge, under the layers' own numbers", () => {
    expect(el.querySelectorAll(".inb-thumb")).toHaveLength(4);
    expect(thumb(2, 0).getAttribute("aria-label")).toBe("layer 2, head 0, self");
    expect(thumb(2, 0).querySelector(".inb-badge")?.textContent).toBe("S");
    expect([...el.querySelectorAll('[role="rowheader"]')].map((node) => node.textContent)).toEqual(["0", "2"]);
    expect(find(".inb-overview > .inb-badge-legend").textContent).toContain("previous token");
  });

  it("selects a head by click and asks for its pattern by its place in the list", () => {
    click(thumb(2, 1));
    expect(model.get("selected")).toEqual({ layer: 2, head: 1, dest: null, src: null });
    expect(model.last("pattern").params).toEqual({ layer: 1, head: 1 });
    expect(thumb(2, 1).getAttribute("aria-selected")).toBe("true");
    expect(find("h5").textContent).toBe("Layer 2, head 1");
  });

  it("shows only the heads with a role, or all of them by score", () => {
    choose("role", "first token");
    expect([...el.querySelectorAll(".inb-thumb")].map((node) => node.getAttribute("data-layer"))).toEqual(["0", "2"]);
    choose("role", "");
    choose("sort", "role:first_token");
    expect([...el.querySelectorAll(".inb-thumb-caption")].map((node) => node.textContent)).toEqual([
      "0.1  1.00",
      "2.1  0.42",
      "0.0  0.33",
      "2.0  0.00",
    ]);
  });

  it("walks over the heads with the arrows", () => {
    key(thumb(0, 0), "ArrowRight");
    expect(model.get("selected")).toMatchObject({ layer: 0, head: 1, dest: null });
    key(thumb(0, 1), "ArrowDown");
    expect(model.get("selected")).toMatchObject({ layer: 2, head: 1 });
    expect(document.activeElement).toBe(thumb(2, 1));
  });
});

describe("the enlarged head", () => {
  it("moves by keyboard and says where it is", () => {
    const canvas = find(".inb-head-canvas");
    key(canvas, "ArrowUp");
    key(canvas, "ArrowRight");
    expect(model.get("selected")).toEqual({ layer: 0, head: 0, dest: 3, src: 0 });
    expect(find(".inb-live").textContent).toContain("destination 3 ·sleep, source 0");
    key(canvas, "]");
    key(canvas, "PageDown");
    expect(model.get("selected")).toMatchObject({ layer: 2, head: 1 });
    key(canvas, "Escape");
    expect(model.get("selected")).toMatchObject({ dest: null, src: null });
  });

  it("fetches a head once and then its neighbours", async () => {
    expect(model.requests("pattern")).toHaveLength(1);
    await answerPattern();
    expect(model.requests("pattern").map(({ params }) => params)).toEqual([
      { layer: 0, head: 0 },
      { layer: 0, head: 1 },
    ]);
  });

  it("says when the full pattern cannot be had and keeps working", async () => {
    model.refuse("pattern", "NeedsKernel", "pattern needs a running kernel");
    await settle();
    expect(find(".inb-head-note").textContent).toContain("pattern needs a running kernel");
    click(thumb(0, 1));
    expect(find(".inb-head-note").hidden).toBe(true);
    expect(model.get("selected")).toMatchObject({ head: 1 });
  });

  it("follows a selection made in Python", async () => {
    model.set("selected", { layer: 2, head: 1, dest: 1, src: null });
    await settle();
    expect(find("h5").textContent).toBe("Layer 2, head 1");
    expect(token(1).classList.contains("inb-locked")).toBe(true);
  });
});

describe("the prompt", () => {
  it("is running text, one box per token", () => {
    expect(find(".inb-strip-text").textContent).toBe("<|endoftext|>The cats sleep");
    expect(el.querySelectorAll(".inb-strip-token")).toHaveLength(4);
  });

  it("locks a clicked token as destination and shades what it looks at", async () => {
    await answerPattern();
    click(token(2));
    expect(model.get("selected")).toMatchObject({ dest: 2, src: null });
    expect(token(1).getAttribute("aria-label")).toContain("attention 1.000");
    expect(token(1).style.backgroundColor).not.toBe(token(0).style.backgroundColor);
    expect(token(3).classList.contains("inb-masked")).toBe(true);
    click(token(2));
    expect(model.get("selected")).toMatchObject({ dest: null });
  });

  it("locks a clicked token as source and shades who looks at it", async () => {
    await answerPattern();
    click(named("as source"));
    click(token(2));
    expect(model.get("selected")).toMatchObject({ dest: null, src: 2 });
    expect(token(0).classList.contains("inb-masked")).toBe(true);
    expect(token(3).getAttribute("aria-label")).toContain("attention 1.000");
  });

  it("shades for a token that is only pointed at, without selecting it", async () => {
    await answerPattern();
    token(3).dispatchEvent(new MouseEvent("pointerover", { bubbles: true }));
    expect(token(2).getAttribute("aria-label")).toContain("attention 1.000");
    expect(model.get("selected")).toBeNull();
    find(".inb-strip-text").dispatchEvent(new MouseEvent("pointerleave"));
    expect(token(2).getAttribute("aria-label")).not.toContain("attention");
  });

  it("is edited in place: Ctrl+Enter recomputes, an error stands next to the field", async () => {
    click(named("Edit prompt"));
    const input = find<HTMLTextAreaElement>('[data-field="prompt"]');
    input.value = "";
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true, cancelable: true }));
    expect(model.last("recompute").params).toEqual({ prompt: "" });
    model.refuse("recompute", "PromptError", "the prompt is empty");
    await settle();
    expect(find(".inb-field-error").textContent).toBe("PromptError: the prompt is empty");
    expect(input.getAttribute("aria-invalid")).toBe("true");
  });

  it("drops the patterns of the old prompt when a new one is computed", async () => {
    await answerPattern();
    const before = model.requests("pattern").length;
    model.set("_meta", { ...(model.get("_meta") as object), tokens: ["x", "y", "z", "w"], inputs: { prompt: "xyzw" } });
    await settle();
    expect(model.requests("pattern")).toHaveLength(before + 1);
    expect(find(".inb-strip-text").textContent).toBe("xyzw");
    expect(find<HTMLTextAreaElement>('[data-field="prompt"]').value).toBe("xyzw");
  });
});

describe("safety and cleanliness", () => {
  it("shows hostile tokens, roles, prompts and errors as text", async () => {
    cleanup();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const [evil = ""] = HOSTILE;
    const tokens = HOSTILE.slice(0, 4);
    const badges = [
      [evil, evil],
      [evil, evil],
    ];
    const meta = {
      tokens,
      labels: { model: evil },
      code: evil,
      inputs: { prompt: HOSTILE.join("") },
      labelled: [
        {
          name: evil,
          mass: [
            [1, 1],
            [1, 1],
          ],
        },
      ],
    };
    start(
      traits(
        "attention",
        { error: evil },
        {
          ...meta,
          roles: {
            names: [evil],
            badges,
            scores: {
              [evil]: [
                [1, 1],
                [1, 1],
              ],
            },
          },
        },
      ),
    );
    click(token(0));
    key(find(".inb-head-canvas"), "ArrowRight");
    model.refuse("pattern", evil, evil);
    await settle();
    expect(el.querySelector("img, script, [onerror]")).toBeNull();
    expect((globalThis as { hacked?: boolean }).hacked).toBeUndefined();
    expect(token(0).textContent).toContain("<img src=x");
  });

  it("disables editing without a kernel but goes on asking for recorded patterns", () => {
    cleanup();
    start(traits("attention", { kernel: false }));
    expect(named("Recompute").disabled).toBe(true);
    expect(find(".inb-toolbar .inb-hint").textContent).toContain("needs a running kernel");
    click(thumb(0, 1));
    expect(model.last("pattern").params).toEqual({ layer: 0, head: 1 });
  });

  it("uses no ids and removes every listener", () => {
    expect(el.querySelectorAll("[id]")).toHaveLength(0);
    cleanup();
    expect(el.children).toHaveLength(0);
    expect(model.listenerCount()).toBe(1);
    close();
    expect(model.listenerCount()).toBe(0);
  });
});
