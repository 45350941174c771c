/** What is said of a thing that is pointed at or focused: one pair of listeners for all of them. */

import type { Scope } from "./dom.js";
import type { Tooltip } from "./tooltip.js";

type Build = (x: number) => Node[];
const builders = new WeakMap<Element, Build>();

/** `build` is called when the node is pointed at, with the place from its left edge; nothing said shows no tip. */
export function tip<E extends Element>(node: E, build: Build): E {
  builders.set(node, build);
  return node;
}

export function showTips(scope: Scope, root: HTMLElement, tooltip: Tooltip): void {
  const show = (event: Event, place: (box: DOMRect) => { x: number; y: number }): void => {
    for (let node = event.target as Element | null; node && node !== root; node = node.parentElement) {
      const build = builders.get(node);
      if (!build) continue;
      const box = node.getBoundingClientRect();
      const { x, y } = place(box);
      const said = build(x - box.left);
      if (said.length) tooltip.show(x, y, said);
      else tooltip.hide();
      return;
    }
    tooltip.hide();
  };
  scope.listen<PointerEvent>(root, "pointermove", (event) =>
    show(event, () => ({ x: event.clientX, y: event.clientY })),
  );
  scope.listen(root, "pointerleave", () => tooltip.hide());
  scope.listen(root, "focusin", (event) => show(event, (box) => ({ x: box.left, y: box.bottom - 8 })));
  scope.listen(root, "focusout", () => tooltip.hide());
}
