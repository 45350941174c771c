/** Where a latent fires: its strongest firings and some of every quantile band, each in its context. */

import { button, div, h, span } from "../shared/dom.js";
import { sig4, signed4 } from "../shared/format.js";
import type { Scale } from "../shared/scale.js";
import { enterAt, plainRun, tokenRun, valueText } from "../shared/token_run.js";
import { tokenNode } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { section, titled } from "./bars.js";
import type { Band, Detail, Example } from "./data.js";

/** Examples that are shown before one asks for more. */
const FIRST = { top: 8, band: 3 };

export interface ExamplesProps {
  detail: Detail;
  hint: string;
  scale: Scale;
  /** Bands of which all examples are shown. */
  open: ReadonlySet<number>;
}

/** "band 5 · firings 80 to 100 %": bands by their number in the histogram. */
export function bandName({ band, name }: Band): string {
  return band < 0 ? name : `band ${band + 1} · ${name}`;
}

function exampleTip({ strings }: Detail, example: Example, i: number): Node[] {
  const string = (at: number) => tokenNode(strings[example.tokens[at] ?? -1] ?? "", 120);
  const effect = example.effects[i];
  const next = i + 1 < example.tokens.length;
  return [
    facts([
      ["token", string(i)],
      ["activation", h("strong", {}, valueText(example.values[i]))],
      ...(effect != null && next
        ? ([
            ["next token", string(i + 1)],
            ["effect on it", `${signed4(effect)} logit`],
          ] as [string, Node | string][])
        : []),
      ["place", `document ${example.doc}, position ${example.pos + i - example.at}`],
    ]),
    div(
      "inb-tip-text",
      ...plainRun(
        example.tokens.map((token) => strings[token] ?? ""),
        i,
      ),
    ),
  ];
}

function exampleItem(detail: Detail, example: Example, scale: Scale): HTMLElement {
  const run = tokenRun({
    tokens: example.tokens.map((token) => detail.strings[token] ?? ""),
    values: example.values,
    at: example.at,
    scale,
    tip: (i) => exampleTip(detail, example, i),
  });
  const value = span("inb-example-value", example.value === null ? "–" : sig4(example.value));
  return h("li", {}, value, run);
}

export function examplesPart({ detail, hint, scale, open }: ExamplesProps): HTMLElement {
  const groups = detail.bands.map((band) => {
    const all = detail.examples.filter((example) => example.band === band.band);
    const first = open.has(band.band) ? all.length : band.band < 0 ? FIRST.top : FIRST.band;
    const rest = all.length - first;
    const range = band.low === null || band.high === null ? "" : `${sig4(band.low)} to ${sig4(band.high)}`;
    const more = rest > 0 ? button(`${rest} more`, { "data-band": band.band, class: "inb-link" }) : null;
    return div(
      "inb-band",
      h("h6", {}, span("", bandName(band)), span("inb-mark", ` ${range}`), more),
      h("ol", { class: "inb-examples" }, ...all.slice(0, first).map((each) => exampleItem(detail, each, scale))),
    );
  });
  const none = h("p", { class: "inb-hint" }, "It fired nowhere in the text.");
  const node = section("where", titled("Where it fires", hint), ...(groups.length ? groups : [none]));
  enterAt(node);
  return node;
}
