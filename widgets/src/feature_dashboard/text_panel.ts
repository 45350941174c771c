/** Any text, now: its tokens shaded by the chosen latent, the latents ranked on it, and where each of them fires. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import { div, guarded, h, Scope, span } from "../shared/dom.js";
import type { Theme } from "../shared/scale.js";
import { enterAt, roveTokens } from "../shared/token_run.js";
import { RequestError } from "../shared/types.js";
import { titled } from "./bars.js";
import { type DashboardMeta, type OnText, replyArray } from "./data.js";
import { type HeatProps, heatMap, markHeat, rankedAt, tokenAt } from "./heat.js";
import { partsText, rankBar } from "./rank_bar.js";
import { shadedText } from "./shaded_text.js";

/** As many as an exported page has recorded. */
const N = 20;
export interface TextProps {
  meta: DashboardMeta;
  prompt: string;
  latent: number;
  name: string;
  pos: number | null;
  theme: Theme;
  width: number;
  kernel: boolean;
}

export interface TextEvents {
  choose(latent: number): void;
  token(pos: number | null): void;
  say(text: string): void;
  code(text: string): void;
}

interface Read {
  result: OnText;
  acts: ArrayLike<number>;
  direct: ArrayLike<number> | null;
}

export interface TextPanel {
  node: HTMLElement;
  update(props: TextProps): void;
  destroy(): void;
}

function read({ result, buffers }: { result: OnText; buffers: DataView[] }): Read {
  const direct = result.arrays.direct ? replyArray(result.arrays, buffers, "direct") : null;
  return { result, acts: replyArray(result.arrays, buffers, "acts"), direct };
}

export function textPanel(home: EventTarget, bridge: Bridge, events: TextEvents): TextPanel {
  const scope = new Scope(home);
  const ranked = new Question(bridge);
  const extra = new Question(bridge);
  const bar = rankBar(
    scope,
    (delay) => again(delay),
    () => events.token(null),
  );
  const note = h("p", { class: "inb-hint", role: "status" });
  const strip = div("inb-strip-text");
  const title = h("h5");
  const ranking = div("inb-ranking");
  const node = div("inb-text-panel", bar.node, title, strip, note, ranking);
  let props: TextProps | undefined;
  let found: Read | null = null;
  /** The chosen latent on this text, where it is not among those that were ranked. */
  let other: Read | null = null;
  let asked = "";
  let askedOther = "";
  /** What the text of the answer was, and what its picture was drawn from. */
  let foundFor = "";
  let drawn: unknown[] = [];
  let refused = "";
  let local = false;

  const clear = (text: string): void => {
    ranked.stop();
    extra.stop();
    node.classList.remove("inb-stale");
    found = other = null;
    ranking.replaceChildren();
    strip.replaceChildren();
    title.hidden = true;
    note.textContent = text;
    drawn = [];
  };

  /** The chosen token, where this text is known to have it. */
  const place = ({ prompt, pos }: TextProps): number | null =>
    pos !== null && found && foundFor === prompt && pos < found.result.tokens.length ? pos : null;

  async function ask(now: TextProps, delay: number): Promise<void> {
    const { prompt } = now;
    const pos = place(now);
    const params = {
      ...bar.choice(),
      prompt,
      pos,
      n: N,
      latents: null,
      store: 0,
    };
    node.classList.add("inb-stale");
    try {
      const reply = await ranked.ask<OnText>("text", params, delay);
      if (!reply) return;
      found = read(reply);
      foundFor = prompt;
      if (other?.result.tokens.join() !== found.result.tokens.join()) {
        other = null;
        askedOther = "";
      }
      local = false;
      refused = "";
      node.classList.remove("inb-stale");
      events.code(found.result.code);
      events.say(`${found.result.tokens.length} tokens, strongest latent ${found.result.latents[0] ?? "none"}`);
      draw();
      // A token that was chosen elsewhere, now that this text is known to have it.
      again();
    } catch (error) {
      node.classList.remove("inb-stale");
      if (!(error instanceof RequestError)) throw error;
      // On one token of a text that is here, rows can be ranked by what is here.
      local = error.type === "NeedsKernel" && found !== null && pos !== null && bar.activation();
      refused = local ? "" : error.message;
      if (!local && !found) clear(error.message);
      draw();
    }
  }

  async function askOther(now: TextProps): Promise<void> {
    const params = {
      prompt: now.prompt,
      rank_by: "max",
      pos: null,
      n: N,
      answer: "",
      wrong: "",
      latents: [now.latent],
      store: 0,
    };
    try {
      const reply = await extra.ask<OnText>("text", params, 80);
      if (!reply) return;
      other = read(reply);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      other = null;
    }
    drawStrip();
  }

  function rowOfChosen(): { from: Read; row: number } | null {
    for (const from of [found, other]) {
      const row = from && props ? from.result.latents.indexOf(props.latent) : -1;
      if (from && row >= 0) return { from, row };
    }
    return null;
  }

  function drawStrip(): void {
    if (!props || !found) return;
    const { tokens } = found.result;
    const chosen = rowOfChosen();
    const n = tokens.length;
    const values = Array.from(
      { length: n },
      (_, i) =>
        chosen?.from.acts[chosen.row * n + i] ??
        (found?.acts[i] === undefined || Number.isNaN(found.acts[i]) ? null : 0),
    );
    const fires = values.some((value) => value !== null && value > 0);
    const words = !chosen ? "is not among the strongest here" : fires ? "" : "does not fire here";
    title.hidden = false;
    title.replaceChildren(`Latent ${props.latent} `, span("inb-mark", [props.name, words].filter(Boolean).join(" · ")));
    const run = shadedText(tokens, values, place(props), props.theme);
    const focused = strip.querySelector<HTMLElement>("[data-at]:focus")?.dataset.at;
    strip.replaceChildren(run);
    enterAt(strip);
    if (focused !== undefined) strip.querySelector<HTMLElement>(`[data-at="${focused}"]`)?.focus();
  }

  function draw(): void {
    if (!props || !found) return;
    const now = props;
    const { result, acts, direct } = found;
    note.textContent = [result.note, partsText(result), local ? "Ranked among the latents that are here." : "", refused]
      .filter(Boolean)
      .join(" ");
    const pos = place(now);
    const n = result.tokens.length;
    const rows = result.latents.map((_, row) => row);
    const order = local && pos !== null ? rankedAt(result, acts, pos) : rows;
    const score = local && pos !== null ? rows.map((row) => acts[row * n + pos] ?? null) : result.score;
    const from = [found, now.theme, now.width, local ? pos : -1];
    if (from.some((each, i) => each !== drawn[i])) {
      drawn = from;
      const heat: HeatProps = {
        result,
        acts,
        direct: result.rank_by === "direct" ? direct : null,
        order,
        score,
        theme: now.theme,
        width: now.width,
        selected: now.latent,
        pos,
      };
      const on = local ? pos : result.pos;
      const where = on === null ? "this text" : `token ${on}`;
      const empty = h("p", { class: "inb-hint" }, "No latent fires here.");
      ranking.replaceChildren(
        titled(`Latents on ${where}`, now.meta.hints.text ?? ""),
        order.length ? heatMap(heat) : empty,
      );
    } else markHeat(ranking, now.latent, pos);
    drawStrip();
    const chosen = JSON.stringify([now.latent, now.prompt]);
    if (chosen === askedOther || rowOfChosen() || !now.kernel || !now.meta.can.text) return;
    askedOther = chosen;
    guarded(home, askOther)(now);
  }

  const toggle = (at: number): void => events.token(props && at === place(props) ? null : at);

  const again = (delay = 0): void => {
    if (!props) return;
    const now = props;
    const key = JSON.stringify([now.prompt, bar.choice(), place(now)]);
    if (key === asked) return;
    asked = key;
    if (!now.prompt) {
      clear("Type a text to see which latents fire on it.");
      return;
    }
    if (bar.lacksAnswer()) {
      note.textContent = "Type the answer whose logit is looked at.";
      return;
    }
    guarded(home, ask)(now, delay);
  };
  scope.listen<MouseEvent>(strip, "click", (event) => {
    const at = (event.target as Element).closest<HTMLElement>("[data-at]")?.dataset.at;
    if (at !== undefined) toggle(Number(at));
  });
  scope.listen<KeyboardEvent>(strip, "keydown", (event) => {
    if (roveTokens(strip, event)) return;
    const at = (event.target as Element).closest<HTMLElement>("[data-at]")?.dataset.at;
    if (at === undefined || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    toggle(Number(at));
  });
  scope.listen<MouseEvent>(ranking, "click", (event) => {
    const at = tokenAt(event);
    const row = (event.target as Element).closest<HTMLElement>(".inb-heat-row");
    if (row) events.choose(Number(row.dataset.latent));
    else if (at !== null) toggle(at);
  });
  scope.listen<KeyboardEvent>(ranking, "keydown", (event) => {
    const rows = [...ranking.querySelectorAll<HTMLElement>(".inb-heat-row")];
    const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !rows.length) return;
    event.preventDefault();
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    next?.scrollIntoView({ block: "nearest" });
    if (next) events.choose(Number(next.dataset.latent));
  });

  return {
    node,
    update(next) {
      const before = props;
      props = next;
      bar.update(next.meta, place(next));
      again(before && before.prompt !== next.prompt ? 350 : 0);
      if (found) draw();
    },
    destroy() {
      ranked.stop();
      extra.stop();
      scope.dispose();
    },
  };
}
