import { describe, expect, it } from "vitest";
import { classify, diverging, inkOn, luminance, niceLimit, ramp, sequential, type Theme } from "../src/shared/scale.js";

const THEMES: Theme[] = ["light", "dark"];

function channels(hex: string): [number, number, number] {
  const at = (start: number) => Number.parseInt(hex.slice(start, start + 2), 16);
  return [at(1), at(3), at(5)];
}

describe("the diverging map", () => {
  it.each(THEMES)("is blue for positive and red for negative values in the %s theme", (theme) => {
    const scale = diverging(1, theme);
    const [r1, , b1] = channels(scale.color(0.6));
    const [r2, , b2] = channels(scale.color(-0.6));
    expect(b1).toBeGreaterThan(r1 + 40);
    expect(r2).toBeGreaterThan(b2 + 40);
  });

  it.each(THEMES)("is neutral at zero in the %s theme", (theme) => {
    const [r, g, b] = channels(diverging(2, theme).color(0));
    expect(Math.max(r, g, b) - Math.min(r, g, b)).toBeLessThan(6);
  });

  it.each(THEMES)("moves away from the page by as much on either side in the %s theme", (theme) => {
    const scale = diverging(1, theme);
    for (const value of [0.25, 0.5, 1]) {
      const difference = Math.abs(luminance(scale.color(value)) - luminance(scale.color(-value)));
      expect(difference).toBeLessThan(0.16);
    }
  });

  it("clips at its limits", () => {
    const scale = diverging(0.5, "light");
    expect(scale.color(7)).toBe(scale.color(0.5));
    expect(scale.color(-7)).toBe(scale.color(-0.5));
  });
});

describe("the sequential map", () => {
  it.each(THEMES)("has a lightness that only ever goes one way in the %s theme", (theme) => {
    const light = ramp("sequential", theme).map(luminance);
    const steps = light.slice(1).map((value, i) => value - (light[i] ?? 0));
    expect(steps.every((step) => (theme === "light" ? step <= 1e-9 : step >= -1e-9))).toBe(true);
  });
});

describe("niceLimit", () => {
  it("is the next round number above the largest size", () => {
    expect(niceLimit([0.02, -0.23, 0.1])).toBe(0.25);
    expect(niceLimit([0.94])).toBe(1);
  });

  it("stays at 1 for an outlier, which is then clipped and marked", () => {
    expect(niceLimit([0.5, 3.2])).toBe(1);
  });

  it("does not blow rounding noise up to full colour", () => {
    expect(niceLimit([1e-8, -2e-8])).toBeGreaterThanOrEqual(0.05);
  });

  it("ignores what is not finite", () => {
    expect(niceLimit([Number.NaN, Number.POSITIVE_INFINITY, 0.4])).toBe(0.4);
  });
});

describe("classify", () => {
  const scale = sequential(1, "light");
  it("tells pending, undefined, infinite, clipped and normal cells apart", () => {
    expect(classify(0.5, 0, scale)).toBe("pending");
    expect(classify(0.5, 2, scale)).toBe("undefined");
    expect(classify(Number.NaN, 1, scale)).toBe("undefined");
    expect(classify(Number.NEGATIVE_INFINITY, 1, scale)).toBe("infinite");
    expect(classify(1.01, 1, scale)).toBe("clipped");
    expect(classify(1, undefined, scale)).toBe("normal");
  });
});

describe("ink on a fill", () => {
  it.each(THEMES)("keeps a contrast of at least 4.5 over the whole of both maps in the %s theme", (theme) => {
    for (const kind of ["diverging", "sequential"] as const) {
      for (const fill of ramp(kind, theme)) {
        const [a, b] = [luminance(fill), luminance(inkOn(fill))].sort((x, y) => y - x);
        expect(((a ?? 0) + 0.05) / ((b ?? 0) + 0.05)).toBeGreaterThan(4.5);
      }
    }
  });
});
