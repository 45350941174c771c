/** Useful strengths below a slider: where their ticks stand, and which of them have room for a label. Pure. */

import { measureText } from "../shared/measure.js";
import type { Mark } from "./data.js";

export interface Placed extends Mark {
  /** Share of the slider, 0 to 1. */
  at: number;
  /** Above the slider stands what is special, below it round numbers. */
  above: boolean;
  /** "" where its neighbours leave no room. */
  text: string;
}

/** What is more wanted is labelled first: the ends before what lies between them. */
const FIRST = ["choice", "zero", "norm"];
/** The narrowest a slider gets; where it is wider, labels only have more room. */
const NARROW = 200;
const GAP = 5;
const SIZE = 10;

export function placeMarks(marks: readonly Mark[], low: number, high: number): Placed[] {
  const rank = ({ kind }: Mark) => (FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length);
  const odd = ({ value }: Mark) => (Number.isInteger(value) ? 0 : 1);
  const placed = marks.map(
    (mark): Placed => ({
      ...mark,
      at: (mark.value - low) / (high - low || 1),
      above: mark.kind === "choice" || mark.kind === "norm",
      text: "",
    }),
  );
  const taken: { above: boolean; from: number; to: number }[] = [];
  for (const mark of [...placed].sort((a, b) => rank(a) - rank(b) || odd(a) - odd(b) || b.at - a.at)) {
    const half = measureText(mark.label, SIZE) / 2;
    const [from, to] = [mark.at * NARROW - half, mark.at * NARROW + half];
    if (taken.some((one) => one.above === mark.above && from < one.to + GAP && one.from < to + GAP)) continue;
    taken.push({ above: mark.above, from, to });
    mark.text = mark.label;
  }
  return placed;
}
