/** The likeliest next tokens without and with steering, after the prompt or after a token of a text. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import { changeKey, changeList, likely } from "../shared/changes.js";
import { button, div, guarded, h, Scope, span } from "../shared/dom.js";
import { percent, sig4 } from "../shared/format.js";
import { tokenNode } from "../shared/tokens.js";
import { RequestError } from "../shared/types.js";
import { essence, type NextToken, type PlayMeta, type Run, type Selected, type Settings } from "./data.js";

/** Sliders move faster than bars are wanted. */
const REST_MS = 150;
const TIMEOUT_MS = 120_000;
/** Divergences below this are rounding. */
const NOTHING = 1e-4;

export interface NextProps {
  meta: PlayMeta;
  settings: Settings;
  run: Run;
  selected: Selected;
}

export interface NextPanel {
  node: HTMLElement;
  update(props: NextProps): void;
  destroy(): void;
}

/** After how many tokens of which text; a text of another prompt does not follow this one. */
export function placeOf({ settings, run, selected }: NextProps): { side: 0 | 1; n: number } {
  const { side, token } = selected;
  const tokens = side === 1 ? run.steered?.tokens : run.baseline.tokens;
  const fits =
    side !== null && token !== null && token < (tokens?.length ?? 0) && run.settings?.prompt === settings.prompt;
  return fits && token > 0 ? { side, n: token } : { side: 0, n: 0 };
}

export function nextPanel(
  home: EventTarget,
  bridge: Bridge,
  events: { back(): void; say(text: string): void },
): NextPanel {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const where = span("inb-mark");
  const kl = span("inb-mark");
  const back = button("after the prompt again", { class: "inb-link", hidden: true });
  const note = h("p", { class: "inb-hint", role: "status", hidden: true });
  const content = div("inb-next-bars");
  const title = h("h5", {}, "Next token ", where, kl);
  const node = h(
    "section",
    { class: "inb-next", "aria-label": "next token" },
    div("inb-next-head", title, back),
    note,
    content,
  );
  let asked = "";
  let mine = false;
  scope.listen(back, "click", () => {
    mine = true;
    events.back();
  });

  /** Words in the bars' place. */
  const say = (text: string): void => {
    note.textContent = text;
    note.hidden = !text;
    if (!text) return;
    where.textContent = kl.textContent = "";
    content.replaceChildren();
  };

  function draw({ rows, kl: distance, n, side, context }: NextToken, { meta }: NextProps): void {
    title.title = meta.hints.bars ?? "";
    where.replaceChildren(
      ...(n
        ? [`after ${n} of the ${side ? "steered" : "baseline"} text: …`, tokenNode(context, 40)]
        : ["after the prompt"]),
    );
    kl.textContent = distance === null ? "" : ` · KL ${distance < NOTHING ? `below ${NOTHING}` : sig4(distance)} nats`;
    const shown = likely(rows);
    content.replaceChildren(changeKey("baseline", "steered", shown), changeList(shown));
    const likeliest = (name: "before" | "after") => [...rows].sort((a, b) => (b[name] ?? 0) - (a[name] ?? 0))[0];
    const [before, after] = [likeliest("before"), likeliest("after")];
    // Not while texts are written and sliders moved: only where somebody asked for this place.
    if (mine && before && after)
      events.say(
        `next token: ${before.token} ${percent(before.before ?? 0)} unsteered, ${after.token} ${percent(after.after ?? 0)} steered`,
      );
    mine = false;
  }

  async function ask(now: NextProps): Promise<void> {
    content.classList.add("inb-stale");
    try {
      const params = { settings: now.settings, ...placeOf(now) };
      const reply = await question.ask<NextToken>("next_token", params, asked === "" ? 0 : REST_MS, TIMEOUT_MS);
      if (!reply) return;
      say("");
      draw(reply.result, now);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.type === "CancelledError") return;
      say(error.message);
    }
    content.classList.remove("inb-stale");
  }

  return {
    node,
    update(next) {
      const { meta, settings, run, selected } = next;
      const place = placeOf(next);
      back.hidden = place.n === 0;
      if (!settings.prompt) {
        asked = "";
        question.stop();
        say("Type a prompt to see what comes next.");
        return;
      }
      // What is drawn at random, and how long it gets, does not move the distribution here; what comes before does.
      const still = essence({ ...settings, n_new: 0, seed: 0, temperature: 0 }, meta.operators);
      const text = place.side === 0 ? run.baseline : run.steered;
      const key = JSON.stringify([still, place.side, text?.tokens.slice(0, place.n)]);
      if (key === asked) return;
      mine ||= selected.token !== null;
      guarded(home, ask)(next);
      asked = key;
    },
    destroy() {
      question.stop();
      scope.dispose();
    },
  };
}
