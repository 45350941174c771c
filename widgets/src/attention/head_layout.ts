/** Geometry of the enlarged head: a scrolled square with fixed token axes. Pure. */

export interface HeadLayout {
  count: number;
  cell: number;
  /** Source labels stand upright where cells are too narrow for slanted ones. */
  upright: boolean;
  /** Room for destination tokens at the left and source tokens above. */
  left: number;
  top: number;
  /** The visible window, axes included. */
  width: number;
  height: number;
  /** The whole scrolled sheet. */
  sheetWidth: number;
  sheetHeight: number;
}

const CELL = { min: 13, max: 34, label: 12, slanted: 18, biggest: 60 };
const MAX_HEIGHT = 560;
const LEAST_LEFT = 86;

/** `zoom` multiplies the natural cell; "fit" shows the whole square. */
export function headLayout(count: number, labelWidth: number, available: number, zoom: number | "fit"): HeadLayout {
  const left = Math.max(LEAST_LEFT, Math.ceil(Math.min(150, available * 0.3, labelWidth)) + 38);
  const lean = Math.min(60, Math.ceil(labelWidth * Math.SQRT1_2));
  const tokens = Math.max(1, count);
  const across = Math.max(120, available - left - lean);
  const down = MAX_HEIGHT - 110;
  const fit = Math.min(across, down) / tokens;
  const natural = Math.max(CELL.min, Math.min(CELL.max, Math.floor(across / tokens), Math.floor(down / tokens)));
  const wanted = zoom === "fit" ? Math.min(CELL.max, fit) : Math.min(CELL.biggest, natural * zoom);
  // Whole pixels keep the hair lines sharp; cells below one pixel only occur when fitting.
  const cell = wanted >= 4 ? Math.floor(wanted) : Math.max(fit, wanted);
  const upright = cell < CELL.slanted;
  const top = Math.ceil(Math.min(96, labelWidth) * (upright ? 1 : Math.SQRT1_2)) + 30;
  const side = Math.ceil(cell * tokens);
  const sheetWidth = left + side + (upright ? 4 : lean);
  const sheetHeight = top + side + 2;
  return {
    count,
    cell,
    upright,
    left,
    top,
    width: Math.min(available, sheetWidth),
    height: Math.min(MAX_HEIGHT, sheetHeight),
    sheetWidth,
    sheetHeight,
  };
}

export interface Place {
  dest: number | null;
  src: number | null;
}

/** What is under a point of the window: a cell, a token of one axis, or nothing. */
export function placeAt(layout: HeadLayout, scroll: { x: number; y: number }, x: number, y: number): Place | null {
  const at = (value: number, start: number, offset: number): number | null => {
    const index = Math.floor((value - start + offset) / layout.cell);
    return value >= start && index >= 0 && index < layout.count ? index : null;
  };
  const src = at(x, layout.left, scroll.x);
  const dest = at(y, layout.top, scroll.y);
  if (dest === null && src === null) return null;
  if (x < layout.left) return { dest, src: null };
  if (y < layout.top) return { dest: null, src };
  return dest === null || src === null ? null : { dest, src };
}

/** First and last index that can be seen along one axis. */
export function visibleRange(layout: HeadLayout, offset: number, extent: number): { from: number; to: number } {
  const from = Math.max(0, Math.floor(offset / layout.cell));
  const to = Math.min(layout.count - 1, Math.floor((offset + extent) / layout.cell));
  return { from, to };
}

/** Every how many tokens a label has room. */
export function labelStep(layout: HeadLayout): number {
  return Math.max(1, Math.ceil(CELL.label / layout.cell));
}

/** The scroll offset that brings an index into view, or the present one when it is. */
export function scrollFor(layout: HeadLayout, index: number, offset: number, extent: number): number {
  const start = index * layout.cell;
  if (start < offset) return Math.max(0, start - layout.cell);
  if (start + layout.cell > offset + extent) return start + 2 * layout.cell - extent;
  return offset;
}
