/** Attention values to pixels, one per value. Pure. */

import { MASKED, type Scale, type Theme } from "../shared/scale.js";

const SHADES = 255;

function rgb(hex: string): [number, number, number] {
  const channel = (at: number) => Number.parseInt(hex.slice(at, at + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

/** RGBA of a square of values; entries above the diagonal are masked, NaN is left transparent. */
export function pixels(values: ArrayLike<number>, side: number, one: number, scale: Scale, theme: Theme) {
  const out = new Uint8ClampedArray(side * side * 4);
  const table = Array.from({ length: SHADES + 1 }, (_, i) => rgb(scale.color((i / SHADES) * scale.high)));
  const masked = rgb(MASKED[theme]);
  for (let row = 0, at = 0; row < side; row++) {
    for (let column = 0; column < side; column++, at++) {
      const value = (values[at] ?? 0) / one;
      const share = Math.min(1, Math.max(0, value / scale.high));
      const color = column > row ? masked : table[Math.round(share * SHADES)];
      if (!color) continue; // NaN has no shade
      out.set(color, at * 4);
      out[at * 4 + 3] = 255;
    }
  }
  return out;
}

/** The undefined cells of the lower triangle, for hatching. */
export function undefinedCells(
  values: ArrayLike<number>,
  side: number,
  limit = 4000,
): { row: number; column: number }[] {
  const out: { row: number; column: number }[] = [];
  for (let row = 0; row < side && out.length < limit; row++) {
    for (let column = 0; column <= row; column++) {
      if (Number.isNaN(values[row * side + column] ?? 0)) out.push({ row, column });
    }
  }
  return out;
}

/** A canvas holding the pixels, or null where canvases cannot draw. */
export function bitmapCanvas(
  data: Uint8ClampedArray<ArrayBuffer>,
  side: number,
  into?: HTMLCanvasElement,
): HTMLCanvasElement | null {
  const canvas = into ?? document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  if (!context || typeof ImageData === "undefined") return null;
  context.putImageData(new ImageData(data, side, side), 0, 0);
  return canvas;
}
