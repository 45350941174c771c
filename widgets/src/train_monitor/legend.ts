/** The SAEs of a sweep: a sample of each line, its name, and its values at the cursor. */

import { h, type Scope } from "../shared/dom.js";
import { svgRoot, toNode } from "../shared/shapes.js";
import { type Stroke, sample } from "../shared/strokes.js";
import { nearestBucket, type RunData } from "./data.js";
import { placeText, readingText } from "./words.js";

export interface Legend {
  node: HTMLElement;
  update(data: RunData, strokes: readonly Stroke[], sae: number, cursor: number | null): void;
}

export function legend(scope: Scope, choose: (sae: number) => void): Legend {
  const caption = h("caption");
  const head = h("thead");
  const body = h("tbody");
  const node = h("div", { class: "inb-sweep", hidden: true }, h("table", {}, caption, head, body));
  scope.listen<MouseEvent>(body, "click", (event) => {
    const row = (event.target as Element).closest("tr");
    if (row) choose([...body.children].indexOf(row));
  });
  return {
    node,
    update(data, strokes, sae, cursor) {
      node.hidden = data.saes.length < 2;
      if (node.hidden) return;
      const { series } = data.meta;
      const one = data.saes[sae];
      const moment = cursor !== null && one ? `at ${placeText(one, nearestBucket(one, cursor))}` : "latest";
      caption.textContent = `${data.saes.length} SAEs on one stream, values ${moment}`;
      head.replaceChildren(
        h("tr", {}, h("th", { scope: "col" }, "SAE"), ...series.map(({ label }) => h("th", { scope: "col" }, label))),
      );
      // Rows are kept, so that a focused name keeps its focus while values change.
      while (body.children.length > data.saes.length) body.lastElementChild?.remove();
      data.saes.forEach((each, index) => {
        const row = body.children[index] ?? body.appendChild(emptyRow());
        const stroke = strokes[index];
        const place = cursor === null ? each.tokens.length - 1 : nearestBucket(each, cursor);
        const [name, picture] = [row.querySelector("button"), row.querySelector("svg")];
        row.setAttribute("data-chosen", String(index === sae));
        name?.setAttribute("aria-pressed", String(index === sae));
        const text = name?.querySelector("span");
        if (text) text.textContent = each.name;
        if (stroke) picture?.replaceChildren(...sample(stroke).map(toNode));
        const values = series.map((_, at) => h("td", {}, readingText(each, at, place, false)));
        row.replaceChildren(row.firstElementChild ?? "", ...values);
      });
    },
  };
}

function emptyRow(): HTMLElement {
  const name = h("button", { type: "button", title: "Its densities, settings and latents" });
  name.append(svgRoot(32, 14, { "aria-hidden": "true" }), h("span"));
  return h("tr", {}, h("th", { scope: "row" }, name));
}
