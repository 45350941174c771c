/** Everything about one latent, in two columns where there is room for them. */

import { div, type Scope } from "../shared/dom.js";
import { percent, signed2 } from "../shared/format.js";
import { ramp, sequential, type Theme } from "../shared/scale.js";
import { roveTokens } from "../shared/token_run.js";
import { chipsPart, geometryPart, headsPart, histogramPart, logitsPart, number, tokensPart } from "./card.js";
import type { Detail, Store } from "./data.js";
import { examplesPart } from "./examples.js";

export interface LatentProps {
  detail: Detail;
  store: Store;
  hints: Record<string, string>;
  theme: Theme;
  width: number;
  /** Whether a latent has a row to jump to. */
  has(latent: number): boolean;
}

export interface LatentView {
  node: HTMLElement;
  update(props: LatentProps): void;
}

/** Wide enough for two columns; as in style.css. */
const TWO = 760;

export function histogramWidth(width: number): number {
  return Math.round(Math.max(200, Math.min(440, width >= TWO ? width * 0.38 : width)));
}

export function latentView(scope: Scope, choose: (latent: number) => void): LatentView {
  const node = div("inb-latent");
  const open = new Set<number>();
  let props: LatentProps | undefined;
  let drawn = "";

  const draw = (): void => {
    if (!props) return;
    const { detail, store, hints, theme, width, has } = props;
    const most = number(detail.facts.max) || 1;
    const colors = ramp("sequential", theme);
    const fill = colors[Math.round(0.62 * (colors.length - 1))] ?? "#808080";
    const near = (name: "neighbours" | "cofiring", title: string, text: (value: number) => string) =>
      chipsPart(name, title, hints[name] ?? "", detail[name], text, has);
    node.replaceChildren(
      examplesPart({
        detail,
        hint: hints.examples ?? "",
        scale: sequential(most, theme),
        open,
      }),
      div(
        "inb-aside",
        histogramPart(detail, store, fill, histogramWidth(width), hints.histogram ?? ""),
        ...[
          logitsPart(detail, hints.logits ?? ""),
          tokensPart(detail, hints.tokens ?? ""),
          near("neighbours", "Writes in a like direction", signed2),
          near("cofiring", "Fires together with", percent),
          headsPart(detail, hints.heads ?? ""),
        ].filter((part) => part !== null),
        geometryPart(detail, hints.decoder ?? ""),
      ),
    );
  };
  scope.listen<MouseEvent>(node, "click", (event) => {
    const target = event.target as Element;
    const jump = target.closest<HTMLElement>(".inb-jump")?.dataset.latent;
    if (jump !== undefined) return choose(Number(jump));
    const band = target.closest<HTMLElement>("[data-band]")?.dataset.band;
    if (band === undefined) return;
    open.add(Number(band));
    draw();
  });
  scope.listen<KeyboardEvent>(node, "keydown", (event) => {
    roveTokens(node, event);
  });

  return {
    node,
    update(next) {
      const other = props?.detail.latent_idx !== next.detail.latent_idx || props.detail.store !== next.detail.store;
      if (other) open.clear();
      const before = props;
      props = next;
      const key = JSON.stringify([next.theme, histogramWidth(next.width)]);
      if (before?.detail === next.detail && key === drawn) return;
      drawn = key;
      draw();
    },
  };
}
