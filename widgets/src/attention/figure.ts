/** The enlarged head as an SVG file. Pure but for the picture of a large pattern, which is handed in. */

import { hatch } from "../grid/cells.js";
import { legend } from "../grid/legend.js";
import { FILE_INK } from "../shared/ink.js";
import type { Measure } from "../shared/measure.js";
import { MASKED, type Scale } from "../shared/scale.js";
import { moved, type Shape, svgFile } from "../shared/shapes.js";
import { cutToWidth, visible } from "../shared/tokens.js";

export interface FigureInput {
  tokens: readonly string[];
  pattern: Float32Array;
  title: string;
  /** A light-theme scale. */
  scale: Scale;
  unit: string;
  /** A PNG of the pattern as a data URI, used instead of one rectangle per cell when there are many. */
  picture: string | null;
}

export const MAX_RECTS_SIDE = 96;
const MARGIN = 14;

function cells(input: FigureInput, cell: number): Shape[] {
  const count = input.tokens.length;
  if (input.picture && count > MAX_RECTS_SIDE) {
    const attrs = {
      href: input.picture,
      width: count * cell,
      height: count * cell,
      style: "image-rendering:pixelated",
    };
    return [{ tag: "image", attrs }];
  }
  const out: Shape[] = [];
  const size = cell - (cell >= 9 ? 1 : 0);
  for (let dest = 0; dest < count; dest++) {
    for (let src = 0; src < count; src++) {
      const box = { x: src * cell, y: dest * cell, width: size, height: size };
      const value = input.pattern[dest * count + src] ?? Number.NaN;
      if (src <= dest && Number.isNaN(value)) {
        out.push({ tag: "path", attrs: { d: hatch(box, 4), stroke: FILE_INK.muted, fill: "none" } });
      } else {
        out.push({ tag: "rect", attrs: { ...box, fill: src > dest ? MASKED.light : input.scale.color(value) } });
      }
    }
  }
  return out;
}

function axes(tokens: readonly string[], cell: number, measure: Measure): Shape[] {
  const step = Math.max(1, Math.ceil(10 / cell));
  const fit = (token: string) => cutToWidth(visible(token), 110, (text) => measure(text, 12));
  return tokens.flatMap((token, i): Shape[] => {
    if (i % step) return [];
    const at = (i + 0.5) * cell;
    const small = { "font-size": 10, fill: FILE_INK.muted };
    const text = fit(token);
    return [
      { tag: "text", attrs: { x: -28, y: at + 4, "text-anchor": "end", fill: FILE_INK.soft }, text },
      { tag: "text", attrs: { x: -6, y: at + 4, "text-anchor": "end", ...small }, text: String(i) },
      { tag: "text", attrs: { transform: `translate(${at + 3} -16) rotate(-45)`, fill: FILE_INK.soft }, text },
      { tag: "text", attrs: { x: at, y: -5, "text-anchor": "middle", ...small }, text: String(i) },
    ];
  });
}

export function headFigure(input: FigureInput, measure: Measure): { svg: string; width: number; height: number } {
  const count = input.tokens.length;
  const cell = Math.max(4, Math.min(28, Math.floor(640 / Math.max(1, count))));
  const widest = Math.max(20, ...input.tokens.map((token) => Math.min(110, measure(visible(token.slice(0, 40)), 12))));
  const left = Math.ceil(widest) + 34 + MARGIN;
  const top = Math.ceil(widest * Math.SQRT1_2) + 60;
  const side = count * cell;
  const key = legend(input.scale, input.unit, new Set(), FILE_INK, measure, Math.max(300, side));
  const lean = Math.ceil(widest * Math.SQRT1_2) + 8;
  const width = Math.max(left + side + lean, left + key.width, measure(input.title, 13, 600) + 2 * MARGIN) + MARGIN;
  const height = top + side + 18 + key.height + MARGIN;
  const svg = svgFile(Math.ceil(width), Math.ceil(height), FILE_INK.background, [
    {
      tag: "text",
      attrs: { x: MARGIN, y: 22, "font-size": 13, "font-weight": 600, fill: FILE_INK.text },
      text: input.title,
    },
    moved(left, top, [...axes(input.tokens, cell, measure), ...cells(input, cell)]),
    moved(left, top + side + 18, key.shapes),
  ]);
  return { svg, width: Math.ceil(width), height: Math.ceil(height) };
}
