/** What stands above everything: what to change, what it was measured on, the switch for begin-of-text. */

import { advice } from "../shared/advice.js";
import { div, h, type Scope, setAttrs } from "../shared/dom.js";
import type { Report, ReportData } from "./data.js";
import { plural } from "./words.js";

export interface Head {
  node: HTMLElement;
  update(data: ReportData, sae: number, withBos: boolean): void;
}

function adviceOf(report: Report | undefined, data: ReportData): string[] {
  if (!report) return [];
  if (report.words.advice.length) return report.words.advice;
  return report.words.pending.length ? [] : data.meta.metrics.length ? ["Nothing stands out in these numbers."] : [];
}

export function reportHead(scope: Scope, events: { bos(withBos: boolean): void }): Head {
  const said = advice();
  const measured = h("p", { class: "inb-measured" });
  const notes = h("ul", { class: "inb-notes" });
  const list = h("ul", { class: "inb-notes" });
  const title = h("summary");
  const details = h("details", { class: "inb-how" }, title, list);
  const box = h("input", { type: "checkbox", "data-key": "bos" });
  const bos = h("label", { class: "inb-switch" }, box, "with begin-of-text tokens");
  scope.listen(box, "change", () => events.bos(box.checked));
  return {
    node: div("inb-report-head", said.node, div("inb-measured-row", measured, bos), notes, details),
    update(data, sae, withBos) {
      const report = data.reports[sae];
      const sentences = adviceOf(report, data);
      const several = data.reports.length > 1;
      const calm = !report?.words.advice.length;
      said.update(calm ? "" : several ? `What to change about ${report?.words.name}` : "What to change", sentences);
      setAttrs(said.node, { "data-calm": calm || undefined });
      measured.textContent = report ? `${report.words.measured}.` : "";
      if (several && report) measured.textContent = `${report.words.name}: ${measured.textContent}`;
      bos.hidden = !data.reports.some((one) => one.values.some(({ withBos: other }) => !Number.isNaN(other)));
      bos.title = data.meta.hints.bos ?? "";
      if (box.checked !== withBos) box.checked = withBos;
      const items = (texts: readonly string[]) => texts.map((text) => h("li", {}, text));
      notes.hidden = data.meta.notes.length === 0;
      notes.replaceChildren(...items(data.meta.notes));
      const own = report?.words.notes ?? [];
      details.hidden = own.length === 0;
      title.textContent = `How it was measured: ${plural(own.length, "note")}`;
      list.replaceChildren(...items(own));
    },
  };
}
