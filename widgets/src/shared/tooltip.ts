/** One tooltip per view, kept inside the widget. */

import { h } from "./dom.js";

const GAP = 14;

/** Where the box goes: beside the pointer, flipped at the right and lower edges, never outside. Pure. */
export function tooltipPlace(
  pointer: { x: number; y: number },
  box: { width: number; height: number },
  area: { width: number; height: number },
): { left: number; top: number } {
  const fitsRight = pointer.x + GAP + box.width <= area.width;
  const left = fitsRight ? pointer.x + GAP : pointer.x - GAP - box.width;
  const fitsBelow = pointer.y + GAP + box.height <= area.height;
  const top = fitsBelow ? pointer.y + GAP : pointer.y - GAP - box.height;
  return { left: Math.max(0, Math.min(left, area.width - box.width)), top: Math.max(0, top) };
}

export class Tooltip {
  readonly node = h("div", { class: "inb-tooltip", role: "tooltip", hidden: true });

  constructor(private readonly root: HTMLElement) {
    root.append(this.node);
  }

  show(clientX: number, clientY: number, content: Node[]): void {
    this.node.replaceChildren(...content);
    this.node.hidden = false;
    const area = this.root.getBoundingClientRect();
    const box = this.node.getBoundingClientRect();
    const { left, top } = tooltipPlace({ x: clientX - area.left, y: clientY - area.top }, box, area);
    this.node.style.left = `${left}px`;
    this.node.style.top = `${top}px`;
  }

  hide(): void {
    this.node.hidden = true;
  }
}

/** Rows of name and value, as a definition list. */
export function facts(rows: [string, Node | string][]): HTMLElement {
  const list = h("dl", { class: "inb-facts" });
  for (const [name, value] of rows) {
    list.append(h("dt", {}, name), h("dd", {}, value));
  }
  return list;
}
