/** The dashboard: the list of latents beside the chosen one; one instance per view of the model. */

import { Question } from "../shared/ask.js";
import { codePanel } from "../shared/code_panel.js";
import type { Bytes } from "../shared/decode.js";
import type { Context, View } from "../shared/define.js";
import { div, guarded, h } from "../shared/dom.js";
import { sig4 } from "../shared/format.js";
import { kernelHint } from "../shared/hints.js";
import { progressBar } from "../shared/progress.js";
import { SYNC_DELAY_MS } from "../shared/sync.js";
import { tabs } from "../shared/tabs.js";
import { showTips } from "../shared/tips.js";
import { type JobState, RequestError } from "../shared/types.js";
import { aboutLatent } from "./about.js";
import { browse } from "./browse.js";
import { comparePanel } from "./compare_panel.js";
import { bareDetail, type DashboardMeta, type Detail, type Label, rowOf, SEARCHES, type SearchBy } from "./data.js";
import { Details } from "./details.js";
import { effectPanel } from "./effect_panel.js";
import { fileButtons } from "./files.js";
import { latentView } from "./latent_view.js";
import { mapView } from "./map_view.js";
import { readSort, writeSort } from "./order.js";
import { promptBox, strongestText } from "./prompt_box.js";
import { Rows } from "./rows.js";
import { textPanel } from "./text_panel.js";

const OWN_TRAITS = ["sort", "query", "search_by", "prompt"];
/** Arrows go through the list faster than details are wanted. */
const BROWSE_MS = 70;
/** Later than what was chosen reaches the kernel. */
const CODE_MS = SYNC_DELAY_MS + 50;
const NO_KERNEL = "Saved page: another text needs the kernel.";
const NO_MODEL = "A text needs the model: make the dashboard with one, feature_dashboard(store, model).";

interface Selected {
  latent_idx: number;
  pos: number | null;
}

export function mountDashboard({ model, bridge, sync, frame }: Context): View {
  const { scope, body, tooltip } = frame;
  const details = new Details(bridge);
  const codeQuestion = new Question(bridge);
  let meta: DashboardMeta | undefined;
  let dataKey: unknown[] = [];
  let detail: Detail | null = null;
  let pinned: number | null = null;
  /** What reproduces the view as it is now, and what its panel asked last. */
  let viewCode = "";
  let panelCode = "";

  const work = guarded(frame.root, (task: () => Promise<void>) => task());
  const rows = new Rows(bridge, () => draw(), work);
  const trait = (name: string): string => String(model.get(name) ?? "");
  const selected = (): Selected => {
    const value = model.get("selected") as Partial<Selected> | null;
    const latent = typeof value?.latent_idx === "number" ? value.latent_idx : (meta?.first.detail.latent_idx ?? 0);
    return { latent_idx: latent, pos: typeof value?.pos === "number" ? value.pos : null };
  };
  const select = (change: Partial<Selected>): void => {
    sync.write("selected", { ...selected(), ...change });
    update();
  };
  const choose = (latent: number): void => select({ latent_idx: latent });
  const has = (latent: number): boolean => rowOf(rows.columns, latent) >= 0;
  const say = (words: string): void => frame.say(words);

  const heading = h("h4");
  const note = h("p");
  const codeBox = codePanel(scope);
  const hint = h("p", { class: "inb-hint" });
  const progress = progressBar(scope, (action) => bridge.request("control", { action }));
  const files = fileButtons(scope, () => {
    const now = meta as DashboardMeta;
    return { meta: now, columns: rows.columns, rows: rows.rows, texts: rows.texts, detail: detail ?? now.first.detail };
  });
  const showCode = (): void => codeBox.update([viewCode || meta?.code, panelCode].filter(Boolean).join("\n\n"));
  const code = (text: string): void => {
    panelCode = text;
    showCode();
  };
  /** While it is seen; the code that came with the view does where the kernel does not answer. */
  const askCode = (): void => {
    if (codeBox.panel.hidden) return;
    work(async () => {
      const reply = await codeQuestion.ask<{ code: string }>("code", {}, CODE_MS).catch(() => null);
      if (reply) viewCode = reply.result.code;
      showCode();
    });
  };
  scope.listen(codeBox.toggle, "click", askCode);

  const list = browse(scope, rows, {
    choose,
    search(query, by) {
      sync.write("query", query);
      sync.write("search_by", by);
      update();
    },
    sort: (sort) => sync.write("sort", sort),
    changed: () => draw(),
  });
  const about = aboutLatent(scope, {
    async label(latent, text, author) {
      const params = { latent_idx: latent, text, author };
      const { result } = await bridge.request<{ label: Label | null; labels: Label[] }>("label", params);
      details.relabel(latent, result.label, result.labels);
      rows.relabel(latent, result.label?.text ?? "");
      if (detail?.latent_idx === latent) detail = details.peek(latent) ?? detail;
      say(`latent ${latent}: ${result.label?.text ?? "no label"}`);
      draw();
    },
    pin() {
      pinned = pinned === null && detail ? detail.latent_idx : null;
      compare.pin(pinned);
      draw();
    },
  });
  const latentBody = latentView(scope, choose);
  const problem = h("p", { class: "inb-field-error", role: "status", hidden: true });
  const prompt = promptBox(
    scope,
    (typed) => {
      sync.write("prompt", typed);
      // A chosen token is one of the text before.
      if (selected().pos !== null) select({ pos: null });
      draw();
    },
    () => (detail ? strongestText(detail) : ""),
  );
  const onText = textPanel(frame.root, bridge, { choose, token: (pos) => select({ pos }), say, code });
  const effect = effectPanel(frame.root, bridge, { code, say });
  const compare = comparePanel(frame.root, bridge, details, { choose, code });
  const map = mapView(frame.root, bridge, {
    choose,
    box(inside) {
      rows.limit({ ...rows.filter, box: inside });
      draw();
    },
    say,
  });
  const panels = tabs(
    scope,
    {
      latent: { label: "Latent", node: div("inb-latent-box", latentBody.node) },
      text: { label: "On your text", node: onText.node },
      effect: { label: "Intervene", node: effect.node },
      compare: { label: "Compare", node: compare.node },
      map: { label: "Map", node: map.node },
    },
    () => draw(),
  );
  const bar = h("div", { class: "inb-toolbar", role: "toolbar", "aria-label": "dashboard" }, codeBox.toggle, files);
  const main = div("inb-main", about.node, panels.bar, problem, prompt.node, panels.body);
  body.append(
    div("inb-top", div("inb-title", heading, note), bar),
    hint,
    codeBox.panel,
    progress.node,
    div("inb-split", list.node, main),
  );
  showTips(scope, body, tooltip);
  scope.listen<KeyboardEvent>(frame.root, "keydown", (event) => {
    if (event.key !== "/" || (event.target as Element).closest("input, textarea, select")) return;
    event.preventDefault();
    list.search();
  });
  const changed = guarded(frame.root, () => update());
  for (const name of OWN_TRAITS) {
    model.on(`change:${name}`, changed);
    scope.add(() => model.off(`change:${name}`, changed));
  }

  function read(): DashboardMeta {
    const next = model.get("_meta") as DashboardMeta;
    const bytes = model.get("_data") as Bytes;
    if (!meta || next !== dataKey[0] || bytes !== dataKey[1]) {
      rows.read(next, bytes);
      if (meta) details.forget();
      details.keep(next.first.detail);
      dataKey = [next, bytes];
      meta = next;
    }
    return meta;
  }

  async function fetchDetail(latent: number): Promise<void> {
    try {
      const found = await details.get("main", latent, 0, detail ? BROWSE_MS : 0);
      if (!found) return;
      problem.hidden = true;
      detail = found;
      say(`latent ${latent}${found.label ? `, ${found.label.text}` : ""}, max ${sig4(Number(found.facts.max))}`);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
      detail = bareDetail(rows.columns, latent);
    }
    draw();
  }

  function update(): void {
    const now = read();
    const sorting = readSort(trait("sort"), now.columns);
    if (writeSort(sorting) !== writeSort(rows.sorting)) rows.sort(sorting);
    const by = trait("search_by") as SearchBy;
    rows.look(trait("query"), SEARCHES.includes(by) ? by : "any");
    const { latent_idx: latent } = selected();
    const here = details.peek(latent);
    if (here) {
      detail = here;
      problem.hidden = true;
    } else if (latent !== detail?.latent_idx || problem.hidden) work(() => fetchDetail(latent));
    askCode();
    draw();
  }

  function draw(): void {
    if (!meta) return;
    const now = meta;
    const kernel = model.get("kernel") !== false;
    heading.textContent = now.labels.heading ?? "";
    note.textContent = now.labels.note ?? "";
    hint.textContent = kernelHint(kernel, true);
    hint.hidden = kernel;
    showCode();
    progress.update(model.get("state") as JobState, Number(model.get("progress") ?? 1), kernel);
    const { latent_idx: latent } = selected();
    list.update(latent);
    if (detail) drawLatent(now, detail, kernel, latent);
  }

  function drawLatent(now: DashboardMeta, shown: Detail, kernel: boolean, latent: number): void {
    const theme = frame.theme;
    const { columns, filter } = rows;
    const stale = shown.latent_idx !== latent;
    const tab = panels.current();
    about.update({
      detail: shown,
      columns,
      named: now.columns,
      canLabel: Boolean(now.can.label) && kernel,
      author: now.author,
      hint: now.hints.label ?? "",
      pinned,
      stale,
    });
    const alone = tab === "latent" || tab === "compare";
    panels.body.classList.toggle("inb-stale", stale && alone);
    const live = kernel && Boolean(now.can.text);
    const text = trait("prompt");
    const typing = tab === "text" || tab === "effect";
    prompt.node.hidden = !typing;
    prompt.update(text, live, live ? "" : kernel ? NO_MODEL : NO_KERNEL);
    // A saved page may know its text; without a model there is nothing to be known.
    panels.body.hidden = alone ? !problem.hidden : typing && !live && (kernel || !text);
    const width = Math.max(240, panels.body.clientWidth || 640);
    const name = shown.label?.text || shown.concept;
    const store = now.stores[shown.store];
    const common = { meta: now, theme, width, latent, name };
    if (tab === "latent" && store) latentBody.update({ ...common, detail: shown, store, hints: now.hints, has });
    if (tab === "text") onText.update({ ...common, prompt: text, pos: selected().pos, kernel });
    if (tab === "effect") effect.update({ ...common, prompt: text });
    if (tab === "compare") compare.update({ ...common, detail: shown, has });
    if (tab === "map")
      map.update({ ...common, columns, texts: rows.texts, listed: rows.rows, boxed: filter.box !== null });
  }

  // The first draw may be before the page knows how wide this is.
  const sizes = typeof ResizeObserver === "function" ? new ResizeObserver(guarded(body, () => resized())) : null;
  let width = 0;
  const resized = (): void => {
    if (body.clientWidth === width) return;
    width = body.clientWidth;
    draw();
    list.reveal();
  };
  sizes?.observe(body);

  return {
    update,
    destroy() {
      sizes?.disconnect();
      for (const part of [list, onText, effect, compare, map]) part.destroy();
      codeQuestion.stop();
      rows.close();
      details.close();
    },
  };
}
