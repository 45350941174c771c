/** Failures shown where they happen: a strip for the kernel's, a panel for ours. */

import { button, h, type Scope } from "./dom.js";

export const VERSION: string = typeof __INTERP_NB_VERSION__ === "string" ? __INTERP_NB_VERSION__ : "development";

export function errorText(error: unknown): string {
  if (error instanceof Error)
    return error.name && error.name !== "Error" ? `${error.name}: ${error.message}` : error.message;
  return String(error);
}

/** A panel that says which widget failed, in which version, and why. */
export function showError(el: HTMLElement, widget: string, error: unknown): HTMLElement {
  console.error(`[interp_nb ${VERSION}] ${widget}`, error);
  const panel = h(
    "div",
    { class: "inb-error", role: "alert" },
    h("strong", {}, `${widget} could not be drawn`),
    h("div", { class: "inb-error-text" }, errorText(error)),
    h("small", {}, `interp_nb ${VERSION} · see the browser console for details`),
  );
  el.prepend(panel);
  return panel;
}

/** The strip for the `error` trait; it can be put away and comes back with the next message. */
export class ErrorStrip {
  readonly node: HTMLElement;
  readonly #text = h("div", { class: "inb-error-text" });
  #dismissed = "";
  #message = "";

  constructor(widget: string, scope: Scope) {
    const close = button("×", { class: "inb-icon-button", "aria-label": "dismiss the error", title: "Dismiss" });
    const note = h("small", {}, `${widget} · interp_nb ${VERSION} · see the browser console`);
    this.node = h(
      "div",
      { class: "inb-error inb-error-strip", role: "alert", hidden: true },
      h("div", {}, this.#text, note),
      close,
    );
    scope.listen(close, "click", () => {
      this.#dismissed = this.#message;
      this.node.hidden = true;
    });
  }

  show(message: string): void {
    if (message && message !== this.#message) console.error(`[interp_nb ${VERSION}]`, message);
    if (!message) this.#dismissed = "";
    this.#message = message;
    this.#text.textContent = message;
    this.node.hidden = !message || message === this.#dismissed;
  }
}
