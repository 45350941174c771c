/** How lines are told apart: by lightness of one hue, dashes and the mark at their end, so never by color alone. */

import { symbol, symbolCircle, symbolCross, symbolDiamond, symbolSquare, symbolStar, symbolTriangle } from "d3-shape";
import { ramp, type Theme } from "./scale.js";
import type { Shape } from "./shapes.js";

export interface Stroke {
  color: string;
  dash: string | undefined;
  /** A path around the origin. */
  mark: string;
}

const DASHES = [undefined, "6 3", "2 2.5", "9 3 2 3", "12 4", "4 2 1 2"];
const MARKS = [symbolCircle, symbolSquare, symbolTriangle, symbolDiamond, symbolCross, symbolStar];
/** Part of the ramp that stands out from the background. */
const FROM = 0.46;
const TO = 0.92;

export function stroke(index: number, total: number, theme: Theme): Stroke {
  const colors = ramp("sequential", theme);
  const share = total > 1 ? TO - ((TO - FROM) * index) / (total - 1) : 0.7;
  return {
    color: colors[Math.round(share * (colors.length - 1))] ?? "#808080",
    dash: DASHES[index % DASHES.length],
    mark: symbol(MARKS[index % MARKS.length], 30)() ?? "",
  };
}

/** A short piece of the line with its mark, for the legend. */
export function sample(line: Stroke): Shape[] {
  return [
    {
      tag: "path",
      attrs: { d: "M1 7H31", stroke: line.color, "stroke-width": 2, "stroke-dasharray": line.dash, fill: "none" },
    },
    { tag: "path", attrs: { d: line.mark, transform: "translate(24 7)", fill: line.color } },
  ];
}
