/** Cell size of the enlarged head: smaller, larger, or the whole square at once. */

import { button, h, type Scope } from "../shared/dom.js";

export interface Zoom {
  node: HTMLElement;
  value(): number | "fit";
}

export function zoomButtons(scope: Scope, changed: () => void): Zoom {
  let zoom: number | "fit" = 1;
  const fit = button("Fit", { title: "Show the whole square", "aria-pressed": "false" });
  const less = button("−", { title: "Smaller cells", "aria-label": "smaller cells" });
  const more = button("+", { title: "Larger cells", "aria-label": "larger cells" });
  const set = (next: number | "fit"): void => {
    zoom = next;
    fit.setAttribute("aria-pressed", String(zoom === "fit"));
    changed();
  };
  const by = (factor: number) => set(Math.max(0.25, Math.min(4, (zoom === "fit" ? 0.5 : zoom) * factor)));
  scope.listen(fit, "click", () => set(zoom === "fit" ? 1 : "fit"));
  scope.listen(less, "click", () => by(1 / 1.4));
  scope.listen(more, "click", () => by(1.4));
  return {
    node: h("span", { class: "inb-group", role: "group", "aria-label": "zoom" }, less, fit, more),
    value: () => zoom,
  };
}
