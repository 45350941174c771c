/** A training run as it goes: where it is, its curves, its latents, its controls; one instance per view of the model. */

import { advice } from "../shared/advice.js";
import { codePanel } from "../shared/code_panel.js";
import type { Bytes } from "../shared/decode.js";
import type { Context, View } from "../shared/define.js";
import { button, div, guarded, h, span } from "../shared/dom.js";
import { count } from "../shared/format.js";
import { progressBar } from "../shared/progress.js";
import { type Stroke, stroke } from "../shared/strokes.js";
import type { JobState } from "../shared/types.js";
import { type RunData, type RunMeta, readRun } from "./data.js";
import { densityView } from "./density_view.js";
import { fileButtons } from "./files.js";
import { legend } from "./legend.js";
import { panels } from "./panels.js";
import { peekPanel } from "./peek.js";
import { settingsPanel } from "./settings.js";
import { adviceTitle, changeText, endText, paceText } from "./words.js";

const SAVED = "Saved page: looking around works, changing the run needs its kernel.";

const GOING = ["running", "paused", "pending"];

interface Selected {
  latent_idx: number;
  sae: number;
}

function readSelected(value: unknown): Selected | null {
  const chosen = value as { latent_idx?: unknown; sae?: unknown } | null;
  if (typeof chosen?.latent_idx !== "number") return null;
  return { latent_idx: chosen.latent_idx, sae: typeof chosen.sae === "number" ? chosen.sae : 0 };
}

export function mountTrainMonitor({ model, bridge, sync, frame }: Context): View {
  const { scope, body, tooltip } = frame;
  let data: RunData | undefined;
  let dataKey: unknown[] = [];
  let sae = 0;
  let cursor: number | null = null;
  let logTokens = false;
  let said = "";
  let asked = "";

  const heading = h("h4");
  const note = h("p");
  const code = codePanel(scope);
  const log = button("log tokens", { "aria-pressed": "false", title: "The token axis in powers of ten" });
  scope.listen(log, "click", () => {
    logTokens = !logTokens;
    log.setAttribute("aria-pressed", String(logTokens));
    draw();
  });
  const choose = (next: number): void => {
    sae = next;
    draw();
  };
  const progress = progressBar(scope, (action) => bridge.request("control", { action }));
  const end = h("p", { class: "inb-run-end", hidden: true });
  const advised = advice();
  const settings = settingsPanel(
    scope,
    async (values, of) => {
      await bridge.request("set", { settings: values, sae: of });
      frame.strip.forget();
    },
    (text) => frame.report(text),
  );
  const hint = span("inb-hint");
  const plots = panels(scope, tooltip, {
    cursor(tokens) {
      cursor = tokens;
      if (!data) return;
      plots.move(cursor);
      table.update(data, strokes(frame.theme), sae, cursor);
    },
    say: (text) => frame.say(text),
  });
  const density = densityView(scope, tooltip, {
    bin: (bin) => peek.ask({ pick: "bin", bin, rank: binRank(bin), sae }),
    say: (text) => frame.say(text),
  });
  const table = legend(scope, choose);
  const changes = h("ol", { class: "inb-changes", hidden: true });
  const peek = peekPanel(scope, bridge, (peeked) => {
    asked = JSON.stringify([peeked.latent_idx, peeked.sae]);
    sync.write("selected", { latent_idx: peeked.latent_idx, sae: peeked.sae });
    frame.say(`latent ${peeked.latent_idx}, top token ${peeked.tops[0]?.token ?? "none"}`);
  });
  const ranks = new Map<number, number>();
  const binRank = (bin: number): number => {
    const rank = ranks.get(bin) ?? 0;
    ranks.set(bin, rank + 1);
    return rank;
  };
  const files = fileButtons(scope, () => {
    const lines = strokes("light");
    return { data: data as RunData, plots: plots.figure(lines), strokes: lines };
  });
  body.append(
    div("inb-title", heading, note),
    div("inb-run-bar", progress.node, end),
    h(
      "div",
      { class: "inb-toolbar", role: "toolbar", "aria-label": "training" },
      settings.node,
      log,
      code.toggle,
      files,
      hint,
    ),
    code.panel,
    table.node,
    advised.node,
    plots.node,
    changes,
    div("inb-latents", div("inb-densities", density.node, peek.dead), peek.node),
  );

  const strokes = (theme: "light" | "dark"): Stroke[] => {
    const total = data?.saes.length ?? 0;
    return Array.from({ length: total }, (_, index) => stroke(index, total, theme));
  };

  function read(): RunData {
    const meta = model.get("_meta") as RunMeta;
    const bytes = model.get("_data") as Bytes;
    if (!data || meta !== dataKey[0] || bytes !== dataKey[1]) {
      data = readRun(meta, bytes);
      dataKey = [meta, bytes];
    }
    return data;
  }

  function update(): void {
    const now = read();
    const { meta } = now;
    const kernel = model.get("kernel") !== false;
    const state = model.get("state") as JobState;
    sae = Math.min(sae, now.saes.length - 1);
    heading.textContent = meta.labels.heading ?? "";
    note.textContent = meta.labels.note ?? "";
    const pace = paceText(meta.status);
    progress.update(state, Number(model.get("progress") ?? 0), kernel, {
      verb: "training",
      detail: pace,
      resumable: meta.status.resumable,
    });
    const over = endText({
      ...meta.status,
      state: GOING.includes(state) ? state : meta.status.state,
    });
    end.hidden = !over;
    end.textContent = over;
    hint.textContent = kernel ? "" : SAVED;
    hint.hidden = kernel;
    code.update(meta.code);
    changes.hidden = meta.changes.length === 0;
    changes.replaceChildren(
      ...meta.changes.map((change) => h("li", {}, `${changeText(now, change)} at ${count(change.tokens)} tokens`)),
    );
    if (state !== said) {
      if (said) frame.say(`training ${state}, ${pace}`);
      said = state;
    }
    follow(now);
    draw();
  }

  /** A latent that was selected elsewhere is shown here. */
  function follow(now: RunData): void {
    const selected = readSelected(model.get("selected"));
    const key = selected ? JSON.stringify([selected.latent_idx, selected.sae]) : "";
    if (!selected || key === asked) return;
    asked = key;
    sae = Math.min(selected.sae, now.saes.length - 1);
    peek.ask({ pick: "index", latent_idx: selected.latent_idx, sae }).catch((error) => frame.report(error));
  }

  function draw(): void {
    if (!data) return;
    const lines = strokes(frame.theme);
    const props = {
      data,
      sae,
      strokes: lines,
      logTokens,
      width: Math.max(180, (body.clientWidth || width || 720) - 2),
    };
    const kernel = model.get("kernel") !== false;
    const open = GOING.includes(String(model.get("state")));
    plots.update(props, cursor);
    density.update(props);
    table.update(data, lines, sae, cursor);
    advise(data);
    settings.update(data, sae, kernel && (open || data.meta.status.resumable));
    peek.update(data, sae, frame.theme);
  }

  /** The chosen SAE's advice; spoken when there is some where there was none. */
  function advise({ meta }: RunData): void {
    const sentences = meta.saes[sae]?.advice ?? [];
    if (advised.node.hidden && sentences.length) frame.say(`advice: ${sentences[0]}`);
    advised.update(adviceTitle(meta, sae), sentences);
  }

  // The first draw may be before the page knows how wide this is.
  const sizes = typeof ResizeObserver === "function" ? new ResizeObserver(guarded(body, () => resized())) : null;
  let width = 0;
  const resized = (): void => {
    if (body.clientWidth === width) return;
    width = body.clientWidth;
    draw();
  };
  sizes?.observe(body);

  return {
    update,
    destroy() {
      sizes?.disconnect();
      peek.destroy();
    },
  };
}
