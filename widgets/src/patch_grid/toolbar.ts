/** Title, choosers and buttons above the grid. */

import { fillSelect, h, type Scope } from "../shared/dom.js";
import { sig4 } from "../shared/format.js";
import type { Choice, PatchMeta } from "./data.js";

const CHOICES: Choice[] = ["site", "metric", "direction"];

export interface Toolbar {
  title: HTMLElement;
  node: HTMLElement;
  update(meta: PatchMeta, canCompute: boolean, hint: string): void;
  choices(): Record<Choice, string>;
}

export function toolbar(scope: Scope, buttons: HTMLElement[], changed: () => void): Toolbar {
  const heading = h("h4");
  const note = h("p");
  const title = h("div", { class: "inb-title" }, heading, note);
  const selects = Object.fromEntries(CHOICES.map((name) => [name, h("select", { "data-choice": name })])) as Record<
    Choice,
    HTMLSelectElement
  >;
  const hintNode = h("span", { class: "inb-hint" });
  const labels = CHOICES.map((name) => h("label", {}, name, selects[name]));
  const node = h(
    "div",
    { class: "inb-toolbar", role: "toolbar", "aria-label": "patching" },
    ...labels,
    ...buttons,
    hintNode,
  );
  for (const name of CHOICES) scope.listen(selects[name], "change", changed);
  return {
    title,
    node,
    update(meta, canCompute, hint) {
      const { labels: named, baseline } = meta;
      heading.textContent = `Patching ${named.site ?? ""}`;
      const unit = baseline.unit ? ` ${baseline.unit}` : "";
      const ends = `clean ${sig4(baseline.clean)}${unit}, corrupted ${sig4(baseline.corrupted)}${unit}`;
      note.textContent = [named.model, `${named.metric}: ${ends}`].filter(Boolean).join(" · ");
      for (const name of CHOICES) {
        fillSelect(selects[name], meta.choices[name] ?? [], named[name] ?? "");
        selects[name].disabled = !canCompute;
      }
      hintNode.textContent = hint;
      hintNode.hidden = !hint;
    },
    choices: () => Object.fromEntries(CHOICES.map((name) => [name, selects[name].value])) as Record<Choice, string>,
  };
}
