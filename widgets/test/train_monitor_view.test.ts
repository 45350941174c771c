// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../src/train_monitor/widget.js";
import { FakeModel } from "./fake_model.js";
import { HOSTILE, recorded, settle, traits } from "./made.js";

let model: FakeModel;
let el: HTMLElement;
let cleanup: () => void;
let close: () => void;

function start(state = traits("train_monitor", { state: "running" })): void {
  model = new FakeModel(state);
  const module = widget();
  close = module.initialize({ model: model.asModel() });
  el = document.createElement("div");
  document.body.append(el);
  cleanup = module.render({ model: model.asModel(), el });
}

const find = <E extends Element = HTMLElement>(selector: string): E => {
  const node = el.querySelector<E>(selector);
  if (!node) throw new Error(`nothing at ${selector}`);
  return node;
};
const buttonNamed = (name: string): HTMLButtonElement => {
  const node = [...el.querySelectorAll("button")].find((each) => each.textContent === name);
  if (!node) throw new Error(`no button ${name}`);
  return node;
};
const click = (node: Element) => node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const key = (node: Element, name: string) =>
  node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const type = (input: HTMLInputElement, text: string) => {
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const submit = (form: Element) => form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
const strip = () => find(".inb-error-strip .inb-error-text").textContent;
const values = () => [...el.querySelectorAll(".inb-panel-value")].map((node) => node.textContent);
const said = () => find("[aria-live]").textContent;
const field = (name: string) => find<HTMLInputElement>(`input[name="${name}"]`);

beforeEach(() => start());
afterEach(() => {
  cleanup();
  close();
  el.remove();
});

describe("the monitor", () => {
  it("shows a plot for every quantity with its latest value", () => {
    const titles = [...el.querySelectorAll(".inb-panels h5")].map((node) => node.textContent);
    expect(titles).toEqual([
      "loss",
      "loss: MSE",
      "loss: L1",
      "L0",
      "explained variance",
      "dead fraction",
      "loss recovered",
    ]);
    expect(values().slice(0, 4)).toEqual(["0.5000", "0.5000", "–", "2.000"]);
    expect(find(".inb-progress").textContent).toContain("of 10\u00a0k tokens");
    expect(find(".inb-density .inb-panel-value").textContent).toBe("2 dead");
  });

  it("moves one cursor through all plots with the arrows and speaks", () => {
    const curves = find(".inb-panels");
    key(curves, "Home");
    expect(values()[0]).toBe("8.000");
    expect(said()).toContain("step 10 · 1,000 tokens: loss 8.000");
    key(curves, "ArrowRight");
    expect(values()[0]).toBe("2.000");
    expect(el.querySelectorAll(".inb-panels circle[stroke]").length).toBeGreaterThan(5);
    key(curves, "Escape");
    expect(values()[0]).toBe("0.5000");
    expect(el.querySelectorAll(".inb-panels circle[stroke]")).toHaveLength(0);
  });

  it("keeps the cursor where it is while curves grow", async () => {
    key(find(".inb-panels"), "Home");
    model.set("_meta", { ...(model.get("_meta") as object) });
    await settle();
    expect(values()[0]).toBe("8.000");
  });

  it("shows what is pointed at, of every SAE", () => {
    const svg = find<SVGSVGElement>(".inb-panels svg");
    svg.dispatchEvent(new MouseEvent("pointermove", { clientX: 42, bubbles: true }));
    const tip = find(".inb-tooltip");
    expect(tip.hidden).toBe(false);
    expect(tip.textContent).toContain("step 10 · 1,000 tokens");
    expect(tip.textContent).toContain("relu 4");
    expect(tip.textContent).toContain("16.00");
    find(".inb-panels").dispatchEvent(new MouseEvent("pointerleave"));
    expect(tip.hidden).toBe(true);
  });

  it("lists the SAEs of a sweep with sample, name and values, and chooses one", () => {
    const rows = [...el.querySelectorAll(".inb-sweep tbody tr")];
    expect(rows.map((row) => row.querySelector("button")?.textContent)).toEqual(["batch_topk 8 k=2", "relu 4"]);
    expect(rows[1]?.querySelectorAll("td")[2]?.textContent).toBe("0.5000");
    click(rows[1]?.querySelector("button") as Element);
    expect(values()[0]).toBe("1.000");
    expect(field("l1_coefficient").value).toBe("0.125");
    expect(rows[1]?.querySelector("button")?.getAttribute("aria-pressed")).toBe("true");
  });

  it("names the changes that its plots mark", () => {
    const texts = [...el.querySelectorAll(".inb-changes li")].map((node) => node.textContent);
    expect(texts).toEqual([
      "learning rate 0.5 → 0.25 at 2\u00a0k tokens",
      "k 4 → 2, batch_topk 8 k=2 at 3\u00a0k tokens",
    ]);
  });

  const advised = async (...advice: string[][]) => {
    const meta = structuredClone(model.get("_meta")) as { saes: object[] };
    model.set("_meta", { ...meta, saes: meta.saes.map((each, index) => ({ ...each, advice: advice[index] })) });
    await settle();
  };

  it("gives advice for the SAE that is chosen, and none where there is none", async () => {
    expect(find(".inb-advice-title").textContent).toBe("Advice for batch_topk 8 k=2");
    expect(find(".inb-advice li").textContent).toContain("fired on none of the last 1,000 tokens");
    await advised(["raise k"], ["lower lr", "train longer"]);
    expect(find(".inb-advice-title").textContent).toContain("(1 other has some, choose it above)");
    click(el.querySelectorAll(".inb-sweep tbody button")[1] as Element);
    expect([...el.querySelectorAll(".inb-advice li")].map((item) => item.textContent)).toEqual([
      "lower lr",
      "train longer",
    ]);
    await advised([], []);
    expect(find(".inb-advice").hidden).toBe(true);
  });

  it("speaks advice when there is some at last, as text", async () => {
    await advised([], []);
    await advised(["<b>raise</b> k"], []);
    expect(said()).toBe("advice: <b>raise</b> k");
    expect(find(".inb-advice li").textContent).toBe("<b>raise</b> k");
    expect(find(".inb-advice li").children).toHaveLength(0);
  });

  it("has a token axis in powers of ten", () => {
    const before = find(".inb-panels svg").innerHTML;
    click(buttonNamed("log tokens"));
    expect(find(".inb-panels svg").innerHTML).not.toBe(before);
    expect(buttonNamed("log tokens").getAttribute("aria-pressed")).toBe("true");
  });

  it("says how a run ended", async () => {
    model.set("state", "stopped");
    await settle();
    expect(find(".inb-run-end").textContent).toBe("stopped · 4\u00a0k tokens · step 40 · stopped after step 40");
    expect(said()).toContain("training stopped");
  });
});

describe("its controls", () => {
  it("pause, resume and stop the run", async () => {
    click(buttonNamed("Pause"));
    expect(model.last("control").params).toEqual({ action: "pause" });
    model.set("state", "paused");
    await settle();
    click(buttonNamed("Resume"));
    expect(model.last("control").params).toEqual({ action: "resume" });
    click(buttonNamed("Stop"));
    expect(model.last("control").params).toEqual({ action: "stop" });
  });

  it("offer to go on after a stop, where that is possible", async () => {
    model.set("state", "stopped");
    await settle();
    click(buttonNamed("Resume"));
    expect(model.last("control").params).toEqual({ action: "resume" });
  });

  it("send what was changed, for this SAE or for all", async () => {
    expect(buttonNamed("Apply").disabled).toBe(true);
    type(field("k"), "4");
    expect(buttonNamed("Apply").disabled).toBe(false);
    submit(find(".inb-settings"));
    expect(model.last("set").params).toEqual({ settings: { k: 4 }, sae: 0 });
    model.reply("set", {});
    await settle();
    type(field("lr"), "1e-3");
    find<HTMLSelectElement>(".inb-settings select").value = "all";
    submit(find(".inb-settings"));
    expect(model.last("set").params).toEqual({ settings: { lr: 0.001 }, sae: null });
  });

  it("refuse what is no value before asking, and show the run's own refusal", async () => {
    type(field("k"), "nine");
    submit(find(".inb-settings"));
    expect(model.requests("set")).toHaveLength(0);
    expect(strip()).toBe('k must be a number, got "nine"');
    expect(field("k").getAttribute("aria-invalid")).toBe("true");
    type(field("k"), "8");
    submit(find(".inb-settings"));
    model.refuse("set", "ConfigError", "k=8 does not fit its schedule");
    await settle();
    expect(strip()).toBe("ConfigError: k=8 does not fit its schedule");
    expect(field("k").value).toBe("8");
  });

  it("keep what is being typed, and the error, while the run goes on", async () => {
    type(field("k"), "nine");
    submit(find(".inb-settings"));
    model.set("_meta", { ...(model.get("_meta") as object) });
    await settle();
    expect(field("k").value).toBe("nine");
    expect(strip()).toContain("nine");
    model.set("_meta", { ...(model.get("_meta") as object), subject: "another run" });
    await settle();
    expect(strip()).toBe("");
  });

  it("follow the values that a schedule or somebody else sets", async () => {
    const meta = structuredClone(model.get("_meta")) as { saes: { settings: { name: string; value: number }[] }[] };
    for (const setting of meta.saes[0]?.settings ?? []) if (setting.name === "k") setting.value = 7;
    model.set("_meta", meta);
    await settle();
    expect(field("k").value).toBe("7");
  });

  it("are away where there is no kernel", () => {
    cleanup();
    start(traits("train_monitor", { state: "running", kernel: false }));
    expect(find(".inb-settings").hidden).toBe(true);
    expect(find(".inb-toolbar").textContent).toContain("needs its kernel");
    expect(buttonNamed("Pause").hidden).toBe(true);
  });
});

describe("a latent's top tokens", () => {
  const answer = async () => {
    const { result } = recorded("train_monitor", "peek");
    model.reply("peek", result);
    await settle();
  };

  it("are asked for by index and shown in context with their values", async () => {
    find<HTMLInputElement>(".inb-peek-form input").value = "0";
    submit(find(".inb-peek-form"));
    expect(model.last("peek").params).toEqual({ pick: "index", latent_idx: 0, sae: 0 });
    await answer();
    const items = [...el.querySelectorAll(".inb-tops li")];
    expect(items).toHaveLength(2);
    expect(items[0]?.textContent).toBe("2.000<|endoftext|>The cats sleep at night");
    const top = items[0]?.querySelector<HTMLElement>(".inb-top-token");
    expect(top?.textContent).toBe("sleep");
    expect(top?.style.background).not.toBe("");
    expect(model.get("selected")).toEqual({ latent_idx: 0, sae: 0 });
  });

  it("are picked: each press the next one", async () => {
    click(buttonNamed("The densest"));
    expect(model.last("peek").params).toEqual({ pick: "densest", rank: 0, sae: 0 });
    await answer();
    click(buttonNamed("The densest"));
    expect(model.last("peek").params).toEqual({ pick: "densest", rank: 1, sae: 0 });
    click(buttonNamed("A random live one"));
    expect(model.last("peek").params).toEqual({ pick: "random", rank: 0, sae: 0 });
  });

  it("are reached from the bars, with the keys too", async () => {
    const bars = find(".inb-density");
    key(bars, "End");
    expect(said()).toMatch(/of tokens: 1 latent$/);
    key(bars, "Home");
    key(bars, "Enter");
    expect(model.last("peek").params).toEqual({ pick: "bin", bin: -1, rank: 0, sae: 0 });
  });

  it("are reached from the names of the dead", () => {
    expect(find(".inb-dead summary").textContent).toContain("2 dead");
    click(find('[data-latent="7"]'));
    expect(model.last("peek").params).toEqual({ pick: "index", latent_idx: 7, sae: 0 });
  });

  it("follow what is selected elsewhere", async () => {
    model.set("selected", { latent_idx: 3, sae: 1 });
    await settle();
    expect(model.last("peek").params).toEqual({ pick: "index", latent_idx: 3, sae: 1 });
    expect(values()[0]).toBe("1.000");
  });

  it("say why there are none", async () => {
    find<HTMLInputElement>(".inb-peek-form input").value = "many";
    submit(find(".inb-peek-form"));
    expect(find(".inb-peek-head").textContent).toContain('got "many"');
    expect(model.requests("peek")).toHaveLength(0);
    click(buttonNamed("The rarest"));
    model.refuse("peek", "ConfigError", "this run trains on activations without their text");
    await settle();
    expect(find(".inb-peek-head").textContent).toContain("without their text");
    expect(find(".inb-error-strip").hidden).toBe(true);
  });
});

describe("failures and strangers", () => {
  it("of handlers reach the strip and stay there while the run goes on", async () => {
    const broken = vi.spyOn(Element.prototype, "replaceChildren").mockImplementation(() => {
      throw new TypeError("no more nodes");
    });
    key(find(".inb-panels"), "Home");
    broken.mockRestore();
    expect(strip()).toContain("no more nodes");
    model.set("_meta", { ...(model.get("_meta") as object) });
    await settle();
    expect(strip()).toContain("no more nodes");
  });

  it("show hostile text as text, use no ids and leave no listener behind", async () => {
    cleanup();
    close();
    const [evil = ""] = HOSTILE;
    const meta = structuredClone(traits("train_monitor")._meta) as {
      saes: { name: string }[];
      series: { label: string }[];
      labels: Record<string, string>;
    };
    for (const each of meta.saes) each.name = evil;
    for (const each of meta.series) each.label = evil;
    meta.labels = { heading: evil, note: evil };
    start(traits("train_monitor", { state: "running" }, meta));
    click(buttonNamed("The densest"));
    const peeked = structuredClone(recorded("train_monitor", "peek").result) as { tops: { token: string }[] };
    for (const top of peeked.tops) top.token = evil;
    model.reply("peek", peeked);
    key(find(".inb-panels"), "Home");
    await settle();
    expect(el.textContent).toContain(evil);
    expect(el.querySelector("img, script, [onerror], [id]")).toBeNull();
    cleanup();
    close();
    expect(model.listenerCount()).toBe(0);
  });
});
