import { describe, expect, it } from "vitest";
import {
  bareDetail,
  type Columns,
  type DashboardMeta,
  FLAG,
  keepTexts,
  latentOf,
  type OnText,
  readColumns,
  replyArray,
  rowOf,
  type Texts,
} from "../src/feature_dashboard/data.js";
import { exampleShapes, latentFigure } from "../src/feature_dashboard/figure.js";
import { listCsv } from "../src/feature_dashboard/files.js";
import { cellWidth, rankedAt } from "../src/feature_dashboard/heat.js";
import {
  bandEdges,
  binAt,
  type HistogramProps,
  histogramPlace,
  histogramShapes,
} from "../src/feature_dashboard/histogram.js";
import { labelFacts } from "../src/feature_dashboard/label_row.js";
import { cellText, densityShare, rowFor } from "../src/feature_dashboard/list.js";
import { readPercent } from "../src/feature_dashboard/list_bar.js";
import { extentOf, nearest, placer, rowsIn } from "../src/feature_dashboard/map_places.js";
import { kept, localSearch, NO_FILTER, readSort, sortRows, writeSort } from "../src/feature_dashboard/order.js";
import { strongestText } from "../src/feature_dashboard/prompt_box.js";
import { partsText } from "../src/feature_dashboard/rank_bar.js";
import { changes } from "../src/shared/changes.js";
import { PAGE_INK } from "../src/shared/ink.js";
import { sequential } from "../src/shared/scale.js";
import { bytes, FIXTURES, HOSTILE, recorded } from "./made.js";

const fixture = FIXTURES.feature_dashboard;
const meta = fixture.traits._meta as DashboardMeta;
const read = (): Columns => readColumns(meta.arrays, bytes(fixture.data), meta.n_rows);
const made = (numbers: Record<string, number[]>, flags: number[], latents?: number[]): Columns => ({
  n: flags.length,
  numbers,
  flags,
  ...(latents ? { latents } : {}),
});

describe("columns", () => {
  it("reads every column that Python sends, a value a row", () => {
    const columns = read();
    expect(columns.n).toBe(6);
    expect(Object.keys(columns.numbers).sort()).toEqual(
      ["concept_rank", "density", "interesting", "label_rank", "max", "mean", "score"].sort(),
    );
    expect(Array.from(columns.flags, (flag) => (flag & FLAG.dead) > 0).filter(Boolean)).toHaveLength(1);
    expect(meta.first.detail.facts.density).toBe(columns.numbers.density?.[0]);
  });

  it("refuses a column of another length", () => {
    expect(() => readColumns(meta.arrays, bytes(fixture.data), 7)).toThrow("6 rows, expected 7");
  });

  it("names the latent of a row and the row of a latent, where only some are there too", () => {
    const all = made({}, [0, 0, 0]);
    expect([latentOf(all, 2), rowOf(all, 2), rowOf(all, 3), rowOf(all, -1)]).toEqual([2, 2, -1, -1]);
    const some = made({}, [0, 0], [40, 7]);
    expect([latentOf(some, 1), rowOf(some, 40), rowOf(some, 1)]).toEqual([7, 0, -1]);
  });

  it("tells what it knows of a latent whose detail cannot be had", () => {
    const detail = bareDetail(made({ density: [0.5], max: [3] }, [FLAG.dense], [9]), 9);
    expect(detail.facts).toEqual({ density: 0.5, max: 3, mean: null, dead: false, dense: true });
    expect(detail.examples).toEqual([]);
  });
});

describe("the order of the list", () => {
  const columns = made({ max: [1, 4, Number.NaN, 4], label_rank: [2, -1, 0, 1] }, [0, 0, 0, FLAG.dead]);
  const rows = () => kept(columns, { ...NO_FILTER, shown: "all" }, null);

  it("puts the largest first, what is unknown last in both directions, equals by latent", () => {
    expect([...sortRows(rows(), columns, { name: "max", reversed: false }, "number")]).toEqual([1, 3, 0, 2]);
    expect([...sortRows(rows(), columns, { name: "max", reversed: true }, "number")]).toEqual([0, 1, 3, 2]);
  });

  it("sorts texts by their rank, none last", () => {
    expect([...sortRows(rows(), columns, { name: "label", reversed: false }, "text")]).toEqual([2, 3, 0, 1]);
    expect([...sortRows(rows(), columns, { name: "label", reversed: true }, "text")]).toEqual([0, 3, 2, 1]);
  });

  it("sorts indices of the latents, not of the rows", () => {
    const some = made({}, [0, 0, 0], [5, 1, 3]);
    const all = kept(some, NO_FILTER, null);
    expect([...sortRows(all, some, { name: "latent_idx", reversed: false }, "index")]).toEqual([1, 2, 0]);
    expect([...sortRows(all, some, { name: "latent_idx", reversed: true }, "index")]).toEqual([0, 2, 1]);
  });

  it("reads the trait and writes it back", () => {
    expect(readSort("-density", meta.columns)).toEqual({ name: "density", reversed: true });
    expect(writeSort({ name: "density", reversed: true })).toBe("-density");
    expect(readSort("no such column", meta.columns)).toEqual({ name: "interesting", reversed: false });
    expect(readSort(undefined, meta.columns).name).toBe("interesting");
  });

  it("leaves out the dead ones until they are asked for", () => {
    expect([...kept(columns, NO_FILTER, null)]).toEqual([0, 1, 2]);
    expect([...kept(columns, { ...NO_FILTER, shown: "dead" }, null)]).toEqual([3]);
  });

  it("limits by label, person and reliability", () => {
    const flags = [FLAG.labelled, FLAG.labelled | FLAG.human, FLAG.labelled | FLAG.reliable, 0];
    const shown = (name: string) => [...kept(made({}, flags), { ...NO_FILTER, shown: name }, null)];
    expect([shown("labelled"), shown("human"), shown("reliable"), shown("unlabelled")]).toEqual([
      [0, 1, 2],
      [1],
      [2],
      [3],
    ]);
  });

  it("limits by density and by a box, and keeps the order of a search", () => {
    const dense = made({ density: [0.5, 0.01, 0.1] }, [0, 0, 0]);
    expect([...kept(dense, { ...NO_FILTER, minDensity: 0.05 }, null)]).toEqual([0, 2]);
    expect([...kept(dense, { ...NO_FILTER, maxDensity: 0.1 }, null)]).toEqual([1, 2]);
    expect([...kept(dense, { ...NO_FILTER, box: new Set([1]) }, null)]).toEqual([1]);
    expect([...kept(dense, NO_FILTER, [2, 9, 0])]).toEqual([2, 0]);
  });

  it("searches the texts that are here when there is no kernel", () => {
    const texts = new Map<number, Texts>();
    keepTexts(texts, meta.rows);
    expect(localSearch(texts, "DOG", "any")).toEqual([0]);
    expect(localSearch(texts, "paris", "label")).toEqual([]);
    expect(localSearch(texts, "paris", "token")).toEqual([1]);
  });

  it("reads percent as people type them", () => {
    expect([readPercent("5"), readPercent("0,5 %"), readPercent(""), readPercent("x")]).toEqual([
      0.05,
      0.005,
      null,
      null,
    ]);
  });

  it("moves by key within the list", () => {
    const keys = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "x"];
    expect(keys.map((key) => rowFor(key, 5, 20, 10))).toEqual([6, 4, 15, 0, 0, 19, null]);
    expect(rowFor("ArrowDown", -1, 3, 10)).toBe(0);
    expect(rowFor("ArrowDown", 0, 0, 10)).toBeNull();
  });

  it("says values as short as it can", () => {
    const columns = made({ density: [0.00018], max: [12345], mean: [Number.NaN] }, [0]);
    const text = (name: string, kind: "number" | "share" | "text") => cellText({ name, kind }, columns, 0);
    expect(text("density", "share")).toBe("0.018\u00a0%");
    expect(text("max", "number")).toBe("12.3\u00a0k");
    expect(text("label", "text")).toBe("12.3\u00a0k");
    expect(text("mean", "number")).toBe("–");
  });

  it("draws densities in powers of ten", () => {
    expect([densityShare(1), densityShare(0.001), densityShare(0)]).toEqual([1, 0.5, 0]);
    expect(densityShare(1e-9)).toBeGreaterThan(0);
  });
});

describe("the histogram", () => {
  const props = (counts: number[]): HistogramProps => ({
    width: 200,
    height: 100,
    counts,
    edges: [1, 2, 4, 8, 16],
    n_bands: 2,
    fill: "#000000",
    ink: PAGE_INK,
    bin: null,
  });

  it("splits firings into bands of equal number, evenly in log within a bin", () => {
    expect(bandEdges([4, 4, 0, 0], [1, 2, 4, 8, 16], 2)).toEqual([2]);
    expect(bandEdges([0, 8, 0, 0], [1, 2, 4, 8, 16], 2)[0]).toBeCloseTo(2 * Math.SQRT2);
    expect(bandEdges([8], [1, 2], 4)).toHaveLength(3);
  });

  it("shows the bins with firings and their neighbours only", () => {
    const place = histogramPlace(props([0, 0, 5, 0]));
    expect([place?.from, place?.to]).toEqual([1, 4]);
    expect(histogramPlace(props([0, 0, 0, 0]))).toBeNull();
    expect(histogramShapes(props([0, 0, 0, 0]))).toEqual([]);
  });

  it("finds the bin below the pointer", () => {
    const all = props([1, 2, 3, 4]);
    expect([binAt(all, 35), binAt(all, 190), binAt(all, 5)]).toEqual([0, 3, null]);
  });

  it("draws a bar for every bin that has firings, tallest to the top", () => {
    const bars = histogramShapes(props([1, 0, 4, 2])).filter((shape) => shape.attrs?.fill === "#000000");
    expect(bars).toHaveLength(3);
    const heights = bars.map((bar) => Number(bar.attrs?.height));
    expect(heights[1]).toBe(Math.max(...heights));
  });
});

describe("a text", () => {
  const { result, buffers } = recorded("feature_dashboard", "text") as { result: OnText; buffers: DataView[] };

  it("has an activation for every latent and token, undefined where it was not counted", () => {
    const acts = replyArray(result.arrays, buffers, "acts");
    expect(acts).toHaveLength(result.latents.length * result.tokens.length);
    expect(acts[0]).toBeNaN();
    expect(acts[2]).toBe(result.max[0]);
    expect(() => replyArray(result.arrays, buffers, "direct")).toThrow('no array "direct"');
  });

  it("can be ranked on one token with no kernel", () => {
    const two = { ...result, tokens: ["a", "b"], latents: [5, 9] };
    expect(rankedAt(two, [Number.NaN, 1, 0, 2], 1)).toEqual([1, 0]);
    expect(rankedAt(two, [Number.NaN, 1, 0, 2], 0)).toEqual([1, 0]);
  });

  it("has columns that can be seen, narrower where there are very many", () => {
    expect([cellWidth(600, 20), cellWidth(600, 100), cellWidth(600, 1000), cellWidth(600, 1)]).toEqual([30, 13, 5, 34]);
  });

  it("says what an answer is ahead by, and what that is made of", () => {
    const asked = { ...result, metric: 2, parts: { latents: 0.5, bias: null }, answer: " runs", wrong: "" };
    expect(partsText(asked)).toBe("Logit of “·runs” over the mean: +2.00 (latents +0.50).");
    expect(partsText({ ...asked, metric: null })).toBe("");
  });
});

describe("an intervention", () => {
  it("joins both distributions, the likeliest of either first", () => {
    const before = [
      { token: "a", prob: 0.5 },
      { token: "b", prob: 0.2 },
    ];
    const after = [
      { token: "c", prob: 0.9 },
      { token: "a", prob: 0.05 },
    ];
    expect(changes({ before, after })).toEqual([
      { token: "c", before: null, after: 0.9 },
      { token: "a", before: 0.5, after: 0.05 },
      { token: "b", before: 0.2, after: null },
    ]);
  });

  it("leaves out what is never likely beside the first, but for a few", () => {
    const rare = Array.from({ length: 9 }, (_, i) => ({ token: `t${i}`, prob: i ? 1e-5 : 0.9 }));
    expect(changes({ before: rare, after: rare })).toHaveLength(4);
    const flat = rare.map(({ token }) => ({ token, prob: 4e-4 }));
    expect(changes({ before: flat, after: flat })).toHaveLength(9);
  });
});

describe("the map", () => {
  const xy = [0, 0, 10, 0, 0, 5, Number.NaN, Number.NaN];

  it("spans what is known, and a point alone too", () => {
    const box = extentOf(xy);
    expect(box.x0).toBeLessThan(0);
    expect(box.x1).toBeGreaterThan(10);
    expect(extentOf([3, 3]).x1).toBeGreaterThan(extentOf([3, 3]).x0);
    expect(extentOf([])).toEqual({ x0: -1, x1: 1, y0: -1, y1: 1 });
  });

  it("goes to pixels and back, with y upwards", () => {
    const place = placer({ x0: 0, x1: 10, y0: 0, y1: 5 }, 124, 124);
    expect(place.to(0, 0)).toEqual([12, 112]);
    expect(place.to(10, 5)).toEqual([112, 12]);
    expect(place.from(62, 62)).toEqual([5, 2.5]);
  });

  it("finds the nearest point within reach, and those in a box", () => {
    const place = (x: number, y: number): [number, number] => [x, y];
    expect(nearest(xy, place, 9, 1, 5)).toBe(1);
    expect(nearest(xy, place, 50, 50, 5)).toBe(-1);
    expect(nearest(xy, place, 9, 1, 50, (row) => row === 1)).toBe(0);
    expect([...rowsIn(xy, { x0: -1, x1: 1, y0: -1, y1: 6 })]).toEqual([0, 2]);
  });
});

describe("the picture of a latent", () => {
  const { detail } = meta.first;
  const measure = (text: string, size: number) => [...text].length * size * 0.6;
  const store = meta.stores[0];
  if (!store) throw new Error("the fixture has no store");

  it("holds its numbers, examples, histogram and logits", () => {
    const { svg, width, height } = latentFigure(detail, store, "pocket", measure);
    expect(svg).toContain(`width="${width}" height="${height}"`);
    for (const text of ["Latent 0", "animal: dog", "max 8.000", "pocket", "Where it fires", "Next tokens", ">8.000<"]) {
      expect(svg).toContain(text);
    }
  });

  it("keeps the firing token where there is room for little", () => {
    const [example] = detail.examples;
    if (!example) throw new Error("the fixture has no example");
    const shown = exampleShapes(detail, example, sequential(8, "light"), 60, measure).filter(
      ({ tag }) => tag === "text",
    );
    expect(shown.map(({ text }) => text)).toContain("dog");
    expect(shown.length).toBeLessThan(example.tokens.length);
  });

  it("shows hostile strings as text", () => {
    const strings = detail.strings.map((_, i) => HOSTILE[i % HOSTILE.length] ?? "");
    const { svg } = latentFigure(
      { ...detail, strings, label: null, concept: HOSTILE[1] ?? "" },
      store,
      HOSTILE[0] ?? "",
      measure,
    );
    expect(svg).not.toContain("<img");
    expect(svg).not.toContain("<script");
    expect(svg).not.toContain("\u202e");
  });
});

describe("words and files", () => {
  it("says who a label is by and how good it is", () => {
    const label = {
      text: "x",
      method: "tokens",
      author: "",
      time: "2026-01-02T03:04:05+00:00",
      human: false,
      reliable: true,
      score: {},
    };
    expect(labelFacts({ ...label, score: { balanced_accuracy: 0.75 } })).toBe(
      "tokens · 2026-01-02 · balanced accuracy 75 % · reliable",
    );
    expect(labelFacts({ ...label, human: true, author: "ada", reliable: null })).toBe("ada · 2026-01-02");
  });

  it("makes a text of the strongest example, up to its firing and without what was not counted", () => {
    expect(strongestText(meta.first.detail)).toBe("The dog");
    expect(strongestText({ ...meta.first.detail, examples: [] })).toBe("");
  });

  it("saves the list in its order, with formulas defused", () => {
    const texts = new Map<number, Texts>([[1, { label: "=1+1", concept: "", words: "" }]]);
    const rows = Int32Array.from([1, 0]);
    const columns = made({ density: [0.5, 0.25], max: [1, Number.NaN] }, [0, FLAG.dense]);
    expect(listCsv({ meta, columns, rows, texts, detail: meta.first.detail }).split("\r\n")).toEqual([
      "latent_idx,density,max,dead,dense,label,concept",
      '1,0.25,nan,0,1,"\'=1+1",',
      "0,0.5,1,0,0,,",
      "",
    ]);
  });
});
