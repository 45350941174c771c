/** One latent: what it was said to stand for, and where it fires most on the text that was evaluated. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import { button, div, h, type Scope, span } from "../shared/dom.js";
import { sig4 } from "../shared/format.js";
import { maxAbs, sequential, type Theme } from "../shared/scale.js";
import { enterAt, roveTokens, tokenRun, valueText } from "../shared/token_run.js";
import { tokenNode, visible } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { RequestError } from "../shared/types.js";
import type { ReportData, Row } from "./data.js";
import { intervalText, numberText } from "./words.js";

/** Arrows go through a table faster than contexts are wanted. */
const BROWSE_MS = 80;
const KEPT = 60;

interface Top {
  tokens: string[];
  values: (number | null)[];
  at: number;
  value: number | null;
  doc: number;
  pos: number;
}

interface Contexts {
  latent_idx: number;
  sae: number;
  tops: Top[];
}

export interface ContextsPanel {
  node: HTMLElement;
  update(data: ReportData, sae: number, latent: number | null, theme: Theme, kernel: boolean): void;
  destroy(): void;
}

/** What the tables say of a latent. Pure. */
export function knownOf(data: ReportData, sae: number, latent: number): string[] {
  const report = data.reports[sae];
  if (!report) return [];
  const number = (row: Row, name: string) => row[name] ?? Number.NaN;
  const concepts = report.concepts
    .filter((row) => row.latent_idx === latent)
    .sort((a, b) => number(b, "f1") - number(a, "f1"))
    .slice(0, 4)
    .map((row) => {
      const name = visible(data.meta.concepts[row.concept ?? -1]?.name ?? "");
      return `best for ${name}: F1 ${numberText(number(row, "f1"))} ${intervalText(number(row, "low"), number(row, "high"))} above ${sig4(number(row, "threshold"))}`;
    });
  const causal = report.causal
    .filter((row) => row.latent_idx === latent)
    .map(
      (row) =>
        `taking it out moves predictions by ${numberText(number(row, "effect"))} nats per firing, a random direction by ${numberText(number(row, "random"))}`,
    );
  return [...concepts, ...causal];
}

function contextItem(top: Top, most: number, theme: Theme): HTMLElement {
  const scale = sequential(most, theme);
  const said = (i: number) => [
    facts([
      ["token", tokenNode(top.tokens[i] ?? "", 120)],
      ["activation", h("strong", {}, valueText(top.values[i]))],
      ["place", `document ${top.doc}, position ${top.pos + i - top.at}`],
    ]),
  ];
  const run = tokenRun({ tokens: top.tokens, values: top.values, at: top.at, scale, tip: said });
  return h("li", {}, span("inb-example-value", top.value === null ? "–" : sig4(top.value)), run);
}

export function contextsPanel(
  scope: Scope,
  bridge: Bridge,
  events: { close(): void; say(text: string): void; work(task: () => Promise<void>): void },
): ContextsPanel {
  const title = h("h5");
  const close = button("×", { class: "inb-icon-button", "aria-label": "close the latent", title: "Close" });
  const known = h("ul", { class: "inb-known" });
  const body = div("inb-contexts");
  const node = h(
    "section",
    { class: "inb-latent-panel", "aria-label": "chosen latent", hidden: true },
    div("inb-latent-head", title, close),
    known,
    body,
  );
  const question = new Question(bridge);
  const kept = new Map<string, Contexts>();
  let asked = "";
  let theme: Theme = "light";
  scope.listen(close, "click", events.close);
  scope.listen<KeyboardEvent>(body, "keydown", (event) => {
    roveTokens(body, event);
  });

  const show = (found: Contexts): void => {
    const most = maxAbs(found.tops.flatMap(({ values }) => values.map((value) => value ?? 0))) || 1;
    const items = found.tops.map((top) => contextItem(top, most, theme));
    const none = h("p", { class: "inb-hint" }, "It fires nowhere on this text.");
    body.replaceChildren(items.length ? h("ol", { class: "inb-examples" }, ...items) : none);
    enterAt(body);
  };
  const hint = (text: string): void => body.replaceChildren(h("p", { class: "inb-hint", role: "status" }, text));

  async function fetchContexts(latent: number, sae: number, key: string): Promise<void> {
    const here = kept.get(key);
    if (here) return show(here);
    hint("Looking …");
    try {
      const reply = await question.ask<Contexts>("contexts", { latent_idx: latent, sae }, BROWSE_MS);
      if (!reply) return;
      kept.set(key, reply.result);
      const [oldest] = kept.keys();
      if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
      if (key === asked) show(reply.result);
      events.say(`latent ${latent}: ${reply.result.tops.length} contexts`);
    } catch (error) {
      if (!(error instanceof RequestError) || key !== asked) throw error;
      hint(
        error.type === "NeedsKernel"
          ? "Where it fires was not saved with this page: open the notebook to see it."
          : error.message,
      );
    }
  }

  return {
    node,
    update(data, sae, latent, nextTheme, kernel) {
      node.hidden = latent === null || data.reports.length === 0;
      if (latent === null || node.hidden) {
        asked = "";
        question.stop();
        return;
      }
      const words = data.reports[sae]?.words;
      const name = data.reports.length > 1 ? span("inb-mark", ` of ${words?.name ?? ""}`) : null;
      title.replaceChildren(`Latent ${latent}`, ...(name ? [name] : []));
      known.replaceChildren(...knownOf(data, sae, latent).map((text) => h("li", {}, text)));
      const key = `${sae} ${latent}`;
      const same = key === asked && theme === nextTheme;
      theme = nextTheme;
      if (same) return;
      asked = key;
      if (kernel && !words?.live) hint("Where it fires needs the model: evaluate again in this kernel to see it.");
      else events.work(() => fetchContexts(latent, sae, key));
    },
    destroy: () => question.stop(),
  };
}
