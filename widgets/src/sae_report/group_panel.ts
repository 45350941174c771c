/** One group of a report, or the overview: its numbers, its histograms, its tables. */

import { div, h, type Scope } from "../shared/dom.js";
import type { Ink } from "../shared/ink.js";
import type { Stroke } from "../shared/strokes.js";
import type { Tooltip } from "../shared/tooltip.js";
import { groupOf, type ReportData } from "./data.js";
import { FIGURES, type Figure, figure } from "./figures.js";
import type { Plot } from "./files.js";
import { type MeasuresProps, measuresTable } from "./measures.js";
import { absorbedTable, causalTable, probesTable } from "./tables.js";

export interface GroupProps extends Pick<MeasuresProps, "data" | "sae" | "strokes" | "width" | "withBos"> {
  latent: number | null;
}

export interface GroupPanel {
  node: HTMLElement;
  update(props: GroupProps): void;
  plots(strokes: readonly Stroke[], ink: Ink): Plot[];
}

/** From this width on, histograms stand beside one SAE's numbers. */
const BESIDE = 1000;
const FIGURE = { width: 300, widest: 400, height: 150 };

/** The numbers of a group, or of the overview. */
export function metricsOf(data: ReportData, group: string): number[] {
  if (group !== "overview") return groupOf(data.meta, group);
  return data.meta.key
    .map((name) => data.meta.metrics.findIndex((metric) => metric.name === name))
    .filter((at) => at >= 0);
}

/** Why a group has no numbers; in the overview, why any has none. */
function whyNot(data: ReportData, sae: number, group: string): string {
  const skipped = data.reports[sae]?.words.skipped ?? {};
  if (group !== "overview") return skipped[group] ? `Not measured: ${skipped[group]}` : "";
  const said = data.meta.groups.filter(({ name }) => skipped[name]);
  return said.map(({ name, label }) => `${label} was not measured: ${skipped[name]}.`).join(" ");
}

export function groupPanel(
  scope: Scope,
  tooltip: Tooltip,
  group: string,
  events: { chooseSae(sae: number): void; choose(latent: number, sae: number): void; say(text: string): void },
): GroupPanel {
  const asks = h("p", { class: "inb-asks" });
  const why = h("p", { class: "inb-hint" });
  const numbers = div("inb-numbers");
  const key = h("p", { class: "inb-hint" });
  const figures = (FIGURES[group] ?? []).map((name): [string, Figure] => [name, figure(scope, tooltip, events.say)]);
  const pictures = div("inb-figures", ...figures.map(([, each]) => each.node));
  const tables = div("inb-tables");
  const node = div(
    "inb-group-panel",
    asks,
    why,
    div("inb-group-body", div("inb-numbers-box", numbers, key), pictures),
    tables,
  );
  let props: GroupProps | undefined;
  let drawn: unknown[] = [];

  scope.listen<MouseEvent>(node, "click", (event) => {
    const target = event.target as Element;
    const sae = target.closest<HTMLElement>(".inb-sae-head")?.dataset.sae;
    if (sae !== undefined) return events.chooseSae(Number(sae));
    const latent = target.closest<HTMLElement>(".inb-pick")?.dataset.latent;
    if (latent !== undefined && props) events.choose(Number(latent), props.sae);
  });

  function drawTables(now: GroupProps): void {
    const report = now.data.reports[now.sae];
    if (!report) {
      tables.replaceChildren();
      return;
    }
    const color = now.strokes[now.sae]?.color ?? "";
    const hints = now.data.meta.hints;
    const common = { report, sae: now.sae, color, latent: now.latent, width: now.width };
    const made =
      group === "features"
        ? [
            probesTable({ ...common, hint: hints.probes ?? "" }),
            absorbedTable({ ...common, hint: hints.absorbed ?? "" }),
          ]
        : group === "causal"
          ? [causalTable({ ...common, hint: hints.causal ?? "" })]
          : [];
    tables.replaceChildren(...made.filter((each) => each !== null));
  }

  function draw(now: GroupProps): void {
    const { data, sae, strokes, width } = now;
    const several = data.reports.length > 1;
    const metrics = metricsOf(data, group);
    const beside = !several && width >= BESIDE && figures.length > 0;
    node.classList.toggle("inb-figures-beside", beside);
    const room = beside ? width - FIGURE.width - 32 : width;
    const focused = node.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset.key
      : undefined;
    asks.textContent = data.meta.groups.find(({ name }) => name === group)?.asks ?? "";
    asks.hidden = group === "overview";
    why.textContent = whyNot(data, sae, group);
    why.hidden = !why.textContent;
    numbers.replaceChildren(
      ...(metrics.length ? [measuresTable({ ...now, metrics, headed: group === "overview", width: room })] : []),
    );
    key.textContent = several ? (data.meta.hints.differ ?? "") : "";
    key.hidden = !several || metrics.length === 0;
    const inRow = Math.min(figures.length, Math.max(1, Math.floor(width / 260)));
    const figureWidth = beside ? FIGURE.width : Math.min(FIGURE.widest, Math.floor((width - 28 * (inRow - 1)) / inRow));
    for (const [name, each] of figures) {
      each.update({
        name,
        data,
        sae,
        strokes,
        width: figureWidth,
        height: FIGURE.height,
      });
    }
    pictures.hidden = figures.every(([, each]) => each.node.hidden);
    drawTables(now);
    if (focused) node.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  return {
    node,
    update(next) {
      props = next;
      const state = [next.data, next.sae, next.withBos, next.width, next.strokes[0]?.color, next.latent];
      if (state.every((each, at) => each === drawn[at]) && drawn.length) return;
      drawn = state;
      draw(next);
    },
    plots: (strokes, ink) => figures.map(([, each]) => each.shapes(strokes, ink)).filter((plot) => plot !== null),
  };
}
