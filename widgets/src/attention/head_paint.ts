/** Draws the visible part of the enlarged head on its canvas. */

import { hatch } from "../grid/cells.js";
import type { Ink } from "../shared/ink.js";
import { cutToWidth, visible } from "../shared/tokens.js";
import { type HeadLayout, labelStep, type Place, visibleRange } from "./head_layout.js";

export interface HeadPicture {
  layout: HeadLayout;
  labels: (index: number, limit: number) => string;
  bitmap: HTMLCanvasElement | null;
  /** A thumbnail stands in until the pattern is here. */
  preview: boolean;
  undefinedAt: readonly { row: number; column: number }[];
  hover: Place | null;
  chosen: Place;
  ink: Ink;
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, "DejaVu Sans", sans-serif';

export function paintHead(
  context: CanvasRenderingContext2D,
  picture: HeadPicture,
  scroll: { x: number; y: number },
): void {
  const { layout, bitmap } = picture;
  const view = viewOf(layout, scroll);
  context.clearRect(0, 0, layout.width, layout.height);
  context.save();
  context.beginPath();
  context.rect(layout.left, layout.top, layout.width - layout.left, layout.height - layout.top);
  context.clip();
  context.translate(layout.left - scroll.x, layout.top - scroll.y);
  context.imageSmoothingEnabled = false;
  context.globalAlpha = picture.preview ? 0.55 : 1;
  if (bitmap) paintBitmap(context, picture, bitmap, view);
  context.globalAlpha = 1;
  paintUndefined(context, picture, view);
  paintLines(context, picture, view);
  context.restore();
  paintAxes(context, picture, scroll);
}

/** The cells in sight; drawing no more than these is what keeps 512 tokens smooth. */
interface Seen {
  rows: { from: number; to: number };
  columns: { from: number; to: number };
}

function viewOf(layout: HeadLayout, scroll: { x: number; y: number }): Seen {
  return {
    rows: visibleRange(layout, scroll.y, layout.height - layout.top),
    columns: visibleRange(layout, scroll.x, layout.width - layout.left),
  };
}

function paintBitmap(
  context: CanvasRenderingContext2D,
  { layout }: HeadPicture,
  bitmap: HTMLCanvasElement,
  seen: Seen,
): void {
  const { cell, count } = layout;
  const scale = bitmap.width / count; // a thumbnail has fewer pixels than tokens
  const [x, y] = [seen.columns.from, seen.rows.from];
  const [width, height] = [seen.columns.to - x + 1, seen.rows.to - y + 1];
  context.drawImage(
    bitmap,
    x * scale,
    y * scale,
    width * scale,
    height * scale,
    x * cell,
    y * cell,
    width * cell,
    height * cell,
  );
}

function paintUndefined(
  context: CanvasRenderingContext2D,
  { layout, undefinedAt, ink }: HeadPicture,
  seen: Seen,
): void {
  const { cell } = layout;
  const inside = (at: number, range: { from: number; to: number }) => at >= range.from && at <= range.to;
  context.strokeStyle = ink.muted;
  context.lineWidth = 1;
  for (const { row, column } of undefinedAt) {
    if (!inside(row, seen.rows) || !inside(column, seen.columns)) continue;
    context.stroke(
      new Path2D(hatch({ x: column * cell, y: row * cell, width: cell, height: cell }, Math.max(3, cell / 3))),
    );
  }
}

/** Hair lines between large cells, bands for the row and column pointed at, frames for the chosen ones. */
function paintLines(context: CanvasRenderingContext2D, { layout, hover, chosen, ink }: HeadPicture, seen: Seen): void {
  const { cell } = layout;
  const side = cell * layout.count;
  const [x0, x1] = [seen.columns.from * cell, (seen.columns.to + 1) * cell];
  const [y0, y1] = [seen.rows.from * cell, (seen.rows.to + 1) * cell];
  if (cell >= 9) {
    context.fillStyle = ink.background;
    for (let x = x0; x <= x1; x += cell) context.fillRect(x - 1, y0, 1, y1 - y0);
    for (let y = y0; y <= y1; y += cell) context.fillRect(x0, y - 1, x1 - x0, 1);
  }
  const frame = (x: number, y: number, width: number, height: number, color: string, line: number) => {
    context.strokeStyle = color;
    context.lineWidth = line;
    context.strokeRect(x - 0.5, y - 0.5, width, height);
  };
  const bands = ({ dest, src }: Place, color: string, line: number) => {
    if (dest !== null) frame(0, dest * cell, side, cell, color, line);
    if (src !== null) frame(src * cell, 0, cell, side, color, line);
  };
  if (hover) bands(hover, ink.muted, 1);
  bands(chosen, ink.accent, 2);
  if (chosen.dest !== null && chosen.src !== null)
    frame(chosen.src * cell, chosen.dest * cell, cell, cell, ink.text, 2);
}

const SMALL = 10;

function paintAxes(context: CanvasRenderingContext2D, picture: HeadPicture, scroll: { x: number; y: number }): void {
  const { layout, hover, chosen, ink, labels } = picture;
  const { cell, left, top, upright } = layout;
  const size = cell < 16 ? 11 : 12;
  const step = labelStep(layout);
  const seen = viewOf(layout, scroll);
  const strong = (index: number, axis: "dest" | "src") => hover?.[axis] === index || chosen[axis] === index;
  const shown = (index: number, axis: "dest" | "src") => index % step === 0 || strong(index, axis);
  // A number beside a strong one would run into it.
  const crowded = (at: number) => cell < 16 && [-2, -1, 1, 2].some((by) => strong(at + by, "src"));
  const index = (text: string, x: number, y: number) => {
    context.font = `${SMALL}px ${FONT}`;
    context.fillStyle = ink.muted;
    context.fillText(text, x, y);
  };
  const token = (text: string, bold: boolean, x: number, y: number) => {
    context.font = `${bold ? 600 : 400} ${size}px ${FONT}`;
    context.fillStyle = bold ? ink.text : ink.soft;
    context.fillText(text, x, y);
  };
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (let dest = seen.rows.from; dest <= seen.rows.to; dest++) {
    const y = top - scroll.y + (dest + 0.5) * cell;
    if (!shown(dest, "dest") || y < top + 2) continue;
    index(String(dest), left - 6, y);
    token(labels(dest, left - 36), strong(dest, "dest"), left - 28, y);
  }
  for (let src = seen.columns.from; src <= seen.columns.to; src++) {
    const x = left - scroll.x + (src + 0.5) * cell;
    if (!shown(src, "src") || x < left + 2) continue;
    context.textAlign = "center";
    if (strong(src, "src") || (!crowded(src) && (cell >= 16 || src % (5 * step) === 0))) index(String(src), x, top - 8);
    context.save();
    context.translate(upright ? x : x + 2, top - 18);
    context.rotate(upright ? -Math.PI / 2 : -Math.PI / 4);
    context.textAlign = "left";
    token(labels(src, (top - 26) * (upright ? 1 : Math.SQRT2)), strong(src, "src"), 0, 0);
    context.restore();
  }
  context.textAlign = "right";
  context.font = `11px ${FONT}`;
  context.fillStyle = ink.muted;
  context.fillText("source →", left - 6, top - 26);
  context.fillText("destination ↓", left - 6, top - 8);
}

/** Labels cut to a width, measured once per token and width. */
export function labelCutter(
  tokens: readonly string[],
  measure: (text: string) => number,
): (index: number, limit: number) => string {
  const known = new Map<string, string>();
  return (index, limit) => {
    const key = `${index} ${Math.round(limit)}`;
    const text = known.get(key) ?? cutToWidth(visible(tokens[index] ?? ""), limit, measure);
    known.set(key, text);
    return text;
  };
}
