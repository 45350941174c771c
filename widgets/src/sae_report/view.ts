/** The report: advice, numbers in groups, ground truth, the front, a law; one instance per view of the model. */

import { Question } from "../shared/ask.js";
import { codePanel } from "../shared/code_panel.js";
import type { Bytes } from "../shared/decode.js";
import type { Context, View } from "../shared/define.js";
import { div, guarded, h, span } from "../shared/dom.js";
import { FILE_INK } from "../shared/ink.js";
import { progressBar } from "../shared/progress.js";
import { type Stroke, stroke } from "../shared/strokes.js";
import { SYNC_DELAY_MS } from "../shared/sync.js";
import { tabs } from "../shared/tabs.js";
import { showTips } from "../shared/tips.js";
import type { JobState } from "../shared/types.js";
import { conceptsTable } from "./concepts.js";
import { contextsPanel } from "./contexts.js";
import { type ReportData, type ReportMeta, readReports, readSelected, type Selected } from "./data.js";
import { fileButtons, type Plot } from "./files.js";
import { groupPanel, metricsOf } from "./group_panel.js";
import { reportHead } from "./head.js";
import { paretoView } from "./pareto.js";
import { scalingView } from "./scaling.js";
import type { Place } from "./scaling_plot.js";

const OWN_TRAITS = ["tab", "with_bos", "sort", "query", "prediction"];
const GROUPS = ["overview", "reconstruction", "sparsity", "features", "causal", "truth"] as const;
/** Later than what was chosen reaches the kernel. */
const CODE_MS = SYNC_DELAY_MS + 50;
/** From this width on, a chosen latent stands beside its table. */
const BESIDE = 1060;
const ASIDE = 380;

type Group = (typeof GROUPS)[number];
type Tab = Group | "tradeoff" | "scaling";

export function mountReport({ model, bridge, sync, frame }: Context): View {
  const { scope, body, tooltip } = frame;
  const codeQuestion = new Question(bridge);
  let data: ReportData | undefined;
  let dataKey: unknown[] = [];
  let viewCode = "";
  let width = 0;

  const work = guarded(frame.root, (task: () => Promise<void>) => task());
  const say = (text: string): void => frame.say(text);
  const selected = (): Selected => readSelected(model.get("selected"));
  const chosenSae = (): number => Math.max(0, Math.min((data?.reports.length ?? 1) - 1, selected().sae ?? 0));
  const select = (latent: number | null, sae: number): void => {
    sync.write("selected", { latent_idx: latent, sae });
    draw();
  };
  const chooseSae = (sae: number): void => {
    select(null, sae);
    say(`${data?.reports[sae]?.words.name ?? ""} chosen`);
  };
  const write = (name: string, value: unknown): void => {
    sync.write(name, value);
    draw();
  };

  const [heading, note] = [h("h4"), h("p")];
  const code = codePanel(scope);
  const progress = progressBar(scope, (action) => bridge.request("control", { action }));
  const hint = span("inb-hint");
  const head = reportHead(scope, { bos: (withBos) => write("with_bos", withBos) });
  const panels = Object.fromEntries(
    GROUPS.map((name) => [name, groupPanel(scope, tooltip, name, { chooseSae, choose: select, say })]),
  ) as Record<Group, ReturnType<typeof groupPanel>>;
  const concepts = conceptsTable(scope, {
    choose: select,
    chooseSae,
    sort: (sort) => write("sort", sort),
    query: (query) => write("query", query),
  });
  panels.truth.node.append(concepts.node);
  const pareto = paretoView(scope, tooltip, {
    choose: (sae) => select(selected().latent_idx !== null && sae === chosenSae() ? selected().latent_idx : null, sae),
    say,
  });
  const scaling = scalingView(scope, tooltip, bridge, { place: (place) => write("prediction", place), say, work });
  const latent = contextsPanel(scope, bridge, { close: () => select(null, chosenSae()), say, work });
  const views = tabs<Tab>(
    scope,
    {
      overview: { label: "Overview", node: panels.overview.node },
      reconstruction: { label: "Reconstruction", node: panels.reconstruction.node },
      sparsity: { label: "Sparsity", node: panels.sparsity.node },
      features: { label: "Features", node: panels.features.node },
      causal: { label: "Causal use", node: panels.causal.node },
      truth: { label: "Ground truth", node: panels.truth.node },
      tradeoff: { label: "Trade-off", node: pareto.node },
      scaling: { label: "Scaling law", node: scaling.node },
    },
    (name) => write("tab", name),
  );
  const files = fileButtons(scope, () => {
    const now = data as ReportData;
    const tab = views.current();
    const metrics = tab in panels ? metricsOf(now, tab) : [];
    const state = {
      withBos: model.get("with_bos") === true,
      sort: String(model.get("sort")),
      query: String(model.get("query")),
    };
    return { data: now, tab, metrics, sae: chosenSae(), strokes: strokes("light"), plots: plots(tab), ...state };
  });
  body.append(
    div("inb-top", div("inb-title", heading, note), div("inb-toolbar", code.toggle, files)),
    code.panel,
    div("inb-run-bar", progress.node),
    hint,
    head.node,
    views.bar,
    div("inb-report-body", views.body, latent.node),
  );
  showTips(scope, frame.root, tooltip);

  const strokes = (theme: "light" | "dark"): Stroke[] => {
    const total = data?.reports.length ?? 0;
    return Array.from({ length: total }, (_, index) => stroke(index, total, theme));
  };
  /** The plots of what is open, for a file. */
  function plots(tab: Tab): Plot[] {
    const lines = strokes("light");
    if (tab === "tradeoff" || tab === "scaling") {
      const plot = tab === "tradeoff" ? pareto.shapes(lines, FILE_INK) : scaling.shapes(FILE_INK);
      return plot ? [{ title: "", ...plot }] : [];
    }
    return panels[tab].plots(lines, FILE_INK);
  }
  const askCode = (): void => {
    if (code.panel.hidden) return;
    work(async () => {
      const reply = await codeQuestion.ask<{ code: string }>("code", {}, CODE_MS).catch(() => null);
      if (reply) viewCode = reply.result.code;
      code.update(viewCode || (data?.meta.code ?? ""));
    });
  };
  scope.listen(code.toggle, "click", askCode);

  function read(): ReportData {
    const meta = model.get("_meta") as ReportMeta;
    const bytes = model.get("_data") as Bytes;
    if (!data || meta !== dataKey[0] || bytes !== dataKey[1]) {
      data = readReports(meta, bytes);
      dataKey = [meta, bytes];
    }
    return data;
  }

  function offered({ meta }: ReportData): Tab[] {
    const groups = meta.groups.map(({ name }) => name as Tab);
    return [
      ...(meta.reports.length ? (["overview"] as Tab[]) : []),
      ...groups,
      ...(meta.pareto.length > 1 ? (["tradeoff"] as Tab[]) : []),
      ...(meta.scaling ? (["scaling"] as Tab[]) : []),
    ];
  }

  function update(): void {
    const now = read();
    const { meta } = now;
    const kernel = model.get("kernel") !== false;
    heading.textContent = meta.labels.heading ?? "";
    note.textContent = meta.labels.note ?? "";
    const pending = [...new Set(meta.reports.flatMap((report) => report.pending))];
    const coming = meta.groups.filter(({ name }) => pending.includes(name)).map(({ label }) => label.toLowerCase());
    progress.update(model.get("state") as JobState, Number(model.get("progress") ?? 0), kernel, {
      verb: "measuring",
      detail: coming.length ? `still to come: ${coming.join(", ")}` : "",
    });
    hint.textContent = kernel ? "" : "Saved page: looking around works, measuring needs a running kernel.";
    hint.hidden = kernel;
    code.update(viewCode || meta.code);
    const tabsNow = offered(now);
    views.offer(tabsNow);
    const asked = String(model.get("tab")) as Tab;
    if (tabsNow.includes(asked)) views.open(asked);
    // A law or a front that is alone needs no choice.
    views.bar.hidden = tabsNow.length < 2;
    draw();
  }

  function draw(): void {
    if (!data) return;
    const { latent_idx } = selected();
    const sae = chosenSae();
    const withBos = model.get("with_bos") === true;
    const lines = strokes(frame.theme);
    // While JupyterLab changes its theme, nothing has a width, and nobody tells when it is back.
    width = body.clientWidth || width;
    const whole = Math.max(240, (width || 760) - 2);
    const shown = latent_idx !== null && data.reports.length > 0;
    const beside = shown && whole >= BESIDE;
    body.classList.toggle("inb-beside", beside);
    const room = beside ? whole - ASIDE - 28 : whole;
    head.update(data, sae, withBos);
    const tab = views.current();
    const common = { data, sae, strokes: lines, width: room };
    const theme = frame.theme;
    if (tab === "tradeoff")
      pareto.update({
        ...common,
        width: Math.min(room, 860),
        height: Math.round(Math.max(260, Math.min(420, room * 0.5))),
      });
    else if (tab === "scaling") {
      const given = model.get("prediction") as Partial<Place> | null;
      const stops = data.meta.scaling?.stops;
      const place = { n: given?.n ?? stops?.n.at(-1) ?? 1, k: given?.k ?? stops?.k.at(-1) ?? null };
      scaling.update({
        data,
        place,
        theme,
        width: Math.min(room, 860),
        height: Math.round(Math.max(260, Math.min(400, room * 0.5))),
      });
    } else panels[tab].update({ ...common, withBos, latent: latent_idx });
    if (tab === "truth") {
      const [sort, query] = [String(model.get("sort") ?? "-f1"), String(model.get("query") ?? "")];
      concepts.update({ ...common, sort, query, latent: latent_idx });
    }
    latent.update(data, sae, latent_idx, theme, model.get("kernel") !== false);
    askCode();
  }

  const sizes = typeof ResizeObserver === "function" ? new ResizeObserver(guarded(body, () => resized())) : null;
  const resized = (): void => {
    if (body.clientWidth !== width) draw();
  };
  sizes?.observe(body);
  const onTrait = guarded(frame.root, () => data && update());
  for (const name of OWN_TRAITS) model.on(`change:${name}`, onTrait);

  return {
    update,
    destroy() {
      for (const name of OWN_TRAITS) model.off(`change:${name}`, onTrait);
      sizes?.disconnect();
      latent.destroy();
      scaling.destroy();
      codeQuestion.stop();
    },
  };
}
