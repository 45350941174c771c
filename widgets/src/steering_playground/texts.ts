/** Baseline and steered text side by side, what their colors mean, and what is wrong with them. */

import { div, h, type Scope, span } from "../shared/dom.js";
import { rampKey } from "../shared/ramp_key.js";
import { diverging, type Theme } from "../shared/scale.js";
import { enterAt, roveTokens } from "../shared/token_run.js";
import { tokenNode } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { limitOf, moved, type PlayMeta, type Run, type Selected, type Side } from "./data.js";
import { streamText } from "./stream_text.js";
import { sideText, tokenFacts } from "./words.js";

export interface TextsProps {
  meta: PlayMeta;
  run: Run;
  selected: Selected;
  running: boolean;
  theme: Theme;
}

export interface Texts {
  node: HTMLElement;
  update(props: TextsProps): void;
}

const NAMES = ["Baseline", "Steered"] as const;
const EMPTY: Side = { tokens: [], log_probs_baseline: [], log_probs_steered: [], finished: "" };

function emptyText({ run, running }: TextsProps, side: 0 | 1): string {
  if (running) return "";
  if (run.run === 0) return side === 0 ? "Nothing written yet: press Generate." : "";
  return side === 1 && !run.steered ? "No slider acts, so there is nothing to compare." : "No token was written.";
}

export function textsView(scope: Scope, choose: (side: 0 | 1, token: number) => void): Texts {
  const warnings = h("div", { class: "inb-warning", role: "status", hidden: true });
  const sides = NAMES.map((name) => {
    const about = span("inb-mark");
    const text = streamText(name);
    return { about, text, node: h("section", { "aria-label": name }, h("h5", {}, `${name} `, about), text.node) };
  });
  const columns = div("inb-texts", ...sides.map(({ node }) => node));
  const key = div("inb-texts-key");
  const node = div("inb-texts-box", warnings, columns, key);
  let keyed = "";

  const tokenOf = (event: Event): void => {
    const at = (event.target as Element).closest<HTMLElement>("[data-at]")?.dataset.at;
    const side = sides.findIndex((each) => each.node.contains(event.target as Node));
    if (at !== undefined && side >= 0) choose(side as 0 | 1, Number(at));
  };
  scope.listen(columns, "click", tokenOf);
  scope.listen<KeyboardEvent>(columns, "keydown", (event) => {
    if (roveTokens(columns, event) || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    tokenOf(event);
  });

  return {
    node,
    update(props) {
      const { meta, run, selected, running, theme } = props;
      const scale = diverging(limitOf(run), theme);
      sides.forEach(({ about, text }, i) => {
        const side = (i === 0 ? run.baseline : run.steered) ?? EMPTY;
        const values = moved(side);
        about.textContent = sideText(side);
        text.update({
          prompt: run.settings?.prompt ?? "",
          tokens: side.tokens,
          values,
          scale,
          diverges: run.diverges_at,
          chosen: selected.side === i ? selected.token : null,
          writing: running && side.finished === "" && (i === 0 || run.steered !== null),
          empty: emptyText(props, i as 0 | 1),
          tip: (index) => [facts([["token", tokenNode(side.tokens[index] ?? "", 120)], ...tokenFacts(side, index)])],
        });
      });
      if (!columns.querySelector('[data-at][tabindex="0"]')) enterAt(columns);
      const beyond = [run.baseline, run.steered].some((side) =>
        moved(side ?? EMPTY).some((value) => value !== null && Math.abs(value) > scale.high),
      );
      const look = `${theme} ${scale.high} ${beyond}`;
      if (look !== keyed) {
        keyed = look;
        const differs = span("inb-mark inb-differs", "first token that differs");
        const unit = "nats by which steering moved the token’s log-probability";
        const more = beyond ? [span("inb-mark inb-clipped-key", "beyond")] : [];
        const ramp = rampKey(scale, unit, ...more, differs);
        ramp.title = meta.hints.tokens ?? "";
        key.replaceChildren(ramp);
      }
      key.hidden = !run.steered?.tokens.length;
      const said = run.warnings.join("\n");
      if (warnings.textContent !== run.warnings.join(""))
        warnings.replaceChildren(...run.warnings.map((text) => h("p", {}, text)));
      warnings.hidden = !said;
    },
  };
}
