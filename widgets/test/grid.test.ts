import { describe, expect, it } from "vitest";
import { cellShapes, hatch } from "../src/grid/cells.js";
import { gridFigure } from "../src/grid/figure.js";
import { gridKey } from "../src/grid/keys.js";
import { cellAt, type GridAxes, gridLayout } from "../src/grid/layout.js";
import { legend } from "../src/grid/legend.js";
import { parseLimit } from "../src/grid/legend_view.js";
import { overlayShapes } from "../src/grid/overlay.js";
import { columnTicks } from "../src/grid/ticks.js";
import type { GridProps } from "../src/grid/view.js";
import { FILE_INK } from "../src/shared/ink.js";
import { diverging } from "../src/shared/scale.js";
import { type Shape, toMarkup } from "../src/shared/shapes.js";
import { HOSTILE } from "./made.js";

const measure = (text: string, size: number) => text.length * size * 0.6;

function axes(clean: string[], corrupted = clean, rows = 4): GridAxes {
  const differs = clean.map((token, i) => token !== corrupted[i]);
  return {
    rows: Array.from({ length: rows }, (_, i) => String(i)),
    columns: clean.map((text, i) => ({ text, strong: differs[i] ?? false })),
    below: clean.map((_, i) => (differs[i] ? { text: corrupted[i] ?? "" } : null)),
    tokens: true,
    names: { rows: "layer", columns: "clean", below: "corrupted" },
  };
}

function props(grid: GridAxes, values: number[]): GridProps {
  return {
    axes: grid,
    values,
    state: undefined,
    scale: diverging(1, "light"),
    theme: "light",
    label: "",
    describe: () => "",
    selected: null,
    pins: [],
  };
}

describe("gridLayout", () => {
  it("fits short prompts into the width it is given", () => {
    for (const width of [420, 720, 1400]) {
      const layout = gridLayout(axes([" a", " b", " c", " d", " e"]), width, measure);
      expect(layout.axisWidth + layout.plotWidth).toBeLessThanOrEqual(width);
    }
  });

  it("keeps labels level while they fit and slants them when many would be cut", () => {
    expect(gridLayout(axes([" is", " in", " a"]), 700, measure).slanted).toBe(false);
    expect(gridLayout(axes(Array.from({ length: 20 }, () => " Colosseum")), 700, measure).slanted).toBe(true);
  });

  it("lets one long token be cut instead of slanting all", () => {
    const layout = gridLayout(axes(["<|endoftext|>", " is", " in", " the", " big", " city"]), 700, measure);
    expect(layout.slanted).toBe(false);
    expect(layout.columns[0]).toMatch(/^<.*…$/);
    expect(layout.columns[1]).toBe("·is");
  });

  it("never makes cells too small to hit, but grows past the width to be scrolled", () => {
    const layout = gridLayout(axes(Array.from({ length: 200 }, () => " to")), 420, measure);
    expect(layout.cellWidth).toBeGreaterThanOrEqual(16);
    expect(layout.plotWidth).toBeGreaterThan(420);
  });

  it("leaves room below only where the prompts differ", () => {
    const same = gridLayout(axes([" a", " b"]), 600, measure);
    const differ = gridLayout(axes([" a", " b"], [" a", " c"]), 600, measure);
    expect(same.below.every((text) => text === null)).toBe(true);
    expect(differ.below).toEqual([null, "·c"]);
    expect(differ.bottom).toBeGreaterThan(same.bottom);
  });

  it("survives a prompt of hostile and huge tokens", () => {
    const layout = gridLayout(axes(HOSTILE), 600, measure);
    expect(layout.columns).toHaveLength(HOSTILE.length);
    for (const text of layout.columns) expect(text.length).toBeLessThan(40);
  });
});

describe("cellAt", () => {
  const layout = gridLayout(axes([" a", " b", " c"]), 600, measure);

  it("gives back the cell at whose middle one points", () => {
    for (const [row, column] of [
      [0, 0],
      [3, 2],
      [1, 1],
    ] as const) {
      const x = (column + 0.5) * layout.cellWidth;
      const y = layout.top + (row + 0.5) * layout.cellHeight;
      expect(cellAt(layout, x, y)).toEqual({ row, column });
    }
  });

  it("is null on the ticks and outside", () => {
    expect(cellAt(layout, 5, layout.top - 2)).toBeNull();
    expect(cellAt(layout, layout.gridWidth + 1, layout.top + 5)).toBeNull();
    expect(cellAt(layout, -1, layout.top + 5)).toBeNull();
  });
});

describe("gridKey", () => {
  it("moves by one cell and stops at the edges", () => {
    expect(gridKey("ArrowDown", { row: 1, column: 1 }, 3, 3)).toEqual({ kind: "move", to: { row: 2, column: 1 } });
    expect(gridKey("ArrowRight", { row: 0, column: 2 }, 3, 3)).toEqual({ kind: "move", to: { row: 0, column: 2 } });
    expect(gridKey("ArrowUp", { row: 0, column: 2 }, 3, 3)).toEqual({ kind: "move", to: { row: 0, column: 2 } });
  });

  it("jumps to the ends of a row", () => {
    expect(gridKey("End", { row: 1, column: 0 }, 3, 5)).toEqual({ kind: "move", to: { row: 1, column: 4 } });
    expect(gridKey("Home", { row: 1, column: 4 }, 3, 5)).toEqual({ kind: "move", to: { row: 1, column: 0 } });
  });

  it("starts at the first cell, pins with Enter, clears with Escape, and leaves other keys alone", () => {
    expect(gridKey("ArrowLeft", null, 3, 3)).toEqual({ kind: "move", to: { row: 0, column: 0 } });
    expect(gridKey("Enter", { row: 0, column: 0 }, 3, 3)).toEqual({ kind: "pin" });
    expect(gridKey("Enter", null, 3, 3)).toBeNull();
    expect(gridKey("Escape", null, 3, 3)).toEqual({ kind: "clear" });
    expect(gridKey("Tab", { row: 0, column: 0 }, 3, 3)).toBeNull();
  });
});

describe("cells", () => {
  const box = { x: 10, y: 20, width: 24, height: 16 };
  const scale = diverging(1, "light");
  const tags = (shapes: Shape[]) => shapes.map((shape) => shape.tag).join(" ");

  it("have a mark of their own for each class that is not a plain number", () => {
    expect(tags(cellShapes(box, 0.5, "normal", scale, FILE_INK))).toBe("rect");
    expect(tags(cellShapes(box, 0.5, "pending", scale, FILE_INK))).toBe("rect circle");
    expect(tags(cellShapes(box, Number.NaN, "undefined", scale, FILE_INK))).toBe("rect path path");
    expect(tags(cellShapes(box, 9, "clipped", scale, FILE_INK))).toBe("rect path");
  });

  it("keep the sign of an infinity", () => {
    expect(cellShapes(box, Number.POSITIVE_INFINITY, "infinite", scale, FILE_INK)[1]?.text).toBe("+∞");
    expect(cellShapes(box, Number.NEGATIVE_INFINITY, "infinite", scale, FILE_INK)[1]?.text).toBe("−∞");
  });

  it("are hatched inside their own box only", () => {
    const numbers = [...hatch(box).matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map((match) => [
      Number(match[1]),
      Number(match[2]),
    ]);
    expect(numbers.length).toBeGreaterThan(8);
    for (const [x = 0, y = 0] of numbers) {
      expect(x).toBeGreaterThanOrEqual(10);
      expect(x).toBeLessThanOrEqual(34);
      expect(y).toBeGreaterThanOrEqual(20);
      expect(y).toBeLessThanOrEqual(36);
    }
  });
});

describe("ticks", () => {
  it("carry the position index, and the corrupted token where it differs", () => {
    const grid = axes([" a", " Eiffel"], [" a", " Old"]);
    const texts = toMarkup({ tag: "g", children: columnTicks(grid, gridLayout(grid, 600, measure), FILE_INK) });
    expect(texts).toContain(">0</text>");
    expect(texts).toContain(">1</text>");
    expect(texts).toContain("Eiffel");
    expect(texts).toContain("Old");
    expect(texts.match(/font-weight="600"/g)).toHaveLength(2);
  });
});

describe("the legend", () => {
  const text = (present: Set<"pending" | "clipped">) =>
    JSON.stringify(legend(diverging(0.5, "light"), "share", present, FILE_INK, measure, 800).shapes);

  it("prints both limits, zero and the unit", () => {
    const drawn = text(new Set());
    for (const label of ["−0.5", '"0"', "+0.5", "share"]) expect(drawn).toContain(label);
  });

  it("explains only the marks that occur", () => {
    expect(text(new Set())).not.toContain("not computed yet");
    expect(text(new Set(["pending"]))).toContain("not computed yet");
    expect(text(new Set(["clipped"]))).toContain("beyond the limits");
  });

  it("wraps into a narrow widget", () => {
    const narrow = legend(
      diverging(1, "light"),
      "share of the clean-corrupted difference",
      new Set(["pending", "undefined", "clipped"]),
      FILE_INK,
      measure,
      380,
    );
    expect(narrow.width).toBeLessThanOrEqual(380);
    expect(narrow.height).toBeGreaterThan(30);
  });

  it("takes typed limits as positive numbers and anything else as automatic", () => {
    expect(parseLimit("0.5")).toBe(0.5);
    expect(parseLimit("-2")).toBe(2);
    expect(parseLimit("0,25")).toBe(0.25);
    for (const none of ["", "  ", "abc", "0", "Infinity"]) expect(parseLimit(none)).toBeNull();
  });
});

describe("the overlay", () => {
  it("numbers the pins as their list does and rings the selection twice", () => {
    const layout = gridLayout(axes([" a", " b", " c"]), 600, measure);
    const cells = [
      { row: 2, column: 1 },
      { row: 0, column: 0 },
    ];
    const shapes = overlayShapes(layout, { hover: null, selected: { row: 1, column: 1 }, pins: cells }, FILE_INK);
    expect(shapes.filter((shape) => shape.tag === "text").map((shape) => shape.text)).toEqual(["1", "2"]);
    expect(shapes.filter((shape) => shape.attrs?.fill === "none")).toHaveLength(2);
  });
});

describe("the exported figure", () => {
  it("holds every cell in its colour, the title and the legend, on white", () => {
    const grid = axes([" a", " b"], [" a", " b"], 2);
    const now = props(grid, [0, 1, -1, 0.5]);
    const { svg } = gridFigure(now, "Patching resid_pre", "share", 600, measure);
    for (const value of [0, 1, -1, 0.5]) expect(svg).toContain(now.scale.color(value));
    expect(svg).toContain("Patching resid_pre");
    expect(svg).toContain('fill="#ffffff"');
    expect(svg).not.toContain("var(--");
  });

  it("escapes hostile tokens and titles", () => {
    const { svg } = gridFigure(
      props(
        axes(HOSTILE, HOSTILE, 1),
        HOSTILE.map(() => 0),
      ),
      HOSTILE[1] ?? "",
      "u",
      900,
      measure,
    );
    expect(svg).not.toMatch(/<(img|script)/);
    expect(svg).toContain("&lt;/script&gt;");
  });
});
