// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DashboardMeta, Detail, Label } from "../src/feature_dashboard/data.js";
import widget from "../src/feature_dashboard/widget.js";
import { FakeModel } from "./fake_model.js";
import { HOSTILE, pack, recorded, traits } from "./made.js";

const NAME = "feature_dashboard";
let model: FakeModel;
let el: HTMLElement;
let cleanup: () => void;
let close: () => void;

function start(changes: Record<string, unknown> = {}, meta: object = {}): void {
  model = new FakeModel(traits(NAME, changes, meta));
  const module = widget();
  close = module.initialize({ model: model.asModel() });
  el = document.createElement("div");
  document.body.append(el);
  cleanup = module.render({ model: model.asModel(), el });
}

function restart(changes: Record<string, unknown> = {}, meta: object = {}): void {
  end();
  start(changes, meta);
}

function end(): void {
  cleanup();
  close();
  el.remove();
}

const find = <E extends Element = HTMLElement>(selector: string): E => {
  const node = el.querySelector<E>(selector);
  if (!node) throw new Error(`nothing at ${selector}`);
  return node;
};
const texts = (selector: string) => [...el.querySelectorAll(selector)].map((node) => node.textContent);
const buttonNamed = (name: string): HTMLButtonElement => {
  const node = [...el.querySelectorAll("button")].find((each) => each.textContent === name);
  if (!node) throw new Error(`no button ${name}`);
  return node;
};
const named = <E extends HTMLElement = HTMLInputElement>(label: string): E => find<E>(`[aria-label="${label}"]`);
const click = (node: Element) => node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const key = (node: Element, name: string) =>
  node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const type = (input: HTMLInputElement | HTMLTextAreaElement, text: string) => {
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const pick = (select: HTMLSelectElement, value: string) => {
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
};
const tab = (name: string) => click(find(`[data-tab="${name}"]`));
const listed = () => texts(".inb-row .inb-row-index").map(Number);
const chosen = () => find(".inb-row[aria-selected='true']").dataset.latent;
const said = () => find("[aria-live]").textContent;
const wait = async (ms: number) => {
  await vi.advanceTimersByTimeAsync(ms);
};
/** The recorded answer to the newest request of a method, whatever that was. */
const answer = (method: string) => {
  const { result, buffers } = recorded(NAME, method);
  model.reply(method, result, buffers);
};
const detailOf = (latent: number, changes: Partial<Detail> = {}): Detail => ({
  ...(recorded(NAME, "detail").result as Detail),
  latent_idx: latent,
  ...changes,
});
const meta = () => model.get("_meta") as DashboardMeta;

beforeEach(() => {
  vi.useFakeTimers();
  start({ prompt: "" });
});
afterEach(() => {
  end();
  vi.useRealTimers();
});

describe("the list", () => {
  it("shows the living latents, the most interesting first, with label or tokens", () => {
    const order = [...listed()];
    expect(order).toHaveLength(5);
    expect(chosen()).toBe("0");
    expect(find('.inb-row[data-latent="1"]').textContent).toContain("cities");
    expect(find('.inb-row[data-latent="4"] .inb-row-text').textContent).toContain("é");
    expect(find('.inb-row[data-latent="4"] .inb-row-text').classList.contains("inb-mark")).toBe(true);
    expect(find(".inb-list-said").textContent).toBe("5 of 6");
  });

  it("is sorted by what one chooses, both ways, and tells Python", async () => {
    pick(named("sort by"), "latent_idx");
    expect(listed()).toEqual([...listed()].sort((a, b) => a - b));
    expect(model.get("sort")).toBe("latent_idx");
    click(find(".inb-turn"));
    expect(listed()).toEqual([...listed()].sort((a, b) => b - a));
    expect(model.get("sort")).toBe("-latent_idx");
    await wait(200);
    expect(model.saves).toBeGreaterThan(0);
  });

  it("follows Python's sort, query and selection", async () => {
    model.set("sort", "-density");
    await settleFake();
    const densities = listed().map((latent) => latent);
    expect(named<HTMLSelectElement>("sort by").value).toBe("density");
    expect(densities).toHaveLength(5);
    model.set("query", "dog");
    await settleFake();
    expect(named("search latents").value).toBe("dog");
    expect(model.last("search").params).toEqual({ text: "dog", by: "any", store: 0 });
    model.set("selected", { latent_idx: 4, pos: null });
    await wait(100);
    expect(model.last("detail").params).toEqual({ latent_idx: 4, store: 0 });
  });

  it("searches in the kernel while one types, best match first, and goes back", async () => {
    type(named("search latents"), "dog");
    await wait(250);
    answer("search");
    await settleFake();
    expect(listed()).toEqual([0]);
    expect(named<HTMLSelectElement>("sort by").value.trim()).toBe("match");
    expect(model.get("query")).toBe("dog");
    key(named("search latents"), "Escape");
    await wait(50);
    expect(listed()).toHaveLength(5);
    expect(model.get("query")).toBe("");
  });

  it("searches what is here when there is no kernel", async () => {
    restart({ prompt: "", kernel: false });
    type(named("search latents"), "PARIS");
    await wait(250);
    model.refuse("search", "NeedsKernel", "search needs a running kernel");
    await settleFake();
    expect(listed()).toEqual([1]);
    expect(find(".inb-list-said").textContent).toBe("1 of 6");
  });

  it("says why a search failed and shows nothing found", async () => {
    type(named("search latents"), "dog");
    await wait(250);
    model.refuse("search", "ConfigError", "search by any, label, token or text");
    await settleFake();
    expect(find(".inb-list-said").textContent).toContain("search by any");
    expect(listed()).toEqual([]);
  });

  it("is walked through with the keyboard", async () => {
    const order = listed();
    key(find(".inb-list"), "ArrowDown");
    await wait(100);
    expect(model.get("selected")).toEqual({ latent_idx: order[1], pos: null });
    expect(chosen()).toBe(String(order[1]));
    key(find(".inb-list"), "End");
    await wait(100);
    expect(chosen()).toBe(String(order.at(-1)));
    key(find(".inb-list"), "Home");
    expect(chosen()).toBe(String(order[0]));
  });

  it("goes from anywhere to the search field with a slash, but not while one types", () => {
    const event = new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true });
    find(".inb-list").dispatchEvent(event);
    expect(event.defaultPrevented).toBe(true);
    const typed = new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true });
    named("search latents").dispatchEvent(typed);
    expect(typed.defaultPrevented).toBe(false);
  });

  it("shows the dead, or what lies between two densities", () => {
    pick(named("show"), "dead");
    expect(listed()).toEqual([3]);
    pick(named("show"), "all");
    expect(listed()).toHaveLength(6);
    named("lowest density in percent").value = "10";
    named("lowest density in percent").dispatchEvent(new Event("change", { bubbles: true }));
    expect(listed().length).toBeLessThan(6);
    expect(listed().length).toBeGreaterThan(0);
  });

  it("puts only what is seen on the page, and asks for texts that are not here", async () => {
    const n = 12_000;
    const zeros = Array.from({ length: n }, (_, i) => i / n);
    const columns = pack({
      density: { dtype: "float32", shape: [n], values: zeros },
      flags: { dtype: "uint8", shape: [n], values: zeros.map(() => 0) },
    });
    restart({ prompt: "", sort: "density" }, { arrays: {}, n_rows: n, paged: true });
    expect(listed().length).toBeLessThan(10);
    model.reply("columns", { arrays: columns.arrays }, [columns.data]);
    await settleFake();
    expect(el.querySelectorAll(".inb-row").length).toBeLessThan(60);
    expect(listed()[0]).toBe(n - 1);
    await wait(100);
    const { latents } = model.last("rows").params as { latents: number[] };
    expect(latents).toContain(n - 1);
    expect(latents.length).toBeLessThanOrEqual(512);
    const some = latents.map(() => "");
    model.reply("rows", { latents, label: latents.map((i) => `the ${i}th`), concept: some, words: some });
    await settleFake();
    expect(find(".inb-row .inb-row-text").textContent).toBe(`the ${n - 1}th`);
  });
});

describe("the chosen latent", () => {
  it("is there at once, with its numbers, examples, logits and neighbours", () => {
    expect(find(".inb-latent-name").textContent).toBe("Latent 0");
    expect(texts(".inb-about dd").slice(0, 4)).toEqual(["6.3\u00a0%", "64", "8.000", "1.500"]);
    expect(texts(".inb-band h6")[0]).toContain("strongest");
    expect(find(".inb-run .inb-at").textContent).toBe("dog");
    expect(find(".inb-run .inb-at").getAttribute("aria-label")).toBe("·dog 8.000");
    expect(find(".inb-activations svg")).toBeTruthy();
    expect(el.querySelectorAll(".inb-logits .inb-bar").length).toBeGreaterThan(0);
    expect(model.requests("detail")).toHaveLength(0);
  });

  it("shades tokens by activation, and tells those that were not counted apart", () => {
    const run = find(".inb-run");
    expect(run.querySelector<HTMLElement>(".inb-at")?.style.background).not.toBe("");
    expect(run.querySelector(".inb-uncounted")?.textContent).toBe("<|endoftext|>");
  });

  it("says a token's value, its effect on the next one and where it is", () => {
    find(".inb-run .inb-at").dispatchEvent(new MouseEvent("pointermove", { bubbles: true }));
    const tip = find(".inb-tooltip");
    expect(tip.hidden).toBe(false);
    expect(tip.textContent).toContain("8.000");
    expect(tip.textContent).toContain("effect on it+4.000 logit");
    expect(tip.textContent).toContain("document 0, position 2");
    expect(tip.querySelector("mark")?.textContent).toBe("dog");
    find(".inb-about").dispatchEvent(new MouseEvent("pointermove", { bubbles: true }));
    expect(tip.hidden).toBe(true);
  });

  it("is another one after a click, asked for once", async () => {
    click(find('.inb-row[data-latent="1"]'));
    expect(find(".inb-about").classList.contains("inb-stale")).toBe(true);
    await wait(100);
    model.reply("detail", detailOf(1));
    await settleFake();
    expect(find(".inb-latent-name").textContent).toBe("Latent 1");
    expect(said()).toContain("latent 1, cities");
    click(find('.inb-row[data-latent="0"]'));
    click(find('.inb-row[data-latent="1"]'));
    await wait(100);
    expect(model.requests("detail")).toHaveLength(1);
  });

  it("drops a detail that came too late", async () => {
    click(find('.inb-row[data-latent="1"]'));
    await wait(100);
    const first = model.last("detail");
    click(find('.inb-row[data-latent="2"]'));
    await wait(100);
    model.receive({ v: 1, kind: "reply", id: first.id, ok: true, result: detailOf(1) });
    await settleFake();
    expect(find(".inb-latent-name").textContent).not.toBe("Latent 1");
    model.reply("detail", detailOf(2));
    await settleFake();
    expect(find(".inb-latent-name").textContent).toBe("Latent 2");
  });

  it("keeps what the list knows when the detail is refused", async () => {
    click(find('.inb-row[data-latent="1"]'));
    await wait(100);
    model.refuse("detail", "NeedsKernel", "detail needs a running kernel");
    await settleFake();
    expect(find(".inb-latent-name").textContent).toBe("Latent 1");
    expect(find(".inb-main > .inb-field-error").textContent).toContain("needs a running kernel");
    expect(find(".inb-tab-body").hidden).toBe(true);
    click(find('.inb-row[data-latent="0"]'));
    expect(find(".inb-tab-body").hidden).toBe(false);
  });

  it("leads to its neighbours", async () => {
    const chip = find<HTMLButtonElement>(".inb-neighbours .inb-jump");
    click(chip);
    expect((model.get("selected") as { latent_idx: number }).latent_idx).toBe(Number(chip.dataset.latent));
  });

  it("shows the heads of a latent that writes to heads, and of no other", () => {
    expect(el.querySelector(".inb-heads")).toBeNull();
    restart({ prompt: "" }, { first: { detail: detailOf(0, { heads: [0.75, 0.25] }) } });
    expect(texts(".inb-heads .inb-bar-label")).toEqual(["head 0", "head 1"]);
    expect(texts(".inb-heads .inb-bar-value")).toEqual(["75 %", "25 %"]);
    expect(find(".inb-heads .inb-bar-fill").style.width).toBe("100%");
  });

  it("has no way to a neighbour that is not here", () => {
    const detail = detailOf(0, { neighbours: [{ latent_idx: 999, value: 0.5, label: "", words: "" }] });
    restart({ prompt: "" }, { first: { detail } });
    expect(find<HTMLButtonElement>(".inb-neighbours .inb-jump").disabled).toBe(true);
  });

  it("of a dead latent says that it never fired", async () => {
    const dead = recorded(NAME, "detail").result as Detail;
    const facts = { ...dead.facts, dead: true, count: 0 };
    const detail = { ...dead, latent_idx: 0, facts, bands: [], examples: [], histogram: [0, 0, 0, 0], top_tokens: [] };
    restart({ prompt: "" }, { first: { detail } });
    expect(find(".inb-latent-name").textContent).toContain("dead");
    expect(find(".inb-where").textContent).toContain("nowhere");
    expect(find(".inb-activations").textContent).toContain("never fired");
  });

  it("is entered by one tab stop and walked through by arrows", () => {
    document.body.append(el);
    const tokens = [...find(".inb-run").querySelectorAll<HTMLElement>("[data-at]")];
    expect(el.querySelectorAll("[data-at][tabindex='0']")).toHaveLength(1);
    tokens[2]?.focus();
    key(tokens[2] as Element, "ArrowRight");
    expect(document.activeElement).toBe(tokens[3]);
    key(tokens[3] as Element, "Home");
    expect(document.activeElement).toBe(tokens[0]);
  });
});

describe("labels", () => {
  it("are typed, saved with a name and shown in list and head", async () => {
    click(buttonNamed("Edit"));
    type(named("label"), "dogs and other pets");
    type(named("your name"), "ada");
    find(".inb-label-form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    expect(model.last("label").params).toEqual({ latent_idx: 0, text: "dogs and other pets", author: "ada" });
    const label = {
      text: "dogs and other pets",
      method: "human",
      author: "ada",
      time: "2026-01-01T00:00:00+00:00",
      human: true,
      reliable: null,
      score: {},
    };
    model.reply("label", { label, labels: [label, ...detailOf(0).labels] });
    await settleFake();
    expect(find(".inb-label-text").textContent).toBe("dogs and other pets");
    expect(find(".inb-label-line .inb-hint").textContent).toBe("ada · 2026-01-01");
    expect(find('.inb-row[data-latent="0"] .inb-row-text').textContent).toBe("dogs and other pets");
    expect(find(".inb-label-form").hidden).toBe(true);
    expect(find(".inb-label-older").hidden).toBe(false);
  });

  it("of a machine that are newer than the person's are earlier ones, and the person's is not", () => {
    const entry = (text: string, human: boolean, day: number): Label => ({
      text,
      method: human ? "human" : "tokens",
      author: human ? "ada" : "interp_nb",
      time: `2026-01-0${day}T00:00:00+00:00`,
      human,
      reliable: null,
      score: {},
    });
    const [newest, own, oldest] = [entry("newest", false, 3), entry("own", true, 2), entry("oldest", false, 1)];
    const show = (label: Label | null, labels: Label[]) =>
      restart({ prompt: "" }, { first: { detail: detailOf(0, { label, labels }) } });
    const earlier = () => texts(".inb-label-older li > span:first-child");
    show(own, [newest, own, oldest]);
    expect(earlier()).toEqual(["newest", "oldest"]);
    // A verdict on a machine's label is no part of its entry.
    show({ ...newest, reliable: false }, [newest, oldest]);
    expect(earlier()).toEqual(["oldest"]);
    show(null, [own]);
    expect(earlier()).toEqual(["own"]);
  });

  it("that changed elsewhere are asked for again", async () => {
    click(find('.inb-row[data-latent="1"]'));
    await wait(100);
    model.reply("detail", detailOf(1));
    await settleFake();
    model.set("_meta", { ...meta(), as_of: [[1, 1024, 9999]] });
    await wait(200);
    expect(model.requests("detail")).toHaveLength(2);
    const label = { ...(detailOf(1).label as Label), text: "from elsewhere" };
    model.reply("detail", detailOf(1, { label }));
    await settleFake();
    expect(find(".inb-label-text").textContent).toBe("from elsewhere");
  });

  it("that are refused stay in the field, with the reason", async () => {
    click(buttonNamed("Edit"));
    type(named("label"), "x");
    find(".inb-label-form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    model.refuse("label", "ConfigError", "a person's label needs an author");
    await settleFake();
    expect(find(".inb-label-form .inb-field-error").textContent).toBe("a person's label needs an author");
    expect(named("label").value).toBe("x");
    key(named("label"), "Escape");
    expect(find(".inb-label-form").hidden).toBe(true);
  });

  it("cannot be typed where they cannot be kept", () => {
    restart({ prompt: "", kernel: false });
    expect(find(".inb-label-line .inb-link").hidden).toBe(true);
  });

  it("keep scroll, order and choice when the columns come again", async () => {
    const before = listed();
    model.set("_meta", { ...meta() });
    await settleFake();
    expect(listed()).toEqual(before);
    expect(chosen()).toBe("0");
  });
});

describe("a text of one's own", () => {
  beforeEach(() => tab("text"));
  const write = async (text = "The dog") => {
    type(named<HTMLTextAreaElement>("text"), text);
    await wait(500);
  };

  it("ranks latents on it, with a heat map and shaded tokens", async () => {
    await write();
    expect(model.requests("text")).toHaveLength(1);
    expect(model.last("text").params).toEqual({
      prompt: "The dog",
      rank_by: "max",
      pos: null,
      n: 20,
      answer: "",
      wrong: "",
      latents: null,
      store: 0,
    });
    expect(model.get("prompt")).toBe("The dog");
    answer("text");
    await settleFake();
    expect(texts(".inb-heat-row .inb-row-index")).toEqual(["0", "5"]);
    expect(texts(".inb-heat-row .inb-heat-count")).toEqual(["2×", "2×"]);
    expect(find(".inb-heat-row").getAttribute("aria-label")).toContain("fires on 2 tokens");
    expect(texts(".inb-strip-text [data-at]")).toEqual(["<|endoftext|>", "The", "dog"]);
    expect(find<HTMLElement>(".inb-strip-text [data-at='2']").style.background).not.toBe("");
  });

  it("waits until one stops typing", async () => {
    for (const text of ["T", "Th", "The"]) {
      type(named<HTMLTextAreaElement>("text"), text);
      await wait(100);
    }
    expect(model.requests("text")).toHaveLength(0);
    await wait(400);
    expect(model.requests("text").map(({ params }) => params.prompt)).toEqual(["The"]);
  });

  it("is ranked on one token after a click, and on the whole again", async () => {
    await write();
    answer("text");
    await settleFake();
    click(find(".inb-strip-text [data-at='2']"));
    await wait(50);
    expect(model.get("selected")).toEqual({ latent_idx: 0, pos: 2 });
    expect(model.last("text").params.pos).toBe(2);
    model.refuse("text", "NeedsKernel", "text needs a running kernel");
    await settleFake();
    expect(find(".inb-text-panel").textContent).toContain("Ranked among the latents that are here.");
    click(buttonNamed("token 2 ×"));
    await wait(50);
    expect(model.last("text").params.pos).toBeNull();
  });

  it("chooses the latent of a row", async () => {
    await write();
    answer("text");
    await settleFake();
    click(find(".inb-heat-row[data-latent='5'] .inb-heat-name"));
    await wait(100);
    expect((model.get("selected") as { latent_idx: number }).latent_idx).toBe(5);
    expect(find(".inb-heat-row[data-latent='5']").getAttribute("aria-selected")).toBe("true");
  });

  it("asks for the chosen latent too where it is not among the strongest", async () => {
    model.set("selected", { latent_idx: 4, pos: null });
    await wait(100);
    model.reply("detail", detailOf(4));
    await write();
    answer("text");
    await wait(100);
    expect(model.last("text").params.latents).toEqual([4]);
  });

  it("needs an answer before it is ranked by what helps it", async () => {
    await write();
    answer("text");
    await settleFake();
    pick(named("rank latents by"), "direct");
    expect(find(".inb-text-panel").textContent).toContain("Type the answer");
    expect(model.requests("text")).toHaveLength(1);
    type(named("answer"), " runs");
    await wait(450);
    expect(model.last("text").params).toMatchObject({ rank_by: "direct", answer: " runs" });
    const direct = recordedDirect();
    model.reply("text", direct.result, direct.buffers);
    await settleFake();
    expect(find(".inb-text-panel").textContent).toContain("Logit of “·runs” over “·sleeps”: +2.00");
    expect(find(".inb-ramp-key").textContent).toContain("direct effect");
  });

  it("shows a refusal and goes on", async () => {
    await write();
    model.refuse("text", "ConfigError", "The text is too long.");
    await settleFake();
    expect(find(".inb-text-panel").textContent).toContain("The text is too long.");
    await write("The");
    answer("text");
    await settleFake();
    expect(find(".inb-text-panel").textContent).not.toContain("too long");
  });

  it("says that it needs the model", () => {
    restart(
      { prompt: "" },
      { live: false, can: { text: false, effect: false, label: true, compare: true, answer: false } },
    );
    tab("text");
    expect(named<HTMLTextAreaElement>("text").disabled).toBe(true);
    expect(find(".inb-prompt").textContent).toContain("needs the model");
  });

  it("can be the latent's strongest example", async () => {
    click(buttonNamed("Its strongest example"));
    await wait(400);
    expect(model.last("text").params.prompt).toBe("The dog");
  });
});

describe("an intervention", () => {
  beforeEach(async () => {
    restart({ prompt: "The" });
    tab("effect");
    await wait(10);
  });

  it("ablates at once and shows what comes next, before and after", async () => {
    expect(model.last("effect").params).toEqual({
      latent_idx: 0,
      prompt: "The",
      kind: "ablate",
      strength: null,
      store: 0,
    });
    answer("effect");
    await settleFake();
    expect(texts(".inb-change-name")).toEqual(["·cat", "·dog"]);
    expect(find(".inb-change").textContent).toContain("25 %");
    expect(find(".inb-effect-result").textContent).toContain("cat sleeps");
  });

  it("boosts by what the slider says, asked for when it rests", async () => {
    click(buttonNamed("Boost"));
    await wait(10);
    expect(model.last("effect").params).toMatchObject({ kind: "boost", strength: 4 });
    const slider = named("strength");
    for (const value of ["6", "8"]) type(slider, value);
    await wait(250);
    expect(model.requests("effect").map(({ params }) => params.strength)).toEqual([null, 4, 8]);
    expect(find(".inb-strength").textContent).toBe("8 ×");
  });

  it("says when nothing changes because the latent does not fire", async () => {
    const { result } = recorded(NAME, "effect");
    model.reply("effect", { ...(result as object), acts: [null, 0] });
    await settleFake();
    expect(find(".inb-effect-panel").textContent).toContain("does not fire on this text");
  });
});

describe("a comparison", () => {
  it("asks for the counterpart in the second store and shows both", async () => {
    tab("compare");
    await wait(100);
    expect(model.last("compare").params).toEqual({ latent_idx: 0, other: null, store: 1 });
    answer("compare");
    await settleFake();
    expect(model.last("detail").params).toEqual({ latent_idx: 1, store: 1 });
    model.reply("detail", detailOf(1, { store: 1 }));
    await settleFake();
    expect(texts(".inb-side-head h5").map((text) => text?.trim())).toEqual([
      "Latent 0 animal: dog · store",
      "Latent 1 cities · other",
    ]);
    expect(texts(".inb-alike dd")[0]).toBe("+0.5000");
  });

  it("compares with a pinned latent", async () => {
    click(buttonNamed("Pin"));
    expect(buttonNamed("Unpin 0").getAttribute("aria-pressed")).toBe("true");
    click(find('.inb-row[data-latent="1"]'));
    await wait(100);
    model.reply("detail", detailOf(1));
    await settleFake();
    tab("compare");
    await wait(100);
    expect(model.last("compare").params).toEqual({ latent_idx: 1, other: 0, store: 0 });
  });
});

describe("the map", () => {
  it("is asked for when it is opened, and once", async () => {
    expect(model.requests("map")).toHaveLength(0);
    tab("map");
    await wait(10);
    expect(model.last("map").params).toEqual({ method: "pca", store: 0 });
    answer("map");
    await settleFake();
    tab("latent");
    tab("map");
    await wait(10);
    expect(model.requests("map")).toHaveLength(1);
    expect(find(".inb-map-panel").textContent).toContain("50 % of the variance");
  });

  it("offers what the kernel can draw, and says what the rest lacks", async () => {
    tab("map");
    await wait(10);
    answer("map");
    await settleFake();
    const kinds = find<HTMLSelectElement>("select[aria-label='kind of map']");
    const options = () => [...kinds.options].map(({ value, disabled, textContent }) => [value, disabled, textContent]);
    expect(options()).toEqual([
      ["pca", false, "PCA"],
      ["umap", true, "UMAP, needs umap-learn: pip install umap-learn"],
    ]);

    const n = meta().n_rows;
    const xy = pack({ xy: { dtype: "float32", shape: [n, 2], values: Array.from({ length: 2 * n }, (_, i) => i) } });
    kinds.options[1]?.removeAttribute("disabled");
    kinds.value = "umap";
    kinds.dispatchEvent(new Event("change", { bubbles: true }));
    await wait(10);
    expect(model.last("map").params).toEqual({ method: "umap", store: 0 });
    expect(find(".inb-map-panel").textContent).toContain("may take minutes");
    model.reply("map", { method: "umap", note: "near is alike", methods: { pca: "", umap: "" }, arrays: xy.arrays }, [
      xy.data,
    ]);
    await settleFake();
    expect(find(".inb-map-panel").textContent).toContain("near is alike");
    expect(kinds.value).toBe("umap");
    expect(options()[1]).toEqual(["umap", false, "UMAP"]);
  });

  it("is walked through with arrows", async () => {
    tab("map");
    await wait(10);
    const n = meta().n_rows;
    const xy = pack({
      xy: { dtype: "float32", shape: [n, 2], values: Array.from({ length: 2 * n }, (_, i) => (i % 2 ? 0 : i / 2)) },
    });
    model.reply("map", { method: "pca", note: "", methods: { pca: "" }, arrays: xy.arrays }, [xy.data]);
    await settleFake();
    const canvas = find<HTMLCanvasElement>(".inb-map");
    Object.defineProperties(canvas, { clientWidth: { value: 400 }, clientHeight: { value: 200 } });
    canvas.dispatchEvent(new MouseEvent("pointermove", { clientX: 13, clientY: 100, bubbles: true }));
    expect(find(".inb-tooltip").hidden).toBe(false);
    expect(find(".inb-tooltip").textContent).toContain("0 animal: dog");
    key(canvas, "ArrowRight");
    await wait(10);
    expect((model.get("selected") as { latent_idx: number }).latent_idx).toBe(1);
  });
});

describe("the whole", () => {
  it("shows hostile strings as text", () => {
    const detail = detailOf(0, {
      strings: HOSTILE,
      examples: [
        {
          band: -1,
          doc: 0,
          pos: 0,
          at: 1,
          value: 1,
          tokens: HOSTILE.map((_, i) => i),
          values: HOSTILE.map(() => 1),
          effects: [],
        },
      ],
      label: {
        text: HOSTILE[0] as string,
        method: HOSTILE[1] as string,
        author: HOSTILE[2] as string,
        time: "",
        human: true,
        reliable: null,
        score: {},
      },
    });
    restart(
      { prompt: "" },
      {
        first: { detail },
        labels: { heading: HOSTILE[0] },
        rows: { latents: [0], label: [HOSTILE[0]], concept: [HOSTILE[1]], words: [HOSTILE[3]] },
      },
    );
    expect(el.querySelectorAll("img, script").length).toBe(0);
    expect((globalThis as { hacked?: boolean }).hacked).toBeUndefined();
    expect(find(".inb-label-text").textContent).toContain("<img src=x");
    expect(find(".inb-run").textContent).toContain("⟨202E⟩");
    expect(find(".inb-run").textContent?.length).toBeLessThan(400);
  });

  it("asks for the code of the view when it is looked at", async () => {
    expect(model.requests("code")).toHaveLength(0);
    click(buttonNamed("Code"));
    await wait(300);
    model.reply("code", { code: "dashboard.show()" });
    await settleFake();
    expect(find(".inb-code code").textContent).toBe("dashboard.show()");
  });

  it("shows the code that came with the view when there is no kernel", async () => {
    restart({ prompt: "", kernel: false });
    click(buttonNamed("Code"));
    await wait(300);
    model.refuse("code", "NeedsKernel", "code needs a running kernel");
    await settleFake();
    expect(find(".inb-code code").textContent).toBe(meta().code);
  });

  it("has tabs that the keyboard goes through", () => {
    key(find('[data-tab="latent"]'), "ArrowRight");
    expect(find('[data-tab="text"]').getAttribute("aria-selected")).toBe("true");
    key(find('[data-tab="text"]'), "End");
    expect(find('[data-tab="map"]').getAttribute("aria-selected")).toBe("true");
  });

  it("leaves nothing behind", () => {
    end();
    expect(model.listenerCount()).toBe(0);
    expect(el.children).toHaveLength(0);
    start({ prompt: "" });
  });
});

/** Promises only: the clock is the test's. */
async function settleFake(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await vi.advanceTimersByTimeAsync(0);
}

function recordedDirect(): { result: unknown; buffers: DataView[] } {
  const { result } = recorded(NAME, "text");
  const arrays = pack({
    acts: { dtype: "float32", shape: [1, 3], values: [Number.NaN, 0, 2] },
    direct: { dtype: "float32", shape: [1, 3], values: [Number.NaN, 0, -0.5] },
  });
  const changes = {
    rank_by: "direct",
    latents: [5],
    score: [-0.5],
    metric: 2,
    parts: null,
    answer: " runs",
    wrong: " sleeps",
  };
  return { result: { ...(result as object), ...changes, arrays: arrays.arrays }, buffers: [arrays.data] };
}
