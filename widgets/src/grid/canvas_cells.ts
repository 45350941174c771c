/** Cells of a large grid on one canvas. */

import { h, setAttrs } from "../shared/dom.js";
import { plainInk } from "../shared/ink.js";
import { paint } from "../shared/paint.js";
import type { GridLayout } from "./layout.js";
import { type CellsView, shapesAt } from "./svg_cells.js";
import type { GridProps } from "./view.js";

/** Browsers refuse wider canvases; the picture gets coarser instead. */
const MAX_PIXELS = 16_000;

export function canvasCells(): CellsView {
  const node = h("canvas", { class: "inb-canvas", role: "grid", tabindex: 0 });
  return {
    node,
    update(props: GridProps, layout: GridLayout) {
      setAttrs(node, { "aria-label": props.label });
      const ratio = Math.min(
        globalThis.devicePixelRatio || 1,
        MAX_PIXELS / layout.gridWidth,
        MAX_PIXELS / layout.height,
      );
      node.width = Math.round(layout.gridWidth * ratio);
      node.height = Math.round((layout.top + layout.gridHeight) * ratio);
      node.style.width = `${layout.gridWidth}px`;
      node.style.height = `${layout.top + layout.gridHeight}px`;
      const context = node.getContext("2d");
      if (!context) return;
      context.scale(ratio, ratio);
      const ink = plainInk(props.theme);
      for (let row = 0; row < props.axes.rows.length; row++) {
        for (let column = 0; column < props.axes.columns.length; column++) {
          paint(context, shapesAt(props, layout, row, column, ink));
        }
      }
    },
    focus() {
      node.focus();
    },
  };
}
