import { describe, expect, it } from "vitest";
import { csv } from "../src/shared/csv.js";
import { fileName } from "../src/shared/download.js";
import { percent, short, sig4, signed4 } from "../src/shared/format.js";
import { progressText } from "../src/shared/progress.js";
import { badgeCounts, roleLetter } from "../src/shared/roles.js";
import { escapeXml, svgFile, toMarkup } from "../src/shared/shapes.js";
import { tooltipPlace } from "../src/shared/tooltip.js";
import { HOSTILE } from "./made.js";

describe("numbers", () => {
  it("have four significant digits and a true minus sign", () => {
    expect(sig4(0.9437219)).toBe("0.9437");
    expect(sig4(-12.5)).toBe("−12.50");
    expect(signed4(0.5)).toBe("+0.5000");
  });

  it("never show a negative zero, and name what is not a number", () => {
    expect(signed4(-0)).toBe("0.000");
    expect(sig4(Number.NaN)).toBe("undefined");
    expect(signed4(Number.NEGATIVE_INFINITY)).toBe("−∞");
  });

  it("are short in legends and tell tiny shares from none", () => {
    expect(short(0.25)).toBe("0.25");
    expect(percent(0.871)).toBe("87 %");
    expect(percent(0.031)).toBe("3.1 %");
    expect(percent(0.0004)).toBe("< 0.1 %");
    expect(percent(0)).toBe("0.0 %");
  });
});

describe("csv", () => {
  it("quotes commas, quotes, line breaks and outer spaces", () => {
    expect(
      csv(
        ["a", "b"],
        [
          [" x", 'say "hi", ok'],
          ["l1\nl2", 1.5],
        ],
      ),
    ).toBe('a,b\r\n" x","say ""hi"", ok"\r\n"l1\nl2",1.5\r\n');
  });

  it("leaves a missing value empty and writes nan as such", () => {
    expect(csv(["v"], [[null], [Number.NaN]])).toBe("v\r\n\r\nnan\r\n");
  });

  it("defuses what a spreadsheet would run as a formula", () => {
    expect(csv(["t"], [["=HYPERLINK(1)"]])).toBe('t\r\n"\'=HYPERLINK(1)"\r\n');
  });
});

describe("svg markup", () => {
  it("escapes hostile text and attributes so that the file parses to the same text", () => {
    for (const text of HOSTILE) {
      const markup = toMarkup({ tag: "text", attrs: { "data-t": text }, text });
      expect(markup).not.toMatch(/<(img|script)/);
      expect(markup.match(/</g)).toHaveLength(2);
    }
  });

  it("replaces characters that XML forbids", () => {
    expect(escapeXml("a\u0000\u001b\ud800b")).toBe("a\ufffd\ufffd\ufffdb");
    expect(escapeXml("🗼\n")).toBe("🗼\n");
  });

  it("is one svg element with a painted background", () => {
    expect(svgFile(20, 10, "#fff", [{ tag: "rect", attrs: { width: 5 } }])).toMatch(
      /^<svg [^>]*width="20"[^>]*><rect width="20" height="10" fill="#fff"\/>\n<rect width="5"\/><\/svg>\n$/,
    );
  });
});

describe("small words", () => {
  it("say how far a job is and how it ended", () => {
    expect(progressText("running", 0.426)).toBe("computing 42 %");
    expect(progressText("paused", 0.5)).toBe("paused at 50 %");
    expect(progressText("interrupted", 0.25)).toBe("interrupted at 25 %, partial result");
    expect(progressText("done", 1)).toBeNull();
  });

  it("give every role a letter of its own and mixed none", () => {
    const roles = ["previous token", "duplicate token", "induction", "first token", "self", "spread"];
    expect(new Set(roles.map(roleLetter)).size).toBe(roles.length);
    expect(roleLetter("mixed")).toBe("");
    expect(
      badgeCounts([
        ["self", "mixed"],
        ["self", "induction"],
      ]),
    ).toEqual([
      { badge: "induction", count: 1 },
      { badge: "self", count: 2 },
      { badge: "mixed", count: 1 },
    ]);
  });

  it("make file names of plain characters only", () => {
    expect(fileName("patch_grid", "../../etc", "a b/c")).toBe("patch_grid-etc-a_b_c");
  });
});

describe("the tooltip", () => {
  const area = { width: 400, height: 300 };
  it("stands beside the pointer and flips at the edges", () => {
    expect(tooltipPlace({ x: 10, y: 10 }, { width: 100, height: 50 }, area)).toEqual({ left: 24, top: 24 });
    expect(tooltipPlace({ x: 390, y: 290 }, { width: 100, height: 50 }, area)).toEqual({ left: 276, top: 226 });
  });

  it("never leaves the widget", () => {
    expect(tooltipPlace({ x: 200, y: 10 }, { width: 390, height: 50 }, area).left).toBeGreaterThanOrEqual(0);
  });
});
