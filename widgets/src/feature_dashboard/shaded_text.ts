/** A text shaded by one latent, its tokens to be pressed. */

import { h, setAttrs } from "../shared/dom.js";
import { maxAbs, sequential, type Theme } from "../shared/scale.js";
import { tokenRun, valueText } from "../shared/token_run.js";
import { tokenNode } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";

export function shadedText(tokens: string[], values: (number | null)[], at: number | null, theme: Theme): HTMLElement {
  const scale = sequential(maxAbs(values.map((value) => value ?? 0)) || 1, theme);
  const said = (i: number) =>
    facts([
      ["token", tokenNode(tokens[i] ?? "", 120)],
      ["position", String(i)],
      ["activation", h("strong", {}, valueText(values[i]))],
    ]);
  const run = tokenRun({ tokens, values, lines: true, at, scale, tip: (i) => [said(i)] });
  for (const token of run.querySelectorAll("[data-at]")) setAttrs(token, { role: "button" });
  return run;
}
