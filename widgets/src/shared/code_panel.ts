/** The "Code" button: Python that reproduces the view, with a copy button. */

import { button, h, type Scope } from "./dom.js";

export interface CodePanel {
  toggle: HTMLButtonElement;
  panel: HTMLElement;
  update(code: string): void;
}

async function copy(text: string, fallback: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard permission (http, iframes): select the text, so that Ctrl+C does it.
    const selection = getSelection();
    selection?.selectAllChildren(fallback);
    return false;
  }
}

export function codePanel(scope: Scope): CodePanel {
  const toggle = button("Code", { "aria-expanded": "false", title: "Python that reproduces this view" });
  const code = h("code");
  const copyButton = button("Copy");
  const panel = h("div", { class: "inb-code", hidden: true }, h("pre", {}, code), copyButton);
  scope.listen(toggle, "click", () => {
    panel.hidden = !panel.hidden;
    toggle.setAttribute("aria-expanded", String(!panel.hidden));
  });
  scope.listen(copyButton, "click", async () => {
    const done = await copy(code.textContent ?? "", code);
    copyButton.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      copyButton.textContent = "Copy";
    }, 1500);
  });
  return {
    toggle,
    panel,
    update(text) {
      if (code.textContent !== text) code.textContent = text;
    },
  };
}
