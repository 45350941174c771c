/** What the tooltip of a cell says. */

import type { CellAt } from "../grid/layout.js";
import { h } from "../shared/dom.js";
import { tokenNode } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { type PatchData, rawText, tokensAt, valueText } from "./data.js";

export function cellTooltip(data: PatchData, cell: CellAt): Node[] {
  const { meta } = data;
  const { clean, corrupted, differ } = tokensAt(data, cell.column);
  const head = h(
    "div",
    { class: "inb-tip-head" },
    `${meta.y.name} ${meta.y.ticks[cell.row]} · ${meta.x.name} ${cell.column}`,
  );
  const tokens: [string, Node][] = differ
    ? [
        ["clean", tokenNode(clean, 240)],
        ["corrupted", tokenNode(corrupted, 240)],
      ]
    : [["token", tokenNode(clean, 240)]];
  const value = valueText(data, cell).replace("effect ", "");
  return [
    head,
    facts([["effect", h("strong", {}, value)], [meta.labels.metric ?? "metric", rawText(data, cell)], ...tokens]),
  ];
}
