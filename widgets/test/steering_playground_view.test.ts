// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { changeKey, changeList } from "../src/shared/changes.js";
import { diverging } from "../src/shared/scale.js";
import { visible } from "../src/shared/tokens.js";
import type { NextToken, PlayMeta, Run, Settings } from "../src/steering_playground/data.js";
import widget from "../src/steering_playground/widget.js";
import { FakeModel } from "./fake_model.js";
import { FIXTURES, HOSTILE, recorded, traits } from "./made.js";
import { meta, playground, run, setting, settings, side, slider } from "./made_playground.js";

let model: FakeModel;
let el: HTMLElement;
let cleanup: () => void;
let close: () => void;

function start(changes: Record<string, unknown> = {}): void {
  model = new FakeModel(playground(changes));
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

function restart(changes: Record<string, unknown> = {}): void {
  end();
  start(changes);
}

const find = <E extends Element = HTMLElement>(selector: string): E => {
  const node = el.querySelector<E>(selector);
  if (!node) throw new Error(`nothing at ${selector}`);
  return node;
};
const named = <E extends HTMLElement = HTMLInputElement>(label: string): E => find<E>(`[aria-label="${label}"]`);
const texts = (selector: string) => [...el.querySelectorAll(selector)].map((node) => node.textContent);
const click = (node: Element) => node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const key = (node: Element, name: string, init: KeyboardEventInit = {}) =>
  node.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...init }));
const type = (input: HTMLInputElement | HTMLTextAreaElement, text: string) => {
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const pick = (select: HTMLSelectElement, value: string) => {
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
};
const wait = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const prompt = () => named<HTMLTextAreaElement>("prompt");
const go = () => find<HTMLButtonElement>(".inb-go");
const card = (name: string) => find(`.inb-steer[data-name="${name}"]`);
const inCard = <E extends Element = HTMLElement>(name: string, selector: string): E => {
  const node = card(name).querySelector<E>(selector);
  if (!node) throw new Error(`nothing at ${selector} of ${name}`);
  return node;
};
const held = () => model.get("settings") as Settings;
const tokens = (which: 0 | 1) => [
  ...(el.querySelectorAll(".inb-stream")[which]?.querySelectorAll<HTMLElement>("[data-at]") ?? []),
];
const token = (which: 0 | 1, at: number): HTMLElement => {
  const node = tokens(which)[at];
  if (!node) throw new Error(`no token ${at} on side ${which}`);
  return node;
};
const said = () => find("[aria-live='polite']").textContent;
const NEXT: NextToken = {
  side: 0,
  n: 0,
  rows: [
    { token: " lovely", before: 0.02, after: 0.61 },
    { token: " quiet", before: 0.3, after: null },
  ],
  kl: 0.83125,
  context: " was",
};

beforeEach(() => {
  vi.useFakeTimers();
  start();
});
afterEach(() => {
  end();
  vi.useRealTimers();
});

describe("sliders", () => {
  it("are one for each vector, with number, layer, operator and what it adds", () => {
    expect(el.querySelectorAll(".inb-steer")).toHaveLength(3);
    const range = inCard<HTMLInputElement>("sentiment", "input[type=range]");
    expect([range.min, range.max, range.step, range.value]).toEqual(["-2", "2", "0.05", "0.5"]);
    expect(range.getAttribute("aria-label")).toBe("strength of sentiment");
    expect(range.getAttribute("aria-valuetext")).toBe("0.5000, adds 40 % of the residual norm");
    expect(inCard<HTMLInputElement>("sentiment", ".inb-steer-number").value).toBe("0.5");
    expect(named<HTMLSelectElement>("layer of sentiment").value).toBe("3");
    expect([...named<HTMLSelectElement>("layer of sentiment").options].map((each) => each.textContent)).toEqual([
      "0",
      "1",
      "3 · AUC 0.99",
      "all layers",
    ]);
    expect(named<HTMLSelectElement>("how sentiment is applied").value).toBe("add");
    expect(inCard("latent 12", ".inb-steer-share").textContent).toBe("added 42 % of the residual norm");
  });

  it("move the number and the norm share at once, and the kernel after a quiet moment", async () => {
    const range = inCard<HTMLInputElement>("sentiment", "input[type=range]");
    for (const value of ["0.7", "0.8", "-1.5"]) type(range, value);
    expect(held().sliders.sentiment?.strength).toBe(-1.5);
    expect(inCard<HTMLInputElement>("sentiment", ".inb-steer-number").value).toBe("-1.5");
    expect(inCard("sentiment", ".inb-steer-share").textContent).toBe("adds 120 % of the residual norm");
    expect(inCard("sentiment", ".inb-steer-share").classList.contains("inb-too-much")).toBe(true);
    expect(card("sentiment").dataset.side).toBe("down");
    expect(model.saves).toBe(0);
    await wait(150);
    expect(model.saves).toBe(1);
  });

  it("take any number that is typed, also beyond the slider, and none that is no number", () => {
    const number = inCard<HTMLInputElement>("sentiment", ".inb-steer-number");
    type(number, "7.5");
    expect(held().sliders.sentiment?.strength).toBe(7.5);
    expect(inCard<HTMLInputElement>("sentiment", "input[type=range]").value).toBe("2");
    type(number, "−0.25");
    expect(held().sliders.sentiment?.strength).toBe(-0.25);
    for (const wrong of ["", "-", "1e999", "strong"]) {
      type(number, wrong);
      expect(number.getAttribute("aria-invalid")).toBe("true");
      expect(number.value).toBe(wrong);
    }
    expect(held().sliders.sentiment?.strength).toBe(-0.25);
    number.dispatchEvent(new Event("blur"));
    expect(number.value).toBe("-0.25");
    expect(number.getAttribute("aria-invalid")).toBeNull();
  });

  it("leave what is being typed alone", () => {
    const number = inCard<HTMLInputElement>("sentiment", ".inb-steer-number");
    number.focus();
    type(number, "0.");
    expect(held().sliders.sentiment?.strength).toBe(0);
    expect(number.value).toBe("0.");
  });

  it("step with the arrows in the number's field", () => {
    const number = inCard<HTMLInputElement>("sentiment", ".inb-steer-number");
    key(number, "ArrowUp");
    expect(held().sliders.sentiment?.strength).toBe(0.55);
    key(number, "ArrowDown");
    key(number, "ArrowDown");
    expect(number.value).toBe("0.45");
  });

  it("go to a mark that is clicked", () => {
    const marks = [...card("sentiment").querySelectorAll<HTMLElement>(".inb-steer-mark")];
    expect(marks.map(({ textContent }) => textContent)).toContain("sweep");
    click(inCard("sentiment", '[data-kind="choice"]'));
    expect(held().sliders.sentiment?.strength).toBe(0.75);
  });

  it("are muted with their strength kept", () => {
    const mute = [...card("sentiment").querySelectorAll("button")].find(({ textContent }) => textContent === "Mute");
    if (!mute) throw new Error("no button to mute");
    click(mute);
    expect(held().sliders.sentiment).toEqual(setting({ muted: true }));
    expect(mute.getAttribute("aria-pressed")).toBe("true");
    expect(inCard("sentiment", ".inb-steer-share").textContent).toBe("muted");
  });

  it("act at one layer again where the operator cannot act at all", () => {
    pick(named<HTMLSelectElement>("layer of sentiment"), "all");
    expect(held().sliders.sentiment?.layer).toBe("all");
    pick(named<HTMLSelectElement>("how sentiment is applied"), "set");
    expect(held().sliders.sentiment).toEqual(setting({ operator: "set", layer: 3 }));
    expect([...named<HTMLSelectElement>("layer of sentiment").options].map(({ value }) => value)).not.toContain("all");
    pick(named<HTMLSelectElement>("layer of sentiment"), "1");
    expect(held().sliders.sentiment?.layer).toBe(1);
  });

  it("follow Python", async () => {
    const { sliders } = settings();
    model.set("settings", settings({ sliders: { ...sliders, sentiment: setting({ strength: 1.25, layer: 0 }) } }));
    await wait();
    expect(inCard<HTMLInputElement>("sentiment", "input[type=range]").value).toBe("1.25");
    expect(named<HTMLSelectElement>("layer of sentiment").value).toBe("0");
  });

  it("come and go with the vectors, those that stay keeping their place in the page", async () => {
    const kept = card("formality");
    const { sentiment: _, ...sliders } = settings().sliders;
    model.state.settings = settings({ sliders: { ...sliders, "vector 1": setting({ strength: 0 }) } });
    model.set("_meta", meta({ sliders: [...meta().sliders.slice(1), slider("vector 1", { removable: true })] }));
    await wait();
    expect([...el.querySelectorAll<HTMLElement>(".inb-steer")].map(({ dataset }) => dataset.name)).toEqual([
      "formality",
      "latent 12",
      "vector 1",
    ]);
    expect(card("formality")).toBe(kept);
  });

  it("are removed where they may be, and a refusal is said", async () => {
    expect(inCard("sentiment", ".inb-icon-button").hidden).toBe(true);
    click(inCard("latent 12", ".inb-icon-button"));
    expect(model.last("remove_vector").params).toEqual({ name: "latent 12" });
    model.refuse("remove_vector", "ConfigError", "it is at work");
    await wait();
    expect(find(".inb-side > .inb-field-error").textContent).toBe("it is at work");
  });

  it("are selected by their name, a latent for the dashboard too", () => {
    click(inCard("latent 12", ".inb-steer-name"));
    expect(model.get("selected")).toEqual({ vector: 2, latent_idx: 12, side: null, token: null });
    expect(card("latent 12").classList.contains("inb-chosen")).toBe(true);
    click(inCard("sentiment", ".inb-steer-name"));
    expect(model.get("selected")).toEqual({ vector: 0, latent_idx: 12, side: null, token: null });
    expect(inCard("sentiment", ".inb-steer-name").getAttribute("aria-pressed")).toBe("true");
  });

  it("say that there are none", () => {
    restart({ _meta: meta({ sliders: [] }), settings: settings({ sliders: {} }) });
    expect(find(".inb-side").textContent).toContain("No vectors yet");
  });
});

describe("generating", () => {
  it("starts with Enter, with the settings as they are on the page", async () => {
    type(prompt(), "The mill was");
    expect(model.saves).toBe(0);
    key(prompt(), "Enter");
    expect(model.saves).toBe(1);
    expect(model.last("generate").params).toEqual({ settings: settings({ prompt: "The mill was" }) });
    expect(go().textContent).toBe("Stop");
    model.reply("generate", { run: 2 });
    await wait();
    expect(go().textContent).toBe("Generate");
  });

  it("leaves Shift+Enter to the text, and Enter to what composes a character", () => {
    const shift = new KeyboardEvent("keydown", { key: "Enter", shiftKey: true, bubbles: true, cancelable: true });
    prompt().dispatchEvent(shift);
    const composing = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
    Object.defineProperty(composing, "isComposing", { value: true });
    prompt().dispatchEvent(composing);
    expect(shift.defaultPrevented || composing.defaultPrevented).toBe(false);
    expect(model.requests("generate")).toHaveLength(0);
  });

  it("has one button, which stops what runs and says how far it is", async () => {
    model.state._run = run({ run: 2, state: "running" });
    model.state.progress = 0.4;
    model.set("state", "running");
    await wait();
    expect(go().textContent).toBe("Stop");
    expect(find(".inb-progress").textContent).toContain("writing 40 %");
    expect(texts(".inb-progress button:not([hidden])")).toEqual([]);
    click(go());
    expect(model.last("control").params).toEqual({ action: "stop" });
    expect(model.requests("generate")).toHaveLength(0);
  });

  it("says a refusal under the prompt and stays usable", async () => {
    key(prompt(), "Enter");
    model.refuse("generate", "PromptError", "the prompt has 300 tokens, the context 256");
    await wait();
    const problem = find(".inb-ask .inb-field-error");
    expect(problem.hidden).toBe(false);
    expect(problem.textContent).toBe("the prompt has 300 tokens, the context 256");
    expect(go().textContent).toBe("Generate");
    click(go());
    expect(problem.hidden).toBe(true);
    expect(model.requests("generate")).toHaveLength(2);
  });

  it("checks its fields before the kernel does", () => {
    const field = find<HTMLInputElement>('input[name="n_new"]');
    type(field, "0");
    expect(find(".inb-ask .inb-field-error").textContent).toBe('tokens must be a whole number from 1 to 200, got "0"');
    click(go());
    expect(model.requests("generate")).toHaveLength(0);
    expect(held().n_new).toBe(30);
    type(field, "12");
    expect(find(".inb-ask .inb-field-error").hidden).toBe(true);
    type(find<HTMLInputElement>('input[name="temperature"]'), "0.8");
    type(find<HTMLInputElement>('input[name="seed"]'), "7");
    pick(named<HTMLSelectElement>("steered positions"), "generated");
    expect(held()).toEqual(settings({ n_new: 12, temperature: 0.8, seed: 7, positions: "generated" }));
  });

  it("says when the texts were written with other settings", () => {
    expect(find(".inb-changed").textContent).toBe("");
    type(inCard<HTMLInputElement>("formality", "input[type=range]"), "2");
    expect(find(".inb-changed").textContent).toBe("");
    type(inCard<HTMLInputElement>("sentiment", "input[type=range]"), "1");
    expect(find(".inb-changed").textContent).toContain("changed since");
    type(inCard<HTMLInputElement>("sentiment", "input[type=range]"), "0.5");
    expect(find(".inb-changed").textContent).toBe("");
  });

  it("keeps a prompt that is being typed when the kernel sends text", async () => {
    type(prompt(), "The mill");
    model.set("_run", run({ run: 2, state: "running" }));
    await wait();
    expect(prompt().value).toBe("The mill");
    model.set("settings", settings({ prompt: "From Python" }));
    await wait();
    expect(prompt().value).toBe("From Python");
  });
});

describe("the texts", () => {
  it("are colored by how much steering moved each token, with one limit for both", () => {
    expect(tokens(0).map(({ textContent }) => textContent)).toEqual(["a", "quiet", "one"]);
    const { color } = diverging(4, "light");
    const probe = document.createElement("i");
    const painted = (value: number) => {
      probe.style.background = color(value);
      return probe.style.background;
    };
    expect(token(0, 1).style.background).toBe(painted(-2.34567));
    expect(token(1, 1).style.background).toBe(painted(3.75));
    expect(token(0, 0).style.background).toBe("");
    expect(find(".inb-ramp-key").textContent).toContain("−4");
    expect(find(".inb-ramp-key").textContent).toContain("4nats by which steering moved");
  });

  it("take the colors of another theme", async () => {
    const before = token(1, 1).style.background;
    document.body.dataset.jpThemeLight = "false";
    await wait();
    expect(token(1, 1).style.background).not.toBe(before);
    delete document.body.dataset.jpThemeLight;
    await wait();
    expect(token(1, 1).style.background).toBe(before);
  });

  it("say the number of every token, and mark the first that differs on both sides", () => {
    expect(token(0, 1).getAttribute("aria-label")).toBe("·quiet moved −2.346 nats, the first that differs");
    expect(token(1, 1).getAttribute("aria-label")).toBe("·lovely moved +3.750 nats, the first that differs");
    expect(token(0, 2).getAttribute("aria-label")).toBe("·one moved 0.000 nats");
    expect([...el.querySelectorAll(".inb-diverges")].map(({ textContent }) => textContent)).toEqual([
      "quiet",
      "lovely",
    ]);
  });

  it("tell all that is known of a token that is pointed at or focused", () => {
    token(0, 1).dispatchEvent(new Event("focusin", { bubbles: true }));
    expect(find(".inb-tooltip").hidden).toBe(false);
    expect(find(".inb-tooltip").textContent).toContain("steered−3.346 nats (3.5 %)");
    expect(find(".inb-tooltip").textContent).toContain("moved−2.346 nats");
  });

  it("grow without touching what is there, and begin anew with a new run", async () => {
    const [first] = tokens(0);
    const more = side([" a", " quiet", " one", " more"], [-0.5, -1, -0.25, -1], [-0.5, -3, -0.25, null]);
    model.set("_run", run({ state: "running", baseline: more }));
    expect(tokens(0)).toHaveLength(4);
    expect(token(0, 0)).toBe(first);
    expect(token(0, 3).getAttribute("aria-label")).toBe("·more ");
    const other = side([" no"], [-1], [-1]);
    model.set("_run", run({ run: 2, state: "running", baseline: other, steered: other, diverges_at: null }));
    expect(texts(".inb-stream .inb-run")).toEqual([" no", " no"]);
    expect(el.querySelectorAll(".inb-diverges")).toHaveLength(0);
  });

  it("mark what lies beyond the colors", () => {
    model.set("_run", run({ baseline: side([" x"], [-30], [-1]) }));
    expect(token(0, 0).classList.contains("inb-clipped")).toBe(true);
    expect(find(".inb-clipped-key").textContent).toBe("beyond");
    expect(token(0, 0).getAttribute("aria-label")).toContain("moved +29.00 nats");
  });

  it("show whitespace and what cannot be seen, and break lines where the text does", () => {
    model.set("_run", run({ baseline: side(["\n", " ", "\u202e", ""], [0, 0, 0, 0], [0, 0, 0, 0]) }));
    expect(tokens(0).map(({ textContent }) => textContent)).toEqual(["↵", "·", "⟨202E⟩", "∅"]);
    expect(el.querySelectorAll(".inb-stream br")).toHaveLength(1);
  });

  it("set apart what ends a text", () => {
    model.set("_run", run({ baseline: side([" x", "<|endoftext|>", "<b>"], [0, 0, 0], [0, 0, 0]) }));
    expect(tokens(0).map((node) => node.classList.contains("inb-special"))).toEqual([false, true, false]);
  });

  it("say why there is nothing", () => {
    const none = side([], [], []);
    restart({ _run: run({ run: 0, settings: null, baseline: none, steered: null }) });
    expect(find(".inb-stream").textContent).toContain("press Generate");
    expect(find(".inb-texts-key").hidden).toBe(true);
    restart({ _run: run({ steered: null, diverges_at: null }) });
    expect(texts(".inb-stream")[1]).toContain("No slider acts");
  });

  it("come with warnings in words", () => {
    expect(find(".inb-warning").hidden).toBe(true);
    model.set("_run", run({ warnings: ["steered text: repeats itself", "n_new was cut from 300 to 240"] }));
    expect(find(".inb-warning").hidden).toBe(false);
    expect(find(".inb-warning").textContent).toContain("steered text: repeats itself");
    expect(texts(".inb-warning p")).toHaveLength(2);
    expect(find(".inb-warning").getAttribute("role")).toBe("status");
  });

  it("are read out once, when they have come to an end", async () => {
    model.state.state = "running";
    model.set("_run", run({ run: 2, state: "running" }));
    expect(said()).toBe("writing");
    model.set("_run", run({ run: 2, state: "running", baseline: side([" b"], [0], [0]) }));
    expect(said()).toBe("writing");
    model.state.state = "done";
    model.set("_run", run({ run: 2 }));
    expect(said()).toBe("done: 3 tokens; the texts differ from token 2 on");
  });

  it("are walked through with the arrows, one stop of the Tab key", () => {
    expect(el.querySelectorAll('.inb-stream [tabindex="0"]')).toHaveLength(1);
    token(0, 0).focus();
    key(token(0, 0), "ArrowRight");
    expect(document.activeElement).toBe(token(0, 1));
    key(token(0, 1), "ArrowDown");
    expect(document.activeElement?.closest(".inb-stream")).toBe(el.querySelectorAll(".inb-stream")[1]);
    expect(el.querySelectorAll('.inb-stream [tabindex="0"]')).toHaveLength(1);
  });
});

describe("next tokens", () => {
  const settled = async () => {
    model.reply("next_token", NEXT);
    await wait();
  };
  it("are asked for at once, and shown before and after", async () => {
    expect(model.last("next_token").params).toEqual({ settings: settings(), side: 0, n: 0 });
    await settled();
    expect(texts(".inb-change-name")).toEqual(["·lovely", "·quiet"]);
    expect(texts(".inb-change")[0]).toContain("2.0 %→61 %");
    expect(find(".inb-next h5").textContent).toBe("Next token after the prompt · KL 0.8313 nats");
    expect(find<HTMLElement>(".inb-change .inb-after").style.width).toBe("100%");
  });

  it("leave out what is never likely, but for a few", async () => {
    const rare = Array.from({ length: 20 }, (_, i) => ({ token: ` r${i}`, before: 1e-5, after: 2e-5 }));
    model.reply("next_token", { ...NEXT, rows: [...NEXT.rows, ...rare] });
    await wait();
    expect(texts(".inb-change-name")).toHaveLength(4);
  });

  it("are asked for again when sliders have come to rest, the newest only", async () => {
    await settled();
    const range = inCard<HTMLInputElement>("sentiment", "input[type=range]");
    type(range, "1");
    await wait(100);
    type(range, "1.5");
    await wait(100);
    expect(model.requests("next_token")).toHaveLength(1);
    await wait(100);
    expect(model.requests("next_token")).toHaveLength(2);
    expect((model.last("next_token").params.settings as Settings).sliders.sentiment?.strength).toBe(1.5);
  });

  it("do not ask again for what cannot move them", async () => {
    await settled();
    type(find<HTMLInputElement>('input[name="seed"]'), "5");
    type(inCard<HTMLInputElement>("formality", "input[type=range]"), "0.1");
    model.set("_run", run({ run: 2, state: "running" }));
    await wait(500);
    expect(model.requests("next_token")).toHaveLength(1);
  });

  it("follow a token that is chosen by mouse or keyboard, and go back", async () => {
    await settled();
    token(0, 2).focus();
    key(token(0, 2), "Enter");
    expect(model.get("selected")).toEqual({ vector: null, latent_idx: null, side: 0, token: 2 });
    expect(token(0, 2).getAttribute("aria-pressed")).toBe("true");
    await wait(200);
    expect(model.last("next_token").params).toMatchObject({ side: 0, n: 2 });
    model.reply("next_token", { ...NEXT, n: 2, context: " quiet" });
    await wait();
    expect(find(".inb-next h5").textContent).toContain("after 2 of the baseline text: …·quiet");
    expect(said()).toBe("next token:  quiet 30 % unsteered,  lovely 61 % steered");
    const back = [...el.querySelectorAll("button")].find(({ textContent }) => textContent === "after the prompt again");
    expect(back?.hidden).toBe(false);
    if (back) click(back);
    expect(model.get("selected")).toMatchObject({ side: null, token: null });
    click(token(1, 1));
    click(token(1, 1));
    expect(model.get("selected")).toMatchObject({ side: null, token: null });
  });

  it("are asked for anew where another run put other tokens before the place", async () => {
    await settled();
    click(token(0, 2));
    await wait(200);
    await settled();
    expect(model.requests("next_token")).toHaveLength(2);
    model.set("_run", run({ run: 2, baseline: side([" the", " old", " mill"], [-1, -1, -1], [-1, -1, -1]) }));
    await wait(200);
    expect(model.requests("next_token")).toHaveLength(3);
  });

  it("say a refusal in their place, and ignore that one came too late", async () => {
    await settled();
    type(inCard<HTMLInputElement>("sentiment", "input[type=range]"), "1");
    await wait(200);
    model.refuse("next_token", "CancelledError", "a newer one came");
    await wait();
    expect(texts(".inb-change-name")).toHaveLength(2);
    type(inCard<HTMLInputElement>("sentiment", "input[type=range]"), "2");
    await wait(200);
    model.refuse("next_token", "NonFiniteError", "strength 2 at layer 3 overflows");
    await wait();
    expect(find(".inb-next").textContent).toContain("strength 2 at layer 3 overflows");
    expect(texts(".inb-change-name")).toHaveLength(0);
    expect(find(".inb-error-strip").hidden).toBe(true);
  });

  it("need a prompt", async () => {
    await settled();
    type(prompt(), "");
    await wait(300);
    expect(model.requests("next_token")).toHaveLength(1);
    expect(find(".inb-next").textContent).toContain("Type a prompt");
  });
});

describe("making a vector", () => {
  const open = () => click(named("vectors").querySelector(".inb-steers-head button") as Element);
  const form = () => named<HTMLFormElement>("make a vector");
  const pairs = () => named<HTMLTextAreaElement>("pairs, one a line: positive | negative");

  it("sends the pairs with Ctrl+Enter, and next tokens are asked for meanwhile", async () => {
    expect(form().hidden).toBe(true);
    open();
    expect(form().hidden).toBe(false);
    expect(document.activeElement).toBe(pairs());
    expect(form().querySelector<HTMLButtonElement>("[type=submit]")?.disabled).toBe(true);
    type(pairs(), "good | bad\nnice | awful");
    pick(named<HTMLSelectElement>("method"), "pca");
    type(named("name"), " mine ");
    key(pairs(), "Enter");
    expect(model.requests("make_vector")).toHaveLength(0);
    key(pairs(), "Enter", { ctrlKey: true });
    expect(model.last("make_vector").params).toEqual({
      pairs: "good | bad\nnice | awful",
      method: "pca",
      name: "mine",
    });
    expect(pairs().disabled).toBe(true);
    type(inCard<HTMLInputElement>("sentiment", "input[type=range]"), "2");
    await wait(400);
    expect(model.requests("next_token")).toHaveLength(2);
    model.reply("make_vector", { name: "mine", slider: slider("mine", { about: "PCA of 2 pairs" }) });
    await wait();
    expect(form().textContent).toContain("mine: PCA of 2 pairs. Its slider stands at 0.");
    expect(said()).toBe("mine is among the vectors");
    expect(pairs().disabled).toBe(false);
    expect(pairs().value).toBe("good | bad\nnice | awful");
  });

  it("says what is wrong with the pairs, which stay", async () => {
    open();
    type(pairs(), "good, bad");
    form().dispatchEvent(new Event("submit", { cancelable: true }));
    model.refuse("make_vector", "PromptError", "line 1 has no |");
    await wait();
    expect(form().querySelector(".inb-field-error")?.textContent).toBe("line 1 has no |");
    expect(pairs().value).toBe("good, bad");
    expect(pairs().disabled).toBe(false);
  });

  const cancel = () => form().querySelector<HTMLButtonElement>(".inb-make-row button:last-child") as HTMLButtonElement;
  const submit = () => {
    open();
    type(pairs(), "good | bad");
    form().dispatchEvent(new Event("submit", { cancelable: true }));
  };

  it("is cancelled by its id, and says so when the kernel has given it up", async () => {
    expect(cancel().hidden).toBe(true);
    submit();
    expect([cancel().hidden, cancel().textContent]).toEqual([false, "Cancel"]);
    click(cancel());
    expect(model.sent.at(-1)).toEqual({ v: 1, kind: "cancel", id: model.last("make_vector").id });
    expect([cancel().disabled, cancel().textContent]).toEqual([true, "Cancelling …"]);
    expect(pairs().disabled).toBe(true);
    model.refuse("make_vector", "CancelledError", "cancelled");
    await wait();
    expect(form().querySelector("[role=status]")?.textContent).toBe("Cancelled: no vector was made.");
    expect(form().querySelector<HTMLElement>(".inb-field-error")?.hidden).toBe(true);
    expect([cancel().hidden, pairs().disabled, pairs().value]).toEqual([true, false, "good | bad"]);
    form().dispatchEvent(new Event("submit", { cancelable: true }));
    expect(model.requests("make_vector")).toHaveLength(2);
    expect([cancel().disabled, cancel().textContent]).toEqual([false, "Cancel"]);
    expect(form().querySelector<HTMLElement>("[role=status]")?.hidden).toBe(true);
  });

  it("says what was made where cancelling came too late", async () => {
    submit();
    click(cancel());
    model.reply("make_vector", { name: "vector 1", slider: slider("vector 1", { about: "mean of 2 pairs" }) });
    await wait();
    expect(form().textContent).toContain("vector 1: mean of 2 pairs. Its slider stands at 0.");
    expect(cancel().hidden).toBe(true);
  });
});

describe("a linked dashboard", () => {
  const OFFER = { latent_idx: 7, label: "cities", name: "latent 7", there: false, reason: "" };
  const offer = () => find<HTMLButtonElement>(".inb-offer");

  it("offers the latent that is selected there", async () => {
    expect(offer().hidden).toBe(true);
    model.set("_meta", meta({ offer: OFFER }));
    await wait();
    expect(offer().hidden).toBe(false);
    expect(offer().textContent).toBe("Add latent 7 cities");
    click(offer());
    expect(model.last("add_latent").params).toEqual({ latent_idx: 7 });
    model.refuse("add_latent", "ConfigError", "it never fires");
    await wait();
    expect(find(".inb-side > .inb-field-error").textContent).toBe("it never fires");
  });

  it("names what is being added until it is through, and can be cancelled", async () => {
    model.set("_meta", meta({ offer: OFFER }));
    await wait();
    click(offer());
    const cancel = find<HTMLButtonElement>(".inb-offer-row button:last-child");
    expect([offer().textContent, offer().disabled, cancel.hidden]).toEqual(["Adding latent 7 …", true, false]);
    model.set("_meta", meta({ offer: { ...OFFER, latent_idx: 8, name: "latent 8" } }));
    await wait();
    expect(offer().textContent).toBe("Adding latent 7 …");
    model.set("_meta", meta({ offer: null }));
    await wait();
    expect(offer().hidden).toBe(false);
    model.set("_meta", meta({ offer: { ...OFFER, latent_idx: 8, name: "latent 8" } }));
    click(cancel);
    expect(model.sent.at(-1)).toEqual({ v: 1, kind: "cancel", id: model.last("add_latent").id });
    model.refuse("add_latent", "CancelledError", "cancelled");
    await wait();
    expect(find(".inb-side > [role=status]").textContent).toBe("Cancelled: no latent was added.");
    expect([offer().textContent, offer().disabled, cancel.hidden]).toEqual(["Add latent 8 cities", false, true]);
  });

  it("does not offer what is there or cannot be added", async () => {
    model.set("_meta", meta({ offer: { ...OFFER, there: true } }));
    await wait();
    expect(offer().hidden).toBe(true);
    model.set("_meta", meta({ offer: { ...OFFER, reason: "neurons cannot be added" } }));
    await wait();
    expect(offer().disabled).toBe(true);
    expect(offer().title).toBe("neurons cannot be added");
  });
});

describe("the code", () => {
  it("is asked for only while it is seen, and follows the sliders", async () => {
    type(inCard<HTMLInputElement>("sentiment", "input[type=range]"), "1");
    await wait(500);
    expect(model.requests("code")).toHaveLength(0);
    const toggle = [...el.querySelectorAll("button")].find(({ textContent }) => textContent === "Code");
    if (toggle) click(toggle);
    await wait(200);
    expect((model.last("code").params.settings as Settings).sliders.sentiment?.strength).toBe(1);
    model.reply("code", { code: "steering_playground(model)" });
    await wait();
    expect(find(".inb-code code").textContent).toBe("steering_playground(model)");
    type(inCard<HTMLInputElement>("sentiment", "input[type=range]"), "2");
    await wait(200);
    expect(model.requests("code")).toHaveLength(2);
  });
});

describe("without a kernel", () => {
  beforeEach(() => restart({ kernel: false }));

  it("stays readable, and what needs the model is disabled and says so", () => {
    expect(find(".inb-body > .inb-hint").textContent).toContain("Saved page");
    expect(prompt().readOnly).toBe(true);
    expect(prompt().disabled).toBe(false);
    expect(go().disabled).toBe(true);
    for (const control of el.querySelectorAll<HTMLInputElement>(".inb-steer :is(input, select)"))
      expect(control.disabled).toBe(true);
    expect(texts(".inb-steers-head button:not([hidden])")).toEqual([]);
    key(prompt(), "Enter");
    expect(model.requests("generate")).toHaveLength(0);
    expect(tokens(1)).toHaveLength(2);
    click(inCard("sentiment", '[data-kind="choice"]'));
    expect(held()).toEqual(settings());
  });

  it("shows the next tokens that were recorded", () => {
    expect(model.last("next_token").params).toEqual({ settings: settings(), side: 0, n: 0 });
  });
});

describe("what Python sends", () => {
  beforeEach(() => restart(traits("steering_playground", { error: "" })));

  it("is drawn whole", () => {
    const { _meta, _run, settings: set } = FIXTURES.steering_playground.traits;
    const sent = { meta: _meta as PlayMeta, run: _run as Run, settings: set as Settings };
    expect([...el.querySelectorAll<HTMLElement>(".inb-steer")].map(({ dataset }) => dataset.name)).toEqual(
      sent.meta.sliders.map(({ name }) => name),
    );
    expect(tokens(0)).toHaveLength(sent.run.baseline.tokens.length);
    expect(tokens(1)).toHaveLength(sent.run.steered?.tokens.length ?? -1);
    expect(prompt().value).toBe(sent.settings.prompt);
    expect(texts(".inb-warning p")).toEqual(sent.run.warnings);
    expect(find(".inb-changed").textContent).toBe("");
    expect([...named<HTMLSelectElement>("method").options].map(({ value }) => value)).toEqual(
      sent.meta.methods.map(({ name }) => name),
    );
    for (const { name, operators } of sent.meta.sliders)
      expect([...named<HTMLSelectElement>(`how ${name} is applied`).options].map(({ value }) => value)).toEqual(
        operators,
      );
    expect(find(".inb-error-strip").hidden).toBe(true);
  });

  it("answers what is asked with what is read", async () => {
    const { result } = recorded("steering_playground", "next_token");
    model.reply("next_token", result);
    await wait();
    expect(texts(".inb-change-name")).toEqual((result as NextToken).rows.map(({ token: each }) => visible(each)));
    const { result: code } = recorded("steering_playground", "code");
    click([...el.querySelectorAll("button")].find(({ textContent }) => textContent === "Code") as Element);
    await wait(200);
    model.reply("code", code);
    await wait();
    expect(find(".inb-code code").textContent).toBe((code as { code: string }).code);
  });

  it("asks only for what Python knows, with the parameters that it takes", async () => {
    key(prompt(), "Enter");
    const request = (method: string) =>
      FIXTURES.steering_playground.replies.find(({ request: one, reply }) => one.method === method && reply.ok)
        ?.request;
    for (const method of ["generate", "next_token"]) {
      const params = request(method)?.params as Record<string, unknown>;
      expect(Object.keys(model.last(method).params).sort()).toEqual(Object.keys(params).sort());
      expect(model.last(method).params.settings).toEqual(params.settings);
    }
  });
});

describe("the page", () => {
  it("takes hostile text for text", async () => {
    const name = HOSTILE[0] as string;
    const hostile: Partial<PlayMeta> = {
      labels: { heading: name, note: name },
      sliders: [slider(name, { about: name, removable: true })],
      offer: { latent_idx: 1, label: name, name, there: false, reason: "" },
    };
    const bad: Partial<Run> = {
      settings: settings({ prompt: HOSTILE.join("") }),
      baseline: side(
        HOSTILE,
        HOSTILE.map(() => -1),
        HOSTILE.map(() => 0),
      ),
      warnings: HOSTILE,
    };
    restart({
      _meta: meta(hostile),
      _run: run(bad),
      settings: settings({ prompt: HOSTILE.join(""), sliders: { [name]: setting() } }),
    });
    model.reply("next_token", { ...NEXT, rows: HOSTILE.map((each) => ({ token: each, before: 0.1, after: 0.2 })) });
    await wait();
    expect(el.querySelector("img, script")).toBeNull();
    expect((globalThis as { hacked?: boolean }).hacked).toBeUndefined();
    expect(tokens(0)).toHaveLength(HOSTILE.length);
    expect(find(".inb-steer-name").textContent).toBe(name);
  });

  it("shows the kernel's error and goes on working", async () => {
    model.state.state = "failed";
    model.set("error", "NonFiniteError: strength 80 at layer 3");
    await wait();
    expect(find(".inb-error-strip").textContent).toContain("strength 80 at layer 3");
    expect(go().textContent).toBe("Generate");
    expect(find(".inb-progress").textContent).toContain("failed at 100 %, partial result");
  });

  it("leaves nothing behind", () => {
    end();
    expect(model.listenerCount()).toBe(0);
    start();
  });
});

describe("bars of likely tokens", () => {
  it("says what the longest bar stands for, and how rare the rare are", () => {
    const all = [{ token: "a", before: 4e-4, after: null }];
    expect(changeKey("before", "after", all).textContent).toContain("longest bar 0.04 %");
    expect(changeList(all).textContent).toContain("0.04 %");
  });
});
