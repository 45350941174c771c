/** How latents are ranked on a text: by what, on which token, for which answer. */

import { button, div, h, type Scope, setAttrs } from "../shared/dom.js";
import { signed2 } from "../shared/format.js";
import { visible } from "../shared/tokens.js";
import type { DashboardMeta, OnText } from "./data.js";

const NEEDS_ANSWER = ["ablation", "direct"];
const RANKS: Record<string, string> = {
  max: "largest activation",
  mean: "mean activation",
  ablation: "effect of ablating it",
  direct: "direct effect",
};

export interface RankBar {
  node: HTMLElement;
  /** As the request has them. */
  choice(): { rank_by: string; answer: string; wrong: string };
  /** Whether it is by activation, which is known of every token that is shown. */
  activation(): boolean;
  /** Whether an answer has to be typed first. */
  lacksAnswer(): boolean;
  update(meta: DashboardMeta, pos: number | null): void;
}

/** What the answer is ahead by, and what that is made of. */
export function partsText({ metric, parts, answer, wrong }: OnText): string {
  if (metric === null || metric === undefined) return "";
  const made = Object.entries(parts ?? {}).filter(([, value]) => value !== null);
  const of = made.map(([name, value]) => `${name} ${signed2(value ?? 0)}`).join(", ");
  const over = wrong ? `“${visible(wrong)}”` : "the mean";
  return `Logit of “${visible(answer)}” over ${over}: ${signed2(metric)}${of ? ` (${of}).` : "."}`;
}

export function rankBar(scope: Scope, changed: (delay: number) => void, onWhole: () => void): RankBar {
  const rank = h("select", { "aria-label": "rank latents by" });
  const field = (name: string, hint: string) =>
    h("input", { type: "text", size: 9, "aria-label": name, placeholder: name, title: hint });
  const answer = field("answer", "A token that should come next, as “ Paris”; gives direct and ablation effects");
  const wrong = field("wrong answer", "What the answer is compared with; left out, all other tokens");
  const whole = button("the whole text");
  const answers = h("span", { class: "inb-labelled" }, "for the answer", answer, "over", wrong);
  const on = h("span", { class: "inb-labelled" }, "on", whole);
  const node = div("inb-toolbar", h("label", {}, "rank by", rank), on, answers);
  let filled: DashboardMeta | undefined;
  scope.listen(rank, "change", () => {
    if (lacksAnswer()) answer.focus();
    changed(0);
  });
  for (const input of [answer, wrong]) scope.listen(input, "input", () => changed(400));
  scope.listen(whole, "click", onWhole);
  const lacksAnswer = (): boolean => NEEDS_ANSWER.includes(rank.value) && answer.value === "";

  return {
    node,
    choice: () => ({ rank_by: rank.value, answer: answer.value, wrong: wrong.value }),
    activation: () => !NEEDS_ANSWER.includes(rank.value),
    lacksAnswer,
    update(meta, pos) {
      const answering = Boolean(meta.can.answer || meta.prompt.answer);
      if (filled !== meta) {
        const names = meta.rank_by.filter((name) => answering || !NEEDS_ANSWER.includes(name));
        const value = rank.value;
        rank.replaceChildren(...names.map((name) => h("option", { value: name }, RANKS[name] ?? name)));
        rank.value = names.includes(value) ? value : (names[0] ?? "max");
        if (!filled) {
          answer.value = meta.prompt.answer;
          wrong.value = meta.prompt.wrong;
        }
        filled = meta;
      }
      answers.hidden = !answering;
      whole.textContent = pos === null ? "the whole text" : `token ${pos} ×`;
      whole.title = pos === null ? "Click a token to rank on it alone" : "Rank on the whole text again";
      setAttrs(whole, { "aria-pressed": pos === null ? "true" : "false" });
    },
  };
}
