/** Lists of bars: a name, a length, a number. */

import { h, span } from "../shared/dom.js";
import { tip } from "../shared/tips.js";

export interface Bar {
  name: Node;
  /** Length, 0 to 1. */
  share: number;
  value: string;
  /** Sets the color: "up", "down" or neither. */
  side?: "up" | "down";
  tip?(): Node[];
}

export function barList(bars: readonly Bar[], attrs: Record<string, string> = {}): HTMLElement {
  const items = bars.map(({ name, share, value, side, tip: build }) => {
    const fill = span("inb-bar-fill");
    fill.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
    const node = h(
      "li",
      { class: "inb-bar", "data-side": side },
      span("inb-bar-track", fill, span("inb-bar-label", name)),
      span("inb-bar-value", value),
    );
    return build ? tip(node, build) : node;
  });
  return h("ol", { class: "inb-bars", ...attrs }, ...items);
}

/** A heading with a sentence that explains it. */
export function titled(text: string, hint: string, ...more: (Node | null)[]): HTMLElement {
  return h("h5", { title: hint || undefined }, text, ...more);
}

export function section(name: string, title: HTMLElement, ...children: (Node | null)[]): HTMLElement {
  return h("section", { class: `inb-part inb-${name}`, "aria-label": title.textContent ?? name }, title, ...children);
}
