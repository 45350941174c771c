// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../src/sae_report/widget.js";
import { FakeModel } from "./fake_model.js";
import { HOSTILE, recorded, traits } from "./made.js";

let model: FakeModel;
let el: HTMLElement;
let cleanup: () => void;
let close: () => void;

function start(name: "sae_report" | "sae_comparison", changes: Record<string, unknown> = {}, meta: object = {}): void {
  model = new FakeModel(traits(name, { with_bos: false, ...changes }, meta));
  const module = widget();
  close = module.initialize({ model: model.asModel() });
  el = document.createElement("div");
  document.body.append(el);
  cleanup = module.render({ model: model.asModel(), el });
}

function end(): void {
  cleanup();
  close();
  el.remove();
}

function restart(
  name: "sae_report" | "sae_comparison",
  changes: Record<string, unknown> = {},
  meta: object = {},
): void {
  end();
  start(name, changes, meta);
}

const find = <E extends Element = HTMLElement>(selector: string): E => {
  const node = el.querySelector<E>(selector);
  if (!node) throw new Error(`nothing at ${selector}`);
  return node;
};
const texts = (selector: string) => [...el.querySelectorAll(selector)].map((node) => node.textContent);
const shown = (selector: string) =>
  [...el.querySelectorAll<HTMLElement>(selector)].filter((node) => !node.closest("[hidden]"));
const click = (node: Element) => node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const key = (node: Element, name: string) =>
  node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const tab = (name: string) => click(find(`[data-tab="${name}"]`));
const wait = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const rows = () => [...el.querySelectorAll<HTMLElement>("tr[data-concept]")];
const names = () => rows().map((row) => row.querySelector("th")?.textContent);
const cell = (keyed: string) => find(`[data-key="${keyed}"]`);
const said = () => find("[aria-live='polite']").textContent;
const metaOf = () => structuredClone(model.get("_meta")) as Record<string, unknown> & { reports: object[] };

beforeEach(() => {
  vi.useFakeTimers();
  start("sae_report");
});
afterEach(() => {
  end();
  vi.useRealTimers();
});

describe("a report", () => {
  it("gives advice first and says what it was measured on", () => {
    expect(texts(".inb-advice li")).toEqual([
      "25 % of the latents never fired: train with AuxK, or with fewer latents.",
    ]);
    expect(find(".inb-measured").textContent).toContain("2,048 tokens in 60 documents of pocket world");
    expect(find(".inb-how summary").textContent).toBe("How it was measured: 1 note");
    const order = find(".inb-advice").compareDocumentPosition(find(".inb-tabs"));
    expect(order & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
  });

  it("shows every number of the overview with its interval and one sentence", () => {
    const lines = shown(".inb-measures tr").filter((row) => row.querySelector(".inb-measure"));
    expect(lines).toHaveLength(12);
    for (const line of lines) expect(line.textContent).toMatch(/\[.*\]|no interval/);
    expect(cell("explained_variance.0").textContent).toBe("0.875[0.859, 0.891]");
    expect(cell("dead_fraction.0").textContent).toBe("0.250no interval");
    for (const line of lines) expect(line.querySelector(".inb-measure-says")?.textContent).toMatch(/\.$/);
  });

  it("switches begin-of-text tokens in and out", () => {
    const box = find<HTMLInputElement>(".inb-switch input");
    box.checked = true;
    box.dispatchEvent(new Event("change"));
    expect(model.get("with_bos")).toBe(true);
    expect(cell("explained_variance.0").textContent).toBe("0.984with BOS");
    // What has no such figure stays as it is.
    expect(cell("probe_k1.0").textContent).toContain("[0.688, 0.813]");
    model.set("with_bos", false);
    expect(cell("explained_variance.0").textContent).toContain("0.875");
    expect(box.checked).toBe(false);
  });

  it("opens a part by mouse and keys, and follows Python", () => {
    tab("sparsity");
    expect(model.get("tab")).toBe("sparsity");
    expect(shown(".inb-asks")[0]?.textContent).toContain("How few latents");
    key(find('[data-tab="sparsity"]'), "ArrowRight");
    expect(model.get("tab")).toBe("features");
    expect(shown(".inb-tables table")).toHaveLength(2);
    model.set("tab", "causal");
    expect(shown(".inb-plain tbody tr")).toHaveLength(3);
    expect(shown("[data-tab]").map((node) => node.dataset.tab)).not.toContain("tradeoff");
  });

  it("says a bar of a histogram to the keyboard", () => {
    tab("sparsity");
    const [density] = shown(".inb-figure");
    if (!density) throw new Error("no histogram");
    key(density, "ArrowRight");
    expect(said()).toBe("0.1 % to 1 %: 4 (67 %)");
    key(density, "End");
    expect(said()).toBe("10 % to 100 %: 1 (17 %)");
  });
});

describe("the concepts", () => {
  beforeEach(() => tab("truth"));

  it("of the token stand apart, after those of the context", () => {
    expect(names()).toEqual(["entity_type=city", "sentiment=<b>bad</b>", "punctuation=comma"]);
    const heads = shown(".inb-concepts .inb-measure-group").map((row) => row.textContent);
    expect(heads[0]).toContain("Context decides 1 of 2 with F1 ≥ 0.5");
    expect(heads[1]).toContain("The token alone decides 1 of 1");
    expect(el.querySelector("b")).toBeNull();
  });

  it("are sorted by a click on a column's name, the other way by a second one", () => {
    click(find('[data-sort="f1"]'));
    expect(model.get("sort")).toBe("f1");
    expect(names().slice(0, 2)).toEqual(["sentiment=<b>bad</b>", "entity_type=city"]);
    expect(find('th[aria-sort="ascending"]').textContent).toContain("F1");
    click(find('[data-sort="n_tokens"]'));
    expect(model.get("sort")).toBe("-n_tokens");
    click(find('[data-sort="name"]'));
    expect(model.get("sort")).toBe("name");
  });

  it("are filtered as one types", () => {
    const search = find<HTMLInputElement>('input[type="search"]');
    search.value = "city";
    search.dispatchEvent(new Event("input"));
    expect(names()).toEqual(["entity_type=city"]);
    expect(model.get("query")).toBe("city");
    search.value = "zebra";
    search.dispatchEvent(new Event("input"));
    expect(rows()).toHaveLength(0);
    expect(find(".inb-concept-part").textContent).toContain("No concept is called “zebra”.");
    model.set("query", "");
    expect(rows()).toHaveLength(3);
  });

  it("choose a latent, whose contexts the kernel is asked for once", async () => {
    click(rows()[0] as HTMLElement);
    expect(model.get("selected")).toEqual({ latent_idx: 3, sae: 0 });
    await wait(100);
    expect(model.last("contexts").params).toEqual({ latent_idx: 3, sae: 0 });
    const { result } = recorded("sae_report", "contexts");
    model.reply("contexts", result);
    await wait();
    expect(texts(".inb-examples li")).toEqual(["2.000The city of Paris is", "1.500 in <i>Rome</i>"]);
    expect(find(".inb-latent-head h5").textContent).toBe("Latent 3");
    expect(find(".inb-known").textContent).toContain("best for entity_type=city: F1 0.750");
    expect(rows()[0]?.getAttribute("aria-selected")).toBe("true");
    click(rows()[2] as HTMLElement);
    await wait(100);
    click(rows()[0] as HTMLElement);
    await wait(100);
    expect(model.requests("contexts").filter(({ params }) => params.latent_idx === 3)).toHaveLength(1);
    click(find(".inb-latent-head button"));
    expect(model.get("selected")).toEqual({ latent_idx: null, sae: 0 });
    expect(find(".inb-latent-panel").hidden).toBe(true);
  });

  it("are walked with arrows; one that has no latent chooses none", () => {
    (rows()[0] as HTMLElement).focus();
    key(rows()[0] as HTMLElement, "ArrowDown");
    expect(document.activeElement).toBe(rows()[1]);
    expect(model.get("selected")).toBeNull();
    key(rows()[1] as HTMLElement, "End");
    expect(model.get("selected")).toEqual({ latent_idx: 5, sae: 0 });
    expect(rows()[2]?.getAttribute("aria-label")).toMatch(/^punctuation=comma: latent 5, F1 0.875 \[/);
    key(rows()[2] as HTMLElement, "Home");
    key(rows()[0] as HTMLElement, "Enter");
    expect(model.get("selected")).toEqual({ latent_idx: 3, sae: 0 });
  });

  it("that are refused say why in the panel, not in the strip", async () => {
    click(rows()[0] as HTMLElement);
    await wait(100);
    model.refuse("contexts", "ConfigError", "the text is gone");
    await wait();
    expect(find(".inb-contexts").textContent).toBe("the text is gone");
    expect(find(".inb-error-strip").hidden).toBe(true);
  });

  it("of a report without its model ask nobody", async () => {
    const reports = metaOf().reports.map((each) => ({ ...each, live: false }));
    restart("sae_report", { tab: "truth", selected: { latent_idx: 3, sae: 0 } }, { reports });
    await wait(100);
    expect(model.requests("contexts")).toHaveLength(0);
    expect(find(".inb-contexts").textContent).toContain("needs the model");
  });
});

describe("what is not there", () => {
  it("is said: no concepts, skipped groups, no advice", () => {
    const meta = metaOf();
    const [words] = meta.reports;
    const skipped = { truth: "the text has no labels" };
    const kept = (meta.metrics as { group: string }[]).filter(({ group }) => group !== "truth");
    const arrays = { ...(meta.arrays as Record<string, { shape: number[] }>) };
    arrays["concepts.0"] = { ...arrays["concepts.0"], shape: [0, 13] };
    arrays["values.0"] = { ...arrays["values.0"], shape: [kept.length, 4] };
    restart("sae_report", { tab: "truth" }, { arrays, metrics: kept, reports: [{ ...words, advice: [], skipped }] });
    expect(shown(".inb-group-panel .inb-hint")[0]?.textContent).toBe("Not measured: the text has no labels");
    expect(rows()).toHaveLength(0);
    expect(texts(".inb-advice li")).toEqual(["Nothing stands out in these numbers."]);
  });

  it("is still being measured while a job runs, with Stop at hand", async () => {
    const [words] = metaOf().reports;
    const reports = [{ ...words, pending: ["causal", "truth"], advice: [] }];
    restart("sae_report", { state: "running", progress: 0.6 }, { reports });
    expect(find(".inb-progress").textContent).toContain("measuring 60 %");
    expect(find(".inb-progress").textContent).toContain("still to come: causal use, ground truth");
    expect(find<HTMLElement>(".inb-advice").hidden).toBe(true);
    const stop = [...el.querySelectorAll("button")].find((each) => each.textContent === "Stop");
    click(stop as HTMLElement);
    await wait();
    expect(model.last("control").params).toEqual({ action: "stop" });
    model.set("_meta", { ...metaOf(), reports: [{ ...words, advice: HOSTILE }] });
    model.set("state", "stopped");
    await wait();
    expect(find(".inb-progress").textContent).toContain("partial result");
    expect(el.querySelector("img")).toBeNull();
    expect((globalThis as { hacked?: boolean }).hacked).toBeUndefined();
  });
});

describe("several SAEs", () => {
  beforeEach(() => restart("sae_comparison"));

  it("stand side by side; differences are marked only where intervals say so", () => {
    expect(cell("explained_variance.1").querySelector(".inb-verdict")?.textContent).toBe("▼");
    expect(cell("explained_variance.0").querySelector(".inb-verdict")?.textContent).toBe("");
    expect(cell("dead_fraction.1").querySelector(".inb-verdict")?.getAttribute("data-how")).toBe("better");
    expect(cell("l0.1").querySelector(".inb-verdict")?.textContent).toBe("");
  });

  it("are compared with the one that is chosen", () => {
    shown(".inb-sae-head")[1]?.focus();
    click(shown(".inb-sae-head")[1] as HTMLElement);
    expect(model.get("selected")).toEqual({ latent_idx: null, sae: 1 });
    expect((document.activeElement as HTMLElement).dataset.key).toBe("head.1");
    expect(cell("explained_variance.0").querySelector(".inb-verdict")?.textContent).toBe("▲");
    expect(find(".inb-advice").textContent).toContain("What to change about SAE 1");
  });

  it("lie on a front, on which arrows choose", () => {
    tab("tradeoff");
    const plane = find(".inb-pareto .inb-plane");
    expect(plane.getAttribute("aria-label")).toContain("SAE 1: L0 8.5, loss recovered (mean ablation) 0.8125");
    key(plane, "ArrowRight");
    expect(model.get("selected")).toEqual({ latent_idx: null, sae: 1 });
    expect(said()).toContain("beaten by SAE 0");
  });

  it("have concepts side by side; a cell chooses its SAE's latent", () => {
    tab("truth");
    expect(shown(".inb-sae-pick").map((node) => node.textContent)).toEqual(["SAE 0", "SAE 1"]);
    click(rows()[0]?.querySelector('td[data-sae="1"]') as HTMLElement);
    expect(model.get("selected")).toEqual({ latent_idx: 3, sae: 1 });
    key(rows()[0] as HTMLElement, "ArrowLeft");
    expect(model.get("selected")).toEqual({ latent_idx: null, sae: 0 });
  });
});

describe("a law", () => {
  beforeEach(() => restart("sae_comparison", { tab: "scaling", prediction: { n: 8192, k: 16 } }));
  const predicted = () => find(".inb-predicted").textContent;

  it("is read at the sliders' stops without asking", async () => {
    expect(predicted()).toMatch(/^At n = 8.19\u00a0k, k = 16: 0\.6406 /);
    const slider = find<HTMLInputElement>('input[data-axis="n"]');
    slider.value = "0";
    slider.dispatchEvent(new Event("input"));
    expect(model.get("prediction")).toEqual({ n: 256, k: 16 });
    expect(predicted()).toMatch(/^At n = 256, k = 16: 0\.875 /);
    await wait(300);
    expect(model.requests("predict")).toHaveLength(0);
  });

  it("is asked of the kernel between them", async () => {
    const typed = find<HTMLInputElement>('input[aria-label="n, typed"]');
    typed.value = "2,000";
    typed.dispatchEvent(new Event("change"));
    await wait(150);
    expect(model.last("predict").params).toEqual({ n: 2000, k: 16 });
    model.reply("predict", recorded("sae_comparison", "predict").result);
    await wait();
    expect(find(".inb-scaling").textContent).toContain("This goes beyond what was fitted");
    typed.value = "-1";
    typed.dispatchEvent(new Event("change"));
    expect(typed.getAttribute("aria-invalid")).toBe("true");
    expect(model.get("prediction")).toEqual({ n: 2000, k: 16 });
  });

  it("says on a saved page that it is read at its stops only", async () => {
    model.set("prediction", { n: 1000.5, k: 16 });
    await wait(150);
    model.refuse("predict", "NeedsKernel", "predict needs a running kernel");
    await wait();
    expect(find(".inb-scaling").textContent).toContain("at the sliders' stops only");
  });
});

describe("the view", () => {
  it("leaves nothing behind", () => {
    const before = model.listenerCount();
    cleanup();
    expect(el.querySelector(".inb-sae_report")).toBeNull();
    expect(model.listenerCount()).toBeLessThan(before - 5);
  });

  it("asks for the code of the view while it is seen", async () => {
    click([...el.querySelectorAll("button")].find((each) => each.textContent === "Code") as HTMLElement);
    await wait(250);
    model.reply("code", { code: "report.show(tab='truth')" });
    await wait();
    expect(find(".inb-code code").textContent).toBe("report.show(tab='truth')");
  });
});
