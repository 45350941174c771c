import { describe, expect, it } from "vitest";
import { linearAxis, logAxis, logTicks } from "../src/shared/axis.js";
import { count } from "../src/shared/format.js";
import { PAGE_INK } from "../src/shared/ink.js";
import type { Shape } from "../src/shared/shapes.js";
import { stroke } from "../src/shared/strokes.js";
import { tokenAxis, valueAxis } from "../src/train_monitor/axes.js";
import { bucketAt, nearestBucket, type RunMeta, reading, readRun, type SaeData } from "../src/train_monitor/data.js";
import { runCsv } from "../src/train_monitor/files.js";
import { binAt, filledBins, histogramLayout, histogramShapes } from "../src/train_monitor/histogram.js";
import { changeShapes, frameOf, lineShapes, type PlotProps } from "../src/train_monitor/plot.js";
import { problem } from "../src/train_monitor/settings.js";
import { binText, changeText, duration, paceText, readingText } from "../src/train_monitor/words.js";
import { bytes, FIXTURES } from "./made.js";

const fixture = FIXTURES.train_monitor;
const meta = fixture.traits._meta as RunMeta;
const run = () => readRun(meta, bytes(fixture.data));
const sae = (index = 0): SaeData => run().saes[index] as SaeData;
const row = (name: string) => meta.series.findIndex((series) => series.name === name);
const curve = (name: string, index = 0) => sae(index).curves[row(name)] as SaeData["curves"][number];

/** A curve of these values; null = not measured. */
function made(values: (number | null)[], spread = 0): SaeData {
  const flags = values.map((value) =>
    value === null ? 0 : Number.isNaN(value) ? 2 : value === Number.POSITIVE_INFINITY ? 4 : 1,
  );
  const finite = values.map((value) => value ?? Number.NaN);
  const shifted = (by: number) => finite.map((value) => value + by);
  return {
    name: "made",
    tokens: Float64Array.from(values, (_, i) => 100 * (i + 1)),
    steps: values.map((_, i) => i + 1),
    curves: [{ low: shifted(-spread), high: shifted(spread), last: finite, flags }],
    density: [],
    neverFired: 0,
    merged: spread > 0,
  };
}

function plot(one: SaeData, more: Partial<PlotProps> = {}): PlotProps {
  const [first] = one.curves;
  if (!first) throw new Error("no curve");
  const lines = [{ sae: one, curve: first, stroke: stroke(0, 1, "light"), strong: true }];
  const x = linearAxis(0, one.tokens.at(-1) ?? 1);
  return { width: 200, height: 100, x, y: linearAxis(0, 10), lines, changes: [], ink: PAGE_INK, ...more };
}

const paths = (shapes: Shape[]) => shapes.map(({ attrs }) => String(attrs?.d ?? ""));

describe("a run on the wire", () => {
  it("is decoded with tokens, steps and every curve", () => {
    expect([...sae().tokens]).toEqual([1000, 2000, 3000, 4000]);
    expect([...Array.from(sae(1).steps)]).toEqual([10, 20, 30, 40]);
    expect([...Array.from(curve("loss").last)]).toEqual([8, 2, 1, 0.5]);
    expect(sae().neverFired).toBe(2);
    expect(sae().merged).toBe(false);
  });

  it("is refused where its arrays do not fit its names", () => {
    expect(() => readRun({ ...meta, series: meta.series.slice(1) }, bytes(fixture.data))).toThrow("expected 6");
    expect(() => readRun({ ...meta, edges: [0, 1] }, bytes(fixture.data))).toThrow("expected [2, 1]");
  });

  it("is read at a moment: the value there, or the one measured last before it", () => {
    expect(reading(curve("loss"), 1)).toEqual({ value: 2, index: 1 });
    expect(reading(curve("loss_recovered"), 2)).toBeNull();
    expect(reading(curve("loss_recovered"), 3)).toEqual({ value: 0.75, index: 3 });
    expect(reading(curve("explained_variance", 1), 1)).toEqual({ value: Number.NaN, index: 1 });
    const sparse = made([1, null, null]);
    expect(readingText(sparse, 0, 2)).toBe("1.000 (at 100)");
    expect(readingText(sparse, 0, 2, false)).toBe("1.000");
    expect(readingText(made([null]), 0, 0)).toBe("–");
  });

  it("finds the bucket of a place", () => {
    expect([0, 1000, 1001, 2000, 9999].map((tokens) => bucketAt(sae(), tokens))).toEqual([0, 0, 1, 1, 3]);
    expect([1400, 1600, 0, 9999].map((tokens) => nearestBucket(sae(), tokens))).toEqual([0, 1, 0, 3]);
  });

  it("becomes CSV with a row for every bucket of every SAE", () => {
    const lines = runCsv(run()).trimEnd().split("\r\n");
    expect(lines).toHaveLength(1 + 8);
    expect(lines[0]).toContain("sae,step,tokens,loss,");
    expect(lines[1]).toBe("batch_topk 8 k=2,10,1000,8,8,,2,0,0.25,");
    expect(lines[6]?.split(",")[7]).toBe("nan");
  });
});

describe("axes", () => {
  it("run in powers of ten where a loss falls far, and linearly elsewhere", () => {
    const falling = made([8, 4, 2, 1]).curves;
    expect(valueAxis({ name: "loss", label: "", unit: "", kind: "loss" }, falling).log).toBe(true);
    expect(valueAxis({ name: "l0", label: "", unit: "", kind: "count" }, falling).log).toBe(false);
    expect(valueAxis({ name: "x", label: "", unit: "", kind: "share" }, made([0.01, 0.9]).curves).log).toBe(false);
  });

  it("leave out the start of a long history, and never a short one", () => {
    const values = [-50, -20, ...Array.from({ length: 98 }, (_, i) => 0.8 + i / 1000)];
    const share = { name: "explained_variance", label: "", unit: "", kind: "share" as const };
    const axis = valueAxis(share, made(values).curves);
    expect(axis.low).toBeGreaterThan(0.5);
    expect(axis.high).toBeLessThanOrEqual(1);
    expect(valueAxis(share, made([-50, 0.9]).curves).low).toBeLessThanOrEqual(-50);
  });

  it("hold every value, whatever it is", () => {
    for (const values of [[3, 3, 3], [0, 0], [1e-9, 2e-9], [-1, 1e6], [null], [Number.NaN]]) {
      const axis = valueAxis({ name: "l0", label: "", unit: "", kind: "count" }, made(values).curves);
      expect(axis.high).toBeGreaterThan(axis.low);
      for (const value of values) if (value && Number.isFinite(value)) expect(axis.at(value)).toBeLessThanOrEqual(1);
      expect(axis.ticks.every(Number.isFinite)).toBe(true);
    }
  });

  it("have few ticks at round numbers", () => {
    expect(logTicks(0.1, 1000, 4)).toEqual([0.1, 1, 10, 100, 1000]);
    expect(logTicks(0.15, 2.2, 4).every((tick) => tick >= 0.15 && tick <= 2.2)).toBe(true);
    expect(logTicks(3.1, 3.3, 4)).toEqual([3.1, 3.3]);
    expect(logTicks(1e-12, 1e12, 4).length).toBeLessThanOrEqual(5);
    expect(logAxis(1, 100).value(0.5)).toBeCloseTo(10);
    expect(tokenAxis(1000, 5_000_000, true).log).toBe(true);
    expect(tokenAxis(1000, 1000, true).log).toBe(false);
  });
});

describe("a plot", () => {
  it("draws through what was measured and breaks where a value is no number", () => {
    const [line = ""] = paths(lineShapes(plot(made([1, null, 3, Number.NaN, 5, 6]))));
    expect(line.match(/M/g)).toHaveLength(2);
    expect(line.split(/[ML]/).filter(Boolean)).toHaveLength(4);
  });

  it("marks NaN, infinity and values beyond its axis", () => {
    const shapes = lineShapes(plot(made([1, Number.NaN, Number.POSITIVE_INFINITY, 99, 1])));
    expect(shapes.filter(({ attrs }) => attrs?.["data-mark"] === "nan")).toHaveLength(1);
    expect(shapes.some(({ text }) => text === "+∞")).toBe(true);
    const { top } = frameOf(plot(made([1])));
    expect(paths(shapes).some((d) => d.startsWith("M") && d.includes(` ${top - 5}l4 5h-8z`))).toBe(true);
  });

  it("shows the range of buckets that hold several records", () => {
    const shapes = lineShapes(plot(made([2, 4, 6], 1)));
    expect(paths(shapes)[0]?.match(/V/g)).toHaveLength(3);
    expect(paths(lineShapes(plot(made([2, 4, 6]))))[0]).not.toContain("V");
  });

  it("marks changes by their number", () => {
    const shapes = changeShapes(plot(made([1, 2, 3, 4]), { changes: [100, 300] }));
    expect(shapes.flatMap(({ text }) => text ?? [])).toEqual(["1", "2"]);
  });

  it("tells lines apart by dashes and marks, not by color alone", () => {
    const strokes = Array.from({ length: 6 }, (_, i) => stroke(i, 6, "dark"));
    expect(new Set(strokes.map(({ dash }) => dash)).size).toBe(6);
    expect(new Set(strokes.map(({ mark }) => mark)).size).toBe(6);
    expect(new Set(strokes.map(({ color }) => color)).size).toBe(6);
  });
});

describe("the histogram", () => {
  const props = () => ({
    width: 400,
    height: 120,
    data: run(),
    sae: 0,
    strokes: [stroke(0, 2, "light"), stroke(1, 2, "light")],
    ink: PAGE_INK,
    bin: null,
  });

  it("has a bar for every bin with latents, and one for those that never fired", () => {
    const filled = filledBins(run(), 0);
    expect(filled[0]).toBe(-1);
    const at = histogramLayout(props());
    for (const bin of filled) {
      const { x, width } = at.bar(bin);
      expect(binAt(props(), x + width / 2)).toBe(bin);
    }
    expect(histogramShapes(props()).filter(({ tag }) => tag === "rect")).toHaveLength(filled.length);
    expect(binAt(props(), 399)).toBeNull();
  });

  it("says what a bar is", () => {
    expect(binText(run(), 0, -1)).toBe("never fired: 2 latents");
    const dense = filledBins(run(), 0).at(-1) ?? 0;
    expect(binText(run(), 0, dense)).toMatch(/^on \d+\u00a0% to \d+\u00a0% of tokens: 1 latent$/);
  });
});

describe("words", () => {
  it("write counts, times and pace", () => {
    expect([7, 999, 1250, 2_000_000, 3.5e9].map(count)).toEqual(["7", "999", "1.25\u00a0k", "2\u00a0M", "3.5\u00a0B"]);
    expect([4.2, 65, 7261].map(duration)).toEqual(["4\u00a0s", "1\u00a0min 5\u00a0s", "2\u00a0h 1\u00a0min"]);
    const status = { ...meta.status, state: "running", seconds_left: 65 };
    expect(paceText(status)).toBe("4\u00a0k of 10\u00a0k tokens · 2\u00a0k tokens/s · 1\u00a0min 5\u00a0s left");
    expect(paceText({ ...status, tokens_per_second: null, seconds_left: null })).not.toContain("left");
    expect(paceText({ ...status, tokens_per_second: null, filling: 0.347 })).toBe("filling the buffer, 34\u00a0%");
  });

  it("name whose setting was changed", () => {
    const [both, one] = meta.changes;
    if (!both || !one) throw new Error("no changes");
    expect(changeText(run(), both)).toBe("learning rate 0.5 → 0.25");
    expect(changeText(run(), one)).toBe("k 4 → 2, batch_topk 8 k=2");
  });

  it("say what is wrong with a value", () => {
    const k = meta.saes[0]?.settings.find(({ name }) => name === "k");
    if (!k) throw new Error("no k");
    expect(["4", " 8 "].map((text) => problem(k, text))).toEqual(["", ""]);
    expect(problem(k, "")).toContain("must be a number");
    expect(problem(k, "many")).toContain('got "many"');
    expect(problem(k, "2.5")).toContain("a whole number");
    expect(problem(k, "0")).toContain("at least 1");
    expect(problem(k, "9")).toContain("at most 8");
  });
});
