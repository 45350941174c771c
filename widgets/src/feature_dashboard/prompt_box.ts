/** The text that latents are seen on and that their interventions change. */

import { button, div, h, type Scope } from "../shared/dom.js";
import type { Detail } from "./data.js";

export interface PromptBox {
  node: HTMLElement;
  update(prompt: string, enabled: boolean, hint: string): void;
}

/** The context of a latent's strongest firing as a text; tokens that were not counted are no part of it. */
export function strongestText(detail: Detail): string {
  const [first] = detail.examples;
  if (!first) return "";
  const counted = first.tokens.filter((_, i) => first.values[i] !== null && i <= first.at);
  return counted
    .map((token) => detail.strings[token] ?? "")
    .join("")
    .trimStart();
}

export function promptBox(scope: Scope, typed: (text: string) => void, example: () => string): PromptBox {
  const field = h("textarea", { rows: 1, "aria-label": "text", placeholder: "Type any text …", spellcheck: "false" });
  const use = button("Its strongest example", { title: "The text up to this latent's strongest firing" });
  const note = h("p", { class: "inb-hint" });
  const node = div("inb-prompt", div("inb-prompt-row", field, use), note);
  let sent = "";
  const send = (text: string): void => {
    sent = text;
    typed(text);
  };
  scope.listen(field, "input", () => send(field.value));
  scope.listen(use, "click", () => {
    field.value = example();
    send(field.value);
  });
  return {
    node,
    update(prompt, enabled, hint) {
      if (prompt !== sent) field.value = sent = prompt;
      field.disabled = !enabled;
      use.disabled = !enabled;
      note.textContent = hint;
      note.hidden = !hint;
    },
  };
}
