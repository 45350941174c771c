/** The colours of a scale between its limits: a legend in one line. */

import { div, span } from "./dom.js";
import { short } from "./format.js";
import type { Scale } from "./scale.js";

const STOPS = 5;

/** The ends in words, and the colours between them. */
export function rampParts(low: string, colors: readonly string[], high: string): HTMLElement[] {
  const ramp = span("inb-ramp");
  ramp.style.background = `linear-gradient(to right, ${colors.join(", ")})`;
  return [span("", low), ramp, span("", high)];
}

export function rampKey({ low, high, color }: Scale, unit: string, ...more: Node[]): HTMLElement {
  const colors = Array.from({ length: STOPS }, (_, i) => color(low + (i / (STOPS - 1)) * (high - low)));
  return div("inb-ramp-key", ...rampParts(short(low), colors, short(high)), span("inb-mark", unit), ...more);
}
