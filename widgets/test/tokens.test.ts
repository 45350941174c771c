import { describe, expect, it } from "vitest";
import { cut, cutToWidth, differences, pieces, visible } from "../src/shared/tokens.js";

describe("visible", () => {
  it("shows a leading space as a dot and leaves the word alone", () => {
    expect(visible(" Paris")).toBe("·Paris");
  });

  it("keeps spaces inside a token but marks those at its ends", () => {
    expect(visible(" a b ")).toBe("·a b·");
    expect(visible("   ")).toBe("···");
  });

  it("shows newline, tab and carriage return as signs", () => {
    expect(visible("\n\t\r")).toBe("↵⇥␍");
  });

  it("shows bidi overrides, zero-width and control characters by their code, so that they cannot act", () => {
    expect(visible("\u202eabc")).toBe("⟨202E⟩abc");
    expect(visible("a\u200bb\u0007")).toBe("a⟨200B⟩b⟨0007⟩");
  });

  it("shows an empty token and a lone surrogate", () => {
    expect(visible("")).toBe("∅");
    expect(visible("\ud800")).toBe("⟨D800⟩");
  });

  it("leaves letters of any script and markup as text", () => {
    expect(visible("<b>שלום 東京</b>")).toBe("<b>שלום 東京</b>");
  });
});

describe("pieces", () => {
  it("says which parts are marks", () => {
    expect(pieces(" in\n")).toEqual([
      { text: "·", mark: true },
      { text: "in", mark: false },
      { text: "↵", mark: true },
    ]);
  });
});

describe("cutting", () => {
  it("counts code points, so that no emoji is split", () => {
    expect(cut("🗼🗼🗼🗼", 3)).toBe("🗼🗼…");
    expect(cut("abc", 3)).toBe("abc");
  });

  it("cuts to a width as measured, with an ellipsis", () => {
    const measure = (text: string) => text.length * 10;
    expect(cutToWidth("abcdefgh", 50, measure)).toBe("abcd…");
    expect(cutToWidth("abcde", 50, measure)).toBe("abcde");
  });

  it("does not measure a 10 kB word letter by letter", () => {
    let calls = 0;
    const measure = (text: string) => {
      calls += 1;
      return text.length * 10;
    };
    expect(cutToWidth("w".repeat(10_000), 50, measure)).toBe("wwww…");
    expect(calls).toBeLessThan(20);
  });
});

describe("differences", () => {
  it("marks the positions at which the prompts differ, also past the shorter one's end", () => {
    expect(differences(["a", "b", "c"], ["a", "x"])).toEqual([false, true, true]);
  });
});
