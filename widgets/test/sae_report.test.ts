import { describe, expect, it } from "vitest";
import { lines } from "../src/sae_report/concept_rows.js";
import { difference, type Metric, readReports, readSelected, type Value, verdict } from "../src/sae_report/data.js";
import { barShapes, dotShapes, metricAxis } from "../src/sae_report/dots.js";
import { reportFigure, tableCsv } from "../src/sae_report/files.js";
import { curveAt, isStop, outside, stopAt } from "../src/sae_report/law.js";
import { shown } from "../src/sae_report/measures.js";
import { differenceText, intervalText, numberText, plural } from "../src/sae_report/words.js";
import { FILE_INK } from "../src/shared/ink.js";
import type { Shape } from "../src/shared/shapes.js";
import { stroke } from "../src/shared/strokes.js";
import { bytes, FIXTURES, traits } from "./made.js";

const one = () => read("sae_report");
const two = () => read("sae_comparison");

function read(name: "sae_report" | "sae_comparison") {
  const state = traits(name);
  return readReports(state._meta as Parameters<typeof readReports>[0], bytes(FIXTURES[name].data));
}

const place = (data: ReturnType<typeof one>, name: string) => data.meta.metrics.findIndex((each) => each.name === name);
const metric = (changes: Partial<Metric> = {}): Metric => ({
  name: "m",
  group: "g",
  label: "m",
  unit: "",
  better: "higher",
  meaning: "",
  formula: "",
  count: false,
  share: true,
  ...changes,
});
const value = (number: number, low = number, high = number, withBos = Number.NaN): Value => ({
  value: number,
  low,
  high,
  withBos,
});
const saved = (changes: object = {}) => ({
  data: one(),
  tab: "truth",
  metrics: [0, 1],
  withBos: false,
  sae: 0,
  sort: "-f1",
  query: "",
  strokes: [stroke(0, 1, "light")],
  plots: [],
  ...changes,
});

describe("what Python sends", () => {
  it("is read into numbers, concepts and histograms", () => {
    const data = one();
    const report = data.reports[0];
    expect(report?.values[place(data, "explained_variance")]).toEqual(value(0.875, 0.859375, 0.890625, 0.984375));
    expect(report?.values[place(data, "dead_fraction")]?.low).toBeNaN();
    expect(report?.concepts[0]).toMatchObject({ concept: 0, latent_idx: 3, f1: 0.75, context: 1, probe_f1: 0.875 });
    expect(report?.causal[0]).toMatchObject({ latent_idx: 3, effect: 0.5, random: 0.125, beyond: 1 });
    expect([...(report?.histograms.l0?.counts ?? [])]).toEqual([0, 1024, 1024]);
  });

  it("fails with a name where an array has another width", () => {
    const state = traits("sae_report");
    const meta = state._meta as Parameters<typeof readReports>[0];
    const wrong = { ...meta, causal_columns: ["latent_idx"] };
    expect(() => readReports(wrong, bytes(FIXTURES.sae_report.data))).toThrow(/causal\.0.*1 columns, got 7/);
  });

  it("reads selections of any kind", () => {
    expect(readSelected(null)).toEqual({ latent_idx: null, sae: null });
    expect(readSelected({ latent_idx: 4, sae: null })).toEqual({ latent_idx: 4, sae: null });
    expect(readSelected({ latent_idx: "4" })).toEqual({ latent_idx: null, sae: null });
  });
});

describe("differences", () => {
  it("turn round with their intervals", () => {
    const data = two();
    const at = place(data, "explained_variance");
    expect(difference(data, at, 0, 1)).toMatchObject({ value: 0.015625, low: 0.0078125, high: 0.03125 });
    expect(difference(data, at, 1, 0)).toMatchObject({ value: -0.015625, low: -0.03125, high: -0.0078125 });
    expect(difference(data, at, 0, 0)).toBeNull();
  });

  it("are better or worse by what is wanted, and nothing where chance may be", () => {
    const data = two();
    expect(verdict(data, place(data, "explained_variance"), 0, 1)).toBe("better");
    expect(verdict(data, place(data, "explained_variance"), 1, 0)).toBe("worse");
    // Less is better of these, and the first has more.
    expect(verdict(data, place(data, "dead_fraction"), 0, 1)).toBe("worse");
    expect(verdict(data, place(data, "shrinkage"), 0, 1)).toBe("differs");
    expect(verdict(data, place(data, "l0"), 0, 1)).toBe("");
    expect(verdict(data, place(data, "mse"), 1, 1)).toBe("");
  });

  it("are said with their interval", () => {
    const data = two();
    const at = place(data, "explained_variance");
    expect(differenceText(data, at, 1, 0)).toBe("−0.016 [−0.031, −0.0078], same documents");
    expect(differenceText(data, at, 1, 1)).toBeNull();
  });
});

describe("numbers", () => {
  it("have the digits that are of use", () => {
    expect([0.87123, 0.00342, 6.94, 12.34, 1234.5, 0, -0.5].map((each) => numberText(each))).toEqual([
      "0.871",
      "0.0034",
      "6.940",
      "12.3",
      "1,235",
      "0.000",
      "−0.500",
    ]);
    expect(numberText(6.94, true)).toBe("6.9");
    expect(
      [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0.0].map((each) => numberText(each)),
    ).toEqual(["–", "∞", "−∞", "0.000"]);
  });

  it("say when there is no interval", () => {
    expect(intervalText(0.25, 0.5)).toBe("[0.250, 0.500]");
    expect(intervalText(Number.NaN, 0.5)).toBe("no interval");
    expect([plural(1, "token"), plural(2000, "token")]).toEqual(["1 token", "2,000 tokens"]);
  });

  it("with begin-of-text tokens have no interval; those without such a figure stay", () => {
    expect(shown(value(0.5, 0.4, 0.6, 0.75), true)).toEqual(value(0.75, Number.NaN, Number.NaN, 0.5));
    expect(shown(value(0.5, 0.4, 0.6), true)).toEqual(value(0.5, 0.4, 0.6));
    expect(shown(value(0.5, 0.4, 0.6, 0.75), false).value).toBe(0.5);
  });
});

describe("scales", () => {
  it("of one SAE's shares go from 0 to 1, whatever the figure with BOS is", () => {
    const axis = metricAxis(metric(), [value(0.9, 0.85, 0.95, -7)], true);
    expect([axis.low, axis.high]).toEqual([0, 1]);
    expect(metricAxis(metric(), [value(-0.3)], true).low).toBe(-1);
  });

  it("of other numbers start at 0 and reach the largest on the same scale", () => {
    const free = metric({ share: false, unit: "nats" });
    expect(metricAxis(free, [value(0.25)], true, [value(0.25), value(3.2)]).high).toBeGreaterThanOrEqual(3.2);
    expect(metricAxis(free, [value(0.25)], true).low).toBe(0);
  });

  it("of several SAEs hold all of them and nothing else", () => {
    const axis = metricAxis(metric(), [value(0.9, 0.89, 0.91), value(0.95)], false);
    expect(axis.low).toBeGreaterThan(0.8);
    expect(axis.high).toBeLessThan(1);
    expect(metricAxis(metric(), [value(Number.NaN), value(Number.NaN)], false).low).toBe(0);
  });

  it("show an interval as a band and what lies outside as an arrow", () => {
    const axis = metricAxis(metric(), [value(0.5)], true);
    const shapes = dotShapes(axis, 112, { value: 0.5, low: 0.4, high: 0.6, other: -3, color: "#123456" }, FILE_INK);
    const band = shapes.find(({ tag }) => tag === "rect");
    expect(band?.attrs).toMatchObject({ x: 46, width: 20 });
    expect(shapes.some(({ attrs }) => String(attrs?.d).startsWith("M0 8l5"))).toBe(true);
    expect(shapes.find(({ tag }) => tag === "circle")?.attrs?.cx).toBe(56);
    const none = dotShapes(axis, 112, { value: Number.NaN, low: Number.NaN, high: Number.NaN, color: "" }, FILE_INK);
    expect(none.map(({ tag }) => tag)).toEqual(["path"]);
  });

  it("of a bar end at the bar, with its ceiling", () => {
    const shapes: Shape[] = barShapes(100, { value: 0.5, low: 0.4, high: 0.6, tick: 0.9, color: "red" }, FILE_INK, 0.5);
    expect(shapes[1]?.attrs).toMatchObject({ width: 50, fill: "red" });
    expect(shapes.at(-1)?.attrs?.d).toBe("M90 1v14");
  });
});

describe("concepts", () => {
  const names = (data: ReturnType<typeof one>, props: { sort: string; query?: string; sae?: number }) =>
    lines({ data, sae: props.sae ?? 0, sort: props.sort, query: props.query ?? "" }).map(
      ({ concept }) => data.meta.concepts[concept]?.name,
    );

  it("are sorted by a column, both ways", () => {
    const data = one();
    expect(names(data, { sort: "-f1" })).toEqual(["punctuation=comma", "entity_type=city", "sentiment=<b>bad</b>"]);
    expect(names(data, { sort: "f1" })).toEqual(["sentiment=<b>bad</b>", "entity_type=city", "punctuation=comma"]);
    expect(names(data, { sort: "name" })).toEqual(["entity_type=city", "punctuation=comma", "sentiment=<b>bad</b>"]);
    expect(names(data, { sort: "-name" })[0]).toBe("sentiment=<b>bad</b>");
  });

  it("with unknown numbers stand last, whichever way", () => {
    const data = one();
    const row = data.reports[0]?.concepts[0];
    if (row) row.probe_f1 = Number.NaN;
    expect(names(data, { sort: "probe_f1" }).at(-1)).toBe("entity_type=city");
    expect(names(data, { sort: "-probe_f1" }).at(-1)).toBe("entity_type=city");
  });

  it("are found by all words that are typed", () => {
    expect(names(one(), { sort: "f1", query: "CITY type" })).toEqual(["entity_type=city"]);
    expect(names(one(), { sort: "f1", query: "zebra" })).toEqual([]);
  });

  it("of several SAEs stand beside each other, also where one lacks them", () => {
    const data = two();
    data.reports[1]?.concepts.pop();
    const all = lines({ data, sae: 1, sort: "-f1", query: "" });
    expect(all).toHaveLength(3);
    expect(all.at(-1)?.rows[1]).toBeUndefined();
    expect(all.at(-1)?.context).toBe(false);
  });
});

describe("the law", () => {
  it("is read at its stops", () => {
    const data = two();
    const law = data.meta.scaling;
    if (!law) throw new Error("the fixture has a law");
    const rows = curveAt(data, law, 1);
    expect(rows).toHaveLength(law.stops.n.length);
    expect(rows[0]).toMatchObject({ k: 16, value: 0.875, low: 0.75, high: 1, curve_low: 0.8125 });
    const [row, at] = stopAt(law, law.stops.n[7] ?? 0, 4);
    expect([row, at]).toEqual([0, 7]);
    expect(isStop(law, law.stops.n[7] ?? 0, 4)).toBe(true);
    expect(isStop(law, 1000.5, 4)).toBe(false);
    expect(isStop(law, law.stops.n[7] ?? 0, 5)).toBe(false);
  });

  it("says what is beyond the SAEs that were fitted", () => {
    const law = two().meta.scaling;
    if (!law) throw new Error("the fixture has a law");
    expect(outside(law, 512, 8)).toBe("");
    expect(outside(law, 4096, 8)).toBe("n is 4 times above the SAEs fitted");
    expect(outside(law, 512, 2)).toBe("k is 2 times below the SAEs fitted");
  });
});

describe("files", () => {
  it("hold the table that is open", () => {
    const [head, first] = tableCsv(saved()).split("\r\n");
    expect(head).toBe(
      "sae,concept,latent_idx,threshold,precision,recall,f1,low,high,lookup_f1,context,probe_f1,n_tokens,n_docs",
    );
    expect(first).toBe("pocket SAE,punctuation=comma,5,0.5,1,0.75,0.875,0.8125,0.9375,1,0,1,120,40");
    expect(tableCsv(saved({ tab: "causal" })).split("\r\n")[3]).toBe("pocket SAE,7,nan,nan,nan,nan,0,0");
    const measures = tableCsv(saved({ tab: "sparsity" }));
    expect(measures).toContain("pocket SAE,sparsity,l0,7.5,7.25,7.75,8.5,60,documents,latents per token");
    expect(tableCsv(saved({ tab: "tradeoff", data: two() })).split("\r\n")[1]).toBe(
      "SAE 0,7.5,7.25,7.75,0.75,0.6875,0.8125,1",
    );
    expect(tableCsv(saved({ tab: "scaling", data: two() })).split("\r\n")[1]).toBe("SAE 0,256,4,0.5");
  });

  it("are pictures that name what they show and run nothing", () => {
    for (const tab of ["truth", "overview"]) {
      const { svg, width, height } = reportFigure(saved({ tab }));
      expect(svg).toContain("What pocket SAE is worth");
      expect(svg).not.toContain("<b>bad");
      expect(width).toBeGreaterThan(600);
      expect(height).toBeGreaterThan(100);
    }
    expect(reportFigure(saved({ tab: "truth" })).svg).toContain("&lt;b&gt;bad");
    const strokes = [stroke(0, 2, "light"), stroke(1, 2, "light")];
    expect(reportFigure(saved({ data: two(), tab: "overview", strokes })).svg).toContain("SAE 1");
  });
});
