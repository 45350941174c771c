import { describe, expect, it } from "vitest";
import { acts, essence, limitOf, marksOf, moved, readSelected, shareOf } from "../src/steering_playground/data.js";
import { placeMarks } from "../src/steering_playground/marks.js";
import { placeOf } from "../src/steering_playground/next_token.js";
import { FIELDS, fieldProblem } from "../src/steering_playground/prompt_row.js";
import { layersOf, shareText } from "../src/steering_playground/slider_card.js";
import { promptEnd } from "../src/steering_playground/stream_text.js";
import { endText, movedText, sideText, tokenFacts } from "../src/steering_playground/words.js";
import { meta, OPERATORS, run, setting, settings, side, slider } from "./made_playground.js";

describe("what a slider adds", () => {
  it("is the strength times the share at its layer, whatever the sign", () => {
    expect(shareOf(slider("a"), setting({ strength: -0.5 }))).toBeCloseTo(0.4, 12);
    expect(shareOf(slider("a"), setting({ strength: 2, layer: 0 }))).toBeCloseTo(0.04, 12);
  });

  it("is the largest of all layers where it acts at all of them", () => {
    expect(shareOf(slider("a"), setting({ strength: 1, layer: "all" }))).toBe(0.8);
  });

  it("is not known where the layer's is not, and for what does not simply add", () => {
    expect(shareOf(slider("a"), setting({ layer: 1 }))).toBeNull();
    expect(shareOf(slider("a"), setting({ operator: "ablate" }))).toBeNull();
  });

  it("is said in words", () => {
    expect(shareText(slider("a"), setting(), null)).toBe("adds 40 % of the residual norm");
    expect(shareText(slider("a"), setting({ strength: 0 }), null)).toBe("adds nothing");
    expect(shareText(slider("a"), setting({ muted: true }), null)).toBe("muted");
    expect(shareText(slider("a"), setting({ operator: "set" }), null)).toBe("");
    expect(shareText(slider("a"), setting({ operator: "set" }), 0.42)).toBe("added 42 % of the residual norm");
  });
});

describe("what a generation depends on", () => {
  it("leaves out sliders that do nothing", () => {
    const one = settings();
    const other = settings({ sliders: { ...one.sliders, formality: setting({ strength: 9, muted: true }) } });
    expect(essence(other, OPERATORS)).toBe(essence(one, OPERATORS));
    const zero = settings({ sliders: { ...one.sliders, extra: setting({ strength: 0 }) } });
    expect(essence(zero, OPERATORS)).toBe(essence(one, OPERATORS));
  });

  it("sees every other change", () => {
    const was = essence(settings(), OPERATORS);
    expect(essence(settings({ seed: 1 }), OPERATORS)).not.toBe(was);
    expect(essence(settings({ prompt: "x" }), OPERATORS)).not.toBe(was);
    const { sliders } = settings();
    const moved = settings({ sliders: { ...sliders, sentiment: setting({ layer: 0 }) } });
    expect(essence(moved, OPERATORS)).not.toBe(was);
    expect(essence(null, OPERATORS)).toBe("");
  });

  it("does not ask in which order the kernel wrote it", () => {
    const { seed, ...rest } = settings();
    expect(essence({ seed, ...rest }, OPERATORS)).toBe(essence(settings(), OPERATORS));
  });

  it("knows that setting a latent to 0 does something, and scaling it by 1 nothing", () => {
    expect(acts(setting({ operator: "set", strength: 0 }), OPERATORS)).toBe(true);
    expect(acts(setting({ operator: "scale", strength: 1 }), OPERATORS)).toBe(false);
    expect(acts(setting({ operator: "set", muted: true }), OPERATORS)).toBe(false);
  });
});

describe("colors", () => {
  it("are the steered log-probability less the unsteered one, where both are known", () => {
    expect(moved(side(["a", "b", "c"], [-1, null, -2], [-0.5, -1, null]))).toEqual([0.5, null, null]);
    expect(moved(side(["a", "b"], [-1], [-2]))).toEqual([-1, null]);
  });

  it("have one limit for both texts, never below 1 nat nor above 8", () => {
    expect(limitOf(run())).toBe(4);
    const quiet = side(["a"], [-1], [-1.01]);
    expect(limitOf(run({ baseline: quiet, steered: quiet }))).toBe(1);
    expect(limitOf(run({ baseline: quiet, steered: side(["a"], [-40], [0]) }))).toBe(8);
    expect(limitOf(run({ baseline: side([], [], []), steered: null }))).toBe(1);
  });
});

describe("marks", () => {
  it("tell the ends, and where the vector is as long as the stream", () => {
    const all = marksOf(slider("a"), setting());
    expect(all.map(({ value }) => value)).toEqual([-2, -1.25, -1, 0, 0.75, 1, 1.25, 2]);
    expect(all.filter(({ kind }) => kind === "norm").map(({ label }) => label)).toEqual(["100 %", "100 %"]);
  });

  it("leave out what lies beyond the slider or is not known", () => {
    expect(marksOf(slider("a"), setting({ layer: 0 })).some(({ kind }) => kind === "norm")).toBe(false);
    expect(marksOf(slider("a"), setting({ operator: "set" })).some(({ kind }) => kind === "norm")).toBe(false);
    expect(marksOf(slider("a", { range: [0, 0.5] }), setting()).map(({ value }) => value)).toEqual([0, 0.5]);
  });

  it("have labels that do not touch, the sweep's choice and 0 before all others", () => {
    const dense = Array.from({ length: 41 }, (_, i) => ({ value: i / 10 - 2, label: `${i / 10 - 2}`, kind: "unit" }));
    const zero = { value: 0, label: "0", kind: "zero" };
    const chosen = { value: 0.75, label: "sweep", kind: "choice" };
    const placed = placeMarks([...dense, zero, chosen], -2, 2);
    expect(placed).toHaveLength(43);
    expect(placed.filter(({ kind }) => kind !== "unit").map(({ text }) => text)).toEqual(["0", "sweep"]);
    const labelled = placed.filter(({ text, above }) => text && !above).sort((a, b) => a.at - b.at);
    expect(labelled.length).toBeGreaterThan(3);
    labelled.slice(1).forEach((mark, i) => {
      const before = labelled[i];
      if (!before) throw new Error("no mark before");
      const half = (text: string) => ([...text].length * 6) / 2;
      expect(mark.at * 200 - half(mark.text)).toBeGreaterThan(before.at * 200 + half(before.text));
    });
  });
});

describe("layers", () => {
  it("offer all at once where a vector has several and the operator can take them", () => {
    expect(layersOf(slider("a"), setting())).toEqual([0, 1, 3, "all"]);
    expect(layersOf(slider("a"), setting({ operator: "set" }))).toEqual([0, 1, 3]);
    expect(layersOf(slider("a", { layers: [2] }), setting())).toEqual([2]);
  });
});

describe("fields", () => {
  const problem = (key: string, text: string) => {
    const field = FIELDS.find((each) => each.key === key);
    return field ? fieldProblem(field, text, meta()) : "no such field";
  };
  it("take whole numbers within limits, and any temperature from 0 to 5", () => {
    expect(problem("n_new", "200")).toBe("");
    expect(problem("n_new", "201")).toBe('tokens must be a whole number from 1 to 200, got "201"');
    expect(problem("n_new", "2.5")).not.toBe("");
    expect(problem("seed", "-1")).not.toBe("");
    expect(problem("temperature", "0.7")).toBe("");
    expect(problem("temperature", "")).not.toBe("");
    expect(problem("temperature", "warm")).toContain('got "warm"');
  });
});

describe("where the bars are", () => {
  const at = (selected: object, changes = {}) =>
    placeOf({
      meta: meta(),
      settings: settings(),
      run: run(),
      selected: readSelected(selected),
      ...changes,
    });
  it("is before the chosen token of a text", () => {
    expect(at({ side: 1, token: 1 })).toEqual({ side: 1, n: 1 });
    expect(at({ side: 0, token: 2 })).toEqual({ side: 0, n: 2 });
  });

  it("is after the prompt where no token is chosen, or none that there is", () => {
    const start = { side: 0, n: 0 };
    expect(at({})).toEqual(start);
    expect(at({ side: 1, token: 0 })).toEqual(start);
    expect(at({ side: 1, token: 2 })).toEqual(start);
    expect(at({ side: 1, token: 1 }, { run: run({ steered: null }) })).toEqual(start);
    expect(at({ side: 1, token: 1 }, { settings: settings({ prompt: "Another" }) })).toEqual(start);
  });

  it("reads a selection that is none as nothing chosen", () => {
    expect(readSelected(null)).toEqual({ vector: null, latent_idx: null, side: null, token: null });
    expect(readSelected({ side: 7, token: "x" })).toEqual({ vector: null, latent_idx: null, side: null, token: null });
  });
});

describe("words", () => {
  it("give four digits", () => {
    expect(movedText(moved(run().baseline)[1])).toBe("moved −2.346 nats");
    expect(tokenFacts(run().baseline, 1)).toEqual([
      ["new token", "2"],
      ["unsteered", "−1.000 nats (37 %)"],
      ["steered", "−3.346 nats (3.5 %)"],
      ["moved", "−2.346 nats"],
    ]);
    expect(tokenFacts(side(["x"], [null], [-1]), 0).at(-1)).toEqual(["moved", "not known"]);
  });

  it("say how long a text is and how it ended", () => {
    expect(sideText(run().steered)).toBe("2 tokens · ended by itself");
    expect(sideText(run().baseline)).toBe("3 tokens");
    expect(sideText(side(["x"], [0], [0], "stopped"))).toBe("1 token · stopped");
    expect(sideText(null)).toBe("");
  });

  it("say at the end what came of it", () => {
    expect(endText(run())).toBe("done: 3 tokens; the texts differ from token 2 on");
    expect(endText(run({ diverges_at: null }))).toContain("steering changes nothing");
    expect(endText(run({ steered: null, state: "stopped" }))).toBe("stopped: 3 tokens; nothing steers");
    expect(endText(run({ warnings: ["it repeats itself"] }))).toContain("; it repeats itself");
  });

  it("show the end of a long prompt", () => {
    expect(promptEnd("short")).toBe("short");
    expect([...promptEnd("é".repeat(500))]).toHaveLength(242);
  });
});
