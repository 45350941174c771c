/** The label of a latent: what it says, who said so, and a field to say it better. */

import { button, div, h, type Scope, span } from "../shared/dom.js";
import { percent } from "../shared/format.js";
import { visible } from "../shared/tokens.js";
import { RequestError } from "../shared/types.js";
import type { Detail, Label } from "./data.js";

export interface LabelRow {
  node: HTMLElement;
  update(detail: Detail, can: boolean, author: string, hint: string): void;
}

/** Who or what a label is by, when, and how good it is known to be. */
export function labelFacts({ human, author, method, time, reliable, score }: Label): string {
  const accuracy = score.balanced_accuracy;
  return [
    human ? author || "a person" : method,
    time.slice(0, 10),
    typeof accuracy === "number" ? `balanced accuracy ${percent(accuracy)}` : "",
    reliable === null ? "" : reliable ? "reliable" : "not reliable",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Whether two are one entry of the book; a verdict given later changes what is said of it, not what it is. */
function same(one: Label, other: Label): boolean {
  return (["text", "method", "author", "time"] as const).every((name) => one[name] === other[name]);
}

export function labelRow(
  scope: Scope,
  save: (latent: number, text: string, author: string) => Promise<void>,
): LabelRow {
  const text = span("inb-label-text");
  const by = span("inb-hint");
  const edit = button("Label it", { class: "inb-link" });
  const line = div("inb-label-line", text, by, edit);
  const field = h("input", {
    type: "text",
    "aria-label": "label",
    title: "Empty takes your own label back",
    placeholder: "What does it stand for?",
    maxlength: 500,
  });
  const author = h("input", { type: "text", "aria-label": "your name", placeholder: "your name", maxlength: 100 });
  const keep = button("Save", { type: "submit", class: "inb-button inb-primary" });
  const cancel = button("Cancel");
  const problem = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  const form = h(
    "form",
    { class: "inb-label-form", hidden: true, novalidate: true },
    field,
    author,
    keep,
    cancel,
    problem,
  );
  const older = h("details", { class: "inb-label-older", hidden: true }, h("summary", {}), h("ul"));
  const node = div("inb-label", line, form, older);
  let now: { detail: Detail; can: boolean } | undefined;

  const open = (on: boolean): void => {
    form.hidden = !on;
    line.hidden = on;
    problem.hidden = true;
    if (on) {
      field.value = now?.detail.label?.text ?? "";
      field.select();
    }
  };
  const close = (): void => {
    open(false);
    edit.focus();
  };
  scope.listen(edit, "click", () => open(true));
  scope.listen(cancel, "click", close);
  scope.listen<KeyboardEvent>(form, "keydown", (event) => {
    if (event.key === "Escape") close();
  });
  scope.listen(form, "submit", async (event) => {
    event.preventDefault();
    if (!now) return;
    keep.disabled = true;
    try {
      await save(now.detail.latent_idx, field.value.trim(), author.value.trim());
      close();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      keep.disabled = false;
    }
  });

  return {
    node,
    update(detail, can, name, hint) {
      if (now?.detail.latent_idx !== detail.latent_idx || now.detail.store !== detail.store) open(false);
      now = { detail, can };
      const { label, labels, concept } = detail;
      text.textContent = label ? visible(label.text) : concept || "no label yet";
      text.classList.toggle("inb-mark", !label);
      by.textContent = label ? labelFacts(label) : concept ? "ground truth" : "";
      edit.hidden = !can;
      edit.textContent = label ? "Edit" : "Label it";
      edit.title = hint;
      if (author !== author.ownerDocument.activeElement && !author.value) author.value = name;
      // The label that counts need not be the newest: a person's counts before a machine's.
      const current = label ? labels.findIndex((each) => same(each, label)) : -1;
      const earlier = labels.filter((_, i) => i !== current);
      older.hidden = !earlier.length;
      older.children[0]?.replaceChildren(`${earlier.length} earlier`);
      older.children[1]?.replaceChildren(
        ...earlier.map((each) => h("li", {}, span("", visible(each.text)), span("inb-mark", ` ${labelFacts(each)}`))),
      );
    },
  };
}
