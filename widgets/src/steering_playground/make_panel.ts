/** "Make a vector": pairs of texts typed here become a vector with a slider of its own. */

import { button, div, h, type Scope, setAttrs, span } from "../shared/dom.js";
import { attempt } from "./attempt.js";
import type { PlayMeta } from "./data.js";

export interface MakeParams {
  pairs: string;
  method: string;
  name: string;
}

export interface MakePanel {
  toggle: HTMLButtonElement;
  node: HTMLElement;
  update(meta: PlayMeta, enabled: boolean): void;
}

/** `make` gives what the new vector is, in a line. */
export function makePanel(scope: Scope, make: (params: MakeParams, cancel: AbortSignal) => Promise<string>): MakePanel {
  const toggle = button("Make a vector", { "aria-expanded": "false" });
  const pairs = h("textarea", {
    rows: 4,
    spellcheck: "false",
    "aria-label": "pairs, one a line: positive | negative",
    placeholder: "I loved the visit | I hated the visit\nWhat a lovely day | What an awful day",
  });
  const method = h("select", { "aria-label": "method" });
  const name = h("input", {
    type: "text",
    "aria-label": "name",
    placeholder: "name",
    maxlength: 60,
    autocomplete: "off",
  });
  const go = button("Make it", { type: "submit", class: "inb-button inb-primary", title: "Ctrl+Enter" });
  const hint = h("p", { class: "inb-hint" });
  const making = attempt(scope, () => enable());
  const node = h(
    "form",
    { class: "inb-edit inb-make", hidden: true, novalidate: true, "aria-label": "make a vector" },
    span("inb-field-name", "Pairs, one a line: positive | negative"),
    pairs,
    div("inb-make-row", method, name, go, making.cancel),
    hint,
    making.problem,
    making.said,
  );
  let usable = true;

  const enable = (): void => {
    const busy = making.busy();
    for (const field of [pairs, method, name]) setAttrs(field, { disabled: !usable || busy });
    go.disabled = !usable || busy || !pairs.value.trim();
    go.textContent = busy ? "Making it …" : "Make it";
  };
  const submit = async (): Promise<void> => {
    if (go.disabled) return;
    const params = { pairs: pairs.value, method: method.value, name: name.value.trim() };
    await making.run(async (cancel) => {
      const text = await make(params, cancel);
      name.value = "";
      return text;
    }, "Cancelled: no vector was made.");
  };
  scope.listen(toggle, "click", () => {
    node.hidden = !node.hidden;
    toggle.setAttribute("aria-expanded", String(!node.hidden));
    if (!node.hidden) pairs.focus();
  });
  scope.listen(pairs, "input", enable);
  scope.listen(node, "submit", (event) => {
    event.preventDefault();
    return submit();
  });
  scope.listen<KeyboardEvent>(node, "keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    return submit();
  });

  return {
    toggle,
    node,
    update(meta, enabled) {
      usable = enabled;
      toggle.hidden = !enabled && node.hidden;
      const before = method.value;
      if (method.options.length !== meta.methods.length) {
        method.replaceChildren(
          ...meta.methods.map(({ name: value, label, hint: about }) => h("option", { value, title: about }, label)),
        );
        method.value = before || (meta.methods[0]?.name ?? "");
      }
      hint.textContent = meta.hints.pairs ?? "";
      hint.hidden = !meta.hints.pairs;
      enable();
    },
  };
}
