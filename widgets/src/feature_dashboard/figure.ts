/** One latent as an SVG file: numbers, strongest examples, histogram and logits, on white. */

import { densityText, short, sig4, signed2 } from "../shared/format.js";
import { FILE_INK } from "../shared/ink.js";
import type { Measure } from "../shared/measure.js";
import { inkOn, ramp, type Scale, sequential } from "../shared/scale.js";
import { label, moved, rect, type Shape, svgFile } from "../shared/shapes.js";
import { cutToWidth, visible } from "../shared/tokens.js";
import { known, number } from "./card.js";
import type { Detail, Example, Store } from "./data.js";
import { histogramShapes } from "./histogram.js";

export interface Figure {
  svg: string;
  width: number;
  height: number;
}

const MARGIN = 16;
const LEFT = 620;
const RIGHT = 330;
const LINE = 22;
const SIZE = 12;
const SPACE = 4;
const EXAMPLES = 12;
const LOGITS = 8;

/** Tokens in one line, shaded; what does not fit is left out at both ends, the firing stays. */
export function exampleShapes(detail: Detail, example: Example, scale: Scale, room: number, measure: Measure): Shape[] {
  const tokens = example.tokens.map((token) => visible(detail.strings[token] ?? "").replace(/^·(?=.)/, " "));
  const widths = tokens.map(
    (token) => Math.ceil(measure(token.trimStart(), SIZE)) + (token.startsWith(" ") ? SPACE : 0) + 1,
  );
  let [from, to] = [example.at, example.at + 1];
  let total = widths[example.at] ?? 0;
  // From the firing outwards, what came before it first: that is what made it fire.
  for (let more = true; more; ) {
    more = false;
    for (const [at, before] of [
      [from - 1, true],
      [to, false],
    ] as const) {
      const wide = widths[at];
      if (wide === undefined || total + wide > room) continue;
      total += wide;
      if (before) from -= 1;
      else to += 1;
      more = true;
    }
  }
  const out: Shape[] = [];
  let x = 0;
  for (let at = from; at < to; at++) {
    const value = example.values[at] ?? 0;
    const wide = widths[at] ?? 0;
    const fill = value > 0 ? scale.color(value) : null;
    // A leading space stays outside of the fill, as on the page.
    const token = tokens[at] ?? "";
    const lead = token.startsWith(" ") ? SPACE : 0;
    const space = Math.min(wide, room) - lead;
    if (fill) out.push(rect({ x: x + lead, y: 2, width: space, height: LINE - 5 }, fill));
    const text = cutToWidth(token.trimStart(), space, (each) => measure(each, SIZE));
    out.push(label(x + lead, 15, text, fill ? inkOn(fill) : FILE_INK.soft, SIZE));
    x += wide;
  }
  return out;
}

function logitShapes(detail: Detail, side: "up" | "down", most: number, measure: Measure): Shape[] {
  const wide = RIGHT / 2 - 8;
  const colors = ramp("diverging", "light");
  const fill = colors[Math.round((side === "up" ? 0.66 : 0.34) * (colors.length - 1))] ?? FILE_INK.line;
  return detail[`logits_${side}`].slice(0, LOGITS).flatMap(([token, value], i): Shape[] => {
    const name = cutToWidth(visible(detail.strings[token] ?? ""), wide - 50, (text) => measure(text, 11));
    const length = ((wide - 44) * Math.abs(value ?? 0)) / most;
    return [
      rect({ x: 0, y: i * 19, width: Math.round(length), height: 17 }, fill),
      label(4, i * 19 + 12.5, name, FILE_INK.text, 11),
      label(wide, i * 19 + 12.5, known(value, signed2), FILE_INK.soft, 11, "end"),
    ];
  });
}

export function latentFigure(detail: Detail, store: Store, title: string, measure: Measure): Figure {
  const { facts } = detail;
  const name = detail.label?.text || detail.concept;
  const stats = [
    `density ${known(facts.density, densityText)}`,
    `max ${known(facts.max)}`,
    `mean ${known(facts.mean)}`,
    title,
  ].join(" · ");
  const top = detail.examples.filter(({ band }) => band === (detail.bands[0]?.band ?? -1)).slice(0, EXAMPLES);
  const scale = sequential(number(facts.max) || 1, "light");
  const lines = top.flatMap((example, i): Shape[] => {
    const y = i * LINE;
    const value = label(38, y + 15, example.value === null ? "–" : sig4(example.value), FILE_INK.muted, 11, "end");
    return [value, moved(50, y, exampleShapes(detail, example, scale, LEFT - 56, measure))];
  });
  const heading = (x: number, y: number, text: string) => label(x, y, text, FILE_INK.text, SIZE, "start", 600);
  const right = MARGIN + LEFT + 28;
  const histogram = histogramShapes({
    width: RIGHT,
    height: 112,
    counts: detail.histogram,
    edges: store.edges,
    n_bands: store.n_bands,
    fill: scale.color(0.62 * scale.high),
    ink: FILE_INK,
    bin: null,
  });
  const all = [...detail.logits_up, ...detail.logits_down].map(([, value]) => Math.abs(value ?? 0));
  const most = Math.max(1e-12, ...all);
  const width = right + RIGHT + MARGIN;
  const height = 96 + Math.max(LINE * top.length, 160 + (all.length ? 40 + 19 * LOGITS : 0)) + MARGIN;
  const fits = (text: string, room: number, size: number) => cutToWidth(text, room, (each) => measure(each, size, 600));
  const svg = svgFile(width, height, FILE_INK.background, [
    label(MARGIN, 30, `Latent ${detail.latent_idx}`, FILE_INK.text, 17, "start", 600),
    label(
      MARGIN + measure(`Latent ${detail.latent_idx}`, 17, 600) + 16,
      30,
      fits(name && visible(name), width - 220, 15),
      FILE_INK.soft,
      15,
    ),
    label(MARGIN, 52, fits(stats, width - 2 * MARGIN, SIZE), FILE_INK.muted, SIZE),
    heading(MARGIN, 84, "Where it fires"),
    moved(MARGIN, 92, lines),
    heading(right, 84, `Activations, up to ${known(facts.max, short)}`),
    moved(right, 92, histogram),
    ...(all.length
      ? [
          heading(right, 236, "Next tokens"),
          moved(right, 246, logitShapes(detail, "up", most, measure)),
          moved(right + RIGHT / 2 + 8, 246, logitShapes(detail, "down", most, measure)),
        ]
      : []),
  ]);
  return { svg, width, height };
}
