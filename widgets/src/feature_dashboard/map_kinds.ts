/** The kinds of map to choose from; one that cannot be drawn here says what it lacks. */

import { h } from "../shared/dom.js";

/** What each kind of map lacks; "" = nothing, it can be drawn. */
export type Methods = Readonly<Record<string, string>>;

export interface MapKinds {
  node: HTMLElement;
  select: HTMLSelectElement;
  /** List the kinds, and keep in mind which one is shown. */
  offer(methods: Methods, shown: string): void;
  /** Whether another one than the one shown is chosen. */
  isNew(): boolean;
  /** Choose the one that is shown. */
  goBack(): void;
}

export function mapKinds(): MapKinds {
  let shown = "pca";
  const option = (value: string, lacks: string) =>
    h("option", { value, disabled: lacks !== "" }, value.toUpperCase() + (lacks && `, ${lacks}`));
  const select = h("select", { "aria-label": "kind of map" }, option(shown, ""));
  const node = h("label", { hidden: true }, "map", select);
  return {
    node,
    select,
    offer(methods, now) {
      shown = now;
      const named = Object.entries(methods);
      select.replaceChildren(...named.map(([value, lacks]) => option(value, lacks)));
      select.value = shown;
      node.hidden = named.length < 2;
    },
    isNew: () => select.value !== shown,
    goBack() {
      select.value = shown;
    },
  };
}
