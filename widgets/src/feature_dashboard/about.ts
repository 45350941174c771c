/** The head of the chosen latent: its number, its label, its numbers, and a pin to compare it by. */

import { button, div, h, type Scope, setAttrs, span } from "../shared/dom.js";
import { short } from "../shared/format.js";
import { type Stat, statsRow } from "./card.js";
import { type Column, type Columns, type Detail, rowOf } from "./data.js";
import { labelRow } from "./label_row.js";

export interface AboutProps {
  detail: Detail;
  columns: Columns;
  /** Of the list. */
  named: readonly Column[];
  canLabel: boolean;
  author: string;
  hint: string;
  pinned: number | null;
  stale: boolean;
}

export interface AboutEvents {
  label(latent: number, text: string, author: string): Promise<void>;
  pin(): void;
}

export interface About {
  node: HTMLElement;
  update(props: AboutProps): void;
}

/** What the list knows of a latent beyond its detail. */
function extras({ named, columns, detail }: AboutProps): Stat[] {
  const row = rowOf(columns, detail.latent_idx);
  return named
    .filter(({ name }) => name === "interesting" || name === "score")
    .flatMap(({ name, label, hint }): Stat[] => {
      const value = columns.numbers[name]?.[row];
      return value === undefined || Number.isNaN(value) ? [] : [[label ?? name, short(value), hint ?? ""]];
    });
}

export function aboutLatent(scope: Scope, events: AboutEvents): About {
  const name = h("h5", { class: "inb-latent-name" });
  const label = labelRow(scope, events.label);
  const pin = button("Pin", { title: "Keep this latent, to compare others with it" });
  const stats = div("");
  const node = div("inb-about", div("inb-about-row", name, label.node, pin), stats);
  scope.listen(pin, "click", events.pin);
  return {
    node,
    update(props) {
      const { detail, pinned } = props;
      const flags = (["dead", "dense"] as const).filter((flag) => detail.facts[flag]);
      node.classList.toggle("inb-stale", props.stale);
      name.replaceChildren(`Latent ${detail.latent_idx}`, ...flags.map((flag) => span("inb-flag", flag)));
      label.update(detail, props.canLabel, props.author, props.hint);
      pin.textContent = pinned === null ? "Pin" : `Unpin ${pinned}`;
      setAttrs(pin, { "aria-pressed": pinned === null ? "false" : "true" });
      stats.replaceChildren(statsRow(detail, extras(props)));
    },
  };
}
