/** What the model says next when the chosen latent is ablated, boosted or set. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import { changeKey, changeList, changes } from "../shared/changes.js";
import { button, div, guarded, h, Scope, setAttrs, span } from "../shared/dom.js";
import { percent, sig4 } from "../shared/format.js";
import { tokenNode } from "../shared/tokens.js";
import { RequestError } from "../shared/types.js";
import { titled } from "./bars.js";
import type { DashboardMeta, Effect } from "./data.js";

type Kind = "ablate" | "boost" | "set";
interface Range {
  label: string;
  unit: string;
  min: number;
  max: number;
  step: number;
  start: number;
  hint: string;
}
const KINDS: Record<Kind, Range | null> = {
  ablate: null,
  boost: { label: "Boost", unit: "×", min: 0, max: 20, step: 0.5, start: 4, hint: "Multiplied where it fires." },
  set: {
    label: "Set",
    unit: "× its max",
    min: 0,
    max: 5,
    step: 0.1,
    start: 1,
    hint: "The same value at every token, in units of its largest activation.",
  },
};
const ABLATE_HINT = "Zero at every token; the rest of the layer stays as it is.";
/** Divergences below this are rounding. */
const NOTHING = 1e-4;

export interface EffectProps {
  meta: DashboardMeta;
  prompt: string;
  latent: number;
  name: string;
}

export interface EffectPanel {
  node: HTMLElement;
  update(props: EffectProps): void;
  destroy(): void;
}

export function effectPanel(
  home: EventTarget,
  bridge: Bridge,
  events: { code(text: string): void; say(text: string): void },
): EffectPanel {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const kinds = (Object.keys(KINDS) as Kind[]).map((kind) =>
    button(KINDS[kind]?.label ?? "Ablate", { "data-kind": kind, title: KINDS[kind]?.hint ?? ABLATE_HINT }),
  );
  const slider = h("input", { type: "range", "aria-label": "strength" });
  const value = h("output", { class: "inb-strength" });
  const strength = h("span", { class: "inb-labelled" }, "strength", slider, value);
  const group = h("span", { class: "inb-group", role: "group", "aria-label": "what is done" }, ...kinds);
  const about = span("inb-hint");
  const note = h("p", { class: "inb-hint", role: "status" });
  const result = div("inb-effect-result");
  const node = div("inb-effect-panel", div("inb-toolbar", group, strength, about), note, result);
  let kind: Kind = "ablate";
  const strengths: Record<Kind, number | null> = {
    ablate: null,
    boost: KINDS.boost?.start ?? 1,
    set: KINDS.set?.start ?? 1,
  };
  let props: EffectProps | undefined;
  let asked = "";

  const controls = (): void => {
    const range = KINDS[kind];
    for (const each of kinds) setAttrs(each, { "aria-pressed": each.dataset.kind === kind ? "true" : "false" });
    strength.hidden = !range;
    about.textContent = range?.hint ?? ABLATE_HINT;
    if (!range) return;
    setAttrs(slider, { min: range.min, max: range.max, step: range.step });
    slider.value = String(strengths[kind]);
    value.textContent = `${slider.value} ${range.unit}`;
  };

  async function ask(now: EffectProps, delay: number): Promise<void> {
    const { latent, prompt } = now;
    node.classList.add("inb-stale");
    try {
      const params = { latent_idx: latent, prompt, kind, strength: strengths[kind], store: 0 };
      const reply = await question.ask<Effect>("effect", params, delay);
      if (!reply) return;
      node.classList.remove("inb-stale");
      draw(reply.result, now);
      events.code(reply.result.code);
    } catch (error) {
      node.classList.remove("inb-stale");
      if (!(error instanceof RequestError)) throw error;
      result.replaceChildren();
      note.textContent = error.message;
    }
  }

  function draw(effect: Effect, { meta, name }: EffectProps): void {
    const all = changes(effect);
    const silent = effect.kind !== "set" && !effect.acts.some((act) => act !== null && act > 0);
    note.textContent = [silent ? "It does not fire on this text, so nothing changes." : "", effect.note]
      .filter(Boolean)
      .join(" ");
    const line = (which: string, text: string) =>
      div("inb-continuation", h("h6", {}, which), h("p", {}, span("inb-mark", "… "), tokenNode(text.trimStart(), 400)));
    const kl = effect.kl === null ? "" : ` KL ${effect.kl < NOTHING ? `below ${NOTHING}` : sig4(effect.kl)} nats`;
    result.replaceChildren(
      h(
        "section",
        {},
        titled("Next token", meta.hints.effect ?? "", span("inb-mark", kl)),
        changeKey("before", name ? `after: ${name}` : "after", all),
        changeList(all),
      ),
      h(
        "section",
        {},
        titled("How it goes on", "The likeliest token each time."),
        line("before", effect.continuation_before),
        line("after", effect.continuation_after),
      ),
    );
    const [first] = effect.after;
    events.say(`after: ${first?.token ?? ""} ${first ? percent(first.prob) : ""}${kl}`);
  }

  const again = (delay = 0): void => {
    if (!props) return;
    controls();
    const key = JSON.stringify([props.prompt, props.latent, kind, strengths[kind]]);
    if (key === asked) return;
    asked = key;
    if (!props.prompt) {
      question.stop();
      node.classList.remove("inb-stale");
      result.replaceChildren();
      note.textContent = "Type a text to see what this latent does to what comes next.";
      return;
    }
    guarded(home, ask)(props, delay);
  };
  for (const each of kinds) {
    scope.listen(each, "click", () => {
      kind = each.dataset.kind as Kind;
      again();
    });
  }
  scope.listen(slider, "input", () => {
    strengths[kind] = Number(slider.value);
    again(200);
  });

  return {
    node,
    update(next) {
      const delay = props && props.prompt !== next.prompt ? 350 : 0;
      props = next;
      again(delay);
    },
    destroy() {
      question.stop();
      scope.dispose();
    },
  };
}
